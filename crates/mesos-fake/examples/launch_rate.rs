//! How many launches the fake itself carries, so that nobody measures it in place of a scheduler.
//!
//! `cargo run --release -p mesos-fake --example launch_rate`: one connection, calls one after the other, as a scheduler
//! has to; 100 agents, tasks that finish at once; every update is acknowledged.
#![expect(clippy::print_stdout, reason = "a report for people")]

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use mesos_fake::{Fake, Plan, cluster::AgentSpec};
use mesos_v1::{
    call,
    event::Event,
    proto::{
        CommandInfo, FrameworkId, FrameworkInfo, Offer, TaskId, TaskInfo,
        offer::{self, Operation},
        scheduler::Call,
    },
    recordio::Decoder,
};
use tokio::net::TcpStream;

const AGENTS: u16 = 100;
const LAUNCHES: usize = 10_000;

type AnyError = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), AnyError> {
    for batch in [1, 10] {
        let seconds = launches(batch).await?.as_secs_f64();
        let count = u32::try_from(LAUNCHES)?;
        println!(
            "{batch} tasks in a call: {:.0} launches/s",
            f64::from(count) / seconds
        );
    }
    Ok(())
}

async fn launches(batch: usize) -> Result<Duration, AnyError> {
    let fake = Fake::start(Plan {
        agents: (1..=AGENTS).map(AgentSpec::plain).collect(),
        ..Plan::default()
    })
    .await?;
    let mut stream = connect(&fake).await?;
    let info = FrameworkInfo {
        user: "root".into(),
        name: "rate".into(),
        ..FrameworkInfo::default()
    };
    let answer = send(
        &mut stream,
        None,
        &call::subscribe(None, &info, Vec::new(), None),
    )
    .await?;
    let stream_id = answer.headers()[call::STREAM_ID].to_str()?.to_owned();
    let mut body = answer.into_body();
    let mut decoder = Decoder::new();
    let mut calls = connect(&fake).await?;
    let (mut id, mut launched, mut ended) = (FrameworkId::default(), 0, 0);
    let begin = Instant::now();
    while ended < LAUNCHES {
        let Some(record) = decoder.next_record()? else {
            let frame = body.frame().await.ok_or("the stream ended")??;
            decoder.push(frame.data_ref().ok_or("no data")?);
            continue;
        };
        match Event::decode(&record)? {
            Event::Subscribed { framework, .. } => id = framework,
            Event::Offers(offers) => {
                for offer in offers {
                    let count = batch.min(LAUNCHES - launched);
                    let accept = accept(&id, &offer, launched, count);
                    launched += count;
                    done(send(&mut calls, Some(&stream_id), &accept).await?).await?;
                }
                // The next round of offers.
                fake.advance(Duration::from_secs(1));
            }
            Event::Update(status) => {
                if let Some(acknowledge) = call::acknowledge(&id, &status) {
                    done(send(&mut calls, Some(&stream_id), &acknowledge).await?).await?;
                }
                if mesos_v1::event::task_state(&status).is_ok_and(mesos_v1::event::is_terminal) {
                    ended += 1;
                }
                if ended == launched {
                    fake.advance(Duration::from_secs(1));
                }
            }
            Event::Rescind(_)
            | Event::Message(_)
            | Event::Failure(_)
            | Event::Error(_)
            | Event::Heartbeat
            | Event::InverseOffers(_)
            | Event::RescindInverseOffer(_)
            | Event::OperationStatus(_)
            | Event::Unknown(_) => {}
        }
    }
    Ok(begin.elapsed())
}

fn accept(id: &FrameworkId, offer: &Offer, first: usize, count: usize) -> Call {
    let tasks = (first..first + count)
        .map(|number| TaskInfo {
            name: "t".into(),
            task_id: TaskId {
                value: format!("ct:{number}:0:job:"),
            },
            agent_id: offer.agent_id.clone(),
            resources: vec![mesos_fake::scalar_of("cpus", 0.1)],
            command: Some(CommandInfo::default()),
            ..TaskInfo::default()
        })
        .collect();
    let launch = Operation {
        r#type: Some(offer::operation::Type::Launch.into()),
        launch: Some(offer::operation::Launch { task_infos: tasks }),
        ..Operation::default()
    };
    call::accept(id, vec![offer.id.clone()], vec![launch], 0.0)
}

async fn connect(fake: &Fake) -> Result<SendRequest<Full<Bytes>>, AnyError> {
    let socket = TcpStream::connect(fake.address(0)).await?;
    socket.set_nodelay(true)?;
    let (sender, connection) = http1::handshake(TokioIo::new(socket)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

async fn send(
    sender: &mut SendRequest<Full<Bytes>>,
    stream_id: Option<&str>,
    call: &Call,
) -> Result<http::Response<hyper::body::Incoming>, AnyError> {
    let mut request = Request::post(call::PATH)
        .header("host", "fake")
        .header("content-type", call::CONTENT_TYPE)
        .header("accept", call::CONTENT_TYPE);
    if let Some(stream_id) = stream_id {
        request = request.header(call::STREAM_ID, stream_id);
    }
    sender.ready().await?;
    let request = request.body(Full::new(Bytes::from(call::body(call))))?;
    Ok(sender.send_request(request).await?)
}

async fn done(answer: http::Response<hyper::body::Incoming>) -> Result<(), AnyError> {
    let status = answer.status();
    let body = answer.into_body().collect().await?.to_bytes();
    if status != 202 {
        return Err(format!("{status} {}", String::from_utf8_lossy(&body)).into());
    }
    Ok(())
}
