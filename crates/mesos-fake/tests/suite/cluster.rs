//! The cluster without HTTP: what a driver that behaves never sees.

use std::time::Duration;

use mesos_fake::{
    cluster::{AgentSpec, Cluster, Emit, Settings},
    script::{Behaviour, Script},
};
use mesos_v1::proto::{
    AgentId, CommandInfo, ExecutorId, ExecutorInfo, Filters, FrameworkInfo, OfferId, TaskId,
    TaskInfo, TaskState, TaskStatus,
    framework_info::{Capability, capability},
    offer::{self, Operation},
    scheduler::{Event, call},
};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn only_the_first_update_is_acknowledged_and_only_by_its_uuid() {
    let mut world = World::new(hanging());
    world.launch("t", 0.1);
    let first = world.updates().remove(0);
    let mut wrong = first.clone();
    wrong.uuid = Some(vec![9; 16]);
    world.acknowledge(&wrong);
    assert_eq!(world.updates(), [], "it is another one");
    world.acknowledge(&first);
    let second = world.updates().remove(0);
    assert_eq!(second.state(), TaskState::TaskRunning);
    world.acknowledge(&first);
    world.cluster.advance(9 * SECOND);
    assert_eq!(world.updates(), [], "once is enough");
    // 10 s, then 20 s, then 40 s.
    for wait in [1, 20, 40] {
        world
            .cluster
            .advance((wait * SECOND).saturating_sub(Duration::from_millis(1)));
        assert_eq!(world.updates(), []);
        world.cluster.advance(Duration::from_millis(1));
        assert_eq!(world.updates().remove(0).uuid, second.uuid);
    }
}

#[test]
fn an_acknowledgement_for_an_agent_that_is_away_is_lost() {
    let mut world = World::new(hanging());
    world.launch("t", 0.1);
    let first = world.updates().remove(0);
    let agent = world.agent.clone();
    world.cluster.lose_agent(&agent, true);
    world.acknowledge(&first);
    world.cluster.return_agent(&agent);
    assert_eq!(world.updates().remove(0).uuid, first.uuid, "again");
}

#[test]
fn offers_are_used_by_whom_they_were_made_to_and_once() {
    let mut world = World::new(hanging());
    let offer = world.offers.remove(0);
    let other = world.cluster.subscribe(&subscribe("other"), None);
    let thief = world.framework_of(&other);
    world
        .cluster
        .accept(&thief, &accept(&offer, &world.agent, "t", 0.1));
    assert_eq!(world.cluster.tasks(), [], "it was made to somebody else");
    world.cluster.advance(SECOND);
    world.read();
    let offer = world.offers.remove(0);
    let call = accept(&offer, &world.agent, "t", 0.1);
    let me = world.framework.clone();
    world.cluster.accept(&me, &call);
    world.cluster.accept(&me, &call);
    assert_eq!(world.cluster.tasks().len(), 1);
    let refused = world.updates().pop().expect("the second one is refused");
    assert_eq!(refused.state(), TaskState::TaskDropped);
    assert_eq!(refused.uuid, None);
}

#[test]
fn a_name_that_is_taken_is_refused_under_that_name() {
    let mut world = World::new(hanging());
    world.launch("t", 0.1);
    world.updates();
    world.cluster.advance(SECOND);
    world.launch("t", 0.1);
    let refused = world.updates().remove(0);
    assert_eq!(refused.state(), TaskState::TaskError);
    assert_eq!(refused.message(), b"Task has duplicate ID: t");
    assert_eq!(world.cluster.tasks().len(), 1);
}

#[test]
fn resources_are_exact() {
    let mut world = World::new(hanging());
    world.launch("much", 4.001);
    assert_eq!(world.updates().remove(0).state(), TaskState::TaskError);
    world.cluster.advance(SECOND);
    world.launch("all", 4.0);
    assert_eq!(world.updates().remove(0).state(), TaskState::TaskStarting);
    world.cluster.advance(5 * SECOND);
    world.read();
    assert_eq!(
        world.offers.len(),
        1,
        "memory is left, and offered without a CPU"
    );
}

#[test]
fn bad_names_are_refused() {
    for (name, text) in [
        ("a/b", "'a/b' contains invalid characters"),
        ("..", "'..' is disallowed"),
        ("", "ID must not be empty"),
        (
            &"x".repeat(256),
            "ID must not be greater than 255 characters",
        ),
    ] {
        let mut world = World::new(hanging());
        world.launch(name, 0.1);
        assert_eq!(world.updates().remove(0).message(), text.as_bytes());
    }
}

