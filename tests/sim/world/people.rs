//! What people do to a session while it runs.

use std::sync::Arc;
use std::time::Duration;

use bk_launch::internals::shutdown::{Shutdown, Signal, StopReason};
use tokio::time::sleep;

use super::World;
use super::noted::Noted;
use crate::history::{Act, Deed, Moment, When};
use crate::promises::Settings;
use crate::server::At;

/// The deeds that are yet to come, and the switch that a signal throws.
#[derive(Default)]
pub struct People {
    acts: Vec<Act>,
    shutdown: Option<Shutdown>,
    signal: Option<At>,
    pub sent: u32,
    pub answered: u32,
}

impl People {
    pub const fn signal(&self) -> Option<At> {
        self.signal
    }
}

impl World {
    /// Begins a session: its deeds are ahead.
    pub fn begin_session(&self, session: usize) {
        let (now, wall) = (self.now(), self.clock.wall());
        let mut state = self.state();
        state.session = session;
        state.began = now;
        state.settings = Settings::of(&self.history, session);
        let acts = self.history.sessions[session].acts.clone();
        state.people = People { acts, ..People::default() };
        state.streams.begin();
        state.disk.begin(wall);
        state.noted = Noted::default();
    }

    /// From now on, a signal throws this switch.
    pub fn catch_signals(&self, shutdown: &Shutdown) {
        self.state().people.shutdown = Some(shutdown.clone());
    }

    /// Does what people do at this moment.
    pub fn moment(&self, moment: Moment) {
        let deeds: Vec<_> = {
            let mut state = self.state();
            let acts = &mut state.people.acts;
            let (due, ahead) = std::mem::take(acts).into_iter().partition(|act| act.when == moment);
            *acts = ahead;
            due
        };
        for act in deeds {
            self.act(act.what);
        }
    }

    fn act(&self, deed: Deed) {
        let (now, is_first, shutdown) = {
            let state = self.state();
            if state.is_dead() {
                return;
            }
            (self.now(), state.people.signal.is_none(), state.people.shutdown.clone())
        };
        match deed {
            Deed::Signal if is_first && let Some(shutdown) = shutdown => {
                self.tell(|| "somebody presses Ctrl-C".into());
                self.state().people.signal = Some(now);
                shutdown.drain(StopReason::Signal(Signal::Interrupt));
            }
            // Before anybody listens, the first one does.
            Deed::Signal => self.die(Deed::Signal),
            Deed::Kill | Deed::PowerLoss => self.die(deed),
        }
    }

    /// Ends the session at once: its files lie as they are now, and nothing of it goes on.
    fn die(&self, deed: Deed) {
        self.tell(|| match deed {
            Deed::Signal => "somebody presses Ctrl-C, and the program ends at once".into(),
            Deed::Kill => "kill -9".into(),
            Deed::PowerLoss => "the machine loses power".into(),
        });
        let snapshot = super::disk::Snapshot::take(&self.folder);
        self.state().death = Some((deed, snapshot));
        self.died.notify_one();
    }

    /// Waits until the session is dead. A death may have been told to nobody: that of a session
    /// which was ending by itself.
    pub async fn is_over(&self) {
        loop {
            self.died.notified().await;
            if self.state().is_dead() {
                return;
            }
        }
    }

    /// Waits for the moments by time: of people, and of what befalls this machine.
    pub async fn time_goes_on(self: Arc<Self>) {
        loop {
            let now = self.now();
            let (due, next) = self.due(now);
            for deed in due {
                self.act(deed);
            }
            let is_due = |when, _| matches!(when, When::At(at) if at <= now);
            let faults = self.state().take_faults(is_due);
            for fault in faults {
                self.befall(fault);
            }
            let wait = next.map_or(Duration::from_hours(1), |next| next.saturating_sub(self.now()));
            sleep(wait.max(Duration::from_millis(1))).await;
        }
    }

    /// Returns the deeds that are due now, and the next moment at which anything is.
    fn due(&self, now: At) -> (Vec<Deed>, Option<At>) {
        let mut state = self.state();
        let began = state.began;
        let at = |act: &Act| match act.when {
            Moment::After(time) => Some(began + time),
            Moment::Sent(_)
            | Moment::Answered(_)
            | Moment::BeforeCommit(_)
            | Moment::AfterCommit(_)
            | Moment::Within(_) => None,
        };
        let acts = std::mem::take(&mut state.people.acts);
        let (due, ahead): (Vec<_>, Vec<_>) =
            acts.into_iter().partition(|act| at(act).is_some_and(|at| at <= now));
        let next_act = ahead.iter().filter_map(at).min();
        state.people.acts = ahead;
        let faults = state.ahead.iter().filter_map(|(when, _)| match when {
            When::At(at) if *at > now => Some(*at),
            _ => None,
        });
        let next = faults.chain(next_act).min();
        (due.into_iter().map(|act| act.what).collect(), next)
    }
}
