//! The record that says how the tree is made.

use serde_json::{Value, json};

use super::{OpenError, ZkOptions};
use crate::{
    ZkAddress,
    session::{Failure, Node, Op, Refusal, Session},
    tree::{CALENDARS, Kind, META, SEQUENCE, SHARDS_DEFAULT, Tree},
};

/// The format of the tree. A program that knows a lower one leaves the tree alone.
const FORMAT: u64 = 1;

/// Checks the tree, or makes it.
pub(super) async fn prepare(session: &Session, options: &ZkOptions) -> Result<Tree, OpenError> {
    let unavailable = |failure: Failure| OpenError::Unavailable {
        address: options.address.clone(),
        problem: failure.to_string(),
    };
    if let Some(node) = session.get(META).await.map_err(unavailable)? {
        return parse(&node, &options.address);
    }
    let shards = options.shards.clamp(1, SHARDS_DEFAULT);
    let meta = json!({ "format": FORMAT, "shards": shards }).to_string();
    let mut ops = vec![Op::Create {
        path: META.to_owned(),
        data: meta.into_bytes(),
    }];
    let dirs = Kind::ALL
        .map(Kind::dir)
        .into_iter()
        .chain([CALENDARS, SEQUENCE]);
    ops.extend(dirs.map(|dir| Op::Create {
        path: dir.to_owned(),
        data: Vec::new(),
    }));
    match session.write(ops).await {
        Ok(()) => Ok(Tree { shards }),
        // Another daemon was quicker, or something else is here.
        Err(Failure::Refused {
            why: Refusal::NodeExists,
            ..
        }) => match session.get(META).await.map_err(unavailable)? {
            Some(node) => parse(&node, &options.address),
            None => Err(foreign(
                &options.address,
                "nodes of these names are there already",
            )),
        },
        Err(failure) => Err(unavailable(failure)),
    }
}

/// Reads how a tree is made; `None` when there is none.
pub(crate) async fn find(session: &Session, address: &ZkAddress) -> Result<Option<Tree>, String> {
    let node = session.get(META).await;
    let Some(node) = node.map_err(|failure| failure.to_string())? else {
        return Ok(None);
    };
    let tree = parse(&node, address).map_err(|error| error.to_string())?;
    Ok(Some(tree))
}

pub(super) fn parse(node: &Node, address: &ZkAddress) -> Result<Tree, OpenError> {
    let json: Value = serde_json::from_slice(&node.data).unwrap_or_default();
    let number = |field| json.get(field).and_then(Value::as_u64);
    let format = number("format").ok_or_else(|| foreign(address, "its record is not ours"))?;
    if format > FORMAT {
        let problem = format!("it has format {format}, and this version knows {FORMAT}");
        return Err(foreign(address, &problem));
    }
    let shards = number("shards").and_then(|shards| u32::try_from(shards).ok());
    match shards {
        Some(shards) if (1..=SHARDS_DEFAULT).contains(&shards) => Ok(Tree { shards }),
        _ => Err(foreign(address, "its number of shards is out of range")),
    }
}

fn foreign(address: &ZkAddress, problem: &str) -> OpenError {
    OpenError::Foreign {
        address: address.clone(),
        problem: problem.to_owned(),
    }
}
