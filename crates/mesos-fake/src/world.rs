//! What all connections share: the cluster, the open streams, the masters, and what goes wrong.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use mesos_v1::{
    json::{self, Kind},
    proto::scheduler::{Call, Event, call},
    recordio,
};
use prost::Message as _;
use tokio::sync::{Notify, mpsc};

use crate::{
    age::Age,
    cluster::{Cluster, Emit, Order},
    faults::Faults,
    process::Processes,
};

/// Pieces of a stream that a slow reader may leave behind. A real master keeps any number; so many mean a reader that
/// does not read, and its stream ends.
pub(crate) const PIECES_MAX: usize = 65_536;

/// Calls that are remembered for tests; older ones are forgotten.
const CALLS_MAX: usize = 100_000;

/// How a master answers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mode {
    /// It leads.
    Leader,
    /// It knows who leads, and says so.
    Follower,
    /// It knows nobody who leads.
    NoLeader,
    /// It leads, and is not ready.
    Recovering,
    /// It starts; there are no routes yet.
    Booting,
    /// It takes connections and says nothing.
    Silent,
}

/// The form of a stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Form {
    Protobuf,
    Json,
}

/// A call that came.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// Its type.
    pub kind: call::Type,
    /// The whole call.
    pub call: Call,
    /// The header that tied it to a subscription.
    pub stream_id: Option<String>,
    /// What it was answered; none when it was not.
    pub status: Option<u16>,
}

/// One open stream.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) form: Form,
    pub(crate) pieces: mpsc::Sender<Piece>,
}

/// A piece of a stream.
#[derive(Clone, Debug)]
pub(crate) enum Piece {
    Bytes(Bytes),
    /// The last chunk.
    End,
}

/// All of it.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) cluster: Cluster,
    pub(crate) streams: BTreeMap<String, Open>,
    pub(crate) modes: Vec<Mode>,
    pub(crate) addresses: Vec<std::net::SocketAddr>,
    /// Connections of masters that died end.
    pub(crate) killed: Vec<Arc<Notify>>,
    pub(crate) faults: Faults,
    pub(crate) credentials: BTreeSet<(String, String)>,
    pub(crate) calls: Vec<Seen>,
    /// Tasks in launches that were taken, forgotten calls included.
    pub(crate) launches: usize,
    /// Streams are cut into chunks of so many bytes.
    pub(crate) chunk: Option<usize>,
    pub(crate) processes: Processes,
}

/// A world that several connections see.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    world: Arc<Mutex<World>>,
    /// Calls that are held go on.
    pub(crate) released: Arc<Notify>,
    /// Something happened that somebody may wait for.
    pub(crate) changed: Arc<Notify>,
}

impl Shared {
    pub(crate) fn new(world: World) -> Self {
        Self {
            world: Arc::new(Mutex::new(world)),
            released: Arc::new(Notify::new()),
            changed: Arc::new(Notify::new()),
        }
    }

    /// Changes the world, and sends what came of it.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        let mut world = self.lock();
        let result = act(&mut world);
        world.flush(self);
        drop(world);
        self.changed.notify_waiters();
        result
    }

    /// Looks at the world; nobody who waits for a change is woken.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        look(&self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, World> {
        // A test that panicked while it looked at the world must not hang the others.
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl World {
    pub(crate) fn leader(&self) -> Option<usize> {
        let leads = |mode: &Mode| matches!(mode, Mode::Leader | Mode::Recovering);
        self.modes.iter().position(leads)
    }

    /// The version that the master has.
    pub(crate) fn age(&self) -> Age {
        Age::of(&self.cluster.settings.version)
    }

    pub(crate) fn remember(&mut self, seen: Seen) {
        if let (Some(202), Some(accept)) = (seen.status, &seen.call.accept) {
            let launches = accept.operations.iter().filter_map(|it| it.launch.as_ref());
            self.launches += launches
                .map(|launch| launch.task_infos.len())
                .sum::<usize>();
        }
        if self.calls.len() < CALLS_MAX {
            self.calls.push(seen);
        }
    }

    // Sends events, and carries out orders for processes.
    fn flush(&mut self, shared: &Shared) {
        let age = self.age();
        for (stream, mut emit) in self.cluster.take_emitted() {
            if let Emit::Event(event) = &mut emit {
                age.say(event);
            }
            self.send(&stream, &emit);
        }
        for order in self.cluster.take_orders() {
            match order {
                Order::Start {
                    framework,
                    agent,
                    container,
                    task,
                } => self
                    .processes
                    .start(shared, &framework, &agent, &container, &task),
                Order::Kill {
                    framework,
                    task,
                    grace,
                } => self.processes.kill(&framework, &task, grace),
            }
        }
    }

    fn send(&mut self, stream: &str, emit: &Emit) {
        let Some(open) = self.streams.get(stream) else {
            return;
        };
        let pieces = self.pieces(open.form, emit);
        let is_end = matches!(emit, Emit::End);
        let sent = pieces
            .into_iter()
            .all(|piece| self.streams[stream].pieces.try_send(piece).is_ok());
        if is_end || !sent {
            self.streams.remove(stream);
        }
    }

    pub(crate) fn pieces(&self, form: Form, emit: &Emit) -> Vec<Piece> {
        let event = match emit {
            Emit::Event(event) => event,
            Emit::End => return vec![Piece::End],
        };
        let mut bytes = Vec::new();
        recordio::encode(&encoded(form, event), &mut bytes);
        self.cut(bytes)
    }

    fn cut(&self, bytes: Vec<u8>) -> Vec<Piece> {
        match self.chunk {
            Some(size) => bytes
                .chunks(size.max(1))
                .map(|chunk| Piece::Bytes(Bytes::copy_from_slice(chunk)))
                .collect(),
            None => vec![Piece::Bytes(bytes.into())],
        }
    }

    /// Sends bytes over all streams as they are.
    pub(crate) fn send_raw(&mut self, bytes: &[u8]) {
        let pieces = self.cut(bytes.to_vec());
        self.streams.retain(|_id, open| {
            pieces
                .iter()
                .all(|piece| open.pieces.try_send(piece.clone()).is_ok())
        });
    }

    pub(crate) fn advance(&mut self, by: Duration) {
        self.cluster.advance(by);
    }
}

fn encoded(form: Form, event: &Event) -> Vec<u8> {
    let wire = event.encode_to_vec();
    match form {
        Form::Protobuf => wire,
        // Bytes that are no text cannot be said in JSON; a real master would send them as they are.
        Form::Json => json::from_wire(Kind::Event, &wire).unwrap_or_else(|_no_text| b"{}".to_vec()),
    }
}
