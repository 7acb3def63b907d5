use super::*;
use crate::domain::rate::Rate;
use crate::domain::record::{AlreadyStarted, Doubt, Ending, KnownBy, Outcome, Record};
use crate::domain::row::Row;
use crate::domain::task::{Business, Scope, Task};
use crate::limiter::Counters;
use crate::monitor::metrics::Figures;
use crate::rules::forecast::Outlook;
use crate::rules::retry::Stop;
use crate::rules::stats::{Requests, Summary};
use crate::shutdown::Signal;
use jiff::Timestamp;
use std::time::Duration;

fn ended(outcomes: &[(Outcome, Ending)], cause: Option<Cause>, input: InputEnd) -> Ended {
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
        input,
        cause,
        failure: None,
        journal: None,
        figures: Figures {
            began: Timestamp::UNIX_EPOCH,
            rows: None,
            by_outcome: [0; 9],
            requests: Requests::default(),
            throttled: 0,
            holds: 0,
            open_rows: 0,
            in_flight: 0,
            wanted: Rate::Unlimited,
            outlook: Outlook::default(),
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
    let signal = || Some(Cause::Signal(Signal::Interrupt));
    let auth = || Some(Cause::Answer { stop: Stop::Auth, message: "".into() });
    let reached = || InputEnd::Reached;
    for (outcomes, cause, input, code) in [
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
        (&[good], Some(Cause::Output), reached(), 6),
        (&[good], Some(Cause::Broken("a row".into())), reached(), 6),
        (&[good], None, InputEnd::Incomplete, 1),
        (&[good, pending], Some(Cause::Window), reached(), 4),
        (&[good, bad], Some(Cause::Window), reached(), 1),
        (&[good, pending], signal(), InputEnd::Incomplete, 130),
    ] {
        let ended = ended(outcomes, cause.clone(), input);
        assert_eq!(Exit::of(&ended).code(), code, "{outcomes:?} {cause:?}");
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
