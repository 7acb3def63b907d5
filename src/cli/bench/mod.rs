//! `bk-launch bench`: measure the endpoint under load.

pub mod args;
mod live;
mod rows;
mod safety;
mod save;
mod text;

use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use hdrhistogram::Histogram;
use jiff::Timestamp;
use thiserror::Error;

use super::credentials::{Environment, Files, Origin};
use super::exit::Exit;
use super::settings::{self, Server};
use super::{Failure, ending, logs, tell};
use crate::api::esb::Esb;
use crate::api::target::Target;
use crate::api::{Client, Identity, Reach};
use crate::bench::find_max::{Found, Steps, Taken, Unfinished, find_max};
use crate::bench::result::{self, Distribution, Generator, Outcome, SCHEMA, StepOutcome};
use crate::bench::{Ended, Ground, Load, Measured, OnMiss, Plan, Until, measure, raise_file_limit};
use crate::compare::compare;
use crate::knee::Search;
use crate::mock::{Behaviour, Memory, Mock};
use crate::request_id::RunId;
use crate::schedule::{Schedule, Spread};
use crate::shutdown::{Cause, Shutdown};
use crate::slo::{Judgement, Slo};
use args::{ArrivalsArg, BenchArgs, ExpectArgs, LoadArgs, ResultArgs};
use live::Live;
use rows::{Reuse, Rows};
use safety::{Intent, Place};
use save::{Existing, Saved};

/// How long a measurement lasts by default.
const LASTS: Duration = Duration::from_secs(30);

/// How long a step of a search lasts by default.
const STEP_LASTS: Duration = Duration::from_secs(10);

/// No search goes higher.
const HIGHEST: f64 = 50_000.0;

/// Runs the command.
pub fn run(args: BenchArgs) -> Result<Exit, Failure> {
    let BenchArgs { input, format, reuse, yes_start, load, expect, server, output, looks } = args;
    if looks.quiet {
        super::hold_back();
    }
    logs::begin(looks.log_format, looks.verbose);
    let ExpectArgs { slos, abort_on_slo, find_max, baseline, compare: files, tolerance } = expect;
    if let Some(files) = files {
        return compare_files(&files, tolerance);
    }
    // It is read first: a name that is wrong should not cost a measurement.
    let baseline = baseline.map(|path| Outcome::read(&path)).transpose()?;
    let on_miss = if abort_on_slo { OnMiss::Abort } else { OnMiss::GoOn };
    let task = Task::new(load, find_max, slos, on_miss)?;
    let reuse = if reuse { Reuse::Again } else { Reuse::Never };
    let ResultArgs { outputs, force, json } = output;
    let existing = if force { Existing::Overwrite } else { Existing::Refuse };
    let saved = save::open(&outputs, existing)?;
    let prepared = Field::prepare(input, format, reuse, server).and_then(|field| {
        field.permit(&task, reuse, yes_start)?;
        Ok(field)
    });
    let field = match prepared {
        Ok(field) => field,
        Err(error) => {
            Saved::give_up(&saved, existing);
            return Err(error);
        }
    };
    let look = settings::look(looks.progress, looks.quiet.into());
    let (mut outcome, response, mut exit) = measured(field, &task, look)?;
    let compared = baseline.map(|base| {
        let pairs = result::pairs(&base, &outcome);
        (compare(&pairs, tolerance), pairs)
    });
    let is_regression =
        compared.as_ref().is_some_and(|(compared, _)| compared.iter().any(|one| one.is_regression));
    if is_regression && exit == Exit::Good {
        exit = Exit::Bad;
    }
    outcome.exit = exit.code();
    tell(&text::summary(&outcome, &response));
    if !outcome.steps.is_empty() {
        tell(&text::curve(&outcome));
    }
    if let Some((compared, pairs)) = &compared {
        tell(&text::comparison(compared, pairs));
    }
    for saved in saved {
        let path = saved.path().to_owned();
        saved.write(&outcome, &response)?;
        tell(&format_args!("result: {}", path.display()));
    }
    if json {
        writeln!(io::stdout(), "{}", serde_json::to_string(&outcome)?)?;
    }
    Ok(exit)
}

