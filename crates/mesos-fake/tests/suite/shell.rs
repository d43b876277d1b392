//! The driver with sockets around it, and a scheduler that records at once. Its time is that of the fake.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    time::Duration,
};

use bytes::Bytes;
use http::{Request as HttpRequest, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use mesos_fake::{Fake, Seen};
use mesos_v1::{
    Mono,
    call::{CONTENT_TYPE, PATH, STREAM_ID},
    driver::{
        Answer, CallId, Config, Driver, Input, Leader, Notice, Outcome, Output, Pace, Request,
        RequestId, StateKind, Subscription, Written,
    },
    proto::{
        CommandInfo, FrameworkId, FrameworkInfo, Offer, Resource, TaskId, TaskInfo, TaskState,
        framework_info::{Capability, capability},
        offer::{self, Operation},
        scheduler::{Event, call::Type},
    },
};
use tokio::{net::TcpStream, sync::mpsc, task::JoinHandle};

/// More inputs than any test makes at once.
const INPUTS_MAX: usize = 10_000;
/// An event that the fake is asked for, to know that all before it was read.
const MARK: i32 = 99;

/// The driver, its connections, and what it told.
pub(crate) struct Shell {
    pub(crate) fake: Fake,
    driver: Driver,
    sender: mpsc::Sender<Input>,
    inputs: mpsc::Receiver<Input>,
    connections: Vec<(Subscription, JoinHandle<()>)>,
    under_way: BTreeSet<CallId>,
    /// Calls of this kind are not waited for.
    pub(crate) hangs: bool,
    marks: u32,
    pub(crate) leader: SocketAddr,
    pub(crate) leads: bool,
    /// Effects of updates are recorded at once.
    pub(crate) records: bool,
    pub(crate) stored: Option<FrameworkId>,
    pub(crate) offers: Vec<Offer>,
    /// What was told of each task, in order; with a `*` when somebody waits for an acknowledgement.
    pub(crate) news: BTreeMap<String, Vec<String>>,
    pub(crate) outcomes: Vec<(u64, Outcome)>,
    requests: u64,
}

impl Shell {
    pub(crate) async fn start(fake: Fake) -> Self {
        let mut shell = Self::new(fake, None);
        shell.give(Input::Start);
        shell.settle().await;
        shell
    }

    pub(crate) fn new(fake: Fake, id: Option<FrameworkId>) -> Self {
        let (sender, inputs) = mpsc::channel(INPUTS_MAX);
        Self {
            driver: driver(id.clone()),
            leader: fake.address(0),
            fake,
            sender,
            inputs,
            connections: Vec::new(),
            under_way: BTreeSet::new(),
            hangs: false,
            marks: 0,
            leads: true,
            records: true,
            stored: id,
            offers: Vec::new(),
            news: BTreeMap::new(),
            outcomes: Vec::new(),
            requests: 0,
        }
    }

    /// The process dies and another one starts, with what was stored.
    pub(crate) async fn crash(self) -> Self {
        for (_generation, connection) in &self.connections {
            connection.abort();
        }
        let mut next = Self::new(self.fake, self.stored);
        next.leader = self.leader;
        next.give(Input::Start);
        next.settle().await;
        next
    }

    pub(crate) fn state(&self) -> StateKind {
        self.driver.state()
    }

    pub(crate) fn id(&self) -> String {
        self.stored
            .as_ref()
            .expect("it was subscribed")
            .value
            .clone()
    }

    pub(crate) fn ask(&mut self, request: Request) {
        self.give(Input::Request(request));
    }

    /// Lets time pass, as far as it goes until something is due, again and again.
    pub(crate) async fn wait(&mut self, wait: Duration) {
        let end = self.fake.cluster(|cluster| cluster.now()) + wait;
        loop {
            self.settle().await;
            let now = self.fake.cluster(|cluster| cluster.now());
            if now >= end {
                return;
            }
            let ours = self.driver.deadline().map(|at| Duration::from_millis(at.0));
            let theirs = self.fake.cluster(|cluster| cluster.next_due());
            let next = [ours, theirs].into_iter().flatten().min().unwrap_or(end);
            let next = next.max(now + Duration::from_millis(1)).min(end);
            self.fake.advance(next.saturating_sub(now));
            self.give(Input::Tick);
        }
    }

    /// Works until nothing is under way: no call, no event, no connection.
    pub(crate) async fn settle(&mut self) {
        let mut clean = false;
        loop {
            match self.driver.state() {
                StateKind::Connecting | StateKind::AwaitSubscribed | StateKind::Storing => {
                    clean = false;
                    self.take_one().await;
                }
                StateKind::Subscribed | StateKind::Draining
                    if !self.under_way.is_empty() && !self.hangs =>
                {
                    clean = false;
                    self.take_one().await;
                }
                StateKind::Subscribed if !clean => {
                    self.mark().await;
                    clean = self.under_way.is_empty() || self.hangs;
                }
                StateKind::Stopped
                | StateKind::Detecting
                | StateKind::Backoff
                | StateKind::Fencing
                | StateKind::Subscribed
                | StateKind::Draining
                | StateKind::Fatal => return,
            }
        }
    }

    async fn mark(&mut self) {
        let mark = Event {
            r#type: Some(MARK),
            ..Event::default()
        };
        let seen = self.marks;
        let id = self.id();
        self.fake.say(&id, mark);
        while self.marks == seen && self.driver.state() == StateKind::Subscribed {
            self.take_one().await;
        }
    }

    async fn take_one(&mut self) {
        let input = self.inputs.recv().await.expect("we hold a sender");
        self.give(input);
    }

    pub(crate) fn give(&mut self, input: Input) {
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            if let Input::CallAnswered { call, .. } | Input::CallLost { call, .. } = &input {
                self.under_way.remove(call);
            }
            let now = self.fake.cluster(|cluster| cluster.now());
            let now = Mono(u64::try_from(now.as_millis()).expect("a short test"));
            self.driver.handle(now, input);
            while let Some(output) = self.driver.next_output() {
                inputs.extend(self.carry_out(output));
            }
        }
    }

    fn carry_out(&mut self, output: Output) -> Option<Input> {
        match output {
            Output::Detect => Some(Input::Leader(Leader {
                authority: self.leader.to_string(),
                id: None,
            })),
            Output::CheckFence { subscription } if self.leads => {
                Some(Input::FenceHeld { subscription })
            }
            Output::CheckFence { .. } => Some(Input::FenceLost),
            Output::Subscribe {
                subscription,
                leader,
                body,
            } => {
                let work = subscribe(self.sender.clone(), subscription, leader.authority, body);
                self.connections.push((subscription, tokio::spawn(work)));
                None
            }
            Output::Send {
                subscription,
                lane: _,
                call,
                stream_id,
                body,
            } => {
                self.under_way.insert(call);
                let sender = self.sender.clone();
                let authority = self.fake_authority();
                let work = async move {
                    let input = match post(&authority, Some(&stream_id), body).await {
                        Ok(response) => Input::CallAnswered {
                            subscription,
                            call,
                            answer: whole_answer(response).await,
                        },
                        Err(written) => Input::CallLost {
                            subscription,
                            call,
                            written,
                        },
                    };
                    // The test may be over.
                    drop(sender.send(input).await);
                };
                self.connections.push((subscription, tokio::spawn(work)));
                None
            }
            Output::Close { subscription } => {
                self.under_way.clear();
                self.offers.clear();
                self.connections.retain(|(of, connection)| {
                    if *of == subscription {
                        connection.abort();
                    }
                    *of != subscription
                });
                None
            }
            Output::StoreId { subscription, id } => {
                self.stored = Some(id);
                Some(Input::IdStored { subscription })
            }
            Output::EraseId => {
                self.stored = None;
                Some(Input::IdErased)
            }
            Output::Tell(notice) => self.told(notice),
        }
    }

    fn fake_authority(&self) -> String {
        self.leader.to_string()
    }

    fn told(&mut self, notice: Notice) -> Option<Input> {
        match notice {
            Notice::Offers(offers) => self.offers.extend(offers),
            Notice::Rescinded(id) => self.offers.retain(|offer| offer.id != id),
            Notice::Update(update) => {
                let state = TaskState::try_from(update.status.state).expect("a known state");
                let mark = if update.receipt.wants_acknowledgement() {
                    "*"
                } else {
                    ""
                };
                self.news
                    .entry(update.status.task_id.value.clone())
                    .or_default()
                    .push(format!(
                        "{}{mark}",
                        state.as_str_name().trim_start_matches("TASK_")
                    ));
                if self.records {
                    return Some(Input::Recorded(update.receipt));
                }
            }
            Notice::Settled { request, outcome } => self.outcomes.push((request.0, outcome)),
            Notice::UnknownEvent(MARK) => self.marks += 1,
            Notice::Subscribed { .. }
            | Notice::Disconnected(_)
            | Notice::NoLeader
            | Notice::Waiting { .. }
            | Notice::Refused { .. }
            | Notice::Deposed
            | Notice::Failure(_)
            | Notice::Message(_)
            | Notice::InverseOffers(_)
            | Notice::InverseRescinded(_)
            | Notice::OperationStatus(_)
            | Notice::ConstraintsRefused
            | Notice::Reconciled
            | Notice::Undecodable(_)
            | Notice::UnknownEvent(_)
            | Notice::CallRefused { .. }
            | Notice::QueueFull => {}
        }
        None
    }

    /// Launches a task with the first offer.
    pub(crate) async fn launch(&mut self, id: &str, command: &str) -> u64 {
        assert!(!self.offers.is_empty(), "there are offers");
        let offer = self.offers.remove(0);
        self.requests += 1;
        let request = RequestId(self.requests);
        let task = TaskInfo {
            name: id.into(),
            task_id: TaskId { value: id.into() },
            agent_id: offer.agent_id.clone(),
            resources: vec![part(&offer, "cpus", 0.1), part(&offer, "mem", 32.0)],
            command: Some(CommandInfo {
                value: Some(command.into()),
                ..CommandInfo::default()
            }),
            ..TaskInfo::default()
        };
        self.ask(Request::Launch {
            request,
            offers: vec![offer.id],
            operations: vec![Operation {
                r#type: Some(offer::operation::Type::Launch.into()),
                launch: Some(offer::operation::Launch {
                    task_infos: vec![task],
                }),
                ..Operation::default()
            }],
            refuse_seconds: 0.0,
        });
        self.settle().await;
        request.0
    }

    /// The tasks on all agents, and where they stand.
    pub(crate) fn running(&self) -> Vec<(String, TaskState)> {
        self.fake
            .cluster(|cluster| cluster.tasks())
            .into_iter()
            .map(|(_framework, task, _agent, state)| (task, state))
            .collect()
    }

    pub(crate) fn news_of(&self, task: &str) -> String {
        self.news
            .get(task)
            .map(|news| news.join(" "))
            .unwrap_or_default()
    }

    pub(crate) fn calls(&self, kind: Type) -> Vec<Seen> {
        let mut calls = self.fake.calls();
        calls.retain(|seen| seen.kind == kind);
        calls
    }
}

