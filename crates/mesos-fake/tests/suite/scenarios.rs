//! The driver and the fake together, over real HTTP: what must come out whatever goes wrong.
//!
//! The scenarios that a framework has to get through, and where each is played: here, in `chronos-mesos` (the adapter and
//! the fake), or in `chronosd` (the daemon and the fake).
//!
//! | | scenario | tests |
//! |---|---|---|
//! | 1 | cold start, one run, one process | `a_process_is_started_once_and_its_end_is_told`; `chronosd`: `jobs_run_on_mesos_and_outlive_the_daemon` |
//! | 2 | master failover in the middle of a run | `a_master_failover_loses_no_run`, here and in `chronos-mesos` |
//! | 3 | crash between a launch and its answer | `a_lost_answer_to_a_launch_is_no_second_launch`, `a_launch_that_is_late_comes_to_nothing_after_the_fence`; `chronos-mesos`: `a_launch_of_which_nothing_is_known_after_a_restart_is_dropped_or_found` |
//! | 4 | crash between an end and its acknowledgement | `a_crash_before_the_acknowledgement_loses_no_end`; `chronos-mesos`: `an_end_that_was_not_on_record_is_told_again_after_a_restart` |
//! | 5 | agent away for 20 minutes | `an_agent_that_is_away_for_twenty_minutes_comes_back`; `chronos-mesos`: `an_agent_that_comes_back_brings_its_tasks`, `an_agent_that_stays_away_loses_its_tasks_and_one_that_comes_late_is_rid_of_them` |
//! | 6 | agent lost for ever across a master failover | `an_agent_that_never_finds_the_new_master_is_noticed`; `chronos-mesos`: `an_agent_that_never_finds_the_new_master_loses_its_tasks` |
//! | 7 | framework removed | `a_removed_framework_stays_away_until_it_is_forgotten`; `chronosd`: `a_framework_that_was_removed_is_forgotten_by_order` |
//! | 8 | two schedulers with one id | `of_two_schedulers_one_stays`; `chronos-mesos`: `of_two_with_one_id_the_first_stops` |
//! | 9 | ZooKeeper away for an hour | that of the masters, `chronos-mesos`: `the_leader_is_followed_and_a_lost_server_changes_nothing`; that of the store, `chronosd`: `servers_that_are_away_for_long_change_nothing_for_runs` |
//! | 10 | 10,000 runs at once on 500 agents | `chronosd`: `ten_thousand_runs_come_at_once`; `cargo bench --bench mesos_launch` has 20,000 jobs due at one instant |
//! | 11 | no heartbeats | `a_stream_without_heartbeats_is_replaced` |
//! | 12 | every kind of failure in the history | `chronos-mesos`: `what_went_wrong_is_told` |
//! | 13 | suppress and revive | `who_wants_no_offers_gets_none`; `chronos-mesos`: `offers_go_back_and_none_come_when_nothing_waits` |
//! | 14 | kill of a task out of reach | `a_kill_reaches_a_task_that_comes_back`; `chronos-mesos`: `a_task_on_an_agent_out_of_reach_is_killed_when_that_comes_back` |
//! | 15 | the same store under another version | `chronosd`: `versions_alternate_over_a_folder`, `versions_alternate_over_zookeeper` (with an older program by `CHRONOSD_OTHER`) |
//! | 16 | masters of Mesos 1.0 to 1.4 | `an_old_master_is_asked_for_nothing_that_it_does_not_know`; `chronos-mesos`: `old_masters_are_asked_for_nothing_that_they_do_not_know` |

use std::{collections::BTreeSet, fs, net::SocketAddr, time::Duration};

use bytes::Bytes;
use http_body_util::BodyExt as _;
use mesos_fake::{
    Fake, Fault, Mode, Plan,
    cluster::{AgentSpec, Settings},
    script::{Behaviour, Script},
};
use mesos_v1::{
    call::CONTENT_TYPE,
    driver::{Input, NotSent, Outcome, Request, StateKind},
    proto::{TaskId, TaskState, agent, scheduler::call::Type},
};
use prost::Message as _;

