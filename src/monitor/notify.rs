//! Tells monitoring that a session starts and ends: pings in the convention of healthchecks.io,
//! and a summary to another URL.
//!
//! Works on its own thread. A failure is only a warning: the outcome of a session never depends
//! on it, and its end waits no longer than [`MAX_WAIT`]. The addresses are secrets, so no error
//! names one.

use std::error::Error;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Request, StatusCode, Url};
use thiserror::Error;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout_at};

use crate::domain::host::is_loopback;
use crate::domain::secret::Secret;

/// Maximum time that the end of a session waits for deliveries.
pub(crate) const MAX_WAIT: Duration = Duration::from_secs(10);

/// Maximum time for one delivery: the one at the start and the one at the end together take less
/// than [`MAX_WAIT`].
const DELIVERY_TIMEOUT: Duration = Duration::from_millis(4500);

/// Maximum number of tries of one request, if its failure may be temporary.
const MAX_TRIES: u32 = 3;

/// Pause between two tries.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

#[derive(Clone, Default)]
pub(crate) struct Addresses {
    /// A check in the convention of healthchecks.io.
    pub ping: Option<Address>,
    /// Receiver of the summary as JSON.
    pub notify: Option<Address>,
}

/// Held as a secret, so that no log or error names it.
#[derive(Clone)]
pub(crate) struct Address(Secret);

impl Address {
    pub(crate) fn new(text: &str) -> Result<Self, NoAddress> {
        let url = Url::parse(text.trim()).map_err(|_| NoAddress)?;
        let is_web = matches!(url.scheme(), "http" | "https") && url.has_host();
        if is_web { Ok(Self(Secret::new(url.as_str()))) } else { Err(NoAddress) }
    }

    fn url(&self) -> Url {
        Url::parse(self.0.expose()).expect("it was a URL before")
    }

    /// Returns the URL of one ping: `event` is appended to the path, and `rid` to the query.
    fn ping(&self, event: Option<&str>, rid: &str) -> Url {
        let mut url = self.url();
        if let (Some(event), Ok(mut path)) = (event, url.path_segments_mut()) {
            path.pop_if_empty().push(event);
        }
        url.query_pairs_mut().append_pair("rid", rid);
        url
    }
}

#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("no URL that begins with http:// or https://")]
pub(crate) struct NoAddress;

pub(crate) struct SessionEnd {
    pub success: Success,
    /// Summary for people.
    pub text: String,
    /// Summary for programs, a JSON object.
    pub json: String,
    pub urgency: Urgency,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// After the ping at the start.
    InOrder,
    /// At once: the program ends in a moment.
    Now,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Success {
    Yes,
    No,
}

/// A failed delivery, in words that name no address.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("{what} was not delivered: {why}")]
pub(crate) struct DeliveryError {
    what: &'static str,
    why: String,
}

pub(crate) struct Notices {
    news: Mutex<Option<oneshot::Sender<SessionEnd>>>,
    outcome: Arc<DeliveryState>,
}

#[derive(Default)]
struct DeliveryState {
    undelivered: Mutex<Option<Vec<DeliveryError>>>,
    known: Condvar,
}

impl Notices {
    /// Tells that a session starts; `random` distinguishes it from others of the same check.
    /// Returns `None` if nobody is to be told, and an error if there is no thread.
    pub(crate) fn begin(addresses: Addresses, random: u128) -> std::io::Result<Option<Self>> {
        if addresses.ping.is_none() && addresses.notify.is_none() {
            return Ok(None);
        }
        let (news, ends) = oneshot::channel();
        let outcome = Arc::new(DeliveryState::default());
        let delivery = Arc::clone(&outcome);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        thread::Builder::new().name("notify".into()).spawn(move || {
            let undelivered = runtime.block_on(session(&addresses, &rid(random), ends));
            let mut slot = delivery.undelivered.lock().unwrap_or_else(PoisonError::into_inner);
            *slot = Some(undelivered);
            drop(slot);
            delivery.known.notify_all();
            // A DNS lookup may hang for longer than anybody waits.
            runtime.shutdown_background();
        })?;
        Ok(Some(Self { news: Mutex::new(Some(news)), outcome }))
    }

    /// Tells that the session ended; only the first call is delivered.
    pub(crate) fn tell(&self, news: SessionEnd) {
        let teller = self.news.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(teller) = teller {
            // Without a thread that takes it, it counts as undelivered.
            drop(teller.send(news));
        }
    }

