//! The reports of a session: opened before anything is sent, or none of them.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use thiserror::Error;

use super::error::{Refusal, SessionError};
use super::input::Input;
use super::machine::OpenStdout;
use crate::domain::row::Columns;
use crate::report::{Destination, IfExists, OpenReport, Placement, ReportError};

/// Opens all reports, or leaves none behind.
pub(crate) fn destinations(
    input: Option<&Input>,
    outputs: &[PathBuf],
    existing: impl Fn(&Path) -> Result<IfExists, SessionError>,
    placement: Placement<'_>,
    stdout: &OpenStdout,
) -> Result<Vec<Destination>, SessionError> {
    let mut opened = Vec::with_capacity(outputs.len());
    let open = |output: &PathBuf| -> Result<Destination, SessionError> {
        if output.as_os_str() == "-" {
            return Ok(Destination::stdout(stdout()));
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

/// What records are written to, beside the reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beside {
    Journal,
    Nothing,
}

/// Writes the heads. Whoever closed standard output already has seen enough, as
/// long as something else is written.
pub(crate) fn begin(
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

/// Refuses a report that would overwrite the input.
fn refuse_own_input(input: &Input, output: &Path) -> Result<(), OwnInput> {
    let Some(input) = input.path() else { return Ok(()) };
    let (Ok(from), Ok(to)) = (input.metadata(), output.metadata()) else { return Ok(()) };
    if from.is_file() && (from.dev(), from.ino()) == (to.dev(), to.ino()) {
        return Err(OwnInput(output.to_owned()));
    }
    Ok(())
}

/// A report that would overwrite the input.
#[derive(Debug, Error)]
#[error("--output {} is the input itself; name another file", .0.display())]
pub(crate) struct OwnInput(PathBuf);

impl Refusal for OwnInput {}
