//! A commit while it is turned into the parts of one write, and counted as done in the index.

use std::collections::HashSet;

use chronos_model::{CalendarName, JobName, Revision, RunKey, RunState, Write};
use chronos_store::{CommitError, RecordKey};

use super::{Index, Known};
use crate::{
    session::Op,
    store::{
        encoded::Encoded,
        ring::{Ring, Rings},
    },
    tree::{self, FRAMEWORK, Kind},
};

/// The most bytes of the parts of one write: a packet of `ZooKeeper` is 1,048,575 bytes.
const PACKET_BYTES_MAX: usize = 1_040_000;

/// The most that a ring adds to its runs: a path with a name of 200 escaped bytes, commas, a shard.
const RING_OVERHEAD_BYTES: usize = 1000;

// What was known before, to be put back when a commit is refused.
enum Undo {
    Job(JobName, Known),
    Active(RunKey, bool),
    Calendar(CalendarName, bool),
    Framework(bool),
    Dir(Kind, u32),
    Ring(JobName, Option<Ring>),
}

/// A commit while it is turned into a write.
pub(super) struct Plan<'a> {
    index: &'a mut Index,
    rings: &'a mut Rings,
    ops: Vec<Op>,
    undo: Vec<Undo>,
    /// The ended runs of this commit, by job.
    ended: Vec<(JobName, Vec<RunKey>)>,
}

impl<'a> Plan<'a> {
    pub(super) const fn new(index: &'a mut Index, rings: &'a mut Rings) -> Self {
        Self {
            index,
            rings,
            ops: Vec::new(),
            undo: Vec::new(),
            ended: Vec::new(),
        }
    }

    /// Turns a commit into the parts of a write; a refused one is taken back.
    pub(super) fn make(
        mut self,
        writes: &[Write],
        encoded: Vec<Encoded>,
    ) -> Result<Vec<Op>, CommitError> {
        let planned = writes
            .iter()
            .zip(encoded)
            .try_for_each(|(write, encoded)| self.add(write, encoded))
            .and_then(|()| self.add_rings());
        match planned {
            Ok(()) => Ok(self.ops),
            Err(refusal) => {
                self.take_back();
                Err(refusal)
            }
        }
    }

    fn add(&mut self, write: &Write, encoded: Encoded) -> Result<(), CommitError> {
        let data = encoded.data;
        match write {
            Write::PutSpec { spec, expected } => self.put_spec(&spec.name, *expected, data)?,
            Write::PutProgress { job, expected, .. } => self.put_progress(job, *expected, data)?,
            Write::DeleteJob { job, expected, .. } => self.delete_job(job, *expected, data)?,
            Write::PutRun(run) if run.state == RunState::Ended => self.end_run(&run.key, &data),
            Write::PutRun(run) => {
                let path = self.index.tree.run(&run.key);
                let exists = self.set_active(&run.key, true);
                self.put_node(Some((Kind::Runs, &run.key.job)), path, data, exists);
            }
            Write::Forget { job } => self.forget(job)?,
            Write::PutCalendar(calendar) => {
                let exists = self.set_calendar(calendar.name(), true);
                self.put_node(None, tree::calendar(calendar.name()), data, exists);
            }
            Write::DeleteCalendar(name) => {
                if self.set_calendar(name, false) {
                    self.delete_node(tree::calendar(name), None);
                }
            }
            Write::PutFrameworkId(id) => self.put_framework(id.is_some(), data),
        }
        Ok(())
    }

    fn put_spec(
        &mut self,
        job: &JobName,
        expected: Revision,
        data: Vec<u8>,
    ) -> Result<(), CommitError> {
        let mut known = self.checked_spec(job, expected)?;
        self.put_versioned(Kind::Jobs, job, expected, data);
        if expected == 0 && known.tomb {
            self.delete_node(self.index.tree.node(Kind::Tombs, job), None);
            known.tomb = false;
        }
        known.spec = expected + 1;
        self.put(job, known);
        Ok(())
    }

    fn put_progress(
        &mut self,
        job: &JobName,
        expected: Revision,
        data: Vec<u8>,
    ) -> Result<(), CommitError> {
        let mut known = self.index.known(job);
        check(RecordKey::Progress(job.clone()), expected, known.progress)?;
        if known.spec == 0 {
            return Err(conflict(RecordKey::Spec(job.clone()), 1, 0));
        }
        self.put_versioned(Kind::Progress, job, expected, data);
        known.progress = expected + 1;
        self.put(job, known);
        Ok(())
    }

