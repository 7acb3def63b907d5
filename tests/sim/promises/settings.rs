//! The command line of a session as people mean it, from the history alone: the flags that were
//! typed over those that the run keeps over the defaults.

use std::time::Duration;

use jiff::SignedDuration;

use crate::history::{Flag, History, InputKind, Route};

/// Flags that a resume does not take over from its run.
const OF_ONE_SESSION: [&str; 8] = [
    "limit",
    "start-at",
    "stop-at",
    "jitter",
    "retry-failed",
    "target-changed",
    "force",
    "no-journal",
];

/// Requests per time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    pub count: f64,
    pub per: Duration,
}

/// `--max-failures`
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Tolerated {
    Rows(u64),
    /// Percent of the rows.
    Share(f64),
}

/// Words of the flags that say when requests may leave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WindowWords {
    pub start_at: Option<String>,
    pub stop_at: Option<String>,
    pub daily: Option<String>,
    pub cutoff: Duration,
    pub jitter: Duration,
}

/// What a session may do.
#[derive(Clone, Debug)]
pub struct Settings {
    pub rate: Option<Rate>,
    pub burst: u32,
    pub rate_per_biz: Option<Rate>,
    pub concurrency: usize,
    pub concurrency_per_biz: usize,
    pub lookahead: usize,
    pub retries: u32,
    /// First and longest wait.
    pub backoff: (Duration, Duration),
    pub throttle_patience: Duration,
    pub outage_patience: Duration,
    pub tolerated: Option<Tolerated>,
    pub already_started_fails: bool,
    pub confirm: Option<Duration>,
    pub lookup: bool,
    /// Positions at which stages end; none if all is one.
    pub stages: Vec<u64>,
    pub stage_pause: Duration,
    pub window: WindowWords,
    pub limit: Option<u64>,
    pub retry_failed: bool,
    pub outputs: Vec<String>,
    pub timeout: Duration,
    pub connect_timeout: Duration,
}

impl Settings {
    /// Returns the settings of a session of `history`.
    pub fn of(history: &History, session: usize) -> Self {
        let flags = Flags::of(history, session);
        let time = |name, default| flags.value(name).map_or(default, time);
        let number = |name| flags.value(name).and_then(|value| value.parse::<u64>().ok());
        let count = |name, default| number(name).map_or(default, |n| usize::try_from(n).unwrap());
        let quarter = Duration::from_mins(15);
        let own_timeout = match history.server.route {
            Route::LegacyEsb | Route::NewEsb => Duration::from_secs(35),
            Route::Gateway => Duration::from_secs(125),
        };
        Self {
            rate: flags.rate("rate", Some(Rate { count: 20.0, per: Duration::from_secs(1) })),
            burst: number("burst").map_or(1, |n| u32::try_from(n).unwrap()),
            rate_per_biz: flags.rate("rate-per-biz", None),
            concurrency: count("concurrency", 16),
            concurrency_per_biz: count("concurrency-per-biz", usize::MAX),
            lookahead: count("lookahead", 10_000),
            retries: number("retries").map_or(4, |n| u32::try_from(n).unwrap()),
            backoff: flags.backoff(),
            throttle_patience: time("throttle-patience", quarter),
            outage_patience: time("outage-patience", quarter),
            tolerated: flags.tolerated(),
            already_started_fails: flags.value("already-started") == Some("fail"),
            confirm: flags.confirm(),
            lookup: flags.has("lookup"),
            stages: flags.value("stages").map_or_else(Vec::new, |text| stages(text, history)),
            stage_pause: time("stage-pause", Duration::ZERO),
            window: flags.window(),
            limit: number("limit"),
            retry_failed: flags.has("retry-failed"),
            outputs: flags.all("output"),
            timeout: time("timeout", own_timeout),
            connect_timeout: time("connect-timeout", Duration::from_secs(5)),
        }
    }

    /// Whether a row with this outcome counts against the budget, and is taken up again by
    /// `--retry-failed`.
    pub fn is_failure(&self, outcome: &str) -> bool {
        self.is_bad(outcome) && outcome != "invalid"
    }

    /// Whether somebody has to look at a row with this outcome.
    pub fn is_bad(&self, outcome: &str) -> bool {
        match outcome {
            "rejected" | "failed" | "unknown" | "unconfirmed" | "invalid" => true,
            "already_started" => self.already_started_fails,
            _ => false,
        }
    }

