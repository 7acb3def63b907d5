//! A new run: checked before anything of it is kept, then planned, then created with its first
//! session.

use std::path::{Path, PathBuf};

use thiserror::Error;

use super::error::{Refusal, SessionError};
use super::input::{self, InputRead, Source};
use super::last_answers::known_answers;
use super::machine::Machine;
use super::pipeline::Work;
use super::plan::{self, Plan, Rows};
use super::reports::{self, Beside};
use super::settings::{RunSettings, Settings};
use super::zone;
use crate::api::credentials::Credentials;
use crate::domain::count::Digits;
use crate::domain::lines::Lines;
use crate::domain::request_id::RunId;
use crate::input::{InputError, InputRows};
use crate::journal::{About, Copied, InputSource, InputState, Journal, Opening};
use crate::launch::{PlannedRows, RunJournal};
use crate::report::{OpenReport, Placement};
use crate::rules::expected_rows::ExpectedRows;
use crate::rules::forecast::Forecast;
use crate::rules::resume::{self, Doubts};
use crate::store::{Lock, PendingRun, RunDir, SavedFlags};

/// Number of the session that a new run begins with.
pub(crate) const FIRST_SESSION: u32 = 1;

/// A run whose input was looked through, and whose credentials were read. Until it is
/// created, dropping it leaves nothing behind.
pub(crate) struct CheckedRun {
    pub credentials: Credentials,
    id: RunId,
    pending: Option<PendingRun>,
    read: InputRead,
}

/// A run that has its name and its first session.
pub(crate) struct NewRun {
    pub work: Work,
    /// Its folder, if it is kept.
    pub folder: Option<RunDir>,
    /// Paths of its reports; `-` is standard output.
    pub reports: Vec<PathBuf>,
    /// Held until the session is over.
    pub lock: Option<Lock>,
}

/// Looks through the input, and reads the credentials.
pub(crate) fn check(
    settings: &RunSettings,
    machine: &mut Machine,
) -> Result<CheckedRun, SessionError> {
    let id = machine.run_id();
    let pending = match &settings.runs {
        None => None,
        Some(runs) => {
            input::is_there(&settings.input)?;
            Some(PendingRun::begin(runs, id.clone())?)
        }
    };
    let read = input::read(
        &settings.input,
        settings.on_invalid,
        pending.as_ref(),
        &machine.streams.input,
    )?;
    check_rows(settings.expect_rows, &read.from)?;
    settings.session.staging.ends(read.from.rows())?;
    let credentials = settings.session.server.credentials.read()?;
    Ok(CheckedRun { credentials, id, pending, read })
}

/// Refuses an input with fewer or more rows than it must have. Those of a stream are not
/// known.
pub(crate) fn check_rows(
    expected: Option<ExpectedRows>,
    from: &Source,
) -> Result<(), UnexpectedRows> {
    match (expected, from.rows()) {
        (Some(expected), Some(rows)) if !expected.holds(rows) => {
            Err(UnexpectedRows::Differ { rows, expected })
        }
        (Some(_), None) => Err(UnexpectedRows::OfStream),
        (None, _) | (Some(_), Some(_)) => Ok(()),
    }
}

/// An input does not have the rows that it must have.
#[derive(Debug, Error)]
pub(crate) enum UnexpectedRows {
    #[error(
        "the input has {}, but --expect-rows says {expected}; nothing was started",
        Digits::Plain.counted(*rows, "row", "rows")
    )]
    Differ { rows: u64, expected: ExpectedRows },
    #[error("--expect-rows needs a file: standard input cannot be counted before it is launched")]
    OfStream,
}

/// Makes the plan of a new run.
pub(crate) fn plan_of<'a>(
    settings: &'a RunSettings,
    credentials: &Credentials,
    from: &'a Source,
    machine: &Machine,
) -> Plan<'a> {
    let session = &settings.session;
    Plan {
        rows: match from {
            Source::File(checked) => Rows::Known(checked),
            Source::Stream => Rows::Unknown(&settings.input),
        },
        options: &session.options,
        target: session.server.target.host().to_owned(),
        user: plan::user(credentials),
        now: machine.now(),
        timing: &session.timing,
        stages: session.staging.ends(from.rows()).unwrap_or_default(),
        stage_pause: session.staging.pause.unwrap_or_default(),
        answers: known_answers(session, settings.runs.as_ref()),
    }
}

impl CheckedRun {
    /// Makes the plan of the run.
    pub(crate) fn plan<'a>(&'a self, settings: &'a RunSettings, machine: &Machine) -> Plan<'a> {
        plan_of(settings, &self.credentials, &self.read.from, machine)
    }

