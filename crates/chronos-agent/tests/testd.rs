//! Stands for the daemon in tests: `supervise <folder>` as `chronosd` has it, and `daemon <work_dir>
//! <command>..`, which runs the commands as jobs `job-0`, `job-1` and so on, says `running` when all
//! of them do, and stays until it is killed.

use std::{
    env,
    io::{self, Write as _},
    process::ExitCode,
};

use chronos_agent::{Agent, AgentConfig, supervise_main};
use chronos_core::{ClusterCall, ClusterEvent, TaskState};
use resources::{Resources, Scalar};

mod shared;

fn main() -> ExitCode {
    let mut args = env::args_os().skip(1);
    let mode = args.next();
    if mode.is_some_and(|mode| mode == "supervise") {
        return supervise_main(args);
    }
    let args: Vec<String> = args.filter_map(|arg| arg.into_string().ok()).collect();
    match args.as_slice() {
        [work_dir, commands @ ..] if daemon(work_dir, commands).is_ok() => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

#[tokio::main]
async fn daemon(work_dir: &str, commands: &[String]) -> io::Result<()> {
    let mut config = AgentConfig::new(work_dir, "testhost");
    let much = Scalar::from_units(1_000_000);
    config.resources = Some(Resources::new(much, much, much));
    let mut cluster = Agent::start(config).await.map_err(io::Error::other)?;
    let jobs = commands.iter().enumerate();
    let mut tasks: Vec<_> = jobs
        .map(|(n, command)| shared::task(shared::job(&format!("job-{n}"), command)))
        .collect();
    let mut running = 0;
    while let Some(event) = cluster.events.recv().await {
        match event {
            ClusterEvent::Offers(mut offers) if !tasks.is_empty() => {
                let offer = offers.remove(0).id;
                let tasks = std::mem::take(&mut tasks);
                cluster
                    .calls
                    .send(ClusterCall::Launch {
                        offers: vec![offer],
                        tasks,
                    })
                    .await
                    .map_err(io::Error::other)?;
            }
            ClusterEvent::Update(update) if update.state == TaskState::Running => {
                running += 1;
                if running == commands.len() {
                    writeln!(io::stdout(), "running")?;
                }
            }
            ClusterEvent::Offers(_) | ClusterEvent::Rescinded(_) | ClusterEvent::Update(_) => {}
        }
    }
    Ok(())
}
