//! Tells whether two measurements differ, or are two looks at the same thing.
//!
//! Each figure is there many times, once a second. The seconds of a measurement are
//! put together into blocks, since neighbours resemble each other; the blocks of both
//! are compared by the exact Wilcoxon rank-sum test (Mann-Whitney), and since several
//! figures are looked at, their probabilities are adjusted by Holm's method. A change
//! that is too small to matter is noise, whatever the test says: two runs of the same
//! thing on one machine never agree to the last digit.

use std::cmp::Ordering;

/// The test, for people.
pub(crate) const TEST: &str =
    "exact Wilcoxon rank-sum test over blocks of seconds, Holm-adjusted, 5 % level";

/// Where a probability is below this, two measurements differ.
const LEVEL: f64 = 0.05;

/// A measurement has at most so many blocks.
const BLOCKS: usize = 10;

/// A figure that is a share itself may change by this part of the tolerance, in points.
const OF_A_SHARE: f64 = 0.1;

/// With fewer blocks nothing can be told.
pub(crate) const FEWEST: usize = 5;

/// Which way a figure should go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Better {
    /// Times and errors.
    Lower,
    /// Rates.
    Higher,
}

/// How the change of a figure is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// As a share of what it was.
    Relative,
    /// As a difference: the figure is a share itself.
    Absolute,
}

impl Change {
    fn from(self, before: f64, after: f64) -> f64 {
        match self {
            Self::Absolute => after - before,
            Self::Relative if before == 0.0 && after == 0.0 => 0.0,
            Self::Relative if before == 0.0 => f64::INFINITY,
            Self::Relative => after / before - 1.0,
        }
    }
}

/// A figure in two measurements, as a whole and second by second.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    /// What it is called.
    pub name: &'static str,
    /// Which way it should go.
    pub better: Better,
    /// How its change is told.
    pub change: Change,
    /// The figure of all requests, in the earlier measurement and in the later one.
    pub whole: (f64, f64),
    /// The earlier measurement, second by second.
    pub base: Vec<f64>,
    /// The later one, second by second.
    pub now: Vec<f64>,
}

/// What the comparison of a figure says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// It went the right way.
    Better,
    /// It went the wrong way.
    Worse,
    /// Nothing that a repetition would not show too.
    WithinNoise,
    /// One of them is too short.
    TooShort,
}

impl Finding {
    /// The words.
    #[must_use]
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::WithinNoise => "within noise",
            Self::TooShort => "too short to tell",
        }
    }
}

/// A figure, compared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Compared {
    /// What it is called.
    pub name: &'static str,
    /// The figure of all requests before...
    pub base: f64,
    /// ...and now.
    pub now: f64,
    /// The change from one to the other; 0.1 is a tenth more.
    pub change: f64,
    /// The change of the median block, by which the finding is made: a single bad second can turn
    /// a percentile of all requests around.
    pub typical: f64,
    /// How likely so large a difference of blocks is by chance, adjusted.
    pub probability: f64,
    /// What that says.
    pub finding: Finding,
    /// Whether it is a change for the worse of more than is tolerated.
    pub is_regression: bool,
}

/// Compares all figures; a change of less than half of `tolerance` does not matter,
/// and one for the worse of more than that is a regression.
#[must_use]
pub(crate) fn compare(pairs: &[Pair], tolerance: f64) -> Vec<Compared> {
    let blocked: Vec<_> =
        pairs.iter().map(|pair| (blocks(&pair.base), blocks(&pair.now))).collect();
    let probabilities: Vec<_> = blocked.iter().map(|(base, now)| rank_sum(base, now)).collect();
    let adjusted = holm(&probabilities);
    let compared = pairs.iter().zip(&blocked).zip(adjusted);
    compared
        .map(|((pair, blocked), probability)| one(pair, blocked, probability, tolerance))
        .collect()
}

