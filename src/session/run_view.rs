//! One run, as somebody sees it who looks at it closely: failures, rate, forecast, window, reports.
//!
//! Read from its folder; nothing is changed, and a session may go on meanwhile.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::run_state::{RunState, RunSummary, holder};
use super::session_window;
use super::timing::Timing;
use super::zone::zone;
use crate::domain::file_state::FileState;
use crate::domain::rate::Rate;
use crate::domain::record::{AlreadyStarted, Doubt, Record};
use crate::domain::report_note::{ReportExtent, ReportNote};
use crate::journal::{InputState, Journal, JournalError, PastSession, SessionReport};
use crate::rules::outcome_filter::{OutcomeFilter, OutcomeWord};
use crate::rules::resume;
use crate::rules::run_pace::{self, RunEnd, RunPace};
use crate::rules::stats::Summary;
use crate::store::{RunDir, SavedFlags};

/// Time over which the present rate is measured.
pub(crate) const RECENT: Duration = Duration::from_secs(10);

/// One run, seen closely.
pub(crate) struct RunView {
    pub run: RunSummary,
    pub flags: SavedFlags,
    /// Settled rows that ended bad, by kind.
    pub failures: Summary,
    /// The first of them, in the order of the input.
    pub bad_rows: Vec<Record>,
    /// Number of pending rows that may already have started; 0 while a session goes on.
    pub in_doubt: u64,
    /// Rows per second that the last session settled.
    pub rate: Option<f64>,
    /// Rows per second that it settled of late, if it goes on.
    pub recent_rate: Option<f64>,
    /// When it will be done.
    pub forecast: Option<(ForecastBasis, RunEnd)>,
    /// Window of the session that goes on, or the next one of each day.
    pub timing: Option<Timing>,
    pub reports: Vec<ReportView>,
}

/// Basis of a forecast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ForecastBasis {
    /// The rate that the session achieved.
    Achieved,
    /// The rate that it may have at most, since it has none yet.
    Allowed,
}

/// A report that a session wrote or writes.
pub(crate) struct ReportView {
    pub path: PathBuf,
    /// The last session that wrote it.
    pub session: u32,
    pub state: ReportState,
}

/// State of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReportState {
    Complete,
    /// It grows while the run goes on.
    Growing,
    /// It takes its place once it is complete.
    Beside,
    /// Its session did not complete it.
    Partial,
    /// It is not as the run left it.
    Changed,
    Missing,
}

impl RunView {
    /// Reads the run in `folder` at `now`, with at most `most` bad rows.
    pub(crate) fn read(folder: &RunDir, now: Timestamp, most: usize) -> Result<Self, JournalError> {
        // Whoever works on the run may settle rows between two looks at its journal.
        let alive = holder(folder);
        let journal = Journal::open(&folder.journal())?;
        journal.freeze()?;
        let run = RunSummary::of_journal(folder, &journal, alive.as_ref(), now)?;
        let (failures, bad_rows) = failures(&journal, run.already, most)?;
        let reports = journal.reports()?.into_iter().map(|report| seen(report, &run.state));
        let mut view = Self {
            flags: SavedFlags::read(folder).unwrap_or_default(),
            failures,
            bad_rows,
            in_doubt: if run.state.is_alive() { 0 } else { in_doubt(&journal)? },
            rate: None,
            recent_rate: None,
            forecast: None,
            timing: None,
            reports: reports.collect(),
            run,
        };
        if let Some(last) = view.run.sessions.last().cloned() {
            view.look_at_session(&last, &journal, now)?;
        }
        journal.thaw()?;
        Ok(view)
    }

