//! What happens seldom: launches that were given up and run, that are not sent, or are refused; a store in doubt.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use chronos_core::{ClusterCall, Launch, TaskState};
use chronos_mesos::{Keeper, KeeperError, Mesos, MesosConfig, Standing};
use chronos_model::Timestamp;
use mesos_fake::{Fake, Fault, cluster::AgentSpec, script::Behaviour};
use mesos_v1::proto::{
    AgentId, TaskId, TaskState as Word, TaskStatus, TimeInfo,
    scheduler::{Event, call::Type, event},
    task_status::Source,
};
use serde_json::json;

use crate::kit::{Kit, Notebook, PATIENCE, id_of, plan, quick, task};

async fn with_config(change: impl FnOnce(&mut MesosConfig)) -> Kit {
    let mut fake = Fake::start(plan(quick(Behaviour::hangs()))).await.unwrap();
    fake.real_time();
    let mut config = MesosConfig::new(fake.address(0).to_string().parse().unwrap());
    change(&mut config);
    Kit::of(fake, config, Notebook::new(None)).await
}

fn now() -> Duration {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
}

// Says something of a task in the place of its agent.
fn say(kit: &Kit, status: TaskStatus) {
    let event = Event {
        r#type: Some(event::Type::Update.into()),
        update: Some(event::Update { status }),
        ..Event::default()
    };
    kit.fake.say(&kit.keeper.id().unwrap(), event);
}

fn word(kit: &Kit, task: &str, state: Word) -> TaskStatus {
    TaskStatus {
        task_id: TaskId { value: task.into() },
        state: state.into(),
        agent_id: Some(AgentId { value: kit.agent() }),
        ..TaskStatus::default()
    }
}

#[tokio::test]
async fn a_launch_that_was_given_up_and_runs_is_killed() {
    let mut kit = Kit::start(Behaviour::hangs()).await;
    let first = task(json!({}));
    let mut second = first.clone();
    second.launch = Launch(Some(Timestamp::from_millis(8)));
    let offer = kit.offer().await;
    // The first one gets no further than its start until then; nothing else waits for that.
    kit.fake.fault(Type::Acknowledge, 0, Fault::Hold);
    kit.launch_on(&offer, vec![first]).await;
    kit.settled("a held call", |kit| kit.count(Type::Acknowledge) == 1)
        .await;
    let offer = kit.offer().await;
    let second = kit.launch_on(&offer, vec![second]).await;
    kit.settled("a second launch", |kit| kit.launched().len() == 2)
        .await;
    kit.fake.release();
    kit.settled("an end of the first", |kit| {
        let left = kit.on_agents();
        left.len() == 1 && left[0].0 == id_of(&second)
    })
    .await;
    assert_eq!(kit.launched().len(), 2);
    // It is told which launch it is.
    let task = kit.launched().remove(1);
    let variables = task.command.unwrap().environment.unwrap().variables;
    let mut named = variables.iter().filter(|it| it.name == "mesos_task_id");
    assert_eq!(named.next().unwrap().value(), "ct:7:0:job:@8");
}

#[tokio::test]
async fn a_task_that_chronos_started_is_known_by_the_name_that_chronos_gave_it() {
    let mut kit = Kit::start(Behaviour::hangs()).await;
    kit.standing(|standing| *standing == Standing::Subscribed)
        .await;
    // Chronos wrote the arguments into the name.
    let name = "ct:7:0:old:-x 1";
    let of_executor = |state| TaskStatus {
        source: Some(Source::Executor.into()),
        uuid: Some(vec![7; 16]),
        ..word(&kit, name, state)
    };
    let (running, killed) = (
        of_executor(Word::TaskRunning),
        of_executor(Word::TaskKilled),
    );
    say(&kit, running);
    let key = kit.until(TaskState::Running).await.key;
    assert_eq!(key.to_string(), "ct:7:0:old:");
    let end = key.clone();
    kit.call(ClusterCall::Kill { key }).await;
    kit.settled("a kill", |kit| kit.count(Type::Kill) == 1)
        .await;
    say(&kit, killed);
    kit.until(TaskState::Killed).await;
    kit.call(ClusterCall::Acknowledge { key: end }).await;
    kit.settled("two acknowledgements", |kit| {
        kit.count(Type::Acknowledge) == 2
    })
    .await;
    let calls = kit.fake.calls().into_iter();
    let named = calls.filter_map(|seen| {
        let kill = seen.call.kill.map(|kill| kill.task_id.value);
        kill.or_else(|| Some(seen.call.acknowledge?.task_id.value))
    });
    assert_eq!(named.collect::<Vec<_>>(), [name; 3]);
}

