//! `bk-launch run`: launch a list of tasks, or look at what that would be.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;

use clap::{ArgMatches, CommandFactory, FromArgMatches};
use jiff::Timestamp;
use thiserror::Error;

use super::args::{Cli, Command, RowsExpected, RunArgs};
use super::config::Profile;
use super::credentials::Environment;
use super::ending::{Place, Told};
use super::exit::Exit;
use super::files::{self, Beside, Source as From};
use super::plan::{self, Plan, Rows};
use super::run_state::RunSummary;
use super::session::{self, Work};
use super::settings::{Input, Look, RunSettings, Settings, SettingsError};
use super::watch::Monitors;
use super::{Failure, check, config, kept, logs, runs, tell};
use crate::api::Client;
use crate::api::credentials::Credentials;
use crate::domain::clocks::Clocks;
use crate::domain::request_id::RunId;
use crate::domain::row::Columns;
use crate::input::{InputError, NullWords, Rows as InputRows};
use crate::journal::{About, Copied, InputSource, InputState, Journal, Opening};
use crate::launch::{Ended, PlannedRows, RunJournal};
use crate::monitor::console;
use crate::report::{OpenReport, Placement};
use crate::rules::resume::{self, Doubts, Lines};
use crate::store::{Lock, PendingRun, RunDir, RunName, RunStore, SavedFlags};
use crate::system_clocks::SystemClocks;

/// Runs the command; `matches` tell where each setting comes from.
pub(super) fn run(typed: RunArgs, matches: &ArgMatches) -> Result<Exit, Failure> {
    let variables = |name: &str| std::env::var(name).ok();
    let mut profile = config::load(&typed.config, &variables)?;
    let (args, matches) = match &mut profile {
        None => (typed, matches.clone()),
        Some(profile) => with_profile(profile, matches, &variables)?,
    };
    let matches = &matches;
    if args.looks.quiet {
        super::hold_back();
    }
    if let Some(profile) = &profile {
        tell(&format_args!("config: {profile}"));
    }
    let of_profile = |name: &str| profile.as_ref().and_then(|profile| profile.credential(name));
    let environment = |name: &str| variables(name).or_else(|| of_profile(name));
    let state_dir = args.state.state_dir.clone();
    let settings = RunSettings::new(args, &environment)?;
    let Settings { log_format, verbosity, look, summary, .. } = settings.session;
    let mut settings = settings;
    logs::begin(log_format, verbosity);
    match look {
        Look::None => {}
        Look::DryRun => return dry_run(&settings, matches, profile.as_ref()),
        Look::Check => {
            let from = From::look_through(&settings.input, settings.on_invalid)?;
            let file = from.file()?;
            return check::run(settings.session, file.name(), &file.sample);
        }
    }
    let kept = kept::keep(matches, super::settings::target_of_environment(&environment));
    let watch = std::mem::take(&mut settings.session.watch);
    let name = settings.name.as_ref().map(|(name, _)| name.to_string());
    watch.attend(name.as_deref(), |monitors| {
        if let Some(missed) = session::missed(&settings.session.timing) {
            return Ok(missed);
        }
        let (ended, told) = launch(settings, &kept, state_dir.map(OsString::from), monitors)?;
        Ok(session::finish(ended, &told, summary))
    })
}

/// The flags that were typed, with those of a profile where nothing was typed.
fn with_profile(
    profile: &mut Profile,
    typed: &ArgMatches,
    variables: Environment<'_>,
) -> Result<(RunArgs, ArgMatches), Failure> {
    let words: Vec<_> = std::env::args_os().collect();
    let words = profile.with_words(typed, &words, variables);
    let place = profile.to_string();
    let failed = |error: clap::Error| format!("{place}: {error}");
    let matches = Cli::command().try_get_matches_from(words).map_err(failed)?;
    let cli = Cli::from_arg_matches(&matches).map_err(|error| error.to_string())?;
    match (cli.command, matches.subcommand()) {
        (Command::Run(args), Some((_, matches))) => Ok((*args, matches.clone())),
        _ => Err(format!("{place}: cannot be read").into()),
    }
}

/// Number of the session that a new run begins with.
const FIRST_SESSION: u32 = 1;

/// So many rows are better launched in stages.
const MANY: u64 = 100;

