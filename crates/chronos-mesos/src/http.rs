//! The connections to a master: one on which it speaks, one on which we do.

use std::{pin::Pin, sync::Arc, time::Duration};

use base64::Engine as _;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    body::Incoming,
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;
use mesos_v1::{
    call::{CONTENT_TYPE, PATH, STREAM_ID},
    driver::{Answer, BODY_LEN_MAX, CallId, Input, Subscription, Written},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::mpsc,
};
use tokio_rustls::{TlsConnector, rustls::pki_types::ServerName};

use crate::Credentials;

/// How long a connection may take to come about, TLS included.
const CONNECT_WAIT: Duration = Duration::from_secs(5);

/// The most of a body that is read of an answer that is no stream.
const ANSWER_LEN_MAX: usize = 16 * BODY_LEN_MAX;

/// How everybody is spoken to.
#[derive(Clone)]
pub(crate) struct Client {
    tls: Option<TlsConnector>,
    authorization: Option<HeaderValue>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

/// A call on its way.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) call: CallId,
    pub(crate) stream_id: String,
    pub(crate) body: Vec<u8>,
}

/// Anything that bytes go through.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

pub(crate) type Connection = SendRequest<Full<Bytes>>;

/// A connection that works while somebody waits for something, and not otherwise: a call and its answer then stay within
/// one task.
struct Driven {
    sender: Connection,
    link: Link,
}

/// What reads and writes.
struct Link {
    works: Pin<Box<dyn Future<Output = ()> + Send>>,
    ended: bool,
}

impl Link {
    /// Waits for something, and lets the connection work meanwhile.
    async fn during<T>(&mut self, wait: impl Future<Output = T>) -> T {
        let mut wait = std::pin::pin!(wait);
        tokio::select! {
            biased;
            // First: so it is known whether the other side has closed it before something is sent.
            () = &mut self.works, if !self.ended => self.ended = true,
            done = &mut wait => return done,
        }
        wait.await
    }
}

impl Client {
    pub(crate) fn new(tls: Option<TlsConnector>, credentials: Option<&Credentials>) -> Self {
        let authorization = credentials.and_then(|own| {
            let pair = format!("{}:{}", own.principal, own.secret);
            let pair = base64::engine::general_purpose::STANDARD.encode(pair);
            let mut value = HeaderValue::from_str(&format!("Basic {pair}")).ok()?;
            value.set_sensitive(true);
            Some(value)
        });
        Self { tls, authorization }
    }

    /// The same without saying who we are.
    pub(crate) fn anonymous(&self) -> Self {
        Self {
            tls: self.tls.clone(),
            authorization: None,
        }
    }

    /// Opens a connection that works by itself.
    pub(crate) async fn connect(&self, authority: &str) -> Result<Connection, String> {
        let open = self.connect_driven(authority).await?;
        // Ends with the sender, or with the other side; whoever sends sees that.
        tokio::spawn(open.link.works);
        Ok(open.sender)
    }

    async fn connect_driven(&self, authority: &str) -> Result<Driven, String> {
        let opened = tokio::time::timeout(CONNECT_WAIT, self.open(authority));
        let stream = opened
            .await
            .map_err(|_elapsed| format!("{authority} does not answer"))??;
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| format!("{authority}: {error}"))?;
        Ok(Driven {
            sender,
            link: Link {
                works: Box::pin(async move { drop(connection.await) }),
                ended: false,
            },
        })
    }

    async fn open(&self, authority: &str) -> Result<Box<dyn Stream>, String> {
        let failed = |error: std::io::Error| format!("{authority}: {error}");
        let socket = TcpStream::connect(authority).await.map_err(failed)?;
        // Calls are small, and each waits for its answer.
        socket.set_nodelay(true).map_err(failed)?;
        let Some(tls) = &self.tls else {
            return Ok(Box::new(socket));
        };
        let host = authority
            .rsplit_once(':')
            .map_or(authority, |(host, _)| host);
        let host = host.trim_matches(['[', ']']).to_owned();
        let name = ServerName::try_from(host).map_err(|error| format!("{authority}: {error}"))?;
        let stream = tls.connect(name, socket).await.map_err(failed)?;
        Ok(Box::new(stream))
    }

    /// Makes a request to be sent over a connection.
    pub(crate) fn request(
        &self,
        method: http::Method,
        authority: &str,
        path: &str,
        body: Vec<u8>,
    ) -> Result<Request<Full<Bytes>>, String> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, authority)
            .header(header::ACCEPT, CONTENT_TYPE)
            .header(
                header::USER_AGENT,
                concat!("chronos/", env!("CARGO_PKG_VERSION")),
            );
        if !body.is_empty() {
            request = request.header(header::CONTENT_TYPE, CONTENT_TYPE);
        }
        if let Some(authorization) = &self.authorization {
            request = request.header(header::AUTHORIZATION, authorization.clone());
        }
        request
            .body(Full::new(body.into()))
            .map_err(|error| error.to_string())
    }

    fn call(
        &self,
        authority: &str,
        stream_id: Option<&str>,
        body: Vec<u8>,
    ) -> Result<Request<Full<Bytes>>, String> {
        let mut request = self.request(http::Method::POST, authority, PATH, body)?;
        if let Some(stream_id) = stream_id {
            let value = HeaderValue::from_str(stream_id).map_err(|error| error.to_string())?;
            request.headers_mut().insert(STREAM_ID, value);
        }
        Ok(request)
    }
}

