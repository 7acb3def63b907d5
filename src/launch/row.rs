//! The whole life of a row: [`settle`] sends it as often as it takes, asks for its state if that
//! tells more, and returns what became of it.
//!
//! Facts come from `api`, limits from `limiter`, decisions from `retry` and `confirm`. This
//! module only follows them; its memory is `row_state`.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::ask::{self, AuthRefusal, StateResult};
use super::context::RunContext;
use super::row_log::row_log;
use super::row_state::RowState;
use crate::api::{Caller, Renewal};
use crate::domain::answer::{Answer, Delivery, Failure, FailureClass, Taken, Verdict};
use crate::domain::record::{Attempted, Doubt, Ending, KnownBy, Outcome, Prior, Reason, Record};
use crate::domain::request_id::RequestId;
use crate::domain::row::Row;
use crate::domain::task::Task;
use crate::limiter::{Admitted, Closed, Feedback, GivenUp, Risk, Try};
use crate::rules::confirm::{self, Ownership};
use crate::rules::retry::{Next, Stop};
use crate::shutdown::StopReason;

/// Settles a row that was opened at `opened`; `prior` is what earlier sessions left behind.
pub(super) async fn settle(
    context: &RunContext,
    row: Row,
    task: Task,
    prior: Prior,
    opened: Instant,
) -> Record {
    let state = RowState::new(prior, &context.state.server_clock);
    let mut settling = Settling { context, line: row.line, task, state, risk: None };
    let (outcome, ending) = match settling.until_settled().await {
        Ok(outcome) => {
            settling.account(outcome);
            (outcome, Ending::Settled)
        }
        Err(Closed) => settling.state.cut_off(context.resumable),
    };
    let reason = settling.state.reason(outcome);
    let first_sent = settling.state.first_sent().filter(|_| stays_in_doubt(outcome, ending));
    let RowState { attempts, last, .. } = settling.state;
    let elapsed = Some(opened.elapsed());
    Record { row, outcome, ending, attempts, first_sent, last, reason, elapsed }
}

/// An open row. [`Closed`] means that a stop cut it off.
///
/// Futures that few rows need are boxed: thousands of rows wait in memory, and each would hold the
/// space for them.
struct Settling<'a> {
    context: &'a RunContext,
    line: u64,
    task: Task,
    state: RowState,
    /// Held while the row may fail: a request of it is out, or it is being confirmed.
    risk: Option<Risk>,
}

enum TryResult {
    Answered(RowAnswer),
    GiveUp(GivenUp),
}

struct RowAnswer {
    caller: Arc<Caller>,
    verdict: Verdict,
    /// The server's words, or what happened instead of an answer; empty unless it failed.
    message: Box<str>,
    known: Feedback,
}

enum SendResult {
    /// The server took the row, as far as sending can tell.
    Taken(KnownBy),
    Settled(Outcome),
}

