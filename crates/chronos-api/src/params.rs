//! What a request says in its path and its query.

use std::{fmt::Display, ops::RangeBounds, str::FromStr, sync::Arc};

use axum::{
    extract::{FromRequestParts, Path, RawPathParams, rejection::PathRejection},
    response::IntoResponse,
};
use chronos_core::{Job, View};
use chronos_model::{JobName, JobNameError, RunKey, RunKeyError, Timestamp, TimestampError};
use http::{StatusCode, request::Parts};
use percent_encoding::percent_decode_str;

use crate::error::ApiError;

/// The job in the path of a route that Chronos had: a name that nobody can have is an unknown job.
#[derive(Debug)]
pub(crate) struct JobInPath(pub(crate) JobName);

impl<S: Send + Sync> FromRequestParts<S> for JobInPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Segment(text) = Segment::from_request_parts(parts, state).await?;
        text.parse()
            .map(Self)
            .map_err(|error: JobNameError| ApiError::bad("name", error.to_string()))
    }
}

/// The job in the path of a route of ours: a name that nobody can have is not found either.
///
/// A route without a variable part is the one of the job called `success`, whose name is a word of
/// another route.
#[derive(Debug)]
pub(crate) struct KnownJob(pub(crate) JobName);

impl<S: Send + Sync> FromRequestParts<S> for KnownJob {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let params = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|rejection| unreadable(rejection.into_response().status()))?;
        let mut params = params.iter();
        let name = params.next().map_or("success", |(_, name)| name);
        name.parse()
            .map(Self)
            .map_err(|_error: JobNameError| ApiError::unknown_job_as(StatusCode::NOT_FOUND, name))
    }
}

/// Finds the job of a route of ours.
pub(crate) fn known<'a>(view: &'a View, name: &JobName) -> Result<&'a Arc<Job>, ApiError> {
    view.job(name)
        .ok_or_else(|| ApiError::unknown_job_as(StatusCode::NOT_FOUND, name.as_str()))
}

/// The run in the path.
#[derive(Debug)]
pub(crate) struct RunInPath(pub(crate) RunKey);

impl<S: Send + Sync> FromRequestParts<S> for RunInPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Segment(text) = Segment::from_request_parts(parts, state).await?;
        run_key("id", &text).map(Self)
    }
}

/// The variable part of the path, decoded.
#[derive(Debug)]
pub(crate) struct Segment(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Segment {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let path: Result<Path<String>, PathRejection> =
            Path::from_request_parts(parts, state).await;
        path.map(|Path(text)| Self(text))
            .map_err(|rejection| unreadable(rejection.into_response().status()))
    }
}

fn unreadable(status: StatusCode) -> ApiError {
    ApiError::field(status, "path", "cannot be read")
}

/// The parameters of the query.
#[derive(Debug)]
pub(crate) struct Query(Vec<(String, String)>);

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let query = parts.uri.query().unwrap_or_default();
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        pairs.map(parameter).collect::<Result<_, _>>().map(Self)
    }
}

impl Query {
    /// Returns a parameter; the first one counts, and an empty one is as good as none.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        let mut found = self.0.iter().filter(|(key, _)| key == name);
        found
            .next()
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// Returns a number.
    pub(crate) fn number<T: Display + FromStr + PartialOrd>(
        &self,
        name: &str,
        range: impl RangeBounds<T>,
    ) -> Result<Option<T>, ApiError> {
        let number = |text: &str| match text.trim().parse::<T>() {
            Ok(number) if range.contains(&number) => Ok(number),
            _ => Err(ApiError::bad(
                name,
                format!("{text:?} is no number that is accepted here"),
            )),
        };
        self.text(name).map(number).transpose()
    }

    /// Returns a switch, off when it is not there.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, ApiError> {
        let words = [("true", true), ("false", false)];
        Ok(self.word(name, &words)?.unwrap_or_default())
    }

    /// Returns what one of some words stands for.
    pub(crate) fn word<T: Copy>(
        &self,
        name: &str,
        words: &[(&str, T)],
    ) -> Result<Option<T>, ApiError> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let found = words.iter().find(|(word, _)| *word == text);
        found.map(|&(_, value)| Some(value)).ok_or_else(|| {
            let known: Vec<&str> = words.iter().map(|&(word, _)| word).collect();
            ApiError::bad(name, format!("{text:?} is none of: {}", known.join(", ")))
        })
    }

    /// Returns an instant.
    pub(crate) fn instant(&self, name: &str) -> Result<Option<Timestamp>, ApiError> {
        let instant = |text: &str| {
            text.trim()
                .parse()
                .map_err(|error: TimestampError| ApiError::bad(name, error.to_string()))
        };
        self.text(name).map(instant).transpose()
    }

    /// Returns the key of a run.
    pub(crate) fn run(&self, name: &str) -> Result<Option<RunKey>, ApiError> {
        self.text(name).map(|text| run_key(name, text)).transpose()
    }
}

fn run_key(field: &str, text: &str) -> Result<RunKey, ApiError> {
    text.parse()
        .map_err(|error: RunKeyError| ApiError::bad(field, error.to_string()))
}

fn parameter(pair: &str) -> Result<(String, String), ApiError> {
    let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
    let decode = |text: &str| {
        decoded(&text.replace('+', " ")).ok_or_else(|| {
            ApiError::field(
                StatusCode::BAD_REQUEST,
                "query",
                "holds '%' without two hexadecimal digits, or octets that are no UTF-8",
            )
        })
    };
    Ok((decode(key)?, decode(value)?))
}

/// Decodes percent-encoded text, `None` when it is broken.
pub(crate) fn decoded(text: &str) -> Option<String> {
    let mut escapes = text.split('%').skip(1);
    let whole = escapes.all(|rest| {
        let mut digits = rest.bytes().take(2);
        digits.len() == 2 && digits.all(|digit| digit.is_ascii_hexdigit())
    });
    let text = whole.then(|| percent_decode_str(text).decode_utf8().ok())??;
    Some(text.into_owned())
}
