//! The record of the newest term, by which the servers themselves refuse an old leader.
//!
//! Every write expects the version of this node. Whoever begins a term sets it, so from then on no write
//! of an older term is carried out, wherever it may still be on its way. After an unknown outcome it is
//! set once more, under the same term: what has not been carried out by then never will be.
//!
//! A second node, the sequence, keeps the order: every write sets it and expects the version that the
//! write before it left. So one that is lost, or late, makes the servers refuse all behind it. The two
//! must not be one node: a new leader's first version could be what an old one's next write expects.
//!
//! Versions have 32 bits, and -1 means "any" to the servers: the order is not kept for one write in
//! four billion. Terms are far fewer.

use std::num::NonZeroU64;

use chronos_store::Term;
use serde_json::{Value, json};

use crate::{
    session::{Failure, Node, Op, Refusal, Session},
    tree::{SEQUENCE, TERM},
};

/// How often the node is set when others set it at the same time: every try ends with somebody's term.
const TRIES_MAX: usize = 8;

/// A term that was begun here.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Held {
    pub(super) term: Term,
    version: i32,
    sequence: i32,
}

/// Why a term was not begun or not held.
#[derive(Debug)]
pub(super) enum TermFailure {
    /// Somebody else has begun a later one.
    Over,
    Failed(String),
}

impl Held {
    /// Returns the first parts of the next write, which then counts as done.
    pub(super) fn advance(&mut self) -> Vec<Op> {
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        let next = Op::Set {
            path: SEQUENCE.to_owned(),
            data: Vec::new(),
            version: Some(sequence),
        };
        vec![self.check(), next]
    }

    /// Returns what asks whether the term holds.
    pub(super) fn check(&self) -> Op {
        Op::Check {
            path: TERM.to_owned(),
            version: Some(self.version),
        }
    }
}

/// Asks whether a node is there.
pub(super) fn exists(node: &str) -> Op {
    Op::Check {
        path: node.to_owned(),
        version: None,
    }
}

/// Begins the next term; `before` says whether nobody began one since. The node must be there.
pub(super) async fn begin(
    session: &Session,
    me: &str,
    before: Option<Held>,
    node: Option<&str>,
) -> Result<(Held, bool), TermFailure> {
    for _ in 0..TRIES_MAX {
        let Some(newest_node) = read(session).await? else {
            let data = data(Term::FIRST, me);
            let path = TERM.to_owned();
            match session.write(vec![Op::Create { path, data }]).await {
                Ok(()) | Err(Failure::Refused { .. }) => {}
                Err(failure) => return Err(failed(&failure)),
            }
            // Whoever made it, the next term is begun on it.
            continue;
        };
        let (newest, _) = parse(&newest_node)?;
        let unbroken =
            before.is_some_and(|held| held.term == newest && held.version == newest_node.version);
        let next = newest.next();
        if let Some(held) = set(session, newest_node.version, next, me, node).await? {
            return Ok((held, unbroken));
        }
    }
    Err(TermFailure::Failed(
        "others begin terms at the same time".to_owned(),
    ))
}

/// Sets the node again under a term that is held, so that no earlier write is carried out any more.
pub(super) async fn hold(session: &Session, me: &str, held: Held) -> Result<Held, TermFailure> {
    for _ in 0..TRIES_MAX {
        let Some(node) = read(session).await? else {
            return Err(TermFailure::Over);
        };
        let (newest, owner) = parse(&node)?;
        if newest != held.term || owner != me {
            return Err(TermFailure::Over);
        }
        if let Some(held) = set(session, node.version, held.term, me, None).await? {
            return Ok(held);
        }
    }
    Err(TermFailure::Failed(
        "the record of the term changes all the time".to_owned(),
    ))
}

async fn read(session: &Session) -> Result<Option<Node>, TermFailure> {
    // Another server may be behind the one that took the last write.
    session.sync().await.map_err(|failure| failed(&failure))?;
    session.get(TERM).await.map_err(|failure| failed(&failure))
}

// Returns `None` when another version is there by now.
async fn set(
    session: &Session,
    version: i32,
    term: Term,
    me: &str,
    node: Option<&str>,
) -> Result<Option<Held>, TermFailure> {
    let write = Op::Set {
        path: TERM.to_owned(),
        data: data(term, me),
        version: Some(version),
    };
    let ops = std::iter::once(write).chain(node.map(exists)).collect();
    match session.write(ops).await {
        Ok(()) => {
            // Nobody else changes it from here on.
            let sequence = session.get(SEQUENCE).await;
            let sequence = sequence.map_err(|failure| failed(&failure))?;
            let missing = || TermFailure::Failed(format!("the record {SEQUENCE} is missing"));
            Ok(Some(Held {
                term,
                version: version.wrapping_add(1),
                sequence: sequence.ok_or_else(missing)?.version,
            }))
        }
        Err(Failure::Refused {
            why: Refusal::BadVersion,
            ..
        }) => Ok(None),
        Err(Failure::Refused { index: 1, .. }) => Err(TermFailure::Failed(
            "this daemon is not in the election any more".to_owned(),
        )),
        Err(failure) => Err(failed(&failure)),
    }
}

fn data(term: Term, me: &str) -> Vec<u8> {
    json!({ "term": term.number(), "store": me })
        .to_string()
        .into_bytes()
}

fn parse(node: &Node) -> Result<(Term, String), TermFailure> {
    let json: Value = serde_json::from_slice(&node.data).unwrap_or_default();
    let number = json.get("term").and_then(Value::as_u64);
    let owner = json.get("store").and_then(Value::as_str);
    match (number.and_then(NonZeroU64::new), owner) {
        (Some(number), Some(owner)) => Ok((Term::new(number), owner.to_owned())),
        _ => Err(TermFailure::Failed(format!(
            "the record {TERM} cannot be read"
        ))),
    }
}

fn failed(failure: &Failure) -> TermFailure {
    TermFailure::Failed(failure.to_string())
}

/// Says which of the two nodes is not as it must be, and what is wrong with it.
pub(super) async fn check(
    session: &Session,
) -> Result<Result<(), (&'static str, String)>, Failure> {
    let missing = "it is missing, and nothing can be written".to_owned();
    if session.get(SEQUENCE).await?.is_none() {
        return Ok(Err((SEQUENCE, missing)));
    }
    // Before the first leader there is none.
    let Some(node) = session.get(TERM).await? else {
        return Ok(Ok(()));
    };
    Ok(match parse(&node) {
        Ok(_) => Ok(()),
        Err(_) => Err((TERM, "it cannot be read, and nobody can lead".to_owned())),
    })
}
