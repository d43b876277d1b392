//! Which agents need not be offered, in Mesos' words.

use chronos_core::{OfferConstraint, Predicate, Selector};
use mesos_v1::proto::scheduler::{
    AttributeConstraint, OfferConstraints,
    attribute_constraint::{self as part, predicate, selector},
    offer_constraints::{RoleConstraints, role_constraints::Group},
};

/// The same for each of our roles: the scheduler makes no difference between them.
pub(crate) fn offer_constraints(
    groups: &[Vec<OfferConstraint>],
    roles: &[String],
) -> OfferConstraints {
    let group = |all: &Vec<OfferConstraint>| Group {
        attribute_constraints: all.iter().map(condition).collect(),
    };
    let groups: Vec<Group> = groups.iter().map(group).collect();
    let constrained = roles.iter().filter(|_role| !groups.is_empty());
    let role = |role: &String| {
        let groups = groups.clone();
        (role.clone(), RoleConstraints { groups })
    };
    OfferConstraints {
        role_constraints: constrained.map(role).collect(),
    }
}

fn condition(one: &OfferConstraint) -> AttributeConstraint {
    let pseudo =
        |it: selector::PseudoattributeType| selector::Selector::PseudoattributeType(it.into());
    let selector = match &one.selector {
        Selector::Attribute(name) => selector::Selector::AttributeName(name.clone()),
        Selector::Hostname => pseudo(selector::PseudoattributeType::Hostname),
        Selector::Region => pseudo(selector::PseudoattributeType::Region),
        Selector::Zone => pseudo(selector::PseudoattributeType::Zone),
    };
    let predicate = match one.predicate.clone() {
        Predicate::Exists => predicate::Predicate::Exists(predicate::Exists {}),
        Predicate::NotExists => predicate::Predicate::NotExists(predicate::NotExists {}),
        Predicate::TextEquals(value) => {
            predicate::Predicate::TextEquals(predicate::TextEquals { value })
        }
        Predicate::TextNotEquals(value) => {
            predicate::Predicate::TextNotEquals(predicate::TextNotEquals { value })
        }
        Predicate::TextMatches(regex) => {
            predicate::Predicate::TextMatches(predicate::TextMatches { regex })
        }
        Predicate::TextNotMatches(regex) => {
            predicate::Predicate::TextNotMatches(predicate::TextNotMatches { regex })
        }
    };
    AttributeConstraint {
        selector: part::Selector {
            selector: Some(selector),
        },
        predicate: part::Predicate {
            predicate: Some(predicate),
        },
    }
}
