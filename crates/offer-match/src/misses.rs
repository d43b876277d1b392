//! Why a demand waits, by count.

use std::{borrow::Cow, fmt, sync::Arc};

use resources::Scalar;

use crate::{
    AgentId,
    amounts::{Amounts, NAMES, shown},
    bits::Bits,
    disks::{Disks, Wish},
    facts::{Facts, condition::ConditionKey, row::Row},
};

/// Why a demand was not met: how many agents failed, on what, and how near the best came.
///
/// Each agent is counted once for each role to which it offers something, under the first test that it fails: first
/// what it is, then whether it may be used, then what it has: disks and volumes that few agents have before what every
/// agent has some of. What an agent has is what the last round left, also when its offers are used up.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Misses {
    reasons: Vec<(Why, usize)>,
    fitting: usize,
    nearest: Option<Nearest>,
}

/// What an agent failed on.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Why {
    /// It cannot do something.
    Ability(Cow<'static, str>),
    /// A constraint does not hold.
    Constraint(String),
    /// It is in another region.
    Region,
    /// It has no GPUs at all.
    NoGpus,
    /// It has GPUs, and those are for tasks that want some.
    GpusOnly,
    /// Its resources can be taken back, or cannot, and the task wants the other kind.
    Revocable,
    /// Its offers are for another role.
    Role,
    /// It is about to be unavailable, or takes no new tasks.
    Leaving,
    /// It is kept for a task that waits longer.
    Kept,
    /// As many tasks of the group as may be are on agents with its value of an attribute.
    Spread(String),
    /// It has too little of a resource.
    Lacks {
        /// The resource.
        resource: Arc<str>,
        /// How much is needed.
        needed: Scalar,
        /// The most that any of these agents has.
        best: Scalar,
    },
    /// It has no disk of a kind that is large enough and free.
    Disk {
        /// What disk, and whether the task gets one such already, such as `a MOUNT disk`.
        disk: String,
        /// How large it has to be.
        needed: Scalar,
        /// The largest that any of these agents has.
        best: Scalar,
    },
    /// A persistent volume is not there, or another task uses it.
    Volume(Arc<str>),
    /// A certain port is not free.
    Port(u16),
}

/// The agent that came nearest.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Nearest {
    /// The agent.
    pub agent: AgentId,
    /// What it lacks.
    pub resource: Arc<str>,
    /// How much of that.
    pub short: Scalar,
}

impl Misses {
    /// Returns what agents failed on, each with how many.
    pub fn reasons(&self) -> impl Iterator<Item = (&Why, usize)> {
        self.reasons.iter().map(|(why, count)| (why, *count))
    }

    /// Returns how many agents would do: more than none for a demand for which nothing waits, or before a round.
    pub const fn fitting(&self) -> usize {
        self.fitting
    }

    /// Returns the agent that is short of one resource only, and of the least share of it.
    pub const fn nearest(&self) -> Option<&Nearest> {
        self.nearest.as_ref()
    }

    pub(crate) fn of(facts: &Facts, class: u32) -> Self {
        let mut misses = Self::default();
        let mut rows = Bits::default();
        let revocable = facts.classes.key(class).map(|demand| demand.revocable);
        for &slot in facts.row_ids.values() {
            let row = &facts.rows[slot as usize];
            // What an agent has of the other kind is no reason if it has some of the wanted one.
            let of_kind = Some(row.key.revocable) == revocable;
            let counts = row.is_seen() && (of_kind || !facts.has_twin(slot as usize));
            rows.set(slot as usize, counts);
        }
        misses.count_conditions(facts, class, &mut rows);
        let mut nearest: Option<(i64, Nearest)> = None;
        for slot in rows.iter() {
            misses.count_row(facts, class, slot, &mut nearest);
        }
        misses.reasons.sort_unstable();
        misses.nearest = nearest.map(|(_, nearest)| nearest);
        misses
    }

