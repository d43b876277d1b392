//! A framework in miniature: a simulated cluster makes offers, the matcher decides, tasks run and end.
//!
//! `cargo run --release -p offer-match --example cluster`
#![expect(clippy::print_stdout, reason = "it is for people")]

use std::collections::BTreeMap;

use offer_match::{AgentId, Demand, DemandId, Lasts, Matcher, Offer, Policy, RoleAdvice, Waiting};
use resources::{Attribute, AttributeValue, Attributes, Constraint, Operator, Resources, Scalar};

const AGENTS: usize = 6;

/// What the master of a real cluster knows, and what a framework remembers.
struct Cluster {
    matcher: Matcher,
    kinds: [Kind; 3],
    free: [i64; AGENTS],
    /// By agent: how much was declined, and until when so much is not offered again.
    filters: [(i64, i64); AGENTS],
    suppressed: bool,
    /// The agent of each offer.
    offered: BTreeMap<String, usize>,
    /// By task: the kind, the agent, and when it ends.
    running: BTreeMap<u64, (usize, usize, i64)>,
    /// The kind of each task.
    tasks: Vec<usize>,
    offers: u64,
}

struct Kind {
    name: &'static str,
    demand: DemandId,
    cpus: i64,
    seconds: i64,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut cluster = Cluster::new()?;
    for second in 0..20 {
        cluster.arrive(second);
        cluster.end(second);
        cluster.offer(second);
        cluster.launch(second)?;
        cluster.report(second);
        cluster.decline(second)?;
    }
    Ok(())
}

impl Cluster {
    /// Makes known what the tasks of three jobs want.
    fn new() -> Result<Self, Box<dyn std::error::Error>> {
        let mut matcher = Matcher::new(Policy::default());
        let mut kind = |name: &'static str, cpus, seconds, constraints: Vec<Constraint>| {
            let amount = Resources::new(
                Scalar::from_units(cpus),
                Scalar::from_units(512),
                Scalar::ZERO,
            );
            let demand = matcher.demand(&Demand {
                lasts: Lasts::Millis(seconds * 1000),
                constraints,
                group: Some(name.into()),
                ..Demand::new(amount)
            });
            Kind {
                name,
                demand,
                cpus,
                seconds,
            }
        };
        let one_per_host_of_r1 = vec![
            Constraint::new("rack", Operator::Equals, "r1")?,
            Constraint::new("hostname", Operator::Unique, "")?,
        ];
        let kinds = [
            kind("report", 1, 3, Vec::new()),
            kind("index", 2, 5, one_per_host_of_r1),
            kind("train", 4, 8, Vec::new()),
        ];
        Ok(Self {
            matcher,
            kinds,
            free: [4; AGENTS],
            filters: [(0, 0); AGENTS],
            suppressed: false,
            offered: BTreeMap::new(),
            running: BTreeMap::new(),
            tasks: Vec::new(),
            offers: 0,
        })
    }

    /// Tasks want to run: four reports a second, now and then something larger.
    fn arrive(&mut self, second: i64) {
        let counts = [
            4,
            if second % 4 == 0 { 4 } else { 0 },
            if second == 2 { 2 } else { 0 },
        ];
        for (kind, count) in counts.into_iter().enumerate() {
            for _ in 0..count {
                let task = Waiting {
                    id: self.tasks.len() as u64,
                    since: second * 1000,
                    ..Waiting::default()
                };
                self.tasks.push(kind);
                self.matcher.enqueue(self.kinds[kind].demand, task);
            }
        }
    }

    /// Tasks end; the matcher wants to know, for those that limit how they lie together.
    fn end(&mut self, second: i64) {
        let Self {
            matcher,
            kinds,
            free,
            running,
            ..
        } = self;
        running.retain(|_, (kind, agent, end)| {
            if *end > second {
                return true;
            }
            free[*agent] += kinds[*kind].cpus;
            let name = AgentId(format!("agent-{agent}").into());
            matcher.ended(&kinds[*kind].name.into(), &name);
            false
        });
    }

    /// The master offers what is free and was not declined.
    fn offer(&mut self, second: i64) {
        for agent in 0..AGENTS {
            let (declined, until) = self.filters[agent];
            let filtered = second < until && self.free[agent] <= declined;
            let out = self.offered.values().any(|known| *known == agent);
            if self.suppressed || filtered || out || self.free[agent] == 0 {
                continue;
            }
            self.offers += 1;
            let cpus = Scalar::from_units(self.free[agent]);
            let amount = Resources::new(cpus, cpus.times(1024), cpus.times(1000));
            let rack = Attribute::new("rack", AttributeValue::text(["r1", "r2"][agent % 2]));
            let attributes = Attributes::new(&format!("node-{agent}"), [rack]);
            let (offer, name) = (format!("offer-{}", self.offers), format!("agent-{agent}"));
            self.offered.insert(offer.clone(), agent);
            let agent = name;
            self.matcher
                .offer(Offer::plain(offer, agent, &amount, attributes));
        }
    }

    /// A round, and one call for each agent that got something.
    fn launch(&mut self, second: i64) -> Result<(), Box<dyn std::error::Error>> {
        for launch in self.matcher.round(second * 1000).launches() {
            let agent: usize = launch.agent.0["agent-".len()..].parse()?;
            // A real one may answer that an offer does not stand any more: then each task has `ended`, and is put
            // into the queue again with the `since` that it had.
            for offer in &launch.offers {
                self.offered.remove(&*offer.0);
            }
            let mut names = Vec::new();
            for task in &launch.tasks {
                let number = usize::try_from(task.id)?;
                let kind = &self.kinds[self.tasks[number]];
                names.push(kind.name);
                self.free[agent] -= kind.cpus;
                let end = second + kind.seconds;
                self.running
                    .insert(task.id, (self.tasks[number], agent, end));
            }
            println!(
                "{second:2} s: {} uses {} for {}",
                launch.agent,
                launch.offers[0],
                names.join(", ")
            );
        }
        Ok(())
    }

    /// Now and then, why the rest waits.
    fn report(&self, second: i64) {
        if second % 5 == 4 && self.matcher.waiting() > 0 {
            println!("{second:2} s: {} wait", self.matcher.waiting());
            for kind in &self.kinds {
                println!("      {}: {}", kind.name, self.matcher.explain(kind.demand));
            }
        }
    }

    /// What was not used goes back, for as long as is sensible; and the master is asked for offers, or for none.
    fn decline(&mut self, second: i64) -> Result<(), Box<dyn std::error::Error>> {
        let advice = self.matcher.advise(second * 1000, None);
        for decline in advice.declines {
            println!(
                "{second:2} s: decline {} for {} s ({:?})",
                decline.offers.len(),
                decline.millis / 1000,
                decline.why
            );
            for offer in &decline.offers {
                self.matcher.rescind(offer);
                let agent = self.offered.remove(&*offer.0).ok_or("made by us")?;
                let until = second + decline.millis / 1000;
                self.filters[agent] = (self.free[agent], until);
            }
        }
        // Behind the declines, because a revival ends them.
        for (role, advice) in advice.roles {
            println!("{second:2} s: {advice:?} {role}");
            self.suppressed = advice == RoleAdvice::Suppress;
            if advice == RoleAdvice::Revive {
                self.filters = [(0, 0); AGENTS];
            }
        }
        Ok(())
    }
}
