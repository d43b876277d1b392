//! `/api/v1/scheduler`: the checks in the order in which a master makes them.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, combinators::BoxBody};
use hyper::body::{Body, Frame, Incoming};
use mesos_v1::{
    call::STREAM_ID,
    json::{self, JsonError, Kind, Unknown},
    proto::scheduler::{Call, call::Type},
};
use prost::Message as _;
use tokio::sync::mpsc;

use super::{Answer, Link, never, not_found, plain, redirect};
use crate::{
    cluster::Refused,
    faults::Fault,
    world::{Form, Mode, Open, PIECES_MAX, Piece, Seen, Shared, World},
};

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";

pub(super) async fn answer(link: Link, mode: Mode, request: Request<Incoming>) -> Answer {
    let (head, body) = request.into_parts();
    let principal = match authenticate(&link.shared, &head.headers) {
        Ok(principal) => principal,
        Err(refused) => return *refused,
    };
    match mode {
        Mode::Follower => return redirect(&link, "/master/api/v1/scheduler"),
        Mode::NoLeader => return plain(StatusCode::SERVICE_UNAVAILABLE, "No leader elected"),
        Mode::Recovering => {
            let text = "Master has not finished recovery";
            return plain(StatusCode::SERVICE_UNAVAILABLE, text);
        }
        Mode::Leader | Mode::Booting | Mode::Silent => {}
    }
    if head.method != Method::POST {
        return wrong_method(&head.method);
    }
    let Ok(body) = body.collect().await else {
        return not_found();
    };
    let mut call = match read(&head.headers, &body.to_bytes()) {
        Ok(call) => call,
        Err(refused) => return *refused,
    };
    link.shared.look(World::age).read(&mut call);
    if let Some(problem) = validate(&call, principal.as_deref()) {
        return bad(&format!("Failed to validate scheduler::Call: {problem}"));
    }
    carry_out(link, &head.headers, call, principal).await
}

fn wrong_method(method: &Method) -> Answer {
    let text =
        format!("405 Method Not Allowed. Expecting one of {{ 'POST' }}, but received '{method}'.");
    let mut answer = plain(StatusCode::METHOD_NOT_ALLOWED, &text);
    let allowed = HeaderValue::from_static("POST");
    answer.headers_mut().insert(header::ALLOW, allowed);
    answer
}

fn authenticate(shared: &Shared, headers: &HeaderMap) -> Result<Option<String>, Box<Answer>> {
    let credentials = shared.with(|world| world.credentials.clone());
    if credentials.is_empty() {
        return Ok(None);
    }
    let given = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Basic "))
        .and_then(|value| STANDARD.decode(value).ok())
        .and_then(|value| String::from_utf8(value).ok());
    if let Some((principal, secret)) = given.as_deref().and_then(|given| given.split_once(':'))
        && credentials.contains(&(principal.to_owned(), secret.to_owned()))
    {
        return Ok(Some(principal.to_owned()));
    }
    let mut answer = plain(StatusCode::UNAUTHORIZED, "401 Unauthorized.");
    let realm = HeaderValue::from_static("Basic realm=\"mesos-master-scheduler\"");
    answer.headers_mut().insert(header::WWW_AUTHENTICATE, realm);
    Err(Box::new(answer))
}

// The body, by its type; compared to the letter.
fn read(headers: &HeaderMap, body: &[u8]) -> Result<Call, Box<Answer>> {
    let refuse = |text: &str| Err(Box::new(bad(text)));
    let kind = headers
        .get(header::CONTENT_TYPE)
        .map(|kind| kind.to_str().unwrap_or_default());
    match kind {
        None => refuse("Expecting 'Content-Type' to be present"),
        Some(PROTOBUF) => Call::decode(body)
            .map_err(|_no_call| Box::new(bad("Failed to parse body into Call protobuf"))),
        Some(JSON) => read_json(body),
        Some(_) => Err(Box::new(plain(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "Expecting 'Content-Type' of application/json or application/x-protobuf",
        ))),
    }
}

