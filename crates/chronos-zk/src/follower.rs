//! What a daemon sees that does not lead: all that is stored, and then what changes, once a second.
//!
//! The servers tell which nodes below the records changed; those are read, and nothing else. Whenever the
//! connection was lost, so may be such word, and everything is read again. It has a thread and a session of
//! its own, and does nothing while it is not wanted.

use std::{
    collections::BTreeSet,
    thread::{self, JoinHandle},
    time::Duration,
};

use chronos_model::{JobName, JobRecord, Run, RunKey, Snapshot};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, Interval, MissedTickBehavior},
};

use crate::{
    OpenError, ZkAddress,
    connection::Connection,
    session::{Session, TreeWatcher},
    store::{changed, load, meta},
    tree::{self, CALENDARS, Kind, Tree},
};

/// How old what is shown may be, besides the time that it takes to read.
const LOOK: Duration = Duration::from_secs(1);

/// Everything is read again at most so often, as a multiple of the time that it takes: a tree that cannot
/// be followed must not keep the servers busy.
const LOAD_PAUSE: u32 = 5;

/// Words that wait to be taken: one while the other is being taken.
const WORDS_MAX: usize = 2;

/// Something changed.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// This is all there is.
    All(Box<Snapshot>),
    /// A job, `None` when it is gone.
    Job(JobName, Option<Box<JobRecord>>),
    /// A run that has not ended, `None` when it has.
    Run(RunKey, Option<Box<Run>>),
}

/// Follows what a leader writes.
#[derive(Debug)]
pub struct Follower {
    wanted: watch::Sender<Option<u64>>,
    times: u64,
    words: mpsc::Receiver<Word>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread says, and for which time that it was wanted.
type Word = (u64, Result<Vec<Change>, String>);

impl Follower {
    /// Starts it, not wanted yet.
    ///
    /// # Errors
    ///
    /// [`OpenError::Thread`].
    pub fn start(address: &ZkAddress, session_timeout: Duration) -> Result<Self, OpenError> {
        let (wanted, is_wanted) = watch::channel(None);
        let (words_in, words) = mpsc::channel(WORDS_MAX);
        let address = address.clone();
        let thread = thread::Builder::new().name("follower".to_owned());
        let thread = thread.spawn(move || serve(address, session_timeout, is_wanted, words_in));
        let thread = thread.map_err(|source| OpenError::Thread { source })?;
        Ok(Self {
            wanted,
            times: 0,
            words,
            thread: Some(thread),
        })
    }

    /// Begins with everything, or stops.
    pub fn want(&mut self, wanted: bool) {
        self.times += u64::from(wanted);
        self.wanted.send_replace(wanted.then_some(self.times));
    }

