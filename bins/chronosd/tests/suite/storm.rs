//! Three daemons on three servers, of which one or the other is killed all the time: every target has one
//! outcome, no run happened twice, and nobody ends by itself.
//!
//! By default a short storm. The long one, with twenty kills of the leader and ten of a server:
//!
//! ```sh
//! CHRONOS_STORM_KILLS=20 cargo nextest run -p chronosd -E 'test(a_storm_of_kills)' --no-capture
//! ```

use std::{
    thread,
    time::{Duration, Instant},
};

use fastrand::Rng;

use crate::{
    crashes::{JOBS, check_all, job},
    daemon::Daemon,
    home::Home,
    patience::{PATIENCE, wait_at_most},
    several::{SESSION, role, spawn},
    zookeeper::ZooKeeper,
};

/// How often the leader is killed when nobody says otherwise.
const KILLS: u64 = 4;

/// How long a kill, a takeover and a return take together at most, in seconds; the jobs have targets for so
/// long.
const SECONDS_PER_KILL: u64 = 12;

/// How long a takeover may take beyond the session of the old leader.
const TAKEOVER: Duration = Duration::from_secs(2);

struct Storm {
    rng: Rng,
    zookeeper: ZooKeeper,
    homes: [Home; 3],
    daemons: Vec<Option<Daemon>>,
    takeovers: Vec<Duration>,
}

impl Storm {
    fn begin(seed: u64) -> Self {
        let zookeeper = ZooKeeper::start(3);
        let homes = [Home::new(), Home::new(), Home::new()];
        let processes = homes.each_ref().map(|home| spawn(home, &zookeeper));
        let daemons = processes.map(|process| Some(process.ready()));
        Self {
            rng: Rng::with_seed(seed),
            zookeeper,
            homes,
            daemons: daemons.into(),
            takeovers: Vec::new(),
        }
    }

    /// Waits for a leader; nobody may end by itself meanwhile.
    fn leader(&mut self, patience: Duration) -> usize {
        wait_at_most(patience, "somebody leads", || {
            (0..self.daemons.len()).find(|&n| {
                let Some(daemon) = self.daemons[n].as_mut() else {
                    return false;
                };
                assert!(!daemon.has_ended(), "it ended by itself");
                role(daemon) == "leader"
            })
        })
    }

    fn kill_leader(&mut self) {
        let old = self.leader(PATIENCE);
        self.daemons[old].take().unwrap().kill9();
        let begun = Instant::now();
        self.leader(PATIENCE);
        self.takeovers.push(begun.elapsed());
        thread::sleep(Duration::from_millis(self.rng.u64(..1500)));
        self.daemons[old] = Some(spawn(&self.homes[old], &self.zookeeper).ready());
    }

    fn bounce_server(&mut self) {
        let number = self.rng.usize(..self.zookeeper.count());
        self.zookeeper.kill(number);
        thread::sleep(Duration::from_millis(self.rng.u64(..1500)));
        self.zookeeper.start_one(number);
    }
}

#[test]
fn a_storm_of_kills_loses_nothing_and_repeats_nothing() {
    let kills = std::env::var("CHRONOS_STORM_KILLS");
    let kills = kills.map_or(KILLS, |kills| kills.parse().unwrap());
    let seed = fastrand::u64(..);
    eprintln!("seed {seed}, {kills} kills");
    let mut storm = Storm::begin(seed);
    let targets = kills * SECONDS_PER_KILL / 2;
    let leader = storm.leader(PATIENCE);
    for number in 0..JOBS {
        // All evidence in one place, whichever machine runs it.
        let job = job(&storm.homes[0], number, targets);
        storm.daemons[leader].as_ref().unwrap().create(&job);
    }
    for number in 0..kills {
        thread::sleep(Duration::from_millis(storm.rng.u64(500..3000)));
        storm.kill_leader();
        if number % 2 == 1 {
            storm.bounce_server();
        }
    }
    let leader = storm.leader(PATIENCE);
    let patience = Duration::from_secs(kills * SECONDS_PER_KILL) + PATIENCE;
    let daemon = storm.daemons[leader].as_ref().unwrap();
    let runs = check_all(daemon, &storm.homes[0], targets, patience);
    let longest = storm.takeovers.iter().max().copied().unwrap_or_default();
    eprintln!("{runs} runs; takeovers {:?}", storm.takeovers);
    let limit = Duration::from_millis(SESSION) + TAKEOVER;
    assert!(longest <= limit, "a takeover took {longest:?}");
    for daemon in storm.daemons.into_iter().flatten() {
        daemon.stop();
    }
}