/// Compares two results that are there already.
fn compare_files(files: &[PathBuf], tolerance: f64) -> Result<Exit, Failure> {
    let [base, now] = files else { return Err("--compare needs two files".into()) };
    let (base, now) = (Outcome::read(base)?, Outcome::read(now)?);
    let pairs = result::pairs(&base, &now);
    let compared = compare(&pairs, tolerance);
    writeln!(io::stdout(), "{}", text::comparison(&compared, &pairs))?;
    let is_regression = compared.iter().any(|one| one.is_regression);
    Ok(if is_regression { Exit::Bad } else { Exit::Good })
}

/// What is to be measured.
enum Task {
    /// One load.
    Once(Plan),
    /// The highest rate that holds.
    FindMax(Search, Steps),
}

impl Task {
    fn new(
        load: LoadArgs,
        find_max: bool,
        slos: Vec<Slo>,
        on_miss: OnMiss,
    ) -> Result<Self, Failure> {
        let LoadArgs {
            rate,
            duration,
            requests,
            load,
            arrivals,
            seed,
            closed,
            concurrency,
            max_in_flight,
            warmup,
        } = load;
        let spread = match arrivals {
            ArrivalsArg::Even => Spread::Even,
            ArrivalsArg::Poisson => Spread::Poisson { seed },
        };
        let per_second = rate.per_second().ok_or(BenchError::Unlimited)?;
        if find_max {
            let slos = if slos.is_empty() { vec!["errors<1%".parse()?] } else { slos };
            let lasts = duration.unwrap_or(STEP_LASTS);
            let steps = Steps { lasts, spread, max_in_flight, slos };
            return Ok(Self::FindMax(Search::from(per_second, HIGHEST), steps));
        }
        let warmup = warmup.unwrap_or_default();
        let load = if closed {
            let over = Until::Over(warmup + duration.unwrap_or(LASTS));
            Load::Closed { concurrency, stop: requests.map_or(over, Until::Sent) }
        } else {
            let schedule = match (load, requests) {
                (Some(load), _) => load,
                (None, Some(requests)) => Schedule::requests(per_second, requests),
                (None, None) => Schedule::steady(per_second, duration.unwrap_or(LASTS)),
            };
            Load::Open { schedule: schedule.after(warmup), spread, max_in_flight }
        };
        Ok(Self::Once(Plan { load, warmup, slos, on_miss }))
    }

    /// How many requests will be sent, where that is known before.
    fn requests(&self) -> Option<u64> {
        match self {
            Self::Once(Plan { load: Load::Open { schedule, spread, .. }, .. }) => match spread {
                Spread::Even => Some(schedule.total()),
                Spread::Poisson { .. } => {
                    Some(crate::schedule::Arrivals::new(schedule.clone(), *spread).count() as u64)
                }
            },
            Self::Once(Plan {
                load: Load::Closed { stop: Until::Sent(requests), .. },
                warmup,
                ..
            }) if warmup.is_zero() => Some(*requests),
            Self::Once(_) | Self::FindMax(..) => None,
        }
    }

    fn told(&self) -> String {
        match self {
            Self::Once(Plan { load: Load::Open { schedule, spread, .. }, .. }) => match spread {
                Spread::Even => schedule.to_string(),
                Spread::Poisson { seed } => format!("{schedule}, poisson arrivals of seed {seed}"),
            },
            Self::Once(Plan { load: Load::Closed { concurrency, stop }, .. }) => match stop {
                Until::Over(lasts) => format!("{concurrency} in a closed loop for {lasts:?}"),
                Until::Sent(requests) => {
                    format!("{concurrency} in a closed loop, {requests} requests")
                }
            },
            Self::FindMax(_, steps) => {
                format!("the highest rate that holds, in steps of {:?}", steps.lasts)
            }
        }
    }

