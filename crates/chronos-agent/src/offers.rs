//! What is free, and the one offer that holds it.
//!
//! There is at most one offer at a time and it holds everything that is free. What a launch leaves
//! is offered again at once. What a task gives back is merged into the standing offer by rescinding
//! it; a rescinded offer may cross a launch that uses it, which then has to be repeated, so this is
//! done at once only when the scheduler cannot be waiting to use what stands, else after
//! [`MERGE_DELAY`].

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use chronos_core::{Abilities, AgentId, ClusterEvent, Offer, OfferId};
use chronos_model::RunKey;
use resources::{Attributes, Resources};
use tokio::time::Instant;

/// How long freed resources wait for the next launch before the standing offer is replaced: long
/// enough that a busy scheduler takes them with its next launch, short enough for a large task that
/// waits for the pieces to come together.
pub(crate) const MERGE_DELAY: Duration = Duration::from_millis(250);

/// How long a declined offer is not made again, unless a task ends before.
pub(crate) const DECLINE_DELAY: Duration = Duration::from_secs(1);

/// What an agent says in every offer.
#[derive(Debug)]
pub(crate) struct OfferTemplate {
    pub(crate) agent: AgentId,
    pub(crate) hostname: Arc<str>,
    pub(crate) attributes: Arc<Attributes>,
    /// Unique among all lives of all agents; every offer id starts with it.
    pub(crate) prefix: String,
}

/// The accounts.
#[derive(Debug)]
pub(crate) struct OfferBook {
    template: OfferTemplate,
    total: Resources,
    used: BTreeMap<RunKey, Resources>,
    used_sum: Resources,
    standing: Option<(OfferId, Resources)>,
    made: u64,
    offer_at: Option<Instant>,
}

impl OfferBook {
    pub(crate) const fn new(template: OfferTemplate, total: Resources) -> Self {
        Self {
            template,
            total,
            used: BTreeMap::new(),
            used_sum: Resources::new(
                resources::Scalar::ZERO,
                resources::Scalar::ZERO,
                resources::Scalar::ZERO,
            ),
            standing: None,
            made: 0,
            offer_at: None,
        }
    }

    /// Takes the standing offer off the table; `false` when it is not the one that is named.
    pub(crate) fn take(&mut self, id: &OfferId) -> bool {
        self.standing
            .take_if(|(standing, _)| standing == id)
            .is_some()
    }

    /// Gives resources to a task if there are enough.
    pub(crate) fn admit(&mut self, key: &RunKey, wanted: Resources) -> bool {
        let fits = self.free().covers(&wanted);
        if fits {
            self.occupy(key, wanted);
        }
        fits
    }

    /// Counts what a task uses that runs already, whether it fits or not.
    pub(crate) fn occupy(&mut self, key: &RunKey, used: Resources) {
        let before = self.used.insert(key.clone(), used).unwrap_or_default();
        self.used_sum = self.used_sum.minus(&before).plus(&used);
    }

    /// Takes back what a task used.
    pub(crate) fn release(&mut self, key: &RunKey, now: Instant) {
        let Some(freed) = self.used.remove(key) else {
            return;
        };
        self.used_sum = self.used_sum.minus(&freed);
        let enough_stands = self
            .standing
            .as_ref()
            .is_some_and(|(_, part)| part.covers(&freed));
        let at = if enough_stands {
            now + MERGE_DELAY
        } else {
            now
        };
        self.offer_by(at);
    }

    /// Plans the next offer for `at`, or earlier if that is planned.
    pub(crate) fn offer_by(&mut self, at: Instant) {
        self.offer_at = Some(self.offer_at.map_or(at, |planned| planned.min(at)));
    }

    /// Plans the next offer after one was declined.
    pub(crate) fn declined(&mut self, now: Instant) {
        self.offer_by(now + DECLINE_DELAY);
    }

    /// When [`Self::offer`] has something to do.
    pub(crate) const fn deadline(&self) -> Option<Instant> {
        self.offer_at
    }

    /// Offers everything that is free, in place of the offer that stands, if that is due.
    pub(crate) fn offer(&mut self, now: Instant, mut emit: impl FnMut(ClusterEvent)) {
        if self.offer_at.is_none_or(|at| now < at) {
            return;
        }
        self.offer_at = None;
        let free = self.free();
        if self
            .standing
            .as_ref()
            .is_some_and(|(_, part)| *part == free)
        {
            return;
        }
        if let Some((id, _)) = self.standing.take() {
            emit(ClusterEvent::Rescinded(id));
        }
        if free == Resources::default() {
            return;
        }
        self.made += 1;
        let id = OfferId(format!("{}-{}", self.template.prefix, self.made).into());
        self.standing = Some((id.clone(), free));
        emit(ClusterEvent::Offers(vec![Offer {
            id,
            agent: self.template.agent.clone(),
            hostname: Arc::clone(&self.template.hostname),
            resources: free,
            attributes: Arc::clone(&self.template.attributes),
            role: None,
            abilities: Abilities::default(),
        }]));
    }