    fn delete_job(
        &mut self,
        job: &JobName,
        expected: Revision,
        tomb: Vec<u8>,
    ) -> Result<(), CommitError> {
        let mut known = self.checked_spec(job, expected)?;
        let tree = self.index.tree;
        if known.spec > 0 {
            let version = version_of(expected);
            self.delete_node(tree.node(Kind::Jobs, job), version);
        }
        if known.progress > 0 {
            self.delete_node(tree.node(Kind::Progress, job), None);
        }
        let path = tree.node(Kind::Tombs, job);
        self.put_node(Some((Kind::Tombs, job)), path, tomb, known.tomb);
        known.spec = 0;
        known.progress = 0;
        known.tomb = true;
        self.put(job, known);
        Ok(())
    }

    fn forget(&mut self, job: &JobName) -> Result<(), CommitError> {
        let mut known = self.checked_spec(job, 0)?;
        let tree = self.index.tree;
        if known.tomb {
            self.delete_node(tree.node(Kind::Tombs, job), None);
        }
        if known.ring {
            self.delete_node(tree.node(Kind::History, job), None);
        }
        self.set_ring(job, None);
        self.ended.retain(|(ended, _)| ended != job);
        known.tomb = false;
        known.ring = false;
        self.put(job, known);
        Ok(())
    }

    fn end_run(&mut self, key: &RunKey, json: &[u8]) {
        if self.set_active(key, false) {
            self.delete_node(self.index.tree.run(key), None);
        }
        let mut ring = self.rings.get(&key.job).cloned().unwrap_or_default();
        ring.put(
            key,
            String::from_utf8_lossy(json).into(),
            self.index.history,
        );
        self.set_ring(&key.job, Some(ring));
        match self.ended.iter_mut().find(|(job, _)| *job == key.job) {
            Some((_, keys)) => keys.push(key.clone()),
            None => self.ended.push((key.job.clone(), vec![key.clone()])),
        }
    }

    fn put_framework(&mut self, exists: bool, data: Vec<u8>) {
        let before = std::mem::replace(&mut self.index.framework, exists);
        self.undo.push(Undo::Framework(before));
        if exists {
            self.put_node(None, FRAMEWORK.to_owned(), data, before);
        } else if before {
            self.delete_node(FRAMEWORK.to_owned(), None);
        }
    }

    // Each ring is written once, however many of its runs ended.
    fn add_rings(&mut self) -> Result<(), CommitError> {
        let ended = std::mem::take(&mut self.ended);
        let rings = ended.iter().filter_map(|(job, _)| self.rings.get(job));
        let bytes: usize = rings.map(|ring| RING_OVERHEAD_BYTES + ring.bytes()).sum();
        let others: usize = self.ops.iter().map(Op::len).sum();
        // So many runs ended at once that the older ones of their jobs have no room in the packet. What
        // ended now is what must not get lost.
        let tight = bytes + others > PACKET_BYTES_MAX;
        for (job, keys) in &ended {
            if tight {
                let places: Vec<_> = keys.iter().map(|key| (key.due, key.attempt)).collect();
                let ring = self.rings.get(job).map(|ring| ring.only(&places));
                self.set_ring(job, ring);
            }
            let data = self.rings.get(job).map(Ring::encode).unwrap_or_default();
            let mut known = self.index.known(job);
            let path = self.index.tree.node(Kind::History, job);
            self.put_node(Some((Kind::History, job)), path, data, known.ring);
            known.ring = true;
            self.put(job, known);
        }
        let len = self.ops.iter().map(Op::len).sum();
        if len > PACKET_BYTES_MAX {
            return Err(CommitError::TooLarge {
                key: None,
                len,
                max: PACKET_BYTES_MAX,
            });
        }
        Ok(())
    }

    fn checked_spec(&self, job: &JobName, expected: Revision) -> Result<Known, CommitError> {
        let known = self.index.known(job);
        check(RecordKey::Spec(job.clone()), expected, known.spec)?;
        Ok(known)
    }

    // A revision is one more than the version of its node, so that zero means that there is none.
    fn put_versioned(&mut self, kind: Kind, job: &JobName, expected: Revision, data: Vec<u8>) {
        let path = self.index.tree.node(kind, job);
        if expected == 0 {
            self.put_node(Some((kind, job)), path, data, false);
        } else {
            let version = version_of(expected);
            self.ops.push(Op::Set {
                path,
                data,
                version,
            });
        }
    }

