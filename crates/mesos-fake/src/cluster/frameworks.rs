//! Frameworks coming, going and being removed.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use mesos_v1::proto::{
    Address, FrameworkId, FrameworkInfo, MasterInfo,
    framework_info::capability::Type as Capability,
    master_info,
    scheduler::{Event, call, event},
};

use super::{Cluster, Emit, Framework, Stream, constraints::Constraints};

/// Why a call of a framework is refused, in the master's words.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Refused {
    /// 400.
    Invalid(String),
    /// 403.
    Forbidden(String),
}

impl Cluster {
    /// Opens a stream; what becomes of the subscription is said on it.
    pub fn subscribe(&mut self, call: &call::Subscribe, principal: Option<&str>) -> Stream {
        let stream = self.uuid();
        let constraints = match self.check(call) {
            Ok(constraints) => constraints,
            Err(text) => {
                self.refuse(&stream, &text);
                return stream;
            }
        };
        let mut info = call.framework_info.clone();
        if info.principal.is_none() {
            info.principal = principal.map(str::to_owned);
        }
        let given = info.id.clone().filter(|id| !id.value.is_empty());
        let id = given.unwrap_or_else(|| self.new_framework_id());
        info.id = Some(id.clone());
        let old = self.master.frameworks.remove(&id.value);
        let mut filters = BTreeMap::new();
        if let Some(old) = old {
            if let Some(previous) = old.stream {
                let error = error_event("Framework failed over");
                self.emitted
                    .push((previous.clone(), Emit::Event(Box::new(error))));
                self.emitted.push((previous, Emit::End));
                // They live on when nobody noticed a disconnection.
                filters = old.filters;
            }
            // What is fixed when a framework is born.
            info.user = old.info.user;
            info.checkpoint = old.info.checkpoint;
        }
        // Those of the old stream, without a word on the new one.
        self.master
            .offers
            .retain(|_id, offer| offer.framework != id.value);
        self.master.frameworks.insert(
            id.value.clone(),
            Framework {
                info,
                stream: Some(stream.clone()),
                removed_at: None,
                heartbeat_at: self.now + self.settings.heartbeat,
                suppressed: call.suppressed_roles.iter().cloned().collect(),
                constraints,
                filters,
            },
        );
        self.welcome(&id);
        self.resend_all(&id.value);
        self.allocate();
        stream
    }

    fn welcome(&mut self, id: &FrameworkId) {
        let subscribed = Event {
            r#type: Some(event::Type::Subscribed.into()),
            subscribed: Some(event::Subscribed {
                framework_id: id.clone(),
                heartbeat_interval_seconds: self.settings.heartbeat_told,
                master_info: Some(self.master_info()),
            }),
            ..Event::default()
        };
        self.emit(&id.value, subscribed);
        self.emit(&id.value, heartbeat_event());
    }

    fn master_info(&self) -> MasterInfo {
        use master_info::capability::Type;

        let capability = |kind: Type| master_info::Capability {
            r#type: Some(kind.into()),
        };
        let (host, port) = (self.master.host.clone(), self.master.port);
        MasterInfo {
            id: self.master.id.clone(),
            // Network byte order read as little endian.
            ip: u32::from_le_bytes([127, 0, 0, 1]),
            port: port.into(),
            pid: Some(format!("master@{host}:{port}")),
            hostname: Some(host.clone()),
            version: Some(self.settings.version.clone()),
            address: Some(Address {
                hostname: Some(host.clone()),
                ip: Some(host),
                port: port.into(),
            }),
            capabilities: vec![
                capability(Type::AgentUpdate),
                capability(Type::AgentDraining),
            ],
            ..MasterInfo::default()
        }
    }

    fn new_framework_id(&mut self) -> FrameworkId {
        let number = self.master.next_framework;
        self.master.next_framework += 1;
        FrameworkId {
            value: format!("{}-{number:04}", self.master.id),
        }
    }

    fn refuse(&mut self, stream: &Stream, text: &str) {
        let error = error_event(text);
        self.emitted
            .push((stream.clone(), Emit::Event(Box::new(error))));
        self.emitted.push((stream.clone(), Emit::End));
    }

