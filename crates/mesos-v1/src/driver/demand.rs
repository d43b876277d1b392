//! Which roles want offers. It is a state that the master is brought to, not a series of calls: after a new subscription
//! the master knows what `SUBSCRIBE` said and nothing else.

use std::{collections::BTreeSet, time::Duration};

use crate::Mono;

/// What is to be told to the master.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Level {
    Suppress(Vec<String>),
    Revive(Vec<String>),
}

/// Which roles want offers, and what the master was told.
#[derive(Clone, Debug, Default)]
pub(super) struct Demand {
    /// Those of the framework; a call that names another one is ignored as a whole.
    roles: BTreeSet<String>,
    wanted: BTreeSet<String>,
    /// What the master believes to be suppressed.
    told: BTreeSet<String>,
    /// Their declined offers are wanted again.
    refresh: BTreeSet<String>,
    revived_at: Option<Mono>,
    /// The least time between two revivals.
    pause: Duration,
}

impl Demand {
    /// Nobody wants offers until somebody says so.
    pub(super) fn new(roles: BTreeSet<String>, pause: Duration) -> Self {
        Self {
            roles,
            pause,
            ..Self::default()
        }
    }

    pub(super) fn set_roles(&mut self, roles: BTreeSet<String>) {
        self.wanted.retain(|role| roles.contains(role));
        self.refresh.retain(|role| roles.contains(role));
        self.told.retain(|role| roles.contains(role));
        self.roles = roles;
    }

    pub(super) fn set(&mut self, wanted: &BTreeSet<String>) {
        self.wanted = self.roles.intersection(wanted).cloned().collect();
        self.refresh.retain(|role| self.wanted.contains(role));
    }

    pub(super) fn refresh(&mut self) {
        self.refresh = self.wanted.clone();
    }

    pub(super) fn suppressed(&self) -> Vec<String> {
        self.roles.difference(&self.wanted).cloned().collect()
    }

    /// What the master believes to be suppressed.
    pub(super) fn told(&self) -> Vec<String> {
        self.told.iter().cloned().collect()
    }

    /// What `SUBSCRIBE` says. A filter of an earlier stream may still hold, so what is wanted is revived as well.
    pub(super) fn announce(&mut self) -> Vec<String> {
        let suppressed = self.suppressed();
        self.told = suppressed.iter().cloned().collect();
        self.refresh();
        self.revived_at = None;
        suppressed
    }

    /// Takes out the next thing to tell the master.
    pub(super) fn next(&mut self, now: Mono) -> Option<Level> {
        let suppress: BTreeSet<String> = self
            .roles
            .iter()
            .filter(|role| !self.wanted.contains(*role) && !self.told.contains(*role))
            .cloned()
            .collect();
        if !suppress.is_empty() {
            self.told.extend(suppress.iter().cloned());
            return Some(Level::Suppress(suppress.into_iter().collect()));
        }
        let revive = self.to_revive();
        if revive.is_empty() || self.deadline().is_some_and(|at| at > now) {
            return None;
        }
        self.told.retain(|role| !revive.contains(role));
        self.refresh.clear();
        self.revived_at = Some(now);
        Some(Level::Revive(revive.into_iter().collect()))
    }

    /// When there is something to tell, if not now.
    pub(super) fn deadline(&self) -> Option<Mono> {
        if self.to_revive().is_empty() {
            return None;
        }
        Some(self.revived_at.map_or(Mono(0), |at| at.after(self.pause)))
    }

    fn to_revive(&self) -> BTreeSet<String> {
        let told: BTreeSet<_> = self.told.intersection(&self.wanted).cloned().collect();
        told.union(&self.refresh).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::config::REVIVE_PAUSE as PAUSE;

    #[test]
    fn brings_the_master_to_the_state() {
        let mut demand = Demand::new(set(&["a", "b"]), PAUSE);
        assert_eq!(demand.announce(), ["a", "b"]);
        assert_eq!(demand.next(Mono(0)), None);
        demand.set(&set(&["a", "not ours"]));
        assert_eq!(demand.next(Mono(0)), revive(&["a"]));
        assert_eq!(demand.next(Mono(0)), None, "told once");
        demand.set(&set(&["a"]));
        assert_eq!(demand.next(Mono(0)), None, "nothing new");
        demand.set(&set(&[]));
        assert_eq!(demand.next(Mono(1)), suppress(&["a"]), "at once");
        demand.set(&set(&["b"]));
        assert_eq!(demand.deadline(), Some(Mono(5_000)));
        assert_eq!(demand.next(Mono(4_999)), None, "not that often");
        demand.set(&set(&["a", "b"]));
        assert_eq!(
            demand.next(Mono(5_000)),
            revive(&["a", "b"]),
            "both at once"
        );
        assert_eq!(demand.deadline(), None);
    }

    #[test]
    fn a_new_subscription_says_it_all_again() {
        let mut demand = Demand::new(set(&["a", "b"]), PAUSE);
        demand.set(&set(&["b"]));
        assert_eq!(demand.announce(), ["a"]);
        assert_eq!(demand.next(Mono(0)), revive(&["b"]));
        assert_eq!(demand.announce(), ["a"]);
        assert_eq!(demand.next(Mono(1)), revive(&["b"]));
    }

    #[test]
    fn a_refresh_is_a_revive() {
        let mut demand = Demand::new(set(&["a"]), PAUSE);
        demand.announce();
        demand.refresh();
        assert_eq!(demand.next(Mono(0)), None, "nobody wants offers");
        demand.set(&set(&["a"]));
        assert_eq!(demand.next(Mono(0)), revive(&["a"]));
        demand.refresh();
        assert_eq!(demand.next(Mono(1)), None);
        assert_eq!(demand.next(Mono(5_000)), revive(&["a"]));
    }

    fn set(roles: &[&str]) -> BTreeSet<String> {
        roles.iter().map(|role| (*role).to_owned()).collect()
    }

    #[expect(
        clippy::unnecessary_wraps,
        reason = "it is compared with what is wrapped"
    )]
    fn revive(roles: &[&str]) -> Option<Level> {
        Some(Level::Revive(set(roles).into_iter().collect()))
    }

    #[expect(
        clippy::unnecessary_wraps,
        reason = "it is compared with what is wrapped"
    )]
    fn suppress(roles: &[&str]) -> Option<Level> {
        Some(Level::Suppress(set(roles).into_iter().collect()))
    }
}
