//! Log lines on standard error: for people, or as JSON.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use crate::cli::LogFormat;

/// What the client of `ZooKeeper` says is not for operators: while there is no server it says so many times a
/// second. What matters of it is told by the store and by the election.
const QUIET: &str = "zookeeper_client";

/// Starts logging. A filter that cannot be read is said once and replaced by `info`.
pub(crate) fn start(format: LogFormat, level: &str) {
    let (filter, problem) = match level.parse::<EnvFilter>() {
        Ok(filter) => (filter, None),
        Err(error) => (EnvFilter::new("info"), Some(error)),
    };
    let filter = match format!("{QUIET}=off").parse() {
        Ok(quiet) if !level.contains(QUIET) => filter.add_directive(quiet),
        Ok(_) | Err(_) => filter,
    };
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Text => subscriber.with_target(false).init(),
        LogFormat::Json => subscriber.json().flatten_event(true).init(),
    }
    if let Some(error) = problem {
        tracing::warn!(%error, level, "cannot read --log_level; using info");
    }
}
