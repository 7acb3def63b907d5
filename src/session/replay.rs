//! Every row of a run written once more, from its journal and the copy of its input.

use thiserror::Error;

use super::error::{Refusal, SessionError};
use super::exit::Exit;
use super::input;
use super::rewrite::Rewrite;
use super::run::Run;
use crate::domain::lines::Lines;
use crate::domain::record::{Prior, Record};
use crate::input::InputError;
use crate::journal::{JournalError, Order};
use crate::launch::{Resumable, left_open};
use crate::report::ReportError;
use crate::rules::resume::{self, Doubts, Planned};

/// Writes every row of a run. In the order of the input, those that are not settled
/// stand where they belong; in the order of settling they are left out.
pub(crate) fn replay(run: &Run, order: Order, into: &mut Rewrite) -> Result<(), SessionError> {
    run.journal.freeze()?;
    let open = match order {
        Order::Settled => Unsettled { rows: Box::new(std::iter::empty()), next: None },
        Order::Input => Unsettled::of(run)?,
    };
    let replayed = replay_with(open, run, order, into);
    run.journal.thaw()?;
    Ok(replayed?)
}

fn replay_with(
    mut open: Unsettled,
    run: &Run,
    order: Order,
    into: &mut Rewrite,
) -> Result<(), ReplayError> {
    run.journal.replay(order, &mut |record| {
        open.write_before(record.row.line, into)?;
        into.write(&record).map_err(ReplayError::from)
    })?;
    open.write_before(u64::MAX, into)?;
    Ok(into.flush()?)
}

/// Writes the rows of a run that are not settled, in the order of the input.
pub(super) fn write_unsettled(run: &Run, into: &mut Rewrite) -> Result<(), SessionError> {
    Ok(Unsettled::of(run)?.write_before(u64::MAX, into)?)
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
        let rows = input::reopen(&run.folder, &run.about, &run.flags)?.rows;
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

    /// Writes those of them that stand before `line`.
    fn write_before(&mut self, line: u64, into: &mut Rewrite) -> Result<(), ReplayError> {
        while let Some(row) = self.before(line)? {
            into.write(&row)?;
        }
        Ok(())
    }
}

/// What keeps a report from being written again.
#[derive(Debug, Error)]
pub(super) enum ReplayError {
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Report(#[from] ReportError),
    #[error(transparent)]
    Input(#[from] InputError),
}

impl Refusal for ReplayError {
    fn exit(&self) -> Exit {
        match self {
            Self::Journal(error) => error.exit(),
            Self::Report(error) => error.exit(),
            Self::Input(error) => error.exit(),
        }
    }
}
