//! A file for the textfile collector of `node_exporter`: how a session goes, and how it
//! came out.
//!
//! It writes the figures that it is given, and counts nothing itself. A file is complete at every
//! moment: it is written beside its place, and then put there.

use std::fs::Permissions;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use enum_map::EnumMap;
use jiff::Timestamp;
use prometheus::proto::{
    Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType,
};
use prometheus::{Encoder, TextEncoder};

use crate::domain::rate::Rate;
use crate::domain::record::OutcomeKind;
use crate::rules::forecast::{Estimate, Fit};
use crate::rules::stats::{Latencies, Requests};

/// How often the file is written while a session goes on.
pub(crate) const WRITE_INTERVAL: Duration = Duration::from_secs(15);

/// What is measured of a session.
#[derive(Clone, Debug)]
pub struct Figures {
    /// When it began.
    pub began: Timestamp,
    /// Number of rows of the input, if it is known.
    pub rows: Option<u64>,
    /// Rows that have their last word.
    pub by_outcome: EnumMap<OutcomeKind, u64>,
    /// The requests of this session.
    pub requests: Requests,
    /// Answers that asked for a pause.
    pub throttled: u64,
    /// Pauses.
    pub holds: u64,
    /// Rows that are open.
    pub open_rows: u64,
    /// Requests in flight.
    pub in_flight: u64,
    /// The rate that is wanted.
    pub wanted: Rate,
    /// The rate that is achieved, and what is foreseen.
    pub estimate: Estimate,
}

/// How far a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionState {
    /// It goes on.
    Running,
    /// It ended with this exit code.
    Ended(u8),
}

/// The file of one session.
#[derive(Clone, Debug)]
pub struct Textfile {
    path: PathBuf,
    name: Option<String>,
    last_success: Option<f64>,
}

/// A file that is being written.
pub struct Writing(mpsc::Receiver<io::Result<()>>);

impl Writing {
    /// A file on a disk that hangs, with what keeps it hanging.
    #[cfg(test)]
    #[must_use]
    pub fn hanging() -> (Self, mpsc::Sender<io::Result<()>>) {
        let (hangs, told) = mpsc::channel();
        (Self(told), hangs)
    }

    /// Waits up to `patience` until it is in its place.
    ///
    /// # Errors
    ///
    /// Returns an error if it is not there by then.
    pub fn within(self, patience: Duration) -> io::Result<()> {
        let late = |_| Err(io::Error::other(format!("it took longer than {patience:?}")));
        self.0.recv_timeout(patience).unwrap_or_else(late)
    }
}

const LAST_SUCCESS: &str = "bk_launch_last_success_timestamp_seconds";

/// The bounds of the buckets for latencies, in milliseconds.
const BOUNDS: [u32; 14] =
    [5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 120_000];

