//! The matcher: facts in, plans out.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    AgentId, Demand, DemandId, Misses, Offer, OfferId, Plan, Policy, Ticket, Waiting, Window,
    advice::RoleState,
    amounts::dominant,
    facts::Facts,
    queue::Queue,
    round::{Round, keep::Keeps},
};

/// Matches tasks that wait to offers at hand, round after round.
///
/// Facts are told when they change: an offer came, a task wants to run, a task ended.
/// [`round`](Self::round) then decides what the facts allow and keeps what it learned, so that the
/// next round costs what has changed. The result is the same as that of a new matcher which is told
/// the same facts ([`rebuilt`](Self::rebuilt)), in whatever order.
///
/// # Examples
///
/// ```
/// use offer_match::{Demand, Matcher, Offer, Policy, Waiting};
/// use resources::{Attributes, Resources};
///
/// let mut matcher = Matcher::new(Policy::default());
/// let small = matcher.demand(&Demand::new(Resources::new("1".parse()?, "128".parse()?, "10".parse()?)));
/// for id in 0..3 {
///     matcher.enqueue(small, Waiting { id, ..Waiting::default() });
/// }
/// let amount = Resources::new("2".parse()?, "4096".parse()?, "9000".parse()?);
/// matcher.offer(Offer::plain("offer-1", "agent-1", &amount, Attributes::new("node-1", [])));
///
/// let plan = matcher.round(0);
/// assert_eq!(plan.placements().map(|(task, _)| task).collect::<Vec<_>>(), [0, 1]);
/// assert_eq!(plan.launches()[0].tasks[0].parcels.to_string(), "cpus(*):1; disk(*):10; mem(*):128");
/// assert_eq!(matcher.waiting(), 1);
/// assert_eq!(matcher.explain(small).to_string(), "1 offer lacks cpus (needs 1, best 0)");
/// # Ok::<(), resources::ScalarError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Matcher {
    pub(crate) facts: Facts,
    pub(crate) queue: Queue,
    pub(crate) keeps: Keeps,
    pub(crate) round: Round,
    pub(crate) roles: BTreeMap<Arc<str>, RoleState>,
}

impl Matcher {
    /// Makes a matcher that knows nothing yet.
    pub fn new(policy: Policy) -> Self {
        Self {
            facts: Facts::new(policy),
            queue: Queue::default(),
            keeps: Keeps::default(),
            round: Round::default(),
            roles: BTreeMap::new(),
        }
    }

    /// Takes in an offer; one of the same name is replaced.
    pub fn offer(&mut self, offer: Offer) {
        self.facts.take_offer(offer);
    }

    /// Takes out an offer that was rescinded or declined; `false` when it is not at hand.
    pub fn rescind(&mut self, offer: &OfferId) -> bool {
        self.facts.drop_offer(offer)
    }

    /// Forgets an agent that is gone, with its offers, with its attributes and with whether it drains.
    ///
    /// Without the attributes, tasks that still run there do not count for `MAX_PER`, `UNIQUE` and `GROUP_BY` until the
    /// agent makes an offer again. Of an agent that is out of reach and may come back, only
    /// [`rescind`](Self::rescind) the offers.
    pub fn forget(&mut self, agent: &AgentId) {
        self.facts.forget_agent(agent);
    }

    /// Lets no new tasks onto an agent, whether it is known already or not, or lets them again.
    #[doc(alias = "DRAIN_AGENT")]
    pub fn drain(&mut self, agent: &AgentId, draining: bool) {
        self.facts.drain(agent, draining);
    }

    /// Names the region to which tasks without a constraint on `@region` keep from now on, if the policy has one at all.
    pub fn set_home_region(&mut self, region: impl Into<Arc<str>>) {
        self.facts.set_home_region(region.into());
    }

    /// Sets when an agent is away, such as an inverse offer says. The next offer of the agent says it anew.
    #[doc(alias = "inverse offer")]
    pub fn unavailable(&mut self, agent: &AgentId, window: Option<Window>) {
        self.facts.set_window(agent, window);
    }

