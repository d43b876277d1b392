//! What is to happen, and what breaks.

use crate::{
    daemon::{Answer, Request},
    master::Call,
};

/// What is to happen at some time. Those with a life are for one life of a daemon only.
#[derive(Clone, Debug)]
pub(super) enum Due {
    /// A request arrives at the servers, by the line of this number if it is still there.
    Arrives {
        daemon: usize,
        life: u64,
        line: u64,
        session: Option<i64>,
        id: u64,
        request: Request,
    },
    /// An answer arrives at the daemon.
    Answered {
        daemon: usize,
        life: u64,
        line: u64,
        id: u64,
        answer: Answer,
    },
    WatchFires {
        daemon: usize,
        session: i64,
        round: u64,
    },
    /// The client sees that its line is gone.
    SeesCut {
        daemon: usize,
        life: u64,
        line: u64,
    },
    Connects {
        daemon: usize,
        life: u64,
    },
    KeepsAlive {
        daemon: usize,
        life: u64,
    },
    Ticks {
        daemon: usize,
        life: u64,
    },
    /// A call arrives at the master.
    Called {
        daemon: usize,
        stream: u64,
        call: Call,
    },
    Subscribes {
        daemon: usize,
        life: u64,
    },
    Subscribed {
        daemon: usize,
        life: u64,
        stream: Option<u64>,
    },
    Reconciled {
        daemon: usize,
        life: u64,
        stream: u64,
        task: u64,
        known: bool,
    },
    Updated {
        daemon: usize,
        stream: u64,
        task: u64,
    },
    Repeats,
    Ends {
        task: u64,
    },
    ServersLook,
    Breaks(Fault),
    Heals(usize),
    Wakes(usize),
    Starts(usize),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    /// The line to the servers is cut; the next one is there at once.
    Cut(usize),
    /// Nothing gets through for so long.
    Partition(usize, u64),
    /// The process stands still for so long.
    Freeze(usize, u64),
    /// The process dies and starts again after so long.
    Crash(usize, u64),
    /// It leaves, and starts again after so long.
    Leave(usize, u64),
    /// The stream of the master breaks.
    Stream(usize),
}

impl Due {
    /// Returns whose process has to be running for it.
    pub(super) const fn needs(&self) -> Option<usize> {
        match self {
            Self::Answered { daemon, .. }
            | Self::SeesCut { daemon, .. }
            | Self::Connects { daemon, .. }
            | Self::KeepsAlive { daemon, .. }
            | Self::Ticks { daemon, .. }
            | Self::WatchFires { daemon, .. }
            | Self::Subscribed { daemon, .. }
            | Self::Reconciled { daemon, .. }
            | Self::Updated { daemon, .. } => Some(*daemon),
            Self::Arrives { .. }
            | Self::Called { .. }
            | Self::Subscribes { .. }
            | Self::Repeats
            | Self::Ends { .. }
            | Self::ServersLook
            | Self::Breaks(_)
            | Self::Heals(_)
            | Self::Wakes(_)
            | Self::Starts(_) => None,
        }
    }
}