    fn put_node(
        &mut self,
        shard: Option<(Kind, &JobName)>,
        path: String,
        data: Vec<u8>,
        exists: bool,
    ) {
        if exists {
            self.ops.push(Op::Set {
                path,
                data,
                version: None,
            });
            return;
        }
        if let Some((kind, job)) = shard {
            let shard = self.index.tree.shard(job);
            if self.index.dirs.insert((kind, shard)) {
                self.undo.push(Undo::Dir(kind, shard));
                self.ops.push(Op::Create {
                    path: tree::dir(kind, shard),
                    data: Vec::new(),
                });
            }
        }
        self.ops.push(Op::Create { path, data });
    }

    fn delete_node(&mut self, path: String, version: Option<i32>) {
        self.ops.push(Op::Delete { path, version });
    }

    fn put(&mut self, job: &JobName, known: Known) {
        let before = self.index.known(job);
        self.index.put(job, known);
        self.undo.push(Undo::Job(job.clone(), before));
    }

    fn set_ring(&mut self, job: &JobName, ring: Option<Ring>) {
        let before = self.rings.replace(job, ring);
        self.undo.push(Undo::Ring(job.clone(), before));
    }

    // Returns whether it was there.
    fn set_active(&mut self, key: &RunKey, active: bool) -> bool {
        let before = set(&mut self.index.active, key, active);
        self.undo.push(Undo::Active(key.clone(), before));
        before
    }

    fn set_calendar(&mut self, name: &CalendarName, exists: bool) -> bool {
        let before = set(&mut self.index.calendars, name, exists);
        self.undo.push(Undo::Calendar(name.clone(), before));
        before
    }

    fn take_back(&mut self) {
        for undo in std::mem::take(&mut self.undo).into_iter().rev() {
            match undo {
                Undo::Job(job, known) => self.index.put(&job, known),
                Undo::Active(key, before) => drop(set(&mut self.index.active, &key, before)),
                Undo::Calendar(name, before) => {
                    set(&mut self.index.calendars, &name, before);
                }
                Undo::Framework(before) => self.index.framework = before,
                Undo::Dir(kind, shard) => drop(self.index.dirs.remove(&(kind, shard))),
                Undo::Ring(job, ring) => drop(self.rings.replace(&job, ring)),
            }
        }
    }
}

fn set<T: Clone + Eq + std::hash::Hash>(all: &mut HashSet<T>, one: &T, is_in: bool) -> bool {
    if is_in {
        !all.insert(one.clone())
    } else {
        all.remove(one)
    }
}

// Versions have 32 bits: a node that is written twice a second has them for 68 years.
fn version_of(revision: Revision) -> Option<i32> {
    let version = revision.wrapping_sub(1) & u64::from(u32::MAX);
    u32::try_from(version).ok().map(u32::cast_signed)
}

fn check(key: RecordKey, expected: Revision, found: Revision) -> Result<(), CommitError> {
    if expected == found {
        return Ok(());
    }
    Err(conflict(key, expected, found))
}

