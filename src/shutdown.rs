//! The switch that stops a run, and why it was thrown.
//!
//! Whoever has a reason calls [`Shutdown::drain`]; whoever sends or waits asks whether the
//! run is draining. The first reason is kept. It does not know what draining means: `launch`
//! does.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, mpsc};

use crate::domain::answer::FailureClass;
use crate::rules::budget::UsedUp;
use crate::rules::retry::Stop;

/// Why a run stops before its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// Somebody sent a signal.
    Signal(Signal),
    /// An answer, or that there was none, that every row would get.
    Answer {
        /// What it means.
        stop: Stop,
        /// What the server said, or what happened.
        message: Box<str>,
    },
    /// The first question of a run that is to confirm was refused.
    Question {
        /// `auth`, `config` or `permission`.
        class: FailureClass,
        /// What the server said.
        message: Box<str>,
    },
    /// The server did not come back within the patience.
    Outage {
        /// How long it was gone.
        lasted: Duration,
        /// What the last attempt said.
        message: Box<str>,
    },
    /// The journal or a report could not be written.
    Output,
    /// A part of this program failed, in these words: rows may lack their lines.
    Broken(Box<str>),
    /// The window closed.
    Window,
    /// Whoever was asked does not want the next stage.
    Declined,
    /// Too many rows failed.
    Budget(UsedUp),
    /// An expectation of a measurement was missed, in these words.
    SloMissed(Box<str>),
}

/// What the journal says of a session that an outage stopped.
pub(crate) const OUTAGE: &str = "outage";

impl StopReason {
    /// The reason in a few words, for the journal.
    #[must_use]
    pub fn word(&self) -> String {
        match self {
            Self::Signal(signal) => signal.name().into(),
            Self::Answer { stop: Stop::Auth, .. } => "auth".into(),
            Self::Answer { stop: Stop::Config, .. } => "config".into(),
            Self::Answer { stop: Stop::NeverReached, .. } => "never reached".into(),
            Self::Answer { stop: Stop::Throttled, .. } => "throttled".into(),
            Self::Question { class, .. } => class.to_string(),
            Self::Outage { .. } => OUTAGE.into(),
            Self::Output => "an output failed".into(),
            Self::Broken(_) => "a part of the program failed".into(),
            Self::Window => "the window closed".into(),
            Self::Budget(_) => "failure budget".into(),
            Self::Declined => "declined".into(),
            Self::SloMissed(_) => "an expectation was missed".into(),
        }
    }
}

/// The signals that stop a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGHUP: the terminal went away.
    Hangup,
    /// SIGINT: Ctrl-C.
    Interrupt,
    /// SIGTERM: systemd, kill.
    Terminate,
}

impl Signal {
    const ALL: [Self; 3] = [Self::Hangup, Self::Interrupt, Self::Terminate];

    /// The signal's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hangup => "SIGHUP",
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
        }
    }

    /// The signal's number, the same on every Unix.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Hangup => 1,
            Self::Interrupt => 2,
            Self::Terminate => 15,
        }
    }

    fn kind(self) -> SignalKind {
        SignalKind::from_raw(self.number().into())
    }
}

/// How far a run has come with stopping.
#[derive(Clone, Debug, Default)]
enum StopState {
    #[default]
    Running,
    /// Rows that were sent go on; no other is sent any more.
    NoNewRows(StopReason),
    /// Nothing is sent any more.
    Draining(StopReason),
}

/// Whether, and why, a run is to stop. Clones are the same switch.
///
/// Whoever waits is told in the order in which they began to wait. The `watch` of tokio would tell
/// them in a random one.
#[derive(Clone, Debug, Default)]
pub struct Shutdown(Arc<Switch>);

#[derive(Debug, Default)]
struct Switch {
    state: Mutex<StopState>,
    changed: Notify,
}

impl Switch {
    fn state(&self) -> MutexGuard<'_, StopState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes on to what `next` returns, if it returns anything, and tells whoever waits.
    fn advance(&self, next: impl FnOnce(&StopState) -> Option<StopState>) {
        let mut state = self.state();
        let Some(next) = next(&state) else { return };
        *state = next;
        drop(state);
        self.changed.notify_waiters();
    }

    async fn reached(&self, is_reached: impl Fn(&StopState) -> bool) {
        loop {
            // Begins to listen before the look, so that no change is missed.
            let changed = self.changed.notified();
            if is_reached(&self.state()) {
                return;
            }
            changed.await;
        }
    }
}

impl Shutdown {
    /// Stops everything new from being sent. The first reason is kept.
    pub fn drain(&self, stop_reason: StopReason) {
        self.0.advance(|state| match state {
            StopState::Draining(_) => None,
            StopState::NoNewRows(first) => Some(StopState::Draining(first.clone())),
            StopState::Running => Some(StopState::Draining(stop_reason)),
        });
    }

    /// Stops rows from being sent that were not sent yet. The first reason is kept.
    pub fn refuse_new_rows(&self, stop_reason: StopReason) {
        self.0.advance(|state| match state {
            StopState::Running => Some(StopState::NoNewRows(stop_reason)),
            StopState::NoNewRows(_) | StopState::Draining(_) => None,
        });
    }

