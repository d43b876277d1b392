//! How does an interval stand in a configuration?
//!
//! `cargo run --example config --features serde`

use iso8601_repeat::{Gap, Options, RepeatingInterval, Zone};
use serde::Deserialize;
use std::{
    error::Error,
    io::{self, Write as _},
};

#[derive(Debug, Deserialize)]
struct Job {
    name: String,
    schedule: RepeatingInterval,
    zone: Zone,
    #[serde(default)]
    gap: Gap,
}

const CONFIG: &str = r#"{
    "name": "close the month",
    "schedule": "R12/2027-01-31T02:30/P1M",
    "zone": "Europe/Berlin",
    "gap": "skip"
}"#;

fn main() -> Result<(), Box<dyn Error>> {
    let job: Job = serde_json::from_str(CONFIG)?;
    let schedule = job
        .schedule
        .schedule(&Options::new().zone(job.zone).gap(job.gap))?;
    let mut out = io::stdout().lock();
    writeln!(out, "{} runs {} times", job.name, schedule.iter().count())?;
    for occurrence in &schedule {
        writeln!(out, "{}", occurrence.at)?;
    }

    // A mistake is reported with its place.
    let wrong = CONFIG.replace("P1M", "1 month");
    if let Err(error) = serde_json::from_str::<Job>(&wrong) {
        writeln!(out, "{error}")?;
    }
    Ok(())
}
