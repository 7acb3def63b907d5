//! `bk-launch run`: launch a list of tasks, or look at what that would be.

use std::ffi::OsString;
use std::io::Write;
use std::rc::Rc;
use std::sync::Arc;

use clap::ArgMatches;

use super::check::CheckError;
use super::command_error::CommandError;
use super::drive::{EndOutputs, Face, Session};
use super::monitoring::{Monitoring, Monitors};
use super::notice::defer;
use super::outside::{NoticeSink, Outside};
use super::settings::{ForWhat, Moment};
use super::{check, drive, logs, settings, warnings};
use crate::args::run::RunArgs;
use crate::args::session::Preview;
use crate::args::{self, Command};
use crate::config::flag_values::flag_values;
use crate::config::profile::{self, Profile};
use crate::config::profiles::unchosen;
use crate::config::variables::target_of_environment;
use crate::config::{file, saved_flags};
use crate::domain::count::counted;
use crate::launch::Ended;
use crate::monitor::console;
use crate::session::credentials::Environment;
use crate::session::exit::Exit;
use crate::session::find::left_behind;
use crate::session::input::Source;
use crate::session::lock::lock_name;
use crate::session::plan::Plan;
use crate::session::run_state::RunSummary;
use crate::session::settings::RunSettings;
use crate::session::start::{self, FIRST_SESSION};
use crate::store::{Lock, RunDir, SavedFlags};
use crate::text::fold::folded;
use crate::text::location::RunLocation;
use crate::text::plan::PlanText;
use crate::text::settings::SettingList;
use crate::text::summary::SummaryContext;

/// Runs the command; `matches` tell where each setting comes from.
pub(crate) fn run(
    typed: RunArgs,
    matches: &ArgMatches,
    mut outside: Outside,
) -> Result<Exit, CommandError> {
    let variables = Rc::clone(&outside.variables);
    let mut profile = file::load(&typed.session.config, &*variables)?;
    let typed_matches = matches;
    let (args, matches) = match &mut profile {
        None => (typed, matches.clone()),
        Some(profile) => with_profile(profile, matches, &outside.words, &*variables)?,
    };
    if args.session.display.quiet {
        defer();
    }
    if let Some(profile) = &profile {
        outside.notices.say(&format_args!("config: {profile}"));
    }
    let environment = |name: &str| profile::variable(profile.as_ref(), name, &*variables);
    if matches!(outside.notices, NoticeSink::Console) {
        logs::begin(args.session.display.log_format, args.session.display.verbose);
    }
    let face = Face::of(&args.session);
    let preview = args.session.preview.kind();
    let monitoring = Monitoring::new(args.session.monitors.clone(), &environment)?;
    settings::check_window(&args.session.window, typed_matches)?;
    let moment = Moment::of(&mut outside.machine);
    let config = args.session.config.clone();
    let settings = settings::of_run(args, ForWhat::of(preview), &environment, moment)
        .map_err(|error| error.or_in(|| unchosen(&config, &*variables)))?;
    match preview {
        Preview::None => {}
        Preview::DryRun => {
            let variables = settings::set_variables();
            let flags = flag_values(&matches, typed_matches, profile.as_ref());
            let list = SettingList { flags: &flags, variables: &variables };
            return dry_run(&settings, list, &outside);
        }
        Preview::Check => return check_input(&settings),
    }
    let target = target_of_environment(&environment);
    let mut flags = saved_flags::keep(&matches, target, profile.as_ref());
    flags.note_session(FIRST_SESSION, saved_flags::of_session(&matches));
    let name = settings.name.as_ref().map(|(name, _)| name.to_string());
    // Held until monitors were told: no other launch of this name says anything to them meanwhile.
    let mut name_lock = None;
    monitoring.around(name.as_deref(), |monitors| {
        if let Some((name, runs)) = &settings.name {
            name_lock = Some(lock_name(runs, name, outside.machine.now())?);
        }
        monitors.begin();
        let (now, notices) = (outside.machine.now(), outside.notices.clone());
        let stdout = Arc::clone(&outside.machine.streams.output);
        if let Some(missed) = drive::missed(&settings.session.timing, now, &notices) {
            return Ok(missed);
        }
        let (ended, context, lock) = launch(&settings, &flags, &face, monitors, outside)?;
        let outputs = EndOutputs { notices: &notices, stdout: &stdout };
        let result = drive::finish(ended, &context, face.summary, &outputs);
        // Only now does the journal say how the session ended.
        drop(lock);
        Ok(result)
    })
}

