//! Tells and saves the result of a measurement.

use std::io::{self, Write};

use hdrhistogram::Histogram;

use super::super::command_error::CommandError;
use super::super::notice::notice;
use super::super::settings::SummaryForm;
use super::super::stdout::stdout;
use super::comparing::Baseline;
use super::measuring::FinishedBench;
use super::result_file::ResultFile;
use crate::bench::result::schema::BenchResult;
use crate::session::exit::Exit;
use crate::text::bench as text;

/// Tells what was measured and how it differs from the baseline, and saves it.
pub(crate) fn report(
    finished: FinishedBench,
    baseline: Option<Baseline>,
    files: Vec<ResultFile>,
    form: SummaryForm,
) -> Result<Exit, CommandError> {
    let FinishedBench { mut result, response, mut exit } = finished;
    let invalid = result.incomparable().filter(|_| baseline.is_some());
    let baseline = baseline.filter(|_| invalid.is_none());
    let comparison = baseline.map(|baseline| baseline.compare(&result));
    if exit == Exit::Good {
        exit = match (&invalid, &comparison) {
            (Some(_), _) => Exit::Bad,
            (None, Some(comparison)) => comparison.exit(),
            (None, None) => Exit::Good,
        };
    }
    result.exit = exit.code();
    notice(&text::summary::summary(&result, &response));
    if !result.steps.is_empty() {
        notice(&text::search::curve(&result));
    }
    if let Some(comparison) = &comparison {
        notice(&text::comparison::table(&comparison.figures));
    }
    if let Some(why) = invalid {
        notice(&text::comparison::not_compared(&why));
    }
    let failures = save(&result, &response, files, form)?;
    if failures.is_empty() {
        return Ok(exit);
    }
    for failure in failures {
        notice(&format_args!("error: {failure}"));
    }
    // Which rows were started is known here and nowhere else.
    notice(&text::summary::all_rows(&result));
    Ok(Exit::Output)
}

/// Writes all files, and standard output if asked to; returns the errors.
fn save(
    result: &BenchResult,
    response: &Histogram<u64>,
    files: Vec<ResultFile>,
    form: SummaryForm,
) -> Result<Vec<String>, CommandError> {
    let mut failures = Vec::new();
    for file in files {
        let path = file.path().to_owned();
        match file.write(result, response) {
            Ok(()) => notice(&format_args!("result: {}", path.display())),
            Err(error) => failures.push(error.to_string()),
        }
    }
    if form == SummaryForm::Json {
        let json = serde_json::to_string(result)?;
        // A reader who closed the pipe has seen enough.
        if let Err(error) = writeln!(stdout(), "{json}")
            && error.kind() != io::ErrorKind::BrokenPipe
        {
            failures.push(error.to_string());
        }
    }
    Ok(failures)
}
