//! Answers to calls, and calls without one.

use super::*;

pub(super) fn all() -> Vec<Case> {
    [call_answers(), answers_that_end(), call_losses()]
        .into_iter()
        .flatten()
        .collect()
}

fn answered(mut rig: Rig, status: u16, body: &str, to: At, says: &'static str) -> Case {
    let input = Input::CallAnswered {
        subscription: ONE,
        call: rig.call,
        answer: answer(status, body),
    };
    rig.outputs.clear();
    case(rig, input, to, says)
}

fn call_answers() -> Vec<Case> {
    let mut two = Rig::launching();
    two.give(Input::Request(launch(2, "O2", "t2")));
    let mut stranger = case(
        Rig::launching(),
        Input::CallAnswered {
            subscription: ONE,
            call: CallId(99),
            answer: answer(202, ""),
        },
        At::Subscribed,
        "",
    );
    stranger.rig.outputs.clear();
    vec![
        stranger,
        answered(
            Rig::launching(),
            202,
            "",
            At::Subscribed,
            "tell request 1: Received",
        ),
        answered(
            two,
            202,
            "",
            At::Subscribed,
            "tell request 1: Received\nsend ACCEPT O2",
        ),
        answered(
            Rig::launching(),
            400,
            "Failed to validate scheduler::Call: x",
            At::Subscribed,
            "tell call refused: 400 Failed to validate scheduler::Call: x\n\
             tell request 1: Refused { status: 400, text: \"Failed to validate scheduler::Call: x\" }\n\
             send RECONCILE t1",
        ),
    ]
}

fn answers_that_end() -> Vec<Case> {
    let mut torn = Rig::at(At::Subscribed);
    torn.give(Input::Request(Request::Teardown {
        request: RequestId(3),
    }));
    let mut settled = Rig::launching();
    settled.wait(Duration::from_secs(60));
    settled.give(raw(ONE, b"1"));
    vec![
        // The first time without a wait: a new subscription is what makes it certain.
        answered(
            Rig::launching(),
            403,
            "Framework is not subscribed",
            At::Fencing,
            "tell request 1: NotSent(Disconnected)\n\
             tell disconnected: the master does not know us any more (403): Framework is not subscribed\n\
             close 1\nfence? 2",
        ),
        answered(
            settled,
            400,
            "Framework cannot be found",
            At::Fencing,
            "tell request 1: NotSent(Disconnected)\n\
             tell disconnected: the master does not know us any more (400): Framework cannot be found\n\
             close 1\nfence? 2",
        ),
        answered(
            Rig::launching(),
            401,
            "",
            At::Fencing,
            "tell request 1: NotSent(Disconnected)\n\
             tell disconnected: the master does not know us any more (401): \nclose 1\nfence? 2",
        ),
        answered(
            Rig::launching(),
            503,
            "No leader elected",
            At::Backoff,
            "tell request 1: Ambiguous\n\
             tell disconnected: the master does not know us any more (503): No leader elected\nclose 1\n\
             tell waiting: the master does not know us any more (503): No leader elected",
        ),
        answered(
            torn,
            202,
            "",
            At::Fatal,
            "tell request 3: Received\ntell disconnected: refused\nclose 1\ntell refused: the framework was removed",
        ),
    ]
}

fn call_losses() -> Vec<Case> {
    let lost = |mut rig: Rig, written, to, says| {
        let input = Input::CallLost {
            subscription: ONE,
            call: rig.call,
            written,
        };
        rig.outputs.clear();
        case(rig, input, to, says)
    };
    let killing = || {
        let mut rig = Rig::at(At::Subscribed);
        rig.give(Input::Request(Request::Kill {
            task: task("t1"),
            policy: None,
        }));
        rig
    };
    let mut twice = killing();
    twice.give(Input::CallLost {
        subscription: ONE,
        call: twice.call,
        written: Written::Nothing,
    });
    let mut silent = Rig::launching();
    silent.wait(Duration::from_secs(29));
    silent.give(Input::Tick);
    vec![
        lost(
            Rig::launching(),
            Written::Perhaps,
            At::Fencing,
            "tell disconnected: a call may or may not have arrived\ntell request 1: Ambiguous\nclose 1\nfence? 2",
        ),
        // Never twice, not even one that certainly did not leave.
        lost(
            Rig::launching(),
            Written::Nothing,
            At::Subscribed,
            "tell request 1: NotSent(NotWritten)\nsend DECLINE O1",
        ),
        lost(killing(), Written::Nothing, At::Subscribed, "send KILL t1"),
        lost(
            twice,
            Written::Nothing,
            At::Fencing,
            "tell disconnected: connection closed: calls cannot be sent\nclose 1\nfence? 2",
        ),
        after(
            1_000,
            silent,
            Input::Tick,
            At::Fencing,
            "tell disconnected: a call may or may not have arrived\ntell request 1: Ambiguous\nclose 1\nfence? 2",
        ),
    ]
}