    /// Waits for the deliveries, up to `patience`, and returns those that failed.
    #[must_use]
    pub(crate) fn undelivered(&self, patience: Duration) -> Vec<DeliveryError> {
        let DeliveryState { undelivered, known } = &*self.outcome;
        let slot = undelivered.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = known.wait_timeout_while(slot, patience, |slot| slot.is_none());
        let (mut slot, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if let Some(undelivered) = slot.as_mut() {
            return std::mem::take(undelivered);
        }
        let why = format!("gave up after {:.1} s", patience.as_secs_f64());
        vec![DeliveryError { what: "a ping or notification", why }]
    }
}

async fn session(
    addresses: &Addresses,
    rid: &str,
    mut ends: oneshot::Receiver<SessionEnd>,
) -> Vec<DeliveryError> {
    let Addresses { ping, notify } = addresses;
    let post = |client: &Client, url: Url, kind: &'static str, body: String| {
        client.post(url).header(CONTENT_TYPE, kind).body(body).build()
    };
    let mut undelivered = Vec::new();
    let mut news = None;
    if let Some(ping) = ping {
        let url = ping.ping(Some("start"), rid);
        let started = deliver(url, |client, url| post(client, url, "text/plain", String::new()));
        tokio::pin!(started);
        loop {
            tokio::select! {
                biased;
                sent = &mut started => {
                    let what = "the ping at the start";
                    undelivered.extend(sent.err().map(|why| DeliveryError { what, why }));
                    break;
                }
                heard = &mut ends, if news.is_none() => {
                    let Ok(heard) = heard else { return undelivered };
                    let urgency = heard.urgency;
                    news = Some(heard);
                    if urgency == Urgency::Now {
                        break;
                    }
                }
            }
        }
    }
    let news = match news {
        Some(news) => Ok(news),
        None => ends.await,
    };
    let Ok(SessionEnd { success, text, json, .. }) = news else { return undelivered };
    let event = match success {
        Success::Yes => None,
        Success::No => Some("fail"),
    };
    let pinged = async {
        let url = ping.as_ref()?.ping(event, rid);
        let send =
            |client: &Client, url| post(client, url, "text/plain; charset=utf-8", text.clone());
        let why = deliver(url, send).await.err()?;
        Some(DeliveryError { what: "the ping at the end", why })
    };
    let notified = async {
        let url = notify.as_ref()?.url();
        let send = |client: &Client, url| post(client, url, "application/json", json.clone());
        let why = deliver(url, send).await.err()?;
        Some(DeliveryError { what: "the notification", why })
    };
    let (pinged, notified) = tokio::join!(pinged, notified);
    undelivered.extend(pinged.into_iter().chain(notified));
    undelivered
}

/// Repeats a request until it succeeds, for as long as [`DELIVERY_TIMEOUT`] allows.
async fn deliver(
    url: Url,
    request: impl Fn(&Client, Url) -> reqwest::Result<Request>,
) -> Result<(), String> {
    let client = client(&url).map_err(|error| root(&error))?;
    let end = Instant::now() + DELIVERY_TIMEOUT;
    let mut last = String::new();
    let tries = async {
        for again in 0..MAX_TRIES {
            if again > 0 {
                sleep(RETRY_INTERVAL).await;
            }
            let request = request(&client, url.clone()).map_err(|error| root(&error))?;
            last = match client.execute(request).await {
                Ok(answer) if answer.status().is_success() => return Ok(()),
                Ok(answer) if !may_pass(answer.status()) => return Err(answered(answer.status())),
                Ok(answer) => answered(answer.status()),
                Err(error) => root(&error),
            };
        }
        Err(last.clone())
    };
    timeout_at(end, tries)
        .await
        .unwrap_or_else(|_| Err(format!("no answer within {DELIVERY_TIMEOUT:?}")))
}

fn client(url: &Url) -> reqwest::Result<Client> {
    let builder = Client::builder()
        .user_agent(concat!("bk-launch/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .http1_only();
    if is_loopback(url) { builder.no_proxy() } else { builder }.build()
}

/// Whether the same request may succeed a little later.
fn may_pass(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
}

fn answered(status: StatusCode) -> String {
    format!("answered {status}")
}

/// Returns the innermost cause, which names no URL.
fn root(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    if std::ptr::eq(cause, std::ptr::from_ref::<dyn Error>(error)) {
        return "the request could not be sent".into();
    }
    cause.to_string()
}

/// Formats a random number as a UUID of version 4, as healthchecks.io requires.
fn rid(random: u128) -> String {
    let bits = random & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ping_is_an_event_below_the_address_of_its_check() {
        for (address, event, expected) in [
            ("https://hc.example.com/u-1", Some("start"), "https://hc.example.com/u-1/start?rid=r"),
            ("https://hc.example.com/u-1/", Some("fail"), "https://hc.example.com/u-1/fail?rid=r"),
            ("https://hc.example.com/u-1", None, "https://hc.example.com/u-1?rid=r"),
            ("http://h/ping/k/s?create=1", Some("fail"), "http://h/ping/k/s/fail?create=1&rid=r"),
        ] {
            let address = Address::new(&format!(" {address}\n")).unwrap();
            assert_eq!(address.ping(event, "r").as_str(), expected);
        }
    }

    #[test]
    fn what_is_no_address_is_not_repeated() {
        for text in ["", "s3cret", "ftp://h/s3cret", "http://", "file:///s3cret"] {
            let Err(error) = Address::new(text) else { panic!("{text} is no address") };
            assert!(!error.to_string().contains("s3cret"));
        }
    }

    #[test]
    fn a_random_number_becomes_a_uuid() {
        assert_eq!(rid(0), "00000000-0000-4000-8000-000000000000");
        assert_eq!(rid(u128::MAX), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }

    #[test]
    fn where_nobody_is_to_be_told_nothing_is_begun() {
        assert!(Notices::begin(Addresses::default(), 1).unwrap().is_none());
    }
}