use crate::{client::request, shell::Shell};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_process_is_started_once_and_its_end_is_told() {
    let mut script = Script::default();
    script.set("", Behaviour::Process);
    let mut shell = Shell::start(fake(script, 0).await).await;
    let traces = tempfile::NamedTempFile::new().expect("a file");
    let command = format!("echo started >> {}; echo out", traces.path().display());
    let agent = agent_of(&shell);
    shell.launch("t", &command).await;
    while shell.news_of("t") != "STARTING* RUNNING* FINISHED*" {
        // The process takes its own time.
        shell.settle().await;
        tokio::task::yield_now().await;
    }
    shell.settle().await;
    assert_eq!(
        fs::read_to_string(traces.path()).expect("a file"),
        "started\n"
    );
    let folder = format!("/frameworks/{}/executors/t/runs/latest", shell.id());
    let stdout = format!("{folder}/stdout");
    check_files(agent, &folder, &stdout).await;
    assert_eq!(shell.running(), [], "acknowledged, and forgotten");
}

// What the agent says of a sandbox that holds `out` in its `stdout`.
async fn check_files(agent: SocketAddr, folder: &str, stdout: &str) {
    let get = async |what: String| {
        let answer = request(agent, "GET", &what, &[], Bytes::new()).await;
        (answer.status.as_u16(), answer.text().await)
    };
    let read = |more: &str| format!("/files/read?path={stdout}{more}");
    let whole = (200, r#"{"data":"out\n","offset":0}"#.to_owned());
    assert_eq!(get(read("&offset=0")).await, whole);
    let end = (200, r#"{"data":"","offset":4}"#.to_owned());
    assert_eq!(get(read("")).await, end);
    assert_eq!(get(read("&offset=-1&length=3")).await, end);
    assert_eq!(get(read("&offset=x")).await.0, 400);
    assert_eq!(get("/files/read?path=/frameworks/none".into()).await.0, 404);
    assert_eq!(
        get("/files/read?path=/../../etc/passwd".into()).await.0,
        400
    );
    let download = get(format!("/files/download?path={stdout}")).await;
    assert_eq!(download, (200, "out\n".to_owned()));
    let (status, list) = get(format!("/files/browse?path={folder}")).await;
    assert_eq!(status, 200);
    assert!(
        list.contains(&format!("\"path\":\"{folder}/stderr\"")),
        "{list}"
    );
    let call = agent::Call {
        r#type: Some(agent::call::Type::ReadFile.into()),
        read_file: Some(agent::call::ReadFile {
            path: stdout.into(),
            offset: 1,
            length: Some(2),
        }),
        ..agent::Call::default()
    };
    let kind = [("content-type".to_owned(), CONTENT_TYPE.to_owned())];
    let answer = request(agent, "POST", "/api/v1", &kind, call.encode_to_vec().into()).await;
    let body = answer.body.collect().await.expect("a body").to_bytes();
    let response = agent::Response::decode(body).expect("an answer");
    let part = response.read_file.expect("it was asked for");
    assert_eq!((part.size, part.data), (4, b"ut".to_vec()));
}

fn agent_of(shell: &Shell) -> SocketAddr {
    let url = shell.offers[0].url.as_ref().expect("an address");
    let port = u16::try_from(url.address.port).expect("a port");
    SocketAddr::from(([127, 0, 0, 1], port))
}

#[tokio::test]
async fn a_master_failover_loses_no_run() {
    let mut shell = Shell::start(fake(hanging(), 1).await).await;
    shell.launch("t", "sleep 600").await;
    assert_eq!(shell.news_of("t"), "STARTING* RUNNING*");
    shell.fake.fail_over(0, 1);
    shell.leader = shell.fake.address(1);
    shell.wait(MINUTE).await;
    assert_eq!(shell.state(), StateKind::Subscribed);
    assert_eq!(
        shell.news_of("t"),
        "STARTING* RUNNING*",
        "nobody knows it, and nobody says so"
    );
    let agent = only_agent(&shell);
    shell
        .fake
        .cluster(|cluster| cluster.agent_finds_master(&agent));
    shell.wait(2 * MINUTE).await;
    assert_eq!(shell.news_of("t"), "STARTING* RUNNING* RUNNING");
    assert_eq!(shell.running(), [("t".to_owned(), TaskState::TaskRunning)]);
}

#[tokio::test]
async fn a_lost_answer_to_a_launch_is_no_second_launch() {
    let mut shell = Shell::start(fake(hanging(), 0).await).await;
    shell.fake.fault(Type::Accept, 0, Fault::CloseAfter);
    let request = shell.launch("t", "sleep 600").await;
    shell.wait(SECOND).await;
    assert_eq!(shell.outcomes, [(request, Outcome::Ambiguous)]);
    assert_eq!(shell.calls(Type::Subscribe).len(), 2, "the fence");
    assert_eq!(shell.calls(Type::Accept).len(), 1);
    assert!(
        shell.news_of("t").ends_with("RUNNING"),
        "{}",
        shell.news_of("t")
    );
    assert_eq!(shell.running().len(), 1);
}

#[tokio::test]
async fn a_launch_that_is_late_comes_to_nothing_after_the_fence() {
    let mut shell = Shell::start(fake(hanging(), 0).await).await;
    shell.fake.fault(Type::Accept, 0, Fault::Hold);
    shell.hangs = true;
    let request = shell.launch("t", "sleep 600").await;
    shell
        .fake
        .until(|_cluster, calls| {
            calls
                .iter()
                .any(|seen| seen.kind == Type::Accept)
                .then_some(())
        })
        .await;
    shell.wait(31 * SECOND).await;
    shell.hangs = false;
    assert_eq!(shell.outcomes, [(request, Outcome::Ambiguous)]);
    shell.fake.release();
    shell.wait(MINUTE).await;
    assert_eq!(
        shell.running(),
        [],
        "the master refuses calls of the old subscription"
    );
    assert_eq!(shell.news_of("t"), "GONE");
}

#[tokio::test]
async fn a_launch_that_was_swallowed_is_asked_about() {
    let mut shell = Shell::start(fake(hanging(), 0).await).await;
    shell.fake.fault(Type::Accept, 0, Fault::Swallow);
    let request = shell.launch("t", "sleep 600").await;
    assert_eq!(shell.outcomes, [(request, Outcome::Received)]);
    shell.wait(59 * SECOND).await;
    assert_eq!(shell.news_of("t"), "");
    shell.wait(2 * SECOND).await;
    assert_eq!(shell.news_of("t"), "GONE");
}

#[tokio::test]
async fn a_crash_before_the_acknowledgement_loses_no_end() {
    let mut script = Script::default();
    script.set("", Behaviour::finishes(SECOND));
    let mut shell = Shell::start(fake(script, 0).await).await;
    shell.launch("t", "true").await;
    shell.records = false;
    shell.wait(2 * SECOND).await;
    assert_eq!(shell.news_of("t"), "STARTING* RUNNING* FINISHED*");
    let mut next = shell.crash().await;
    next.wait(SECOND).await;
    assert!(
        next.news_of("t").starts_with("FINISHED*"),
        "{}",
        next.news_of("t")
    );
    assert_eq!(next.running(), [], "acknowledged now");
    assert_eq!(next.calls(Type::Subscribe).len(), 2);
    assert_eq!(
        next.fake.cluster(|cluster| cluster.frameworks()).len(),
        1,
        "the same framework"
    );
}

#[tokio::test]
async fn an_agent_that_is_away_for_twenty_minutes_comes_back() {
    let (mut shell, agent) = partitioned().await;
    shell.wait(20 * MINUTE).await;
    let news = shell.news_of("t");
    assert!(news.starts_with("STARTING* RUNNING* UNREACHABLE"), "{news}");
    assert!(!news.contains("LOST") && !news.contains("GONE"), "{news}");
    shell.fake.cluster(|cluster| cluster.return_agent(&agent));
    shell.wait(SECOND).await;
    assert!(shell.news_of("t").ends_with("RUNNING"));
    assert_eq!(shell.state(), StateKind::Subscribed);
}

#[tokio::test]
async fn an_agent_that_never_finds_the_new_master_is_noticed() {
    let mut shell = Shell::start(fake(hanging(), 1).await).await;
    shell.launch("t", "sleep 6000").await;
    let agent = only_agent(&shell);
    shell
        .fake
        .cluster(|cluster| cluster.lose_agent(&agent, false));
    shell.fake.fail_over(0, 1);
    shell.leader = shell.fake.address(1);
    shell.wait(9 * MINUTE).await;
    assert_eq!(shell.news_of("t"), "STARTING* RUNNING*", "silence");
    // The master gives it up after ten minutes, and says so of the agent alone.
    shell.wait(2 * MINUTE).await;
    assert_eq!(shell.news_of("t"), "STARTING* RUNNING* UNREACHABLE");
}

#[tokio::test]
async fn a_removed_framework_stays_away_until_it_is_forgotten() {
    let mut shell = Shell::start(fake(hanging(), 0).await).await;
    let id = shell.id();
    shell.fake.cluster(|cluster| cluster.teardown(&id));
    shell.wait(SECOND).await;
    assert_eq!(shell.state(), StateKind::Fatal);
    let count = shell.calls(Type::Subscribe).len();
    shell.wait(60 * MINUTE).await;
    shell.ask(Request::Retry);
    shell.wait(MINUTE).await;
    assert_eq!(
        shell.calls(Type::Subscribe).len(),
        count,
        "nobody tries again"
    );
    shell.ask(Request::ForgetFramework);
    shell.wait(SECOND).await;
    assert_eq!(shell.state(), StateKind::Subscribed);
    assert_ne!(shell.id(), id);
}

#[tokio::test]
async fn of_two_schedulers_one_stays() {
    let mut first = Shell::start(fake(hanging(), 0).await).await;
    let call = first.calls(Type::Subscribe).remove(0).call;
    let mut info = call.subscribe.expect("it is one").framework_info;
    info.id = first.stored.clone();
    let subscribe = mesos_v1::proto::scheduler::call::Subscribe {
        framework_info: info,
        ..Default::default()
    };
    first
        .fake
        .cluster(|cluster| cluster.subscribe(&subscribe, None));
    first.wait(60 * MINUTE).await;
    assert_eq!(first.state(), StateKind::Fatal);
    assert_eq!(
        first.calls(Type::Subscribe).len(),
        1,
        "it does not throw the other one out"
    );
}

#[tokio::test]
async fn a_stream_without_heartbeats_is_replaced() {
    let mut shell = Shell::start(fake(hanging(), 0).await).await;
    shell
        .fake
        .cluster(|cluster| cluster.settings.heartbeat = 1_000 * MINUTE);
    shell.ask(Request::Demand {
        roles: BTreeSet::new(),
    });
    shell.wait(16 * SECOND).await;
    // Nothing but heartbeats would come; the marks of the test are counted as life, so they are left out.
    shell.hangs = true;
    shell.fake.advance(75 * SECOND);
    shell.give(Input::Tick);
    assert_eq!(shell.state(), StateKind::Backoff);
    shell.hangs = false;
    shell.wait(SECOND).await;
    assert_eq!(shell.state(), StateKind::Subscribed);
}

#[tokio::test]
async fn who_wants_no_offers_gets_none() {
    let mut shell = Shell::start(fake(hanging(), 0).await).await;
    assert_eq!(shell.offers.len(), 1);
    shell.ask(Request::Demand {
        roles: BTreeSet::new(),
    });
    let offers = shell.offers.iter().map(|offer| offer.id.clone()).collect();
    shell.offers.clear();
    shell.ask(Request::Decline {
        offers,
        refuse_seconds: 0.0,
    });
    shell.wait(10 * MINUTE).await;
    assert!(shell.offers.is_empty());
    shell.ask(Request::Demand {
        roles: ["*".to_owned()].into(),
    });
    shell.wait(2 * SECOND).await;
    assert_eq!(shell.offers.len(), 1);
}

#[tokio::test]
async fn a_kill_reaches_a_task_that_comes_back() {
    let (mut shell, agent) = partitioned().await;
    shell.wait(2 * MINUTE).await;
    shell.ask(Request::Kill {
        task: TaskId { value: "t".into() },
        policy: None,
    });
    shell.wait(20 * MINUTE).await;
    assert_eq!(shell.running().len(), 1);
    shell.fake.cluster(|cluster| cluster.return_agent(&agent));
    shell.wait(SECOND).await;
    assert!(
        shell.news_of("t").ends_with("RUNNING KILLING* KILLED*"),
        "{}",
        shell.news_of("t")
    );
    assert_eq!(shell.running(), []);
}

#[tokio::test]
async fn who_does_not_lead_any_more_launches_nothing() {
    let mut shell = Shell::start(fake(hanging(), 0).await).await;
    shell.leads = false;
    shell.give(Input::FenceLost);
    assert_eq!(shell.state(), StateKind::Stopped);
    shell.wait(10 * MINUTE).await;
    assert_eq!(shell.calls(Type::Subscribe).len(), 1);
    // Nor does one that finds out when it comes back.
    let mut late = Shell::start(fake(hanging(), 0).await).await;
    late.leads = false;
    late.fake.break_connections(0);
    late.wait(10 * MINUTE).await;
    assert_eq!(late.state(), StateKind::Stopped);
    assert_eq!(late.calls(Type::Subscribe).len(), 1);
}

#[tokio::test]
async fn a_stale_offer_and_bytes_one_by_one_do_no_harm() {
    let mut shell = Shell::start(fake(hanging(), 0).await).await;
    shell.fake.cut_streams(Some(1));
    let agent = only_agent(&shell);
    shell
        .fake
        .cluster(|cluster| cluster.deactivate_agent(&agent));
    // The rescind crosses the launch.
    let request = shell.launch("t", "true").await;
    shell.settle().await;
    let dropped = shell.news_of("t") == "DROPPED";
    let not_sent = shell.outcomes == [(request, Outcome::NotSent(NotSent::StaleOffer))];
    assert!(
        dropped || not_sent,
        "{} {:?}",
        shell.news_of("t"),
        shell.outcomes
    );
    assert_eq!(shell.running(), []);
}

#[tokio::test]
async fn a_redirect_leads_to_the_leader() {
    let fake = fake(hanging(), 1).await;
    let mut shell = Shell::new(fake, None);
    // The one that does not lead is asked; calls go to whom it names.
    let leader = shell.leader;
    shell.leader = shell.fake.address(1);
    shell.give(Input::Start);
    shell.leader = leader;
    shell.settle().await;
    assert_eq!(shell.state(), StateKind::Subscribed);
}

#[tokio::test]
async fn a_master_that_was_away_is_found_again() {
    let mut shell = Shell::start(fake(hanging(), 0).await).await;
    let id = shell.id();
    shell.fake.stop_master(0);
    shell.wait(5 * MINUTE).await;
    assert_eq!(shell.calls(Type::Subscribe).len(), 1, "nobody listens");
    assert_ne!(shell.state(), StateKind::Subscribed);
    let started = shell.fake.start_master(0, Mode::Leader).await;
    started.expect("its port is free");
    shell.wait(16 * SECOND).await;
    assert_eq!(shell.state(), StateKind::Subscribed);
    assert_eq!(shell.id(), id);
}

#[tokio::test]
async fn an_old_master_is_asked_for_nothing_that_it_does_not_know() {
    for version in ["1.0.4", "1.1.3", "1.2.3", "1.3.2", "1.4.3"] {
        let fake = of_version(version).await;
        let mut shell = Shell::start(fake).await;
        shell.launch("t", "sleep 600").await;
        // Masters before 1.1 do not tell lost tasks apart, and those before 1.2 know one role only.
        assert_eq!(shell.news_of("t"), "STARTING* RUNNING*", "{version}");
        shell.ask(Request::Demand {
            roles: BTreeSet::new(),
        });
        let offers = shell.offers.drain(..).map(|offer| offer.id).collect();
        shell.ask(Request::Decline {
            offers,
            refuse_seconds: 0.0,
        });
        shell.wait(10 * MINUTE).await;
        assert!(shell.offers.is_empty(), "{version}: suppressed");
        let roles = ["*".to_owned()].into();
        shell.ask(Request::Demand { roles });
        shell.wait(2 * SECOND).await;
        assert_eq!(shell.offers.len(), 1, "{version}: revived");
        let agent = only_agent(&shell);
        shell
            .fake
            .cluster(|cluster| cluster.lose_agent(&agent, true));
        shell.wait(2 * MINUTE).await;
        shell.fake.cluster(|cluster| cluster.return_agent(&agent));
        shell.wait(2 * MINUTE).await;
        let lost = if version < "1.1" {
            "LOST"
        } else {
            "UNREACHABLE"
        };
        let news = shell.news_of("t");
        assert!(news.contains(lost), "{version}: {news}");
        assert!(news.ends_with("RUNNING"), "{version}: {news}");
        let task = TaskId { value: "t".into() };
        shell.ask(Request::Kill { task, policy: None });
        shell.wait(MINUTE).await;
        assert_eq!(shell.running(), [], "{version}");
        let refused = shell.fake.calls().into_iter();
        let refused = refused.filter(|seen| !matches!(seen.status, Some(200 | 202)));
        assert_eq!(refused.count(), 0, "{version}");
        assert_eq!(shell.calls(Type::Subscribe).len(), 1, "{version}");
        assert_eq!(shell.calls(Type::UpdateFramework).len(), 0, "{version}");
    }
}

#[tokio::test]
async fn ten_minutes_of_silence_change_nothing() {
    let mut shell = Shell::start(fake(hanging(), 0).await).await;
    shell.launch("t", "sleep 6000").await;
    shell.wait(10 * MINUTE).await;
    assert_eq!(shell.state(), StateKind::Subscribed);
    assert_eq!(shell.calls(Type::Subscribe).len(), 1);
    assert_eq!(shell.news_of("t"), "STARTING* RUNNING*");
}

fn only_agent(shell: &Shell) -> String {
    shell.fake.cluster(|cluster| cluster.agent_ids()).remove(0)
}

// A task runs on an agent that nobody can reach.
async fn partitioned() -> (Shell, String) {
    let mut shell = Shell::start(fake(hanging(), 0).await).await;
    shell.launch("t", "sleep 6000").await;
    let agent = only_agent(&shell);
    shell
        .fake
        .cluster(|cluster| cluster.lose_agent(&agent, true));
    (shell, agent)
}

async fn fake(script: Script, followers: usize) -> Fake {
    Fake::start(Plan {
        settings: Settings {
            script,
            ..Settings::default()
        },
        followers,
        agents: vec![AgentSpec::plain(1)],
        ..Plan::default()
    })
    .await
    .expect("it starts")
}

async fn of_version(version: &str) -> Fake {
    Fake::start(Plan {
        settings: Settings {
            script: hanging(),
            version: version.to_owned(),
            ..Settings::default()
        },
        agents: vec![AgentSpec::plain(1)],
        ..Plan::default()
    })
    .await
    .expect("it starts")
}

fn hanging() -> Script {
    let mut script = Script::default();
    script.set("", Behaviour::hangs());
    script
}
