//! Texts about a search for the highest rate.

use std::fmt::Write;

use super::summary::INVALID;
use super::units::{as_f64, time};
use crate::bench::find_max::MeasuredStep;
use crate::bench::result::schema::BenchResult;
use crate::bench::search::SearchDecision;
use crate::domain::escape::escape_control;

/// Says what a step showed.
pub(crate) fn step(step: &MeasuredStep) -> String {
    let why = step.why.as_deref().unwrap_or_default();
    let told = match step.decision {
        Some(SearchDecision::Held) => match step.measured.health.bottleneck() {
            None => " held".into(),
            Some(late) => format!(" held, although {late}"),
        },
        Some(SearchDecision::Failed) => format!(" did not hold: {why}"),
        Some(SearchDecision::RepeatLonger) => {
            format!(" is unclear: {why}; it is measured again, twice as long")
        }
        Some(SearchDecision::Repeat) => format!(": {INVALID}: {why}; it is measured again"),
        Some(SearchDecision::Spoiled) => {
            let next = step.next.map_or_else(
                || "the search ends".to_owned(),
                |next| format!("the search goes on at {next:.1}/s"),
            );
            format!(": {INVALID}: {why}; {next}")
        }
        None => format!(" {why}"),
    };
    format!("{:.1}/s{told}", step.planned.rate)
}

/// Draws the steps as a curve, and says what the search found.
pub(crate) fn curve(result: &BenchResult) -> String {
    let mut steps: Vec<_> = result.steps.iter().collect();
    steps.sort_by(|a, b| a.wanted_per_second.total_cmp(&b.wanted_per_second));
    let highest = steps.iter().map(|step| step.p99).max().unwrap_or_default().max(1);
    let mut text = format!(
        "{:>12} {:>12} {:>10} {:>10} {:>8}",
        "wanted/s", "answered/s", "p50", "p99", "errors"
    );
    for step in steps {
        // On a logarithmic scale a bend shows although the ends are far apart.
        let share = as_f64(step.p99.max(1)).ln() / as_f64(highest).ln().max(1e-9);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a bar is short"
        )]
        let bar = "#".repeat((share.clamp(0.0, 1.0) * 30.0).ceil() as usize);
        let held = match &step.failed {
            None => "held".into(),
            Some(why) if step.verdict == SearchDecision::Spoiled.as_str() => {
                format!("{INVALID}: {}", escape_control(why))
            }
            Some(why) if step.verdict == SearchDecision::RepeatLonger.as_str() => {
                format!("unclear: {}", escape_control(why))
            }
            Some(why) => escape_control(why),
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
    format!("{text}\n{}", knee(result))
}

fn knee(result: &BenchResult) -> String {
    let is_machine = result.is_limited_by_machine() || result.is_all_spoiled();
    match (result.highest_per_second, &result.stopped) {
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
        (None, None) => "no rate held".into(),
        (None, Some(_)) => "no rate held before it ended".into(),
    }
}
