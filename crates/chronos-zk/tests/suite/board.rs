//! Notes that daemons leave for each other, on a real server.

use std::time::Duration;

use chronos_model::RunKey;
use chronos_zk::{Board, Note, Notes, ZkAddress};

use crate::server::{Fresh as _, shared};

fn board(address: &ZkAddress, agent: &str) -> Board {
    let host = format!("{agent}:1");
    Board::start(address.clone(), Duration::from_secs(5), agent, &host)
}

fn key(due: i64) -> RunKey {
    format!("ct:{due}:0:a b:").parse().unwrap()
}

async fn until_here(board: &Board, agent: &str, is_here: bool) {
    loop {
        if board
            .host(agent)
            .await
            .is_ok_and(|host| host.is_some() == is_here)
        {
            return;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn notes_wait_for_whom_they_are_for() {
    let address = shared().fresh();
    let leader = board(&address, "h1-a");
    let other = board(&address, "h2/b");
    until_here(&leader, "h2/b", true).await;
    assert_eq!(leader.host("h2/b").await, Ok(Some("h2/b:1".to_owned())));
    let notes = |text: &str| [1, 2].map(|due| (key(due), text.to_owned())).to_vec();
    leader.put("h2/b", Notes::Asks, notes("one")).await.unwrap();
    leader.put("h2/b", Notes::Asks, notes("two")).await.unwrap();
    let mut found = other.notes(other.own(), Notes::Asks).await.unwrap();
    found.sort_by_key(|note| note.key.due);
    let note = |due| Note {
        key: key(due),
        text: "two".to_owned(),
        version: 1,
    };
    assert_eq!(found, [note(1), note(2)]);
    assert_eq!(other.notes(other.own(), Notes::News).await, Ok(Vec::new()));
    // One that was written again since it was read stays.
    let take = |version| vec![(key(1), version), (key(3), None)];
    other
        .take("h2/b", Notes::Asks, take(Some(0)))
        .await
        .unwrap();
    assert_eq!(other.notes("h2/b", Notes::Asks).await.unwrap().len(), 2);
    other
        .take("h2/b", Notes::Asks, take(Some(1)))
        .await
        .unwrap();
    assert_eq!(other.notes("h2/b", Notes::Asks).await, Ok(vec![note(2)]));
    let mut agents = leader.agents().await.unwrap();
    agents.sort();
    assert_eq!(agents, ["h1-a", "h2/b"]);
}

#[tokio::test]
async fn who_goes_is_missed_until_it_is_back_or_forgotten() {
    let address = shared().fresh();
    let leader = board(&address, "a");
    let other = board(&address, "b");
    until_here(&leader, "b", true).await;
    drop(other);
    until_here(&leader, "b", false).await;
    assert_eq!(leader.gone_since("b", 7).await, Ok(7));
    assert_eq!(
        leader.gone_since("b", 9).await,
        Ok(7),
        "the first time counts"
    );
    let other = board(&address, "b");
    until_here(&leader, "b", true).await;
    while leader.gone_since("b", 11).await == Ok(7) {
        tokio::task::yield_now().await;
    }
    drop(other);
    until_here(&leader, "b", false).await;
    let note = vec![(key(1), "never read".to_owned())];
    leader.put("b", Notes::Asks, note).await.unwrap();
    leader.forget("b").await.unwrap();
    assert_eq!(leader.agents().await, Ok(vec!["a".to_owned()]));
    // Of one that never was here somebody may still have to be told.
    assert_eq!(leader.gone_since("c", 13).await, Ok(13));
}

#[tokio::test]
async fn a_note_that_no_packet_holds_is_refused_and_hurts_nobody() {
    let address = shared().fresh();
    let board = board(&address, "h1-a");
    until_here(&board, "h1-a", true).await;
    let put = async |len| {
        let note = vec![(key(1), "x".repeat(len))];
        board.put("h1-a", Notes::News, note).await
    };
    let refused = put(1_100_000).await.unwrap_err();
    let want = "more than the 1048575 of a packet";
    assert!(refused.problem.contains(want), "{}", refused.problem);
    // On the same connection: its session would have told of another one.
    put(1000).await.unwrap();
    assert_eq!(board.notes("h1-a", Notes::News).await.unwrap().len(), 1);
}
