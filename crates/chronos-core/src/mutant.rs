//! Bugs that are put back on purpose, to see that the checks find them.
//!
//! A check that has never failed may be one that cannot. The simulator runs with each of these and
//! expects a certain oracle to fail. Without the feature `mutants` none of them is in the program.

use crate::Scheduler;

/// A bug that can be put back; most of them were in some scheduler once.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Mutant {
    /// The cursor jumps over a target.
    ForgetsTarget,
    /// What found no offer is never looked at again.
    NeverMatchesAgain,
    /// Targets start a second early.
    EarlyByASecond,
    /// A new leader starts again what was starting.
    RunsTwiceAfterRecovery,
    /// A new leader forgets what is running (mesos/chronos#411).
    OverlapsAfterRecovery,
    /// Launches do not wait for their intent.
    LaunchesUnwritten,
    /// A retry takes a target of the schedule (mesos/chronos#814).
    RetryTakesATarget,
    /// What waits starts although its job was disabled.
    LaunchesDisabled,
    /// An edit is acknowledged and changes nothing.
    KeepsOldDefinition,
    /// A parent's completion counts for every later generation too.
    CountsTwice,
    /// Completions of different origin go together (mesos/chronos#543).
    MixesLineages,
    /// Children are not told of a completion.
    ForgetsCompletion,
    /// Retries do not wait for their delay.
    RetriesAtOnce,
    /// A killed run is tried again.
    RetriesKilled,
    /// A killed run is recorded as a success.
    CallsKilledSucceeded,
    /// Commands are answered before their change is durable.
    AnswersUnwritten,
    /// A failure is counted in memory only.
    KeepsToItself,
    /// No timer is set for what is more than a day away (temporal#11869).
    ForgetsTimer,
    /// A new job takes one more target from before it than its policy says.
    TakesOneTooMany,
    /// What is launched is not quite what the definition says.
    LaunchesAnother,
}

impl Mutant {
    /// All of them.
    pub const ALL: [Self; 20] = [
        Self::ForgetsTarget,
        Self::NeverMatchesAgain,
        Self::EarlyByASecond,
        Self::RunsTwiceAfterRecovery,
        Self::OverlapsAfterRecovery,
        Self::LaunchesUnwritten,
        Self::RetryTakesATarget,
        Self::LaunchesDisabled,
        Self::KeepsOldDefinition,
        Self::CountsTwice,
        Self::MixesLineages,
        Self::ForgetsCompletion,
        Self::RetriesAtOnce,
        Self::RetriesKilled,
        Self::CallsKilledSucceeded,
        Self::AnswersUnwritten,
        Self::KeepsToItself,
        Self::ForgetsTimer,
        Self::TakesOneTooMany,
        Self::LaunchesAnother,
    ];
}

impl Scheduler {
    /// Whether a bug is put back.
    #[cfg(feature = "mutants")]
    pub(crate) fn has_bug(&self, mutant: Mutant) -> bool {
        self.settings.mutant == Some(mutant)
    }

    /// Whether a bug is put back: never, and the compiler takes the bugs out.
    #[cfg(not(feature = "mutants"))]
    #[expect(
        clippy::unused_self,
        reason = "the same call as with the feature, where the settings say"
    )]
    pub(crate) const fn has_bug(&self, _mutant: Mutant) -> bool {
        false
    }
}
