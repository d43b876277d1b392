//! Getting a subscription.

use super::*;

pub(super) fn all() -> Vec<Case> {
    [
        idle(),
        fencing(),
        connecting(),
        redirected(),
        await_subscribed(),
        await_subscribed_breaks(),
        left_on_the_way(),
        storing(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn idle() -> Vec<Case> {
    let not_subscribed = "tell request 1: NotSent(NotSubscribed)";
    let launch = || Input::Request(launch(1, "O1", "t1"));
    let mut known = Rig::at(At::Backoff);
    known.tick_after(Duration::from_secs(20));
    known.outputs.clear();
    let mut moved = Rig::at(At::Backoff);
    moved.tick_after(Duration::from_secs(20));
    moved.give(leader("m2:5050", None));
    moved.outputs.clear();
    vec![
        case(Rig::at(At::Stopped), Input::Start, At::Detecting, "detect"),
        case(Rig::at(At::Stopped), launch(), At::Stopped, not_subscribed),
        case(
            Rig::at(At::Detecting),
            leader("m1:5050", None),
            At::Fencing,
            "fence? 1",
        ),
        case(known, leader("m1:5050", None), At::Fencing, "fence? 2"),
        after(
            4_999,
            Rig::at(At::Detecting),
            Input::Tick,
            At::Detecting,
            "",
        ),
        after(
            5_000,
            Rig::at(At::Detecting),
            Input::Tick,
            At::Detecting,
            "tell no leader",
        ),
        case(
            Rig::at(At::Detecting),
            launch(),
            At::Detecting,
            not_subscribed,
        ),
        case(Rig::at(At::Detecting), Input::Stop, At::Stopped, ""),
        case(
            Rig::at(At::Detecting),
            Input::FenceLost,
            At::Stopped,
            "tell deposed",
        ),
        after(
            500,
            Rig::at(At::Backoff),
            Input::Tick,
            At::Detecting,
            "detect",
        ),
        case(Rig::at(At::Backoff), launch(), At::Backoff, not_subscribed),
        case(Rig::at(At::Backoff), Input::Stop, At::Stopped, ""),
        case(
            Rig::at(At::Backoff),
            Input::FenceLost,
            At::Stopped,
            "tell deposed",
        ),
        // All schedulers see a new leader at once; this one waits its share.
        after(500, moved, Input::Tick, At::Fencing, "fence? 2"),
    ]
}

fn fencing() -> Vec<Case> {
    vec![
        case(
            Rig::at(At::Fencing),
            Input::FenceHeld { subscription: ONE },
            At::Connecting,
            "subscribe 1 m1:5050 F",
        ),
        case(
            Rig::at(At::Fencing),
            Input::FenceLost,
            At::Stopped,
            "close 1\ntell deposed",
        ),
        case(Rig::at(At::Fencing), Input::Stop, At::Stopped, "close 1"),
        case(
            Rig::at(At::Fencing),
            Input::Request(Request::Teardown {
                request: RequestId(2),
            }),
            At::Fencing,
            "tell request 2: NotSent(NotSubscribed)",
        ),
        after(14_999, Rig::at(At::Fencing), Input::Tick, At::Fencing, ""),
        after(
            15_000,
            Rig::at(At::Fencing),
            Input::Tick,
            At::Backoff,
            "close 1\ntell waiting: the check of the fence took too long",
        ),
    ]
}

fn connecting() -> Vec<Case> {
    let at = || Rig::at(At::Connecting);
    let head = |status, body: &str| Input::Head {
        subscription: ONE,
        answer: answer(status, body),
    };
    vec![
        case(at(), stream_head(ONE), At::AwaitSubscribed, ""),
        // Mesos before 1.0, or a proxy.
        case(
            at(),
            head(200, ""),
            At::Backoff,
            "close 1\ntell waiting: SUBSCRIBE was answered 200: ",
        ),
        case(
            at(),
            head(503, "No leader elected"),
            At::Backoff,
            "close 1\ntell waiting: SUBSCRIBE was answered 503: No leader elected",
        ),
        case(
            at(),
            head(401, "401 Unauthorized."),
            At::Fatal,
            "close 1\ntell refused: the master refuses the credentials: 401 401 Unauthorized.",
        ),
        case(
            at(),
            head(415, "Expecting"),
            At::Fatal,
            "close 1\ntell refused: the master refuses the framework: 415 Expecting",
        ),
        after(19_999, at(), Input::Tick, At::Connecting, ""),
        after(
            20_000,
            at(),
            Input::Tick,
            At::Backoff,
            "close 1\ntell waiting: SUBSCRIBE took too long",
        ),
    ]
}

fn redirected() -> Vec<Case> {
    let redirect = |subscription, location: &str| Input::Head {
        subscription: Subscription(subscription),
        answer: Answer {
            status: 307,
            location: Some(location.into()),
            ..Answer::default()
        },
    };
    let mut tired = Rig::at(At::Connecting);
    for subscription in 1..=5 {
        tired.give(redirect(subscription, "//m2:5050/master/api/v1/scheduler"));
        tired.hold();
    }
    tired.outputs.clear();
    vec![
        case(
            Rig::at(At::Connecting),
            redirect(1, "//m2:5050/master/api/v1/scheduler"),
            At::Fencing,
            "close 1\nfence? 2",
        ),
        case(
            Rig::at(At::Connecting),
            redirect(1, "/nowhere"),
            At::Backoff,
            "close 1\ntell waiting: SUBSCRIBE was answered 307: ",
        ),
        case(
            tired,
            redirect(6, "//m2:5050/"),
            At::Backoff,
            "close 6\ntell waiting: too many redirects",
        ),
    ]
}

fn await_subscribed() -> Vec<Case> {
    let at = || Rig::at(At::AwaitSubscribed);
    let mut new = Rig::new(None);
    for input in [
        Input::Start,
        leader("m1:5050", None),
        Input::FenceHeld { subscription: ONE },
        stream_head(ONE),
    ] {
        new.give(input);
    }
    new.outputs.clear();
    vec![
        case(
            at(),
            data(ONE, &subscribed("F")),
            At::Subscribed,
            "tell subscribed F\ntell reconciled\nsend RECONCILE",
        ),
        case(new, data(ONE, &subscribed("F")), At::Storing, "store F"),
        case(
            at(),
            data(ONE, &subscribed("G")),
            At::Fatal,
            "close 1\ntell refused: the master refuses the framework: subscribed as F and became G",
        ),
        case(
            at(),
            data(ONE, &error("Framework has been removed")),
            At::Fatal,
            "close 1\ntell refused: the framework was removed",
        ),
        case(
            at(),
            data(ONE, &error("Not authorized to use role 'r1'")),
            At::Fatal,
            "close 1\ntell refused: the master refuses the credentials: Not authorized to use role 'r1'",
        ),
        case(
            at(),
            data(ONE, &error("later")),
            At::Backoff,
            "close 1\ntell waiting: the master says: later",
        ),
        case(
            at(),
            data(ONE, &heartbeat()),
            At::Backoff,
            "close 1\ntell waiting: the first event is not SUBSCRIBED",
        ),
    ]
}

fn await_subscribed_breaks() -> Vec<Case> {
    let at = || Rig::at(At::AwaitSubscribed);
    vec![
        case(at(), raw(ONE, b"3"), At::AwaitSubscribed, ""),
        case(
            at(),
            raw(ONE, b"<html>"),
            At::Backoff,
            "close 1\ntell waiting: record length holds byte 0x3c at byte 0 of the stream",
        ),
        after(
            15_000,
            at(),
            Input::Tick,
            At::Backoff,
            "close 1\ntell waiting: the first event took too long",
        ),
    ]
}

// Whatever was reached on the way to a subscription is left in the same ways.
fn left_on_the_way() -> Vec<Case> {
    [At::Connecting, At::AwaitSubscribed, At::Storing]
        .into_iter()
        .flat_map(|at| {
            let at_rest = || Rig::at(at);
            [
                case(
                    at_rest(),
                    closed(ONE),
                    At::Backoff,
                    "close 1\ntell waiting: connection closed: reset",
                ),
                case(at_rest(), Input::Stop, At::Stopped, "close 1"),
                case(
                    at_rest(),
                    Input::FenceLost,
                    At::Stopped,
                    "close 1\ntell deposed",
                ),
                case(
                    at_rest(),
                    Input::Request(launch(1, "O1", "t1")),
                    at,
                    "tell request 1: NotSent(NotSubscribed)",
                ),
            ]
        })
        .collect()
}

fn storing() -> Vec<Case> {
    let at = || Rig::at(At::Storing);
    let mut full = at();
    full.event(&offers(&["O1"]));
    full.event(&update("t1", TaskState::TaskRunning, Some(1)));
    assert_eq!(full.said(), "", "nothing before the id is stored");
    let mut removed = at();
    removed.event(&error("Framework has been removed"));
    vec![
        case(at(), data(ONE, &offers(&["O1"])), At::Storing, ""),
        case(
            at(),
            Input::IdStored { subscription: ONE },
            At::Subscribed,
            "tell subscribed F\ntell reconciled\nsend RECONCILE",
        ),
        case(
            full,
            Input::IdStored { subscription: ONE },
            At::Subscribed,
            "tell subscribed F\ntell 1 offers\ntell t1 TASK_RUNNING\ntell reconciled\nsend RECONCILE",
        ),
        case(
            removed,
            Input::IdStored { subscription: ONE },
            At::Fatal,
            "tell subscribed F\ntell disconnected: the master says: Framework has been removed\nclose 1\n\
             tell refused: the framework was removed",
        ),
        after(
            60_000,
            at(),
            Input::Tick,
            At::Backoff,
            "close 1\ntell waiting: storing the id took too long",
        ),
    ]
}
