//! One session of a run, from its first request to its last word: what `run` and
//! `resume` have in common.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use thiserror::Error;
use tokio::time::Instant;

use super::Failure;
use super::credentials::Origin;
use super::ending::{self, Told};
use super::exit::Exit;
use super::plan::roughly;
use super::screen;
use super::settings::{Settings, SummaryForm};
use super::staging::{Asking, Staging};
use super::timing::Timing;
use super::watch::{Monitors, Outcome};
use super::{tell, terminal, warnings};
use crate::api::credentials::Credentials;
use crate::api::{Client, Reread};
use crate::domain::request_id::RunId;
use crate::journal::FINISHED;
use crate::launch::{
    Answering, Audience, Clock, Deadline, Ended, OutputFailure, Pipeline, PlannedRows, Proceed,
    RowSource, RunJournal, SendWindow, StageChange, Staged, Systemd,
};
use crate::monitor::console;
use crate::monitor::notify::Urgency;
use crate::monitor::progress::{Progress, ProgressGoal};
use crate::monitor::systemd;
use crate::report::OpenReport;
use crate::rules::budget::Base;
use crate::rules::forecast::Course;
use crate::shutdown::{Cause, Shutdown, Signal};
use crate::store::{Holder, Lock, NameLock, RunDir, RunName, RunStore};
use crate::system_clocks::SystemClocks;

/// What a session works on.
pub(super) struct Work {
    /// The run.
    pub run: RunId,
    /// Which of its sessions this is.
    pub session: u32,
    /// What is left to do.
    pub rows: PlannedRows,
    /// Whether that has an end that can be waited for.
    pub source: RowSource,
    /// All rows of the run, where their number is known.
    pub all: Option<u64>,
    /// Rows that earlier sessions settled.
    pub settled: u64,
    /// The last position of the input whose stage was agreed to in one of them.
    pub agreed_to: Option<u64>,
    /// How long it will take, as far as that can be told before.
    pub planned: Option<Duration>,
    /// Where the run is kept, if it is.
    pub keeping: Option<RunJournal>,
    /// Where records go.
    pub reports: Vec<OpenReport>,
    /// Those who are told how the session goes and ends.
    pub monitors: Monitors,
    /// This machine's clocks.
    pub clocks: SystemClocks,
}

/// Makes the client that the settings say.
pub(super) fn client(settings: &mut Settings, credentials: Credentials) -> Result<Client, Failure> {
    let slots = settings.options.limits.slots.get();
    let origin = settings.credentials.clone();
    let client = Client::new(settings.target.clone(), credentials, &settings.reach, slots)?;
    Ok(client.with_legacy_get(settings.legacy_get).rereading(reread(origin)))
}

/// Files may have changed since they were read; variables cannot have.
fn reread(origin: Origin) -> Reread {
    if origin.may_change() { Box::new(move || origin.read().ok()) } else { Box::new(|| None) }
}

/// Warns of what is dangerous in the settings.
pub(super) fn warn(settings: &Settings) {
    warnings::warn(&settings.target, &settings.reach, &settings.credentials);
}

/// One thread: for this kind of work, two cost more than they bring.
pub(super) fn runtime() -> io::Result<tokio::runtime::Runtime> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // A file may hit a limit before the first request.
    let guard = runtime.enter();
    crate::shutdown::catch_file_size_limit()?;
    drop(guard);
    Ok(runtime)
}

/// Runs a session to its end; `told` is said of it should a second signal end it at
/// once.
pub(super) fn launch(
    runtime: tokio::runtime::Runtime,
    settings: &Settings,
    client: Client,
    work: Work,
    told: &Told,
) -> Result<Ended, Failure> {
    let guard = runtime.enter();
    let clock = Clock { wall: Timestamp::now(), at: Instant::now() };
    let times = times(&settings.timing, clock);
    let status = match settings.timing.window.start {
        Some(start) => {
            let waiting = format!("waiting until {}", settings.timing.tell(start));
            tell(&waiting);
            waiting
        }
        None => "launching".into(),
    };
    systemd::ready(&status);
    let begin = settings.timing.window.start.map_or(clock.at, |start| clock.ahead(start));
    let most = settings.options.limit.map_or(u64::MAX, |limit| work.settled.saturating_add(limit));
    let aim = work.all.map(|all| all.min(most));
    let goal = ProgressGoal { rows: work.all, wanted: settings.options.limits.rate };
    let mut options = settings.options.clone();
    if let (Some((_, base)), Some(all)) = (&mut options.limits.budget, work.all) {
        *base = Base::Rows(all);
    }
    let pipeline = Pipeline {
        rows: work.rows,
        source: work.source,
        options,
        client,
        times,
        staged: staged(&settings.staging, work.all, work.agreed_to)?,
        audience: Audience {
            progress: Progress::begin(settings.progress, goal, Box::new(screen::Stderr)),
            goal,
            course: Course::new(aim, begin, work.planned, times.last_row.map(|last| last.at)),
            metrics: work.monitors.metrics.clone(),
            systemd: if systemd::is_told() { Systemd::Listens } else { Systemd::Absent },
        },
        run_journal: work.keeping,
        reports: work.reports,
        shutdown: Shutdown::default(),
        run: work.run,
        session: work.session,
        clock,
        clocks: Arc::new(work.clocks),
        seed: fastrand::u64(..),
    };
    drop(guard);
    let ended = runtime.block_on(watched(pipeline, told.how_to_go_on(), work.monitors))?;
    // The feed may sit in a read of a terminal for ever.
    runtime.shutdown_background();
    Ok(ended)
}

