//! The picture that a new leader loads, and the index that comes with it.
//!
//! Shard by shard the names are listed, the values read, many by one request, and decoded by other
//! threads meanwhile. That it is one picture is not the reads' doing: whoever loads checks afterwards
//! that its term still holds, so nobody else wrote.

use std::collections::HashMap;

use chronos_model::{
    Calendar, JobName, JobProgress, JobRecord, JobSpec, Quarantined, Revision, Run, RunKey,
    Snapshot, Tomb,
};
use chronos_store::json;
use futures_util::{StreamExt, TryStreamExt, future::try_join, stream};
use tokio::task;

use super::index::Index;
use crate::{
    session::{Failure, Node, Session},
    tree::{self, CALENDARS, FRAMEWORK, Kind, Tree},
};

/// How many shards of each kind are read at once: with eight requests of each under way, at most 320
/// wait in the servers.
const SHARDS_IN_FLIGHT: usize = 8;

/// Reads everything.
pub(super) async fn load(
    session: &Session,
    tree: Tree,
    history: usize,
) -> Result<(Snapshot, Index), Failure> {
    session.sync().await?;
    let scan = Scan { session, tree };
    let jobs = try_join(scan.run(JOBS), scan.run(PROGRESS));
    let rest = try_join(scan.run(TOMBS), scan.run(RUNS));
    let names = try_join(scan.names(Kind::History), scan.calendars());
    let ((jobs, progress), (rest, names)) = try_join(jobs, try_join(rest, names)).await?;
    let ((tombs, runs), (rings, calendars)) = (rest, names);
    let framework = session.get(FRAMEWORK).await?;
    let all = Everything {
        jobs,
        progress,
        tombs,
        runs,
        rings,
        calendars,
        framework,
    };
    Ok(assemble(all, tree, history))
}

/// Reads everything, for who only looks at it.
pub(crate) async fn look(session: &Session, tree: Tree) -> Result<Snapshot, Failure> {
    let (snapshot, _) = load(session, tree, 1).await?;
    Ok(snapshot)
}

/// What was found in a tree, kind by kind.
pub(super) struct Everything {
    pub(super) jobs: Found<JobName, Result<JobSpec, String>>,
    pub(super) progress: Found<JobName, Result<JobProgress, String>>,
    pub(super) tombs: Found<JobName, Result<Tomb, String>>,
    pub(super) runs: Found<RunKey, Result<Run, String>>,
    pub(super) rings: Found<JobName, ()>,
    pub(super) calendars: Vec<(String, Result<Calendar, String>)>,
    pub(super) framework: Option<Node>,
}

/// Puts together what was found.
pub(super) fn assemble(all: Everything, tree: Tree, history: usize) -> (Snapshot, Index) {
    let Everything {
        jobs,
        progress,
        tombs,
        runs,
        rings,
        calendars,
        framework,
    } = all;
    let mut index = Index::new(tree, history);
    let mut snapshot = Snapshot::default();
    join_jobs(jobs, progress, &mut index, &mut snapshot);
    let unread = &mut snapshot.quarantined;
    for (key, _, run) in runs.into_records(&mut index, unread) {
        let (run, key_text) = (run, key.to_string());
        index.active.insert(key);
        sort_out("run", &key_text, run, &mut snapshot.active_runs, unread);
    }
    for (job, _, tomb) in tombs.into_records(&mut index, unread) {
        index.jobs.entry(job.clone()).or_default().tomb = true;
        let mut found = Vec::new();
        sort_out("tomb", job.as_str(), tomb, &mut found, unread);
        snapshot
            .tombs
            .extend(found.into_iter().map(|tomb| (job.clone(), tomb)));
    }
    for (job, _, ()) in rings.into_records(&mut index, unread) {
        index.jobs.entry(job).or_default().ring = true;
    }
    for (name, calendar) in calendars {
        if let Some(name) = tree::calendar_name(&name) {
            index.calendars.insert(name);
        }
        let mut found = Vec::new();
        sort_out("calendar", &name, calendar, &mut found, unread);
        snapshot
            .calendars
            .extend(found.into_iter().map(std::sync::Arc::new));
    }
    index.framework = framework.is_some();
    let framework = framework.map(|node| text(&node).and_then(json::decode_framework_id));
    match framework.transpose() {
        Ok(id) => snapshot.framework_id = id,
        Err(problem) => unread.push(Quarantined {
            key: "framework".to_owned(),
            problem,
        }),
    }
    snapshot
        .active_runs
        .sort_unstable_by(|a, b| a.key.cmp(&b.key));
    snapshot
        .calendars
        .sort_unstable_by(|a, b| a.name().cmp(b.name()));
    snapshot
        .quarantined
        .sort_unstable_by(|a, b| a.key.cmp(&b.key));
    (snapshot, index)
}