#[test]
fn declined_offers_stay_away_for_as_long_as_was_said() {
    let mut world = World::new(hanging());
    let offer = world.offers.remove(0);
    let me = world.framework.clone();
    let decline = call::Decline {
        offer_ids: vec![offer],
        filters: Some(Filters {
            refuse_seconds: Some(10.0),
        }),
    };
    world.cluster.decline(&me, &decline);
    world.cluster.advance(9 * SECOND);
    world.read();
    assert_eq!(world.offers, []);
    world.cluster.advance(2 * SECOND);
    world.read();
    assert_eq!(world.offers.len(), 1);
    world.cluster.decline(
        &me,
        &call::Decline {
            offer_ids: world.offers.drain(..).collect(),
            ..decline
        },
    );
    world.cluster.revive(&me, &["not ours".to_owned()]);
    world.read();
    assert_eq!(world.offers, [], "the whole call is ignored");
    world.cluster.revive(&me, &[]);
    world.read();
    assert_eq!(world.offers.len(), 1, "at once");
}

#[test]
fn a_framework_that_stays_away_is_removed_with_its_tasks() {
    let mut world = World::new(hanging());
    world.launch("t", 0.1);
    let stream = world.stream.clone();
    world.cluster.stream_closed(&stream);
    world.cluster.advance(99 * SECOND);
    assert_eq!(world.cluster.tasks().len(), 1);
    world.cluster.advance(SECOND);
    assert_eq!(world.cluster.tasks(), []);
    assert_eq!(world.cluster.frameworks(), []);
    let mut again = subscribe("cron");
    again.framework_info.id = Some(mesos_v1::proto::FrameworkId {
        value: world.framework.clone(),
    });
    world.read();
    world.cluster.subscribe(&again, None);
    let emitted = world.cluster.take_emitted();
    let Some((_stream, Emit::Event(event))) = emitted.first() else {
        panic!("it is told");
    };
    let error = event.error.as_ref().expect("an error");
    assert_eq!(error.message, b"Framework has been removed");
}

#[test]
fn after_a_failover_there_are_no_offers_until_most_agents_are_back() {
    let mut world = World::new(hanging());
    for number in 2..=5 {
        world.cluster.add_agent(AgentSpec::plain(number));
    }
    let agents = world.cluster.agent_ids();
    world.cluster.fail_over("127.0.0.1", 5_060);
    let mut again = subscribe("cron");
    again.framework_info.id = Some(mesos_v1::proto::FrameworkId {
        value: world.framework.clone(),
    });
    world.stream = world.cluster.subscribe(&again, None);
    world.offers.clear();
    for agent in &agents[..3] {
        world.cluster.agent_finds_master(agent);
    }
    world.cluster.advance(60 * SECOND);
    world.read();
    assert_eq!(world.offers, []);
    world.cluster.agent_finds_master(&agents[3]);
    world.read();
    assert_eq!(world.offers.len(), 4);
}

#[test]
fn an_executor_answers_messages_until_it_dies() {
    let mut world = World::new(hanging());
    world.read();
    let offer = world.offers.remove(0);
    let mut call = accept(&offer, &world.agent, "t", 0.1);
    let executor = ExecutorId { value: "e".into() };
    if let Some(launch) = &mut call.operations[0].launch {
        launch.task_infos[0].command = None;
        launch.task_infos[0].executor = Some(ExecutorInfo {
            executor_id: executor.clone(),
            ..ExecutorInfo::default()
        });
    }
    let (me, agent) = (world.framework.clone(), world.agent.clone());
    world.cluster.accept(&me, &call);
    world.cluster.advance(Duration::ZERO);
    let message = call::Message {
        agent_id: AgentId {
            value: agent.clone(),
        },
        executor_id: executor.clone(),
        data: b"ping".to_vec(),
    };
    world.cluster.take_emitted();
    world.cluster.message(&me, &message);
    let events = |world: &mut World| -> Vec<Event> {
        let emitted = world.cluster.take_emitted().into_iter();
        let events = emitted.filter_map(|(_, emit)| match emit {
            Emit::Event(event) => Some(*event),
            Emit::End => None,
        });
        events.collect()
    };
    let echo = events(&mut world).remove(0).message.expect("an echo");
    assert_eq!(
        (echo.data, echo.executor_id),
        (b"ping".to_vec(), executor.clone())
    );
    world.cluster.executor_dies(&me, &agent, "e", 9);
    let told = events(&mut world);
    let failure = told.iter().find_map(|event| event.failure.as_ref());
    let failure = failure.expect("it is told");
    assert_eq!(
        (failure.status, &failure.executor_id),
        (Some(9), &Some(executor))
    );
    assert_eq!(world.cluster.tasks()[0].3, TaskState::TaskFailed);
    world.cluster.message(&me, &message);
    assert_eq!(events(&mut world), [], "nobody hears it");
}