/// The moments of a window, by both clocks.
fn times(timing: &Timing, clock: Clock) -> SendWindow {
    let deadline = |wall| Deadline { wall, at: clock.ahead(wall) };
    SendWindow {
        start: timing.window.start,
        last_row: timing.last_row().map(deadline),
        stop: timing.window.stop.map(deadline),
    }
}

/// The stages of a launch, and who is told and asked between them.
fn staged(staging: &Staging, rows: Option<u64>, agreed_to: Option<u64>) -> Result<Staged, Failure> {
    let pause = staging.pause;
    let next = |passage: &StageChange| match passage.to {
        u64::MAX => format!("next is all from row {} on", passage.from),
        to => format!("next are rows {} to {to} of the input", passage.from),
    };
    let say = move |passage: &StageChange| {
        let StageChange { done, all, .. } = passage;
        let wait = pause.map(|pause| format!(", in {}", roughly(pause))).unwrap_or_default();
        tell(&format_args!("stage {done} of {all} is settled; {}{wait}", next(passage)));
    };
    let ask = move |passage: &StageChange| {
        let question = format!("{}: go on?", next(passage));
        let answer: Answering = Box::pin(async move {
            match terminal::ask(&question).await {
                Ok(terminal::Answer::Yes) => Proceed::On,
                Ok(terminal::Answer::No) | Err(_) => Proceed::No,
            }
        });
        answer
    };
    Ok(Staged {
        ends: staging.ends(rows)?,
        pause,
        tell: Arc::new(say),
        ask: match staging.asking {
            Asking::Nobody => None,
            Asking::Terminal => Some(Arc::new(ask)),
        },
        agreed_to,
    })
}

/// Where the window of a run has no room for any row, says so.
pub(super) fn missed(timing: &Timing) -> Option<Outcome> {
    timing.is_over(Timestamp::now()).then(|| {
        let stop = timing.window.stop.map(|stop| timing.tell(stop)).unwrap_or_default();
        let cutoff = match timing.cutoff {
            Duration::ZERO => String::new(),
            cutoff => format!(", and no row is begun within the --cutoff of {cutoff:?}"),
        };
        let text = format!("the window ends at {stop}{cutoff}: nothing was sent");
        tell(&text);
        systemd::ready(&text);
        Outcome::nothing_sent(Exit::WindowClosed, text)
    })
}

/// Runs `pipeline`, with an eye on signals.
async fn watched(
    pipeline: Pipeline,
    go_on: Option<String>,
    monitors: Monitors,
) -> io::Result<Ended> {
    let shutdown = pipeline.shutdown.clone();
    shutdown.listen(move |signal| {
        stop_at_once(signal, go_on.as_deref(), &monitors);
    })?;
    tokio::spawn(async move {
        shutdown.draining().await;
        systemd::stopping("waiting for the requests in flight");
        if let Some(Cause::Signal(signal)) = shutdown.cause() {
            tell(&format_args!(
                "{}: nothing new is sent; waiting for the requests in flight (again to stop at once)",
                signal.name()
            ));
        }
    });
    Ok(pipeline.run().await)
}

/// Ends the program on a second signal.
fn stop_at_once(signal: Signal, go_on: Option<&str>, monitors: &Monitors) -> ! {
    super::begin_to_abort();
    if let Some(exit) = monitors.ended() {
        super::abort(exit);
    }
    let fate = match go_on {
        Some(_) => "will be sent again by a resume",
        None => "is not in the report, and may have been started",
    };
    let mut text = format!("{}: stopped at once; what was in flight {fate}", signal.name());
    if let Some(go_on) = go_on {
        text.push('\n');
        text.push_str(go_on);
    }
    tell(&text);
    let exit = Exit::Signal(signal);
    let json = json!({ "exit": exit.code(), "stopped": signal.name() });
    monitors.tell(&Outcome { exit, text, json, figures: None }, Urgency::Now);
    super::abort(exit);
}

