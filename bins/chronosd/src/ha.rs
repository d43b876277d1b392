//! Several daemons: one of them leads.

use std::sync::Arc;

use chronos_core::AgentId;
use chronos_runtime::{Mandate, Role};
use chronos_zk::{Board, Election, ElectionOptions, Follower, Guard, Leadership};
use tokio::sync::watch;

use crate::{exit::Failure, store::Servers};

/// Takes part in the election; `own` is the `host:port` that others see.
pub(crate) fn join(servers: &Servers, own: &str, guard: Guard) -> Result<Election, Failure> {
    let mut options = ElectionOptions::new(servers.address.clone(), own);
    options.session_timeout = servers.session_timeout;
    options.guard = guard;
    Election::join(&options).map_err(Failure::other)
}

/// Says what the election decides in the words of the scheduler's loop.
pub(crate) fn mandate(election: &Election, own: String) -> Mandate {
    let proof = election.proof();
    Mandate::elected(
        own,
        roles(election.leadership()),
        election.leader(),
        move || proof.may_act(),
    )
}

fn roles(mut leadership: watch::Receiver<Leadership>) -> watch::Receiver<Role> {
    let (roles_in, roles) = watch::channel(role(*leadership.borrow()));
    tokio::spawn(async move {
        while leadership.changed().await.is_ok() {
            roles_in.send_replace(role(*leadership.borrow_and_update()));
        }
        // The election is over, and with it this daemon's part.
        roles_in.send_replace(Role::Follower);
    });
    roles
}

const fn role(leadership: Leadership) -> Role {
    match leadership {
        Leadership::None => Role::Follower,
        Leadership::Leading(number) => Role::Leader(number),
        Leadership::Suspended(number) => Role::Suspended(number),
    }
}

/// Puts up this machine's sign for the other daemons, and reads theirs.
pub(crate) fn board(servers: &Servers, agent: &AgentId, own: &str) -> Arc<Board> {
    let (address, timeout) = (servers.address.clone(), servers.session_timeout);
    Arc::new(Board::start(address, timeout, &agent.0, own))
}

/// Reads what the leader writes, while that is another daemon.
pub(crate) fn follower(servers: &Servers) -> Result<Follower, Failure> {
    Follower::start(&servers.address, servers.session_timeout).map_err(Failure::other)
}

/// Leaves the election: the next in line leads within milliseconds.
pub(crate) async fn leave(election: Option<Election>) {
    let Some(election) = election else { return };
    // Its end waits for a thread.
    let left = tokio::task::spawn_blocking(move || drop(election));
    if let Err(error) = left.await {
        tracing::warn!(%error, "the election ended early");
    }
}
