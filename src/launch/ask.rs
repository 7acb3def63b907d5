//! Questions about a task: its state, and its link.
//!
//! They pass the limiter like every request. No answer stops the run, except the one to the first
//! question of a run that confirms.

use tracing::warn;

use super::context::{AskResult, RunContext};
use super::row_log::row_log;
use crate::api::{AuthPlacement, Renewal, TaskQuestion};
use crate::domain::answer::{Answer, FailureClass, Verdict};
use crate::domain::record::{Reason, Record};
use crate::domain::request_id::RequestId;
use crate::domain::task::Task;
use crate::limiter::{Closed, NotAsked, Question};
use crate::rules::confirm::{Ownership, judge};
use crate::rules::server_time::Departure;
use crate::shutdown::StopReason;

pub(super) struct StateResult {
    pub ownership: Ownership,
    pub unanswered: Option<Reason>,
    pub refused: AuthRefusal,
}

impl StateResult {
    /// A question that was given up: bk-sops works but failed each time, the last time with
    /// `answer`.
    fn nothing(answer: Option<Answer>) -> Self {
        let unanswered = answer.and_then(|answer| unanswered(Ownership::Unseen, answer));
        Self { ownership: Ownership::Unseen, unanswered, refused: AuthRefusal::None }
    }
}

/// Whether a question was refused because of where its credentials stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AuthRefusal {
    /// The ESB read no credentials from the header, and the query is forbidden.
    ToHeader,
    None,
}

/// `first` is when the first attempt that may have arrived left.
pub(super) async fn state(
    context: &RunContext,
    line: u64,
    task: &Task,
    id: &RequestId,
    first: Option<&Departure>,
) -> Result<StateResult, Closed> {
    let RunContext { client, .. } = context;
    let (mut placement, mut in_vain) = (client.auth_placement(), None);
    loop {
        let mut permit = match context.acquire_question(Question::State, line).await {
            Ok(permit) => permit,
            Err(NotAsked::Closed) => return Err(Closed),
            Err(NotAsked::InVain) => return Ok(StateResult::nothing(in_vain)),
        };
        let caller = client.caller();
        let question = TaskQuestion { id, placement, connection: permit.connection() };
        let seen = Box::pin(client.status(&caller, task, question)).await;
        let known = context.limiter.heard(permit, &seen.answer);
        context.asked(&seen.answer);
        log((line, task), id, &seen.answer, &format_args!("{:?}", seen.state));
        if context.after_question(&seen.answer, &known)? == AskResult::InVain {
            in_vain = Some(seen.answer);
            continue;
        }
        let Some(other) = client.other_auth_placement(placement, &seen.answer) else {
            let ownership = judge(&seen, first.and_then(Departure::earliest));
            let refused = refusal(context, placement, &seen.answer);
            return Ok(StateResult {
                ownership,
                unanswered: unanswered(ownership, seen.answer),
                refused,
            });
        };
        placement = other;
    }
}

fn unanswered(ownership: Ownership, answer: Answer) -> Option<Reason> {
    match (ownership, answer.verdict) {
        (Ownership::Unseen, Verdict::Failed(failure)) => {
            Some(Reason { class: failure.class, message: answer.reply.message })
        }
        (Ownership::Unseen, Verdict::Accepted | Verdict::AlreadyStarted) => {
            let message = "get_task_status was answered without a state".into();
            Some(Reason { class: FailureClass::Ambiguous, message })
        }
        (Ownership::Ours | Ownership::SomebodyElses | Ownership::NotYet, _) => None,
    }
}

/// Counts a refusal because of where the credentials stand, and warns of the first.
fn refusal(context: &RunContext, placement: AuthPlacement, answer: &Answer) -> AuthRefusal {
    if !context.client.is_refused_to_header(placement, answer) {
        return AuthRefusal::None;
    }
    context.could_not_ask(|unasked| {
        unasked.to_header += 1;
        if unasked.to_header == 1 {
            warn!(
                "the ESB refuses questions: states and links cannot be asked for. If it is the \
                 legacy ESB, use --esb-legacy-get (it puts the credentials into the URL)"
            );
        }
    });
    AuthRefusal::ToHeader
}

