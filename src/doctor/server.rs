//! The way to the server, step by step, and what it says when it is asked for a task.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::answer::{self, AskedFor, AskedTask, LegacyEsb};
use super::clock;
use super::finding::{Area, Finding};
use crate::api::credentials::Credentials;
use crate::api::target::Target;
use crate::api::way::{self, Way, WayStep};
use crate::api::{Client, HttpOptions, Identity, LegacyGet, Network, TransportError};
use crate::domain::answer::{FailureClass, Verdict};
use crate::domain::escape::escape_control;
use crate::domain::request_id::{RequestId, RunId};
use crate::domain::task::{Business, Id, Scope, Task};
use crate::rules::proof::Evidence;
use crate::rules::sample::SampledRow;
use crate::session::state_question;

/// A server that is looked at.
pub(crate) struct ServerLook<'a> {
    pub target: &'a Target,
    pub http_options: &'a HttpOptions,
    /// Whether a question may have the credentials in its query.
    pub legacy_get: LegacyGet,
    pub credentials: Option<Credentials>,
    /// Rows to ask for; none if there is no input.
    pub rows: Option<Vec<SampledRow>>,
    /// Names the questions.
    pub run: RunId,
    pub now: &'a dyn Fn() -> Timestamp,
}

impl ServerLook<'_> {
    /// Goes to the server and asks it. Sends nothing but questions.
    pub(crate) async fn look(self) -> Vec<Finding> {
        let way = match way::go(self.target, self.http_options).await {
            Ok(way) => way,
            Err(error) => return vec![Finding::error(Area::Settings, "TLS", error.to_string())],
        };
        let mut findings = self.steps(&way);
        let Some(credentials) = self.credentials.clone() else {
            findings.extend(answer::nothing_asked("the credentials are not complete"));
            return findings;
        };
        if findings.iter().any(Finding::is_error) {
            findings.extend(answer::nothing_asked("there is no connection"));
            return findings;
        }
        match Network::System.client(self.target, credentials, self.http_options, 1) {
            Ok(client) => {
                let client = client.with_legacy_get(self.legacy_get);
                findings.extend(self.ask_all(&client).await);
            }
            Err(error) => {
                findings.push(Finding::error(Area::Credentials, "header", error.to_string()));
            }
        }
        findings
    }

    fn steps(&self, way: &Way) -> Vec<Finding> {
        let whose = way.proxy.as_ref().map(|proxy| format!(" (of the proxy {proxy})"));
        let whose = whose.unwrap_or_default();
        let mut findings = vec![step("host name", &way.addresses, |addresses| {
            let shown: Vec<_> = addresses.iter().map(|address| address.ip().to_string()).collect();
            format!("{}{whose}", shown.join(", "))
        })];
        findings.extend(
            way.connection
                .as_ref()
                .map(|made| step("TCP", made, |address| format!("{address}{whose}"))),
        );
        findings.extend(way.tls.as_ref().map(|tls| self.tls(tls)));
        if self.target.is_in_clear() {
            let says = "none: http:// sends the credentials in clear";
            let found = Finding::warning(Area::Server, "TLS", says);
            findings.push(found.with_advice("use https:// if the server has it"));
        }
        findings
    }

    fn tls(&self, tls: &WayStep<String>) -> Finding {
        if self.http_options.identity == Identity::Proven {
            return step("TLS", tls, |version| {
                format!("{version}, and the certificate is trusted")
            });
        }
        let found = step("TLS", tls, Clone::clone);
        if found.is_error() {
            return found;
        }
        let says = "the certificate is not looked at (--insecure)";
        Finding::warning(Area::Server, "TLS", says)
            .with_advice("leave --insecure out, and trust the certificate by --cacert")
            .within(tls.took)
    }

    async fn ask_all(&self, client: &Client) -> Vec<Finding> {
        let (rows, asked) = match &self.rows {
            Some(rows) => (rows.clone(), AskedFor::Rows),
            None => (no_task().into_iter().collect(), AskedFor::NoTask),
        };
        let (mut answers, mut clock) = (Vec::new(), None);
        for row in rows {
            let id = RequestId::question(&self.run, 1, row.line, 0);
            let (began, before) = (Instant::now(), (self.now)());
            let seen = state_question::ask(client, &row.task, &id).await;
            let (took, after) = (began.elapsed(), (self.now)());
            clock.get_or_insert_with(|| clock::judge(seen.answer.date, before, after));
            let evidence = Evidence::of(&seen);
            let row = format!("line {}: {}", row.line, row.task);
            answers.push(told(row, evidence, &seen.answer, took));
            if evidence.holds_for_all() {
                break;
            }
        }
        let is_esb = matches!(self.target, Target::Esb(_));
        let is_possible = is_esb && self.legacy_get == LegacyGet::Forbidden;
        let esb = if is_possible { LegacyEsb::Possible } else { LegacyEsb::No };
        let mut findings = answer::judge(&answers, asked, esb);
        findings.extend(clock);
        findings
    }
}

fn told(
    row: String,
    evidence: Evidence,
    answer: &crate::domain::answer::Answer,
    took: Duration,
) -> AskedTask {
    let (class, said): (Option<FailureClass>, _) = match &answer.verdict {
        Verdict::Failed(failure) => (Some(failure.class), escape_control(&answer.reply.message)),
        Verdict::Accepted | Verdict::AlreadyStarted => (None, "an answer without a state".into()),
    };
    AskedTask { row, evidence, class, said, took }
}

/// Returns a step of the way as what was found.
fn step<T>(name: &'static str, step: &WayStep<T>, says: impl Fn(&T) -> String) -> Finding {
    let found = match &step.came {
        Ok(came) => Finding::ok(Area::Server, name, says(came)),
        Err(error) => {
            let found = Finding::error(Area::Server, name, error.to_string());
            match error {
                TransportError::HostName(_) => {
                    found.with_advice("check the name in the URL, and the DNS of this machine")
                }
                // Its text says what to do.
                TransportError::Handshake(_) => found,
                _ => found.with_advice(
                    "check host and port, that the server is up, and firewalls between",
                ),
            }
        }
    };
    found.within(step.took)
}

/// Returns a task that cannot exist: its number is the last one that there is.
fn no_task() -> Option<SampledRow> {
    let last: Id = i64::MAX.to_string().parse().ok()?;
    let business = Business { scope: Scope::CmdbBiz, id: last };
    Some(SampledRow { line: 0, task: Task { business, id: last } })
}
