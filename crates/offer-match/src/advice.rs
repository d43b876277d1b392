//! What to do with offers that nobody uses: decline them, for how long, and when to ask for none.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{Matcher, OfferId, bits::Bits, facts::Facts};

/// How long an offer is declined when nothing waits: until something does, which revives.
const IDLE_MILLIS: i64 = 600_000;

/// The least and the most that an offer is declined which fits nothing that waits.
const USELESS_MILLIS: (i64, i64) = (5_000, 600_000);

/// How long an offer is declined that is too small for what waits. A master offers an agent again at
/// once when more of it becomes free, however long this is.
const SMALL_MILLIS: i64 = 60_000;

/// How long a kept agent's offers are held before they are given back to be merged with what came free.
const HOLD_MILLIS: i64 = 10_000;

/// The least time between two revivals of a role; a master begins an allocation for each.
const REVIVE_MILLIS: i64 = 5_000;

/// After how long without an offer a revival is repeated once: a decline may have crossed it.
const REPEAT_MILLIS: i64 = 2_000;

/// How early a role is revived before something is due.
const EARLY_MILLIS: i64 = 5_000;

/// What to tell the master.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Advice {
    /// Offers to decline, together for each reason; each offer once.
    pub declines: Vec<Decline>,
    /// Roles to stop or start offers for; after the declines, because a revival ends them.
    pub roles: Vec<(Arc<str>, RoleAdvice)>,
}

/// Offers to decline.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Decline {
    /// The offers; a call may name any number.
    pub offers: Vec<OfferId>,
    /// For how long, as `refuse_seconds` in milliseconds; zero sets no filter.
    pub millis: i64,
    /// Why.
    pub why: DeclineWhy,
}

/// Why offers are declined.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum DeclineWhy {
    /// Nothing waits: for ten minutes. What comes revives the role, early when it was foreseen.
    NothingQueued,
    /// Nothing that waits may run there: until the next task is due, but five seconds at least and ten minutes at
    /// most.
    FitsNothing,
    /// Something that waits may run there and needs more than this: for a minute. A Mesos master offers an agent again
    /// at once when it has more than was declined.
    TooSmall,
    /// The agent is kept for a big task, and was for ten seconds; its parts shall come back as one offer, so it is
    /// declined for no time at all.
    Kept,
}

/// What to do about a role.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum RoleAdvice {
    /// Ask for no offers.
    Suppress,
    /// Ask for offers, and for those that were declined: something waits that did not before, of a kind that is new
    /// since offers were declined. At the beginning too, so that no role stays suppressed that was before; once more
    /// when no offer comes within two seconds; and never twice in five seconds but for that.
    Revive,
}

/// What a role was told.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RoleState {
    suppressed: bool,
    wanted: bool,
    revived_at: Option<i64>,
    repeated: bool,
    /// Offers were declined since for what waited then.
    declined: bool,
    /// Something waits that did not then.
    fresh: bool,
}