fn read_json(body: &[u8]) -> Result<Call, Box<Answer>> {
    let refuse = |text: String| Box::new(bad(&text));
    let mut value: serde_json::Value = serde_json::from_slice(body).map_err(|error| {
        // From where it could not be read on; these texts have one line.
        let rest = body
            .get(error.column().saturating_sub(1)..)
            .unwrap_or_default();
        let rest = String::from_utf8_lossy(rest);
        refuse(format!(
            "Failed to parse body into JSON: syntax error at line 1 near: {rest}"
        ))
    })?;
    let convert = "Failed to convert JSON into Call protobuf";
    if !value.is_object() {
        return Err(refuse(format!("{convert}: Expecting a JSON object")));
    }
    // An unknown type is none.
    if value["type"]
        .as_str()
        .is_some_and(|name| Type::from_str_name(name).is_none())
    {
        value["type"] = serde_json::Value::Null;
    }
    if value.pointer("/subscribe/framework_info").is_some()
        && value.pointer("/subscribe/framework_info/name").is_none()
    {
        let missing = "Missing required fields: subscribe.framework_info.name";
        return Err(refuse(format!("{convert}: {missing}")));
    }
    let wire = json::to_wire(Kind::Call, value.to_string().as_bytes(), Unknown::Ignore)
        .map_err(|error: JsonError| refuse(format!("{convert}: {error}")))?;
    Call::decode(wire.as_slice()).map_err(|error| refuse(format!("{convert}: {error}")))
}

// What is wrong with a call, whoever sends it.
fn validate(call: &Call, principal: Option<&str>) -> Option<String> {
    let missing = |field: &str| Some(format!("Expecting '{field}' to be present"));
    let kind = call.r#type.and_then(|kind| Type::try_from(kind).ok());
    let Some(kind) = kind else {
        return missing("type");
    };
    if let Some(field) = missing_payload(call, kind) {
        return missing(field);
    }
    let id = call.framework_id.as_ref().map(|id| id.value.as_str());
    if kind == Type::Subscribe {
        let info = &call.subscribe.as_ref()?.framework_info;
        let inside = info.id.as_ref().map(|id| id.value.as_str());
        if id.is_some_and(|id| !id.is_empty()) != inside.is_some_and(|id| !id.is_empty())
            || (inside.is_some() && id != inside)
        {
            return Some("'framework_id' differs from 'subscribe.framework_info.id'".into());
        }
        if let (Some(authenticated), Some(set)) = (principal, &info.principal)
            && authenticated != set
        {
            return Some(format!(
                "Authenticated principal '{authenticated}' does not match principal '{set}' set in `FrameworkInfo`"
            ));
        }
        return None;
    }
    let Some(id) = id else {
        return missing("framework_id");
    };
    if let Some(update) = &call.update_framework {
        let inside = update.framework_info.id.as_ref();
        if inside.is_none_or(|inside| inside.value != id) {
            return Some("'framework_id' differs from 'update_framework.framework_info.id'".into());
        }
    }
    if let Some(acknowledge) = &call.acknowledge
        && acknowledge.uuid.len() != 16
    {
        return Some("Not a valid UUID".into());
    }
    None
}

fn missing_payload(call: &Call, kind: Type) -> Option<&'static str> {
    let (there, field) = match kind {
        Type::Subscribe => (call.subscribe.is_some(), "subscribe"),
        Type::Accept => (call.accept.is_some(), "accept"),
        Type::Decline => (call.decline.is_some(), "decline"),
        Type::Kill => (call.kill.is_some(), "kill"),
        Type::Shutdown => (call.shutdown.is_some(), "shutdown"),
        Type::Acknowledge => (call.acknowledge.is_some(), "acknowledge"),
        Type::Reconcile => (call.reconcile.is_some(), "reconcile"),
        Type::Message => (call.message.is_some(), "message"),
        Type::Request => (call.request.is_some(), "request"),
        Type::AcceptInverseOffers => (
            call.accept_inverse_offers.is_some(),
            "accept_inverse_offers",
        ),
        Type::DeclineInverseOffers => (
            call.decline_inverse_offers.is_some(),
            "decline_inverse_offers",
        ),
        Type::AcknowledgeOperationStatus => (
            call.acknowledge_operation_status.is_some(),
            "acknowledge_operation_status",
        ),
        Type::ReconcileOperations => (call.reconcile_operations.is_some(), "reconcile_operations"),
        Type::UpdateFramework => (call.update_framework.is_some(), "update_framework"),
        Type::Teardown | Type::Revive | Type::Suppress | Type::Unknown => (true, ""),
    };
    (!there).then_some(field)
}

