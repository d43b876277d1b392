//! What a follower does with a request that changes something: it asks the leader in the client's place.
//!
//! As Chronos did, so that a client may ask any daemon. Other than there, what cannot change anything is
//! answered here, and the leader's answer comes back whole, errors included.

use std::time::Duration;

use axum::{
    body::Body,
    extract::{OriginalUri, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};

use crate::{Unavailable, error::ApiError, router::App};

/// Says that a request was passed on once; nobody passes it on again.
const FORWARDED: HeaderName = HeaderName::from_static("x-chronos-forwarded");

/// How long a leader that does not even accept a connection is waited for.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Headers that are about a connection, or name the one who was asked first.
const NOT_PASSED_ON: [HeaderName; 10] = [
    header::CONNECTION,
    header::HOST,
    header::ORIGIN,
    header::EXPECT,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::PROXY_AUTHORIZATION,
    HeaderName::from_static("keep-alive"),
];

/// Asks other daemons.
#[derive(Clone, Debug)]
pub(crate) struct Forwarder(Client<HttpConnector, Body>);

impl Forwarder {
    pub(crate) fn new() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        // No connection is kept: one to a leader that is gone would fail the next request.
        let client = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(0)
            .build(connector);
        Self(client)
    }

    /// Asks another daemon; what it answers is the answer.
    pub(crate) async fn ask(
        &self,
        other: &str,
        mut request: Request,
    ) -> Result<Response, ApiError> {
        // Below a prefix the request itself does not have it any more.
        let asked = request.extensions().get::<OriginalUri>().cloned();
        let asked = asked.map_or_else(|| request.uri().clone(), |OriginalUri(uri)| uri);
        let path = asked.path_and_query();
        let path = path.map_or("/", |path| path.as_str());
        let uri = format!("http://{other}{path}").parse::<Uri>();
        *request.uri_mut() = uri.map_err(|_error: http::uri::InvalidUri| {
            unavailable(format!(
                "another daemon calls itself {other:?}, which is no address"
            ))
        })?;
        remove_own(request.headers_mut());
        let yes = HeaderValue::from_static("1");
        request.headers_mut().insert(FORWARDED, yes);
        let answer = self.0.request(request).await.map_err(|error| {
            let doubt = if error.is_connect() {
                "nothing was changed"
            } else {
                "whether it was carried out is not known"
            };
            unavailable(format!("the daemon {other} does not answer; {doubt}"))
        })?;
        let mut answer = answer.map(Body::new);
        remove_own(answer.headers_mut());
        Ok(answer)
    }
}

fn unavailable(problem: String) -> ApiError {
    Unavailable { problem }.into()
}

fn remove_own(headers: &mut HeaderMap) {
    for name in NOT_PASSED_ON {
        headers.remove(name);
    }
}

/// Whether somebody asks in the place of a client.
pub(crate) fn is_forwarded(headers: &HeaderMap) -> bool {
    headers.contains_key(FORWARDED)
}

/// Passes a request on to the leader when this daemon follows and the request may change something.
pub(crate) async fn forwarded(State(app): State<App>, request: Request, next: Next) -> Response {
    if app.backend.is_leader() || is_read(&request) {
        return next.run(request).await;
    }
    if is_forwarded(request.headers()) {
        return unavailable("the leader is changing".to_owned()).into_response();
    }
    let Some(leader) = app.backend.leader() else {
        return unavailable("there is no leader now".to_owned()).into_response();
    };
    let answer = app.forwarder.ask(&leader, request).await;
    answer.unwrap_or_else(IntoResponse::into_response)
}

fn is_read(request: &Request) -> bool {
    let path = request.uri().path();
    // Why a run waits only the leader's scheduler knows.
    if path.ends_with("/explain") {
        return false;
    }
    // A preview is sent as a document, and changes nothing.
    path.ends_with("/schedule/preview")
        || [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method())
}