impl Settling<'_> {
    async fn until_settled(&mut self) -> Result<Outcome, Closed> {
        // A row that an earlier session knew accepted is not sent again without a look at its
        // state.
        if self.state.doubt() == Doubt::Accepted
            && let Some(outcome) = begun(Doubt::Accepted, Box::pin(self.ask()).await?)
        {
            return Ok(outcome);
        }
        let mut turn = Try::First;
        loop {
            let known_by = match self.send(turn).await? {
                SendResult::Settled(outcome) => return Ok(outcome),
                SendResult::Taken(known_by) => known_by,
            };
            let Some(timeout) = self.context.options.certainty.confirm else {
                return Ok(Outcome::Started(known_by));
            };
            self.state.accepted();
            self.context.note_accepted(self.line, self.state.prior());
            if let Some(outcome) = Box::pin(self.confirm(known_by, timeout)).await? {
                return Ok(outcome);
            }
            // The row waits for its turn again, and cannot fail meanwhile.
            self.risk = None;
            turn = Try::Retry;
        }
    }

    /// Tells the budget how the row came out.
    fn account(&mut self, outcome: Outcome) {
        let Some(risk) = self.risk.take() else { return };
        if !outcome.kind().is_failure(self.context.options.already_started) {
            risk.good();
        } else if let Some(used_up) = risk.failed() {
            self.context.shutdown.drain(StopReason::Budget(used_up));
        }
    }

    async fn send(&mut self, mut turn: Try) -> Result<SendResult, Closed> {
        let RunContext { options, shutdown, .. } = self.context;
        loop {
            let RowAnswer { caller, verdict, message, known } = match self.send_once(turn).await? {
                TryResult::Answered(came) => came,
                TryResult::GiveUp(why) => {
                    let outcome = Box::pin(self.give_up_unsent(&why)).await;
                    return outcome.map(SendResult::Settled);
                }
            };
            turn = Try::Retry;
            let failure = match verdict {
                Verdict::Accepted => return Ok(SendResult::Taken(KnownBy::Reply)),
                Verdict::AlreadyStarted => return Box::pin(self.already_started()).await,
                Verdict::Failed(failure) => failure,
            };
            self.context.stop_after_outage(&known)?;
            let retry_context = self.state.retry_context(&failure, &known);
            let next = options.policy.next(&failure, retry_context);
            let (line, task, attempt) = (self.line, &self.task, self.state.attempts);
            row_log!(
                debug, line, task, attempt, class = %failure.class, ?next, ?retry_context, "decided"
            );
            match next {
                Next::Stop(Stop::Auth)
                    if Box::pin(self.context.renew(&caller)).await == Renewal::Newer =>
                {
                    let why = "sent again, with credentials that were not refused yet";
                    row_log!(debug, line, task, "{why}");
                }
                Next::GiveUp => {
                    let outcome = Box::pin(self.give_up(failure.class)).await;
                    return outcome.map(SendResult::Settled);
                }
                Next::Stop(stop) => {
                    shutdown.drain(StopReason::Answer { stop, message });
                    return Err(Closed);
                }
                Next::AfterPause => {}
                Next::After { step } => {
                    self.risk = None;
                    Box::pin(self.context.wait(self.context.backoff(step))).await?;
                }
            }
            self.risk = None;
        }
    }

    async fn send_once(&mut self, turn: Try) -> Result<TryResult, Closed> {
        let Self { context, line, task, state, risk } = self;
        let RunContext { client, limiter, run, session, clock, clocks, .. } = &**context;
        let mut permit = match context.acquire_start(task, turn, *line, state.attempts).await? {
            Admitted::Go(permit) => permit,
            Admitted::GiveUp(why, at_risk) => {
                *risk = Some(at_risk);
                return Ok(TryResult::GiveUp(why));
            }
        };
        *risk = permit.risk();
        let sent = permit.sent();
        let departure = context.state.server_clock.departure(clocks.read());
        let id = state.next_id(run, *session, *line);
        let caller = client.caller();
        // The request's future is large, so it exists only while the request is out.
        let answer = Box::pin(client.start(&caller, task, &id, permit.connection())).await;
        let sent = sent + answer.waited;
        let latency = sent.elapsed();
        context.count(turn, &answer.verdict, latency);
        let known = limiter.heard(permit, &answer);
        context.saw(&answer);
        log_attempt((*line, task), state.attempts, &id, latency, &answer);
        let Answer { verdict, reply, .. } = answer;
        let (class, message) = match &verdict {
            Verdict::Failed(failure) => (Some(failure.class), reply.message.clone()),
            Verdict::Accepted | Verdict::AlreadyStarted => (None, Box::default()),
        };
        if is_sent(&verdict) {
            let attempted = Attempted { id, sent: clock.read(sent), latency, reply, class };
            state.sent(attempted, left_in_doubt(&verdict), departure);
        } else {
            state.not_sent();
        }
        Ok(TryResult::Answered(RowAnswer { caller, verdict, message, known }))
    }

    async fn give_up_unsent(&mut self, why: &GivenUp) -> Result<Outcome, Closed> {
        row_log!(debug, self.line, self.task, ?why, "given up");
        let class = match why {
            GivenUp::Throttled(said) => {
                let class = FailureClass::ThrottledBiz;
                self.state.give_up_for(Reason { class, message: (&**said).into() });
                class
            }
            GivenUp::BadRow => {
                let last = self.state.last.as_ref().and_then(|last| last.class);
                last.unwrap_or(FailureClass::Transient)
            }
        };
        self.give_up(class).await
    }

    /// Decides what "already started" means: a start of somebody else, unless an attempt of ours
    /// may have arrived; then the state of the task tells more.
    async fn already_started(&mut self) -> Result<SendResult, Closed> {
        let Some(known_by) = self.state.ours() else {
            return Ok(SendResult::Settled(Outcome::AlreadyStarted));
        };
        Ok(match (self.ask().await?, self.context.options.certainty.confirm) {
            (Ownership::SomebodyElses, _) if self.state.doubt() != Doubt::Accepted => {
                SendResult::Settled(Outcome::AlreadyStarted)
            }
            (Ownership::Ours | Ownership::SomebodyElses, Some(_)) => {
                SendResult::Settled(Outcome::Started(KnownBy::Status))
            }
            (Ownership::Ours | Ownership::SomebodyElses, None)
            | (Ownership::NotYet | Ownership::Unseen, _) => SendResult::Taken(known_by),
        })
    }

    /// Ends a row that is not sent again. A row in doubt is called unknown only after one look at
    /// its task.
    async fn give_up(&mut self, class: FailureClass) -> Result<Outcome, Closed> {
        let seen = match self.state.doubt() {
            Doubt::None => None,
            doubt @ (Doubt::MayHaveStarted | Doubt::Accepted) => begun(doubt, self.ask().await?),
        };
        Ok(seen.unwrap_or_else(|| self.state.given_up(class)))
    }

    /// Asks about an accepted row until it runs or `timeout` is over. Returns `None` if it is to
    /// be sent again, since the server may have failed silently to start it.
    async fn confirm(
        &mut self,
        known_by: KnownBy,
        timeout: Duration,
    ) -> Result<Option<Outcome>, Closed> {
        let limiter = &self.context.limiter;
        let (accepted, outages) = (Instant::now(), limiter.time_in_outages());
        let (mut asked, mut was_created) = (0, false);
        // While the server is gone, nobody can be asked.
        let since =
            || accepted.elapsed().saturating_sub(limiter.time_in_outages().saturating_sub(outages));
        while let Some(wait) = confirm::wait(asked, since(), timeout) {
            self.context.wait(wait).await?;
            asked += 1;
            match self.ask().await? {
                // A start that was accepted just now cannot be older than that.
                Ownership::SomebodyElses if known_by != KnownBy::Reply => {
                    return Ok(Some(Outcome::AlreadyStarted));
                }
                Ownership::Ours | Ownership::SomebodyElses => {
                    return Ok(Some(Outcome::Started(KnownBy::Status)));
                }
                Ownership::NotYet => was_created = true,
                Ownership::Unseen => {}
            }
        }
        let again = was_created && self.state.may_go_again(self.context.options.policy.retries);
        let (line, task) = (self.line, &self.task);
        row_log!(debug, line, task, asked, was_created, again, "not confirmed in time");
        Ok((!again).then_some(Outcome::Unconfirmed))
    }

    async fn ask(&mut self) -> Result<Ownership, Closed> {
        let RunContext { run, session, .. } = self.context;
        let id = self.state.next_question(run, *session, self.line);
        let first = self.state.first.as_ref();
        let found = ask::state(self.context, self.line, &self.task, &id, first).await?;
        let StateResult { ownership, unanswered, refused } = found;
        self.state.asked(unanswered);
        if refused == AuthRefusal::ToHeader && self.state.is_first_refusal() {
            self.context.could_not_ask(|unasked| unasked.states += 1);
        }
        Ok(ownership)
    }
}

