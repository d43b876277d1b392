//! Agents that go and come, and what becomes of their tasks.

use std::time::Duration;

use chronos_core::{ClusterCall, TaskState};
use chronos_mesos::Standing;
use mesos_fake::{Fake, Fault, Plan, script::Behaviour};
use mesos_v1::proto::{
    AgentId, TaskId, TaskState as Mesos, TaskStatus,
    scheduler::{Event, call::Type, event},
};
use serde_json::json;

use crate::kit::{Kit, Notebook, id_of, plan, quick};

async fn impatient(patience: Duration) -> Kit {
    let mut fake = Fake::start(plan(quick(Behaviour::hangs()))).await.unwrap();
    fake.real_time();
    let masters = fake.address(0).to_string().parse().unwrap();
    let mut config = chronos_mesos::MesosConfig::new(masters);
    config.patience = patience;
    Kit::of(fake, config, Notebook::new(None)).await
}

fn lose(kit: &Kit) {
    let agent = kit.agent();
    kit.fake.cluster(|cluster| cluster.lose_agent(&agent, true));
    // Its pings are missed.
    kit.fake.advance(Duration::from_secs(80));
}

#[tokio::test]
async fn an_agent_that_comes_back_brings_its_tasks() {
    let mut kit = impatient(Duration::from_secs(600)).await;
    kit.launch(json!({})).await;
    kit.until(TaskState::Running).await;
    lose(&kit);
    let away = kit.until(TaskState::Unreachable).await;
    assert!(away.message.is_some());
    let agent = kit.agent();
    kit.fake.cluster(|cluster| cluster.return_agent(&agent));
    kit.until(TaskState::Running).await;
    assert_eq!(kit.launched().len(), 1);
}

#[tokio::test]
async fn an_agent_that_stays_away_loses_its_tasks_and_one_that_comes_late_is_rid_of_them() {
    let mut kit = impatient(Duration::from_millis(300)).await;
    let launched = kit.launch(json!({})).await;
    kit.until(TaskState::Running).await;
    lose(&kit);
    kit.until(TaskState::Unreachable).await;
    let end = kit.end().await;
    assert_eq!(end.state, TaskState::Lost);
    let text = "its agent was out of reach for too long; what became of it is not known";
    assert_eq!(end.message.as_deref(), Some(text));
    let agent = kit.agent();
    kit.fake.cluster(|cluster| cluster.return_agent(&agent));
    // The scheduler has its end on record, and wants it dead.
    let back = kit.until(TaskState::Running).await;
    assert_eq!(back.key, launched.key);
    kit.call(ClusterCall::Kill { key: back.key }).await;
    assert_eq!(kit.end().await.state, TaskState::Killed);
    kit.settled("an acknowledged end", |kit| kit.on_agents().is_empty())
        .await;
}

#[tokio::test]
async fn a_task_on_an_agent_out_of_reach_is_killed_when_that_comes_back() {
    let mut kit = impatient(Duration::from_secs(600)).await;
    let launched = kit.launch(json!({})).await;
    kit.until(TaskState::Running).await;
    lose(&kit);
    kit.until(TaskState::Unreachable).await;
    let key = launched.key;
    kit.call(ClusterCall::Kill { key }).await;
    kit.settled("a kill", |kit| kit.count(Type::Kill) == 1)
        .await;
    let agent = kit.agent();
    kit.fake.cluster(|cluster| cluster.return_agent(&agent));
    assert_eq!(kit.end().await.state, TaskState::Killed);
}

#[tokio::test]
async fn an_agent_that_is_marked_as_gone_has_lost_its_tasks_for_good() {
    let mut kit = impatient(Duration::from_secs(600)).await;
    kit.launch(json!({})).await;
    kit.until(TaskState::Running).await;
    let agent = kit.agent();
    kit.fake.cluster(|cluster| cluster.mark_agent_gone(&agent));
    assert_eq!(kit.end().await.state, TaskState::Lost);
}

#[tokio::test]
async fn an_agent_whose_machine_restarts_has_lost_what_ran_there() {
    let mut kit = impatient(Duration::from_secs(600)).await;
    kit.launch(json!({})).await;
    kit.until(TaskState::Running).await;
    let agent = kit.agent();
    kit.fake.cluster(|cluster| {
        cluster.restart_machine(&agent);
        // In time, so that the master still knows the task; the agent says that it never heard of it.
        cluster.return_agent(&agent);
    });
    assert_eq!(kit.end().await.state, TaskState::Lost);
    kit.settled("an acknowledged end", |kit| kit.on_agents().is_empty())
        .await;
}

#[tokio::test]
async fn an_agent_that_drains_ends_its_tasks_and_requests_to_leave_are_agreed_to() {
    let mut kit = impatient(Duration::from_secs(600)).await;
    kit.launch(json!({})).await;
    kit.until(TaskState::Running).await;
    let agent = kit.agent();
    kit.fake.cluster(|cluster| {
        cluster.plan_maintenance(&agent, Duration::from_secs(60), Duration::from_secs(60));
    });
    kit.settled("agreement", |kit| kit.count(Type::AcceptInverseOffers) > 0)
        .await;
    kit.fake
        .cluster(|cluster| cluster.drain_agent(&agent, Some(Duration::ZERO), false));
    let end = kit.end().await;
    assert_eq!(end.state, TaskState::Killed);
    assert!(
        end.message
            .is_some_and(|text| text.contains("agent draining"))
    );
}

