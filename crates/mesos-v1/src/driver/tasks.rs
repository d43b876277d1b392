//! The tasks that are of interest: who is to be asked about, who is to end.
//!
//! A master answers no question for certain, has no mark for the last answer, and forgets kills. So questions and kills
//! are states here, repeated until an update answers them.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{
    config::{
        KILL_FIRST, KILL_MAX, LAUNCH_SILENCE, RECONCILE_BATCH_MAX, RECONCILE_FIRST, RECONCILE_MAX,
    },
    jitter::{Jitter, doubled},
};
use crate::{
    Mono,
    event::{is_terminal, task_state, wants_acknowledgement},
    proto::{AgentId, KillPolicy, TaskId, TaskState, TaskStatus},
};

/// A question or an order for the master.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Ask {
    /// Where these stand; all that the master knows, when there are none.
    About(Vec<(TaskId, Option<AgentId>)>),
    /// This one is to end.
    Kill(TaskId, Option<KillPolicy>),
}

/// The tasks that are of interest.
#[derive(Clone, Debug, Default)]
pub(super) struct Tasks {
    known: BTreeMap<String, Task>,
    /// When what is next about a task: its kill, or its silence.
    alarms: BTreeSet<(Mono, String)>,
    /// Asked about, and not answered yet.
    asking: BTreeSet<String>,
    /// Of these: to be asked about right now.
    fresh: BTreeSet<String>,
    /// To ask right now what the master knows beside ours.
    ask_all: bool,
    /// When those in `asking` are asked about again, and how often they were.
    ask_at: Option<Mono>,
    asked: u32,
    /// When all are asked about again; none before the first subscription.
    round_at: Option<Mono>,
    /// A round began, and nobody was told that it ended.
    round_open: bool,
    /// How often all are asked about.
    period: Duration,
}

#[derive(Clone, Debug, Default)]
struct Task {
    agent: Option<AgentId>,
    /// An update with a uuid came: an agent has, or had, the task.
    heard: bool,
    /// The last news was that nobody can reach it.
    away: bool,
    kill: Option<Kill>,
    alarm: Option<Mono>,
}

#[derive(Clone, Debug)]
struct Kill {
    policy: Option<KillPolicy>,
    sent: u32,
}

impl Tasks {
    /// None yet; all will be asked about this often.
    pub(super) fn new(period: Duration) -> Self {
        Self {
            period,
            ..Self::default()
        }
    }

    /// Takes up a task of an earlier life.
    pub(super) fn watch(&mut self, task: &TaskId, agent: Option<AgentId>) {
        self.take_up(task, agent);
        self.ask(task.value.clone());
    }

    /// Takes up a task that the master got just now.
    pub(super) fn launched(&mut self, task: &TaskId, agent: AgentId, now: Mono) {
        let known = self.take_up(task, Some(agent));
        if known.kill.is_none() {
            self.set_alarm(&task.value, Some(now.after(LAUNCH_SILENCE)));
        }
    }

    fn take_up(&mut self, task: &TaskId, agent: Option<AgentId>) -> &mut Task {
        let known = self.known.entry(task.value.clone()).or_default();
        if agent.is_some() {
            known.agent = agent;
        }
        known
    }

    /// Drops a task.
    pub(super) fn unwatch(&mut self, task: &TaskId) {
        self.set_alarm(&task.value, None);
        self.known.remove(&task.value);
        self.asking.remove(&task.value);
        self.fresh.remove(&task.value);
    }

    /// Wants a task to end, from now on. Said once more, it changes nothing: the kill is repeated anyway, less and less
    /// often.
    pub(super) fn kill(&mut self, task: &TaskId, policy: Option<KillPolicy>, now: Mono) {
        let known = self.known.entry(task.value.clone()).or_default();
        if known
            .kill
            .as_ref()
            .is_some_and(|kill| kill.policy == policy)
        {
            return;
        }
        known.kill = Some(Kill { policy, sent: 0 });
        self.set_alarm(&task.value, Some(now));
    }

    /// Takes in news; returns whether they are to be doubted.
    pub(super) fn news(&mut self, status: &TaskStatus, now: Mono) -> bool {
        let id = &status.task_id.value;
        self.asking.remove(id);
        self.fresh.remove(id);
        let Some(task) = self.known.get_mut(id) else {
            return false;
        };
        if status.agent_id.is_some() {
            task.agent.clone_from(&status.agent_id);
        }
        task.heard |= wants_acknowledgement(status);
        let doubtful = task.heard && never_started(status);
        let was_away = std::mem::replace(&mut task.away, is_away(status));
        let back = was_away && !task.away && !has_ended(status);
        match &task.kill {
            // It was not reached by the kills so far.
            Some(_) if back => self.set_alarm(id, Some(now)),
            Some(_) => {}
            // The silence after the launch is over.
            None => self.set_alarm(id, None),
        }
        doubtful
    }

