//! When a job comes next: by Chronos' rules, and by ours.

use std::fmt;

use chronos_model::{JobScheduleError, JobSpec, NextTarget, Targets, Timestamp};

/// When a job comes next, as far as its schedule says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum NextRun {
    /// At this instant.
    At(Timestamp),
    /// As soon as there is a leader, for a target that has passed.
    AtOnce(Timestamp),
    /// When its parents have completed.
    AfterParents,
    /// Never: it is disabled.
    Disabled,
    /// Never: its schedule is used up.
    UsedUp,
}

impl fmt::Display for NextRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(at) => at.fmt(f),
            Self::AtOnce(target) => write!(f, "at once, for {target}"),
            Self::AfterParents => f.write_str("after its parents"),
            Self::Disabled => f.write_str("never: disabled"),
            Self::UsedUp => f.write_str("never: used up"),
        }
    }
}

/// A job's place in its schedule, before and after.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Places {
    pub(super) before: NextRun,
    pub(super) after: NextRun,
    /// How many targets are left, `None` for no end or no schedule.
    pub(super) left_before: Option<u64>,
    pub(super) left_after: Option<u64>,
    /// The first target that is ours to look after.
    pub(super) next: Option<NextTarget>,
}

/// Finds the places of a job whose schedule is counted from `now` where it has no start.
pub(super) fn places(
    spec: &JobSpec,
    of_2: bool,
    now: Timestamp,
) -> Result<Places, JobScheduleError> {
    let Some(schedule) = spec.schedule() else {
        let run = enabled(spec, NextRun::AfterParents);
        return Ok(Places {
            before: run,
            after: run,
            left_before: None,
            left_after: None,
            next: None,
        });
    };
    let targets = schedule.targets(now)?;
    // As for a job that is created now: of what has passed the newest is still to be done.
    let next = targets.at_or_before(now).or_else(|| targets.first());
    let left_after = next.map_or(Some(0), |next| targets.remaining(next.at));
    Ok(Places {
        before: enabled(spec, before(spec, &targets, of_2, now)),
        after: enabled(spec, after(spec, &targets, next, now)),
        // A 2.x counts what has passed; a 3.x counts launches, and none was made since it wrote this.
        left_before: if of_2 {
            left_after
        } else {
            schedule.repetitions()
        },
        left_after,
        next,
    })
}

const fn enabled(spec: &JobSpec, run: NextRun) -> NextRun {
    if spec.disabled {
        NextRun::Disabled
    } else {
        run
    }
}

// A 3.x runs whatever has passed once, however late; a 2.x only what is not later than epsilon.
fn before(spec: &JobSpec, targets: &Targets, of_2: bool, now: Timestamp) -> NextRun {
    match targets.first() {
        None => NextRun::UsedUp,
        Some(first) if first.at >= now => NextRun::At(first.at),
        Some(first) if !of_2 => {
            let newest = targets.at_or_before(now).unwrap_or(first);
            NextRun::AtOnce(newest.at)
        }
        Some(_) => within_epsilon(spec, targets, targets.at_or_before(now), now),
    }
}

fn after(spec: &JobSpec, targets: &Targets, next: Option<NextTarget>, now: Timestamp) -> NextRun {
    match next {
        None => NextRun::UsedUp,
        Some(next) if next.at >= now => NextRun::At(next.at),
        Some(_) => within_epsilon(spec, targets, next, now),
    }
}

// The newest target that has passed is run, unless it is too late for that.
fn within_epsilon(
    spec: &JobSpec,
    targets: &Targets,
    newest: Option<NextTarget>,
    now: Timestamp,
) -> NextRun {
    let epsilon = spec.details.epsilon.as_ref().map(|epsilon| epsilon.millis);
    let in_time =
        |target: &NextTarget| epsilon.is_none_or(|epsilon| now.millis_since(target.at) <= epsilon);
    match newest.filter(in_time) {
        Some(newest) => NextRun::AtOnce(newest.at),
        None => targets
            .after(now)
            .map_or(NextRun::UsedUp, |later| NextRun::At(later.at)),
    }
}

#[cfg(test)]
mod tests {
    use chronos_model::{JobDefaults, JobKind};
    use serde_json::{Value, json};

    use super::*;

    const NOW: &str = "2026-03-10T12:00:00Z";

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[track_caller]
    fn check(fields: &Value, of_2: bool, before: NextRun, after: NextRun, left: [Option<u64>; 2]) {
        let mut job = json!({"name": "a", "command": "true"});
        for (key, value) in fields.as_object().unwrap() {
            job[key] = value.clone();
        }
        let defaults = JobDefaults::default();
        let spec = JobSpec::from_json(&job, JobKind::Any, &defaults, at(NOW)).unwrap();
        let found = places(&spec, of_2, at(NOW)).unwrap();
        assert_eq!((found.before, found.after), (before, after), "{job}");
        assert_eq!([found.left_before, found.left_after], left, "{job}");
    }

    #[test]
    fn says_when_a_job_comes_before_and_after() {
        use NextRun::{AfterParents, At, AtOnce, Disabled, UsedUp};
        let later = At(at("2026-03-11T06:00:00Z"));
        let newest = AtOnce(at("2026-03-10T06:00:00Z"));
        let future = json!({"schedule": "R5/2026-03-11T06:00:00Z/P1D"});
        let endless = json!({"schedule": "R/2026-03-01T06:00:00Z/P1D"});
        let passed = json!({"schedule": "R12/2026-03-01T06:00:00Z/P1D"});
        check(&future, false, later, later, [Some(5), Some(5)]);
        check(&endless, false, newest, newest, [None, None]);
        // Of twelve targets ten have passed; a 3.x makes twelve launches of them all the same.
        check(&passed, false, newest, newest, [Some(12), Some(3)]);
        check(&passed, true, newest, newest, [Some(3), Some(3)]);
        let mut strict = passed;
        strict["epsilon"] = json!("PT1H");
        check(&strict, true, later, later, [Some(3), Some(3)]);
        let mut over = endless;
        over["schedule"] = json!("R2/2026-03-01T06:00:00Z/P1D");
        over["epsilon"] = json!("PT1H");
        check(&over, true, UsedUp, UsedUp, [Some(1), Some(1)]);
        let now = json!({"schedule": "R1//PT24H"});
        check(&now, false, At(at(NOW)), At(at(NOW)), [Some(1), Some(1)]);
        let none = json!({"schedule": "R0//PT24H"});
        check(&none, false, UsedUp, UsedUp, [Some(0), Some(0)]);
        let off = json!({"schedule": "R//PT24H", "disabled": true});
        check(&off, false, Disabled, Disabled, [None, None]);
        let child = json!({"parents": ["p"]});
        check(&child, false, AfterParents, AfterParents, [None, None]);
    }
}