    // Leaves those rows for which all conditions hold.
    fn count_conditions(&mut self, facts: &Facts, class: u32, rows: &mut Bits) {
        let stages = &facts.classes[class].stages;
        let shared = |condition: &u32| {
            stages.iter().all(|&stage| {
                let key = facts.sets.key(stage);
                key.is_some_and(|key| key.contains(condition))
            })
        };
        let broad = facts.sets.key(facts.briefs[class as usize].set);
        let mut conditions: Vec<u32> = broad
            .into_iter()
            .flat_map(|key| key.iter().copied())
            .filter(shared)
            .collect();
        conditions.sort_unstable_by_key(|&condition| facts.conditions.key(condition));
        for condition in conditions {
            let Some(why) = facts.conditions.key(condition).and_then(why) else {
                continue;
            };
            let holds = &facts.conditions[condition].rows;
            let failing: Vec<usize> = rows.iter().filter(|&slot| !holds.get(slot)).collect();
            for &slot in &failing {
                rows.set(slot, false);
            }
            self.add(why, failing.len());
        }
        // What is left of differences between stages is the role.
        let holds = |condition: u32, slot: usize| {
            let condition_key = facts.conditions.key(condition);
            let told_later = condition_key.is_some_and(|key| why(key).is_none());
            told_later || facts.conditions[condition].rows.get(slot)
        };
        let in_role = |slot: &usize| {
            stages.iter().any(|&stage| {
                let key = facts.sets.key(stage);
                key.is_some_and(|key| key.iter().all(|&condition| holds(condition, *slot)))
            })
        };
        // With one stage all of its conditions have been counted.
        let others: Vec<usize> = rows
            .iter()
            .filter(|slot| stages.len() > 1 && !in_role(slot))
            .collect();
        for &slot in &others {
            rows.set(slot, false);
        }
        self.add(Why::Role, others.len());
    }

    fn count_row(
        &mut self,
        facts: &Facts,
        class: u32,
        slot: usize,
        nearest: &mut Option<(i64, Nearest)>,
    ) {
        let row = &facts.rows[slot];
        let wanted = &facts.classes[class];
        let brief = &facts.briefs[class as usize];
        if row.draining
            || row
                .window
                .is_some_and(|_| row.room(facts.now) < brief.lasts)
        {
            return self.add(Why::Leaving, 1);
        }
        if row.kept {
            return self.add(Why::Kept, 1);
        }
        for &spread in &wanted.spreads {
            let state = &facts.spreads[spread];
            let column = &facts.columns[state.column];
            let value = column.of(slot);
            if let Some((_, attribute, rule)) = facts.spreads.key(spread)
                && !state.allows(*rule, column, value)
            {
                let limit = state.limit(*rule, column);
                return self.add(Why::Spread(format!("{limit} for each {attribute}")), 1);
            }
        }
        let have = row.left.filter(|_| !row.is_at_hand()).unwrap_or(row.whole);
        if !row.has_disks(&wanted.wishes) {
            let rest_fits = crate::amounts::fits(&brief.need, &have);
            return self.add_wish(row, &wanted.wishes, rest_fits, nearest);
        }
        if let Some(column) = (0..NAMES.len()).find(|&at| have[at] < brief.need[at]) {
            let (needed, best) = (
                shown(column, brief.need[column]),
                shown(column, have[column]),
            );
            self.add_lack(NAMES[column].into(), needed, best);
            return note_nearest(row, &brief.need, &have, nearest);
        }
        for (name, amount) in &wanted.others {
            let have = row.others.iter().find(|(known, _)| known == name);
            let have = Scalar::from_thousandths(have.map_or(0, |(_, have)| *have));
            if have < *amount {
                return self.add_lack(Arc::clone(name), *amount, have);
            }
        }
        match missing_port(row, &wanted.fixed_ports) {
            Some(port) => self.add(Why::Port(port), 1),
            None => self.fitting = self.fitting.saturating_add(1),
        }
    }

    fn add(&mut self, why: Why, count: usize) {
        if count == 0 {
            return;
        }
        match self.reasons.iter_mut().find(|(known, _)| *known == why) {
            Some((_, known)) => *known = known.saturating_add(count),
            None => self.reasons.push((why, count)),
        }
    }

