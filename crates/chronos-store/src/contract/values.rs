//! Rules on values: what is read is what was written.

use std::sync::Arc;

use chronos_model::{
    Calendar, Completion, CompletionKind, Covered, Generation, JobDetails, JobLinks, JobPolicies,
    JobProgress, JobSource, JobSpec, Lineage, NextTarget, Outcome, Run, RunCause, RunState,
    Timestamp, Write,
};
use serde_json::json;

use super::{
    StoreFactory,
    fixture::{
        Bench, calendar, delete, delete_calendar, job, key, put_calendar, put_progress, put_run,
        put_spec, run, spec,
    },
};

macro_rules! assert_all_differ {
    ($kind:ident: $one:expr, $other:expr; $($field:ident),+) => {
        // Names all fields, so that a new one cannot be forgotten here.
        let $kind { $($field: _),+ } = $one;
        $(assert_ne!($one.$field, $other.$field, "{}", stringify!($field));)+
    };
}

/// What is read of a definition is what was written, whether a field has its default or not.
pub async fn keeps_every_field_of_a_definition(factory: &mut impl StoreFactory) {
    let mut bench = Bench::open(factory).await;
    let full = full_spec();
    let mut small = JobSpec::clone(&spec("small", "true"));
    // A job has files in one spelling only.
    small.details.uris = vec!["http://u".to_owned()];
    // Only a job without a Docker container has some.
    small.details.gpus = 2;
    assert_all_differ!(
        JobSpec: &full, &small; name, command, shell, retries, resources, disabled,
        soft_error, high_priority, run_as_user, overlap, parent_rule, trigger, policies, details
    );
    assert_all_differ!(
        JobPolicies: &*full.policies, &*small.policies; retry_delay_secs, retry_backoff,
        max_completion_time_secs, start_timeout_secs, jitter_secs, catch_up
    );
    assert_all_differ!(
        JobDetails: &*full.details, &*small.details; executor, executor_flags, task_info_data,
        owner, owner_name, description, data_processing_job_type, epsilon, fetch, uris,
        environment, arguments, container, constraints, calendars, gpus
    );
    // As they sort.
    let specs = [full, small];
    let mut found = specs.to_vec();
    for expected in 0..2 {
        let put = |spec: JobSpec| Write::PutSpec {
            spec: spec.into(),
            expected,
        };
        bench.must_commit(found.drain(..).map(put).collect()).await;
        bench = bench.reopen(factory).await;
        let jobs = bench.load().await.jobs;
        found.extend(jobs.iter().map(|job| JobSpec::clone(&job.spec)));
        assert_eq!(found, specs);
    }
}

// In the form that every version from the first on reads.
const FULL_SPEC: &str = r#"{
    "version": 1,
    "name": "full",
    "command": "run \"ü\"\n",
    "shell": false,
    "executor": "/bin/executor",
    "executorFlags": "-e",
    "taskInfoData": "data",
    "retries": 5,
    "retryDelay": 6,
    "retryBackoff": "exponential",
    "retryDelayMax": 7,
    "owner": "a@b.c",
    "ownerName": "A",
    "description": "what for",
    "cpus": 0.5,
    "mem": 1.5,
    "disk": 2.5,
    "disabled": true,
    "softError": true,
    "dataProcessingJobType": true,
    "epsilon": "PT5M",
    "fetch": [{"uri": "http://x/y", "executable": true, "cache": true, "extract": false, "output_file": "z"}],
    "environmentVariables": [{"name": "N", "value": "V"}],
    "arguments": ["-a", "b c"],
    "highPriority": true,
    "runAsUser": "nobody",
    "overlap": "queueAll",
    "overlapLimit": 3,
    "maxCompletionTime": 8,
    "startTimeout": 9,
    "jitter": 10,
    "container": {
        "type": "DOCKER", "image": "i", "network": "BRIDGE", "forcePullImage": true,
        "parameters": [{"key": "k", "value": "v"}],
        "volumes": [{"hostPath": "/h", "containerPath": "/c", "mode": "RO"}]
    },
    "constraints": [["rack", "EQUALS", "r1"]],
    "catchUp": "all",
    "catchUpLimit": 11,
    "calendar": ["closed"],
    "dependencyRule": "anyFailure",
    "parents": ["p q"],
    "schedules": [
        {"schedule": "R5/2030-01-01T00:00:00Z/PT1H", "scheduleTimeZone": "Europe/Paris"},
        {"cron": "0 5 * * 1", "scheduleTimeZone": "Europe/Paris"}
    ],
    "endTime": "2031-01-01T00:00:00Z",
    "dst": {"gap": "skip", "overlap": "both"}
}"#;

