//! A cluster that is shared with others: offers come and go.

use std::sync::Arc;

use crate::world::Disk;
use chronos_core::{
    Abilities, AgentId, Away, ClusterCall, ClusterEvent, Command, Effect, Input, Launch, Mono, Now,
    Offer, OfferId, RequestId, Scheduler, Settings, TaskState, TaskUpdate,
};
use chronos_model::{
    ContainerKind, JobDefaults, JobKind, JobSpec, RunKey, RunState, Snapshot, Timestamp, Write,
};
use resources::{Attribute, AttributeValue, Attributes, Ranges, Resources, Scalar};
use serde_json::{Value, json};

const START: i64 = 1_893_456_000_000; // 2030-01-01

pub(crate) struct Shared {
    pub(crate) scheduler: Scheduler,
    pub(crate) millis: i64,
    /// What the cluster was told, in order.
    pub(crate) calls: Vec<String>,
    pub(crate) launched: Vec<(RunKey, Launch)>,
    /// What was written of runs: where each stood, and whether it had begun.
    pub(crate) written: Vec<(RunState, bool)>,
    pub(crate) store: Disk,
}

impl Shared {
    pub(crate) fn new(schedule: &str) -> Self {
        Self::of(&json!({ "schedule": schedule }))
    }

    pub(crate) fn of(fields: &Value) -> Self {
        Self::with(settings(), fields)
    }

    pub(crate) fn with(settings: Settings, fields: &Value) -> Self {
        let mut shared = Self {
            scheduler: Scheduler::recover(settings, at(0), Snapshot::default()),
            millis: 0,
            calls: Vec::new(),
            launched: Vec::new(),
            written: Vec::new(),
            store: Disk::default(),
        };
        shared.put(fields);
        shared
    }

    pub(crate) fn put(&mut self, fields: &Value) {
        let start = at(self.millis + 1_000).wall;
        let mut json = json!({
            "name": "job", "command": "true", "retries": 0, "schedule": format!("R1/{start}/PT1H"),
        });
        for (field, value) in fields.as_object().unwrap() {
            json[field] = value.clone();
        }
        let spec = JobSpec::from_json(
            &json,
            JobKind::Scheduled,
            &JobDefaults::default(),
            at(0).wall,
        )
        .unwrap();
        self.input(Input::Command {
            request: RequestId(1),
            command: Command::Put {
                spec: Arc::new(spec),
                source: None,
            },
        });
    }

    pub(crate) fn input(&mut self, input: Input) {
        self.scheduler.handle(at(self.millis), input);
        while let Some(effect) = self.scheduler.next_effect() {
            match effect {
                Effect::Persist { request, writes } => {
                    let runs = writes.iter().filter_map(|write| {
                        let Write::PutRun(run) = write else {
                            return None;
                        };
                        Some((run.state, run.started_at.is_some()))
                    });
                    self.written.extend(runs);
                    self.store.apply(writes);
                    self.scheduler
                        .handle(at(self.millis), Input::Persisted(request));
                }
                Effect::Cluster(call) => self.call(call),
                Effect::Reply { .. } | Effect::Notice(_) => {}
            }
        }
        assert_eq!(self.scheduler.validate(), [""; 0]);
    }

    pub(crate) fn call(&mut self, call: ClusterCall) {
        self.calls.push(match call {
            ClusterCall::Launch { offers, tasks } => {
                let task = &tasks[0];
                self.launched.push((task.key.clone(), task.launch));
                let offers: Vec<_> = offers.iter().map(ToString::to_string).collect();
                format!("launch on {}", offers.join(" and "))
            }
            ClusterCall::Decline { offer } => format!("decline {offer}"),
            ClusterCall::Kill { .. } => "kill".to_owned(),
            ClusterCall::Acknowledge { .. } => "acknowledge".to_owned(),
            ClusterCall::Reconcile { .. } => "reconcile".to_owned(),
            ClusterCall::Want { offers } => format!("want {offers}"),
            ClusterCall::Constrain { groups } => format!("constrain {}", groups.len()),
        });
    }

