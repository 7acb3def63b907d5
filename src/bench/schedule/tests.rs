use super::*;
use proptest::prelude::*;

fn load(text: &str) -> Schedule {
    text.parse().unwrap()
}

fn near(found: f64, expected: f64) -> bool {
    (found - expected).abs() < 1e-6
}

#[test]
fn a_number_has_its_due_time() {
    let steady = Schedule::steady(200.0, Duration::from_secs(30));
    let ramp = load("0..100/s:10s");
    let parts = load("50/s:10s,50..150/s:10s,150/s:10s");
    for (schedule, number, due) in [
        (&steady, 0, Some(0.0)),
        (&steady, 1, Some(0.005)),
        (&steady, 5_999, Some(29.995)),
        (&steady, 6_000, None),
        (&ramp, 0, Some(0.0)),
        (&ramp, 125, Some(5.0)),
        (&ramp, 499, Some(9.989_994_995)),
        (&ramp, 500, None),
        (&parts, 499, Some(9.98)),
        (&parts, 500, Some(10.0)),
        (&parts, 875, Some(15.0)),
        (&parts, 1_500, Some(20.0)),
        (&parts, 2_999, Some(29.993_333_333)),
        (&parts, 3_000, None),
    ] {
        let found = schedule.due(f64::from(number)).map(|due| due.as_secs_f64());
        let is_right = match (found, due) {
            (Some(found), Some(due)) => near(found, due),
            (None, None) => true,
            _ => false,
        };
        assert!(is_right, "request {number} of {schedule}: {found:?}");
    }
    let some = Schedule::requests(3.0, 10);
    assert_eq!(Arrivals::new(some.clone(), ArrivalPattern::Even).count(), 10);
    assert_eq!(Arrivals::new(some.clone(), ArrivalPattern::Poisson { seed: 1 }).count(), 10);
    assert_eq!(some.total(), 10);
}

#[test]
fn a_warmup_comes_before_and_takes_nothing_away() {
    let some = Schedule::requests(10.0, 20).after(Duration::from_secs(5));
    assert_eq!(some.total(), 70);
    let measured =
        Arrivals::new(some, ArrivalPattern::Even).filter(|due| *due >= Duration::from_secs(5));
    assert_eq!(measured.count(), 20);
}

#[test]
fn what_is_no_load_says_how_one_is_written() {
    for text in
        ["", "50/s", "50:30s", "50/s:", "50/s:0s", "50/s:1001h", "0/s:5s", "a..b/s:5s", "50/s:30s,"]
    {
        assert_eq!(text.parse::<Schedule>(), Err(LoadError), "{text}");
    }
    assert_eq!(load("50/s:30s,50..500/s:2m").to_string(), "50/s for 30s, then 50..500/s for 120s");
    assert!(near(load("6000/m:1m").rate(Duration::from_secs(3)), 100.0));
}

proptest! {
    #[test]
    fn due_times_never_run_backwards_and_hit_the_integral(
        parts in prop::collection::vec((0_u32..500, 0_u32..500, 1_u32..20), 1..5)
    ) {
        let text: Vec<_> =
            parts.iter().map(|(from, to, lasts)| format!("{from}..{to}/s:{lasts}s")).collect();
        let Ok(schedule) = text.join(",").parse::<Schedule>() else { return Ok(()) };
        let mut last = Duration::ZERO;
        let mut sent = 0_u64;
        for due in Arrivals::new(schedule.clone(), ArrivalPattern::Even) {
            prop_assert!(due >= last);
            // The integral of the rate gives the number of requests due before.
            let integral = schedule.between(Duration::ZERO, due);
            prop_assert!((integral - count(sent)).abs() < 0.01, "{integral} at {sent}");
            last = due;
            sent += 1;
        }
        prop_assert_eq!(sent, schedule.total());
        prop_assert!(last <= schedule.duration());
    }
}

/// Returns the largest distance between the distribution of `gaps` and an exponential one with mean
/// 1.
fn kolmogorov_smirnov(mut gaps: Vec<f64>) -> f64 {
    gaps.sort_by(f64::total_cmp);
    let all = count(gaps.len() as u64);
    let distance = |(at, gap): (usize, &f64)| {
        let (at, expected) = (count(at as u64), 1.0 - (-gap).exp());
        (expected - at / all).abs().max(((at + 1.0) / all - expected).abs())
    };
    gaps.iter().enumerate().map(distance).fold(0.0, f64::max)
}

#[test]
fn poisson_gaps_pass_a_kolmogorov_smirnov_test() {
    let gaps = |spread| {
        let schedule = Schedule::steady(100.0, Duration::from_secs(100));
        let due: Vec<_> = Arrivals::new(schedule, spread).collect();
        let gaps = due.windows(2).map(|pair| pair[1].abs_diff(pair[0]).as_secs_f64() * 100.0);
        gaps.collect::<Vec<_>>()
    };
    for seed in 1..=5 {
        let gaps = gaps(ArrivalPattern::Poisson { seed });
        // Bound of the test at a level of 0.1 %.
        let bound = 1.95 / count(gaps.len() as u64).sqrt();
        assert!((9_600..10_400).contains(&gaps.len()), "{}", gaps.len());
        let distance = kolmogorov_smirnov(gaps);
        assert!(distance < bound, "seed {seed}: {distance} of {bound}");
    }
    assert!(kolmogorov_smirnov(gaps(ArrivalPattern::Even)) > 0.5, "the test tells even gaps apart");
    let once = gaps(ArrivalPattern::Poisson { seed: 7 });
    assert_eq!(once, gaps(ArrivalPattern::Poisson { seed: 7 }), "a seed makes the same again");
}