async fn carry_out(
    link: Link,
    headers: &HeaderMap,
    call: Call,
    principal: Option<String>,
) -> Answer {
    let kind = call.r#type();
    let stream_id = header_of(headers, STREAM_ID);
    let fault = link.shared.with(|world| world.faults.take(kind));
    match &fault {
        Some(Fault::Answer {
            status,
            location,
            body,
        }) => {
            let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let mut answer = plain(status, body);
            if let Some(location) = location.as_deref().and_then(|text| text.parse().ok()) {
                answer.headers_mut().insert(header::LOCATION, location);
            }
            remember(&link, &call, stream_id, Some(status));
            return answer;
        }
        Some(Fault::CloseBefore) => {
            remember(&link, &call, stream_id, None);
            link.close.notify_one();
            return never().await;
        }
        Some(Fault::Swallow) => {
            remember(&link, &call, stream_id, Some(StatusCode::ACCEPTED));
            return plain(StatusCode::ACCEPTED, "");
        }
        // Whoever asks for the release asks once the call is here.
        Some(Fault::Hold) => {
            let released = link.shared.released.clone();
            let wait = released.notified();
            remember(&link, &call, stream_id.clone(), None);
            wait.await;
        }
        Some(Fault::CloseAfter | Fault::LastAnswer | Fault::Hang | Fault::NoStreamId) | None => {}
    }
    let mut answer = if kind == Type::Subscribe {
        subscribe(&link, headers, &call, principal.as_deref())
    } else {
        link.shared
            .with(|world| other(world, &call, stream_id.as_deref()))
    };
    match fault {
        Some(Fault::CloseAfter) => {
            remember(&link, &call, stream_id, None);
            link.close.notify_one();
            never().await
        }
        Some(Fault::Hang) => {
            remember(&link, &call, stream_id, None);
            never().await
        }
        Some(Fault::NoStreamId) => {
            answer.headers_mut().remove(STREAM_ID);
            answer
        }
        fault => {
            if fault == Some(Fault::LastAnswer) {
                let close = HeaderValue::from_static("close");
                answer.headers_mut().insert(header::CONNECTION, close);
            }
            let status = answer.status();
            remember(&link, &call, stream_id, Some(status));
            answer
        }
    }
}

fn remember(link: &Link, call: &Call, stream_id: Option<String>, status: Option<StatusCode>) {
    link.shared.with(|world| {
        world.remember(Seen {
            kind: call.r#type(),
            call: call.clone(),
            stream_id,
            status: status.map(|status| status.as_u16()),
        });
    });
}

fn subscribe(link: &Link, headers: &HeaderMap, call: &Call, principal: Option<&str>) -> Answer {
    let Some(form) = accepted(headers) else {
        let text = "Expecting 'Accept' to allow 'application/x-protobuf' or 'application/json'";
        return plain(StatusCode::NOT_ACCEPTABLE, text);
    };
    if headers.contains_key(STREAM_ID) {
        return bad("Subscribe calls should not include the 'Mesos-Stream-Id' header");
    }
    let Some(subscribe) = &call.subscribe else {
        return bad("Failed to validate scheduler::Call: Expecting 'subscribe' to be present");
    };
    let (sender, receiver) = mpsc::channel(PIECES_MAX);
    let stream = link.shared.with(|world| {
        let stream = world.cluster.subscribe(subscribe, principal);
        world.streams.insert(
            stream.clone(),
            Open {
                form,
                pieces: sender,
            },
        );
        stream
    });
    let body = StreamBody {
        shared: link.shared.clone(),
        stream: stream.clone(),
        receiver,
    };
    let mut answer = Response::new(BoxBody::new(body));
    let kind = match form {
        Form::Protobuf => PROTOBUF,
        Form::Json => JSON,
    };
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Ok(value) = stream.parse() {
        headers.insert(STREAM_ID, value);
    }
    answer
}