impl Textfile {
    /// Begins the file at `path` for a run called `name`. The time of its last success stays in it.
    /// Returns an error if something else than a file is there.
    pub fn begin(path: &Path, name: Option<&str>) -> io::Result<Self> {
        let text = match path.metadata() {
            Ok(meta) if !meta.is_file() => {
                return Err(io::Error::other("it is not a regular file"));
            }
            Ok(_) => std::fs::read_to_string(path).unwrap_or_default(),
            Err(_) => String::new(),
        };
        Ok(Self {
            path: path.to_owned(),
            name: name.map(Into::into),
            last_success: last_success(&text),
        })
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes how things stand `now`; `figures` are there once the session has begun.
    pub fn write(
        &self,
        figures: Option<&Figures>,
        state: SessionState,
        now: Timestamp,
    ) -> io::Result<()> {
        let families = self.families(figures, state, now);
        let mut text = Vec::new();
        TextEncoder::new().encode(&families, &mut text).map_err(io::Error::other)?;
        let folder = match self.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        // The collector reads every file that ends in .prom, as another user.
        let mut file = tempfile::Builder::new()
            .prefix(".bk-launch-")
            .suffix(".tmp")
            .permissions(Permissions::from_mode(0o644))
            .tempfile_in(folder)?;
        file.write_all(&text)?;
        file.persist(&self.path)?;
        Ok(())
    }

    /// The same on a thread of its own, which is waited for no longer than `patience`: a
    /// disk of another machine may hang for ever.
    pub fn write_within(
        &self,
        patience: Duration,
        figures: Option<Figures>,
        state: SessionState,
        now: Timestamp,
    ) -> io::Result<()> {
        self.write_aside(figures, state, now).within(patience)
    }

    /// Begins to write on a thread of its own.
    #[must_use]
    pub fn write_aside(
        &self,
        figures: Option<Figures>,
        state: SessionState,
        now: Timestamp,
    ) -> Writing {
        let (tell, told) = mpsc::channel();
        let file = self.clone();
        thread::spawn(move || drop(tell.send(file.write(figures.as_ref(), state, now))));
        Writing(told)
    }

    fn families(
        &self,
        figures: Option<&Figures>,
        state: SessionState,
        now: Timestamp,
    ) -> Vec<MetricFamily> {
        let mut all = figures.map(|figures| self.measured(figures, now)).unwrap_or_default();
        let (exit, end) = match state {
            SessionState::Running => (None, None),
            SessionState::Ended(exit) => (Some(f64::from(exit)), Some(seconds(now))),
        };
        let success = if exit == Some(0.0) { end } else { self.last_success };
        let running = if exit.is_none() { 1.0 } else { 0.0 };
        all.push(self.gauge("bk_launch_running", "Whether a session goes on.", running));
        let at_the_end = [
            ("bk_launch_exit_code", "The exit code of the last session.", exit),
            ("bk_launch_end_timestamp_seconds", "When the last session ended.", end),
            (LAST_SUCCESS, "When a session last ended with exit code 0.", success),
        ];
        all.extend(
            at_the_end
                .into_iter()
                .filter_map(|(name, help, value)| Some(self.gauge(name, help, value?))),
        );
        all
    }

    fn measured(&self, figures: &Figures, now: Timestamp) -> Vec<MetricFamily> {
        let mut all = self.distributions(figures);
        let requests = &figures.requests;
        for (name, help, value) in [
            ("bk_launch_retries_total", "Requests after a row's first.", requests.retries),
            ("bk_launch_questions_total", "Questions for states and links.", requests.questions),
            ("bk_launch_throttled_total", "Answers that asked for a pause.", figures.throttled),
            ("bk_launch_holds_total", "Pauses.", figures.holds),
        ] {
            let metric = counter(self.labels(None), count(value));
            all.push(family(name, help, MetricType::COUNTER, vec![metric]));
        }
        all.extend(self.gauges(figures, now));
        all
    }

    /// What is measured by outcome, by class of the answer, and by time.
    fn distributions(&self, figures: &Figures) -> Vec<MetricFamily> {
        let requests = &figures.requests;
        let rows = figures.by_outcome.into_iter().map(|(outcome, rows)| {
            gauge(self.labels(Some(("outcome", outcome.as_str()))), count(rows))
        });
        let classes = requests.by_class.into_iter().map(|(class, sent)| {
            counter(self.labels(Some(("class", class.as_str()))), count(sent))
        });
        vec![
            family(
                "bk_launch_rows",
                "Rows that have their last word, by outcome, those of earlier sessions included.",
                MetricType::GAUGE,
                rows.collect(),
            ),
            family(
                "bk_launch_requests_total",
                "Requests for start_task of this session, by the class of their answer.",
                MetricType::COUNTER,
                classes.collect(),
            ),
            family(
                "bk_launch_request_duration_seconds",
                "How long start_task requests took, those that failed included.",
                MetricType::HISTOGRAM,
                vec![histogram(self.labels(None), &requests.latencies)],
            ),
        ]
    }

    fn gauges(&self, figures: &Figures, now: Timestamp) -> impl Iterator<Item = MetricFamily> {
        let (ends, leaves) = ends_and_leaves(&figures.estimate, now);
        let wanted = figures.wanted.per_second().unwrap_or(f64::INFINITY);
        let gauges = [
            ("bk_launch_open_rows", "Rows that are open.", Some(count(figures.open_rows))),
            ("bk_launch_in_flight_requests", "Requests in flight.", Some(count(figures.in_flight))),
            ("bk_launch_input_rows", "Rows of the input.", figures.rows.map(count)),
            ("bk_launch_wanted_requests_per_second", "The rate that is wanted.", Some(wanted)),
            (
                "bk_launch_achieved_requests_per_second",
                "The rate of the last seconds; once the session ended, of all of it.",
                Some(figures.estimate.achieved.unwrap_or_default()),
            ),
            ("bk_launch_forecast_end_timestamp_seconds", "When all will be done.", ends),
            (
                "bk_launch_forecast_rows_left",
                "Rows that will be left when the window ends.",
                leaves,
            ),
            (
                "bk_launch_start_timestamp_seconds",
                "When the session began.",
                Some(seconds(figures.began)),
            ),
        ];
        gauges.into_iter().filter_map(|(name, help, value)| Some(self.gauge(name, help, value?)))
    }

    fn labels(&self, own: Option<(&str, &str)>) -> Vec<LabelPair> {
        let name = self.name.as_deref().map(|name| ("name", name));
        let pairs = own.into_iter().chain(name).map(|(name, value)| {
            let mut pair = LabelPair::default();
            pair.set_name(name.to_owned());
            pair.set_value(value.to_owned());
            pair
        });
        pairs.collect()
    }

    fn gauge(&self, name: &str, help: &str, value: f64) -> MetricFamily {
        family(name, help, MetricType::GAUGE, vec![gauge(self.labels(None), value)])
    }
}

/// When all will be done, and how many rows the window will leave.
fn ends_and_leaves(estimate: &Estimate, now: Timestamp) -> (Option<f64>, Option<f64>) {
    let ends = estimate.left.map(|left| seconds(now) + left.as_secs_f64());
    let leaves = estimate.fit.map(|fit| match fit {
        Fit::Fits => 0.0,
        Fit::Leaves(rows) => count(rows),
    });
    (ends, leaves)
}

/// What the file said about the last success.
fn last_success(text: &str) -> Option<f64> {
    let line = text.lines().find(|line| line.starts_with(LAST_SUCCESS))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus knows no other numbers")]
const fn count(number: u64) -> f64 {
    number as f64
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus knows no other numbers")]
fn seconds(moment: Timestamp) -> f64 {
    moment.as_millisecond() as f64 / 1000.0
}

fn family(name: &str, help: &str, kind: MetricType, metrics: Vec<Metric>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(name.to_owned());
    family.set_help(help.to_owned());
    family.set_field_type(kind);
    family.set_metric(metrics);
    family
}

fn gauge(labels: Vec<LabelPair>, value: f64) -> Metric {
    let (mut metric, mut gauge) = (Metric::from_label(labels), Gauge::default());
    gauge.set_value(value);
    metric.set_gauge(gauge);
    metric
}

fn counter(labels: Vec<LabelPair>, value: f64) -> Metric {
    let (mut metric, mut counter) = (Metric::from_label(labels), Counter::default());
    counter.set_value(value);
    metric.set_counter(counter);
    metric
}

fn histogram(labels: Vec<LabelPair>, latencies: &Latencies) -> Metric {
    let buckets = BOUNDS.into_iter().map(|bound| {
        let bound = Duration::from_millis(bound.into());
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(bound.as_secs_f64());
        bucket.set_cumulative_count(latencies.within(bound));
        bucket
    });
    let mut histogram = Histogram::default();
    histogram.set_bucket(buckets.collect());
    histogram.set_sample_count(latencies.count());
    histogram.set_sample_sum(latencies.total().as_secs_f64());
    let mut metric = Metric::from_label(labels);
    metric.set_histogram(histogram);
    metric
}

#[cfg(test)]
mod tests;