/// One kind of records: how the names of its nodes are read, and their values.
pub(super) struct Table<K, V> {
    pub(super) kind: Kind,
    pub(super) name: fn(&str) -> Option<K>,
    pub(super) path: fn(Tree, &K) -> String,
    pub(super) value: fn(&K, &str) -> Result<V, String>,
}

pub(super) const JOBS: Table<JobName, JobSpec> = Table {
    kind: Kind::Jobs,
    name: tree::job_name,
    path: |tree, job| tree.node(Kind::Jobs, job),
    value: |job, text| {
        let spec = json::decode_spec(text)?;
        if spec.name != *job {
            return Err(format!("its name is {:?}", spec.name.as_str()));
        }
        Ok(spec)
    },
};

pub(super) const PROGRESS: Table<JobName, JobProgress> = Table {
    kind: Kind::Progress,
    name: tree::job_name,
    path: |tree, job| tree.node(Kind::Progress, job),
    value: |_, text| json::decode_progress(text),
};

pub(super) const TOMBS: Table<JobName, Tomb> = Table {
    kind: Kind::Tombs,
    name: tree::job_name,
    path: |tree, job| tree.node(Kind::Tombs, job),
    value: |_, text| json::decode_tomb(text),
};

pub(super) const RUNS: Table<RunKey, Run> = Table {
    kind: Kind::Runs,
    name: tree::run_key,
    path: |tree, key| tree.run(key),
    value: |key, text| {
        let run = json::decode_run(&key.job, text)?;
        if run.key != *key {
            return Err(format!("it is that of {}", run.key));
        }
        Ok(run)
    },
};

/// What was found of one kind: records with their revisions, the shards, and nodes that are not ours.
pub(super) struct Found<K, V> {
    pub(super) kind: Kind,
    pub(super) records: Vec<(K, Revision, V)>,
    pub(super) shards: Vec<u32>,
    pub(super) strange: Vec<String>,
}

impl<K, V> Found<K, V> {
    fn into_records(
        self,
        index: &mut Index,
        unread: &mut Vec<Quarantined>,
    ) -> Vec<(K, Revision, V)> {
        let shards = self.shards.into_iter();
        index.dirs.extend(shards.map(|shard| (self.kind, shard)));
        unread.extend(self.strange.into_iter().map(|key| Quarantined {
            key,
            problem: "no node of this store has such a name".to_owned(),
        }));
        self.records
    }
}

struct Scan<'a> {
    session: &'a Session,
    tree: Tree,
}

impl Scan<'_> {
    async fn run<K, V>(&self, table: Table<K, V>) -> Result<Found<K, Result<V, String>>, Failure>
    where
        K: Send + 'static,
        V: Send + 'static,
    {
        let mut found = Found {
            kind: table.kind,
            records: Vec::new(),
            shards: Vec::new(),
            strange: Vec::new(),
        };
        let shards = self.shards(table.kind, &mut found.strange).await?;
        let read = |shard| self.shard(&table, shard);
        let mut answers = stream::iter(&shards)
            .map(read)
            .buffer_unordered(SHARDS_IN_FLIGHT);
        while let Some((records, strange)) = answers.try_next().await? {
            found.records.extend(records);
            found.strange.extend(strange);
        }
        drop(answers);
        found.shards = shards;
        Ok(found)
    }

    /// Lists the jobs that have a node of a kind, without its value.
    async fn names(&self, kind: Kind) -> Result<Found<JobName, ()>, Failure> {
        let mut strange = Vec::new();
        let shards = self.shards(kind, &mut strange).await?;
        let list = |&shard| self.session.children(tree::dir(kind, shard));
        let lists = stream::iter(&shards)
            .map(list)
            .buffer_unordered(SHARDS_IN_FLIGHT);
        let lists: Vec<Option<Vec<String>>> = lists.try_collect().await?;
        let mut records = Vec::new();
        for node in lists.into_iter().flatten().flatten() {
            match tree::job_name(&node) {
                Some(job) => records.push((job, 0, ())),
                None => strange.push(format!("{} {node}", kind.dir())),
            }
        }
        Ok(Found {
            kind,
            records,
            shards,
            strange,
        })
    }

    async fn shards(&self, kind: Kind, strange: &mut Vec<String>) -> Result<Vec<u32>, Failure> {
        let dir = kind.dir();
        let names = self.session.children(dir.to_owned()).await?;
        let mut shards = Vec::new();
        for name in names.unwrap_or_default() {
            match u32::from_str_radix(&name, 16) {
                Ok(shard) if tree::dir(kind, shard) == format!("{dir}/{name}") => {
                    shards.push(shard);
                }
                _ => strange.push(format!("{dir} {name}")),
            }
        }
        Ok(shards)
    }

    async fn shard<K, V>(
        &self,
        table: &Table<K, V>,
        &shard: &u32,
    ) -> Result<(Vec<(K, Revision, Result<V, String>)>, Vec<String>), Failure>
    where
        K: Send + 'static,
        V: Send + 'static,
    {
        let dir = tree::dir(table.kind, shard);
        let nodes = self.session.children(dir.clone()).await?;
        let mut keys = Vec::new();
        let mut strange = Vec::new();
        for node in nodes.unwrap_or_default() {
            match (table.name)(&node) {
                Some(key) => keys.push(key),
                None => strange.push(format!("{dir} {node}")),
            }
        }
        let paths: Vec<String> = keys
            .iter()
            .map(|key| (table.path)(self.tree, key))
            .collect();
        let nodes = self.session.read(&paths).await?;
        let value = table.value;
        let decode = move || {
            let found = keys.into_iter().zip(nodes);
            // What is gone by now was deleted by somebody who leads.
            let found = found.filter_map(|(key, node)| Some((key, node?)));
            let record = |(key, node): (K, Node)| {
                let decoded = text(&node).and_then(|text| value(&key, text));
                (key, revision(&node), decoded)
            };
            found.map(record).collect()
        };
        let decoded = task::spawn_blocking(decode).await;
        let records = decoded.map_err(|error| Failure::Unknown {
            problem: format!("records cannot be decoded: {error}"),
        })?;
        Ok((records, strange))
    }

    async fn calendars(&self) -> Result<Vec<(String, Result<Calendar, String>)>, Failure> {
        let names = self.session.children(CALENDARS.to_owned()).await?;
        let names = names.unwrap_or_default();
        let path = |name: &String| format!("{CALENDARS}/{name}");
        let paths: Vec<String> = names.iter().map(path).collect();
        let nodes = self.session.read(&paths).await?;
        let found = names.into_iter().zip(nodes);
        let found = found.filter_map(|(name, node)| Some((name, node?)));
        let decoded = found.map(|(name, node)| {
            let calendar = read_calendar(&name, &node);
            (name, calendar)
        });
        Ok(decoded.collect())
    }
}

