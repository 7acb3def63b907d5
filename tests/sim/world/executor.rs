//! Runs the program's side jobs on the one thread of the simulation, and makes it wait for a slow
//! disk, a slow input, or a standard output that nobody reads.

use std::fmt;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use bk_launch::internals::domain::executor::{Delay, Executor, Job, JobEnd, SlowStep};
use tokio::time::sleep;

use super::World;
use crate::history::{InputKind, Moment};

#[derive(Clone)]
pub struct SimulatedExecutor(pub Arc<World>);

impl fmt::Debug for SimulatedExecutor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SimulatedExecutor")
    }
}

impl Executor for SimulatedExecutor {
    fn run(&self, job: Job) -> JobEnd {
        let late = self.0.comes_late();
        let end = tokio::spawn(async move {
            if let Some(late) = late {
                sleep(late).await;
            }
            job.await;
        });
        Box::pin(async move {
            end.await.map_err(|error| match error.try_into_panic() {
                Ok(panic) => panic,
                Err(error) => Box::new(error),
            })
        })
    }

    fn delay(&self, step: SlowStep) -> Option<Delay> {
        let world = Arc::clone(&self.0);
        match step {
            SlowStep::Read => {
                let InputKind::Stream { pause } = world.history.input else {
                    world.row_is_read();
                    return None;
                };
                Some(Box::pin(async move {
                    sleep(pause).await;
                    world.row_is_read();
                }))
            }
            SlowStep::Commit => Some(Box::pin(async move {
                world.commit_waits().await;
            })),
            SlowStep::Report => Some(Box::pin(async move {
                world.report_waits().await;
            })),
        }
    }
}

impl World {
    /// Time after which a side job begins, since its thread gets no processor before: in some
    /// histories, some do.
    fn comes_late(&self) -> Option<Duration> {
        let seed = self.history.seed;
        let mut state = self.state();
        state.jobs += 1;
        let mut random = fastrand::Rng::with_seed(seed ^ (state.jobs << 32));
        (seed.is_multiple_of(4) && random.u8(0..3) == 0)
            .then(|| Duration::from_millis(random.u64(1..2_000)))
    }

    async fn commit_waits(&self) {
        let now = self.now();
        let (number, slow) = {
            let mut state = self.state();
            state.disk.commits += 1;
            (state.disk.commits, state.disk.slow(now))
        };
        if let Some(slow) = slow {
            self.tell(|| format!("the disk takes {slow:?} for a commit"));
            sleep(slow).await;
        }
        self.moment(Moment::BeforeCommit(number));
        self.wait_if_dead().await;
    }

    async fn report_waits(&self) {
        let number = self.state().disk.commits;
        self.moment(Moment::AfterCommit(number));
        self.wait_if_dead().await;
        loop {
            let now = self.now();
            let Some(until) = self.state().streams.stalled(now) else { break };
            sleep(until.saturating_sub(now)).await;
        }
        let (wall, session) = (self.clock.wall(), self.state().session);
        if session == 0 {
            let bytes = super::disk::length(&crate::night::outputs(self, session));
            let disk = &mut self.state().disk;
            disk.measure_reports(bytes);
            disk.reports_may_be_written(wall);
        }
    }

    /// Counts the rows of the first session.
    fn row_is_read(&self) {
        let rows = self.history.list.len() as u64;
        let mut state = self.state();
        if state.session == 0 {
            // The last read finds the end.
            state.rows_read = (state.rows_read + 1).min(rows);
        }
    }

    /// Never returns if the session is dead.
    async fn wait_if_dead(&self) {
        if self.state().is_dead() {
            pending::<()>().await;
        }
    }
}
