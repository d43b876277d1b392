//! The import, on trees that are written here from the documented layout, in Chronos' own encoding.

use std::{collections::BTreeMap, time::Duration};

use chronos_core::{Input, Mono, Now, Scheduler, Settings};
use chronos_model::{Quarantined, Snapshot, Timestamp};
use chronos_store::{MemoryStore, Store, Term};
use chronos_zk::{
    Action, ChronosTree, ImportOptions, ImportPlan, NextRun, PlannedJob, ReadError, TaskFate,
    ZkAddress,
};
use serde_json::{Value, json};
use zookeeper_client::{Acl, Acls, AuthId, Client, CreateMode, Permission};

use crate::server::{Fresh as _, shared};

const TIMEOUT: Duration = Duration::from_secs(10);

/// 2026-03-10T12:00:00Z.
const NOW: Timestamp = Timestamp::from_millis(1_773_144_000_000);

/// An old tree, written as Chronos wrote it.
struct Old {
    client: Client,
    path: String,
    acl: Vec<Acl>,
}

impl Old {
    async fn new(auth: Option<&str>, acl: &[Acl]) -> Self {
        let address = shared().fresh();
        let mut connector = Client::connector();
        if let Some(auth) = auth {
            connector = connector.with_auth("digest", auth.as_bytes());
        }
        let client = connector.connect(address.hosts()).await.unwrap();
        let old = Self {
            client,
            path: format!("{}/deep/state", address.root()),
            acl: acl.to_vec(),
        };
        let open = CreateMode::Persistent.with_acls(Acls::anyone_all());
        old.client.mkdir(&old.path, &open).await.unwrap();
        old.make("/state", b"").await;
        old
    }

    async fn open() -> Self {
        Self::new(None, &[Acl::new(Permission::ALL, AuthId::anyone())]).await
    }

    async fn make(&self, node: &str, data: &[u8]) {
        let options = CreateMode::Persistent.with_acls(Acls::new(&self.acl));
        let path = format!("{}{node}", self.path);
        self.client.create(&path, data, &options).await.unwrap();
    }

    async fn entry(&self, node: &str, value: &[u8]) {
        self.make(&format!("/state/{node}"), &entry(node, value))
            .await;
    }

    async fn job(&self, job: &Value) {
        let node = format!("J_{}", job["name"].as_str().unwrap());
        self.entry(&node, job.to_string().as_bytes()).await;
    }

    async fn task(&self, id: &str, job: &Value) {
        let node = format!("T_{id}");
        self.entry(&node, job.to_string().as_bytes()).await;
    }

    async fn framework_id(&self, id: &str) {
        let mut message = vec![0x0a];
        varint(id.len(), &mut message);
        message.extend_from_slice(id.as_bytes());
        self.entry("frameworkId", &message).await;
    }

    fn address(&self, auth: &str) -> ZkAddress {
        let port = shared().port();
        let text = format!("zk://{auth}127.0.0.1:{port}{}", self.path);
        text.parse().unwrap()
    }

    async fn read(&self) -> ChronosTree {
        let read = ChronosTree::read(&self.address(""), TIMEOUT, NOW).await;
        read.unwrap()
    }

    // Each node with its value and the versions of value, children and ACL.
    async fn picture(&self) -> BTreeMap<String, (Vec<u8>, [i32; 3], i64)> {
        let mut all = BTreeMap::new();
        let mut open = vec![self.path.clone()];
        while let Some(path) = open.pop() {
            let (children, _) = self.client.get_children(&path).await.unwrap();
            open.extend(children.into_iter().map(|child| format!("{path}/{child}")));
            let (data, stat) = self.client.get_data(&path).await.unwrap();
            let versions = [stat.version, stat.cversion, stat.aversion];
            all.insert(path, (data, versions, stat.mzxid));
        }
        all
    }
}

fn varint(mut number: usize, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(u8::try_from(number & 0x7f).unwrap() | 0x80);
        number >>= 7;
    }
    out.push(u8::try_from(number).unwrap());
}

