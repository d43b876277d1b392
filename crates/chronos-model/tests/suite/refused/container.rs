//! Containers.

use chronos_model::JobKind;

use super::check;

const CASES: &[(&str, &str, &str)] = &[
    (
        r#""busybox""#,
        "container",
        "expected an object such as {\"image\"",
    ),
    (r"[]", "container", "found an array"),
    (r#"{"image": ""}"#, "container.image", "is empty"),
    (r#"{"image": {}}"#, "container.image", "expected a text"),
    (r#"{"image": "a\u0000"}"#, "container.image", "NUL"),
    (
        r#"{"image": "a", "type": "LXC"}"#,
        "container.type",
        "unknown word \"LXC\", expected DOCKER or MESOS",
    ),
    (
        r#"{"image": "a", "network": "NONE"}"#,
        "container.network",
        "unknown word \"NONE\", expected HOST or BRIDGE or USER",
    ),
    (
        r#"{"image": "a", "networkName": []}"#,
        "container.networkName",
        "expected a text",
    ),
    (
        r#"{"image": "a", "networkInfos": "n"}"#,
        "container.networkInfos",
        "an array",
    ),
    (
        r#"{"image": "a", "networkInfos": [{}]}"#,
        "container.networkInfos[0].name",
        "missing",
    ),
    (
        r#"{"image": "a", "networkInfos": [{"name": "n", "protocol": "IPX"}]}"#,
        "container.networkInfos[0].protocol",
        "expected IPv4 or IPv6",
    ),
    (
        r#"{"image": "a", "networkInfos": [{"name": "n", "labels": [{"value": "v"}]}]}"#,
        "container.networkInfos[0].labels[0].key",
        "is missing",
    ),
    (
        r#"{"image": "a", "networkInfos": [{"name": "n",
            "portMappings": [{"hostPort": 65536, "containerPort": 1}]}]}"#,
        "container.networkInfos[0].portMappings[0].hostPort",
        "is 65536; the most is 65535",
    ),
    (
        r#"{"image": "a", "networkInfos": [{"name": "n",
            "portMappings": [{"hostPort": 1, "containerPort": "http"}]}]}"#,
        "container.networkInfos[0].portMappings[0].containerPort",
        "expected a whole number, found \"http\"",
    ),
    (
        r#"{"image": "a", "networkInfos": [{"name": "n", "portMappings": [{"hostPort": 1}]}]}"#,
        "container.networkInfos[0].portMappings[0].containerPort",
        "is missing",
    ),
    (
        r#"{"image": "a", "volumes": {}}"#,
        "container.volumes",
        "expected an array",
    ),
    (
        r#"{"image": "a", "volumes": ["/a:/b"]}"#,
        "container.volumes[0]",
        "containerPath",
    ),
    (
        r#"{"image": "a", "volumes": [{}]}"#,
        "container.volumes[0].containerPath",
        "missing",
    ),
    (
        r#"{"image": "a", "volumes": [{"containerPath": ""}]}"#,
        "container.volumes[0].containerPath",
        "is empty",
    ),
    (
        r#"{"image": "a", "volumes": [{"containerPath": "/a", "mode": "RX"}]}"#,
        "container.volumes[0].mode",
        "unknown word \"RX\", expected RW or RO",
    ),
    (
        r#"{"image": "a", "volumes": [{"containerPath": "/a", "external": "rbd"}]}"#,
        "container.volumes[0].external",
        "expected an object",
    ),
    (
        r#"{"image": "a", "volumes": [{"containerPath": "/a", "external": {"name": "v"}}]}"#,
        "container.volumes[0].external.provider",
        "is missing",
    ),
    (
        r#"{"image": "a", "forcePullImage": "always"}"#,
        "container.forcePullImage",
        "expected true or false, found \"always\"",
    ),
    (
        r#"{"image": "a", "parameters": [{"key": "k"}]}"#,
        "container.parameters[0].value",
        "missing",
    ),
    (
        r#"{"image": "a", "parameters": ["k=v"]}"#,
        "container.parameters[0]",
        "{\"key\": ",
    ),
];

#[test]
fn containers() {
    for &(container, field, fragment) in CASES {
        check(
            JobKind::Any,
            &format!(r#"{{"container": {container}}}"#),
            field,
            fragment,
        );
    }
}