    fn free(&self) -> Resources {
        self.total.minus(&self.used_sum)
    }
}

#[cfg(test)]
mod tests {
    use resources::Scalar;

    use super::*;

    fn amount(cpus: i64) -> Resources {
        Resources::new(
            Scalar::from_units(cpus),
            Scalar::from_units(cpus),
            Scalar::from_units(cpus),
        )
    }

    fn key(n: i64) -> RunKey {
        format!("ct:{n}:0:job:").parse().unwrap()
    }

    struct Table {
        book: OfferBook,
        now: Instant,
    }

    impl Table {
        fn new(total: i64) -> Self {
            let template = OfferTemplate {
                agent: AgentId("a".into()),
                hostname: "h".into(),
                attributes: Arc::default(),
                prefix: "p".to_owned(),
            };
            let now = Instant::now();
            let mut table = Self {
                book: OfferBook::new(template, amount(total)),
                now,
            };
            table.book.offer_by(now);
            table
        }

        // Prints what is emitted: `-id` rescinded, `+id=cpus` offered.
        fn offer(&mut self) -> String {
            let mut all = Vec::new();
            self.book.offer(self.now, |event| match event {
                ClusterEvent::Rescinded(id) => all.push(format!("-{id}")),
                ClusterEvent::Offers(offers) => {
                    all.extend(
                        offers
                            .iter()
                            .map(|offer| format!("+{}={}", offer.id, offer.resources.cpus)),
                    );
                }
                ClusterEvent::Update(update) => panic!("{update:?}"),
            });
            all.join(" ")
        }

        fn launch(&mut self, offer: &str, n: i64, cpus: i64) -> bool {
            let taken =
                self.book.take(&OfferId(offer.into())) && self.book.admit(&key(n), amount(cpus));
            self.book.offer_by(self.now);
            taken
        }
    }

    #[test]
    fn what_a_launch_leaves_is_offered_at_once() {
        let mut table = Table::new(4);
        assert_eq!(table.offer(), "+p-1=4");
        assert!(table.launch("p-1", 1, 3));
        assert_eq!(table.offer(), "+p-2=1");
        assert!(!table.launch("p-1", 2, 1), "an offer is used once");
        assert!(!table.launch("p-2", 2, 2), "never more than there is");
        assert_eq!(table.offer(), "+p-3=1");
        assert!(table.launch("p-3", 2, 1));
        assert_eq!(table.offer(), "", "nothing is free");
    }

    #[test]
    fn what_comes_back_is_merged_at_once_if_it_is_needed_and_else_later() {
        let mut table = Table::new(5);
        table.offer();
        assert!(table.launch("p-1", 1, 1) && table.offer() == "+p-2=4");
        assert!(table.launch("p-2", 2, 3) && table.offer() == "+p-3=1");
        table.book.release(&key(2), table.now);
        assert_eq!(table.offer(), "-p-3 +p-4=4");
        table.book.release(&key(1), table.now);
        assert_eq!(
            table.offer(),
            "",
            "the scheduler has that much and does not use it"
        );
        table.now += MERGE_DELAY;
        assert_eq!(table.offer(), "-p-4 +p-5=5");
        table.book.release(&key(1), table.now);
        assert_eq!((table.offer().as_str(), table.book.deadline()), ("", None));
    }

    #[test]
    fn a_declined_offer_comes_back_later_or_when_there_is_more() {
        let mut table = Table::new(2);
        table.offer();
        assert!(table.launch("p-1", 1, 1) && table.offer() == "+p-2=1");
        assert!(table.book.take(&OfferId("p-2".into())));
        table.book.declined(table.now);
        assert_eq!(table.offer(), "");
        table.book.release(&key(1), table.now);
        assert_eq!(table.offer(), "+p-3=2");
        assert!(table.book.take(&OfferId("p-3".into())));
        table.book.declined(table.now);
        table.now += DECLINE_DELAY;
        assert_eq!(table.offer(), "+p-4=2");
    }

    #[test]
    fn tasks_that_were_found_count_even_when_they_do_not_fit() {
        let mut table = Table::new(2);
        table.book.occupy(&key(1), amount(3));
        assert_eq!(table.offer(), "");
        assert!(!table.book.admit(&key(2), amount(1)));
        table.book.release(&key(1), table.now);
        assert_eq!(table.offer(), "+p-1=2");
    }
}