fn full_spec() -> JobSpec {
    let stored = serde_json::from_str(FULL_SPEC).expect("the text is JSON");
    JobSpec::from_stored_json(&stored).expect("the definition is valid")
}

/// What is read of a calendar is what was written.
pub async fn keeps_every_field_of_a_calendar(factory: &mut impl StoreFactory) {
    let mut bench = Bench::open(factory).await;
    let full = Calendar::from_json(&json!({
        "name": "full",
        "zone": "Europe/Paris",
        "description": "when \"ü\" is closed",
        "dates": ["--12-25", "2030-12-28/2031-01-03"],
        "weekdays": ["SAT", "SUN"],
        "windows": [{"from": "22:00", "to": "06:00", "weekdays": ["MON"]}],
    }));
    let full = full.expect("the calendar is valid");
    let calendars = [full, calendar("small", 1)];
    let mut found = calendars.to_vec();
    for _ in 0..2 {
        let put = |calendar: Calendar| Write::PutCalendar(calendar.into());
        bench.must_commit(found.drain(..).map(put).collect()).await;
        bench = bench.reopen(factory).await;
        let read = bench.load().await.calendars;
        found.extend(read.iter().map(|calendar| Calendar::clone(calendar)));
        assert_eq!(found, calendars);
    }
}

/// What is read of a run is what was written.
pub async fn keeps_every_field_of_a_run(factory: &mut impl StoreFactory) {
    let mut bench = Bench::open(factory).await;
    let mut runs = Vec::new();
    for (at, state) in (0_i64..).zip(RunState::ALL) {
        runs.push(run("a", at, 0, state));
    }
    for (at, outcome) in (10_i64..).zip(Outcome::ALL) {
        let mut run = run("a", at, u32::MAX, RunState::Ended);
        run.outcome = Some(outcome);
        run.exit_code = Some(i32::MIN);
        runs.push(run);
    }
    for (at, cause) in (20_i64..).zip(RunCause::ALL) {
        let mut run = run("a", at, 0, RunState::Queued);
        run.cause = cause;
        runs.push(run);
    }
    runs.push(full_run());
    let mut run = run("a", 41, 0, RunState::Queued);
    run.parents = Some(Box::default());
    runs.push(run);
    let mut found = runs.clone();
    for _ in 0..2 {
        let writes = found.drain(..).map(Arc::new).map(Write::PutRun);
        bench.must_commit(writes.collect()).await;
        bench = bench.reopen(factory).await;
        for run in &runs {
            let read = bench.store.run(&run.key).await;
            assert_eq!(read.as_ref(), Ok(&Some(run.clone())));
            found.extend(read.ok().flatten());
        }
    }
    runs.retain(|run| run.state != RunState::Ended);
    assert_eq!(bench.load().await.active_runs, runs);
    assert_eq!(bench.store.run(&key("a", 999, 0)).await, Ok(None));
    assert_eq!(bench.store.run(&key("b", 0, 0)).await, Ok(None));
}

fn full_run() -> Run {
    let at = |millis| Some(Timestamp::from_millis(millis));
    Run {
        target: Timestamp::from_millis(-3),
        arguments: Some("-a 'b' \"ü\"\n\t\u{1}".to_owned()),
        not_before: at(i64::MAX),
        outcome: Some(Outcome::Skipped),
        reason: Some(String::new()),
        exit_code: None,
        agent: None,
        created_at: Timestamp::from_millis(i64::MIN),
        started_at: at(2),
        ended_at: at(3),
        kill_requested: true,
        parents: Some(Box::new(Generation {
            runs: vec![key("b c", -1, 2), key("#", 3, u32::MAX)],
            lineage: [(job("root"), u64::MAX), (job("b c"), 0)].into(),
        })),
        covers: Some(Covered {
            first: Timestamp::from_millis(-9),
            count: u64::MAX,
        }),
        ..run("a", 40, 1, RunState::Ended)
    }
}

