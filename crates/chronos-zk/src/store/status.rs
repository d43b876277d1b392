//! What the handle knows of the worker without asking it.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

/// How often the same kind of news makes a line in the log: a connection that comes and goes each second
/// is one trouble, not sixty a minute.
const LOG_PAUSE: Duration = Duration::from_secs(30);

#[derive(Debug, Default)]
pub(super) struct Status {
    waiting: AtomicUsize,
    known: Mutex<Known>,
}

#[derive(Debug)]
struct Known {
    problem: Option<String>,
    since: SystemTime,
    /// When a problem was last logged, and whether its end is to be as well.
    logged_at: Option<Instant>,
    is_logged: bool,
}

impl Default for Known {
    fn default() -> Self {
        Self {
            problem: None,
            since: SystemTime::now(),
            logged_at: None,
            is_logged: false,
        }
    }
}

impl Status {
    pub(super) fn called(&self) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn answered(&self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    pub(super) fn problem(&self) -> Option<String> {
        self.known().problem.clone()
    }

    /// Returns since when it is well, or is not.
    pub(super) fn since(&self) -> SystemTime {
        self.known().since
    }

    /// Takes note of what is so from the start and is no news, unless it lasts.
    pub(super) fn expect(&self, problem: &str) {
        self.known().problem = Some(problem.to_owned());
    }

    /// Takes note of a problem, or of its end; logs it when it is news, but not all the time.
    pub(super) fn report(&self, problem: Option<&str>) {
        let log = {
            let mut known = self.known();
            if known.problem.as_deref() == problem {
                return;
            }
            if known.problem.is_some() != problem.is_some() {
                known.since = SystemTime::now();
            }
            known.problem = problem.map(str::to_owned);
            known.is_to_log()
        };
        match problem {
            _ if !log => {}
            Some(problem) => tracing::error!(problem, "store cannot be used"),
            None => tracing::info!("store can be used again"),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn is_to_log(&mut self) -> bool {
        if self.problem.is_none() {
            return std::mem::take(&mut self.is_logged);
        }
        let is_soon = self.logged_at.is_some_and(|at| at.elapsed() < LOG_PAUSE);
        if !is_soon {
            self.logged_at = Some(Instant::now());
            self.is_logged = true;
        }
        !is_soon
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_trouble_that_comes_and_goes_once() {
        let mut known = Known::default();
        let mut told = |problem: Option<&str>| {
            known.problem = problem.map(str::to_owned);
            known.is_to_log()
        };
        assert!(
            told(Some("gone")) && told(None),
            "the first time, and its end"
        );
        assert!(!told(Some("gone again")), "too soon");
        assert!(!told(None), "whose beginning was not told");
    }
}