fn driver(id: Option<FrameworkId>) -> Driver {
    let capability = |kind: capability::Type| Capability {
        r#type: Some(kind.into()),
    };
    let mut driver = Driver::new(Config {
        info: FrameworkInfo {
            user: "root".into(),
            name: "cron".into(),
            roles: vec!["*".into()],
            failover_timeout: Some(604_800.0),
            checkpoint: Some(true),
            capabilities: vec![
                capability(capability::Type::MultiRole),
                capability(capability::Type::PartitionAware),
                capability(capability::Type::TaskKillingState),
            ],
            ..FrameworkInfo::default()
        },
        id,
        seed: 1,
        pace: Pace::default(),
    });
    let roles = ["*".to_owned()].into();
    driver.handle(Mono(0), Input::Request(Request::Demand { roles }));
    driver
}

fn part(offer: &Offer, name: &str, amount: f64) -> Resource {
    let mut resource = offer
        .resources
        .iter()
        .find(|resource| resource.name == name)
        .expect("it is offered")
        .clone();
    resource.scalar = Some(mesos_v1::proto::value::Scalar { value: amount });
    resource
}

async fn subscribe(
    sender: mpsc::Sender<Input>,
    subscription: Subscription,
    authority: String,
    body: Vec<u8>,
) {
    let tell = async |input: Input| drop(sender.send(input).await);
    let closed = |why: String| Input::Closed { subscription, why };
    let response = match post(&authority, None, body).await {
        Ok(response) => response,
        Err(_written) => return tell(closed("no answer".to_owned())).await,
    };
    let is_stream = response.status() == 200;
    let (head, mut body) = response.into_parts();
    let mut answer = answer_of(&Response::from_parts(head, ()));
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
    .await;
    loop {
        match body.frame().await {
            Some(Ok(frame)) => {
                let bytes = frame.into_data().unwrap_or_default();
                tell(Input::Data {
                    subscription,
                    bytes,
                })
                .await;
            }
            Some(Err(error)) => return tell(closed(error.to_string())).await,
            None => return tell(closed("end of stream".to_owned())).await,
        }
    }
}