    /// Number of rows that may fail, if there is a limit.
    pub fn may_fail(&self, history: &History) -> Option<u64> {
        let rows = history.list.len() as u64;
        let base = if history.input == InputKind::File { rows } else { rows.max(20) };
        Some(match self.tolerated? {
            Tolerated::Rows(rows) => rows,
            Tolerated::Share(percent) => floor(floats(base) * percent / 100.0 + 1e-9),
        })
    }
}

/// Flags of a session, with those of its run behind them.
struct Flags<'a> {
    typed: &'a [Flag],
    kept: &'a [Flag],
}

impl<'a> Flags<'a> {
    fn of(history: &'a History, session: usize) -> Self {
        let typed = &history.sessions[session].flags[..];
        let kept = if session == 0 { &[][..] } else { &history.sessions[0].flags[..] };
        Self { typed, kept }
    }

    fn find(&self, name: &str) -> Option<&'a Flag> {
        let of = |flags: &'a [Flag]| flags.iter().rev().find(|flag| flag.name == name);
        let kept = || of(self.kept).filter(|flag| !OF_ONE_SESSION.contains(&flag.name));
        of(self.typed).or_else(kept)
    }

    fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    fn value(&self, name: &str) -> Option<&'a str> {
        self.find(name)?.value.as_deref()
    }

    fn all(&self, name: &str) -> Vec<String> {
        let of = |flags: &[Flag]| -> Vec<String> {
            let named = flags.iter().filter(|flag| flag.name == name);
            named.filter_map(|flag| flag.value.clone()).collect()
        };
        let typed = of(self.typed);
        if typed.is_empty() { of(self.kept) } else { typed }
    }

    fn rate(&self, name: &str, default: Option<Rate>) -> Option<Rate> {
        let Some(text) = self.value(name) else { return default };
        let (count, unit) = text.split_once('/')?;
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            _ => 3600,
        };
        Some(Rate { count: count.parse().unwrap(), per: Duration::from_secs(seconds) })
    }

    fn backoff(&self) -> (Duration, Duration) {
        let text = self.value("backoff").unwrap_or("500ms..30s");
        let (first, longest) = text.split_once("..").unwrap();
        (time(first), time(longest))
    }

    fn tolerated(&self) -> Option<Tolerated> {
        let text = self.value("max-failures")?;
        Some(match text.strip_suffix('%') {
            Some(percent) => Tolerated::Share(percent.parse().unwrap()),
            None => Tolerated::Rows(text.parse().unwrap()),
        })
    }

    fn confirm(&self) -> Option<Duration> {
        match self.find("confirm")?.value.as_deref() {
            None => Some(Duration::from_mins(1)),
            Some("off") => None,
            Some(text) => Some(time(text)),
        }
    }

    fn window(&self) -> WindowWords {
        let word = |name| self.value(name).map(str::to_owned);
        let (start_at, stop_at) = (word("start-at"), word("stop-at"));
        let takes_its_place = start_at.is_some() || stop_at.is_some();
        let duration = |name| self.value(name).map_or(Duration::ZERO, time);
        WindowWords {
            daily: word("window").filter(|_| !takes_its_place),
            start_at,
            stop_at,
            cutoff: duration("cutoff"),
            jitter: duration("jitter"),
        }
    }
}

/// Reads a time such as `500ms` or `15m`.
pub fn time(text: &str) -> Duration {
    Duration::try_from(text.parse::<SignedDuration>().unwrap()).unwrap()
}

/// Returns the positions at which the stages of `text` end.
fn stages(text: &str, history: &History) -> Vec<u64> {
    let rows = history.list.len() as u64;
    let step = |step: &str| match step.trim().strip_suffix('%') {
        Some(percent) => (rows * percent.parse::<u64>().unwrap()).div_ceil(100),
        None => step.trim().parse().unwrap(),
    };
    let mut ends: Vec<u64> = Vec::new();
    for end in text.split(',').map(step).chain([rows]) {
        if end.min(rows) > ends.last().copied().unwrap_or(0) {
            ends.push(end.min(rows));
        }
    }
    ends
}

#[expect(clippy::cast_precision_loss, reason = "numbers of rows are small")]
pub fn floats(number: u64) -> f64 {
    number as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "numbers of rows and requests are small and positive"
)]
pub fn floor(number: f64) -> u64 {
    number as u64
}
