//! Tasks from launch to end.

use std::{fs, sync::Arc, time::Duration};

use chronos_core::{
    ClusterCall, Launch, OfferConstraint, OfferId, Predicate, Selector, Task, TaskState,
};
use chronos_mesos::MesosConfig;
use chronos_model::{Run, RunCause, RunState, Timestamp};
use mesos_fake::{
    Fake, Fault,
    cluster::AgentSpec,
    script::{Behaviour, Step},
};
use mesos_v1::proto::{self, scheduler::call::Type, task_status::Reason};
use serde_json::json;

use crate::kit::{Kit, Notebook, id_of, no_offer, plan, quick, task};

#[tokio::test]
async fn a_process_is_started_once_and_its_end_is_told_until_it_is_on_record() {
    let mut kit = Kit::start(Behaviour::Process).await;
    let traces = tempfile::NamedTempFile::new().unwrap();
    let command = format!(
        "echo started >> {}; echo $mesos_task_id",
        traces.path().display()
    );
    let launched = kit.launch(json!({ "command": command })).await;
    let running = kit.until(TaskState::Running).await;
    assert_eq!(
        (&running.key, running.launch),
        (&launched.key, Some(launched.launch))
    );
    assert_eq!(running.agent.to_string(), kit.agent());
    let end = kit.until(TaskState::Finished).await;
    assert_eq!((end.exit_code, end.message), (Some(0), None));
    assert!(end.started_at.is_some());
    kit.settled("STARTING and RUNNING", |kit| {
        kit.count(Type::Acknowledge) == 2
    })
    .await;
    // The scheduler has not said that the end is on record, so the agent keeps it.
    assert_eq!(kit.on_agents().len(), 1);
    let key = launched.key.clone();
    kit.call(ClusterCall::Acknowledge { key }).await;
    kit.settled("an acknowledged end", |kit| kit.on_agents().is_empty())
        .await;
    assert_eq!(fs::read_to_string(traces.path()).unwrap(), "started\n");

    let run = run_of(&launched, RunState::Ended);
    let log = kit
        .cluster
        .logs
        .read(&run, false, "stdout", 0, 1000)
        .await
        .unwrap();
    assert_eq!(log.bytes, format!("{}\n", id_of(&launched)));
    assert_eq!((log.size, log.running), (log.bytes.len() as u64, false));
    let log = kit
        .cluster
        .logs
        .read(&run, false, "stdout", 3, 4)
        .await
        .unwrap();
    assert_eq!(log.bytes.len(), 4);
    let missing = kit.cluster.logs.read(&run, false, "nothing", 0, 4).await;
    assert_eq!(
        missing.unwrap_err().to_string(),
        "the agent has no such file (any more)"
    );
}

#[tokio::test]
async fn logs_of_an_agent_that_made_no_offer_yet_are_found_by_the_master() {
    let mut kit = Kit::start(Behaviour::Process).await;
    let launched = kit
        .launch(json!({ "command": "echo out; sleep 600" }))
        .await;
    kit.until(TaskState::Running).await;
    let fake = kit.stop().await;
    let id = fake.cluster(|cluster| cluster.frameworks()).remove(0).0;
    let masters = fake.address(0).to_string().parse().unwrap();
    let config = MesosConfig::new(masters);
    let mut kit = Kit::idle(fake, config, Notebook::new(Some(&id)));
    kit.standing(|standing| *standing == chronos_mesos::Standing::Subscribed)
        .await;
    let run = run_of(&launched, RunState::Running);
    let log = loop {
        let log = kit
            .cluster
            .logs
            .read(&run, false, "stdout", 0, 1000)
            .await
            .unwrap();
        if !log.bytes.is_empty() {
            break log;
        }
    };
    assert_eq!((log.bytes.as_ref(), log.running), (&b"out\n"[..], true));
}

pub(crate) fn run_of(launched: &chronos_core::Launched, state: RunState) -> Run {
    Run {
        key: launched.key.clone(),
        target: launched.key.due,
        cause: RunCause::Schedule,
        arguments: None,
        state,
        not_before: launched.launch.0,
        outcome: None,
        reason: None,
        exit_code: None,
        agent: launched.agent.as_ref().map(|agent| Arc::clone(&agent.0)),
        created_at: launched.key.due,
        started_at: None,
        ended_at: None,
        kill_requested: false,
        parents: None,
        covers: None,
    }
}

#[tokio::test]
async fn a_kill_ends_a_task_with_grace() {
    for behaviour in [Behaviour::hangs(), Behaviour::ignores_sigterm()] {
        let mut kit = Kit::start(behaviour).await;
        let launched = kit.launch(json!({})).await;
        kit.until(TaskState::Running).await;
        let key = launched.key.clone();
        kit.call(ClusterCall::Kill { key }).await;
        assert_eq!(kit.end().await.state, TaskState::Killed);
        kit.settled("an acknowledged end", |kit| kit.on_agents().is_empty())
            .await;
    }
}

