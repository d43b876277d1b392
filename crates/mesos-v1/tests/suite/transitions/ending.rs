//! Getting out of a subscription.

use super::*;

pub(super) fn all() -> Vec<Case> {
    [ends(), ends_at_once(), fatal()]
        .into_iter()
        .flatten()
        .collect()
}

/// A driver that stops while a launch is under way and an update waits for its record.
fn draining() -> Rig {
    let mut rig = Rig::launching();
    rig.event(&update("t0", TaskState::TaskFinished, Some(1)));
    rig.give(Input::Stop);
    rig.outputs.clear();
    assert_eq!(rig.driver.state(), At::Draining);
    rig
}

fn ends() -> Vec<Case> {
    let mut waiting = Rig::launching();
    waiting.give(Input::Request(launch(2, "O2", "t2")));
    waiting.outputs.clear();
    let receipt = draining().receipts[0].clone();
    let answered = |rig: &Rig, status| Input::CallAnswered {
        subscription: ONE,
        call: rig.call,
        answer: answer(status, ""),
    };
    let mut owed = draining();
    owed.give(Input::Recorded(receipt.clone()));
    let mut settled = draining();
    settled.give(Input::Recorded(receipt.clone()));
    settled.give(answered(&draining(), 202));
    settled.outputs.clear();
    let acknowledged = answered(&settled, 202);
    owed.outputs.clear();
    let answers = answered(&draining(), 202);
    let refused = answered(&draining(), 403);
    vec![
        case(
            Rig::at(At::Subscribed),
            Input::Stop,
            At::Stopped,
            "tell disconnected: stopped\nclose 1",
        ),
        case(
            waiting,
            Input::Stop,
            At::Draining,
            "tell request 2: NotSent(Stopping)",
        ),
        case(
            draining(),
            answers.clone(),
            At::Stopped,
            "tell request 1: Received\ntell disconnected: stopped\nclose 1",
        ),
        case(owed, answers, At::Draining, "tell request 1: Received"),
        case(
            settled,
            acknowledged,
            At::Stopped,
            "tell disconnected: stopped\nclose 1",
        ),
        case(
            draining(),
            refused,
            At::Stopped,
            "tell request 1: NotSent(Disconnected)\ntell disconnected: stopped\nclose 1",
        ),
    ]
}

fn ends_at_once() -> Vec<Case> {
    let receipt = draining().receipts[0].clone();
    let lost = Input::CallLost {
        subscription: ONE,
        call: draining().call,
        written: Written::Perhaps,
    };
    let ambiguous = "tell disconnected: stopped\ntell request 1: Ambiguous\nclose 1";
    vec![
        case(draining(), lost, At::Stopped, ambiguous),
        case(
            draining(),
            Input::Recorded(receipt),
            At::Draining,
            "send ACKNOWLEDGE t0",
        ),
        case(
            draining(),
            data(ONE, &update("t1", TaskState::TaskRunning, Some(2))),
            At::Draining,
            "tell t1 TASK_RUNNING",
        ),
        case(draining(), data(ONE, &offers(&["O3"])), At::Draining, ""),
        case(draining(), data(ONE, &error("x")), At::Stopped, ambiguous),
        case(draining(), raw(ONE, b"x"), At::Stopped, ambiguous),
        case(draining(), closed(ONE), At::Stopped, ambiguous),
        case(
            draining(),
            Input::FenceLost,
            At::Stopped,
            "close 1\ntell disconnected: stopped\ntell request 1: Ambiguous\ntell deposed",
        ),
        case(
            draining(),
            Input::Request(launch(2, "O2", "t2")),
            At::Draining,
            "tell request 2: NotSent(Stopping)",
        ),
        after(5_000, draining(), Input::Tick, At::Stopped, ambiguous),
    ]
}

fn fatal() -> Vec<Case> {
    let at = |text: &str| {
        let mut rig = Rig::at(At::AwaitSubscribed);
        rig.event(&error(text));
        rig.outputs.clear();
        rig
    };
    let removed = || at("Framework has been removed");
    let mut erasing = removed();
    erasing.give(Input::Request(Request::ForgetFramework));
    erasing.outputs.clear();
    let ask = Input::Request;
    vec![
        after(9_999_999, removed(), Input::Tick, At::Fatal, ""),
        case(removed(), ask(Request::Retry), At::Fatal, ""),
        case(removed(), ask(Request::ForgetFramework), At::Fatal, "erase"),
        case(erasing, Input::IdErased, At::Detecting, "detect"),
        // Nobody asked for it.
        case(removed(), Input::IdErased, At::Fatal, ""),
        after(
            9_999_999,
            at("Framework failed over"),
            Input::Tick,
            At::Fatal,
            "",
        ),
        case(
            at("Framework failed over"),
            ask(Request::Retry),
            At::Detecting,
            "detect",
        ),
        case(
            at("Framework failed over"),
            ask(Request::ForgetFramework),
            At::Fatal,
            "",
        ),
        case(
            at("Roles { r1 } are"),
            ask(Request::Retry),
            At::Detecting,
            "detect",
        ),
        after(59_999, at("Roles { r1 } are"), Input::Tick, At::Fatal, ""),
        after(
            60_000,
            at("Roles { r1 } are"),
            Input::Tick,
            At::Detecting,
            "detect",
        ),
        case(
            removed(),
            ask(launch(1, "O1", "t1")),
            At::Fatal,
            "tell request 1: NotSent(NotSubscribed)",
        ),
        case(removed(), Input::Stop, At::Stopped, ""),
        case(removed(), Input::FenceLost, At::Stopped, "tell deposed"),
    ]
}
