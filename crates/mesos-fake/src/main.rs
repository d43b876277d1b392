//! `mesos-fake`: a cluster on this machine, whose tasks run as processes.
#![expect(clippy::print_stdout, reason = "a program for people at a terminal")]

use std::path::PathBuf;

use clap::Parser;
use mesos_fake::{
    Fake, Plan,
    cluster::{AgentSpec, Settings},
    script::{Behaviour, Script},
};
use mesos_v1::{call, json};

/// A fake Mesos on loopback: one master, some agents; tasks run as processes of this machine.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// The port of the master.
    #[arg(long, default_value_t = 5050)]
    port: u16,
    /// How many agents.
    #[arg(long, default_value_t = 2)]
    agents: u16,
    /// Tasks finish at once instead of running.
    #[arg(long)]
    no_processes: bool,
    /// Where sandboxes are; a temporary folder, if not said.
    #[arg(long)]
    work_dir: Option<PathBuf>,
    /// Print each call that comes, as JSON.
    #[arg(long)]
    calls: bool,
    /// A principal and its secret, as `principal:secret`; then all must have one.
    #[arg(long)]
    credential: Vec<String>,
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let args = Args::parse();
    let mut script = Script::default();
    if !args.no_processes {
        script.set("", Behaviour::Process);
    }
    let credentials = args
        .credential
        .iter()
        .filter_map(|pair| pair.split_once(':'))
        .map(|(principal, secret)| (principal.to_owned(), secret.to_owned()))
        .collect();
    let mut fake = Fake::start(Plan {
        settings: Settings {
            script,
            ..Settings::default()
        },
        agents: (1..=args.agents).map(AgentSpec::plain).collect(),
        port: args.port,
        credentials,
        work_dir: args.work_dir,
        ..Plan::default()
    })
    .await?;
    fake.real_time();
    println!("master at {}, {} agents", fake.address(0), args.agents);
    tokio::select! {
        () = print_calls(&fake), if args.calls => Ok(()),
        interrupted = tokio::signal::ctrl_c() => interrupted,
    }
}

// One line each: its status, and the call as Mesos speaks JSON.
async fn print_calls(fake: &Fake) {
    let mut printed = 0;
    loop {
        let new = fake
            .until(|_cluster, calls| {
                calls
                    .get(printed..)
                    .filter(|new| !new.is_empty())
                    .map(<[_]>::to_vec)
            })
            .await;
        printed += new.len();
        for seen in new {
            let status = seen
                .status
                .map_or_else(|| "unanswered".to_owned(), |status| status.to_string());
            match json::from_wire(json::Kind::Call, &call::body(&seen.call)) {
                Ok(text) => println!("{status} {}", String::from_utf8_lossy(&text)),
                Err(error) => println!("{status} {:?}: {error}", seen.kind),
            }
        }
    }
}
