//! The two channels to whatever runs the tasks.

use std::collections::BTreeSet;

use chronos_core::{ClusterCall, ClusterEvent, OfferId};
use tokio::sync::mpsc;

/// A cluster: this machine, or Mesos.
#[derive(Debug)]
pub struct Cluster {
    /// What it is told.
    pub calls: mpsc::Sender<ClusterCall>,
    /// What it tells.
    pub events: mpsc::Receiver<ClusterEvent>,
}

/// The offers that the scheduler was given and has not used.
///
/// When a scheduler is dropped its offers go back, else nobody would use them again.
#[derive(Debug, Default)]
pub(crate) struct OpenOffers(BTreeSet<OfferId>);

impl OpenOffers {
    pub(crate) fn heard(&mut self, event: &ClusterEvent) {
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

    pub(crate) fn said(&mut self, call: &ClusterCall) {
        match call {
            ClusterCall::Launch { offer, .. } | ClusterCall::Decline { offer } => {
                self.0.remove(offer);
            }
            ClusterCall::Kill { .. }
            | ClusterCall::Acknowledge { .. }
            | ClusterCall::Reconcile { .. }
            | ClusterCall::Want { .. } => {}
        }
    }

    pub(crate) fn give_back(&mut self) -> impl Iterator<Item = ClusterCall> {
        std::mem::take(&mut self.0)
            .into_iter()
            .map(|offer| ClusterCall::Decline { offer })
    }
}
