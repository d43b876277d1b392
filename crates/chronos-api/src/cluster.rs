//! The cluster that runs the tasks: how the connection to it is, and what an operator may order.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use serde_json::json;
use thiserror::Error;

use crate::{error::ApiError, params::Segment, router::App};

/// How the connection to a cluster is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ClusterInfo {
    /// Which kind of cluster, such as `mesos`.
    pub kind: &'static str,
    /// A word for where it stands, such as `subscribed`.
    pub standing: &'static str,
    /// What is wrong, if anything.
    pub problem: Option<String>,
    /// Under which id the cluster knows us.
    pub framework: Option<String>,
    /// Who leads it.
    pub master: Option<String>,
    /// What can be counted of it.
    pub counts: Vec<ClusterCount>,
}

/// Something that was counted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ClusterCount {
    /// Its name; ends in `_total` when it never falls.
    pub name: &'static str,
    /// What it is.
    pub help: &'static str,
    /// How much.
    pub value: u64,
}

/// What an operator may order.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ClusterOrder {
    /// Try again although the cluster refused us.
    Retry,
    /// Give up the id under which the cluster knew us, now that it was removed there.
    Forget {
        /// The id, said once more.
        framework: String,
    },
}

/// Why an order is not carried out.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum OrderError {
    /// There is no cluster that could be ordered anything.
    #[error("jobs run on the daemon's own machine; only with --master is there a cluster")]
    NoCluster,
    /// It does not fit how things are.
    #[error("{0}")]
    Conflict(String),
}

impl From<OrderError> for ApiError {
    fn from(error: OrderError) -> Self {
        let status = match error {
            OrderError::NoCluster => StatusCode::NOT_FOUND,
            OrderError::Conflict(_) => StatusCode::CONFLICT,
        };
        Self::new(status, error.to_string())
    }
}

/// `GET cluster`.
pub(crate) async fn show(State(app): State<App>) -> Result<Response, ApiError> {
    let info = app.backend.cluster().ok_or(OrderError::NoCluster)?;
    let body = json!({
        "kind": info.kind,
        "standing": info.standing,
        "problem": info.problem,
        "framework": info.framework,
        "master": info.master,
    });
    Ok(Json(body).into_response())
}

/// `POST cluster/retry`: what comes of it is shown by `GET cluster`.
pub(crate) async fn retry(State(app): State<App>) -> Result<StatusCode, ApiError> {
    app.backend.order(ClusterOrder::Retry).await?;
    Ok(StatusCode::ACCEPTED)
}

/// `DELETE cluster/framework/{id}`.
pub(crate) async fn forget(
    State(app): State<App>,
    Segment(framework): Segment,
) -> Result<StatusCode, ApiError> {
    app.backend
        .order(ClusterOrder::Forget { framework })
        .await?;
    Ok(StatusCode::ACCEPTED)
}