// `Entry { required string name = 1; required bytes uuid = 2; required bytes value = 3; }`
fn entry(name: &str, value: &[u8]) -> Vec<u8> {
    let mut data = Vec::new();
    for (tag, bytes) in [(0x0a, name.as_bytes()), (0x12, &[0xa5; 16]), (0x1a, value)] {
        data.push(tag);
        varint(bytes.len(), &mut data);
        data.extend_from_slice(bytes);
    }
    data
}

// The fields of 2.5, in its order and with its defaults.
fn job_of_2(name: &str, fields: Value) -> Value {
    let mut job = json!({
        "name": name, "command": format!("echo {name}"), "shell": true, "epsilon": "PT60S",
        "executor": "", "executorFlags": "", "taskInfoData": "", "retries": 2,
        "owner": "a@example.com", "ownerName": "", "description": "", "async": false,
        "successCount": 7, "errorCount": 1, "lastSuccess": "2026-03-10T06:00:05.123Z",
        "lastError": "", "cpus": 0.1, "disk": 256.0, "mem": 128.0, "disabled": false,
        "softError": false, "dataProcessingJobType": false, "errorsSinceLastSuccess": 0,
        "uris": [], "environmentVariables": [], "arguments": [], "highPriority": false,
        "runAsUser": "root", "constraints": [],
    });
    put(&mut job, fields);
    job
}

// Those of 3.0.
fn job_of_3(name: &str, fields: Value) -> Value {
    let mut job = job_of_2(
        name,
        json!({"fetch": [], "concurrent": false, "maxCompletionTime": 0}),
    );
    for gone in ["epsilon", "async"] {
        job.as_object_mut().unwrap().remove(gone);
    }
    put(&mut job, fields);
    job
}

fn put(job: &mut Value, fields: Value) {
    let Value::Object(fields) = fields else {
        panic!()
    };
    for (key, value) in fields {
        job[key] = value;
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn options() -> ImportOptions {
    ImportOptions {
        now: NOW,
        ..ImportOptions::default()
    }
}

fn find<'a>(plan: &'a ImportPlan, name: &str) -> &'a PlannedJob {
    let found = plan.jobs.iter().find(|job| job.name.as_str() == name);
    found.unwrap_or_else(|| panic!("{name} is planned"))
}

struct Target {
    store: MemoryStore,
    term: Term,
}

impl Target {
    async fn new() -> Self {
        let store = MemoryStore::new();
        let term = store.begin_term().await.unwrap();
        Self { store, term }
    }

    async fn load(&self) -> Snapshot {
        self.store.load(self.term).await.unwrap()
    }

    async fn import(&self, tree: &ChronosTree, options: ImportOptions) -> ImportPlan {
        let plan = ImportPlan::new(tree, &self.load().await, &options);
        plan.apply(&self.store, self.term).await.unwrap();
        plan
    }
}

/// A minute from now, and a day ago.
const SOON: Timestamp = NOW.plus_millis(60_000);
const STALE: Timestamp = NOW.plus_millis(-86_400_000);

const FRAMEWORK_ID: &str = "20140101-120000-1-5050-0000";

async fn tree_of_2() -> Old {
    let old = Old::open().await;
    let daily = json!({"schedule": "R/2026-03-11T06:00:00.000Z/P1D", "scheduleTimeZone": ""});
    let daily = job_of_2("daily report #1", daily);
    old.job(&daily).await;
    // Late by less than its epsilon, and by more.
    let prompt = json!({"schedule": "R5/2026-03-10T11:50:00.000Z/PT1H", "epsilon": "PT15M"});
    old.job(&job_of_2("prompt", prompt)).await;
    let late = json!({"schedule": "R5/2026-03-10T11:50:00.000Z/PT1H", "async": true});
    old.job(&job_of_2("late", late)).await;
    old.job(&job_of_2("child", json!({"parents": ["late", "prompt"]})))
        .await;
    let over = json!({"schedule": "R0/2026-03-10T06:00:00.000Z/PT1H", "disabled": true});
    old.job(&job_of_2("over", over)).await;
    // Taken from the schedule for a minute from now; taken and never removed; of nobody.
    let due = SOON.millis();
    old.task(&format!("ct:{due}:0:daily report #1:"), &daily)
        .await;
    let stale = STALE.millis();
    old.task(&format!("ct:{stale}:2:daily report #1:-x 1:2"), &daily)
        .await;
    old.task(&format!("ct:{due}:0:gone:"), &daily).await;
    old.task("what", &daily).await;
    old.framework_id(FRAMEWORK_ID).await;
    old
}

