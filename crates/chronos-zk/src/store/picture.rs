//! All nodes as they were at one moment, while somebody else writes.
//!
//! No request reads everything at once. So first a watch is set on the whole tree, then everything is
//! read, and then what has changed meanwhile is read again, until nothing more has. A server tells of a
//! change before it answers with it, or with anything later: when an answer is there and nothing was told
//! since the answer before the question, nothing was written in between, and all is of one moment.

use std::collections::BTreeMap;

use futures_util::{StreamExt, TryStreamExt, stream};

use crate::{
    session::{Failure, Node, Session},
    tree::{CALENDARS, FRAMEWORK, Kind},
};

/// Folders that are read at once.
const FOLDERS_IN_FLIGHT: usize = 8;

/// How often what has changed is read again. A round takes one answer, a millisecond or less, so it ends
/// sooner unless thousands of writes are made each second all the time.
const ROUNDS_MAX: usize = 2000;

/// The nodes with records, by path.
#[derive(Debug)]
pub(super) struct Picture(BTreeMap<String, Node>);

impl Picture {
    /// Reads everything.
    pub(super) async fn take(session: &Session) -> Result<Self, Failure> {
        let mut changes = session.changes().await?;
        session.sync().await?;
        let mut picture = Self(BTreeMap::new());
        picture.read(session, walk(session).await?).await?;
        for _ in 0..ROUNDS_MAX {
            let changed = changes.so_far()?;
            let changed: Vec<_> = changed.into_iter().filter(|path| is_record(path)).collect();
            if changed.is_empty() {
                return Ok(picture);
            }
            picture.read(session, changed).await?;
        }
        Err(Failure::NotSent {
            problem: "so much is written that no moment could be seen whole; try again later"
                .to_owned(),
        })
    }

    /// Returns the nodes of a kind: folder, name and node of each.
    pub(super) fn of(&self, dir: &str) -> impl Iterator<Item = (&str, &str, &Node)> {
        let below = format!("{dir}/");
        let found = self.0.range(below.clone()..);
        found
            .take_while(move |(path, _)| path.starts_with(&below))
            .filter_map(|(path, node)| {
                let (folder, name) = path.rsplit_once('/')?;
                Some((folder, name, node))
            })
    }

    /// Returns a node.
    pub(super) fn get(&self, path: &str) -> Option<&Node> {
        self.0.get(path)
    }

    async fn read(&mut self, session: &Session, paths: Vec<String>) -> Result<(), Failure> {
        let nodes = session.read(&paths).await?;
        for (path, node) in paths.into_iter().zip(nodes) {
            match node {
                Some(node) => self.0.insert(path, node),
                None => self.0.remove(&path),
            };
        }
        Ok(())
    }
}

async fn walk(session: &Session) -> Result<Vec<String>, Failure> {
    let mut folders = vec![CALENDARS.to_owned()];
    for kind in Kind::ALL {
        folders.extend(list(session, kind.dir().to_owned()).await?);
    }
    let lists = stream::iter(folders)
        .map(|folder| list(session, folder))
        .buffer_unordered(FOLDERS_IN_FLIGHT);
    let lists: Vec<Vec<String>> = lists.try_collect().await?;
    let mut paths: Vec<String> = lists.into_iter().flatten().collect();
    paths.push(FRAMEWORK.to_owned());
    Ok(paths)
}

async fn list(session: &Session, folder: String) -> Result<Vec<String>, Failure> {
    let names = session.children(folder.clone()).await?.unwrap_or_default();
    let paths = names.into_iter().map(|name| format!("{folder}/{name}"));
    Ok(paths.collect())
}

// Folders have no value, and the rest is of no lasting interest.
fn is_record(path: &str) -> bool {
    let depth = path.matches('/').count();
    let is_in = |kind: Kind| path.starts_with(&format!("{}/", kind.dir()));
    path == FRAMEWORK
        || (depth == 2 && path.starts_with(&format!("{CALENDARS}/")))
        || (depth == 3 && Kind::ALL.into_iter().any(is_in))
}
