//! Offer constraints: what a master of 1.11 and later makes of them.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use mesos_v1::proto::{
    scheduler::{
        AttributeConstraint, OfferConstraints,
        attribute_constraint::{
            predicate::Predicate, selector::PseudoattributeType, selector::Selector,
        },
    },
    value,
};
use regex::Regex;
use regex_automata::nfa::thompson::NFA;

use super::AgentSpec;

/// The longest expression.
const REGEX_LEN_MAX: usize = 4_096;
/// The most steps of a compiled one, `--offer_constraints_re2_max_program_size`. RE2 counts its instructions, here the
/// states of an automaton are counted: about as many.
const REGEX_STEPS_MAX: usize = 100;

/// By role, groups of conditions of which one must hold. A role that is not named takes any agent.
#[derive(Debug, Default)]
pub(super) struct Constraints(BTreeMap<String, Vec<Vec<Condition>>>);

#[derive(Debug)]
struct Condition {
    selector: Selector,
    test: Test,
}

#[derive(Debug)]
enum Test {
    Exists(bool),
    Equals(String, bool),
    Matches(Box<Regex>, bool),
}

impl Constraints {
    /// Compiles them.
    ///
    /// # Errors
    ///
    /// What is wrong; the whole call is refused for it.
    pub(super) fn new(
        told: Option<&OfferConstraints>,
        roles: &BTreeSet<String>,
    ) -> Result<Self, String> {
        let mut all = BTreeMap::new();
        for (role, told) in told.iter().flat_map(|told| &told.role_constraints) {
            let wrong =
                |why: &str| format!("Offer constraints for role '{role}' are not valid: {why}");
            if !roles.contains(role) {
                return Err(wrong("the framework does not have this role"));
            }
            if told.groups.is_empty() {
                return Err(wrong("no groups"));
            }
            let mut groups = Vec::new();
            for group in &told.groups {
                if group.attribute_constraints.is_empty() {
                    return Err(wrong("an empty group"));
                }
                let conditions = group.attribute_constraints.iter().map(condition);
                let conditions = conditions.collect::<Result<Vec<_>, _>>();
                groups.push(conditions.map_err(|why| wrong(&why))?);
            }
            all.insert(role.clone(), groups);
        }
        Ok(Self(all))
    }

    /// Whether an agent is to be offered to a role.
    pub(super) fn allow(&self, role: &str, agent: &AgentSpec) -> bool {
        let group = |group: &Vec<Condition>| group.iter().all(|one| one.holds(agent));
        self.0
            .get(role)
            .is_none_or(|groups| groups.iter().any(group))
    }
}

impl Condition {
    fn holds(&self, agent: &AgentSpec) -> bool {
        let found = match &self.selector {
            Selector::AttributeName(name) => {
                let attribute = agent.attributes.iter().find(|it| it.name == *name);
                // None of another kind fails a test of a text.
                attribute.map(|it| match it.r#type() {
                    value::Type::Text => it
                        .text
                        .as_ref()
                        .map(|text| String::from_utf8_lossy(&text.value)),
                    value::Type::Scalar | value::Type::Ranges | value::Type::Set => None,
                })
            }
            Selector::PseudoattributeType(kind) => match PseudoattributeType::try_from(*kind) {
                Ok(PseudoattributeType::Hostname) => Some(Some(Cow::from(agent.hostname.as_str()))),
                // These agents are in no domain.
                _ => None,
            },
        };
        match (&self.test, found) {
            (Test::Exists(wanted), found) => found.is_some() == *wanted,
            (_, Some(None)) => true,
            (Test::Equals(text, wanted), Some(Some(found))) => (*text == found) == *wanted,
            (Test::Matches(regex, wanted), Some(Some(found))) => regex.is_match(&found) == *wanted,
            (Test::Equals(_, wanted) | Test::Matches(_, wanted), None) => !wanted,
        }
    }
}

fn condition(told: &AttributeConstraint) -> Result<Condition, String> {
    let selector = told.selector.selector.clone().ok_or("no selector")?;
    let test = match told.predicate.predicate.as_ref().ok_or("no predicate")? {
        Predicate::Exists(_) => Test::Exists(true),
        Predicate::NotExists(_) => Test::Exists(false),
        Predicate::TextEquals(it) => Test::Equals(it.value.clone(), true),
        Predicate::TextNotEquals(it) => Test::Equals(it.value.clone(), false),
        Predicate::TextMatches(it) => Test::Matches(whole(&it.regex)?, true),
        Predicate::TextNotMatches(it) => Test::Matches(whole(&it.regex)?, false),
    };
    Ok(Condition { selector, test })
}

fn whole(expression: &str) -> Result<Box<Regex>, String> {
    if expression.len() > REGEX_LEN_MAX {
        return Err("the regex is too long".into());
    }
    let automaton = NFA::new(expression).map_err(|error| error.to_string())?;
    if automaton.states().len() > REGEX_STEPS_MAX {
        return Err(format!("the regex '{expression}' is too big"));
    }
    let regex = Regex::new(&format!("^(?:{expression})$")).map_err(|error| error.to_string())?;
    Ok(Box::new(regex))
}
