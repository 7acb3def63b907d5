use super::*;
use crate::domain::rate::Rate;
use crate::domain::record::{AlreadyStarted, Doubt, Ending, KnownBy, Outcome, Record};
use crate::domain::row::Row;
use crate::domain::task::{Business, Scope, Task};
use crate::limiter::Counters;
use crate::monitor::metrics::Figures;
use crate::rules::forecast::Estimate;
use crate::rules::retry::Stop;
use crate::rules::stats::{Requests, Summary};
use crate::shutdown::Signal;
use enum_map::EnumMap;
use jiff::Timestamp;
use std::time::Duration;

fn ended(
    outcomes: &[(Outcome, Ending)],
    stop_reason: Option<StopReason>,
    input: InputEnd,
) -> Ended {
    let mut summary = Summary::new(AlreadyStarted::Ok);
    let id = "1".parse().unwrap();
    let task = Task { business: Business { scope: Scope::CmdbBiz, id }, id };
    for (outcome, ending) in outcomes {
        summary.add(&Record {
            row: Row { line: 1, task: Ok(task), carried: Box::new([]) },
            outcome: *outcome,
            ending: *ending,
            attempts: 1,
            first_sent: None,
            last: None,
            reason: None,
            elapsed: None,
        });
    }
    Ended {
        summary,
        requests: Requests::default(),
        counters: Counters::default(),
        took: Duration::ZERO,
        answers: None,
        input,
        limit: None,
        stop_reason,
        failure: None,
        journal: None,
        figures: Figures {
            began: Timestamp::UNIX_EPOCH,
            rows: None,
            by_outcome: EnumMap::default(),
            requests: Requests::default(),
            throttled: 0,
            holds: 0,
            open_rows: 0,
            in_flight: 0,
            wanted: Rate::Unlimited,
            estimate: Estimate::default(),
        },
    }
}

#[test]
fn the_first_cause_gives_the_code_if_it_kept_something_undone() {
    use Ending::{CutOff, Settled};
    let good = (Outcome::Started(KnownBy::Reply), Settled);
    let bad = (Outcome::Rejected, Settled);
    let pending = (Outcome::Pending, CutOff(Doubt::None));
    let doubtful = (Outcome::Unknown, CutOff(Doubt::MayHaveStarted));
    let signal = || Some(StopReason::Signal(Signal::Interrupt));
    let auth = || Some(StopReason::Answer { stop: Stop::Auth, message: "".into() });
    let reached = || InputEnd::Reached;
    for (outcomes, stop_reason, input, code) in [
        (&[][..], None, reached(), 0),
        (&[good], None, reached(), 0),
        (&[good, (Outcome::Duplicate, Settled)], None, reached(), 0),
        (&[good, bad], None, reached(), 1),
        (&[good, (Outcome::Invalid, Settled)], None, reached(), 1),
        (&[good, pending], signal(), reached(), 130),
        (&[good, doubtful], signal(), reached(), 130),
        (&[good], signal(), reached(), 0),
        (&[bad], signal(), reached(), 1),
        (&[good], signal(), InputEnd::NotReached, 130),
        (&[pending, bad], auth(), reached(), 3),
        (&[good], Some(StopReason::Output), reached(), 6),
        (&[good], Some(StopReason::Broken("a row".into())), reached(), 6),
        (&[good], None, InputEnd::Incomplete, 1),
        (&[good, pending], Some(StopReason::Window), reached(), 4),
        (&[good, bad], Some(StopReason::Window), reached(), 1),
        (&[good, pending], signal(), InputEnd::Incomplete, 130),
    ] {
        let ended = ended(outcomes, stop_reason.clone(), input);
        assert_eq!(Exit::of(&ended).code(), code, "{outcomes:?} {stop_reason:?}");
    }
}

#[test]
fn signals_have_the_codes_that_shells_give_them() {
    for (signal, code) in
        [(Signal::Hangup, 129), (Signal::Interrupt, 130), (Signal::Terminate, 143)]
    {
        assert_eq!(Exit::Signal(signal).code(), code);
    }
}
