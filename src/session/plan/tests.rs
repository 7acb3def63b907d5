use super::*;
use crate::domain::record::AlreadyStarted;
use crate::domain::task::Scope;
use crate::launch::{Certainty, Lookup};
use crate::limiter::Limits;
use crate::rules::retry::Policy;
use crate::rules::window::Window;
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use std::num::NonZeroUsize;

fn options(rate: &str, rate_per_biz: &str, confirm: Option<Duration>) -> Options {
    Options {
        limit: None,
        lookahead: NonZeroUsize::MIN,
        limits: Limits {
            rate: rate.parse().unwrap(),
            burst: None,
            rate_per_biz: rate_per_biz.parse().unwrap(),
            slots: NonZeroUsize::MIN,
            slots_per_biz: None,
            backoff: "1s..2s".parse().unwrap(),
            throttle_patience: Duration::MAX,
            budget: None,
        },
        policy: Policy { retries: 0 },
        outage_patience: Duration::MAX,
        certainty: Certainty { confirm, lookup: Lookup::Nothing },
        already_started: AlreadyStarted::Ok,
    }
}

#[test]
fn a_pause_counts_only_between_stages_with_rows_that_are_launched() {
    let business = Business { scope: Scope::CmdbBiz, id: "2".parse().unwrap() };
    for (positions, limit, seconds) in [
        (&[5, 50][..], None, 7),
        (&[50, 51], None, 2),
        (&[5, 50, 99], None, 13),
        (&[5, 50, 99], Some(2), 7),
        (&[], None, 0),
    ] {
        let left = Left {
            businesses: [(business, positions.len() as u64)].into(),
            positions: positions.iter().copied().collect(),
            all: 100,
            settled: 100 - positions.len() as u64,
            ..Left::default()
        };
        let timing = Timing {
            window: Window::default(),
            zone: TimeZone::UTC,
            cutoff: Duration::ZERO,
            misfit: Misfit::Told,
        };
        let options = Options { limit, ..options("1/s", "unlimited", None) };
        let plan = Plan {
            rows: Rows::Left(&left),
            options: &options,
            target: "h".into(),
            user: "admin".into(),
            now: Timestamp::UNIX_EPOCH,
            timing: &timing,
            stages: vec![10, 60, 100],
            stage_pause: Duration::from_secs(5),
            answers: ExpectedAnswers::AsBefore(AnswerTimes {
                request: 0.0,
                row: 0.0,
                requests: 1.0,
            }),
        };
        let time = plan.time().map(|time| time.total().as_secs());
        assert_eq!(time, Some(seconds), "{positions:?}, {limit:?}");
    }
}

#[test]
fn the_tightest_limit_says_whether_it_fits() {
    let business = |id: &str| Business { scope: Scope::CmdbBiz, id: id.parse().unwrap() };
    let left = Left {
        businesses: [(business("2"), 90), (business("3"), 10)].into(),
        positions: (1..=100).collect(),
        all: 100,
        ..Left::default()
    };
    let start = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(1);
    let confirm = Some(Duration::from_mins(1));
    for (rate, per_biz, confirm, room, expected) in [
        ("1/s", "unlimited", None, 100, Ok(100)),
        ("1/s", "unlimited", None, 99, Err(1)),
        ("1/s", "unlimited", confirm, 200, Ok(200)),
        ("1/s", "unlimited", confirm, 100, Err(50)),
        ("10/s", "1/s", None, 90, Ok(90)),
        ("unlimited", "unlimited", None, 1, Ok(0)),
    ] {
        let at = |seconds| start + SignedDuration::from_secs(seconds);
        let timing = Timing {
            window: Window { start: Some(start), stop: Some(at(room + 60)) },
            zone: TimeZone::UTC,
            cutoff: Duration::from_mins(1),
            misfit: Misfit::Refused,
        };
        let options = options(rate, per_biz, confirm);
        let plan = Plan {
            rows: Rows::Left(&left),
            options: &options,
            target: "http://h/".into(),
            user: "admin".into(),
            now: Timestamp::UNIX_EPOCH,
            timing: &timing,
            stages: Vec::new(),
            stage_pause: Duration::ZERO,
            answers: ExpectedAnswers::AsBefore(AnswerTimes {
                request: 0.0,
                row: 0.0,
                requests: if confirm.is_some() { 2.0 } else { 1.0 },
            }),
        };
        let expected = match expected {
            Ok(seconds) => PlanFit::Fits(at(seconds)),
            Err(rows) => PlanFit::Leaves(rows),
        };
        assert_eq!(plan.window_fit(), Some(expected), "{rate} {per_biz} {confirm:?} {room}");
        let fits = matches!(expected, PlanFit::Fits(_));
        assert_eq!(plan.check_fit().is_ok(), fits);
    }
}