#[tokio::test]
async fn a_launch_of_which_nothing_is_known_after_a_restart_is_dropped_or_found() {
    // The daemon dies after the intent was written: before the launch was sent, or after.
    let mut kit = Kit::start(Behaviour::hangs()).await;
    let found = kit.launch(json!({})).await;
    kit.until(TaskState::Running).await;
    let offer = kit.offer().await;
    let mut never = found.clone();
    never.key.attempt = 1;
    never.agent = Some(offer.agent);
    let mut kit = kit.restart(vec![found.clone(), never.clone()]).await;
    let mut said = Vec::new();
    for _ in 0..2 {
        let update = kit.update().await;
        said.push((update.key.attempt, update.state));
    }
    said.sort_unstable();
    assert_eq!(said, [(0, TaskState::Running), (1, TaskState::Dropped)]);
    assert_eq!(kit.launched().len(), 1);
}

#[tokio::test]
async fn an_end_that_was_not_on_record_is_told_again_after_a_restart() {
    let mut kit = Kit::start(Behaviour::exits(Duration::ZERO, 3)).await;
    let launched = kit.launch(json!({})).await;
    kit.until(TaskState::Failed).await;
    let mut kit = kit.restart(vec![launched]).await;
    let end = kit.end().await;
    assert_eq!((end.state, end.exit_code), (TaskState::Failed, Some(3)));
    kit.settled("an acknowledged end", |kit| kit.on_agents().is_empty())
        .await;
}

#[tokio::test]
async fn a_lost_answer_to_a_launch_is_no_second_launch() {
    for fault in [Fault::CloseAfter, Fault::CloseBefore, Fault::Swallow] {
        let swallowed = fault != Fault::CloseAfter;
        let mut kit = Kit::start(Behaviour::hangs()).await;
        kit.fake.fault(Type::Accept, 0, fault.clone());
        kit.launch(json!({})).await;
        if fault == Fault::Swallow {
            // Nothing is heard of it for a minute, then it is asked about; here, by a new subscription.
            kit.settled("a launch", |kit| kit.count(Type::Accept) == 1)
                .await;
            kit.fake.end_streams();
        }
        let update = kit.update().await;
        if swallowed {
            assert_eq!(update.state, TaskState::Dropped, "{fault:?}");
        } else {
            assert!(!update.state.is_terminal(), "{fault:?} {update:?}");
        }
        assert_eq!(kit.on_agents().len(), usize::from(!swallowed));
        assert_eq!(kit.count(Type::Accept), 1);
    }
}

#[tokio::test]
async fn an_agent_that_never_finds_the_new_master_loses_its_tasks() {
    let two = Plan {
        followers: 1,
        ..plan(quick(Behaviour::hangs()))
    };
    let mut fake = Fake::start(two).await.unwrap();
    fake.real_time();
    let masters = format!("{},{}", fake.address(0), fake.address(1));
    let mut config = chronos_mesos::MesosConfig::new(masters.parse().unwrap());
    config.patience = Duration::from_millis(300);
    let mut kit = Kit::of(fake, config, Notebook::new(None)).await;
    kit.launch(json!({})).await;
    kit.until(TaskState::Running).await;
    kit.fake.fail_over(0, 1);
    kit.standing(|standing| *standing != Standing::Subscribed)
        .await;
    kit.standing(|standing| *standing == Standing::Subscribed)
        .await;
    // The new master never saw the task; all that it says is that the agent is lost.
    kit.fake.advance(Duration::from_secs(700));
    kit.until(TaskState::Unreachable).await;
    assert_eq!(kit.end().await.state, TaskState::Lost);
}

#[tokio::test]
async fn late_and_repeated_updates_change_nothing() {
    let mut kit = Kit::start(Behaviour::exits(Duration::ZERO, 0)).await;
    let launched = kit.launch(json!({})).await;
    kit.until(TaskState::Finished).await;
    let framework = kit.keeper.id().unwrap();
    let say = |kit: &Kit, state: Mesos, uuid: u8| {
        let status = TaskStatus {
            task_id: TaskId {
                value: id_of(&launched),
            },
            state: state.into(),
            agent_id: Some(AgentId { value: kit.agent() }),
            uuid: (uuid > 0).then(|| vec![uuid; 16]),
            ..TaskStatus::default()
        };
        let event = Event {
            r#type: Some(event::Type::Update.into()),
            update: Some(event::Update { status }),
            ..Event::default()
        };
        kit.fake.say(&framework, event);
    };
    // Its end is known, and not on record yet: older news, the end again, and a master that knows nothing.
    say(&kit, Mesos::TaskRunning, 7);
    say(&kit, Mesos::TaskFinished, 8);
    say(&kit, Mesos::TaskGone, 0);
    say(&kit, Mesos::TaskError, 0);
    let acknowledged = kit.count(Type::Acknowledge);
    kit.settled("an acknowledgement of what came late", |kit| {
        kit.count(Type::Acknowledge) > acknowledged
    })
    .await;
    // Both copies of the end are acknowledged once it is on record.
    let key = launched.key.clone();
    kit.call(ClusterCall::Acknowledge { key }).await;
    kit.settled("an acknowledged end", |kit| kit.on_agents().is_empty())
        .await;
    kit.launch(json!({ "name": "next" })).await;
    let next = kit.update().await;
    assert_eq!(
        next.key.job.as_str(),
        "next",
        "nothing more was said of the first"
    );
}
