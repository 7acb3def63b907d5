//! A run that goes on: what earlier sessions left, whether it may go on at this server, and
//! its next session.

use std::cell::Cell;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::error::{Refusal, SessionError};
use super::exit::Exit;
use super::input;
use super::last_answers::known_answers;
use super::machine::Machine;
use super::own_report;
use super::pipeline::Work;
use super::plan::{self, Left, Plan, Rows};
use super::replay;
use super::reports::{self, Beside};
use super::rewrite::Rewrite;
use super::run::Run;
use super::settings::Settings;
use super::zone;
use crate::api::credentials::Credentials;
use crate::domain::lines::Lines;
use crate::domain::record::{AlreadyStarted, Doubt};
use crate::journal::{FINISHED, InputState, JournalError, Opening, Order};
use crate::launch::{PlannedRows, RowSource, RunJournal};
use crate::report::{Finished, IfExists, OpenReport, Placement};
use crate::rules::forecast::Forecast;
use crate::rules::outcome_filter::OutcomeFilter;
use crate::rules::resume::{self, Doubts, Planned};
use crate::rules::stats::Summary;
use crate::shutdown::OUTAGE;
use crate::store::{Flags, RunDir, RunStore, SavedFlags};

/// What earlier sessions left of a run.
pub(crate) struct Before {
    pub left: Left,
    settled: Lines,
    doubts: Doubts,
    /// Whether the last session stopped since the server was gone.
    ended_in_outage: bool,
}

impl Before {
    /// Looks through the input once: that says what is left, and what is in doubt. Bad rows
    /// are taken up again if `reopens` says how "already started" counts.
    pub(crate) fn read(run: &Run, reopens: Option<AlreadyStarted>) -> Result<Self, SessionError> {
        let then = run.journal.settled()?;
        let last = run.journal.last_session()?;
        let bad = reopens.map(|already| run.journal.bad(already)).transpose()?.unwrap_or_default();
        let mut settled = then.clone();
        for line in bad.keys() {
            settled.remove(*line);
        }
        let mut left = Left { settled: settled.len(), ..Left::default() };
        let all = Cell::new(0);
        let rows = input::reopen(&run.folder, &run.about, &run.flags)?.rows;
        let rows = rows.inspect(|row| all.set(all.get() + u64::from(row.is_ok())));
        for planned in resume::plan(rows, run.about.rows, settled.clone(), Doubts::new()) {
            match planned? {
                Planned::Unsent(..) => left.unsent += 1,
                Planned::Launch(launch) => {
                    *left.businesses.entry(launch.task.business).or_default() += 1;
                    left.positions.insert(launch.position);
                    left.sample.add(launch.row.line, launch.task);
                }
            }
        }
        left.all = all.get();
        let mut doubts = resume::doubts(last, &then);
        doubts.extend(bad);
        left.in_doubt = doubts.values().filter(|prior| prior.doubt != Doubt::None).count() as u64;
        let ending = run.journal.sessions()?.pop().and_then(|last| last.ending);
        let ended_in_outage = ending.as_deref() == Some(OUTAGE);
        Ok(Self { left, settled, doubts, ended_in_outage })
    }

    /// Whether nothing is left to do.
    pub(crate) fn is_finished(&self) -> bool {
        self.left.launchable() == 0 && self.left.unsent == 0
    }

    /// Makes the plan of the next session.
    pub(crate) fn plan<'a>(
        &'a self,
        run: &Run,
        settings: &'a Settings,
        credentials: &Credentials,
        machine: &Machine,
    ) -> Plan<'a> {
        Plan {
            rows: Rows::Left(&self.left),
            options: &settings.options,
            target: settings.server.target.host().to_owned(),
            user: plan::user(credentials),
            now: machine.now(),
            timing: &settings.timing,
            stages: settings.staging.ends(run.about.rows).unwrap_or_default(),
            stage_pause: settings.staging.pause.unwrap_or_default(),
            answers: known_answers(settings, RunStore::around(&run.folder).as_ref()),
        }
    }
}

/// Returns the reports that a session writes: those that were named, or the run's own.
pub(crate) fn named_reports(folder: &RunDir, outputs: &[PathBuf]) -> Vec<PathBuf> {
    if outputs.is_empty() { vec![folder.report()] } else { outputs.to_vec() }
}

/// Opens the reports beside what is there; the run's own are replaced at the end, unless
/// somebody changed them and `existing` is to be spared.
fn open_reports(
    run: &Run,
    outputs: &[PathBuf],
    existing: IfExists,
    machine: &Machine,
) -> Result<Vec<OpenReport>, SessionError> {
    let existing = |output: &Path| match existing {
        IfExists::Overwrite => Ok(IfExists::Overwrite),
        IfExists::Refuse => own_report::existing(run, output),
    };
    let outputs = named_reports(&run.folder, outputs);
    let placement = Placement::Beside(&run.folder.id);
    let destinations =
        reports::destinations(None, &outputs, existing, placement, &machine.streams.output)?;
    own_report::remove_leftovers(run, &outputs)?;
    let zone = zone::zone(&run.about.zone);
    Ok(reports::begin(destinations, &run.about.columns, &zone, Beside::Journal)?)
}

/// A run that had nothing left to do.
pub(crate) struct FinishedRun {
    pub summary: Summary,
    pub reports: Vec<PathBuf>,
    pub exit: Exit,
}