    /// There is a new subscription: all launches up to here are decided, so ask about all. What was asked before is void.
    pub(super) fn subscribed(&mut self, now: Mono, jitter: &mut Jitter) {
        self.round(now, jitter);
        let ids: Vec<String> = self.known.keys().cloned().collect();
        for id in ids {
            let kills = self.known.get(&id).is_some_and(|task| task.kill.is_some());
            self.set_alarm(&id, kills.then_some(now));
        }
    }

    /// Asks about all.
    pub(super) fn round(&mut self, now: Mono, jitter: &mut Jitter) {
        self.asking = self.known.keys().cloned().collect();
        self.fresh = self.asking.clone();
        self.ask_all = true;
        self.asked = 0;
        self.ask_at = Some(now.after(RECONCILE_FIRST));
        self.round_at = Some(now.after(jitter.about(self.period)));
        self.round_open = true;
    }

    /// Something was said that nobody understood. Asks about all, unless that is being done: one that says nothing else
    /// is not to be asked each time.
    pub(super) fn doubt(&mut self, now: Mono, jitter: &mut Jitter) {
        if self.asking.is_empty() {
            self.round(now, jitter);
        }
    }

    /// Asks about those on an agent.
    pub(super) fn ask_agent(&mut self, agent: &AgentId) {
        let there: Vec<String> = self
            .known
            .iter()
            .filter(|(_id, task)| task.agent.as_ref() == Some(agent))
            .map(|(id, _task)| id.clone())
            .collect();
        for id in there {
            self.ask(id);
        }
    }

    /// Asks about one.
    pub(super) fn ask(&mut self, id: String) {
        self.fresh.insert(id.clone());
        self.asking.insert(id);
        self.round_open = true;
    }

    /// Returns what is to be said to the master now.
    pub(super) fn due(&mut self, now: Mono, jitter: &mut Jitter) -> Vec<Ask> {
        let mut asks = Vec::new();
        if self.round_at.is_some_and(|at| at <= now) {
            self.round(now, jitter);
        }
        self.ring(now, &mut asks);
        if self.ask_at.is_some_and(|at| at <= now) {
            self.asked = self.asked.saturating_add(1);
            self.fresh.extend(self.asking.iter().cloned());
            self.ask_at = None;
        }
        if !self.asking.is_empty() && self.ask_at.is_none() {
            self.ask_at = Some(now.after(doubled(RECONCILE_FIRST, self.asked, RECONCILE_MAX)));
        }
        let fresh: Vec<_> = std::mem::take(&mut self.fresh)
            .into_iter()
            .map(|id| {
                let agent = self.known.get(&id).and_then(|task| task.agent.clone());
                (TaskId { value: id }, agent)
            })
            .collect();
        asks.extend(
            fresh
                .chunks(RECONCILE_BATCH_MAX)
                .map(|batch| Ask::About(batch.to_vec())),
        );
        if std::mem::take(&mut self.ask_all) {
            asks.push(Ask::About(Vec::new()));
        }
        asks
    }

    // What the alarms that are due ask for.
    fn ring(&mut self, now: Mono, asks: &mut Vec<Ask>) {
        while let Some((at, id)) = self.alarms.first().cloned() {
            if at > now {
                break;
            }
            self.set_alarm(&id, None);
            let Some(task) = self.known.get_mut(&id) else {
                continue;
            };
            let Some(kill) = &mut task.kill else {
                self.ask(id);
                continue;
            };
            let again = now.after(doubled(KILL_FIRST, kill.sent, KILL_MAX));
            kill.sent = kill.sent.saturating_add(1);
            asks.push(Ask::Kill(TaskId { value: id.clone() }, kill.policy));
            self.set_alarm(&id, Some(again));
        }
    }

    /// Returns, once, that all questions are answered.
    pub(super) fn take_answered(&mut self) -> bool {
        let answered = self.round_open && self.asking.is_empty();
        if answered {
            self.round_open = false;
            self.ask_at = None;
        }
        answered
    }

    /// When something is due next.
    pub(super) fn deadline(&self) -> Option<Mono> {
        let alarm = self.alarms.first().map(|(at, _id)| *at);
        [alarm, self.ask_at, self.round_at]
            .into_iter()
            .flatten()
            .min()
    }

