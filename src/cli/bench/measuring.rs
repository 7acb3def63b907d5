//! Sends a workload, and makes a result of what was measured.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use hdrhistogram::Histogram;
use jiff::Timestamp;

use super::super::command_error::CommandError;
use super::super::end::{abort, begin_to_abort};
use super::super::notice::notice;
use super::ending::{EndReasons, SentWorkload};
use super::first_question;
use super::live_view::LiveView;
use super::row_file::RowFile;
use super::setup::Setup;
use super::workload::Workload;
use crate::bench::context::BenchContext;
use crate::bench::find_max::{SearchResult, Unfinished, find_max};
use crate::bench::generator::raise_file_limit;
use crate::bench::measure::measure;
use crate::bench::measured::Measured;
use crate::bench::observers::LoadObserver;
use crate::bench::result::build::Circumstances;
use crate::bench::result::schema::{BenchResult, StepResult};
use crate::bench::search::LimitedBy;
use crate::domain::request_id::RunId;
use crate::monitor::console;
use crate::monitor::progress::ProgressMode;
use crate::session::exit::Exit;
use crate::shutdown::{Shutdown, StopReason};
use crate::text::{bench as text, stopping};

/// A measurement, judged.
pub(crate) struct FinishedBench {
    pub result: BenchResult,
    /// All response times.
    pub response: Histogram<u64>,
    pub exit: Exit,
}

pub(crate) enum BenchEnd {
    Measured(Box<FinishedBench>),
    /// The program ends so.
    NothingSent(Exit),
}

pub(crate) fn measure_workload(
    setup: &Setup,
    workload: &Workload,
    look: ProgressMode,
) -> Result<BenchEnd, CommandError> {
    raise_file_limit();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let tasks = setup.tasks()?;
    let client = setup.client(workload.slots().get())?;
    let began = Timestamp::now();
    let run = RunId::new(began, fastrand::u32(..));
    let shutdown = Shutdown::default();
    let context = BenchContext::new(client, tasks, shutdown.clone(), run.clone());
    let asked = runtime.block_on(async {
        listen(&context, setup.timeout())?;
        first_question::ask(setup, &run, &shutdown).await
    })?;
    if let Some(exit) = asked {
        runtime.shutdown_background();
        return Ok(BenchEnd::NothingSent(exit));
    }
    let observer = LiveView::begin(look, workload.duration()).observer();
    let sent = runtime.block_on(send(&context, workload, observer.as_ref()))?;
    console::clear();
    // The thread that reads rows may block for ever.
    runtime.shutdown_background();
    let SentLoad { measured, search, input_error } = sent;
    let judged = measured.judge(workload.slos());
    let reasons = EndReasons {
        cause: shutdown.stop_reason(),
        input_error,
        sent: search.as_ref().map_or(SentWorkload::Load, |search| SentWorkload::Search {
            unfinished: search.unfinished.clone(),
        }),
    };
    let circumstances = Circumstances {
        began,
        target: setup.target().to_string(),
        load: workload.description(),
        warmup: workload.warmup(),
        input: setup.rows.as_ref().map(RowFile::name),
    };
    let mut result = BenchResult::of(circumstances, &measured, &judged, &context.started());
    result.stopped = reasons.stopped(&measured, &result.target);
    let exit = reasons.exit(&measured, &judged);
    if reasons.is_judged_too_early(&measured, &judged) {
        notice(&text::notices::judged_too_early(measured.sent));
    }
    if let Some(SearchFindings { highest, limit, steps, .. }) = search {
        result.highest_per_second = highest;
        result.limited_by = limit.map(|limit| limit.as_str().into());
        result.steps = steps;
    }
    let finished = FinishedBench { result, response: measured.all.response, exit };
    Ok(BenchEnd::Measured(Box::new(finished)))
}

/// What was measured, before it is judged.
struct SentLoad {
    measured: Measured,
    search: Option<SearchFindings>,
    /// The error that ended the rows early.
    input_error: Option<String>,
}

/// What a search adds to the measurement of its best step.
struct SearchFindings {
    highest: Option<f64>,
    limit: Option<LimitedBy>,
    steps: Vec<StepResult>,
    unfinished: Option<Unfinished>,
}

async fn send(
    context: &Arc<BenchContext>,
    workload: &Workload,
    observer: Option<&LoadObserver>,
) -> Result<SentLoad, CommandError> {
    let (measured, search) = match workload {
        Workload::Once(measurement) => (measure(context, measurement, observer).await?, None),
        Workload::FindMax(search, settings) => {
            let mut steps = Vec::new();
            let found = find_max(context, *search, settings, observer, |step| {
                notice(&text::search::step(step));
                steps.push(step.into());
            });
            let SearchResult { highest, limit, best, ended: unfinished } = found.await?;
            let best = best.ok_or("the search ended before its first step")?;
            (best.measured, Some(SearchFindings { highest, limit, steps, unfinished }))
        }
    };
    Ok(SentLoad { measured, search, input_error: context.input_error().await })
}

/// Stops sending at the first signal. The second one ends the program, but not before the started
/// rows are named.
fn listen(context: &Arc<BenchContext>, timeout: Duration) -> io::Result<()> {
    let shutdown = context.shutdown();
    let seen = Arc::clone(context);
    shutdown.listen(move |signal| {
        begin_to_abort();
        notice(&stopping::aborted(signal, "what was in flight may have been started"));
        notice(&text::summary::left_behind(&seen.started()));
        abort(Exit::Signal(signal));
    })?;
    let (shutdown, context) = (shutdown.clone(), Arc::clone(context));
    tokio::spawn(async move {
        shutdown.draining().await;
        if let Some(StopReason::Signal(signal)) = shutdown.stop_reason() {
            let in_flight = context.started().in_flight.len();
            notice(&stopping::stopping(signal, &stopping::waiting(in_flight, timeout)));
        }
    });
    Ok(())
}
