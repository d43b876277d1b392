//! Who may ask.

use chronos_api::ApiConfig;
use http::StatusCode;
use serde_json::json;

use crate::client::{JSON, Site};

#[tokio::test]
async fn takes_only_this_machines_names_on_loopback() {
    let site = Site::with(ApiConfig {
        hostnames: vec!["scheduler.example".to_owned()],
        ..ApiConfig::default()
    });
    for (host, allowed) in [
        ("localhost", true),
        ("LocalHost:4400", true),
        ("localhost.", true),
        ("127.0.0.1:4400", true),
        ("127.1.2.3", true),
        ("[::1]:4400", true),
        ("web.localhost", true),
        ("Scheduler.Example:4400", true),
        ("evil.example", false),
        ("localhost.evil.example", false),
        ("127.0.0.1.evil.example", false),
        ("scheduler.example.evil.example", false),
        ("192.168.1.1", false),
        ("not a host", false),
        ("", false),
    ] {
        for path in ["/ping", "/v1/scheduler/jobs", "/nowhere"] {
            let answer = site.ask("GET", path, &[("host", host)], "").await;
            let refused = answer.status == StatusCode::FORBIDDEN;
            assert_eq!(refused, !allowed, "{host:?} {path}");
            if refused {
                answer.check_error(403, None);
            }
        }
    }
    let open = Site::with(ApiConfig {
        loopback_only: false,
        ..ApiConfig::default()
    });
    let answer = open
        .ask("GET", "/ping", &[("host", "any.example")], "")
        .await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn takes_changes_only_from_its_own_pages() {
    let job = json!({"name": "a", "command": "true", "schedule": "R//PT1H"}).to_string();
    for (origin, host, allowed) in [
        ("", "localhost:4400", true),
        ("http://localhost:4400", "localhost:4400", true),
        ("http://LOCALHOST:4400", "localhost:4400", true),
        ("http://localhost", "localhost:80", true),
        ("https://localhost", "localhost", true),
        ("http://evil.example", "localhost:4400", false),
        ("http://localhost:4401", "localhost:4400", false),
        ("http://localhost", "localhost:4400", false),
        (
            "http://localhost:4400.evil.example",
            "localhost:4400",
            false,
        ),
        ("null", "localhost:4400", false),
        ("localhost:4400", "localhost:4400", false),
    ] {
        let site = Site::new();
        let headers = [JSON, ("host", host), ("origin", origin)];
        for (method, path) in [
            ("POST", "/v1/scheduler/iso8601"),
            ("PUT", "/v1/scheduler/job/a"),
            ("DELETE", "/v1/scheduler/job/a"),
        ] {
            let answer = site.ask(method, path, &headers, job.clone()).await;
            if allowed {
                answer.check_no_content();
            } else {
                answer.check_error(403, None);
            }
        }
        let read = site.ask("GET", "/v1/scheduler/jobs", &headers, "").await;
        assert_eq!(read.status, StatusCode::OK, "{origin}");
        // No page of another site may read the answer.
        assert_eq!(read.header("access-control-allow-origin"), "");
    }
}

#[tokio::test]
async fn asks_for_credentials_everywhere() {
    let config = ApiConfig {
        credentials: Some(("user".to_owned(), "pass:word".to_owned())),
        realm: "a \"realm\"".to_owned(),
        ..ApiConfig::default()
    };
    assert!(!format!("{config:?}").contains("pass:word"));
    let site = Site::with(config);
    // user:pass:word, user:pass:wore, user:, and what is no base64.
    for (authorization, allowed) in [
        ("Basic dXNlcjpwYXNzOndvcmQ=", true),
        ("basic dXNlcjpwYXNzOndvcmQ=", true),
        ("Basic dXNlcjpwYXNzOndvcmU=", false),
        ("Basic dXNlcjo=", false),
        ("Basic !", false),
        ("Bearer dXNlcjpwYXNzOndvcmQ=", false),
        ("dXNlcjpwYXNzOndvcmQ=", false),
        ("", false),
    ] {
        for path in ["/", "/ping", "/health", "/v1/scheduler/jobs", "/nowhere"] {
            let answer = site
                .ask("GET", path, &[("authorization", authorization)], "")
                .await;
            let refused = answer.status == StatusCode::UNAUTHORIZED;
            assert_eq!(refused, !allowed, "{authorization} {path}");
            if refused {
                answer.check_error(401, None);
                let challenge = answer.header("www-authenticate");
                assert_eq!(challenge, "Basic realm=\"a realm\", charset=\"UTF-8\"");
                assert!(!answer.text().contains("pass:word"));
            }
        }
    }
}

#[tokio::test]
async fn compresses_for_those_who_take_it() {
    for (compression, want) in [(true, "gzip"), (false, "")] {
        let site = Site::with(ApiConfig {
            compression,
            ..ApiConfig::default()
        });
        site.hourly("a").await;
        let headers = [("accept-encoding", "gzip")];
        let answer = site.ask("GET", "/v1/scheduler/jobs", &headers, "").await;
        assert_eq!(answer.header("content-encoding"), want);
        let plain = site.get("/v1/scheduler/jobs").await;
        assert_eq!(plain.header("content-encoding"), "");
    }
}
