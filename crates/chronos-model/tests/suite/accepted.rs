//! Documents that are accepted, and what they mean.

mod policy;

use chronos_model::{
    CatchUp, ContainerKind, Fetch, IpProtocol, JobDefaults, JobKind, JobSpec, Network, Timestamp,
    Trigger, VolumeMode,
};
use resources::{Resources, Scalar};
use serde_json::{Value, json};

use crate::support::{NOW, accept, accept_with, base, with};

fn parse(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

// Three jobs that a newcomer posts first.
const PLAIN: &str = r#"{"schedule":"R/2017-05-04T02:58:00Z/PT24H","name":"Test-Chronos-API","description":"Sleep for 60 seconds and return.","cpus":0.5,"mem":128,"disk":500,"command":"sleep 60"}"#;
const WITH_OFFSET: &str = r#"{"schedule":"R/2017-05-04T14:25:00.000+08:00/PT24H","name":"Test-Chronos","description":"Sleep for 60 seconds and return.","cpus":0.5,"mem":128,"disk":500,"command":"sleep 30"}"#;
const DOCKER: &str = r#"{"schedule":"R/2017-05-04T05:50:00Z/PT24H","name":"Test-Chronos-Docker","container":{"type":"DOCKER","image":"busybox","network":"BRIDGE","volumes":[{"containerPath":"/var/log/","hostPath":"/var/log/","mode":"RW"}]},"cpus":"0.5","mem":"128","fetch":[],"command":"while sleep 10; do date -u +%T; done"}"#;

#[test]
fn the_first_jobs_of_a_newcomer() {
    let plain = accept(&parse(PLAIN), JobKind::Scheduled);
    assert_eq!(plain.name.as_str(), "Test-Chronos-API");
    assert_eq!(&*plain.command, "sleep 60");
    assert_eq!(
        plain.details.description,
        "Sleep for 60 seconds and return."
    );
    assert_eq!(
        plain.resources,
        Resources::new(
            Scalar::from_thousandths(500),
            Scalar::from_units(128),
            Scalar::from_units(500)
        )
    );
    assert_eq!(
        plain.schedule().unwrap().text(),
        "R/2017-05-04T02:58:00Z/PT24H"
    );

    let offset = accept(&parse(WITH_OFFSET), JobKind::Scheduled);
    let targets = offset.schedule().unwrap().targets(NOW).unwrap();
    assert_eq!(
        targets.first().unwrap().at.to_string(),
        "2017-05-04T06:25:00.000Z"
    );

    let docker = accept(&parse(DOCKER), JobKind::Scheduled);
    let container = docker.details.container.clone().unwrap();
    assert_eq!(container.kind, ContainerKind::Docker);
    assert_eq!(container.image, "busybox");
    assert_eq!(container.network, Network::Bridge);
    assert_eq!(container.volumes[0].container_path, "/var/log/");
    assert_eq!(container.volumes[0].host_path.as_deref(), Some("/var/log/"));
    assert_eq!(container.volumes[0].mode, Some(VolumeMode::ReadWrite));
    assert_eq!(docker.resources.cpus, Scalar::from_thousandths(500));
    assert_eq!(
        docker.resources.disk,
        Scalar::from_units(256),
        "Chronos' own default"
    );
}

#[test]
fn absent_and_null_fields_take_the_same_defaults() {
    let defaults = JobDefaults {
        resources: Resources::new(
            Scalar::from_units(2),
            Scalar::from_units(3),
            Scalar::from_units(4),
        ),
        user: "nobody".to_owned(),
    };
    let read = |document: &Value| JobSpec::from_json(document, JobKind::Any, &defaults, NOW);
    let spec = read(&base()).unwrap();
    assert!(spec.shell);
    assert_eq!(spec.retries, 2);
    assert_eq!(spec.resources, defaults.resources);
    assert_eq!(&*spec.run_as_user, "nobody");
    assert_eq!(spec.policies.max_completion_time_secs, 0);
    assert_eq!(spec.policies.retry_delay_secs, None);
    assert_eq!(spec.details.epsilon, None);
    assert_eq!(spec.policies.catch_up, CatchUp::Latest);
    assert_eq!(spec.details.container, None);
    assert!(!spec.disabled && !spec.soft_error && !spec.high_priority && !spec.concurrent());

    let mut nulls = base();
    for key in [
        "shell",
        "executor",
        "executorFlags",
        "taskInfoData",
        "retries",
        "owner",
        "ownerName",
        "description",
        "successCount",
        "errorCount",
        "lastSuccess",
        "lastError",
        "cpus",
        "disk",
        "mem",
        "disabled",
        "softError",
        "dataProcessingJobType",
        "errorsSinceLastSuccess",
        "fetch",
        "uris",
        "environmentVariables",
        "arguments",
        "highPriority",
        "runAsUser",
        "concurrent",
        "maxCompletionTime",
        "container",
        "constraints",
        "parents",
        "scheduleTimeZone",
        "epsilon",
        "retryDelay",
        "catchUp",
    ] {
        nulls[key] = Value::Null;
    }
    assert_eq!(read(&nulls).unwrap(), spec, "null is absent");

    for fields in [
        r#"{"cpus": 0, "mem": "0", "disk": 0.0}"#,
        r#"{"epsilon": ""}"#,
    ] {
        assert_eq!(read(&with(fields)).unwrap(), spec, "{fields}");
    }
    let empty_user = read(&with(r#"{"runAsUser": ""}"#)).unwrap();
    assert_eq!(&*empty_user.run_as_user, "", "what was written is kept");
}

// Cases 182 and 184, and the coercions of Chronos around them.
#[test]
fn scalars_in_the_wrong_type() {
    for (retries, want) in [
        ("3", 3),
        (r#""3""#, 3),
        (r#"" 3 ""#, 3),
        ("1.9", 1),
        (r#""1.9""#, 1),
        (r#""1e2""#, 100),
        ("1e2", 100),
        ("0", 0),
        ("-0.9", 0),
        ("2147483647", 2_147_483_647),
    ] {
        let spec = accept_with(&format!(r#"{{"retries": {retries}}}"#));
        assert_eq!(spec.retries, want, "{retries}");
    }
    for (flag, want) in [
        ("true", true),
        ("false", false),
        ("1", true),
        ("-7", true),
        ("0", false),
        (r#""true""#, true),
        (r#"" true ""#, true),
        (r#""false""#, false),
    ] {
        let spec = accept_with(&format!(r#"{{"shell": {flag}, "disabled": {flag}}}"#));
        assert_eq!((spec.shell, spec.disabled), (want, want), "{flag}");
    }
    for (flag, want) in [(r#""TRUE""#, true), (r#""False""#, false), ("1", true)] {
        let container = format!(r#"{{"container": {{"image": "a", "forcePullImage": {flag}}}}}"#);
        assert_eq!(
            accept_with(&container)
                .details
                .container
                .clone()
                .unwrap()
                .force_pull_image,
            want,
            "{flag}"
        );
    }
    for (cpus, want) in [
        ("0.5", 500),
        (r#""0.5""#, 500),
        (r#"" 2 ""#, 2000),
        ("1e-1", 100),
    ] {
        let spec = accept_with(&format!(r#"{{"cpus": {cpus}}}"#));
        assert_eq!(spec.resources.cpus.thousandths(), want, "{cpus}");
    }
    for (text, want) in [
        ("36", "36"),
        ("true", "true"),
        ("1.5", "1.5"),
        (r#"" a ""#, " a "),
    ] {
        let spec = accept_with(&format!(r#"{{"command": {text}, "arguments": [{text}]}}"#));
        assert_eq!(
            (&*spec.command, spec.details.arguments[0].as_str()),
            (want, want)
        );
    }
    assert_eq!(accept_with(r#"{"name": 36}"#).name.as_str(), "36");
    assert_eq!(
        accept_with(r#"{"name": "a b #7"}"#).name.as_str(),
        "a b #7",
        "Chronos 2"
    );
}

#[test]
fn which_kind_it_is() {
    let scheduled = |spec: &JobSpec| spec.schedule().map(|s| s.text().to_owned());
    let parents =
        |spec: &JobSpec| -> Vec<_> { spec.parents().iter().map(ToString::to_string).collect() };
    let both = with(r#"{"parents": ["b", "a", "b", null]}"#);
    for kind in [JobKind::Dependent, JobKind::Any] {
        let spec = accept(&both, kind);
        assert_eq!(parents(&spec), ["a", "b"], "case 186");
        assert_eq!(scheduled(&spec), None);
    }
    let broken_schedule = with(r#"{"parents": ["a"], "schedule": "FOO"}"#);
    assert_eq!(
        parents(&accept(&broken_schedule, JobKind::Dependent)),
        ["a"]
    );

    let no_parents = with(r#"{"parents": []}"#);
    assert!(scheduled(&accept(&no_parents, JobKind::Scheduled)).is_some());

    let neither = json!({"name": "now", "command": "true"});
    let spec = accept(&neither, JobKind::Any);
    assert_eq!(
        scheduled(&spec).as_deref(),
        Some("R1/2017-03-13T00:34:43.932Z/PT24H"),
        "case 185"
    );
}

const SCHEDULES: &[(u32, &str, &str, &str)] = &[
    (
        2,
        "R5/2008-03-01T13:00:00Z/P1D",
        "",
        "2008-03-01T13:00:00.000Z",
    ),
    (
        6,
        "R/2008-03-01T13:00:00Z/P1D",
        "BST",
        "2008-03-01T07:00:00.000Z",
    ),
    (
        8,
        "R/2008-03-01T13:00:00Z/P1D",
        "Europe/Paris",
        "2008-03-01T12:00:00.000Z",
    ),
    (
        9,
        "R/2008-03-01T13:00:00-04:00/P1D",
        "PST",
        "2008-03-01T21:00:00.000Z",
    ),
    (
        13,
        "R007/2008-03-01T13:00:00Z/P1D",
        "",
        "2008-03-01T13:00:00.000Z",
    ),
    (
        16,
        "R/2008-03-01T13:00:00Z/P1d",
        "",
        "2008-03-01T13:00:00.000Z",
    ),
    (
        17,
        "R/2008-03-01T13:00:00Z/P1Y2M3W4DT5H6M7.008S",
        "",
        "2008-03-01T13:00:00.000Z",
    ),
    (
        20,
        "R/2008-03-01T13:00:00Z/P+1D",
        "",
        "2008-03-01T13:00:00.000Z",
    ),
    (22, "R/2008-03-01/P1D", "", "2008-03-01T00:00:00.000Z"),
    (
        22,
        "R/2008-03-01T13:00:00/P1D",
        "",
        "2008-03-01T13:00:00.000Z",
    ),
    (
        24,
        "R/2008-03-01T13:00:00+0100/P1D",
        "",
        "2008-03-01T12:00:00.000Z",
    ),
    (
        25,
        "R/2008-W09-6T13:00:00Z/P1D",
        "",
        "2008-03-01T13:00:00.000Z",
    ),
    (
        30,
        "R/2021-03-28T02:30:00Z/P1D",
        "Europe/Paris",
        "2021-03-28T01:30:00.000Z",
    ),
    (
        32,
        "R/1970-01-01T00:00:01Z/P1D",
        "",
        "1970-01-01T00:00:01.000Z",
    ),
    (34, "R1//PT2M", "", "2017-03-13T00:34:43.932Z"),
    (
        34,
        "R/2015-05-21T18:14:00.123456789Z/PT2M",
        "",
        "2015-05-21T18:14:00.123Z",
    ),
    (
        34,
        "R/2015-05-21T18:14:00+02:00/PT2M",
        "",
        "2015-05-21T16:14:00.000Z",
    ),
    (5, "R1//P", "", "2017-03-13T00:34:43.932Z"),
];

// Cases of section A that are accepted, and where their first targets are.
#[test]
fn schedules() {
    for &(case, schedule, zone, first) in SCHEDULES {
        let mut document = base();
        document["schedule"] = schedule.into();
        document["scheduleTimeZone"] = zone.into();
        let spec = accept(&document, JobKind::Scheduled);
        let read = spec.schedule().unwrap();
        assert_eq!(
            (read.text(), read.zone_text()),
            (schedule, zone),
            "case {case}"
        );
        let at = read.targets(NOW).unwrap().first().unwrap().at.to_string();
        assert_eq!(at, first, "case {case}: {schedule} {zone}");
    }
    for (case, never) in [(12, "R0/2008-03-01T13:00:00Z/P1D"), (34, "R0//PT0M")] {
        let spec = accept_with(&json!({"schedule": never}).to_string());
        let targets = spec.schedule().unwrap().targets(NOW).unwrap();
        assert_eq!(targets.first(), None, "case {case}");
    }
}

#[test]
fn a_command_may_be_empty_beside_an_executor_or_an_image() {
    for fields in [
        r#"{"command": "", "executor": "/bin/executor"}"#,
        r#"{"command": null, "executor": "/bin/executor"}"#,
        r#"{"command": "", "container": {"image": "busybox"}}"#,
        r#"{"command": null, "container": {"image": "busybox"}}"#,
    ] {
        assert_eq!(&*accept_with(fields).command, "", "{fields}");
    }
}

#[test]
fn containers() {
    // Case 187.
    for container in [
        r#"{"image": "a", "type": "docker", "network": "bridge"}"#,
        r#"{"image": "a", "type": "DOCKER", "network": "BRIDGE"}"#,
        r#"{"image": "a", "network": "Bridge"}"#,
    ] {
        let spec = accept_with(&format!(r#"{{"container": {container}}}"#));
        let read = spec.details.container.clone().unwrap();
        assert_eq!(
            (read.kind, read.network),
            (ContainerKind::Docker, Network::Bridge)
        );
    }
    for container in [
        r"{}",
        r#"{"type": "DOCKER"}"#,
        r#"{"image": null, "network": "WHATEVER"}"#,
    ] {
        let spec = accept_with(&format!(r#"{{"container": {container}}}"#));
        assert_eq!(
            spec.details.container, None,
            "case 187: without an image it is ignored"
        );
    }
    let spec = accept_with(
        r#"{"container": {
            "type": "mesos", "image": "a", "network": "USER", "networkName": "n",
            "networkInfos": [{"name": "m", "protocol": "ipv6", "labels": [{"key": "k", "value": "v"}],
                "portMappings": [{"hostPort": "0", "containerPort": 65535, "protocol": "udp"}]}],
            "volumes": [
                {"containerPath": "a"},
                {"containerPath": "b", "hostPath": "c", "mode": "ro"},
                {"containerPath": "d", "hostPath": "", "mode": "Rw",
                    "external": {"name": "v", "provider": "rbd", "options": [{"key": "fs", "value": ""}]}}
            ],
            "parameters": [{"key": "k", "value": 1}]
        }}"#,
    );
    let container = spec.details.container.clone().unwrap();
    assert_eq!(container.kind, ContainerKind::Mesos);
    assert_eq!(container.network, Network::User);
    assert_eq!(container.network_name.as_deref(), Some("n"));
    let info = &container.network_infos[0];
    assert_eq!(info.protocol, Some(IpProtocol::IPv6));
    assert_eq!(info.port_mappings[0].host_port, 0);
    assert_eq!(info.port_mappings[0].container_port, 65_535);
    let modes: Vec<_> = container.volumes.iter().map(|volume| volume.mode).collect();
    assert_eq!(
        modes,
        [
            None,
            Some(VolumeMode::ReadOnly),
            Some(VolumeMode::ReadWrite)
        ],
        "case 177: no mode is legal"
    );
    assert_eq!(container.volumes[2].host_path, None);
    assert_eq!(
        container.volumes[2].external.as_ref().unwrap().provider,
        "rbd"
    );
    assert_eq!(container.parameters[0].value, "1");
}

#[test]
fn fetch_and_uris() {
    let uris = accept_with(r#"{"uris": ["http://a/b.tgz"]}"#);
    let fetch = accept_with(r#"{"fetch": [{"uri": "http://a/b.tgz"}], "uris": []}"#);
    // Case 189.
    let both = accept_with(r#"{"fetch": [{"uri": "http://a/b.tgz"}], "uris": ["http://a/b.tgz"]}"#);
    assert_eq!(both, fetch, "fetched once, not twice");
    for spec in [&uris, &fetch] {
        assert_eq!(
            spec.files().collect::<Vec<_>>(),
            [Fetch::new("http://a/b.tgz")]
        );
    }
    let spec = accept_with(
        r#"{"fetch": [{"uri": "u", "executable": "true", "cache": 1, "extract": false, "output_file": "o"}]}"#,
    );
    let want = Fetch {
        uri: "u".to_owned(),
        executable: true,
        cache: true,
        extract: false,
        output_file: "o".to_owned(),
    };
    assert_eq!(spec.details.fetch, [want]);
}

#[test]
fn documents_of_chronos_2() {
    let spec = accept(
        &parse(
            r#"{"schedule":"R10/2012-10-01T05:52:00Z/PT2S","name":"SAMPLE JOB #1","epsilon":"PT15M",
                "command":"echo 'FOO' >> /tmp/JOB1_OUT","owner":"bob@example.com","async":false,
                "uris":["http://example.com/a.tgz"],"container":{"type":"docker","image":"libmesos/ubuntu",
                "network":"BRIDGE","volumes":[{"containerPath":"/var/log/","hostPath":"/logs/","mode":"rw"}]},
                "dataJob":true,"disable":false,"secrets":[]}"#,
        ),
        JobKind::Scheduled,
    );
    assert_eq!(spec.name.as_str(), "SAMPLE JOB #1");
    assert_eq!(spec.details.epsilon.clone().unwrap().millis, 900_000);
    assert_eq!(spec.details.uris, ["http://example.com/a.tgz"]);
    assert_eq!(
        spec.details.container.clone().unwrap().kind,
        ContainerKind::Docker
    );
}

#[test]
fn documents_of_clients() {
    // Clients in Python write their own booleans, numbers as they like, and what they know of 2.x.
    let python = accept(
        &json!({
            "async": false, "command": "echo 1", "epsilon": "PT15M", "name": "foo",
            "owner": "me@foo.com", "disabled": true, "schedule": "R/2014-01-01T00:00:00Z/PT60M",
            "constraints": [["rack", "LIKE", "r[0-9]"]], "scheduleTimeZone": null,
        }),
        JobKind::Scheduled,
    );
    assert!(python.disabled);

    // Clients in Go write nil slices as null and their own instants.
    let go = accept(
        &json!({
            "name": "bar", "command": "sleep 1", "shell": true, "epsilon": "PT30M", "retries": 0,
            "successCount": 9, "errorsSinceLastSuccess": 3, "cpus": 0.1, "mem": 32.0,
            "fetch": null, "uris": null, "environmentVariables": [{"name": "A", "value": "b"}],
            "arguments": null, "container": null, "parents": null, "constraints": null,
            "schedule": "R1//PT2M", "scheduleTimeZone": "", "lastError": "",
        }),
        JobKind::Scheduled,
    );
    assert_eq!(go.details.environment[0].value, "b");
    assert_eq!(go.retries, 0);

    // Exporters take a job from `GET jobs` and leave out counters.
    let exported = accept(
        &parse(
            r#"{"name":"sync","command":"true","shell":true,"executor":"","executorFlags":"",
                "taskInfoData":"","retries":2,"owner":"","ownerName":"","description":"","cpus":0.1,
                "disk":256.0,"mem":128.0,"softError":false,"dataProcessingJobType":false,
                "fetch":[{"uri":"http://a/b","executable":false,"cache":false,"extract":true}],
                "uris":["http://a/b"],"environmentVariables":[],"arguments":[],"highPriority":false,
                "runAsUser":"root","concurrent":false,"constraints":[],"parents":["foo","bar"]}"#,
        ),
        JobKind::Dependent,
    );
    assert!(matches!(exported.trigger, Trigger::Parents(parents) if parents.len() == 2));
}

// Case 192 is ours to differ in: what the scheduler counts is never taken from a client.
#[test]
fn counters_are_not_taken() {
    let counters = r#"{"successCount": "junk", "errorCount": -1, "lastSuccess": [], "lastError": 5,
        "errorsSinceLastSuccess": {}}"#;
    assert_eq!(accept_with(counters), accept(&base(), JobKind::Any));
}

#[test]
fn our_own_fields() {
    let spec = accept_with(r#"{"retryDelay": "90", "catchUp": "latest", "maxCompletionTime": 60}"#);
    assert_eq!(spec.policies.retry_delay_secs, Some(90));
    assert_eq!(spec.policies.max_completion_time_secs, 60);
    assert_eq!(
        accept_with(r#"{"retryDelay": 0}"#)
            .policies
            .retry_delay_secs,
        Some(0)
    );
}

#[test]
fn the_limits_themselves_are_accepted() {
    use chronos_model::limits;
    let command = "x".repeat(limits::TEXT_LEN_MAX);
    let spec = accept_with(&json!({"command": command, "retryDelay": 604_800}).to_string());
    assert_eq!(spec.command.len(), limits::TEXT_LEN_MAX);
    let arguments = vec!["a"; limits::LIST_LEN_MAX];
    accept_with(&json!({"arguments": arguments}).to_string());
    let constraints = vec![["a", "LIKE", "b.*"]; limits::CONSTRAINTS_LEN_MAX];
    accept_with(&json!({"constraints": constraints}).to_string());
    let now_beyond = JobSpec::from_json(
        &json!({"name": "a", "command": "b"}),
        JobKind::Any,
        &JobDefaults::default(),
        Timestamp::from_millis(i64::MAX),
    );
    assert!(
        now_beyond.is_err(),
        "an instant that cannot be written is a problem, not a panic"
    );
}
