//! Whether this daemon leads, as the loop sees it.
//!
//! Who decides that is not known here: a daemon that is alone always leads, one of several is told by an
//! election.

use std::{fmt, sync::Arc};

use tokio::sync::watch;

/// What an election says about this daemon.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Role {
    /// Another one leads, or nobody.
    Follower,
    /// It leads. The number is another one each time that it begins to.
    Leader(u64),
    /// It may be over, which is not known yet: nothing is started, and nothing is forgotten.
    Suspended(u64),
}

/// The right to lead, with all that tells of it.
#[derive(Clone)]
pub struct Mandate {
    role: watch::Receiver<Role>,
    leader: watch::Receiver<Option<String>>,
    may_act: Arc<dyn Fn() -> bool + Send + Sync>,
    own: String,
    is_shared: bool,
}

impl Mandate {
    /// Takes that of a daemon that shares its store with nobody; `own` is its `host:port`.
    pub fn alone(own: String) -> Self {
        Self {
            role: watch::channel(Role::Leader(1)).1,
            leader: watch::channel(Some(own.clone())).1,
            may_act: Arc::new(|| true),
            own,
            is_shared: false,
        }
    }

    /// Takes that of a daemon in an election. `leader` tells the `host:port` of whoever leads, `may_act`
    /// answers whether the leader may start something at this very moment.
    pub fn elected(
        own: String,
        role: watch::Receiver<Role>,
        leader: watch::Receiver<Option<String>>,
        may_act: impl Fn() -> bool + Send + Sync + 'static,
    ) -> Self {
        Self {
            role,
            leader,
            may_act: Arc::new(may_act),
            own,
            is_shared: true,
        }
    }

    /// Whether the store is shared with other daemons.
    pub const fn is_shared(&self) -> bool {
        self.is_shared
    }

    /// Returns the `host:port` of this daemon.
    pub fn own(&self) -> &str {
        &self.own
    }

    /// Returns the `host:port` of whoever leads, as far as known.
    pub fn leader(&self) -> Option<String> {
        self.leader.borrow().clone()
    }

    /// Whether something may leave this process that only a leader may send.
    pub(crate) fn may_act(&self) -> bool {
        (self.may_act)()
    }

    pub(crate) fn role(&self) -> Role {
        *self.role.borrow()
    }

    /// Waits until the role is one of those wanted.
    pub(crate) async fn until(&mut self, wanted: impl Fn(Role) -> bool) -> Role {
        loop {
            let role = *self.role.borrow_and_update();
            if wanted(role) {
                return role;
            }
            self.changed().await;
        }
    }

    // Whoever told may be gone, which is no change.
    async fn changed(&mut self) {
        if self.role.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Role {
    /// Whether it is that of a leader with this number, be it suspended.
    pub(crate) const fn is_of(self, number: u64) -> bool {
        match self {
            Self::Follower => false,
            Self::Leader(own) | Self::Suspended(own) => own == number,
        }
    }
}

impl fmt::Debug for Mandate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mandate")
            .field("own", &self.own)
            .field("role", &self.role())
            .finish_non_exhaustive()
    }
}
