//! What a command gets and what is said of its end.

use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt as _};

use chronos_core::{ClusterCall, TaskState};
use chronos_model::{Container, ContainerKind, EnvironmentVariable, JobSpec, Network};

use crate::{
    kit::{Kit, home, process_gone},
    shared::{DUE, job, task},
};

#[track_caller]
fn check_end(
    update: &chronos_core::TaskUpdate,
    state: TaskState,
    exit_code: Option<i32>,
    message: Option<&str>,
) {
    let found = (update.state, update.exit_code, update.message.as_deref());
    assert_eq!(found, (state, exit_code, message));
}

#[tokio::test]
async fn the_end_is_told_as_it_was() {
    let home = home();
    let mut kit = Kit::start(&home).await;
    for (n, (command, state, code, message)) in [
        ("true", TaskState::Finished, Some(0), None),
        ("exit 3", TaskState::Failed, Some(3), Some("exit code 3")),
        (
            "kill -9 $$",
            TaskState::Failed,
            None,
            Some("killed by signal 9 (SIGKILL)"),
        ),
        (
            "kill -TERM $$",
            TaskState::Failed,
            None,
            Some("killed by signal 15 (SIGTERM)"),
        ),
        (
            "no-such-command-at-all",
            TaskState::Failed,
            Some(127),
            Some("exit code 127"),
        ),
        (
            "rm -rf ./* && exit 4",
            TaskState::Failed,
            Some(4),
            Some("exit code 4"),
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let update = kit.end_of(job(&format!("job-{n}"), command)).await;
        check_end(&update, state, code, message);
        let started = update.started_at.expect("it started");
        assert!(started <= update.at && DUE < started, "{update:?}");
        kit.ack(&update.key).await;
    }
    kit.stop().await;
}

#[tokio::test]
async fn without_a_shell_the_program_gets_its_arguments_as_they_are() {
    let home = home();
    let mut kit = Kit::start(&home).await;
    let direct = |name: &str, program: &str, arguments: &[&str]| {
        let mut spec = job(name, program);
        spec.shell = false;
        let arguments = arguments.iter().map(|&argument| argument.to_owned());
        spec.details.arguments.extend(arguments);
        spec
    };
    let update = kit
        .end_of(direct("a", "printf", &["[%s]", "a b", "$HOME", ";"]))
        .await;
    check_end(&update, TaskState::Finished, Some(0), None);
    assert_eq!(kit.stdout(&update.key), "[a b][$HOME][;]");

    let update = kit
        .end_of(JobSpec {
            shell: true,
            ..direct("b", "echo", &["a", "b"])
        })
        .await;
    assert_eq!(kit.stdout(&update.key), "a b\n");

    let mut with_arguments = task(direct("c", "echo", &["old"]));
    with_arguments.arguments = Some("new ones".to_owned());
    let key = with_arguments.key.clone();
    kit.launch(vec![with_arguments]).await;
    kit.wait(&key, TaskState::Running).await;
    kit.wait(&key, TaskState::Finished).await;
    assert_eq!(kit.stdout(&key), "new ones\n");

    for (name, program, message) in [
        ("d", "no-such-program", "command not found: no-such-program"),
        (
            "e",
            "./missing",
            "./missing cannot be started: No such file or directory (os error 2)",
        ),
        ("f", "", "there is no command to run"),
    ] {
        let update = kit.end_of(direct(name, program, &[])).await;
        check_end(&update, TaskState::Failed, None, Some(message));
        assert_eq!(update.started_at, None);
    }
    kit.stop().await;
}

#[tokio::test]
async fn environment_folder_and_files_are_what_chronos_gives() {
    let home = home();
    let mut kit = Kit::start(&home).await;
    let mut spec = job("env job", "env -0; pwd >&2; read line || echo no input >&2");
    for (name, value) in [("OWN", "a\nb"), ("HOST", "not this"), ("LANG", "xx_XX")] {
        spec.details.environment.push(EnvironmentVariable {
            name: name.to_owned(),
            value: value.to_owned(),
        });
    }
    let update = kit.end_of(spec).await;
    let stdout = kit.stdout(&update.key);
    let found: BTreeMap<_, _> = stdout
        .split_terminator('\0')
        .filter_map(|pair| pair.split_once('='))
        .collect();
    let sandbox = kit.sandbox(&update.key);
    let sandbox_text = sandbox.to_str().unwrap();
    let id = format!("ct:{}:0:env job:", DUE.millis());
    for (name, value) in [
        ("mesos_task_id", id.as_str()),
        ("MESOS_TASK_ID", &id),
        ("CHRONOS_JOB_OWNER", "ops@example.com"),
        ("CHRONOS_JOB_NAME", "env job"),
        ("HOST", "testhost"),
        ("CHRONOS_RESOURCE_MEM", "16.0"),
        ("CHRONOS_RESOURCE_CPU", "0.1"),
        ("CHRONOS_RESOURCE_DISK", "1.0"),
        ("CHRONOS_JOB_RUN_TIME", "1700000000000"),
        ("CHRONOS_JOB_RUN_ATTEMPT", "0"),
        ("MESOS_SANDBOX", sandbox_text),
        ("MESOS_DIRECTORY", sandbox_text),
        ("OWN", "a\nb"),
        ("LANG", "xx_XX"),
        ("PWD", sandbox_text),
    ] {
        assert_eq!(found.get(name).copied(), Some(value), "{name}");
    }
    // A daemon's own variables are not the commands' business; `sh` adds a few of its own.
    let usual = "PATH HOME USER LOGNAME SHELL LANG LC_ALL TZ TMPDIR PWD OLDPWD SHLVL _ OWN HOST";
    for name in found.keys() {
        let given = name.starts_with("CHRONOS_") || name.to_lowercase().starts_with("mesos_");
        assert!(
            given || usual.split(' ').any(|usual| usual == *name),
            "{name}"
        );
    }
    assert!(found.contains_key("PATH"));
    let stderr = fs::read_to_string(sandbox.join("stderr")).unwrap();
    assert_eq!(stderr, format!("{sandbox_text}\nno input\n"));
    let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let folder = kit.folder(&update.key);
    assert_eq!((mode(folder.clone()), mode(sandbox)), (0o700, 0o700));
    assert_eq!(mode(folder.join("task.json")), 0o600);
    kit.stop().await;
}

#[tokio::test]
async fn what_a_command_leaves_in_its_group_ends_with_it() {
    let home = home();
    let mut kit = Kit::start(&home).await;
    let update = kit
        .end_of(job(
            "parent",
            "sh -c 'sleep 600 & echo $!' ; sleep 600 & echo $!",
        ))
        .await;
    check_end(&update, TaskState::Finished, Some(0), None);
    let pids: Vec<i32> = kit
        .stdout(&update.key)
        .lines()
        .map(|line| line.parse().unwrap())
        .collect();
    assert_eq!(pids.len(), 2);
    for pid in pids {
        process_gone(pid).await;
    }
    kit.stop().await;
}

#[tokio::test]
async fn users_are_switched_to_or_refused() {
    let home = home();
    let mut kit = Kit::start(&home).await;
    let as_user = |name: &str, user: &str, command: &str| JobSpec {
        run_as_user: user.into(),
        ..job(name, command)
    };
    let update = kit.end_of(as_user("a", "no-such-user-here", "true")).await;
    check_end(
        &update,
        TaskState::Failed,
        None,
        Some("no such user: \"no-such-user-here\""),
    );

    let root = rustix::process::geteuid().is_root();
    let other = if root { "nobody" } else { "root" };
    let probe = "id -un; id -Gn; echo $HOME $USER; touch \"$MESOS_SANDBOX/mine\" && exit 6";
    // `nobody` has to be able to walk to its sandbox.
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o711)).unwrap();
    let update = kit.end_of(as_user("b", other, probe)).await;
    if root {
        check_end(&update, TaskState::Failed, Some(6), Some("exit code 6"));
        assert_eq!(
            kit.stdout(&update.key),
            "nobody\nnogroup\n/nonexistent nobody\n"
        );
    } else {
        assert_eq!((update.state, update.exit_code), (TaskState::Failed, None));
        assert!(update.message.unwrap().contains("only root may switch"));
    }
    if root {
        let missing = JobSpec {
            shell: false,
            ..as_user("c", other, "no-such-program")
        };
        let update = kit.end_of(missing).await;
        let message = "command not found: no-such-program";
        check_end(&update, TaskState::Failed, None, Some(message));
    }
    kit.stop().await;
}

#[tokio::test]
async fn what_this_agent_cannot_do_is_said_and_not_tried() {
    let home = home();
    let mut kit = Kit::start(&home).await;
    let container = Container {
        kind: ContainerKind::Docker,
        image: "busybox".to_owned(),
        network: Network::Host,
        network_name: None,
        network_infos: Vec::new(),
        volumes: Vec::new(),
        force_pull_image: false,
        parameters: Vec::new(),
    };
    let [mut contained, mut executed, mut fetched] = ["a", "b", "c"].map(|name| job(name, "true"));
    contained.details.container = Some(container);
    executed.details.executor = "/bin/x".to_owned();
    fetched.details.uris = vec!["http://x/y".to_owned()];
    for (spec, message) in [
        (contained, "this agent has no container runtime"),
        (executed, "this agent runs no custom executors"),
        (fetched, "this agent fetches no files"),
    ] {
        let task = task(spec);
        let key = task.key.clone();
        kit.launch(vec![task]).await;
        let update = kit.wait(&key, TaskState::Failed).await;
        check_end(&update, TaskState::Failed, None, Some(message));
        kit.call(ClusterCall::Acknowledge { key }).await;
    }
    kit.stop().await;
}