/// Subscribes, and passes on what the master says until the stream ends.
pub(crate) async fn listen(
    client: Arc<Client>,
    subscription: Subscription,
    authority: String,
    body: Vec<u8>,
    inputs: mpsc::Sender<Input>,
) {
    let why = match subscribe(&client, subscription, &authority, body, &inputs).await {
        Ok(()) => return,
        Err(why) => why,
    };
    // Nobody listens any more when the worker has stopped.
    drop(inputs.send(Input::Closed { subscription, why }).await);
}

async fn subscribe(
    client: &Client,
    subscription: Subscription,
    authority: &str,
    body: Vec<u8>,
    inputs: &mpsc::Sender<Input>,
) -> Result<(), String> {
    let mut connection = client.connect(authority).await?;
    let request = client.call(authority, None, body)?;
    let response = connection
        .send_request(request)
        .await
        .map_err(|error| format!("{authority}: {error}"))?;
    let is_stream = response.status() == http::StatusCode::OK;
    let (head, mut body) = response.into_parts();
    let mut answer = answer(head.status, &head.headers);
    let tell = async |input| {
        let told = inputs.send(input).await;
        told.map_err(|_closed| "stopped".to_owned())
    };
    if !is_stream {
        answer.body = whole(body).await;
        return tell(Input::Head {
            subscription,
            answer,
        })
        .await;
    }
    tell(Input::Head {
        subscription,
        answer,
    })
    .await?;
    loop {
        let frame = match body.frame().await {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => return Err(error.to_string()),
            None => return Err("the master ended the stream".to_owned()),
        };
        if let Ok(bytes) = frame.into_data() {
            tell(Input::Data {
                subscription,
                bytes,
            })
            .await?;
        }
    }
}

/// Sends calls one after another, each after the answer to the one before, over one connection as long as it lasts.
pub(crate) async fn speak(
    client: Arc<Client>,
    subscription: Subscription,
    authority: String,
    mut calls: mpsc::Receiver<Outgoing>,
    inputs: mpsc::Sender<Input>,
) {
    let mut connection: Option<Driven> = None;
    loop {
        let next = match &mut connection {
            Some(open) => open.link.during(calls.recv()).await,
            None => calls.recv().await,
        };
        let Some(outgoing) = next else { return };
        let call = outgoing.call;
        let input = match send(&client, &authority, &mut connection, outgoing).await {
            Ok(answer) => Input::CallAnswered {
                subscription,
                call,
                answer,
            },
            Err((written, why)) => {
                tracing::debug!(call = call.0, ?written, why, "call was not answered");
                connection = None;
                Input::CallLost {
                    subscription,
                    call,
                    written,
                }
            }
        };
        if inputs.send(input).await.is_err() {
            return;
        }
    }
}

async fn send(
    client: &Client,
    authority: &str,
    connection: &mut Option<Driven>,
    outgoing: Outgoing,
) -> Result<Answer, (Written, String)> {
    let nothing = |why: String| (Written::Nothing, why);
    // A master closes connections that were idle for long, or after each answer.
    if let Some(open) = connection
        && open.link.during(open.sender.ready()).await.is_err()
    {
        *connection = None;
    }
    let open = match connection {
        Some(open) => open,
        None => connection.insert(client.connect_driven(authority).await.map_err(nothing)?),
    };
    let request = client
        .call(authority, Some(&outgoing.stream_id), outgoing.body)
        .map_err(nothing)?;
    let sent = open.sender.try_send_request(request);
    open.link
        .during(async move {
            let response = sent.await.map_err(|error| {
                let written = match error.message() {
                    Some(_unsent) => Written::Nothing,
                    None => Written::Perhaps,
                };
                (written, error.error().to_string())
            })?;
            let (head, body) = response.into_parts();
            Ok(Answer {
                body: whole(body).await,
                ..answer(head.status, &head.headers)
            })
        })
        .await
}

/// Reads a body, as far as anybody wants to see it.
pub(crate) async fn whole(body: Incoming) -> Vec<u8> {
    let body = Limited::new(body, ANSWER_LEN_MAX).collect().await;
    body.map(|body| body.to_bytes().to_vec())
        .unwrap_or_default()
}

/// Reads a body that must be there as a whole and must not be longer than this.
pub(crate) async fn body_within(
    response: Response<Incoming>,
    len_max: usize,
) -> Result<Bytes, String> {
    let body = Limited::new(response.into_body(), len_max).collect().await;
    body.map(http_body_util::Collected::to_bytes)
        .map_err(|error| error.to_string())
}

fn answer(status: http::StatusCode, headers: &HeaderMap) -> Answer {
    let text = |name: &str| Some(headers.get(name)?.to_str().ok()?.to_owned());
    Answer {
        status: status.as_u16(),
        stream_id: text(STREAM_ID),
        location: text("location"),
        body: Vec::new(),
    }
}
