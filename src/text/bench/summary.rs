//! The summary of a result.

use std::fmt::Write;

use hdrhistogram::Histogram;

use super::units::{as_f64, bytes, time};
use crate::bench::result::build::ranges;
use crate::bench::result::schema::{BenchResult, Distribution, StartedRows};
use crate::bench::started::StartedLines;
use crate::domain::answer::AnswerClass;
use crate::domain::count::{counted, number};
use crate::domain::escape::escape_control;

/// First word of what says that a measurement is not one of the server.
pub(super) const INVALID: &str = "INVALID";

/// Formats a result for people; `response` has all response times.
pub(crate) fn summary(result: &BenchResult, response: &Histogram<u64>) -> String {
    if result.is_all_spoiled() {
        // The figures of the last step would be taken for the server's.
        return format!("{} at {}{}", result.load, result.target, rows(result));
    }
    let mut text = counts(result);
    if result.answered > 0 {
        text.push_str(&percentiles(result));
        text.push_str(&distribution(response));
        text.push_str(&classes(result));
    }
    let _ = write!(
        text,
        "\n{}; bodies: {} sent, {} received\n{}",
        counted(result.connects, "connection", "connections"),
        bytes(result.bytes_sent),
        bytes(result.bytes_received),
        generator(result)
    );
    for slo in &result.slos {
        let _ = write!(text, "\n{}", slo.told);
    }
    text.push_str(&rows(result));
    // What is said of the search says so of this machine.
    if let Some(stopped) = result.stopped.as_ref().filter(|_| !result.is_limited_by_machine()) {
        let lines: Vec<_> = stopped.lines().map(escape_control).collect();
        let _ = write!(text, "\nstopped: {}", lines.join("\n"));
    }
    text
}

fn counts(result: &BenchResult) -> String {
    let BenchResult { sent, seconds, load, target, .. } = result;
    let mut text = format!("{load} at {target}");
    if result.warmup_seconds > 0.0 {
        let _ = write!(text, "; the first {} s are left out", result.warmup_seconds);
    }
    if let Some(rate) = result.highest_per_second {
        let _ = write!(text, "\nof the step at {rate:.1}/s:");
    }
    let sent = counted(*sent, "request", "requests");
    let _ = write!(text, "\n{sent} in {seconds:.1} s: ");
    let _ = write!(text, "{:.1}/s sent, ", result.sent_per_second);
    let _ = write!(text, "{:.1}/s answered", result.answered_per_second);
    if result.dropped > 0 {
        let _ = write!(
            text,
            "; {} due and not sent, since --max-in-flight was reached",
            counted(result.dropped, "more was", "more were")
        );
    }
    text
}

fn percentiles(result: &BenchResult) -> String {
    let mut text = String::from("\n\n          ");
    for name in ["p50", "p90", "p95", "p99", "p99.9", "p99.99", "max", "mean"] {
        let _ = write!(text, "{name:>10}");
    }
    for (name, times) in [("response", &result.response), ("service", &result.service)] {
        let _ = write!(text, "\n{name:10}");
        for micros in figures(times) {
            let _ = write!(text, "{:>10}", time(micros));
        }
    }
    text
}

fn figures(times: &Distribution) -> [f64; 8] {
    let Distribution { p50, p90, p95, p99, p99_9, p99_99, max, mean, .. } = times;
    let [p50, p90, p95, p99, p99_9, p99_99, max] =
        [p50, p90, p95, p99, p99_9, p99_99, max].map(|micros| as_f64(*micros));
    [p50, p90, p95, p99, p99_9, p99_99, max, *mean]
}

/// Number of lines of a distribution.
const HISTOGRAM_LINES: i32 = 10;

/// Maximum width of a bar, in characters.
const MAX_BAR_WIDTH: f64 = 50.0;

/// Draws response times in lines whose bounds grow by a constant factor.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "bounds are times in microseconds, and bars are short"
)]
fn distribution(times: &Histogram<u64>) -> String {
    let (least, most) = (as_f64(times.min().max(1)), as_f64(times.max()));
    let factor = (most / least).powf(1.0 / f64::from(HISTOGRAM_LINES));
    let mut counts = Vec::new();
    let mut below = 0;
    for line in 1..=HISTOGRAM_LINES {
        let bound = if line == HISTOGRAM_LINES { most } else { least * factor.powi(line) };
        let within = times.count_between(0, bound as u64);
        counts.push((bound, within.saturating_sub(below)));
        below = below.max(within);
    }
    let highest = counts.iter().map(|(_, count)| *count).max().unwrap_or_default().max(1);
    let mut text = String::from("\n");
    for (bound, count) in counts {
        let width = (as_f64(count) / as_f64(highest) * MAX_BAR_WIDTH).ceil() as usize;
        let _ = write!(text, "\n  to {:>9} {:50} {count}", time(bound), "#".repeat(width));
    }
    text.push('\n');
    text
}