#[tokio::test]
async fn a_launch_that_waited_when_the_stream_ended_is_not_sent() {
    let mut plan = plan(quick(Behaviour::hangs()));
    plan.agents.push(AgentSpec::plain(2));
    let mut kit = Kit::with(plan).await;
    let offers = [kit.offer().await, kit.offer().await];
    kit.fake.fault(Type::Accept, 0, Fault::Hold);
    kit.launch_on(&offers[0], vec![task(json!({"name": "held"}))])
        .await;
    kit.settled("a held call", |kit| kit.count(Type::Accept) == 1)
        .await;
    let waits = kit
        .launch_on(&offers[1], vec![task(json!({"name": "waits"}))])
        .await;
    // An order that is heard after the launch: calls come in their order.
    kit.call(ClusterCall::Want { offers: false }).await;
    kit.fake.end_streams();
    let dropped = loop {
        let update = kit.update().await;
        if update.key == waits.key {
            break update;
        }
    };
    assert_eq!(dropped.state, TaskState::Dropped);
    assert_eq!(dropped.message.as_deref(), Some("the launch was not sent"));
}

#[tokio::test]
async fn a_launch_that_the_master_refuses_as_a_whole_has_failed_and_says_why() {
    let mut kit = Kit::start(Behaviour::hangs()).await;
    let refusal = Fault::answer(415, "Expecting something else");
    kit.fake.fault(Type::Accept, 0, refusal);
    kit.launch(json!({})).await;
    let end = kit.end().await;
    assert_eq!(end.state, TaskState::Failed);
    let text = "the master refused the launch (415): Expecting something else";
    assert_eq!(end.message.as_deref(), Some(text));
}

#[tokio::test]
async fn a_run_begins_when_its_agent_first_says_so() {
    let mut kit = Kit::start(Behaviour::is_silent()).await;
    let id = id_of(&kit.launch(json!({})).await);
    kit.settled("a task", |kit| !kit.on_agents().is_empty())
        .await;
    let begun = now().as_secs_f64() - 100.0;
    for (state, after) in [
        (Word::TaskRunning, 0.0),
        (Word::TaskRunning, 50.0),
        (Word::TaskFinished, 90.0),
    ] {
        let status = TaskStatus {
            timestamp: Some(begun + after),
            source: Some(Source::Executor.into()),
            ..word(&kit, &id, state)
        };
        say(&kit, status);
    }
    let end = kit.end().await;
    let at = |seconds: f64| {
        let millis = Duration::from_secs_f64(seconds).as_millis();
        Timestamp::from_millis(i64::try_from(millis).unwrap())
    };
    assert_eq!(end.started_at, Some(at(begun)));
    assert_eq!(end.at, at(begun + 90.0));
}

#[tokio::test]
async fn a_clock_of_an_agent_that_is_days_ahead_is_not_believed() {
    let mut kit = Kit::start(Behaviour::is_silent()).await;
    let id = id_of(&kit.launch(json!({})).await);
    kit.settled("a task", |kit| !kit.on_agents().is_empty())
        .await;
    let ahead = now() + Duration::from_secs(3 * 24 * 3_600);
    let status = TaskStatus {
        timestamp: Some(ahead.as_secs_f64()),
        source: Some(Source::Executor.into()),
        ..word(&kit, &id, Word::TaskFinished)
    };
    say(&kit, status);
    let end = kit.end().await;
    let latest = i64::try_from((now() + PATIENCE).as_millis()).unwrap();
    assert!(end.at < Timestamp::from_millis(latest), "{}", end.at);
}

#[tokio::test]
async fn time_that_an_agent_was_away_already_counts() {
    let mut kit = with_config(|config| config.patience = 3 * PATIENCE).await;
    let id = id_of(&kit.launch(json!({})).await);
    kit.until(TaskState::Running).await;
    let since = now().saturating_sub(4 * PATIENCE);
    let status = TaskStatus {
        source: Some(Source::Master.into()),
        unreachable_time: Some(TimeInfo {
            nanoseconds: i64::try_from(since.as_nanos()).unwrap(),
        }),
        ..word(&kit, &id, Word::TaskUnreachable)
    };
    say(&kit, status);
    kit.until(TaskState::Lost).await;
}

