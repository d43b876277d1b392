//! What a run printed, sent while it is read and, when asked, while it is printed.

use std::{io, time::Duration};

use axum::{
    body::Body,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use chronos_model::{RunKey, RunState};
use futures_util::stream;
use http::{HeaderName, HeaderValue, StatusCode, header};
use tokio::sync::OwnedSemaphorePermit;

use crate::{
    LogError, LogPart, LogStream, Unavailable,
    error::ApiError,
    forward,
    params::{Query, RunInPath},
    router::{App, Uncompressed},
    runs,
};

/// How much is read at a time, in bytes; so much memory does each reader take.
const CHUNK_LEN_MAX: usize = 64 * 1024;

/// How long to wait before asking whether there is more: short enough to seem at once.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// How many follow logs at once: each asks five times a second, so a few hundred cheap reads.
pub(crate) const FOLLOWERS_MAX: usize = 64;

const SIZE: HeaderName = HeaderName::from_static("x-log-size");
const ENDED: HeaderName = HeaderName::from_static("x-log-ended");

/// `GET runs/{id}/log`.
pub(crate) async fn read(
    State(app): State<App>,
    RunInPath(key): RunInPath,
    query: Query,
    request: Request,
) -> Result<Response, ApiError> {
    let words = [("stdout", LogStream::Stdout), ("stderr", LogStream::Stderr)];
    let stream = query.word("stream", &words)?.unwrap_or(LogStream::Stdout);
    let offset = query.number::<u64>("offset", 0..)?.unwrap_or_default();
    let follow = query.flag("follow")?;
    let run = runs::find(&app, &app.backend.view(), &key).await?;
    if let Some(agent) = &run.agent
        && !forward::is_forwarded(request.headers())
        && let Some(host) = app.backend.log_host(agent).await
    {
        let mut response = app.forwarder.ask(&host, request).await?;
        response.extensions_mut().insert(Uncompressed);
        return Ok(response);
    }
    let permit = follow.then(|| follower(&app)).transpose()?;
    let mut reader = Reader {
        app,
        key,
        stream,
        offset,
        has_read: false,
        follow,
        until: None,
        part: None,
        _permit: permit,
    };
    let first = reader.ask(CHUNK_LEN_MAX).await?;
    let (size, ended) = (first.size, first.ended);
    // Without following, what is printed from now on belongs to the next request.
    reader.until = (!follow).then_some(size);
    reader.part = Some(first);
    let mut response = Body::from_stream(stream::unfold(reader, Reader::next)).into_response();
    response.extensions_mut().insert(Uncompressed);
    let headers = response.headers_mut();
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    headers.insert(header::CONTENT_TYPE, text);
    headers.insert(SIZE, size.into());
    let ended = if ended { "true" } else { "false" };
    headers.insert(ENDED, HeaderValue::from_static(ended));
    Ok(response)
}

// An empty one may also be one of which nobody knows anything now.
const fn is_shorter(part: &LogPart, offset: u64) -> bool {
    part.size > 0 && part.size < offset
}

fn follower(app: &App) -> Result<OwnedSemaphorePermit, Unavailable> {
    app.followers
        .clone()
        .try_acquire_owned()
        .map_err(|_error: tokio::sync::TryAcquireError| Unavailable {
            problem: format!("{FOLLOWERS_MAX} logs are being followed already"),
        })
}

impl From<LogError> for ApiError {
    fn from(error: LogError) -> Self {
        match error {
            LogError::NotFound { problem } => Self::new(StatusCode::NOT_FOUND, problem),
            LogError::Unreadable { problem } => {
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, problem)
            }
        }
    }
}

/// Somebody who reads a log; dropped when they go away.
struct Reader {
    app: App,
    key: RunKey,
    stream: LogStream,
    /// What was read so far.
    offset: u64,
    /// Something was read: what is shorter now is another file.
    has_read: bool,
    /// Until the run has ended.
    follow: bool,
    /// Where to stop when not following.
    until: Option<u64>,
    /// What was read but not sent.
    part: Option<LogPart>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Reader {
    async fn next(mut self) -> Option<(io::Result<Bytes>, Self)> {
        loop {
            let left = self.until.map(|until| until.saturating_sub(self.offset));
            if left == Some(0) {
                return None;
            }
            let max = left
                .and_then(|left| usize::try_from(left).ok())
                .map_or(CHUNK_LEN_MAX, |left| left.min(CHUNK_LEN_MAX));
            let part = match self.part.take() {
                Some(part) => Ok(part),
                None => self.ask(max).await,
            };
            match part {
                Ok(part) if !part.bytes.is_empty() => {
                    let bytes = part.bytes.slice(..part.bytes.len().min(max));
                    let read = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                    self.offset = self.offset.saturating_add(read);
                    self.has_read = true;
                    return Some((Ok(bytes), self));
                }
                // Some machines put a long log aside and begin another one.
                Ok(part) if self.follow && self.has_read && is_shorter(&part, self.offset) => {
                    self.offset = 0;
                    continue;
                }
                Ok(part) if part.ended || !self.follow => return None,
                Ok(_) => {}
                // It ended without ever having started.
                Err(LogError::NotFound { .. }) if self.follow => return None,
                // The client must not take what it has for everything.
                Err(error) => return Some((Err(io::Error::other(error)), self)),
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// Reads on; whoever follows a run that has not started finds nothing yet.
    async fn ask(&self, max: usize) -> Result<LogPart, LogError> {
        let backend = &self.app.backend;
        // Looked up first: a run that starts and ends in between has a log by the time it is read.
        let may_come = self.follow && self.is_active();
        let part = backend.read_log(&self.key, self.stream, self.offset, max);
        match part.await {
            Err(LogError::NotFound { .. }) if may_come => Ok(LogPart {
                bytes: Bytes::new(),
                size: 0,
                ended: false,
            }),
            other => other,
        }
    }

    fn is_active(&self) -> bool {
        let view = self.app.backend.view();
        let run = view.job(&self.key.job).and_then(|job| job.run(&self.key));
        run.is_some_and(|run| run.state != RunState::Ended)
    }
}
