//! A client that talks to the router directly.

use std::sync::Arc;

use axum::{Router, body::Body};
use chronos_api::{ApiConfig, router};
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::daemon::Daemon;

pub(crate) const JSON: (&str, &str) = ("content-type", "application/json");

/// A daemon and its API.
pub(crate) struct Site {
    pub(crate) daemon: Arc<Daemon>,
    pub(crate) router: Router,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Site {
    pub(crate) fn new() -> Self {
        Self::with(ApiConfig::default())
    }

    pub(crate) fn with(config: ApiConfig) -> Self {
        let daemon = Daemon::new();
        let router = router(daemon.clone(), config);
        Self { daemon, router }
    }

    /// Sends a request as it is.
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: body.collect().await.unwrap().to_bytes().to_vec(),
        }
    }

    pub(crate) async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        self.send(request(method, path, headers, body)).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], Body::empty()).await
    }

    pub(crate) async fn put(&self, path: &str) -> Answer {
        self.ask("PUT", path, &[], Body::empty()).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.ask("DELETE", path, &[], Body::empty()).await
    }

    pub(crate) async fn post(&self, path: &str, document: &Value) -> Answer {
        self.ask("POST", path, &[JSON], document.to_string()).await
    }

    /// Returns the JSON of a path that is there.
    pub(crate) async fn json(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {answer:?}");
        answer.json()
    }

    /// Creates an hourly job.
    pub(crate) async fn hourly(&self, name: &str) {
        let job = json!({
            "name": name,
            "command": format!("echo {name}"),
            "schedule": "R/2024-05-01T01:00:00Z/PT1H",
        });
        let answer = self.post("/v1/scheduler/iso8601", &job).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT, "{answer:?}");
    }

    /// Creates or replaces a calendar.
    pub(crate) async fn calendar(&self, name: &str, document: &Value) -> Answer {
        let path = format!("/v1/scheduler/calendar/{name}");
        let answer = self.ask("PUT", &path, &[JSON], document.to_string()).await;
        assert!(answer.status.is_success(), "{answer:?} {}", answer.text());
        answer
    }

    /// Creates a job with parents.
    pub(crate) async fn child(&self, name: &str, parents: &[&str]) {
        let job = json!({"name": name, "command": format!("echo {name}"), "parents": parents});
        let answer = self.post("/v1/scheduler/dependency", &job).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT, "{answer:?}");
    }
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        let kind = self.header("content-type");
        assert_eq!(kind, "application/json", "{self:?}");
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// Checks that it is an error as all are: one line of JSON.
    #[track_caller]
    pub(crate) fn check_error(&self, status: u16, field: Option<&str>) {
        assert_eq!(self.status.as_u16(), status, "{self:?} {}", self.text());
        assert!(!self.text().contains('\n'), "{}", self.text());
        let error = self.json();
        let keys: Vec<&String> = error.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["status", "message", "errors"]);
        assert_eq!(error["status"], self.status.canonical_reason().unwrap());
        assert!(!error["message"].as_str().unwrap().is_empty());
        let fields: Vec<&str> = error["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|error| error["field"].as_str().unwrap())
            .collect();
        match field {
            Some(field) => assert!(fields.contains(&field), "{field} not in {}", self.text()),
            None => assert!(fields.is_empty(), "{fields:?}"),
        }
    }

    /// Checks that it says nothing, as Chronos' clients demand.
    #[track_caller]
    pub(crate) fn check_no_content(&self) {
        assert_eq!(self.status, StatusCode::NO_CONTENT, "{}", self.text());
        assert!(self.body.is_empty());
        assert!(!self.headers.contains_key(header::CONTENT_TYPE));
    }
}

/// Makes a request as a client on this machine does.
pub(crate) fn request(
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Body>,
) -> Request<Body> {
    let mut request = Request::builder()
        .method(method.parse::<Method>().unwrap())
        .uri(path);
    if !headers.iter().any(|(name, _)| *name == "host") {
        request = request.header(header::HOST, "localhost:4400");
    }
    for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
        request = request.header(*name, *value);
    }
    request.body(body.into()).unwrap()
}
