//! What the handle knows of the worker without asking it.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

#[derive(Debug, Default)]
pub(super) struct Status {
    waiting: AtomicUsize,
    problem: Mutex<Option<String>>,
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
        let problem = self.problem.lock();
        problem.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes note of a problem, or of its end; logs it when it is news.
    pub(super) fn report(&self, problem: Option<&str>) {
        {
            let mut known = self.problem.lock().unwrap_or_else(PoisonError::into_inner);
            if known.as_deref() == problem {
                return;
            }
            *known = problem.map(str::to_owned);
        }
        if let Some(problem) = problem {
            tracing::error!(problem, "store cannot be used");
        } else {
            tracing::info!("store can be used again");
        }
    }
}
