//! What the tests need from this machine.

use std::{path::Path, process::Command};

use anyhow::{Context as _, Result};

use crate::run::exists;

/// Something that must be there.
struct Need {
    what: &'static str,
    why: &'static str,
    sign: Sign,
    get: Get,
}

/// What shows that it is there.
#[derive(Clone, Copy, Debug)]
enum Sign {
    /// A program that starts with this argument.
    Program(&'static str, &'static str),
    File(&'static str),
}

/// Where it comes from.
#[derive(Clone, Copy)]
enum Get {
    Debian(&'static str),
    Rustup(&'static str),
}

const NEEDS: [Need; 5] = [
    Need {
        what: "a C compiler",
        why: "SQLite is built from its source",
        sign: Sign::Program("cc", "--version"),
        get: Get::Debian("gcc"),
    },
    Need {
        what: "rustfmt",
        why: "formatting is checked",
        sign: Sign::Program("rustfmt", "--version"),
        get: Get::Rustup("rustfmt"),
    },
    Need {
        what: "clippy",
        why: "lints are checked",
        sign: Sign::Program("cargo-clippy", "--version"),
        get: Get::Rustup("clippy"),
    },
    Need {
        what: "Java",
        why: "ZooKeeper runs on it",
        sign: Sign::Program("java", "-version"),
        get: Get::Debian("default-jre-headless"),
    },
    // The library alone: the tests start servers of their own, and no service is wanted.
    Need {
        what: "a ZooKeeper server",
        why: "the store on it is tested on real ones",
        sign: Sign::File("/usr/share/java/zookeeper.jar"),
        get: Get::Debian("libzookeeper-java"),
    },
];

/// Says what is missing; with `install` it is installed first, where that is possible.
pub(crate) fn check(install: bool) -> Result<Vec<&'static str>> {
    let mut missing = Vec::new();
    for need in NEEDS {
        if is_there(need.sign) {
            continue;
        }
        if install && may_install(need.get) {
            println!("installing {} ({})", need.what, need.why);
            run_install(need.get)?;
        }
        if !is_there(need.sign) {
            println!(
                "missing: {} ({}); get it with: {}",
                need.what,
                need.why,
                command(need.get).join(" ")
            );
            missing.push(need.what);
        }
    }
    Ok(missing)
}

fn is_there(sign: Sign) -> bool {
    match sign {
        Sign::Program(program, probe) => exists(program, probe),
        Sign::File(path) => Path::new(path).exists(),
    }
}

fn may_install(get: Get) -> bool {
    match get {
        // Packages are root's business.
        Get::Debian(_) => exists("apt-get", "--version") && is_root(),
        Get::Rustup(_) => exists("rustup", "--version"),
    }
}

fn is_root() -> bool {
    Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|output| output.stdout.starts_with(b"0\n"))
}

fn command(get: Get) -> Vec<&'static str> {
    match get {
        Get::Debian(package) if is_root() => vec!["apt-get", "install", "-y", package],
        Get::Debian(package) => vec!["sudo", "apt-get", "install", "-y", package],
        Get::Rustup(component) => vec!["rustup", "component", "add", component],
    }
}

fn run_install(get: Get) -> Result<()> {
    if let Get::Debian(_) = get {
        // Package lists may be old or absent on a fresh machine.
        Command::new("apt-get")
            .arg("update")
            .status()
            .context("cannot run apt-get")?;
    }
    let words = command(get);
    let (program, args) = words.split_first().context("an empty command")?;
    Command::new(program)
        .args(args)
        .status()
        .with_context(|| format!("cannot run {program}"))?;
    Ok(())
}