    /// The scheduler dies; another one starts from the store.
    pub(crate) fn crash(&mut self) {
        let snapshot = self.store.snapshot();
        self.scheduler = Scheduler::recover(settings(), at(self.millis), snapshot);
        self.input(Input::Tick);
    }

    pub(crate) fn run(&mut self, job: &str) {
        self.input(Input::Command {
            request: RequestId(2),
            command: Command::Run {
                job: job.parse().unwrap(),
                arguments: None,
            },
        });
    }

    pub(crate) fn after(&mut self, millis: i64) {
        self.millis += millis;
        self.input(Input::Tick);
    }

    pub(crate) fn offer(&mut self, id: &str, cpus: i64) {
        self.offer_until(id, cpus, None);
    }

    /// An offer of an agent that goes away after so many milliseconds.
    pub(crate) fn offer_until(&mut self, id: &str, cpus: i64, leaves_after: Option<i64>) {
        let abilities = Abilities {
            away: leaves_after.map(|after| Away {
                from: at(self.millis + after).wall,
                until: None,
            }),
            ..Abilities::default()
        };
        self.offer_of(id, cpus, abilities);
    }

    pub(crate) fn offer_of(&mut self, id: &str, cpus: i64, abilities: Abilities) {
        self.offer_with(id, cpus, abilities, Vec::new());
    }

    /// An offer of the agent before the slash, to the role behind the at sign.
    pub(crate) fn offer_with(
        &mut self,
        id: &str,
        cpus: i64,
        abilities: Abilities,
        own: Vec<Attribute>,
    ) {
        let units = Scalar::from_units(cpus * 1000);
        let (agent, _) = id.split_once('/').unwrap_or((id, ""));
        let offer = Offer {
            id: OfferId(id.into()),
            agent: AgentId(agent.into()),
            hostname: agent.into(),
            resources: Resources::new(Scalar::from_thousandths(cpus * 100), units, units),
            attributes: Arc::new(Attributes::new(agent, own)),
            role: id.split_once('@').map(|(_, role)| role.into()),
            abilities,
        };
        self.input(Input::Cluster(ClusterEvent::Offers(vec![offer])));
    }

    pub(crate) fn update(&mut self, launch: usize, state: TaskState, message: Option<&str>) {
        let (key, launch) = self.launched[launch].clone();
        self.input(Input::Cluster(ClusterEvent::Update(TaskUpdate {
            key,
            launch: Some(launch),
            agent: AgentId("one".into()),
            state,
            exit_code: None,
            message: message.map(str::to_owned),
            started_at: None,
            at: at(self.millis).wall,
        })));
    }

    pub(crate) fn told(&mut self) -> String {
        std::mem::take(&mut self.calls).join(", ")
    }

    pub(crate) fn state(&self) -> Option<(RunState, Option<String>)> {
        let view = self.scheduler.view();
        let job = view.jobs().next().unwrap();
        let run = job.runs().next()?;
        Some((run.state, run.reason.clone()))
    }
}

fn settings() -> Settings {
    Settings {
        returns_offers: true,
        ..Settings::default()
    }
}

pub(crate) fn at(millis: i64) -> Now {
    Now {
        wall: Timestamp::from_millis(START + millis),
        mono: Mono(millis.unsigned_abs()),
    }
}

#[test]
fn offers_are_asked_for_early_kept_for_a_while_and_given_back() {
    let mut shared = Shared::new("R/2030-01-01T00:01:00Z/PT1H");
    assert_eq!(shared.told(), "want false");
    shared.offer("stray", 1);
    assert_eq!(shared.told(), "decline stray", "nothing is near");
    let wall = shared.scheduler.deadline().wall.unwrap();
    assert_eq!(wall, at(55_000).wall, "before what is due");
    shared.after(54_999);
    assert_eq!(shared.told(), "");
    shared.after(1);
    assert_eq!(shared.told(), "want true");
    shared.offer("one", 1);
    shared.offer("two", 1);
    assert_eq!(shared.told(), "", "they are kept");
    shared.after(5_000);
    assert_eq!(shared.told(), "launch on one");
    shared.after(9_999);
    assert_eq!(shared.told(), "", "somebody may want the other one");
    shared.after(1);
    assert_eq!(shared.told(), "want false, decline two");
}

