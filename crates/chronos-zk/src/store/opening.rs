//! The time before the store is open: no server was reached yet, or what is there cannot be used.
//!
//! That may last, and the daemon lives on: what is asked meanwhile is answered at once, as not carried
//! out.

use std::{sync::Arc, time::Duration};

use chronos_store::{CommitError, StoreError};
use tokio::sync::mpsc;

use super::{
    ZkOptions, connect,
    reads::Read,
    status::Status,
    worker::{Request, Worker},
};

/// How long nothing is tried after an attempt that failed: an operator who mends something sees it at
/// once, and the servers are not pestered.
const PAUSE: Duration = Duration::from_secs(2);

/// Tries until the store is open; `None` when nobody wants it any more.
pub(super) async fn until_open(
    options: &ZkOptions,
    status: &Arc<Status>,
    requests: &mut mpsc::Receiver<Request>,
) -> Option<Worker> {
    let mut problem = "no server has been reached yet".to_owned();
    status.expect(&problem);
    loop {
        let mut attempt = Box::pin(connect(options, status.clone()));
        let opened = loop {
            tokio::select! {
                opened = &mut attempt => break opened,
                request = requests.recv() => refuse(request?, &problem, status),
            }
        };
        match opened {
            Ok(worker) => {
                status.report(None);
                return Some(worker);
            }
            Err(error) => problem = error.to_string(),
        }
        status.report(Some(&problem));
        let mut pause = Box::pin(tokio::time::sleep(PAUSE));
        loop {
            tokio::select! {
                () = &mut pause => break,
                request = requests.recv() => refuse(request?, &problem, status),
            }
        }
    }
}

// Whoever asked may be gone; that changes nothing.
fn refuse(request: Request, problem: &str, status: &Status) {
    let problem = problem.to_owned();
    let unavailable = StoreError::Unavailable {
        problem: problem.clone(),
    };
    match request {
        Request::Begin(answer) => drop(answer.send(Err(unavailable))),
        Request::Load(_, answer) => drop(answer.send(Err(unavailable))),
        Request::Read(Read::Runs(_, answer)) => drop(answer.send(Err(unavailable))),
        Request::Read(Read::Run(_, answer)) => drop(answer.send(Err(unavailable))),
        Request::Commit(commit) => {
            status.answered();
            drop(
                commit
                    .answer
                    .send(Err(CommitError::Unavailable { problem })),
            );
        }
    }
}
