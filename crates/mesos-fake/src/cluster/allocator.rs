//! Who is offered what.

use std::{collections::BTreeMap, time::Duration};

use mesos_v1::{
    event::is_terminal,
    proto::{
        Address, AgentId, ExecutorId, Filters, FrameworkId, FrameworkInfo, InverseOffer, Offer,
        OfferId, Url,
        framework_info::capability::Type as Capability,
        resource::AllocationInfo,
        scheduler::{Event, call, event},
    },
};

use super::{
    Cluster, Filter, Link, Offered,
    frameworks::{has, roles_of},
};
use crate::resources::{Pool, in_old_format};

/// Less than both of them is not worth an offer: thousandths of CPUs, thousandths of MiB.
const WORTH_IT: (i64, i64) = (10, 32_000);
/// A filter lasts no longer.
const FILTER_MAX: Duration = Duration::from_secs(365 * 24 * 3_600);
/// What a filter lasts when nothing sensible is said.
const FILTER_DEFAULT: Duration = Duration::from_secs(5);

impl Cluster {
    /// Makes offers of all that is free.
    pub(super) fn allocate(&mut self) {
        self.master.allocate_at = self.now + self.settings.allocation_interval;
        if self.recovering() {
            return;
        }
        let now = self.now;
        for framework in self.master.frameworks.values_mut() {
            framework.keep_filters(|filter| filter.until > now);
        }
        let ids: Vec<String> = self.master.frameworks.keys().cloned().collect();
        let mut unused = self.unused();
        for id in ids {
            let offers = self.offers_for(&id, &mut unused);
            if !offers.is_empty() {
                let event = Event {
                    r#type: Some(event::Type::Offers.into()),
                    offers: Some(event::Offers { offers }),
                    ..Event::default()
                };
                self.emit(&id, event);
            }
        }
        self.ask_to_leave();
    }

    // After a failover there are no offers until most agents are back.
    fn recovering(&mut self) -> bool {
        if self.master.recovers_until.is_none() {
            return false;
        }
        let all = self.master.agents.len();
        let away = self
            .master
            .agents
            .values()
            .filter(|link| matches!(link, Link::Recovered { .. }))
            .count();
        if away * 5 > all {
            return true;
        }
        self.master.recovers_until = None;
        false
    }

    fn offers_for(&mut self, id: &str, unused: &mut BTreeMap<String, Pool>) -> Vec<Offer> {
        let Some(framework) = self.master.frameworks.get(id) else {
            return Vec::new();
        };
        if framework.stream.is_none() {
            return Vec::new();
        }
        let info = framework.info.clone();
        let mut offers = Vec::new();
        for role in roles_of(&info) {
            for (agent, unused) in &mut *unused {
                if let Some(what) = self.free(id, &info, &role, agent, unused) {
                    unused.take(&what);
                    offers.push(self.offer(id, &info, &role, agent, what));
                }
            }
        }
        offers
    }

    // What an agent has for a role of a framework now, if it is worth an offer.
    fn free(
        &self,
        id: &str,
        info: &FrameworkInfo,
        role: &str,
        agent: &str,
        unused: &Pool,
    ) -> Option<Pool> {
        let framework = self.master.frameworks.get(id)?;
        let spec = &self.agents.get(agent)?.spec;
        let allowed = framework.constraints.allow(role, spec);
        if unused.is_empty() || framework.suppressed.contains(role) || !allowed {
            return None;
        }
        let free = unused.for_role(role);
        let (cpus, mem) = (free.scalar("cpus"), free.scalar("mem"));
        let worth_it = cpus >= WORTH_IT.0 || mem >= WORTH_IT.1;
        let gpus_hidden = free.scalar("gpus") > 0 && !has(info, Capability::GpuResources);
        let mut filters = framework.filters.get(agent).into_iter().flatten();
        let filtered = filters.any(|filter| filter.role == role && filter.what.holds(&free));
        (worth_it && !gpus_hidden && !filtered).then_some(free)
    }

