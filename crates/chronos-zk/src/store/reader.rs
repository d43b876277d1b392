//! Looking at a tree that may belong to a running daemon: backup and check.

use std::{io, time::Duration};

use chronos_model::{JobName, Quarantined, Run, Snapshot};
use chronos_store::{
    VALUE_BYTES_MAX,
    backup::{BackupRecord, BackupWriter},
    check::{Finding, examine},
};

use super::{
    OpenError,
    load::{self, Everything, Found, JOBS, PROGRESS, RUNS, TOMBS, Table},
    meta,
    picture::Picture,
    ring::Ring,
    term,
};
use crate::{
    ZkAddress,
    session::{Failure, Session},
    tree::{self, CALENDARS, FRAMEWORK, Kind, META, Tree},
};

/// Reads a tree, also while a daemon leads on it.
///
/// It never writes, begins no term, and sees one moment of the tree in each call, whatever is written
/// meanwhile. All nodes are held in memory for that, as each server holds them.
#[derive(Debug)]
pub struct ZkReader {
    session: Session,
    tree: Tree,
}

impl ZkReader {
    /// Opens the tree at an address.
    ///
    /// # Errors
    ///
    /// [`OpenError`]; there must be a tree.
    pub async fn open(address: &ZkAddress, timeout: Duration) -> Result<Self, OpenError> {
        let unavailable = |failure: Failure| OpenError::Unavailable {
            address: address.clone(),
            problem: failure.to_string(),
        };
        let missing = || OpenError::Missing {
            address: address.clone(),
        };
        let session = Session::open(address, timeout).await.map_err(unavailable)?;
        let session = session.ok_or_else(missing)?;
        let meta = session.get(META).await.map_err(unavailable)?;
        let tree = meta::parse(&meta.ok_or_else(missing)?, address)?;
        Ok(Self { session, tree })
    }

    /// Returns what a leader would load.
    ///
    /// # Errors
    ///
    /// When the tree cannot be read, or is written to so much that no moment can be seen whole.
    pub async fn load(&self) -> io::Result<Snapshot> {
        let picture = Picture::take(&self.session).await.map_err(failed)?;
        Ok(Sorter::new(&picture, self.tree).sort().0)
    }

    /// Writes all records into a backup.
    ///
    /// # Errors
    ///
    /// When the tree cannot be read (see [`load`](Self::load)), or the backup not be written.
    pub async fn back_up<W: io::Write>(&self, backup: &mut BackupWriter<W>) -> io::Result<()> {
        let picture = Picture::take(&self.session).await.map_err(failed)?;
        let (snapshot, rings, _) = Sorter::new(&picture, self.tree).sort();
        backup.put_snapshot(snapshot)?;
        for run in rings.into_iter().flat_map(|(job, ring)| ended(&job, ring)) {
            backup.put(&match run {
                Ok(run) => BackupRecord::EndedRun(Box::new(run)),
                Err(unreadable) => BackupRecord::Unreadable(unreadable),
            })?;
        }
        Ok(())
    }

    /// Looks at everything, and returns what is wrong.
    ///
    /// # Errors
    ///
    /// When the tree cannot be read (see [`load`](Self::load)).
    pub async fn check(&self) -> io::Result<Vec<Finding>> {
        let picture = Picture::take(&self.session).await.map_err(failed)?;
        let (snapshot, rings, mut found) = Sorter::new(&picture, self.tree).sort();
        found.extend(examine(&snapshot));
        for (job, ring) in rings {
            let unread = ended(&job, ring).into_iter().filter_map(Result::err);
            found.extend(unread.map(|one| Finding::damage(one.key, one.problem)));
        }
        if let Err(problem) = term::check(&self.session).await.map_err(failed)? {
            found.push(Finding::damage(problem.0, problem.1));
        }
        found.sort();
        found.dedup();
        Ok(found)
    }
}

