//! What an update of Mesos means for its run.
//!
//! | update | meaning |
//! |---|---|
//! | `STAGING`, `STARTING` | it starts |
//! | `RUNNING`, `KILLING` | it runs |
//! | `FINISHED` | it succeeded |
//! | `FAILED` | it failed, with the exit code that the text names |
//! | `KILLED` | it was killed; after a health check that failed: it failed |
//! | `ERROR` | the master refused it: it failed, nothing ran |
//! | `DROPPED`, `LOST` for invalid offers, of a task that nobody heard of | it never started: the same run is launched again |
//! | `DROPPED` of a task that was heard of | its agent forgot it (its machine restarted): it is lost, and that is a failure |
//! | `LOST`, `GONE`, from the agent | it is lost, and that is a failure |
//! | `GONE`, from the master, of a task that was heard of | the same |
//! | `GONE`, from the master, of a task that nobody heard of | it never started: the same run is launched again |
//! | `GONE_BY_OPERATOR` | it is lost |
//! | `UNREACHABLE`, `UNKNOWN`, `LOST` from the master | its agent is out of reach; lost when it stays so for too long |
//!
//! A word of the master that a task never started, after an agent has spoken of it, is about another launch under the same
//! id and means nothing. A state that this version does not know is noted and changes nothing.

use chronos_core::TaskState;
use chronos_model::Timestamp;
use mesos_v1::{
    event::{self, wants_acknowledgement},
    proto::{
        TaskState as Mesos, TaskStatus,
        task_status::{Reason, Source},
    },
};

/// The longest text of an agent that is kept: Docker tells kilobytes of statistics.
const MESSAGE_LEN_MAX: usize = 8 * 1024;

/// What an update means.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Meaning {
    /// It is on its way, or runs.
    Lives(TaskState),
    /// It is over.
    Over {
        /// How.
        state: TaskState,
        /// The exit status of the command, if it is known.
        exit_code: Option<i32>,
        /// What is to be said of it.
        message: Option<String>,
    },
    /// Its agent is out of reach; it may come back.
    Away {
        /// Since when, if the master says so.
        since: Option<Timestamp>,
        /// What the master says.
        message: String,
    },
    /// Nothing.
    Nothing,
}

/// Reads an update. `heard` says whether any agent has spoken of the task before, `doubtful` whether the driver doubts it.
pub fn read_status(status: &TaskStatus, heard: bool, doubtful: bool) -> Meaning {
    let Ok(state) = event::task_state(status) else {
        return Meaning::Nothing;
    };
    if doubtful {
        return Meaning::Nothing;
    }
    let from_master =
        status.source == Some(Source::Master.into()) && !wants_acknowledgement(status);
    match state {
        Mesos::TaskStaging | Mesos::TaskStarting => Meaning::Lives(TaskState::Starting),
        Mesos::TaskRunning | Mesos::TaskKilling => Meaning::Lives(TaskState::Running),
        Mesos::TaskFinished => over(status, TaskState::Finished),
        Mesos::TaskFailed | Mesos::TaskError => over(status, TaskState::Failed),
        // Whom nobody asked to die.
        Mesos::TaskKilled if status.healthy == Some(false) => over(status, TaskState::Failed),
        Mesos::TaskKilled => over(status, TaskState::Killed),
        // An agent says so of all that it does not know, also of what it knew before its machine restarted.
        Mesos::TaskDropped if heard => over(status, TaskState::Lost),
        Mesos::TaskDropped => over(status, TaskState::Dropped),
        Mesos::TaskLost if is(status, Reason::InvalidOffers) => over(status, TaskState::Dropped),
        Mesos::TaskLost | Mesos::TaskUnreachable | Mesos::TaskUnknown if from_master => {
            away(status)
        }
        Mesos::TaskUnreachable | Mesos::TaskUnknown => away(status),
        Mesos::TaskGone if from_master && !heard => over(status, TaskState::Dropped),
        Mesos::TaskLost | Mesos::TaskGone | Mesos::TaskGoneByOperator => {
            over(status, TaskState::Lost)
        }
    }
}

fn is(status: &TaskStatus, reason: Reason) -> bool {
    status.reason == Some(reason.into())
}

fn away(status: &TaskStatus) -> Meaning {
    let since = status
        .unreachable_time
        .map(|time| time.nanoseconds / 1_000_000);
    Meaning::Away {
        since: since.map(Timestamp::from_millis),
        message: text(status).unwrap_or_else(|| "the master cannot reach it".to_owned()),
    }
}

