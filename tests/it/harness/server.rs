//! Servers: a bk-sops that behaves as is said, and others that answer as is said.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use bk_launch::mock::{Behaviour, FaultChance, FaultKind, FirstFault, Latency, Mock};

/// A bk-sops on a port of its own.
pub fn mock(behaviour: Behaviour) -> Mock {
    Mock::start(behaviour, 0).unwrap()
}

/// A bk-sops in which nothing goes wrong.
pub fn well() -> Behaviour {
    Behaviour::default()
}

/// A bk-sops in which nothing goes wrong, and every answer takes so many milliseconds.
pub fn slow(millis: u64) -> Behaviour {
    Behaviour { latency: Latency::Fixed(Duration::from_millis(millis)), ..well() }
}

/// A fault of the first requests for a task.
pub fn fault(task: u64, kind: FaultKind, times: u32) -> FirstFault {
    FirstFault { task, kind, times }
}

/// The same fault of the first requests for each of these tasks.
pub fn each(tasks: impl IntoIterator<Item = u64>, kind: FaultKind, times: u32) -> Vec<FirstFault> {
    tasks.into_iter().map(|task| fault(task, kind, times)).collect()
}

/// Faults that each befall a request with this chance.
pub fn sometimes(kinds: &str, chance: f64) -> Vec<FaultChance> {
    kinds.split(' ').map(|kind| FaultChance { kind: kind.parse().unwrap(), chance }).collect()
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its first line: method, path and version.
    pub first: String,
    /// One line each, with the name in lower case.
    pub headers: Vec<String>,
    pub body: String,
}

impl Request {
    /// Path and query.
    pub fn path(&self) -> &str {
        self.first.split(' ').nth(1).unwrap_or_default()
    }
}

/// Reads one request, if there is one more.
pub fn read_request(reader: &mut impl BufRead) -> io::Result<Option<Request>> {
    let (mut first, mut headers, mut length) = (String::new(), Vec::new(), 0);
    if reader.read_line(&mut first)? == 0 {
        return Ok(None);
    }
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        let name = name.to_ascii_lowercase();
        if name == "content-length" {
            length = value.parse().unwrap();
        }
        headers.push(format!("{name}: {value}"));
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some(Request { first, headers, body: String::from_utf8_lossy(&body).into_owned() }))
}

/// A server that answers every request as a test says, and keeps what it heard.
pub struct Server {
    pub url: String,
    heard: Arc<Mutex<Vec<Request>>>,
    told: Receiver<Request>,
}

impl Server {
    /// Answers by what `answer` makes of a request, in bytes of HTTP; a connection stays open until
    /// the client closes it, unless the answer says that it closes.
    pub fn answering(answer: impl Fn(&Request) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (heard, (tell, told)) = (Arc::<Mutex<Vec<_>>>::default(), mpsc::channel());
        let (all, answer) = (Arc::clone(&heard), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (all, tell, answer) = (Arc::clone(&all), tell.clone(), Arc::clone(&answer));
                let hear = move |request: &Request| {
                    all.lock().unwrap().push(request.clone());
                    drop(tell.send(request.clone()));
                    answer(request)
                };
                // A client may hang up before it has read all of an answer.
                thread::spawn(move || drop(converse(&stream.unwrap(), hear)));
            }
        });
        Self { url, heard, told }
    }

    /// Gives the same answer to everybody.
    pub fn always(head: &str, body: &str) -> Self {
        let length = body.len();
        let answer = format!("HTTP/1.1 {head}\r\nContent-Length: {length}\r\n\r\n{body}");
        Self::answering(move |_| answer.clone().into_bytes())
    }

    /// All that it heard, in order.
    pub fn heard(&self) -> Vec<Request> {
        self.heard.lock().unwrap().clone()
    }

    /// The next request that was not taken yet; waits for it.
    #[track_caller]
    pub fn next(&self) -> Request {
        super::next("request", &self.told)
    }

    /// Whether every request was taken.
    pub fn is_idle(&self) -> bool {
        self.told.try_recv().is_err()
    }
}

/// Answers requests on one connection until it is closed; an empty answer leaves it open.
fn converse(stream: &TcpStream, hear: impl Fn(&Request) -> Vec<u8>) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    while let Some(request) = read_request(&mut reader)? {
        let answer = hear(&request);
        let mut stream = stream;
        stream.write_all(&answer)?;
        if String::from_utf8_lossy(&answer)
            .to_ascii_lowercase()
            .contains("\r\nconnection: close\r\n")
        {
            return Ok(());
        }
    }
    Ok(())
}

/// An answer after which the connection is closed; `head` is the status and further headers.
pub fn http(head: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {head}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}").into()
}

/// Reads one request, answers with `bytes`, and closes; the port it listens on.
pub fn answer_once(bytes: Vec<u8>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        read_request(&mut BufReader::new(&stream)).unwrap();
        // The client may hang up before it has read all of a long answer.
        drop((&stream).write_all(&bytes));
    });
    port
}
