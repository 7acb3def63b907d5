//! The load: which rows are sent, how many, how fast, and with whose consent.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use bk_launch::mock::{Behaviour, Memory};
use serde_json::Value;

use super::{field, is_quiet, measured};
use crate::harness::{Scene, slow, well};

#[test]
fn each_row_is_used_once_in_order_and_the_result_says_which() {
    let scene = field(300).against(slow(5));
    let bench = || scene.bench().with("--rate 100/s --requests 120 -o r.json -o r.csv -o r.hgrm");
    let found = measured(bench().ends().says(["response", "p99.99"]));
    let counts = scene.seen();
    assert_eq!((counts.starts, counts.started), (120, 120));
    // Each has a connection of its own, so two may overtake each other on the way.
    let mut tasks: Vec<_> = counts.arrivals.iter().map(|arrival| arrival.task).collect();
    tasks.sort_unstable();
    assert!(tasks.iter().copied().eq(1..=120), "the first 120 rows, each once: {tasks:?}");
    assert_eq!(found["rows"]["started_lines"], "2-121");
    assert_eq!(found["sent"], 120);
    assert_eq!(found["classes"]["accepted"]["requests"], 120);
    assert_eq!(found["connects"], counts.connections - 1, "that of the question before the load");
    let (first, last) = (counts.arrivals[0].micros, counts.arrivals[119].micros);
    let seconds = Duration::from_micros(last - first).as_secs_f64();
    let rate = 119.0 / seconds;
    assert!(!is_quiet(&found) || (rate / 100.0 - 1.0).abs() < 0.03, "the mock saw {rate}/s");
    assert!(found["bytes_sent"].as_u64().unwrap() > 120 * 100);
    for times in ["response", "service"] {
        times_are_told(&found[times]);
    }
    assert_eq!(serde_json::from_str::<Value>(&scene.read("r.json")).unwrap()["sent"], 120);
    let mut seconds = csv::Reader::from_reader(std::io::Cursor::new(scene.read("r.csv")));
    let sent = seconds.records().map(|line| line.unwrap()[2].parse::<u64>().unwrap());
    assert_eq!(sent.sum::<u64>(), 120);
    assert!(scene.read("r.hgrm").contains("Total count    =          120]"));

    bench().exits(2).says("is there already; name another file, or overwrite it with --force");
    assert_eq!(scene.seen().starts, 120, "nothing more was sent");
}

/// Times of 120 requests that took 5 ms at least.
fn times_are_told(times: &Value) {
    use base64::Engine as _;
    for key in ["p50", "p90", "p95", "p99", "p99_9", "p99_99", "max", "mean"] {
        assert!(times[key].as_f64().unwrap() >= 5_000.0, "{key} in {times}");
    }
    // The histogram can be read again, and holds every request.
    let text = times["histogram"].as_str().unwrap();
    let bytes = base64::engine::general_purpose::STANDARD.decode(text).unwrap();
    let histogram: hdrhistogram::Histogram<u64> =
        hdrhistogram::serialization::Deserializer::new().deserialize(&mut &bytes[..]).unwrap();
    assert_eq!(histogram.len(), 120);
    assert_eq!(histogram.value_at_quantile(0.5), times["p50"].as_u64().unwrap());
}

#[test]
fn when_the_rows_are_used_up_it_ends_or_begins_again() {
    let scene = field(50);
    let bench = || scene.bench().with("--rate 200/s --duration 500ms");
    let ended = bench().with("-v").ends();
    let ended = ended
        .says(["the load has 100 requests, but tasks.csv has 50 rows", "attempt"])
        .never_says("s3cret");
    assert_eq!(measured(ended)["stopped"], "the rows were used up");
    assert_eq!(scene.seen().starts, 50);
    let found = measured(bench().with("--reuse").ends());
    assert_eq!(found["classes"]["already_started"]["requests"], 100);
    let counts = scene.seen();
    let ids: Vec<_> = counts.tasks.values().flat_map(|task| &task.request_ids).collect();
    let different: BTreeSet<_> = ids.iter().collect();
    assert_eq!((ids.len(), different.len()), (150, 150), "each request has an id of its own");
    assert_eq!((&found["errors"], &found["rows"]["started"]), (&0.into(), &0.into()));
}

#[test]
fn a_warmup_is_left_out_and_its_rows_are_named() {
    let scene = field(300);
    let flags = "--rate 100/s --warmup 1s --duration 500ms --arrivals poisson";
    let found = measured(scene.bench().with(flags).ends());
    let sent = found["sent"].as_u64().unwrap();
    assert!((20..=85).contains(&sent), "about 50, and not 150: {sent}");
    assert_eq!(found["rows"]["started"].as_u64().unwrap(), scene.seen().started);
    assert!(scene.seen().started > sent + 60);
    assert!(!is_quiet(&found) || found["seconds"].as_f64().unwrap() < 0.51);
}

#[test]
fn starts_elsewhere_are_asked_for_with_their_number() {
    let scene = field(7);
    // Every machine reaches itself by this address, which is not known as its own.
    let url = format!("http://0.0.0.0:{}", scene.mock().port());
    let bench = || scene.bench().with("--rate 100/s --requests 5");
    let elsewhere = || bench().at(&url);
    let told = "this starts 5 tasks of business 2 at http://0.0.0.0";
    elsewhere().exits(2).says([told, "use --yes-start 5"]);
    elsewhere().with("--yes-start 7").exits(2).says([told, "--yes-start says 7"]);
    bench().with("--yes-start 7").exits(2).says("--yes-start says 7");
    assert_eq!(scene.seen().requests, 0);
    measured(elsewhere().with("--yes-start 5").ends());
    assert_eq!(scene.seen().started, 5);

    // `script` runs the program on a terminal of its own.
    let asked = |answer: &str| {
        let words = format!("bench tasks.csv --esb {url} --rate 100/s --requests 5");
        scene.shell(&format!(
            "(sleep 1; echo '{answer}'; sleep 1) | script -qec \"PROGRAM {words}\" said; echo code $?"
        ))
    };
    assert!(asked("yes").stdout().ends_with("code 2\n"));
    assert_eq!(scene.seen().starts, 5);
    let going_on = asked("5").stdout();
    assert!(!going_on.ends_with("code 2\n"), "{going_on}");
    assert_eq!(scene.seen().starts, 10);
}

