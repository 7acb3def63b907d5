//! What can go wrong between a request and its answer, by both transports: they say the same of
//! it, and it is true.

mod encrypted;
mod in_clear;
mod used_again;

use std::io;
use std::time::Duration;

use bk_launch::internals::api::esb::Esb;
use bk_launch::internals::api::target::Target;
use bk_launch::internals::api::{Client, HttpOptions, Identity, TransportKind};
use bk_launch::internals::domain::answer::{Answer, Verdict};
use bk_launch::internals::domain::request_id::{RequestId, RunId};
use bk_launch::internals::domain::task::{Business, Scope, Task};
use rustls::ServerConfig;

use crate::harness::{Conversation, Script, Scripted};
use crate::in_process::credentials;

const BOTH: [TransportKind; 2] = [TransportKind::Direct, TransportKind::Proxied];

/// Far longer than any answer here takes.
const LONG: Duration = Duration::from_mins(1);
/// Longer than it takes to send half of an answer.
const SHORT: Duration = Duration::from_secs(1);

const GOOD: &str = "HTTP/1.1 200 OK\r\nContent-Length: 24\r\n\r\n{\"result\":true,\"code\":0}";

/// The requests that a client sends, one after the other.
#[derive(Clone, Copy)]
enum Asks {
    Once,
    /// The second follows the answer to the first at once.
    Twice,
    /// The second follows so long after the server closed the first connection.
    OnceItIsClosed(Duration),
    /// The second follows so long after the answer to the first.
    After(Duration),
}

/// Asks by this transport; what is made of each answer.
fn ask(
    by: TransportKind,
    url: &str,
    options: &HttpOptions,
    asks: Asks,
    server: &Scripted,
) -> Vec<String> {
    let client = client(url, &HttpOptions { transport: by, ..options.clone() });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let first = judged(&start(&client, 1).await);
        match asks {
            Asks::Once => return vec![first],
            Asks::Twice => {}
            Asks::OnceItIsClosed(pause) => {
                while server.over() == 0 {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                tokio::time::sleep(pause).await;
            }
            Asks::After(pause) => tokio::time::sleep(pause).await,
        }
        vec![first, judged(&start(&client, 2).await)]
    })
}

fn client(url: &str, options: &HttpOptions) -> Client {
    let target = Target::Esb(Esb::new(url).unwrap());
    Client::new(target, credentials("a secret"), options, 4).unwrap()
}

/// Starts a task by a connection of its own, or one that stands.
async fn start(client: &Client, attempt: u32) -> Answer {
    let id = "7".parse().unwrap();
    let task = Task { business: Business { scope: Scope::CmdbBiz, id }, id };
    let run = RunId::new("2026-12-01T22:00:00Z".parse().unwrap(), 1);
    let request = RequestId::new(&run, 1, 2, attempt);
    match client.connect().await {
        Ok(connection) => client.start(&client.caller(), &task, &request, connection).await,
        Err(answer) => answer,
    }
}

/// How far the request came, its class, whether it may have been taken, and the text.
fn judged(answer: &Answer) -> String {
    match &answer.verdict {
        Verdict::Accepted => "accepted".into(),
        Verdict::AlreadyStarted => "already started".into(),
        Verdict::Failed(failure) => {
            let (delivery, class, taken) = (failure.delivery, failure.class, failure.taken);
            format!("{delivery:?} {class} {taken:?}: {}", answer.reply.message)
        }
    }
}

fn patient() -> HttpOptions {
    HttpOptions {
        timeout: LONG,
        connect_timeout: LONG,
        cacert: None,
        // Nothing is read of the machine's roots.
        identity: Identity::AnyCertificate,
        transport: TransportKind::Direct,
    }
}

/// What a transport must say of this, each time the beginning of it, and what the server must see:
/// requests and connections.
type Line<'a> = (&'a str, Script, Asks, &'a [&'a str], (usize, usize));

#[track_caller]
fn check(line: Line<'_>, tls: Option<&dyn Fn() -> ServerConfig>, options: &HttpOptions) {
    let (name, script, asks, expected, seen) = line;
    for by in BOTH {
        let server = Scripted::start(tls.map(|make| make()), script);
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://localhost:{}", server.port);
        let found = ask(by, &url, options, asks, &server);
        let fits = found.len() == expected.len()
            && found.iter().zip(expected).all(|(found, expected)| found.starts_with(expected));
        assert!(fits, "{name}, {by:?}: {found:#?}, not {expected:#?}");
        assert_eq!((server.heard().len(), server.accepted().len()), seen, "{name}, {by:?}");
    }
}

fn hears(c: &mut Conversation) -> io::Result<()> {
    c.hear().map(drop)
}

fn answers(c: &mut Conversation, answer: impl AsRef<[u8]>) -> io::Result<()> {
    c.hear()?;
    c.say(answer)
}