/// How failures look in Mesos, and what the run says of them: state, message, exit code. Each kind of row of the table
/// "How failures look" is here once.
const FAILURES: [Failure; 18] = [
    Failure::new(None, "Command exited with status 3", TaskState::Failed).exits(3),
    Failure::new(None, "Container exited with status 137", TaskState::Failed).exits(137),
    Failure::new(None, "Command terminated with signal Killed", TaskState::Failed),
    Failure::new(None, "Command exited with status 127", TaskState::Failed).exits(127),
    Failure::new(None, "Command exited with status 126", TaskState::Failed).exits(126),
    Failure::new(
        Some(Reason::ContainerLaunchFailed),
        "Failed to launch container: no user 'nobody-there'",
        TaskState::Failed,
    )
    .because("infrastructure: container launch failed"),
    Failure::new(Some(Reason::ExecutorTerminated), "Executor terminated", TaskState::Failed)
        .because("infrastructure: executor terminated"),
    Failure::new(
        Some(Reason::AgentDraining),
        "Command terminated with signal Terminated",
        TaskState::Killed,
    )
    .because("infrastructure: agent draining"),
    Failure::new(Some(Reason::TaskKilledDuringLaunch), "killed before it was launched", TaskState::Killed)
        .because("task killed during launch"),
    Failure::new(
        Some(Reason::ContainerLaunchFailed),
        "Failed to launch container: Failed to fetch all URIs for container 'c': exited with status 1",
        TaskState::Failed,
    )
    .because("infrastructure: container launch failed"),
    Failure::new(
        Some(Reason::ContainerLaunchFailed),
        "Failed to launch container: Failed to run 'docker -H unix:///var/run/docker.sock pull img': exited with \
         status 1; stderr='no'",
        TaskState::Failed,
    )
    .because("infrastructure: container launch failed"),
    Failure::new(
        Some(Reason::ExecutorRegistrationTimeout),
        "Executor did not register within 1mins",
        TaskState::Failed,
    )
    .because("infrastructure: executor registration timeout"),
    Failure::new(
        Some(Reason::ExecutorTerminated),
        "Abnormal executor termination: unknown container",
        TaskState::Failed,
    )
    .because("infrastructure: executor terminated"),
    Failure::new(
        Some(Reason::ContainerLimitationMemory),
        "Memory limit exceeded: Requested: 32MB Maximum Used: 33MB",
        TaskState::Failed,
    )
    .because("infrastructure: container limitation memory"),
    Failure::new(
        Some(Reason::ContainerLimitationDisk),
        "Disk usage (20MB) exceeds quota (10MB)",
        TaskState::Failed,
    )
    .because("infrastructure: container limitation disk"),
    Failure::new(
        Some(Reason::MaxCompletionTimeReached),
        "Command terminated with signal Terminated",
        TaskState::Failed,
    )
    .because("max completion time reached"),
    Failure::new(None, "Command terminated with signal Terminated", TaskState::Killed),
    // Mesos killed it because of its health check: nobody had asked.
    Failure::new(None, "Command terminated with signal Killed", TaskState::Killed).unhealthy(),
];

struct Failure {
    reason: Option<Reason>,
    text: &'static str,
    /// Whose fault it is, and how the reason is called; none when it is the command's.
    because: Option<&'static str>,
    state: TaskState,
    exit_code: Option<i32>,
    healthy: Option<bool>,
}

impl Failure {
    const fn new(reason: Option<Reason>, text: &'static str, state: TaskState) -> Self {
        Self {
            reason,
            text,
            because: None,
            state,
            exit_code: None,
            healthy: None,
        }
    }

    const fn exits(self, code: i32) -> Self {
        Self {
            exit_code: Some(code),
            ..self
        }
    }

    const fn because(self, name: &'static str) -> Self {
        Self {
            because: Some(name),
            ..self
        }
    }

    const fn unhealthy(self) -> Self {
        Self {
            healthy: Some(false),
            ..self
        }
    }

    fn behaviour(&self) -> Behaviour {
        let state = if self.state == TaskState::Killed {
            proto::TaskState::TaskKilled
        } else {
            proto::TaskState::TaskFailed
        };
        Behaviour::Steps(vec![Step {
            reason: self.reason,
            healthy: self.healthy,
            ..Step::new(Duration::ZERO, state).saying(self.text)
        }])
    }
}