#[tokio::test]
async fn a_dry_run_tells_of_all() {
    let tree = tree_of_2().await.read().await;
    let dry = ImportPlan::new(&tree, &Snapshot::default(), &options());
    let planned = find(&dry, "daily report #1");
    let tomorrow = NextRun::At(at("2026-03-11T06:00:00Z"));
    assert_eq!((planned.before, planned.after), (tomorrow, tomorrow));
    assert_eq!((planned.action, &planned.notes), (Action::Create, &vec![]));
    let prompt = find(&dry, "prompt");
    let at_once = NextRun::AtOnce(at("2026-03-10T11:50:00Z"));
    assert_eq!((prompt.before, prompt.after), (at_once, at_once));
    let late = find(&dry, "late");
    let hour = NextRun::At(at("2026-03-10T12:50:00Z"));
    assert_eq!((late.before, late.after), (hour, hour));
    assert_eq!(late.notes.len(), 1);
    assert_eq!(find(&dry, "over").after, NextRun::Disabled);
    assert_eq!(find(&dry, "child").after, NextRun::AfterParents);
    let fates: Vec<_> = dry.tasks.iter().map(|task| task.fate).collect();
    assert_eq!(
        fates,
        [TaskFate::TooLate, TaskFate::NotAsked, TaskFate::NoJob]
    );
    assert_eq!(dry.quarantined.len(), 1);
    assert_eq!(dry.quarantined[0].key, "T_what");
    let id = dry.framework_id.unwrap();
    assert_eq!((id.0.as_str(), id.1), (FRAMEWORK_ID, Action::NotAsked));
}

#[tokio::test]
async fn a_tree_of_2_comes_over_with_its_tasks() {
    let old = tree_of_2().await;
    let before = old.picture().await;
    let target = Target::new().await;
    let mut asked = options();
    asked.take_framework_id = true;
    asked.take_tasks = true;
    target.import(&old.read().await, asked).await;
    let loaded = target.load().await;
    let names: Vec<_> = loaded
        .jobs
        .iter()
        .map(|job| job.spec.name.as_str())
        .collect();
    assert_eq!(
        names,
        ["child", "daily report #1", "late", "over", "prompt"]
    );
    let daily = &loaded.jobs[1];
    assert_eq!(
        daily.spec.schedule().unwrap().text(),
        "R/2026-03-11T06:00:00.000Z/P1D"
    );
    assert_eq!(
        daily.progress.next.map(|next| next.at),
        Some(at("2026-03-11T06:00:00Z"))
    );
    assert_eq!(
        (daily.progress.success_count, daily.progress.error_count),
        (7, 1)
    );
    assert_eq!(
        daily.progress.last_success,
        Some(at("2026-03-10T06:00:05.123Z"))
    );
    assert_eq!(daily.progress.due_max, Some(SOON));
    let [run] = loaded.active_runs.as_slice() else {
        panic!("expected one run, found {:?}", loaded.active_runs);
    };
    assert_eq!((run.key.due, run.key.attempt), (SOON, 0));
    assert_eq!(run.not_before, Some(SOON));
    let id = loaded.framework_id.as_ref().map(ToString::to_string);
    assert_eq!(id.as_deref(), Some(FRAMEWORK_ID));

    // Once more changes nothing, neither here nor there.
    let again = target.import(&old.read().await, asked).await;
    assert_eq!(again.changes(), 0);
    assert!(again.jobs.iter().all(|job| job.action == Action::Unchanged));
    assert_eq!(target.load().await, loaded);
    assert_eq!(old.picture().await, before);
}

