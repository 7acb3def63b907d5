//! The input of a run: looked through before anything is started, and read by way of a copy.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

use super::error::{Refusal, SessionError};
use super::machine::OpenStdin;
use crate::domain::count::Digits;
use crate::domain::escape::escape_control;
use crate::input::{self, Checked, Format, InputError, OpenedInput};
use crate::journal::{About, InputSource};
use crate::launch;
use crate::rules::selection::{Selection, SelectionError};
use crate::store::{self, Contents, PendingRun, RunDir, SavedFlags, Tee, TeeState, Unnamed};

/// The rows of a run: where they come from, and which of them are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Input {
    pub origin: InputOrigin,
    pub format: Format,
    pub selection: Arc<Selection>,
}

/// Source of the rows, as it was named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum InputOrigin {
    File(PathBuf),
    Stdin,
}

impl Input {
    /// Returns what it is called in messages.
    pub(crate) fn name(&self) -> String {
        match &self.origin {
            InputOrigin::File(path) => path.display().to_string(),
            InputOrigin::Stdin => input::STDIN.into(),
        }
    }

    /// Returns the path of a file or a named pipe.
    pub(crate) fn path(&self) -> Option<&Path> {
        match &self.origin {
            InputOrigin::File(path) => Some(path),
            InputOrigin::Stdin => None,
        }
    }

    /// Whether it is a named pipe, which opens only once somebody writes to it.
    pub(crate) fn is_named_pipe(&self) -> bool {
        // A pipe of the shell, such as /dev/fd/63, has no place of its own, and is open already.
        let path = self.path().and_then(|path| path.canonicalize().ok());
        let meta = path.and_then(|path| path.metadata().ok());
        meta.is_some_and(|meta| meta.file_type().is_fifo())
    }
}

/// What to do with a file that holds rows that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnInvalid {
    Stop,
    /// Start the other rows.
    Skip,
}

/// An input after a look at it.
pub(crate) enum Source {
    /// A file, looked through as a whole.
    File(Box<Checked>),
    /// A pipe or a terminal: it can be read only once.
    Stream,
}

impl Source {
    /// Looks through a file. A stream is left alone; a pipe that is named like a
    /// file is one too.
    pub(crate) fn look_through(input: &Input, on_invalid: OnInvalid) -> Result<Self, SessionError> {
        let Some(path) = input.path() else { return Ok(Self::Stream) };
        let meta = path.metadata();
        let meta = meta.map_err(|source| UnreadableInput { path: path.to_owned(), source })?;
        if !meta.is_file() && !meta.is_dir() {
            return Ok(Self::Stream);
        }
        let checked = input::check(path, &input.name(), input.format, &input.selection)?;
        judged(checked, path, on_invalid)
    }

    /// Looks through a file, and a stream too.
    pub(crate) fn read_through(
        input: &Input,
        on_invalid: OnInvalid,
        stdin: &OpenStdin,
    ) -> Result<Self, SessionError> {
        match Self::look_through(input, on_invalid)? {
            Self::Stream => {
                let (reader, name) = (stream(input, stdin)?, input.name());
                let checked = input::check_stream(reader, &name, input.format, &input.selection)?;
                Ok(Self::File(Box::new(checked)))
            }
            file @ Self::File(_) => Ok(file),
        }
    }

    /// Returns the file that was looked through, if it is one.
    pub(crate) fn file(&self) -> Option<&Checked> {
        match self {
            Self::File(checked) => Some(checked),
            Self::Stream => None,
        }
    }

    /// Number of all rows, if it is known.
    pub(crate) fn rows(&self) -> Option<u64> {
        match self {
            Self::File(checked) => Some(checked.rows),
            Self::Stream => None,
        }
    }

    /// Number of rows that can be launched, if it is known.
    pub(crate) fn expected(&self) -> Option<u64> {
        match self {
            Self::File(checked) => Some(checked.launchable()),
            Self::Stream => None,
        }
    }

    /// Whether the rows have an end that can be waited for.
    pub(crate) const fn kind(&self) -> launch::RowSource {
        match self {
            Self::File(_) => launch::RowSource::File,
            Self::Stream => launch::RowSource::Stream,
        }
    }
}

/// An input that is about to be launched.
pub(crate) struct InputRead {
    pub from: Source,
    pub opened: OpenedInput,
    /// What its copy holds, if all of it is there.
    pub copy: Option<Contents>,
    /// The copy that grows while the input is read.
    pub tee: Option<Arc<TeeState>>,
}