const fn conflict(key: RecordKey, expected: Revision, found: Revision) -> CommitError {
    CommitError::Conflict {
        key,
        expected,
        found,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chronos_model::{Calendar, JobProgress, JobSpec, Outcome, Run, RunCause, Timestamp, Tomb};
    use serde_json::json;

    use super::*;
    use crate::{store::encoded, tree::Tree};

    fn put_spec(name: &str, expected: Revision) -> Write {
        let stored = json!({
            "version": 1, "name": name, "command": "true", "schedule": "R//PT1H",
        });
        Write::PutSpec {
            spec: Arc::new(JobSpec::from_stored_json(&stored).unwrap()),
            expected,
        }
    }

    fn put_progress(name: &str, expected: Revision) -> Write {
        Write::PutProgress {
            job: name.parse().unwrap(),
            progress: Arc::new(JobProgress::default()),
            expected,
        }
    }

    fn delete(name: &str, expected: Revision) -> Write {
        Write::DeleteJob {
            job: name.parse().unwrap(),
            expected,
            tomb: Tomb {
                deleted_at: Timestamp::default(),
                due_max: None,
            },
        }
    }

    fn run(name: &str, due: i64, state: RunState) -> Run {
        let due = Timestamp::from_millis(due);
        let ended = state == RunState::Ended;
        Run {
            key: RunKey {
                job: name.parse().unwrap(),
                due,
                attempt: 0,
            },
            target: due,
            cause: RunCause::Manual,
            arguments: None,
            state,
            not_before: None,
            outcome: ended.then_some(Outcome::Failed),
            reason: None,
            exit_code: None,
            agent: None,
            created_at: due,
            started_at: None,
            ended_at: None,
            kill_requested: false,
            parents: None,
            covers: None,
        }
    }

    fn put_run(name: &str, due: i64, state: RunState) -> Write {
        Write::PutRun(Arc::new(run(name, due, state)))
    }

    fn put_calendar(name: &str) -> Write {
        let json = json!({ "name": name, "dates": ["2030-01-01"] });
        Write::PutCalendar(Arc::new(Calendar::from_json(&json).unwrap()))
    }

    fn plan(
        index: &mut Index,
        rings: &mut Rings,
        writes: &[Write],
    ) -> Result<Vec<Op>, CommitError> {
        let encoded = encoded::encode(writes).unwrap();
        index.plan(rings, writes, encoded)
    }

    // A job with everything, a deleted one, a calendar.
    fn filled() -> (Index, Rings) {
        let mut index = Index::new(Tree { shards: 4 }, 3);
        let mut rings = Rings::default();
        let writes = [
            put_spec("a", 0),
            put_progress("a", 0),
            put_run("a", 1, RunState::Queued),
            put_run("a", 0, RunState::Ended),
            delete("gone", 0),
            put_run("gone", 0, RunState::Ended),
            put_calendar("c"),
        ];
        plan(&mut index, &mut rings, &writes).unwrap();
        (index, rings)
    }

    #[test]
    fn a_refused_commit_changes_nothing() {
        let (mut index, mut rings) = filled();
        let before = (index.clone(), rings.clone());
        let writes = [
            put_spec("a", 1),
            put_progress("a", 1),
            put_run("a", 1, RunState::Ended),
            put_run("a", 2, RunState::Running),
            put_run("b", 2, RunState::Queued),
            put_run("b", 1, RunState::Ended),
            put_spec("d", 0),
            put_spec("gone", 0),
            delete("gone", 1),
            Write::Forget {
                job: "gone".parse().unwrap(),
            },
            Write::DeleteCalendar("c".parse().unwrap()),
            put_calendar("new"),
            delete("a", 2),
            put_progress("a", 0),
        ];
        let refused = plan(&mut index, &mut rings, &writes).unwrap_err();
        assert_eq!(
            refused,
            conflict(RecordKey::Spec("a".parse().unwrap()), 1, 0)
        );
        assert_eq!((index, rings), before);
    }

    #[test]
    fn a_run_costs_two_writes_and_a_ring_one() {
        let (mut index, mut rings) = filled();
        let mut kinds = |writes: &[Write]| {
            let ops = plan(&mut index, &mut rings, writes).unwrap();
            let kind = |op: &Op| match op {
                Op::Check { .. } => "check",
                Op::Create { .. } => "create",
                Op::Set { .. } => "set",
                Op::Delete { .. } => "delete",
            };
            ops.iter().map(kind).collect::<Vec<_>>()
        };
        let intent = [put_progress("a", 1), put_run("a", 5, RunState::Starting)];
        assert_eq!(kinds(&intent), ["set", "create"]);
        let result = [put_progress("a", 2), put_run("a", 5, RunState::Ended)];
        assert_eq!(kinds(&result), ["set", "delete", "set"]);
        // However many runs end at once.
        let missed = [6, 7, 8].map(|due| put_run("a", due, RunState::Ended));
        assert_eq!(kinds(&missed), ["set"]);
    }

    #[test]
    fn drops_older_runs_where_a_packet_has_no_room_for_them() {
        let mut index = Index::new(Tree { shards: 1 }, 10);
        let mut rings = Rings::default();
        let name = |number: usize| format!("job {number}");
        let reason = |len| Some("x".repeat(len));
        // Rings of 60 KB each, which do not fit into one packet.
        for number in 0..30 {
            for due in 0..2 {
                let mut run = run(&name(number), due, RunState::Ended);
                run.reason = reason(30_000);
                let write = [Write::PutRun(Arc::new(run))];
                plan(&mut index, &mut rings, &write).unwrap();
            }
        }
        let all: Vec<_> = (0..30)
            .map(|number| put_run(&name(number), 9, RunState::Ended))
            .collect();
        let ops = plan(&mut index, &mut rings, &all).unwrap();
        let len: usize = ops.iter().map(Op::len).sum();
        assert!(len < 30_000, "{len}");
        let ring = rings.get(&name(7).parse().unwrap()).unwrap();
        assert_eq!(ring.runs(&name(7).parse().unwrap()).count(), 1);
    }
}
