//! Tables of the rules, and searches of simulated servers.

use super::*;
use crate::bench::trend::{Blocks, Trend};
use proptest::prelude::*;

/// Searches, with `show` giving the finding of each step; returns the search and its number of
/// steps.
fn find(
    from: f64,
    most: f64,
    mut show: impl FnMut(PlannedStep) -> StepFinding,
) -> (RateSearch, usize) {
    let mut search = RateSearch::from(from, most);
    let mut steps = 0;
    while let Some(planned) = search.next_step() {
        search = search.after(search.decide(show(planned)));
        steps += 1;
        assert!(steps < 1_000, "the search does not end");
    }
    (search, steps)
}

fn holds_up_to(capacity: f64) -> impl Fn(PlannedStep) -> StepFinding {
    move |planned| if planned.rate <= capacity { StepFinding::Held } else { StepFinding::Failed }
}

#[test]
fn the_highest_rate_is_found_within_two_percent() {
    for from in [1.0, 20.0, 160.0, 5_000.0] {
        for capacity in [0.7, 19.0, 20.0, 21.0, 163.0, 1_000.0, 4_321.0] {
            let (search, steps) = find(from, 20_000.0, holds_up_to(capacity));
            let found = search.highest().unwrap();
            assert!(found <= capacity && found >= capacity * 0.98, "{found} of {capacity}");
            assert!(steps <= 20, "{steps} steps from {from} to {capacity}");
            assert_eq!(search.limit(), Some(LimitedBy::Server));
        }
    }
    let (search, _) = find(20.0, 1_000.0, holds_up_to(1e9));
    assert_eq!((search.highest(), search.limit()), (Some(1_000.0), None), "no higher than asked");
    let (search, _) = find(20.0, 1_000.0, holds_up_to(0.0));
    assert_eq!(
        (search.highest(), search.limit()),
        (None, Some(LimitedBy::Server)),
        "nothing holds"
    );
}

/// Returns the rates of a search from 80/s that these steps lead to; `!` marks twice as long.
fn rates(steps: &[StepFinding]) -> Vec<String> {
    let mut search = RateSearch::from(80.0, 1_000.0);
    let mut rates = Vec::new();
    let mut shown = steps.iter();
    loop {
        rates.push(search.next_step().map_or("over".into(), |planned| {
            let sign = if planned.length == StepLength::Double { "!" } else { "" };
            format!("{}{sign}", planned.rate)
        }));
        let Some(step) = shown.next() else { return rates };
        search = search.after(search.decide(*step));
    }
}

#[test]
fn a_step_that_is_spoiled_or_unclear_is_repeated_and_the_search_goes_on() {
    use StepFinding::{Failed, Held, SeemsFailed, SeemsHeld, Spoiled};
    for (steps, expected) in [
        (&[Held, Held, Failed][..], "80 160 320 240"),
        // Spoiled once: the same rate again. Twice: half of the interval...
        (&[Held, Spoiled, Held], "80 160 160 320"),
        (&[Held, Spoiled, Spoiled], "80 160 160 120"),
        // ...and after a rate that holds there, just one more chance.
        (&[Held, Spoiled, Spoiled, Held, Held], "80 160 160 120 160 320"),
        (&[Held, Spoiled, Spoiled, Held, Spoiled], "80 160 160 120 160 140"),
        // A lower rate that failed is a final bound.
        (&[Held, Spoiled, Spoiled, Failed, Held], "80 160 160 120 100 110"),
        (&[Held, Failed, Spoiled, Spoiled, Held, Held], "80 160 120 120 100 120 140"),
        // If none holds, this machine may be too slow for any.
        (&[Spoiled, Spoiled, Spoiled, Spoiled, Held], "80 80 40 40 20 40"),
        (&[Spoiled; 10], "80 80 40 40 20 20 10 10 5 5 over"),
        // An unclear step is repeated for longer, and then counts as what it seems.
        (&[Held, SeemsHeld, SeemsHeld], "80 160 160! 320"),
        (&[Held, SeemsHeld, SeemsFailed], "80 160 160! 120"),
        (&[Held, SeemsFailed, SeemsHeld], "80 160 160! 320"),
        (&[Held, SeemsFailed, Spoiled, Spoiled], "80 160 160! 160! 120"),
        (&[Held, SeemsFailed, Spoiled, SeemsFailed], "80 160 160! 160! 120"),
    ] {
        assert_eq!(rates(steps).join(" "), expected, "{steps:?}");
    }
}

