//! Streams and answers that go wrong, and masters that say odd things.

use chronos_core::{ClusterCall, Launch, TaskState};
use chronos_mesos::{MesosConfig, Standing};
use chronos_model::Timestamp;
use mesos_fake::{Fake, Fault, script::Behaviour};
use mesos_v1::{
    proto::{
        AgentId, ExecutorId, Offer, OfferId, Resource, TaskId, TaskStatus,
        scheduler::{Event, call::Type, event},
        value,
    },
    recordio,
};
use prost::Message as _;
use serde_json::json;

use crate::kit::{Kit, Notebook, id_of, plan, quick, task};

async fn subscribed() -> Kit {
    let mut kit = Kit::start(Behaviour::hangs()).await;
    kit.standing(|standing| *standing == Standing::Subscribed)
        .await;
    kit
}

fn record(event: &Event) -> Vec<u8> {
    let mut bytes = Vec::new();
    recordio::encode(&event.encode_to_vec(), &mut bytes);
    bytes
}

#[tokio::test]
async fn a_stream_that_is_no_sequence_of_records_is_left_for_another() {
    for broken in [
        &b"+1\n"[..],
        b"-1\n",
        b" 1\n",
        b"1 \n",
        b"1\r\n",
        b"\n",
        b"x",
        b"1234567890123456789012345\n",
        b"67108865\n",
        b"<html>502</html>",
    ] {
        let mut kit = subscribed().await;
        kit.launch(json!({})).await;
        kit.until(TaskState::Running).await;
        kit.fake.send_raw(broken);
        kit.settled("a new subscription", |kit| {
            let standing = kit.cluster.status.borrow().standing.clone();
            kit.count(Type::Subscribe) == 2 && standing == Standing::Subscribed
        })
        .await;
        assert_eq!(kit.on_agents().len(), 1);
        assert_eq!(kit.count(Type::Accept), 1);
    }
}

#[tokio::test]
async fn what_a_later_or_odd_master_says_in_good_frames_is_passed_over() {
    let mut kit = subscribed().await;
    let launched = kit.launch(json!({})).await;
    kit.until(TaskState::Running).await;
    let id = id_of(&launched);
    let update = |status: TaskStatus| {
        record(&Event {
            r#type: Some(event::Type::Update.into()),
            update: Some(event::Update { status }),
            ..Event::default()
        })
    };
    let of_task = || TaskStatus {
        task_id: TaskId { value: id.clone() },
        agent_id: Some(AgentId { value: kit.agent() }),
        ..TaskStatus::default()
    };
    let message = Event {
        r#type: Some(event::Type::Message.into()),
        message: Some(event::Message {
            agent_id: AgentId { value: kit.agent() },
            executor_id: ExecutorId { value: "e".into() },
            // As long as a record may well be.
            data: vec![0; 32 << 20],
        }),
        ..Event::default()
    };
    let mut hundreds = Vec::new();
    for _ in 0..1_000 {
        hundreds.extend(b"2\n\x08\x08");
    }
    for odd in [
        // Nothing, no message, an event of a later version, one without its payload.
        b"0\n".to_vec(),
        b"3\n\xff\xff\xff".to_vec(),
        b"2\n\x08\x63".to_vec(),
        b"2\n\x08\x04".to_vec(),
        // A state, a source and a reason of a later version; nobody's task; bytes that are no text; no agent.
        update(TaskStatus {
            state: 99,
            source: Some(9),
            reason: Some(99),
            uuid: Some(vec![9; 16]),
            ..of_task()
        }),
        update(TaskStatus {
            task_id: TaskId::default(),
            ..of_task()
        }),
        update(TaskStatus {
            state: mesos_v1::proto::TaskState::TaskRunning.into(),
            message: Some(b"caf\xe9".to_vec()),
            uuid: Some(Vec::new()),
            timestamp: Some(f64::NAN),
            agent_id: None,
            ..of_task()
        }),
        record(&message),
        hundreds,
    ] {
        kit.fake.send_raw(&odd);
    }
    kit.launch(json!({ "name": "next" })).await;
    kit.settled("both tasks", |kit| kit.on_agents().len() == 2)
        .await;
    assert_eq!(kit.count(Type::Subscribe), 1, "the stream stands");
    // What has a uuid is acknowledged, whatever it says.
    kit.settled("an acknowledgement of the unknown state", |kit| {
        let calls = kit.fake.calls().into_iter();
        let mut uuids = calls
            .filter_map(|seen| seen.call.acknowledge)
            .map(|it| it.uuid);
        uuids.any(|uuid| uuid == [9; 16])
    })
    .await;
}