impl Matcher {
    /// Says what to do with the offers that the last round did not use.
    ///
    /// Ask after a round. Offers that are declined have to be [`rescind`](Self::rescind)ed, because they
    /// are not at hand any more; a framework that rather holds its offers ignores them. `next_due` is
    /// when the next task is going to wait, if that is known.
    ///
    /// # Examples
    ///
    /// ```
    /// use offer_match::{DeclineWhy, Matcher, Offer, Policy, RoleAdvice};
    /// use resources::{Attributes, Resources};
    ///
    /// let mut matcher = Matcher::new(Policy::default());
    /// let amount = Resources::new("2".parse()?, "4096".parse()?, "9000".parse()?);
    /// matcher.offer(Offer::plain("offer-1", "agent-1", &amount, Attributes::new("node-1", [])));
    /// matcher.round(0);
    /// let advice = matcher.advise(0, None);
    /// assert_eq!(advice.declines[0].why, DeclineWhy::NothingQueued);
    /// assert_eq!(advice.roles, [("*".into(), RoleAdvice::Suppress)]);
    /// # Ok::<(), resources::ScalarError>(())
    /// ```
    pub fn advise(&mut self, now: i64, next_due: Option<i64>) -> Advice {
        let mut declines: BTreeMap<DeclineWhy, Vec<OfferId>> = BTreeMap::new();
        let mut refused: BTreeSet<Arc<str>> = BTreeSet::new();
        let reasons = self.facts.reasons_to_decline(now);
        for (offer, slots) in &self.facts.offers {
            let reasons = slots.iter().flatten().map(|slot| reasons[*slot as usize]);
            // It goes back as a whole: not if a part is held, and else for as long as the most useful part.
            let milder = |one: DeclineWhy, two| one.min_by_millis(two, now, next_due);
            let why = reasons.reduce(|one, two| one.zip(two).map(|(one, two)| milder(one, two)));
            let Some(why) = why.flatten() else {
                continue;
            };
            declines.entry(why).or_default().push(offer.clone());
            if why != DeclineWhy::Kept {
                let slot = slots.iter().flatten().next().copied().unwrap_or_default();
                refused.insert(Arc::clone(&self.facts.rows[slot as usize].key.role));
            }
        }
        let declines = declines.into_iter().map(|(why, offers)| Decline {
            offers,
            millis: why.millis(now, next_due),
            why,
        });
        let declines = declines.collect();
        let roles = self.advise_roles(now, next_due);
        for role in refused {
            self.roles.entry(role).or_default().declined = true;
        }
        Advice { declines, roles }
    }

    fn advise_roles(&mut self, now: i64, next_due: Option<i64>) -> Vec<(Arc<str>, RoleAdvice)> {
        let mut advice = Vec::new();
        let soon = next_due.is_some_and(|due| due <= now.saturating_add(EARLY_MILLIS));
        let began = std::mem::take(&mut self.facts.began);
        for role in self.facts.policy.roles.clone() {
            let wanted = soon || self.facts.is_wanted(&role);
            let offered = self.facts.row_ids.iter().any(|(key, &slot)| {
                key.role == role && self.facts.rows[slot as usize].is_at_hand()
            });
            let state = self.roles.entry(Arc::clone(&role)).or_default();
            let mut began = began.iter();
            state.fresh = state.declined
                && (state.fresh || began.any(|class| self.facts.may_use(class, &role)));
            let since = state.revived_at.map(|at| now.saturating_sub(at));
            let news = wanted && !state.wanted;
            let repeat = wanted
                && !offered
                && !state.repeated
                && since.is_some_and(|since| since >= REPEAT_MILLIS);
            let may = since.is_none_or(|since| since >= REVIVE_MILLIS);
            if !wanted && !state.suppressed {
                *state = RoleState {
                    suppressed: true,
                    ..*state
                };
                advice.push((role, RoleAdvice::Suppress));
            } else if ((news || state.fresh || state.suppressed) && wanted && may) || repeat {
                *state = RoleState {
                    suppressed: false,
                    wanted,
                    revived_at: Some(now),
                    repeated: repeat,
                    declined: false,
                    fresh: false,
                };
                advice.push((role, RoleAdvice::Revive));
                continue;
            }
            // What has to wait for the next revival is still news then.
            state.wanted = wanted && (state.wanted || !news || offered);
        }
        advice
    }
}

impl DeclineWhy {
    fn millis(self, now: i64, next_due: Option<i64>) -> i64 {
        match self {
            Self::NothingQueued => IDLE_MILLIS,
            Self::TooSmall => SMALL_MILLIS,
            Self::Kept => 0,
            Self::FitsNothing => {
                let due = next_due.map_or(i64::MAX, |due| due.saturating_sub(now));
                due.clamp(USELESS_MILLIS.0, USELESS_MILLIS.1)
            }
        }
    }

    fn min_by_millis(self, other: Self, now: i64, next_due: Option<i64>) -> Self {
        let millis = |why: Self| why.millis(now, next_due);
        if millis(other) < millis(self) {
            other
        } else {
            self
        }
    }
}

