//! The part of the operator's HTTP that tests and a page about the cluster need.

use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use mesos_v1::{
    json::{self, Kind, Unknown},
    proto::master::{Call, call::Type},
};
use prost::Message as _;
use serde_json::json;

use super::{Answer, Link, plain, typed};
use crate::world::World;

pub(super) fn version(link: &Link) -> Answer {
    let version = link
        .shared
        .with(|world| world.cluster.settings.version.clone());
    typed(
        "application/json",
        json!({ "version": version }).to_string(),
    )
}

pub(super) fn read(link: &Link, path: &str) -> Answer {
    let body = link.shared.with(|world| match path {
        "/tasks" => json!({ "tasks": tasks(world) }),
        "/frameworks" => json!({ "frameworks": frameworks(world) }),
        "/slaves" => json!({ "slaves": agents(world) }),
        _ => json!({
            "version": world.cluster.settings.version,
            "frameworks": frameworks(world),
            "slaves": agents(world),
            "tasks": tasks(world),
        }),
    });
    typed("application/json", body.to_string())
}

fn tasks(world: &World) -> Vec<serde_json::Value> {
    world
        .cluster
        .tasks()
        .into_iter()
        .map(|(framework, task, agent, state)| {
            json!({
                "id": task,
                "framework_id": framework,
                // "" for command tasks; the sandbox is then called as the task.
                "executor_id": "",
                "slave_id": agent,
                "state": state.as_str_name(),
            })
        })
        .collect()
}

fn frameworks(world: &World) -> Vec<serde_json::Value> {
    world
        .cluster
        .frameworks()
        .into_iter()
        .map(|(id, name, active)| json!({ "id": id, "name": name, "active": active }))
        .collect()
}

fn agents(world: &World) -> Vec<serde_json::Value> {
    world
        .cluster
        .agent_ids()
        .into_iter()
        .map(|id| {
            let address = world.cluster.agent_address(&id);
            let (hostname, port) = address.unwrap_or_default();
            json!({
                "id": id,
                "hostname": hostname,
                "port": port,
                "pid": format!("slave(1)@127.0.0.1:{port}"),
            })
        })
        .collect()
}

pub(super) async fn teardown(link: &Link, request: Request<Incoming>) -> Answer {
    if request.method() != Method::POST {
        return plain(StatusCode::METHOD_NOT_ALLOWED, "Expecting 'POST'");
    }
    let Ok(body) = request.into_body().collect().await else {
        return plain(StatusCode::BAD_REQUEST, "");
    };
    let body = body.to_bytes();
    let Some(id) = body.strip_prefix(b"frameworkId=") else {
        return plain(
            StatusCode::BAD_REQUEST,
            "Missing 'frameworkId' query parameter",
        );
    };
    let id = String::from_utf8_lossy(id).into_owned();
    if link.shared.with(|world| world.cluster.teardown(&id)) {
        plain(StatusCode::OK, "")
    } else {
        plain(
            StatusCode::BAD_REQUEST,
            "No framework found with specified ID",
        )
    }
}

pub(super) async fn call(link: &Link, request: Request<Incoming>) -> Answer {
    let (head, body) = request.into_parts();
    let Ok(body) = body.collect().await else {
        return plain(StatusCode::BAD_REQUEST, "");
    };
    let Some(call) = read_call(&head.headers, &body.to_bytes()) else {
        return plain(
            StatusCode::BAD_REQUEST,
            "Failed to validate master::Call: Expecting 'type' to be present",
        );
    };
    let done = link.shared.with(|world| carry_out(world, &call));
    if done {
        plain(StatusCode::OK, "")
    } else {
        plain(StatusCode::NOT_IMPLEMENTED, "")
    }
}

// A call of another API has none of these types.
fn read_call(headers: &HeaderMap, body: &[u8]) -> Option<Call> {
    let wire = match headers.get(header::CONTENT_TYPE)?.to_str().ok()? {
        "application/json" => json::to_wire(Kind::MasterCall, body, Unknown::Ignore).ok()?,
        _ => body.to_vec(),
    };
    let call = Call::decode(wire.as_slice()).ok()?;
    let kind = Type::try_from(call.r#type?).ok()?;
    (kind != Type::Unknown).then_some(call)
}

fn carry_out(world: &mut World, call: &Call) -> bool {
    let cluster = &mut world.cluster;
    if let Some(teardown) = &call.teardown {
        cluster.teardown(&teardown.framework_id.value);
    } else if let Some(gone) = &call.mark_agent_gone {
        cluster.mark_agent_gone(&gone.agent_id.value);
    } else if let Some(drain) = &call.drain_agent {
        let grace = drain.max_grace_period.as_ref().map(|grace| {
            std::time::Duration::from_secs(u64::try_from(grace.seconds()).unwrap_or_default())
        });
        cluster.drain_agent(&drain.agent_id.value, grace, drain.mark_gone());
    } else if let Some(agent) = &call.deactivate_agent {
        cluster.deactivate_agent(&agent.agent_id.value);
    } else if let Some(agent) = &call.reactivate_agent {
        cluster.reactivate_agent(&agent.agent_id.value);
    } else {
        return false;
    }
    true
}
