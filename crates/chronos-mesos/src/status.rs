//! How the connection to the masters is, for people.

use std::fmt;

/// How the connection to the masters is.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Status {
    /// Where it stands.
    pub standing: Standing,
    /// The id of our framework, once there is one.
    pub framework: Option<String>,
    /// The master that leads, as host and port, and its version.
    pub master: Option<String>,
}

/// Where a connection stands.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Standing {
    /// It is being made for the first time.
    Starting,
    /// It stands.
    Subscribed,
    /// It is made anew; what went wrong.
    Waiting(String),
    /// The masters do not want us; what they say. Somebody has to look.
    Refused(String),
    /// Our framework was removed, and with it all that ran; what can be done.
    Removed(String),
    /// Another daemon leads, or nobody knows yet.
    #[default]
    Idle,
}

impl Status {
    /// Returns what is wrong, if anything.
    pub fn problem(&self) -> Option<String> {
        match &self.standing {
            Standing::Subscribed | Standing::Idle => None,
            Standing::Starting => Some("not subscribed to a Mesos master yet".to_owned()),
            Standing::Waiting(why) => Some(format!("not subscribed to a Mesos master: {why}")),
            Standing::Refused(why) | Standing::Removed(why) => Some(why.clone()),
        }
    }
}

impl Standing {
    /// Returns a word for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Subscribed => "subscribed",
            Self::Waiting(_) => "waiting",
            Self::Refused(_) => "refused",
            Self::Removed(_) => "removed",
            Self::Idle => "idle",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problem() {
            Some(problem) => f.write_str(&problem),
            None => f.write_str("subscribed"),
        }
    }
}
