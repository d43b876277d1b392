//! Masters of earlier versions: they do not read what came later, do not say it, and do not complain.
//!
//! Only what a scheduler may come to rely on is here: fields of calls, capabilities, and fields of events.

use mesos_v1::proto::{
    FrameworkInfo, TaskInfo,
    framework_info::capability::Type as Capability,
    offer::Operation,
    scheduler::{Call, Event},
};

/// Capabilities, and the minor version of Mesos 1 that knew them first.
const CAPABILITIES: [(Capability, u32); 5] = [
    (Capability::SharedResources, 1),
    (Capability::PartitionAware, 1),
    (Capability::MultiRole, 2),
    (Capability::ReservationRefinement, 4),
    (Capability::RegionAware, 4),
];

/// A version of Mesos 1, by its minor number.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Age(u32);

impl Age {
    /// Reads a version as masters tell it; one that is no such version is a new one.
    pub(crate) fn of(version: &str) -> Self {
        let minor = version.split('.').nth(1);
        Self(
            minor
                .and_then(|minor| minor.parse().ok())
                .unwrap_or(u32::MAX),
        )
    }

    /// Leaves of a call what such a master reads.
    pub(crate) fn read(self, call: &mut Call) {
        let Self(minor) = self;
        if let Some(subscribe) = &mut call.subscribe {
            self.read_info(&mut subscribe.framework_info);
            if minor < 4 {
                subscribe.suppressed_roles.clear();
            }
            if minor < 11 {
                subscribe.offer_constraints = None;
            }
        }
        if minor < 9 && call.update_framework.take().is_some() {
            // A type that is not known is none.
            call.r#type = None;
        }
        if let Some(update) = call.update_framework.as_mut().filter(|_| minor < 11) {
            update.offer_constraints = None;
        }
        let roles = [
            call.revive.as_mut().map(|revive| &mut revive.roles),
            call.suppress.as_mut().map(|suppress| &mut suppress.roles),
        ];
        for roles in roles.into_iter().flatten() {
            match minor {
                // All roles are meant.
                0 | 1 => roles.clear(),
                // A field for one takes the last one.
                2 => *roles = roles.pop().into_iter().collect(),
                _ => {}
            }
        }
        let accept = call.accept.iter_mut();
        for task in accept
            .flat_map(|accept| &mut accept.operations)
            .flat_map(tasks)
        {
            self.read_task(task);
        }
    }

    fn read_info(self, info: &mut FrameworkInfo) {
        let Self(minor) = self;
        info.capabilities.retain(|capability| {
            let known = |(kind, since): &(Capability, u32)| {
                capability.r#type == Some((*kind).into()) && minor < *since
            };
            !CAPABILITIES.iter().any(known)
        });
        if minor < 2 {
            info.roles.clear();
        }
    }

    fn read_task(self, task: &mut TaskInfo) {
        let Self(minor) = self;
        if minor < 6 {
            task.max_completion_time = None;
        }
        if minor < 10 {
            task.limits.clear();
        }
        for resource in &mut task.resources {
            if minor < 2 {
                resource.allocation_info = None;
            }
            if minor < 4 {
                resource.reservations.clear();
            }
        }
    }

    /// Leaves of an event what such a master says.
    pub(crate) fn say(self, event: &mut Event) {
        let Self(minor) = self;
        if let Some(subscribed) = event.subscribed.as_mut().filter(|_| minor < 1) {
            subscribed.master_info = None;
        }
        let offers = event
            .offers
            .iter_mut()
            .flat_map(|offers| &mut offers.offers);
        for offer in offers.filter(|_| minor < 4) {
            offer.domain = None;
        }
        if let Some(update) = event.update.as_mut().filter(|_| minor < 1) {
            update.status.unreachable_time = None;
        }
    }
}

fn tasks(operation: &mut Operation) -> impl Iterator<Item = &mut TaskInfo> {
    let alone = operation.launch.iter_mut();
    let group = operation.launch_group.iter_mut();
    let group = group.flat_map(|group| &mut group.task_group.tasks);
    alone.flat_map(|launch| &mut launch.task_infos).chain(group)
}

#[cfg(test)]
mod tests {
    use mesos_v1::proto::{
        framework_info,
        scheduler::call::{Revive, Subscribe, Suppress, Type, UpdateFramework},
    };

    use super::*;

    #[test]
    fn versions_are_read() {
        for (version, age) in [
            ("1.0.0", 0),
            ("1.4.2", 4),
            ("1.12.0-dev", 12),
            ("x", u32::MAX),
        ] {
            assert_eq!(Age::of(version), Age(age), "{version}");
        }
    }

    #[test]
    fn what_came_later_is_not_read() {
        let capability = |(kind, _): (Capability, u32)| framework_info::Capability {
            r#type: Some(kind.into()),
        };
        for (minor, capabilities, roles, suppressed, revived, update) in [
            (0, 0, 0, 0, vec![], false),
            (1, 2, 0, 0, vec![], false),
            (2, 3, 2, 0, vec!["b"], false),
            (3, 3, 2, 0, vec!["a", "b"], false),
            (4, 5, 2, 1, vec!["a", "b"], false),
            (9, 5, 2, 1, vec!["a", "b"], true),
        ] {
            let both = || vec!["a".to_owned(), "b".to_owned()];
            let mut call = Call {
                r#type: Some(Type::UpdateFramework.into()),
                subscribe: Some(Subscribe {
                    framework_info: FrameworkInfo {
                        roles: both(),
                        capabilities: CAPABILITIES.map(capability).to_vec(),
                        ..FrameworkInfo::default()
                    },
                    suppressed_roles: vec!["a".to_owned()],
                    ..Subscribe::default()
                }),
                revive: Some(Revive { roles: both() }),
                suppress: Some(Suppress { roles: both() }),
                update_framework: Some(UpdateFramework::default()),
                ..Call::default()
            };
            Age(minor).read(&mut call);
            let subscribe = call.subscribe.unwrap();
            let info = subscribe.framework_info;
            assert_eq!(info.capabilities.len(), capabilities, "1.{minor}");
            assert_eq!(info.roles.len(), roles, "1.{minor}");
            assert_eq!(subscribe.suppressed_roles.len(), suppressed, "1.{minor}");
            assert_eq!(call.revive.unwrap().roles, revived, "1.{minor}");
            assert_eq!(call.suppress.unwrap().roles, revived, "1.{minor}");
            assert_eq!(call.r#type.is_some(), update, "1.{minor}");
        }
    }
}
