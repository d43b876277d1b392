//! What is in a task.

use chronos_mesos::MesosConfig;
use mesos_fake::{Fake, scalar_of, script::Behaviour};
use mesos_v1::proto::TaskInfo;
use serde_json::{Value, json};

use crate::kit::{Kit, Notebook, plan, quick};

async fn launched(job: Value) -> TaskInfo {
    let mut kit = Kit::start(Behaviour::hangs()).await;
    kit.launch(job).await;
    kit.settled("a launch", |kit| !kit.launched().is_empty())
        .await;
    kit.launched().remove(0)
}

// The task as the JSON that Mesos speaks.
async fn launched_json(job: Value) -> Value {
    let call = accept_of(launched(job).await);
    let json = mesos_v1::json::from_wire(mesos_v1::json::Kind::Call, &call).unwrap();
    let json: Value = serde_json::from_slice(&json).unwrap();
    json["accept"]["operations"][0]["launch"]["task_infos"][0].clone()
}

fn nanoseconds(value: &Value) -> i64 {
    value["nanoseconds"]
        .to_string()
        .trim_matches('"')
        .parse()
        .unwrap()
}

#[tokio::test]
async fn a_command_with_all_that_goes_with_it() {
    let task = launched_json(json!({
        "command": "echo", "shell": false, "arguments": ["a", "b c"], "runAsUser": "www",
        "cpus": 0.25, "mem": 64, "disk": 20, "maxCompletionTime": 5,
        "fetch": [{"uri": "http://x/f", "executable": true, "cache": true, "extract": false, "output_file": "o"}],
        "environmentVariables": [{"name": "A", "value": "1"}],
    }))
    .await;
    assert_eq!(task["name"], "ChronosTask:job");
    assert_eq!(task["task_id"]["value"], "ct:7:0:job:");
    let command = &task["command"];
    assert_eq!(command["shell"], false);
    assert_eq!(command["value"], "echo");
    assert_eq!(command["arguments"], json!(["echo", "a", "b c"]));
    assert_eq!(command["user"], "www");
    assert_eq!(
        command["uris"],
        json!([{"value": "http://x/f", "executable": true, "extract": false, "cache": true, "output_file": "o"}])
    );
    let variables = command["environment"]["variables"].as_array().unwrap();
    let value = |name: &str| {
        let found = variables.iter().find(|variable| variable["name"] == name);
        found.map(|variable| variable["value"].as_str().unwrap().to_owned())
    };
    assert_eq!(value("A").as_deref(), Some("1"));
    assert_eq!(value("CHRONOS_RESOURCE_MEM").as_deref(), Some("64.0"));
    assert_eq!(value("mesos_task_id").as_deref(), Some("ct:7:0:job:"));
    assert!(value("HOST").is_some_and(|host| !host.is_empty()));
    assert_eq!(nanoseconds(&task["max_completion_time"]), 5_000_000_000);
    assert_eq!(
        nanoseconds(&task["kill_policy"]["grace_period"]),
        3_000_000_000
    );
    let labels = task["labels"]["labels"].as_array().unwrap();
    let keys: Vec<_> = labels
        .iter()
        .map(|label| label["key"].as_str().unwrap())
        .collect();
    assert_eq!(keys, ["chronos.job", "chronos.target", "chronos.owner"]);
    let resources = task["resources"].as_array().unwrap().iter();
    let resources = resources.map(|it| {
        (
            it["name"].as_str().unwrap(),
            it["scalar"]["value"].as_f64().unwrap(),
        )
    });
    let want = [("cpus", 0.25), ("mem", 64.0), ("disk", 20.0)];
    assert_eq!(resources.collect::<Vec<_>>(), want);
}

#[tokio::test]
async fn a_command_that_is_an_address_is_fetched_and_run() {
    let sandbox = "\"${MESOS_SANDBOX:-.}\"";
    for (command, shell, file, value) in [
        (
            "http://x/bin/run.sh",
            true,
            "run.sh",
            format!("{sandbox}/'run.sh'"),
        ),
        (
            "https://x/it's?v=1/2 -a  b",
            true,
            "it's",
            format!("{sandbox}/'it'\\''s' -a  b"),
        ),
        ("ftp://x", true, "command", format!("{sandbox}/'command'")),
        (
            "ftps://x/bin/",
            true,
            "command",
            format!("{sandbox}/'command'"),
        ),
        ("http://x/run", false, "run", "./run".to_owned()),
    ] {
        let task = launched_json(json!({
            "command": command, "shell": shell, "uris": ["http://x/data"],
        }))
        .await;
        let command_info = &task["command"];
        assert_eq!(command_info["value"], value, "{command}");
        let url = command.split(' ').next();
        let want = json!([
            {"value": "http://x/data", "executable": false, "extract": true, "cache": false},
            {"value": url, "executable": true, "extract": false, "cache": false, "output_file": file},
        ]);
        assert_eq!(command_info["uris"], want, "{command}");
    }
    for command in ["http-foo", "echo http://x/y", "httpd://x/y"] {
        let task = launched_json(json!({ "command": command })).await;
        assert_eq!(task["command"]["value"], command);
        assert_eq!(task["command"].get("uris"), None, "{command}");
    }
}

