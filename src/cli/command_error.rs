//! Whatever keeps a command from beginning, and the exit code that it means.

use std::error::Error;
use std::io;

use super::stdout;
use crate::journal::JournalError;
use crate::report::ReportError;
use crate::session::SessionError;
use crate::session::exit::Exit;
use crate::store::StoreError;

/// Whatever keeps a command from beginning; its text says the way out.
pub(crate) type CommandError = Box<dyn Error>;

/// Returns the exit code of a command that did not begin.
pub(crate) fn exit_of(error: &CommandError) -> Exit {
    if let Some(error) = error.downcast_ref::<SessionError>() {
        return error.exit();
    }
    let is_output = error.downcast_ref::<io::Error>().is_some_and(stdout::is_of_stdout)
        || error.downcast_ref().is_some_and(ReportError::is_output)
        || error.downcast_ref().is_some_and(StoreError::is_output)
        || error.downcast_ref().is_some_and(JournalError::is_output);
    if is_output { Exit::Output } else { Exit::Usage }
}
