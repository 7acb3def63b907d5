//! A TLS front before bk-sops that can be restarted: it closes its connections, and new ones
//! stall. It notes when each request came, also while it holds up the answers.

use std::any::Any;
use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use socket2::{Domain, Socket, Type};

use super::until;

/// Maximum number of connections that wait to be accepted while nothing stalls.
const BACKLOG: i32 = 256;

/// Where new connections stall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stall {
    /// The kernel makes no connection: so many wait to be accepted that it drops every SYN.
    Connect,
    /// The proxy on the way does not answer CONNECT.
    Tunnel,
    /// TLS is not set up.
    Handshake,
    /// The front takes requests, and hands none of them on.
    Answer,
}

/// How the front is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Direct,
    /// By a proxy that knows CONNECT; proxy and front are one listener.
    Proxy,
}

pub struct Front {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    way: Way,
    tls: Arc<ServerConfig>,
    /// Where bk-sops listens.
    behind: SocketAddr,
    listener: TcpListener,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    stall: Option<Stall>,
    /// Number of restarts; connections of an earlier one are closed after their answer.
    restarts: u32,
    /// Connections on which no request is out, by their numbers.
    idle: BTreeMap<u64, TcpStream>,
    /// Number of connections accepted.
    accepted: u64,
    /// The same at the last restart.
    before: u64,
    arrivals: Vec<Instant>,
    /// Connections that fill the queue of the kernel.
    fillers: Vec<TcpStream>,
}

impl Front {
    /// A front that shows the certificate of `tls`, before the bk-sops on port `behind`.
    pub fn start(way: Way, tls: ServerConfig, behind: u16) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        socket.listen(BACKLOG).unwrap();
        let listener = TcpListener::from(socket);
        let address = listener.local_addr().unwrap();
        let behind = SocketAddr::from(([127, 0, 0, 1], behind));
        let (tls, state, changed) = (Arc::new(tls), Mutex::default(), Condvar::new());
        let shared = Arc::new(Shared { way, tls, behind, listener, state, changed });
        thread::spawn({
            let shared = Arc::clone(&shared);
            move || shared.accept()
        });
        Self { address, shared }
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Closes every connection, those with a request after its answer, and lets new ones stall.
    pub fn restart(&self, stall: Stall) {
        self.shared.lock().stall = Some(stall);
        if stall == Stall::Connect {
            self.shared.backlog(0);
            let fillers = fill(self.address);
            self.shared.lock().fillers = fillers;
        }
        let mut state = self.shared.lock();
        state.restarts += 1;
        state.before = state.accepted;
        for stream in state.idle.values() {
            drop(stream.shutdown(Shutdown::Both));
        }
    }

    /// Lets everything that stalls go on.
    pub fn recover(&self) {
        self.shared.backlog(BACKLOG);
        let mut state = self.shared.lock();
        state.stall = None;
        state.fillers.clear();
        self.shared.changed.notify_all();
    }

    /// Number of connections accepted since the last restart.
    pub fn accepted(&self) -> u64 {
        let state = self.shared.lock();
        state.accepted - state.before
    }

    /// Number of connections that clients hold at present.
    pub fn held(&self) -> usize {
        connections(self.address.port(), ESTABLISHED)
    }

    /// When each request began to come.
    pub fn arrivals(&self) -> Vec<Instant> {
        self.shared.lock().arrivals.clone()
    }

    /// Waits until somebody tries to connect since the last restart.
    #[track_caller]
    pub fn until_somebody_waits(&self) {
        until("somebody waits for a connection", || {
            let state = self.shared.lock();
            state.accepted > state.before || connections(self.address.port(), SYN_SENT) > 0
        });
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Says how many connections may wait to be accepted.
    fn backlog(&self, length: i32) {
        socket2::SockRef::from(&self.listener).listen(length).unwrap();
    }

    fn accept(self: Arc<Self>) {
        for stream in self.listener.incoming() {
            let stream = stream.unwrap();
            let number = {
                let mut state = self.lock();
                state.accepted += 1;
                state.accepted
            };
            let shared = Arc::clone(&self);
            // The client may hang up whenever it likes.
            thread::spawn(move || drop(shared.serve(number, stream)));
            drop(self.pass(&[Stall::Connect]));
        }
    }

    /// Waits as long as connections stall at one of these places.
    fn pass(&self, places: &[Stall]) -> MutexGuard<'_, State> {
        let stalls = |state: &mut State| state.stall.is_some_and(|place| places.contains(&place));
        self.changed.wait_while(self.lock(), stalls).unwrap()
    }

