//! What is offered, and what is refused.

use chronos_agent::{Agent, AgentError};
use chronos_core::{ClusterCall, OfferId, TaskState};
use chronos_model::JobSpec;
use resources::Resources;

use crate::{
    kit::{Kit, amount, config, home, lines, until},
    shared::{job, task},
};

fn wide(name: &str, command: &str, resources: Resources) -> JobSpec {
    JobSpec {
        resources,
        ..job(name, command)
    }
}

#[tokio::test]
async fn more_than_there_is_is_never_given() {
    let home = home();
    let mut kit = Kit::start(&home).await;
    let go = home.path().join("go");
    let command = until(&go, "true");
    let tasks: Vec<_> = (0..3)
        .map(|n| task(wide(&format!("job-{n}"), &command, amount(2, 1024, 1024))))
        .collect();
    let keys: Vec<_> = tasks.iter().map(|task| task.key.clone()).collect();
    assert_eq!(kit.offer().await.resources, amount(4, 4096, 4096));
    // Taken to look at; put back to use.
    kit.stop().await;
    let mut kit = Kit::start(&home).await;
    kit.launch(tasks).await;
    kit.wait(&keys[2], TaskState::Dropped).await;
    for key in &keys[..2] {
        kit.wait(key, TaskState::Running).await;
        lines(&kit.cluster.logs, key, 1).await;
    }
    assert_eq!(kit.offer().await.resources, amount(0, 2048, 2048));
    // What was found running counts, too.
    kit.stop().await;
    let mut kit = Kit::start(&home).await;
    assert_eq!(kit.offer().await.resources, amount(0, 2048, 2048));
    for key in &keys[..2] {
        kit.wait(key, TaskState::Running).await;
    }
    std::fs::write(&go, "").unwrap();
    for key in &keys[..2] {
        kit.wait(key, TaskState::Finished).await;
    }
    while kit.offer().await.resources != amount(4, 4096, 4096) {}
    kit.stop().await;
}

#[tokio::test]
async fn an_offer_is_used_once_and_ids_are_never_used_again() {
    let home = home();
    let mut kit = Kit::start(&home).await;
    let offer = kit.offer().await;
    let [first, second] = ["a", "b"].map(|name| task(job(name, "sleep 600")));
    let [first_key, second_key] = [&first, &second].map(|task| task.key.clone());
    kit.call(ClusterCall::Launch {
        offers: vec![offer.id.clone()],
        tasks: vec![first],
    })
    .await;
    kit.call(ClusterCall::Launch {
        offers: vec![offer.id.clone()],
        tasks: vec![second],
    })
    .await;
    kit.wait(&second_key, TaskState::Dropped).await;
    kit.wait(&first_key, TaskState::Running).await;
    let later = kit.offer().await;
    assert_ne!(later.id, offer.id);
    kit.kill(&first_key).await;
    kit.wait(&first_key, TaskState::Killed).await;
    kit.stop().await;

    let mut kit = Kit::start(&home).await;
    let third = task(job("c", "true"));
    let key = third.key.clone();
    kit.offer().await;
    kit.call(ClusterCall::Launch {
        offers: vec![later.id],
        tasks: vec![third],
    })
    .await;
    kit.wait(&key, TaskState::Dropped).await;
    kit.stop().await;
}

#[tokio::test]
async fn an_offer_comes_back_after_it_was_declined() {
    let home = home();
    let mut kit = Kit::start(&home).await;
    let offer = kit.offer().await;
    kit.call(ClusterCall::Decline {
        offer: OfferId("no such offer".into()),
    })
    .await;
    kit.call(ClusterCall::Decline {
        offer: offer.id.clone(),
    })
    .await;
    let again = kit.offer().await;
    assert_eq!(again.resources, offer.resources);
    assert_ne!(again.id, offer.id);
    assert_eq!(kit.rescinded, []);
    kit.stop().await;
}

#[tokio::test]
async fn what_ends_is_offered_again_in_one_piece() {
    let home = home();
    let mut kit = Kit::start(&home).await;
    let update = kit.end_of(job("a", "true")).await;
    assert_eq!(update.state, TaskState::Finished);
    while kit.offer().await.resources != amount(4, 4096, 4096) {}
    kit.stop().await;
}

#[tokio::test]
async fn one_agent_at_a_time_has_the_folder() {
    let home = home();
    let kit = Kit::start(&home).await;
    let second = Agent::start(config(home.path())).await;
    assert!(
        matches!(second, Err(AgentError::InUse { .. })),
        "{second:?}"
    );
    kit.stop().await;
    Kit::start(&home).await.stop().await;
}