    /// Returns what changed since the last time, once a second or so, be it nothing. May be dropped.
    ///
    /// # Errors
    ///
    /// Why that is not known now; it goes on trying.
    pub async fn next(&mut self) -> Result<Vec<Change>, String> {
        loop {
            match self.words.recv().await {
                Some((times, word)) if times == self.times => return word,
                // For an earlier time.
                Some(_) => {}
                None => std::future::pending().await,
            }
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        // Whatever it waits for, it waits for these as well.
        self.words.close();
        self.wanted = watch::channel(None).0;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn serve(
    address: ZkAddress,
    session_timeout: Duration,
    wanted: watch::Receiver<Option<u64>>,
    words: mpsc::Sender<Word>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => runtime.block_on(async {
            let connection = Connection::start(address.clone(), session_timeout);
            let eye = Eye {
                address,
                connection,
                wanted,
                words,
            };
            eye.run().await;
        }),
        Err(error) => tracing::error!(%error, "what the leader writes cannot be followed"),
    }
}

struct Eye {
    address: ZkAddress,
    connection: Connection,
    wanted: watch::Receiver<Option<u64>>,
    words: mpsc::Sender<Word>,
}

/// Nobody wants it any more, for now or for good.
struct Enough;

impl Eye {
    async fn run(mut self) {
        loop {
            let times = *self.wanted.borrow_and_update();
            let Some(times) = times else {
                tokio::select! {
                    changed = self.wanted.changed() => if changed.is_err() { return },
                    () = self.connection.changed() => {}
                }
                continue;
            };
            let mut wanted = self.wanted.clone();
            // Everything in it may be dropped at any point.
            tokio::select! {
                changed = wanted.changed() => if changed.is_err() { return },
                Enough = self.follow(times) => return,
            }
        }
    }

    async fn follow(&mut self, times: u64) -> Enough {
        loop {
            let begun = Instant::now();
            let problem = match self.connection.session() {
                Ok(session) => {
                    let followed = follow(&session, &self.address, &self.words, times);
                    tokio::select! {
                        followed = followed => match followed {
                            Ok(enough) => return enough,
                            Err(problem) => problem,
                        },
                        () = self.connection.changed() => None,
                    }
                }
                Err(problem) => Some(problem),
            };
            if let Some(problem) = problem
                && self.words.send((times, Err(problem))).await.is_err()
            {
                return Enough;
            }
            let pause = LOOK.max(begun.elapsed().min(LOOK * 60) * LOAD_PAUSE);
            tokio::select! {
                () = tokio::time::sleep(pause.min(LOOK * 60)) => {}
                () = self.connection.changed() => {}
            }
        }
    }
}

// Ends with what is wrong, or with nothing when everything must be read again.
async fn follow(
    session: &Session,
    address: &ZkAddress,
    words: &mpsc::Sender<Word>,
    times: u64,
) -> Result<Enough, Option<String>> {
    let tree = meta::find(session, address).await.map_err(Some)?;
    let tree = tree.ok_or_else(|| Some("nobody has made the tree yet".to_owned()))?;
    // Watched before it is read, so that nothing falls between.
    let mut watched = Watched::begin(session).await.map_err(Some)?;
    let snapshot = load::look(session, tree).await;
    let snapshot = snapshot.map_err(|failure| Some(failure.to_string()))?;
    let mut changes = vec![Change::All(Box::new(snapshot))];
    let mut looks = tokio::time::interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    looks.tick().await;
    loop {
        if words.send((times, Ok(changes))).await.is_err() {
            return Ok(Enough);
        }
        let dirty = watched.gather(&mut looks).await.ok_or(None)?;
        changes = dirty.read(session, tree).await?;
    }
}

/// The nodes that have records below.
struct Watched {
    jobs: TreeWatcher,
    progress: TreeWatcher,
    runs: TreeWatcher,
    calendars: TreeWatcher,
}

impl Watched {
    async fn begin(session: &Session) -> Result<Self, String> {
        let watch = async |path| {
            let watched = session.watch_tree(path).await;
            watched.map_err(|failure| format!("{path} cannot be watched: {failure}"))
        };
        Ok(Self {
            jobs: watch(Kind::Jobs.dir()).await?,
            progress: watch(Kind::Progress.dir()).await?,
            runs: watch(Kind::Runs.dir()).await?,
            calendars: watch(CALENDARS).await?,
        })
    }

    // Waits for the next look; `None` when something may have been missed, or is not followed one by one.
    async fn gather(&mut self, looks: &mut Interval) -> Option<Dirty> {
        let mut dirty = Dirty::default();
        loop {
            tokio::select! {
                path = self.jobs.changed() => dirty.jobs.extend(tree::job_name(leaf(&path?))),
                path = self.progress.changed() => dirty.jobs.extend(tree::job_name(leaf(&path?))),
                path = self.runs.changed() => dirty.runs.extend(tree::run_key(leaf(&path?))),
                // Seldom, and jobs depend on them.
                _ = self.calendars.changed() => return None,
                _ = looks.tick() => return Some(dirty),
            }
        }
    }
}

// Of a shard this is a name as well, of a job that there may be; then that is read once too often.
fn leaf(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[derive(Debug, Default)]
struct Dirty {
    jobs: BTreeSet<JobName>,
    runs: BTreeSet<RunKey>,
}

impl Dirty {
    async fn read(self, session: &Session, tree: Tree) -> Result<Vec<Change>, Option<String>> {
        let (jobs, runs): (Vec<_>, Vec<_>) = (
            self.jobs.into_iter().collect(),
            self.runs.into_iter().collect(),
        );
        let failed = |failure: crate::session::Failure| Some(failure.to_string());
        let records = changed::jobs(session, tree, jobs).await.map_err(failed)?;
        let runs = changed::runs(session, tree, runs).await.map_err(failed)?;
        // One that cannot be read is shown as such when everything is read.
        let mut changes = Vec::with_capacity(records.len() + runs.len());
        for (job, record) in records {
            let record = record.map_err(|_problem: String| None)?;
            changes.push(Change::Job(job, record.map(Box::new)));
        }
        for (key, run) in runs {
            let run = run.map_err(|_problem: String| None)?;
            changes.push(Change::Run(key, run.map(Box::new)));
        }
        Ok(changes)
    }
}
