//! Drives a session in paused time, until it ends or dies.

use std::io;
use std::sync::Arc;

use bk_launch::internals::cli::{AtOnce, DrivenSession, SessionDriver};
use bk_launch::internals::launch::Ended;
use bk_launch::internals::shutdown::Shutdown;
use tokio::runtime::{Builder, EnterGuard, Runtime};
use tokio::time::sleep;

use super::World;
use crate::promises::{Broken, longest};

/// Drives one session of a world.
pub struct SimulatedDriver {
    world: Arc<World>,
    runtime: Runtime,
}

impl SimulatedDriver {
    pub fn new(world: &Arc<World>) -> Self {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
        Self { world: Arc::clone(world), runtime: runtime.unwrap() }
    }
}

impl SessionDriver for SimulatedDriver {
    fn enter(&self) -> EnterGuard<'_> {
        let guard = self.runtime.enter();
        self.world.clock.start();
        guard
    }

    fn drive(
        self: Box<Self>,
        session: DrivenSession,
        shutdown: &Shutdown,
        _: AtOnce,
    ) -> io::Result<Ended> {
        let Self { world, runtime } = *self;
        world.catch_signals(shutdown);
        let longest = {
            let state = world.state();
            longest(&world.history, state.session, state.began())
        };
        let ended = runtime.block_on(async {
            tokio::select! {
                biased;
                () = world.is_over() => Err(io::Error::other("the session died")),
                ended = session => Ok(ended),
                () = Arc::clone(&world).time_goes_on() => unreachable!("time has no end"),
                () = sleep(longest) => {
                    let what = format!("a session goes on after {longest:?}");
                    world.check(Err(Broken { promise: "it ends", what }));
                    Err(io::Error::other("the session has no end"))
                }
            }
        });
        // Its clock is read within the runtime alone.
        let guard = runtime.enter();
        world.clock.stop();
        drop(guard);
        // All tasks go with it, as those of a process do.
        drop(runtime);
        ended
    }
}