#[tokio::test]
async fn what_went_wrong_is_told() {
    for failure in FAILURES {
        let mut kit = Kit::start(failure.behaviour()).await;
        kit.launch(json!({})).await;
        let end = kit.end().await;
        let state = match failure.healthy {
            Some(false) => TaskState::Failed,
            _ => failure.state,
        };
        let reason = failure.because.map(|name| format!(" ({name})"));
        let message = format!("{}{}", failure.text, reason.unwrap_or_default());
        let told = (end.state, end.message, end.exit_code);
        assert_eq!(told, (state, Some(message), failure.exit_code));
    }
}

#[tokio::test]
async fn a_task_that_the_master_refuses_has_failed_and_others_go_ahead() {
    let mut kit = Kit::start(Behaviour::hangs()).await;
    let offer = kit.offer().await;
    let good = task(json!({}));
    let mut bad = task(json!({ "name": "bad" }));
    // A master takes no task without resources.
    bad.key.attempt = 1;
    let mut spec = (*bad.spec).clone();
    spec.resources = resources::Resources::default();
    bad.spec = Arc::new(spec);
    kit.launch_on(&offer, vec![bad, good]).await;
    let end = kit.end().await;
    assert_eq!((end.key.attempt, end.state), (1, TaskState::Failed));
    assert!(
        end.message
            .is_some_and(|text| text.contains("(invalid: task invalid)"))
    );
    kit.until(TaskState::Running).await;
    assert_eq!((kit.count(Type::Accept), kit.on_agents().len()), (1, 1));
}

#[tokio::test]
async fn a_refusal_of_an_id_that_runs_is_not_believed() {
    let mut kit = Kit::start(Behaviour::hangs()).await;
    kit.launch(json!({})).await;
    kit.until(TaskState::Running).await;
    kit.launch(json!({})).await;
    kit.settled("two launches", |kit| kit.count(Type::Accept) == 2)
        .await;
    let launched = kit.launch(json!({ "name": "next" })).await;
    let next = kit.update().await;
    assert_eq!(next.key, launched.key, "nothing was said of the other one");
    assert_eq!(kit.on_agents().len(), 2);
}

#[tokio::test]
async fn a_launch_that_cannot_be_is_dropped_and_the_next_one_has_another_id() {
    let mut kit = Kit::start(Behaviour::hangs()).await;
    let first = task(json!({}));
    let offer = no_offer();
    let tasks = vec![first.clone()];
    kit.call(ClusterCall::Launch {
        offers: vec![offer],
        tasks,
    })
    .await;
    let dropped = kit.end().await;
    assert_eq!(dropped.state, TaskState::Dropped);
    assert_eq!(kit.count(Type::Accept), 0);
    // A master may say the same of an offer that it took back meanwhile.
    let stale = kit.offer().await;
    let answer = Fault::Hold;
    kit.fake.fault(Type::Accept, 0, answer);
    let mut second = first.clone();
    second.launch = Launch(Some(Timestamp::from_millis(8)));
    kit.launch_on(&stale, vec![second.clone()]).await;
    kit.settled("a launch under way", |kit| kit.count(Type::Accept) == 1)
        .await;
    let agent = kit.agent();
    kit.fake.cluster(|cluster| {
        cluster.lose_agent(&agent, false);
        cluster.return_agent(&agent);
    });
    kit.fake.release();
    assert_eq!(kit.end().await.state, TaskState::Dropped);
    let mut third = first;
    third.launch = Launch(Some(Timestamp::from_millis(9)));
    let offer = kit.offer().await;
    kit.launch_on(&offer, vec![third]).await;
    kit.until(TaskState::Running).await;
    let launched = kit.launched();
    let mut ids: Vec<&str> = launched
        .iter()
        .map(|it| it.task_id.value.as_str())
        .collect();
    // A call that is held is seen when it comes and when it is answered.
    ids.dedup();
    assert_eq!(ids, ["ct:7:0:job:@8", "ct:7:0:job:@9"]);
    assert_eq!(kit.on_agents().len(), 1);
}

