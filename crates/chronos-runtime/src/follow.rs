//! What readers see while another daemon leads.

use chronos_core::{Picture, View};
use chronos_zk::{Change, Follower};

use crate::clock;

/// The picture of a daemon that follows, where there is somebody to follow.
#[derive(Debug)]
pub(crate) struct Following {
    follower: Option<Follower>,
    picture: Option<Picture>,
}

/// What came of waiting for news.
#[derive(Debug)]
pub(crate) enum News {
    /// A new picture.
    View(Box<View>),
    /// There is none now, or it grows old.
    Problem(String),
}

impl Following {
    pub(crate) const fn new(follower: Option<Follower>) -> Self {
        Self {
            follower,
            picture: None,
        }
    }

    /// Begins to follow, or stops.
    pub(crate) fn want(&mut self, wanted: bool) {
        self.picture = None;
        if let Some(follower) = &mut self.follower {
            follower.want(wanted);
        }
    }

    /// Waits for the next picture, which comes once a second; for ever where nobody can be followed. May be
    /// dropped.
    pub(crate) async fn next(&mut self) -> News {
        let Some(follower) = &mut self.follower else {
            return std::future::pending().await;
        };
        loop {
            let changes = match follower.next().await {
                Ok(changes) => changes,
                Err(problem) => return News::Problem(problem),
            };
            let mut fits = true;
            for change in changes {
                fits &= take(&mut self.picture, change);
            }
            if !fits {
                // Everything is read again.
                follower.want(true);
                self.picture = None;
                continue;
            }
            if let Some(picture) = &self.picture {
                return News::View(Box::new(picture.view(clock::wall())));
            }
        }
    }
}

// Returns whether it fits what is known.
fn take(known: &mut Option<Picture>, change: Change) -> bool {
    match (known.as_mut(), change) {
        (_, Change::All(snapshot)) => *known = Some(Picture::new(*snapshot)),
        (None, _) => {}
        (Some(picture), Change::Job(_, Some(record))) => return picture.put_job(*record).is_ok(),
        (Some(picture), Change::Job(job, None)) => picture.remove_job(&job),
        (Some(picture), Change::Run(_, Some(run))) => picture.put_run(*run),
        (Some(picture), Change::Run(key, None)) => picture.remove_run(&key),
    }
    true
}