#[tokio::test]
async fn thousands_of_odd_offers_in_one_event_go_back_and_the_good_one_is_used() {
    const COUNT: usize = 5_000;
    let mut kit = subscribed().await;
    let scalar = |name: &str, value| Resource {
        name: name.into(),
        scalar: Some(value::Scalar { value }),
        ..Resource::default()
    };
    let odd = |number: usize| {
        let amount = [f64::NAN, 0.0, -1.0, f64::INFINITY, 1e300][number % 5];
        Offer {
            // Each twice.
            id: OfferId {
                value: format!("odd-{}", number / 2),
            },
            agent_id: AgentId {
                value: if number.is_multiple_of(7) {
                    ""
                } else {
                    "nobody"
                }
                .into(),
            },
            resources: if number.is_multiple_of(3) {
                Vec::new()
            } else {
                vec![scalar("cpus", amount), scalar("mem", amount)]
            },
            ..Offer::default()
        }
    };
    let good = kit.offer().await;
    let event = Event {
        r#type: Some(event::Type::Offers.into()),
        offers: Some(event::Offers {
            offers: (0..COUNT).map(odd).collect(),
        }),
        ..Event::default()
    };
    kit.fake.say(&kit.keeper.id().unwrap(), event);
    let mut ids = std::collections::BTreeSet::new();
    // The first of two counts; without an agent it goes back by itself, later.
    let useful = (0..COUNT)
        .step_by(2)
        .filter(|number| !number.is_multiple_of(7))
        .count();
    while ids.len() < useful {
        let offer = kit.offer().await;
        assert_eq!(offer.resources, resources::Resources::default());
        let offer = offer.id;
        assert!(ids.insert(offer.to_string()), "{offer} came twice");
        kit.call(ClusterCall::Decline { offer }).await;
    }
    kit.launch_on(&good, vec![task(json!({}))]).await;
    kit.until(TaskState::Running).await;
    kit.settled("all declined", |kit| {
        let calls = kit.fake.calls().into_iter();
        let declined = calls.filter_map(|seen| seen.call.decline);
        declined.map(|it| it.offer_ids.len()).sum::<usize>() == useful
    })
    .await;
    assert_eq!(kit.count(Type::Subscribe), 1);
}

