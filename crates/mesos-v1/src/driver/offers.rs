//! The offers that were made to this subscription and are neither used nor given back. They end with it.

use std::collections::{BTreeSet, VecDeque};

use super::config::OFFER_HOLD;
use crate::{
    Mono,
    proto::{Offer, OfferId},
};

/// The offers at hand.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Offers {
    held: BTreeSet<String>,
    /// Those that came, oldest first; some of them are not held any more.
    came: VecDeque<(Mono, String)>,
}

impl Offers {
    /// Takes offers up; returns those that can be used. One that is there already is no second one, and one that does
    /// not say whose it is goes back in its time.
    pub(super) fn add(&mut self, mut offers: Vec<Offer>, now: Mono) -> Vec<Offer> {
        offers.retain(|offer| {
            let is_new = self.held.insert(offer.id.value.clone());
            if is_new {
                self.came.push_back((now, offer.id.value.clone()));
            }
            is_new && !offer.agent_id.value.is_empty()
        });
        offers
    }

    /// Uses an offer up; false when it is not there.
    pub(super) fn take(&mut self, offer: &OfferId) -> bool {
        self.held.remove(&offer.value)
    }

    /// Takes out those that were held for too long.
    pub(super) fn take_expired(&mut self, now: Mono) -> Vec<OfferId> {
        let mut expired = Vec::new();
        while self.deadline().is_some_and(|at| at <= now) {
            let Some((_came, id)) = self.came.pop_front() else {
                break;
            };
            if self.held.remove(&id) {
                expired.push(OfferId { value: id });
            }
        }
        expired
    }

    /// When the next one may be held for too long.
    pub(super) fn deadline(&self) -> Option<Mono> {
        self.came.front().map(|(at, _id)| at.after(OFFER_HOLD))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::AgentId;

    #[test]
    fn an_offer_is_used_once() {
        let mut offers = Offers::default();
        let new = offers.add(vec![offer("1"), offer("1"), offer("2")], Mono(0));
        assert_eq!(new, [offer("1"), offer("2")]);
        assert_eq!(offers.add(vec![offer("2")], Mono(0)), []);
        assert!(offers.take(&id("1")));
        assert!(!offers.take(&id("1")));
        assert!(!offers.take(&id("3")));
        assert!(offers.take(&id("2")));
    }

    #[test]
    fn an_offer_is_not_held_for_ever() {
        let mut offers = Offers::default();
        offers.add(vec![offer("1"), offer("2")], Mono(0));
        let nobodys = Offer {
            id: id("3"),
            ..Offer::default()
        };
        assert_eq!(offers.add(vec![nobodys], Mono(1)), []);
        offers.take(&id("1"));
        assert_eq!(offers.deadline(), Some(Mono(30_000)));
        assert_eq!(offers.take_expired(Mono(29_999)), []);
        assert_eq!(offers.take_expired(Mono(30_000)), [id("2")]);
        assert_eq!(offers.take_expired(Mono(30_001)), [id("3")]);
        assert_eq!(offers.deadline(), None);
    }

    fn offer(value: &str) -> Offer {
        Offer {
            id: id(value),
            agent_id: AgentId { value: "S".into() },
            ..Offer::default()
        }
    }

    fn id(value: &str) -> OfferId {
        OfferId {
            value: value.into(),
        }
    }
}
