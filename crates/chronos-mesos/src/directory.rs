//! Where agents are, for whoever reads logs.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use mesos_v1::proto;

/// Agents that are remembered. More have no offers at one time; beyond it the first by name is forgotten, and the master
/// is asked when somebody wants it.
const AGENTS_MAX: usize = 20_000;

/// What logs are read with: where agents are, who leads, and under which id we run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Directory(Arc<Mutex<Inside>>);

#[derive(Debug, Default)]
struct Inside {
    agents: BTreeMap<String, String>,
    master: Option<String>,
    framework: Option<String>,
}

impl Directory {
    fn with<T>(&self, act: impl FnOnce(&mut Inside) -> T) -> T {
        // What is in it is right whenever it is written, so a panic elsewhere spoils nothing.
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// An offer says where its agent is.
    pub(crate) fn learn(&self, offer: &proto::Offer) {
        let Some(authority) = offer.url.as_ref().and_then(authority) else {
            return;
        };
        self.put(&offer.agent_id.value, authority);
    }

    pub(crate) fn put(&self, agent: &str, authority: String) {
        self.with(|inside| {
            if inside.agents.get(agent) == Some(&authority) {
                return;
            }
            inside.agents.insert(agent.to_owned(), authority);
            if inside.agents.len() > AGENTS_MAX {
                inside.agents.pop_first();
            }
        });
    }

    pub(crate) fn agent(&self, agent: &str) -> Option<String> {
        self.with(|inside| inside.agents.get(agent).cloned())
    }

    pub(crate) fn set_master(&self, authority: &str) {
        self.with(|inside| inside.master = Some(authority.to_owned()));
    }

    pub(crate) fn master(&self) -> Option<String> {
        self.with(|inside| inside.master.clone())
    }

    pub(crate) fn set_framework(&self, id: Option<&str>) {
        self.with(|inside| inside.framework = id.map(str::to_owned));
    }

    pub(crate) fn framework(&self) -> Option<String> {
        self.with(|inside| inside.framework.clone())
    }
}

// The scheme is always `http`, also where agents speak TLS; the path is that of the agent's process.
fn authority(url: &proto::Url) -> Option<String> {
    let address = &url.address;
    let host = [&address.hostname, &address.ip].into_iter().flatten();
    let host = host.into_iter().find(|host| !host.is_empty())?;
    Some(if host.contains(':') {
        format!("[{host}]:{}", address.port)
    } else {
        format!("{host}:{}", address.port)
    })
}