/// Launches what `settings` say, from the check of the input to the last record.
pub(super) fn launch(
    settings: RunSettings,
    kept: &SavedFlags,
    state_dir: Option<OsString>,
    monitors: Monitors,
) -> Result<(Ended, Told), Failure> {
    let RunSettings { input, on_invalid, runs, name, expect_rows, session: mut settings } =
        settings;
    let runtime = session::runtime()?;
    let _name_lock = match &name {
        Some((name, runs)) => Some(session::lock_name(runs, name)?),
        None => None,
    };
    let left_behind = name.as_ref().and_then(|(name, runs)| runs::left_behind(runs, name));
    session::warn(&settings);
    let id = RunId::new(Timestamp::now(), fastrand::u32(..));
    let pending = match &runs {
        None => None,
        Some(runs) => {
            files::is_there(&input)?;
            Some(PendingRun::begin(runs, id.clone())?)
        }
    };
    let read = files::read(&input, on_invalid, pending.as_ref())?;
    check_rows(expect_rows, &read.from)?;
    settings.staging.ends(read.from.rows())?;
    let credentials = settings.credentials.read()?;
    let plan = plan_of(&settings, &credentials, (&input, &read.from));
    plan.check_fit()?;
    let line = plan.to_string();
    let planned = plan.expected();
    let is_large = plan.launched().is_some_and(|rows| rows >= MANY);
    let client = session::client(&mut settings, credentials)?;
    let zone = session::zone_name();
    if let Some(pending) = &pending {
        kept.write(pending.folder())?;
        Journal::create(
            &pending.folder().journal(),
            &about(&input, &read, (&id, name.as_ref()), &zone),
        )?;
    }
    let columns = &read.opened.columns;
    let reports = open_reports(&settings, &input, pending.as_ref(), columns, &zone)?;
    let told_reports = match (&pending, settings.outputs.is_empty()) {
        (Some(pending), true) => vec![pending.future().report()],
        _ => settings.outputs.clone(),
    };
    let mut told = Told { target: settings.target.to_string(), reports: told_reports, place: None };
    let expected = read.from.expected();
    let (all, source) = (read.from.rows(), read.from.kind());
    let clocks = SystemClocks::new(fastrand::u128(..));
    let begun = begin(pending, &settings, &clocks)?;
    if let Some(last) = left_behind {
        tell_of_last(&last, state_dir.clone());
    }
    tell(&line);
    if settings.staging.stages.is_none() && is_large {
        tell(&"hint: --stages 1,10%,100% launches one row, then a tenth, and then the rest");
    }
    let keeping = begun.map(|(place, journal, lock)| {
        told.place = Some(Place { state_dir, ..place });
        tell(&told.place.as_ref().map(Place::where_it_is).unwrap_or_default());
        (RunJournal { journal, copied: read.tee }, lock)
    });
    let (keeping, lock) = keeping.unzip();
    let work = Work {
        run: id,
        session: FIRST_SESSION,
        rows: first_plan(read.opened.rows, expected),
        source,
        all,
        settled: 0,
        agreed_to: None,
        planned,
        keeping,
        reports,
        monitors,
        clocks,
    };
    let ended = session::launch(runtime, &settings, client, work, &told)?;
    drop(lock);
    Ok((ended, told))
}

/// Says that the last run of the same name is not finished: its rows may stand in this list, too.
fn tell_of_last(last: &RunSummary, state_dir: Option<OsString>) {
    let folder = RunDir { id: last.id.clone(), path: last.folder.clone() };
    let resume = Place { folder, state_dir }.resume();
    let (id, left) = (&last.id, last.left());
    let rows = if left == 1 { "row" } else { "rows" };
    tell(&format_args!(
        "the last run of this name, {id}, left {left} {rows} pending; {resume} finishes it"
    ));
}

/// What a new run is.
fn about(
    input: &Input,
    read: &files::InputRead,
    (id, name): (&RunId, Option<&(RunName, RunStore)>),
    zone: &str,
) -> About {
    About {
        id: id.clone(),
        name: name.map(|(name, _)| name.to_string()),
        input_name: input.name(),
        input_format: input.format().to_string(),
        source: match read.from {
            From::File(_) => InputSource::File,
            From::Stream => InputSource::Stream,
        },
        columns: read.opened.columns.clone(),
        zone: zone.to_owned(),
        rows: read.from.rows(),
        copy: read.copy.clone().map(|(bytes, sha256)| Copied { bytes, sha256 }),
        input: match read.from {
            From::File(_) => InputState::Ended,
            From::Stream => InputState::Incomplete,
        },
        agreed_to: None,
    }
}

