//! Which agents are to be offered. Like demand it is a state that the master is brought to.

use std::collections::BTreeSet;

use crate::proto::scheduler::{OfferConstraints, offer_constraints::role_constraints::Group};

/// The first version of Mesos that takes offer constraints. Older ones pass over the field in `SUBSCRIBE`, and some
/// know no `UPDATE_FRAMEWORK`.
const SINCE: (u32, u32) = (1, 11);

/// What is wanted, and what the master was told.
#[derive(Clone, Debug, Default)]
pub(super) struct Constraints {
    wanted: Option<OfferConstraints>,
    told: Option<OfferConstraints>,
    /// The master takes them.
    known: bool,
    /// A master did not like ours: it may offer everything.
    given_up: bool,
}

impl Constraints {
    /// Takes what is wanted. What a master would refuse the whole call for is left out, which makes it offer more.
    pub(super) fn set(&mut self, mut wanted: OfferConstraints, roles: &BTreeSet<String>) {
        wanted.role_constraints.retain(|role, all| {
            let sound = |group: &Group| !group.attribute_constraints.is_empty();
            roles.contains(role) && !all.groups.is_empty() && all.groups.iter().all(sound)
        });
        let any = wanted.role_constraints.is_empty() || self.given_up;
        self.wanted = (!any).then_some(wanted);
    }

    /// These are our roles from now on; a master refuses a call that names another one.
    pub(super) fn set_roles(&mut self, roles: &BTreeSet<String>) {
        if let Some(wanted) = self.wanted.take() {
            self.set(wanted, roles);
        }
    }

    /// What `SUBSCRIBE` says. Without them a master forgets what it was told before.
    pub(super) fn announce(&mut self) -> Option<OfferConstraints> {
        self.known = false;
        self.announce_again()
    }

    /// The master says what it is.
    pub(super) fn subscribed(&mut self, version: Option<&str>) {
        self.known = version.and_then(release).is_some_and(|it| it >= SINCE);
    }

    /// Whether the master has to be told something else than before.
    pub(super) fn is_due(&self) -> bool {
        self.known && self.told != self.wanted
    }

    /// What any `UPDATE_FRAMEWORK` has to say.
    pub(super) fn announce_again(&mut self) -> Option<OfferConstraints> {
        self.told.clone_from(&self.wanted);
        self.told.clone()
    }

    /// A master refused what we said. Returns whether constraints were part of it; then there will be none any more.
    pub(super) fn give_up(&mut self) -> bool {
        let told = self.told.is_some();
        if told {
            self.refuse();
        }
        told
    }

    /// There will be none any more.
    pub(super) fn refuse(&mut self) {
        self.given_up = true;
        self.wanted = None;
    }

    /// Nobody wants anything any more.
    pub(super) fn clear(&mut self) {
        self.wanted = None;
    }
}

// The first two numbers of a version: `1.11.0-rc1` is 1 and 11.
fn release(version: &str) -> Option<(u32, u32)> {
    let (major, rest) = version.split_once('.')?;
    let minor = rest.split(|one: char| !one.is_ascii_digit()).next()?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_versions() {
        for (version, want) in [
            ("1.11.0", Some((1, 11))),
            ("1.11", Some((1, 11))),
            ("1.12.0-rc1", Some((1, 12))),
            ("2.0-dev", Some((2, 0))),
            ("0.28.3", Some((0, 28))),
            ("one", None),
            ("1.", None),
            ("", None),
        ] {
            assert_eq!(release(version), want, "{version}");
        }
    }
}
