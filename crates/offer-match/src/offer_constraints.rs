//! Which agents a master need not offer at all: offer constraints of Mesos 1.11.

use std::{collections::BTreeMap, sync::Arc};

use resources::{Constraint, Operator};

use crate::{Demand, Matcher};

/// The most groups for a role; beyond, the role is left unconstrained.
const GROUPS_MAX: usize = 64;

/// The longest expression that is handed on.
///
/// A master refuses a whole subscription for one that compiles to more than 100 steps. A byte of an
/// expression without counted repetition makes at most about two.
const EXPRESSION_LEN_MAX: usize = 40;

/// How long fewer agents must have been enough before the master is told.
const NARROW_MILLIS: i64 = 30_000;

/// The least time between two updates; each is a call that the master answers with new offers.
const UPDATE_MILLIS: i64 = 5_000;

/// For each role, groups of conditions of which one must hold; a role without an entry takes any agent.
pub type OfferConstraints = BTreeMap<Arc<str>, Vec<Vec<OfferConstraint>>>;

/// One condition on an agent, as a master evaluates it: only texts can fail a condition on text.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct OfferConstraint {
    /// What is looked at.
    pub selector: Selector,
    /// What must hold.
    pub predicate: Predicate,
}

/// What an offer constraint looks at.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Selector {
    /// The first attribute of a name.
    Attribute(String),
    /// The agent's host name.
    Hostname,
    /// The agent's region.
    Region,
    /// The agent's zone.
    Zone,
}

/// What must hold for an offer constraint.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Predicate {
    /// There is one.
    Exists,
    /// There is none.
    NotExists,
    /// It is this text.
    TextEquals(String),
    /// It is not this text, or there is none.
    TextNotEquals(String),
    /// It matches the expression as a whole.
    TextMatches(String),
    /// It does not match, or there is none.
    TextNotMatches(String),
}

impl Matcher {
    /// Returns what a master may be told, so that agents which nothing that waits can use are not offered.
    ///
    /// No agent is hidden that a waiting task could use, unless it has several attributes of one name: a
    /// master looks at the first one only, `EQUALS` at all.
    ///
    /// # Examples
    ///
    /// ```
    /// use offer_match::{Demand, Matcher, Policy, Predicate, Waiting};
    /// use resources::{Constraint, Operator, Resources};
    ///
    /// let mut matcher = Matcher::new(Policy::default());
    /// let demand = matcher.demand(&Demand {
    ///     constraints: vec![Constraint::new("rack", Operator::Equals, "r1")?],
    ///     ..Demand::default()
    /// });
    /// matcher.enqueue(demand, Waiting::default());
    /// let constraints = matcher.offer_constraints();
    /// assert_eq!(constraints["*"][0][0].predicate, Predicate::TextEquals("r1".into()));
    /// # Ok::<(), resources::ConstraintError>(())
    /// ```
    pub fn offer_constraints(&self) -> OfferConstraints {
        let mut all = OfferConstraints::new();
        for role in &self.facts.policy.roles {
            let mut groups: Vec<Vec<OfferConstraint>> = Vec::new();
            let mut any = false;
            for (id, _) in self.facts.classes.iter() {
                let waiting = self.facts.briefs[id as usize].waiting;
                let Some(demand) = self.facts.classes.key(id).filter(|_| waiting > 0) else {
                    continue;
                };
                if demand.roles.is_empty() || demand.roles.contains(role) {
                    let own = groups_of(demand);
                    any |= own.iter().any(Vec::is_empty);
                    groups.extend(own);
                }
                if any {
                    break;
                }
            }
            groups.sort_unstable();
            groups.dedup();
            if !any && !groups.is_empty() && groups.len() <= GROUPS_MAX {
                all.insert(Arc::clone(role), groups);
            }
        }
        all
    }
}

