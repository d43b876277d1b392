//! Who depends on whom, as pictures and as lines.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use chronos_core::View;
use chronos_model::JobName;
use job_graph::JobGraph;

use crate::{error::ApiError, router::App};

/// `GET graph/dot`: for Graphviz.
pub(crate) async fn dot(State(app): State<App>) -> Result<Response, ApiError> {
    let graph = graph(&app.backend.view()).ok_or_else(|| {
        ApiError::new(
            http::StatusCode::INTERNAL_SERVER_ERROR,
            "a defect of the daemon: a job has unknown parents or depends on itself",
        )
    })?;
    Ok(graph.dot().into_response())
}

// Nodes first: by name, a child may come before its parents.
fn graph(view: &View) -> Option<JobGraph<JobName>> {
    let mut graph = JobGraph::new();
    for job in view.jobs() {
        graph.insert(job.spec().name.clone(), []).ok()?;
    }
    for job in view.jobs().filter(|job| !job.spec().parents().is_empty()) {
        let parents = job.spec().parents().iter().cloned();
        graph.insert(job.spec().name.clone(), parents).ok()?;
    }
    Some(graph)
}

/// `GET graph/csv`: a line per job with how it is, then a line per dependency.
pub(crate) async fn csv(State(app): State<App>) -> String {
    let view = app.backend.view();
    let nodes = view.jobs().map(|job| {
        format!(
            "node,{},{},{}\n",
            job.spec().name,
            job.last_status(),
            job.activity()
        )
    });
    let links = view.jobs().flat_map(|child| {
        let name = &child.spec().name;
        let parents = child.spec().parents().iter();
        parents.map(move |parent| format!("link,{parent},{name}\n"))
    });
    nodes.chain(links).collect()
}
