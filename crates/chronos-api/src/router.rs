//! Which request goes where.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    middleware,
    routing::{MethodRouter, delete, get, post, put},
};
use http::{Extensions, HeaderMap, HeaderValue, StatusCode, Version, header};
use tokio::sync::Semaphore;
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::{
        CompressionLayer,
        predicate::{DefaultPredicate, Predicate},
    },
    trace::TraceLayer,
};

use crate::{
    ApiConfig, Backend, backfill,
    bounds::{self, REQUESTS_MAX},
    calendars, cluster, definitions,
    error::ApiError,
    explain,
    forward::{self, Forwarder},
    graph,
    guard::{self, Guard},
    jobs,
    log::{self, FOLLOWERS_MAX},
    metrics, orders, preview, runs, stats, status,
};

/// What every handler gets.
#[derive(Clone, Debug)]
pub(crate) struct App {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) guard: Arc<Guard>,
    /// Room for requests that are worked on.
    pub(crate) requests: Arc<Semaphore>,
    /// Room for those who follow a log.
    pub(crate) followers: Arc<Semaphore>,
    pub(crate) forwarder: Forwarder,
}

/// Marks an answer that must not be compressed, because its parts have to arrive when they are sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Uncompressed;

/// Makes the API: every route of Chronos, with and without `/v1`, and what is new.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
///
/// use chronos_api::{ApiConfig, Backend, router};
///
/// fn api(daemon: Arc<dyn Backend>) -> axum::Router {
///     router(daemon, ApiConfig::default())
/// }
/// ```
pub fn router(backend: Arc<dyn Backend>, config: ApiConfig) -> Router {
    let compression = config.compression;
    let app = App {
        backend,
        guard: Arc::new(Guard::new(config)),
        requests: bounds::room(REQUESTS_MAX),
        followers: bounds::room(FOLLOWERS_MAX),
        forwarder: Forwarder::new(),
    };
    // These answer even when all the room is taken by requests that hang.
    let status = Router::new()
        .route("/", get(status::index))
        .route("/ping", get(status::ping))
        .route("/leader", get(status::leader))
        .route("/health", get(status::health))
        .route("/metrics", get(metrics::metrics));
    let scheduler = scheduler()
        .layer(middleware::from_fn_with_state(
            app.clone(),
            forward::forwarded,
        ))
        .layer(middleware::from_fn_with_state(app.clone(), bounds::bounded));
    let mut router = status
        .nest("/v1/scheduler", scheduler.clone())
        .nest("/scheduler", scheduler)
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed);
    if compression {
        let whole = |_: StatusCode, _: Version, _: &HeaderMap, extensions: &Extensions| {
            extensions.get::<Uncompressed>().is_none()
        };
        let layer = CompressionLayer::new().compress_when(DefaultPredicate::new().and(whole));
        router = router.layer(layer);
    }
    router
        .layer(middleware::from_fn_with_state(app.clone(), guard::guarded))
        .layer(CatchPanicLayer::custom(bounds::panicked))
        .layer(middleware::map_response(nosniff))
        // A 503 of `/health`, asked each second, is no line in the log each second.
        .layer(
            TraceLayer::new_for_http()
                .make_span_with(span)
                .on_failure(()),
        )
        .with_state(app)
}

fn scheduler() -> Router<App> {
    Router::new()
        .route("/iso8601", post_or_put(definitions::put_scheduled))
        .route("/dependency", post_or_put(definitions::put_dependent))
        .route("/jobs", get(jobs::list))
        .route("/jobs/search", get(jobs::search))
        .route("/jobs/summary", get(jobs::summary))
        .route(
            "/job/{name}",
            get(jobs::one)
                .put(orders::run_now)
                .delete(definitions::delete),
        )
        .route("/job/{name}/runs", get(runs::of_job))
        .route("/job/success/{name}", put(orders::mark_success))
        .route("/job/{name}/explain", get(explain::of_job))
        .route("/job/{name}/preview", get(preview::of_job))
        .route("/job/{name}/backfill", post(backfill::of_job))
        // Two of the routes above at once: the runs of a job called `success`, and a job called `runs`.
        .route(
            "/job/success/runs",
            marking("runs", get(runs::of_job_success)),
        )
        .route(
            "/job/success/explain",
            marking("explain", get(explain::of_job)),
        )
        .route(
            "/job/success/preview",
            marking("preview", get(preview::of_job)),
        )
        .route(
            "/job/success/backfill",
            marking("backfill", post(backfill::of_job)),
        )
        .route("/job/stat/{name}", get(stats::of_job))
        .route("/schedule/preview", post(preview::of_document))
        .route("/calendars", get(calendars::list))
        .route(
            "/calendar/{name}",
            get(calendars::one)
                .put(calendars::put)
                .delete(calendars::delete),
        )
        .route("/runs/{id}", get(runs::one).delete(runs::kill))
        .route("/runs/{id}/log", get(log::read))
        .route("/task/kill/{name}", delete(orders::kill))
        .route("/graph/dot", get(graph::dot))
        .route("/graph/csv", get(graph::csv))
        .route("/stats/{key}", get(stats::of_all))
        .route("/leader", get(status::leader))
        .route("/cluster", get(cluster::show))
        .route("/cluster/retry", post(cluster::retry))
        .route("/cluster/framework/{id}", delete(cluster::forget))
}

// A job may be called like the last word of a route, and marked as successful.
fn marking(job: &'static str, router: MethodRouter<App>) -> MethodRouter<App> {
    router.put(move |State(app): State<App>| orders::mark_success_of(app, job))
}

// Chronos 2 took either.
fn post_or_put<H, T>(handler: H) -> MethodRouter<App>
where
    H: axum::handler::Handler<T, App>,
    T: 'static,
{
    post(handler.clone()).put(handler)
}

async fn not_found() -> ApiError {
    ApiError::field(StatusCode::NOT_FOUND, "path", "there is nothing here")
}

async fn method_not_allowed() -> ApiError {
    ApiError::field(
        StatusCode::METHOD_NOT_ALLOWED,
        "method",
        "cannot be used here; the Allow header says which can",
    )
}

// What a command printed, or what somebody called a job, is never a page of this site.
async fn nosniff(mut response: axum::response::Response) -> axum::response::Response {
    response.headers_mut().insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}

// Without the query: it may hold what a run is given as arguments.
fn span(request: &Request) -> tracing::Span {
    tracing::debug_span!("request", method = %request.method(), path = request.uri().path())
}
