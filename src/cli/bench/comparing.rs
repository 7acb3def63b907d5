//! Compares results with each other.

use std::io::Write;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::super::command_error::CommandError;
use super::super::notice::notice;
use super::super::stdout::stdout;
use crate::bench::compare::{ComparedFigure, compare};
use crate::bench::result::figures;
use crate::bench::result::schema::BenchResult;
use crate::domain::escape::escape_control;
use crate::session::exit::Exit;
use crate::text::bench as text;

pub(crate) struct Baseline {
    result: BenchResult,
    tolerance: f64,
}

impl Baseline {
    pub(crate) fn read(path: &Path, tolerance: f64) -> Result<Self, CommandError> {
        Ok(Self { result: comparable(path)?, tolerance })
    }

    /// Compares a later result with this one, and warns if their loads differ.
    pub(crate) fn compare(&self, now: &BenchResult) -> Comparison {
        if let Some(warning) = text::comparison::other_load(&self.result, now) {
            notice(&warning);
        }
        let pairs = figures::pairs(&self.result, now);
        Comparison { figures: compare(&pairs, self.tolerance) }
    }
}

pub(crate) struct Comparison {
    pub figures: Vec<ComparedFigure>,
}

impl Comparison {
    /// Returns [`Exit::Bad`] if a figure became worse by more than the tolerance.
    pub(crate) fn exit(&self) -> Exit {
        let is_regression = self.figures.iter().any(|figure| figure.is_regression);
        if is_regression { Exit::Bad } else { Exit::Good }
    }
}

pub(crate) fn compare_files(files: &[PathBuf], tolerance: f64) -> Result<Exit, CommandError> {
    let [base, now] = files else { return Err("--compare needs two files".into()) };
    let (base, now) = (Baseline::read(base, tolerance)?, comparable(now)?);
    let comparison = base.compare(&now);
    writeln!(stdout(), "{}", text::comparison::table(&comparison.figures))?;
    Ok(comparison.exit())
}

/// Reads a result for a comparison. Refuses one that is no measurement of the server by its own
/// account, or too short: it is neither better nor worse nor noise.
fn comparable(path: &Path) -> Result<BenchResult, CommandError> {
    let result = BenchResult::read(path)?;
    match result.incomparable() {
        None => Ok(result),
        Some(why) => Err(Incomparable { path: path.to_owned(), why: escape_control(&why) }.into()),
    }
}

#[derive(Debug, Error)]
#[error("{} cannot be compared: {why}; measure again", path.display())]
struct Incomparable {
    path: PathBuf,
    why: String,
}