    // What no task uses and no offer holds, of the agents that may be offered. All of them at once: to look through all
    // offers for each agent would cost a master of a thousand agents more than all else that it does.
    fn unused(&self) -> BTreeMap<String, Pool> {
        let mut unused: BTreeMap<String, Pool> = BTreeMap::new();
        for (id, agent) in &self.agents {
            let is_offered = self.master.agents.get(id) == Some(&Link::Registered)
                && agent.draining.is_none()
                && !agent.deactivated;
            if !is_offered {
                continue;
            }
            let mut free = agent.total.clone();
            for (key, task) in &agent.tasks {
                // What ended is free before its end is acknowledged, or even told.
                if !is_terminal(task.state)
                    && let Some(known) = self.master.tasks.get(key)
                {
                    free.take(&known.uses);
                }
            }
            unused.insert(id.clone(), free);
        }
        for offer in self.master.offers.values() {
            if let Some(free) = unused.get_mut(&offer.agent) {
                free.take(&offer.what);
            }
        }
        unused
    }

    /// How many offers are out.
    pub fn offers(&self) -> usize {
        self.master.offers.len()
    }

    fn offer(
        &mut self,
        id: &str,
        info: &FrameworkInfo,
        role: &str,
        agent: &str,
        what: Pool,
    ) -> Offer {
        let offer_id = format!("{}-O{}", self.master.id, self.master.next_offer);
        self.master.next_offer += 1;
        let spec = self.agents[agent].spec.clone();
        let unavailability = self.agents[agent].unavailability;
        let executor_ids = self.agents[agent]
            .tasks
            .iter()
            .filter(|((owner, _task), _running)| owner == id)
            .filter_map(|(_name, running)| running.info.executor.as_ref())
            .map(|executor| executor.executor_id.clone())
            .collect::<Vec<ExecutorId>>();
        let multi = has(info, Capability::MultiRole);
        let mut resources = what.to_resources(multi.then_some(role));
        if !has(info, Capability::ReservationRefinement) {
            resources.iter_mut().for_each(in_old_format);
        }
        let offer = Offer {
            id: OfferId {
                value: offer_id.clone(),
            },
            framework_id: FrameworkId { value: id.into() },
            agent_id: AgentId {
                value: agent.into(),
            },
            hostname: spec.hostname.clone(),
            url: Some(spec.url()),
            resources,
            attributes: spec.attributes,
            executor_ids,
            unavailability,
            allocation_info: multi.then(|| AllocationInfo {
                role: Some(role.into()),
            }),
            domain: None,
        };
        self.master.offers.insert(
            offer_id,
            Offered {
                framework: id.into(),
                agent: agent.into(),
                role: role.into(),
                what,
                expires: self.settings.offer_timeout.map(|wait| self.now + wait),
            },
        );
        offer
    }

    pub(super) fn offers_due(&mut self) {
        let now = self.now;
        let expired: Vec<String> = self
            .master
            .offers
            .iter()
            .filter(|(_id, offer)| offer.expires.is_some_and(|at| at <= now))
            .map(|(id, _offer)| id.clone())
            .collect();
        for id in expired {
            self.rescind(&id);
        }
    }

    /// Takes offers back from a framework that does not want them.
    pub fn decline(&mut self, framework: &str, call: &call::Decline) {
        let seconds = call.filters.as_ref().map(Filters::refuse_seconds);
        for offer in &call.offer_ids {
            let ours = |offered: &mut Offered| offered.framework == framework;
            if let Some(mut offered) = self.master.offers.remove(&offer.value)
                && ours(&mut offered)
            {
                let what = offered.what.clone();
                self.filter(framework, &offered, what, seconds);
            }
        }
    }

    /// Keeps from a framework what it does not want, for a while.
    pub(super) fn filter(
        &mut self,
        framework: &str,
        offered: &Offered,
        what: Pool,
        seconds: Option<f64>,
    ) {
        let wait = filter_wait(seconds);
        if wait.is_zero() {
            return;
        }
        let until = self.now + wait.clamp(self.settings.allocation_interval, FILTER_MAX);
        if let Some(framework) = self.master.frameworks.get_mut(framework) {
            let filters = framework.filters.entry(offered.agent.clone());
            filters.or_default().push(Filter {
                role: offered.role.clone(),
                what,
                until,
            });
        }
    }

