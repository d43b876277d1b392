//! Jobs made by hand, for the suite and for the stand-in of the daemon.

use std::{collections::BTreeSet, sync::Arc};

use chronos_core::{Launch, Task};
use chronos_model::{
    JobDetails, JobSpec, Overlap, ParentRule, Policies, RunKey, Timestamp, Trigger,
};
use resources::{Resources, Scalar};

/// The due time of all runs.
pub(crate) const DUE: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// A job that runs a command by the shell.
pub(crate) fn job(name: &str, command: &str) -> JobSpec {
    JobSpec {
        name: name.parse().expect("a good name"),
        command: command.into(),
        shell: true,
        retries: 0,
        policies: Policies::default(),
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
        run_as_user: Box::default(),
        overlap: Overlap::QueueOne,
        parent_rule: ParentRule::AllSuccess,
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