    /// Makes a demand known; costs some microseconds, so do it once for a job.
    ///
    /// It is known until [`release`](Self::release) has been called as often and no task waits for it.
    ///
    /// # Panics
    ///
    /// Panics when a constraint counts the tasks of a group (`MAX_PER`, `GROUP_BY`, `UNIQUE`) and the demand names no
    /// [`group`](Demand::group), which is an error of the caller.
    pub fn demand(&mut self, demand: &Demand) -> DemandId {
        let mut counting = demand.constraints.iter();
        let counting = counting.find(|constraint| constraint.spread().is_some());
        if let Some(constraint) = counting.filter(|_| demand.group.is_none()) {
            panic!("{constraint} counts the tasks of a group, and the demand names none");
        }
        self.facts.hold_demand(demand)
    }

    /// Lets go of a demand.
    pub fn release(&mut self, demand: DemandId) {
        // What the last round placed is shown with its demand until the next one.
        if self.knows(demand) {
            self.round.done.push(demand.slot);
        }
    }

    fn knows(&self, demand: DemandId) -> bool {
        let class = self.facts.classes.get(demand.slot);
        class.is_some_and(|class| class.generation == demand.generation)
    }

    /// Puts a task into the queue.
    ///
    /// # Panics
    ///
    /// Panics when the demand was released, which is an error of the caller.
    pub fn enqueue(&mut self, demand: DemandId, task: Waiting) -> Ticket {
        assert!(self.knows(demand), "demand {demand:?} was released");
        let head_start = i64::from(task.priority).saturating_mul(self.facts.policy.priority_millis);
        let ticket = Ticket {
            rank: task.since.saturating_sub(head_start),
            id: task.id,
            since: task.since,
            class: demand.slot,
            tag: task.tag,
        };
        self.put(ticket);
        ticket
    }

    fn put(&mut self, ticket: Ticket) {
        let id = ticket.class as usize;
        let brief = &mut self.facts.briefs[id];
        brief.waiting = brief.waiting.saturating_add(1);
        if brief.waiting == 1 {
            self.facts.began.set(id, true);
            self.facts.waiting_classes = self.facts.waiting_classes.saturating_add(1);
        }
        let set = &mut self.facts.sets[brief.set];
        set.demand = set.demand.saturating_add(dominant(&brief.need).into());
        if !brief.plain {
            self.facts.make_room(ticket.class);
        }
        if self.facts.exhausted[id] != self.facts.age {
            self.facts.wake(ticket.class);
        }
        self.queue.insert(ticket);
    }

    /// Takes a task out of the queue; `false` when it does not wait.
    pub fn withdraw(&mut self, ticket: &Ticket) -> bool {
        if !self.queue.remove(ticket) {
            return false;
        }
        self.round.settle(&mut self.facts, ticket.class, 1);
        true
    }

    /// Notes that a task of a group runs on an agent, for `UNIQUE`, `MAX_PER` and `GROUP_BY`.
    ///
    /// What a round places is noted by itself; this is for tasks that were found running. They count as soon as the
    /// agent has made an offer, because before nothing is known of its attributes.
    pub fn running(&mut self, group: &Arc<str>, agent: &AgentId) {
        self.facts.note_running(group, agent);
    }

    /// Notes that a task of a group ended on an agent, or never started there.
    pub fn ended(&mut self, group: &Arc<str>, agent: &AgentId) {
        self.facts.note_ended(group, agent);
    }

    /// Notes whether an agent has fetched data, for [`Demand::affinity`].
    #[doc(alias = "fetcher cache")]
    pub fn fetched(&mut self, agent: &AgentId, data: &Arc<str>, has: bool) {
        self.facts.note_fetched(agent, data, has);
    }

    /// Returns how many tasks with a demand wait.
    pub fn waiting_for(&self, demand: DemandId) -> usize {
        if self.knows(demand) {
            self.facts.briefs[demand.slot as usize].waiting as usize
        } else {
            0
        }
    }

    /// Returns how many tasks wait.
    pub const fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Returns the offers at hand, in order.
    pub fn offers(&self) -> impl Iterator<Item = &OfferId> {
        self.facts.offers.keys()
    }

