//! Why a master does not want us, read out of the text of its `ERROR`: it sends no code.

use std::fmt;

/// Why there is no subscription, and will be none by trying again at once.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Refusal {
    /// The framework was removed and its tasks killed. The id is of no use any more; only an operator may forget it,
    /// because a new id is a new framework.
    Removed,
    /// Another scheduler subscribed with our id. Two of them would throw each other out for ever, so this one stops.
    FailedOver,
    /// The master refuses what we say of ourselves. Tried again now and then: its settings may change too.
    Config(String),
    /// The master refuses our credentials. Tried again now and then.
    Auth(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Removed => f.write_str("the framework was removed"),
            Self::FailedOver => f.write_str("another scheduler subscribed with the same id"),
            Self::Config(text) => write!(f, "the master refuses the framework: {text}"),
            Self::Auth(text) => write!(f, "the master refuses the credentials: {text}"),
        }
    }
}

/// Reads the text of an `ERROR`; none of those that are known: may pass by itself.
pub(super) fn of(text: &str) -> Option<Refusal> {
    const CONFIG_START: [&str; 6] = [
        "Roles ",
        "User ",
        "Changing framework's principal",
        "'FrameworkInfo",
        "Suppressed roles",
        "Invalid suppressed role",
    ];
    const CONFIG_INSIDE: [&str; 5] = [
        "failover_timeout",
        "offer constraint",
        "capabilit",
        "frameworkid",
        "framework id",
    ];
    const AUTH_START: [&str; 2] = ["Not authorized", "Authorization failure"];

    if text.starts_with("Framework has been removed") {
        return Some(Refusal::Removed);
    }
    if text.starts_with("Framework failed over") {
        return Some(Refusal::FailedOver);
    }
    if AUTH_START.iter().any(|start| text.starts_with(start)) {
        return Some(Refusal::Auth(text.to_owned()));
    }
    let lower = text.to_lowercase();
    let config = CONFIG_START.iter().any(|start| text.starts_with(start))
        || CONFIG_INSIDE.iter().any(|part| lower.contains(part));
    config.then(|| Refusal::Config(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_texts_of_masters() {
        assert_eq!(of("Framework has been removed"), Some(Refusal::Removed));
        assert_eq!(of("Framework failed over"), Some(Refusal::FailedOver));
        for text in [
            "Roles { x } are not present in the master's --roles",
            "User 'root' is not allowed to run frameworks without --root_submissions set",
            "Changing framework's principal is not allowed.",
            "'FrameworkInfo.roles' contains invalid role: Role '/bad role' cannot start with a slash",
            "'FrameworkInfo.role' must not be set when the framework is MULTI_ROLE capable",
            "Suppressed roles { other } are not contained in the set of roles",
            "The framework failover_timeout (-1) is invalid",
            "Offer constraints are not valid: empty group",
            "Invalid framework ID",
        ] {
            assert_eq!(of(text), Some(Refusal::Config(text.into())));
        }
        for text in [
            "Not authorized to use role 'x'",
            "Authorization failure: nobody there",
        ] {
            assert_eq!(of(text), Some(Refusal::Auth(text.into())));
        }
        assert_eq!(of("the moon is full"), None);
        assert_eq!(of(""), None);
    }
}
