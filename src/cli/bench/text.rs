//! What people are told of a result.

use std::fmt::Write;

use hdrhistogram::Histogram;

use crate::bench::Started;
use crate::bench::compare::{Change, Compared, FEWEST, Finding, Pair, TEST};
use crate::bench::result::{self, Distribution, Outcome};
use crate::bench::search::Limit;
use crate::domain::escape::escape_control;

/// The result, for people; `response` has all response times.
pub(crate) fn summary(outcome: &Outcome, response: &Histogram<u64>) -> String {
    let mut text = counts(outcome);
    if outcome.answered > 0 {
        text.push_str(&percentiles(outcome));
        text.push_str(&distribution(response));
        text.push_str(&classes(outcome));
    }
    let _ = write!(
        text,
        "\n{} connections; bodies: {} sent, {} received\n{}",
        outcome.connects,
        bytes(outcome.bytes_sent),
        bytes(outcome.bytes_received),
        generator(outcome)
    );
    for slo in &outcome.slos {
        let _ = write!(text, "\n{}", slo.told);
    }
    text.push_str(&rows(outcome));
    if let Some(stopped) = &outcome.stopped {
        let _ = write!(text, "\nstopped: {}", escape_control(stopped));
    }
    text
}

fn counts(outcome: &Outcome) -> String {
    let Outcome { sent, seconds, load, target, .. } = outcome;
    let mut text = format!("{load} at {target}");
    if outcome.warmup_seconds > 0.0 {
        let _ = write!(text, "; the first {} s are left out", outcome.warmup_seconds);
    }
    if let Some(rate) = outcome.highest_per_second {
        let _ = write!(text, "\nof the step at {rate:.1}/s:");
    }
    let _ = write!(text, "\n{sent} requests in {seconds:.1} s: ");
    let _ = write!(text, "{:.1}/s sent, ", outcome.sent_per_second);
    let _ = write!(text, "{:.1}/s answered", outcome.answered_per_second);
    if outcome.dropped > 0 {
        let _ = write!(
            text,
            "; {} more were due and not sent, since --max-in-flight was reached",
            outcome.dropped
        );
    }
    text
}

fn percentiles(outcome: &Outcome) -> String {
    let mut text = String::from("\n\n          ");
    for name in ["p50", "p90", "p95", "p99", "p99.9", "p99.99", "max", "mean"] {
        let _ = write!(text, "{name:>10}");
    }
    for (name, times) in [("response", &outcome.response), ("service", &outcome.service)] {
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

#[expect(clippy::cast_precision_loss, reason = "told with few digits")]
const fn as_f64(number: u64) -> f64 {
    number as f64
}

/// Microseconds, with a unit that keeps the number short.
fn time(micros: f64) -> String {
    match micros {
        micros if micros < 1e3 => format!("{micros:.0} us"),
        micros if micros < 1e5 => format!("{:.2} ms", micros / 1e3),
        micros if micros < 1e6 => format!("{:.1} ms", micros / 1e3),
        micros => format!("{:.2} s", micros / 1e6),
    }
}

fn bytes(count: u64) -> String {
    let count = as_f64(count);
    match count {
        count if count < 1e3 => format!("{count} B"),
        count if count < 1e6 => format!("{:.1} kB", count / 1e3),
        count => format!("{:.1} MB", count / 1e6),
    }
}

/// A distribution is drawn in so many lines...
const LINES: i32 = 10;

/// ...with a bar as wide as this at most.
const WIDE: f64 = 50.0;

/// The response times in lines whose bounds grow by the same factor.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "bounds are times in microseconds, and bars are short"
)]
fn distribution(times: &Histogram<u64>) -> String {
    let (least, most) = (as_f64(times.min().max(1)), as_f64(times.max()));
    let factor = (most / least).powf(1.0 / f64::from(LINES));
    let mut counts = Vec::new();
    let mut below = 0;
    for line in 1..=LINES {
        let bound = if line == LINES { most } else { least * factor.powi(line) };
        let within = times.count_between(0, bound as u64);
        counts.push((bound, within.saturating_sub(below)));
        below = below.max(within);
    }
    let highest = counts.iter().map(|(_, count)| *count).max().unwrap_or_default().max(1);
    let mut text = String::from("\n");
    for (bound, count) in counts {
        let width = (as_f64(count) / as_f64(highest) * WIDE).ceil() as usize;
        let _ = write!(text, "\n  to {:>9} {:50} {count}", time(bound), "#".repeat(width));
    }
    text.push('\n');
    text
}

