//! Which agents a master need not offer at all: offer constraints of Mesos 1.11.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use resources::{Constraint, Operator};

use crate::{Demand, Matcher};

/// The most groups for a role; beyond, the role is left unconstrained.
const GROUPS_MAX: usize = 64;

/// The most steps that an expression which is handed on may compile to, by [`steps`].
///
/// A master refuses a whole subscription for one of more than 100.
const STEPS_MAX: usize = 80;

/// How long fewer agents must have been enough before the master is told.
const NARROW_MILLIS: i64 = 30_000;

/// Two updates within this are too many; each is a call that the master answers with new offers.
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
    /// master looks at the first one only, `EQUALS` at all. Whoever has seen such an agent
    /// ([`Attributes::repeat_a_name`](resources::Attributes::repeat_a_name)) should tell masters nothing.
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
            let mut groups: BTreeSet<Vec<OfferConstraint>> = BTreeSet::new();
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
                if any || groups.len() > GROUPS_MAX {
                    break;
                }
            }
            if !any && !groups.is_empty() && groups.len() <= GROUPS_MAX {
                all.insert(Arc::clone(role), groups.into_iter().collect());
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
    steps(expression) <= STEPS_MAX
        && !has_nested_brackets(expression)
        && expression
            .chars()
            .all(|one| one.is_ascii() && !matches!(one, '{' | '(' | '\\' | '&' | '~'))
}

// Brackets in brackets are a set in a set here, and a character like any other to a master. A bracket that closes
// before anything was said does not close.
fn has_nested_brackets(expression: &str) -> bool {
    let mut open = false;
    let nested = expression.bytes().any(|byte| {
        let nested = open && byte == b'[';
        open = byte == b'[' || open && byte != b']';
        nested
    });
    nested || expression.contains("[]") || expression.contains("[^]")
}

// How many steps an expression may compile to, at most: a dot or a class that leaves something out takes
// all there is beyond ASCII as well, by its bytes.
fn steps(expression: &str) -> usize {
    let step = |byte| match byte {
        b'.' | b'[' => 12,
        _ => 2,
    };
    expression.bytes().map(step).sum()
}

/// Says when to tell a master about changed offer constraints.
///
/// More agents at once, fewer after they were not needed for half a minute. Who needs more agents twice
/// within five seconds gets all of them, so there are at most two calls before the next half minute of
/// quiet, and a task never waits for the right to ask.
#[derive(Clone, Debug, Default)]
pub struct ConstraintPacer {
    told: OfferConstraints,
    told_at: Option<i64>,
    narrower_since: Option<i64>,
}

impl ConstraintPacer {
    /// Returns whether the master makes no difference between agents, as far as it was told.
    pub fn is_unconstrained(&self) -> bool {
        self.told.is_empty()
    }

