//! `GET /metrics`: how the daemon is, in the text format of Prometheus.

use std::fmt::Write as _;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use chronos_core::View;
use chronos_model::Timestamp;
use http::{HeaderValue, header};

use crate::{ClusterInfo, Health, router::App};

/// The version of the format that is written.
const FORMAT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// The roles that a daemon can have; all are told of, so that none is missing when it is not held.
const ROLES: [&str; 4] = ["leader", "follower", "taking over", "suspended"];

/// `GET /metrics`.
pub(crate) async fn metrics(State(app): State<App>) -> Response {
    let cluster = app.backend.cluster();
    let text = text(&app.backend.health(), &app.backend.view(), cluster.as_ref());
    let mut response = text.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, FORMAT);
    response
}

fn text(health: &Health, view: &View, cluster: Option<&ClusterInfo>) -> String {
    let mut page = Page::default();
    page.about("chronos_role", "gauge", "1 for what this daemon does.");
    for role in ROLES {
        let is_held = u64::from(role == health.role);
        page.value("chronos_role", &[("role", role)], is_held);
    }
    let name = "chronos_role_since_timestamp_seconds";
    page.about(name, "gauge", "Since when it does that.");
    page.time(name, &[], health.role_since);
    page.about(
        "chronos_part_up",
        "gauge",
        "1 for each part of the daemon that is well.",
    );
    for part in &health.parts {
        let is_well = u64::from(part.problem.is_none());
        page.value("chronos_part_up", &[("part", part.name)], is_well);
    }
    let name = "chronos_part_since_timestamp_seconds";
    page.about(name, "gauge", "Since when a part is well, or is not.");
    for part in &health.parts {
        if let Some(since) = part.since {
            page.time(name, &[("part", part.name)], since);
        }
    }
    for (name, help, count) in [
        ("chronos_jobs", "Jobs.", view.job_count()),
        (
            "chronos_queued_runs",
            "Runs that could start if an offer fitted; on the leader.",
            view.queued(),
        ),
        (
            "chronos_quarantined_records",
            "Stored records that cannot be used.",
            view.quarantined().len(),
        ),
    ] {
        page.about(name, "gauge", help);
        page.value(name, &[], u64::try_from(count).unwrap_or(u64::MAX));
    }
    let name = "chronos_audit_found_total";
    let help = "Defects that the self-audit found in this term, and repaired.";
    page.about(name, "counter", help);
    page.value(name, &[], view.audit().found);
    for count in cluster.into_iter().flat_map(|cluster| &cluster.counts) {
        let name = format!("chronos_cluster_{}", count.name);
        let is_total = count.name.ends_with("_total");
        page.about(
            &name,
            if is_total { "counter" } else { "gauge" },
            count.help,
        );
        page.value(&name, &[], count.value);
    }
    page.0
}

#[derive(Default)]
struct Page(String);

impl Page {
    fn about(&mut self, name: &str, kind: &str, help: &str) {
        self.line(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}"));
    }

    fn value(&mut self, name: &str, labels: &[(&str, &str)], value: u64) {
        let labels = text_of(labels);
        self.line(format_args!("{name}{labels} {value}"));
    }

    fn time(&mut self, name: &str, labels: &[(&str, &str)], at: Timestamp) {
        let labels = text_of(labels);
        let (seconds, millis) = (at.millis().div_euclid(1000), at.millis().rem_euclid(1000));
        self.line(format_args!("{name}{labels} {seconds}.{millis:03}"));
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a text cannot fail.
        let _written = writeln!(self.0, "{line}");
    }
}

// Words of ours, so nothing in them has to be escaped.
fn text_of(labels: &[(&str, &str)]) -> String {
    let labels: Vec<_> = labels
        .iter()
        .map(|(name, value)| format!("{name}=\"{value}\""))
        .collect();
    if labels.is_empty() {
        String::new()
    } else {
        format!("{{{}}}", labels.join(","))
    }
}