fn classes(outcome: &Outcome) -> String {
    let mut text = String::new();
    let again = outcome.classes.get("already_started").map_or(0, |class| class.requests);
    if again * 2 > outcome.answered {
        text.push_str("\nmost tasks were started before, so these are hardly the times of a start");
    }
    for (name, class) in &outcome.classes {
        let share = as_f64(class.requests) / as_f64(outcome.answered.max(1)) * 100.0;
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

fn generator(outcome: &Outcome) -> String {
    let own = &outcome.generator;
    let verdict = match &own.bottleneck {
        // A rate that held although sends were late holds; the times are too long.
        Some(why) if outcome.highest_per_second.is_some() => {
            format!("response times are longer than the server's own: {why}")
        }
        Some(why) => format!("NOT the server but this machine was measured: {why}"),
        None => "generator: fine".into(),
    };
    let limit = own.open_files_limit.map_or_else(String::new, |limit| format!(" of {limit}"));
    format!(
        "{verdict}; {} sends late by more than 10 ms (p99 {}), {:.0}% of a core, {}{limit} files",
        own.late,
        time(as_f64(outcome.lateness.p99)),
        own.cpu_share * 100.0,
        own.open_files
    )
}

/// Every row that was started, or may have been.
pub(crate) fn all_rows(outcome: &Outcome) -> String {
    let result::Rows { started_lines, perhaps_lines, .. } = &outcome.rows;
    format!("rows that were started: {started_lines}\nrows that may have been: {perhaps_lines}")
}

/// Every row that was started, or may have been, when nothing is waited for any more.
pub(crate) fn left_behind(started: &Started) -> String {
    let Started { surely, perhaps, out } = started;
    format!(
        "rows that were started: {}\nrows that may have been: {}\nrows whose requests are out: {}",
        result::ranges(surely),
        result::ranges(perhaps),
        result::ranges(out)
    )
}

/// So much of a list of lines is told.
const TOLD: usize = 60;

fn rows(outcome: &Outcome) -> String {
    let Some(input) = &outcome.rows.input else { return String::new() };
    let lines = |lines: &str| match lines.char_indices().nth(TOLD) {
        None => lines.to_owned(),
        Some((at, _)) => format!("{}..., all of them in the result as .json", &lines[..at]),
    };
    let mut text = format!("\nstarted {} rows of {input}", outcome.rows.started);
    if outcome.rows.started > 0 {
        let _ = write!(text, ": lines {}", lines(&outcome.rows.started_lines));
    }
    if outcome.rows.perhaps > 0 {
        let _ = write!(
            text,
            "\n{} more may have been started: lines {}",
            outcome.rows.perhaps,
            lines(&outcome.rows.perhaps_lines)
        );
    }
    text
}

/// The steps of a search, as a curve, and its knee.
pub(crate) fn curve(outcome: &Outcome) -> String {
    let mut steps: Vec<_> = outcome.steps.iter().collect();
    steps.sort_by(|a, b| a.wanted_per_second.total_cmp(&b.wanted_per_second));
    let highest = steps.iter().map(|step| step.p99).max().unwrap_or_default().max(1);
    let mut text = format!(
        "{:>12} {:>12} {:>10} {:>10} {:>8}",
        "wanted/s", "answered/s", "p50", "p99", "errors"
    );
    for step in steps {
        // The logarithm shows where a curve bends whose ends are far apart.
        let share = as_f64(step.p99.max(1)).ln() / as_f64(highest).ln().max(1e-9);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a bar is short"
        )]
        let bar = "#".repeat((share.clamp(0.0, 1.0) * 30.0).ceil() as usize);
        let held = match &step.failed {
            None => "held".into(),
            Some(why) if step.verdict == "failed" => escape_control(why),
            Some(why) => format!("{}: {}", step.verdict, escape_control(why)),
        };
        let _ = write!(
            text,
            "\n{:>12.1} {:>12.1} {:>10} {:>10} {:>7.2}% {bar:30} {held}",
            step.wanted_per_second,
            step.answered_per_second,
            time(as_f64(step.p50)),
            time(as_f64(step.p99)),
            step.error_share * 100.0
        );
    }
    format!("{text}\n{}", knee(outcome))
}

