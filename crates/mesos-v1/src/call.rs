//! What a framework says, in its wire form.
//!
//! A function for each call that is used. They put the id of the framework where it has to be: on `SUBSCRIBE` in both
//! places or in neither, anything else is refused by the master.

use prost::Message as _;

use crate::proto::{
    AgentId, Filters, FrameworkId, FrameworkInfo, KillPolicy, OfferId, TaskId, TaskStatus, offer,
    scheduler::{Call, OfferConstraints, call},
};

/// The type of the bodies, exactly as masters compare it.
pub const CONTENT_TYPE: &str = "application/x-protobuf";

/// The header that ties a call to its subscription.
pub const STREAM_ID: &str = "Mesos-Stream-Id";

/// Where the master takes calls.
pub const PATH: &str = "/api/v1/scheduler";

/// `SUBSCRIBE`. An empty id counts as none: the master would take it for a new framework.
pub fn subscribe(
    id: Option<&FrameworkId>,
    info: &FrameworkInfo,
    suppressed_roles: Vec<String>,
    offer_constraints: Option<OfferConstraints>,
) -> Call {
    let id = id.filter(|id| !id.value.is_empty());
    let mut info = info.clone();
    info.id = id.cloned();
    Call {
        framework_id: id.cloned(),
        r#type: Some(call::Type::Subscribe.into()),
        subscribe: Some(call::Subscribe {
            framework_info: info,
            suppressed_roles,
            offer_constraints,
        }),
        ..Default::default()
    }
}

/// `ACCEPT`.
pub fn accept(
    id: &FrameworkId,
    offers: Vec<OfferId>,
    operations: Vec<offer::Operation>,
    refuse_seconds: f64,
) -> Call {
    Call {
        accept: Some(call::Accept {
            offer_ids: offers,
            operations,
            filters: Some(Filters {
                refuse_seconds: Some(refuse_seconds),
            }),
        }),
        ..of(id, call::Type::Accept)
    }
}

/// `DECLINE`.
pub fn decline(id: &FrameworkId, offers: Vec<OfferId>, refuse_seconds: f64) -> Call {
    Call {
        decline: Some(call::Decline {
            offer_ids: offers,
            filters: Some(Filters {
                refuse_seconds: Some(refuse_seconds),
            }),
        }),
        ..of(id, call::Type::Decline)
    }
}

/// `KILL`. An agent is not named: a wrong one makes the master ignore the call.
pub fn kill(id: &FrameworkId, task: TaskId, policy: Option<KillPolicy>) -> Call {
    Call {
        kill: Some(call::Kill {
            task_id: task,
            agent_id: None,
            kill_policy: policy,
        }),
        ..of(id, call::Type::Kill)
    }
}

/// `ACKNOWLEDGE`, for an update that wants it and names its agent.
pub fn acknowledge(id: &FrameworkId, status: &TaskStatus) -> Option<Call> {
    let uuid = status.uuid.clone().filter(|uuid| !uuid.is_empty())?;
    let agent = status.agent_id.clone()?;
    Some(Call {
        acknowledge: Some(call::Acknowledge {
            agent_id: agent,
            task_id: status.task_id.clone(),
            uuid,
        }),
        ..of(id, call::Type::Acknowledge)
    })
}

/// `RECONCILE`. An empty list asks for all tasks that the master knows.
pub fn reconcile(
    id: &FrameworkId,
    tasks: impl IntoIterator<Item = (TaskId, Option<AgentId>)>,
) -> Call {
    let tasks = tasks
        .into_iter()
        .map(|(task_id, agent_id)| call::reconcile::Task { task_id, agent_id })
        .collect();
    Call {
        reconcile: Some(call::Reconcile { tasks }),
        ..of(id, call::Type::Reconcile)
    }
}

/// `SUPPRESS`. Each role must be one of ours, or the master ignores all of it; none means all.
pub fn suppress(id: &FrameworkId, roles: Vec<String>) -> Call {
    Call {
        suppress: (!roles.is_empty()).then_some(call::Suppress { roles }),
        ..of(id, call::Type::Suppress)
    }
}

/// `REVIVE`. Each role must be one of ours, or the master ignores all of it; none means all.
pub fn revive(id: &FrameworkId, roles: Vec<String>) -> Call {
    Call {
        revive: (!roles.is_empty()).then_some(call::Revive { roles }),
        ..of(id, call::Type::Revive)
    }
}

/// `TEARDOWN`: removes the framework and kills its tasks.
pub fn teardown(id: &FrameworkId) -> Call {
    of(id, call::Type::Teardown)
}

/// `UPDATE_FRAMEWORK`. What is left out is forgotten by the master: roles that are suppressed, offer constraints.
pub fn update_framework(
    id: &FrameworkId,
    info: &FrameworkInfo,
    suppressed_roles: Vec<String>,
    offer_constraints: Option<OfferConstraints>,
) -> Call {
    let mut info = info.clone();
    info.id = Some(id.clone());
    Call {
        update_framework: Some(call::UpdateFramework {
            framework_info: info,
            suppressed_roles,
            offer_constraints,
        }),
        ..of(id, call::Type::UpdateFramework)
    }
}

/// `ACCEPT_INVERSE_OFFERS`.
pub fn accept_inverse_offers(id: &FrameworkId, offers: Vec<OfferId>) -> Call {
    Call {
        accept_inverse_offers: Some(call::AcceptInverseOffers {
            inverse_offer_ids: offers,
            filters: None,
        }),
        ..of(id, call::Type::AcceptInverseOffers)
    }
}

/// The bytes of the body.
pub fn body(call: &Call) -> Vec<u8> {
    call.encode_to_vec()
}

fn of(id: &FrameworkId, kind: call::Type) -> Call {
    Call {
        framework_id: Some(id.clone()),
        r#type: Some(kind.into()),
        ..Default::default()
    }
}
