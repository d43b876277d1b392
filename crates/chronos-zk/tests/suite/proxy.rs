//! A proxy before a server that cuts connections where a test wants it.
//!
//! It knows where a request ends and which answer belongs to it, so a test can lose a request before
//! the server sees it, or the answer after the server has done it.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, channel},
    },
    thread,
};

/// What gets lost.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Lose {
    /// The request: the server never sees it.
    Request,
    /// The answer: the server has done it.
    Answer,
    /// The request but for its first so many bytes, or fewer.
    RequestAfter(usize),
    /// The answer but for its first so many bytes, or fewer; the server has done it.
    AnswerAfter(usize),
    /// The connection, while the request is still on its way: [`Proxy::deliver`] lets it arrive.
    Connection,
}

/// A running proxy; it ends with the test.
#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) port: u16,
    plan: Arc<Mutex<Plan>>,
}

#[derive(Debug, Default)]
struct Plan {
    /// After so many requests more something gets lost.
    next: Option<(usize, Lose)>,
    /// Whether it was lost.
    done: bool,
    /// A request that is still on its way.
    late: Option<Late>,
}

#[derive(Debug)]
struct Late {
    packet: Vec<u8>,
    server: TcpStream,
    /// Is closed when the server has answered.
    answered: Receiver<()>,
}

/// What one connection waits for: the answer to this request is lost but for so many bytes, and the
/// connection with it.
type Awaited = Arc<Mutex<Option<([u8; 4], usize)>>>;

/// The id of pings, which come when they like.
const PING: [u8; 4] = (-2_i32).to_be_bytes();

impl Proxy {
    /// Starts a proxy before the server on a port.
    pub(crate) fn start(server: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let plan = Arc::new(Mutex::new(Plan::default()));
        let theirs = plan.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // Without a server the client finds a closed connection, as it would there.
                if let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, server)) {
                    carry(client, server, &theirs);
                }
            }
        });
        Self { port, plan }
    }

    /// Loses something at the request after `after` others.
    pub(crate) fn lose(&self, after: usize, what: Lose) {
        *lock(&self.plan) = Plan {
            next: Some((after, what)),
            ..Plan::default()
        };
    }

    /// Lets a request arrive whose connection was lost, and waits until the server is done with it.
    pub(crate) fn deliver(&self) {
        let late = lock(&self.plan).late.take();
        let mut late = late.expect("a request is on its way");
        late.server.write_all(&late.packet).unwrap();
        assert!(late.answered.recv().is_err(), "nothing is ever sent");
        drop(late.server.shutdown(Shutdown::Both));
    }

    /// Whether it was lost by now.
    pub(crate) fn has_lost(&self) -> bool {
        lock(&self.plan).done
    }
}

fn carry(client: TcpStream, server: TcpStream, plan: &Arc<Mutex<Plan>>) {
    let awaited = Awaited::default();
    let streams = (client.try_clone().unwrap(), server.try_clone().unwrap());
    let (plan, theirs) = (plan.clone(), awaited.clone());
    let (open, answered) = channel::<()>();
    thread::spawn(move || {
        let (mut client, mut server) = streams;
        // An error is the end of a connection like any other.
        let late = requests(&mut client, &mut server, &plan, &theirs).unwrap_or_default();
        drop(client.shutdown(Shutdown::Both));
        let Some(packet) = late else {
            return drop(server.shutdown(Shutdown::Both));
        };
        lock(&plan).late = Some(Late {
            packet,
            server,
            answered,
        });
    });
    thread::spawn(move || {
        let (mut client, mut server) = (client, server);
        drop(answers(&mut server, &mut client, &awaited));
        drop(client.shutdown(Shutdown::Both));
        drop(open);
    });
}

fn requests(
    client: &mut TcpStream,
    server: &mut TcpStream,
    plan: &Mutex<Plan>,
    awaited: &Mutex<Option<([u8; 4], usize)>>,
) -> io::Result<Option<Vec<u8>>> {
    // The first packet asks for a session and has no id.
    server.write_all(&packet(client)?)?;
    loop {
        let packet = packet(client)?;
        let id = id(&packet);
        if id != PING {
            match lock(plan).count_down() {
                None => {}
                Some(Lose::Request) => return Ok(None),
                Some(Lose::RequestAfter(bytes)) => {
                    server.write_all(first(&packet, bytes))?;
                    return Ok(None);
                }
                Some(Lose::Answer) => *lock(awaited) = Some((id, 0)),
                Some(Lose::AnswerAfter(bytes)) => *lock(awaited) = Some((id, bytes)),
                Some(Lose::Connection) => {
                    *lock(awaited) = Some((id, 0));
                    return Ok(Some(packet));
                }
            }
        }
        server.write_all(&packet)?;
    }
}

fn answers(
    server: &mut TcpStream,
    client: &mut TcpStream,
    awaited: &Mutex<Option<([u8; 4], usize)>>,
) -> io::Result<()> {
    client.write_all(&packet(server)?)?;
    loop {
        let packet = packet(server)?;
        let lost = *lock(awaited);
        if let Some((_, bytes)) = lost.filter(|(awaited, _)| *awaited == id(&packet)) {
            return client.write_all(first(&packet, bytes));
        }
        client.write_all(&packet)?;
    }
}

impl Plan {
    fn count_down(&mut self) -> Option<Lose> {
        let (left, what) = self.next.take()?;
        if left > 0 {
            self.next = Some((left - 1, what));
            return None;
        }
        self.done = true;
        Some(what)
    }
}

fn packet(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut len = [0; 4];
    stream.read_exact(&mut len)?;
    let mut packet = len.to_vec();
    let len = usize::try_from(u32::from_be_bytes(len)).unwrap();
    packet.resize(4 + len, 0);
    stream.read_exact(&mut packet[4..])?;
    Ok(packet)
}

// Never the whole of it.
fn first(packet: &[u8], bytes: usize) -> &[u8] {
    &packet[..bytes.min(packet.len() - 1)]
}

fn id(packet: &[u8]) -> [u8; 4] {
    packet[4..8].try_into().unwrap()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
