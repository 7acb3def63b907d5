//! Every row of a run written once more, from its journal and the copy of its input.

use thiserror::Error;

use super::error::SessionError;
use super::input;
use super::run::Run;
use crate::domain::lines::Lines;
use crate::domain::record::{Prior, Record};
use crate::input::InputError;
use crate::journal::{JournalError, Order};
use crate::launch::{Resumable, left_open};
use crate::report::{OpenReport, ReportError};
use crate::rules::resume::{self, Doubts, Planned};
use crate::rules::stats::Summary;

/// Writes every row of a run. In the order of the input, those that are not settled
/// stand where they belong; in the order of settling they are left out.
pub(crate) fn replay(
    run: &Run,
    order: Order,
    reports: &mut Vec<OpenReport>,
    summary: &mut Summary,
) -> Result<(), SessionError> {
    run.journal.freeze()?;
    let open = match order {
        Order::Settled => Unsettled { rows: Box::new(std::iter::empty()), next: None },
        Order::Input => Unsettled::of(run)?,
    };
    let replayed = replay_with(open, run, order, reports, summary);
    run.journal.thaw()?;
    match replayed {
        Ok(()) => Ok(()),
        Err(ReplayError::Journal(error)) => Err(error.into()),
        Err(ReplayError::Report(error)) => Err(error.into()),
        Err(ReplayError::Input(error)) => Err(error.into()),
    }
}

fn replay_with(
    mut open: Unsettled,
    run: &Run,
    order: Order,
    reports: &mut Vec<OpenReport>,
    summary: &mut Summary,
) -> Result<(), ReplayError> {
    let mut write = |record: &Record| {
        summary.add(record);
        each(reports, |report| report.record(record))
    };
    run.journal.replay(order, &mut |record| {
        while let Some(row) = open.before(record.row.line)? {
            write(&row)?;
        }
        write(&record).map_err(ReplayError::from)
    })?;
    while let Some(row) = open.before(u64::MAX)? {
        write(&row)?;
    }
    Ok(each(reports, OpenReport::flush)?)
}

/// Does something to every report. Whoever closed standard output has seen enough.
fn each(
    reports: &mut Vec<OpenReport>,
    mut act: impl FnMut(&mut OpenReport) -> Result<(), ReportError>,
) -> Result<(), ReportError> {
    let mut failure = None;
    reports.retain_mut(|report| match act(report) {
        Ok(()) => true,
        Err(error) => {
            failure = failure.take().or(Some(error).filter(|error| !error.is_closed_stdout()));
            false
        }
    });
    failure.map_or(Ok(()), Err)
}

/// The rows of a run that are not settled, in the order of the input.
struct Unsettled {
    rows: Box<dyn Iterator<Item = Result<Planned, InputError>>>,
    next: Option<Record>,
}

impl Unsettled {
    fn of(run: &Run) -> Result<Self, SessionError> {
        let settled = run.journal.settled()?;
        if run.about.rows == Some(settled.len()) {
            // Nothing is left, so there is nothing to look for.
            return Ok(Self { rows: Box::new(std::iter::empty()), next: None });
        }
        let doubts = resume::doubts(run.journal.last_session()?, &settled);
        Self::after(run, settled, doubts)
    }

    fn after(run: &Run, settled: Lines, doubts: Doubts) -> Result<Self, SessionError> {
        let rows = input::reopen(&run.folder, &run.about)?.rows;
        let rows = resume::plan(rows, run.about.rows, settled, doubts);
        Ok(Self { rows: Box::new(rows), next: None })
    }

    /// The next of them, if it stands before `line`.
    fn before(&mut self, line: u64) -> Result<Option<Record>, ReplayError> {
        if self.next.is_none() {
            self.next = match self.rows.next().transpose()? {
                None => return Ok(None),
                Some(Planned::Launch(launch)) => {
                    Some(left_open(launch.row, launch.prior, Resumable::FromJournal))
                }
                // It will be passed over when the run goes on.
                Some(Planned::Unsent(row, outcome)) => {
                    let mut record = left_open(row, Prior::default(), Resumable::FromJournal);
                    record.outcome = outcome;
                    Some(record)
                }
            };
        }
        Ok(self.next.take_if(|next| next.row.line < line))
    }
}

/// What keeps a report from being written again.
#[derive(Debug, Error)]
enum ReplayError {
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Report(#[from] ReportError),
    #[error(transparent)]
    Input(#[from] InputError),
}
