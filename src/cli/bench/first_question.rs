//! The question before a load: a URL that leads nowhere gets neither the load nor the credentials
//! with each request.

use jiff::Timestamp;

use super::super::command_error::CommandError;
use super::setup::Setup;
use crate::domain::request_id::{RequestId, RunId};
use crate::rules::proof::stop_before_a_load;
use crate::session::state_question;
use crate::shutdown::StopReason;

/// Asks for the state of the first task to start, which is not measured. Returns why nothing may be
/// sent, if the answer says so. The mock inside is not asked.
pub(crate) fn ask(setup: &Setup) -> Result<Option<StopReason>, CommandError> {
    if setup.rows.is_none() {
        return Ok(None);
    }
    let Some((line, task)) = setup.tasks()?.next().transpose()? else { return Ok(None) };
    let client = setup.client(1)?;
    let id = RequestId::question(&RunId::new(Timestamp::now(), fastrand::u32(..)), 1, line, 0);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answer = runtime.block_on(state_question::ask(&client, &task, &id)).answer;
    runtime.shutdown_background();
    let stop = stop_before_a_load(&answer);
    Ok(stop.map(|stop| StopReason::Answer { stop, message: answer.reply.message }))
}
