//! The HTTP of a master: what it checks, in which order, and in which words it refuses.

mod operator;
mod scheduler;

use std::{convert::Infallible, sync::Arc};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, combinators::BoxBody};
use hyper::body::Incoming;
use tokio::sync::Notify;

use crate::world::{Mode, Shared};

/// What is answered.
pub(crate) type Answer = Response<BoxBody<Bytes, Infallible>>;

/// Whom a request was sent to, and over what.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) shared: Shared,
    pub(crate) master: usize,
    /// Closes the connection, answered or not.
    pub(crate) close: Arc<Notify>,
}

/// Answers one request. An error closes the connection.
pub(crate) async fn answer(link: Link, request: Request<Incoming>) -> Result<Answer, Infallible> {
    let mode = link.shared.look(|world| world.modes[link.master]);
    let path = request.uri().path();
    let path = path.strip_prefix("/master").unwrap_or(path).to_owned();
    match mode {
        Mode::Silent => return Ok(never().await),
        Mode::Booting => return Ok(not_found()),
        Mode::Leader | Mode::Follower | Mode::NoLeader | Mode::Recovering => {}
    }
    Ok(match path.as_str() {
        "/api/v1/scheduler" => scheduler::answer(link, mode, request).await,
        "/health" => plain(StatusCode::OK, ""),
        "/redirect" => redirect(&link, ""),
        "/version" => operator::version(&link),
        _ if mode != Mode::Leader => redirect(&link, &format!("/master{path}")),
        "/state" | "/tasks" | "/frameworks" | "/slaves" if request.method() == Method::GET => {
            operator::read(&link, &path)
        }
        "/teardown" => operator::teardown(&link, request).await,
        "/api/v1" => operator::call(&link, request).await,
        _ => not_found(),
    })
}

/// Where the leader is; 503, when there is none.
pub(crate) fn redirect(link: &Link, path: &str) -> Answer {
    let leader = link
        .shared
        .with(|world| world.leader().map(|leader| world.addresses[leader]));
    let Some(address) = leader else {
        return plain(StatusCode::SERVICE_UNAVAILABLE, "No leader elected");
    };
    let mut answer = plain(StatusCode::TEMPORARY_REDIRECT, "");
    if let Ok(location) = format!("//{address}{path}").parse() {
        answer.headers_mut().insert(header::LOCATION, location);
    }
    answer
}

/// Waits until the client has enough of it.
pub(crate) async fn never() -> Answer {
    std::future::pending().await
}

pub(crate) fn not_found() -> Answer {
    plain(StatusCode::NOT_FOUND, "404 Not Found.")
}

pub(crate) fn plain(status: StatusCode, text: &str) -> Answer {
    let mut answer = Response::new(full(text.to_owned()));
    *answer.status_mut() = status;
    if !text.is_empty() {
        let kind = http::HeaderValue::from_static("text/plain; charset=utf-8");
        answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    }
    answer
}

pub(crate) fn typed(kind: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(full(body));
    let kind = http::HeaderValue::from_static(kind);
    answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    answer
}

pub(crate) fn full(body: impl Into<Bytes>) -> BoxBody<Bytes, Infallible> {
    Full::new(body.into()).boxed()
}
