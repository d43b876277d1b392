//! A group as others keep it: whose member has the smallest number leads, and says in its node where it is.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::{
    ZkAddress,
    session::{Session, Standing},
};

/// How often the group is looked at although nothing was heard: a watch may get lost.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// How long nothing is tried after the servers could not be reached.
const PAUSE: Duration = Duration::from_secs(1);

const SILENT: &str = "the ZooKeeper servers do not answer";

/// What is known of the leader of a group.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Leader {
    /// The value of its node.
    Is(Vec<u8>),
    /// There is no member.
    Nobody,
    /// The servers do not say; whoever led may still lead.
    Unknown {
        /// What is wrong.
        problem: String,
    },
}

/// Follows who leads a group. It writes nothing.
///
/// Members are nodes whose names end in `_` and a number, behind one of a few labels; other nodes are passed over.
#[derive(Debug)]
pub struct Group {
    address: ZkAddress,
    session_timeout: Duration,
    labels: &'static [&'static str],
    session: Option<Session>,
    told: Option<Leader>,
}

impl Group {
    /// Makes one that nobody has asked yet. `labels` are what members' names begin with, such as `json.info_`.
    pub const fn new(
        address: ZkAddress,
        session_timeout: Duration,
        labels: &'static [&'static str],
    ) -> Self {
        Self {
            address,
            session_timeout,
            labels,
            session: None,
            told: None,
        }
    }

    /// Waits until there is something new to tell of the leader; the first time, for the first answer.
    ///
    /// May be dropped and called again.
    pub async fn changed(&mut self) -> Leader {
        loop {
            let session = self.session().await;
            // Before the look, so that nothing gets lost between the two.
            let changed = session.as_ref().map(|session| {
                (
                    session.until_children_change("/".to_owned()),
                    session.watcher(),
                )
            });
            let leader = match &session {
                Ok(session) => self.look(session).await,
                Err(problem) => Err(problem.clone()),
            };
            let known = leader.is_ok();
            let leader = leader.unwrap_or_else(|problem| Leader::Unknown { problem });
            if self.told.as_ref() != Some(&leader) {
                self.told = Some(leader.clone());
                return leader;
            }
            match changed {
                Ok((changed, mut watcher)) if known => {
                    tokio::select! {
                        () = changed => {}
                        _standing = watcher.changed() => {}
                        () = sleep(LOOK_AGAIN) => {}
                    }
                }
                Ok(_) | Err(_) => sleep(PAUSE).await,
            }
        }
    }

    async fn session(&mut self) -> Result<Session, String> {
        self.session
            .take_if(|session| session.standing() == Standing::Over);
        if let Some(session) = &self.session {
            return Ok(session.clone());
        }
        let connecting = Session::look_at(&self.address, self.session_timeout);
        let connected = timeout(self.session_timeout, connecting).await;
        let session = connected
            .map_err(|_elapsed| SILENT.to_owned())?
            .map_err(|failure| failure.to_string())?;
        Ok(self.session.insert(session).clone())
    }

    async fn look(&self, session: &Session) -> Result<Leader, String> {
        let answer = timeout(self.session_timeout, self.ask(session)).await;
        answer.map_err(|_elapsed| SILENT.to_owned())?
    }

    async fn ask(&self, session: &Session) -> Result<Leader, String> {
        loop {
            let names = session.children("/".to_owned()).await;
            let names = names.map_err(|failure| failure.to_string())?;
            let members = names.unwrap_or_default();
            let members = members
                .iter()
                .filter_map(|name| Some((number(name, self.labels)?, name)));
            let Some((_, first)) = members.min() else {
                return Ok(Leader::Nobody);
            };
            let node = session.get(&format!("/{first}")).await;
            // Else it went away meanwhile, and somebody else is first.
            if let Some(node) = node.map_err(|failure| failure.to_string())? {
                return Ok(Leader::Is(node.data));
            }
        }
    }
}

// The servers count in 32 bits, with a sign, and go on below zero after the last.
fn number(name: &str, labels: &[&str]) -> Option<i32> {
    let digits = labels.iter().find_map(|label| name.strip_prefix(label))?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_have_a_label_and_a_number() {
        let labels = ["json.info_", "other_"];
        let check = |name, want| assert_eq!(number(name, &labels), want, "{name}");
        check("json.info_0000000007", Some(7));
        check("other_0000000010", Some(10));
        check("json.info_-2147483648", Some(-2_147_483_648));
        check("log_replicas", None);
        check("json.info_", None);
        check("info_0000000001", None);
    }
}
