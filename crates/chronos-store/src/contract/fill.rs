//! A store with something of everything in it, for tests of what reads whole stores.

use chronos_model::{RunState, Write};

use super::fixture::{
    delete, job, put_calendar, put_framework_id, put_progress, put_run, put_spec,
};
use crate::{Store, Term};

/// Commits on their way.
const COMMITS: usize = 256;

/// Writes so many jobs, with progress and runs of every kind, calendars, a deleted job with its runs,
/// and a framework's id.
pub async fn fill(store: &dyn Store, term: Term, jobs: u64) {
    let few = vec![
        put_calendar("c d", 1),
        put_calendar("e", 2),
        delete("gone #1", 0),
        put_run("gone #1", 5, 0, RunState::Ended),
        put_run("gone #1", 6, 0, RunState::Running),
        put_framework_id("framework-1"),
        put_spec("root", "true", 0),
        put_spec("parent", "true", 0),
        put_progress("parent", u64::MAX, 0),
    ];
    let result = store.commit(term, few).await;
    assert_eq!(result, Ok(()));
    let mut answers = std::collections::VecDeque::new();
    for number in 0..jobs {
        if answers.len() == COMMITS
            && let Some(answer) = answers.pop_front()
        {
            assert_eq!(answer.await, Ok(()));
        }
        answers.push_back(store.commit(term, of_job(number)));
    }
    for answer in answers {
        assert_eq!(answer.await, Ok(()));
    }
}

fn of_job(number: u64) -> Vec<Write> {
    let name = format!("job {number} #.x");
    let due = number.cast_signed();
    let mut writes = vec![
        put_spec(&name, &format!("echo {number} \"ü\n\" "), 0),
        put_progress(&name, number, 0),
        put_run(&name, due - 2, 0, RunState::Ended),
        put_run(&name, due - 2, 1, RunState::Ended),
        put_run(&name, due - 3, 0, RunState::Ended),
    ];
    match number % 3 {
        0 => writes.push(put_run(&name, due, 0, RunState::Queued)),
        1 => writes.push(put_run(&name, due, 1, RunState::Starting)),
        _ => {}
    }
    debug_assert!(writes.iter().all(|write| write.job() == Some(&job(&name))));
    writes
}
