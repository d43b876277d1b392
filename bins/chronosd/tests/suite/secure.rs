//! A daemon on `ZooKeeper` by TLS, as a user of SASL.

use std::fs;

use rustix::process::Signal;
use serde_json::Value;
use zk_server::{Authority, Setup};

use crate::{
    client::by_hand,
    daemon::Process,
    home::Home,
    patience::wait_for,
    several::{spawn_with, wait_role},
    zookeeper::ZooKeeper,
};

const PASSWORD: &str = "s3cr3t";

/// The flags for TLS and SASL, and their files.
fn flags(home: &Home, authority: &Authority, password: &str) -> [String; 5] {
    let own = authority.sign("127.0.0.1");
    let file = |name: &str, text: &str| {
        let path = home.file(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    [
        format!("--zk_tls_ca_file={}", file("ca", authority.certificate())),
        format!("--zk_tls_cert_file={}", file("cert", &own.certificate)),
        format!("--zk_tls_key_file={}", file("key", &own.key)),
        "--zk_sasl_user=cron".to_owned(),
        format!("--zk_sasl_password_file={}", file("password", password)),
    ]
}

fn text(log: &[Value]) -> String {
    log.iter().map(Value::to_string).collect()
}

#[test]
fn a_daemon_leads_by_tls_and_says_why_it_is_refused() {
    let authority = Authority::new("ours");
    let setup = Setup {
        users_only: true,
        ..Setup::default()
            .tls(authority.sign("127.0.0.1"), Some(authority.certificate()))
            .user("cron", PASSWORD)
    };
    let zookeeper = ZooKeeper::start_with(1, &setup);
    let home = Home::new();
    let right = flags(&home, &authority, PASSWORD);
    let right = right.each_ref().map(String::as_str);
    let first = spawn_with(&home, &zookeeper, &right).ready();
    wait_role(&first, "leader");
    first.create(&by_hand("a", "true"));
    first.run_now("a");
    first.wait_outcome("a", "succeeded");
    first.kill9();
    let again = spawn_with(&home, &zookeeper, &right).ready();
    wait_role(&again, "leader");
    again.run_now("a");
    wait_for("both runs are on record", || {
        let ended = |run: &&Value| run["outcome"] == "succeeded";
        (again.runs("a").iter().filter(ended).count() == 2).then_some(())
    });
    let ended = again.stop();
    assert!(!text(&ended.log).contains(PASSWORD));
    // Anybody may read the files of the key and of the password.
    let warned = "anybody on this machine can read the secret for ZooKeeper";
    let warned = |line: &&Value| line["message"] == warned;
    assert_eq!(ended.log.iter().filter(warned).count(), 2);

    // With another password it lives, and says what is wrong.
    let other = Home::new();
    let wrong = flags(&other, &authority, "wr0ng");
    let wrong = wrong.each_ref().map(String::as_str);
    let daemon = spawn_with(&other, &zookeeper, &wrong);
    let want =
        "the servers refused the user \"cron\" or the password (sasl_user, sasl_password_file)";
    let line = wait_for("it says that it is refused", || {
        daemon.log().with("store cannot be used").pop()
    });
    assert!(line["problem"].as_str().unwrap().contains(want), "{line}");
    daemon.signal(Signal::TERM);
    let ended = daemon.wait();
    assert!(ended.status.success(), "{:#?}", ended.log);
    assert!(!text(&ended.log).contains("wr0ng"));
}

#[test]
fn files_that_cannot_be_used_keep_it_from_starting() {
    let home = Home::new();
    let authority = Authority::new("ours");
    let [ca, cert, key, user, password] = flags(&home, &authority, PASSWORD);
    let hosts = "--zk_hosts=h:1";
    let empty = home.file("empty");
    fs::write(&empty, "").unwrap();
    let with = |flag: &str| format!("{flag}={}", empty.display());
    let (no_ca, no_cert) = (with("--zk_tls_ca_file"), with("--zk_tls_cert_file"));
    let (no_key, no_password) = (with("--zk_tls_key_file"), with("--zk_sasl_password_file"));
    for (args, code, said) in [
        (&[hosts, &*no_ca][..], 1, "--zk_tls_ca_file"),
        (&[hosts, &ca, &no_cert, &key], 1, "--zk_tls_cert_file"),
        (&[hosts, &ca, &cert, &no_key], 1, "--zk_tls_key_file"),
        (&[hosts, &user, &no_password], 1, "--zk_sasl_password_file"),
        (
            &[hosts, "--zk_sasl_user=a b", &password],
            1,
            "--zk_sasl_user",
        ),
        (&["--zk_hosts=h$:1", &ca], 1, "--zk_hosts"),
        (
            &["--zk_hosts=zk://u:p@h:1", &user, &password],
            1,
            "--zk_sasl_user",
        ),
        (&[&*ca], 1, "need --zk_hosts"),
        (&[hosts, &ca, &cert], 2, "--zk_tls_key_file"),
        (&[hosts, &cert, &key], 2, "--zk_tls_ca_file"),
        (&[hosts, &user], 2, "--zk_sasl_password_file"),
    ] {
        let ended = Process::spawn(&home, args).wait();
        assert_eq!(ended.status.code(), Some(code), "{args:?} {:#?}", ended.log);
        let text = text(&ended.log);
        assert!(text.contains(said), "{said} not in {text}");
        assert!(!text.contains(PASSWORD), "{text}");
    }
}
