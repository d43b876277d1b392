//! The JSON document in a request.

use std::time::Duration;

use axum::{
    body::Body,
    extract::{FromRequest, Request},
};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::Value;
use tokio::time::{Instant, error::Elapsed, timeout_at};

use crate::error::ApiError;

/// The largest body of a request, in bytes: 1 MiB, twice the largest job that is stored.
pub const BODY_LEN_MAX: usize = 1024 * 1024;

/// How much of a body that is too large is read and thrown away, in bytes.
///
/// A client that is still writing when its connection closes never sees the answer; so those that are
/// not absurdly wrong are heard out.
const DISCARDED_LEN_MAX: usize = 16 * BODY_LEN_MAX;

/// How long a client may take to send its body; 1 MiB in that time is a slow modem.
const BODY_TIMEOUT: Duration = Duration::from_secs(15);

/// What errors call the body of a request.
const FIELD: &str = "body";

/// The document that a client sent.
#[derive(Debug)]
pub(crate) struct Document(pub(crate) Value);

impl<S: Sync> FromRequest<S> for Document {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        check_type(request.headers())?;
        let expects = request.headers().contains_key(header::EXPECT);
        let announced = announced_len(request.headers());
        if announced.is_some_and(|len| len > BODY_LEN_MAX) && expects {
            // It asked before sending anything.
            return Err(too_large());
        }
        let deadline = Instant::now() + BODY_TIMEOUT;
        let body = timeout_at(deadline, read(request.into_body()))
            .await
            .map_err(|_error: Elapsed| too_slow())??;
        if body.is_empty() {
            return Err(ApiError::bad(
                FIELD,
                "is empty; expected a document as JSON",
            ));
        }
        // It says what and where (line and column), and quotes nothing.
        let value = serde_json::from_slice(&body)
            .map_err(|error| ApiError::bad(FIELD, format!("is no JSON: {error}")))?;
        Ok(Self(value))
    }
}

async fn read(mut body: Body) -> Result<Bytes, ApiError> {
    let mut kept = Vec::new();
    let mut len = 0_usize;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_error: axum::Error| ApiError::bad(FIELD, "ends too early"))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        len = len.saturating_add(data.len());
        if len <= BODY_LEN_MAX {
            kept.extend_from_slice(&data);
        } else if len > DISCARDED_LEN_MAX {
            break;
        } else {
            kept.clear();
        }
    }
    if len > BODY_LEN_MAX {
        return Err(too_large());
    }
    Ok(kept.into())
}

fn check_type(headers: &HeaderMap) -> Result<(), ApiError> {
    let wrong = |problem: &str| ApiError::field(StatusCode::UNSUPPORTED_MEDIA_TYPE, FIELD, problem);
    let essence = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .unwrap_or_default();
    if !essence.trim().eq_ignore_ascii_case("application/json") {
        return Err(wrong("must be sent as Content-Type: application/json"));
    }
    let plain = headers
        .get(header::CONTENT_ENCODING)
        .is_none_or(|value| value.as_bytes().eq_ignore_ascii_case(b"identity"));
    if !plain {
        return Err(wrong("must be sent without Content-Encoding"));
    }
    Ok(())
}

fn announced_len(headers: &HeaderMap) -> Option<usize> {
    let value = headers.get(header::CONTENT_LENGTH)?;
    value.to_str().ok()?.parse().ok()
}

fn too_large() -> ApiError {
    let problem = format!("is larger than {BODY_LEN_MAX} bytes");
    ApiError::field(StatusCode::PAYLOAD_TOO_LARGE, FIELD, problem)
}

fn too_slow() -> ApiError {
    let problem = format!("did not arrive within {} s", BODY_TIMEOUT.as_secs());
    ApiError::field(StatusCode::REQUEST_TIMEOUT, FIELD, problem)
}