    /// Returns what to tell the master now, if anything, given what would be right.
    pub fn next(&mut self, now: i64, wanted: &OfferConstraints) -> Option<OfferConstraints> {
        if *wanted == self.told {
            self.narrower_since = None;
            return None;
        }
        let narrower = self.told.iter().all(|(role, told)| {
            let wanted = wanted.get(role);
            wanted.is_some_and(|wanted| wanted.iter().all(|group| told.contains(group)))
        });
        if narrower {
            let since = *self.narrower_since.get_or_insert(now);
            if now.saturating_sub(since) < NARROW_MILLIS {
                return None;
            }
        }
        let recent = self
            .told_at
            .is_some_and(|at| now.saturating_sub(at) < UPDATE_MILLIS);
        self.told = if recent {
            OfferConstraints::new()
        } else {
            wanted.clone()
        };
        self.told_at = Some(now);
        self.narrower_since = None;
        Some(self.told.clone())
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, option, prelude::*, sample::select};
    use resources::{Attribute, AttributeValue, Attributes, Number, Ranges};

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
                group: Some("job".into()),
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
                &[&[("a", Like, "node-[0-9]*.prod.*")]],
                r#"a TextMatches("node-[0-9]*.prod.*")"#,
            ),
            (&[&[("a", Like, ".......")]], "a Exists"),
            (&[&[("a", Like, "[x[y]]")]], "a Exists"),
            (&[&[("a", Like, "[]x[y]]")]], "a Exists"),
            (&[&[("a", Like, "[^]x[y]]")]], "a Exists"),
            (
                &[&[("a", Like, "[x]-[^y]")]],
                r#"a TextMatches("[x]-[^y]")"#,
            ),
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

    // What a master makes of a group, by its first attribute of a name.
    fn master_offers(groups: &[Vec<OfferConstraint>], host: &str, own: &[Attribute]) -> bool {
        let holds = |one: &OfferConstraint| {
            let value = match &one.selector {
                Selector::Attribute(name) => {
                    let first = own.iter().find(|it| it.name == *name);
                    first.map(|it| it.value.clone())
                }
                Selector::Hostname => Some(AttributeValue::text(host)),
                Selector::Region => Some(AttributeValue::text("r")),
                Selector::Zone => None,
            };
            let matches = |expression: &str, text: &str| {
                let like = Constraint::new("it", Operator::Like, expression).unwrap();
                like.holds_for([&AttributeValue::text(text)])
            };
            let Some(value) = value else {
                return match one.predicate {
                    Predicate::NotExists
                    | Predicate::TextNotEquals(_)
                    | Predicate::TextNotMatches(_) => true,
                    Predicate::Exists | Predicate::TextEquals(_) | Predicate::TextMatches(_) => {
                        false
                    }
                };
            };
            match (&one.predicate, &value) {
                (Predicate::NotExists, _) => false,
                (Predicate::TextEquals(want), AttributeValue::Text(text)) => want == text,
                (Predicate::TextNotEquals(other), AttributeValue::Text(text)) => other != text,
                (Predicate::TextMatches(want), AttributeValue::Text(text)) => matches(want, text),
                (Predicate::TextNotMatches(it), AttributeValue::Text(text)) => !matches(it, text),
                _ => true,
            }
        };
        groups.is_empty() || groups.iter().any(|group| group.iter().all(holds))
    }

    fn a_constraint() -> impl Strategy<Value = Constraint> {
        use Operator::{
            Equals, Exists, Greater, GroupBy, In, Less, Like, MaxPer, NotIn, Unique, Unlike,
        };
        let name = select(vec!["a", "b", "hostname", "@region", "@zone"]);
        let wish = select(vec![
            (Equals, "x"),
            (Equals, ""),
            (Equals, "1"),
            (Equals, "n1"),
            (Equals, "r"),
            (Like, "x|y"),
            (Like, "[0-9.]+"),
            (Like, r"\d.*"),
            (Like, "n."),
            (Unlike, "x"),
            (Unlike, "1.0"),
            (In, "x"),
            (In, "1"),
            (In, "x, 1, n1"),
            (NotIn, "x"),
            (NotIn, "1, r"),
            (Exists, ""),
            (Exists, "false"),
            (Greater, "0"),
            (Less, "2"),
            (MaxPer, "2"),
            (GroupBy, ""),
            (Unique, ""),
        ]);
        (name, wish)
            .prop_map(|(name, (operator, value))| Constraint::new(name, operator, value).unwrap())
    }

    fn an_attribute(name: &'static str) -> impl Strategy<Value = Option<Attribute>> {
        let text = select(vec!["x", "y", "", "1", "n1", "7th"]);
        let items = vec(select(vec!["x".to_owned(), "1".to_owned()]), 0..3);
        let value = prop_oneof![
            text.prop_map(AttributeValue::text),
            select(vec![-1.5, 0.0, 1.0, 2e7])
                .prop_map(|number| AttributeValue::Scalar(Number::new(number))),
            items.prop_map(|items| AttributeValue::Set(items.into_iter().collect())),
            Just(AttributeValue::Ranges(Ranges::new([(1, 2)]))),
        ];
        option::of(value.prop_map(move |value| Attribute::new(name, value)))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn no_agent_is_hidden_that_a_waiting_task_could_use(
            demands in vec(vec(a_constraint(), 1..4), 1..4),
            own in (an_attribute("a"), an_attribute("b"), an_attribute("hostname")),
            host in select(vec!["n1", "n2"]),
        ) {
            let own: Vec<Attribute> = [own.0, own.1, own.2].into_iter().flatten().collect();
            let mut known = Attributes::new(host, own.iter().cloned()).as_slice().to_vec();
            known.push(Attribute::new("@region", AttributeValue::text("r")));
            let known = Attributes::new(host, known);
            let mut matcher = Matcher::new(Policy::default());
            for constraints in &demands {
                let group = Some("job".into());
                let demand = Demand { constraints: constraints.clone(), group, ..Demand::default() };
                let demand = matcher.demand(&demand);
                matcher.enqueue(demand, Waiting::default());
            }
            let told = matcher.offer_constraints();
            let groups = told.get("*").map_or(&[][..], Vec::as_slice);
            let useful = demands.iter().any(|all| all.iter().all(|one| one.holds(&known)));
            prop_assert!(!useful || master_offers(groups, host, &own), "{groups:?}");
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
        let mut check = |now, wanted: &[&str], told: Option<&[&str]>| {
            assert_eq!(pacer.next(now, &of(wanted)), told.map(of), "{now}");
        };
        check(0, &["a"], None);
        check(29_999, &["a"], None);
        check(30_000, &["a"], Some(&["a"]));
        check(36_000, &["a", "b"], Some(&["a", "b"]));
        check(50_000, &["b"], None);
        check(79_999, &["b"], None);
        check(80_000, &["b"], Some(&["b"]));
        check(90_000, &["b", "c"], Some(&["b", "c"]));
        check(94_999, &["b", "c", "d"], Some(&[]));
        check(95_000, &["a"], None);
        check(120_000, &["b", "a", "d"], None);
        check(121_000, &[], None);
        check(130_000, &["a"], None);
        check(159_999, &["a"], None);
        check(160_000, &["a"], Some(&["a"]));
        check(170_000, &[], Some(&[]));
    }
}
