//! Decides which waiting tasks go to which resource offers.
//!
//! A crate of its own because it is useful to any framework that takes offers. It knows no protocol and
//! touches nothing: facts go in, a plan comes out.
//!
//! # One minute
//!
//! ```
//! use offer_match::{Demand, Matcher, Offer, Policy, Waiting};
//! use resources::{Attribute, AttributeValue, Attributes, Constraint, Operator, Resources};
//!
//! let mut matcher = Matcher::new(Policy::default());
//!
//! // Once for each job: what its tasks want.
//! let anywhere = matcher.demand(&Demand::new(Resources::new("1".parse()?, "512".parse()?, "10".parse()?)));
//! let on_r1 = matcher.demand(&Demand {
//!     constraints: vec![Constraint::new("rack", Operator::Like, "r[12]")?],
//!     ..Demand::new(Resources::new("2".parse()?, "512".parse()?, "10".parse()?))
//! });
//!
//! // Facts, as they happen: tasks that want to run, offers that came.
//! matcher.enqueue(anywhere, Waiting { id: 1, ..Waiting::default() });
//! matcher.enqueue(on_r1, Waiting { id: 2, ..Waiting::default() });
//! matcher.enqueue(on_r1, Waiting { id: 3, ..Waiting::default() });
//! for (agent, rack) in [("agent-a", "r1"), ("agent-b", "r9")] {
//!     let rack = Attribute::new("rack", AttributeValue::text(rack));
//!     let amount = Resources::new("2".parse()?, "4096".parse()?, "9000".parse()?);
//!     matcher.offer(Offer::plain(agent, agent, &amount, Attributes::new(agent, [rack])));
//! }
//!
//! // A round: the task that may go anywhere leaves the rare agent to the one that needs it.
//! let plan = matcher.round(0);
//! let placed: Vec<String> = plan.placements().map(|(task, agent)| format!("{task} {agent}")).collect();
//! assert_eq!(placed, ["1 agent-b", "2 agent-a"]);
//! for launch in plan.launches() {
//!     // One ACCEPT for each: launch.offers, and launch.tasks with exactly what each takes.
//! }
//! let why = matcher.explain(on_r1).to_string();
//! assert_eq!(why, "1 agent fails rack LIKE r[12]; 1 offer lacks cpus (needs 2, best 0)");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How to use it
//!
//! * Tell what changes: [`Matcher::offer`], [`rescind`](Matcher::rescind), [`forget`](Matcher::forget),
//!   [`enqueue`](Matcher::enqueue), [`withdraw`](Matcher::withdraw), and, for jobs with `UNIQUE`, `MAX_PER`
//!   or `GROUP_BY`, [`running`](Matcher::running) and [`ended`](Matcher::ended).
//! * Ask for a [`round`](Matcher::round) when something changed. What it places has left the queue, and
//!   the offers that it uses are spent; send one call for each [`Launch`].
//! * Ask [`advise`](Matcher::advise) what to do with the other offers, and
//!   [`offer_constraints`](Matcher::offer_constraints) which agents need not be offered.
//! * Time is an argument, in milliseconds of any clock of yours that does not go back far.
//!
//! # What is decided
//!
//! * **Order of tasks**: priority and age together; see [`Policy::priority_millis`]. A task that fits
//!   nowhere costs the ones behind it nothing.
//! * **Which agent**: see [`Fitness`]. When at most eight tasks wait and some find no place, the first agent
//!   by name is tried for each instead, and the better result counts.
//! * **Making room**: when up to 8,192 tasks were placed, those that found no room are looked at once more, also
//!   those that have to be apart (`UNIQUE`, `MAX_PER`, `GROUP_BY`). If an agent would have room after others that
//!   were placed in this round went elsewhere, they do. Nobody loses a place by that.
//! * **Starvation**: a task that waits longer than [`Policy::keep_after_millis`] and was overtaken gets
//!   an agent that is kept free for it until the pieces suffice. At most
//!   [`keep_permille`](Policy::keep_permille) of the agents are kept, each at most
//!   [`keep_millis`](Policy::keep_millis), and one that was kept in vain is the last that is kept again. All that it
//!   offers is kept, and given back together after ten seconds, so that it comes back as one offer. So a task that
//!   could run on an empty agent, and is among the first so many that starve, is placed within the rounds of
//!   `keep_after_millis`, plus those until the last task on the kept agent has ended, plus two.
//! * **What a task takes**: entries exactly as they were offered, of one agent and one allocation role,
//!   reserved ones first, firm or revocable but never both, ports by number. A master has nothing to
//!   refuse.
//! * **Disks and volumes**: disks with a source and persistent volumes are left alone but for tasks that
//!   [ask for them](Demand::disks). Some of a `PATH`, or of a pool of `RAW` storage, is some of one entry, and
//!   others get the rest; a `MOUNT`, a `BLOCK` or found `RAW` storage is given whole, the smallest that suffices.
//!   A [volume](Demand::volumes) is named by its id; any number of tasks may have one that is shared. Which
//!   disks an agent had is remembered: others leave it free as they do for a constraint, and it is what may be
//!   kept for a task that waits for them.
//! * **Maintenance**: a task goes to an agent that will be unavailable only if it ends before, or does
//!   not mind; see [`Lasts`].
//!
//! # How it works, and what it costs
//!
//! Texts and expressions are looked at when something is new: a condition is evaluated once for each
//! different value of an attribute and kept as bits over agents. Equal demands are one class. A round keeps
//! bits for each quarter of an octave of cpus, memory and disk, so the agents that may have room are found
//! 64 at a time. Within a round what is free only shrinks, so bits are only cleared and a class never looks
//! at an agent twice. Between rounds only agents that changed can help a class that fitted nowhere before.
//! When few tasks wait, none of this is made: each looks at the agents at hand.
//!
//! On seven tasks and three agents, where everything can be tried, the matcher places 91.7 % of the most
//! that fit, although it honours the order of the queue; on 100 agents and 1,000 tasks see the project's
//! `docs/performance.md`.
#![cfg_attr(doctest, doc = include_str!("../README.md"))]
#![warn(clippy::arithmetic_side_effects)]

mod advice;
mod amounts;
mod bits;
mod demand;
mod disks;
mod facts;
mod interner;
mod matcher;
mod misses;
mod offer;
mod offer_constraints;
mod plan;
mod policy;
mod queue;
mod round;

pub use advice::{Advice, Decline, DeclineWhy, RoleAdvice};
pub use demand::{Demand, DemandId, Lasts, Ticket, Waiting};
pub use disks::{DiskDemand, DiskKind};
pub use matcher::{Matcher, match_once};
pub use misses::{Misses, Nearest, Why};
pub use offer::{AgentId, Offer, OfferId, Supply, Window};
pub use offer_constraints::{
    ConstraintPacer, OfferConstraint, OfferConstraints, Predicate, Selector,
};
pub use plan::{Batch, Launch, LaunchedTask, Plan};
pub use policy::{Fitness, Gpus, Policy};

#[cfg(test)]
mod promises;
#[cfg(test)]
mod properties;
#[cfg(any(test, feature = "reference"))]
pub mod reference;