#[tokio::test]
async fn the_scheduler_does_what_the_plan_says() {
    let tree = tree_of_2().await.read().await;
    let target = Target::new().await;
    let mut asked = options();
    asked.take_tasks = true;
    let plan = target.import(&tree, asked).await;
    let mut now = Now {
        wall: NOW,
        mono: Mono(0),
    };
    let mut scheduler = Scheduler::recover(Settings::default(), now, target.load().await);
    assert_eq!(scheduler.view().quarantined(), []);
    scheduler.handle(now, Input::Tick);
    let view = scheduler.view();
    for planned in &plan.jobs {
        let job = view.job(&planned.name).unwrap();
        let runs: Vec<_> = job
            .active_runs()
            .filter(|run| run.not_before.is_none())
            .map(|run| run.target)
            .collect();
        let next = job.next_run();
        match planned.after {
            NextRun::At(at) => assert_eq!((next, runs), (Some(at), vec![]), "{}", planned.name),
            NextRun::AtOnce(target) => assert_eq!(runs, [target], "{}", planned.name),
            NextRun::AfterParents | NextRun::Disabled | NextRun::UsedUp | _ => {
                assert_eq!((next, runs), (None, vec![]), "{}", planned.name);
            }
        }
    }
    // The task that was taken over is not run twice, and not before its time.
    let daily: chronos_model::JobName = "daily report #1".parse().unwrap();
    let of_daily = |scheduler: &Scheduler| {
        let view = scheduler.view();
        let runs = view.job(&daily).unwrap().active_runs();
        let runs: Vec<_> = runs.map(|run| run.key.due).collect();
        (runs, view.queued())
    };
    let before = of_daily(&scheduler);
    assert_eq!(before.0, [SOON]);
    now = Now {
        wall: SOON,
        mono: Mono(60_000),
    };
    scheduler.handle(now, Input::Tick);
    let after = of_daily(&scheduler);
    assert_eq!(after, (vec![SOON], before.1 + 1));
}

async fn tree_with_broken_nodes() -> Old {
    let old = Old::open().await;
    let hourly = || json!({"schedule": "R/2026-03-11T06:00:00.000+01:00/PT1H"});
    old.job(&job_of_3("good", hourly())).await;
    let container = json!({
        "container": {"type": "docker", "image": "busybox", "network": "HOST", "volumes": []},
        "fromTheFuture": [1],
    });
    let mut lower = hourly();
    put(&mut lower, container);
    old.job(&job_of_3("lower-case", lower)).await;
    // Ten days late: a 3.x would still make five launches of it.
    let finite = json!({"schedule": "R5/2026-02-28T06:00:00.000Z/P1D"});
    old.job(&job_of_3("finite", finite)).await;
    let mut zone = hourly();
    put(&mut zone, json!({"scheduleTimeZone": "null"}));
    old.job(&job_of_3("zone", zone)).await;
    old.job(&job_of_3(
        "orphan",
        json!({"parents": ["good", "never-was"]}),
    ))
    .await;
    old.job(&job_of_3("grandchild", json!({"parents": ["orphan"]})))
        .await;
    old.job(&job_of_3("ring-a", json!({"parents": ["ring-b"]})))
        .await;
    old.job(&job_of_3("ring-b", json!({"parents": ["ring-a"]})))
        .await;
    old.job(&job_of_3("self", json!({"parents": ["self"]})))
        .await;
    old.job(&job_of_3(
        "no-command",
        json!({"command": "", "schedule": "R//PT1H"}),
    ))
    .await;
    old.job(&job_of_3(
        "zero",
        json!({"schedule": "R/2026-03-11T06:00:00Z/PT0S"}),
    ))
    .await;
    let mut large = hourly();
    let text = "x".repeat(90_000);
    put(
        &mut large,
        json!({
            "environmentVariables": (0..8).map(|n| json!({"name": format!("V{n}"), "value": text})).collect::<Vec<_>>(),
        }),
    );
    old.job(&job_of_3("large", large)).await;
    old.entry("J_no-json", b"{\"name\":").await;
    old.make("/state/J_empty", b"").await;
    let cut = entry("J_cut", b"{}");
    old.make("/state/J_cut", &cut[..cut.len() - 1]).await;
    old.make("/state/J_other", &entry("J_another", b"{}")).await;
    old.make("/state/J_text", b"not an entry at all").await;
    old.make("/state/note", &entry("note", b"of somebody"))
        .await;
    old.make(
        "/state/frameworkId",
        &entry("frameworkId", &[0x0a, 3, b'a', b'/', b'b']),
    )
    .await;
    old
}

