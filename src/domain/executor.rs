//! Side jobs of a launch, and the waits that a slow machine imposes. Whoever runs them is handed
//! in, so that a whole launch can be simulated on one thread.

use std::any::Any;
use std::fmt;
use std::pin::Pin;

/// A piece of work beside the requests. It may block its thread.
pub type Job = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The end of a [`Job`], or its panic. Dropping this does not stop the job.
pub type JobEnd = Pin<Box<dyn Future<Output = Result<(), Box<dyn Any + Send>>> + Send>>;

/// A wait that a part of the machine imposes.
pub type Delay = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Runs side jobs, and says how slow the machine is.
pub trait Executor: fmt::Debug + Send + Sync {
    /// Runs `job` where it does not hold up the caller.
    fn run(&self, job: Job) -> JobEnd;

    /// Returns the wait before `step`, in addition to the time that the step itself takes; `None`
    /// on a real machine.
    fn delay(&self, step: SlowStep) -> Option<Delay>;
}

/// A step that a machine may keep waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlowStep {
    /// Reading the next row of the input.
    Read,
    /// A commit of the journal.
    Commit,
    /// Writing what was committed to the reports.
    Report,
}
