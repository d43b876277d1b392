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
    pub(super) fn add(&mut self, offers: &[Offer], now: Mono) {
        for offer in offers {
            if self.held.insert(offer.id.value.clone()) {
                self.came.push_back((now, offer.id.value.clone()));
            }
        }
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

    #[test]
    fn an_offer_is_used_once() {
        let mut offers = Offers::default();
        offers.add(&[offer("1"), offer("1"), offer("2")], Mono(0));
        assert!(offers.take(&id("1")));
        assert!(!offers.take(&id("1")));
        assert!(!offers.take(&id("3")));
        assert!(offers.take(&id("2")));
    }

    #[test]
    fn an_offer_is_not_held_for_ever() {
        let mut offers = Offers::default();
        offers.add(&[offer("1"), offer("2")], Mono(0));
        offers.add(&[offer("3")], Mono(1));
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
            ..Offer::default()
        }
    }

    fn id(value: &str) -> OfferId {
        OfferId {
            value: value.into(),
        }
    }
}