#[tokio::test]
async fn what_is_broken_stays_with_the_reason_and_the_rest_comes_over() {
    let old = tree_with_broken_nodes().await;
    let target = Target::new().await;
    let plan = target.import(&old.read().await, options()).await;
    let names: Vec<_> = plan.jobs.iter().map(|job| job.name.as_str()).collect();
    assert_eq!(names, ["finite", "good", "lower-case", "zone"]);
    let finite = find(&plan, "finite");
    assert_eq!(
        (finite.runs_left_before, finite.runs_left_after),
        (Some(5), Some(1))
    );
    assert_eq!(
        find(&plan, "lower-case").notes,
        ["fromTheFuture: unknown to Chronos, and left out"]
    );
    let zone = find(&plan, "zone");
    // As Java had it: the clock reading counts, the offset does not.
    assert_eq!(zone.after, NextRun::At(at("2026-03-11T06:00:00Z")));
    assert_eq!(
        find(&plan, "good").after,
        NextRun::At(at("2026-03-11T05:00:00Z"))
    );
    let problems = |quarantined: &[Quarantined]| -> BTreeMap<String, String> {
        let each = quarantined.iter();
        each.map(|one| (one.key.clone(), one.problem.clone()))
            .collect()
    };
    let found = problems(&plan.quarantined);
    for (node, want) in [
        ("J_orphan", "its parents are not there: never-was"),
        (
            "J_grandchild",
            "its parents depend on it, or can never run themselves",
        ),
        ("J_ring-a", "its parents depend on it"),
        ("J_ring-b", "its parents depend on it"),
        ("J_self", "parents[0]: is the job itself"),
        ("J_no-command", "command: is empty"),
        ("J_zero", "schedule: expected a period above zero"),
        ("J_large", "job: takes 7"),
        ("J_no-json", "no JSON: "),
        ("J_empty", "the node is empty"),
        ("J_cut", "no entry of Mesos"),
        ("J_other", "the entry is that of \"J_another\""),
        ("J_text", "no entry of Mesos"),
        ("note", "no node of Chronos"),
        ("frameworkId", "the id is \".\""),
    ] {
        let problem = found
            .get(node)
            .unwrap_or_else(|| panic!("{node} in {found:?}"));
        assert!(problem.starts_with(want), "{node}: {problem}");
    }
    assert_eq!(found.len(), 15, "{found:?}");
    assert_eq!(target.load().await.jobs.len(), 4);
}

