//! The files of a run: what is read, and where reports go.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use thiserror::Error;

use super::Failure;
use super::args::OnInvalid;
use super::settings::Input;
use crate::input::{self, Checked, Opened};
use crate::report::{Destination, Existing, Open, ReportError};
use crate::row::Columns;

/// Where rows come from, after a look at it.
pub enum Source {
    /// A file, looked through as a whole.
    File(Box<Checked>),
    /// A pipe or a terminal: it can be read only once.
    Stream,
}

impl Source {
    /// Looks through a file. A stream is left alone; a pipe that is named like a
    /// file is one too.
    pub fn look_through(input: &Input, on_invalid: OnInvalid) -> Result<Self, Failure> {
        let Input::File(path, format) = input else { return Ok(Self::Stream) };
        let meta = path.metadata();
        let meta = meta.map_err(|source| FileError::Input { path: path.clone(), source })?;
        if !meta.is_file() && !meta.is_dir() {
            return Ok(Self::Stream);
        }
        judged(input::check(path, *format)?, path, on_invalid)
    }

    /// Looks through a file, and a stream too.
    pub fn read_through(input: &Input, on_invalid: OnInvalid) -> Result<Self, Failure> {
        match Self::look_through(input, on_invalid)? {
            Self::Stream => {
                let (reader, name, format) = stream(input)?;
                let checked = input::check_stream(reader, &name, format)?;
                Ok(Self::File(Box::new(checked)))
            }
            file @ Self::File(_) => Ok(file),
        }
    }

    /// Opens the rows.
    pub fn open(&self, input: &Input) -> Result<Opened, Failure> {
        match self {
            Self::File(checked) => Ok(checked.open()?),
            Self::Stream => {
                let (reader, name, format) = stream(input)?;
                Ok(input::open_stream(reader, &name, format)?)
            }
        }
    }
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
pub fn destinations(
    input: &Input,
    outputs: &[PathBuf],
    existing: Existing,
) -> Result<Vec<Destination>, Failure> {
    let mut opened = Vec::with_capacity(outputs.len());
    for (at, output) in outputs.iter().enumerate() {
        if output.as_os_str() == "-" {
            opened.push(Destination::stdout());
            continue;
        }
        refuse_own_input(input, output)?;
        match Destination::file(output, existing) {
            Ok(destination) => opened.push(destination),
            Err(error) => {
                if existing == Existing::Refuse {
                    // Those before it were made just now, and are empty.
                    let made = outputs[..at].iter().filter(|path| path.is_file());
                    made.for_each(|path| drop(std::fs::remove_file(path)));
                }
                return Err(error.into());
            }
        }
    }
    Ok(opened)
}

/// Writes the heads. Whoever closed standard output already has seen enough, as
/// long as another report is written.
pub fn begin(destinations: Vec<Destination>, columns: &Columns) -> Result<Vec<Open>, ReportError> {
    let zone = TimeZone::system();
    let mut reports = Vec::with_capacity(destinations.len());
    let mut closed = None;
    for destination in destinations {
        match destination.begin(columns, &zone) {
            Ok(report) => reports.push(report),
            Err(error) if error.is_closed_stdout() => closed = Some(error),
            Err(error) => return Err(error),
        }
    }
    match closed {
        Some(error) if reports.is_empty() => Err(error),
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
