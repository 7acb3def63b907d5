//! What is needed, from what was typed and from the environment.
//!
//! Flags are taken apart without `..`, so that a new flag breaks the compile
//! where it must be handled. The environment is handed in.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use thiserror::Error;

use super::args::{
    AgainArgs, AlreadyStartedArg, CertaintyArgs, CronArgs, GateArgs, InputArgs, LookArgs,
    LooksArgs, MuchArgs, OnInvalid, OutputArgs, ProgressArg, ResumeArgs, RowsExpected, RunArgs,
    ServerArgs, StageArgs, StateArgs, WatchArgs, WindowArgs,
};
use super::credentials::{CredentialError, Environment, Files, Origin};
use super::logs::LogFormat;
use super::staging::Staging;
use super::timing::Timing;
use super::watch::{UrlTyped, Watch};
use crate::api::base_url::TargetError;
use crate::api::esb::Esb;
use crate::api::gateway::Gateway;
use crate::api::target::Target;
use crate::api::{Identity, LegacyGet, Reach};
use crate::domain::record::AlreadyStarted;
use crate::input;
use crate::launch::{Certainty, Lookup, Options};
use crate::limiter::Limits;
use crate::monitor::progress;
use crate::report::IfExists;
use crate::rules::budget::Base;
use crate::rules::retry::Policy;
use crate::rules::window::WindowError;
use crate::store::{RunName, RunStore};

const ESB_VARIABLE: &str = "BK_COMPONENT_API_URL";
const GATEWAY_VARIABLE: &str = "BK_API_URL_TMPL";
const STATE_VARIABLE: &str = "BK_LAUNCH_STATE";

/// The variables that are read.
pub(super) fn variables() -> impl Iterator<Item = &'static str> {
    [ESB_VARIABLE, GATEWAY_VARIABLE, STATE_VARIABLE]
        .into_iter()
        .chain(super::credentials::variables())
        .chain(super::watch::VARIABLES)
}

/// Those of them that are set.
pub(super) fn set_variables() -> Vec<&'static str> {
    variables().filter(|name| std::env::var_os(name).is_some()).collect()
}

/// The flag, and its value, that the environment stands for where no flag names the
/// server.
pub(super) fn target_of_environment(
    environment: Environment<'_>,
) -> Option<(&'static str, String)> {
    let variable = |name| environment(name).filter(|value| !value.trim().is_empty());
    let esb = variable(ESB_VARIABLE).map(|url| ("esb", url));
    esb.or_else(|| variable(GATEWAY_VARIABLE).map(|template| ("gateway", template)))
}

/// The servers' own timeouts plus 5 s (FACTS.md section 1, no. 11), so that
/// it is they who give up, and say so.
const ESB_TIMEOUT: Duration = Duration::from_secs(35);
const GATEWAY_TIMEOUT: Duration = Duration::from_secs(125);

/// Everything that `run` needs to know.
pub(super) struct RunSettings {
    /// Where rows come from.
    pub input: Input,
    /// What to do with a file that holds rows that cannot be used.
    pub on_invalid: OnInvalid,
    /// Where the run is kept, if it is.
    pub runs: Option<RunStore>,
    /// What people call it, and where the lock of that name is.
    pub name: Option<(RunName, RunStore)>,
    /// How many rows it must have.
    pub expect_rows: Option<RowsExpected>,
    /// The settings of its first session.
    pub session: Settings,
}

/// Everything that a session needs to know.
pub(super) struct Settings {
    /// What was chosen about the launch.
    pub options: Options,
    /// What is done before, or in place of, a launch.
    pub look: Look,
    /// Whether a GET may have the credentials in its query.
    pub legacy_get: LegacyGet,
    /// The reports that were named; `-` is standard output.
    pub outputs: Vec<PathBuf>,
    /// What to do with one that is there already.
    pub existing: IfExists,
    /// When requests may leave.
    pub timing: Timing,
    /// In which stages.
    pub staging: Staging,
    /// Who is told how it goes and ends.
    pub watch: Watch,
    /// How the summary is told.
    pub summary: SummaryForm,
    /// The server.
    pub target: Target,
    /// Where it is found who calls it.
    pub credentials: Origin,
    /// How it is reached.
    pub reach: Reach,
    /// How progress is shown.
    pub progress: progress::ProgressMode,
    /// How much is logged: the number of `-v`.
    pub verbosity: u8,
    /// How logs are written.
    pub log_format: LogFormat,
}