#[tokio::test]
async fn a_job_of_the_target_stays_unless_told() {
    let old = Old::open().await;
    old.job(&job_of_3(
        "a",
        json!({"schedule": "R/2026-03-11T06:00:00.000Z/P1D"}),
    ))
    .await;
    old.job(&job_of_3("child", json!({"parents": ["a"]}))).await;
    old.framework_id("new").await;
    let target = Target::new().await;
    let tree = old.read().await;
    let mut asked = options();
    asked.take_framework_id = true;
    target.import(&tree, asked).await;
    // Chronos goes on, and so do we.
    let path = format!("{}/state/J_a", old.path);
    let moved = job_of_3("a", json!({"schedule": "R/2026-03-12T06:00:00.000Z/P1D"}));
    let moved = entry("J_a", moved.to_string().as_bytes());
    old.client.set_data(&path, &moved, None).await.unwrap();
    let id = chronos_model::Write::PutFrameworkId(Some("ours".parse().unwrap()));
    target.store.commit(target.term, vec![id]).await.unwrap();
    let before = target.load().await;

    let tree = old.read().await;
    let plan = target.import(&tree, asked).await;
    assert_eq!(find(&plan, "a").action, Action::Differs);
    assert_eq!(find(&plan, "child").action, Action::Unchanged);
    assert_eq!(plan.framework_id.unwrap().1, Action::Differs);
    assert_eq!(target.load().await, before);

    asked.replace = true;
    let plan = target.import(&tree, asked).await;
    assert_eq!(find(&plan, "a").action, Action::Replace);
    let after = target.load().await;
    assert_eq!(
        (after.jobs[0].spec_revision, after.jobs[0].progress_revision),
        (2, 2)
    );
    assert_eq!(after.jobs[1], before.jobs[1]);
    let next = after.jobs[0].progress.next.map(|next| next.at);
    assert_eq!(next, Some(at("2026-03-12T06:00:00Z")));
    assert_eq!(after.framework_id.unwrap().as_str(), "new");
}

#[tokio::test]
async fn reads_what_belongs_to_a_user() {
    let creator = Acl::new(Permission::ALL, AuthId::authed());
    let world = Acl::new(Permission::READ, AuthId::anyone());
    // As 3.x with --zk_auth left it, and closed to everybody else.
    for (acl, others_read) in [(vec![creator.clone(), world], true), (vec![creator], false)] {
        let old = Old::new(Some("cron:secret"), &acl).await;
        old.job(&job_of_3(
            "a",
            json!({"schedule": "R/2026-03-11T06:00:00.000Z/P1D"}),
        ))
        .await;
        let ours = ChronosTree::read(&old.address("cron:secret@"), TIMEOUT, NOW).await;
        assert_eq!(ours.unwrap().jobs.len(), 1);
        for auth in ["", "cron:wrong@"] {
            let theirs = ChronosTree::read(&old.address(auth), TIMEOUT, NOW).await;
            match theirs {
                Ok(tree) => assert!(others_read && tree.jobs.len() == 1),
                Err(ReadError::Unavailable { problem, .. }) => {
                    assert!(!others_read && problem == "not authorized", "{problem}");
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
}

#[tokio::test]
async fn says_where_nothing_is_and_who_still_runs() {
    let old = Old::open().await;
    old.make("/candidate", b"").await;
    old.make("/candidate/_c_0f-latch-0000000003", b"old-host:8080")
        .await;
    old.job(&job_of_3("a", json!({"schedule": "R//PT1H"})))
        .await;
    assert_eq!(old.read().await.candidates, ["old-host:8080"]);
    // The node of the state itself will do.
    let named = old
        .address("")
        .with_root(&format!("{}/state", old.path))
        .unwrap();
    let tree = ChronosTree::read(&named, TIMEOUT, NOW).await.unwrap();
    assert_eq!((tree.jobs.len(), tree.candidates.len()), (1, 0));
    for root in [
        format!("{}/state/J_a", old.path),
        format!("{}/nowhere", old.path),
    ] {
        let address = old.address("").with_root(&root).unwrap();
        let error = ChronosTree::read(&address, TIMEOUT, NOW).await.unwrap_err();
        assert!(matches!(error, ReadError::NotFound { .. }), "{error}");
        let made = old.client.check_stat(&root).await.unwrap();
        assert_eq!(
            made.is_some(),
            root.ends_with("J_a"),
            "looking makes nothing"
        );
    }
}