struct World {
    cluster: Cluster,
    stream: String,
    framework: String,
    agent: String,
    offers: Vec<OfferId>,
    unread: Vec<TaskStatus>,
}

impl World {
    fn new(script: Script) -> Self {
        let settings = Settings {
            script,
            ..Settings::default()
        };
        let mut cluster = Cluster::new(settings, "127.0.0.1", 5_050);
        let agent = cluster.add_agent(AgentSpec::plain(1));
        let stream = cluster.subscribe(&subscribe("cron"), None);
        let mut world = Self {
            cluster,
            stream: stream.clone(),
            framework: String::new(),
            agent,
            offers: Vec::new(),
            unread: Vec::new(),
        };
        world.framework = world.framework_of(&stream);
        world
    }

    // The id that a subscription was given.
    fn framework_of(&mut self, stream: &str) -> String {
        let mut found = String::new();
        for (to, emit) in self.cluster.take_emitted() {
            if let Emit::Event(event) = emit {
                if to == self.stream {
                    self.keep(&event);
                }
                if let (true, Some(subscribed)) = (to == stream, &event.subscribed) {
                    found.clone_from(&subscribed.framework_id.value);
                }
            }
        }
        found
    }

    fn read(&mut self) {
        let stream = self.stream.clone();
        self.framework_of(&stream);
    }

    fn keep(&mut self, event: &Event) {
        let offers = event.offers.iter().flat_map(|offers| &offers.offers);
        self.offers.extend(offers.map(|offer| offer.id.clone()));
        if let Some(update) = &event.update {
            self.unread.push(update.status.clone());
        }
    }

    fn updates(&mut self) -> Vec<TaskStatus> {
        self.read();
        std::mem::take(&mut self.unread)
    }

    fn launch(&mut self, id: &str, cpus: f64) {
        self.read();
        let offer = self.offers.remove(0);
        let call = accept(&offer, &self.agent, id, cpus);
        let me = self.framework.clone();
        self.cluster.accept(&me, &call);
        self.cluster.advance(Duration::ZERO);
    }

    fn acknowledge(&mut self, status: &TaskStatus) {
        let call = call::Acknowledge {
            agent_id: status.agent_id.clone().expect("an agent"),
            task_id: status.task_id.clone(),
            uuid: status.uuid.clone().expect("a uuid"),
        };
        let me = self.framework.clone();
        self.cluster.acknowledge(&me, &call);
    }
}

fn subscribe(name: &str) -> call::Subscribe {
    let capability = |kind: capability::Type| Capability {
        r#type: Some(kind.into()),
    };
    call::Subscribe {
        framework_info: FrameworkInfo {
            user: "root".into(),
            name: name.into(),
            roles: vec!["*".into()],
            failover_timeout: Some(100.0),
            checkpoint: Some(true),
            capabilities: vec![
                capability(capability::Type::MultiRole),
                capability(capability::Type::PartitionAware),
            ],
            ..FrameworkInfo::default()
        },
        ..call::Subscribe::default()
    }
}

fn accept(offer: &OfferId, agent: &str, id: &str, cpus: f64) -> call::Accept {
    let task = TaskInfo {
        name: "t".into(),
        task_id: TaskId { value: id.into() },
        agent_id: AgentId {
            value: agent.into(),
        },
        resources: vec![mesos_fake::scalar_of("cpus", cpus)],
        command: Some(CommandInfo::default()),
        ..TaskInfo::default()
    };
    call::Accept {
        offer_ids: vec![offer.clone()],
        operations: vec![Operation {
            r#type: Some(offer::operation::Type::Launch.into()),
            launch: Some(offer::operation::Launch {
                task_infos: vec![task],
            }),
            ..Operation::default()
        }],
        filters: Some(Filters {
            refuse_seconds: Some(0.0),
        }),
    }
}

fn hanging() -> Script {
    let mut script = Script::default();
    script.set("", Behaviour::hangs());
    script
}

#[test]
fn a_launch_that_missed_its_agent_is_dropped_when_it_comes_back() {
    let mut world = World::new(hanging());
    let agent = world.agent.clone();
    // The network is broken, and the master does not know yet.
    world.cluster.cut_agent(&agent);
    world.launch("t", 0.1);
    assert_eq!(world.updates(), []);
    world.cluster.lose_agent(&agent, true);
    world.cluster.return_agent(&agent);
    let dropped = world.updates().remove(0);
    assert_eq!(dropped.state(), TaskState::TaskDropped);
    world.acknowledge(&dropped);
    assert_eq!(world.cluster.tasks(), []);
}
