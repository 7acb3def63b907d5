//! `bk-launch run --check`: prove URL, credentials and the right to view, by one
//! `get_task_status` of the first row. No start is sent.

use jiff::Timestamp;
use thiserror::Error;

use super::exit::Exit;
use super::settings::Settings;
use super::terminal::harmless;
use super::{Failure, ending, session, tell};
use crate::answer::{self, Answer, Contact, FailureClass, NotSent, Verdict};
use crate::api::target::Target;
use crate::api::{Client, LegacyGet, Manner};
use crate::request_id::{RequestId, RunId};
use crate::retry::Stop;
use crate::shutdown::Cause;
use crate::task::Task;

/// Asks for the state of `task`.
pub fn run(settings: Settings, task: Task) -> Result<Exit, Failure> {
    session::warn(&settings);
    let is_esb = matches!(settings.target, Target::Esb(_));
    let target = settings.target.to_string();
    let credentials = settings.credentials.read()?;
    let client = Client::new(settings.target, credentials, &settings.reach, 1)?
        .with_legacy_get(settings.legacy_get);
    let id = RequestId::new(&RunId::new(Timestamp::now(), fastrand::u32(..)), 1, 0, 1);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answer = runtime.block_on(ask(&client, &task, &id));
    runtime.shutdown_background();
    let Verdict::Failed(failure) = &answer.verdict else {
        tell(&format_args!("{target} answers, and {task} may be seen; nothing was started"));
        return Ok(Exit::Good);
    };
    let message = answer.reply.message.clone();
    let why = match stop(failure) {
        Some(stop) => format!(": {}", ending::why(&Cause::Answer { stop, message }, &target)),
        None => format!(" ({}): {}", failure.class, harmless(&message)),
    };
    tell(&format_args!("the check of {task} at {target} failed{why}"));
    let hint = is_esb
        && failure.class == FailureClass::Auth
        && settings.legacy_get == LegacyGet::Forbidden;
    if hint {
        tell(
            &"  check the credentials; if this is the legacy ESB, which reads those of a GET from its \
              query alone, say --esb-legacy-get",
        );
    }
    Ok(Exit::Stopped)
}

/// What would stop a run alike, and is called the same there.
const fn stop(failure: &answer::Failure) -> Option<Stop> {
    match (failure.class, failure.contact) {
        (FailureClass::Config, _)
        | (_, Contact::NotSent(NotSent::HostName | NotSent::Certificate) | Contact::NotHttp) => {
            Some(Stop::Config)
        }
        (_, Contact::NotSent(NotSent::Unreachable)) => Some(Stop::NeverReached),
        _ => None,
    }
}

async fn ask(client: &Client, task: &Task, id: &RequestId) -> Answer {
    let caller = client.caller();
    let answer = client.status(&caller, task, id, Manner::Header).await.answer;
    match client.other_manner(Manner::Header, &answer) {
        Some(manner) => client.status(&caller, task, id, manner).await.answer,
        None => answer,
    }
}

/// There is no task to ask for.
#[derive(Debug, Error)]
pub enum CheckError {
    /// Standard input.
    #[error(
        "--check needs a file: standard input or a pipe cannot be looked through and then launched"
    )]
    Stdin,
    /// No row at all.
    #[error("--check needs a row that can be launched, and the input has none")]
    Empty,
}