/// All rows of an input of which nothing is settled.
fn first_plan(rows: InputRows, expected: Option<u64>) -> PlannedRows {
    Box::new(resume::plan::<InputError>(rows, expected, Lines::default(), Doubts::new()))
}

/// The reports that were named, or the one in the run's folder.
fn open_reports(
    settings: &Settings,
    input: &Input,
    pending: Option<&PendingRun>,
    columns: &Columns,
    zone: &str,
) -> Result<Vec<OpenReport>, Failure> {
    let own =
        pending.map(|pending| pending.folder().report()).filter(|_| settings.outputs.is_empty());
    let outputs = own.map_or_else(|| settings.outputs.clone(), |own| vec![own]);
    let existing = |_: &Path| Ok(settings.existing);
    let destinations = files::destinations(Some(input), &outputs, existing, Placement::InPlace)?;
    let beside = if pending.is_some() { Beside::Journal } else { Beside::Nothing };
    let mut reports = files::begin(destinations, columns, &session::zone(zone), beside)?;
    if let Some(pending) = pending {
        for report in &mut reports {
            report.folder_renamed(&pending.folder().path, &pending.future().path);
        }
        // Before the run has its name, so that no crash leaves a report that is not known.
        let begun: Vec<_> = reports.iter().filter_map(OpenReport::begun).collect();
        Journal::open(&pending.folder().journal())?.begin_reports(FIRST_SESSION, &begun)?;
    }
    Ok(reports)
}

type Begun = (Place, Journal, Option<Lock>);

/// Gives the run its name, and begins its first session.
fn begin(
    pending: Option<PendingRun>,
    settings: &Settings,
    clocks: &SystemClocks,
) -> Result<Option<Begun>, Failure> {
    let Some(pending) = pending else { return Ok(None) };
    let (folder, lock) = pending.commit()?;
    let mut journal = Journal::open(&folder.journal())?;
    let opening = Opening {
        at: clocks.read(),
        target: &settings.target.to_string(),
        reopens: None,
        waits_until: settings.timing.window.start,
    };
    if let Err(error) = journal.begin(&opening, &Doubts::new()) {
        // Nothing was sent, so nothing is worth keeping.
        drop(folder.remove());
        return Err(error.into());
    }
    Ok(Some((Place { folder, state_dir: None }, journal, lock)))
}

fn plan_of<'a>(
    settings: &'a Settings,
    credentials: &Credentials,
    (input, from): (&Input, &'a From),
) -> Plan<'a> {
    Plan {
        rows: match from {
            From::File(checked) => Rows::Known(checked),
            From::Stream => Rows::Unknown(NullWords::of(input.format())),
        },
        options: &settings.options,
        target: settings.target.to_string(),
        user: plan::user(credentials),
        timing: &settings.timing,
        stages: settings.staging.ends(from.rows()).unwrap_or_default(),
    }
}

/// An export that came out empty or too small starts nothing.
fn check_rows(expected: Option<RowsExpected>, from: &From) -> Result<(), Failure> {
    match (expected, from.rows()) {
        (Some(expected), Some(rows)) if !expected.holds(rows) => {
            Err(UnexpectedRows { rows, expected }.into())
        }
        (Some(_), None) => Err(SettingsError::ExpectOfStdin.into()),
        (None, _) | (Some(_), Some(_)) => Ok(()),
    }
}

#[derive(Debug, Error)]
#[error("the input has {rows} rows, and --expect-rows says {expected}; nothing was started")]
struct UnexpectedRows {
    rows: u64,
    expected: RowsExpected,
}

/// Tells what a run would do, and sends nothing. A stream is read to its end.
fn dry_run(
    settings: &RunSettings,
    matches: &ArgMatches,
    profile: Option<&Profile>,
) -> Result<Exit, Failure> {
    let RunSettings { input, on_invalid, runs: _, name: _, expect_rows, session: settings } =
        settings;
    session::warn(settings);
    let from = From::read_through(input, *on_invalid)?;
    check_rows(*expect_rows, &from)?;
    let credentials = settings.credentials.read()?;
    let client = Client::new(settings.target.clone(), credentials.clone(), &settings.reach, 1)?;
    let request = match &from {
        From::File(checked) => checked.sample.first().map(|task| client.show_start(&task)),
        From::Stream => None,
    };
    let page = plan_of(settings, &credentials, (input, &from)).page(
        &plan::settings(matches, &super::settings::set_variables(), profile),
        request.as_deref(),
    );
    console::settle();
    write!(io::stdout(), "{page}")?;
    Ok(Exit::Good)
}