#[tokio::test]
async fn redirects_that_lead_nowhere_are_borne() {
    let to = |location: &str| Fault::Answer {
        status: 307,
        location: Some(location.to_owned()),
        body: String::new(),
    };
    let mut fake = Fake::start(plan(quick(Behaviour::hangs()))).await.unwrap();
    fake.real_time();
    let own = format!("//{}/master/api/v1/scheduler", fake.address(0));
    // Nobody listens there: the port was free a moment ago.
    let dead = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr();
    let dead = dead.unwrap().port();
    for locations in [
        vec![format!("//127.0.0.1:{dead}/master/api/v1/scheduler")],
        vec![format!("//[::1]:{dead}/master/api/v1/scheduler")],
        vec!["/api/v1/scheduler".to_owned()],
        vec![String::new()],
        vec!["//m:99999/".to_owned()],
        // One that points at itself; it is left after five times.
        vec![own.clone(); 6],
    ] {
        for location in &locations {
            fake.fault(Type::Subscribe, 0, to(location));
        }
        let before = fake.calls().len();
        let config = MesosConfig::new(fake.address(0).to_string().parse().unwrap());
        let mut kit = Kit::of(fake, config, Notebook::new(None)).await;
        kit.standing(|standing| matches!(standing, Standing::Waiting(_)))
            .await;
        kit.standing(|standing| *standing == Standing::Subscribed)
            .await;
        let calls = kit.fake.calls().split_off(before);
        let tries = calls.iter().filter(|seen| seen.kind == Type::Subscribe);
        assert_eq!(tries.count(), locations.len() + 1, "{locations:?}");
        fake = kit.stop().await;
    }
    // An address as others write it is followed.
    fake.fault(Type::Subscribe, 0, to(&format!("http:{own}")));
    let config = MesosConfig::new(fake.address(0).to_string().parse().unwrap());
    let mut kit = Kit::of(fake, config, Notebook::new(None)).await;
    kit.standing(|standing| *standing == Standing::Subscribed)
        .await;
}

#[tokio::test]
async fn whatever_a_call_is_answered_runs_go_on() {
    let answers = [
        Fault::answer(400, "Framework cannot be found"),
        Fault::answer(403, "Framework is not subscribed"),
        Fault::answer(401, "401 Unauthorized."),
        Fault::answer(307, ""),
        Fault::answer(500, "<html>"),
        Fault::answer(503, "Master has not finished recovery"),
        Fault::CloseBefore,
    ];
    for kind in [
        Type::Acknowledge,
        Type::Reconcile,
        Type::Revive,
        Type::Accept,
    ] {
        for answer in &answers {
            let mut fake = Fake::start(plan(quick(Behaviour::hangs()))).await.unwrap();
            fake.real_time();
            fake.fault(kind, 0, answer.clone());
            let config = MesosConfig::new(fake.address(0).to_string().parse().unwrap());
            let mut kit = Kit::of(fake, config, Notebook::new(None)).await;
            start(&mut kit).await;
            kit.settled("another stream", |kit| kit.count(Type::Subscribe) == 2)
                .await;
            assert_eq!(kit.on_agents().len(), 1, "{kind:?} {answer:?}");
        }
    }
}

#[tokio::test]
async fn a_master_that_closes_the_connection_behind_each_answer_is_spoken_to_anew() {
    let mut fake = Fake::start(plan(quick(Behaviour::hangs()))).await.unwrap();
    fake.real_time();
    let kinds = [
        Type::Accept,
        Type::Acknowledge,
        Type::Reconcile,
        Type::Revive,
    ];
    for kind in kinds {
        for _ in 0..3 {
            fake.fault(kind, 0, Fault::LastAnswer);
        }
    }
    let config = MesosConfig::new(fake.address(0).to_string().parse().unwrap());
    let mut kit = Kit::of(fake, config, Notebook::new(None)).await;
    for name in ["one", "two", "three"] {
        kit.launch(json!({ "name": name })).await;
        kit.until(TaskState::Running).await;
    }
    assert_eq!(kit.on_agents().len(), 3);
    assert_eq!(kit.count(Type::Subscribe), 1, "no answer was lost");
}

// Starts one task as the scheduler does: again, under another name, when it was dropped.
async fn start(kit: &mut Kit) {
    for launch in 1.. {
        kit.catch_up();
        let offer = kit.offer().await;
        let mut task = task(json!({}));
        task.launch = Launch(Some(Timestamp::from_millis(launch)));
        kit.launch_on(&offer, vec![task]).await;
        loop {
            let update = kit.update().await;
            if update.state == TaskState::Running {
                return;
            }
            if update.state == TaskState::Dropped {
                let key = update.key;
                kit.call(ClusterCall::Acknowledge { key }).await;
                break;
            }
        }
    }
}
