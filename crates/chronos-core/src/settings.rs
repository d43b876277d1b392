//! What the operator sets, and the bounds that nobody does.

/// Settings of the scheduler.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Settings {
    /// Milliseconds before a failed run is tried again, where the job does not say (`--failure_retry`).
    pub failure_retry_millis: i64,
    /// Failures in a row after which a job is disabled; zero for never (`--disable_after_failures`).
    pub disable_after_failures: u64,
    /// Milliseconds after which a run that has not started is told of as late, where the job has no
    /// `epsilon`; `None` for never (`--late_after`).
    pub late_limit_millis: Option<i64>,
    /// Whether offers that nothing uses are given back. On a machine of our own there is nobody else to use
    /// them; a cluster is shared.
    pub returns_offers: bool,
    /// Whether the cluster is told which agents it need not offer. Only with `returns_offers`.
    pub constrains_offers: bool,
    /// A bug to put back, to see that the checks find it. Without the feature `mutants` it does nothing.
    pub mutant: Option<crate::Mutant>,
}

impl Default for Settings {
    /// Chronos' own, a minute and never; and five minutes for what is late.
    fn default() -> Self {
        Self {
            failure_retry_millis: 60_000,
            disable_after_failures: 0,
            late_limit_millis: Some(300_000),
            returns_offers: false,
            constrains_offers: false,
            mutant: None,
        }
    }
}

/// How many missed targets of one job get a record of their own at one time.
///
/// Four minutes of a job that runs each second. The ones before them share a record, which says how many
/// they are, so that a job of every second that was down for a year costs as many writes as one that was
/// down for five minutes.
pub const MISSED_RECORDS_MAX: u64 = 256;

/// How many targets of one job one input takes: the missed ones and the one that runs instead. Their records
/// stand in one write with the progress of the job and perhaps its definition; at 1.4 kB each, with the longest
/// name, there is room for one of 500 kB. What `catchUp: all` runs beyond them is taken at once by the next
/// inputs.
pub(crate) const TAKEN_MAX: usize = 257;

/// How many bytes the other runs of one job may have in one write, with a kilobyte for each beside its
/// texts: to end thousands takes several.
pub(crate) const RUNS_BYTES_MAX: usize = 250_000;

/// The same for runs that targets or parents decided on, which stand with the progress: [`TAKEN_MAX`] of them.
pub(crate) const DECIDED_BYTES_MAX: usize = 360_000;

/// How many runs of one concurrent job may wait.
///
/// Beyond it the oldest is superseded: a job that fits nowhere must not fill the memory.
pub const WAITING_RUNS_MAX: usize = 128;

/// How long a deleted job is remembered, in milliseconds: 30 days, above any retention of history
/// and sandboxes, after which an id that is given again collides with nothing.
pub const TOMB_MILLIS: i64 = 30 * 24 * 60 * 60 * 1000;

/// How late a target may be taken under `catchUp: none`, in milliseconds: a restart of the daemon, which
/// is no absence.
pub const PROMPT_MILLIS: i64 = 10_000;

/// The most targets that one backfill may name: a year of a daily job, twice over.
pub const BACKFILL_RUNS_MAX: u64 = 1000;

/// For how long a run of high priority goes before others, in milliseconds: it is treated as if it had
/// become ready so much earlier. Whatever waits longer than that goes first, so nothing starves.
pub const PRIORITY_MILLIS: i64 = 10 * 60 * 1000;

/// After how many milliseconds the order to end a task is repeated: the agent needs three seconds from
/// SIGTERM to SIGKILL, and some more to tell.
pub const KILL_AGAIN_MILLIS: i64 = 30_000;

/// How long a run that a cluster dropped more than once waits before it is offered again, in milliseconds:
/// what makes a cluster drop it seldom passes in less.
pub(crate) const DROPPED_AGAIN_MILLIS: i64 = 1_000;

/// How long after a run began on a shared cluster that is written, in milliseconds: a minute, after which most
/// runs are over.
pub(crate) const BEGUN_MILLIS: i64 = 60_000;

/// How long offers are kept when nothing waits any more, in milliseconds: while jobs come one after
/// another, the next one finds them there; then others may have them.
pub(crate) const OFFERS_KEPT_MILLIS: i64 = 10_000;

/// How long before the next target offers are asked for, in milliseconds: a master allocates each second,
/// and a call and an event go before.
pub(crate) const OFFERS_EARLY_MILLIS: i64 = 5_000;

/// How often it is looked whether fewer agents are enough, in milliseconds: it costs a step for each kind of
/// run that waits, and nothing is said before half a minute has passed.
pub(crate) const CONSTRAINTS_LOOK_MILLIS: u64 = 5_000;

/// How many waiting runs are watched for being late: with 64 bytes each, some megabytes.
pub(crate) const LATE_ALARMS_MAX: usize = 100_000;

/// How many completions a job with children that have several parents remembers.
///
/// A child must find the completion that goes together with a slower parent's. When one parent is eight
/// completions ahead of another, the older ones count as one.
pub const COMPLETIONS_MAX: usize = 8;

/// How many earlier jobs a completion names: the jobs with several children on the way to it. Beyond it
/// the rest is not told apart.
pub(crate) const LINEAGE_LEN_MAX: usize = 64;

/// How many completions are tried to find those that go together: all pairs of 50 parents with eight
/// completions each, with room. One try takes well below a microsecond.
pub(crate) const CHOICES_MAX: usize = 4096;