#[test]
fn a_machine_that_is_too_slow_is_told_from_a_server_that_is() {
    let spoils_from = |bound: f64, capacity: f64| {
        let show = move |planned: PlannedStep| {
            if planned.rate >= bound {
                StepFinding::Spoiled
            } else {
                holds_up_to(capacity)(planned)
            }
        };
        let (search, steps) = find(20.0, 50_000.0, show);
        assert!(steps <= 40, "{steps}");
        (search.highest(), search.limit())
    };
    for (bound, capacity) in [(130.0, 1e9), (700.0, 1e9), (700.0, 800.0)] {
        let (highest, limit) = spoils_from(bound, capacity);
        let highest = highest.unwrap();
        assert!(highest < bound && highest >= bound * 0.98, "{highest} of {bound}");
        assert_eq!(limit, Some(LimitedBy::Machine));
    }
    assert_eq!(spoils_from(0.0, 1e9), (None, Some(LimitedBy::Machine)));
    assert_eq!(spoils_from(20.0, 100.0).1, Some(LimitedBy::Machine));
    assert_eq!(spoils_from(100.0, 60.0).1, Some(LimitedBy::Server), "of which nothing was spoiled");
    // A server that fails just above is also the limit.
    let (search, _) = find(20.0, 50_000.0, |planned| match planned.rate {
        rate if rate <= 100.0 => StepFinding::Held,
        rate if rate >= 102.5 => StepFinding::Failed,
        _ => StepFinding::Spoiled,
    });
    assert_eq!(search.limit(), Some(LimitedBy::Server));
}

#[test]
fn growth_that_is_no_noise_fails_a_step_unless_this_machine_may_be_the_reason() {
    let growth = |low, slope, high| Some(Trend { slope, low, high });
    let late = |waited| Some(MachineFault::Late { waited, why: "late".into() });
    let unable = || Some(MachineFault::Unable { why: "no ports".into() });
    for (growth, missed, machine, expected, why) in [
        (growth(-0.001, 0.0, 0.001), false, None, StepFinding::Held, ""),
        (growth(-0.5, -0.4, -0.3), false, None, StepFinding::Held, ""),
        (growth(-0.02, 0.0, 0.02), false, None, StepFinding::Held, ""),
        (growth(-0.05, 0.02, 0.05), false, None, StepFinding::SeemsHeld, "-50.0 to 50.0 ms"),
        (growth(0.001, 0.02, 0.03), false, None, StepFinding::SeemsFailed, "1.0 to 30.0 ms"),
        (growth(0.02, 0.1, 0.2), false, None, StepFinding::SeemsFailed, "20.0 to 200.0 ms"),
        (growth(0.2, 0.25, 0.3), false, None, StepFinding::Failed, "250.0 ms each second"),
        (None, false, None, StepFinding::SeemsHeld, "too few answers"),
        (
            growth(f64::NEG_INFINITY, 0.2, f64::INFINITY),
            false,
            None,
            StepFinding::SeemsHeld,
            "too few",
        ),
        (growth(-0.001, 0.0, 0.001), true, None, StepFinding::Failed, "p99"),
        // Late sends make response times longer, so what holds despite them has held.
        (growth(-0.001, 0.0, 0.001), false, late(1.7), StepFinding::Held, ""),
        (growth(0.006, 0.007, 0.008), false, late(0.04), StepFinding::Held, ""),
        (growth(-0.05, 0.0, 0.05), false, late(1.7), StepFinding::SeemsHeld, "-50.0 to 50.0"),
        (growth(0.001, 0.02, 0.03), false, late(1.7), StepFinding::Spoiled, "late"),
        (growth(-0.001, 0.0, 0.001), true, late(1.7), StepFinding::Spoiled, "late"),
        // 1.6 s more in 8 s is the server's fault, unless requests waited here for as long.
        (growth(0.2, 0.25, 0.3), false, late(1.7), StepFinding::Spoiled, "late"),
        (growth(0.2, 0.25, 0.3), true, late(1.5), StepFinding::Failed, "as if it handled 80.0/s"),
        (growth(-0.001, 0.0, 0.001), false, unable(), StepFinding::Spoiled, "no ports"),
        (growth(0.2, 0.25, 0.3), true, unable(), StepFinding::Spoiled, "no ports"),
    ] {
        let missed = missed.then(|| "p99<1s is missed".into());
        let observed = StepObservation { rate: 100.0, sent: 800.0, growth, missed, machine };
        let found = judge(&observed);
        assert_eq!(found.step, expected, "{observed:?}");
        let told = found.why.unwrap_or_default();
        assert_eq!(told.is_empty(), why.is_empty(), "{told:?} of {observed:?}");
        assert!(told.contains(why), "{told:?} lacks {why:?}");
    }
    // At a low rate, a backlog of less than one request means nothing.
    for (slope, expected) in [(0.03, StepFinding::Held), (0.05, StepFinding::Failed)] {
        let growth = growth(slope, slope, slope);
        let few = StepObservation { rate: 1.0, sent: 24.0, growth, ..StepObservation::default() };
        assert_eq!(judge(&few).step, expected, "{slope}");
    }
}

