//! `bk-launch run --check`: prove URL, credentials and the right to view, by one
//! `get_task_status` of the first row. No start is sent.

use jiff::Timestamp;
use thiserror::Error;

use super::exit::Exit;
use super::files::Source;
use super::settings::{Input, Settings};
use super::terminal::harmless;
use super::{Failure, tell};
use crate::answer::{FailureClass, Verdict};
use crate::api::target::Target;
use crate::api::{Client, LegacyGet};
use crate::request_id::{RequestId, RunId};

/// Runs the check.
pub fn run(settings: Settings) -> Result<Exit, Failure> {
    if matches!(settings.input, Input::Stdin(_)) {
        return Err(CheckError::Stdin.into());
    }
    let from = Source::look_through(&settings.input, settings.on_invalid)?;
    let Source::File(checked) = from else { return Err(CheckError::Stdin.into()) };
    let Some(task) = checked.first else { return Err(CheckError::Empty.into()) };
    let is_esb = matches!(settings.target, Target::Esb(_));
    let target = settings.target.to_string();
    let credentials = settings.credentials.read()?;
    let client = Client::new(settings.target, credentials, &settings.reach, 1)?;
    let id = RequestId::new(&RunId::new(Timestamp::now(), fastrand::u32(..)), 1, 0, 1);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answer = runtime.block_on(client.status(&task, &id, settings.legacy_get));
    runtime.shutdown_background();
    let Verdict::Failed(failure) = &answer.verdict else {
        tell(&format_args!("{target} answers, and {task} may be seen; nothing was started"));
        return Ok(Exit::Good);
    };
    let said = harmless(&answer.reply.message);
    tell(&format_args!("the check of {task} at {target} failed ({}): {said}", failure.class));
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

#[derive(Debug, Error)]
enum CheckError {
    #[error(
        "--check needs a file: standard input or a pipe cannot be looked through and then launched"
    )]
    Stdin,
    #[error("--check needs a row that can be launched, and the input has none")]
    Empty,
}
