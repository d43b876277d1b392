//! Reading a job from the JSON that Chronos speaks: leniently in form, strictly in meaning.
//!
//! Form: numbers and booleans may be texts and the other way round, unknown fields are ignored, and
//! null is the same as absent. Meaning: whatever could not be carried out is a [`FieldProblem`], and
//! all of them are found at once. Counters (`successCount`, `lastError`, …) are never taken from a
//! document. Whether parents exist, or close a cycle, is for the scheduler to say.

mod container;
pub(crate) mod field;
mod list;
mod policy;
mod schedule;
mod trigger;

use resources::Resources;
use serde_json::Value;

use self::field::{Object, Path};
use crate::{
    Container, ContainerKind, Epsilon, FieldProblem, JobDefaults, JobDetails, JobName,
    JobNameError, JobPolicies, JobSpec, Timestamp,
    limits::{
        COMPLETION_TIME_SECS_MAX, GPUS_MAX, JITTER_SECS_MAX, JOB_JSON_LEN_MAX, RETRIES_MAX,
        RETRY_DELAY_SECS_MAX,
    },
    problem::Problems,
};

/// What Chronos takes when `retries` is absent.
const RETRIES_DEFAULT: u32 = 2;

/// The earliest start of a new schedule, as in Chronos: 1970-01-01T00:00:01Z.
const START_MIN: Timestamp = Timestamp::from_millis(1000);

/// By which way a document came, which says what kind of job it may be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum JobKind {
    /// Only a scheduled one: `POST /v1/scheduler/iso8601`. Without a `schedule` it runs once, now.
    Scheduled,
    /// Only a dependent one: `POST /v1/scheduler/dependency`.
    Dependent,
    /// Either, as in files: dependent when it has `parents`, else a scheduled one.
    Any,
}

/// Where a document comes from, and what follows from it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin<'a> {
    pub(crate) kind: JobKind,
    pub(crate) defaults: &'a JobDefaults,
    pub(crate) now: Timestamp,
    /// A schedule may not start before; `None` where it was accepted once already.
    pub(crate) start_min: Option<Timestamp>,
}

impl JobSpec {
    /// Reads and checks a job.
    ///
    /// Absent fields take their defaults, those of the daemon's flags from `defaults`; `now` is the
    /// start of a job with neither schedule nor parents.
    ///
    /// # Errors
    ///
    /// All problems at once, in the order in which they were found; at most
    /// [`PROBLEMS_MAX`](crate::PROBLEMS_MAX) and one that counts the rest.
    ///
    /// # Examples
    ///
    /// ```
    /// use chronos_model::{JobDefaults, JobKind, JobSpec, Timestamp};
    /// use serde_json::json;
    ///
    /// let spec = JobSpec::from_json(
    ///     &json!({
    ///         "schedule": "R/2017-05-04T02:58:00Z/PT24H",
    ///         "name": "Test-Chronos-API",
    ///         "cpus": "0.5",
    ///         "retries": "3",
    ///         "command": "sleep 60",
    ///     }),
    ///     JobKind::Scheduled,
    ///     &JobDefaults::default(),
    ///     Timestamp::from_millis(1_700_000_000_000),
    /// )
    /// .unwrap();
    /// assert_eq!(spec.resources.cpus, "0.5".parse().unwrap());
    /// assert_eq!(spec.retries, 3);
    /// assert!(spec.shell);
    /// ```
    pub fn from_json(
        value: &Value,
        kind: JobKind,
        defaults: &JobDefaults,
        now: Timestamp,
    ) -> Result<Self, Vec<FieldProblem>> {
        let origin = Origin {
            kind,
            defaults,
            now,
            start_min: Some(START_MIN),
        };
        let mut problems = Problems::default();
        let spec = read(value, &origin, &mut problems);
        if let Some(spec) = &spec {
            check_len(spec, &mut problems);
        }
        problems.finish(spec)
    }
}

/// Reads a job; what is returned counts only when no problem was found.
pub(crate) fn read(value: &Value, origin: &Origin<'_>, problems: &mut Problems) -> Option<JobSpec> {
    let example = r#"{"name": "hello", "command": "echo hello", "schedule": "R//PT1H"}"#;
    let job = Object::new(value, Path::Root, example, problems)?;
    let name = name(&job, problems);
    let trigger = trigger::read(&job, origin, name.as_ref(), problems);
    let container = container::read(&job, problems);
    let executor = job.text("executor", problems);
    let may_be_empty = !executor.is_empty() || job.has_container();
    let command = command(&job, may_be_empty, problems);
    let (fetch, uris) = list::fetches(&job, problems);
    let defaults = &origin.defaults.resources;
    let details = JobDetails {
        executor,
        fetch,
        uris,
        container,
        ..JobDetails::default()
    };
    Some(JobSpec {
        shell: job.flag("shell", true, problems),
        retries: retries(&job, problems),
        resources: Resources {
            cpus: job.amount("cpus", defaults.cpus, problems),
            mem: job.amount("mem", defaults.mem, problems),
            disk: job.amount("disk", defaults.disk, problems),
        },
        disabled: job.flag("disabled", false, problems),
        soft_error: job.flag("softError", false, problems),
        high_priority: job.flag("highPriority", false, problems),
        run_as_user: job
            .read("runAsUser", problems, field::text)
            .map_or_else(|| origin.defaults.user.as_str().into(), String::into),
        policies: read_policies(&job, problems).into(),
        overlap: policy::overlap(&job, problems),
        parent_rule: trigger::parent_rule(&job, trigger.as_ref(), problems),
        details: read_details(&job, details, &command, problems).into(),
        command: command.into(),
        // Last, because they may leave: by now every other field has been looked at.
        trigger: trigger?,
        name: name?,
    })
}