/// Returns the doubt that an answered attempt leaves. "Already started" leaves none: what was in
/// doubt before decides whose start it was.
const fn left_in_doubt(verdict: &Verdict) -> Doubt {
    match verdict {
        Verdict::Accepted => Doubt::Accepted,
        Verdict::Failed(failure) if matches!(failure.taken, Taken::Maybe) => Doubt::MayHaveStarted,
        Verdict::AlreadyStarted | Verdict::Failed(_) => Doubt::None,
    }
}

/// Whether a byte of the request may have left this machine.
const fn is_sent(verdict: &Verdict) -> bool {
    !matches!(verdict, Verdict::Failed(Failure { delivery: Delivery::NotSent(_), .. }))
}

/// Whether a later session may have to ask whose start it was.
const fn stays_in_doubt(outcome: Outcome, ending: Ending) -> bool {
    match ending {
        Ending::CutOff(doubt) => !matches!(doubt, Doubt::None),
        Ending::Settled => matches!(outcome, Outcome::Unknown | Outcome::Unconfirmed),
    }
}

/// Returns how a row in doubt ends if its task has begun. What the server accepted from this run
/// is never somebody else's, whatever the clocks say.
const fn begun(doubt: Doubt, ownership: Ownership) -> Option<Outcome> {
    match (ownership, doubt) {
        (Ownership::SomebodyElses, Doubt::None | Doubt::MayHaveStarted) => {
            Some(Outcome::AlreadyStarted)
        }
        (Ownership::Ours | Ownership::SomebodyElses, _) => Some(Outcome::Started(KnownBy::Status)),
        (Ownership::NotYet | Ownership::Unseen, _) => None,
    }
}

/// Logs one line per attempt. Texts of the server are written as literals, so that a terminal
/// finds nothing to obey.
fn log_attempt(
    (line, task): (u64, &Task),
    attempt: u32,
    id: &RequestId,
    latency: Duration,
    answer: &Answer,
) {
    let reply = &answer.reply;
    row_log!(
        info,
        line,
        task,
        attempt,
        client_request_id = %id,
        verdict = answer.verdict.class().as_str(),
        http_status = reply.http_status,
        latency_ms = latency.as_millis(),
        code = ?reply.code,
        said = ?reply.message,
        request_id = ?reply.request_id,
        "attempt"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_accepted_is_never_somebody_elses() {
        let started = Some(Outcome::Started(KnownBy::Status));
        for (doubt, ownership, outcome) in [
            (Doubt::MayHaveStarted, Ownership::Ours, started),
            (Doubt::MayHaveStarted, Ownership::SomebodyElses, Some(Outcome::AlreadyStarted)),
            (Doubt::Accepted, Ownership::Ours, started),
            (Doubt::Accepted, Ownership::SomebodyElses, started),
            (Doubt::Accepted, Ownership::NotYet, None),
            (Doubt::MayHaveStarted, Ownership::Unseen, None),
        ] {
            assert_eq!(begun(doubt, ownership), outcome, "{doubt:?} {ownership:?}");
        }
    }
}
