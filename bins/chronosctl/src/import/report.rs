//! What an import does, for people and for programs.

use std::io::{self, Write};

use chronos_zk::{Action, ImportPlan, PlannedJob, TaskFate};
use serde_json::json;

/// Whether everything that was found is there now.
pub(super) fn is_complete(plan: &ImportPlan) -> bool {
    plan.quarantined.is_empty() && plan.jobs.iter().all(|job| job.action != Action::Differs)
}

/// One object a line.
pub(super) fn json(out: &mut impl Write, plan: &ImportPlan) -> io::Result<()> {
    for job in &plan.jobs {
        let line = json!({
            "job": job.name.as_str(),
            "action": word(job.action),
            "before": job.before.to_string(),
            "after": job.after.to_string(),
            "runsLeftBefore": job.runs_left_before,
            "runsLeftAfter": job.runs_left_after,
            "notes": job.notes,
        });
        writeln!(out, "{line}")?;
    }
    for task in &plan.tasks {
        let line = json!({ "task": task.key.to_string(), "fate": fate(task.fate) });
        writeln!(out, "{line}")?;
    }
    if let Some((id, action)) = &plan.framework_id {
        let line = json!({ "frameworkId": id.as_str(), "action": word(*action) });
        writeln!(out, "{line}")?;
    }
    for one in &plan.quarantined {
        let line = json!({ "quarantined": one.key, "problem": one.problem });
        writeln!(out, "{line}")?;
    }
    Ok(())
}

/// A table, and what is to be said below it.
pub(super) fn people(out: &mut impl Write, plan: &ImportPlan, dry_run: bool) -> io::Result<()> {
    table(out, &plan.jobs)?;
    for task in &plan.tasks {
        writeln!(out, "task {}: {}", task.key, said(task.fate))?;
    }
    if let Some((id, action)) = &plan.framework_id {
        let said = match action {
            Action::Create | Action::Replace => "taken over",
            Action::Unchanged => "there already",
            Action::Differs => "not taken: the store has another one; --replace replaces it",
            Action::NotAsked | _ => "not taken; --take-framework-id takes it over",
        };
        writeln!(out, "framework id {id}: {said}")?;
    }
    for one in &plan.quarantined {
        writeln!(out, "not taken: {}: {}", one.key, one.problem)?;
    }
    let count = |action| plan.jobs.iter().filter(|job| job.action == action).count();
    writeln!(
        out,
        "{} {}, {} {}, {} unchanged, {} different and left alone, {} not taken{}",
        count(Action::Create),
        if dry_run { "to create" } else { "created" },
        count(Action::Replace),
        if dry_run { "to replace" } else { "replaced" },
        count(Action::Unchanged),
        count(Action::Differs),
        plan.quarantined.len(),
        if dry_run { "; nothing was written" } else { "" }
    )
}

fn table(out: &mut impl Write, jobs: &[PlannedJob]) -> io::Result<()> {
    let rows = jobs.iter().map(|job| {
        let left = match (job.runs_left_before, job.runs_left_after) {
            (None, None) => String::new(),
            (before, after) if before == after => number(after),
            (before, after) => format!("{} -> {}", number(before), number(after)),
        };
        let after = if job.before == job.after {
            "the same".to_owned()
        } else {
            job.after.to_string()
        };
        [
            job.name.to_string(),
            word(job.action).to_owned(),
            job.before.to_string(),
            after,
            left,
        ]
    });
    let head = ["JOB", "ACTION", "NEXT BEFORE", "NEXT AFTER", "RUNS LEFT"].map(str::to_owned);
    let rows: Vec<[String; 5]> = std::iter::once(head).chain(rows).collect();
    let width = |column: usize| {
        let lens = rows.iter().map(|row| row[column].chars().count());
        lens.max().unwrap_or_default()
    };
    let [name, action, before, after] = [0, 1, 2, 3].map(width);
    let notes = std::iter::once(&[][..]).chain(jobs.iter().map(|job| job.notes.as_slice()));
    for (row, notes) in rows.iter().zip(notes) {
        let line = format!(
            "{:name$}  {:action$}  {:before$}  {:after$}  {}",
            row[0], row[1], row[2], row[3], row[4]
        );
        writeln!(out, "{}", line.trim_end())?;
        for note in notes {
            writeln!(out, "    {note}")?;
        }
    }
    Ok(())
}

fn number(left: Option<u64>) -> String {
    left.map_or_else(|| "no end".to_owned(), |left| left.to_string())
}

const fn word(action: Action) -> &'static str {
    match action {
        Action::Create => "create",
        Action::Replace => "replace",
        Action::Unchanged => "unchanged",
        Action::Differs => "differs",
        Action::NotAsked | _ => "notAsked",
    }
}

const fn fate(fate: TaskFate) -> &'static str {
    match fate {
        TaskFate::Run => "run",
        TaskFate::NotAsked => "notAsked",
        TaskFate::TooLate => "tooLate",
        TaskFate::NoJob | _ => "noJob",
    }
}

const fn said(fate: TaskFate) -> &'static str {
    match fate {
        TaskFate::Run => "becomes a run that waits for its time",
        TaskFate::NotAsked => "left alone; --take-tasks makes a run of it",
        TaskFate::TooLate => "left alone: too late",
        TaskFate::NoJob | _ => "left alone: its job is not made now",
    }
}
