//! The records of a backup, and their lines.

use std::sync::Arc;

use chronos_model::{
    Calendar, FrameworkId, FrameworkIdError, JobName, JobProgress, JobSpec, Quarantined, Run, Tomb,
    Write,
};
use serde_json::{Value, json};

use crate::json;

/// One record of a backup.
#[derive(Clone, Debug, PartialEq)]
pub enum BackupRecord {
    /// The name that a Mesos master gave to the framework.
    FrameworkId(FrameworkId),
    /// A calendar.
    Calendar(Arc<Calendar>),
    /// A job.
    Job {
        /// What the user wrote.
        spec: Arc<JobSpec>,
        /// How far it has come.
        progress: Box<JobProgress>,
    },
    /// What is left of a deleted job.
    Tomb {
        /// The job.
        job: JobName,
        /// What is left.
        tomb: Tomb,
    },
    /// A run that has not ended.
    ActiveRun(Box<Run>),
    /// A run that has. Those of a job come together, newest first.
    EndedRun(Box<Run>),
    /// A record that could not be read, and is not in the backup.
    Unreadable(Quarantined),
}

impl BackupRecord {
    /// Returns its JSON.
    pub(super) fn encode(&self) -> String {
        match self {
            Self::FrameworkId(id) => line("framework", id.as_str(), &[]),
            Self::Calendar(calendar) => {
                let value = json::encode_calendar(calendar);
                line("calendar", calendar.name().as_str(), &[("calendar", value)])
            }
            Self::Job { spec, progress } => {
                let fields = [
                    ("spec", json::encode_spec(spec)),
                    ("progress", json::encode_progress(progress)),
                ];
                line("job", spec.name.as_str(), &fields)
            }
            Self::Tomb { job, tomb } => {
                line("tomb", job.as_str(), &[("tomb", json::encode_tomb(tomb))])
            }
            Self::ActiveRun(run) => line(
                "active",
                run.key.job.as_str(),
                &[("run", json::encode_run(run))],
            ),
            Self::EndedRun(run) => line(
                "ended",
                run.key.job.as_str(),
                &[("run", json::encode_run(run))],
            ),
            Self::Unreadable(Quarantined { key, problem }) => {
                let problem = json!(problem).to_string();
                line("unreadable", key, &[("problem", problem)])
            }
        }
    }

    /// Reads its JSON.
    pub(super) fn decode(line: &Value) -> Result<Self, String> {
        let text = |field: &str| {
            let text = line.get(field).and_then(Value::as_str);
            text.ok_or_else(|| format!("{field} is no text"))
        };
        let value = |field: &str| {
            let value = line.get(field).ok_or_else(|| format!("{field} is missing"));
            value.map(Value::to_string)
        };
        let name = text("name")?;
        let job = || -> Result<JobName, String> {
            let job = name.parse();
            job.map_err(|error: chronos_model::JobNameError| format!("name {error}"))
        };
        match text("kind")? {
            "framework" => {
                let id = name.parse();
                let id = id.map_err(|error: FrameworkIdError| format!("name {error}"))?;
                Ok(Self::FrameworkId(id))
            }
            "calendar" => {
                let calendar = json::decode_calendar(&value("calendar")?)?;
                Ok(Self::Calendar(Arc::new(calendar)))
            }
            "job" => Ok(Self::Job {
                spec: Arc::new(json::decode_spec(&value("spec")?)?),
                progress: Box::new(json::decode_progress(&value("progress")?)?),
            }),
            "tomb" => Ok(Self::Tomb {
                job: job()?,
                tomb: json::decode_tomb(&value("tomb")?)?,
            }),
            "active" => {
                json::decode_run(&job()?, &value("run")?).map(|run| Self::ActiveRun(Box::new(run)))
            }
            "ended" => {
                json::decode_run(&job()?, &value("run")?).map(|run| Self::EndedRun(Box::new(run)))
            }
            "unreadable" => Ok(Self::Unreadable(Quarantined {
                key: name.to_owned(),
                problem: text("problem")?.to_owned(),
            })),
            kind => Err(format!("nobody knows the kind {kind:?}")),
        }
    }

    /// Returns what makes it again in a store that does not have it, and the job that it is of.
    pub(super) fn writes(self) -> Vec<Write> {
        match self {
            Self::FrameworkId(id) => vec![Write::PutFrameworkId(Some(id))],
            Self::Calendar(calendar) => vec![Write::PutCalendar(calendar)],
            Self::Job { spec, progress } => {
                let job = spec.name.clone();
                vec![
                    Write::PutSpec { spec, expected: 0 },
                    Write::PutProgress {
                        job,
                        progress: Arc::from(progress),
                        expected: 0,
                    },
                ]
            }
            Self::Tomb { job, tomb } => vec![Write::DeleteJob {
                job,
                expected: 0,
                tomb,
            }],
            Self::ActiveRun(run) | Self::EndedRun(run) => vec![Write::PutRun(Arc::from(run))],
            Self::Unreadable(_) => Vec::new(),
        }
    }
}

// The values are JSON already.
fn line(kind: &str, name: &str, fields: &[(&str, String)]) -> String {
    let mut line = format!(r#"{{"kind":{},"name":{}"#, json!(kind), json!(name));
    for (field, value) in fields {
        for part in [",\"", field, "\":", value] {
            line.push_str(part);
        }
    }
    line.push('}');
    line
}
