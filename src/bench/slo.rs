//! Expectations of a server, such as `p99<500ms`, and their judgement.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::SignedDuration;
use thiserror::Error;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Slo {
    figure: Figure,
    relation: Relation,
    bound: f64,
}

/// Figure to compare with a bound. Times are in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Figure {
    /// Response time that this percentage of the requests did not exceed.
    Percentile(f64),
    Mean,
    Max,
    /// Share of answers that were neither accepted nor already started, from 0 to 1.
    Errors,
    Rate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    Below,
    AtMost,
    Above,
    AtLeast,
}

impl Relation {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Below => "<",
            Self::AtMost => "<=",
            Self::Above => ">",
            Self::AtLeast => ">=",
        }
    }

    fn holds(self, measured: f64, bound: f64) -> bool {
        match self {
            Self::Below => measured < bound,
            Self::AtMost => measured <= bound,
            Self::Above => measured > bound,
            Self::AtLeast => measured >= bound,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct SloJudgement {
    pub slo: Slo,
    /// In the unit of the figure; `None` if nothing was measured.
    pub measured: Option<f64>,
}

impl Slo {
    #[must_use]
    pub(crate) const fn figure(&self) -> Figure {
        self.figure
    }

    #[must_use]
    pub(crate) const fn judge(self, measured: Option<f64>) -> SloJudgement {
        SloJudgement { slo: self, measured }
    }
}

impl SloJudgement {
    /// Whether the expectation holds. It does not if nothing was measured.
    #[must_use]
    pub(crate) fn holds(&self) -> bool {
        self.measured.is_some_and(|measured| self.slo.relation.holds(measured, self.slo.bound))
    }

    /// Returns the expectation beside what was measured: `p99<500ms: measured 620.0 ms`.
    pub(crate) fn comparison(&self) -> String {
        let Self { slo, measured } = self;
        match measured {
            None => format!("{slo}: nothing was measured"),
            Some(measured) => format!("{slo}: measured {}", slo.figure.shown(*measured)),
        }
    }
}

impl fmt::Display for SloJudgement {
    /// Writes `PASS p99<500ms: measured 412.0 ms`, or `FAIL p99<500ms: measured 620.0 ms`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", if self.holds() { "PASS" } else { "FAIL" }, self.comparison())
    }
}

impl Figure {
    fn shown(self, value: f64) -> String {
        match self {
            Self::Percentile(_) | Self::Mean | Self::Max => format!("{:.1} ms", value * 1e3),
            Self::Errors => format!("{:.2}%", value * 100.0),
            Self::Rate => format!("{value:.1}/s"),
        }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Percentile(percent) => write!(f, "p{percent}"),
            Self::Mean => f.write_str("mean"),
            Self::Max => f.write_str("max"),
            Self::Errors => f.write_str("errors"),
            Self::Rate => f.write_str("rate"),
        }
    }
}

impl fmt::Display for Slo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { figure, relation, bound } = self;
        write!(f, "{figure}{}", relation.as_str())?;
        match figure {
            Figure::Errors => write!(f, "{}%", tidy(bound * 100.0)),
            Figure::Rate => write!(f, "{bound}/s"),
            Figure::Percentile(_) | Figure::Mean | Figure::Max => {
                write!(f, "{:?}", Duration::try_from_secs_f64(*bound).unwrap_or_default())
            }
        }
    }
}

/// Drops the digits that a binary fraction adds to a percentage.
fn tidy(percent: f64) -> f64 {
    (percent * 1e6).round() / 1e6
}

impl FromStr for Slo {
    type Err = SloError;

    fn from_str(text: &str) -> Result<Self, SloError> {
        let at = text.find(['<', '>']).ok_or(SloError)?;
        let (name, rest) = text.split_at(at);
        let (relation, value) = [
            ("<=", Relation::AtMost),
            (">=", Relation::AtLeast),
            ("<", Relation::Below),
            (">", Relation::Above),
        ]
        .into_iter()
        .find_map(|(sign, relation)| Some((relation, rest.strip_prefix(sign)?.trim())))
        .ok_or(SloError)?;
        let figure = match name.trim() {
            "mean" => Figure::Mean,
            "max" => Figure::Max,
            "errors" => Figure::Errors,
            "rate" => Figure::Rate,
            name => {
                let percent = name.strip_prefix('p').and_then(|number| number.parse().ok());
                Figure::Percentile(
                    percent.filter(|percent| (0.0..=100.0).contains(percent)).ok_or(SloError)?,
                )
            }
        };
        let bound = match figure {
            Figure::Percentile(_) | Figure::Mean | Figure::Max => time(value),
            Figure::Errors => share(value),
            Figure::Rate => value
                .parse::<crate::domain::rate::Rate>()
                .ok()
                .and_then(crate::domain::rate::Rate::per_second),
        };
        Ok(Self { figure, relation, bound: bound.ok_or(SloError)? })
    }
}

fn time(text: &str) -> Option<f64> {
    let signed: SignedDuration = text.parse().ok()?;
    Some(Duration::try_from(signed).ok()?.as_secs_f64())
}

fn share(text: &str) -> Option<f64> {
    let percent: f64 = text.strip_suffix('%')?.trim().parse().ok()?;
    (0.0..=100.0).contains(&percent).then_some(percent / 100.0)
}

#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error(
    "write one as 'p99<500ms', 'mean<=80ms', 'max<5s', 'errors<1%' or 'rate>=195/s' (quoted, for the shell)"
)]
pub(crate) struct SloError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_measured_passes_or_fails() {
        for (text, measured, holds, told) in [
            ("p99<500ms", Some(0.412), true, "PASS p99<500ms: measured 412.0 ms"),
            ("p99<500ms", Some(0.62), false, "FAIL p99<500ms: measured 620.0 ms"),
            ("p99<500ms", Some(0.5), false, "FAIL p99<500ms: measured 500.0 ms"),
            ("p99.9<=1s", Some(1.0), true, "PASS p99.9<=1s: measured 1000.0 ms"),
            ("mean <= 80ms", Some(0.07), true, "PASS mean<=80ms: measured 70.0 ms"),
            ("max<5s", Some(6.0), false, "FAIL max<5s: measured 6000.0 ms"),
            ("errors<1%", Some(0.0), true, "PASS errors<1%: measured 0.00%"),
            ("errors<1%", Some(0.034), false, "FAIL errors<1%: measured 3.40%"),
            ("rate>=195/s", Some(199.5), true, "PASS rate>=195/s: measured 199.5/s"),
            ("rate>6000/m", Some(99.0), false, "FAIL rate>100/s: measured 99.0/s"),
            ("p50<1s", None, false, "FAIL p50<1s: nothing was measured"),
        ] {
            let judgement = text.parse::<Slo>().unwrap().judge(measured);
            assert_eq!((judgement.holds(), judgement.to_string().as_str()), (holds, told));
        }
    }

    #[test]
    fn what_is_no_expectation_says_how_one_is_written() {
        for text in [
            "",
            "p99",
            "p99<",
            "p99<500",
            "p101<1s",
            "px<1s",
            "errors<1",
            "errors<200%",
            "rate>=9",
            "fast<1s",
            "p99=1s",
        ] {
            assert_eq!(text.parse::<Slo>(), Err(SloError), "{text}");
        }
    }
}
