//! What this daemon is doing at the moment, for whoever asks.

use chronos_model::Timestamp;

use crate::clock;

/// What it does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Duty {
    /// It runs the scheduler.
    Leading,
    /// It is about to.
    TakingOver,
    /// It starts nothing, and may go on at any moment.
    Suspended,
    /// It answers what it knows, and another one leads.
    Following,
}

impl Duty {
    /// Returns the word for it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Leading => "leader",
            Self::TakingOver => "taking over",
            Self::Suspended => "suspended",
            Self::Following => "follower",
        }
    }
}

/// What it does, since when, and what is in the way.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Standing {
    pub(crate) duty: Duty,
    pub(crate) since: Timestamp,
    pub(crate) problem: Option<String>,
}

impl Standing {
    pub(crate) fn starting() -> Self {
        Self {
            duty: Duty::TakingOver,
            since: clock::wall(),
            problem: Some("reading the store".to_owned()),
        }
    }

    /// Takes news; returns whether it is any.
    pub(crate) fn change(&mut self, duty: Duty, problem: Option<String>) -> bool {
        let is_news = self.duty != duty || self.problem != problem;
        if self.duty != duty {
            self.since = clock::wall();
        }
        self.duty = duty;
        self.problem = problem;
        is_news
    }
}