    fn slots(&self) -> NonZeroUsize {
        match self {
            Self::Once(Plan { load: Load::Closed { concurrency, .. }, .. }) => *concurrency,
            Self::Once(Plan { load: Load::Open { max_in_flight, .. }, .. })
            | Self::FindMax(_, Steps { max_in_flight, .. }) => *max_in_flight,
        }
    }

    fn slos(&self) -> &[Slo] {
        match self {
            Self::Once(plan) => &plan.slos,
            Self::FindMax(_, steps) => &steps.slos,
        }
    }

    fn warmup(&self) -> Duration {
        match self {
            Self::Once(plan) => plan.warmup,
            Self::FindMax(..) => Duration::ZERO,
        }
    }

    fn lasts(&self) -> Option<Duration> {
        match self {
            Self::Once(Plan { load: Load::Open { schedule, .. }, warmup, .. }) => {
                Some(schedule.lasts().saturating_sub(*warmup))
            }
            Self::Once(Plan {
                load: Load::Closed { stop: Until::Over(lasts), .. },
                warmup,
                ..
            }) => Some(lasts.saturating_sub(*warmup)),
            Self::Once(_) | Self::FindMax(..) => None,
        }
    }
}

/// Where it is measured, and with what.
struct Field {
    rows: Option<Rows>,
    reuse: Reuse,
    target: Target,
    reach: Reach,
    credentials: Origin,
    /// The server, if it is one inside.
    mock: Option<Mock>,
}

impl Field {
    fn prepare(
        input: Option<PathBuf>,
        format: Option<crate::input::Format>,
        reuse: Reuse,
        server: super::args::ServerArgs,
    ) -> Result<Self, Failure> {
        let Some(path) = input else {
            if server.esb.is_some() || server.gateway.is_some() {
                return Err(BenchError::InputMissing.into());
            }
            return Self::of_the_mock();
        };
        let variables = |name: &str| std::env::var(name).ok();
        let Server { target, reach, credentials } = settings::server(server, &variables)?;
        credentials.warn();
        if reach.identity == Identity::AnyCertificate {
            tell(
                &"warning: --insecure believes any certificate: whoever answers gets the credentials",
            );
        }
        let rows = Some(Rows::of(&path, format)?);
        Ok(Self { rows, reuse, target, reach, credentials, mock: None })
    }

    fn of_the_mock() -> Result<Self, Failure> {
        let mock = Mock::start(Behaviour { memory: Memory::Counts, ..Behaviour::default() }, 0)?;
        let nobody = |name: &str| {
            let known = ["BK_APP_CODE", "BK_APP_SECRET", "BK_TOKEN"];
            known.contains(&name).then(|| "of-the-mock".to_owned())
        };
        let find: Environment<'_> = &nobody;
        Ok(Self {
            rows: None,
            reuse: Reuse::Never,
            target: Target::Esb(Esb::new(&mock.url())?),
            reach: Reach {
                timeout: Duration::from_secs(35),
                connect_timeout: Duration::from_secs(5),
                cacert: None,
                identity: Identity::Proven,
            },
            credentials: Origin::find(Files { app_secret: None, token: None }, find)?,
            mock: Some(mock),
        })
    }

    /// Whether so many tasks may be started, and what is said of it.
    fn permit(&self, task: &Task, reuse: Reuse, yes: Option<u64>) -> Result<(), Failure> {
        let Some(rows) = &self.rows else {
            tell(&"no INPUT, so a mock inside is measured; it shares this machine's cores");
            return Ok(());
        };
        let requests = task.requests();
        let tasks = rows.count.min(requests.unwrap_or(u64::MAX));
        let intent =
            Intent { tasks, businesses: &rows.businesses, target: self.target.to_string() };
        let place = if self.target.is_loopback() { Place::ThisMachine } else { Place::Elsewhere };
        intent.permit(yes, place)?;
        tell(&intent.told());
        if let Some(requests) = requests.filter(|requests| *requests > rows.count)
            && reuse == Reuse::Never
        {
            tell(&format_args!(
                "the load has {requests} requests, and {} has {} rows: it ends when they are used up",
                rows.name(),
                rows.count
            ));
        }
        Ok(())
    }
}