fn over(status: &TaskStatus, state: TaskState) -> Meaning {
    let text = text(status);
    let exit_code = if state == TaskState::Finished {
        Some(0)
    } else {
        text.as_deref().and_then(exit_code)
    };
    let message = match (state, text, why(status)) {
        (TaskState::Finished, ..) => None,
        (_, None, why) => why,
        (TaskState::Lost, Some(text), _) => Some(format!("{text}; what became of it is not known")),
        (_, Some(text), Some(why)) => Some(format!("{text} ({why})")),
        (_, Some(text), None) => Some(text),
    };
    Meaning::Over {
        state,
        exit_code,
        message,
    }
}

fn text(status: &TaskStatus) -> Option<String> {
    let mut text = event::message(status)?;
    if text.len() > MESSAGE_LEN_MAX {
        let end = (0..=MESSAGE_LEN_MAX)
            .rev()
            .find(|&at| text.is_char_boundary(at));
        text.truncate(end.unwrap_or_default());
        text.push('…');
    }
    (!text.is_empty()).then_some(text)
}

// Whose fault it is, and Mesos' own word for it. What the command did itself needs none.
fn why(status: &TaskStatus) -> Option<String> {
    let reason = reason_name(status);
    let fault = if event::task_state(status) == Ok(Mesos::TaskError) {
        "invalid"
    } else if is_infrastructure(status) {
        "infrastructure"
    } else {
        return reason;
    };
    Some(match reason {
        Some(reason) => format!("{fault}: {reason}"),
        None => fault.to_owned(),
    })
}

// The machine, what keeps it, or what was to be there before the command. Executors speak for commands, but for what was
// done to them from outside.
fn is_infrastructure(status: &TaskStatus) -> bool {
    const OUTSIDE: [Reason; 5] = [
        Reason::AgentDraining,
        Reason::AgentRemovedByOperator,
        Reason::ContainerLaunchFailed,
        Reason::ContainerLimitationMemory,
        Reason::ContainerLimitationDisk,
    ];
    let source = status.source.and_then(|it| Source::try_from(it).ok());
    // An agent also tells of a kill on request that came before the command.
    let is_killed = event::task_state(status) == Ok(Mesos::TaskKilled);
    matches!(source, Some(Source::Agent | Source::Master)) && !is_killed
        || OUTSIDE.iter().any(|reason| is(status, *reason))
}

// An open set: what a later version says is named by its number.
fn reason_name(status: &TaskStatus) -> Option<String> {
    let number = status.reason?;
    Some(match Reason::try_from(number) {
        Ok(reason) => reason
            .as_str_name()
            .trim_start_matches("REASON_")
            .to_lowercase()
            .replace('_', " "),
        Err(_unknown) => format!("reason {number}"),
    })
}

