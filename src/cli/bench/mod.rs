//! `bk-launch bench`: measure the endpoint under load.

mod field;
mod goal;
mod live;
mod outcome;
mod rows;
mod safety;
mod save;
mod text;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hdrhistogram::Histogram;
use jiff::Timestamp;
use thiserror::Error;

use super::end::{abort, begin_to_abort};
use super::failure::Failure;
use super::notice::{defer, notice};
use super::settings::SummaryForm;
use super::stdout::stdout;
use super::{logs, settings};
use crate::args::bench::{BenchArgs, ExpectArgs, ResultArgs};
use crate::bench::compare::compare;
use crate::bench::find_max::{Found, find_max};
use crate::bench::result::{self, Outcome};
use crate::bench::{Ground, OnMiss, measure, raise_file_limit};
use crate::domain::escape::escape_control;
use crate::domain::request_id::RunId;
use crate::monitor::console;
use crate::monitor::progress::ProgressMode;
use crate::session::exit::Exit;
use crate::shutdown::{Shutdown, StopReason};
use field::Field;
use goal::Goal;
use live::Live;
use outcome::{Why, outcome_of, step_outcome, told_step};
use rows::{Reuse, Rows};
use save::{Existing, Saved};

/// Runs the command.
pub(crate) fn run(args: BenchArgs) -> Result<Exit, Failure> {
    let BenchArgs { input, format, reuse, yes_start, load, expect, server, output, looks } = args;
    if looks.quiet {
        defer();
    }
    logs::begin(looks.log_format, looks.verbose);
    let ExpectArgs { slos, abort_on_slo, find_max, baseline, compare: files, tolerance } = expect;
    if let Some(files) = files {
        return compare_files(&files, tolerance);
    }
    // It is read first: a name that is wrong should not cost a measurement.
    let baseline = baseline.map(|path| comparable(&path)).transpose()?;
    let on_miss = if abort_on_slo { OnMiss::Abort } else { OnMiss::GoOn };
    let goal = Goal::new(load, find_max, slos, on_miss)?;
    let reuse = if reuse { Reuse::Again } else { Reuse::Never };
    let ResultArgs { outputs, force, json } = output;
    let existing = if force { Existing::Overwrite } else { Existing::Refuse };
    save::check(&outputs, existing)?;
    let look = settings::progress(looks.progress, looks.quiet.into());
    let field = Field::prepare(input, format, reuse, server)?;
    field.permit(&goal, yes_start)?;
    let saved = save::open(&outputs, existing)?;
    match measured(&field, &goal, look) {
        Ok(measured) => {
            let form = SummaryForm::from(json);
            report(measured, baseline.map(|base| (base, tolerance)), saved, form)
        }
        Err(error) => {
            Saved::give_up(&saved, existing);
            Err(error)
        }
    }
}

/// Tells and saves what was measured; with an earlier result, also how it differs from
/// that.
fn report(
    (mut outcome, response, mut exit): (Outcome, Histogram<u64>, Exit),
    baseline: Option<(Outcome, f64)>,
    saved: Vec<Saved>,
    form: SummaryForm,
) -> Result<Exit, Failure> {
    let invalid = outcome.invalid();
    let is_expected = baseline.is_some();
    if is_expected && invalid.is_some() && exit == Exit::Good {
        exit = Exit::Bad;
    }
    let compared = baseline.filter(|_| invalid.is_none()).map(|(base, tolerance)| {
        if let Some(differ) = text::other_load(&base, &outcome) {
            notice(&differ);
        }
        let pairs = result::pairs(&base, &outcome);
        (compare(&pairs, tolerance), pairs)
    });
    let is_regression =
        compared.as_ref().is_some_and(|(compared, _)| compared.iter().any(|one| one.is_regression));
    if is_regression && exit == Exit::Good {
        exit = Exit::Bad;
    }
    outcome.exit = exit.code();
    notice(&text::summary(&outcome, &response));
    if !outcome.steps.is_empty() {
        notice(&text::curve(&outcome));
    }
    if let Some((compared, pairs)) = &compared {
        notice(&text::comparison(compared, pairs));
    }
    if let Some(why) = invalid.filter(|_| is_expected) {
        notice(&text::not_compared(&why));
    }
    let mut failures = Vec::new();
    for saved in saved {
        let path = saved.path().to_owned();
        match saved.write(&outcome, &response) {
            Ok(()) => notice(&format_args!("result: {}", path.display())),
            Err(error) => failures.push(error.to_string()),
        }
    }
    if form == SummaryForm::Json {
        let json = serde_json::to_string(&outcome)?;
        console::settle();
        if let Err(error) = writeln!(io::stdout(), "{json}")
            && error.kind() != io::ErrorKind::BrokenPipe
        {
            failures.push(format!("cannot write to standard output: {error}"));
        }
    }
    if failures.is_empty() {
        return Ok(exit);
    }
    // What was started is known here and nowhere else.
    for failure in failures {
        notice(&format_args!("error: {failure}"));
    }
    notice(&text::all_rows(&outcome));
    Ok(Exit::Output)
}

