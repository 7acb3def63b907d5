//! `bk-launch doctor`: look at all that a run would need here.

use std::ffi::OsString;
use std::io::Write;

use clap::ArgMatches;
use jiff::Timestamp;

use super::command_error::CommandError;
use super::outside;
use super::settings::{self, ServerParts, SettingsError, state_folder};
use super::stdout::stdout;
use crate::api::LegacyGet;
use crate::args::doctor::DoctorArgs;
use crate::args::run::{InputArgs, RowArgs, RunArgs};
use crate::args::session::SessionArgs;
use crate::args::{self, Command};
use crate::config::file;
use crate::config::flag_values::{FlagValue, flag_values};
use crate::config::profile::{self, Profile};
use crate::config::profiles::{UnchosenProfiles, unchosen};
use crate::doctor::{self, Area, Finding, ServerLook};
use crate::domain::count::counted;
use crate::domain::request_id::RunId;
use crate::rules::sample::SampledRow;
use crate::session::credentials::{Environment, Search};
use crate::session::exit::Exit;
use crate::session::input::{OnInvalid, Source};
use crate::text::doctor::DoctorPage;
use crate::text::settings::SettingList;

/// Runs the command, which was typed as `words`: its flags are those of a `run`.
pub(crate) fn run(args: &DoctorArgs, words: &[OsString]) -> Result<Exit, CommandError> {
    let variables = |name: &str| std::env::var(name).ok();
    let mut findings = Vec::new();
    let typed = words.iter().take(1).cloned().chain(["run".into()]);
    let typed: Vec<_> = typed.chain(words.iter().skip(2).cloned()).collect();
    let mut as_run = parse(typed.clone())?;
    let typed_matches = as_run.1.clone();
    let mut profile = match file::load(&args.config, &variables) {
        Ok(profile) => profile,
        Err(error) => {
            findings.push(Finding::error(Area::Settings, "profile", error.to_string()));
            None
        }
    };
    match profile.as_mut().map(|profile| with_profile(profile, &typed_matches, &typed)) {
        Some(Ok(with_profile)) => as_run = with_profile,
        Some(Err(error)) => {
            findings.push(Finding::error(Area::Settings, "profile", error.to_string()));
        }
        None => {}
    }
    let (run, matches) = as_run;
    let is_told = profile.is_none() && !findings.is_empty();
    let environment = |name: &str| profile::variable(profile.as_ref(), name, &variables);
    let legacy_get = if run.session.confirmation.esb_legacy_get {
        LegacyGet::Allowed
    } else {
        LegacyGet::Forbidden
    };
    let RunArgs { input, rows, session, cron: _, no_journal: _ } = run;
    let rows = some_rows(input, rows, &mut findings);
    let (found, missing) = examine(session, rows, legacy_get, &variables, &environment)?;
    findings.extend(found);
    if !is_told {
        let unchosen = || unchosen(&args.config, &variables);
        findings.insert(0, profile_finding(profile.as_ref(), unchosen, missing));
    }
    let exit = doctor::exit(&findings);
    let mut flags = flag_values(&matches, &typed_matches, profile.as_ref());
    flags.retain(FlagValue::is_set);
    let settings = SettingList { flags: &flags, variables: &settings::set_variables() };
    let page = DoctorPage { settings, findings: &findings, exit };
    if args.json {
        writeln!(stdout(), "{}", page.json())?;
    } else {
        write!(stdout(), "{}", page.text())?;
    }
    Ok(exit)
}

fn parse(words: Vec<OsString>) -> Result<(RunArgs, ArgMatches), CommandError> {
    match args::parse(words)? {
        (Command::Run(args), matches) => Ok((*args, matches)),
        _ => Err("the flags are not those of a run".into()),
    }
}

/// Returns the flags that were typed, with those of a profile where nothing was typed.
fn with_profile(
    profile: &mut Profile,
    typed: &ArgMatches,
    words: &[OsString],
) -> Result<(RunArgs, ArgMatches), CommandError> {
    let words = profile.with_words(typed, words, &|name| std::env::var(name).ok());
    match args::parse(words).map_err(|error| profile.fault(&error))? {
        (Command::Run(args), matches) => Ok((*args, matches)),
        _ => Err(format!("{profile} makes another command of this one").into()),
    }
}