// JSON is tried first, so a client that takes anything gets JSON.
fn accepted(headers: &HeaderMap) -> Option<Form> {
    let Some(accept) = header_of(headers, "accept") else {
        return Some(Form::Json);
    };
    let takes = |wanted: &str| {
        accept
            .split(',')
            .map(|kind| kind.split(';').next().unwrap_or_default().trim())
            .any(|kind| kind == wanted || kind == "*/*" || kind == "application/*")
    };
    if takes(JSON) {
        Some(Form::Json)
    } else if takes(PROTOBUF) {
        Some(Form::Protobuf)
    } else {
        None
    }
}

// All calls but SUBSCRIBE.
fn other(world: &mut World, call: &Call, stream_id: Option<&str>) -> Answer {
    let Some(id) = call.framework_id.as_ref().map(|id| id.value.clone()) else {
        return bad("Failed to validate scheduler::Call: Expecting 'framework_id' to be present");
    };
    if let Err(refused) = world.cluster.check_stream(&id, stream_id) {
        return refuse(&refused);
    }
    let cluster = &mut world.cluster;
    if let Some(accept) = &call.accept {
        cluster.accept(&id, accept);
    } else if let Some(decline) = &call.decline {
        cluster.decline(&id, decline);
    } else if let Some(kill) = &call.kill {
        cluster.kill(&id, kill);
    } else if let Some(shutdown) = &call.shutdown {
        cluster.shutdown(&id, shutdown);
    } else if let Some(message) = &call.message {
        cluster.message(&id, message);
    } else if let Some(acknowledge) = &call.acknowledge {
        cluster.acknowledge(&id, acknowledge);
    } else if let Some(reconcile) = &call.reconcile {
        cluster.reconcile(&id, reconcile);
    } else if let Some(answer) = &call.accept_inverse_offers {
        cluster.answer_to_leave(&answer.inverse_offer_ids, answer.filters.as_ref());
    } else if let Some(answer) = &call.decline_inverse_offers {
        cluster.answer_to_leave(&answer.inverse_offer_ids, answer.filters.as_ref());
    } else if let Some(update) = &call.update_framework {
        return match cluster.update_framework(update) {
            Ok(()) => plain(StatusCode::OK, ""),
            Err(refused) => refuse(&refused),
        };
    }
    match call.r#type() {
        Type::Teardown => {
            cluster.teardown(&id);
        }
        Type::Revive => {
            let roles = call.revive.as_ref().map(|revive| revive.roles.clone());
            cluster.revive(&id, &roles.unwrap_or_default());
        }
        Type::Suppress => {
            let roles = call
                .suppress
                .as_ref()
                .map(|suppress| suppress.roles.clone());
            cluster.suppress(&id, &roles.unwrap_or_default());
        }
        Type::Unknown => return plain(StatusCode::NOT_IMPLEMENTED, ""),
        // Done above, or of no effect: operations are not kept, and nobody hears requests.
        Type::Subscribe
        | Type::Accept
        | Type::Decline
        | Type::Kill
        | Type::Shutdown
        | Type::Acknowledge
        | Type::Reconcile
        | Type::Message
        | Type::Request
        | Type::AcceptInverseOffers
        | Type::DeclineInverseOffers
        | Type::AcknowledgeOperationStatus
        | Type::ReconcileOperations
        | Type::UpdateFramework => {}
    }
    // What an agent does at once is seen at once.
    cluster.settle();
    plain(StatusCode::ACCEPTED, "")
}

fn refuse(refused: &Refused) -> Answer {
    match refused {
        Refused::Invalid(text) => bad(text),
        Refused::Forbidden(text) => plain(StatusCode::FORBIDDEN, text),
    }
}

fn bad(text: &str) -> Answer {
    plain(StatusCode::BAD_REQUEST, text)
}

fn header_of(headers: &HeaderMap, name: &str) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}

/// The stream, as the body of an answer. When it is dropped, the client is gone.
struct StreamBody {
    shared: Shared,
    stream: String,
    receiver: mpsc::Receiver<Piece>,
}

impl Body for StreamBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.receiver.poll_recv(context).map(|piece| match piece {
            Some(Piece::Bytes(bytes)) => Some(Ok(Frame::data(bytes))),
            Some(Piece::End) | None => None,
        })
    }
}

impl Drop for StreamBody {
    fn drop(&mut self) {
        let stream = std::mem::take(&mut self.stream);
        self.shared.with(|world| {
            world.streams.remove(&stream);
            world.cluster.stream_closed(&stream);
        });
    }
}