impl Facts {
    // By row; `None` for what is not at hand or is held.
    fn reasons_to_decline(&mut self, now: i64) -> Vec<Option<DeclineWhy>> {
        let useless = self.useless_rows();
        let mut reasons = vec![None; self.rows.len()];
        let slots: Vec<u32> = self.row_ids.values().copied().collect();
        for slot in slots {
            let is_useless = useless.get(slot as usize);
            reasons[slot as usize] = self.reason_to_decline(slot, is_useless, now);
        }
        reasons
    }

    // `None` for what is not at hand or is held.
    fn reason_to_decline(&mut self, slot: u32, is_useless: bool, now: i64) -> Option<DeclineWhy> {
        let row = &mut self.rows[slot as usize];
        if !row.is_at_hand() {
            return None;
        }
        if row.kept {
            row.held_since.get_or_insert(now);
            // All together, so that they come back as one.
            let held = |slot: u32| self.rows[slot as usize].held_since;
            let since = self.lanes(slot).filter_map(held).min()?;
            return (now.saturating_sub(since) >= HOLD_MILLIS).then_some(DeclineWhy::Kept);
        }
        Some(if self.waiting_classes == 0 {
            DeclineWhy::NothingQueued
        } else if is_useless {
            DeclineWhy::FitsNothing
        } else {
            DeclineWhy::TooSmall
        })
    }

    // The rows at hand for which the conditions of nothing that waits hold.
    fn useless_rows(&self) -> Bits {
        let mut useless = self.at_hand.clone();
        let mut seen = Bits::default();
        for (id, class) in self.classes.iter() {
            if self.briefs[id as usize].waiting == 0 {
                continue;
            }
            for &stage in &class.stages {
                if seen.get(stage as usize) {
                    continue;
                }
                seen.set(stage as usize, true);
                let conditions = self.sets.key(stage).map_or(&[][..], |key| &**key);
                let left = useless.take_off(|index| {
                    let of = |&one: &u32| self.conditions[one].rows.word(index);
                    conditions.iter().map(of).fold(!0, |all, one| all & one)
                });
                if !left {
                    return useless;
                }
            }
        }
        useless
    }

    // Whether some task waits that may use the role; usually the first one may.
    fn is_wanted(&self, role: &Arc<str>) -> bool {
        self.waiting_classes > 0
            && self
                .classes
                .iter()
                .any(|(id, _)| self.may_use(id as usize, role))
    }

    // Whether a task of a class waits that may use the role.
    fn may_use(&self, class: usize, role: &Arc<str>) -> bool {
        let id = u32::try_from(class).unwrap_or(u32::MAX);
        let roles = self.classes.key(id).map(|demand| &demand.roles);
        self.briefs[class].waiting > 0
            && roles.is_some_and(|roles| roles.is_empty() || roles.contains(role))
    }
}

#[cfg(test)]
mod tests {
    use resources::{
        Attributes, Constraint, Identity, Operator, Parcel, Parcels, Resources, Scalar,
    };

    use super::*;
    use crate::{Demand, Offer, Policy, Waiting};

    fn amount(units: i64) -> Resources {
        let units = Scalar::from_units(units);
        Resources::new(units, units, units)
    }

    fn matcher(offers: &[(&str, i64)], wanted: &[(i64, &str)]) -> Matcher {
        let mut matcher = Matcher::new(Policy::default());
        for (id, size) in offers {
            let host = Attributes::new(id, []);
            matcher.offer(Offer::plain(*id, *id, &amount(*size), host));
        }
        for (id, (size, host)) in (0..).zip(wanted) {
            let constraint = Constraint::new("hostname", Operator::Like, *host).unwrap();
            let demand = matcher.demand(&Demand {
                constraints: vec![constraint],
                ..Demand::new(amount(*size))
            });
            matcher.enqueue(
                demand,
                Waiting {
                    id,
                    ..Waiting::default()
                },
            );
        }
        matcher
    }

    // Prints declines as `why ids millis`.
    fn declines(matcher: &mut Matcher, next_due: Option<i64>) -> Vec<String> {
        matcher.round(1_000);
        let advice = matcher.advise(1_000, next_due);
        let line = |decline: &Decline| {
            let ids: Vec<&str> = decline.offers.iter().map(|id| &*id.0).collect();
            format!("{:?} {} {}", decline.why, ids.join(","), decline.millis)
        };
        advice.declines.iter().map(line).collect()
    }

