//! Logs: what each attempt brought and why each decision was made, on standard
//! error, for people or programs.
//!
//! Only this program's own events are written. Those of the HTTP client could
//! hold what must not be seen.

use std::io;

use tracing_subscriber::filter::{EnvFilter, LevelFilter, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use crate::args::display::LogFormat;
use crate::monitor::console::{self, TextKind};

/// Begins to write logs: `-v` an attempt a line, `-vv` decisions too; `RUST_LOG`
/// beats both.
pub(crate) fn begin(format: LogFormat, verbosity: u8) {
    let level = match verbosity {
        0 => LevelFilter::WARN,
        1 => LevelFilter::INFO,
        _ => LevelFilter::DEBUG,
    };
    let filter = EnvFilter::builder().with_default_directive(level.into()).from_env_lossy();
    let ours = filter_fn(|event| event.target().starts_with("bk_launch"));
    let layer = tracing_subscriber::fmt::layer().with_writer(Teller).with_ansi(false);
    let layer = match format {
        LogFormat::Text => layer.with_target(false).boxed(),
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
    };
    // A second call, which tests may make, changes nothing.
    drop(
        tracing_subscriber::registry().with(layer.with_filter(ours).with_filter(filter)).try_init(),
    );
}

/// Hands each event over as one text.
struct Teller;

impl<'a> MakeWriter<'a> for Teller {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        Self
    }
}

impl io::Write for Teller {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        console::show(TextKind::Log, String::from_utf8_lossy(event).trim_end());
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