    /// Creates the run: its journal, its reports, its folder with its name, and its first
    /// session, in this order, so that a crash leaves nothing that is not known. `forecast` is
    /// what its plan foresees.
    pub(crate) fn create(
        self,
        settings: &RunSettings,
        flags: &SavedFlags,
        forecast: Option<Forecast>,
        machine: &Machine,
    ) -> Result<NewRun, SessionError> {
        let Self { id, pending, read, .. } = self;
        let zone = zone::zone_name(machine.now());
        let mut journal = None;
        if let Some(pending) = &pending {
            flags.write(pending.folder())?;
            let about = about(settings, &read, &id, zone.clone());
            journal = Some(machine.create_journal(&pending.folder().journal(), &about)?);
        }
        let reports = open_reports(settings, &read, pending.as_ref(), &zone, machine)?;
        if let Some(mut journal) = journal {
            // Before the run has its name, so that no crash leaves a report that is not known.
            let begun: Vec<_> = reports.iter().filter_map(OpenReport::begun).collect();
            journal.begin_reports(FIRST_SESSION, &begun, machine.now())?;
            journal.close()?;
        }
        let named_reports = match (&pending, settings.session.outputs.is_empty()) {
            (Some(pending), true) => vec![pending.future().report()],
            _ => settings.session.outputs.clone(),
        };
        let (expected, all) = (read.from.expected(), read.from.rows());
        let begun = begin(pending, &settings.session, machine)?;
        let (folder, journal, lock) = match begun {
            None => (None, None, None),
            Some((folder, journal, lock)) => (Some(folder), Some(journal), lock),
        };
        let work = Work {
            run: id,
            session: FIRST_SESSION,
            source: read.from.kind(),
            rows: first_plan(read.opened.rows, expected),
            all,
            agreed_to: None,
            forecast,
            keeping: journal.map(|journal| RunJournal { journal, copied: read.tee }),
            reports,
        };
        Ok(NewRun { work, folder, reports: named_reports, lock })
    }
}

fn about(settings: &RunSettings, read: &InputRead, id: &RunId, zone: String) -> About {
    About {
        id: id.clone(),
        name: settings.name.as_ref().map(|(name, _)| name.to_string()),
        input_name: settings.input.name(),
        input_format: settings.input.format.to_string(),
        source: match read.from {
            Source::File(_) => InputSource::File,
            Source::Stream => InputSource::Stream,
        },
        columns: read.opened.columns.clone(),
        zone,
        rows: read.from.rows(),
        copy: read.copy.clone().map(|(bytes, sha256)| Copied { bytes, sha256 }),
        input: match read.from {
            Source::File(_) => InputState::Ended,
            Source::Stream => InputState::Incomplete,
        },
        agreed_to: None,
    }
}

/// Plans all rows of an input of which nothing is settled.
fn first_plan(rows: InputRows, expected: Option<u64>) -> PlannedRows {
    Box::new(resume::plan::<InputError>(rows, expected, Lines::default(), Doubts::new()))
}

/// Opens the reports that were named, or the one in the run's folder.
fn open_reports(
    settings: &RunSettings,
    read: &InputRead,
    pending: Option<&PendingRun>,
    zone: &str,
    machine: &Machine,
) -> Result<Vec<OpenReport>, SessionError> {
    let Settings { outputs, existing, .. } = &settings.session;
    let own = pending.map(|pending| pending.folder().report()).filter(|_| outputs.is_empty());
    let outputs = own.map_or_else(|| outputs.clone(), |own| vec![own]);
    let existing = |_: &Path| Ok(*existing);
    let input = Some(&settings.input);
    let destinations = reports::destinations(
        input,
        &outputs,
        existing,
        Placement::InPlace,
        &machine.streams.output,
    )?;
    let beside = if pending.is_some() { Beside::Journal } else { Beside::Nothing };
    let columns = &read.opened.columns;
    let mut reports = reports::begin(destinations, columns, &zone::zone(zone), beside)?;
    if let Some(pending) = pending {
        for report in &mut reports {
            report.folder_renamed(&pending.folder().path, &pending.future().path);
        }
    }
    Ok(reports)
}

type Begun = (RunDir, Journal, Option<Lock>);

/// Gives the run its name, and begins its first session.
fn begin(
    pending: Option<PendingRun>,
    settings: &Settings,
    machine: &Machine,
) -> Result<Option<Begun>, SessionError> {
    let Some(pending) = pending else { return Ok(None) };
    let (folder, lock) = pending.commit()?;
    let mut journal = Journal::open(&folder.journal())?;
    (machine.journal_opened)(&mut journal);
    let opening = Opening {
        at: machine.clocks.read(),
        target: &settings.server.target.to_string(),
        reopens: None,
        waits_until: settings.timing.window.start,
    };
    if let Err(error) = journal.begin(&opening, &Doubts::new()) {
        // Nothing was sent, so nothing is worth keeping.
        drop(folder.remove());
        return Err(error.into());
    }
    Ok(Some((folder, journal, lock)))
}

impl Refusal for UnexpectedRows {}