/// Whether a server or credentials are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Missing {
    Nothing,
    Something,
}

/// Says which profile is used. If there are some and none is, that is a warning only where one of
/// them may give what is missing.
fn profile_finding(
    profile: Option<&Profile>,
    unchosen: impl FnOnce() -> Option<UnchosenProfiles>,
    missing: Missing,
) -> Finding {
    let says = match (profile, unchosen()) {
        (Some(profile), _) => profile.to_string(),
        (None, None) => "none is used".into(),
        (None, Some(profiles)) if missing == Missing::Something => {
            return Finding::warning(Area::Settings, "profile", profiles.to_string());
        }
        (None, Some(profiles)) => profiles.to_string(),
    };
    Finding::ok(Area::Settings, "profile", says)
}

/// Returns some rows of the input, if there is one that can be read.
fn some_rows(
    input: InputArgs,
    rows: RowArgs,
    findings: &mut Vec<Finding>,
) -> Option<Vec<SampledRow>> {
    input.input.as_ref()?;
    let (found, rows) = match sample(input, rows) {
        Ok((found, rows)) => (found, Some(rows)),
        Err(error) => (Finding::error(Area::Settings, "input", error.to_string()), None),
    };
    findings.push(found);
    rows
}

fn sample(input: InputArgs, rows: RowArgs) -> Result<(Finding, Vec<SampledRow>), CommandError> {
    let InputArgs { input, format, on_invalid: _ } = input;
    let input = settings::input_of(input, format, rows.selection()?)?;
    let source = Source::look_through(&input, OnInvalid::Skip)?;
    let Some(checked) = source.file() else {
        return Err("INPUT must be a file: a pipe could not be launched after a look at it".into());
    };
    let (name, rows) = (input.name(), checked.sample.rows());
    if rows.is_empty() {
        return Err(format!("{name} has no row that can be launched").into());
    }
    let says = format!("{name}: {}", counted(checked.rows, "row", "rows"));
    let found = match checked.bad {
        0 => Finding::ok(Area::Settings, "input", says),
        bad => Finding::warning(
            Area::Settings,
            "input",
            format!("{says}, of which {bad} cannot be used"),
        )
        .with_advice("bk-launch run --dry-run names them; --on-invalid skip starts the others"),
    };
    Ok((found, rows))
}

/// Looks at credentials, server and machine. `variables` is the environment alone, `environment`
/// that with the profile.
fn examine(
    session: SessionArgs,
    rows: Option<Vec<SampledRow>>,
    legacy_get: LegacyGet,
    variables: Environment<'_>,
    environment: Environment<'_>,
) -> Result<(Vec<Finding>, Missing), CommandError> {
    let ServerParts { target, secrets } = settings::parts(session.server, environment);
    let search = Search::of(secrets, environment);
    let (mut findings, credentials) = doctor::credentials(&search, variables);
    let has_all = search.is_complete() && !matches!(target, Err(SettingsError::NoTarget));
    let missing = if has_all { Missing::Nothing } else { Missing::Something };
    let state = state_folder(session.state, environment);
    let mut error = |name, error: &dyn std::fmt::Display| {
        findings.push(Finding::error(Area::Settings, name, error.to_string()));
    };
    if let Err(wrong) = &target {
        error("server", wrong);
    }
    if let Err(wrong) = &state {
        error("state folder", wrong);
    }
    let target = target.ok();
    if let Some((target, http_options)) = &target {
        findings.push(Finding::ok(Area::Settings, "server", target.to_string()));
        let now = Timestamp::now;
        let run = RunId::new(now(), fastrand::u32(..));
        let look =
            ServerLook { target, http_options, legacy_get, credentials, rows, run, now: &now };
        let runtime = outside::runtime()?;
        findings.extend(runtime.block_on(look.look()));
        runtime.shutdown_background();
    } else {
        findings.extend(doctor::nothing_asked("no server is named"));
    }
    let server = target.as_ref().map(|(target, _)| target);
    let state = state.ok();
    let concurrency = session.limits.concurrency;
    findings.extend(doctor::machine(state.as_deref(), concurrency, server, variables));
    Ok((findings, missing))
}