/// Measures, and says what came of it; the histogram has all response times.
fn measured(
    field: Field,
    task: &Task,
    look: crate::progress::Look,
) -> Result<(Outcome, Histogram<u64>, Exit), Failure> {
    raise_file_limit();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let target = field.target.to_string();
    let tasks = match &field.rows {
        Some(rows) => rows.open(field.reuse)?,
        None => rows::of_the_mock(),
    };
    let client = Client::new(
        field.target.clone(),
        field.credentials.read()?,
        &field.reach,
        task.slots().get(),
    )?;
    let began = Timestamp::now();
    let run = RunId::new(began, fastrand::u32(..));
    let shutdown = Shutdown::default();
    let live = Live::begin(look, task.lasts());
    let (all, found, input_error) = runtime.block_on(async {
        let ground = Ground::new(client, tasks, shutdown.clone(), run);
        listen(&shutdown)?;
        let onlooker = live.onlooker();
        let (all, found) = match task {
            Task::Once(plan) => (measure(&ground, plan, onlooker.as_ref()).await?, None),
            Task::FindMax(search, steps) => {
                let mut steps_taken = Vec::new();
                let found = find_max(&ground, *search, steps, onlooker.as_ref(), |taken| {
                    live.tell(&told_step(taken));
                    steps_taken.push(step_outcome(taken));
                })
                .await?;
                let Found { highest, best, ended } = found;
                let best = best.ok_or(BenchError::Stopped)?;
                (best.measured, Some((highest, steps_taken, ended)))
            }
        };
        Ok::<_, Failure>((all, found, ground.input_error().await))
    })?;
    live.end();
    // The feed may sit in a read for ever.
    runtime.shutdown_background();
    drop(field.mock);
    let judged = all.judge(task.slos());
    let why = Why {
        cause: shutdown.cause(),
        input_error,
        found: found.as_ref().and_then(|f| f.2.clone()),
    };
    let mut outcome = outcome_of(&all, &judged, began);
    outcome.target = target;
    outcome.load = task.told();
    outcome.warmup_seconds = task.warmup().as_secs_f64();
    outcome.rows.input = field.rows.as_ref().map(Rows::name);
    outcome.stopped = why.told(&all, &outcome.target);
    let exit = why.exit(&all, &judged, found.is_some());
    if let Some((highest, steps, _)) = found {
        outcome.highest_per_second = highest;
        outcome.steps = steps;
    }
    Ok((outcome, all.all.response, exit))
}

/// The first signal stops sending, the second one all.
fn listen(shutdown: &Shutdown) -> io::Result<()> {
    shutdown.listen(|signal| {
        tell(&format_args!("{}: stopped at once; nothing is reported", signal.name()));
        std::process::exit(super::end(Exit::Signal(signal)).code().into());
    })?;
    let shutdown = shutdown.clone();
    tokio::spawn(async move {
        shutdown.draining().await;
        if let Some(Cause::Signal(signal)) = shutdown.cause() {
            tell(&format_args!(
                "{}: nothing more is sent; waiting for the requests in flight (again to stop at once)",
                signal.name()
            ));
        }
    });
    Ok(())
}

/// Why a measurement ended, beside that its load was over.
struct Why {
    cause: Option<Cause>,
    input_error: Option<String>,
    found: Option<Unfinished>,
}

