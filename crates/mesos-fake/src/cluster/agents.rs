//! Agents as the master sees them come.

use std::collections::BTreeMap;

use mesos_v1::proto::{Attribute, Resource};

use super::{Agent, Cluster, Link, plain_attributes, plain_resources};
use crate::resources::Pool;

/// An agent to be added.
#[derive(Clone, Debug, PartialEq)]
pub struct AgentSpec {
    /// Its host.
    pub hostname: String,
    /// The port of its own HTTP.
    pub port: u16,
    /// What it has.
    pub resources: Vec<Resource>,
    /// What it says of itself.
    pub attributes: Vec<Attribute>,
}

impl AgentSpec {
    /// The agent number `number` of the recordings: 4 CPUs, 4 GiB, a thousand ports, a rack and a zone.
    pub fn plain(number: u16) -> Self {
        let rack = format!("r{number}");
        let zone = if number % 2 == 1 { "a" } else { "b" };
        let first = 30_000 + 1_000 * u64::from(number);
        Self {
            hostname: "127.0.0.1".into(),
            port: 5_050 + number,
            resources: plain_resources(4.0, 4_096.0, 4_096.0, (first, first + 999)),
            attributes: plain_attributes(&[("rack", &rack), ("zone", zone)]),
        }
    }
}

impl Cluster {
    /// Adds an agent, which registers at once; returns its id.
    pub fn add_agent(&mut self, spec: AgentSpec) -> String {
        let id = format!("{}-S{}", self.master.id, self.agents.len());
        self.agents.insert(
            id.clone(),
            Agent {
                total: Pool::new(&spec.resources),
                spec,
                up: true,
                partitioned: false,
                draining: None,
                deactivated: false,
                unavailability: None,
                tasks: BTreeMap::new(),
            },
        );
        self.master.agents.insert(id.clone(), Link::Registered);
        self.allocate();
        id
    }

    /// The ids of all agents, in the order in which they came.
    pub fn agent_ids(&self) -> Vec<String> {
        self.agents.keys().cloned().collect()
    }

    /// The host and the port of an agent.
    pub fn agent_address(&self, agent: &str) -> Option<(&str, u16)> {
        let spec = &self.agents.get(agent)?.spec;
        Some((&spec.hostname, spec.port))
    }

    /// Where the HTTP of an agent is to be found from now on.
    pub fn set_agent_port(&mut self, agent: &str, port: u16) {
        if let Some(agent) = self.agents.get_mut(agent) {
            agent.spec.port = port;
        }
    }

    /// The sandboxes of an agent: framework, executor, container.
    pub fn sandboxes(&self, agent: &str) -> Vec<(String, String, String)> {
        self.agents
            .get(agent)
            .into_iter()
            .flat_map(|agent| &agent.tasks)
            .map(|((framework, task), running)| {
                (framework.clone(), task.clone(), running.container.clone())
            })
            .collect()
    }

    /// Whether master and agent hear each other.
    pub(super) fn is_linked(&self, agent: &str) -> bool {
        self.master.agents.get(agent) == Some(&Link::Registered)
            && self
                .agents
                .get(agent)
                .is_some_and(|agent| agent.up && !agent.partitioned)
    }

    /// Agents that did not come back in time.
    pub(super) fn agents_due(&mut self) {
        let now = self.now;
        let late: Vec<String> = self
            .master
            .agents
            .iter()
            .filter(|(_id, link)| link.until().is_some_and(|until| until <= now))
            .map(|(id, _link)| id.clone())
            .collect();
        for agent in late {
            self.agent_is_unreachable(&agent);
        }
    }
}
