//! How many requests are worked on at once, and for how long.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use tokio::{
    sync::Semaphore,
    time::{error::Elapsed, timeout},
};

use crate::{Unavailable, error::ApiError, router::App};

/// How many requests are worked on at once; further ones wait.
///
/// Each holds at most a body of 1 MiB and what is made of it, so a few hundred megabytes at the very
/// worst; and the store groups what they write, so more at once would make nothing faster.
pub(crate) const REQUESTS_MAX: usize = 128;

/// How long a request may take until its answer begins, its wait included.
///
/// Twice the ten seconds after which most stores and clients give up.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);

/// Lets a request through when there is room, and answers 503 when that or it takes too long.
pub(crate) async fn bounded(State(app): State<App>, request: Request, next: Next) -> Response {
    let work = async {
        // It is never closed; were it, nobody would have to wait.
        let _permit = app.requests.acquire().await.ok();
        next.run(request).await
    };
    timeout(REQUEST_TIMEOUT, work)
        .await
        .unwrap_or_else(|_: Elapsed| {
            let problem = format!(
                "not answered within {} s; whether it will still be carried out is not known",
                REQUEST_TIMEOUT.as_secs()
            );
            ApiError::from(Unavailable { problem }).into_response()
        })
}

/// Makes the room for so many.
pub(crate) fn room(permits: usize) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(permits))
}

/// Answers for a handler that panicked; what it said is in the log, not here.
pub(crate) fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    ApiError::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "a defect of the daemon; its log says more",
    )
    .into_response()
}
