//! Decides whether two measurements differ by more than repetitions of one measurement would.
//!
//! Each figure has one value per second. Neighbouring seconds resemble each other, so they are
//! joined into blocks; the blocks of both measurements are compared by the exact Wilcoxon rank-sum
//! test (Mann-Whitney), and the probabilities of the figures are adjusted by Holm's method. A
//! change that is too small to matter is noise, whatever the test says: two measurements on one
//! machine never agree to the last digit.

#[cfg(test)]
mod tests;

use std::cmp::Ordering;

pub(crate) const TEST_NAME: &str =
    "exact Wilcoxon rank-sum test over blocks of seconds, Holm-adjusted, 5 % level";

/// Probability below which two measurements differ.
const SIGNIFICANCE_LEVEL: f64 = 0.05;

/// Maximum number of blocks per measurement.
const MAX_BLOCKS: usize = 10;

/// Factor on the tolerance of a figure that is itself a share: its change is in points.
const ABSOLUTE_TOLERANCE_FACTOR: f64 = 0.1;

/// Minimum number of seconds with answers of a measurement that is compared.
pub(crate) const MIN_BLOCKS: usize = 5;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Better {
    Lower,
    Higher,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChangeKind {
    /// Share of the earlier figure.
    Relative,
    /// Difference, for a figure that is itself a share.
    Absolute,
}

impl ChangeKind {
    fn from(self, before: f64, after: f64) -> f64 {
        match self {
            Self::Absolute => after - before,
            Self::Relative if before == 0.0 && after == 0.0 => 0.0,
            Self::Relative if before == 0.0 => f64::INFINITY,
            Self::Relative => after / before - 1.0,
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct FigurePair {
    pub name: &'static str,
    pub better: Better,
    pub change: ChangeKind,
    /// Figures of all requests: earlier measurement, later measurement.
    pub whole: (f64, f64),
    /// Earlier measurement, one figure per second.
    pub base: Vec<f64>,
    /// Later measurement, one figure per second.
    pub now: Vec<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Difference {
    Better,
    Worse,
    /// A repetition may show the same change.
    WithinNoise,
}

impl Difference {
    #[must_use]
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::WithinNoise => "within noise",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ComparedFigure {
    pub name: &'static str,
    pub unit: ChangeKind,
    /// Earlier measurement, all requests.
    pub base: f64,
    /// Later measurement, all requests.
    pub now: f64,
    /// Change from `base` to `now`; 0.1 is a tenth more.
    pub change: f64,
    /// Change of the median block. It decides, since a single bad second can reverse the change of
    /// a percentile of all requests.
    pub typical: f64,
    /// Adjusted probability that blocks of the same thing differ as much.
    pub probability: f64,
    pub finding: Difference,
    pub is_regression: bool,
}

/// Compares figures. A change of less than half of `tolerance` is noise; a figure that becomes
/// worse by more than `tolerance` is a regression.
#[must_use]
pub(crate) fn compare(pairs: &[FigurePair], tolerance: f64) -> Vec<ComparedFigure> {
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
    pair: &FigurePair,
    (base, now): &(Vec<f64>, Vec<f64>),
    probability: f64,
    tolerance: f64,
) -> ComparedFigure {
    let change = pair.change.from(pair.whole.0, pair.whole.1);
    let typical = pair.change.from(median(base), median(now));
    let tolerance = match pair.change {
        ChangeKind::Relative => tolerance,
        ChangeKind::Absolute => tolerance * ABSOLUTE_TOLERANCE_FACTOR,
    };
    let matters = probability < SIGNIFICANCE_LEVEL && typical.abs() >= tolerance / 2.0;
    let is_worse = (typical > 0.0) == (pair.better == Better::Lower);
    let finding = match (matters, is_worse) {
        (false, _) => Difference::WithinNoise,
        (true, true) => Difference::Worse,
        (true, false) => Difference::Better,
    };
    let is_regression = finding == Difference::Worse && typical.abs() > tolerance;
    let FigurePair { name, whole: (base, now), change: unit, .. } = *pair;
    ComparedFigure { name, unit, base, now, change, typical, probability, finding, is_regression }
}

/// Returns the means of at most [`MAX_BLOCKS`] blocks of seconds, of about equal length.
fn blocks(seconds: &[f64]) -> Vec<f64> {
    let count = seconds.len().min(MAX_BLOCKS);
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

/// Returns the probability that blocks of the same thing differ at least as much as these: the
/// share of all ways to deal their ranks to the two sides in which the sum is as far from its mean.
/// Ties share their ranks, so twice a rank is a whole number.
fn rank_sum(base: &[f64], now: &[f64]) -> f64 {
    let ranks = double_ranks(base, now);
    let all: usize = ranks.iter().sum();
    let observed: usize = ranks[..base.len()].iter().sum();
    // ways[k][s]: number of ways to pick k blocks whose doubled ranks add up to s.
    let mut ways = vec![vec![0.0_f64; all + 1]; base.len() + 1];
    ways[0][0] = 1.0;
    for rank in &ranks {
        for picked in (1..=base.len()).rev() {
            for sum in (*rank..=all).rev() {
                ways[picked][sum] += ways[picked - 1][sum - rank];
            }
        }
    }
    // Scaled by the number of blocks, so that the mean is a whole number.
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

/// Returns twice the rank of each value among all; equal values get the mean of their ranks.
fn double_ranks(base: &[f64], now: &[f64]) -> Vec<usize> {
    let all = [base, now].concat();
    let rank = |value: &f64| {
        let below = all.iter().filter(|other| other.total_cmp(value) == Ordering::Less).count();
        let same = all.iter().filter(|other| other.total_cmp(value) == Ordering::Equal).count();
        2 * below + same + 1
    };
    all.iter().map(rank).collect()
}

/// Adjusts probabilities for being several: the smallest is multiplied by their number, the next by
/// one less, and so on, and none is smaller than the one before.
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
