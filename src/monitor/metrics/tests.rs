use super::*;
use crate::domain::answer::{Delivery, Failure, FailureClass, Speaker, Taken, Verdict};
use enum_map::enum_map;

fn figures() -> Figures {
    let mut requests = Requests::default();
    let throttled = Verdict::Failed(Failure {
        class: FailureClass::ThrottledBiz,
        delivery: Delivery::Answered(Speaker::BkSops),
        taken: Taken::No,
        hold: None,
        server: Box::default(),
    });
    requests.first(&Verdict::Accepted, Duration::from_millis(40));
    requests.again(&throttled, Duration::from_millis(400));
    Figures {
        began: "2026-12-01T14:00:00Z".parse().unwrap(),
        rows: Some(10),
        by_outcome: enum_map! { OutcomeKind::Started => 3, OutcomeKind::Rejected => 1, _ => 0 },
        requests,
        throttled: 1,
        holds: 1,
        open_rows: 5,
        in_flight: 2,
        wanted: "20/s".parse().unwrap(),
        estimate: Estimate {
            begins_in: None,
            achieved: Some(19.5),
            left: Some(Duration::from_mins(1)),
            fit: Some(Fit::Leaves(3)),
            slowed_by: None,
        },
    }
}

fn now() -> Timestamp {
    "2026-12-01T14:01:00Z".parse().unwrap()
}

#[test]
fn every_figure_has_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nightly.prom");
    let file = Textfile::begin(&path, Some("nightly")).unwrap();
    file.write(Some(&figures()), SessionState::Running, now()).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    for line in [
        r#"bk_launch_rows{outcome="started",name="nightly"} 3"#,
        r#"bk_launch_rows{outcome="pending",name="nightly"} 0"#,
        r#"bk_launch_requests_total{class="accepted",name="nightly"} 1"#,
        r#"bk_launch_requests_total{class="throttled_biz",name="nightly"} 1"#,
        r#"bk_launch_requests_total{class="ambiguous",name="nightly"} 0"#,
        r#"bk_launch_request_duration_seconds_bucket{name="nightly",le="0.025"} 0"#,
        r#"bk_launch_request_duration_seconds_bucket{name="nightly",le="0.05"} 1"#,
        r#"bk_launch_request_duration_seconds_bucket{name="nightly",le="0.5"} 2"#,
        r#"bk_launch_request_duration_seconds_bucket{name="nightly",le="+Inf"} 2"#,
        r#"bk_launch_request_duration_seconds_sum{name="nightly"} 0.44"#,
        r#"bk_launch_retries_total{name="nightly"} 1"#,
        r#"bk_launch_holds_total{name="nightly"} 1"#,
        r#"bk_launch_open_rows{name="nightly"} 5"#,
        r#"bk_launch_in_flight_requests{name="nightly"} 2"#,
        r#"bk_launch_wanted_requests_per_second{name="nightly"} 20"#,
        r#"bk_launch_achieved_requests_per_second{name="nightly"} 19.5"#,
        r#"bk_launch_forecast_end_timestamp_seconds{name="nightly"} 1796133720"#,
        r#"bk_launch_forecast_rows_left{name="nightly"} 3"#,
        r#"bk_launch_running{name="nightly"} 1"#,
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
    }
    assert!(!text.contains("last_success") && !text.contains("exit_code"), "{text}");
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing else is left behind");
    let mode = path.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o444, 0o444, "the collector is another user");
}

#[test]
fn the_last_success_outlives_a_failure() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.prom");
    let success = || last_success(&std::fs::read_to_string(&path).unwrap());
    for (exit, minute, expected) in
        [(2, 1, None), (0, 2, Some(2)), (1, 3, Some(2)), (0, 4, Some(4))]
    {
        let file = Textfile::begin(&path, None).unwrap();
        let begun = Timestamp::from_second(60 * minute).unwrap();
        let before = file.last_success;
        file.write(None, SessionState::Running, begun).unwrap();
        assert_eq!(success(), before);
        file.write(Some(&figures()), SessionState::Ended(exit), begun).unwrap();
        let expected = expected.map(|minute: u32| f64::from(60 * minute));
        assert_eq!(success(), expected, "exit {exit} in minute {minute}");
    }
}

#[test]
fn a_folder_that_is_not_there_is_an_error() {
    let file = Textfile::begin(Path::new("/no/such/x.prom"), None).unwrap();
    assert!(file.write(None, SessionState::Running, now()).is_err());
    assert!(Textfile::begin(Path::new("/dev/null"), None).is_err());
    let moment = Duration::from_secs(10);
    assert!(file.write_within(moment, None, SessionState::Running, now()).is_err());
}
