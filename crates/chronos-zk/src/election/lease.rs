//! How long a leader may act on what it last heard from the servers.
//!
//! A process that was stopped, or whose machine slept, believes that it leads until it hears otherwise.
//! So before it acts it asks how old its last proof is: a request that was answered proves that the
//! session lived when the request was *sent*, and no other daemon leads before a whole session time
//! has passed since then.

use std::time::Duration;

/// The proofs of one leader.
///
/// Instants are the time since some fixed moment on a clock that also counts while the machine sleeps
/// (`CLOCK_BOOTTIME`).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use chronos_zk::Lease;
///
/// let at = Duration::from_secs;
/// let mut lease = Lease::new(at(10));
/// assert!(!lease.may_act(at(100)), "nothing is proved yet");
/// lease.renew(at(100));
/// assert!(lease.may_act(at(104)) && !lease.may_act(at(105)));
/// // An answer that comes late proves no more than when its request left.
/// lease.renew(at(99));
/// assert!(lease.may_act(at(104)));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Lease {
    session_timeout: Duration,
    proved_at: Option<Duration>,
}

impl Lease {
    /// Makes a lease without a proof, for a session that lasts so long without a sign of life.
    pub const fn new(session_timeout: Duration) -> Self {
        Self {
            session_timeout,
            proved_at: None,
        }
    }

    /// Begins anew for another session, without a proof.
    pub const fn begin(&mut self, session_timeout: Duration) {
        *self = Self::new(session_timeout);
    }

    /// Takes note that a request was answered which was sent at this instant.
    pub fn renew(&mut self, sent_at: Duration) {
        self.proved_at = self.proved_at.max(Some(sent_at));
    }

    /// Forgets all proofs: the session is over.
    pub const fn end(&mut self) {
        self.proved_at = None;
    }

    /// Whether the leader may act at this instant: within half the session time after its last proof.
    ///
    /// The other half is for what it then does to arrive, and for clocks that run differently.
    pub fn may_act(&self, now: Duration) -> bool {
        self.proved_at
            .is_some_and(|proved_at| now.saturating_sub(proved_at) < self.session_timeout / 2)
    }

    /// Returns how often to ask for a proof when there is nothing else to ask: three times before the
    /// leader would have to stop.
    pub fn keepalive(&self) -> Duration {
        self.session_timeout / 6
    }
}