// "Command exited with status 3", "Container exited with status 3". What fetched files or pulled an image exits too, and
// that is not the command.
fn exit_code(text: &str) -> Option<i32> {
    let (who, rest) = text.split_once(" exited with status ")?;
    if who != "Command" && who != "Container" {
        return None;
    }
    let end = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    rest[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use mesos_v1::proto::TimeInfo;

    use super::*;

    fn status(state: Mesos, source: Source, text: &str) -> TaskStatus {
        TaskStatus {
            state: state.into(),
            source: Some(source.into()),
            message: (!text.is_empty()).then(|| text.as_bytes().to_vec()),
            // Masters have no word that is to be acknowledged.
            uuid: (source != Source::Master).then(|| vec![1; 16]),
            ..TaskStatus::default()
        }
    }

    #[track_caller]
    fn check(status: &TaskStatus, heard: bool, want: &str) {
        let found = match read_status(status, heard, false) {
            Meaning::Lives(state) => format!("{state:?}"),
            Meaning::Over {
                state,
                exit_code,
                message,
            } => {
                let code = exit_code.map(|code| format!(" {code}")).unwrap_or_default();
                let message = message.map(|text| format!(": {text}")).unwrap_or_default();
                format!("{state:?}{code}{message}")
            }
            Meaning::Away { since, message } => {
                format!("away {:?}: {message}", since.map(Timestamp::millis))
            }
            Meaning::Nothing => "nothing".to_owned(),
        };
        assert_eq!(found, want, "{status:?}");
    }

    #[test]
    fn states_of_a_life() {
        use Source::{Agent, Executor, Master};
        check(&status(Mesos::TaskStaging, Master, ""), false, "Starting");
        check(
            &status(Mesos::TaskStarting, Executor, ""),
            false,
            "Starting",
        );
        check(&status(Mesos::TaskRunning, Executor, ""), false, "Running");
        check(&status(Mesos::TaskKilling, Executor, ""), true, "Running");
        let text = "Command exited with status 0";
        check(
            &status(Mesos::TaskFinished, Executor, text),
            true,
            "Finished 0",
        );
        for text in [
            "Command exited with status 3",
            "Container exited with status 3",
        ] {
            let want = format!("Failed 3: {text}");
            check(&status(Mesos::TaskFailed, Executor, text), true, &want);
        }
        let text = "Command terminated with signal Killed";
        check(
            &status(Mesos::TaskFailed, Executor, text),
            true,
            &format!("Failed: {text}"),
        );
        check(
            &status(Mesos::TaskKilled, Executor, text),
            true,
            &format!("Killed: {text}"),
        );
        let unwell = TaskStatus {
            healthy: Some(false),
            ..status(Mesos::TaskKilled, Executor, text)
        };
        check(&unwell, true, &format!("Failed: {text}"));
        let fetch = TaskStatus {
            reason: Some(Reason::ContainerLaunchFailed.into()),
            ..status(Mesos::TaskFailed, Agent, "Failed to fetch all URIs")
        };
        check(
            &fetch,
            false,
            "Failed: Failed to fetch all URIs (infrastructure: container launch failed)",
        );
        let strange = TaskStatus {
            reason: Some(99),
            ..status(Mesos::TaskFailed, Agent, "")
        };
        check(&strange, false, "Failed: infrastructure: reason 99");
        let strange = TaskStatus {
            reason: Some(99),
            ..status(Mesos::TaskFailed, Executor, "t")
        };
        check(&strange, false, "Failed: t (reason 99)");
        let drained = TaskStatus {
            reason: Some(Reason::AgentDraining.into()),
            ..status(Mesos::TaskKilled, Executor, "t")
        };
        check(&drained, true, "Killed: t (infrastructure: agent draining)");
        let mut later = status(Mesos::TaskFailed, Agent, "");
        later.state = 99;
        check(&later, true, "nothing");
    }

    #[test]
    fn losses() {
        use Source::{Agent, Master};
        let reconciled = |state| TaskStatus {
            reason: Some(Reason::Reconciliation.into()),
            ..status(state, Master, "t")
        };
        check(
            &status(Mesos::TaskError, Master, "bad"),
            false,
            "Failed: bad (invalid)",
        );
        check(
            &status(Mesos::TaskDropped, Agent, "t"),
            false,
            "Dropped: t (infrastructure)",
        );
        let forgotten = "Lost: t; what became of it is not known";
        check(&status(Mesos::TaskDropped, Agent, "t"), true, forgotten);
        let stale = TaskStatus {
            reason: Some(Reason::InvalidOffers.into()),
            ..status(Mesos::TaskLost, Master, "t")
        };
        check(&stale, false, "Dropped: t (infrastructure: invalid offers)");
        check(&status(Mesos::TaskLost, Master, "t"), true, "away None: t");
        let lost = "Lost: t; what became of it is not known";
        check(&status(Mesos::TaskLost, Agent, "t"), true, lost);
        check(
            &reconciled(Mesos::TaskGone),
            false,
            "Dropped: t (infrastructure: reconciliation)",
        );
        check(&reconciled(Mesos::TaskGone), true, lost);
        check(&status(Mesos::TaskGone, Agent, "t"), false, lost);
        check(&status(Mesos::TaskGoneByOperator, Master, "t"), false, lost);
        check(&reconciled(Mesos::TaskUnknown), false, "away None: t");
        let unreachable = TaskStatus {
            unreachable_time: Some(TimeInfo {
                nanoseconds: 7_000_000_000,
            }),
            ..status(Mesos::TaskUnreachable, Master, "")
        };
        check(
            &unreachable,
            true,
            "away Some(7000): the master cannot reach it",
        );
        let doubtful = read_status(&status(Mesos::TaskError, Master, "duplicate"), true, true);
        assert_eq!(doubtful, Meaning::Nothing);
    }

    #[test]
    fn long_texts_are_cut_where_a_character_ends() {
        let long = "ü".repeat(MESSAGE_LEN_MAX);
        let Meaning::Over { message, .. } = read_status(
            &status(Mesos::TaskKilled, Source::Executor, &long),
            true,
            false,
        ) else {
            panic!("it is over");
        };
        assert_eq!(message.unwrap().len(), MESSAGE_LEN_MAX + '…'.len_utf8());
    }
}