    #[test]
    fn the_duration_depends_on_why() {
        let offers = [("a", 2), ("b", 2)];
        let check = |wanted: &[(i64, &str)], next_due, want: &[&str]| {
            assert_eq!(
                declines(&mut matcher(&offers, wanted), next_due),
                want,
                "{wanted:?}"
            );
        };
        check(&[], None, &["NothingQueued a,b 600000"]);
        check(&[(1, "c")], None, &["FitsNothing a,b 600000"]);
        check(&[(1, "c")], Some(31_000), &["FitsNothing a,b 30000"]);
        check(&[(1, "c")], Some(1_500), &["FitsNothing a,b 5000"]);
        check(
            &[(9, "a")],
            None,
            &["FitsNothing b 600000", "TooSmall a 60000"],
        );
        check(&[(1, "a"), (9, "a")], None, &["FitsNothing b 600000"]);
    }

    // Cpus that are firm, and some that can be taken back.
    fn of_two_kinds(cpus: [i64; 2]) -> Offer {
        let parcels = [false, true]
            .into_iter()
            .zip(cpus)
            .map(|(revocable, cpus)| {
                let kind = Arc::new(Identity {
                    revocable,
                    ..Identity::default()
                });
                Parcel::scalar("cpus", Scalar::from_units(cpus), &kind)
            });
        Offer {
            supply: Parcels::new(parcels).into(),
            ..Offer::plain("both", "agent", &amount(0), Attributes::new("agent", []))
        }
    }

    // Such an offer is two places, and goes back as one.
    #[test]
    fn an_offer_of_two_kinds_is_declined_once_for_the_shorter_time() {
        for revocable in [false, true] {
            let wanted = |cpus| Demand {
                revocable,
                ..Demand::new(Resources::new(
                    Scalar::from_units(cpus),
                    Scalar::ZERO,
                    Scalar::ZERO,
                ))
            };
            let mut matcher = Matcher::new(Policy::default());
            matcher.offer(of_two_kinds([2, 2]));
            let task = |id, priority| Waiting {
                id,
                priority,
                ..Waiting::default()
            };
            let [small, big] = [1, 2].map(|cpus| matcher.demand(&wanted(cpus)));
            matcher.enqueue(small, task(1, 0));
            matcher.round(0);
            matcher.enqueue(big, task(2, 1));
            let rest = of_two_kinds(if revocable { [2, 1] } else { [1, 2] });
            matcher.offer(rest.clone());
            assert_eq!(declines(&mut matcher, None), ["TooSmall both 60000"]);
            // It is overtaken: the agent is kept, and the offer held with all of its parts.
            matcher.enqueue(small, task(3, 0));
            let keep_after = Policy::default().keep_after_millis;
            assert_eq!(matcher.round(keep_after).len(), 1);
            matcher.offer(rest);
            matcher.round(keep_after);
            assert_eq!(matcher.advise(keep_after, None).declines, [], "held");
            let later = matcher.advise(keep_after + 10_000, None).declines;
            assert_eq!(later.len(), 1);
            assert_eq!((later[0].why, later[0].millis), (DeclineWhy::Kept, 0));
        }
    }

    // A task may use either role, and prefers the one of which too little is offered.
    #[test]
    fn what_is_too_small_is_so_in_each_role_that_a_task_may_use() {
        let mut matcher = Matcher::new(Policy::default());
        let demand = matcher.demand(&Demand {
            roles: vec!["b".into(), "a".into()],
            ..Demand::new(amount(9))
        });
        matcher.enqueue(demand, Waiting::default());
        for role in ["a", "b", "c"] {
            let host = Attributes::new("host", []);
            matcher.offer(Offer {
                role: role.into(),
                ..Offer::plain(role, "agent", &amount(1), host)
            });
        }
        let want = ["FitsNothing c 600000", "TooSmall a,b 60000"];
        assert_eq!(declines(&mut matcher, None), want);
    }