/// Notes in the journal how the session came out, and tells it.
pub(super) fn finish(mut ended: Ended, told: &Told, summary: SummaryForm) -> Outcome {
    let mut exit = Exit::of(&ended);
    note(&mut ended, &mut exit);
    let (text, json) = (ending::text(&ended, told), ending::json(&ended, told));
    tell(&text);
    systemd::stopping(&text);
    if summary == SummaryForm::Json && print(&json) == Printed::Lost {
        exit = Exit::Output;
        note(&mut ended, &mut exit);
    }
    Outcome { exit, text, json, figures: Some(ended.figures) }
}

/// Writes a summary to standard output, and tells if that cannot be done. Whoever closed
/// it has seen enough.
pub(super) fn print(summary: &Value) -> Printed {
    console::settle();
    match writeln!(io::stdout(), "{summary}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            tell(&format_args!("error: cannot write the summary to standard output: {error}"));
            Printed::Lost
        }
        Ok(()) | Err(_) => Printed::Written,
    }
}

/// What became of a summary on standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Printed {
    /// It was written, or nobody wants it.
    Written,
    /// It could not be written.
    Lost,
}

/// Notes in the journal with which code the session ends; that may fail too.
fn note(ended: &mut Ended, exit: &mut Exit) {
    let word = ending::word(ended);
    let Some(journal) = &mut ended.journal else { return };
    if let Err(error) = journal.note_exit(word.as_deref().unwrap_or(FINISHED), exit.code()) {
        ended.failure.get_or_insert(OutputFailure::Journal(error));
        *exit = Exit::Output;
    }
}

/// Locks the run in `folder`, unless it is alive.
pub(super) fn lock(folder: &RunDir) -> Result<Lock, Failure> {
    let path = folder.path.clone();
    match Lock::take(&folder.path) {
        Ok(Ok(lock)) => Ok(lock),
        Ok(Err(holder)) => Err(Alive { id: folder.id.clone(), holder }.into()),
        Err(source) => Err(LockError { path, source }.into()),
    }
}

/// Takes the lock of a name, unless a run of that name is alive.
pub(super) fn lock_name(runs: &RunStore, name: &RunName) -> Result<NameLock, Failure> {
    match NameLock::take(runs, name, Timestamp::now()) {
        Ok(Ok(lock)) => Ok(lock),
        Ok(Err(taken)) => Err(taken.into()),
        Err(source) => Err(LockError { path: runs.path().with_file_name("names"), source }.into()),
    }
}

/// The name of the zone in which a new run writes its times.
pub(super) fn zone_name() -> String {
    let zone = TimeZone::system();
    match zone.iana_name() {
        Some(name) => name.to_owned(),
        None => zone.to_offset(Timestamp::now()).to_string(),
    }
}

/// The zone of that name.
pub(super) fn zone(name: &str) -> TimeZone {
    let offset = || {
        let (sign, rest) = name.split_at_checked(1)?;
        let mut parts = rest.split(':').map(|part| part.parse::<i32>().ok());
        let (hours, minutes) = (parts.next()??, parts.next().flatten().unwrap_or(0));
        let seconds = (hours * 60 + minutes) * 60;
        let seconds = if sign == "-" { -seconds } else { seconds };
        jiff::tz::Offset::from_seconds(seconds).ok().map(TimeZone::fixed)
    };
    TimeZone::get(name).ok().or_else(offset).unwrap_or(TimeZone::UTC)
}

/// The run is worked on by another process.
#[derive(Debug, Error)]
#[error(
    "run {id} is still alive: {} works on it",
    .holder.pid.map_or_else(|| "another process".into(), |pid| format!("process {pid}"))
)]
pub(super) struct Alive {
    id: RunId,
    holder: Holder,
}

#[derive(Debug, Error)]
#[error("cannot lock the run in {}: {source}", path.display())]
struct LockError {
    path: PathBuf,
    source: io::Error,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_found_by_its_name_or_its_offset() {
        let now = Timestamp::now();
        for (name, offset) in [("Asia/Shanghai", 8 * 3600), ("+08", 28_800), ("-03:30", -12_600)] {
            assert_eq!(zone(name).to_offset(now).seconds(), offset, "{name}");
        }
        assert_eq!(zone(&zone_name()).to_offset(now), TimeZone::system().to_offset(now));
    }
}
