//! Whatever keeps a session from beginning, with the exit code that it means.
//!
//! Each error lies beside its act and implements [`Refusal`]; this file knows none of them.

use std::error::Error;
use std::{fmt, io};

use super::exit::Exit;
use crate::api::ClientError;
use crate::domain::format::FormatError;
use crate::input::InputError;
use crate::journal::JournalError;
use crate::report::ReportError;
use crate::store::StoreError;

/// An error that can keep a session from beginning; its text says the way out.
pub(crate) trait Refusal: Error + 'static {
    fn exit(&self) -> Exit {
        Exit::Usage
    }
}

/// Whatever keeps a session from beginning.
#[derive(Debug)]
pub(crate) struct SessionError {
    error: Box<dyn Error>,
    exit: Exit,
}

impl SessionError {
    /// Returns the exit code of a session that did not begin.
    pub(crate) const fn exit(&self) -> Exit {
        self.exit
    }
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl Error for SessionError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.source()
    }
}

impl<E: Refusal> From<E> for SessionError {
    fn from(error: E) -> Self {
        Self { exit: error.exit(), error: Box::new(error) }
    }
}

impl Refusal for io::Error {}
impl Refusal for InputError {}
impl Refusal for FormatError {}
impl Refusal for ClientError {}

impl Refusal for StoreError {
    fn exit(&self) -> Exit {
        if self.is_output() { Exit::Output } else { Exit::Usage }
    }
}

impl Refusal for JournalError {
    fn exit(&self) -> Exit {
        if self.is_output() { Exit::Output } else { Exit::Usage }
    }
}

impl Refusal for ReportError {
    fn exit(&self) -> Exit {
        if self.is_output() { Exit::Output } else { Exit::Usage }
    }
}