    // One that waits for ever does not keep others from what was declined on its behalf.
    #[test]
    fn a_role_is_revived_for_what_wants_something_new() {
        let mut matcher = matcher(&[("a", 2)], &[(1, "z")]);
        let at = |matcher: &mut Matcher, now| {
            matcher.round(now);
            let advice = matcher.advise(now, None);
            for offer in advice.declines.iter().flat_map(|decline| &decline.offers) {
                matcher.rescind(offer);
            }
            advice
                .roles
                .into_iter()
                .map(|(_, advice)| advice)
                .collect::<Vec<_>>()
        };
        assert_eq!(at(&mut matcher, 0), [RoleAdvice::Revive]);
        assert_eq!(at(&mut matcher, 6_000), [RoleAdvice::Revive], "repeated");
        let host = Attributes::new("a", []);
        matcher.offer(Offer::plain("a", "a", &amount(2), host));
        assert_eq!(at(&mut matcher, 7_000), []);
        let enqueue = |matcher: &mut Matcher, id, size| {
            let demand = matcher.demand(&Demand::new(amount(size)));
            let task = Waiting {
                id,
                ..Waiting::default()
            };
            matcher.enqueue(demand, task)
        };
        enqueue(&mut matcher, 10, 1);
        assert_eq!(at(&mut matcher, 10_000), [], "not so soon");
        assert_eq!(at(&mut matcher, 11_000), [RoleAdvice::Revive]);
        assert_eq!(at(&mut matcher, 20_000), [RoleAdvice::Revive], "repeated");
        assert_eq!(at(&mut matcher, 26_000), [], "once");
        enqueue(&mut matcher, 11, 1);
        assert_eq!(at(&mut matcher, 30_000), [], "the same is nothing new");
        // Nothing was declined since.
        enqueue(&mut matcher, 12, 3);
        assert_eq!(at(&mut matcher, 40_000), []);
        let host = Attributes::new("b", []);
        matcher.offer(Offer::plain("b", "b", &amount(1), host));
        assert_eq!(at(&mut matcher, 50_000), [], "it was of use");
        let host = Attributes::new("b", []);
        matcher.offer(Offer::plain("b", "b", &amount(0), host));
        assert_eq!(at(&mut matcher, 60_000), []);
        let ticket = enqueue(&mut matcher, 13, 4);
        matcher.withdraw(&ticket);
        assert_eq!(at(&mut matcher, 65_000), [], "it is gone");
        enqueue(&mut matcher, 14, 5);
        assert_eq!(at(&mut matcher, 70_000), [RoleAdvice::Revive]);
    }

    #[test]
    fn roles_are_suppressed_and_revived_within_bounds() {
        use RoleAdvice::{Revive, Suppress};
        let mut matcher = matcher(&[], &[]);
        let roles = |matcher: &mut Matcher, now, next_due| {
            let advice = matcher.advise(now, next_due);
            advice
                .roles
                .into_iter()
                .map(|(_, advice)| advice)
                .collect::<Vec<_>>()
        };
        assert_eq!(roles(&mut matcher, 0, None), [Suppress]);
        assert_eq!(roles(&mut matcher, 1, None), [], "once");
        assert_eq!(roles(&mut matcher, 2, Some(9_000)), [], "not yet");
        assert_eq!(roles(&mut matcher, 4_000, Some(9_000)), [Revive], "early");
        let demand = matcher.demand(&Demand::new(amount(1)));
        let ticket = matcher.enqueue(demand, Waiting::default());
        assert_eq!(roles(&mut matcher, 5_000, None), []);
        assert_eq!(roles(&mut matcher, 6_000, None), [Revive], "repeated");
        assert_eq!(roles(&mut matcher, 20_000, None), [], "once only");
        assert!(matcher.withdraw(&ticket));
        assert_eq!(roles(&mut matcher, 20_001, None), [Suppress]);
        matcher.enqueue(demand, Waiting::default());
        assert_eq!(roles(&mut matcher, 20_002, None), [Revive]);
        matcher.round(20_003);
    }
}
