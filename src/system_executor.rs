//! The machine that this program runs on: side jobs get threads of their own.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::domain::executor::{Delay, Executor, Job, JobEnd, SlowStep};

/// The system's threads and disks.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemExecutor;

impl Executor for SystemExecutor {
    /// Must be called within a runtime. The thread is never joined, since it may sit in a read of a
    /// terminal when the program ends.
    fn run(&self, job: Job) -> JobEnd {
        let (ended, end) = oneshot::channel();
        let runtime = Handle::current();
        thread::spawn(move || {
            let end = catch_unwind(AssertUnwindSafe(|| runtime.block_on(job)));
            // Ignores a closed channel: nobody waits for the end.
            drop(ended.send(end));
        });
        Box::pin(async move {
            end.await.unwrap_or_else(|gone| Err(Box::new(gone) as Box<dyn Any + Send>))
        })
    }

    fn delay(&self, _: SlowStep) -> Option<Delay> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_job_runs_beside_its_caller_and_tells_its_panic() {
        let (sender, receiver) = oneshot::channel();
        let end = SystemExecutor.run(Box::pin(async move {
            sender.send(thread::current().id()).unwrap();
        }));
        assert_ne!(receiver.await.unwrap(), thread::current().id());
        assert!(end.await.is_ok());
        let failed = SystemExecutor.run(Box::pin(async { panic!("it broke") })).await.unwrap_err();
        assert_eq!(failed.downcast_ref::<&str>(), Some(&"it broke"));
    }
}
