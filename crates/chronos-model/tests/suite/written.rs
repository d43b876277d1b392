//! The exact form of what is written.

use chronos_model::{FetchOutput, JobKind, JobProgress, JobSpec, Timestamp};
use serde_json::{Value, json};

use crate::support::{accept, accept_with, with};

fn written(spec: &JobSpec, fetches: FetchOutput) -> String {
    let progress = JobProgress {
        success_count: 190,
        error_count: 3,
        errors_since_last_success: 2,
        last_success: Some(Timestamp::from_millis(1_394_297_837_507)),
        ..JobProgress::default()
    };
    Value::from(spec.to_json(&progress, fetches)).to_string()
}

#[track_caller]
fn check(document: &Value, fetches: FetchOutput, want: &str) {
    let want: String = want.lines().map(str::trim_start).collect();
    assert_eq!(written(&accept(document, JobKind::Any), fetches), want);
}

#[test]
fn a_scheduled_job_in_the_order_of_chronos() {
    check(
        &with(
            r#"{"cpus": "0.5", "mem": "512", "disk": 1e10, "schedule": "R007/2030-01-01T00:00:00+0100/P1d"}"#,
        ),
        FetchOutput::AsGiven,
        r#"{"name":"job","command":"echo hello","shell":true,"executor":"","executorFlags":"",
        "taskInfoData":"","retries":2,"owner":"","ownerName":"","description":"",
        "successCount":190,"errorCount":3,"lastSuccess":"2014-03-08T16:57:17.507Z","lastError":"",
        "cpus":0.5,"disk":10000000000.0,"mem":512.0,"disabled":false,"softError":false,
        "dataProcessingJobType":false,"errorsSinceLastSuccess":2,"fetch":[],"uris":[],
        "environmentVariables":[],"arguments":[],"highPriority":false,"runAsUser":"",
        "concurrent":false,"maxCompletionTime":0,"constraints":[],
        "schedule":"R007/2030-01-01T00:00:00+0100/P1d","scheduleTimeZone":""}"#,
    );
}

#[test]
fn a_dependent_job_with_everything() {
    check(
        &json!({
            "parents": ["b", "a"], "name": "all", "command": "run", "shell": false,
            "executor": "e", "executorFlags": "f", "taskInfoData": "t", "retries": 0,
            "owner": "o", "ownerName": "n", "description": "d", "disabled": true, "softError": true,
            "dataProcessingJobType": true, "highPriority": true, "runAsUser": "u",
            "concurrent": true, "maxCompletionTime": "60", "arguments": ["-v", "x y"],
            "fetch": [{"uri": "u1"}, {"uri": "u2", "output_file": "o", "extract": false}],
            "environmentVariables": [{"value": "b", "name": "A"}],
            "constraints": [["rack", "EQUALS", "r1"], ["dc", "UNLIKE", "n.*"]],
            "container": {
                "type": "docker", "image": "busybox", "network": "bridge", "networkName": "n",
                "networkInfos": [{
                    "name": "m", "protocol": "IPv4", "labels": [{"key": "k", "value": "v"}],
                    "portMappings": [
                        {"hostPort": 8080, "containerPort": 80, "protocol": "tcp"},
                        {"hostPort": "0", "containerPort": "1"},
                    ],
                }],
                "volumes": [
                    {"containerPath": "/a"},
                    {"containerPath": "/b", "hostPath": "/c", "mode": "ro"},
                    {"containerPath": "/d", "external": {"name": "v", "provider": "rbd"}},
                ],
                "forcePullImage": "TRUE", "parameters": [{"key": "k", "value": "v"}],
            },
            "retryDelay": 5, "epsilon": "PT15M", "catchUp": "latest",
        }),
        FetchOutput::AsGiven,
        r#"{"name":"all","command":"run","shell":false,"executor":"e","executorFlags":"f",
        "taskInfoData":"t","retries":0,"owner":"o","ownerName":"n","description":"d",
        "successCount":190,"errorCount":3,"lastSuccess":"2014-03-08T16:57:17.507Z","lastError":"",
        "cpus":0.1,"disk":256.0,"mem":128.0,"disabled":true,"softError":true,
        "dataProcessingJobType":true,"errorsSinceLastSuccess":2,
        "fetch":[{"uri":"u1","executable":false,"cache":false,"extract":true},
        {"uri":"u2","executable":false,"cache":false,"extract":false,"output_file":"o"}],
        "uris":[],"environmentVariables":[{"name":"A","value":"b"}],"arguments":["-v","x y"],
        "highPriority":true,"runAsUser":"u","concurrent":true,"maxCompletionTime":60,
        "container":{"type":"DOCKER","image":"busybox","network":"BRIDGE","networkName":"n",
        "networkInfos":[{"name":"m","protocol":"IPv4","labels":[{"key":"k","value":"v"}],
        "portMappings":[{"hostPort":"8080","containerPort":"80","protocol":"tcp"},
        {"hostPort":"0","containerPort":"1"}]}],
        "volumes":[{"containerPath":"/a"},{"hostPath":"/c","containerPath":"/b","mode":"RO"},
        {"containerPath":"/d","external":{"name":"v","provider":"rbd","options":[]}}],
        "forcePullImage":true,"parameters":[{"key":"k","value":"v"}]},
        "constraints":[["rack","EQUALS","r1"],["dc","UNLIKE","n.*"]],
        "parents":["a","b"],"retryDelay":5,"epsilon":"PT15M"}"#,
    );
}

