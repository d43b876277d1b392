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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_has_its_own() {
        use predicate::Predicate as Said;
        use selector::{PseudoattributeType as Pseudo, Selector as Of};

        let text = || "t".to_owned();
        let cases = [
            (
                Selector::Attribute("rack".to_owned()),
                Of::AttributeName("rack".to_owned()),
                Predicate::Exists,
                Said::Exists(predicate::Exists {}),
            ),
            (
                Selector::Hostname,
                Of::PseudoattributeType(Pseudo::Hostname.into()),
                Predicate::NotExists,
                Said::NotExists(predicate::NotExists {}),
            ),
            (
                Selector::Region,
                Of::PseudoattributeType(Pseudo::Region.into()),
                Predicate::TextEquals(text()),
                Said::TextEquals(predicate::TextEquals { value: text() }),
            ),
            (
                Selector::Zone,
                Of::PseudoattributeType(Pseudo::Zone.into()),
                Predicate::TextNotEquals(text()),
                Said::TextNotEquals(predicate::TextNotEquals { value: text() }),
            ),
            (
                Selector::Zone,
                Of::PseudoattributeType(Pseudo::Zone.into()),
                Predicate::TextMatches(text()),
                Said::TextMatches(predicate::TextMatches { regex: text() }),
            ),
            (
                Selector::Zone,
                Of::PseudoattributeType(Pseudo::Zone.into()),
                Predicate::TextNotMatches(text()),
                Said::TextNotMatches(predicate::TextNotMatches { regex: text() }),
            ),
        ];
        for (selector, of, predicate, said) in cases {
            let one = OfferConstraint {
                selector,
                predicate,
            };
            let told = condition(&one);
            assert_eq!(told.selector.selector, Some(of), "{one:?}");
            assert_eq!(told.predicate.predicate, Some(said), "{one:?}");
        }
    }

    #[test]
    fn all_roles_have_the_same_groups_and_no_group_is_no_role() {
        let roles = ["a".to_owned(), "b".to_owned()];
        assert_eq!(offer_constraints(&[], &roles), OfferConstraints::default());
        let one = OfferConstraint {
            selector: Selector::Hostname,
            predicate: Predicate::Exists,
        };
        let told = offer_constraints(&[vec![one.clone()], vec![one]], &roles);
        let roles: Vec<_> = told.role_constraints.keys().map(String::as_str).collect();
        assert_eq!(roles, ["a", "b"]);
        assert!(
            told.role_constraints
                .values()
                .all(|it| it.groups.len() == 2)
        );
    }
}
