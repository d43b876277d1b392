//! Watching the folder, and carrying out what it asks for.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use chronos_api::Backend as _;
use chronos_core::Command;
use chronos_runtime::Handle;
use notify::{RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::folder::{
    files::{self, JobFile},
    sync,
};

/// How long the folder must be quiet before it is read: an editor writes a file in several steps.
const QUIET: Duration = Duration::from_millis(200);

/// How often the folder is read although nothing was heard: some file systems tell nobody.
const REREAD: Duration = Duration::from_secs(30);

/// Keeps the jobs in step with the folder until `shutdown`.
pub(crate) async fn keep_in_step(
    folder: PathBuf,
    mut handle: Handle,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let (heard, mut changes) = mpsc::channel(1);
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // Reading the folder opens files; hearing of that would never end.
        if event.as_ref().is_ok_and(|event| event.kind.is_access()) {
            return;
        }
        // A full channel says the same: look again.
        let _full_is_as_good = heard.try_send(());
    })?;
    watcher
        .watch(&folder, RecursiveMode::Recursive)
        .with_context(|| format!("cannot watch {}", folder.display()))?;
    let mut said = BTreeSet::new();
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            // What a follower sees may be a moment old, and it changes nothing.
            () = handle.leading() => {}
        }
        tokio::select! {
            // Its last commands get no answer, which is no problem of a file.
            biased;
            () = shutdown.cancelled() => return Ok(()),
            () = apply(&folder, &handle, &mut said) => {}
        }
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            () = tokio::time::sleep(REREAD) => {}
            _ = changes.recv() => settle(&mut changes).await,
        }
    }
}

async fn settle(changes: &mut mpsc::Receiver<()>) {
    while let Ok(Some(())) = tokio::time::timeout(QUIET, changes.recv()).await {}
}

async fn apply(folder: &Path, handle: &Handle, said: &mut BTreeSet<String>) {
    let files = match read(folder).await {
        Ok(files) => files,
        Err(error) => {
            warn!(folder = %folder.display(), %error, "cannot read the folder of jobs; nothing is changed");
            return;
        }
    };
    let plan = sync::plan(&files, &handle.view(), handle.defaults(), handle.now());
    let mut problems: BTreeSet<String> = plan.problems.into_iter().collect();
    let mut done = 0_usize;
    for command in plan.commands {
        let what = describe(&command);
        match handle.command(command).await {
            Ok(_) => done += 1,
            Err(error) => {
                problems.insert(format!("{what}: {error}"));
            }
        }
    }
    // Said once, not at each reading.
    for problem in problems.difference(said) {
        error!(problem, "job file");
    }
    *said = problems;
    if done > 0 {
        info!(folder = %folder.display(), files = files.len(), changed = done, "jobs are in step with their folder");
    }
}

async fn read(folder: &Path) -> std::io::Result<Vec<JobFile>> {
    let folder = folder.to_owned();
    tokio::task::spawn_blocking(move || files::read_folder(&folder))
        .await
        .map_err(std::io::Error::other)?
}

fn describe(command: &Command) -> String {
    match command {
        Command::Put { spec, source } => {
            let file = source.as_ref().map_or("", |source| source.file.as_str());
            format!("{file}: job {}", spec.name)
        }
        Command::Delete { job, .. } => format!("removing job {job}, which is in no file any more"),
        Command::Run { job, .. } | Command::MarkSuccess { job } | Command::KillJob { job } => {
            job.to_string()
        }
        Command::KillRun { key } => key.to_string(),
        Command::Backfill { job, .. } => job.to_string(),
        Command::PutCalendar(calendar) => calendar.name().to_string(),
        Command::DeleteCalendar(name) => name.to_string(),
    }
}