fn one(
    pair: &Pair,
    (base, now): &(Vec<f64>, Vec<f64>),
    probability: f64,
    tolerance: f64,
) -> Compared {
    let change = pair.change.from(pair.whole.0, pair.whole.1);
    let typical = pair.change.from(median(base), median(now));
    let is_too_short = base.len() < FEWEST || now.len() < FEWEST;
    let tolerance = match pair.change {
        Change::Relative => tolerance,
        Change::Absolute => tolerance * OF_A_SHARE,
    };
    let matters = probability < LEVEL && typical.abs() >= tolerance / 2.0;
    let is_worse = (typical > 0.0) == (pair.better == Better::Lower);
    let finding = match (is_too_short, matters, is_worse) {
        (true, ..) => Finding::TooShort,
        (false, false, _) => Finding::WithinNoise,
        (false, true, true) => Finding::Worse,
        (false, true, false) => Finding::Better,
    };
    let is_regression = finding == Finding::Worse && typical.abs() > tolerance;
    let Pair { name, whole: (base, now), .. } = *pair;
    Compared { name, base, now, change, typical, probability, finding, is_regression }
}

/// The means of at most [`BLOCKS`] blocks of neighbours, all of about the same length.
fn blocks(seconds: &[f64]) -> Vec<f64> {
    let count = seconds.len().min(BLOCKS);
    let bound = |block: usize| block * seconds.len() / count.max(1);
    (0..count).map(|block| mean(&seconds[bound(block)..bound(block + 1)])).collect()
}

#[expect(clippy::cast_precision_loss, reason = "a number of seconds is small")]
fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => sorted[odd / 2],
        even => f64::midpoint(sorted[even / 2 - 1], sorted[even / 2]),
    }
}

/// How likely it is that blocks of the same thing fall apart at least as far as these:
/// the share of all ways to deal their ranks to the two sides in which the sum is as
/// far from its mean. Ties share their ranks, so twice a rank is a whole number.
fn rank_sum(base: &[f64], now: &[f64]) -> f64 {
    let ranks = double_ranks(base, now);
    let all: usize = ranks.iter().sum();
    let observed: usize = ranks[..base.len()].iter().sum();
    // ways[k][s]: so many ways to pick k blocks whose doubled ranks add up to s.
    let mut ways = vec![vec![0.0_f64; all + 1]; base.len() + 1];
    ways[0][0] = 1.0;
    for rank in &ranks {
        for picked in (1..=base.len()).rev() {
            for sum in (*rank..=all).rev() {
                ways[picked][sum] += ways[picked - 1][sum - rank];
            }
        }
    }
    // Both are scaled by the number of blocks, so that the mean is a whole number.
    let far = |sum: usize| (sum * ranks.len()).abs_diff(all * base.len());
    let total: f64 = ways[base.len()].iter().sum();
    let as_far: f64 = ways[base.len()]
        .iter()
        .enumerate()
        .filter(|(sum, _)| far(*sum) >= far(observed))
        .map(|(_, ways)| ways)
        .sum();
    if total > 0.0 { as_far / total } else { 1.0 }
}

/// Twice the rank of each value among all of them; equal ones have their mean.
fn double_ranks(base: &[f64], now: &[f64]) -> Vec<usize> {
    let all = [base, now].concat();
    let rank = |value: &f64| {
        let below = all.iter().filter(|other| other.total_cmp(value) == Ordering::Less).count();
        let same = all.iter().filter(|other| other.total_cmp(value) == Ordering::Equal).count();
        2 * below + same + 1
    };
    all.iter().map(rank).collect()
}