    // The first of the disks and volumes that an agent has not.
    fn add_wish(
        &mut self,
        row: &Row,
        wishes: &[Wish],
        rest_fits: bool,
        nearest: &mut Option<(i64, Nearest)>,
    ) {
        let nothing = Disks::default();
        let disks = row.disks.as_deref().unwrap_or(&nothing);
        let Some(lack) = disks.lacking(wishes) else {
            return;
        };
        let wanted = match lack.wish {
            Wish::Volume(id) => return self.add(Why::Volume(Arc::clone(id)), 1),
            Wish::Disk(wanted) => wanted,
        };
        let article = if lack.another { "another" } else { "a" };
        self.add_disk(format!("{article} {wanted}"), wanted.size, lack.best);
        if rest_fits && lack.alone {
            let short = wanted.size.minus(lack.best);
            let share = share(short.thousandths(), wanted.size.thousandths());
            note_short(row, &wanted.to_string(), share, short, nearest);
        }
    }

    fn add_disk(&mut self, name: String, size: Scalar, have: Scalar) {
        for (why, count) in &mut self.reasons {
            if let Why::Disk { disk, needed, best } = why
                && (&*disk, &*needed) == (&name, &size)
            {
                *best = (*best).max(have);
                *count = count.saturating_add(1);
                return;
            }
        }
        let why = Why::Disk {
            disk: name,
            needed: size,
            best: have,
        };
        self.reasons.push((why, 1));
    }

    fn add_lack(&mut self, name: Arc<str>, needed: Scalar, have: Scalar) {
        for (why, count) in &mut self.reasons {
            if let Why::Lacks { resource, best, .. } = why
                && *resource == name
            {
                *best = (*best).max(have);
                *count = count.saturating_add(1);
                return;
            }
        }
        let why = Why::Lacks {
            resource: name,
            needed,
            best: have,
        };
        self.reasons.push((why, 1));
    }
}

fn missing_port(row: &Row, wanted: &[u16]) -> Option<u16> {
    if wanted.is_empty() {
        return None;
    }
    let ports = row.ports();
    let mut wanted = wanted.iter().copied();
    wanted.find(|port| !ports.contains(u64::from(*port)))
}

// Nothing for what each agent that fails is looked at more closely.
fn why(condition: &ConditionKey) -> Option<Why> {
    Some(match condition {
        ConditionKey::Ability(ability) => Why::Ability(ability.clone()),
        ConditionKey::Constraint(constraint) => Why::Constraint(constraint.to_string()),
        ConditionKey::Local => Why::Region,
        ConditionKey::WithGpus => Why::NoGpus,
        ConditionKey::WithoutGpus => Why::GpusOnly,
        ConditionKey::Revocable(_) => Why::Revocable,
        ConditionKey::Role(_) | ConditionKey::Fetched(_) => Why::Role,
        ConditionKey::Wishes(_) => return None,
    })
}

// In thousandths of what is needed, so that a cpu and a megabyte compare.
fn note_nearest(row: &Row, need: &Amounts, have: &Amounts, nearest: &mut Option<(i64, Nearest)>) {
    let mut short = need
        .iter()
        .zip(have)
        .enumerate()
        .filter(|(_, (need, have))| need > have);
    let (Some((column, (&need, &have))), None) = (short.next(), short.next()) else {
        return;
    };
    let missing = need.saturating_sub(have);
    let short = shown(column, missing);
    note_short(row, NAMES[column], share(missing, need), short, nearest);
}

fn share(missing: i64, need: i64) -> i64 {
    missing.saturating_mul(1000).checked_div(need).unwrap_or(0)
}

fn note_short(
    row: &Row,
    resource: &str,
    share: i64,
    short: Scalar,
    nearest: &mut Option<(i64, Nearest)>,
) {
    if nearest.as_ref().is_none_or(|(best, _)| share < *best) {
        let found = Nearest {
            agent: row.key.agent.clone(),
            resource: resource.into(),
            short,
        };
        *nearest = Some((share, found));
    }
}

