//! The protocol of a run, with the real state machine of the election, in random histories.
//!
//! Three daemons, servers, a master with its agents; sessions end, processes stand still and die, lines
//! break with requests in them that arrive later or never, calls come late. Three targets come due, and
//! in the end each must have run once, whatever happened. Then the same with each rule of the protocol
//! left out in turn: what a rule is there for must be seen to happen.
//!
//! What is not here: agents that vanish (a run is tried again then), and several jobs.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "an answer to another question is none"
)]

mod daemon;
mod master;
mod servers;
mod weakness;
mod world;

use std::thread;

use weakness::{
    Weak,
    Weakness::{
        self, ActsInDoubt, IgnoresSessionEnd, LaunchesFirst, NeverAsks, NoGuard, NoStreamFence,
        NoTermAdvance, NoTermCheck, NoVersions, SubscribesUnchecked, TakesStartedForDone,
        TakesUnknownForNo, TakesUnknownForYes, WatchesFirst,
    },
};
use world::{Verdict, play};

/// How many histories the protocol must stand.
const SEEDS: u64 = 20_000;

/// How many it must stand without a rule that is there beside another one.
const SEEDS_OF_SPARE: u64 = 3000;

fn verdicts(seeds: u64, weak: Weak) -> Vec<(u64, Verdict)> {
    let threads = thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    let threads = u64::try_from(threads).unwrap();
    thread::scope(|scope| {
        let play_some = |first| {
            let seeds = (first..seeds).step_by(usize::try_from(threads).unwrap());
            seeds
                .map(|seed| (seed, play(seed, weak)))
                .collect::<Vec<_>>()
        };
        let some: Vec<_> = (0..threads)
            .map(|first| scope.spawn(move || play_some(first)))
            .collect();
        some.into_iter()
            .flat_map(|some| some.join().unwrap())
            .collect()
    })
}

// Whether a weakened protocol is seen to go wrong in some way.
fn fails(weak: &'static [Weakness], shows: fn(Verdict) -> bool) -> bool {
    (0..SEEDS).any(|seed| shows(play(seed, Weak(weak))))
}

#[test]
fn each_target_runs_once_whatever_happens() {
    for (seed, verdict) in verdicts(SEEDS, Weak(&[])) {
        assert_eq!(verdict, Verdict::default(), "seed {seed}");
    }
}

/// What is left out, and what then is seen to happen.
type Needed = (&'static [Weakness], fn(Verdict) -> bool);

#[test]
fn without_any_of_its_rules_it_fails() {
    let double: fn(Verdict) -> bool = |verdict| verdict.double;
    let needed: [Needed; 13] = [
        (&[LaunchesFirst], double),
        (&[NeverAsks], double),
        (&[TakesUnknownForYes], double),
        (&[NoStreamFence], double),
        (&[NoVersions], double),
        (&[TakesStartedForDone], |verdict| verdict.lost),
        (&[NoGuard, NoTermCheck], |verdict| verdict.stale),
        // The node of the election is the same when one leader begins twice.
        (&[NoTermAdvance], |verdict| verdict.stale),
        (&[TakesUnknownForNo], |verdict| verdict.stuck),
        // Two that each believe that they lead take the stream from one another for good.
        (&[SubscribesUnchecked], |verdict| verdict.stuck),
        (&[ActsInDoubt], |verdict| verdict.two_acted),
        (&[IgnoresSessionEnd], |verdict| verdict.two_acted),
        (&[WatchesFirst], |verdict| verdict.herd),
    ];
    for (weak, shows) in needed {
        assert!(fails(weak, shows), "{weak:?} is never seen to fail");
    }
}

// The node of the election tells at once that somebody else may lead, before that one has begun a term;
// the record of the term is what nobody may leave out.
#[test]
fn the_record_of_the_term_is_fence_enough() {
    for (seed, verdict) in verdicts(SEEDS_OF_SPARE, Weak(&[NoGuard])) {
        assert_eq!(verdict, Verdict::default(), "seed {seed}");
    }
}
