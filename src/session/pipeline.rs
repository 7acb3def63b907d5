//! The launch of one session, put together from its settings and what is left to do.

use std::sync::Arc;

use tokio::time::Instant;

use super::machine::Machine;
use super::settings::Settings;
use super::staging::SharesOfStream;
use super::timing::Timing;
use crate::api::Client;
use crate::domain::request_id::RunId;
use crate::launch::{
    Audience, Clock, Deadline, DrainStart, Pipeline, PlannedRows, RowSource, RunJournal,
    SendWindow, StageApproval, StageChange, Staged, Systemd,
};
use crate::monitor::metrics::Textfile;
use crate::monitor::progress::{Progress, ProgressGoal, ProgressMode, Screen};
use crate::report::OpenReport;
use crate::rules::budget::Base;
use crate::rules::forecast::{Estimator, Forecast};
use crate::shutdown::Shutdown;

/// What a session works on.
pub(crate) struct Work {
    pub run: RunId,
    /// Number of the session in its run, from 1.
    pub session: u32,
    /// What is left to do.
    pub rows: PlannedRows,
    /// Whether the rows have an end that can be waited for.
    pub source: RowSource,
    /// All rows of the run, if their number is known.
    pub all: Option<u64>,
    /// The last position of the input whose stage was agreed to in an earlier session.
    pub agreed_to: Option<u64>,
    /// Forecast of the plan, if the number of rows is known.
    pub forecast: Option<Forecast>,
    /// Journal of the run, if it is kept.
    pub keeping: Option<RunJournal>,
    pub reports: Vec<OpenReport>,
}

/// What a session shows, and whom it asks, while it goes on.
pub(crate) struct Frontend {
    pub progress: ProgressMode,
    pub screen: Box<dyn Screen>,
    pub metrics: Option<Textfile>,
    pub systemd: Systemd,
    /// Is told that a stage is settled.
    pub stage_settled: Arc<dyn Fn(&StageChange) + Send + Sync>,
    /// Decides whether the next stage begins, if anybody is asked.
    pub approval: Option<StageApproval>,
    /// Is told once nothing new is sent any more.
    pub draining: Box<dyn Fn(&DrainStart) + Send + Sync>,
}

/// Puts the launch together. It must be called within a tokio runtime, whose clock then
/// begins to count.
pub(crate) fn assemble(
    settings: &Settings,
    client: Client,
    work: Work,
    machine: &mut Machine,
    frontend: Frontend,
) -> Result<Pipeline, SharesOfStream> {
    let clock = Clock { wall: machine.now(), at: Instant::now() };
    let times = times(&settings.timing, clock);
    let begin = settings.timing.window.start.map_or(clock.at, |start| clock.ahead(start));
    let goal = ProgressGoal { rows: work.all, wanted: settings.options.limits.rate };
    let mut options = settings.options.clone();
    if let (Some((_, base)), Some(all)) = (&mut options.limits.budget, work.all) {
        *base = Base::Rows(all);
    }
    Ok(Pipeline {
        rows: work.rows,
        source: work.source,
        options,
        client,
        staged: Staged {
            ends: settings.staging.ends(work.all)?,
            pause: settings.staging.pause,
            tell: frontend.stage_settled,
            ask: frontend.approval,
            agreed_to: work.agreed_to,
        },
        audience: Audience {
            progress: Progress::begin(frontend.progress, goal, frontend.screen),
            goal,
            estimator: Estimator::new(work.forecast, begin, times.last_row.map(|last| last.at)),
            metrics: frontend.metrics,
            systemd: frontend.systemd,
            draining: frontend.draining,
        },
        times,
        run_journal: work.keeping,
        reports: work.reports,
        shutdown: Shutdown::default(),
        run: work.run,
        session: work.session,
        clock,
        clocks: Arc::clone(&machine.clocks),
        executor: Arc::clone(&machine.executor),
        seed: machine.random.u64(..),
    })
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