/// Compares two results that are there already.
fn compare_files(files: &[PathBuf], tolerance: f64) -> Result<Exit, Failure> {
    let [base, now] = files else { return Err("--compare needs two files".into()) };
    let (base, now) = (comparable(base)?, comparable(now)?);
    if let Some(differ) = text::other_load(&base, &now) {
        notice(&differ);
    }
    let pairs = result::pairs(&base, &now);
    let compared = compare(&pairs, tolerance);
    writeln!(stdout(), "{}", text::comparison(&compared, &pairs))?;
    let is_regression = compared.iter().any(|one| one.is_regression);
    Ok(if is_regression { Exit::Bad } else { Exit::Good })
}

/// Reads a result that is to be compared. One that says of itself that it is no measurement of the
/// server would be called better, worse or noise for nothing.
fn comparable(path: &Path) -> Result<Outcome, Failure> {
    let outcome = Outcome::read(path)?;
    match outcome.invalid() {
        None => Ok(outcome),
        Some(why) => Err(Incomparable { path: path.to_owned(), why: escape_control(&why) }.into()),
    }
}

#[derive(Debug, Error)]
#[error("{} cannot be compared: {why}; measure again", path.display())]
struct Incomparable {
    path: PathBuf,
    why: String,
}

/// Measures, and says what came of it; the histogram has all response times.
fn measured(
    field: &Field,
    goal: &Goal,
    look: ProgressMode,
) -> Result<(Outcome, Histogram<u64>, Exit), Failure> {
    raise_file_limit();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let tasks = field.tasks()?;
    let client = field.client(goal.slots().get())?;
    let began = Timestamp::now();
    let run = RunId::new(began, fastrand::u32(..));
    let shutdown = Shutdown::default();
    let live = Live::begin(look, goal.lasts());
    let ground = Ground::new(client, tasks, shutdown.clone(), run);
    let (all, found, input_error) = runtime.block_on(async {
        listen(&ground)?;
        let onlooker = live.onlooker();
        let (all, found) = match goal {
            Goal::Once(plan) => (measure(&ground, plan, onlooker.as_ref()).await?, None),
            Goal::FindMax(search, steps) => {
                let mut steps_taken = Vec::new();
                let found = find_max(&ground, *search, steps, onlooker.as_ref(), |taken| {
                    notice(&told_step(taken));
                    steps_taken.push(step_outcome(taken));
                })
                .await?;
                let Found { highest, limit, best, ended } = found;
                let best = best.ok_or("the search ended before its first step")?;
                (best.measured, Some((highest, limit, steps_taken, ended)))
            }
        };
        Ok::<_, Failure>((all, found, ground.input_error().await))
    })?;
    console::clear();
    // The feed may sit in a read for ever.
    runtime.shutdown_background();
    let judged = all.judge(goal.slos());
    let why = Why {
        cause: shutdown.stop_reason(),
        input_error,
        unfinished: found.as_ref().and_then(|(.., unfinished)| unfinished.clone()),
    };
    let mut outcome = outcome_of(&all, &ground.started(), &judged, began);
    outcome.target = field.target.to_string();
    outcome.load = goal.told();
    outcome.warmup_seconds = goal.warmup().as_secs_f64();
    outcome.rows.input = field.rows.as_ref().map(Rows::name);
    outcome.stopped = why.told(&all, &outcome.target);
    let exit = why.exit(&all, &judged, found.is_some());
    if let Some(used_up) = why.used_up(&all, &judged) {
        notice(&used_up);
    }
    if let Some((highest, limit, steps, _)) = found {
        outcome.highest_per_second = highest;
        outcome.limited_by = limit.map(|limit| limit.as_str().into());
        outcome.steps = steps;
    }
    Ok((outcome, all.all.response, exit))
}

/// The first signal stops sending, the second one all: then at least the rows are named
/// that were started.
fn listen(ground: &Arc<Ground>) -> io::Result<()> {
    let shutdown = ground.shutdown();
    let seen = Arc::clone(ground);
    shutdown.listen(move |signal| {
        begin_to_abort();
        notice(&format_args!("{}: stopped at once", signal.name()));
        notice(&text::left_behind(&seen.started()));
        abort(Exit::Signal(signal));
    })?;
    let shutdown = shutdown.clone();
    tokio::spawn(async move {
        shutdown.draining().await;
        if let Some(StopReason::Signal(signal)) = shutdown.stop_reason() {
            notice(&format_args!(
                "{}: nothing more is sent; waiting for the requests in flight (again to stop at once)",
                signal.name()
            ));
        }
    });
    Ok(())
}
