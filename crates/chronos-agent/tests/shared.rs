//! Jobs made by hand, for the suite and for the stand-in of the daemon.

use std::{collections::BTreeSet, sync::Arc};

use chronos_core::{Launch, Task};
use chronos_model::{
    CatchUp, JobDetails, JobSpec, Overlap, ParentRule, RetryBackoff, RunKey, Timestamp, Trigger,
};
use resources::{Resources, Scalar};

/// The due time of all runs.
pub(crate) const DUE: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// A job that runs a command by the shell.
pub(crate) fn job(name: &str, command: &str) -> JobSpec {
    JobSpec {
        name: name.parse().expect("a good name"),
        command: command.to_owned(),
        shell: true,
        retries: 0,
        retry_delay_secs: None,
        details: JobDetails {
            owner: "ops@example.com".to_owned(),
            ..JobDetails::default()
        }
        .into(),
        resources: Resources::new(
            Scalar::from_thousandths(100),
            Scalar::from_units(16),
            Scalar::from_units(1),
        ),
        disabled: false,
        soft_error: false,
        high_priority: false,
        run_as_user: String::new(),
        retry_backoff: RetryBackoff::Fixed,
        overlap: Overlap::QueueOne,
        start_timeout_secs: 0,
        jitter_secs: 0,
        parent_rule: ParentRule::AllSuccess,
        max_completion_time_secs: 0,
        catch_up: CatchUp::Latest,
        trigger: Trigger::Parents(BTreeSet::new()),
    }
}

/// The task of a job's one run.
pub(crate) fn task(job: JobSpec) -> Task {
    let key = RunKey {
        job: job.name.clone(),
        due: DUE,
        attempt: 0,
    };
    Task {
        key,
        launch: Launch::default(),
        target: DUE,
        spec: Arc::new(job),
        arguments: None,
        parent_runs: Vec::new(),
    }
}