fn classes(result: &BenchResult) -> String {
    let mut text = String::new();
    let again =
        result.classes.get(AnswerClass::AlreadyStarted.as_str()).map_or(0, |class| class.requests);
    if again * 2 > result.answered {
        text.push_str(
            "\nmost tasks had been started before, so these are not the times of a start",
        );
    }
    for (name, class) in &result.classes {
        let share = as_f64(class.requests) / as_f64(result.answered.max(1)) * 100.0;
        let _ = write!(
            text,
            "\n{name:16} {:>8} ({share:.2}%)  p50 {}, p99 {}",
            class.requests,
            time(as_f64(class.response.p50)),
            time(as_f64(class.response.p99))
        );
        if !class.said.is_empty() {
            let _ = write!(text, ": {}", escape_control(&class.said));
        }
    }
    text
}

fn generator(result: &BenchResult) -> String {
    let own = &result.generator;
    let verdict = match &own.bottleneck {
        // A rate that held despite late sends holds; only the times are too long.
        Some(why) if result.highest_per_second.is_some() => {
            format!("response times are longer than the server's own: {why}\nthis machine: ")
        }
        Some(why) => format!("{INVALID}: {why}\nthis machine: "),
        None => {
            let late = counted(own.late, "send", "sends");
            format!("this machine kept up: {late} more than 10 ms late, ")
        }
    };
    let limit = own.open_files_limit.map(number);
    let limit = limit.map_or_else(String::new, |limit| format!(" of {limit}"));
    format!(
        "{verdict}p99 of the lateness {}, {:.0}% of a core, {}{limit} files",
        time(as_f64(result.lateness.p99)),
        own.cpu_share * 100.0,
        number(own.open_files)
    )
}

/// Names every row that was started or may have been.
pub(crate) fn all_rows(result: &BenchResult) -> String {
    let StartedRows { started_lines, perhaps_lines, .. } = &result.rows;
    format!("rows that were started: {started_lines}\nrows that may have been: {perhaps_lines}")
}

/// Names every row that was started or may have been, before all answers are there.
pub(crate) fn left_behind(started: &StartedLines) -> String {
    let StartedLines { accepted, in_doubt, in_flight } = started;
    format!(
        "rows that were started: {}\nrows that may have been: {}\nrows whose requests are out: {}",
        ranges(accepted),
        ranges(in_doubt),
        ranges(in_flight)
    )
}

/// Maximum number of characters of a list of lines.
const MAX_LINE_LIST_CHARS: usize = 60;

fn rows(result: &BenchResult) -> String {
    let Some(input) = &result.rows.input else { return String::new() };
    let lines = |count: u64, lines: &str| match lines.char_indices().nth(MAX_LINE_LIST_CHARS) {
        None if count == 1 => format!("line {lines}"),
        None => format!("lines {lines}"),
        Some((at, _)) => format!("lines {}..., all of them in the result as .json", &lines[..at]),
    };
    let started = counted(result.rows.started, "row", "rows");
    let mut text = format!("\nstarted {started} of {input}");
    if result.rows.started > 0 {
        let _ = write!(text, ": {}", lines(result.rows.started, &result.rows.started_lines));
    }
    if result.rows.perhaps > 0 {
        let _ = write!(
            text,
            "\n{} more may have been started: {}",
            number(result.rows.perhaps),
            lines(result.rows.perhaps, &result.rows.perhaps_lines)
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distribution_is_drawn_with_every_request_in_it() {
        let mut times = crate::rules::stats::histogram();
        for micros in 1_000..3_000 {
            times.record(micros).unwrap();
        }
        let drawn = distribution(&times);
        let counts =
            drawn.lines().filter_map(|line| line.split_whitespace().last()?.parse::<u64>().ok());
        assert_eq!(counts.sum::<u64>(), 2_000, "{drawn}");
        assert!(drawn.lines().any(|line| line.contains(&"#".repeat(50))), "{drawn}");
    }
}
