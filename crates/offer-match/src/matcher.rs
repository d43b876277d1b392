//! The decision: which demand is met by which offer.

use resources::Resources;

use crate::{Demand, Misses, Supply};

/// Which demand goes to which offer, and why the others wait.
#[derive(Clone, Debug)]
pub struct Plan {
    decisions: Vec<Result<usize, Misses>>,
}

impl Plan {
    /// Returns the position of the offer that meets a demand, `None` when it has to wait.
    pub fn placement(&self, demand: usize) -> Option<usize> {
        self.decisions
            .get(demand)
            .and_then(|decision| decision.as_ref().ok())
            .copied()
    }

    /// Returns why a demand has to wait, `None` when it has not.
    pub fn misses(&self, demand: usize) -> Option<&Misses> {
        self.decisions
            .get(demand)
            .and_then(|decision| decision.as_ref().err())
    }
}

/// Places demands, in their order, each on the offer that it fills best.
///
/// A demand that fits nowhere costs the ones behind it nothing. Of the offers that fit, the one
/// with the least left of the resource of which most is left wins (best fit by dominant remaining
/// share), then the one with the least left in all, then the first.
pub fn match_offers(demands: &[Demand<'_>], supplies: &[Supply]) -> Plan {
    let mut left: Vec<Resources> = supplies.iter().map(|supply| supply.resources).collect();
    let decisions = demands
        .iter()
        .map(|demand| {
            let decision = place(demand, supplies, &left);
            if let Ok(chosen) = decision
                && let Some(rest) = left.get_mut(chosen)
            {
                *rest = rest.minus(&demand.resources);
            }
            decision
        })
        .collect();
    Plan { decisions }
}

fn place(demand: &Demand<'_>, supplies: &[Supply], left: &[Resources]) -> Result<usize, Misses> {
    let mut misses = Misses::default();
    let mut best: Option<((i64, i64), usize)> = None;
    for (position, (supply, rest)) in supplies.iter().zip(left).enumerate() {
        if misses.count(demand, supply, rest) {
            continue;
        }
        let share = remaining_share(rest, demand, supply);
        if best.is_none_or(|(least, _)| share < least) {
            best = Some((share, position));
        }
    }
    best.map(|(_, position)| position).ok_or(misses)
}

// In thousandths of what the offer gave: the resource of which most would be left, then all together.
fn remaining_share(rest: &Resources, demand: &Demand<'_>, supply: &Supply) -> (i64, i64) {
    let after = rest.minus(&demand.resources);
    let shares = resources::Resource::ALL.map(|resource| {
        let whole = supply.resources.get(resource).thousandths();
        after
            .get(resource)
            .thousandths()
            .saturating_mul(1000)
            .checked_div(whole)
            .unwrap_or(0)
    });
    let sum = shares
        .iter()
        .fold(0_i64, |sum, &share| sum.saturating_add(share));
    (shares.into_iter().max().unwrap_or(0), sum)
}

#[cfg(test)]
mod tests {
    use resources::{Attribute, AttributeValue, Attributes, Constraint, Operator, Scalar};

    use super::*;

    fn amount(cpus: i64, mem: i64) -> Resources {
        Resources::new(
            Scalar::from_units(cpus),
            Scalar::from_units(mem),
            Scalar::from_units(100),
        )
    }

    fn agent(cpus: i64, mem: i64, rack: &str) -> Supply {
        let rack = Attribute::new("rack", AttributeValue::text(rack));
        Supply::new(
            Resources {
                disk: Scalar::from_units(10_000),
                ..amount(cpus, mem)
            },
            Attributes::new("host", [rack]),
        )
    }

    #[test]
    fn never_gives_more_than_there_is() {
        let demands = vec![Demand::new(amount(1, 10)); 7];
        let plan = match_offers(&demands, &[agent(3, 100, "a"), agent(2, 100, "b")]);
        let placed = (0..7)
            .filter_map(|demand| plan.placement(demand))
            .collect::<Vec<_>>();
        assert_eq!(placed.iter().filter(|&&offer| offer == 0).count(), 3);
        assert_eq!(placed.iter().filter(|&&offer| offer == 1).count(), 2);
        assert!(plan.misses(6).is_some());
    }

    #[test]
    fn one_that_fits_nowhere_holds_nobody_up() {
        let demands = [
            Demand::new(amount(9, 1)),
            Demand::new(amount(1, 1)),
            Demand::new(amount(1, 999)),
            Demand::new(amount(1, 1)),
        ];
        let plan = match_offers(&demands, &[agent(2, 100, "a")]);
        assert_eq!(
            [0, 1, 2, 3].map(|demand| plan.placement(demand)),
            [None, Some(0), None, Some(0)]
        );
    }

    #[test]
    fn fills_the_fuller_agent_first() {
        let plan = match_offers(
            &[Demand::new(amount(1, 10))],
            &[agent(8, 800, "a"), agent(1, 12, "b")],
        );
        assert_eq!(plan.placement(0), Some(1));
    }

    #[test]
    fn counts_why_nothing_fits() {
        let constraints = [Constraint::new("rack", Operator::Like, "r[12]").unwrap()];
        let demand = Demand {
            constraints: &constraints,
            abilities: vec!["container runtime DOCKER"],
            ..Demand::new(amount(1, 4096))
        };
        let docker = |supply: Supply| Supply {
            abilities: vec!["container runtime DOCKER"],
            ..supply
        };
        let plan = match_offers(
            &[demand],
            &[
                docker(agent(1, 3500, "r1")),
                docker(agent(1, 3000, "r2")),
                docker(agent(1, 9999, "r3")),
                agent(1, 9999, "r1"),
            ],
        );
        let why = plan.misses(0).unwrap().to_string();
        assert_eq!(
            why,
            "1 agent has no container runtime DOCKER; 1 agent fails rack LIKE r[12]; 2 offers lack mem (needs 4096, best 3500)"
        );
    }

    #[test]
    fn says_when_there_is_no_offer() {
        assert_eq!(
            match_offers(&[Demand::default()], &[])
                .misses(0)
                .unwrap()
                .to_string(),
            "no offers at hand"
        );
    }
}
