//! Killed again and again while it launches on Mesos: every target has one outcome, and no task starts twice.
//!
//! By default a short storm. The long one, with twenty kills at 200 launches a second:
//!
//! ```sh
//! CHRONOS_MESOS_STORM=20x200 cargo nextest run --release -p chronosd -E 'test(mesos_storm)' --no-capture
//! ```

use std::{thread, time::Duration};

use fastrand::Rng;

use crate::{
    crashes::{check_jobs, job},
    home::Home,
    mesos::Cluster,
};

/// Kills, and launches a second, when nobody says otherwise.
const STORM: (u64, usize) = (4, 50);

/// How long a kill and a return take together at most, in seconds; the jobs have targets for so long.
const SECONDS_PER_KILL: u64 = 4;

/// How long the last runs may take, on a machine that is slower than the storm.
const END: Duration = Duration::from_secs(600);

#[test]
fn a_storm_of_kills_on_mesos_loses_nothing_and_repeats_nothing() {
    let storm = std::env::var("CHRONOS_MESOS_STORM").ok();
    let storm = storm.as_deref().and_then(|storm| storm.split_once('x'));
    let (kills, rate) = storm.map_or(STORM, |(kills, rate)| {
        (kills.parse().unwrap(), rate.parse().unwrap())
    });
    let seed = fastrand::u64(..);
    eprintln!("seed {seed}, {kills} kills, {rate} launches a second");
    let mut rng = Rng::with_seed(seed);
    let (home, cluster) = (Home::new(), Cluster::start(8));
    // Each has a target every two seconds.
    let jobs = rate * 2;
    let targets = kills * SECONDS_PER_KILL / 2 + 6;
    let daemon = cluster.spawn(&home, &[]).ready();
    for number in 0..jobs {
        daemon.create(&job(&home, number, targets));
    }
    let mut process = daemon.into_process();
    for _ in 0..kills {
        // A third of them before it is ready.
        let life = if rng.u8(..3) == 0 {
            rng.u64(..500)
        } else {
            rng.u64(500..3500)
        };
        thread::sleep(Duration::from_millis(life));
        process.kill9();
        process = cluster.spawn(&home, &[]);
    }
    let daemon = process.ready();
    let runs = check_jobs(&daemon, &home, jobs, targets, END);
    eprintln!("{runs} runs, {} launches", cluster.fake.launches());
    daemon.stop();
}