    // Reads the offer constraints of a subscription, if nothing is wrong with any of it; else says so, in the master's
    // words.
    fn check(&self, call: &call::Subscribe) -> Result<Constraints, String> {
        let info = &call.framework_info;
        if let Some(id) = &info.id {
            if self.master.completed.contains(&id.value) {
                return Err("Framework has been removed".into());
            }
            if let Some(old) = self.master.frameworks.get(&id.value)
                && info.principal.is_some()
                && old.info.principal.is_some()
                && info.principal != old.info.principal
            {
                return Err("Changing framework's principal is not allowed.".into());
            }
        }
        let multi = has(info, Capability::MultiRole);
        if multi && info.role.is_some() {
            return Err(
                "'FrameworkInfo.role' must not be set when the framework is MULTI_ROLE capable"
                    .into(),
            );
        }
        if !multi && !info.roles.is_empty() {
            return Err(
                "'FrameworkInfo.roles' must not be set when the framework is not MULTI_ROLE capable"
                    .into(),
            );
        }
        let roles = roles_of(info);
        if multi && roles.len() < info.roles.len() {
            return Err("'FrameworkInfo.roles' contains duplicate items".into());
        }
        for role in &roles {
            check_role(role)?;
        }
        if !self.settings.roles.is_empty() {
            let strange: Vec<_> = roles.difference(&self.settings.roles).cloned().collect();
            if !strange.is_empty() {
                return Err(format!(
                    "Roles {{ {} }} are not present in the master's --roles",
                    strange.join(", ")
                ));
            }
        }
        let suppressed: BTreeSet<String> = call.suppressed_roles.iter().cloned().collect();
        let strange: Vec<_> = suppressed.difference(&roles).cloned().collect();
        if !strange.is_empty() {
            return Err(format!(
                "Suppressed roles {{ {} }} are not contained in the set of roles",
                strange.join(", ")
            ));
        }
        if info.user.is_empty() {
            return Err("'FrameworkInfo.user' must be set".into());
        }
        if Duration::try_from_secs_f64(info.failover_timeout()).is_err() {
            return Err("The framework failover_timeout is invalid".into());
        }
        Constraints::new(call.offer_constraints.as_ref(), &roles)
    }

    /// Whether calls of this subscription are taken, in the order in which a master looks.
    ///
    /// # Errors
    ///
    /// In the master's words.
    pub fn check_stream(&self, framework: &str, stream: Option<&str>) -> Result<(), Refused> {
        let Some(known) = self.master.frameworks.get(framework) else {
            return Err(Refused::Invalid("Framework cannot be found".into()));
        };
        let Some(current) = &known.stream else {
            return Err(Refused::Forbidden("Framework is not subscribed".into()));
        };
        let Some(stream) = stream else {
            return Err(Refused::Invalid(
                "All non-subscribe calls should include the 'Mesos-Stream-Id' header".into(),
            ));
        };
        if stream != current {
            return Err(Refused::Invalid(format!(
                "The stream ID '{stream}' included in this request didn't match the stream ID currently associated \
                 with framework ID {framework}"
            )));
        }
        Ok(())
    }

    /// The connection of a stream is gone.
    pub fn stream_closed(&mut self, stream: &str) {
        let found = self
            .master
            .frameworks
            .iter()
            .find(|(_id, framework)| framework.stream.as_deref() == Some(stream))
            .map(|(id, _framework)| id.clone());
        let Some(id) = found else {
            return;
        };
        self.master
            .offers
            .retain(|_offer, offered| offered.framework != id);
        if let Some(framework) = self.master.frameworks.get_mut(&id) {
            framework.stream = None;
            framework.filters.clear();
            let wait = Duration::try_from_secs_f64(framework.info.failover_timeout());
            framework.removed_at = Some(self.now + wait.unwrap_or_default());
        }
        self.advance(Duration::ZERO);
    }

    /// Removes a framework and kills its tasks, without a word to it.
    pub fn teardown(&mut self, framework: &str) -> bool {
        let Some(removed) = self.master.frameworks.remove(framework) else {
            return false;
        };
        if let Some(stream) = removed.stream {
            self.emitted.push((stream, Emit::End));
        }
        self.master.complete(framework);
        self.master
            .offers
            .retain(|_id, offer| offer.framework != framework);
        self.master
            .tasks
            .retain(|(owner, _task), _known| owner != framework);
        self.drop_tasks_of(framework);
        true
    }

