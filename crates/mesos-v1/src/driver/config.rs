//! What the driver is told once, and its numbers.

use std::{collections::BTreeSet, time::Duration};

use crate::proto::{FrameworkId, FrameworkInfo, framework_info::capability::Type as Capability};

/// Connecting (5 s) and waiting for the head of the answer to `SUBSCRIBE` (15 s).
pub const SUBSCRIBE_WAIT: Duration = Duration::from_secs(20);
/// From the head of the stream to its first event.
pub const FIRST_EVENT_WAIT: Duration = Duration::from_secs(15);
/// How long the caller may take to say whether it still leads.
pub const FENCE_WAIT: Duration = Duration::from_secs(15);
/// How long the caller may take to store a new id. The master goes on sending meanwhile.
pub const STORE_WAIT: Duration = Duration::from_secs(60);
/// A stream is dead after this many heartbeats without a byte.
pub const HEARTBEATS_MISSED_MAX: u32 = 5;
/// How long one record may take from its first byte to its last: the largest one at 200 kB a second.
pub const RECORD_WAIT: Duration = Duration::from_secs(300);
/// The heartbeat interval when the master does not say; all known ones say 15 s.
pub const HEARTBEAT_DEFAULT: Duration = Duration::from_secs(15);
/// The shortest heartbeat interval that is believed: five of them are longer than any pause of a network.
pub const HEARTBEAT_MIN: Duration = Duration::from_secs(1);
/// The longest one: five of them are 25 minutes.
pub const HEARTBEAT_MAX: Duration = Duration::from_secs(300);
/// A call without an answer is ambiguous after this. Twice what other schedulers wait for a busy master.
pub const CALL_WAIT: Duration = Duration::from_secs(30);
/// The first back-off; doubled each time, and drawn from nothing to that.
pub const BACKOFF_FIRST: Duration = Duration::from_millis(500);
/// The longest back-off: one heartbeat.
pub const BACKOFF_MAX: Duration = Duration::from_secs(15);
/// After an `ERROR` that nobody knows.
pub const BACKOFF_UNKNOWN_ERROR: Duration = Duration::from_secs(30);
/// A subscription that lasted this long makes the next back-off the first one again.
pub const STABLE_AFTER: Duration = Duration::from_secs(60);
/// All schedulers of a cluster see a new leader at once; they spread over this.
pub const NEW_LEADER_SPREAD: Duration = Duration::from_millis(500);
/// A new leader must be one for this long before a living stream is given up.
pub const NEW_LEADER_HOLDS: Duration = Duration::from_secs(1);
/// How often it is told that there is no leader.
pub const NO_LEADER_TOLD: Duration = Duration::from_secs(5);
/// The first wait after the settings or the credentials were refused; doubled each time.
pub const REFUSED_FIRST: Duration = Duration::from_secs(60);
/// The longest of them.
pub const REFUSED_MAX: Duration = Duration::from_secs(300);
/// Redirects that are followed for one attempt. Two masters that point at each other would go on for ever.
pub const REDIRECTS_MAX: u32 = 5;
/// An offer that nobody used for this long goes back, so that others can have it.
pub const OFFER_HOLD: Duration = Duration::from_secs(30);
/// For how long such an offer is not wanted again.
pub const OFFER_EXPIRED_REFUSE_SECONDS: f64 = 5.0;
/// A launch without news is asked about after this.
pub const LAUNCH_SILENCE: Duration = Duration::from_secs(60);
/// The first repetition of a `KILL`; doubled each time.
pub const KILL_FIRST: Duration = Duration::from_secs(10);
/// The longest wait between two of them.
pub const KILL_MAX: Duration = Duration::from_secs(300);
/// The first repetition of a `RECONCILE` for tasks that were not answered; doubled each time.
pub const RECONCILE_FIRST: Duration = Duration::from_secs(5);
/// The longest wait between two of them. Silence is normal for 10 minutes after a master failover.
pub const RECONCILE_MAX: Duration = Duration::from_secs(60);
/// All tasks are asked about this often, a tenth more or less.
pub const RECONCILE_PERIOD: Duration = Duration::from_secs(900);
/// Tasks in one `RECONCILE`: about 100 bytes each, so 100 kB.
pub const RECONCILE_BATCH_MAX: usize = 1_000;
/// `REVIVE` is not sent more often than this: each one makes the master allocate.
pub const REVIVE_PAUSE: Duration = Duration::from_secs(5);
/// Connections for calls, all but the first for acknowledgements only. A call takes a round trip, and a launch has three
/// updates: with a millisecond each, eight connections carry 2,000 launches a second.
pub const LANES_MAX: usize = 8;
/// Calls that wait. At a millisecond each they are 10 s, a third of [`CALL_WAIT`].
pub const QUEUE_LEN_MAX: usize = 10_000;
/// Events that wait while a new id is stored: 5 s of 2,000 updates a second, the most a master was seen to send.
pub const HELD_EVENTS_MAX: usize = 10_000;
/// How long acknowledgements may take when the driver is to stop.
pub const DRAIN_WAIT: Duration = Duration::from_secs(5);

/// What the driver is told once.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// What we say of ourselves, without the id. `failover_timeout` should be set: it is 0 otherwise, and one broken
    /// connection would kill all tasks.
    pub info: FrameworkInfo,
    /// The id that is stored, when there is one.
    pub id: Option<FrameworkId>,
    /// Whatever differs between schedulers of a cluster, so that they do not all wait alike.
    pub seed: u64,
    /// How often things are done that an operator may want otherwise.
    pub pace: Pace,
}

/// How often things are done that an operator may want otherwise.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Pace {
    /// All tasks are asked about this often, a tenth more or less.
    pub reconcile: Duration,
    /// `REVIVE` is not sent more often than this.
    pub revive: Duration,
}

impl Default for Pace {
    /// [`RECONCILE_PERIOD`] and [`REVIVE_PAUSE`].
    fn default() -> Self {
        Self {
            reconcile: RECONCILE_PERIOD,
            revive: REVIVE_PAUSE,
        }
    }
}

impl Config {
    /// The roles we subscribe with.
    pub(super) fn roles(&self) -> BTreeSet<String> {
        let multi = self
            .info
            .capabilities
            .iter()
            .any(|capability| capability.r#type == Some(Capability::MultiRole.into()));
        if multi {
            self.info.roles.iter().cloned().collect()
        } else {
            BTreeSet::from([self.info.role().to_owned()])
        }
    }
}

/// How long a stream may be silent.
pub(super) fn silence(heartbeat_seconds: Option<f64>) -> Duration {
    let interval = heartbeat_seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .unwrap_or(HEARTBEAT_DEFAULT)
        .clamp(HEARTBEAT_MIN, HEARTBEAT_MAX);
    interval * HEARTBEATS_MISSED_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_five_sane_heartbeats() {
        let check = |interval, want| assert_eq!(silence(interval), Duration::from_secs(want));
        check(Some(15.0), 75);
        check(None, 75);
        check(Some(0.0), 5);
        check(Some(-1.0), 75);
        check(Some(f64::NAN), 75);
        check(Some(1e300), 75);
        check(Some(1e6), 1_500);
    }
}