    /// Whether nothing new is to be sent.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        matches!(*self.0.state(), StopState::Draining(_))
    }

    /// Whether rows that were not sent yet may be sent.
    #[must_use]
    pub fn takes_new_rows(&self) -> bool {
        matches!(*self.0.state(), StopState::Running)
    }

    /// The first reason, if there is one.
    #[must_use]
    pub fn stop_reason(&self) -> Option<StopReason> {
        match &*self.0.state() {
            StopState::Running => None,
            StopState::NoNewRows(stop_reason) | StopState::Draining(stop_reason) => {
                Some(stop_reason.clone())
            }
        }
    }

    /// Returns once nothing new is to be sent.
    pub async fn draining(&self) {
        self.0.reached(|state| matches!(state, StopState::Draining(_))).await;
    }

    /// Returns once no row that was not sent yet is to be sent.
    pub async fn no_new_rows(&self) {
        self.0.reached(|state| !matches!(state, StopState::Running)).await;
    }

    /// Listens for signals, until the program ends: the first one drains, the second one
    /// calls `at_once`. A thread of its own hears them, whatever the others wait for.
    ///
    /// SIGHUP counts once: if a terminal goes away, both the system and the shell send it.
    ///
    /// A signal that was ignored when the program started stays ignored, as
    /// `nohup` and shells without job control expect.
    ///
    /// # Errors
    ///
    /// Returns an error if the system lets no signal be caught or gives no thread.
    pub fn listen(
        &self,
        at_once: impl FnOnce(Signal) + Send + 'static,
    ) -> Result<(), std::io::Error> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let (sender, mut received) = mpsc::channel(4);
        let guard = runtime.enter();
        for caught in Signal::ALL.into_iter().filter(|signal| !is_ignored(*signal)) {
            let mut stream = signal(caught.kind())?;
            let sender = sender.clone();
            tokio::spawn(async move {
                while stream.recv().await.is_some() && sender.send(caught).await.is_ok() {}
            });
        }
        drop((guard, sender));
        let shutdown = self.clone();
        let listen = async move {
            let Some(first) = received.recv().await else { return };
            shutdown.drain(StopReason::Signal(first));
            while let Some(next) = received.recv().await {
                if (first, next) != (Signal::Hangup, Signal::Hangup) {
                    return at_once(next);
                }
            }
        };
        thread::Builder::new().name("signals".into()).spawn(move || runtime.block_on(listen))?;
        Ok(())
    }
}

/// A file that may not grow raises SIGXFSZ, which kills. Once it is caught, the
/// write fails with an error that can be told. Needs a runtime to be entered.
///
/// # Errors
///
/// On systems that do not let the signal be caught.
pub(crate) fn catch_file_size_limit() -> Result<(), std::io::Error> {
    const SIGXFSZ: i32 = 25;
    let mut caught = signal(SignalKind::from_raw(SIGXFSZ))?;
    tokio::spawn(async move { while caught.recv().await.is_some() {} });
    Ok(())
}

/// Whether the program was started with this signal ignored. Where there is no
/// `/proc`, nothing counts as ignored.
fn is_ignored(signal: Signal) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    ignored_mask(&status) & (1 << (signal.number() - 1)) != 0
}

fn ignored_mask(status: &str) -> u64 {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_cause_is_kept() {
        let shutdown = Shutdown::default();
        assert!(!shutdown.is_draining());
        shutdown.drain(StopReason::Signal(Signal::Terminate));
        shutdown.clone().drain(StopReason::Output);
        shutdown.draining().await;
        assert_eq!(shutdown.stop_reason(), Some(StopReason::Signal(Signal::Terminate)));
    }

    #[tokio::test]
    async fn rows_that_were_sent_may_go_on_when_no_new_one_may() {
        let shutdown = Shutdown::default();
        shutdown.refuse_new_rows(StopReason::Window);
        shutdown.no_new_rows().await;
        assert!(!shutdown.takes_new_rows() && !shutdown.is_draining());
        shutdown.drain(StopReason::Signal(Signal::Interrupt));
        assert!(shutdown.is_draining());
        assert_eq!(shutdown.stop_reason(), Some(StopReason::Window), "the first cause is kept");
        shutdown.refuse_new_rows(StopReason::Output);
        assert!(shutdown.is_draining());
    }

    #[tokio::test]
    async fn whoever_waits_is_told() {
        let shutdown = Shutdown::default();
        let waiting = tokio::spawn({
            let shutdown = shutdown.clone();
            async move { shutdown.draining().await }
        });
        tokio::task::yield_now().await;
        shutdown.drain(StopReason::Output);
        waiting.await.unwrap();
    }

    #[tokio::test]
    async fn whoever_waits_is_told_in_the_order_of_waiting() {
        let shutdown = Shutdown::default();
        let told = Arc::new(Mutex::new(Vec::new()));
        let waiting: Vec<_> = (0..50)
            .map(|number| {
                let (shutdown, told) = (shutdown.clone(), Arc::clone(&told));
                tokio::spawn(async move {
                    shutdown.draining().await;
                    told.lock().unwrap().push(number);
                })
            })
            .collect();
        tokio::task::yield_now().await;
        shutdown.drain(StopReason::Output);
        for task in waiting {
            task.await.unwrap();
        }
        assert_eq!(*told.lock().unwrap(), (0..50).collect::<Vec<_>>());
    }

    #[test]
    fn ignored_signals_are_read_from_the_mask() {
        let mask = |status| ignored_mask(status);
        assert_eq!(mask("Name:\tx\nSigIgn:\t0000000000000001\n"), 1);
        assert_eq!(mask("SigIgn:\t0000000000001002"), 0x1002);
        assert_eq!(mask(""), 0);
    }
}