// Chronos prefers an attribute of the name `hostname`, so that one has a group of its own.
fn groups_of(demand: &Demand) -> Vec<Vec<OfferConstraint>> {
    let attribute = |name: &str| match name {
        "@region" => Selector::Region,
        "@zone" => Selector::Zone,
        name => Selector::Attribute(name.to_owned()),
    };
    let group = |pseudo: bool| {
        let mut group: Vec<OfferConstraint> = Vec::new();
        for constraint in &demand.constraints {
            let hostname = pseudo && constraint.attribute() == "hostname";
            let selector = if hostname {
                Selector::Hostname
            } else {
                attribute(constraint.attribute())
            };
            for predicate in predicates(constraint) {
                // Every agent has a host name.
                if !(hostname && predicate == Predicate::Exists) {
                    group.push(OfferConstraint {
                        selector: selector.clone(),
                        predicate,
                    });
                }
            }
        }
        group.sort_unstable();
        group.dedup();
        group
    };
    let names_host = demand
        .constraints
        .iter()
        .any(|constraint| constraint.attribute() == "hostname");
    if names_host {
        vec![group(false), group(true)]
    } else {
        vec![group(false)]
    }
}

fn predicates(constraint: &Constraint) -> Vec<Predicate> {
    let value = constraint.value();
    match constraint.operator() {
        Operator::Equals => vec![Predicate::TextEquals(value.to_owned())],
        Operator::Like if is_portable(value) => vec![Predicate::TextMatches(value.to_owned())],
        Operator::Unlike if is_portable(value) => vec![
            Predicate::Exists,
            Predicate::TextNotMatches(value.to_owned()),
        ],
        Operator::In => {
            let mut items: Vec<&str> = constraint.items().collect();
            items.dedup();
            match items.as_slice() {
                // A text that is missing passes no positive predicate, a number passes every one.
                [item] => vec![Predicate::TextEquals((*item).to_owned())],
                _ => vec![Predicate::Exists],
            }
        }
        Operator::NotIn => constraint
            .items()
            .map(|item| Predicate::TextNotEquals(item.to_owned()))
            .collect(),
        Operator::Exists if value.trim() == "false" => vec![Predicate::NotExists],
        Operator::Like
        | Operator::Unlike
        | Operator::Exists
        | Operator::Greater
        | Operator::Less
        | Operator::MaxPer
        | Operator::GroupBy
        | Operator::Unique => vec![Predicate::Exists],
    }
}

// Whether a master reads an expression the same way, and finds it small enough. Classes such as `\d` are
// of ASCII there and of all scripts here.
fn is_portable(expression: &str) -> bool {
    expression.len() <= EXPRESSION_LEN_MAX
        && expression
            .chars()
            .all(|one| one.is_ascii() && !matches!(one, '{' | '(' | '\\' | '&' | '~'))
}

/// Says when to tell a master about changed offer constraints.
///
/// More agents at once, fewer after they were not needed for half a minute, and never more often than
/// every five seconds.
#[derive(Clone, Debug, Default)]
pub struct ConstraintPacer {
    told: OfferConstraints,
    told_at: Option<i64>,
    differs_since: Option<i64>,
}

