//! Who leads the masters.

use std::time::Duration;

use chronos_zk::{Group, Leader as Member};
use mesos_v1::driver::{Input, Leader};
use serde_json::Value;
use tokio::{sync::mpsc, task::JoinHandle};

use crate::{Masters, address::Place};

/// What nodes of masters are called: those of masters since 0.24, which say in JSON where they are.
const LABELS: &[&str] = &["json.info_"];

/// How masters are found.
#[derive(Debug)]
pub(crate) enum Detector {
    /// These in turn; any of them knows the leader.
    Hosts { hosts: Vec<String>, next: usize },
    /// What was heard of the group last.
    ZooKeeper {
        leader: Option<Leader>,
        follower: JoinHandle<()>,
    },
}

/// News from ZooKeeper.
#[derive(Debug)]
pub(crate) enum Found {
    Leader(Leader),
    Nobody,
    /// The servers do not say; what was found before may still be so.
    Unknown(String),
}

impl Detector {
    pub(crate) fn start(
        masters: &Masters,
        session_timeout: Duration,
        news: mpsc::Sender<Found>,
    ) -> Self {
        match &masters.place {
            Place::Hosts(hosts) => Self::Hosts {
                hosts: hosts.clone(),
                next: 0,
            },
            Place::ZooKeeper(address) => {
                let group = Group::new(address.clone(), session_timeout, LABELS);
                Self::ZooKeeper {
                    leader: None,
                    follower: tokio::spawn(follow(group, news)),
                }
            }
        }
    }

    /// Somebody wants to know now.
    pub(crate) fn ask(&mut self) -> Option<Input> {
        match self {
            Self::Hosts { hosts, next } => {
                let authority = hosts.get(*next % hosts.len().max(1))?.clone();
                *next = next.wrapping_add(1);
                Some(Input::Leader(Leader {
                    authority,
                    id: None,
                }))
            }
            Self::ZooKeeper { leader, .. } => leader.clone().map(Input::Leader),
        }
    }

    /// Something was heard.
    pub(crate) fn heard(&mut self, found: Found) -> Option<Input> {
        let Self::ZooKeeper { leader, .. } = self else {
            return None;
        };
        match found {
            Found::Leader(found) => {
                *leader = Some(found.clone());
                Some(Input::Leader(found))
            }
            Found::Nobody => {
                *leader = None;
                Some(Input::NoLeader)
            }
            Found::Unknown(problem) => {
                tracing::warn!(problem, "cannot see which Mesos master leads");
                None
            }
        }
    }
}

impl Drop for Detector {
    fn drop(&mut self) {
        if let Self::ZooKeeper { follower, .. } = self {
            follower.abort();
        }
    }
}

async fn follow(mut group: Group, news: mpsc::Sender<Found>) {
    loop {
        let found = match group.changed().await {
            Member::Is(data) => match leader_in(&data) {
                Some(leader) => Found::Leader(leader),
                None => Found::Unknown("the leading master's node cannot be read".to_owned()),
            },
            Member::Nobody => Found::Nobody,
            Member::Unknown { problem } => Found::Unknown(problem),
        };
        if news.send(found).await.is_err() {
            return;
        }
    }
}

// The JSON of a MasterInfo; what later versions add is passed over.
fn leader_in(data: &[u8]) -> Option<Leader> {
    let info: Value = serde_json::from_slice(data).ok()?;
    let text = |value: &Value, key: &str| {
        let text = value.get(key)?.as_str()?;
        (!text.is_empty()).then(|| text.to_owned())
    };
    let address = info.get("address").unwrap_or(&Value::Null);
    let host = text(address, "hostname")
        .or_else(|| text(address, "ip"))
        .or_else(|| text(&info, "hostname"));
    let port = [address, &info]
        .into_iter()
        .find_map(|it| it.get("port")?.as_u64());
    let authority = match (host, port) {
        (Some(host), Some(port)) if host.contains(':') => format!("[{host}]:{port}"),
        (Some(host), Some(port)) => format!("{host}:{port}"),
        // `master@127.0.0.1:5050`.
        _ => text(&info, "pid")?.rsplit_once('@')?.1.to_owned(),
    };
    Some(Leader {
        authority,
        id: text(&info, "id"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, want: Option<(&str, Option<&str>)>) {
        let found = leader_in(json.as_bytes());
        let found = found
            .as_ref()
            .map(|it| (it.authority.as_str(), it.id.as_deref()));
        assert_eq!(found, want, "{json}");
    }

    #[test]
    fn reads_where_a_master_is() {
        check(
            r#"{"address":{"hostname":"m1","ip":"10.0.0.1","port":5050},"hostname":"x","id":"a-b","ip":16777343,
                "pid":"master@10.0.0.1:5050","port":5050,"version":"1.12.0","news":{}}"#,
            Some(("m1:5050", Some("a-b"))),
        );
        check(
            r#"{"address":{"ip":"10.0.0.1","port":5051}}"#,
            Some(("10.0.0.1:5051", None)),
        );
        check(
            r#"{"address":{"ip":"::1","port":5051}}"#,
            Some(("[::1]:5051", None)),
        );
        check(r#"{"hostname":"m2","port":5050}"#, Some(("m2:5050", None)));
        check(
            r#"{"pid":"master@10.0.0.1:5050"}"#,
            Some(("10.0.0.1:5050", None)),
        );
        check("{}", None);
        check("master@10.0.0.1:5050", None);
    }

    #[test]
    fn hosts_are_tried_in_turn() {
        let (news, _listener) = mpsc::channel(1);
        let masters = "a:1,b:2".parse().unwrap();
        let mut detector = Detector::start(&masters, Duration::from_secs(1), news);
        for want in ["a:1", "b:2", "a:1"] {
            let Some(Input::Leader(leader)) = detector.ask() else {
                panic!("there is one");
            };
            assert_eq!(leader.authority, want);
        }
    }
}
