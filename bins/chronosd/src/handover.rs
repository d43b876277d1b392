//! Waiting for a daemon that is just going: a process that was killed holds its files and its port until the system
//! has taken it apart, and whoever restarts it may be faster than that.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tracing::warn;

/// How long that is borne: taking a process of a gigabyte apart takes a fraction of a second.
const PATIENCE: Duration = Duration::from_secs(3);

/// The wait between two attempts.
const PAUSE: Duration = Duration::from_millis(20);

/// Repeats an attempt while what it needs is held by somebody else who may be going.
pub(crate) async fn patiently<T, E: std::fmt::Display>(
    attempt: impl AsyncFn() -> Result<T, E>,
    is_held: impl Fn(&E) -> bool,
) -> Result<T, E> {
    let until = Instant::now() + PATIENCE;
    let mut told = false;
    loop {
        match attempt().await {
            Err(error) if is_held(&error) && Instant::now() < until => {
                if !std::mem::replace(&mut told, true) {
                    warn!(%error, "waiting for whoever is there to go");
                }
                sleep(PAUSE).await;
            }
            result => return result,
        }
    }
}