/// Returns the flags that were typed, with those of a profile where nothing was typed.
fn with_profile(
    profile: &mut Profile,
    typed: &ArgMatches,
    words: &[OsString],
    variables: Environment<'_>,
) -> Result<(RunArgs, ArgMatches), CommandError> {
    let words = profile.with_words(typed, words, variables);
    match args::parse(words).map_err(|error| profile.fault(&error))? {
        (Command::Run(args), matches) => Ok((*args, matches)),
        _ => Err(format!("{profile} makes another command of this one").into()),
    }
}

/// Launches what `settings` say: check, plan, create, tell, run. The lock of the run is to be held
/// until its end is noted.
pub(crate) fn launch(
    settings: &RunSettings,
    flags: &SavedFlags,
    face: &Face,
    monitors: Monitors,
    outside: Outside,
) -> Result<(Ended, SummaryContext, Option<Lock>), CommandError> {
    let Outside { mut machine, network, notices, driver, .. } = outside;
    let left_behind =
        settings.name.as_ref().and_then(|(name, runs)| left_behind(runs, name, machine.now()));
    warnings::warn(&settings.session.server, &notices);
    warnings::tell_of_pipe(&settings.input, &notices);
    let checked = start::check(settings, &mut machine)?;
    let plan = checked.plan(settings, &machine);
    plan.check_fit()?;
    let line = folded(&PlanText(&plan).to_string());
    let (forecast, hint) = (plan.forecast(), hint(&plan));
    let slots = settings.session.options.limits.slots.get();
    let client = settings.session.server.client(&network, checked.credentials.clone(), slots)?;
    let client = client.rereading(settings.session.server.reread(&machine.executor));
    let run = checked.create(settings, flags, forecast, &machine)?;
    if let Some(last) = left_behind {
        tell_of_last(&last, face.state_dir.clone(), &notices);
    }
    notices.say(&line);
    if let Some(hint) = hint {
        notices.say(&hint);
    }
    let location = run.folder.map(|folder| located(folder, face.state_dir.clone()));
    if let Some(location) = &location {
        notices.say(&location.where_it_is());
    }
    let target = settings.session.server.target.to_string();
    let context = SummaryContext { target, reports: run.reports, location };
    let session =
        Session { settings: &settings.session, client, work: run.work, monitors, face, notices };
    let ended = session.run(driver, &mut machine, &context)?;
    Ok((ended, context, run.lock))
}

const fn located(folder: RunDir, state_dir: Option<OsString>) -> RunLocation {
    RunLocation { folder, state_dir }
}

/// Minimum number of rows for which stages are proposed.
const MIN_FOR_STAGES: u64 = 100;

fn hint(plan: &Plan<'_>) -> Option<&'static str> {
    let is_large = plan.launched().is_some_and(|rows| rows >= MIN_FOR_STAGES);
    (plan.stages.is_empty() && is_large)
        .then_some("hint: --stages 1,10%,100% launches one row, then a tenth, and then the rest")
}

/// Says that the last run of the same name is not finished: its rows may stand in this list, too.
fn tell_of_last(last: &RunSummary, state_dir: Option<OsString>, notices: &NoticeSink) {
    let folder = RunDir { id: last.id.clone(), path: last.folder.clone() };
    let resume = located(folder, state_dir).resume();
    let (id, rows) = (&last.id, counted(last.left(), "row", "rows"));
    notices.say(&format_args!(
        "the last run of this name, {id}, left {rows} pending; {resume} finishes it"
    ));
}

/// Asks the server about a few rows of the input, and starts nothing.
fn check_input(settings: &RunSettings) -> Result<Exit, CommandError> {
    let from = Source::look_through(&settings.input, settings.on_invalid)?;
    let file = from.file().ok_or(CheckError::Stdin)?;
    check::run(&settings.session.server, file.name(), &file.sample)
}

/// Says what a run would do with the settings of `setting_list`, and sends nothing. A stream is read to its end.
fn dry_run(
    settings: &RunSettings,
    setting_list: SettingList<'_>,
    outside: &Outside,
) -> Result<Exit, CommandError> {
    let (server, streams) = (&settings.session.server, &outside.machine.streams);
    warnings::warn(server, &outside.notices);
    warnings::tell_of_pipe(&settings.input, &outside.notices);
    let from = Source::read_through(&settings.input, settings.on_invalid, &streams.input)?;
    start::check_rows(settings.expect_rows, &from)?;
    let credentials = server.credentials.read()?;
    let client = server.client(&outside.network, credentials.clone(), 1)?;
    let first = from.file().and_then(|checked| checked.sample.first());
    let request = first.map(|task| client.show_start(&task));
    let plan = start::plan_of(settings, &credentials, &from, &outside.machine);
    let page = PlanText(&plan).page(setting_list, request.as_deref());
    console::settle();
    write!((streams.output)(), "{page}")?;
    Ok(Exit::Good)
}