impl fmt::Display for Misses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.reasons.is_empty(), self.fitting) {
            (true, 0) => return f.write_str("no offers at hand"),
            (true, 1) => return f.write_str("1 agent would do"),
            (true, fitting) => return write!(f, "{fitting} agents would do"),
            (false, _) => {}
        }
        for (index, (why, count)) in self.reasons.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            let who = |one: &'static str, many: &'static str| if *count == 1 { one } else { many };
            write!(f, "{separator}{count} ")?;
            match why {
                Why::Ability(ability) => {
                    write!(f, "{} no {ability}", who("agent has", "agents have"))
                }
                Why::Constraint(constraint) => {
                    write!(f, "{} {constraint}", who("agent fails", "agents fail"))
                }
                Why::Region => write!(f, "{} in another region", who("agent is", "agents are")),
                Why::NoGpus => write!(f, "{} no GPUs", who("agent has", "agents have")),
                Why::GpusOnly => {
                    write!(f, "{} for GPU tasks only", who("agent is", "agents are"))
                }
                Why::Revocable => write!(
                    f,
                    "{} not of the kind wanted, firm or revocable",
                    who("offer is", "offers are")
                ),
                Why::Role => write!(f, "{} for other roles", who("offer is", "offers are")),
                Why::Leaving => write!(
                    f,
                    "{} about to be unavailable",
                    who("agent is", "agents are")
                ),
                Why::Kept => write!(
                    f,
                    "{} kept for a task that waits longer",
                    who("agent is", "agents are")
                ),
                Why::Spread(limit) => {
                    write!(f, "{} reached {limit}", who("agent has", "agents have"))
                }
                Why::Lacks {
                    resource,
                    needed,
                    best,
                } => write!(
                    f,
                    "{} {resource} (needs {needed}, best {best})",
                    who("offer lacks", "offers lack")
                ),
                Why::Disk { disk, needed, best } => write!(
                    f,
                    "{} {disk} (needs {needed}, best {best})",
                    who("offer lacks", "offers lack")
                ),
                Why::Volume(volume) => {
                    write!(f, "{} no volume {volume}", who("offer has", "offers have"))
                }
                Why::Port(port) => {
                    write!(f, "{} no free port {port}", who("agent has", "agents have"))
                }
            }?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use resources::{
        Attribute, AttributeValue, Attributes, Constraint, Disk, DiskSource, Identity, Operator,
        Parcel, Parcels, Resources, Scalar,
    };

    use crate::{Demand, DiskDemand, DiskKind, Matcher, Offer, Policy, Waiting};

    fn amount(cpus: i64, mem: i64) -> Resources {
        let units = Scalar::from_units;
        Resources::new(units(cpus), units(mem), units(100))
    }

    fn agent(name: &str, cpus: i64, mem: i64, rack: &str, ability: Option<&'static str>) -> Offer {
        let rack = Attribute::new("rack", AttributeValue::text(rack));
        Offer {
            abilities: ability.into_iter().map(Into::into).collect(),
            ..Offer::plain(
                name,
                name,
                &amount(cpus, mem),
                Attributes::new(name, [rack]),
            )
        }
    }

    fn why(demand: &Demand, offers: Vec<Offer>) -> (String, Option<String>) {
        let mut matcher = Matcher::new(Policy::default());
        for offer in offers {
            matcher.offer(offer);
        }
        let id = matcher.demand(demand);
        matcher.enqueue(id, Waiting::default());
        assert!(matcher.round(0).is_empty());
        let misses = matcher.explain(id);
        let nearest = misses
            .nearest()
            .map(|near| format!("{} {} {}", near.agent, near.resource, near.short));
        (misses.to_string(), nearest)
    }

    #[test]
    fn counts_each_agent_once_and_finds_the_nearest() {
        let like = |value| vec![Constraint::new("rack", Operator::Like, value).unwrap()];
        let docker = "container runtime DOCKER";
        let demand = Demand {
            constraints: like("r[12]"),
            abilities: vec![docker.into()],
            ..Demand::new(amount(1, 4096))
        };
        let offers = vec![
            agent("a", 1, 3500, "r1", Some(docker)),
            agent("b", 1, 3000, "r2", Some(docker)),
            agent("c", 1, 9999, "r3", Some(docker)),
            agent("d", 1, 9999, "r1", None),
        ];
        assert_eq!(
            why(&demand, offers),
            (
                "1 agent has no container runtime DOCKER; 1 agent fails rack LIKE r[12]; \
                 2 offers lack mem (needs 4096, best 3500)"
                    .to_owned(),
                Some("a mem 596".to_owned())
            )
        );
        assert_eq!(why(&demand, Vec::new()).0, "no offers at hand");
        let would_do = [("e", 5000), ("f", 4096)];
        let would_do = would_do.map(|(id, mem)| agent(id, 2, mem, "r1", Some(docker)));
        let mut matcher = Matcher::new(Policy::default());
        matcher.demand(&demand);
        for offer in would_do {
            matcher.offer(offer);
            let would_do = matcher.explain_demand(&demand);
            let count = matcher.offers().count();
            assert_eq!(would_do.fitting(), count);
            let one = would_do.to_string() == "1 agent would do";
            assert_eq!(one, count == 1);
        }
        let roles = Demand {
            roles: vec!["x".into(), "y".into()],
            ..Demand::new(amount(1, 1))
        };
        let offers = vec![
            agent("a", 1, 1, "r", None),
            agent("b", 1, 1, "r", None),
            Offer {
                role: "y".into(),
                ..agent("c", 0, 1, "r", None)
            },
        ];
        assert_eq!(
            why(&roles, offers).0,
            "2 offers are for other roles; 1 offer lacks cpus (needs 1, best 0)"
        );
        let gpus = Demand {
            gpus: Scalar::from_units(1),
            fixed_ports: vec![80],
            ..Demand::new(amount(1, 1))
        };
        assert_eq!(
            why(&gpus, vec![agent("a", 1, 1, "r", None)]).0,
            "1 agent has no GPUs"
        );
        let port = Demand {
            fixed_ports: vec![80],
            ..Demand::new(amount(1, 1))
        };
        assert_eq!(
            why(&port, vec![agent("a", 1, 1, "r", None)]).0,
            "1 offer lacks ports (needs 1, best 0)"
        );
    }

    #[test]
    fn the_nearest_lacks_a_part_of_one_disk_and_nothing_else() {
        let [path, mount] = [
            DiskSource::Path { root: None },
            DiskSource::Mount { root: None },
        ]
        .map(|source| {
            let disk = Disk {
                source: Some(source),
                ..Disk::default()
            };
            Arc::new(Identity {
                disk: Some(disk),
                ..Identity::default()
            })
        });
        let with_disks = |name: &str, cpus, of_path: i64, of_mount: i64| {
            let mut parcels = Parcels::plain(&amount(cpus, 9), &Arc::default());
            for (size, identity) in [(of_path, &path), (of_mount, &mount)] {
                let size = Scalar::from_thousandths(size);
                parcels.add(Parcel::scalar("disk", size, identity));
            }
            Offer {
                supply: parcels.into(),
                ..agent(name, cpus, 9, "r", None)
            }
        };
        let disk = |kind, units| DiskDemand::new(kind, Scalar::from_units(units));
        let demand = Demand {
            disks: vec![disk(DiskKind::Path, 10), disk(DiskKind::Mount, 100)],
            ..Demand::new(amount(1, 1))
        };
        let offers = vec![
            with_disks("a", 1, 10_000, 90_000),
            // Of both disks, or of cpus too.
            with_disks("b", 1, 9_900, 50_000),
            with_disks("c", 0, 10_000, 99_000),
            with_disks("d", 0, 10_000, 100_000),
        ];
        let (why, nearest) = why(&demand, offers);
        assert_eq!(
            why,
            "1 offer lacks cpus (needs 1, best 0); \
             2 offers lack a MOUNT disk (needs 100, best 99); \
             1 offer lacks a PATH disk (needs 10, best 9.9)"
        );
        assert_eq!(nearest.as_deref(), Some("a MOUNT disk 10"));
    }
}