#[test]
fn every_operator_reads_back_as_written() {
    let constraints = json!([
        ["rack", "EQUALS", "r1"],
        ["rack", "LIKE", "r[0-9]"],
        ["rack", "UNLIKE", "r[0-9]"],
        ["rack", "IN", "r1, r2"],
        ["rack", "NOT_IN", "r3"],
        ["rack", "EXISTS", ""],
        ["gen", "GREATER", "2"],
        ["gen", "LESS", "4.50"],
        ["rack", "MAX_PER", "2"],
        ["zone", "GROUP_BY", ""],
        ["hostname", "UNIQUE", ""],
    ]);
    let spec = accept_with(&json!({ "constraints": constraints }).to_string());
    let fields = spec.to_json(&JobProgress::default(), FetchOutput::AsGiven);
    assert_eq!(fields["constraints"], constraints);
}

#[test]
fn uris_and_fetch_mirror_each_other_only_when_asked() {
    let uris = accept_with(r#"{"uris": ["u"]}"#);
    let fetch = accept_with(r#"{"fetch": [{"uri": "u", "cache": true}]}"#);
    let lists = |spec: &JobSpec, fetches| {
        let fields = spec.to_json(&JobProgress::default(), fetches);
        (fields["fetch"].to_string(), fields["uris"].to_string())
    };
    let none = "[]".to_owned();
    let both = r#"["u"]"#.to_owned();
    let item = |cache: bool| {
        format!(r#"[{{"uri":"u","executable":false,"cache":{cache},"extract":true}}]"#)
    };
    assert_eq!(
        lists(&uris, FetchOutput::AsGiven),
        (none.clone(), both.clone())
    );
    assert_eq!(lists(&fetch, FetchOutput::AsGiven), (item(true), none));
    assert_eq!(
        lists(&uris, FetchOutput::Mirrored),
        (item(false), both.clone()),
        "case 189"
    );
    assert_eq!(
        lists(&fetch, FetchOutput::Mirrored),
        (item(true), both),
        "case 189"
    );
}

// Case 194: clients compare the stamps as texts.
#[test]
fn never_sorts_before_any_stamp() {
    let spec = accept_with("{}");
    let stamps = [
        None,
        Some(0),
        Some(1_394_297_837_000),
        Some(1_394_297_837_507),
    ]
    .map(|millis| {
        let progress = JobProgress {
            last_error: millis.map(Timestamp::from_millis),
            ..JobProgress::default()
        };
        let fields = spec.to_json(&progress, FetchOutput::AsGiven);
        fields["lastError"].as_str().unwrap().to_owned()
    });
    assert!(stamps.is_sorted(), "{stamps:?}");
    assert_eq!(stamps[2], "2014-03-08T16:57:17.000Z", "equal precision");
}

/// What is written after the fields of Chronos.
#[track_caller]
fn check_tail(fields: &str, concurrent: bool, want: &str) {
    let text = written(&accept(&with(fields), JobKind::Any), FetchOutput::AsGiven);
    let (_, tail) = text
        .split_once(r#""constraints":[],"#)
        .expect("constraints");
    let want: String = want.lines().map(str::trim_start).collect();
    assert_eq!(tail, want, "{fields}");
    assert!(
        text.contains(&format!(r#""concurrent":{concurrent}"#)),
        "{text}"
    );
}

#[test]
fn what_chronos_does_not_have() {
    let plain = r#""schedule":"R/2030-01-01T00:00:00Z/PT24H","scheduleTimeZone":""}"#;
    for says_nothing in [
        r#"{"catchUp": "latest", "overlap": "queueOne", "retryBackoff": "fixed", "startTimeout": 0}"#,
        r#"{"jitter": 0, "calendar": [], "endTime": "", "dst": {"gap": "shift", "overlap": "first"}}"#,
        r#"{"scheduleAndParents": false}"#,
    ] {
        check_tail(says_nothing, false, plain);
    }
    check_tail(r#"{"overlap": "allow"}"#, true, plain);
    let rest = plain.trim_end_matches('}');
    check_tail(
        r#"{"catchUp": "all", "overlap": "queueAll", "retryBackoff": "exponential", "retryDelay": 5,
            "startTimeout": 60, "jitter": "30", "calendar": "holidays", "epsilon": "PT1M", "gpus": 2.0,
            "endTime": "2031-01-01", "dst": {"overlap": "second"}}"#,
        false,
        &format!(
            r#"{rest},"endTime":"2031-01-01","dst":{{"gap":"shift","overlap":"second"}},"retryDelay":5,
            "epsilon":"PT1M","gpus":2,"catchUp":"all","catchUpLimit":100,"overlap":"queueAll","overlapLimit":100,
            "retryBackoff":"exponential","retryDelayMax":3600,"startTimeout":60,"jitter":30,
            "calendar":["holidays"]}}"#
        ),
    );
    check_tail(
        r#"{"concurrent": true, "overlapLimit": 3, "catchUp": "none"}"#,
        true,
        &format!(r#"{rest},"catchUp":"none","overlap":"allow","overlapLimit":3}}"#),
    );
    check_tail(
        r#"{"overlap": "replace"}"#,
        false,
        &format!(r#"{rest},"overlap":"replace"}}"#),
    );
}

#[test]
fn other_schedules_and_both_triggers() {
    check_tail(
        r#"{"schedule": null, "cron": " 0 6 * *  mon", "scheduleTimeZone": "Europe/Paris"}"#,
        false,
        r#""cron":" 0 6 * *  mon","scheduleTimeZone":"Europe/Paris"}"#,
    );
    check_tail(
        r#"{"schedule": null, "schedules": [{"schedule": "R//PT1H"}, {"cron": "@daily"}, "R//PT2H",
            {"scheduleTimeZone": "Asia/Tokyo", "schedule": "R//P1D"}]}"#,
        false,
        r#""schedules":["R//PT1H",{"cron":"@daily"},"R//PT2H",
        {"schedule":"R//P1D","scheduleTimeZone":"Asia/Tokyo"}],"scheduleTimeZone":""}"#,
    );
    check_tail(
        r#"{"parents": ["b", "a"], "scheduleAndParents": true, "dependencyRule": "allDone"}"#,
        false,
        r#""parents":["a","b"],"schedule":"R/2030-01-01T00:00:00Z/PT24H","scheduleTimeZone":"",
        "scheduleAndParents":true,"dependencyRule":"allDone"}"#,
    );
    check_tail(
        r#"{"parents": ["a"], "schedule": null, "dependencyRule": "anySuccess"}"#,
        false,
        r#""parents":["a"],"dependencyRule":"anySuccess"}"#,
    );
}
