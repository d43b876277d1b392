//! Long JSON arrays, written while they are sent.

use std::{convert::Infallible, vec};

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderValue, header};
use serde_json::Value;

/// How much is written at a time, in bytes: a few dozen jobs, which takes far less than a millisecond.
/// What fits is answered with its length.
const CHUNK_LEN: usize = 64 * 1024;

/// Answers with an array on one line, each item written when its turn comes.
///
/// `open` and `close` go around it: `[` and `]`, or more.
pub(crate) fn array<T: Send + 'static>(
    open: &'static str,
    items: Vec<T>,
    close: &'static str,
    render: impl FnMut(&T) -> Value + Send + 'static,
) -> Response {
    let mut writer = Writer {
        prefix: open,
        items: items.into_iter(),
        close: Some(close),
        render,
    };
    let first = writer.chunk().unwrap_or_default();
    let body = if writer.close.is_none() {
        Body::from(first)
    } else {
        let rest = stream::unfold((Some(first), writer), |(first, mut writer)| async move {
            let chunk = first.or_else(|| writer.chunk())?;
            Some((Ok::<_, Infallible>(chunk), (None, writer)))
        });
        Body::from_stream(rest)
    };
    let json = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, json)], body).into_response()
}

struct Writer<T, F> {
    /// What goes before the next item.
    prefix: &'static str,
    items: vec::IntoIter<T>,
    /// What goes after the last one; `None` when it was written.
    close: Option<&'static str>,
    render: F,
}

impl<T, F: FnMut(&T) -> Value> Writer<T, F> {
    fn chunk(&mut self) -> Option<Bytes> {
        let close = self.close?;
        let mut text = String::new();
        while text.len() < CHUNK_LEN {
            let Some(item) = self.items.next() else {
                text.push_str(std::mem::take(&mut self.prefix).trim_matches(','));
                text.push_str(close);
                self.close = None;
                break;
            };
            text.push_str(self.prefix);
            text.push_str(&(self.render)(&item).to_string());
            self.prefix = ",";
        }
        Some(text.into())
    }
}
