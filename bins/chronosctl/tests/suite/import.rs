//! `chronosctl import` and `store` on a real server.

use chronos_zk::ZkAddress;
use serde_json::{Value, json};
use zk_server::{fresh_root, shared};
use zookeeper_client::{Acls, Client, CreateMode};

use crate::program::{Ran, chronosctl};

/// What Chronos left at a place of its own, and a place for ours.
pub(crate) struct Bench {
    client: Client,
    pub(crate) old: String,
    new: String,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        let hosts = shared().hosts();
        let fresh = || format!("zk://{hosts}{}", fresh_root());
        let (old, new): (ZkAddress, ZkAddress) = (
            fresh().parse().expect("an address"),
            fresh().parse().expect("an address"),
        );
        let client = Client::connect(old.hosts()).await.expect("a server");
        let bench = Self {
            client,
            old: format!("zk://{}{}", old.hosts(), old.root()),
            new: format!("zk://{}{}", new.hosts(), new.root()),
        };
        bench.make(&old, "/state", b"").await;
        let scheduled = json!({
            "name": "nightly #1", "command": "true", "epsilon": "PT60S", "async": false,
            "schedule": "R/2999-01-01T05:00:00.000Z/P1D", "successCount": 3,
        });
        bench.job(&old, &scheduled).await;
        let child = json!({"name": "child", "command": "true", "parents": ["nightly #1"]});
        bench.job(&old, &child).await;
        let orphan = json!({"name": "orphan", "command": "true", "parents": ["gone"]});
        bench.job(&old, &orphan).await;
        bench
    }

    async fn make(&self, address: &ZkAddress, node: &str, data: &[u8]) {
        let options = CreateMode::Persistent.with_acls(Acls::anyone_all());
        let path = format!("{}{node}", address.root());
        let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
        self.client
            .mkdir(parent, &options)
            .await
            .expect("it is made");
        self.client
            .create(&path, data, &options)
            .await
            .expect("it is made");
    }

    // `Entry { required string name = 1; required bytes uuid = 2; required bytes value = 3; }`
    async fn job(&self, address: &ZkAddress, job: &Value) {
        let name = format!("J_{}", job["name"].as_str().expect("a name"));
        let value = job.to_string();
        let mut data = Vec::new();
        for (tag, bytes) in [
            (0x0a, name.as_bytes()),
            (0x12, &[7; 16]),
            (0x1a, value.as_bytes()),
        ] {
            data.push(tag);
            let (low, high) = (bytes.len() & 0x7f, bytes.len() >> 7);
            let more = if high > 0 { 0x80 } else { 0 };
            data.push(u8::try_from(low).expect("seven bits") | more);
            if high > 0 {
                data.push(u8::try_from(high).expect("a short text"));
            }
            data.extend_from_slice(bytes);
        }
        self.make(address, &format!("/state/{name}"), &data).await;
    }

    fn import(&self, flags: &[&str]) -> Ran {
        let args = ["import", "--from", &self.old, "--to", &self.new];
        chronosctl(&[&args[..], flags].concat())
    }
}

fn lines(ran: &Ran) -> Vec<Value> {
    let lines = ran.out.lines();
    lines
        .map(|line| serde_json::from_str(line).expect(line))
        .collect()
}

#[tokio::test]
async fn takes_over_what_chronos_left() {
    let bench = Bench::new().await;
    let dry = bench.import(&["--dry-run"]);
    assert_eq!(dry.code, Some(3), "{}{}", dry.out, dry.err);
    for said in [
        "nightly #1  create  2999-01-01T05:00:00.000Z  the same",
        "child       create  after its parents         the same",
        "not taken: J_orphan: its parents are not there: gone",
        "2 to create, 0 to replace, 0 unchanged, 0 different and left alone, 1 not taken; nothing was written",
    ] {
        assert!(dry.out.contains(said), "{said}\n{}", dry.out);
    }
    let check = |code| {
        let ran = chronosctl(&["store", "check", "--store", &bench.new]);
        assert_eq!(ran.code, Some(code), "{}{}", ran.out, ran.err);
    };
    check(3);

    let done = lines(&bench.import(&["--json"]));
    assert_eq!(done.len(), 3, "{done:?}");
    assert_eq!(
        (&done[0]["job"], &done[0]["action"]),
        (&json!("child"), &json!("create"))
    );
    assert_eq!(done[1]["after"], "2999-01-01T05:00:00.000Z");
    assert_eq!(done[2]["quarantined"], "J_orphan");
    check(0);
    let again = lines(&bench.import(&["--json"]));
    assert!(
        again.iter().take(2).all(|job| job["action"] == "unchanged"),
        "{again:?}"
    );

    // And from there into a folder.
    let dir = tempfile::tempdir().expect("a folder");
    let path = |name: &str| dir.path().join(name).to_str().expect("text").to_owned();
    let (file, folder) = (path("backup"), path("data"));
    let backup = chronosctl(&["store", "backup", "--store", &bench.new, "--to", &file]);
    assert_eq!(backup.code, Some(0), "{}", backup.err);
    let restore = chronosctl(&["store", "restore", "--from", &file, "--store", &folder]);
    assert_eq!(restore.code, Some(0), "{}", restore.err);
    assert!(restore.out.contains(": 2 jobs, "), "{}", restore.out);
}

#[tokio::test]
async fn closes_what_is_for_one_user() {
    let bench = Bench::new().await;
    let open = bench.import(&["--to-private"]);
    assert_eq!(open.code, Some(3));
    assert!(open.err.contains("give a user"), "{}", open.err);
    let done = bench.import(&["--to-private", "--to-auth", "cron:secret"]);
    assert!(done.out.contains("2 created"), "{}{}", done.out, done.err);
    let check =
        |auth: &[&str]| chronosctl(&[&["store", "check", "--store", &bench.new], auth].concat());
    let ours = check(&["--zk-auth", "cron:secret"]);
    assert_eq!(ours.code, Some(0), "{}", ours.err);
    let theirs = check(&[]);
    assert_eq!(theirs.code, Some(1));
    assert!(theirs.err.contains("not authorized"), "{}", theirs.err);
}

#[tokio::test]
async fn touches_nothing_that_somebody_uses() {
    let bench = Bench::new().await;
    let address = |text: &str| text.parse::<ZkAddress>().expect("an address");
    let candidate = "/candidate/_c_0-latch-0000000001";
    bench
        .make(&address(&bench.new), candidate, b"ours:4400")
        .await;
    let used = bench.import(&[]);
    assert_eq!(used.code, Some(3));
    assert!(used.err.contains("is in use by ours:4400"), "{}", used.err);
    bench
        .make(&address(&bench.old), candidate, b"theirs:8080")
        .await;
    let runs = bench.import(&[]);
    assert_eq!(runs.code, Some(3));
    assert!(
        runs.err.contains("Chronos still runs there (theirs:8080)"),
        "{}",
        runs.err
    );
    // Looking is allowed.
    assert!(bench.import(&["--dry-run"]).out.contains("2 to create"));
}