/// Probabilities, adjusted for being many: the smallest times their number, the next
/// times one less, and so on, none smaller than the one before.
fn holm(probabilities: &[f64]) -> Vec<f64> {
    let mut order: Vec<_> = (0..probabilities.len()).collect();
    order.sort_by(|a, b| probabilities[*a].total_cmp(&probabilities[*b]));
    let mut adjusted = vec![1.0_f64; probabilities.len()];
    let mut last = 0.0_f64;
    for (before, at) in order.iter().enumerate() {
        let left = u32::try_from(order.len() - before).unwrap_or(u32::MAX);
        last = last.max((probabilities[*at] * f64::from(left)).min(1.0));
        adjusted[*at] = last;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: f64, expected: f64) -> bool {
        (found - expected).abs() < 1e-4
    }

    #[test]
    fn probabilities_are_those_of_the_tables() {
        for (base, now, expected) in [
            // Apart in all: 2 of (10 over 5) ways.
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

    /// Counted by dealing the ranks in all ways; where both sides are of one length, scipy's
    /// exact permutation test says the same.
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

    fn pair(base: Vec<f64>, now: Vec<f64>, better: Better, change: Change) -> Pair {
        let whole = (median(&base), median(&now));
        Pair { name: "p50", better, change, whole, base, now }
    }

    fn noisy(mean: f64, random: &mut fastrand::Rng) -> Vec<f64> {
        (0..20).map(|_| mean * (1.0 + 0.1 * (random.f64() - 0.5))).collect()
    }

    #[test]
    fn a_change_that_matters_is_told_from_noise() {
        use Better::{Higher, Lower};
        let mut random = fastrand::Rng::with_seed(1);
        for (base, now, better, finding, is_regression) in [
            (20.0, 20.0, Lower, Finding::WithinNoise, false),
            (20.0, 24.0, Lower, Finding::Worse, true),
            (20.0, 21.6, Lower, Finding::Worse, false),
            (20.0, 20.4, Lower, Finding::WithinNoise, false),
            (24.0, 20.0, Lower, Finding::Better, false),
            (200.0, 160.0, Higher, Finding::Worse, true),
            (160.0, 200.0, Higher, Finding::Better, false),
        ] {
            let pair =
                pair(noisy(base, &mut random), noisy(now, &mut random), better, Change::Relative);
            let found = compare(&[pair], 0.1)[0];
            assert_eq!(
                (found.finding, found.is_regression),
                (finding, is_regression),
                "{base} {now}"
            );
        }
        let errors = pair(vec![0.0; 10], vec![0.2; 10], Lower, Change::Absolute);
        assert_eq!(compare(&[errors], 0.1)[0].finding, Finding::Worse);
        for (now, finding, is_regression) in [
            (0.004, Finding::WithinNoise, false),
            (0.006, Finding::Worse, false),
            (0.02, Finding::Worse, true),
        ] {
            let errors = pair(vec![0.0; 10], vec![now; 10], Lower, Change::Absolute);
            let found = compare(&[errors], 0.1)[0];
            assert_eq!((found.finding, found.is_regression), (finding, is_regression), "{now}");
        }
        let none = pair(vec![0.0; 10], vec![0.0; 10], Lower, Change::Absolute);
        assert_eq!(compare(&[none], 0.1)[0].finding, Finding::WithinNoise);
        let short = pair(vec![1.0; 4], vec![2.0; 4], Lower, Change::Relative);
        assert_eq!(compare(&[short], 0.1)[0].finding, Finding::TooShort);
    }

    #[test]
    fn figures_of_the_whole_are_told_and_seconds_are_judged() {
        let (base, now) = (vec![20.0; 10], vec![24.0; 10]);
        let pair = pair(base, now, Better::Lower, Change::Relative);
        // One second of the earlier measurement was very bad.
        let found = compare(&[Pair { whole: (96.0, 48.0), ..pair }], 0.1)[0];
        assert_eq!((found.base, found.now), (96.0, 48.0));
        assert!(near(found.change, -0.5) && near(found.typical, 0.2), "{found:?}");
        assert_eq!((found.finding, found.is_regression), (Finding::Worse, true));
    }

    #[test]
    fn two_looks_at_the_same_thing_seldom_differ() {
        let mut random = fastrand::Rng::with_seed(2);
        let mut differ = 0;
        for _ in 0..200 {
            let pairs: Vec<_> = (0..6)
                .map(|_| {
                    let mut heavy = || (0..20).map(|_| -(1.0 - random.f64()).ln()).collect();
                    pair(heavy(), heavy(), Better::Lower, Change::Relative)
                })
                .collect();
            let found = compare(&pairs, 0.0);
            differ += usize::from(found.iter().any(|f| f.finding != Finding::WithinNoise));
        }
        assert!((1..=20).contains(&differ), "{differ} of 200 at a level of 5 %");
    }
}
