use super::*;

fn near(found: f64, expected: f64) -> bool {
    (found - expected).abs() < 1e-4
}

#[test]
fn probabilities_are_those_of_the_tables() {
    for (base, now, expected) in [
        // Completely apart: 2 of (10 over 5) ways.
        (&[1.0, 2.0, 3.0, 4.0, 5.0][..], &[6.0, 7.0, 8.0, 9.0, 10.0][..], 2.0 / 252.0),
        (&[6.0, 7.0, 8.0, 9.0, 10.0], &[1.0, 2.0, 3.0, 4.0, 5.0], 2.0 / 252.0),
        (&[1.0, 2.0, 3.0, 4.0, 6.0], &[5.0, 7.0, 8.0, 9.0, 10.0], 4.0 / 252.0),
        (&[1.0, 3.0, 5.0], &[2.0, 4.0, 6.0], 14.0 / 20.0),
        (&[1.0, 1.0, 1.0], &[1.0, 1.0, 1.0], 1.0),
        (&[], &[], 1.0),
    ] {
        let found = rank_sum(base, now);
        assert!(near(found, expected), "{base:?} {now:?}: {found}");
    }
}

/// Expected values counted by dealing the ranks in all ways; if both sides have the same length,
/// scipy's exact permutation test gives the same.
#[test]
fn equal_values_share_their_ranks() {
    for (base, now, as_far, ways) in [
        (&[1, 2, 2, 3, 4][..], &[2, 3, 4, 5, 5][..], 44, 252),
        (&[1, 1, 1, 2, 2], &[2, 2, 3, 3, 3], 12, 252),
        (&[2, 2, 3, 3, 3], &[1, 1, 1, 2, 2], 12, 252),
        (&[1, 1, 2, 2, 3], &[1, 2, 3, 3, 3], 108, 252),
        (&[0, 0, 0, 0, 0], &[0, 0, 0, 0, 1], 252, 252),
        (&[0, 0, 0, 0, 0, 0], &[0, 1, 1, 1, 1], 7, 462),
        (&[3, 1, 2, 2], &[2, 2, 4, 4, 4, 9], 16, 210),
    ] {
        let values = |side: &[i32]| side.iter().copied().map(f64::from).collect::<Vec<_>>();
        let found = rank_sum(&values(base), &values(now));
        let expected = f64::from(as_far) / f64::from(ways);
        assert!(near(found, expected), "{base:?} {now:?}: {found}, and not {expected}");
    }
}

#[test]
fn the_smallest_probability_is_adjusted_most() {
    let adjusted = holm(&[0.01, 0.04, 0.03, 0.5]);
    for (found, expected) in adjusted.into_iter().zip([0.04, 0.09, 0.09, 0.5]) {
        assert!(near(found, expected), "{found} is not {expected}");
    }
}

#[test]
fn seconds_become_at_most_ten_blocks() {
    assert_eq!(blocks(&[1.0, 2.0, 3.0]), [1.0, 2.0, 3.0]);
    let seconds: Vec<_> = (0..30).map(f64::from).collect();
    let found = blocks(&seconds);
    assert_eq!((found.len(), found[0], found[9]), (10, 1.0, 28.0));
    assert_eq!(blocks(&seconds[..25]).len(), 10);
}

fn pair(base: Vec<f64>, now: Vec<f64>, better: Better, change: ChangeKind) -> FigurePair {
    let whole = (median(&base), median(&now));
    FigurePair { name: "p50", better, change, whole, base, now }
}

fn noisy(mean: f64, random: &mut fastrand::Rng) -> Vec<f64> {
    (0..20).map(|_| mean * (1.0 + 0.1 * (random.f64() - 0.5))).collect()
}

#[test]
fn a_change_that_matters_is_told_from_noise() {
    use Better::{Higher, Lower};
    let mut random = fastrand::Rng::with_seed(1);
    for (base, now, better, finding, is_regression) in [
        (20.0, 20.0, Lower, Difference::WithinNoise, false),
        (20.0, 24.0, Lower, Difference::Worse, true),
        (20.0, 21.6, Lower, Difference::Worse, false),
        (20.0, 20.4, Lower, Difference::WithinNoise, false),
        (24.0, 20.0, Lower, Difference::Better, false),
        (200.0, 160.0, Higher, Difference::Worse, true),
        (160.0, 200.0, Higher, Difference::Better, false),
    ] {
        let pair =
            pair(noisy(base, &mut random), noisy(now, &mut random), better, ChangeKind::Relative);
        let found = compare(&[pair], 0.1)[0];
        assert_eq!((found.finding, found.is_regression), (finding, is_regression), "{base} {now}");
    }
    let errors = pair(vec![0.0; 10], vec![0.2; 10], Lower, ChangeKind::Absolute);
    assert_eq!(compare(&[errors], 0.1)[0].finding, Difference::Worse);
    for (now, finding, is_regression) in [
        (0.004, Difference::WithinNoise, false),
        (0.006, Difference::Worse, false),
        (0.02, Difference::Worse, true),
    ] {
        let errors = pair(vec![0.0; 10], vec![now; 10], Lower, ChangeKind::Absolute);
        let found = compare(&[errors], 0.1)[0];
        assert_eq!((found.finding, found.is_regression), (finding, is_regression), "{now}");
    }
    let none = pair(vec![0.0; 10], vec![0.0; 10], Lower, ChangeKind::Absolute);
    assert_eq!(compare(&[none], 0.1)[0].finding, Difference::WithinNoise);
}

#[test]
fn figures_of_the_whole_are_told_and_seconds_are_judged() {
    let (base, now) = (vec![20.0; 10], vec![24.0; 10]);
    let pair = pair(base, now, Better::Lower, ChangeKind::Relative);
    // One second of the earlier measurement was very bad.
    let found = compare(&[FigurePair { whole: (96.0, 48.0), ..pair }], 0.1)[0];
    assert_eq!((found.base, found.now), (96.0, 48.0));
    assert!(near(found.change, -0.5) && near(found.typical, 0.2), "{found:?}");
    assert_eq!((found.finding, found.is_regression), (Difference::Worse, true));
}

#[test]
fn two_looks_at_the_same_thing_seldom_differ() {
    let mut random = fastrand::Rng::with_seed(2);
    let mut differ = 0;
    for _ in 0..200 {
        let pairs: Vec<_> = (0..6)
            .map(|_| {
                let mut heavy = || (0..20).map(|_| -(1.0 - random.f64()).ln()).collect();
                pair(heavy(), heavy(), Better::Lower, ChangeKind::Relative)
            })
            .collect();
        let found = compare(&pairs, 0.0);
        differ += usize::from(found.iter().any(|f| f.finding != Difference::WithinNoise));
    }
    assert!((1..=20).contains(&differ), "{differ} of 200 at a level of 5 %");
}
