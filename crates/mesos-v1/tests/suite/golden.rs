//! Bytes that another implementation of protobuf made from the original schema.

use mesos_v1::{
    call,
    event::Event,
    proto::{
        AgentId, CommandInfo, DurationInfo, FrameworkId, FrameworkInfo, KillPolicy, OfferId,
        Resource, TaskId, TaskInfo, TaskState, TaskStatus, Value, framework_info, offer, resource,
        scheduler::Call, task_status, value,
    },
    recordio::Decoder,
};

const UUID: [u8; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

#[test]
fn subscribe_as_a_new_framework() {
    use framework_info::{Capability, capability::Type};

    let capability = |kind: Type| Capability {
        r#type: Some(kind.into()),
    };
    let info = FrameworkInfo {
        failover_timeout: Some(604_800.0),
        checkpoint: Some(true),
        capabilities: vec![
            capability(Type::MultiRole),
            capability(Type::PartitionAware),
            capability(Type::TaskKillingState),
        ],
        roles: vec!["*".into()],
        ..cron()
    };
    check(
        &call::subscribe(None, &info, Vec::new(), None),
        "10011a280a260a04726f6f74120463726f6e210000000000752241280152020806520208055202080262012a",
    );
    // An empty id is none.
    check(
        &call::subscribe(Some(&framework("")), &info, Vec::new(), None),
        "10011a280a260a04726f6f74120463726f6e210000000000752241280152020806520208055202080262012a",
    );
}

#[test]
fn subscribe_as_a_known_framework() {
    check(
        &call::subscribe(Some(&framework("F-1")), &cron(), vec!["a".into()], None),
        "0a050a03462d3110011a180a130a04726f6f74120463726f6e1a050a03462d31120161",
    );
}

#[test]
fn accept() {
    let task = TaskInfo {
        name: "j".into(),
        task_id: task("t1"),
        agent_id: agent("S1"),
        resources: vec![Resource {
            name: "cpus".into(),
            r#type: value::Type::Scalar.into(),
            scalar: Some(value::Scalar { value: 0.1 }),
            allocation_info: Some(resource::AllocationInfo {
                role: Some("*".into()),
            }),
            ..Default::default()
        }],
        command: Some(CommandInfo {
            value: Some("true".into()),
            shell: Some(true),
            ..Default::default()
        }),
        ..Default::default()
    };
    let launch = offer::Operation {
        r#type: Some(offer::operation::Type::Launch.into()),
        launch: Some(offer::operation::Launch {
            task_infos: vec![task],
        }),
        ..Default::default()
    };
    check(
        &call::accept(&framework("F-1"), vec![offer_id("O1")], vec![launch], 5.0),
        "0a050a03462d311003224c0a040a024f311239080112350a330a016a12040a0274311a040a02533122180a046370757310001a0909\
         9a9999999999b93f5a030a012a3a081a047472756530011a09090000000000001440",
    );
}

#[test]
fn the_other_calls() {
    let id = framework("F-1");
    check(
        &call::acknowledge(&id, &running()).expect("it has a uuid and an agent"),
        "0a050a03462d311008421e0a040a02533112040a0274311a10000102030405060708090a0b0c0d0e0f",
    );
    check(
        &call::decline(&id, vec![offer_id("O1")], 120.0),
        "0a050a03462d3110042a110a040a024f311209090000000000005e40",
    );
    check(&call::revive(&id, Vec::new()), "0a050a03462d311005");
    check(&call::reconcile(&id, []), "0a050a03462d3110094a00");
    check(
        &call::reconcile(&id, [(task("t1"), Some(agent("S1")))]),
        "0a050a03462d3110094a0e0a0c0a040a02743112040a025331",
    );
    let grace = KillPolicy {
        grace_period: Some(DurationInfo {
            nanoseconds: 5_000_000_000,
        }),
    };
    check(
        &call::kill(&id, task("t1"), Some(grace)),
        "0a050a03462d31100632100a040a0274311a080a060880e497d012",
    );
}

#[test]
fn events() {
    let want = Event::Subscribed {
        framework: framework("F-1"),
        heartbeat: Some(15.0),
        master: None,
    };
    check_event("080112100a050a03462d31110000000000002e40", &want);
    check_event("0808", &Event::Heartbeat);
    check_event(
        "08042a330a310a040a02743110012a040a02533131000000000000f03f3a040a02743148025a10000102030405060708090a0b0c0d0e0f",
        &Event::Update(Box::new(running())),
    );
    check_event(
        "0807421c0a1a4672616d65776f726b20686173206265656e2072656d6f766564",
        &Event::Error("Framework has been removed".into()),
    );
    check_event("080322060a040a024f31", &Event::Rescind(offer_id("O1")));
    let failure = mesos_v1::proto::scheduler::event::Failure {
        agent_id: Some(agent("S1")),
        ..Default::default()
    };
    check_event("08063a060a040a025331", &Event::Failure(failure));
}

#[test]
fn a_heartbeat_in_its_frame() {
    let mut decoder = Decoder::new();
    decoder.push(&hex("320a0808"));
    let record = decoder.next_record().expect("well framed").expect("whole");
    assert_eq!(Event::decode(&record), Ok(Event::Heartbeat));
}

#[test]
fn only_what_has_a_uuid_and_an_agent_is_acknowledged() {
    let id = framework("F-1");
    let without = |change: fn(&mut TaskStatus)| {
        let mut status = running();
        change(&mut status);
        call::acknowledge(&id, &status)
    };
    assert_eq!(without(|status| status.uuid = None), None);
    assert_eq!(without(|status| status.uuid = Some(Vec::new())), None);
    assert_eq!(without(|status| status.agent_id = None), None);
}

#[test]
fn absent_is_not_the_opposite() {
    assert!(CommandInfo::default().shell());
    assert_eq!(Value::default().r#type, value::Type::Scalar as i32);
    assert_eq!(TaskStatus::default().state, TaskState::TaskStaging as i32);
}

#[track_caller]
fn check(call: &Call, want: &str) {
    let want: String = want.split_whitespace().collect();
    assert_eq!(call::body(call), hex(&want));
}

#[track_caller]
fn check_event(bytes: &str, want: &Event) {
    assert_eq!(Event::decode(&hex(bytes)).as_ref(), Ok(want));
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal"))
        .collect()
}

fn cron() -> FrameworkInfo {
    FrameworkInfo {
        user: "root".into(),
        name: "cron".into(),
        ..Default::default()
    }
}

fn running() -> TaskStatus {
    TaskStatus {
        task_id: task("t1"),
        state: TaskState::TaskRunning.into(),
        agent_id: Some(agent("S1")),
        timestamp: Some(1.0),
        executor_id: Some(mesos_v1::proto::ExecutorId { value: "t1".into() }),
        source: Some(task_status::Source::Executor.into()),
        uuid: Some(UUID.to_vec()),
        ..Default::default()
    }
}

fn framework(id: &str) -> FrameworkId {
    FrameworkId { value: id.into() }
}

fn agent(id: &str) -> AgentId {
    AgentId { value: id.into() }
}

fn task(id: &str) -> TaskId {
    TaskId { value: id.into() }
}

fn offer_id(id: &str) -> OfferId {
    OfferId { value: id.into() }
}