/// A server that handles requests one after the other, and its clients.
#[derive(Clone, Copy, Debug)]
struct Simulated {
    capacity: f64,
    /// Variation of the work per request, as a share.
    uneven: f64,
    /// Maximum delay of an answer for other reasons, in seconds.
    latency: f64,
    /// Share of steps with pauses of this machine.
    spoiled: f64,
}

/// Number of pauses in a step that has any.
const PAUSES: u32 = 12;

impl Simulated {
    /// Simulates a step of ten seconds, whose first fifth is left out.
    fn step(self, planned: PlannedStep, random: &mut fastrand::Rng) -> StepFinding {
        let PlannedStep { rate, length } = planned;
        let lasts = if length == StepLength::Double { 20.0 } else { 10.0_f64 }.max(30.0 / rate);
        let warmup = lasts / 5.0;
        let pauses = if random.f64() < self.spoiled { PAUSES } else { 0 };
        let pauses: Vec<_> = (0..pauses)
            .map(|_| (random.f64() * lasts, 0.02 + 0.08 * random.f64()))
            .map(|(at, lasts)| at..at + lasts)
            .collect();
        let mut blocks = Blocks::new(lasts - warmup);
        let (mut free, mut sent, mut late) = (0.0_f64, 0.0, 0.0);
        let (mut waited, mut last_left) = (0.0, 0.0_f64);
        let dues = (0_u32..).map(|number| f64::from(number) / rate);
        for due in dues.take_while(|due| *due < lasts) {
            let leaves = pauses.iter().find(|pause| pause.contains(&due)).map_or(due, |p| p.end);
            let work = (1.0 + self.uneven * (random.f64() - 0.5)) / self.capacity;
            free = free.max(leaves) + work;
            if due >= warmup {
                blocks.add(due - warmup, free + self.latency * random.f64() - due);
                sent += 1.0;
                late += f64::from(u32::from(leaves - due > 0.01));
                waited += leaves - due.max(last_left).min(leaves);
                last_left = leaves;
            }
        }
        let is_late = late >= 3.0 && late > 0.01 * sent;
        let machine = is_late.then(|| MachineFault::Late { waited, why: "late".into() });
        judge(&StepObservation { rate, sent, growth: blocks.trend(), missed: None, machine }).step
    }

    fn find(self, seed: u64) -> (RateSearch, usize) {
        let mut random = fastrand::Rng::with_seed(seed);
        find(20.0, 50_000.0, |planned| self.step(planned, &mut random))
    }
}

proptest! {
    #[test]
    fn a_search_ends_soon_and_is_right_whatever_is_spoiled(
        from in 1.0..5_000.0_f64, capacity in 0.2..20_000.0_f64, spoiled in 0.0..=1.0_f64, seed: u64
    ) {
        let mut random = fastrand::Rng::with_seed(seed);
        let (search, steps) = find(from, 50_000.0, |planned| {
            let is_vague = planned.length == StepLength::Normal && random.f64() < 0.2;
            match holds_up_to(capacity)(planned) {
                _ if random.f64() < spoiled => StepFinding::Spoiled,
                _ if is_vague => if random.bool() { StepFinding::SeemsHeld } else { StepFinding::SeemsFailed },
                step => step,
            }
        });
        // Half of all take 16; these are those of which this machine spoils nearly every step.
        prop_assert!(steps <= 150, "{steps} steps");
        let highest = search.highest();
        prop_assert!(highest.is_none_or(|rate| rate <= capacity));
        match search.limit() {
            Some(LimitedBy::Server) => prop_assert!(highest.is_some_and(|rate| rate * 1.05 >= capacity)),
            Some(LimitedBy::Machine) => prop_assert!(spoiled > 0.0),
            None => prop_assert!(false, "something is the limit"),
        }
    }
}

#[test]
fn the_capacity_of_a_noisy_server_is_found_within_five_percent() {
    for capacity in [20.0, 80.0, 230.0, 1_000.0] {
        for (uneven, latency, spoiled) in
            [(0.0, 0.0, 0.0), (0.2, 0.1, 0.0), (0.5, 0.3, 0.0), (0.0, 0.0, 0.5), (0.2, 0.1, 1.0)]
        {
            let server = Simulated { capacity, uneven, latency, spoiled };
            for seed in 0..3 {
                let (search, steps) = server.find(seed);
                let found = search.highest().unwrap() / capacity;
                assert!((0.95..=1.05).contains(&found), "{found} with seed {seed}: {server:?}");
                assert!(steps <= 25, "{steps} steps with seed {seed}: {server:?}");
                let limit = search.limit();
                assert!(spoiled > 0.0 || limit == Some(LimitedBy::Server), "{limit:?}: {server:?}");
            }
        }
    }
}