    fn set_alarm(&mut self, id: &str, at: Option<Mono>) {
        let Some(task) = self.known.get_mut(id) else {
            return;
        };
        if let Some(old) = task.alarm.take() {
            self.alarms.remove(&(old, id.to_owned()));
        }
        if let Some(at) = at {
            task.alarm = Some(at);
            self.alarms.insert((at, id.to_owned()));
        }
    }
}

/// Whether no task comes back from this state. A lost one may, and one that is gone, rarely, too.
pub(super) fn has_ended(status: &TaskStatus) -> bool {
    task_state(status).is_ok_and(|state| {
        is_terminal(state) && !matches!(state, TaskState::TaskLost | TaskState::TaskGone)
    })
}

// The master's word for a launch that came to nothing. When the same launch reached it twice, it says so about the second,
// under the id of a task that runs.
fn never_started(status: &TaskStatus) -> bool {
    use crate::proto::task_status::Reason;

    if wants_acknowledgement(status) {
        return false;
    }
    match task_state(status) {
        Ok(TaskState::TaskError | TaskState::TaskDropped) => true,
        Ok(TaskState::TaskLost) => status.reason == Some(Reason::InvalidOffers.into()),
        Ok(_) | Err(_) => false,
    }
}

fn is_away(status: &TaskStatus) -> bool {
    matches!(
        task_state(status),
        Ok(TaskState::TaskUnreachable | TaskState::TaskLost | TaskState::TaskUnknown)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::config::RECONCILE_PERIOD;

    #[test]
    fn asks_until_it_is_answered() {
        let mut jitter = Jitter::new(1);
        let mut tasks = Tasks::new(RECONCILE_PERIOD);
        tasks.watch(&task("a"), None);
        tasks.watch(&task("b"), Some(agent("S")));
        tasks.subscribed(Mono(0), &mut jitter);
        let all = [
            about(&[("a", None), ("b", Some("S"))]),
            Ask::About(Vec::new()),
        ];
        assert_eq!(tasks.due(Mono(0), &mut jitter), all);
        assert!(!tasks.take_answered());
        tasks.news(&status("a", TaskState::TaskRunning), Mono(1));
        // 5, 10, 20, 40, 60, 60 s later.
        for at in [5, 15, 35, 75, 135, 195] {
            let at = Mono(at * 1_000);
            assert_eq!(tasks.deadline(), Some(at));
            assert_eq!(
                tasks.due(Mono(at.0 - 1), &mut jitter),
                [],
                "not before its time"
            );
            assert_eq!(tasks.due(at, &mut jitter), [about(&[("b", Some("S"))])]);
        }
        tasks.news(&status("b", TaskState::TaskUnknown), Mono(200_000));
        assert!(tasks.take_answered());
        assert!(!tasks.take_answered(), "once");
        let next = tasks.deadline().expect("the next round");
        let period = RECONCILE_PERIOD;
        assert!(next >= Mono(0).after(period * 9 / 10) && next <= Mono(0).after(period * 11 / 10));
        assert_eq!(
            tasks.due(next, &mut jitter),
            all.map(|ask| match ask {
                Ask::About(tasks) => Ask::About(tasks),
                kill @ Ask::Kill(..) => kill,
            })
        );
    }

    #[test]
    fn questions_come_in_batches() {
        let mut jitter = Jitter::new(1);
        let mut tasks = Tasks::new(RECONCILE_PERIOD);
        for number in 0..=RECONCILE_BATCH_MAX * 2 {
            tasks.watch(&task(&number.to_string()), None);
        }
        let sizes: Vec<_> = tasks
            .due(Mono(0), &mut jitter)
            .iter()
            .map(|ask| match ask {
                Ask::About(tasks) => tasks.len(),
                Ask::Kill(..) => 0,
            })
            .collect();
        assert_eq!(sizes, [RECONCILE_BATCH_MAX, RECONCILE_BATCH_MAX, 1]);
    }

    #[test]
    fn a_silent_launch_is_asked_about() {
        let mut jitter = Jitter::new(1);
        let mut tasks = Tasks::new(RECONCILE_PERIOD);
        tasks.launched(&task("a"), agent("S"), Mono(0));
        tasks.launched(&task("b"), agent("S"), Mono(0));
        tasks.news(&status("b", TaskState::TaskStarting), Mono(1));
        let at = Mono(0).after(LAUNCH_SILENCE);
        assert_eq!(tasks.deadline(), Some(at));
        assert_eq!(tasks.due(at, &mut jitter), [about(&[("a", Some("S"))])]);
    }

    #[test]
    fn kills_until_it_ends() {
        let mut jitter = Jitter::new(1);
        let mut tasks = Tasks::new(RECONCILE_PERIOD);
        tasks.kill(&task("a"), None, Mono(0));
        let kill = [Ask::Kill(task("a"), None)];
        for at in [0, 10, 30, 70, 150, 310, 610, 910] {
            let at = Mono(at * 1_000);
            assert_eq!(tasks.deadline(), Some(at));
            assert_eq!(tasks.due(at, &mut jitter), kill);
            tasks.kill(&task("a"), None, at);
        }
        // Another way to end it is another wish.
        let policy = Some(KillPolicy::default());
        tasks.kill(&task("a"), policy, Mono(995_000));
        let other = [Ask::Kill(task("a"), policy)];
        assert_eq!(tasks.due(Mono(995_000), &mut jitter), other);
        tasks.kill(&task("a"), None, Mono(995_001));
        assert_eq!(tasks.due(Mono(995_001), &mut jitter), kill);
        // It comes back: the kills did not reach it.
        let now = Mono(1_000_000);
        tasks.news(&status("a", TaskState::TaskUnreachable), now);
        assert_eq!(tasks.due(now, &mut jitter), []);
        tasks.news(&status("a", TaskState::TaskRunning), now);
        assert_eq!(tasks.due(now, &mut jitter), kill);
        // With its end it does not come back.
        tasks.news(&status("a", TaskState::TaskUnreachable), now);
        tasks.news(&status("a", TaskState::TaskKilled), now);
        assert_eq!(tasks.due(now, &mut jitter), []);
        tasks.unwatch(&task("a"));
        assert_eq!(tasks.deadline(), None);
        assert_eq!(
            tasks.due(now.after(Duration::from_secs(9_999)), &mut jitter),
            []
        );
    }

    #[test]
    fn who_answers_in_riddles_is_not_asked_again_at_once() {
        let mut jitter = Jitter::new(1);
        let mut tasks = Tasks::new(RECONCILE_PERIOD);
        tasks.launched(&task("a"), agent("S"), Mono(0));
        tasks.doubt(Mono(0), &mut jitter);
        let all = [about(&[("a", Some("S"))]), Ask::About(Vec::new())];
        assert_eq!(tasks.due(Mono(0), &mut jitter), all);
        tasks.doubt(Mono(1), &mut jitter);
        assert_eq!(tasks.due(Mono(1), &mut jitter), []);
        let again = Mono(0).after(RECONCILE_FIRST);
        assert_eq!(tasks.due(again, &mut jitter), all[..1]);
    }

    #[test]
    fn an_agent_that_failed_is_asked_about() {
        let mut jitter = Jitter::new(1);
        let mut tasks = Tasks::new(RECONCILE_PERIOD);
        tasks.launched(&task("a"), agent("S"), Mono(0));
        tasks.launched(&task("b"), agent("T"), Mono(0));
        tasks.ask_agent(&agent("T"));
        assert_eq!(
            tasks.due(Mono(1), &mut jitter),
            [about(&[("b", Some("T"))])]
        );
    }

    #[test]
    fn doubts_that_a_running_task_never_started() {
        use crate::proto::task_status::Reason;

        let mut tasks = Tasks::new(RECONCILE_PERIOD);
        tasks.launched(&task("a"), agent("S"), Mono(0));
        let error = status("a", TaskState::TaskError);
        assert!(!tasks.news(&error, Mono(1)), "nobody was heard of yet");
        let mut running = status("a", TaskState::TaskRunning);
        running.uuid = Some(vec![1; 16]);
        assert!(!tasks.news(&running, Mono(2)));
        assert!(tasks.news(&error, Mono(3)));
        assert!(tasks.news(&status("a", TaskState::TaskDropped), Mono(3)));
        let mut lost = status("a", TaskState::TaskLost);
        assert!(!tasks.news(&lost, Mono(4)), "its agent may be gone");
        lost.reason = Some(Reason::InvalidOffers.into());
        assert!(tasks.news(&lost, Mono(5)));
    }

    fn about(tasks: &[(&str, Option<&str>)]) -> Ask {
        let one = |(id, on): &(&str, Option<&str>)| (task(id), on.map(agent));
        Ask::About(tasks.iter().map(one).collect())
    }

    fn status(id: &str, state: TaskState) -> TaskStatus {
        TaskStatus {
            task_id: task(id),
            state: state.into(),
            ..TaskStatus::default()
        }
    }

    fn task(id: &str) -> TaskId {
        TaskId { value: id.into() }
    }

    fn agent(id: &str) -> AgentId {
        AgentId { value: id.into() }
    }
}
