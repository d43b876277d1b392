//! Offers that nothing uses: kept for a little while, then given back, and none asked for.

use offer_match::{ConstraintPacer, OfferConstraints};

use crate::{
    ClusterCall, Effect, Mono, OfferId, Scheduler,
    alarm::Alarm,
    settings::{CONSTRAINTS_LOOK_MILLIS, OFFERS_EARLY_MILLIS, OFFERS_KEPT_MILLIS},
};

/// Whether the cluster was told to make offers, and of which agents.
#[derive(Clone, Debug, Default)]
pub(crate) struct Supply {
    /// What it was told last; nothing, to begin with.
    wanted: Option<bool>,
    /// Offers were declined since, which fitted nothing that waited then.
    declined: bool,
    /// Since when nothing waits.
    idle_since: Option<Mono>,
    /// Nothing was told yet.
    constraints: Option<ConstraintPacer>,
    /// When to look next whether fewer agents are enough.
    look_at: Mono,
    /// Agents were seen that cannot be told apart in the words of offer constraints.
    inexpressible: bool,
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
            let fresh = self.queue.take_fresh();
            self.constrain_offers(waits, fresh);
            // What was declined for others may be right for something that nobody wanted before.
            if fresh && self.supply.declined {
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

    // Spares the cluster offers of agents that nothing that waits can use. More agents are asked for before
    // offers are, which may be refused for a while.
    fn constrain_offers(&mut self, waits: bool, fresh: bool) {
        if !self.settings.constrains_offers {
            return;
        }
        let soon = self.is_due_soon();
        let Some(pacer) = &mut self.supply.constraints else {
            self.supply.constraints = Some(ConstraintPacer::default());
            return self.say_constraints(OfferConstraints::new());
        };
        // What is due soon may want any.
        let any = !waits || soon || self.queue.took_any_agent();
        let more = (any || fresh) && !pacer.is_unconstrained();
        let now = self.now.mono;
        if !more && now < self.supply.look_at {
            return;
        }
        self.supply.look_at = Mono(now.0.saturating_add(CONSTRAINTS_LOOK_MILLIS));
        self.queue.forget_any_agent();
        let wanted = if any || self.supply.inexpressible {
            OfferConstraints::new()
        } else {
            self.queue.offer_constraints()
        };
        let millis = i64::try_from(now.0).unwrap_or(i64::MAX);
        if let Some(told) = pacer.next(millis, &wanted) {
            self.say_constraints(told);
        }
    }

    // To the matcher all offers are of one role.
    fn say_constraints(&mut self, told: OfferConstraints) {
        let groups = told.into_values().next().unwrap_or_default();
        let call = ClusterCall::Constrain { groups };
        self.outbox.push_back(Effect::Cluster(call));
    }

    /// An offer came of an agent with these attributes; there may be more like it.
    pub(crate) fn note_agent(&mut self, attributes: &resources::Attributes) {
        if self.settings.constrains_offers && attributes.repeat_a_name() {
            self.supply.inexpressible = true;
        }
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
