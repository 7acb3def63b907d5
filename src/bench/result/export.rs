//! Writes a result for other programs: as CSV, one line per second, or as percentiles in the format
//! of `HdrHistogram` (`.hgrm`).

use std::io::{self, Write};

use hdrhistogram::Histogram;

use super::schema::{BenchResult, SecondResult};
use crate::domain::answer::AnswerClass;

pub(crate) fn csv(result: &BenchResult, to: impl Write) -> io::Result<()> {
    let mut csv = csv::Writer::from_writer(to);
    let figures =
        ["second", "wanted", "sent", "answered", "errors", "late", "dropped", "in_flight"];
    let times = ["p50_us", "p90_us", "p99_us", "max_us", "mean_us"];
    let classes = AnswerClass::all().map(AnswerClass::as_str);
    csv.write_record(figures.into_iter().chain(times).chain(classes))?;
    for second in &result.series {
        csv.write_record(line(second))?;
    }
    csv.flush()
}

fn line(second: &SecondResult) -> Vec<String> {
    let SecondResult {
        second: number,
        wanted,
        sent,
        answered,
        errors,
        late,
        dropped,
        in_flight,
        ..
    } = second;
    let mut line = vec![number.to_string(), format!("{wanted:.1}")];
    line.extend([sent, answered, errors, late, dropped, in_flight].map(ToString::to_string));
    let times = [second.p50, second.p90, second.p99, second.max, second.mean];
    line.extend(times.map(|time| time.map_or_else(String::new, |micros| format!("{micros:.0}"))));
    let of_class = |class: AnswerClass| {
        second.classes.get(class.as_str()).copied().unwrap_or_default().to_string()
    };
    line.extend(AnswerClass::all().map(of_class));
    line
}

/// Number of percentiles between two halvings of the distance to 100 %.
const STEPS_PER_HALVING: u32 = 5;

/// Writes the percentiles of a histogram of microseconds, in milliseconds.
pub(crate) fn hgrm(times: &Histogram<u64>, mut to: impl Write) -> io::Result<()> {
    writeln!(
        to,
        "{:>12} {:>14} {:>10} {:>14}\n",
        "Value", "Percentile", "TotalCount", "1/(1-Percentile)"
    )?;
    for step in times.iter_quantiles(STEPS_PER_HALVING) {
        let (value, quantile) = (millis(step.value_iterated_to()), step.quantile_iterated_to());
        let count = times.count_between(0, step.value_iterated_to());
        write!(to, "{value:12.3} {quantile:14.12} {count:10}")?;
        if quantile < 1.0 {
            write!(to, " {:14.2}", 1.0 / (1.0 - quantile))?;
        }
        writeln!(to)?;
    }
    writeln!(
        to,
        "#[Mean    = {:12.3}, StdDeviation   = {:12.3}]",
        times.mean() / 1e3,
        times.stdev() / 1e3
    )?;
    writeln!(to, "#[Max     = {:12.3}, Total count    = {:12}]", millis(times.max()), times.len())?;
    writeln!(to, "#[Buckets = {:12}, SubBuckets     = {:12}]", times.buckets(), 2048)
}

#[expect(clippy::cast_precision_loss, reason = "microseconds of minutes are far from the bounds")]
const fn millis(micros: u64) -> f64 {
    micros as f64 / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_printed_as_plotters_read_them() {
        let mut times = crate::rules::stats::histogram();
        for micros in 1..=1_000 {
            times.record(micros).unwrap();
        }
        let mut text = Vec::new();
        hgrm(&times, &mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        let mut lines = text.lines();
        assert_eq!(
            lines.next().unwrap().split_whitespace().collect::<Vec<_>>(),
            ["Value", "Percentile", "TotalCount", "1/(1-Percentile)"]
        );
        let figures: Vec<Vec<f64>> = lines
            .clone()
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .map(|line| line.split_whitespace().map(|word| word.parse().unwrap()).collect())
            .collect();
        let half = figures.iter().find(|line| line[1] >= 0.5).unwrap();
        assert!((half[0] - 0.5).abs() < 0.01 && (half[2] - 500.0).abs() < 2.0, "{half:?}");
        let last = figures.last().unwrap();
        assert_eq!((last[0], last[1], last[2]), (1.0, 1.0, 1_000.0));
        assert!(text.contains("Total count    =         1000]"), "{text}");
    }
}