    /// Finds rate, window and forecast of the last session.
    fn look_at_session(
        &mut self,
        session: &PastSession,
        journal: &Journal,
        now: Timestamp,
    ) -> Result<(), JournalError> {
        let goes_on = self.run.state.is_alive() && session.ended.is_none();
        let recently = now.checked_sub(RECENT).unwrap_or(now);
        let settled = journal.session_rows(session.number, recently)?;
        let from = session.waits_until.map_or(session.began, |begins| begins.max(session.began));
        let ended = session.ended.or(settled.last_sent).unwrap_or(from);
        let pace = RunPace { rows: settled.rows, from, to: if goes_on { now } else { ended } };
        self.rate = pace.per_second();
        let zone = self.run.about.as_ref().map_or(TimeZone::UTC, |about| zone(&about.zone));
        if !goes_on {
            self.timing = session_window::daily(&self.flags, session.number, now, &zone)
                .filter(|_| !self.run.state.is_over());
            return Ok(());
        }
        self.timing = session_window::of_session(&self.flags, session.number, session.began, &zone);
        if let Some(timing) = &mut self.timing {
            // The journal knows it to the moment, with --jitter.
            timing.window.start = session.waits_until;
        }
        if from <= recently {
            self.recent_rate =
                RunPace { rows: settled.recent, from: recently, to: now }.per_second();
        }
        self.forecast = self.forecast(session.number, &pace);
        Ok(())
    }

    /// Forecasts the session that goes on, at the `pace` that it has. Nobody can say how much more
    /// a stream will bring, nor what a session settles that drains.
    fn forecast(&self, session: u32, pace: &RunPace) -> Option<(ForecastBasis, RunEnd)> {
        let is_whole = self.run.about.as_ref().is_some_and(|a| a.input == InputState::Ended);
        if !is_whole || !matches!(self.run.state, RunState::Running(_) | RunState::Waiting(..)) {
            return None;
        }
        let flag = |name| self.flags.of_session(session, name).and_then(|values| values.first());
        let limit = flag("limit").and_then(|limit| limit.parse::<u64>().ok());
        let left = limit.map_or(u64::MAX, |limit| limit.saturating_sub(pace.rows));
        let left = left.min(self.run.left());
        let last_row = self.timing.as_ref().and_then(Timing::last_row);
        if let Some(fit) = pace.forecast(left, last_row) {
            return Some((ForecastBasis::Achieved, fit));
        }
        let rate = flag("rate").and_then(|rate| rate.parse::<Rate>().ok())?;
        let fit = run_pace::fit(left, rate.interval()?, pace.from.max(pace.to), last_row)?;
        Some((ForecastBasis::Allowed, fit))
    }

    /// Number of rows that ended bad, and will not be resumed.
    pub(crate) const fn bad(&self) -> u64 {
        self.failures.bad()
    }
}

/// Counts the rows without a result that the last session left in doubt.
fn in_doubt(journal: &Journal) -> Result<u64, JournalError> {
    let doubts = resume::doubts(journal.last_session()?, &journal.settled()?);
    Ok(doubts.values().filter(|prior| prior.doubt != Doubt::None).count() as u64)
}

/// Reads the rows that ended bad: all of them by kind, and the first ones.
fn failures(
    journal: &Journal,
    already: AlreadyStarted,
    most: usize,
) -> Result<(Summary, Vec<Record>), JournalError> {
    let (mut failures, mut first) = (Summary::new(already), Vec::new());
    let bad = OutcomeFilter::of(&[OutcomeWord::Bad], already);
    journal.replay_of(bad.outcomes(), &mut |record| {
        failures.add(&record);
        if first.len() < most {
            first.push(record);
        }
        Ok::<_, JournalError>(())
    })?;
    Ok((failures, first))
}

/// Looks what has become of a report.
fn seen(report: SessionReport, run: &RunState) -> ReportView {
    let SessionReport { path, session, note } = report;
    let now = FileState::of_path(&path);
    let state = match (&note, now) {
        (Some(_), None) => ReportState::Missing,
        (Some(note @ ReportNote::Left { extent, .. }), Some(now)) => {
            match (note.is_of(&now), extent) {
                (true, ReportExtent::Whole) => ReportState::Complete,
                (true, ReportExtent::Torn) => ReportState::Partial,
                (false, _) => ReportState::Changed,
            }
        }
        (None, _) if run.is_alive() => ReportState::Beside,
        (Some(_), Some(_)) if run.is_alive() => ReportState::Growing,
        (Some(_) | None, _) => ReportState::Partial,
    };
    ReportView { path, session, state }
}
