//! Estimates how fast a figure rises over time, with bounds.
//!
//! The slope is that of Theil and Sen, the median of the slopes between all pairs of points: an
//! outlier, or a single step up or down, hardly moves it. The bounds are Sen's: they leave out as
//! many pairs as Kendall's rank correlation does by chance if there is no trend.

/// Number of equal parts of the time span. Neighbouring requests resemble each other, so single
/// requests would make a trend look surer than it is.
const BLOCK_COUNT: usize = 10;

/// Normal quantile of the bounds: the true slope is beyond each of them once in a hundred times.
const BOUND_QUANTILE: f64 = 2.326;

/// Means of a figure over equal parts of a time span.
#[derive(Clone, Debug)]
pub(crate) struct Blocks {
    span: f64,
    sums: [Sum; BLOCK_COUNT],
}

#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    count: f64,
    at: f64,
    value: f64,
}

impl Blocks {
    /// Begins a span of this many seconds.
    #[must_use]
    pub(crate) fn new(span: f64) -> Self {
        Self { span, sums: [Sum::default(); BLOCK_COUNT] }
    }

    /// Adds a value at a second of the span, or outside, to the nearest part.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a share of a few blocks; a cast of a float saturates"
    )]
    pub(crate) fn add(&mut self, at: f64, value: f64) {
        let block = (at / self.span * BLOCK_COUNT as f64) as usize;
        let sum = &mut self.sums[block.min(BLOCK_COUNT - 1)];
        sum.count += 1.0;
        sum.at += at;
        sum.value += value;
    }

    /// Returns the trend of the means; `None` if there are fewer than two.
    #[must_use]
    pub(crate) fn trend(&self) -> Option<Trend> {
        let filled = self.sums.iter().filter(|sum| sum.count > 0.0);
        let means = filled.map(|sum| (sum.at / sum.count, sum.value / sum.count));
        Trend::of(&means.collect::<Vec<_>>())
    }
}

/// Change of a figure per second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Trend {
    pub slope: f64,
    /// Lower bound of the true slope; infinite if there are too few points.
    pub low: f64,
    /// Upper bound, likewise.
    pub high: f64,
}

impl Trend {
    /// Returns the trend of points (second, value); `None` if no two differ in time.
    #[must_use]
    pub(crate) fn of(points: &[(f64, f64)]) -> Option<Self> {
        let pairs = points.iter().enumerate().flat_map(|(at, point)| {
            points[at + 1..].iter().map(move |other| (other.1 - point.1, other.0 - point.0))
        });
        let mut slopes: Vec<_> =
            pairs.filter(|(_, time)| *time != 0.0).map(|(value, time)| value / time).collect();
        slopes.sort_by(f64::total_cmp);
        let upper = slopes.get(slopes.len() / 2)?;
        let slope = f64::midpoint(slopes[(slopes.len() - 1) / 2], *upper);
        let left_out = left_out(points.len(), slopes.len());
        let bound = |at: Option<usize>| at.and_then(|at| slopes.get(at)).copied();
        let low = bound(left_out.checked_sub(1)).unwrap_or(f64::NEG_INFINITY);
        let high = bound(Some(slopes.len() - left_out)).unwrap_or(f64::INFINITY);
        Some(Self { slope, low, high })
    }
}

/// Returns the number of slopes left out on either side; the last of them is the bound.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "pairs of a few points; a cast of a float saturates"
)]
fn left_out(points: usize, pairs: usize) -> usize {
    let n = points as f64;
    let deviation = (n * (n - 1.0) * (2.0 * n + 5.0) / 18.0).sqrt();
    // Corrects for numbers of pairs being whole.
    let more_than_by_chance = BOUND_QUANTILE * deviation - 1.0;
    ((pairs as f64 - more_than_by_chance) / 2.0).round() as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Returns the trend of values one second apart.
    fn trend(values: &[f64]) -> Option<Trend> {
        let points: Vec<_> = (0_u32..).map(f64::from).zip(values.iter().copied()).collect();
        Trend::of(&points)
    }

    #[test]
    fn a_slope_is_what_most_pairs_agree_on() {
        let line = [0.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0, 16.0, 18.0];
        let outlier = [0.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0, 16.0, 900.0];
        let flat = [5.0; 10];
        let step = [0.0, 0.0, 0.0, 0.0, 0.0, 9.0, 9.0, 9.0, 9.0, 9.0];
        for (values, slope, low, high) in [
            (&line[..], 2.0, 2.0, 2.0),
            (&outlier, 2.0, 2.0, 2.0),
            (&flat, 0.0, 0.0, 0.0),
            // A single step is no certain trend: its lower bound is 0.
            (&step, 9.0 / 8.0, 0.0, 9.0 / 4.0),
            // Five are enough if all pairs agree; fewer never are.
            (&[1.0, 2.0, 4.0, 6.0, 9.0], 2.0, 1.0, 3.0),
            // Too few to be sure of anything.
            (&[1.0, 2.0, 3.0], 1.0, f64::NEG_INFINITY, f64::INFINITY),
        ] {
            let found = trend(values).unwrap();
            assert_eq!((found.slope, found.low, found.high), (slope, low, high), "{values:?}");
        }
        assert_eq!((trend(&[]), trend(&[1.0])), (None, None));
        assert_eq!(Trend::of(&[(1.0, 2.0), (1.0, 3.0)]), None);
    }

    #[test]
    fn values_are_put_together_by_their_time() {
        let mut blocks = Blocks::new(10.0);
        assert_eq!(blocks.trend(), None);
        for (at, value) in [(0.25, 1.0), (0.75, 3.0), (9.5, 12.0), (10.0, 12.0), (11.0, 12.0)] {
            blocks.add(at, value);
        }
        // Two means: 2 at half a second, and 12.
        let found = blocks.trend().unwrap().slope;
        assert!((found - 10.0 / (30.5 / 3.0 - 0.5)).abs() < 1e-9, "{found}");
    }

    proptest! {
        #[test]
        fn a_trend_in_noise_lies_within_its_bounds(seed: u64, slope in -3.0..3.0_f64) {
            let mut random = fastrand::Rng::with_seed(seed);
            let mut misses = 0;
            for _ in 0..200 {
                let noisy: Vec<_> =
                    (0_u32..10).map(|at| slope * f64::from(at) + random.f64() * 4.0).collect();
                let found = trend(&noisy).unwrap();
                prop_assert!(found.low <= found.slope && found.slope <= found.high);
                misses += u32::from(!(found.low..=found.high).contains(&slope));
            }
            // One in fifty is expected; 20 of 200 come once in a million times.
            prop_assert!(misses < 20, "{misses} of 200");
        }
    }
}