/// Whether people are told things at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Voice {
    /// They are.
    Open,
    /// All is held back, and told at the end if the exit code is not 0.
    HeldBack,
}

/// What a run is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// Launch.
    None,
    /// Tell what would happen.
    DryRun,
    /// Ask for the state of the first task.
    Check,
}

/// How the summary is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SummaryForm {
    /// To people, on standard error.
    Text,
    /// To programs too, on standard output.
    Json,
}

impl From<bool> for Voice {
    fn from(quiet: bool) -> Self {
        if quiet { Self::HeldBack } else { Self::Open }
    }
}

impl From<bool> for SummaryForm {
    fn from(json: bool) -> Self {
        if json { Self::Json } else { Self::Text }
    }
}

/// Where rows come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Input {
    /// A file.
    File(PathBuf, input::Format),
    /// Standard input.
    Stdin(input::Format),
}

impl Input {
    /// What it is called.
    pub(super) fn name(&self) -> String {
        match self {
            Self::File(path, _) => path.display().to_string(),
            Self::Stdin(_) => "standard input".into(),
        }
    }

    /// How it is written.
    pub(super) const fn format(&self) -> input::Format {
        match self {
            Self::File(_, format) | Self::Stdin(format) => *format,
        }
    }
}

impl RunSettings {
    /// The settings of `bk-launch run`.
    ///
    /// # Errors
    ///
    /// Where something is missing, or contradicts something else.
    pub(super) fn new(args: RunArgs, environment: Environment<'_>) -> Result<Self, SettingsError> {
        let RunArgs {
            input,
            much,
            look,
            output,
            server,
            limiter,
            again,
            certainty,
            window,
            stages,
            cron,
            watch,
            looks,
            config: _,
            state,
            no_journal,
        } = args;
        let CronArgs { name, expect_rows } = cron;
        let InputArgs { input, format, on_invalid } = input;
        let parts = Parts {
            much,
            look,
            output,
            server,
            limiter,
            again,
            certainty,
            window,
            stages,
            watch,
            looks,
        };
        let session = Settings::new(parts, environment)?;
        let needs_output = no_journal && session.outputs.is_empty();
        if needs_output && session.look == Look::None {
            return Err(SettingsError::NoOutput);
        }
        let input = input_settings(input, format)?;
        if expect_rows.is_some() && matches!(input, Input::Stdin(_)) {
            return Err(SettingsError::ExpectOfStdin);
        }
        if matches!(input, Input::Stdin(_)) {
            session.staging.ends(None)?;
        }
        let name = match name {
            Some(name) => Some((name, runs(state.clone(), environment)?)),
            None => None,
        };
        let runs = if no_journal { None } else { Some(runs(state, environment)?) };
        Ok(Self { input, on_invalid, runs, name, expect_rows, session })
    }
}

