//! Servers that do with each connection what a script says, byte by byte, and count what they saw.

use std::io::{self, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use socket2::SockRef;

use super::read_request;

/// What a server does with a connection; a client that hangs up ends it by an error.
pub type Script = fn(&mut Conversation) -> io::Result<()>;

/// A server that follows a script.
pub struct Scripted {
    pub port: u16,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    /// When each connection was accepted.
    accepted: Mutex<Vec<Instant>>,
    /// When each request had come.
    heard: Mutex<Vec<Instant>>,
    over: AtomicUsize,
}

/// One connection of a client.
pub struct Conversation {
    stream: BufReader<Box<dyn Stream>>,
    /// The same connection below TLS.
    socket: TcpStream,
    counts: Arc<Counts>,
}

trait Stream: Read + Write + Send {}

impl<T: Read + Write + Send> Stream for T {}

impl Scripted {
    /// Serves in clear, or by TLS where `tls` is given.
    pub fn start(tls: Option<ServerConfig>, script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (tls, counts) = (tls.map(Arc::new), Arc::<Counts>::default());
        let all = Arc::clone(&counts);
        thread::spawn(move || {
            for socket in listener.incoming() {
                let socket = socket.unwrap();
                all.accepted.lock().unwrap().push(Instant::now());
                let stream = encrypted(tls.clone(), socket.try_clone().unwrap());
                let stream = BufReader::new(stream);
                let counts = Arc::clone(&all);
                let mut conversation = Conversation { stream, socket, counts };
                let ended = Arc::clone(&all);
                thread::spawn(move || {
                    drop(script(&mut conversation));
                    drop(conversation);
                    ended.over.fetch_add(1, Ordering::SeqCst);
                });
            }
        });
        Self { port, counts }
    }

    /// When each connection was accepted.
    pub fn accepted(&self) -> Vec<Instant> {
        self.counts.accepted.lock().unwrap().clone()
    }

    /// When each request had come whole.
    pub fn heard(&self) -> Vec<Instant> {
        self.counts.heard.lock().unwrap().clone()
    }

    /// Number of connections that it closed.
    pub fn over(&self) -> usize {
        self.counts.over.load(Ordering::SeqCst)
    }
}

fn encrypted(tls: Option<Arc<ServerConfig>>, socket: TcpStream) -> Box<dyn Stream> {
    match tls {
        None => Box::new(socket),
        Some(tls) => Box::new(StreamOwned::new(ServerConnection::new(tls).unwrap(), socket)),
    }
}

impl Conversation {
    /// Reads one request; returns how many came to the server by now.
    pub fn hear(&mut self) -> io::Result<usize> {
        read_request(&mut self.stream)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let mut heard = self.counts.heard.lock().unwrap();
        heard.push(Instant::now());
        Ok(heard.len())
    }

    /// How many requests came to the server by now.
    pub fn heard(&self) -> usize {
        self.counts.heard.lock().unwrap().len()
    }

    pub fn say(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes.as_ref())?;
        self.stream.get_mut().flush()
    }

    /// Answers every further request with `bytes`.
    pub fn always(&mut self, bytes: &str) -> io::Result<()> {
        loop {
            self.hear()?;
            self.say(bytes)?;
        }
    }

    /// Makes the end of the script a reset; what was said can still be read.
    pub fn reset(&mut self) -> io::Result<()> {
        SockRef::from(&self.socket).set_linger(Some(Duration::ZERO))
    }

    /// Keeps the connection open until the client closes it.
    pub fn hold(&mut self) -> io::Result<()> {
        io::copy(&mut self.stream, &mut io::sink()).map(drop)
    }
}
