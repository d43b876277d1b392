//! The part of a definition that most jobs leave at its default.

use std::ops::{Deref, DerefMut};

use resources::Constraint;

use crate::{CalendarName, Container, EnvironmentVariable, Epsilon, Fetch};

/// What most jobs leave at its default: all of it together is in [`Details`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JobDetails {
    /// Path of a custom executor, empty for none.
    pub executor: String,
    /// Flags of the custom executor.
    pub executor_flags: String,
    /// Data given to the custom executor instead of its flags and the command.
    pub task_info_data: String,
    /// Mail addresses, separated by commas.
    pub owner: String,
    /// The owner's name, for people.
    pub owner_name: String,
    /// What the job is for.
    pub description: String,
    /// Chronos' switch for element counters; kept for its clients.
    pub data_processing_job_type: bool,
    /// From Chronos 2: a target that is this many milliseconds late is skipped; `None` for never.
    pub epsilon: Option<Epsilon>,
    /// Files brought into the sandbox before the command starts.
    pub fetch: Vec<Fetch>,
    /// The older spelling of `fetch`.
    pub uris: Vec<String>,
    /// Variables added to the command's environment.
    pub environment: Vec<EnvironmentVariable>,
    /// Arguments added to the command.
    pub arguments: Vec<String>,
    /// The container it runs in.
    pub container: Option<Container>,
    /// Conditions on the agent, all of which must hold.
    pub constraints: Vec<Constraint>,
    /// Calendars whose dates, weekdays and windows its schedule leaves out.
    pub calendars: Vec<CalendarName>,
}

/// The details of a job; without any it takes no more room than a pointer.
///
/// A million plain jobs would else hold a third of a gigabyte of empty lists.
///
/// # Examples
///
/// ```
/// use chronos_model::{Details, JobDetails};
///
/// let mut details = Details::default();
/// assert_eq!(details.owner, "");
/// details.owner = "ops@example.com".to_owned();
/// assert_eq!(details, JobDetails { owner: "ops@example.com".to_owned(), ..JobDetails::default() }.into());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Details(Option<Box<JobDetails>>);

static NONE: JobDetails = JobDetails {
    executor: String::new(),
    executor_flags: String::new(),
    task_info_data: String::new(),
    owner: String::new(),
    owner_name: String::new(),
    description: String::new(),
    data_processing_job_type: false,
    epsilon: None,
    fetch: Vec::new(),
    uris: Vec::new(),
    environment: Vec::new(),
    arguments: Vec::new(),
    container: None,
    constraints: Vec::new(),
    calendars: Vec::new(),
};

impl Deref for Details {
    type Target = JobDetails;

    fn deref(&self) -> &JobDetails {
        self.0.as_deref().unwrap_or(&NONE)
    }
}

impl DerefMut for Details {
    fn deref_mut(&mut self) -> &mut JobDetails {
        self.0.get_or_insert_default()
    }
}

impl PartialEq for Details {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl From<JobDetails> for Details {
    fn from(details: JobDetails) -> Self {
        Self((details != NONE).then(|| Box::new(details)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_defaults_takes_no_room() {
        assert_eq!(NONE, JobDetails::default());
        assert!(Details::from(JobDetails::default()).0.is_none());
        assert_eq!(size_of::<Details>(), size_of::<usize>());
        // Written to and emptied again is the same as never written to.
        let mut details = Details::default();
        details.owner.push('a');
        details.owner.clear();
        assert_eq!(details, Details::default());
    }
}