/// Reads an input: by way of its copy in the folder of a `pending` run, or
/// of one that nobody else sees.
pub(crate) fn read(
    input: &Input,
    on_invalid: OnInvalid,
    pending: Option<&PendingRun>,
    stdin: &OpenStdin,
) -> Result<InputRead, SessionError> {
    let Some(pending) = pending else { return read_unkept(input, on_invalid, stdin) };
    let Input { format, selection, .. } = input;
    let (to, name) = (pending.folder().input(&format.to_string()), input.name());
    if let Some(path) = input.path()
        && path.metadata().is_ok_and(|meta| meta.is_file())
    {
        let copy = store::copy_file(path, &to)?;
        // The copy is checked, and not the file: that may change in between.
        let checked = input::check(&to, &name, *format, selection)?;
        let opened = checked.open()?;
        let from = judged(checked, path, on_invalid)?;
        return Ok(InputRead { opened, from, copy: Some(copy), tee: None });
    }
    let tee = Tee::new(stream(input, stdin)?, &to)?;
    let state = tee.state();
    let opened = input::open_stream(Box::new(tee), &name, *format, selection)?;
    Ok(InputRead { from: Source::Stream, opened, copy: None, tee: Some(state) })
}

/// Reads an input of which nothing is kept.
fn read_unkept(
    input: &Input,
    on_invalid: OnInvalid,
    stdin: &OpenStdin,
) -> Result<InputRead, SessionError> {
    is_there(input)?;
    let (Input { format, selection, .. }, name) = (input, input.name());
    let (from, opened) = match input.path() {
        Some(path) if path.metadata().is_ok_and(|meta| meta.is_file()) => {
            // What is checked is what is launched, whatever becomes of the file meanwhile.
            let copy = Unnamed::of(path)?;
            let reopen = Box::new(move || copy.reader());
            let checked = input::check_again(reopen, &name, *format, selection)?;
            let opened = checked.open()?;
            (judged(checked, path, on_invalid)?, opened)
        }
        _ => {
            let reader = stream(input, stdin)?;
            (Source::Stream, input::open_stream(reader, &name, *format, selection)?)
        }
    };
    Ok(InputRead { from, opened, copy: None, tee: None })
}

/// Opens the copy of a run's input, of which it has the rows that its `flags` select.
pub(crate) fn reopen(
    folder: &RunDir,
    about: &About,
    flags: &SavedFlags,
) -> Result<OpenedInput, SessionError> {
    let (path, name) = (folder.input(&about.input_format), &about.input_name);
    let format: Format = about.input_format.parse()?;
    let selection = Arc::new(Selection::of_flags(&flags.flags)?);
    Ok(match about.source {
        InputSource::File => input::reopen_file(&path, name, format, &selection)?,
        InputSource::Stream => input::reopen_stream(&path, name, format, &selection)?,
    })
}

/// Returns an error if there is no such input, before anything is made for it.
pub(crate) fn is_there(input: &Input) -> Result<(), SessionError> {
    let Some(path) = input.path() else { return Ok(()) };
    let meta = path.metadata();
    let meta = meta.map_err(|source| UnreadableInput { path: path.to_owned(), source })?;
    if meta.is_dir() {
        return Err(InputError::Folder { name: path.display().to_string() }.into());
    }
    Ok(())
}

/// Refuses a file with bad rows, unless they are to be skipped.
fn judged(checked: Checked, path: &Path, on_invalid: OnInvalid) -> Result<Source, SessionError> {
    if checked.bad > 0 && on_invalid == OnInvalid::Stop {
        return Err(BadRows { path: path.to_owned(), checked }.into());
    }
    Ok(Source::File(Box::new(checked)))
}

fn stream(input: &Input, stdin: &OpenStdin) -> Result<Box<dyn Read + Send>, UnreadableInput> {
    let Some(path) = input.path() else { return Ok(stdin()) };
    let file = File::open(path);
    let file = file.map_err(|source| UnreadableInput { path: path.to_owned(), source })?;
    Ok(Box::new(file))
}

#[derive(Debug, Error)]
#[error("cannot read the input {}: {source}", path.display())]
pub(crate) struct UnreadableInput {
    path: PathBuf,
    source: io::Error,
}

/// A file with rows that cannot be used.
#[derive(Debug)]
struct BadRows {
    path: PathBuf,
    checked: Checked,
}

impl std::error::Error for BadRows {}

impl std::fmt::Display for BadRows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { path, checked } = self;
        let (path, bad) = (path.display(), checked.bad);
        let rows = Digits::Plain.counted(checked.rows, "row", "rows");
        writeln!(f, "{bad} of {rows} of {path} cannot be used, so nothing was started:")?;
        for (line, fault) in &checked.first_bad {
            writeln!(f, "  {path}:{line}: {}", escape_control(&fault.to_string()))?;
        }
        let more = bad - checked.first_bad.len() as u64;
        if more > 0 {
            writeln!(f, "  and {more} more")?;
        }
        write!(f, "fix them, or start the others with --on-invalid skip")
    }
}

impl Refusal for SelectionError {}

impl Refusal for UnreadableInput {}

impl Refusal for BadRows {}