#[tokio::test]
async fn a_docker_container() {
    let task = launched_json(json!({
        "command": "run", "shell": false, "arguments": ["x"],
        "container": {
            "type": "DOCKER", "image": "busybox", "network": "BRIDGE", "forcePullImage": true,
            "parameters": [{"key": "ulimit", "value": "nofile=1"}],
            "networkInfos": [{"name": "net", "portMappings": [{"hostPort": 31005, "containerPort": 80}]}],
            "volumes": [
                {"containerPath": "/a", "hostPath": "/h", "mode": "RO"},
                {"containerPath": "/b", "external": {
                    "name": "v", "provider": "rbd", "options": [{"key": "k", "value": "w"}],
                }},
                {"containerPath": "/c/d"},
            ],
        },
    }))
    .await;
    assert_eq!(
        task["command"]["arguments"],
        json!(["x"]),
        "after its entry point"
    );
    assert_eq!(
        task["container"],
        json!({
            "type": "DOCKER",
            "docker": {
                "image": "busybox", "network": "BRIDGE", "force_pull_image": true,
                "parameters": [{"key": "ulimit", "value": "nofile=1"}],
                "port_mappings": [{"host_port": 31005, "container_port": 80}],
            },
            "network_infos": [{"name": "net"}],
            "volumes": [
                {"container_path": "/a", "host_path": "/h", "mode": "RO"},
                {"container_path": "/b", "mode": "RW", "source": {
                    "type": "DOCKER_VOLUME",
                    "docker_volume": {
                        "driver": "rbd", "name": "v",
                        "driver_options": {"parameter": [{"key": "k", "value": "w"}]},
                    },
                }},
                {"container_path": "/c/d", "host_path": "c_d", "mode": "RW"},
            ],
        })
    );
    let ports = task["resources"]
        .as_array()
        .unwrap()
        .last()
        .unwrap()
        .clone();
    assert_eq!(ports["name"], "ports");
}

#[tokio::test]
async fn a_container_of_mesos() {
    let task = launched_json(json!({
        "container": {
            "type": "MESOS", "image": "busybox", "network": "USER",
            "networkInfos": [{
                "name": "net", "protocol": "IPv6", "labels": [{"key": "k", "value": "v"}],
                "portMappings": [{"hostPort": 31005, "containerPort": 80, "protocol": "udp"}],
            }],
            "volumes": [{"containerPath": "/c/d"}],
        },
    }))
    .await;
    let container = &task["container"];
    assert_eq!(container["mesos"]["image"]["docker"]["name"], "busybox");
    assert_eq!(container["mesos"]["image"]["cached"], true);
    let network = &container["network_infos"][0];
    assert_eq!(network["ip_addresses"], json!([{"protocol": "IPv6"}]));
    assert_eq!(
        network["port_mappings"],
        json!([{"host_port": 31005, "container_port": 80, "protocol": "udp"}])
    );
    assert_eq!(network["labels"]["labels"][0]["key"], "k");
    let volume = &container["volumes"][0];
    assert_eq!(
        volume["source"]["sandbox_path"],
        json!({"type": "SELF", "path": "c_d"})
    );
}

#[tokio::test]
async fn a_network_that_is_said_in_both_ways_is_one() {
    for (name, want) in [
        ("net", json!([{"name": "net"}])),
        ("old", json!([{"name": "old"}, {"name": "net"}])),
    ] {
        let task = launched_json(json!({
            "container": {
                "image": "img", "network": "USER", "networkName": name, "networkInfos": [{"name": "net"}],
            },
        }))
        .await;
        assert_eq!(task["container"]["network_infos"], want);
    }
}

