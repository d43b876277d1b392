//! How does a small scheduler look?
//!
//! It sleeps until the next occurrence, runs it, and asks again. The schedule holds no clock, so that a late wake-up or a
//! clock that jumps is seen at once: what was missed is counted, not run.
#![expect(
    clippy::disallowed_methods,
    reason = "an example has a clock; the crate has none"
)]

use chrono::{DateTime, TimeDelta, Utc};
use iso8601_repeat::{Options, RepeatingInterval, Schedule};
use std::{
    error::Error,
    io::{self, Write as _},
    time::{Duration, SystemTime},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    // Three times, a second apart, the first in a second.
    let interval: RepeatingInterval = "R3/PT1S".parse()?;
    let schedule = interval.schedule(&Options::new().anchor(now()? + TimeDelta::seconds(1)))?;
    run(&schedule, |at| writeln!(io::stdout(), "due {at}")).await
}

/// Runs a job at each occurrence from now on.
async fn run(
    schedule: &Schedule,
    mut job: impl FnMut(DateTime<Utc>) -> io::Result<()>,
) -> Result<(), Box<dyn Error>> {
    let mut done = now()?;
    while let Some(next) = schedule.next_after(done) {
        // Long sleeps are cut, so that a clock that is set back or forward is noticed.
        let wait = (next.at - now()?).to_std().unwrap_or(Duration::ZERO);
        tokio::time::sleep(wait.min(Duration::from_secs(60))).await;
        let woken = now()?;
        if woken < next.at {
            continue;
        }
        let missed = schedule.count_between(next.at, woken);
        if missed > 0 {
            writeln!(io::stdout(), "missed {missed}")?;
        }
        job(next.at)?;
        done = woken.max(next.at);
    }
    Ok(())
}

fn now() -> Result<DateTime<Utc>, Box<dyn Error>> {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let seconds = i64::try_from(since_epoch.as_secs())?;
    let now = DateTime::from_timestamp(seconds, since_epoch.subsec_nanos());
    Ok(now.ok_or("the clock is far off")?)
}
