use super::*;

#[test]
fn a_state_says_what_a_process_waits_for_and_why_it_ended() {
    let now: Timestamp = "2026-12-01T22:00:00Z".parse().unwrap();
    let later: Timestamp = "2026-12-01T23:00:00Z".parse().unwrap();
    let session = |waits_until, draining: Option<&str>, ending: Option<&str>| PastSession {
        number: 1,
        began: now,
        waits_until,
        target: String::new(),
        retry_failed: false,
        draining: draining.map(Into::into),
        ended: ending.map(|_| now),
        ending: ending.map(Into::into),
        exit: None,
        answers: None,
    };
    let alive = || Some(Holder { pid: Some(7) });
    for (alive, last, state) in [
        (alive(), None, RunState::Running(Some(7))),
        (alive(), Some(session(None, None, None)), RunState::Running(Some(7))),
        (alive(), Some(session(Some(later), None, None)), RunState::Waiting(Some(7), later)),
        (alive(), Some(session(Some(now), None, None)), RunState::Running(Some(7))),
        (
            alive(),
            Some(session(Some(later), Some("SIGINT"), None)),
            RunState::Draining(Some(7), "SIGINT".into()),
        ),
        // A resume that has not begun yet.
        (alive(), Some(session(None, Some("SIGINT"), Some("SIGINT"))), RunState::Running(Some(7))),
        (
            None,
            Some(session(None, Some("SIGINT"), Some("SIGINT"))),
            RunState::Stopped("SIGINT".into()),
        ),
        (None, Some(session(None, Some("SIGINT"), None)), RunState::Interrupted),
        (None, Some(session(None, None, Some(FINISHED))), RunState::Finished),
        (None, None, RunState::Interrupted),
    ] {
        assert_eq!(RunState::after(alive.as_ref(), last.as_ref(), now), state, "{last:?}");
    }
}
