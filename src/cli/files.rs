//! The files of a run: what is read, and where reports go.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::tz::TimeZone;
use thiserror::Error;

use super::Failure;
use super::args::OnInvalid;
use super::check::CheckError;
use super::settings::Input;
use crate::domain::row::Columns;
use crate::input::{self, Checked, InputError, Opened};
use crate::journal::{About, InputSource};
use crate::launch;
use crate::report::{Destination, IfExists, OpenReport, Placement, ReportError};
use crate::store::{self, Contents, PendingRun, RunDir, Tee, TeeState, Unnamed};

/// Where rows come from, after a look at it.
pub(super) enum Source {
    /// A file, looked through as a whole.
    File(Box<Checked>),
    /// A pipe or a terminal: it can be read only once.
    Stream,
}

impl Source {
    /// Looks through a file. A stream is left alone; a pipe that is named like a
    /// file is one too.
    pub(super) fn look_through(input: &Input, on_invalid: OnInvalid) -> Result<Self, Failure> {
        let Input::File(path, format) = input else { return Ok(Self::Stream) };
        let meta = path.metadata();
        let meta = meta.map_err(|source| FileError::Input { path: path.clone(), source })?;
        if !meta.is_file() && !meta.is_dir() {
            return Ok(Self::Stream);
        }
        judged(input::check(path, &path.display().to_string(), *format)?, path, on_invalid)
    }

    /// Looks through a file, and a stream too.
    pub(super) fn read_through(input: &Input, on_invalid: OnInvalid) -> Result<Self, Failure> {
        match Self::look_through(input, on_invalid)? {
            Self::Stream => {
                let (reader, name, format) = stream(input)?;
                let checked = input::check_stream(reader, &name, format)?;
                Ok(Self::File(Box::new(checked)))
            }
            file @ Self::File(_) => Ok(file),
        }
    }

    /// The file that was looked through, if it is one.
    pub(super) fn file(&self) -> Result<&Checked, CheckError> {
        match self {
            Self::File(checked) => Ok(checked),
            Self::Stream => Err(CheckError::Stdin),
        }
    }

    /// All rows, where their number is known.
    pub(super) fn rows(&self) -> Option<u64> {
        match self {
            Self::File(checked) => Some(checked.rows),
            Self::Stream => None,
        }
    }

    /// The rows that can be launched, where their number is known.
    pub(super) fn expected(&self) -> Option<u64> {
        match self {
            Self::File(checked) => Some(checked.launchable()),
            Self::Stream => None,
        }
    }

    /// Whether the rows have an end that can be waited for.
    pub(super) const fn kind(&self) -> launch::RowSource {
        match self {
            Self::File(_) => launch::RowSource::File,
            Self::Stream => launch::RowSource::Stream,
        }
    }
}

/// An input that is about to be launched.
pub(super) struct InputRead {
    /// Where its rows come from.
    pub from: Source,
    /// The rows.
    pub opened: Opened,
    /// What its copy holds, if all of it is there.
    pub copy: Option<Contents>,
    /// The copy that grows while the input is read.
    pub tee: Option<Arc<TeeState>>,
}

/// Reads an input: by way of its copy in the folder of a run that is about to `birth`, or
/// of one that nobody else sees.
pub(super) fn read(
    input: &Input,
    on_invalid: OnInvalid,
    pending: Option<&PendingRun>,
) -> Result<InputRead, Failure> {
    let Some(pending) = pending else { return read_unkept(input, on_invalid) };
    let to = pending.folder().input(&input.format().to_string());
    if let Input::File(path, format) = input
        && path.metadata().is_ok_and(|meta| meta.is_file())
    {
        let copy = store::copy_file(path, &to)?;
        let name = path.display().to_string();
        // The copy is checked, and not the file: that may change in between.
        let from = judged(input::check(&to, &name, *format)?, path, on_invalid)?;
        let Source::File(checked) = &from else { return Err(CheckError::Stdin.into()) };
        let opened = checked.open()?;
        return Ok(InputRead { opened, from, copy: Some(copy), tee: None });
    }
    let (reader, name, format) = stream(input)?;
    let tee = Tee::new(reader, &to)?;
    let state = tee.state();
    let opened = input::open_stream(Box::new(tee), &name, format)?;
    Ok(InputRead { from: Source::Stream, opened, copy: None, tee: Some(state) })
}

/// Reads an input of which nothing is kept.
fn read_unkept(input: &Input, on_invalid: OnInvalid) -> Result<InputRead, Failure> {
    is_there(input)?;
    let (from, opened) = match input {
        Input::File(path, format) if path.metadata().is_ok_and(|meta| meta.is_file()) => {
            // What is checked is what is launched, whatever becomes of the file meanwhile.
            let copy = Unnamed::of(path)?;
            let reopen = Box::new(move || copy.reader());
            let checked = input::check_again(reopen, &path.display().to_string(), *format)?;
            let opened = checked.open()?;
            (judged(checked, path, on_invalid)?, opened)
        }
        Input::File(..) | Input::Stdin(_) => {
            let (reader, name, format) = stream(input)?;
            (Source::Stream, input::open_stream(reader, &name, format)?)
        }
    };
    Ok(InputRead { from, opened, copy: None, tee: None })
}

