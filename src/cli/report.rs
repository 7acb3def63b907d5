//! `bk-launch report`: the report of a run once more, in any format and in the
//! order of the input.

use std::fmt::Write as _;
use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::args::StateArgs;
use super::exit::Exit;
use super::files::{self, Beside};
use super::resume::Run;
use super::stdout::stdout;
use super::{Failure, kept, runs, session, tell};
use crate::domain::record::{Prior, Record};
use crate::journal::{InputState, JournalError, Order};
use crate::launch::{Resumable, left_open};
use crate::report::{Finished, IfExists, OpenReport, Placement, ReportError};
use crate::rules::resume::{self, Doubts, Planned};
use crate::rules::stats::Summary;

const EXAMPLES: &str = "\
Examples:
  bk-launch report -o report.csv                    of the latest unfinished run, else the latest
  bk-launch report 20261201-2200 -o report.jsonl
  bk-launch report -o - | less";

/// The flags of `report`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct ReportArgs {
    /// A run's id, its beginning, or a --name [default: the latest unfinished run, else the latest].
    run: Option<String>,
    /// A report: .csv, .tsv or .jsonl, or - for CSV on standard output; repeatable.
    #[arg(short, long = "output", value_name = "FILE", required = true)]
    outputs: Vec<PathBuf>,
    /// Overwrite a report that is there already.
    #[arg(long)]
    force: bool,
    /// The counts as one JSON object on standard output.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    state: StateArgs,
}

/// Runs the command.
pub(super) fn run(args: ReportArgs) -> Result<Exit, Failure> {
    let ReportArgs { run, outputs, force, json: as_json, state } = args;
    super::settings::check_outputs(&outputs, as_json.into())?;
    let runs = super::settings::runs(state, &|name| std::env::var(name).ok())?;
    let runtime = session::runtime()?;
    let run = Run::open(&runs::choose(&runs, run.as_deref())?)?;
    let existing = if force { IfExists::Overwrite } else { IfExists::Refuse };
    let placement = Placement::Beside(&run.folder.id);
    let destinations = files::destinations(None, &outputs, |_| Ok(existing), placement)?;
    let zone = session::zone(&run.about.zone);
    let mut reports = files::begin(destinations, &run.about.columns, &zone, Beside::Journal)?;
    let mut summary = Summary::new(kept::already(&run.kept));
    replay(&run, Order::Input, &mut reports, &mut summary)?;
    Finished::of(reports).put_in_place()?;
    drop(runtime);
    tell(&told(&summary, run.about.input == InputState::Incomplete, &outputs));
    if as_json {
        let exit = run.journal.sessions()?.last().and_then(|last| last.exit);
        writeln!(stdout(), "{}", json(&run, &summary, &outputs, exit))?;
    }
    Ok(Exit::Good)
}

/// Writes every row of a run. In the order of the input, those that are not settled
/// stand where they belong; in the order of settling they are left out.
pub(super) fn replay(
    run: &Run,
    order: Order,
    reports: &mut Vec<OpenReport>,
    summary: &mut Summary,
) -> Result<(), Failure> {
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
    rows: Box<dyn Iterator<Item = Result<Planned, crate::input::InputError>>>,
    next: Option<Record>,
}

impl Unsettled {
    fn of(run: &Run) -> Result<Self, Failure> {
        let settled = run.journal.settled()?;
        if run.about.rows == Some(settled.len()) {
            // Nothing is left, so there is nothing to look for.
            return Ok(Self { rows: Box::new(std::iter::empty()), next: None });
        }
        let doubts = resume::doubts(run.journal.last_session()?, &settled);
        Self::after(run, settled, doubts)
    }

    fn after(run: &Run, settled: resume::Lines, doubts: Doubts) -> Result<Self, Failure> {
        let rows = files::reopen(&run.folder, &run.about)?.rows;
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
#[derive(Debug, thiserror::Error)]
enum ReplayError {
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Report(#[from] ReportError),
    #[error(transparent)]
    Input(#[from] crate::input::InputError),
}

/// The counts of a run, and where its reports are, for people.
pub(super) fn told(summary: &Summary, is_part: bool, reports: &[PathBuf]) -> String {
    let mut text = super::ending::counts(summary);
    if is_part {
        let rows = summary.rows();
        let _ = write!(text, "\ninput incomplete: {rows} rows were read");
    }
    for report in reports.iter().filter(|report| report.as_os_str() != "-") {
        let _ = write!(text, "\nreport: {}", report.display());
    }
    text
}

/// The same, for programs.
pub(super) fn json(run: &Run, summary: &Summary, reports: &[PathBuf], exit: Option<u8>) -> Value {
    json!({
        "run": run.folder.id.as_str(),
        "folder": run.folder.path.display().to_string(),
        "rows": summary.rows(),
        "outcomes": summary.all_counts().collect::<std::collections::BTreeMap<_, _>>(),
        "bad": summary.bad(),
        "reports": reports.iter().map(|path| path.display().to_string()).collect::<Vec<_>>(),
        "exit": exit,
    })
}
