//! Drives a session in this process: on its thread, with its signals, up to its summary.

use std::ffi::OsString;
use std::io::{self, Write};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::command_error::CommandError;
use super::end::{abort, begin_to_abort};
use super::monitoring::{Monitors, SessionResult};
use super::outside::{NoticeSink, SessionDriver};
use super::screen;
use super::settings::{self, SummaryForm};
use super::stages::{self, Asking};
use crate::api::Client;
use crate::args::display::DisplayArgs;
use crate::args::session::SessionArgs;
use crate::launch::{DrainStart, Ended, Systemd};
use crate::monitor::console;
use crate::monitor::notify::Urgency;
use crate::monitor::progress::ProgressMode;
use crate::monitor::systemd;
use crate::session::exit::Exit;
use crate::session::machine::{Machine, OpenStdout};
use crate::session::note::note;
use crate::session::pipeline::{Frontend, Work, assemble};
use crate::session::settings::Settings;
use crate::session::timing::Timing;
use crate::shutdown::{Signal, StopReason};
use crate::text::stopping;
use crate::text::summary::{self, SummaryContext};
use crate::text::time::moment;

/// What a session shows, and whom it asks.
pub(crate) struct Face {
    pub progress: ProgressMode,
    pub asking: Asking,
    pub summary: SummaryForm,
    /// What was said by `--state-dir`.
    pub state_dir: Option<OsString>,
}

impl Face {
    pub(crate) fn of(args: &SessionArgs) -> Self {
        let DisplayArgs { progress, quiet, verbose: _, log_format: _ } = &args.display;
        Self {
            progress: settings::progress(*progress, (*quiet).into()),
            asking: if args.stages.stage_ask { Asking::Terminal } else { Asking::Nobody },
            summary: args.output.json.into(),
            state_dir: args.state.state_dir.clone().map(OsString::from),
        }
    }
}

/// A session that is about to be driven.
pub(crate) struct Session<'a> {
    pub settings: &'a Settings,
    pub client: Client,
    pub work: Work,
    pub monitors: Monitors,
    pub face: &'a Face,
    pub notices: NoticeSink,
}

impl Session<'_> {
    /// Runs the session to its end; `context` is part of what is said if a second signal
    /// ends it at once.
    pub(crate) fn run(
        self,
        driver: Box<dyn SessionDriver>,
        machine: &mut Machine,
        context: &SummaryContext,
    ) -> Result<Ended, CommandError> {
        let Self { settings, client, work, monitors, face, notices } = self;
        systemd::ready(&begin_status(&settings.timing, machine.now(), &notices));
        let frontend = Frontend {
            progress: face.progress,
            screen: Box::new(screen::Stderr(notices.clone())),
            metrics: monitors.metrics.clone(),
            systemd: if systemd::is_told() { Systemd::Listens } else { Systemd::Absent },
            stage_settled: stages::settled(settings.staging.pause, face.asking, notices.clone()),
            approval: stages::approval(face.asking),
            draining: tell_draining(settings.server.http_options.timeout, notices.clone()),
        };
        let guard = driver.enter();
        let pipeline = assemble(settings, client, work, machine, frontend)?;
        drop(guard);
        let (shutdown, go_on) = (pipeline.shutdown.clone(), context.how_to_go_on());
        let at_once = move |signal| stop_at_once(signal, go_on.as_deref(), &monitors, &notices);
        Ok(driver.drive(Box::pin(pipeline.run()), &shutdown, Box::new(at_once))?)
    }
}

/// Says until when the session waits, if it does.
fn begin_status(timing: &Timing, now: Timestamp, notices: &NoticeSink) -> String {
    let Some(start) = timing.window.start else { return "launching".into() };
    let waiting = format!("waiting until {}", moment(start, &timing.zone, now));
    notices.say(&waiting);
    waiting
}

/// Says so if the window of a run has no room for any row.
pub(crate) fn missed(
    timing: &Timing,
    now: Timestamp,
    notices: &NoticeSink,
) -> Option<SessionResult> {
    timing.is_over(now).then(|| {
        let stop = timing.window.stop.map(|stop| moment(stop, &timing.zone, now));
        let cutoff = match timing.cutoff {
            Duration::ZERO => String::new(),
            cutoff => format!(", and --cutoff begins no row in the last {cutoff:?} before"),
        };
        let stop = stop.unwrap_or_default();
        let text = format!("the window ends at {stop}{cutoff}: nothing was sent");
        notices.say(&text);
        systemd::ready(&text);
        SessionResult::nothing_sent(Exit::WindowClosed, text)
    })
}

/// Says what a session that begins to stop waits for: each request has `timeout` at most.
fn tell_draining(timeout: Duration, notices: NoticeSink) -> Box<dyn Fn(&DrainStart) + Send + Sync> {
    Box::new(move |draining| {
        let waiting = stopping::waiting(draining.in_flight, timeout);
        systemd::stopping(&waiting);
        if let Some(StopReason::Signal(signal)) = draining.reason {
            notices.say(&stopping::stopping(signal, &waiting));
        }
    })
}

/// Ends the program on a second signal.
fn stop_at_once(
    signal: Signal,
    go_on: Option<&str>,
    monitors: &Monitors,
    notices: &NoticeSink,
) -> ! {
    begin_to_abort();
    if let Some(exit) = monitors.ended() {
        abort(exit);
    }
    let what_follows = match go_on {
        Some(_) => "a resume will send again what was in flight",
        None => "what was in flight is not in the report, and may have been started",
    };
    let mut text = stopping::aborted(signal, what_follows);
    if let Some(go_on) = go_on {
        text.push('\n');
        text.push_str(go_on);
    }
    notices.say(&text);
    let exit = Exit::Signal(signal);
    let json = json!({ "exit": exit.code(), "stopped": signal.name() });
    monitors.tell(&SessionResult { exit, text, json, figures: None }, Urgency::Now);
    abort(exit);
}

/// Notes in the journal how the session came out, and gives its summary.
pub(crate) fn finish(
    mut ended: Ended,
    context: &SummaryContext,
    form: SummaryForm,
    outputs: &EndOutputs<'_>,
) -> SessionResult {
    let exit = Exit::of(&ended);
    let mut exit = note(&mut ended, exit);
    let (text, json) = (summary::text(&ended, context), summary::json(&ended, context));
    outputs.notices.say(&text);
    systemd::stopping(&text);
    if form == SummaryForm::Json && outputs.print(&json) == Printed::Lost {
        exit = note(&mut ended, Exit::Output);
    }
    SessionResult { exit, text, json, figures: Some(ended.figures) }
}

/// Standard error and standard output, on which a session's end is told.
pub(crate) struct EndOutputs<'a> {
    pub notices: &'a NoticeSink,
    pub stdout: &'a OpenStdout,
}

impl EndOutputs<'_> {
    /// Writes a summary to standard output, and says so if that cannot be done. If somebody
    /// closed it, they have seen enough.
    pub(crate) fn print(&self, summary: &Value) -> Printed {
        console::settle();
        match writeln!((self.stdout)(), "{summary}") {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                let error = format!("cannot write the summary to standard output: {error}");
                self.notices.say(&format_args!("error: {error}"));
                Printed::Lost
            }
            Ok(()) | Err(_) => Printed::Written,
        }
    }
}

/// What became of a summary on standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Printed {
    /// It was written, or nobody wants it.
    Written,
    /// It could not be written.
    Lost,
}