/// Opens the copy of a run's input once more.
pub(super) fn reopen(folder: &RunDir, about: &About) -> Result<Opened, Failure> {
    let path = folder.input(&about.input_format);
    let format: input::Format = about.input_format.parse()?;
    Ok(match about.source {
        InputSource::File => input::reopen_file(&path, &about.input_name, format)?,
        InputSource::Stream => input::reopen_stream(&path, &about.input_name, format)?,
    })
}

/// Whether an input is there at all, before anything is made for it.
pub(super) fn is_there(input: &Input) -> Result<(), Failure> {
    let Input::File(path, _) = input else { return Ok(()) };
    let meta = path.metadata();
    let meta = meta.map_err(|source| FileError::Input { path: path.clone(), source })?;
    if meta.is_dir() {
        return Err(InputError::Folder { name: path.display().to_string() }.into());
    }
    Ok(())
}

/// With bad rows nothing is started, unless they are to be skipped.
fn judged(checked: Checked, path: &Path, on_invalid: OnInvalid) -> Result<Source, Failure> {
    if checked.bad > 0 && on_invalid == OnInvalid::Stop {
        return Err(BadRows { path: path.to_owned(), checked }.into());
    }
    Ok(Source::File(Box::new(checked)))
}

type Stream = (Box<dyn Read + Send>, String, input::Format);

fn stream(input: &Input) -> Result<Stream, FileError> {
    match input {
        Input::File(path, format) => {
            let file = File::open(path)
                .map_err(|source| FileError::Input { path: path.clone(), source })?;
            Ok((Box::new(file), path.display().to_string(), *format))
        }
        Input::Stdin(format) => Ok((Box::new(io::stdin()), "standard input".into(), *format)),
    }
}

/// Opens all reports, or leaves none behind.
pub(super) fn destinations(
    input: Option<&Input>,
    outputs: &[PathBuf],
    existing: impl Fn(&Path) -> Result<IfExists, Failure>,
    placement: Placement<'_>,
) -> Result<Vec<Destination>, Failure> {
    let mut opened = Vec::with_capacity(outputs.len());
    let open = |output: &PathBuf| -> Result<Destination, Failure> {
        if output.as_os_str() == "-" {
            return Ok(Destination::stdout());
        }
        if let Some(input) = input {
            refuse_own_input(input, output)?;
        }
        Ok(Destination::file(output, existing(output)?, placement)?)
    };
    for output in outputs {
        match open(output) {
            Ok(destination) => opened.push(destination),
            Err(error) => {
                opened.into_iter().for_each(Destination::discard);
                return Err(error);
            }
        }
    }
    Ok(opened)
}

/// What records are written to beside the reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beside {
    /// A journal.
    Journal,
    /// Nothing.
    Nothing,
}

/// Writes the heads. Whoever closed standard output already has seen enough, as
/// long as something else is written.
pub(super) fn begin(
    destinations: Vec<Destination>,
    columns: &Columns,
    zone: &TimeZone,
    beside: Beside,
) -> Result<Vec<OpenReport>, ReportError> {
    let mut reports = Vec::with_capacity(destinations.len());
    let mut closed = None;
    for destination in destinations {
        match destination.begin(columns, zone) {
            Ok(report) => reports.push(report),
            Err(error) if error.is_closed_stdout() => closed = Some(error),
            Err(error) => return Err(error),
        }
    }
    match closed {
        Some(error) if reports.is_empty() && beside == Beside::Nothing => Err(error),
        _ => Ok(reports),
    }
}

/// An input that is overwritten by its own report is lost.
fn refuse_own_input(input: &Input, output: &Path) -> Result<(), FileError> {
    let Input::File(input, _) = input else { return Ok(()) };
    let (Ok(from), Ok(to)) = (input.metadata(), output.metadata()) else { return Ok(()) };
    if from.is_file() && (from.dev(), from.ino()) == (to.dev(), to.ino()) {
        return Err(FileError::OwnInput(output.to_owned()));
    }
    Ok(())
}

#[derive(Debug, Error)]
enum FileError {
    #[error("cannot read the input {}: {source}", path.display())]
    Input { path: PathBuf, source: io::Error },
    #[error("--output {} is the input itself; name another file", .0.display())]
    OwnInput(PathBuf),
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
        let (path, bad, rows) = (path.display(), checked.bad, checked.rows);
        writeln!(f, "{bad} of {rows} rows of {path} cannot be used, so nothing was started:")?;
        for (line, fault) in &checked.first_bad {
            writeln!(f, "  {path}:{line}: {}", super::terminal::harmless(&fault.to_string()))?;
        }
        let more = bad - checked.first_bad.len() as u64;
        if more > 0 {
            writeln!(f, "  and {more} more")?;
        }
        write!(f, "mend them, or start the others with --on-invalid skip")
    }
}
