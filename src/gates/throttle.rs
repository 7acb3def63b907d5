//! How long those who share a throttle are held.
//!
//! One [`Throttle`] for each business, and one for everyone. A rule with the
//! time handed in: it neither waits nor sends.

use std::time::Duration;

use tokio::time::Instant;

use crate::retry::Backoff;

/// A hold that an answer states is believed up to this.
const LONGEST: Duration = Duration::from_hours(1);

/// How long after its last refusal a business is sent little at a time.
const CAREFUL: Duration = Duration::from_mins(5);

/// What is known of a server's limit on a business, or on everyone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Throttle {
    until: Option<Instant>,
    /// When the present hold began.
    began: Option<Instant>,
    /// The backoff's next step.
    step: u32,
    /// The first refusal since anything was granted.
    refused_since: Option<Instant>,
    last_refusal: Option<Instant>,
}

/// Whether a refusal began a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Began {
    /// It did.
    Hold,
    /// There was one, or it says nothing new.
    Not,
}

impl Throttle {
    /// A request that left at `sent` was refused.
    ///
    /// A hold lasts as long as the answer `stated`, or the backoff's next wait.
    /// A refusal of a request that left before the present hold began says
    /// nothing new, so it takes no step of the backoff. Whether a hold began.
    pub fn refused(
        &mut self,
        sent: Instant,
        now: Instant,
        stated: Option<Duration>,
        backoff: &Backoff,
    ) -> Began {
        self.last_refusal = Some(now);
        self.refused_since.get_or_insert(now);
        let known = self.began.is_some_and(|began| sent <= began);
        let stated = stated.filter(|pause| !pause.is_zero());
        let pause = match stated {
            Some(pause) => pause.min(LONGEST),
            None if known => return Began::Not,
            None => {
                let wait = backoff.wait(self.step);
                self.step = self.step.saturating_add(1);
                wait
            }
        };
        if !known {
            self.began = Some(now);
        }
        self.until = self.until.max(Some(now + pause));
        if known { Began::Not } else { Began::Hold }
    }

    /// Something was granted: accepted, or "already started", which costs the
    /// server a token too (wire facts, section 1, no. 12). The backoff starts anew.
    pub fn granted(&mut self) {
        self.step = 0;
        self.refused_since = None;
    }

    /// When the present hold ends, if there is one.
    #[must_use]
    pub fn held(&self, now: Instant) -> Option<Instant> {
        self.until.filter(|until| *until > now)
    }

    /// How long everything has been refused.
    #[must_use]
    pub fn starved(&self, now: Instant) -> Duration {
        self.refused_since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    /// How many requests may be out at once, of `limit`: after a refusal two,
    /// until five minutes have passed without one. Many at a time make the
    /// server's own lock refuse them (wire facts, section 3a, throttle details).
    #[must_use]
    pub fn slots(&self, now: Instant, limit: usize) -> usize {
        if self.is_careful(now) { limit.min(2) } else { limit }
    }

    fn is_careful(&self, now: Instant) -> bool {
        self.last_refusal.is_some_and(|last| now.saturating_duration_since(last) < CAREFUL)
    }

    /// Whether it says nothing that a new one would not say.
    #[must_use]
    pub fn is_forgotten(&self, now: Instant) -> bool {
        self.held(now).is_none() && !self.is_careful(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    struct Scene {
        start: Instant,
        throttle: Throttle,
    }

    impl Scene {
        fn new() -> Self {
            Self { start: Instant::now(), throttle: Throttle::default() }
        }

        fn refused(&mut self, sent: f64, now: f64, stated: Option<f64>) {
            let backoff: Backoff = "500ms..30s".parse().unwrap();
            let (sent, now) = (self.start + seconds(sent), self.start + seconds(now));
            self.throttle.refused(sent, now, stated.map(seconds), &backoff);
        }

        fn held_until(&self, now: f64) -> Option<f64> {
            let until = self.throttle.held(self.start + seconds(now))?;
            Some((until - self.start).as_secs_f64())
        }
    }

    #[test]
    fn holds_without_a_time_grow_by_the_backoff() {
        let mut scene = Scene::new();
        scene.refused(0.0, 0.1, None);
        assert_eq!(scene.held_until(0.1), Some(0.6));
        assert_eq!(scene.held_until(0.6), None);
        scene.refused(0.7, 0.8, None);
        assert_eq!(scene.held_until(0.8), Some(1.8));
        scene.refused(1.9, 2.0, None);
        assert_eq!(scene.held_until(2.0), Some(4.0));
    }

    #[test]
    fn refusals_of_what_was_out_already_say_nothing_new() {
        let mut scene = Scene::new();
        scene.refused(0.0, 0.1, None);
        scene.refused(0.05, 0.2, None);
        scene.refused(0.09, 0.3, None);
        assert_eq!(scene.held_until(0.3), Some(0.6));
        scene.refused(0.7, 0.8, None);
        assert_eq!(scene.held_until(0.8), Some(1.8), "the second step, not the fourth");
    }

    #[test]
    fn the_backoff_starts_anew_once_something_is_granted() {
        let mut scene = Scene::new();
        scene.refused(0.0, 0.1, None);
        scene.refused(0.7, 0.8, None);
        scene.throttle.granted();
        assert_eq!(scene.held_until(0.8), Some(1.8), "a hold that was begun lasts");
        scene.refused(2.0, 2.1, None);
        assert_eq!(scene.held_until(2.1), Some(2.6));
    }

    #[test]
    fn a_stated_time_is_believed_within_reason() {
        for (stated, until) in [(30.0, 30.0), (0.0, 0.5), (1e9, 3600.0)] {
            let mut scene = Scene::new();
            scene.refused(0.0, 0.0, Some(stated));
            assert_eq!(scene.held_until(0.0), Some(until), "{stated}");
        }
        let mut scene = Scene::new();
        scene.refused(0.0, 0.1, None);
        scene.refused(0.05, 0.2, Some(7.0));
        assert_eq!(scene.held_until(0.2), Some(7.2), "a stated time also lengthens a hold");
        scene.refused(0.06, 0.3, Some(1.0));
        assert_eq!(scene.held_until(0.3), Some(7.2), "and never shortens one");
    }

    #[test]
    fn after_a_refusal_two_may_be_out_for_five_minutes() {
        let mut scene = Scene::new();
        let slots = |scene: &Scene, now| scene.throttle.slots(scene.start + seconds(now), 64);
        assert_eq!(slots(&scene, 0.0), 64);
        scene.refused(0.0, 0.0, None);
        assert_eq!(slots(&scene, 299.9), 2);
        assert_eq!(slots(&scene, 300.0), 64);
        assert_eq!(scene.throttle.slots(scene.start, 1), 1);
    }

    #[test]
    fn starving_counts_from_the_first_refusal_since_anything_was_granted() {
        let mut scene = Scene::new();
        let starved = |scene: &Scene, now| scene.throttle.starved(scene.start + seconds(now));
        assert_eq!(starved(&scene, 9.0), Duration::ZERO);
        scene.refused(0.0, 1.0, None);
        scene.refused(2.0, 3.0, None);
        assert_eq!(starved(&scene, 9.0), seconds(8.0));
        scene.throttle.granted();
        assert_eq!(starved(&scene, 99.0), Duration::ZERO);
    }
}