    fn serve(&self, number: u64, mut stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let restarts = self.pass(&[Stall::Connect]).restarts;
        if self.way == Way::Proxy {
            let Some(_) = read_message(&mut BufReader::new(&stream))? else { return Ok(()) };
            drop(self.pass(&[Stall::Tunnel]));
            stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
        }
        drop(self.pass(&[Stall::Handshake]));
        let handle = stream.try_clone()?;
        let connection = ServerConnection::new(Arc::clone(&self.tls)).map_err(io::Error::other)?;
        let mut client = BufReader::new(StreamOwned::new(connection, stream));
        let mut server = BufReader::new(TcpStream::connect(self.behind)?);
        while self.await_request(number, restarts, &handle, &mut client)? {
            let Some(request) = read_message(&mut client)? else { break };
            drop(self.pass(&[Stall::Answer]));
            server.get_mut().write_all(&request)?;
            let Some(answer) = read_message(&mut server)? else { break };
            client.get_mut().write_all(&answer)?;
            client.get_mut().flush()?;
        }
        handle.shutdown(Shutdown::Both)
    }

    /// Waits for a request, and notes when it came; returns whether there is one.
    fn await_request(
        &self,
        number: u64,
        restarts: u32,
        handle: &TcpStream,
        client: &mut impl BufRead,
    ) -> io::Result<bool> {
        let mut state = self.lock();
        if state.restarts != restarts {
            return Ok(false);
        }
        state.idle.insert(number, handle.try_clone()?);
        drop(state);
        let has_come = client.fill_buf().map(|bytes| !bytes.is_empty());
        let mut state = self.lock();
        state.idle.remove(&number);
        if matches!(has_come, Ok(true)) {
            state.arrivals.push(Instant::now());
        }
        has_come
    }
}

/// Reads one request or answer as it is; its head tells how long it is.
fn read_message(reader: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let (mut bytes, mut length) = (Vec::new(), 0);
    loop {
        let mut line = Vec::new();
        if reader.read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        bytes.extend_from_slice(&line);
        let line = String::from_utf8_lossy(&line).to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim_end().is_empty() {
            break;
        }
    }
    reader.take(length).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// Connects until the kernel makes no further connection.
fn fill(address: SocketAddr) -> Vec<TcpStream> {
    let mut held = Vec::new();
    while let Ok(waiting) = TcpStream::connect_timeout(&address, Duration::from_millis(100)) {
        held.push(waiting);
        assert!(held.len() < 100, "the backlog is never full");
    }
    held
}

/// State of a connection that was asked for and not accepted, as the kernel writes it.
const SYN_SENT: &str = "02";
const ESTABLISHED: &str = "01";

/// How many connections to this port are in this state at the client.
fn connections(port: u16, state: &str) -> usize {
    let connections = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let to = format!(":{port:04X}");
    let is_one = |line: &&str| {
        let fields: Vec<_> = line.split_whitespace().collect();
        fields[2].ends_with(&to) && fields[3] == state
    };
    connections.lines().filter(is_one).count()
}

/// A listener that nobody accepts from, with so many connections waiting that no further
/// one is made; it holds as long as what is returned.
pub fn full_backlog() -> (u16, Vec<Box<dyn Any>>) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let held = fill(address).into_iter().map(|stream| Box::new(stream) as Box<dyn Any>);
    let mut held: Vec<_> = held.collect();
    held.push(Box::new(socket));
    (address.port(), held)
}