impl ConstraintPacer {
    /// Returns what to tell the master now, if anything, given what would be right.
    pub fn next(&mut self, now: i64, wanted: &OfferConstraints) -> Option<OfferConstraints> {
        if *wanted == self.told {
            self.differs_since = None;
            return None;
        }
        let since = *self.differs_since.get_or_insert(now);
        let narrower = self.told.iter().all(|(role, told)| {
            let wanted = wanted.get(role);
            wanted.is_some_and(|wanted| wanted.iter().all(|group| told.contains(group)))
        });
        let recent = self
            .told_at
            .is_some_and(|at| now.saturating_sub(at) < UPDATE_MILLIS);
        if recent || (narrower && now.saturating_sub(since) < NARROW_MILLIS) {
            return None;
        }
        self.told.clone_from(wanted);
        self.told_at = Some(now);
        self.differs_since = None;
        Some(wanted.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Policy, Waiting};

    fn derived(demands: &[&[(&str, Operator, &str)]]) -> String {
        let mut matcher = Matcher::new(Policy::default());
        for constraints in demands {
            let constraints = constraints
                .iter()
                .map(|(name, operator, value)| Constraint::new(*name, *operator, *value).unwrap());
            let demand = matcher.demand(&Demand {
                constraints: constraints.collect(),
                ..Demand::default()
            });
            matcher.enqueue(demand, Waiting::default());
        }
        let constraints = matcher.offer_constraints();
        let group = |group: &Vec<OfferConstraint>| {
            let one = |one: &OfferConstraint| match &one.selector {
                Selector::Attribute(name) => format!("{name} {:?}", one.predicate),
                Selector::Hostname | Selector::Region | Selector::Zone => {
                    format!("{:?} {:?}", one.selector, one.predicate)
                }
            };
            group.iter().map(one).collect::<Vec<_>>().join(" & ")
        };
        let groups = constraints.get("*").into_iter().flatten();
        groups.map(group).collect::<Vec<_>>().join(" | ")
    }

    #[test]
    fn nothing_useful_is_hidden() {
        use Operator::{Equals, Exists, Greater, In, Like, NotIn, Unique, Unlike};
        let cases: &[(&[&[_]], &str)] = &[
            (&[&[]], ""),
            (&[&[("a", Equals, "x")], &[]], ""),
            (&[&[("a", Equals, "x")]], r#"a TextEquals("x")"#),
            (&[&[("a", Like, "x|y")]], r#"a TextMatches("x|y")"#),
            (&[&[("a", Like, r"\d+")]], "a Exists"),
            (&[&[("a", Like, "(x{9}){9}")]], "a Exists"),
            (
                &[&[("a", Unlike, "x")]],
                r#"a Exists & a TextNotMatches("x")"#,
            ),
            (&[&[("a", In, "x, y")]], "a Exists"),
            (
                &[&[("a", NotIn, "x, y")]],
                r#"a TextNotEquals("x") & a TextNotEquals("y")"#,
            ),
            (&[&[("a", Exists, "false")]], "a NotExists"),
            (
                &[&[("a", Greater, "2")], &[("b", Unique, "")]],
                "a Exists | b Exists",
            ),
            (
                &[&[("hostname", Equals, "n"), ("@zone", Equals, "z")]],
                r#"hostname TextEquals("n") & Zone TextEquals("z") | Hostname TextEquals("n") & Zone TextEquals("z")"#,
            ),
            (&[&[("hostname", Unique, "")]], ""),
        ];
        for (demands, want) in cases {
            assert_eq!(derived(demands), *want, "{demands:?}");
        }
    }

    #[test]
    fn widens_at_once_and_narrows_after_a_while() {
        let group = |value: &str| {
            vec![OfferConstraint {
                selector: Selector::Attribute("rack".to_owned()),
                predicate: Predicate::TextEquals(value.to_owned()),
            }]
        };
        let of = |groups: &[&str]| {
            let groups: Vec<_> = groups.iter().map(|value| group(value)).collect();
            let groups = (!groups.is_empty()).then(|| ("*".into(), groups));
            OfferConstraints::from_iter(groups)
        };
        let mut pacer = ConstraintPacer::default();
        let mut check = |now, wanted: &[&str], told: bool| {
            assert_eq!(pacer.next(now, &of(wanted)).is_some(), told, "{now}");
        };
        check(0, &["a"], false);
        check(29_999, &["a"], false);
        check(30_000, &["a"], true);
        check(31_000, &["a", "b"], false);
        check(35_000, &["a", "b"], true);
        check(50_000, &["b"], false);
        check(79_999, &["b"], false);
        check(80_000, &["b"], true);
        check(90_000, &[], true);
    }
}
