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
        let refused =
            ThrottleRefusal { sent: self.start + seconds(sent), stated: stated.map(seconds) };
        self.throttle.refused(refused, self.start + seconds(now), &backoff);
    }

    fn held_until(&self, now: f64) -> Option<f64> {
        let until = self.throttle.held(self.start + seconds(now))?;
        Some((until - self.start).as_secs_f64())
    }

    fn patience(&self, now: f64) -> Patience {
        self.throttle.patience(self.start + seconds(now), seconds(8.0))
    }

    fn slots(&self, now: f64) -> usize {
        self.throttle.slots(self.start + seconds(now), 64, seconds(8.0))
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
    assert_eq!(scene.slots(0.0), 64);
    scene.refused(0.0, 0.0, None);
    assert_eq!(scene.slots(299.9), 2);
    assert_eq!(scene.slots(300.0), 64);
    assert_eq!(scene.throttle.slots(scene.start, 1, seconds(8.0)), 1);
}

#[test]
fn patience_ends_when_four_were_refused_and_none_was_granted() {
    let mut scene = Scene::new();
    assert_eq!(scene.patience(99.0), Patience::Left);
    for (now, patience) in [(1.0, Patience::Left), (3.0, Patience::Left), (9.5, Patience::Left)] {
        scene.refused(now, now, None);
        assert_eq!(scene.patience(now), patience, "{now}");
    }
    assert_eq!(scene.slots(9.5), 2);
    scene.refused(9.6, 9.7, None);
    assert_eq!((scene.patience(9.7), scene.slots(9.7)), (Patience::Over, 1));
    scene.throttle.granted();
    assert_eq!((scene.patience(99.0), scene.slots(99.0)), (Patience::Left, 2));
}

#[test]
fn holds_that_answers_stated_do_not_count() {
    let mut scene = Scene::new();
    for now in [0.0, 10.0, 20.0, 30.0, 40.0] {
        scene.refused(now, now, Some(9.0));
        assert_eq!(scene.patience(now), Patience::Left, "{now}");
    }
    scene.refused(57.0, 57.0, None);
    assert_eq!(scene.patience(57.0), Patience::Over, "of 57 s, 45 were stated");
}
