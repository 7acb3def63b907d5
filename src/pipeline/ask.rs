//! Questions about a task: its state, and its link.
//!
//! They pass the gates like every request, and whatever they are answered, they
//! never stop the run; but for the first question of a run that is to confirm.

use tracing::info;

use super::launch::{Launch, Parts};
use crate::answer::{Answer, FailureClass, Verdict};
use crate::api::Renewal;
use crate::confirm::{Judged, judge};
use crate::gates::{Closed, Errand, Known};
use crate::record::Record;
use crate::request_id::RequestId;
use crate::retry::{Next, Situation};
use crate::server_time::Departure;
use crate::shutdown::Cause;
use crate::task::Task;

/// Asks for the state of `task` on `line`, whose first attempt that may have arrived left at
/// `first`.
///
/// # Errors
///
/// When the run stops before there is an answer.
pub async fn state(
    launch: &Launch,
    line: u64,
    task: &Task,
    id: &RequestId,
    first: Option<&Departure>,
) -> Result<Judged, Closed> {
    let Parts { client, .. } = &launch.parts;
    let mut manner = client.manner();
    loop {
        let pass = launch.pass(Errand::Poll, line).await?;
        let caller = client.caller();
        let seen = Box::pin(client.status(&caller, task, id, manner)).await;
        let known = launch.parts.gates.heard(pass, &seen.answer);
        launch.asked(&seen.answer);
        log(id, &seen.answer, &format_args!("{:?}", seen.state));
        launch.stop_after_outage(known, &seen.answer.reply.message)?;
        match client.other_manner(manner, &seen.answer) {
            Some(other) => manner = other,
            None => return Ok(judge(&seen, first.and_then(Departure::earliest))),
        }
    }
}

/// Asks for the state of the first task, before anything is started: where the
/// user may not look, a run that is to confirm stops.
pub async fn first(launch: &Launch, line: u64, task: &Task) {
    let Parts { client, policy, run, session, shutdown, .. } = &launch.parts;
    let id = RequestId::question(run, *session, line, 0);
    let mut manner = client.manner();
    loop {
        let Ok(pass) = launch.pass(Errand::Poll, line).await else { return };
        let caller = client.caller();
        let answer = Box::pin(client.status(&caller, task, &id, manner)).await.answer;
        let known = launch.parts.gates.heard(pass, &answer);
        launch.asked(&answer);
        log(&id, &answer, &"first question");
        let Verdict::Failed(failure) = &answer.verdict else { return };
        if let Some(other) = client.other_manner(manner, &answer) {
            manner = other;
            continue;
        }
        let message = answer.reply.message.clone();
        match failure.class {
            FailureClass::Auth if client.renew(&caller) == Renewal::Newer => continue,
            class @ (FailureClass::Auth | FailureClass::Config | FailureClass::Permission) => {
                shutdown.drain(Cause::Question { class, message });
            }
            _ => {
                let Known { kind, server, starved, .. } = known;
                let now = Situation { counted: 1, kind, server, starved };
                if let Next::Stop(stop) = policy.next(failure, now) {
                    shutdown.drain(Cause::Answer { stop, message });
                }
            }
        }
        return;
    }
}

/// Asks for the link of a task that was found to be started; `None` where there is
/// none to be had.
pub async fn link(launch: &Launch, line: u64, task: &Task) -> Option<Box<str>> {
    let Parts { client, gates, run, session, .. } = &launch.parts;
    let id = RequestId::lookup(run, *session, line);
    let mut manner = client.manner();
    loop {
        let pass = launch.pass(Errand::Lookup, line).await.ok()?;
        let caller = client.caller();
        let (answer, found) = Box::pin(client.detail(&caller, task, &id, manner)).await;
        let known = gates.heard(pass, &answer);
        launch.asked(&answer);
        log(&id, &answer, &"lookup");
        launch.stop_after_outage(known, &answer.reply.message).ok()?;
        match client.other_manner(manner, &answer) {
            Some(other) => manner = other,
            None => return found,
        }
    }
}

/// Whether a row ended as started by words that have no link in them.
pub fn lacks_link(record: &Record) -> bool {
    use crate::record::{Ending, Outcome};
    record.ending == Ending::Settled
        && matches!(record.outcome, Outcome::Started(_) | Outcome::AlreadyStarted)
        && record.last.as_ref().is_some_and(|last| last.reply.task_url.is_empty())
}

fn log(id: &RequestId, answer: &Answer, found: &dyn std::fmt::Display) {
    info!(
        client_request_id = %id,
        verdict = answer.verdict.name(),
        http_status = answer.reply.http_status,
        said = ?answer.reply.message,
        %found,
        "question"
    );
}
