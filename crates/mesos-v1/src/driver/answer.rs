//! What an answer of the master means.
//!
//! The texts are the only way to tell some answers with the same status apart; they are stable from Mesos 1.0 on. "You are
//! not subscribed" comes as 403 and as two kinds of 400.

use super::leader;

/// How much of a body is kept for people: a line or two; proxies send pages.
pub const BODY_LEN_MAX: usize = 4 * 1024;

/// An answer to a call, or the head of the answer to `SUBSCRIBE`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The header `Mesos-Stream-Id`.
    pub stream_id: Option<String>,
    /// The header `Location`.
    pub location: Option<String>,
    /// The begin of the body, unless it is the stream. [`BODY_LEN_MAX`] bytes are enough.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body for people.
    pub(super) fn text(&self) -> String {
        let end = self.body.len().min(BODY_LEN_MAX);
        String::from_utf8_lossy(&self.body[..end]).into_owned()
    }
}

/// What an answer to `SUBSCRIBE` means.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum ToSubscribe {
    /// A stream, with this id. Whether we are subscribed is for its first event to say.
    Stream(String),
    /// Another master leads, at this host and port.
    Elsewhere(String),
    /// Not now.
    Later,
    /// Not with these credentials.
    Forbidden,
    /// Not like this: our settings, or a defect of ours.
    Refused,
}

/// Reads an answer to `SUBSCRIBE`.
pub(super) fn to_subscribe(answer: &Answer) -> ToSubscribe {
    match answer.status {
        200 => match &answer.stream_id {
            Some(id) if !id.is_empty() => ToSubscribe::Stream(id.clone()),
            // A proxy, or a master older than 1.0.
            Some(_) | None => ToSubscribe::Later,
        },
        307 => answer
            .location
            .as_deref()
            .and_then(leader::authority)
            .map_or(ToSubscribe::Later, |found| {
                ToSubscribe::Elsewhere(found.to_owned())
            }),
        401 | 403 => ToSubscribe::Forbidden,
        400 | 405 | 406 | 415 | 501 => ToSubscribe::Refused,
        // 404 is a master that starts, 5xx one without a leader, or a proxy in trouble.
        _ => ToSubscribe::Later,
    }
}

/// What an answer to any other call means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum ToCall {
    /// It arrived. Whether it is carried out is for events to say.
    Done,
    /// The master does not know this subscription any more.
    Unsubscribed,
    /// The master does not lead any more, or a proxy is in trouble.
    Moved,
    /// The credentials are not good any more.
    Forbidden,
    /// The call is wrong, the subscription is not.
    Refused,
}

/// Reads an answer to a call that is not `SUBSCRIBE`. `update_framework` is the one that has refusals of its own.
pub(super) fn to_call(answer: &Answer, update_framework: bool) -> ToCall {
    let says = |text: &str| answer.text().contains(text);
    match answer.status {
        200..=299 => ToCall::Done,
        400 if says("Framework cannot be found") || says("didn't match the stream ID") => {
            ToCall::Unsubscribed
        }
        403 if update_framework && says("Not authorized") => ToCall::Refused,
        403 => ToCall::Unsubscribed,
        401 => ToCall::Forbidden,
        501 => ToCall::Refused,
        300..=399 | 404 | 500..=599 => ToCall::Moved,
        _ => ToCall::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_to_subscribe() {
        let stream = Answer {
            status: 200,
            stream_id: Some("s".into()),
            ..Answer::default()
        };
        assert_eq!(to_subscribe(&stream), ToSubscribe::Stream("s".into()));
        let redirect = |location: &str| Answer {
            status: 307,
            location: Some(location.into()),
            ..Answer::default()
        };
        assert_eq!(
            to_subscribe(&redirect("//m:5050/master/api/v1/scheduler")),
            ToSubscribe::Elsewhere("m:5050".into())
        );
        assert_eq!(to_subscribe(&redirect("/x")), ToSubscribe::Later);
        for status in [200, 202, 307, 404, 409, 429, 500, 502, 503, 504] {
            check_subscribe(status, &ToSubscribe::Later);
        }
        for status in [401, 403] {
            check_subscribe(status, &ToSubscribe::Forbidden);
        }
        for status in [400, 405, 406, 415, 501] {
            check_subscribe(status, &ToSubscribe::Refused);
        }
    }

    #[test]
    fn answers_to_calls() {
        check(202, "", ToCall::Done);
        check(200, "", ToCall::Done);
        check(400, "Framework cannot be found", ToCall::Unsubscribed);
        check(
            400,
            "The stream ID 'a' included in this request didn't match the stream ID currently associated with \
             framework ID F",
            ToCall::Unsubscribed,
        );
        check(403, "Framework is not subscribed", ToCall::Unsubscribed);
        check(
            403,
            "Framework is not connected via HTTP",
            ToCall::Unsubscribed,
        );
        check(
            400,
            "Failed to validate scheduler::Call: Not a valid UUID",
            ToCall::Refused,
        );
        check(
            400,
            "All non-subscribe calls should include the 'Mesos-Stream-Id' header",
            ToCall::Refused,
        );
        for status in [405, 406, 409, 415, 501] {
            check(status, "", ToCall::Refused);
        }
        for status in [307, 404, 500, 502, 503, 504] {
            check(status, "<html>", ToCall::Moved);
        }
        check(401, "401 Unauthorized.", ToCall::Forbidden);
        let refused = answer(403, "Not authorized to update framework");
        assert_eq!(to_call(&refused, true), ToCall::Refused);
        assert_eq!(to_call(&refused, false), ToCall::Unsubscribed);
    }

    #[track_caller]
    fn check(status: u16, body: &str, want: ToCall) {
        assert_eq!(
            to_call(&answer(status, body), false),
            want,
            "{status} {body}"
        );
    }

    #[track_caller]
    fn check_subscribe(status: u16, want: &ToSubscribe) {
        assert_eq!(&to_subscribe(&answer(status, "")), want, "{status}");
    }

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status,
            body: body.into(),
            ..Answer::default()
        }
    }
}