/// Where runs are kept.
///
/// # Errors
///
/// Where no place is known.
pub(super) fn runs(
    state: StateArgs,
    environment: Environment<'_>,
) -> Result<RunStore, SettingsError> {
    let StateArgs { state_dir } = state;
    let variable = |name| environment(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let of_user = || {
        let state = variable("XDG_STATE_HOME").filter(|path| path.is_absolute());
        let home = || std::env::home_dir().map(|home| home.join(".local/state"));
        state.or_else(home).map(|state| state.join("bk-launch"))
    };
    let state = state_dir.or_else(|| variable(STATE_VARIABLE)).or_else(of_user);
    let state = state.ok_or(SettingsError::NoState)?;
    Ok(RunStore::of(&std::path::absolute(&state).unwrap_or(state)))
}

/// The flags that `run` and `resume` have in common.
struct Parts {
    much: MuchArgs,
    look: LookArgs,
    output: OutputArgs,
    server: ServerArgs,
    limiter: GateArgs,
    again: AgainArgs,
    certainty: CertaintyArgs,
    window: WindowArgs,
    stages: StageArgs,
    watch: WatchArgs,
    looks: LooksArgs,
}

impl Settings {
    /// The settings of `bk-launch resume`, once those of its run are among `args`.
    ///
    /// # Errors
    ///
    /// Where something is missing, or contradicts something else.
    pub(super) fn resumed(
        args: ResumeArgs,
        environment: Environment<'_>,
    ) -> Result<Self, SettingsError> {
        let ResumeArgs {
            run: _,
            retry_failed: _,
            target_changed: _,
            much,
            look,
            output,
            server,
            limiter,
            again,
            certainty,
            window,
            stages,
            watch,
            looks,
            config: _,
            state: _,
        } = args;
        let parts = Parts {
            much,
            look,
            output,
            server,
            limiter,
            again,
            certainty,
            window,
            stages,
            watch,
            looks,
        };
        Self::new(parts, environment)
    }

    fn new(parts: Parts, environment: Environment<'_>) -> Result<Self, SettingsError> {
        let Parts {
            much,
            look,
            output,
            server,
            limiter,
            again,
            certainty,
            window,
            stages,
            watch,
            looks,
        } = parts;
        let LooksArgs { progress, quiet, verbose, log_format } = looks;
        let MuchArgs { limit } = much;
        let LookArgs { dry_run, check } = look;
        let CertaintyArgs { confirm, lookup, esb_legacy_get } = certainty;
        let OutputArgs { outputs, force, json } = output;
        let voice = Voice::from(quiet);
        let summary = SummaryForm::from(json);
        check_outputs(&outputs, summary)?;
        let Server { target, reach, credentials } = self::server(server, environment)?;
        let GateArgs { rate, burst, rate_per_biz, concurrency, concurrency_per_biz, lookahead } =
            limiter;
        let AgainArgs {
            retries,
            backoff,
            throttle_patience,
            outage_patience,
            max_failures,
            already_started,
        } = again;
        Ok(Self {
            options: Options {
                limit,
                lookahead,
                limits: Limits {
                    rate,
                    burst,
                    rate_per_biz,
                    slots: concurrency,
                    slots_per_biz: concurrency_per_biz,
                    backoff,
                    throttle_patience,
                    budget: max_failures.map(|budget| (budget, Base::Settled)),
                },
                policy: Policy { retries },
                outage_patience,
                certainty: Certainty {
                    confirm: confirm.filter(|timeout| !timeout.is_zero()),
                    lookup: if lookup { Lookup::Links } else { Lookup::Nothing },
                },
                already_started: already_started.into(),
            },
            staging: Staging::new(stages)?,
            timing: Timing::new(window, Timestamp::now(), fastrand::f64())?,
            look: match (dry_run, check) {
                (true, _) => Look::DryRun,
                (false, true) => Look::Check,
                (false, false) => Look::None,
            },
            legacy_get: if esb_legacy_get { LegacyGet::Allowed } else { LegacyGet::Forbidden },
            watch: Watch::new(watch, environment)?,
            outputs,
            existing: if force { IfExists::Overwrite } else { IfExists::Refuse },
            summary,
            target,
            credentials,
            reach,
            progress: self::look(progress, voice),
            verbosity: verbose,
            log_format,
        })
    }
}

impl From<AlreadyStartedArg> for AlreadyStarted {
    fn from(arg: AlreadyStartedArg) -> Self {
        match arg {
            AlreadyStartedArg::Ok => Self::Ok,
            AlreadyStartedArg::Fail => Self::Fail,
        }
    }
}

/// A bar needs a terminal that can move its cursor.
pub(super) fn look(progress: ProgressArg, voice: Voice) -> progress::ProgressMode {
    if voice == Voice::HeldBack {
        return progress::ProgressMode::None;
    }
    let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    let is_terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
    match progress {
        ProgressArg::Auto if is_terminal && !is_dumb => progress::ProgressMode::Bar,
        ProgressArg::Bar => progress::ProgressMode::Bar,
        ProgressArg::Auto | ProgressArg::Plain => progress::ProgressMode::Plain,
        ProgressArg::None => progress::ProgressMode::None,
    }
}

/// Two reports in one file would destroy each other, and so would a report and
/// the summary on standard output.
pub(super) fn check_outputs(
    outputs: &[PathBuf],
    summary: SummaryForm,
) -> Result<(), SettingsError> {
    let absolute = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
    for (at, output) in outputs.iter().enumerate() {
        if outputs[..at].iter().any(|other| absolute(other) == absolute(output)) {
            return Err(SettingsError::SameOutput(output.clone()));
        }
        if summary == SummaryForm::Json && output.as_os_str() == "-" {
            return Err(SettingsError::TwoOnStdout);
        }
    }
    Ok(())
}

fn input_settings(
    input: Option<PathBuf>,
    format: Option<input::Format>,
) -> Result<Input, SettingsError> {
    match input {
        Some(path) if path.as_os_str() != "-" => {
            let format = match format {
                Some(format) => format,
                None => input::Format::of_path(&path)?,
            };
            Ok(Input::File(path, format))
        }
        None if std::io::IsTerminal::is_terminal(&std::io::stdin()) => Err(SettingsError::NoInput),
        _ => Ok(Input::Stdin(format.unwrap_or(input::Format::Csv))),
    }
}

/// A server, how it is reached, and who calls it.
pub(super) struct Server {
    /// The server.
    pub target: Target,
    /// How it is reached.
    pub reach: Reach,
    /// Where it is found who calls it.
    pub credentials: Origin,
}

/// The server that flags or the environment name.
pub(super) fn server(
    server: ServerArgs,
    environment: Environment<'_>,
) -> Result<Server, SettingsError> {
    let ServerArgs {
        esb,
        gateway,
        gateway_stage,
        app_secret_file,
        token_file,
        cacert,
        insecure,
        timeout,
        connect_timeout,
    } = server;
    let variable = |name| environment(name).filter(|value| !value.trim().is_empty());
    let as_esb = |source, url: &str| match Esb::new(url) {
        Ok(esb) => Ok(Target::Esb(esb)),
        Err(error) => Err(SettingsError::Target { source_name: source, error }),
    };
    let as_gateway = |source, template: &str| match Gateway::new(template, &gateway_stage) {
        Ok(gateway) => Ok(Target::Gateway(gateway)),
        Err(TargetError::Stage) => {
            Err(SettingsError::Target { source_name: "--gateway-stage", error: TargetError::Stage })
        }
        Err(error) => Err(SettingsError::Target { source_name: source, error }),
    };
    let target = match (esb, gateway) {
        (Some(url), _) => as_esb("--esb", &url)?,
        (None, Some(template)) => as_gateway("--gateway", &template)?,
        (None, None) => match (variable(ESB_VARIABLE), variable(GATEWAY_VARIABLE)) {
            (Some(url), None) => as_esb(ESB_VARIABLE, &url)?,
            (None, Some(template)) => as_gateway(GATEWAY_VARIABLE, &template)?,
            (Some(_), Some(_)) => return Err(SettingsError::TwoTargets),
            (None, None) => return Err(SettingsError::NoTarget),
        },
    };
    let own_timeout = match target {
        Target::Esb(_) => ESB_TIMEOUT,
        Target::Gateway(_) => GATEWAY_TIMEOUT,
    };
    let reach = Reach {
        timeout: timeout.unwrap_or(own_timeout),
        connect_timeout,
        cacert,
        identity: if insecure { Identity::AnyCertificate } else { Identity::Proven },
    };
    let files = Files { app_secret: app_secret_file, token: token_file };
    let credentials = Origin::find(files, environment)?;
    Ok(Server { target, reach, credentials })
}

/// The settings do not hold together.
#[derive(Debug, Error)]
pub(super) enum SettingsError {
    /// No INPUT, and nobody pipes anything in.
    #[error("no INPUT: name a file of rows, or pipe rows into standard input")]
    NoInput,
    /// A report that is named twice.
    #[error("--output {} is given twice; name each report once", .0.display())]
    SameOutput(PathBuf),
    /// Two things for standard output.
    #[error("--json and --output - both want standard output; give the report a file")]
    TwoOnStdout,
    /// A window that is none.
    #[error("{flag}: {error}")]
    Window {
        /// The flag.
        flag: &'static str,
        /// What is wrong.
        error: WindowError,
    },
    /// No place for a report.
    #[error("with --no-journal there is no run's folder for a report; name one with -o FILE")]
    NoOutput,
    /// Of a stream, nobody knows shares.
    #[error("--stages with percentages needs a file: nobody knows how long standard input will be")]
    SharesOfStdin,
    /// No terminal.
    #[error("--stage-ask needs a terminal to ask on (/dev/tty), and there is none")]
    NobodyToAsk,
    /// A stream cannot be counted before.
    #[error("--expect-rows needs a file: standard input cannot be counted before it is launched")]
    ExpectOfStdin,
    /// No place for the run.
    #[error("no place to keep the run in: set HOME, or name one with --state-dir")]
    NoState,
    /// The input's form.
    #[error(transparent)]
    Input(#[from] input::InputError),
    /// No server.
    #[error(
        "no server: give --esb URL or --gateway TEMPLATE, or set {ESB_VARIABLE} or {GATEWAY_VARIABLE}"
    )]
    NoTarget,
    /// Two servers.
    #[error(
        "{ESB_VARIABLE} and {GATEWAY_VARIABLE} are both set, and only one can be meant: \
         give --esb or --gateway, or unset one of them"
    )]
    TwoTargets,
    /// A URL that is none.
    #[error("{source_name}: {error}")]
    Target {
        /// The flag or variable.
        source_name: &'static str,
        /// What is wrong.
        error: TargetError,
    },
    /// A secret on the command line.
    #[error(transparent)]
    UrlTyped(#[from] UrlTyped),
    /// Credentials that cannot be had.
    #[error(transparent)]
    Credentials(#[from] CredentialError),
}

#[cfg(test)]
mod tests {
    use super::super::args::{Cli, Command};
    use super::*;
    use clap::Parser;

    const WHO: [(&str, &str); 3] =
        [("BK_APP_CODE", "app"), ("BK_APP_SECRET", "s3cret"), ("BK_TOKEN", "t0ken")];

    fn settings(flags: &[&str], variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        let words = ["bk-launch", "run", "tasks.csv", "-o", "r.csv"];
        let cli = Cli::try_parse_from(words.iter().chain(flags)).unwrap();
        let Command::Run(args) = cli.command else { panic!("run was typed") };
        let args = RunArgs { state: StateArgs { state_dir: Some("state".into()) }, ..*args };
        let find = |name: &str| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        };
        RunSettings::new(args, &find).map(|run| run.session)
    }

    fn with(more: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
        WHO.into_iter().chain(more.iter().copied()).collect()
    }

    fn target(flags: &[&str], more: &[(&'static str, &'static str)]) -> String {
        match settings(flags, &with(more)) {
            Ok(settings) => settings.target.to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_flag_beats_both_variables() {
        let esb = ("BK_COMPONENT_API_URL", "http://esb");
        let gateway = ("BK_API_URL_TMPL", "http://gw/{gateway_name}");
        assert!(target(&[], &[esb]).starts_with("http://esb/"));
        assert!(target(&[], &[gateway]).starts_with("http://gw/bk-sops/prod/"));
        assert!(target(&["--esb", "http://flag"], &[esb, gateway]).starts_with("http://flag/"));
        assert!(target(&["--gateway", "http://flag"], &[esb]).starts_with("http://flag/prod/"));
        let both = target(&[], &[esb, gateway]);
        assert!(both.contains("BK_COMPONENT_API_URL and BK_API_URL_TMPL"), "{both}");
        assert!(target(&[], &[]).contains("--esb URL or --gateway TEMPLATE"));
    }

    #[test]
    fn an_error_names_the_flag_or_variable_and_no_secret() {
        assert!(target(&["--esb", "paas"], &[]).starts_with("--esb: not a URL"));
        let error = target(&[], &[("BK_COMPONENT_API_URL", "http://me:pa55@h")]);
        assert!(error.starts_with("BK_COMPONENT_API_URL: "), "{error}");
        assert!(!error.contains("pa55"), "{error}");
        assert!(
            target(&["--gateway", "http://h", "--gateway-stage", "a/b"], &[])
                .starts_with("--gateway-stage: ")
        );
    }

    #[test]
    fn timeouts_are_the_servers_own_plus_five_seconds() {
        let timeout = |flags: &[&str]| settings(flags, &WHO).ok().unwrap().reach.timeout.as_secs();
        assert_eq!(timeout(&["--esb", "http://h"]), 35);
        assert_eq!(timeout(&["--gateway", "http://h"]), 125);
        assert_eq!(timeout(&["--esb", "http://h", "--timeout", "7s"]), 7);
    }
}
