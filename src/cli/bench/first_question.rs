//! The question before a load: a URL that leads nowhere gets neither the load nor the credentials
//! with each request.

use std::time::Instant;

use super::super::command_error::CommandError;
use super::super::notice::notice;
use super::setup::Setup;
use crate::api::Client;
use crate::domain::answer::Answer;
use crate::domain::request_id::{RequestId, RunId};
use crate::domain::task::Task;
use crate::rules::proof::stop_before_a_load;
use crate::session::exit::Exit;
use crate::session::state_question;
use crate::shutdown::{Shutdown, StopReason};
use crate::text::summary::why;

/// Asks for the state of the first task to start, which is not measured. Returns how the program
/// ends if nothing may be sent: the answer says so, or a signal came. The mock inside is not asked.
pub(crate) async fn ask(
    setup: &Setup,
    run: &RunId,
    shutdown: &Shutdown,
) -> Result<Option<Exit>, CommandError> {
    if setup.rows.is_none() {
        return Ok(None);
    }
    let Some((line, task)) = setup.tasks()?.next().transpose()? else { return Ok(None) };
    let client = setup.client(1)?;
    let id = RequestId::question(run, 1, line, 0);
    let cause = tokio::select! {
        biased;
        () = shutdown.draining() => shutdown.stop_reason(),
        answer = answer(&client, &task, &id, setup) => stop_before_a_load(&answer)
            .map(|stop| StopReason::Answer { stop, message: answer.reply.message }),
    };
    let Some(cause) = cause else { return Ok(None) };
    let why = why(&cause, &setup.target().to_string());
    let (stopped, exit) = match cause {
        StopReason::Signal(signal) => ("stopped ", Exit::Signal(signal)),
        _ => ("", Exit::Stopped),
    };
    notice(&format_args!("nothing was started: {stopped}{why}"));
    Ok(Some(exit))
}

/// Asks, and once more if no answer came soon: one lost connection is no reason not to measure.
async fn answer(client: &Client, task: &Task, id: &RequestId, setup: &Setup) -> Answer {
    let begun = Instant::now();
    let seen = state_question::ask(client, task, id).await.answer;
    if seen.reply.http_status.is_some() || begun.elapsed() > setup.timeout() / 2 {
        return seen;
    }
    state_question::ask(client, task, id).await.answer
}