impl Why {
    fn told(&self, all: &Measured, target: &str) -> Option<String> {
        let unfinished = self.found.as_ref().map(|unfinished| match unfinished {
            Unfinished::Stopped => "the search was stopped before its end".to_owned(),
            Unfinished::RowsUsedUp => "the rows were used up before the search was over".into(),
            Unfinished::Bottleneck(why) => {
                format!("the search ended at this machine's own limit: {why}")
            }
        });
        let cause = self.cause.as_ref().map(|cause| ending::why(cause, target));
        let input = self.input_error.clone();
        let used_up = || (all.ended == Ended::RowsUsedUp).then(|| "the rows were used up".into());
        cause.or(input).or(unfinished).or_else(used_up)
    }

    /// The first cause that stopped it gives the code; else what was measured does.
    fn exit(&self, all: &Measured, judged: &[Judgement], is_search: bool) -> Exit {
        match &self.cause {
            Some(Cause::Signal(signal)) => return Exit::Signal(*signal),
            Some(Cause::Answer { .. }) => return Exit::Stopped,
            _ => {}
        }
        let is_bad = if is_search {
            // Steps that fail belong to a search; one that found nothing has failed.
            self.found.is_some() || judged.iter().any(|judgement| !judgement.holds())
        } else {
            all.dropped > 0
                || all.health.bottleneck().is_some()
                || judged.iter().any(|judgement| !judgement.holds())
        };
        if is_bad || self.input_error.is_some() { Exit::Bad } else { Exit::Good }
    }
}

/// What was measured, as a result; what only the caller knows is left empty.
fn outcome_of(all: &Measured, judged: &[Judgement], began: Timestamp) -> Outcome {
    let [connects, bytes_sent, bytes_received] = all.traffic;
    Outcome {
        schema: SCHEMA,
        version: env!("CARGO_PKG_VERSION").into(),
        began: began.to_string(),
        target: String::new(),
        load: String::new(),
        warmup_seconds: 0.0,
        seconds: all.window.as_secs_f64(),
        wanted: all.wanted,
        sent: all.sent,
        answered: all.answered(),
        errors: all.errors(),
        dropped: all.dropped,
        sent_per_second: all.sent_per_second(),
        answered_per_second: all.answered_per_second(),
        connects,
        bytes_sent,
        bytes_received,
        response: Distribution::of(&all.all.response),
        service: Distribution::of(&all.all.service),
        lateness: Distribution::of(&all.lateness),
        classes: result::classes(all),
        generator: Generator::of(all),
        slos: judged.iter().map(Into::into).collect(),
        rows: result::Rows {
            input: None,
            started: all.started.surely.len(),
            started_lines: result::ranges(&all.started.surely),
            perhaps: all.started.perhaps.len(),
            perhaps_lines: result::ranges(&all.started.perhaps),
        },
        series: all.seconds.iter().map(Into::into).collect(),
        steps: Vec::new(),
        highest_per_second: None,
        stopped: None,
        exit: 0,
    }
}

fn step_outcome(taken: &Taken) -> StepOutcome {
    let Taken { rate, measured, failed } = taken;
    let response = Distribution::of(&measured.all.response);
    StepOutcome {
        wanted_per_second: *rate,
        answered_per_second: measured.answered_per_second(),
        p50: response.p50,
        p99: response.p99,
        error_share: measured.error_share().unwrap_or_default(),
        failed: failed.clone(),
    }
}

fn told_step(taken: &Taken) -> String {
    let held =
        taken.failed.as_ref().map_or_else(|| "held".into(), |why| format!("did not hold: {why}"));
    format!("{:.1}/s {held}", taken.rate)
}

#[derive(Debug, Error)]
enum BenchError {
    #[error("bench needs a --rate; for as fast as answers come, say --closed --concurrency N")]
    Unlimited,
    #[error(
        "no INPUT: name a file of rows to be started there, or leave the server out for a mock inside"
    )]
    InputMissing,
    #[error("the search ended before its first step")]
    Stopped,
}
