//! Everything that `run` and `resume` reach beyond the program: words and variables, the machine,
//! the network, standard error, and a driver of the session. It is handed in, so that a whole launch
//! can be simulated.

use std::ffi::OsString;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use tokio::runtime::{EnterGuard, Runtime};

use super::notice::notice;
use crate::api::Network;
use crate::launch::Ended;
use crate::session::machine::Machine;
use crate::shutdown::{Shutdown, Signal, catch_file_size_limit};

/// Looks a variable of the environment up.
pub type Variables = Rc<dyn Fn(&str) -> Option<String>>;

/// Everything beyond the program.
pub struct Outside {
    /// The command line, from the name of the program on.
    pub words: Vec<OsString>,
    /// Variables of the environment.
    pub variables: Variables,
    /// Clocks, random numbers, side jobs, standard input and output.
    pub machine: Machine,
    /// Way to the server.
    pub network: Network,
    /// Standard error.
    pub notices: NoticeSink,
    /// Drives the session.
    pub driver: Box<dyn SessionDriver>,
}

impl Outside {
    /// Returns what this process reaches, for a command that was typed as `words`.
    pub(crate) fn of_process(words: Vec<OsString>) -> io::Result<Self> {
        Ok(Self {
            words,
            variables: Rc::new(|name| std::env::var(name).ok()),
            machine: Machine::of_system(),
            network: Network::System,
            notices: NoticeSink::Console,
            driver: Box::new(ProcessDriver(runtime()?)),
        })
    }
}

/// Receiver of what is said for people.
#[derive(Clone)]
pub enum NoticeSink {
    /// Standard error of this process.
    Console,
    /// A function that takes each notice and each line of progress.
    To(Arc<dyn Fn(&str) + Send + Sync>),
}

impl NoticeSink {
    pub(crate) fn say(&self, what: &dyn std::fmt::Display) {
        match self {
            Self::Console => notice(what),
            Self::To(take) => take(&what.to_string()),
        }
    }
}

/// A session that is driven to its end.
pub type DrivenSession = Pin<Box<dyn Future<Output = Ended>>>;

/// Ends the program at once.
pub type AtOnce = Box<dyn FnOnce(Signal) + Send>;

/// Drives a session.
pub trait SessionDriver {
    /// Enters the runtime of the session, whose clock then counts.
    fn enter(&self) -> EnterGuard<'_>;

    /// Drives `session` to its end, and stops it by `shutdown` at a signal; a second one calls
    /// `at_once`.
    ///
    /// # Errors
    ///
    /// Returns an error if signals cannot be caught.
    fn drive(
        self: Box<Self>,
        session: DrivenSession,
        shutdown: &Shutdown,
        at_once: AtOnce,
    ) -> io::Result<Ended>;
}

/// Drives a session in this process, on the present thread.
struct ProcessDriver(Runtime);

impl SessionDriver for ProcessDriver {
    fn enter(&self) -> EnterGuard<'_> {
        self.0.enter()
    }

    fn drive(
        self: Box<Self>,
        session: DrivenSession,
        shutdown: &Shutdown,
        at_once: AtOnce,
    ) -> io::Result<Ended> {
        shutdown.listen(at_once)?;
        let ended = self.0.block_on(session);
        // The feed may sit in a read of a terminal for ever.
        self.0.shutdown_background();
        Ok(ended)
    }
}

/// Returns the runtime of a session. It has one thread: for this kind of work, two cost more than
/// they bring.
pub(crate) fn runtime() -> io::Result<Runtime> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // A file may hit a limit before the first request.
    let guard = runtime.enter();
    catch_file_size_limit()?;
    drop(guard);
    Ok(runtime)
}