#[tokio::test]
async fn offers_of_one_agent_are_accepted_together() {
    let mut kit = Kit::start(Behaviour::hangs()).await;
    let whole = kit.offer().await;
    let first = kit.launch_on(&whole, vec![task(json!({}))]).await;
    kit.until(TaskState::Running).await;
    let rest = kit.offer().await;
    kit.call(ClusterCall::Kill { key: first.key }).await;
    kit.end().await;
    let back = kit.offer().await;
    assert_eq!(rest.resources.plus(&back.resources), whole.resources);
    let cpus = whole.resources.cpus.as_f64();
    let all = task(json!({ "name": "all", "cpus": cpus }));
    let on = |offers: [&OfferId; 2], task: &Task| ClusterCall::Launch {
        offers: offers.map(Clone::clone).to_vec(),
        tasks: vec![task.clone()],
    };
    kit.call(on([&rest.id, &back.id], &all)).await;
    kit.until(TaskState::Running).await;
    let launched = kit.launched();
    let entries = &launched.last().unwrap().resources;
    let entries: Vec<_> = entries.iter().filter(|it| it.name == "cpus").collect();
    assert_eq!(entries.len(), 1, "as if it were one offer: {entries:?}");
    assert_eq!(entries[0].scalar.as_ref().map(|it| it.value), Some(cpus));
    // One of them does not stand any more: the other goes back, and comes again.
    kit.call(ClusterCall::Kill {
        key: all.key.clone(),
    })
    .await;
    kit.end().await;
    let again = loop {
        let offer = kit.offer().await;
        if offer.resources == whole.resources {
            break offer;
        }
    };
    let mut dropped = all;
    dropped.launch = Launch(Some(Timestamp::from_millis(8)));
    kit.call(on([&rest.id, &again.id], &dropped)).await;
    assert_eq!(kit.end().await.state, TaskState::Dropped);
    assert_eq!(kit.offer().await.resources, whole.resources);
    assert_eq!(kit.count(Type::Accept), 2);
}

#[tokio::test]
async fn agents_that_nothing_can_use_are_not_offered() {
    let mut plan = plan(quick(Behaviour::hangs()));
    // In racks r1 and r2.
    plan.agents = vec![AgentSpec::plain(1), AgentSpec::plain(2)];
    let mut fake = Fake::start(plan).await.unwrap();
    fake.real_time();
    let mut config = MesosConfig::new(fake.address(0).to_string().parse().unwrap());
    config.pace.revive = Duration::from_millis(10);
    let mut kit = Kit::of(fake, config, Notebook::new(None)).await;
    // Nothing that is declined comes back by it.
    kit.settled("the first revival", |kit| kit.count(Type::Revive) == 1)
        .await;
    let rack_of = async |kit: &mut Kit| {
        let offer = kit.offer().await;
        let rack = offer.attributes.values("rack").next().unwrap().to_string();
        kit.call(ClusterCall::Decline { offer: offer.id }).await;
        rack
    };
    let mut racks = [rack_of(&mut kit).await, rack_of(&mut kit).await];
    racks.sort_unstable();
    assert_eq!(racks, ["r1", "r2"]);
    let group = |predicate| {
        vec![OfferConstraint {
            selector: Selector::Attribute("rack".into()),
            predicate,
        }]
    };
    // The text of an expression is the master's to read.
    for (predicate, want) in [
        (Predicate::TextEquals("r2".into()), "r2"),
        (Predicate::TextMatches("r[13]".into()), "r1"),
        (Predicate::TextNotEquals("r1".into()), "r2"),
        (Predicate::TextNotMatches(".2".into()), "r1"),
    ] {
        let updates = kit.count(Type::UpdateFramework);
        let groups = vec![group(predicate), group(Predicate::NotExists)];
        kit.call(ClusterCall::Constrain { groups }).await;
        kit.settled("an update", |kit| {
            kit.count(Type::UpdateFramework) > updates
        })
        .await;
        let revived = kit.count(Type::Revive);
        kit.call(ClusterCall::Want { offers: true }).await;
        kit.settled("a revival", |kit| kit.count(Type::Revive) > revived)
            .await;
        assert_eq!(rack_of(&mut kit).await, want);
    }
}

#[tokio::test]
async fn offers_go_back_and_none_come_when_nothing_waits() {
    let mut kit = Kit::start(Behaviour::hangs()).await;
    let offer = kit.offer().await.id;
    kit.call(ClusterCall::Want { offers: false }).await;
    kit.call(ClusterCall::Decline { offer }).await;
    kit.settled("a decline and a suppression", |kit| {
        kit.count(Type::Decline) == 1 && kit.count(Type::Suppress) == 1
    })
    .await;
    let calls = kit.fake.calls();
    let decline = calls
        .iter()
        .find_map(|seen| seen.call.decline.clone())
        .unwrap();
    assert_eq!(decline.filters.unwrap().refuse_seconds, Some(3600.0));
    let revived = kit.count(Type::Revive);
    kit.call(ClusterCall::Want { offers: true }).await;
    kit.settled("a revival", |kit| kit.count(Type::Revive) > revived)
        .await;
    kit.offer().await;
    let counts = kit.cluster.counts.all();
    let count = |name: &str| counts.iter().find(|it| it.name == name).unwrap().value;
    let all = [
        "subscriptions_total",
        "offers_declined_total",
        "launches_total",
        "tasks",
    ];
    assert_eq!(all.map(count), [1, 1, 0, 0]);
    assert_eq!((count("offers_total"), count("offers_held")), (2, 1));
}