#[test]
fn offers_that_are_too_small_are_given_back_at_once() {
    let mut shared = Shared::new("R1/2030-01-01T00:00:01Z/PT1H");
    shared.after(1_000);
    assert_eq!(shared.told(), "want true");
    shared.offer("small", 0);
    assert_eq!(shared.told(), "decline small");
    shared.offer("small/other@role", 0);
    assert_eq!(shared.told(), "decline small/other@role");
    shared.offer("one", 1);
    assert_eq!(shared.told(), "launch on one");
}

#[test]
fn offers_of_one_agent_are_used_together() {
    let cases = [
        ("one/a 2, one/b 1", "launch on one/a and one/b"),
        ("one/a 2, two/b 1", ""),
        ("one/a 2, two/b 1, two/c 2", "launch on two/b and two/c"),
        // All are spent, so that a master gives back what is left as one.
        ("one/a 3, one/b 1", "launch on one/a and one/b"),
        // A master takes offers together that were made to one role.
        ("one/a@x 2, one/b@y 1", ""),
        (
            "one/a@x 2, one/b@y 1, one/c@y 2",
            "launch on one/b@y and one/c@y",
        ),
    ];
    for (offers, want) in cases {
        let job = json!({ "schedule": "R1/2030-01-01T00:00:10Z/PT1H", "cpus": 0.3 });
        let mut shared = Shared::of(&job);
        shared.after(5_000);
        for offer in offers.split(", ") {
            let (id, cpus) = offer.split_once(' ').unwrap();
            shared.offer(id, cpus.parse().unwrap());
        }
        shared.told();
        shared.after(5_000);
        let told = shared.told();
        let mut launches = told.split(", ").filter(|call| call.starts_with("launch"));
        assert_eq!(launches.next().unwrap_or_default(), want, "{offers}");
    }
}

// Else it would wait behind a filter that was set for others.
#[test]
fn something_new_that_waits_wants_what_was_declined() {
    let mut shared = Shared::of(&json!({ "cpus": 9 }));
    shared.after(1_000);
    shared.told();
    shared.offer("one", 1);
    assert_eq!(shared.told(), "decline one");
    let twin = json!({ "name": "twin", "cpus": 9 });
    shared.put(&twin);
    shared.after(1_000);
    assert_eq!(shared.told(), "", "it wants what the first one wants");
    shared.put(&json!({ "name": "small" }));
    shared.after(1_000);
    assert_eq!(shared.told(), "want true");
    shared.put(&json!({ "name": "small-too" }));
    shared.after(1_000);
    assert_eq!(shared.told(), "", "once");
    shared.offer("one", 1);
    assert_eq!(shared.told(), "launch on one");
}

// Agents of a cluster of thousands that nothing can use need not be offered again and again.
#[test]
fn agents_that_nothing_can_use_are_not_asked_for() {
    let settings = Settings {
        constrains_offers: true,
        ..settings()
    };
    let rack = |rack| json!([["rack", "EQUALS", rack]]);
    let stuck = json!({ "name": "stuck", "constraints": rack("r9") });
    let mut shared = Shared::with(settings, &stuck);
    shared.after(1_000);
    assert_eq!(shared.told(), "constrain 0, want true");
    shared.offer("one", 1);
    assert_eq!(shared.told(), "decline one");
    shared.after(5_000);
    shared.after(29_999);
    assert_eq!(shared.told(), "", "not at once");
    shared.after(5_001);
    assert_eq!(shared.told(), "constrain 1");

    shared.put(&json!({ "name": "too", "constraints": rack("r8") }));
    assert_eq!(
        shared.told(),
        "constrain 0",
        "it is due soon, and may want any"
    );
    shared.after(1_000);
    assert_eq!(
        shared.told(),
        "want true",
        "what was declined may be right for it"
    );
    shared.after(5_000);
    shared.after(30_000);
    assert_eq!(shared.told(), "constrain 2");

    // What somebody asks for comes without notice.
    let far = "R1/2030-01-01T00:59:00Z/PT1H";
    shared.after(6_000);
    shared.put(&json!({ "name": "more", "schedule": far, "constraints": rack("r7") }));
    shared.run("more");
    assert_eq!(shared.told(), "constrain 3");
    shared.after(6_000);
    shared.put(&json!({ "name": "any", "schedule": far }));
    shared.run("any");
    assert_eq!(
        shared.told(),
        "constrain 0",
        "and what was declined is free again by now"
    );
    shared.offer("one", 1);
    assert_eq!(shared.told(), "launch on one");
}