#[test]
fn without_rows_a_mock_inside_is_measured() {
    let scene = Scene::new();
    let inside = scene
        .command("bench --rate 200/s --duration 1s --json")
        .without("BK_APP_SECRET")
        .environment("BK_COMPONENT_API_URL", "http://192.0.2.1");
    let found = measured(inside.ends().says("a mock inside"));
    assert_eq!(found["classes"]["accepted"]["requests"], 200);
    assert!(found["target"].as_str().unwrap().starts_with("http://127.0.0.1:"));
    assert_eq!(found["rows"]["input"], Value::Null);
    scene.command("bench").at("http://127.0.0.1:1").exits(2).says("no INPUT");
    let nobody = field(2).bench().at("http://127.0.0.1:1").with("--requests 2 --slo errors<1%");
    nobody.exits(3).says("nothing was started: the server was never reached: no connection");
    for (flags, says) in [
        ("--rate unlimited", "--closed --concurrency N"),
        ("--slack 6ms", "must be at most 5ms"),
        ("--slack 1ms --closed", "cannot be used with"),
        ("--load 50/s", "50/s:30s,50..500/s:2m,500/s:30s"),
        ("--slo p99=1s", "'p99<500ms'"),
        ("--load 5/s:1s --rate 5/s", "cannot be used with"),
        ("-o x.html", ".json, .csv or .hgrm"),
        ("--baseline nowhere.json", "cannot read the result nowhere.json"),
    ] {
        scene.command("bench").with(flags).exits(2).says(says);
    }
}

#[test]
fn extremes_are_refused_or_measured_and_never_panic() {
    let scene = field(3);
    for (flags, code) in [
        ("--requests 18446744073709551615", 2),
        ("--closed --duration 2562047788015215h", 2),
        ("--warmup 2000h", 2),
        ("--rate 1/h --duration 1ms", 0),
        ("--rate 1/h --requests 1", 0),
        ("--requests 1 --max-in-flight 4294967295", 0),
        ("--requests 3 --closed --concurrency 2000", 0),
        ("--requests 1000000000000 --rate 1000/s --arrivals poisson", 0),
        ("--load 0..0/s:1s", 2),
        ("--load 0/s:100ms,0..9/s:1s,9..0/s:1s", 0),
    ] {
        let ended = scene.bench().with(flags).ends().does_not_panic();
        if code == 0 {
            measured(ended);
        } else {
            ended.exits(code);
        }
    }
}

#[test]
fn requests_that_cannot_be_sent_are_counted_and_fail_it() {
    let scene = field(500).against(slow(300));
    let bench = scene.bench().with("--rate 100/s --duration 1s --max-in-flight 10").exits(1);
    let found = bench.says("were due and not sent").json();
    let (sent, dropped) = (found["sent"].as_u64().unwrap(), found["dropped"].as_u64().unwrap());
    assert_eq!((sent, sent + dropped), (scene.seen().starts, 100));
    assert_eq!(scene.seen().most_in_flight, 10);
    assert_eq!(found["rows"]["started_lines"], format!("2-{}", sent + 1), "no row is passed over");
}

#[test]
fn a_closed_loop_keeps_so_many_in_flight() {
    let scene = field(2_000).against(slow(10));
    let found = scene.bench().with("--closed --concurrency 4 --requests 200").exits(0).json();
    assert_eq!((&found["sent"], &found["wanted"]), (&200.into(), &Value::Null));
    assert_eq!((scene.seen().starts, scene.seen().most_in_flight), (200, 4));
    assert_eq!(found["response"]["p99"], found["service"]["p99"]);
}

/// The most memory that a measurement needs while it sends so many requests, in MB.
fn memory(requests: u64) -> u64 {
    let scene = field(50_000).against(Behaviour { memory: Memory::Counts, ..well() });
    let words = "bench tasks.csv --closed --concurrency 64 --reuse --requests";
    let mut run = scene.command(format!("{words} {requests}")).by_esb().start();
    let status = format!("/proc/{}/status", run.pid());
    let (mut most, begun) = (0, Instant::now());
    while run.child.try_wait().unwrap().is_none() {
        assert!(begun.elapsed() < Duration::from_mins(10), "it does not end");
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let peak = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = peak.and_then(|text| text.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        most = kilobytes.unwrap_or(most);
        std::thread::sleep(Duration::from_millis(20));
    }
    run.exits(0).server_saw(|seen| seen.starts, requests);
    most / 1024
}

#[test]
fn memory_does_not_grow_with_the_requests() {
    let most = memory(20_000);
    assert!((1..=64).contains(&most), "{most} MB");
}

/// Run by `.ci/long`.
mod long {
    use super::*;

    #[test]
    #[ignore = "needs minutes"]
    fn three_million_requests_take_no_more_than_64_megabytes() {
        let most = memory(3_000_000);
        assert!((1..=64).contains(&most), "{most} MB");
    }
}
