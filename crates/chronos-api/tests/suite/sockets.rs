//! The server over real connections.

use std::{net::SocketAddr, time::Duration};

use chronos_api::serve;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
    time::timeout,
};

use crate::client::Site;

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<std::io::Result<()>>,
}

pub(crate) async fn start(site: &Site) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let router = site.router.clone();
    let task = tokio::spawn(serve(listener, router, async {
        stopped.await.unwrap();
    }));
    Server {
        address,
        stop,
        task,
    }
}

impl Server {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends a request as it is and returns all that comes back.
    async fn exchange(&self, request: &[u8]) -> String {
        let mut stream = self.connect().await;
        stream.write_all(request).await.unwrap();
        read_to_end(&mut stream).await
    }
}

async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    timeout(Duration::from_secs(20), stream.read_to_end(&mut answer))
        .await
        .expect("the connection is closed")
        .unwrap();
    String::from_utf8(answer).unwrap()
}

async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut answer = Vec::new();
    while !String::from_utf8_lossy(&answer).contains(end) {
        let read = timeout(Duration::from_secs(20), stream.read_buf(&mut answer)).await;
        assert_ne!(read.expect("it answers").unwrap(), 0, "closed too early");
    }
    String::from_utf8(answer).unwrap()
}

fn post(body: &str) -> String {
    format!(
        "POST /v1/scheduler/iso8601 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test]
async fn answers_over_a_connection_that_is_kept() {
    let site = Site::new();
    let server = start(&site).await;
    let mut stream = server.connect().await;
    for _ in 0..3 {
        let request = b"GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let answer = read_until(&mut stream, "pong\n").await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    }
}

#[tokio::test]
async fn creates_a_job() {
    let site = Site::new();
    let server = start(&site).await;
    let job = r#"{"name": "a", "command": "true", "schedule": "R//PT1H"}"#;
    let answer = server.exchange(post(job).as_bytes()).await;
    assert!(
        answer.starts_with("HTTP/1.1 204 No Content\r\n"),
        "{answer}"
    );
    assert!(answer.ends_with("\r\n\r\n"), "{answer}");
    assert_eq!(site.json("/v1/scheduler/job/a").await["name"], "a");
}

#[tokio::test]
async fn a_client_that_sends_too_much_gets_to_read_the_answer() {
    let site = Site::new();
    let server = start(&site).await;
    // More than the buffers on the way can hold, so that it has to be read by somebody.
    for mebibytes in [2, 12] {
        let body = " ".repeat(mebibytes << 20);
        let answer = server.exchange(post(&body).as_bytes()).await;
        assert!(
            answer.starts_with("HTTP/1.1 413 Payload Too Large\r\n"),
            "{answer}"
        );
        assert!(answer.contains(r#""field":"body""#), "{answer}");
    }
    // Whoever asks first is told before it sends.
    let head = post(&" ".repeat(2 << 20)).replacen("\r\n", "\r\nExpect: 100-continue\r\n", 1);
    let head = head.trim_end_matches(' ');
    let answer = server.exchange(head.as_bytes()).await;
    assert!(
        answer.starts_with("HTTP/1.1 413 Payload Too Large\r\n"),
        "{answer}"
    );
}

#[tokio::test]
async fn refuses_what_is_no_http() {
    let site = Site::new();
    let server = start(&site).await;
    let answer = server.exchange(b"hello\r\n\r\n").await;
    assert!(
        answer.starts_with("HTTP/1.1 400 Bad Request\r\n"),
        "{answer}"
    );
}

#[tokio::test]
async fn stops_reading_a_log_when_the_client_is_gone() {
    let site = Site::new();
    site.hourly("a").await;
    site.put("/v1/scheduler/job/a").await.check_no_content();
    let key = site.daemon.running("a").unwrap();
    let server = start(&site).await;
    let mut streams = Vec::new();
    let request =
        format!("GET /scheduler/runs/{key}/log?follow=true HTTP/1.1\r\nHost: localhost\r\n\r\n");
    for _ in 0..64 {
        let mut stream = server.connect().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        let head = read_until(&mut stream, "\r\n\r\n").await;
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        streams.push(stream);
    }
    let closing = request.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    let full = server.exchange(closing.as_bytes()).await;
    assert!(full.starts_with("HTTP/1.1 503 "), "{full}");
    drop(streams);
    // The room comes back, although the run prints nothing that could fail to be sent.
    let again = timeout(Duration::from_secs(20), async {
        loop {
            let mut stream = server.connect().await;
            stream.write_all(request.as_bytes()).await.unwrap();
            let head = read_until(&mut stream, "\r\n\r\n").await;
            if head.starts_with("HTTP/1.1 200 ") {
                break;
            }
        }
    });
    again.await.expect("there is room again");
}

#[tokio::test]
async fn stops_although_somebody_follows_a_log() {
    let site = Site::new();
    site.hourly("a").await;
    site.put("/v1/scheduler/job/a").await.check_no_content();
    let key = site.daemon.running("a").unwrap();
    site.daemon.print(&key, b"hello");
    let server = start(&site).await;
    let mut follower = server.connect().await;
    let request =
        format!("GET /scheduler/runs/{key}/log?follow=true HTTP/1.1\r\nHost: localhost\r\n\r\n");
    follower.write_all(request.as_bytes()).await.unwrap();
    read_until(&mut follower, "hello").await;
    let idle = server.connect().await;
    server.stop.send(()).unwrap();
    timeout(Duration::from_secs(20), server.task)
        .await
        .expect("it stops")
        .unwrap()
        .unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
    drop((follower, idle));
}