// Each is soon gone, but the next one should not have to wait.
#[test]
fn as_long_as_runs_come_that_may_go_anywhere_no_agent_is_left_out() {
    let settings = Settings {
        constrains_offers: true,
        ..settings()
    };
    let stuck = json!({ "name": "stuck", "constraints": [["rack", "EQUALS", "r9"]] });
    let mut shared = Shared::with(settings, &stuck);
    shared.put(&json!({ "name": "any", "schedule": "R1/2030-01-01T00:59:00Z/PT1H" }));
    shared.after(6_000);
    for launch in 0..8 {
        shared.run("any");
        shared.offer("one", 1);
        shared.update(launch, TaskState::Finished, None);
        // A look at what waits now.
        shared.after(6_000);
        assert!(!shared.told().contains("constrain 1"), "{launch}");
    }
    for _ in 0..8 {
        shared.after(6_000);
    }
    assert!(
        shared.told().contains("constrain 1"),
        "now none comes any more"
    );
}

// A master looks at the first attribute of a name, `EQUALS` at all of them.
#[test]
fn agents_that_cannot_be_described_are_never_hidden() {
    let settings = Settings {
        constrains_offers: true,
        ..settings()
    };
    let mut shared = Shared::with(
        settings,
        &json!({ "constraints": [["rack", "EQUALS", "r9"]] }),
    );
    shared.after(1_000);
    let racks = ["r1", "r2"].map(|rack| Attribute::new("rack", AttributeValue::text(rack)));
    shared.offer_with("odd", 1, Abilities::default(), racks.to_vec());
    shared.told();
    for _ in 0..10 {
        shared.after(10_000);
    }
    assert_eq!(shared.told(), "");
}

#[test]
fn an_agent_that_is_about_to_leave_gets_nothing() {
    let mut shared = Shared::new("R1/2030-01-01T00:00:01Z/PT1H");
    shared.after(1_000);
    shared.told();
    // Nobody knows how long the job runs.
    shared.offer_until("leaving", 1, Some(60_000));
    assert_eq!(shared.told(), "decline leaving");
    shared.offer_until("staying", 1, Some(24 * 3_600_000));
    assert_eq!(shared.told(), "launch on staying");
}

#[test]
fn a_limit_says_how_long_a_run_takes() {
    // Rounded up by a quarter at most; without a limit ten minutes are assumed.
    for (limit, leaves_after, goes) in [
        (0, 599, false),
        (0, 600, true),
        (30, 31, false),
        (30, 38, true),
        (1_000, 999, false),
        (1_000, 1_250, true),
        (86_400, 86_399, false),
        (86_400, 108_000, true),
    ] {
        let mut shared = Shared::of(&json!({ "maxCompletionTime": limit }));
        shared.after(1_000);
        shared.told();
        shared.offer_until("leaving", 1, Some(leaves_after * 1_000));
        let want = if goes {
            "launch on leaving"
        } else {
            "decline leaving"
        };
        assert_eq!(
            shared.told(),
            want,
            "{limit} s, {leaves_after} s before it leaves"
        );
    }
}