    /// Replaces what a framework says of itself.
    ///
    /// # Errors
    ///
    /// In the master's words.
    pub fn update_framework(&mut self, call: &call::UpdateFramework) -> Result<(), Refused> {
        let info = &call.framework_info;
        let as_subscribe = call::Subscribe {
            framework_info: info.clone(),
            suppressed_roles: call.suppressed_roles.clone(),
            offer_constraints: call.offer_constraints.clone(),
        };
        let invalid = |text: &str| {
            Refused::Invalid(format!(
                "'UpdateFramework.framework_info' is not valid: {text}"
            ))
        };
        let constraints = self.check(&as_subscribe).map_err(|text| invalid(&text))?;
        let id = info.id.as_ref().map_or("", |id| &id.value);
        let Some(framework) = self.master.frameworks.get_mut(id) else {
            return Err(invalid("framework is gone"));
        };
        if framework.info.user != info.user {
            return Err(invalid("Updating 'FrameworkInfo.user' is unsupported"));
        }
        if framework.info.checkpoint() != info.checkpoint() {
            return Err(invalid(
                "Updating 'FrameworkInfo.checkpoint' is unsupported",
            ));
        }
        framework.info = info.clone();
        framework.constraints = constraints;
        framework.suppressed = call.suppressed_roles.iter().cloned().collect();
        Ok(())
    }

    pub(super) fn frameworks_due(&mut self) {
        let now = self.now;
        let due = |at: Option<Duration>| at.is_some_and(|at| at <= now);
        let removed: Vec<String> = self
            .master
            .frameworks
            .iter()
            .filter(|(_id, framework)| due(framework.removed_at))
            .map(|(id, _framework)| id.clone())
            .collect();
        for id in removed {
            self.teardown(&id);
        }
        let mut beating = Vec::new();
        for (id, framework) in &mut self.master.frameworks {
            if framework.stream.is_some() && framework.heartbeat_at <= now {
                framework.heartbeat_at =
                    now + self.settings.heartbeat.max(Duration::from_millis(1));
                beating.push(id.clone());
            }
        }
        for id in beating {
            self.emit(&id, heartbeat_event());
        }
    }

    /// The frameworks that the master knows: id, name, whether it is there.
    pub fn frameworks(&self) -> Vec<(String, String, bool)> {
        let framework = |(id, framework): (&String, &Framework)| {
            (
                id.clone(),
                framework.info.name.clone(),
                framework.stream.is_some(),
            )
        };
        self.master.frameworks.iter().map(framework).collect()
    }
}

/// Whether a framework can do this.
pub(super) fn has(info: &FrameworkInfo, wanted: Capability) -> bool {
    info.capabilities
        .iter()
        .any(|capability| capability.r#type == Some(wanted.into()))
}

/// The roles of a framework.
pub(super) fn roles_of(info: &FrameworkInfo) -> BTreeSet<String> {
    if has(info, Capability::MultiRole) {
        info.roles.iter().cloned().collect()
    } else {
        BTreeSet::from([info.role().to_owned()])
    }
}

fn check_role(role: &str) -> Result<(), String> {
    let invalid = |why: &str| {
        Err(format!(
            "'FrameworkInfo.roles' contains invalid role: Role '{role}' {why}"
        ))
    };
    if role.starts_with('/') {
        return invalid("cannot start with a slash");
    }
    if role.ends_with('/') {
        return invalid("cannot end with a slash");
    }
    if role.starts_with('-') {
        return invalid("cannot start with '-'");
    }
    if role.chars().any(char::is_whitespace) {
        return invalid("cannot contain whitespace");
    }
    Ok(())
}

pub(super) fn heartbeat_event() -> Event {
    Event {
        r#type: Some(event::Type::Heartbeat.into()),
        ..Event::default()
    }
}

fn error_event(text: &str) -> Event {
    Event {
        r#type: Some(event::Type::Error.into()),
        error: Some(event::Error {
            message: text.into(),
        }),
        ..Event::default()
    }
}
