//! A plain client: requests as they are, and a stream as it comes.

use std::{net::SocketAddr, path::PathBuf};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use mesos_v1::{
    json::{self, Kind, Unknown},
    proto::scheduler::Event,
    recordio::Decoder,
};
use prost::Message as _;
use tokio::net::TcpStream;

/// What was answered.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Incoming,
}

impl Answer {
    pub(crate) async fn text(self) -> String {
        let body = self.body.collect().await.expect("a body").to_bytes();
        String::from_utf8_lossy(&body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// One request over a connection of its own.
pub(crate) async fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(String, String)],
    body: Bytes,
) -> Answer {
    let socket = TcpStream::connect(address).await.expect("somebody listens");
    let (mut sender, connection) = http1::handshake(TokioIo::new(socket))
        .await
        .expect("they speak HTTP");
    tokio::spawn(connection);
    let mut request = Request::builder()
        .method(method.parse::<Method>().expect("a method"))
        .uri(path)
        .header("host", address.to_string());
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let request = request.body(Full::new(body)).expect("a request");
    let answer = sender.send_request(request).await.expect("an answer");
    let (head, body) = answer.into_parts();
    Answer {
        status: head.status,
        headers: head.headers,
        body,
    }
}

/// A stream of events in JSON.
pub(crate) struct Stream {
    pub(crate) id: String,
    body: Incoming,
    decoder: Decoder,
}

impl Stream {
    pub(crate) fn new(answer: Answer) -> Self {
        let id = answer
            .header("mesos-stream-id")
            .expect("a stream id")
            .to_owned();
        Self {
            id,
            body: answer.body,
            decoder: Decoder::new(),
        }
    }

    /// The next event; none at the end.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        let record = self.next_record().await?;
        let wire = json::to_wire(Kind::Event, &record, Unknown::Refuse).expect("an event");
        Some(Event::decode(wire.as_slice()).expect("an event"))
    }

    pub(crate) async fn next_record(&mut self) -> Option<Bytes> {
        loop {
            if let Some(record) = self.decoder.next_record().expect("well framed") {
                return Some(record);
            }
            let frame = self.body.frame().await?.expect("the stream stands");
            self.decoder.push(frame.data_ref().expect("no trailers"));
        }
    }
}

/// A recording.
pub(crate) fn recording(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../mesos-v1/tests/recordings")
        .join(name)
}
