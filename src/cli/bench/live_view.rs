//! Progress of a measurement.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use crate::bench::measured::Second;
use crate::bench::observers::LoadObserver;
use crate::bench::snapshot::LoadSnapshot;
use crate::domain::count::number;
use crate::monitor::console::{self, BarFrame, TextKind};
use crate::monitor::progress::ProgressMode;

pub(crate) struct LiveView {
    look: ProgressMode,
    /// Seconds of the whole measurement, if known.
    length: Option<u64>,
}

/// Time between two drawings of the bar. Each drawing takes the percentiles of all requests.
const BAR_INTERVAL: Duration = Duration::from_millis(500);

/// Time between two lines.
const LINE_INTERVAL: Duration = Duration::from_secs(10);

impl LiveView {
    pub(crate) fn begin(look: ProgressMode, duration: Option<Duration>) -> Self {
        let length =
            duration.map(|duration| duration.as_secs() + u64::from(duration.subsec_nanos() > 0));
        Self { look, length }
    }

    /// Returns what shows the progress, unless nothing is to be shown.
    pub(crate) fn observer(&self) -> Option<LoadObserver> {
        let length = self.length;
        let template = match length {
            Some(_) => "{wide_bar} {pos} s of {len} s\n{msg}",
            None => "{spinner} {pos} s\n{msg}",
        };
        match self.look {
            ProgressMode::Bar => Some(LoadObserver {
                every: BAR_INTERVAL,
                show: Arc::new(move |snapshot| {
                    let (position, message) = (snapshot.elapsed.as_secs(), page(snapshot));
                    console::draw(BarFrame { template, length, position, message });
                }),
            }),
            ProgressMode::Plain => Some(LoadObserver {
                every: LINE_INTERVAL,
                show: Arc::new(|snapshot| {
                    let line = page(snapshot).replace('\n', "; ");
                    let line = format!("{} s: {line}", snapshot.elapsed.as_secs());
                    console::show(TextKind::Progress, &line);
                }),
            }),
            ProgressMode::None => None,
        }
    }
}

/// Formats the progress as three lines.
fn page(snapshot: &LoadSnapshot) -> String {
    let LoadSnapshot { sent, late, dropped, in_flight, .. } = *snapshot;
    let (all, late, in_flight) = (number(sent), number(late), number(in_flight));
    let mut page = String::new();
    if !snapshot.left.is_zero() {
        let _ = write!(page, "warming up, {} s left; ", snapshot.left.as_secs() + 1);
    }
    let last = snapshot.last.as_ref();
    if let Some(wanted) = snapshot.wanted {
        let _ = write!(page, "{wanted:.1}/s wanted, ");
    }
    let now = last.map_or(0, |last| last.sent);
    let _ =
        write!(page, "{}/s sent, {all} in all; {in_flight} in flight, {late} late", number(now));
    if dropped > 0 {
        let _ = write!(page, ", {} not sent: too many in flight", number(dropped));
    }
    let times = last.and_then(|last: &Second| last.response);
    let now = times.map_or_else(|| "-".into(), |times| pair(times.p50, times.p99));
    let overall = pair(as_f64(snapshot.p50), as_f64(snapshot.p99));
    let _ = write!(page, "\nresponse p50 / p99: {now} now, {overall} overall");
    let classes = snapshot.by_class.iter().filter(|(_, count)| **count > 0);
    let classes: Vec<_> =
        classes.map(|(class, count)| format!("{} {}", number(*count), class.as_str())).collect();
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
    use crate::bench::measured::SecondTimes;
    use crate::domain::answer::AnswerClass;
    use crate::domain::answer::FailureClass;
    use enum_map::EnumMap;

    #[test]
    fn a_glance_is_three_lines() {
        let mut by_class = EnumMap::default();
        by_class[AnswerClass::Accepted] = 590;
        by_class[AnswerClass::Failed(FailureClass::Ambiguous)] = 2;
        let snapshot = LoadSnapshot {
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
                response: Some(SecondTimes {
                    p50: 3_100.0,
                    p99: 8_240.0,
                    ..SecondTimes::default()
                }),
                ..Second::default()
            }),
            p50: 3_000,
            p99: 9_900,
        };
        assert_eq!(
            page(&snapshot),
            "200.0/s wanted, 199/s sent, 600 in all; 8 in flight, 1 late\n\
             response p50 / p99: 3.1 / 8.2 ms now, 3.0 / 9.9 ms overall\n\
             590 accepted, 2 ambiguous"
        );
        let warming = LoadSnapshot { left: Duration::from_millis(1_500), dropped: 4, ..snapshot };
        let shown = page(&warming);
        assert!(shown.starts_with("warming up, 2 s left; "), "{shown}");
        assert!(shown.contains("4 not sent: too many in flight"), "{shown}");
    }
}
