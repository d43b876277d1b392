//! Agents and masters failing, leaving and coming back.

use std::time::Duration;

use mesos_v1::proto::{
    AgentId, DurationInfo, OfferId, TaskState, TimeInfo, Unavailability,
    scheduler::{Event, event},
    task_status::{Reason, Source},
};

use super::{
    Cluster, Draining, Emit, Link, Master,
    updates::{Word, seconds},
};

impl Cluster {
    /// The network to an agent breaks, and the master did not notice yet.
    pub fn cut_agent(&mut self, agent: &str) {
        if let Some(agent) = self.agents.get_mut(agent) {
            agent.partitioned = true;
        }
    }

    /// The process of an agent dies, or the network to it breaks. Tasks go on.
    pub fn lose_agent(&mut self, agent: &str, partitioned: bool) {
        let until = self.now + self.settings.agent_timeout;
        let Some(lost) = self.agents.get_mut(agent) else {
            return;
        };
        let hostname = lost.spec.hostname.clone();
        lost.up = partitioned;
        lost.partitioned = partitioned;
        if self.master.agents.get(agent) != Some(&Link::Registered) {
            return;
        }
        let link = Link::Disconnected { until };
        self.master.agents.insert(agent.to_owned(), link);
        self.rescind_all(agent);
        if !partitioned {
            // An agent of a framework that does not checkpoint takes its tasks with it.
            self.lose_tasks(
                agent,
                &format!("Agent {hostname} disconnected"),
                |checkpoint| {
                    (!checkpoint).then_some((TaskState::TaskLost, Reason::AgentDisconnected))
                },
            );
        }
    }

    /// Its machine stops and starts again: what ran there is gone, and nothing there knows of it. It keeps its id, and
    /// comes back when it is told to.
    pub fn restart_machine(&mut self, agent: &str) {
        self.lose_agent(agent, false);
        if let Some(agent) = self.agents.get_mut(agent) {
            agent.tasks.clear();
        }
    }

    /// It comes back, with what it has.
    pub fn return_agent(&mut self, agent: &str) {
        let Some(back) = self.agents.get_mut(agent) else {
            return;
        };
        let was_down = !back.up;
        (back.up, back.partitioned) = (true, false);
        if was_down {
            back.tasks.retain(|_key, task| task.checkpoint);
        }
        let link = self.master.agents.get(agent).cloned();
        if link == Some(Link::Gone) {
            // It is told to shut down.
            self.agents.remove(agent);
            return;
        }
        self.master
            .agents
            .insert(agent.to_owned(), Link::Registered);
        // One that was not missed for long says nothing about its tasks.
        let told = matches!(
            link,
            Some(Link::Unreachable { .. } | Link::Recovered { .. }) | None
        );
        self.reregister_tasks(agent, told);
        self.tell_again(agent);
        self.allocate();
    }

    // The master learns again what the agent runs.
    fn reregister_tasks(&mut self, agent: &str, told: bool) {
        let tasks: Vec<_> = self.agents[agent]
            .tasks
            .iter()
            .map(|(key, task)| (key.clone(), task.info.clone(), task.state))
            .collect();
        for (key, info, state) in tasks {
            let word = Word {
                state,
                reason: Reason::AgentReregistered,
                source: Source::Master,
                message: "Unreachable agent re-reregistered".into(),
            };
            let latest = word.status(&key.1, Some(agent), self.now);
            self.master
                .tasks
                .entry(key.clone())
                .or_insert_with(|| super::Known {
                    agent: agent.to_owned(),
                    info: info.clone(),
                    uses: crate::resources::Pool::new(&info.resources),
                    latest,
                    ended: mesos_v1::event::is_terminal(state),
                });
            if told && !mesos_v1::event::is_terminal(state) {
                self.master_says(&key, &word);
            }
        }
    }

