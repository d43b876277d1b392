//! The server: connections in, within bounds, until it is told to stop.

use std::{io, sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
    time::timeout,
};

/// How many connections at once; further ones wait in the system's backlog.
///
/// Half of the 1,024 open files that a process has by default; an idle one takes about 20 KiB.
const CONNECTIONS_MAX: usize = 512;

/// How long a client may take to send the head of a request, and so how long an idle connection is
/// kept: longer than the poll intervals of those who look often.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);

/// The largest head of a request, in bytes: 64 KiB for the longest URI there can be, and as much for
/// headers.
const HEAD_LEN_MAX: usize = 128 * 1024;

/// How long requests that are under way may take after the stop; then those who follow a log are cut
/// off too.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);

/// How long to wait when no connection can be accepted, mostly because of too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves connections until `stop` is done, and then what is under way, but not for long.
///
/// # Errors
///
/// Only what makes any further connection impossible.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    stop: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let graceful = GracefulShutdown::new();
    // Dropping it ends what is left.
    let mut connections = JoinSet::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            Some(ended) = connections.join_next() => {
                log_end(ended);
                continue;
            }
            accepted = accept(&listener, &room) => accepted,
        };
        let (stream, permit) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "connection not accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let service = TowerToHyperService::new(router.clone());
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_buf_size(HEAD_LEN_MAX)
            .serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection);
        connections.spawn(async move {
            let result = connection.await;
            drop(permit);
            result
        });
    }
    drop(listener);
    if timeout(STOP_TIMEOUT, graceful.shutdown()).await.is_err() {
        tracing::info!("connections cut off at the stop");
    }
    Ok(())
}

async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> io::Result<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let permit = Arc::clone(room).acquire_owned().await;
    let permit = permit.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    // Answers are small and clients wait for them.
    stream.set_nodelay(true)?;
    Ok((stream, permit))
}

fn log_end(ended: Result<hyper::Result<()>, tokio::task::JoinError>) {
    match ended {
        Ok(Ok(())) => {}
        // Clients come and go; that is no news.
        Ok(Err(error)) => tracing::debug!(%error, "connection broken"),
        Err(error) => tracing::error!(%error, "connection failed"),
    }
}