/// Returns the daemons that lead at an address or want to, be they ours or Chronos': the host and port of
/// each. There need not be a tree.
///
/// # Errors
///
/// When the servers cannot be read.
pub async fn candidates(address: &ZkAddress, timeout: Duration) -> io::Result<Vec<String>> {
    match Session::open(address, timeout).await.map_err(failed)? {
        Some(session) => session.candidates().await.map_err(failed),
        None => Ok(Vec::new()),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn failed(failure: Failure) -> io::Error {
    io::Error::other(failure.to_string())
}

fn ended(job: &JobName, ring: Result<Ring, String>) -> Vec<Result<Run, Quarantined>> {
    let unread = |problem| Quarantined {
        key: format!("history {job}"),
        problem,
    };
    match ring {
        Ok(ring) => ring.runs(job).map(|(_, run)| run.map_err(unread)).collect(),
        Err(problem) => vec![Err(unread(problem))],
    }
}

/// Makes records of nodes.
struct Sorter<'a> {
    picture: &'a Picture,
    tree: Tree,
    found: Vec<Finding>,
}

type Rings = Vec<(JobName, Result<Ring, String>)>;

impl<'a> Sorter<'a> {
    const fn new(picture: &'a Picture, tree: Tree) -> Self {
        Self {
            picture,
            tree,
            found: Vec::new(),
        }
    }

    fn sort(mut self) -> (Snapshot, Rings, Vec<Finding>) {
        let calendars = self.picture.of(CALENDARS);
        let calendars = calendars
            .map(|(_, name, node)| (name.to_owned(), load::read_calendar(name, node)))
            .collect();
        let all = Everything {
            jobs: self.records(&JOBS),
            progress: self.records(&PROGRESS),
            tombs: self.records(&TOMBS),
            runs: self.records(&RUNS),
            rings: Found {
                kind: Kind::History,
                records: Vec::new(),
                shards: Vec::new(),
                strange: Vec::new(),
            },
            calendars,
            framework: self.picture.get(FRAMEWORK).cloned(),
        };
        let rings = self.rings();
        let (snapshot, _) = load::assemble(all, self.tree, 1);
        (snapshot, rings, self.found)
    }

    fn records<K, V>(&mut self, table: &Table<K, V>) -> Found<K, Result<V, String>> {
        let mut records = Vec::new();
        let mut strange = Vec::new();
        for (folder, name, node) in self.picture.of(table.kind.dir()) {
            let path = format!("{folder}/{name}");
            let Some(key) = (table.name)(name) else {
                strange.push(path);
                continue;
            };
            if !self.is_at_home(&path, &(table.path)(self.tree, &key), node.data.len()) {
                continue;
            }
            let value = load::text(node).and_then(|text| (table.value)(&key, text));
            records.push((key, load::revision(node), value));
        }
        Found {
            kind: table.kind,
            records,
            shards: Vec::new(),
            strange,
        }
    }

    fn rings(&mut self) -> Rings {
        let mut rings = Vec::new();
        for (folder, name, node) in self.picture.of(Kind::History.dir()) {
            let path = format!("{folder}/{name}");
            let Some(job) = tree::job_name(name) else {
                let problem = "no node of this store has such a name";
                self.found.push(Finding::damage(path, problem));
                continue;
            };
            let home = self.tree.node(Kind::History, &job);
            if self.is_at_home(&path, &home, node.data.len()) {
                rings.push((job, Ring::decode(&node.data)));
            }
        }
        rings.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        rings
    }

    // A node in the folder of another shard is never looked for.
    fn is_at_home(&mut self, path: &str, home: &str, len: usize) -> bool {
        if len > VALUE_BYTES_MAX {
            let problem = format!("it has {len} bytes, more than {VALUE_BYTES_MAX}");
            self.found.push(Finding::strange(path, problem));
        }
        if path == home {
            return true;
        }
        let problem = format!("it lies in the wrong shard and is not seen; its place is {home}");
        self.found.push(Finding::damage(path, problem));
        false
    }
}