    /// It did not come back in time, or the master says so.
    pub(super) fn agent_is_unreachable(&mut self, agent: &str) {
        let since = self.now;
        self.master
            .agents
            .insert(agent.to_owned(), Link::Unreachable { since });
        self.lose_tasks(agent, "health check timed out", |_checkpoint| {
            Some((TaskState::TaskUnreachable, Reason::AgentRemoved))
        });
        self.rescind_all(agent);
        self.say_failure(agent);
    }

    /// It shuts down in order: its tasks are lost, for every framework.
    pub fn unregister_agent(&mut self, agent: &str) {
        let Some(left) = self.agents.get(agent) else {
            return;
        };
        let text = format!(
            "Agent {} removed: the agent unregistered",
            left.spec.hostname
        );
        self.lose_tasks(agent, &text, |_checkpoint| {
            Some((TaskState::TaskLost, Reason::AgentRemoved))
        });
        self.rescind_all(agent);
        self.master.agents.remove(agent);
        self.agents.remove(agent);
        self.say_failure(agent);
    }

    /// An operator says that it never comes back.
    pub fn mark_agent_gone(&mut self, agent: &str) {
        self.lose_tasks(agent, "Agent has been marked gone", |_checkpoint| {
            Some((
                TaskState::TaskGoneByOperator,
                Reason::AgentRemovedByOperator,
            ))
        });
        self.rescind_all(agent);
        self.master.agents.insert(agent.to_owned(), Link::Gone);
        if let Some(gone) = self.agents.get_mut(agent) {
            gone.up = false;
            gone.tasks.clear();
        }
        self.say_failure(agent);
    }

    /// An operator empties it.
    pub fn drain_agent(&mut self, agent: &str, grace: Option<Duration>, mark_gone: bool) {
        self.rescind_all(agent);
        let Some(drained) = self.agents.get_mut(agent) else {
            return;
        };
        drained.draining = Some(Draining { mark_gone });
        let keys: Vec<_> = drained.tasks.keys().cloned().collect();
        for key in keys {
            self.kill_on_agent(agent, &key, grace);
        }
        if self.agents.get(agent).is_some_and(|agent| {
            agent.draining.is_some_and(|draining| draining.mark_gone) && agent.tasks.is_empty()
        }) {
            self.mark_agent_gone(agent);
        }
    }

    /// It is not offered any more.
    pub fn deactivate_agent(&mut self, agent: &str) {
        self.rescind_all(agent);
        if let Some(agent) = self.agents.get_mut(agent) {
            agent.deactivated = true;
        }
    }

    /// It is offered again.
    pub fn reactivate_agent(&mut self, agent: &str) {
        if let Some(agent) = self.agents.get_mut(agent) {
            agent.deactivated = false;
            agent.draining = None;
        }
        self.allocate();
    }