/// Asks for the state of the first task before anything is started, and stops a run that confirms
/// if the user may not look.
pub(super) async fn first(context: &RunContext, line: u64, task: &Task) {
    let RunContext { client, run, session, shutdown, .. } = context;
    let id = RequestId::question(run, *session, line, 0);
    let mut placement = client.auth_placement();
    loop {
        let Ok(mut permit) = context.acquire_question(Question::State, line).await else { return };
        let caller = client.caller();
        let question = TaskQuestion { id: &id, placement, connection: permit.connection() };
        let answer = Box::pin(client.status(&caller, task, question)).await.answer;
        let known = context.limiter.heard(permit, &answer);
        context.asked(&answer);
        log((line, task), &id, &answer, &"first question");
        let Verdict::Failed(failure) = &answer.verdict else { return };
        if let Some(other) = client.other_auth_placement(placement, &answer) {
            placement = other;
            continue;
        }
        let message = answer.reply.message.clone();
        match failure.class {
            FailureClass::Auth if context.renew(&caller).await == Renewal::Newer => continue,
            class @ (FailureClass::Auth | FailureClass::Config | FailureClass::Permission) => {
                shutdown.drain(StopReason::Question { class, message });
            }
            _ => match context.after_question(&answer, &known) {
                Ok(AskResult::InVain) => continue,
                Ok(AskResult::Answered) | Err(Closed) => {}
            },
        }
        return;
    }
}

/// Asks for the link of a task that was found started; `None` if none is to be had.
pub(super) async fn link(context: &RunContext, line: u64, task: &Task) -> Option<Box<str>> {
    let RunContext { client, limiter, run, session, .. } = context;
    let id = RequestId::lookup(run, *session, line);
    let (mut placement, mut in_vain) = (client.auth_placement(), None::<Answer>);
    loop {
        let mut permit = match context.acquire_question(Question::Link, line).await {
            Ok(permit) => permit,
            Err(NotAsked::Closed) => return None,
            Err(NotAsked::InVain) => {
                count_lookup(context, &in_vain?.verdict);
                return None;
            }
        };
        let caller = client.caller();
        let question = TaskQuestion { id: &id, placement, connection: permit.connection() };
        let (answer, found) = Box::pin(client.detail(&caller, task, question)).await;
        let known = limiter.heard(permit, &answer);
        context.asked(&answer);
        log((line, task), &id, &answer, &"lookup");
        if context.after_question(&answer, &known).ok()? == AskResult::InVain {
            in_vain = Some(answer);
            continue;
        }
        let Some(other) = client.other_auth_placement(placement, &answer) else {
            refusal(context, placement, &answer);
            count_lookup(context, &answer.verdict);
            return found;
        };
        placement = other;
    }
}

fn count_lookup(context: &RunContext, verdict: &Verdict) {
    let is_refused = matches!(verdict, Verdict::Failed(failure) if matches!(
        failure.class,
        FailureClass::Auth
            | FailureClass::Config
            | FailureClass::Permission
            | FailureClass::Transient
    ));
    context.could_not_ask(|unasked| {
        unasked.lookups += 1;
        unasked.links += u64::from(is_refused);
    });
}

/// Whether the answer that settled a row as started holds no link.
pub(super) fn lacks_link(record: &Record) -> bool {
    use crate::domain::record::{Ending, Outcome};
    record.ending == Ending::Settled
        && matches!(record.outcome, Outcome::Started(_) | Outcome::AlreadyStarted)
        && record.last.as_ref().is_some_and(|last| last.reply.task_url.is_empty())
}

fn log((line, task): (u64, &Task), id: &RequestId, answer: &Answer, found: &dyn std::fmt::Display) {
    row_log!(
        info,
        line,
        task,
        client_request_id = %id,
        verdict = answer.verdict.class().as_str(),
        http_status = answer.reply.http_status,
        said = ?answer.reply.message,
        %found,
        "question"
    );
}
