//! Exactness of the pace of `bench`, by the arrival times that the mock saw: the achieved rate, and
//! the error of the gaps between requests. Needs a quiet machine; prints figures, and decides nothing.

#![expect(clippy::unwrap_used, reason = "a benchmark may end by a panic")]
#![expect(clippy::print_stdout, reason = "it prints figures")]

use std::io::Write;
use std::process::{Command, Stdio};

use bk_launch::mock::{Behaviour, Mock};

const SECONDS: u32 = 10;

fn main() {
    // `cargo test --benches` passes a flag, and wants no figures.
    if std::env::args().any(|word| word == "--test") {
        return;
    }
    println!(
        "{:>8} {:>8} {:>14} {:>12} {:>12} {:>12}",
        "wanted", "slack", "achieved", "off", "p50 error", "p99 error"
    );
    // The default slack joins nothing below 10,000/s.
    for (per_second, slack) in
        [(100_u32, "100us"), (1_000, "100us"), (10_000, "100us"), (10_000, "off")]
    {
        let arrivals = arrivals(per_second, slack);
        let wanted = 1e6 / f64::from(per_second);
        let first_to_last = arrivals.last().unwrap() - arrivals[0];
        let requests = f64::from(u32::try_from(arrivals.len()).unwrap());
        let achieved = (requests - 1.0) / first_to_last * 1e6;
        let mut errors: Vec<_> =
            arrivals.windows(2).map(|pair| (pair[1] - pair[0] - wanted).abs()).collect();
        errors.sort_by(f64::total_cmp);
        let (p50, p99) = (errors[errors.len() / 2], errors[errors.len() * 99 / 100]);
        let off = (achieved / f64::from(per_second) - 1.0) * 100.0;
        println!(
            "{per_second:>6}/s {slack:>8} {achieved:>12.3}/s {off:>11.4}% {p50:>9.0} us {p99:>9.0} us"
        );
    }
}

/// When requests came, in microseconds, in their order.
fn arrivals(per_second: u32, slack: &str) -> Vec<f64> {
    let mock = Mock::start(Behaviour::default(), 0).unwrap();
    let mut rows = tempfile::NamedTempFile::with_suffix(".csv").unwrap();
    (1..=per_second * SECONDS).for_each(|task| writeln!(rows, "2,{task}").unwrap());
    let status = Command::new(env!("CARGO_BIN_EXE_bk-launch"))
        .arg("bench")
        .arg(rows.path())
        .args(["--progress", "none", "--rate", &format!("{per_second}/s"), "--slack", slack])
        .args(["--duration", &format!("{SECONDS}s"), "--esb", &mock.url()])
        .env_clear()
        .envs([("BK_APP_CODE", "app"), ("BK_APP_SECRET", "a secret"), ("BK_TOKEN", "a token")])
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "the generator itself was too slow");
    let micros = |micros: u64| f64::from(u32::try_from(micros).unwrap());
    mock.counts().arrivals.iter().map(|arrival| micros(arrival.micros)).collect()
}
