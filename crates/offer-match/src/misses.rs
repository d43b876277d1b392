//! Why a demand could not be met, by count.

use std::{collections::BTreeMap, fmt};

use resources::{Resource, Resources, Scalar};

use crate::{Demand, Supply};

/// Why a demand was not met: how many offers failed, on what, and how near the best came.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Misses {
    offers: usize,
    abilities: BTreeMap<&'static str, usize>,
    constraints: BTreeMap<String, usize>,
    resources: BTreeMap<Resource, Shortage>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Shortage {
    offers: usize,
    needed: Scalar,
    best: Scalar,
}

impl Misses {
    /// Notes why an offer does not do, by its first failing test; false when it does.
    pub(crate) fn count(&mut self, demand: &Demand<'_>, supply: &Supply, left: &Resources) -> bool {
        self.offers = self.offers.saturating_add(1);
        if let Some(ability) = demand
            .abilities
            .iter()
            .find(|ability| !supply.abilities.contains(ability))
        {
            add_one(self.abilities.entry(ability).or_default());
            return true;
        }
        if let Some(constraint) = demand
            .constraints
            .iter()
            .find(|constraint| !constraint.holds(&supply.attributes))
        {
            add_one(self.constraints.entry(constraint.to_string()).or_default());
            return true;
        }
        let Some(resource) = left.lacking(&demand.resources) else {
            return false;
        };
        let needed = demand.resources.get(resource);
        let shortage = self.resources.entry(resource).or_insert(Shortage {
            offers: 0,
            needed,
            best: Scalar::ZERO,
        });
        add_one(&mut shortage.offers);
        shortage.best = shortage.best.max(left.get(resource));
        true
    }
}

fn add_one(count: &mut usize) {
    *count = count.saturating_add(1);
}

impl fmt::Display for Misses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let abilities = self.abilities.iter().map(|(ability, &count)| match count {
            1 => format!("1 agent has no {ability}"),
            _ => format!("{count} agents have no {ability}"),
        });
        let constraints = self
            .constraints
            .iter()
            .map(|(constraint, &count)| match count {
                1 => format!("1 agent fails {constraint}"),
                _ => format!("{count} agents fail {constraint}"),
            });
        let resources = self.resources.iter().map(|(resource, shortage)| {
            let Shortage {
                offers,
                needed,
                best,
            } = shortage;
            let who = if *offers == 1 {
                "1 offer lacks".to_owned()
            } else {
                format!("{offers} offers lack")
            };
            format!("{who} {resource} (needs {needed}, best {best})")
        });
        let reasons: Vec<String> = abilities.chain(constraints).chain(resources).collect();
        if reasons.is_empty() {
            return f.write_str("no offers at hand");
        }
        f.write_str(&reasons.join("; "))
    }
}