#[test]
fn ports_and_gpus_are_looked_for() {
    let mapped = |ports: &[u16]| {
        let mappings = ports
            .iter()
            .map(|port| json!({"hostPort": port, "containerPort": 80}));
        let mappings: Vec<Value> = mappings.collect();
        json!({"container": {
            "image": "busybox", "network": "BRIDGE",
            "networkInfos": [{"name": "net", "portMappings": mappings}],
        }})
    };
    let has = |gpus, ports: &[(u64, u64)]| Abilities {
        gpus: Scalar::from_units(gpus),
        ports: Arc::new(Ranges::new(ports.iter().copied())),
        containers: vec![ContainerKind::Docker],
        ..Abilities::default()
    };
    let gpus = |gpus| json!({ "gpus": gpus });
    let ports = |ranges: &[(u64, u64)]| has(0, ranges);
    for (fields, offered, why) in [
        (mapped(&[8_080]), ports(&[(8_000, 8_100)]), None),
        (mapped(&[8_080, 0]), ports(&[(8_080, 8_081)]), None),
        (
            mapped(&[8_080]),
            ports(&[]),
            Some("ports (needs 1, best 0)"),
        ),
        (
            mapped(&[8_080, 80]),
            ports(&[(8_000, 8_100)]),
            Some("port 80"),
        ),
        (mapped(&[8_080, 0]), ports(&[(8_080, 8_080)]), Some("ports")),
        (gpus(2), has(2, &[]), None),
        (gpus(2), has(1, &[]), Some("gpus")),
        (gpus(1), has(0, &[]), Some("GPU")),
        (json!({}), has(1, &[]), Some("GPU")),
        (json!({}), ports(&[(1, 9)]), None),
    ] {
        let mut shared = Shared::of(&fields);
        shared.after(1_000);
        shared.told();
        shared.offer_of("one", 1, offered);
        let Some(why) = why else {
            assert_eq!(shared.told(), "launch on one", "{fields}");
            continue;
        };
        assert_eq!(shared.told(), "decline one", "{fields}");
        let view = shared.scheduler.view();
        let job = view.jobs().next().unwrap();
        let reason = view.why_waiting(job)[0].to_string();
        assert!(reason.contains(why), "{fields}: {reason}");
    }
}

#[test]
fn what_names_no_region_stays_at_home() {
    let wants = |region: &str| json!({ "constraints": [["@region", "LIKE", region]] });
    let region = |name| Attribute::new("@region", AttributeValue::text(name));
    for (fields, home, there, goes) in [
        (json!({}), Some("here"), Some("there"), false),
        (json!({}), Some("here"), Some("here"), true),
        (json!({}), Some("here"), None, true),
        (json!({}), None, Some("there"), true),
        (wants("there"), Some("here"), Some("there"), true),
        (wants(".*"), Some("here"), Some("there"), true),
        (wants("here"), Some("here"), Some("there"), false),
    ] {
        let mut shared = Shared::of(&fields);
        // A master that does not say where it is has been followed by one that does.
        shared.offer_with("first", 1, Abilities::default(), vec![region("there")]);
        shared.input(Input::Cluster(ClusterEvent::Rescinded(OfferId(
            "first".into(),
        ))));
        shared.after(1_000);
        shared.told();
        let abilities = Abilities {
            home_region: home.map(Into::into),
            ..Abilities::default()
        };
        shared.offer_with("one", 1, abilities, there.map(region).into_iter().collect());
        let want = if goes { "launch on one" } else { "decline one" };
        assert_eq!(shared.told(), want, "{fields} {home:?} {there:?}");
    }
}

// Whatever else two jobs have in common.
#[test]
fn another_port_is_another_wish() {
    let wants = |name: &str, port: u16| {
        json!({"name": name, "container": {
            "image": "busybox", "network": "BRIDGE", "networkInfos": [
                {"name": "net", "portMappings": [{"hostPort": port, "containerPort": 80}]},
            ],
        }})
    };
    let mut shared = Shared::of(&wants("first", 8_080));
    shared.put(&wants("second", 9_090));
    shared.after(1_000);
    shared.told();
    let only_the_other = Abilities {
        ports: Arc::new(Ranges::new([(9_090, 9_090)])),
        containers: vec![ContainerKind::Docker],
        ..Abilities::default()
    };
    shared.offer_of("one", 1, only_the_other);
    assert_eq!(shared.told(), "launch on one");
    assert_eq!(shared.launched[0].0.job.as_str(), "second");
}
