//! What happens to a subscription.

use super::*;

pub(super) fn all() -> Vec<Case> {
    [
        subscribed_events(),
        receipts(),
        subscribed_breaks(),
        records_that_drip(),
        subscribed_leaders(),
        requests(),
        launches(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn subscribed_events() -> Vec<Case> {
    let at = || Rig::at(At::Subscribed);
    let mut doubted = Rig::launching();
    doubted.answer(202, "");
    doubted.event(&update("t1", TaskState::TaskRunning, Some(1)));
    doubted.outputs.clear();
    let mut failing = Rig::launching();
    failing.answer(202, "");
    failing.outputs.clear();
    vec![
        case(at(), data(ONE, &heartbeat()), At::Subscribed, ""),
        case(at(), data(ONE, &subscribed("F")), At::Subscribed, ""),
        case(at(), raw(ONE, b"0\n2\n\x08\x08"), At::Subscribed, ""),
        case(
            at(),
            data(ONE, &offers(&["O1", "O2"])),
            At::Subscribed,
            "tell 2 offers",
        ),
        // Those that are there are no new ones.
        case(
            Rig::with_offers(),
            data(ONE, &offers(&["O1", "O3", "O3"])),
            At::Subscribed,
            "tell 1 offers",
        ),
        case(
            Rig::with_offers(),
            data(ONE, &offers(&["O1"])),
            At::Subscribed,
            "",
        ),
        case(
            Rig::with_offers(),
            data(ONE, &rescind("O1")),
            At::Subscribed,
            "tell rescinded O1",
        ),
        case(
            at(),
            data(ONE, &update("t1", TaskState::TaskRunning, Some(1))),
            At::Subscribed,
            "tell t1 TASK_RUNNING",
        ),
        case(
            doubted,
            data(ONE, &update("t1", TaskState::TaskError, None)),
            At::Subscribed,
            "tell t1 TASK_ERROR (doubtful)",
        ),
        case(
            failing,
            data(ONE, &agent_failed("S1")),
            At::Subscribed,
            "tell failure\nsend RECONCILE t1",
        ),
        // Perhaps it was an update.
        case(
            at(),
            raw(ONE, b"2\n\x08\x01"),
            At::Subscribed,
            "tell undecodable: event without `subscribed`\ntell reconciled\nsend RECONCILE",
        ),
        case(
            at(),
            raw(ONE, b"2\n\x08\x63"),
            At::Subscribed,
            "tell unknown event 99",
        ),
    ]
}

fn receipts() -> Vec<Case> {
    let mut known = Rig::launching();
    known.answer(202, "");
    known.event(&update("t1", TaskState::TaskRunning, Some(1)));
    known.outputs.clear();
    let receipt = known.receipts[0].clone();
    let mut ended = Rig::launching();
    ended.answer(202, "");
    ended.event(&update("t1", TaskState::TaskFinished, Some(2)));
    ended.outputs.clear();
    let end_receipt = ended.receipts[0].clone();
    let mut master = Rig::at(At::Subscribed);
    master.event(&update("t1", TaskState::TaskGone, None));
    master.outputs.clear();
    let no_receipt = master.receipts[0].clone();
    vec![
        // On record, so the agent may forget it; one that nobody repeats is not acknowledged.
        case(
            known,
            Input::Recorded(receipt),
            At::Subscribed,
            "send ACKNOWLEDGE t1",
        ),
        case(
            ended,
            Input::Recorded(end_receipt),
            At::Subscribed,
            "send ACKNOWLEDGE t1",
        ),
        case(master, Input::Recorded(no_receipt), At::Subscribed, ""),
    ]
}

fn subscribed_breaks() -> Vec<Case> {
    let at = || Rig::at(At::Subscribed);
    let mut alive = at();
    alive.wait(Duration::from_secs(74));
    alive.give(raw(ONE, b"1"));
    vec![
        case(
            at(),
            closed(ONE),
            At::Backoff,
            "tell disconnected: connection closed: reset\nclose 1\ntell waiting: connection closed: reset",
        ),
        case(
            Rig::launching(),
            closed(ONE),
            At::Backoff,
            "tell disconnected: connection closed: reset\ntell request 1: Ambiguous\nclose 1\n\
             tell waiting: connection closed: reset",
        ),
        case(
            at(),
            data(ONE, &error("Framework failed over")),
            At::Fatal,
            "tell disconnected: the master says: Framework failed over\nclose 1\n\
             tell refused: another scheduler subscribed with the same id",
        ),
        case(
            at(),
            data(ONE, &error("who knows")),
            At::Backoff,
            "tell disconnected: the master says: who knows\nclose 1\ntell waiting: the master says: who knows",
        ),
        case(
            at(),
            raw(ONE, b"x"),
            At::Backoff,
            "tell disconnected: record length holds byte 0x78 at byte 32 of the stream\nclose 1\n\
             tell waiting: record length holds byte 0x78 at byte 32 of the stream",
        ),
        after(74_999, at(), Input::Tick, At::Subscribed, ""),
        after(
            75_000,
            at(),
            Input::Tick,
            At::Backoff,
            "tell disconnected: no heartbeat\nclose 1\ntell waiting: no heartbeat",
        ),
        // A byte is a sign of life, whatever it belongs to.
        after(74_999, alive, Input::Tick, At::Subscribed, ""),
        case(
            at(),
            Input::FenceLost,
            At::Stopped,
            "close 1\ntell disconnected: stopped\ntell deposed",
        ),
        // Before anything of it: nothing more is to arrive.
        case(
            Rig::launching(),
            Input::FenceLost,
            At::Stopped,
            "close 1\ntell disconnected: stopped\ntell request 1: Ambiguous\ntell deposed",
        ),
    ]
}

fn records_that_drip() -> Vec<Case> {
    let at = || Rig::at(At::Subscribed);
    // A byte now and then, of a record that does not end.
    let dripping = |seconds: u64| {
        let mut rig = at();
        for _ in 0..seconds / 50 {
            rig.give(raw(ONE, b"1"));
            rig.wait(Duration::from_secs(50));
        }
        rig.outputs.clear();
        rig
    };
    let mut whole = at();
    whole.give(raw(ONE, b"2\n\x08"));
    whole.wait(Duration::from_secs(70));
    whole.give(raw(ONE, b"\x082\n\x08"));
    vec![
        after(
            0,
            dripping(300),
            Input::Tick,
            At::Backoff,
            "tell disconnected: the rest of a record took too long\nclose 1\ntell waiting: the rest of a record took \
             too long",
        ),
        after(20_000, dripping(250), Input::Tick, At::Subscribed, ""),
        after(60_000, whole, Input::Tick, At::Subscribed, ""),
    ]
}

fn subscribed_leaders() -> Vec<Case> {
    let at = || Rig::at(At::Subscribed);
    let mut rumour = at();
    rumour.give(leader("m2:5050", Some("M2")));
    let mut again = at();
    again.give(leader("m2:5050", Some("M2")));
    again.give(leader("m1:5050", Some("M1")));
    let mut nobody = at();
    nobody.give(leader("m2:5050", Some("M2")));
    let mut left = at();
    left.give(leader("m2:5050", Some("M2")));
    left.give(Input::NoLeader);
    vec![
        case(at(), leader("m2:5050", Some("M2")), At::Subscribed, ""),
        // A master behind a redirect is no news.
        case(at(), leader("m2:5050", None), At::Subscribed, ""),
        after(1_000, again, Input::Tick, At::Subscribed, ""),
        // Whoever is said to lead by nobody any more is not turned to.
        case(nobody, Input::NoLeader, At::Subscribed, ""),
        after(1_000, left, Input::Tick, At::Subscribed, ""),
        after(
            1_000,
            rumour,
            Input::Tick,
            At::Backoff,
            "tell disconnected: another master leads\nclose 1",
        ),
    ]
}

fn requests() -> Vec<Case> {
    let at = || Rig::at(At::Subscribed);
    let ask = |rig, request, says| case(rig, Input::Request(request), At::Subscribed, says);
    let mut wanted = at();
    wanted.give(Input::Request(demand(&["r1"])));
    wanted.answer(202, "");
    wanted.outputs.clear();
    let mut eager = at();
    eager.give(Input::Request(demand(&["r1"])));
    eager.answer(202, "");
    eager.give(Input::Request(Request::Refresh));
    eager.outputs.clear();
    let watch = || Request::Watch {
        task: task("t1"),
        agent: None,
    };
    let mut watched = at();
    watched.give(Input::Request(watch()));
    watched.answer(202, "");
    watched.outputs.clear();
    vec![
        ask(at(), demand(&["r1", "not ours"]), "send REVIVE r1"),
        ask(wanted, demand(&[]), "send SUPPRESS r1"),
        after(5_000, eager, Input::Tick, At::Subscribed, "send REVIVE r1"),
        ask(at(), watch(), "send RECONCILE t1"),
        after(4_999, watched, Input::Tick, At::Subscribed, ""),
        ask(at(), Request::Reconcile, "tell reconciled\nsend RECONCILE"),
        ask(at(), Request::Unwatch { task: task("t1") }, ""),
        ask(
            at(),
            Request::Kill {
                task: task("t1"),
                policy: None,
            },
            "send KILL t1",
        ),
        ask(
            at(),
            Request::AgreeToLeave {
                offers: vec![offer_id("I1")],
            },
            "send ACCEPT_INVERSE_OFFERS",
        ),
        ask(
            at(),
            Request::UpdateFramework {
                request: RequestId(1),
                info: Box::new(crate::kit::info()),
            },
            "send UPDATE_FRAMEWORK",
        ),
        ask(
            at(),
            Request::Teardown {
                request: RequestId(1),
            },
            "send TEARDOWN",
        ),
        ask(at(), Request::Retry, ""),
        ask(at(), Request::ForgetFramework, ""),
    ]
}

fn launches() -> Vec<Case> {
    let ask = |rig, request, says| case(rig, Input::Request(request), At::Subscribed, says);
    let decline = |offer: &str| Request::Decline {
        offers: vec![offer_id(offer)],
        refuse_seconds: 1.0,
    };
    let mut both = launch(1, "O1", "t1");
    if let Request::Launch { offers, .. } = &mut both {
        offers.push(offer_id("O9"));
    }
    let mut used = Rig::launching();
    used.answer(202, "");
    used.outputs.clear();
    let mut silent = Rig::launching();
    silent.answer(202, "");
    silent.wait(Duration::from_secs(59));
    silent.give(raw(ONE, b"1"));
    silent.give(Input::Tick);
    silent.answer(202, "");
    silent.outputs.clear();
    vec![
        ask(Rig::with_offers(), launch(1, "O1", "t1"), "send ACCEPT O1"),
        ask(
            Rig::with_offers(),
            launch(1, "O9", "t1"),
            "tell request 1: NotSent(StaleOffer)",
        ),
        ask(
            Rig::with_offers(),
            both,
            "tell request 1: NotSent(StaleOffer)\nsend DECLINE O1",
        ),
        ask(
            used,
            launch(2, "O1", "t2"),
            "tell request 2: NotSent(StaleOffer)",
        ),
        ask(Rig::with_offers(), decline("O1"), "send DECLINE O1"),
        ask(Rig::with_offers(), decline("O9"), ""),
        after(29_999, Rig::with_offers(), Input::Tick, At::Subscribed, ""),
        after(
            30_000,
            Rig::with_offers(),
            Input::Tick,
            At::Subscribed,
            "tell rescinded O1\ntell rescinded O2\nsend DECLINE O1 O2",
        ),
        // Received is not launched: a minute of silence is asked about.
        after(
            1_000,
            silent,
            Input::Tick,
            At::Subscribed,
            "send RECONCILE t1",
        ),
    ]
}