async fn post(
    authority: &str,
    stream_id: Option<&str>,
    body: Vec<u8>,
) -> Result<Response<Incoming>, Written> {
    let nothing = |_error| Written::Nothing;
    let socket = TcpStream::connect(authority).await.map_err(nothing)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(socket))
        .await
        .map_err(|_error| Written::Nothing)?;
    let mut request = HttpRequest::post(PATH)
        .header("host", authority)
        .header("content-type", CONTENT_TYPE)
        .header("accept", CONTENT_TYPE);
    if let Some(stream_id) = stream_id {
        request = request.header(STREAM_ID, stream_id);
    }
    let request = request
        .body(Full::new(Bytes::from(body)))
        .expect("a request");
    // Ends with the answer's body, which owns what it needs of it.
    tokio::spawn(connection);
    sender
        .send_request(request)
        .await
        .map_err(|_error| Written::Perhaps)
}

async fn whole_answer(response: Response<Incoming>) -> Answer {
    let (head, body) = response.into_parts();
    Answer {
        body: whole(body).await,
        ..answer_of(&Response::from_parts(head, ()))
    }
}

async fn whole(body: Incoming) -> Vec<u8> {
    let body = body
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes);
    body.unwrap_or_default().to_vec()
}

fn answer_of(head: &Response<()>) -> Answer {
    let header = |name: &str| {
        let value = head.headers().get(name)?;
        Some(value.to_str().ok()?.to_owned())
    };
    Answer {
        status: head.status().as_u16(),
        stream_id: header(STREAM_ID),
        location: header("location"),
        body: Vec::new(),
    }
}
