//! S9: attempts are numbered without gaps, each follows a failure of the one before, no sooner than its
//! delay, and no more of them than the job says.

use chronos_core::TaskState;
use chronos_model::{Outcome, RunKey};

use super::{
    Ledger,
    ledger::{Life, Record},
};
use crate::{
    clock::Moment,
    evidence::Fact,
    script::{Act, Fault},
};

/// Finds an attempt that should not be.
pub(super) fn check(ledger: &Ledger<'_>) -> Option<(Moment, String)> {
    ledger.runs.iter().find_map(|(key, record)| {
        let attempt = key.attempt.checked_sub(1)?;
        let before = RunKey {
            attempt,
            ..(*key).clone()
        };
        let at = ledger.at(record.decided());
        let Some(earlier) = ledger.runs.get(&before) else {
            return Some((at, format!("{key} follows no attempt {attempt}")));
        };
        let life = ledger.life_of(key, record)?;
        not_after_failure(ledger, &before, earlier, record)
            .or_else(|| too_many(life, key))
            .or_else(|| too_soon(ledger, life, (&before, earlier), (key, record)))
            .map(|what| (at, format!("{key} {what}")))
    })
}

fn not_after_failure(
    ledger: &Ledger<'_>,
    before: &RunKey,
    earlier: &Record<'_>,
    later: &Record<'_>,
) -> Option<String> {
    let ended = earlier
        .writes
        .iter()
        .find(|write| write.2.outcome.is_some());
    match ended {
        Some((fact, _, run)) if *fact <= later.decided() => {
            if run.outcome != Some(Outcome::Failed) {
                return Some(format!("follows {before}, which has {:?}", run.outcome));
            }
        }
        Some(_) | None => return Some(format!("follows {before}, which has not ended")),
    }
    if earlier.writes.iter().any(|write| write.2.kill_requested) {
        return Some(format!("follows {before}, which was to be killed"));
    }
    let ends = ledger.tasks.get(before).map(|task| &task.ends);
    let finished = ends.is_some_and(|ends| ends.iter().any(|end| end.1 == TaskState::Finished));
    finished.then(|| format!("follows {before}, which succeeded"))
}

fn too_many(life: &Life, key: &RunKey) -> Option<String> {
    let retries = life.versions.iter().map(|version| version.spec.retries);
    let most = retries.max().unwrap_or(0);
    (key.attempt > most).then(|| format!("is beyond the {most} retries"))
}

// Measured in true time, from the end at the agent to the next begin. Clocks may drift; and what is left
// of a delay after a new term began is known by the wall clock, which may have been set.
fn too_soon(
    ledger: &Ledger<'_>,
    life: &Life,
    (before, earlier): (&RunKey, &Record<'_>),
    (key, later): (&RunKey, &Record<'_>),
) -> Option<String> {
    let &begin = ledger.tasks.get(key)?.begins.first()?;
    let &(end, _) = ledger.tasks.get(before)?.ends.last()?;
    let new_term = ledger.evidence.facts[end..begin]
        .iter()
        .any(|(_, fact)| matches!(fact, Fact::Elected { .. }));
    let clock_set = ledger.script.acts.iter().any(|(at, act)| {
        let sets = matches!(
            act,
            Act::Fault(Fault::ClockStep { .. } | Fault::ClockDrift { .. })
        );
        sets && *at <= ledger.at(begin)
    });
    // Machines' clocks differ, and the machine may be another one now.
    if new_term && (clock_set || ledger.script.nodes > 1) {
        return None;
    }
    // What is left of a delay is known to the millisecond by a clock that drifts.
    let slack = if new_term { 1_000 } else { 0 };
    let spec = &life.version_at(later.decided()).spec;
    let first = i64::try_from(spec.policies.retry_delay_secs? * 1000).ok()?;
    let delay = spec.policies.retry_backoff.delay_millis(first, key.attempt);
    let delay = u64::try_from(delay).ok()?;
    let waited = ledger.at(begin).since(ledger.at(end));
    let edited = life.version_at(earlier.decided()).fact != life.version_at(begin).fact;
    let least = delay - delay / 1000;
    (waited + slack + 2 < least && !edited)
        .then(|| format!("begins {waited} ms after the failure, and the delay is {delay} ms"))
}
