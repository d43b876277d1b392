//! Runs that began on the agents of others: after a while that is on record.
//!
//! A cluster says of a task that its agent forgot the same as of a launch that never arrived. A scheduler that was there
//! when the task began tells the two apart; one that comes later needs it written. Most runs are over sooner, and cost
//! no write.

use std::collections::VecDeque;

use chronos_model::{RunKey, RunState};

use crate::{Mono, Scheduler, alarm::Alarm, settings::BEGUN_MILLIS};

/// Runs that began, in the order in which that is to be written.
#[derive(Debug, Default)]
pub(crate) struct Begun(VecDeque<(Mono, RunKey)>);

impl Scheduler {
    /// A run has begun.
    pub(crate) fn has_begun(&mut self, key: &RunKey) {
        // The agent of this machine remembers by itself what it began.
        if !self.settings.returns_offers {
            return;
        }
        let now = self.now.mono.0;
        let at = Mono(now.saturating_add(BEGUN_MILLIS.unsigned_abs()));
        if self.begun.0.is_empty() {
            self.alarms.insert((at, Alarm::Begun));
        }
        self.begun.0.push_back((at, key.clone()));
    }

    /// Writes that those runs began that did so long enough ago, and have not ended.
    pub(crate) fn write_begun(&mut self) {
        while let Some((at, key)) = self.begun.0.pop_front() {
            if at > self.now.mono {
                self.alarms.insert((at, Alarm::Begun));
                self.begun.0.push_front((at, key));
                return;
            }
            let runs = |run: &chronos_model::Run| run.state == RunState::Running;
            if self.find_run(&key).is_some_and(|run| runs(run)) {
                self.write_run(&key, |_run| {});
            }
        }
    }
}
