//! Masters that change, refuse, and fall silent.

use std::time::Duration;

use chronos_core::{ClusterCall, TaskState};
use chronos_mesos::{Credentials, MesosConfig, NotOrdered, OnRemoved, Standing, Status};
use mesos_fake::{Fake, Fault, Mode, Plan, script::Behaviour};
use mesos_v1::proto::scheduler::call::Type;
use serde_json::json;

use crate::kit::{Kit, Notebook, plan, quick};

fn two_masters() -> Plan {
    Plan {
        followers: 1,
        ..plan(quick(Behaviour::hangs()))
    }
}

async fn with_both(keeper: std::sync::Arc<Notebook>) -> Kit {
    let mut fake = Fake::start(two_masters()).await.unwrap();
    fake.real_time();
    let masters = format!("{},{}", fake.address(1), fake.address(0));
    Kit::of(fake, MesosConfig::new(masters.parse().unwrap()), keeper).await
}

#[tokio::test]
async fn registers_once_and_keeps_its_id() {
    let mut kit = with_both(Notebook::new(None)).await;
    kit.standing(|standing| *standing == Standing::Subscribed)
        .await;
    let id = kit.keeper.id().unwrap();
    assert_eq!(*kit.keeper.writes.lock().unwrap(), [Some(id.clone())]);
    let mut kit = kit.restart(Vec::new()).await;
    kit.standing(|standing| *standing == Standing::Subscribed)
        .await;
    assert_eq!(*kit.keeper.writes.lock().unwrap(), [], "it is the same");
    let frameworks = kit.fake.cluster(|cluster| cluster.frameworks());
    let ids: Vec<_> = frameworks.into_iter().map(|(id, _, _)| id).collect();
    assert_eq!(ids, [id]);
    // A follower was asked first, and said who leads.
    assert_eq!(
        kit.cluster
            .status
            .borrow()
            .master
            .as_deref()
            .map(|it| it.starts_with(&kit.fake.address(0).to_string())),
        Some(true)
    );
}

#[tokio::test]
async fn a_master_failover_loses_no_run() {
    let mut kit = with_both(Notebook::new(None)).await;
    kit.launch(json!({})).await;
    kit.until(TaskState::Running).await;
    kit.fake.fail_over(0, 1);
    kit.standing(|standing| *standing != Standing::Subscribed)
        .await;
    kit.standing(|standing| *standing == Standing::Subscribed)
        .await;
    let agent = kit.agent();
    kit.fake
        .cluster(|cluster| cluster.agent_finds_master(&agent));
    kit.until(TaskState::Running).await;
    assert_eq!(kit.launched().len(), 1);
    assert_eq!(kit.on_agents().len(), 1);
    // And the next one goes to the new master.
    kit.launch(json!({ "name": "next" })).await;
    kit.until(TaskState::Running).await;
}

#[tokio::test]
async fn a_master_that_falls_silent_is_left() {
    // It says that there is a heartbeat each second, and then nothing at all, on a connection that stands.
    let mut settings = quick(Behaviour::hangs());
    settings.heartbeat = Duration::from_secs(1_000_000);
    settings.heartbeat_told = Some(1.0);
    let mut kit = Kit::with(plan(settings)).await;
    kit.standing(|standing| *standing == Standing::Subscribed)
        .await;
    let silent = kit
        .standing(|standing| matches!(standing, Standing::Waiting(_)))
        .await;
    assert_eq!(silent, Standing::Waiting("no heartbeat".to_owned()));
    kit.standing(|standing| *standing == Standing::Subscribed)
        .await;
    assert_eq!(kit.count(Type::Subscribe), 2);
}

#[tokio::test]
async fn a_removed_framework_stays_removed_until_somebody_decides() {
    let mut kit = with_both(Notebook::new(None)).await;
    kit.launch(json!({})).await;
    kit.until(TaskState::Running).await;
    let id = kit.keeper.id().unwrap();
    let control = kit.cluster.control.clone();
    let subscribed = Status {
        standing: Standing::Subscribed,
        ..kit.cluster.status.borrow().clone()
    };
    let wrong = Err(NotOrdered::NotRemoved(subscribed.clone()));
    assert_eq!(control.forget_framework(&id).await, wrong);
    assert_eq!(
        control.retry().await,
        Err(NotOrdered::NotRefused(subscribed))
    );
    kit.fake.cluster(|cluster| assert!(cluster.teardown(&id)));
    let removed = kit
        .standing(|standing| matches!(standing, Standing::Removed(_)))
        .await;
    let text = "the framework was removed; tell the daemon to forget it, or start with \
                --mesos_on_removed=register, to register as a new one";
    assert_eq!(removed, Standing::Removed(text.to_owned()));
    assert_eq!(control.retry().await, Err(NotOrdered::IsRemoved));
    let other = NotOrdered::Other {
        ours: id.clone(),
        asked: "other".to_owned(),
    };
    assert_eq!(control.forget_framework("other").await, Err(other));
    let subscribed = kit.count(Type::Subscribe);
    kit.call(ClusterCall::Want { offers: true }).await;
    assert_eq!(kit.keeper.id().as_deref(), Some(id.as_str()), "it is kept");
    assert_eq!(
        kit.count(Type::Subscribe),
        subscribed,
        "it is not tried again"
    );
    // An operator decides: what ran is lost, then there is a new one.
    control.forget_framework(&id).await.unwrap();
    assert_eq!(kit.end().await.state, TaskState::Lost);
    kit.standing(|standing| *standing == Standing::Subscribed)
        .await;
    let writes = kit.keeper.writes.lock().unwrap().clone();
    assert_eq!(writes[..2], [Some(id.clone()), None]);
    assert_ne!(kit.keeper.id(), Some(id));
}

