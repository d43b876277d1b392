//! Writing a job as the JSON that Chronos 3 wrote, field by field in its order.

mod container;
mod policy;
mod schedule;

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::{Fetch, JobName, JobProgress, JobSpec, Trigger};

/// What `fetch` and `uris` of a written job say.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FetchOutput {
    /// What was written, as `GET job/{name}` shows it.
    AsGiven,
    /// The same in both spellings, as `GET jobs` shows it.
    Mirrored,
}

impl JobSpec {
    /// Writes the job as Chronos 3 does, with what its progress adds.
    ///
    /// All of Chronos' fields are there, in its order and its formats; after them come our own, where
    /// they say something (`retryDelay`, `epsilon`, `catchUp`, …).
    ///
    /// # Examples
    ///
    /// ```
    /// use chronos_model::{FetchOutput, JobDefaults, JobKind, JobProgress, JobSpec, Timestamp};
    /// use serde_json::json;
    ///
    /// let spec = JobSpec::from_json(
    ///     &json!({"name": "report", "command": "true", "parents": ["extract"], "uris": ["http://a/b"]}),
    ///     JobKind::Dependent,
    ///     &JobDefaults::default(),
    ///     Timestamp::default(),
    /// )
    /// .unwrap();
    /// let written = spec.to_json(&JobProgress::default(), FetchOutput::Mirrored);
    /// assert_eq!(written["mem"].to_string(), "128.0");
    /// assert_eq!(written["lastSuccess"], "");
    /// assert_eq!(written["fetch"][0]["uri"], "http://a/b");
    /// assert_eq!(written.keys().last().unwrap(), "parents");
    /// ```
    pub fn to_json(&self, progress: &JobProgress, fetches: FetchOutput) -> Map<String, Value> {
        let mut fields = Map::new();
        self.put_definition(&mut fields, Some(progress), fetches);
        fields
    }

    /// Appends the fields of the definition, with the counters among them where they are wanted.
    pub(crate) fn put_definition(
        &self,
        fields: &mut Map<String, Value>,
        progress: Option<&JobProgress>,
        fetches: FetchOutput,
    ) {
        let mut put = |key: &str, value: Value| {
            fields.insert(key.to_owned(), value);
        };
        put("name", self.name.as_str().into());
        put("command", (*self.command).into());
        put("shell", self.shell.into());
        put("executor", self.details.executor.as_str().into());
        put("executorFlags", self.details.executor_flags.as_str().into());
        put("taskInfoData", self.details.task_info_data.as_str().into());
        put("retries", self.retries.into());
        put("owner", self.details.owner.as_str().into());
        put("ownerName", self.details.owner_name.as_str().into());
        put("description", self.details.description.as_str().into());
        if let Some(progress) = progress {
            put("successCount", progress.success_count.into());
            put("errorCount", progress.error_count.into());
            put("lastSuccess", stamp(progress.last_success));
            put("lastError", stamp(progress.last_error));
        }
        put("cpus", self.resources.cpus.as_f64().into());
        put("disk", self.resources.disk.as_f64().into());
        put("mem", self.resources.mem.as_f64().into());
        put("disabled", self.disabled.into());
        put("softError", self.soft_error.into());
        put(
            "dataProcessingJobType",
            self.details.data_processing_job_type.into(),
        );
        if let Some(progress) = progress {
            put(
                "errorsSinceLastSuccess",
                progress.errors_since_last_success.into(),
            );
        }
        let (fetch, uris) = self.written_fetches(fetches);
        put("fetch", fetch);
        put("uris", uris);
        put("environmentVariables", self.written_environment());
        put("arguments", self.details.arguments.as_slice().into());
        put("highPriority", self.high_priority.into());
        put("runAsUser", (*self.run_as_user).into());
        put("concurrent", self.concurrent().into());
        put(
            "maxCompletionTime",
            self.policies.max_completion_time_secs.into(),
        );
        if let Some(container) = &self.details.container {
            put("container", container::write(container));
        }
        put("constraints", self.written_constraints());
        self.put_trigger(&mut put);
        self.put_additions(&mut put);
    }

    fn put_trigger(&self, put: &mut impl FnMut(&str, Value)) {
        match &self.trigger {
            Trigger::Parents(parents) => put("parents", written_parents(parents)),
            Trigger::Schedule(schedule) => schedule::put(schedule, put),
            Trigger::Both { schedule, parents } => {
                put("parents", written_parents(parents));
                schedule::put(schedule, put);
                put("scheduleAndParents", true.into());
            }
        }
    }

    // Only where they say something: Chronos' clients compare documents key by key.
    fn put_additions(&self, put: &mut impl FnMut(&str, Value)) {
        if let Some(schedule) = self.schedule() {
            schedule::put_additions(schedule, put);
        }
        if let Some(secs) = self.policies.retry_delay_secs {
            put("retryDelay", secs.into());
        }
        if let Some(epsilon) = &self.details.epsilon {
            put("epsilon", epsilon.text.as_str().into());
        }
        if self.details.gpus > 0 {
            put("gpus", self.details.gpus.into());
        }
        policy::put(self, put);
    }

    fn written_fetches(&self, fetches: FetchOutput) -> (Value, Value) {
        let mirror = fetches == FetchOutput::Mirrored;
        let fetch = if mirror && self.details.fetch.is_empty() {
            self.files().map(|file| fetch(&file)).collect()
        } else {
            self.details.fetch.iter().map(fetch).collect()
        };
        let uris = if mirror && self.details.uris.is_empty() {
            self.files().map(|file| file.uri).collect()
        } else {
            self.details.uris.as_slice().into()
        };
        (fetch, uris)
    }

    fn written_environment(&self) -> Value {
        self.details
            .environment
            .iter()
            .map(|variable| json!({"name": variable.name, "value": variable.value}))
            .collect()
    }

    fn written_constraints(&self) -> Value {
        self.details
            .constraints
            .iter()
            .map(|constraint| {
                json!([
                    constraint.attribute(),
                    constraint.operator().name(),
                    constraint.value()
                ])
            })
            .collect()
    }
}

fn written_parents(parents: &BTreeSet<JobName>) -> Value {
    parents.iter().map(JobName::as_str).collect()
}

// Empty for never, which sorts before every stamp.
fn stamp(at: Option<crate::Timestamp>) -> Value {
    at.map(|at| at.to_string()).unwrap_or_default().into()
}

fn fetch(fetch: &Fetch) -> Value {
    let mut value = json!({
        "uri": fetch.uri,
        "executable": fetch.executable,
        "cache": fetch.cache,
        "extract": fetch.extract,
    });
    if !fetch.output_file.is_empty()
        && let Some(fields) = value.as_object_mut()
    {
        fields.insert("output_file".to_owned(), fetch.output_file.as_str().into());
    }
    value
}