/// What the search found.
fn knee(outcome: &Outcome) -> String {
    let is_machine = outcome.limited_by.as_deref() == Some(Limit::Machine.as_str());
    match (outcome.highest_per_second, &outcome.stopped) {
        (Some(rate), _) if is_machine => format!(
            "the highest rate that held: {rate:.1}/s; above it this machine was the limit, and the \
             server may hold more"
        ),
        (None, _) if is_machine => {
            "no rate held, since this machine was the limit: that says nothing about the server"
                .into()
        }
        (Some(rate), None) => format!("the highest rate that holds: {rate:.1}/s"),
        (Some(rate), Some(_)) => format!("the highest rate that held before it ended: {rate:.1}/s"),
        (None, _) => "no rate holds".into(),
    }
}

/// Says that a result is not compared, since its figures are not the server's.
pub(crate) fn not_compared(why: &str) -> String {
    format!("not compared with --baseline: {}", escape_control(why))
}

/// Says so if two results are those of different loads.
pub(crate) fn other_load(base: &Outcome, now: &Outcome) -> Option<String> {
    let (base, now) = (&base.load, &now.load);
    (base != now).then(|| format!("warning: the loads differ: {base}, and {now}"))
}

/// Two results, compared.
pub(crate) fn comparison(compared: &[Compared], pairs: &[Pair]) -> String {
    let mut text = format!(
        "{:>8} {:>12} {:>12} {:>9} {:>9} {:>8}",
        "", "base", "now", "change", "typical", "p"
    );
    for (one, pair) in compared.iter().zip(pairs) {
        let shown = |value: f64| match (one.name, pair.change) {
            (_, Change::Absolute) => format!("{:.2}%", value * 100.0),
            ("rate", _) => format!("{value:.1}/s"),
            _ => time(value),
        };
        let change = |change: f64| match pair.change {
            Change::Relative => format!("{:+.1}%", change * 100.0),
            Change::Absolute => format!("{:+.2} pp", change * 100.0),
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
    if compared.iter().any(|one| one.finding == Finding::TooShort) {
        let _ = write!(text, "\neach result must have at least {FEWEST} seconds");
    }
    let _ = write!(
        text,
        "\nbase and now are figures of all requests; typical is the change of the median block, which is \
         judged: {TEST}; a change of less than half of --tolerance is noise"
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::compare::{Better, compare};

    #[test]
    fn times_have_a_unit_that_keeps_them_short() {
        for (micros, told) in
            [(12.0, "12 us"), (1_234.0, "1.23 ms"), (123_456.0, "123.5 ms"), (1.5e6, "1.50 s")]
        {
            assert_eq!(time(micros), told);
        }
        assert_eq!(
            (bytes(12), bytes(1_500), bytes(2_500_000)),
            ("12 B".into(), "1.5 kB".into(), "2.5 MB".into())
        );
    }

    #[test]
    fn a_distribution_is_drawn_with_every_request_in_it() {
        let mut times = Histogram::<u64>::new_with_bounds(1, 600_000_000, 3).unwrap();
        for micros in 1_000..3_000 {
            times.record(micros).unwrap();
        }
        let drawn = distribution(&times);
        let counts =
            drawn.lines().filter_map(|line| line.split_whitespace().last()?.parse::<u64>().ok());
        assert_eq!(counts.sum::<u64>(), 2_000, "{drawn}");
        assert!(drawn.lines().any(|line| line.contains(&"#".repeat(50))), "{drawn}");
    }

    #[test]
    fn a_comparison_says_what_became_worse_and_by_which_test() {
        let pair = |now: f64| Pair {
            name: "p99",
            better: Better::Lower,
            change: Change::Relative,
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
            let text = comparison(&compare(&pairs, 0.1), &pairs);
            assert!(text.contains(told) && text.contains("Wilcoxon"), "{text}");
        }
    }
}