#[tokio::test]
async fn ports_are_taken_out_of_the_offer_and_told() {
    for (network, mapped) in [("BRIDGE", true), ("USER", true), ("HOST", false)] {
        let task = launched_json(json!({
            "command": "serve", "environmentVariables": [{"name": "PORT1", "value": "mine"}],
            "container": {
                "type": "DOCKER", "image": "img", "network": network,
                "networkInfos": [{"name": "net", "portMappings": [
                    {"hostPort": 0, "containerPort": 80},
                    {"hostPort": 31000, "containerPort": 81},
                    {"hostPort": 0, "containerPort": 82},
                    {"hostPort": 31000, "containerPort": 81, "protocol": "udp"},
                ]}],
            },
        }))
        .await;
        let resources = task["resources"].as_array().unwrap().iter();
        let ports = resources.filter(|it| it["name"] == "ports");
        let ports: Vec<_> = ports
            .map(|it| it["ranges"]["range"][0].to_string().replace('"', ""))
            .collect();
        let range = |port: u16| format!("{{begin:{port},end:{port}}}");
        let want = [31_000, 31_001, 31_002].map(range);
        assert_eq!(ports, want, "{network}");
        let mappings = task["container"]["docker"]["port_mappings"].as_array();
        let host_ports = mappings
            .into_iter()
            .flatten()
            .map(|it| it["host_port"].as_u64().unwrap());
        let want: &[u64] = if mapped {
            &[31_001, 31_000, 31_002, 31_000]
        } else {
            &[]
        };
        assert_eq!(host_ports.collect::<Vec<_>>(), want, "{network}");
        let variables = task["command"]["environment"]["variables"]
            .as_array()
            .unwrap()
            .iter();
        let named = variables.filter(|it| it["name"].as_str().unwrap().starts_with("PORT"));
        let named: Vec<_> = named
            .map(|it| format!("{}={}", it["name"], it["value"]).replace('"', ""))
            .collect();
        assert_eq!(
            named,
            ["PORT1=mine", "PORT0=31001", "PORT2=31002", "PORT3=31000"]
        );
    }
}

#[tokio::test]
async fn gpus_are_taken_out_of_the_offer() {
    let mut plan = plan(quick(Behaviour::hangs()));
    plan.agents[0].resources.push(scalar_of("gpus", 4.0));
    let mut fake = Fake::start(plan).await.unwrap();
    fake.real_time();
    let mut config = MesosConfig::new(fake.address(0).to_string().parse().unwrap());
    config.gpus = true;
    let mut kit = Kit::of(fake, config, Notebook::new(None)).await;
    kit.launch(json!({"gpus": 3})).await;
    kit.settled("a launch", |kit| !kit.launched().is_empty())
        .await;
    let resources = kit.launched().remove(0).resources;
    let gpus = resources.iter().find(|it| it.name == "gpus").unwrap();
    assert_eq!(gpus.scalar.unwrap().value.to_string(), "3");
}

fn accept_of(info: TaskInfo) -> Vec<u8> {
    use mesos_v1::{
        call,
        proto::{
            FrameworkId,
            offer::{Operation, operation::Launch},
        },
    };
    let operation = Operation {
        launch: Some(Launch {
            task_infos: vec![info],
        }),
        ..Operation::default()
    };
    let id = FrameworkId { value: "f".into() };
    call::body(&call::accept(&id, Vec::new(), vec![operation], 0.0))
}

#[tokio::test]
async fn a_custom_executor_gets_its_flags_and_its_data() {
    let job = json!({
        "name": "hadoop", "executor": "/opt/run --fast", "executorFlags": "-x", "command": "http://x/wordcount",
        "container": {"type": "MESOS", "image": "img", "forcePullImage": true},
    });
    let info = launched(job).await;
    assert_eq!(info.command, None);
    assert_eq!(info.data.as_deref(), Some(&b"-x|http://x/wordcount"[..]));
    let executor = info.executor.unwrap();
    assert_eq!(executor.executor_id.value, "hadoop");
    let command = executor.command.unwrap();
    assert_eq!(command.value.as_deref(), Some("/opt/run --fast"));
    assert_eq!(command.uris, []);
    let variables = command.environment.unwrap().variables;
    assert!(
        variables
            .iter()
            .all(|variable| variable.name != "mesos_task_id")
    );
    let image = executor.container.unwrap().mesos.unwrap().image.unwrap();
    assert_eq!(
        (image.docker.unwrap().name.as_str(), image.cached),
        ("img", Some(false))
    );
}