    /// No more offers for these roles, or for all. One that is not the framework's spoils the call.
    pub fn suppress(&mut self, framework: &str, roles: &[String]) {
        let Some(framework) = self.master.frameworks.get_mut(framework) else {
            return;
        };
        let own = roles_of(&framework.info);
        if roles.iter().all(|role| own.contains(role)) {
            let all = if roles.is_empty() {
                own
            } else {
                roles.iter().cloned().collect()
            };
            framework.suppressed.extend(all);
        }
    }

    /// Offers for these roles again, or for all, at once. One that is not the framework's spoils the call.
    pub fn revive(&mut self, framework: &str, roles: &[String]) {
        let Some(known) = self.master.frameworks.get_mut(framework) else {
            return;
        };
        let own = roles_of(&known.info);
        if !roles.iter().all(|role| own.contains(role)) {
            return;
        }
        let all = |role: &String| roles.is_empty() || roles.contains(role);
        known.suppressed.retain(|role| !all(role));
        known.keep_filters(|filter| !all(&filter.role));
        self.allocate();
    }

    // Asks frameworks with tasks on agents that are to be away to leave them, again when they said no.
    fn ask_to_leave(&mut self) {
        let now = self.now;
        self.master
            .inverse_filters
            .retain(|_who, until| *until > now);
        if self
            .agents
            .values()
            .all(|agent| agent.unavailability.is_none())
        {
            return;
        }
        let mut asked: Vec<(String, String)> = Vec::new();
        for (framework, task) in self.master.tasks.keys() {
            let known = &self.master.tasks[&(framework.clone(), task.clone())];
            let who = (framework.clone(), known.agent.clone());
            let is_to_leave = self
                .agents
                .get(&known.agent)
                .is_some_and(|agent| agent.unavailability.is_some());
            let is_asked = self.master.inverse.values().any(|asked| *asked == who)
                || self.master.inverse_filters.contains_key(&who)
                || asked.contains(&who);
            if is_to_leave && !is_asked {
                asked.push(who);
            }
        }
        for (framework, agent) in asked {
            self.ask_one_to_leave(&framework, &agent);
        }
    }

    fn ask_one_to_leave(&mut self, framework: &str, agent: &str) {
        let Some(unavailability) = self
            .agents
            .get(agent)
            .and_then(|agent| agent.unavailability)
        else {
            return;
        };
        let offer = InverseOffer {
            id: OfferId {
                value: format!("{}-O{}", self.master.id, self.master.next_offer),
            },
            url: Some(self.agents[agent].spec.url()),
            framework_id: FrameworkId {
                value: framework.to_owned(),
            },
            agent_id: Some(AgentId {
                value: agent.to_owned(),
            }),
            unavailability,
            resources: Vec::new(),
        };
        self.master.next_offer += 1;
        let who = (framework.to_owned(), agent.to_owned());
        self.master.inverse.insert(offer.id.value.clone(), who);
        let event = Event {
            r#type: Some(event::Type::InverseOffers.into()),
            inverse_offers: Some(event::InverseOffers {
                inverse_offers: vec![offer],
            }),
            ..Event::default()
        };
        self.emit(framework, event);
    }

    /// A framework answered requests to leave, yes or no; it is asked again after a while.
    pub fn answer_to_leave(&mut self, offers: &[OfferId], filters: Option<&Filters>) {
        let wait = filter_wait(filters.map(Filters::refuse_seconds));
        for offer in offers {
            if let Some(who) = self.master.inverse.remove(&offer.value) {
                self.master.inverse_filters.insert(who, self.now + wait);
            }
        }
    }
}

fn filter_wait(seconds: Option<f64>) -> Duration {
    seconds.map_or(FILTER_DEFAULT, |seconds| {
        Duration::try_from_secs_f64(seconds).unwrap_or(FILTER_DEFAULT)
    })
}

impl super::Framework {
    fn keep_filters(&mut self, keep: impl Fn(&Filter) -> bool) {
        self.filters.retain(|_agent, filters| {
            filters.retain(&keep);
            !filters.is_empty()
        });
    }
}

impl super::AgentSpec {
    fn url(&self) -> Url {
        Url {
            scheme: "http".into(),
            address: Address {
                hostname: Some(self.hostname.clone()),
                ip: Some(self.hostname.clone()),
                port: i32::from(self.port),
            },
            path: Some("/slave(1)".into()),
            ..Url::default()
        }
    }
}