/// Writes the reports of a run that has nothing left to do; it ends as it did.
pub(crate) fn finish(
    run: &mut Run,
    outputs: &[PathBuf],
    existing: IfExists,
    already: AlreadyStarted,
    machine: &Machine,
) -> Result<FinishedRun, SessionError> {
    let reports = open_reports(run, outputs, existing, machine)?;
    let mut rewrite = Rewrite::new(reports, OutcomeFilter::all(), Summary::new(already));
    replay::replay(run, Order::Settled, &mut rewrite)?;
    let Rewrite { reports, summary, .. } = rewrite;
    if run.about.input == InputState::Incomplete {
        // The next session counts, and then the copy must be as it is noted.
        run.journal.note_copy(&run.copied)?;
    }
    let reports = Finished::of(reports);
    run.journal.leave_reports(&reports.left().collect::<Vec<_>>())?;
    reports.put_in_place()?;
    let is_part = run.about.input == InputState::Incomplete;
    let exit = if summary.bad() > 0 || is_part { Exit::Bad } else { Exit::Good };
    note_finished(run, exit, machine)?;
    Ok(FinishedRun { summary, reports: named_reports(&run.folder, outputs), exit })
}

/// Notes that the run is finished if its last session settled all and could not say so any
/// more.
fn note_finished(run: &mut Run, exit: Exit, machine: &Machine) -> Result<(), JournalError> {
    let last = run.journal.sessions()?.pop();
    if last.as_ref().is_some_and(|last| last.ending.as_deref() == Some(FINISHED)) {
        return Ok(());
    }
    let target = last.map(|last| last.target).unwrap_or_default();
    let at = machine.clocks.read();
    let opening = Opening { at, target: &target, reopens: None, waits_until: None };
    run.journal.begin(&opening, &Doubts::new())?;
    run.journal.end(&Doubts::new(), at.wall)?;
    run.journal.note_exit(FINISHED, exit.code())
}

/// What to do if the server is another one than that of the last session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OtherTarget {
    /// Refuse it if anything was sent: it would get rows that the first one may have started.
    Refuse,
    /// Go on there.
    Accept,
}

/// Whether the server is the one of the last session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TargetIs {
    Same,
    Another,
}

/// Compares the server with that of the last session.
pub(crate) fn check_target(
    run: &Run,
    settings: &Settings,
    other: OtherTarget,
) -> Result<TargetIs, SessionError> {
    let target = settings.server.target.to_string();
    let last = run.journal.sessions()?.pop().map(|session| session.target);
    let Some(before) = last.filter(|before| *before != target) else { return Ok(TargetIs::Same) };
    if other == OtherTarget::Refuse && run.journal.sent_anything()? {
        return Err(TargetChanged { before, target }.into());
    }
    Ok(TargetIs::Another)
}

/// Begins the next session.
pub(crate) fn begin(
    mut run: Run,
    before: Before,
    settings: &Settings,
    asked: Asked<'_>,
    machine: &Machine,
) -> Result<Work, SessionError> {
    (machine.journal_opened)(&mut run.journal);
    let reports = open_reports(&run, &settings.outputs, settings.existing, machine)?;
    let opening = Opening {
        at: machine.clocks.read(),
        target: &settings.server.target.to_string(),
        reopens: asked.reopens,
        waits_until: settings.timing.window.start,
    };
    if run.about.input == InputState::Incomplete {
        // All that may be sent from now on stands in the copy, and it grows no more.
        run.journal.note_copy(&run.copied)?;
    }
    if run.journal.sessions()?.is_empty() {
        // The first session died as it began, and the reports that it noted stay its own.
        let died = Opening { reopens: None, waits_until: None, ..opening.clone() };
        run.journal.begin(&died, &Doubts::new())?;
    }
    let session = run.journal.begin(&opening, &before.doubts)?;
    let begun: Vec<_> = reports.iter().filter_map(OpenReport::begun).collect();
    run.journal.begin_reports(session, &begun, opening.at.wall)?;
    let mut flags = asked.flags.clone();
    flags.note_session(session, asked.typed.clone());
    if flags != run.flags {
        flags.write(&run.folder)?;
    }
    let rows = input::reopen(&run.folder, &run.about, &run.flags)?.rows;
    let rows = resume::plan(rows, run.about.rows, before.settled, before.doubts);
    // A stage is settled before the next begins, so none of its rows can wait.
    let rows: PlannedRows = if before.ended_in_outage && settings.staging.stages.is_none() {
        Box::new(resume::sent_last(rows))
    } else {
        Box::new(rows)
    };
    Ok(Work {
        run: run.folder.id,
        session,
        rows,
        source: match run.about.input {
            InputState::Ended => RowSource::File,
            InputState::Incomplete => RowSource::PartOfStream,
        },
        all: run.about.rows.or(Some(before.left.all)),
        agreed_to: run.about.agreed_to,
        forecast: asked.forecast,
        keeping: Some(RunJournal { journal: run.journal, copied: None }),
        reports,
    })
}

/// What a resume asks for beside its settings.
pub(crate) struct Asked<'a> {
    /// Takes bad rows up again, if it says how "already started" counts.
    pub reopens: Option<AlreadyStarted>,
    /// The flags that the run keeps from now on.
    pub flags: &'a SavedFlags,
    /// The flags that were typed for this session.
    pub typed: &'a Flags,
    /// Forecast of its plan.
    pub forecast: Option<Forecast>,
}

/// A run was sent to another server before.
#[derive(Debug, Error)]
#[error(
    "this run sent rows to {before}, and {target} is another server; if it is the same bk-sops under \
     another name, use --target-changed"
)]
pub(crate) struct TargetChanged {
    before: String,
    target: String,
}

impl Refusal for TargetChanged {}
