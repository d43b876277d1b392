//! Offers that nothing uses: kept for a little while, then given back, and none asked for.

use crate::{
    ClusterCall, Effect, Mono, OfferId, Scheduler,
    alarm::Alarm,
    settings::{OFFERS_EARLY_MILLIS, OFFERS_KEPT_MILLIS},
};

/// Whether the cluster was told to make offers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Supply {
    /// What it was told last; nothing, to begin with.
    wanted: Option<bool>,
    /// Offers were declined since, which fitted nothing that waited then.
    declined: bool,
    /// Since when nothing waits.
    idle_since: Option<Mono>,
}

impl Scheduler {
    /// Brings the cluster to what is needed; to be called when all else of an input is done.
    pub(crate) fn settle_offers(&mut self, matched: bool) {
        if !self.settings.returns_offers {
            return;
        }
        let waits = self.queue.len() > 0;
        if waits || self.is_due_soon() {
            self.supply.idle_since = None;
            // What was declined for others may be right for something that nobody wanted before.
            if self.queue.take_fresh() && self.supply.declined {
                self.supply.wanted = None;
            }
            self.want_offers(true);
            if waits && matched {
                // They do not fit what waits now.
                let useless = self.queue.useless_offers(self.now.wall.millis());
                self.give_back(useless);
            }
            return;
        }
        if self.supply.wanted == Some(true) {
            let now = self.now.mono;
            let Some(since) = self.supply.idle_since else {
                self.supply.idle_since = Some(now);
                self.set_alarm(OFFERS_KEPT_MILLIS, Alarm::Offers);
                return;
            };
            if now.0.saturating_sub(since.0) < OFFERS_KEPT_MILLIS.unsigned_abs() {
                return;
            }
        }
        self.want_offers(false);
        let all = self.offers.keys().cloned().collect();
        self.give_back(all);
    }

    /// When offers are to be asked for, ahead of what is due.
    pub(crate) fn offers_wanted_at(&self) -> Option<chronos_model::Timestamp> {
        let waits_for_it = self.settings.returns_offers && self.supply.wanted != Some(true);
        let next = self.timers.first().filter(|_| waits_for_it);
        next.map(|&(at, _)| at.plus_millis(-OFFERS_EARLY_MILLIS))
    }

    fn is_due_soon(&self) -> bool {
        let soon = self.now.wall.plus_millis(OFFERS_EARLY_MILLIS);
        self.timers.first().is_some_and(|&(at, _)| at <= soon)
    }

    fn want_offers(&mut self, offers: bool) {
        if self.supply.wanted != Some(offers) {
            self.supply.wanted = Some(offers);
            self.supply.declined = false;
            let call = ClusterCall::Want { offers };
            self.outbox.push_back(Effect::Cluster(call));
        }
    }

    fn give_back(&mut self, offers: Vec<OfferId>) {
        for offer in offers {
            if self.offers.remove(&offer).is_some() {
                self.supply.declined = true;
                self.queue.drop_offer(&offer);
                let call = ClusterCall::Decline { offer };
                self.outbox.push_back(Effect::Cluster(call));
            }
        }
    }
}
