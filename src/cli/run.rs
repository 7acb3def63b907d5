//! `bk-launch run`: launch a list of tasks, or look at what that would be.

use std::io::{self, Write};

use clap::ArgMatches;
use jiff::Timestamp;
use tokio::time::Instant;

use super::args::RunArgs;
use super::credentials::Origin;
use super::ending::{self, Told};
use super::exit::Exit;
use super::files::{self, Source as From};
use super::plan::{self, Plan, Rows};
use super::settings::{Look, Settings, SummaryForm, Voice};
use super::{Failure, check, logs, tell};
use crate::api::credentials::Credentials;
use crate::api::{Client, Identity, Reread};
use crate::pipeline::{Clock, Ended, Pipeline, Source};
use crate::progress::Progress;
use crate::request_id::RunId;
use crate::shutdown::{Cause, Shutdown};

/// Runs the command; `matches` tell where each setting comes from.
pub fn run(args: RunArgs, matches: &ArgMatches) -> Result<Exit, Failure> {
    let settings = Settings::new(args, &|name| std::env::var(name).ok())?;
    if settings.voice == Voice::HeldBack {
        super::hold_back();
    }
    logs::begin(settings.log_format, settings.verbosity);
    match settings.look {
        Look::None => {}
        Look::DryRun => return dry_run(&settings, matches),
        Look::Check => return check::run(settings),
    }
    let told = Told { target: settings.target.to_string(), reports: settings.outputs.clone() };
    let summary = settings.summary;
    let ended = launch(settings)?;
    tell(&ending::text(&ended, &told));
    if summary == SummaryForm::Json {
        let mut stdout = io::stdout();
        writeln!(stdout, "{}", ending::json(&ended, &told))?;
    }
    Ok(Exit::of(&ended))
}

/// Launches what `settings` say, from the check of the input to the last record.
pub fn launch(settings: Settings) -> Result<Ended, Failure> {
    warn(&settings);
    let from = From::look_through(&settings.input, settings.on_invalid)?;
    let credentials = settings.credentials.read()?;
    let line = plan_of(&settings, &credentials, &from).to_string();
    let (rows, expected) = match &from {
        From::File(checked) => (Some(checked.rows), Some(checked.launchable())),
        From::Stream => (None, None),
    };
    let slots = settings.limits.slots.get();
    let client = Client::new(settings.target, credentials, &settings.reach, slots)?
        .rereading(reread(settings.credentials));
    let destinations = files::destinations(&settings.input, &settings.outputs, settings.existing)?;
    let opened = from.open(&settings.input)?;
    let reports = files::begin(destinations, &opened.columns)?;
    tell(&line);
    let pipeline = Pipeline {
        rows: opened.rows,
        source: from.kind(),
        expected,
        lookahead: settings.lookahead,
        limit: settings.limit,
        limits: settings.limits.clone(),
        client,
        policy: settings.policy,
        outage_patience: settings.outage_patience,
        already_started: settings.already_started,
        progress: Progress::begin(settings.progress, rows, settings.limits.rate, Instant::now()),
        reports,
        shutdown: Shutdown::default(),
        run: RunId::new(Timestamp::now(), fastrand::u32(..)),
        clock: Clock { wall: Timestamp::now(), at: Instant::now() },
        seed: fastrand::u64(..),
    };
    // One thread: for this kind of work, two cost more than they bring.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ended = runtime.block_on(watched(pipeline))?;
    // The feed may sit in a read of a terminal for ever.
    runtime.shutdown_background();
    Ok(ended)
}

/// Files may have changed since they were read; variables cannot have.
fn reread(origin: Origin) -> Reread {
    if origin.may_change() { Box::new(move || origin.read().ok()) } else { Box::new(|| None) }
}

fn warn(settings: &Settings) {
    settings.credentials.warn();
    if settings.reach.identity == Identity::AnyCertificate {
        tell(&"warning: --insecure believes any certificate: whoever answers gets the credentials");
    }
}

fn plan_of<'a>(settings: &Settings, credentials: &Credentials, from: &'a From) -> Plan<'a> {
    Plan {
        rows: match from {
            From::File(checked) => Rows::Known(checked),
            From::Stream => Rows::Unknown,
        },
        limit: settings.limit,
        target: settings.target.to_string(),
        user: plan::user(credentials),
        rate: settings.limits.rate,
    }
}

/// Tells what a run would do, and sends nothing. A stream is read to its end.
fn dry_run(settings: &Settings, matches: &ArgMatches) -> Result<Exit, Failure> {
    warn(settings);
    let from = From::read_through(&settings.input, settings.on_invalid)?;
    let credentials = settings.credentials.read()?;
    let client = Client::new(settings.target.clone(), credentials.clone(), &settings.reach, 1)?;
    let request = match &from {
        From::File(checked) => checked.first.map(|task| client.show_start(&task)),
        From::Stream => None,
    };
    let is_set = |name: &&str| std::env::var_os(name).is_some();
    let variables: Vec<_> = super::settings::variables().filter(is_set).collect();
    let settings_text = plan::settings(matches, &variables);
    let page = plan_of(settings, &credentials, &from).page(&settings_text, request.as_deref());
    write!(io::stdout(), "{page}")?;
    Ok(Exit::Good)
}

/// Runs `pipeline`, with an eye on signals.
async fn watched(pipeline: Pipeline) -> io::Result<Ended> {
    let shutdown = pipeline.shutdown.clone();
    shutdown.listen(|signal| {
        tell(&format_args!(
            "{}: stopped at once; what was in flight is not in the report, and may have been started",
            signal.name()
        ));
        std::process::exit(super::end(Exit::Signal(signal)).code().into());
    })?;
    tokio::spawn(async move {
        shutdown.draining().await;
        if let Some(Cause::Signal(signal)) = shutdown.cause() {
            tell(&format_args!(
                "{}: nothing new is sent; waiting for the requests in flight (again to stop at once)",
                signal.name()
            ));
        }
    });
    Ok(pipeline.run().await)
}

impl From {
    /// Whether the rows have an end that can be waited for.
    const fn kind(&self) -> Source {
        match self {
            Self::File(_) => Source::File,
            Self::Stream => Source::Stream,
        }
    }
}
