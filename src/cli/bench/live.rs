//! What a measurement shows while it goes on.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use crate::bench::{Glance, Onlooker, Second};
use crate::monitor::console::{self, BarFrame, TextKind};
use crate::monitor::progress::ProgressMode;

/// Shows how a measurement goes.
pub(crate) struct Live {
    look: ProgressMode,
    /// Seconds that it lasts, if that is known.
    length: Option<u64>,
}

/// How often a bar is drawn. Each time the percentiles of all requests are taken.
const DRAWN: Duration = Duration::from_millis(500);

/// How often a line is written.
const WRITTEN: Duration = Duration::from_secs(10);

impl Live {
    /// Begins to show a measurement that lasts so long, if that is known.
    pub(crate) fn begin(look: ProgressMode, lasts: Option<Duration>) -> Self {
        let length = lasts.map(|lasts| lasts.as_secs() + u64::from(lasts.subsec_nanos() > 0));
        Self { look, length }
    }

    /// Whoever is to be told of it, if anybody is.
    pub(crate) fn onlooker(&self) -> Option<Onlooker> {
        let length = self.length;
        let template = match length {
            Some(_) => "{wide_bar} {pos} s of {len} s\n{msg}",
            None => "{spinner} {pos} s\n{msg}",
        };
        match self.look {
            ProgressMode::Bar => Some(Onlooker {
                every: DRAWN,
                show: Arc::new(move |glance| {
                    let (position, message) = (glance.elapsed.as_secs(), page(glance));
                    console::draw(BarFrame { template, length, position, message });
                }),
            }),
            ProgressMode::Plain => Some(Onlooker {
                every: WRITTEN,
                show: Arc::new(|glance| {
                    let line = page(glance).replace('\n', "; ");
                    let line = format!("{} s: {line}", glance.elapsed.as_secs());
                    console::show(TextKind::Progress, &line);
                }),
            }),
            ProgressMode::None => None,
        }
    }
}

/// How it goes, on three lines.
fn page(glance: &Glance) -> String {
    let Glance { sent, late, dropped, in_flight, .. } = glance;
    let mut page = String::new();
    if !glance.left.is_zero() {
        let _ = write!(page, "warming up, {} s left; ", glance.left.as_secs() + 1);
    }
    let last = glance.last.as_ref();
    if let Some(wanted) = glance.wanted {
        let _ = write!(page, "{wanted:.1}/s wanted, ");
    }
    let now = last.map_or(0, |last| last.sent);
    let _ = write!(page, "{now}/s sent, {sent} in all; {in_flight} in flight, {late} late");
    if *dropped > 0 {
        let _ = write!(page, ", {dropped} not sent: too many in flight");
    }
    let times = last.and_then(|last: &Second| last.response);
    let now = times.map_or_else(|| "-".into(), |[p50, _, p99, ..]| pair(p50, p99));
    let [p50, p99] = glance.overall.unwrap_or_default();
    let overall = pair(as_f64(p50), as_f64(p99));
    let _ = write!(page, "\nresponse p50 / p99: {now} now, {overall} overall");
    let classes = glance.by_class.into_iter().filter(|(_, count)| *count > 0);
    let classes: Vec<_> =
        classes.map(|(class, count)| format!("{count} {}", class.as_str())).collect();
    let _ = write!(page, "\n{}", classes.join(", "));
    page
}

#[expect(clippy::cast_precision_loss, reason = "microseconds of minutes are far from the bounds")]
const fn as_f64(micros: u64) -> f64 {
    micros as f64
}

fn pair(p50: f64, p99: f64) -> String {
    format!("{:.1} / {:.1} ms", p50 / 1e3, p99 / 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::answer::{AnswerClass, FailureClass};
    use enum_map::enum_map;

    #[test]
    fn a_glance_is_three_lines() {
        let ambiguous = AnswerClass::Failed(FailureClass::Ambiguous);
        let by_class = enum_map! {
            class if class == ambiguous => 2,
            AnswerClass::Accepted => 590,
            _ => 0,
        };
        let glance = Glance {
            left: Duration::ZERO,
            elapsed: Duration::from_secs(3),
            wanted: Some(200.0),
            sent: 600,
            late: 1,
            dropped: 0,
            in_flight: 8,
            by_class,
            last: Some(Second {
                sent: 199,
                response: Some([3_100.0, 0.0, 8_240.0, 0.0, 0.0]),
                ..Second::default()
            }),
            overall: Some([3_000, 9_900]),
        };
        assert_eq!(
            page(&glance),
            "200.0/s wanted, 199/s sent, 600 in all; 8 in flight, 1 late\n\
             response p50 / p99: 3.1 / 8.2 ms now, 3.0 / 9.9 ms overall\n\
             590 accepted, 2 ambiguous"
        );
        let warming = Glance { left: Duration::from_millis(1_500), dropped: 4, ..glance };
        let shown = page(&warming);
        assert!(shown.starts_with("warming up, 2 s left; "), "{shown}");
        assert!(shown.contains("4 not sent: too many in flight"), "{shown}");
    }
}
