//! The figures in which two results are compared.

use super::schema::{BenchResult, SecondResult};
use crate::bench::compare::{Better, ChangeKind, FigurePair};

type OfResult = fn(&BenchResult) -> f64;

type OfSecond = fn(&SecondResult) -> Option<f64>;

/// Returns the figures of two results, each as a whole and per second.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "requests and microseconds are few")]
pub(crate) fn pairs(base: &BenchResult, now: &BenchResult) -> Vec<FigurePair> {
    let pair = |name, (better, change), whole: OfResult, of: OfSecond| FigurePair {
        name,
        better,
        change,
        whole: (whole(base), whole(now)),
        base: base.figure(of),
        now: now.figure(of),
    };
    let time = (Better::Lower, ChangeKind::Relative);
    let rate = (Better::Higher, ChangeKind::Relative);
    let errors = (Better::Lower, ChangeKind::Absolute);
    vec![
        pair("p50", time, |all| all.response.p50 as f64, |second| second.p50),
        pair("p90", time, |all| all.response.p90 as f64, |second| second.p90),
        pair("p99", time, |all| all.response.p99 as f64, |second| second.p99),
        pair("mean", time, |all| all.response.mean, |second| second.mean),
        pair("rate", rate, |all| all.answered_per_second, |second| Some(second.answered as f64)),
        pair("errors", errors, BenchResult::error_share, SecondResult::error_share),
    ]
}

impl BenchResult {
    #[expect(clippy::cast_precision_loss, reason = "a share is told with few digits")]
    fn error_share(&self) -> f64 {
        if self.answered == 0 { 0.0 } else { self.errors as f64 / self.answered as f64 }
    }

    fn figure(&self, of: OfSecond) -> Vec<f64> {
        self.whole_seconds().filter_map(of).collect()
    }

    /// Returns the complete seconds: the last one may be cut short.
    pub(super) fn whole_seconds(&self) -> impl Iterator<Item = &SecondResult> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "seconds are few and positive"
        )]
        let whole = (self.seconds + 1e-6) as u64;
        self.series.iter().filter(move |second| second.second < whole)
    }
}

impl SecondResult {
    #[expect(clippy::cast_precision_loss, reason = "requests of a second are few")]
    fn error_share(&self) -> Option<f64> {
        (self.answered > 0).then(|| self.errors as f64 / self.answered as f64)
    }
}
