//! A leader whose process stands still for longer than its session: when it goes on, it starts nothing
//! and writes nothing.

use std::{
    env,
    io::{self, BufRead, BufReader, Lines, Write as _},
    process::{Child, ChildStdout, Command, Stdio},
    time::{Duration, SystemTime},
};

use chronos_store::Store;
use chronos_zk::{Election, ElectionOptions, Guard, Leadership, ZkAddress, ZkOptions, ZkStore};
use rustix::process::{Pid, Signal, kill_process};

use crate::server::{Fresh as _, Server};

const ADDRESS: &str = "CHRONOS_ZK_TEST_ADDRESS";

const SESSION: Duration = Duration::from_secs(1);

/// How many turns of the other process are looked at after it went on.
const TURNS: u32 = 200;

struct Daemon {
    election: Election,
    store: ZkStore,
}

async fn daemon(address: &ZkAddress, name: &str) -> Daemon {
    let guard = Guard::new();
    let mut options = ElectionOptions::new(address.clone(), name);
    options.session_timeout = SESSION;
    options.guard = guard.clone();
    let election = Election::join(&options).unwrap();
    let mut options = ZkOptions::new(address.clone());
    // That of the store lives on: what is refused is not refused for that.
    options.session_timeout = Duration::from_secs(60);
    options.guard = Some(guard);
    let store = ZkStore::open(&options).await.unwrap();
    Daemon { election, store }
}

async fn until_it_leads(election: &Election) {
    let mut leadership = election.leadership();
    let leads = |now: &Leadership| matches!(now, Leadership::Leading(_));
    leadership.wait_for(leads).await.unwrap();
}

/// The other process: leads, and says again and again whether it may act and what its writes come to.
#[tokio::test]
async fn leader_process() {
    let Some(address) = env::var_os(ADDRESS) else {
        return;
    };
    let address = address.to_str().unwrap().parse().unwrap();
    let Daemon { election, store } = daemon(&address, "frozen:1").await;
    // On a busy machine so short a session may end while it begins.
    let term = loop {
        until_it_leads(&election).await;
        if let Ok(term) = store.begin_term().await
            && store.commit(term, Vec::new()).await.is_ok()
        {
            break term;
        }
    };
    loop {
        let begun = now();
        let may_act = election.may_act();
        let written = store.commit(term, Vec::new()).await.is_ok();
        writeln!(io::stdout(), "\nturn {begun} {may_act} {written}").unwrap();
    }
}

// On the clock that both processes have.
fn now() -> u128 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap().as_micros()
}

/// What the other process said of one turn.
#[derive(Debug)]
struct Turn {
    begun: u128,
    may_act: bool,
    written: bool,
}

struct Other {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Other {
    fn start(address: &ZkAddress, port: u16) -> Self {
        let program = env::current_exe().unwrap();
        let mut child = Command::new(program)
            .args(["--exact", "frozen::leader_process", "--nocapture"])
            .env(ADDRESS, format!("zk://127.0.0.1:{port}{}", address.root()))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    fn turn(&mut self) -> Turn {
        let mut turns = self.lines.by_ref().map(Result::unwrap);
        let turn = turns.find_map(|line| line.strip_prefix("turn ").map(str::to_owned));
        let turn = turn.expect("it goes on");
        let parts: Vec<&str> = turn.split(' ').collect();
        Turn {
            begun: parts[0].parse().unwrap(),
            may_act: parts[1].parse().unwrap(),
            written: parts[2].parse().unwrap(),
        }
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).unwrap();
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[tokio::test]
async fn starts_and_writes_nothing_when_it_goes_on() {
    let server = Server::start();
    let address = server.fresh();
    let mut other = Other::start(&address, server.port());
    while !other.turn().written {}
    other.signal(Signal::STOP);
    // Its session ends, and the next one leads. That one has not begun a term yet.
    let ours = daemon(&address, "next:1").await;
    until_it_leads(&ours.election).await;
    let went_on = now();
    other.signal(Signal::CONT);
    let mut after = 0;
    while after < TURNS {
        let turn = other.turn();
        // The one in which it stood still may have written before.
        if turn.begun >= went_on {
            assert!(!turn.may_act && !turn.written, "{turn:?}");
            after += 1;
        }
    }
    // And the next one goes about its work.
    let term = ours.store.begin_term().await.unwrap();
    assert_eq!(ours.store.commit(term, Vec::new()).await, Ok(()));
    assert!(ours.election.may_act());
}