fn join_jobs(
    jobs: Found<JobName, Result<JobSpec, String>>,
    progress: Found<JobName, Result<JobProgress, String>>,
    index: &mut Index,
    snapshot: &mut Snapshot,
) {
    let unread = &mut snapshot.quarantined;
    let mut of_job = HashMap::new();
    for (job, revision, value) in progress.into_records(index, unread) {
        index.jobs.entry(job.clone()).or_default().progress = revision;
        of_job.insert(job, (revision, value));
    }
    for (job, spec_revision, spec) in jobs.into_records(index, unread) {
        index.jobs.entry(job.clone()).or_default().spec = spec_revision;
        let (progress_revision, progress) = of_job
            .remove(&job)
            .unwrap_or_else(|| (0, Ok(JobProgress::default())));
        let record = spec.map_err(|problem| format!("spec: {problem}"));
        let record = record.and_then(|spec| {
            // With its progress unreadable a job must not run: it would begin from the start.
            let progress = progress.map_err(|problem| format!("progress: {problem}"))?;
            Ok(JobRecord {
                spec: spec.into(),
                spec_revision,
                progress,
                progress_revision,
            })
        });
        sort_out("job", job.as_str(), record, &mut snapshot.jobs, unread);
    }
    unread.extend(of_job.into_keys().map(|job| Quarantined {
        key: format!("progress {job}"),
        problem: "there is no such job".to_owned(),
    }));
    snapshot
        .jobs
        .sort_unstable_by(|a, b| a.spec.name.cmp(&b.spec.name));
}

fn sort_out<T>(
    what: &str,
    name: &str,
    value: Result<T, String>,
    values: &mut Vec<T>,
    unread: &mut Vec<Quarantined>,
) {
    match value {
        Ok(value) => values.push(value),
        Err(problem) => unread.push(Quarantined {
            key: format!("{what} {name}"),
            problem,
        }),
    }
}

/// Reads the value of a calendar's node.
pub(super) fn read_calendar(name: &str, node: &Node) -> Result<Calendar, String> {
    let calendar = text(node).and_then(json::decode_calendar)?;
    if tree::calendar_name(name).as_ref() == Some(calendar.name()) {
        return Ok(calendar);
    }
    Err(format!("its name is {:?}", calendar.name().as_str()))
}

pub(super) fn text(node: &Node) -> Result<&str, String> {
    std::str::from_utf8(&node.data).map_err(|error| error.to_string())
}

// One more than the version, so that zero means that there is none.
pub(super) fn revision(node: &Node) -> Revision {
    Revision::from(node.version.cast_unsigned()) + 1
}
