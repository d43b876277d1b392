//! What commands wrote, read from their sandboxes by way of the agents' HTTP.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use chronos_core::Launch;
use chronos_model::{Run, RunState};
use mesos_v1::sandbox::{self, FilePart};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::Value;
use thiserror::Error;

use crate::{
    directory::Directory,
    http::{Client, body_within},
    task_id,
};

/// The most bytes of a log that one read returns; an agent gives no more at once by the older of its ways either.
pub const LOG_PART_LEN_MAX: usize = 64 * 1024;

/// An agent that does not answer in this time is called away; somebody waits for it.
const AGENT_WAIT: Duration = Duration::from_secs(10);

/// The most that is read of what a master says of one agent.
const AGENT_LEN_MAX: usize = 4 * 1024 * 1024;

/// What may not stand in a query as it is.
const QUERY: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'%')
    .add(b'&')
    .add(b'+')
    .add(b'?');

/// Reads the logs of runs; cheap to clone.
#[derive(Clone, Debug)]
pub struct MesosLogs {
    directory: Directory,
    masters: Arc<Client>,
    agents: Arc<Client>,
}

/// A part of a log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LogPart {
    /// What is there; empty at the end of the log, or beyond it.
    pub bytes: Bytes,
    /// How long the log is now.
    pub size: u64,
    /// Whether more may follow. When it is false, `size` is final.
    pub running: bool,
}

/// Why a log cannot be read.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum LogsError {
    /// The run was given to no agent yet.
    #[error("the run has not been given to an agent")]
    NotPlaced,
    /// The sandbox is not there, or not any more.
    #[error("the agent has no such file (any more)")]
    NotFound,
    /// The agent does not show it to us.
    #[error("the agent does not let us read sandboxes ({0}); see --mesos_agent_auth")]
    Forbidden(u16),
    /// The agent cannot be asked.
    #[error("the agent cannot be asked: {0}")]
    Away(String),
}

impl MesosLogs {
    pub(crate) const fn new(
        directory: Directory,
        masters: Arc<Client>,
        agents: Arc<Client>,
    ) -> Self {
        Self {
            directory,
            masters,
            agents,
        }
    }

    /// Reads from a file in the sandbox of a run (`stdout`, `stderr`), starting at `offset`, at most `len_max` bytes (and
    /// at most [`LOG_PART_LEN_MAX`]).
    ///
    /// To follow a log, read again from the end of the part while it says that the run goes on.
    ///
    /// # Errors
    ///
    /// [`LogsError`].
    pub async fn read(
        &self,
        run: &Run,
        custom_executor: bool,
        file: &str,
        offset: u64,
        len_max: usize,
    ) -> Result<LogPart, LogsError> {
        let agent = run.agent.as_deref().ok_or(LogsError::NotPlaced)?;
        let framework = self.directory.framework();
        let framework =
            framework.ok_or_else(|| LogsError::Away("not registered with Mesos".to_owned()))?;
        let task = task_id(&run.key, Launch(run.not_before));
        // A command has an executor of its own, of the same name.
        let executor = if custom_executor {
            run.key.job.as_str()
        } else {
            &task
        };
        let path = format!("/frameworks/{framework}/executors/{executor}/runs/latest/{file}");
        let running = run.state != RunState::Ended;
        let asked = async {
            let authority = self.address_of(agent).await?;
            let len = len_max.min(LOG_PART_LEN_MAX) as u64;
            let call = sandbox::read_file(path, offset, len);
            self.read_file(&authority, call).await
        };
        let answer = tokio::time::timeout(AGENT_WAIT, asked).await;
        let read = answer.map_err(|_elapsed| LogsError::Away("it does not answer".to_owned()))?;
        match read {
            Ok(read) => Ok(LogPart {
                bytes: read.data.into(),
                size: read.size,
                running,
            }),
            // It may not have begun to write.
            Err(LogsError::NotFound) if running => Ok(LogPart {
                bytes: Bytes::new(),
                size: 0,
                running,
            }),
            Err(error) => Err(error),
        }
    }

    async fn read_file(&self, authority: &str, call: Vec<u8>) -> Result<FilePart, LogsError> {
        let away = LogsError::Away;
        let mut connection = self.agents.connect(authority).await.map_err(away)?;
        let request = self
            .agents
            .request(http::Method::POST, authority, sandbox::PATH, call)
            .map_err(away)?;
        let response = connection
            .send_request(request)
            .await
            .map_err(|error| away(error.to_string()))?;
        match response.status().as_u16() {
            200 => {}
            404 => return Err(LogsError::NotFound),
            status @ (401 | 403) => return Err(LogsError::Forbidden(status)),
            status => return Err(away(format!("it answers {status}"))),
        }
        let body = body_within(response, 2 * LOG_PART_LEN_MAX)
            .await
            .map_err(away)?;
        sandbox::file_part(&body).map_err(|error| away(error.to_string()))
    }

    // From its offers; else, after a restart, from the master.
    async fn address_of(&self, agent: &str) -> Result<String, LogsError> {
        if let Some(known) = self.directory.agent(agent) {
            return Ok(known);
        }
        let found = self.ask_master(agent).await.map_err(LogsError::Away)?;
        self.directory.put(agent, found.clone());
        Ok(found)
    }

    async fn ask_master(&self, agent: &str) -> Result<String, String> {
        let master = self.directory.master().ok_or("nobody knows where it is")?;
        let path = format!("/slaves?slave_id={}", utf8_percent_encode(agent, QUERY));
        let mut connection = self.masters.connect(&master).await?;
        let request = self
            .masters
            .request(http::Method::GET, &master, &path, Vec::new())?;
        let response = connection.send_request(request).await;
        let response = response.map_err(|error| error.to_string())?;
        if response.status() != http::StatusCode::OK {
            return Err(format!("the master answers {}", response.status().as_u16()));
        }
        let body = body_within(response, AGENT_LEN_MAX).await?;
        address_in(&body, agent).ok_or_else(|| "the master does not know it (any more)".to_owned())
    }
}

// `{"slaves": [{"id": …, "pid": "slave(1)@10.0.0.1:5051", …}]}`
fn address_in(body: &[u8], agent: &str) -> Option<String> {
    let json: Value = serde_json::from_slice(body).ok()?;
    let mut all = json.get("slaves")?.as_array()?.iter();
    let found = all.find(|it| it.get("id").and_then(Value::as_str) == Some(agent))?;
    let (_, authority) = found.get("pid")?.as_str()?.rsplit_once('@')?;
    Some(authority.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_an_agent_in_what_a_master_says() {
        let body = br#"{"slaves":[{"id":"S0","pid":"slave(1)@10.0.0.1:5051"},{"id":"S1","pid":"slave(1)@[::1]:7"}]}"#;
        assert_eq!(address_in(body, "S1").as_deref(), Some("[::1]:7"));
        assert_eq!(address_in(body, "S2"), None);
        assert_eq!(address_in(b"<html>", "S1"), None);
    }
}