    /// Its machine is to be away for a while, some time from now.
    pub fn plan_maintenance(&mut self, agent: &str, from: Duration, length: Duration) {
        let nanoseconds = |time: Duration| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX);
        let start = Duration::from_secs_f64(seconds(self.now)) + from;
        if let Some(agent) = self.agents.get_mut(agent) {
            agent.unavailability = Some(Unavailability {
                start: TimeInfo {
                    nanoseconds: nanoseconds(start),
                },
                duration: Some(DurationInfo {
                    nanoseconds: nanoseconds(length),
                }),
            });
        }
        self.rescind_all(agent);
        self.allocate();
    }

    /// Its machine stays.
    pub fn cancel_maintenance(&mut self, agent: &str) {
        if let Some(agent) = self.agents.get_mut(agent) {
            agent.unavailability = None;
        }
        let asked: Vec<(String, String)> = self
            .master
            .inverse
            .iter()
            .filter(|(_offer, (_framework, of))| of == agent)
            .map(|(offer, (framework, _agent))| (offer.clone(), framework.clone()))
            .collect();
        for (offer, framework) in asked {
            self.master.inverse.remove(&offer);
            let event = Event {
                r#type: Some(event::Type::RescindInverseOffer.into()),
                rescind_inverse_offer: Some(event::RescindInverseOffer {
                    inverse_offer_id: OfferId { value: offer },
                }),
                ..Event::default()
            };
            self.emit(&framework, event);
        }
        self.rescind_all(agent);
        self.allocate();
    }

    /// The leading master dies and another one takes over, who knows the agents' names and nothing else.
    pub fn fail_over(&mut self, host: &str, port: u16) {
        for framework in self.master.frameworks.values_mut() {
            if let Some(stream) = framework.stream.take() {
                self.emitted.push((stream, Emit::End));
            }
        }
        let id = self.uuid();
        let mut master = Master::new(id, host, port);
        let until = self.now + self.settings.recovery_wait;
        for (agent, link) in &self.master.agents {
            let kept = match link {
                // What an operator said, and what was written down, is known to every master.
                Link::Gone | Link::Unreachable { .. } => link.clone(),
                Link::Registered | Link::Disconnected { .. } | Link::Recovered { .. } => {
                    Link::Recovered { until }
                }
            };
            master.agents.insert(agent.clone(), kept);
        }
        if !master.agents.is_empty() {
            master.recovers_until = Some(until);
        }
        self.master = master;
    }

    /// An agent finds the new master.
    pub fn agent_finds_master(&mut self, agent: &str) {
        let is_there = self
            .agents
            .get(agent)
            .is_some_and(|agent| agent.up && !agent.partitioned);
        if !is_there {
            return;
        }
        self.master
            .agents
            .insert(agent.to_owned(), Link::Registered);
        self.reregister_tasks(agent, false);
        self.tell_again(agent);
        self.allocate();
    }

    // An agent that found a master sends all that was not acknowledged, and drops what never reached it.
    fn tell_again(&mut self, agent: &str) {
        let lost: Vec<_> = self
            .master
            .tasks
            .iter()
            .filter(|(key, known)| {
                known.agent == agent && !self.agents[agent].tasks.contains_key(*key)
            })
            .map(|(key, known)| (key.clone(), known.info.clone()))
            .collect();
        for (key, info) in lost {
            self.drop_on_agent(agent, &key, info);
        }
        let keys: Vec<_> = self.agents[agent].tasks.keys().cloned().collect();
        for key in keys {
            if let Some(task) = self.running_mut(agent, &key) {
                task.resent = 0;
            }
            self.send_first(agent, &key);
            self.wake(agent, &key);
        }
    }

    // What the master tells about the tasks of an agent, for those about which `what` says something.
    fn lose_tasks(
        &mut self,
        agent: &str,
        text: &str,
        what: impl Fn(bool) -> Option<(TaskState, Reason)>,
    ) {
        let keys: Vec<_> = self
            .master
            .tasks
            .iter()
            .filter(|(_key, task)| task.agent == agent)
            .map(|(key, _task)| key.clone())
            .collect();
        for key in keys {
            let checkpoint = self
                .agents
                .get(agent)
                .and_then(|agent| agent.tasks.get(&key))
                .is_some_and(|task| task.checkpoint);
            let Some((state, reason)) = what(checkpoint) else {
                continue;
            };
            let word = Word {
                state: self.lost_as(&key.0, state),
                reason,
                source: Source::Master,
                message: text.to_owned(),
            };
            self.master_says(&key, &word);
            self.master.tasks.remove(&key);
        }
    }

    fn rescind_all(&mut self, agent: &str) {
        let offers: Vec<String> = self
            .master
            .offers
            .iter()
            .filter(|(_id, offer)| offer.agent == agent)
            .map(|(id, _offer)| id.clone())
            .collect();
        for offer in offers {
            self.rescind(&offer);
        }
    }

    fn say_failure(&mut self, agent: &str) {
        let ids: Vec<String> = self.master.frameworks.keys().cloned().collect();
        for id in ids {
            let event = Event {
                r#type: Some(event::Type::Failure.into()),
                failure: Some(event::Failure {
                    agent_id: Some(AgentId {
                        value: agent.to_owned(),
                    }),
                    ..event::Failure::default()
                }),
                ..Event::default()
            };
            self.emit(&id, event);
        }
    }
}