/// What is read of progress is what was written.
pub async fn keeps_every_field_of_progress(factory: &mut impl StoreFactory) {
    let mut bench = Bench::open(factory).await;
    let at = |millis| Some(Timestamp::from_millis(millis));
    let progress = JobProgress {
        created_at: Timestamp::from_millis(1),
        anchor: Timestamp::from_millis(i64::MIN),
        next: Some(NextTarget {
            index: u64::MAX,
            at: Timestamp::from_millis(i64::MAX),
        }),
        due_max: at(3),
        completed: u64::MAX,
        success_count: 6,
        error_count: 7,
        errors_since_last_success: 8,
        last_success: at(9),
        last_error: at(-10),
        links: JobLinks {
            due_floor: at(13),
            due_birth: at(14),
            completions: CompletionKind::ALL.map(completion).into(),
            consumed: [(job("b c"), 4), (job("#"), 5)].into(),
            generation: Some(Box::new(Generation {
                runs: vec![key("b c", i64::MIN, 0), key("#", i64::MAX, u32::MAX)],
                lineage: [(job("root"), u64::MAX)].into(),
            })),
            source: Some(JobSource {
                file: "a/ü.yaml".to_owned(),
                digest: u64::MAX,
            }),
        }
        .into(),
    };
    bench.must_commit(vec![put_spec("a", "one", 0)]).await;
    let mut found = progress.clone();
    for revision in 0..2 {
        let put = Write::PutProgress {
            job: job("a"),
            progress: Arc::new(found),
            expected: revision,
        };
        bench.must_commit(vec![put]).await;
        bench = bench.reopen(factory).await;
        found = bench.load().await.jobs.remove(0).progress;
        assert_eq!(found, progress);
    }
}

fn completion(kind: CompletionKind) -> Completion {
    let number = u64::MAX - 1;
    match kind {
        CompletionKind::Success => Completion {
            number,
            kind,
            run: Some(key("a", -7, 1)),
            lineage: [(job("a"), number), (job("root"), 0)].into(),
        },
        CompletionKind::Failure | CompletionKind::Killed => Completion {
            number: 0,
            kind,
            run: None,
            lineage: Lineage::new(),
        },
    }
}

/// Every valid name is a name here, and names that differ in case are two.
pub async fn takes_every_name(factory: &mut impl StoreFactory) {
    let bench = Bench::open(factory).await;
    let longest = "x".repeat(chronos_model::JOB_NAME_LEN_MAX);
    // As they sort: by their bytes.
    let names = [
        "#1 #", "-", "...", "0", "A", "A b", "_", "a", "a#", "a.b", "ab", &longest,
    ];
    for name in names {
        bench
            .must_commit(vec![
                put_spec(name, name, 0),
                put_progress(name, 1, 0),
                put_run(name, 1, 0, RunState::Queued),
                put_run(name, 0, 0, RunState::Ended),
                put_calendar(name, 1),
            ])
            .await;
    }
    let bench = bench.reopen(factory).await;
    let loaded = bench.load().await;
    let jobs: Vec<_> = loaded
        .jobs
        .iter()
        .map(|job| job.spec.name.as_str())
        .collect();
    assert_eq!(jobs, names);
    let runs: Vec<_> = loaded
        .active_runs
        .iter()
        .map(|run| run.key.job.as_str())
        .collect();
    assert_eq!(runs, names);
    let calendars = loaded.calendars.iter().map(|found| found.name().as_str());
    assert_eq!(calendars.collect::<Vec<_>>(), names);
    for name in names {
        assert_eq!(bench.history(name, 10).await, [(0, 0)], "{name:?}");
        bench
            .must_commit(vec![delete(name, 1), delete_calendar(name)])
            .await;
    }
    let loaded = bench.load().await;
    assert_eq!(loaded.tombs.len(), names.len());
    assert_eq!(loaded.calendars, []);
}