#[tokio::test]
async fn offers_that_were_declined_are_asked_for_when_wanted_again() {
    let mut kit = with_config(|config| config.pace.revive = Duration::from_millis(10)).await;
    kit.settled("the first revival", |kit| kit.count(Type::Revive) == 1)
        .await;
    let offer = kit.offer().await.id;
    kit.call(ClusterCall::Decline { offer }).await;
    kit.settled("a decline", |kit| kit.count(Type::Decline) == 1)
        .await;
    kit.call(ClusterCall::Want { offers: true }).await;
    kit.settled("another one", |kit| kit.count(Type::Revive) == 2)
        .await;
    kit.offer().await;
}

/// A store that says twice of everything that it does not know.
#[derive(Debug)]
struct Doubtful {
    notebook: Arc<Notebook>,
    asked: AtomicU32,
    stored: AtomicU32,
}

impl Doubtful {
    fn doubt(counter: &AtomicU32) -> Result<(), KeeperError> {
        if counter.fetch_add(1, Ordering::Relaxed) < 2 {
            return Err(KeeperError::Unknown("no answer".to_owned()));
        }
        Ok(())
    }
}

#[async_trait]
impl Keeper for Doubtful {
    async fn lead(&self) -> Option<String> {
        self.notebook.lead().await
    }

    async fn deposed(&self) {
        self.notebook.deposed().await;
    }

    async fn still_leads(&self) -> Result<(), KeeperError> {
        Self::doubt(&self.asked)
    }

    async fn store_framework(&self, id: Option<String>) -> Result<(), KeeperError> {
        Self::doubt(&self.stored)?;
        self.notebook.store_framework(id).await
    }
}

#[tokio::test]
async fn a_store_in_doubt_is_asked_again() {
    let mut fake = Fake::start(plan(quick(Behaviour::hangs()))).await.unwrap();
    fake.real_time();
    let config = MesosConfig::new(fake.address(0).to_string().parse().unwrap());
    let keeper = Arc::new(Doubtful {
        notebook: Notebook::new(None),
        asked: AtomicU32::new(0),
        stored: AtomicU32::new(0),
    });
    let cluster = Mesos::start(config, Arc::clone(&keeper) as Arc<dyn Keeper>).unwrap();
    let mut status = cluster.status.clone();
    let subscribed = status.wait_for(|status| status.standing == Standing::Subscribed);
    tokio::time::timeout(PATIENCE, subscribed)
        .await
        .expect("it subscribes")
        .unwrap();
    // Asked before the subscription; stored before it counts.
    assert_eq!(keeper.asked.load(Ordering::Relaxed), 3);
    assert_eq!(keeper.stored.load(Ordering::Relaxed), 3);
    assert!(keeper.notebook.id().is_some());
    let calls = fake.calls();
    let subscriptions = calls.iter().filter(|seen| seen.kind == Type::Subscribe);
    assert_eq!(subscriptions.count(), 1);
}

#[tokio::test]
async fn what_ran_in_an_earlier_term_is_not_asked_about_unless_the_scheduler_does() {
    let mut kit = Kit::start(Behaviour::hangs()).await;
    kit.launch(json!({})).await;
    kit.until(TaskState::Running).await;
    kit.keeper.leads.send_replace(false);
    kit.fake.end_streams();
    kit.standing(|standing| *standing == Standing::Idle).await;
    let before = kit.fake.calls().len();
    kit.keeper.leads.send_replace(true);
    kit.standing(|standing| *standing == Standing::Subscribed)
        .await;
    // Another daemon may have got its end meanwhile. The master is asked about all that it knows, and no more.
    let questions = |kit: &Kit| -> Vec<usize> {
        let calls = kit.fake.calls().into_iter().skip(before);
        let questions = calls.filter_map(|seen| seen.call.reconcile);
        questions.map(|question| question.tasks.len()).collect()
    };
    kit.settled("a question", |kit| questions(kit).contains(&0))
        .await;
    assert_eq!(questions(&kit), [0]);
}