    /// Returns the agents that are kept free, each with the task for which.
    pub fn kept(&self) -> impl Iterator<Item = (&AgentId, u64)> {
        self.keeps.iter().map(|keep| {
            let row = &self.facts.rows[keep.slot as usize];
            (&row.key.agent, keep.ticket.id)
        })
    }

    /// Decides what the facts allow, as of now in milliseconds of the caller's clock.
    ///
    /// Tasks are taken in order, and each gets the first agent that has room for it in the order that
    /// [`Policy::fitness`] states. A task without a place costs the others nothing; if they can make room for
    /// it by going elsewhere, they do. What is placed has left the queue, and the offers that are used are spent.
    ///
    /// The plan borrows the matcher; [`plan`](Self::plan) shows it once more.
    pub fn round(&mut self, now: i64) -> Plan<'_> {
        self.round
            .run(&mut self.facts, &mut self.queue, &mut self.keeps, now);
        Plan::new(self)
    }

    /// Says why tasks with a demand wait, by count, as of the last round.
    ///
    /// It looks at the bits of this one demand, so ask for those that somebody wants to see.
    pub fn explain(&self, demand: DemandId) -> Misses {
        if self.knows(demand) {
            Misses::of(&self.facts, demand.slot)
        } else {
            Misses::default()
        }
    }

    /// Says why tasks with a demand wait, without a number for it; see [`explain`](Self::explain).
    pub fn explain_demand(&self, demand: &Demand) -> Misses {
        let class = self.facts.classes.find(&Arc::new(demand.normal()));
        class.map_or_else(Misses::default, |class| Misses::of(&self.facts, class))
    }

    /// Says why a task waits; see [`explain`](Self::explain).
    pub fn explain_task(&self, ticket: &Ticket) -> Misses {
        self.facts
            .classes
            .get(ticket.class)
            .map_or_else(Misses::default, |_| Misses::of(&self.facts, ticket.class))
    }

    /// Makes a matcher from scratch that knows the same facts; its next round has the same result.
    #[must_use]
    pub fn rebuilt(&self) -> Self {
        let mut new = Self::new(self.facts.policy.clone());
        new.facts.running.clone_from(&self.facts.running);
        new.facts.fetched.clone_from(&self.facts.fetched);
        new.facts.draining.clone_from(&self.facts.draining);
        new.facts.copy_rows(&self.facts);
        let mut queue = self.queue.clone();
        queue.sort_in();
        for ticket in queue.iter() {
            let Some(demand) = self.facts.classes.key(ticket.class) else {
                continue;
            };
            let id = new.demand(demand);
            new.put(Ticket {
                class: id.slot,
                ..*ticket
            });
            new.release(id);
        }
        new.keeps = self.keeps.copy(&self.facts, &mut new.facts);
        new
    }
}

/// Matches once: all tasks, each with its demand, to all offers.
///
/// For callers without a state of their own, and for tests; a [`Matcher`] that is kept gives the same
/// result round after round at a fraction of the price.
///
/// # Examples
///
/// ```
/// use offer_match::{Demand, Offer, Policy, Waiting, match_once};
/// use resources::{Attributes, Resources};
///
/// let wanted = Demand::new(Resources::new("1".parse()?, "128".parse()?, "10".parse()?));
/// let amount = Resources::new("2".parse()?, "4096".parse()?, "9000".parse()?);
/// let offer = Offer::plain("offer-1", "agent-1", &amount, Attributes::new("node-1", []));
/// let matcher = match_once(Policy::default(), [(wanted, Waiting::default())], [offer], 0);
/// assert_eq!(matcher.plan().len(), 1);
/// # Ok::<(), resources::ScalarError>(())
/// ```
pub fn match_once(
    policy: Policy,
    tasks: impl IntoIterator<Item = (Demand, Waiting)>,
    offers: impl IntoIterator<Item = Offer>,
    now: i64,
) -> Matcher {
    let mut matcher = Matcher::new(policy);
    for offer in offers {
        matcher.offer(offer);
    }
    for (demand, task) in tasks {
        let id = matcher.demand(&demand);
        matcher.enqueue(id, task);
    }
    matcher.round(now);
    matcher
}

impl Matcher {
    /// Returns the plan of the last round once more.
    pub const fn plan(&self) -> Plan<'_> {
        Plan::new(self)
    }
}
