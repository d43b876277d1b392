//! The channels to whatever runs the tasks, and what waits to be said.

use std::{
    collections::{BTreeSet, VecDeque},
    fmt,
};

use chronos_core::{ClusterCall, ClusterEvent, OfferId};
use tokio::sync::mpsc;

use crate::Mandate;

/// A cluster: this machine, this machine and others, or Mesos.
#[derive(Debug)]
pub struct Cluster {
    /// What it is told.
    pub calls: mpsc::Sender<ClusterCall>,
    /// What it tells.
    pub events: mpsc::Receiver<ClusterEvent>,
    /// Where it hears of terms, if it wants to.
    pub terms: Option<mpsc::Sender<TermNews>>,
}

/// A term of this daemon begins or is over.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TermNews {
    /// It begins; no call of it has been made yet.
    Begun,
    /// It is over. Of its calls those come still that give offers back.
    Over,
}

/// What is said to the cluster: in order, as fast as it listens, and only while we lead.
///
/// The cluster may be waiting for us to hear it, so we never wait for it.
pub(crate) struct Outgoing {
    calls: mpsc::Sender<ClusterCall>,
    mandate: Mandate,
    unsaid: VecDeque<ClusterCall>,
    offers: OpenOffers,
}

/// The cluster's channel is closed.
#[derive(Debug)]
pub(crate) struct Gone;

impl Outgoing {
    pub(crate) fn new(calls: mpsc::Sender<ClusterCall>, mandate: Mandate) -> Self {
        Self {
            calls,
            mandate,
            unsaid: VecDeque::new(),
            offers: OpenOffers::default(),
        }
    }

    pub(crate) fn heard(&mut self, event: &ClusterEvent) {
        self.offers.heard(event);
    }

    /// Takes a call, to be made now or as soon as there is room and the right to make it.
    pub(crate) fn say(&mut self, call: ClusterCall) {
        self.offers.said(&call);
        self.unsaid.push_back(call);
        self.send();
    }

    /// Whether something waits for no more than room.
    pub(crate) fn wants_room(&self) -> bool {
        self.unsaid.front().is_some_and(|call| self.may_say(call))
    }

    /// Whether something waits for the right to be said.
    pub(crate) fn wants_right(&self) -> bool {
        !self.unsaid.is_empty() && !self.wants_room()
    }

    /// Waits for room, when [`wants_room`](Self::wants_room). May be dropped.
    pub(crate) async fn room(&self) -> Result<(), Gone> {
        self.calls.reserve().await.map(drop).map_err(|_closed| Gone)
    }

    /// Says what can be said.
    pub(crate) fn send(&mut self) {
        while let Some(call) = self.unsaid.pop_front() {
            // Asked for each one, as the last thing: what comes before may have taken any time.
            if !self.may_say(&call) {
                self.unsaid.push_front(call);
                return;
            }
            // A closed channel shows when we listen next.
            if let Err(mpsc::error::TrySendError::Full(call)) = self.calls.try_send(call) {
                self.unsaid.push_front(call);
                return;
            }
        }
    }

    /// Forgets what was not said, and gives back the offers that were not used: else nobody would use
    /// them again.
    pub(crate) fn end_term(&mut self) {
        let unsaid = std::mem::take(&mut self.unsaid).into_iter();
        let unused = unsaid.flat_map(offers_of);
        let unused = unused.map(|offer| ClusterCall::Decline { offer });
        self.unsaid = unused.chain(self.offers.give_back()).collect();
        self.send();
    }

    fn may_say(&self, call: &ClusterCall) -> bool {
        matches!(call, ClusterCall::Decline { .. }) || self.mandate.may_act()
    }
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing")
            .field("unsaid", &self.unsaid.len())
            .finish_non_exhaustive()
    }
}

/// Returns the offers that a call would use up.
pub(crate) fn offers_of(call: ClusterCall) -> Vec<OfferId> {
    match call {
        ClusterCall::Launch { offers, .. } => offers,
        ClusterCall::Decline { offer } => vec![offer],
        ClusterCall::Kill { .. }
        | ClusterCall::Acknowledge { .. }
        | ClusterCall::Reconcile { .. }
        | ClusterCall::Want { .. }
        | ClusterCall::Constrain { .. } => Vec::new(),
    }
}

/// The offers that the scheduler was given and has not used.
#[derive(Debug, Default)]
struct OpenOffers(BTreeSet<OfferId>);

impl OpenOffers {
    fn heard(&mut self, event: &ClusterEvent) {
        match event {
            ClusterEvent::Offers(offers) => {
                self.0.extend(offers.iter().map(|offer| offer.id.clone()));
            }
            ClusterEvent::Rescinded(offer) => {
                self.0.remove(offer);
            }
            ClusterEvent::Update(_) => {}
        }
    }

