//! The part of a definition that most jobs leave at its default.

use resources::Constraint;

use crate::{CalendarName, Container, Defaults, EnvironmentVariable, Epsilon, Fetch, Rare};

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
    /// How many GPUs it needs; only an agent of Mesos has some.
    pub gpus: u32,
    /// Calendars whose dates, weekdays and windows its schedule leaves out.
    pub calendars: Vec<CalendarName>,
}

/// The details of a job.
pub type Details = Rare<JobDetails>;

impl Defaults for JobDetails {
    const DEFAULTS: &'static Self = &Self {
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
        gpus: 0,
        calendars: Vec::new(),
    };
}
