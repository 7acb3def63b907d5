//! Texts about two results.

use std::fmt::Write;

use super::units::time;
use crate::bench::compare::{ChangeKind, ComparedFigure, TEST_NAME};
use crate::bench::result::schema::BenchResult;
use crate::domain::escape::escape_control;

pub(crate) fn not_compared(why: &str) -> String {
    format!("not compared with --baseline: {}", escape_control(why))
}

/// Warns if two results are of different loads.
pub(crate) fn other_load(base: &BenchResult, now: &BenchResult) -> Option<String> {
    let (base, now) = (&base.load, &now.load);
    (base != now).then(|| format!("warning: the loads differ: {base} before, {now} now"))
}

/// Formats a comparison as a table with an explanation.
pub(crate) fn table(compared: &[ComparedFigure]) -> String {
    let mut text = format!(
        "{:>8} {:>12} {:>12} {:>9} {:>9} {:>8}",
        "", "base", "now", "change", "typical", "p"
    );
    for one in compared {
        let shown = |value: f64| match (one.name, one.unit) {
            (_, ChangeKind::Absolute) => format!("{:.2}%", value * 100.0),
            ("rate", _) => format!("{value:.1}/s"),
            _ => time(value),
        };
        let change = |change: f64| match one.unit {
            ChangeKind::Relative => format!("{:+.1}%", change * 100.0),
            ChangeKind::Absolute => format!("{:+.2} pp", change * 100.0),
        };
        let finding = one.finding.as_str();
        let too_much = if one.is_regression { ", more than --tolerance" } else { "" };
        let _ = write!(
            text,
            "\n{:>8} {:>12} {:>12} {:>9} {:>9} {:>8.4}  {finding}{too_much}",
            one.name,
            shown(one.base),
            shown(one.now),
            change(one.change),
            change(one.typical),
            one.probability
        );
    }
    let _ = write!(
        text,
        "\nbase and now are figures of all requests; typical is the change of the median block, which is \
         judged: {TEST_NAME}; a change of less than half of --tolerance is noise"
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::compare::{Better, FigurePair, compare};

    #[test]
    fn a_comparison_says_what_became_worse_and_by_which_test() {
        let pair = |now: f64| FigurePair {
            name: "p99",
            better: Better::Lower,
            change: ChangeKind::Relative,
            whole: (20_000.0, now),
            base: (0..10).map(|at| 20_000.0 + f64::from(at)).collect(),
            now: (0..10).map(|at| now + f64::from(at)).collect(),
        };
        for (now, told) in [
            (24_000.0, "+20.0%    +20.0%   0.0000  worse, more than --tolerance"),
            (16_000.0, "-20.0%    -20.0%   0.0000  better"),
            (20_001.0, "within noise"),
        ] {
            let pairs = [pair(now)];
            let text = table(&compare(&pairs, 0.1));
            assert!(text.contains(told) && text.contains("Wilcoxon"), "{text}");
        }
    }
}