    fn said(&mut self, call: &ClusterCall) {
        match call {
            ClusterCall::Launch { offers, .. } => {
                for offer in offers {
                    self.0.remove(offer);
                }
            }
            ClusterCall::Decline { offer } => {
                self.0.remove(offer);
            }
            ClusterCall::Kill { .. }
            | ClusterCall::Acknowledge { .. }
            | ClusterCall::Reconcile { .. }
            | ClusterCall::Want { .. }
            | ClusterCall::Constrain { .. } => {}
        }
    }

    fn give_back(&mut self) -> impl Iterator<Item = ClusterCall> {
        std::mem::take(&mut self.0)
            .into_iter()
            .map(|offer| ClusterCall::Decline { offer })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    };

    use chronos_core::Offer;
    use tokio::sync::watch;

    use super::*;
    use crate::Role;

    fn id(id: &str) -> OfferId {
        OfferId(id.into())
    }

    fn launch(offers: &str) -> ClusterCall {
        ClusterCall::Launch {
            offers: offers.split(' ').map(id).collect(),
            tasks: Vec::new(),
        }
    }

    fn decline(offer: &str) -> ClusterCall {
        ClusterCall::Decline { offer: id(offer) }
    }

    fn offers(ids: &[&str]) -> ClusterEvent {
        let offer = |id: &&str| Offer {
            id: OfferId((*id).into()),
            agent: chronos_core::AgentId("a".into()),
            hostname: "h".into(),
            resources: resources::Resources::default(),
            attributes: Arc::default(),
            role: None,
            abilities: chronos_core::Abilities::default(),
        };
        ClusterEvent::Offers(ids.iter().map(offer).collect())
    }

    fn outgoing(room: usize) -> (Outgoing, mpsc::Receiver<ClusterCall>, Arc<AtomicBool>) {
        let (calls, heard) = mpsc::channel(room);
        let may_act = Arc::new(AtomicBool::new(true));
        let asked = Arc::clone(&may_act);
        let mandate = Mandate::elected(
            "h:1".to_owned(),
            watch::channel(Role::Leader(1)).1,
            watch::channel(None).1,
            move || asked.load(Ordering::Relaxed),
        );
        (Outgoing::new(calls, mandate), heard, may_act)
    }

    fn said(heard: &mut mpsc::Receiver<ClusterCall>) -> Vec<ClusterCall> {
        std::iter::from_fn(|| heard.try_recv().ok()).collect()
    }

    #[test]
    fn nothing_leaves_without_the_right_to_act_and_all_of_it_in_order_with_it() {
        let (mut outgoing, mut heard, may_act) = outgoing(8);
        outgoing.say(launch("o1"));
        may_act.store(false, Ordering::Relaxed);
        let key = "ct:1:0:a:".parse().unwrap();
        let kill = ClusterCall::Kill { key };
        for call in [launch("o2"), kill.clone(), decline("o3")] {
            outgoing.say(call);
        }
        assert_eq!(said(&mut heard), [launch("o1")]);
        assert!(outgoing.wants_right() && !outgoing.wants_room());
        may_act.store(true, Ordering::Relaxed);
        assert!(outgoing.wants_room());
        outgoing.send();
        assert_eq!(said(&mut heard), [launch("o2"), kill, decline("o3")]);
        assert!(!outgoing.wants_right() && !outgoing.wants_room());
    }

    #[test]
    fn a_cluster_that_does_not_listen_keeps_nobody_waiting() {
        let (mut outgoing, mut heard, _) = outgoing(1);
        for offer in ["o1", "o2"] {
            outgoing.say(launch(offer));
        }
        assert!(outgoing.wants_room());
        assert_eq!(said(&mut heard), [launch("o1")]);
        outgoing.send();
        assert_eq!(said(&mut heard), [launch("o2")]);
    }

    #[test]
    fn what_a_term_leaves_is_given_back_and_not_done() {
        let (mut outgoing, mut heard, may_act) = outgoing(8);
        outgoing.heard(&offers(&["o1", "o2", "o3", "o4"]));
        outgoing.heard(&ClusterEvent::Rescinded(id("o3")));
        may_act.store(false, Ordering::Relaxed);
        outgoing.say(launch("o1 o4"));
        let key = "ct:1:0:a:".parse().unwrap();
        outgoing.say(ClusterCall::Acknowledge { key });
        outgoing.end_term();
        let declined = ["o1", "o4", "o2"].map(decline);
        assert_eq!(said(&mut heard), declined, "each once");
    }
}
