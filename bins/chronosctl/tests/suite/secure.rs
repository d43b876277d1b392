//! Stores on servers that speak TLS and want to know who comes.

use std::{fs, path::Path};

use zk_server::{Authority, Server, Setup};

use crate::{
    import::Bench,
    program::{Ran, chronosctl},
};

/// Flags with a prefix, for files in a folder.
fn flags(folder: &Path, prefix: &str, authority: &Authority) -> Vec<String> {
    let own = authority.sign("127.0.0.1");
    let file = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text).expect("it is written");
        path.display().to_string()
    };
    let pairs = [
        ("tls-ca-file", file("ca", authority.certificate())),
        ("tls-cert-file", file("cert", &own.certificate)),
        ("tls-key-file", file("key", &own.key)),
        ("sasl-user", "cron".to_owned()),
        ("sasl-password-file", file("password", "s3cr3t\n")),
    ];
    let pairs = pairs.into_iter();
    pairs
        .flat_map(|(name, value)| [format!("--{prefix}-{name}"), value])
        .collect()
}

fn run(args: &[&str], flags: &[String]) -> Ran {
    let flags = flags.iter().map(String::as_str);
    let args: Vec<_> = args.iter().copied().chain(flags).collect();
    let ran = chronosctl(&args);
    assert!(!format!("{}{}", ran.out, ran.err).contains("s3cr3t"));
    ran
}

#[tokio::test]
async fn imports_checks_backs_up_and_restores() {
    let bench = Bench::new().await;
    let authority = Authority::new("ours");
    let own = authority.sign("127.0.0.1");
    let setup = Setup::default().tls(own, Some(authority.certificate()));
    let server = Server::start_with(&Setup {
        users_only: true,
        ..setup.user("cron", "s3cr3t")
    });
    let folder = tempfile::tempdir().expect("a folder");
    let store = format!("zk://{}/cron", server.hosts());
    let to = flags(folder.path(), "to", &authority);
    let import = ["import", "--from", &bench.old, "--to", &store];
    let done = run(&import, &to);
    assert!(done.out.contains("2 created"), "{}{}", done.out, done.err);

    let zk = flags(folder.path(), "zk", &authority);
    let check = ["store", "check", "--store", &store];
    let checked = run(&check, &zk);
    assert_eq!(checked.code, Some(0), "{}{}", checked.out, checked.err);
    // As the daemon's flags are written.
    let same = zk.iter().map(|it| match it.strip_prefix("--") {
        Some(flag) => format!("--{}", flag.replace('-', "_")),
        None => it.clone(),
    });
    assert_eq!(run(&check, &same.collect::<Vec<_>>()).code, Some(0));
    let open = "anybody on this machine can read the secret in";
    assert_eq!(checked.err.matches(open).count(), 2, "{}", checked.err);

    let file = folder.path().join("backup").display().to_string();
    let backup = ["store", "backup", "--store", &store, "--to", &file];
    let saved = run(&backup, &zk);
    assert!(saved.out.contains("2 jobs"), "{}{}", saved.out, saved.err);
    let restore = ["store", "restore", "--from", &file, "--store", &store];
    let refused = run(&restore, &zk);
    assert!(refused.err.contains("is not empty"), "{}", refused.err);
    let other = format!("zk://{}/other", server.hosts());
    let restore = ["store", "restore", "--from", &file, "--store", &other];
    let restored = run(&restore, &zk);
    assert_eq!(restored.code, Some(0), "{}{}", restored.out, restored.err);

    // Nobody in particular, and whoever has a file that is none.
    let plain = run(&check, &zk[..6]);
    assert_eq!(plain.code, Some(1), "{}", plain.err);
    assert!(plain.err.contains("demand a user by SASL"), "{}", plain.err);
    fs::write(folder.path().join("ca"), "").expect("it is written");
    let broken = run(&check, &zk);
    assert_eq!(broken.code, Some(3));
    let want = "chronosctl: --zk-tls-ca-file: ";
    assert!(broken.err.contains(want), "{}", broken.err);
}
