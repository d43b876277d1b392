//! The form in which stores keep a definition.
//!
//! The keys are those of the API, so that whoever looks into a store understands it; a version tells
//! an older program that it must not touch what a newer one wrote. Every version written since the
//! first stays readable; a change to what is read here starts with a document of the old form in the
//! tests.

use serde_json::{Map, Value};

use crate::{
    FetchOutput, FieldProblem, JobDefaults, JobKind, JobSpec, Timestamp,
    problem::Problems,
    read::{self, Origin},
};

/// The version of the form that is written.
pub const STORED_SPEC_VERSION: u64 = 1;

/// The key that holds it.
const VERSION_KEY: &str = "version";

impl JobSpec {
    /// Writes the definition, and nothing but it, for a store.
    ///
    /// # Examples
    ///
    /// ```
    /// use chronos_model::{JobDefaults, JobKind, JobSpec, Timestamp};
    /// use serde_json::{Value, json};
    ///
    /// let spec = JobSpec::from_json(
    ///     &json!({"name": "hello", "command": "echo hello", "parents": ["wake-up"], "cpus": 0.25}),
    ///     JobKind::Any,
    ///     &JobDefaults::default(),
    ///     Timestamp::default(),
    /// )
    /// .unwrap();
    /// let stored = Value::from(spec.to_stored_json());
    /// assert_eq!(stored["version"], 1);
    /// assert_eq!(JobSpec::from_stored_json(&stored), Ok(spec));
    /// ```
    pub fn to_stored_json(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        fields.insert(VERSION_KEY.to_owned(), STORED_SPEC_VERSION.into());
        self.put_definition(&mut fields, None, FetchOutput::AsGiven);
        fields
    }

    /// Reads what [`to_stored_json`](Self::to_stored_json) of this or an earlier version wrote.
    ///
    /// What depends on the day it was accepted (the daemon's defaults, the earliest start) is not
    /// asked again.
    ///
    /// # Errors
    ///
    /// All problems; one with the field `version` when a newer version wrote it.
    pub fn from_stored_json(value: &Value) -> Result<Self, Vec<FieldProblem>> {
        let mut problems = Problems::default();
        match value.get(VERSION_KEY) {
            Some(version) if version.as_u64().is_some_and(|v| v <= STORED_SPEC_VERSION) => {}
            Some(version) => problems.add(
                VERSION_KEY,
                format_args!("is {version}; this program reads up to {STORED_SPEC_VERSION}"),
            ),
            None => problems.add(VERSION_KEY, "is missing"),
        }
        let is_given = |key: &str| value.get(key).is_some_and(|value| !value.is_null());
        let dependent = is_given("parents");
        // What a user leaves out means "once, now"; a record that lost its schedule must not.
        if !dependent && !["schedule", "cron", "schedules"].into_iter().any(is_given) {
            problems.add("schedule", "is missing");
        }
        let origin = Origin {
            kind: if dependent {
                JobKind::Dependent
            } else {
                JobKind::Scheduled
            },
            // The defaults were filled in when it was created; a zero means zero.
            defaults: &JobDefaults {
                resources: resources::Resources::default(),
                user: String::new(),
            },
            now: Timestamp::default(),
            start_min: None,
        };
        let spec = read::read(value, &origin, &mut problems);
        problems.finish(spec)
    }
}
