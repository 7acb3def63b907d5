use super::*;
use crate::domain::answer::Taken;
use FailureClass::{
    Ambiguous, Auth, BadRequest, Config, NotFound, Permission, ThrottledApp, ThrottledBiz,
    Transient,
};

const POLICY: Policy = Policy { retries: 4 };

fn failure(class: FailureClass, delivery: Delivery) -> Failure {
    let (taken, server) = (Taken::No, Box::default());
    Failure { class, delivery, taken, hold: None, server }
}

fn situation(counted: u32) -> RetryContext {
    RetryContext {
        counted,
        in_outage: false,
        server: Server::BkSops,
        unconnected: 0,
        patience: Patience::Left,
    }
}

#[test]
fn what_is_done_depends_on_the_class() {
    let answered = Delivery::Answered(Speaker::Front);
    for (class, counted, next) in [
        (BadRequest, 1, Next::GiveUp),
        (NotFound, 1, Next::GiveUp),
        (Permission, 1, Next::GiveUp),
        (Auth, 1, Next::Stop(Stop::Auth)),
        (Config, 3, Next::Stop(Stop::Config)),
        (ThrottledBiz, 1, Next::AfterPause),
        (ThrottledApp, 99, Next::AfterPause),
        (Transient, 1, Next::After { step: 0 }),
        (Transient, 4, Next::After { step: 3 }),
        (Transient, 5, Next::GiveUp),
        (Ambiguous, 4, Next::After { step: 3 }),
        (Ambiguous, 5, Next::GiveUp),
    ] {
        let found = POLICY.next(&failure(class, answered), situation(counted));
        assert_eq!(found, next, "{class} after {counted} attempts");
    }
}

#[test]
fn a_throttle_that_lets_nothing_through_fails_a_row_or_stops_everyone() {
    use Patience::{Left, Over};
    for (class, retries, patience, next) in [
        (ThrottledBiz, 4, Left, Next::AfterPause),
        (ThrottledBiz, 4, Over, Next::GiveUp),
        (ThrottledBiz, 0, Left, Next::GiveUp),
        (ThrottledApp, 4, Left, Next::AfterPause),
        (ThrottledApp, 4, Over, Next::Stop(Stop::Throttled)),
        (ThrottledApp, 0, Left, Next::GiveUp),
    ] {
        let now = RetryContext { patience, ..situation(1) };
        let found =
            Policy { retries }.next(&failure(class, Delivery::Answered(Speaker::Front)), now);
        assert_eq!(found, next, "{class} {retries} {patience:?}");
    }
}

#[test]
fn in_an_outage_nothing_counts_unless_nothing_may_be_sent_again() {
    for delivery in [Delivery::Lost, Delivery::Answered(Speaker::Proxy)] {
        for (retries, counted, next) in
            [(4, 5, Next::AfterPause), (1, 9, Next::AfterPause), (0, 0, Next::GiveUp)]
        {
            let now = RetryContext { in_outage: true, ..situation(counted) };
            assert_eq!(Policy { retries }.next(&failure(Ambiguous, delivery), now), next);
        }
    }
}

#[test]
fn before_the_first_answer_there_is_no_patience() {
    use Server::{BkSops, Front, NeverReached, Reached};
    let stranger = Delivery::Answered(Speaker::Stranger);
    for (class, delivery, counted, server, next) in [
        (Ambiguous, Delivery::Lost, 5, NeverReached, Next::Stop(Stop::NeverReached)),
        (Ambiguous, Delivery::Lost, 5, Front, Next::GiveUp),
        (Ambiguous, Delivery::NotHttp, 1, NeverReached, Next::Stop(Stop::Config)),
        (Ambiguous, Delivery::NotHttp, 1, Front, Next::After { step: 0 }),
        (Ambiguous, stranger, 1, Reached, Next::Stop(Stop::Config)),
        (BadRequest, stranger, 1, Reached, Next::Stop(Stop::Config)),
        // A restarting ingress answers 404 for a bk-sops that was there.
        (Config, stranger, 1, BkSops, Next::After { step: 0 }),
        (Config, stranger, 5, BkSops, Next::GiveUp),
        (Config, stranger, 1, Front, Next::Stop(Stop::Config)),
        (BadRequest, Delivery::Answered(Speaker::Proxy), 1, Reached, Next::GiveUp),
        (Ambiguous, Delivery::Answered(Speaker::Proxy), 1, Reached, Next::After { step: 0 }),
    ] {
        let now = RetryContext { server, ..situation(counted) };
        let found = POLICY.next(&failure(class, delivery), now);
        assert_eq!(found, next, "{class} {delivery:?} {counted} {server:?}");
    }
}

#[test]
fn a_connection_that_cannot_be_made_is_an_attempt_of_no_row() {
    use NotSent::{Certificate, HostName, Unreachable};
    use Server::{BkSops, NeverReached};
    let (retry, held) = (Next::After { step: 0 }, Next::AfterPause);
    for (why, unconnected, server, in_outage, next) in [
        (HostName, 1, NeverReached, false, Next::Stop(Stop::Config)),
        (Certificate, 1, NeverReached, false, Next::Stop(Stop::Config)),
        (HostName, 0, BkSops, false, retry),
        (Certificate, 0, BkSops, true, held),
        (Unreachable, 4, NeverReached, false, held),
        (Unreachable, 5, NeverReached, false, Next::Stop(Stop::NeverReached)),
        (Unreachable, 0, BkSops, false, retry),
        (Unreachable, 0, BkSops, true, held),
    ] {
        let now = RetryContext { in_outage, server, unconnected, ..situation(0) };
        let found = POLICY.next(&failure(Transient, Delivery::NotSent(why)), now);
        assert_eq!(found, next, "{why:?} {unconnected} {server:?}");
    }
}

#[test]
fn one_lost_request_does_not_mean_that_there_is_no_server() {
    let now = RetryContext { server: Server::NeverReached, ..situation(1) };
    let next = Policy { retries: 0 }.next(&failure(Ambiguous, Delivery::Lost), now);
    assert_eq!(next, Next::GiveUp);
}

#[test]
fn waits_double_up_to_the_longest() {
    let millis = |text: &str| {
        let backoff: Backoff = text.parse().expect(text);
        (0..8).map(|step| backoff.wait(step).as_millis()).collect::<Vec<_>>()
    };
    assert_eq!(millis("500ms..30s"), [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000]);
    assert_eq!(millis("1ms..5ms"), [1, 2, 4, 5, 5, 5, 5, 5]);
    assert_eq!(millis("3s..3s"), [3000; 8]);
    let backoff: Backoff = "500ms..30s".parse().unwrap();
    assert_eq!(backoff.wait(u32::MAX), Duration::from_secs(30));
}

#[test]
fn jitter_takes_up_to_half_of_a_wait() {
    let backoff: Backoff = "400ms..30s".parse().unwrap();
    assert_eq!(backoff.jittered(0, 0.0), Duration::from_millis(200));
    assert_eq!(backoff.jittered(0, 0.5), Duration::from_millis(300));
    assert_eq!(backoff.jittered(1, 1.0), Duration::from_millis(800));
}

#[test]
fn what_is_no_backoff_says_why() {
    for (text, error) in [
        ("500ms", BackoffError::Form),
        ("a..b", BackoffError::Form),
        ("-1s..3s", BackoffError::Form),
        ("0s..3s", BackoffError::First),
        ("100us..3s", BackoffError::First),
        ("3s..1s", BackoffError::Order),
    ] {
        assert_eq!(text.parse::<Backoff>(), Err(error), "{text}");
    }
}