#[tokio::test]
async fn a_removed_framework_registers_anew_if_that_was_decided_before() {
    let mut fake = Fake::start(plan(quick(Behaviour::hangs()))).await.unwrap();
    fake.real_time();
    let mut config = MesosConfig::new(fake.address(0).to_string().parse().unwrap());
    config.on_removed = OnRemoved::Register;
    let mut kit = Kit::of(fake, config, Notebook::new(None)).await;
    kit.standing(|standing| *standing == Standing::Subscribed)
        .await;
    let id = kit.keeper.id().unwrap();
    kit.fake.cluster(|cluster| assert!(cluster.teardown(&id)));
    kit.settled("another id", |kit| {
        kit.keeper.id().is_some_and(|new| new != id)
    })
    .await;
    // The offers of the first one are void.
    kit.catch_up();
    kit.launch(json!({})).await;
    kit.until(TaskState::Running).await;
}

#[tokio::test]
async fn of_two_with_one_id_the_first_stops() {
    let mut kit = with_both(Notebook::new(None)).await;
    kit.standing(|standing| *standing == Standing::Subscribed)
        .await;
    let id = kit.keeper.id().unwrap();
    let keeper = Notebook::new(Some(&id));
    let second = chronos_mesos::Mesos::start(kit.config.clone(), keeper).unwrap();
    let refused = kit
        .standing(|standing| matches!(standing, Standing::Refused(_)))
        .await;
    let text = "another scheduler subscribed with the same id; stop the other one, then tell this one to try again, or restart it";
    assert_eq!(refused, Standing::Refused(text.to_owned()));
    let mut status = second.status.clone();
    status
        .wait_for(|status| status.standing == Standing::Subscribed)
        .await
        .unwrap();
    assert_eq!(kit.count(Type::Subscribe), 2);
    // Until an operator says so.
    kit.cluster.control.retry().await.unwrap();
    kit.standing(|standing| *standing == Standing::Subscribed)
        .await;
}

#[tokio::test]
async fn who_does_not_lead_leaves_and_comes_back_when_it_does() {
    let mut kit = with_both(Notebook::new(None)).await;
    kit.standing(|standing| *standing == Standing::Subscribed)
        .await;
    kit.keeper.leads.send_replace(false);
    // It is asked before the next subscription.
    kit.fake.end_streams();
    kit.standing(|standing| *standing == Standing::Idle).await;
    let subscribed = kit.count(Type::Subscribe);
    kit.keeper.leads.send_replace(true);
    kit.standing(|standing| *standing == Standing::Subscribed)
        .await;
    assert_eq!(kit.count(Type::Subscribe), subscribed + 1);
    kit.offer().await;
}

#[tokio::test]
async fn old_masters_are_asked_for_nothing_that_they_do_not_know() {
    for version in [
        "1.0.4", "1.1.3", "1.2.3", "1.3.2", "1.4.3", "1.8.1", "1.11.0",
    ] {
        let mut settings = quick(Behaviour::hangs());
        settings.version = version.to_owned();
        let mut fake = Fake::start(plan(settings)).await.unwrap();
        fake.real_time();
        let mut config = MesosConfig::new(fake.address(0).to_string().parse().unwrap());
        config.pace.revive = Duration::from_millis(10);
        // Those that know no roles of a framework take it for one of any.
        config.roles = vec!["cron".to_owned()];
        let mut kit = Kit::of(fake, config, Notebook::new(None)).await;
        let launched = kit.launch(json!({ "maxCompletionTime": 600 })).await;
        kit.until(TaskState::Running).await;
        kit.call(ClusterCall::Want { offers: false }).await;
        kit.settled("a suppression", |kit| kit.count(Type::Suppress) > 0)
            .await;
        kit.call(ClusterCall::Want { offers: true }).await;
        let agent = kit.agent();
        kit.fake.cluster(|cluster| cluster.lose_agent(&agent, true));
        kit.fake.advance(Duration::from_secs(80));
        kit.until(TaskState::Unreachable).await;
        kit.fake.cluster(|cluster| cluster.return_agent(&agent));
        kit.until(TaskState::Running).await;
        let key = launched.key;
        kit.call(ClusterCall::Kill { key }).await;
        assert_eq!(kit.end().await.state, TaskState::Killed, "{version}");
        kit.catch_up();
        kit.launch(json!({ "name": "next" })).await;
        kit.until(TaskState::Running).await;
        let refused = kit.fake.calls().into_iter();
        let refused = refused.filter(|seen| !matches!(seen.status, Some(200 | 202)));
        assert_eq!(refused.count(), 0, "{version}");
        assert_eq!(kit.count(Type::Subscribe), 1, "{version}");
    }
}

