//! When does this expression come next?
//!
//! `cargo run --example next_ten -- R/2017-01-31T02:30/P1M Europe/Berlin`
#![expect(
    clippy::disallowed_methods,
    reason = "an example has a clock; the crate has none"
)]

use chrono::{DateTime, Utc};
use iso8601_repeat::{Options, RepeatingInterval};
use std::{
    env,
    error::Error,
    io::{self, Write as _},
    time::SystemTime,
};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let text = arguments
        .next()
        .unwrap_or_else(|| "R/2017-01-31T02:30/P1M".into());
    let zone = arguments.next().unwrap_or_else(|| "Europe/Berlin".into());

    let interval: RepeatingInterval = text.parse()?;
    let schedule = interval.schedule(&Options::new().zone(zone.parse()?))?;

    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let seconds = i64::try_from(since_epoch.as_secs())?;
    let now = DateTime::<Utc>::from_timestamp(seconds, 0).ok_or("the clock is far off")?;

    let mut out = io::stdout().lock();
    for occurrence in schedule.after(now).take(10) {
        match occurrence.index {
            Some(index) => writeln!(out, "{}  no. {index}", occurrence.at)?,
            None => writeln!(out, "{}", occurrence.at)?,
        }
    }
    Ok(())
}
