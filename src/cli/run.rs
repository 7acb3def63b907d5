//! `bk-launch run`: launch a list of tasks.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use thiserror::Error;
use tokio::time::Instant;

use super::args::{OnInvalid, RunArgs};
use super::ending::{self, Told};
use super::exit::Exit;
use super::settings::{Input, Settings, SummaryForm};
use super::{Failure, tell};
use crate::api::{Client, Identity};
use crate::input::{self, Checked, Opened};
use crate::pipeline::{Clock, Ended, Pipeline, Source};
use crate::report::{Destination, Existing, Open, ReportError};
use crate::request_id::RunId;
use crate::row::Columns;
use crate::shutdown::{Cause, Shutdown};

/// Runs the command.
pub fn run(args: RunArgs) -> Result<Exit, Failure> {
    let settings = Settings::new(args, &|name| std::env::var(name).ok())?;
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
    let Settings { input, on_invalid, outputs, existing, target, credentials, reach, .. } =
        settings;
    if reach.identity == Identity::AnyCertificate {
        tell(&"warning: --insecure believes any certificate: whoever answers gets the credentials");
    }
    let client = Client::new(target, credentials, &reach, settings.limits.slots.get())?;
    let source = source(&input)?;
    let checked = match &input {
        Input::File(path, format) if source == Source::File => {
            Some(checked(path, *format, on_invalid)?)
        }
        _ => None,
    };
    let destinations = destinations(&input, &outputs, existing)?;
    let Opened { columns, rows } = match &checked {
        Some(checked) => checked.open()?,
        None => open_stream(&input)?,
    };
    let reports = begin(destinations, &columns)?;

    let pipeline = Pipeline {
        rows,
        source,
        lookahead: settings.lookahead,
        limits: settings.limits,
        client,
        policy: settings.policy,
        outage_patience: settings.outage_patience,
        already_started: settings.already_started,
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

/// Runs `pipeline`, with an eye on signals.
async fn watched(pipeline: Pipeline) -> io::Result<Ended> {
    let shutdown = pipeline.shutdown.clone();
    shutdown.listen(|signal| {
        tell(&format_args!(
            "{}: stopped at once; what was in flight is not in the report, and may have been started",
            signal.name()
        ));
        std::process::exit(Exit::Signal(signal).code().into());
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

/// What a check of the whole file found; with bad rows nothing is started.
fn checked(path: &Path, format: input::Format, on_invalid: OnInvalid) -> Result<Checked, Failure> {
    let checked = input::check(path, format)?;
    if checked.bad > 0 && on_invalid == OnInvalid::Stop {
        return Err(BadRows { path: path.to_owned(), checked }.into());
    }
    Ok(checked)
}

/// A pipe that is named like a file can be read only once, so it is a stream.
fn source(input: &Input) -> Result<Source, Failure> {
    match input {
        Input::Stdin(_) => Ok(Source::Stream),
        Input::File(path, _) => {
            let meta =
                path.metadata().map_err(|source| RunError::Input { path: path.clone(), source })?;
            Ok(if meta.is_file() || meta.is_dir() { Source::File } else { Source::Stream })
        }
    }
}

fn open_stream(input: &Input) -> Result<Opened, Failure> {
    Ok(match input {
        Input::File(path, format) => {
            let file = File::open(path)
                .map_err(|source| RunError::Input { path: path.clone(), source })?;
            input::open_stream(Box::new(file), &path.display().to_string(), *format)?
        }
        Input::Stdin(format) => {
            input::open_stream(Box::new(io::stdin()), "standard input", *format)?
        }
    })
}

/// Opens all reports, or leaves none behind.
fn destinations(
    input: &Input,
    outputs: &[PathBuf],
    existing: Existing,
) -> Result<Vec<Destination>, Failure> {
    let mut opened = Vec::with_capacity(outputs.len());
    for (at, output) in outputs.iter().enumerate() {
        if output.as_os_str() == "-" {
            opened.push(Destination::stdout());
            continue;
        }
        refuse_own_input(input, output)?;
        match Destination::file(output, existing) {
            Ok(destination) => opened.push(destination),
            Err(error) => {
                if existing == Existing::Refuse {
                    // Those before it were made just now, and are empty.
                    let made = outputs[..at].iter().filter(|path| path.is_file());
                    made.for_each(|path| drop(std::fs::remove_file(path)));
                }
                return Err(error.into());
            }
        }
    }
    Ok(opened)
}

/// Writes the heads. Whoever closed standard output already has seen enough, as
/// long as another report is written.
fn begin(destinations: Vec<Destination>, columns: &Columns) -> Result<Vec<Open>, ReportError> {
    let zone = TimeZone::system();
    let mut reports = Vec::with_capacity(destinations.len());
    let mut closed = None;
    for destination in destinations {
        match destination.begin(columns, &zone) {
            Ok(report) => reports.push(report),
            Err(error) if error.is_closed_stdout() => closed = Some(error),
            Err(error) => return Err(error),
        }
    }
    match closed {
        Some(error) if reports.is_empty() => Err(error),
        _ => Ok(reports),
    }
}

/// An input that is overwritten by its own report is lost.
fn refuse_own_input(input: &Input, output: &Path) -> Result<(), RunError> {
    let Input::File(input, _) = input else { return Ok(()) };
    let (Ok(from), Ok(to)) = (input.metadata(), output.metadata()) else { return Ok(()) };
    if from.is_file() && (from.dev(), from.ino()) == (to.dev(), to.ino()) {
        return Err(RunError::OwnInput(output.to_owned()));
    }
    Ok(())
}

#[derive(Debug, Error)]
enum RunError {
    #[error("cannot read the input {}: {source}", path.display())]
    Input { path: PathBuf, source: io::Error },
    #[error("--output {} is the input itself; name another file", .0.display())]
    OwnInput(PathBuf),
}

/// A file with rows that cannot be used.
#[derive(Debug)]
struct BadRows {
    path: PathBuf,
    checked: Checked,
}

impl std::error::Error for BadRows {}

impl std::fmt::Display for BadRows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { path, checked } = self;
        let (path, bad, rows) = (path.display(), checked.bad, checked.rows);
        writeln!(f, "{bad} of {rows} rows of {path} cannot be used, so nothing was started:")?;
        for (line, fault) in &checked.first_bad {
            writeln!(f, "  {path}:{line}: {fault}")?;
        }
        let more = bad - checked.first_bad.len() as u64;
        if more > 0 {
            writeln!(f, "  and {more} more")?;
        }
        write!(f, "mend them, or start the others with --on-invalid skip")
    }
}