#[tokio::test]
async fn who_is_deposed_leaves_before_the_next_one_comes() {
    let mut kit = with_both(Notebook::new(None)).await;
    kit.launch(json!({})).await;
    kit.until(TaskState::Running).await;
    kit.keeper.leads.send_replace(false);
    kit.standing(|standing| *standing == Standing::Idle).await;
    kit.settled("an end of the stream", |kit| {
        let frameworks = kit.fake.cluster(|cluster| cluster.frameworks());
        frameworks.iter().all(|(_, _, is_there)| !is_there)
    })
    .await;
    let second = Notebook::new(kit.keeper.id().as_deref());
    let second = chronos_mesos::Mesos::start(kit.config.clone(), second).unwrap();
    let mut status = second.status.clone();
    status
        .wait_for(|status| status.standing == Standing::Subscribed)
        .await
        .unwrap();
    // The other one is gone, and this one leads again: nobody has to order it.
    drop(second);
    kit.keeper.leads.send_replace(true);
    kit.standing(|standing| *standing == Standing::Subscribed)
        .await;
    assert_eq!(kit.on_agents().len(), 1);
}

#[tokio::test]
async fn credentials_are_shown_to_masters_and_a_refusal_is_told() {
    let with_credentials = Plan {
        credentials: [("cron".to_owned(), "geheim".to_owned())].into(),
        ..plan(quick(Behaviour::hangs()))
    };
    let mut fake = Fake::start(with_credentials).await.unwrap();
    fake.real_time();
    let mut config = MesosConfig::new(fake.address(0).to_string().parse().unwrap());
    config.credentials = Some(Credentials::new("cron", "falsch").unwrap());
    let mut kit = Kit::of(fake, config, Notebook::new(None)).await;
    let refused = kit
        .standing(|standing| matches!(standing, Standing::Refused(_)))
        .await;
    let Standing::Refused(text) = refused else {
        panic!("it was refused");
    };
    assert!(
        text.starts_with("the master refuses the credentials: 401"),
        "{text}"
    );
    assert!(!text.contains("falsch"));
    kit.config.credentials = Some(Credentials::new("cron", "geheim").unwrap());
    let mut kit = kit.restart(Vec::new()).await;
    kit.standing(|standing| *standing == Standing::Subscribed)
        .await;
}

#[tokio::test]
async fn answers_of_masters_that_do_not_lead_and_of_proxies_are_borne() {
    for fault in [
        Fault::answer(503, "No leader elected"),
        Fault::answer(502, "<html>"),
        Fault::answer(404, ""),
        Fault::NoStreamId,
        Fault::CloseBefore,
    ] {
        let mut fake = Fake::start(plan(quick(Behaviour::hangs()))).await.unwrap();
        fake.real_time();
        fake.fault(Type::Subscribe, 0, fault);
        let config = MesosConfig::new(fake.address(0).to_string().parse().unwrap());
        let mut kit = Kit::of(fake, config, Notebook::new(None)).await;
        kit.standing(|standing| matches!(standing, Standing::Waiting(_)))
            .await;
        kit.standing(|standing| *standing == Standing::Subscribed)
            .await;
    }
}

#[tokio::test]
async fn a_stream_may_be_cut_anywhere_and_a_master_may_recover() {
    let mut kit = with_both(Notebook::new(None)).await;
    kit.standing(|standing| *standing == Standing::Subscribed)
        .await;
    kit.fake.cut_streams(Some(1));
    kit.launch(json!({})).await;
    kit.until(TaskState::Running).await;
    kit.fake.set_mode(0, Mode::Recovering);
    kit.fake.end_streams();
    kit.standing(|standing| *standing != Standing::Subscribed)
        .await;
    kit.fake.set_mode(0, Mode::Leader);
    kit.standing(|standing| *standing == Standing::Subscribed)
        .await;
}