fn read_policies(job: &Object<'_>, problems: &mut Problems) -> JobPolicies {
    JobPolicies {
        retry_delay_secs: job.integer("retryDelay", 0..=RETRY_DELAY_SECS_MAX, problems),
        retry_backoff: policy::retry_backoff(job, problems),
        max_completion_time_secs: job
            .integer("maxCompletionTime", 0..=COMPLETION_TIME_SECS_MAX, problems)
            .unwrap_or_default(),
        start_timeout_secs: job
            .integer("startTimeout", 0..=COMPLETION_TIME_SECS_MAX, problems)
            .unwrap_or_default(),
        jitter_secs: job
            .integer("jitter", 0..=JITTER_SECS_MAX, problems)
            .unwrap_or_default(),
        catch_up: policy::catch_up(job, problems),
    }
}

// Some of them were read already, because others depend on them.
fn read_details(
    job: &Object<'_>,
    known: JobDetails,
    command: &str,
    problems: &mut Problems,
) -> JobDetails {
    JobDetails {
        executor_flags: job.text("executorFlags", problems),
        task_info_data: job.text("taskInfoData", problems),
        owner: job.text("owner", problems),
        owner_name: job.text("ownerName", problems),
        description: job.text("description", problems),
        data_processing_job_type: job.flag("dataProcessingJobType", false, problems),
        epsilon: epsilon(job, problems),
        environment: list::environment(job, problems),
        arguments: list::arguments(job, command, problems),
        constraints: list::constraints(job, problems),
        gpus: gpus(job, &known, problems),
        calendars: policy::calendars(job, problems),
        ..known
    }
}

fn name(job: &Object<'_>, problems: &mut Problems) -> Option<JobName> {
    job.require("name", problems);
    job.read("name", problems, |value| {
        let text = field::text(value)?;
        text.parse()
            .map_err(|error: JobNameError| error.to_string())
    })
}

// Chronos takes an empty command for whoever brings one of its own: an executor or an image.
fn command(job: &Object<'_>, may_be_empty: bool, problems: &mut Problems) -> String {
    let Some(value) = job.get("command") else {
        if !may_be_empty {
            problems.add(
                job.at("command"),
                "is missing; only a job with an executor or a container image goes without",
            );
        }
        return String::new();
    };
    let command = field::text(value).and_then(|text| {
        if may_be_empty || !text.trim().is_empty() {
            return Ok(text);
        }
        Err("is empty; only a job with an executor or a container image goes without".to_owned())
    });
    command
        .map_err(|problem| problems.add(job.at("command"), problem))
        .unwrap_or_default()
}

fn retries(job: &Object<'_>, problems: &mut Problems) -> u32 {
    job.integer("retries", 0..=u64::from(RETRIES_MAX), problems)
        .and_then(|retries| u32::try_from(retries).ok())
        .unwrap_or(RETRIES_DEFAULT)
}

// Mesos gives out whole ones, and only its own containerizer knows how.
fn gpus(job: &Object<'_>, known: &JobDetails, problems: &mut Problems) -> u32 {
    let gpus = job.integer("gpus", 0..=u64::from(GPUS_MAX), problems);
    let gpus = gpus
        .and_then(|gpus| u32::try_from(gpus).ok())
        .unwrap_or_default();
    let docker = |container: &Container| container.kind == ContainerKind::Docker;
    if gpus > 0 && known.container.as_ref().is_some_and(docker) {
        problems.add(
            job.at("gpus"),
            "a container of type DOCKER gets none from Mesos; use type MESOS, which runs the same images",
        );
    }
    gpus
}

fn epsilon(job: &Object<'_>, problems: &mut Problems) -> Option<Epsilon> {
    job.read("epsilon", problems, |value| {
        let text = field::text(value)?;
        if text.is_empty() {
            return Ok(None);
        }
        let epsilon = text.parse::<Epsilon>();
        epsilon.map(Some).map_err(|error| error.to_string())
    })
    .flatten()
}

fn check_len(spec: &JobSpec, problems: &mut Problems) {
    let len = Value::from(spec.to_stored_json()).to_string().len();
    if len > JOB_JSON_LEN_MAX {
        problems.add(
            Path::Root,
            format_args!("takes {len} bytes as JSON, more than {JOB_JSON_LEN_MAX}"),
        );
    }
}
