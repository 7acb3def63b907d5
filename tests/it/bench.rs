//! `bench`: what it measures is true, starts are safe, and the exit code says what
//! came of it. Tests that need a quiet machine are ignored; each has a short form.

use std::time::{Duration, Instant};

use bk_launch::mock::{Behaviour, Latency, Memory, Mock, Span};
use serde_json::Value;

use crate::harness::{Finished, Folder, HEADER, rows, until};

pub fn mock(behaviour: Behaviour) -> Mock {
    Mock::start(behaviour, 0).unwrap()
}

fn slow(latency: Duration) -> Mock {
    mock(Behaviour { latency: Latency::Fixed(latency), ..Behaviour::default() })
}

pub const MILLISECOND: Duration = Duration::from_millis(1);

/// A folder with a list of `count` tasks.
pub fn field(count: u64) -> Folder {
    let folder = Folder::new();
    folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, count)));
    folder
}

pub fn bench(folder: &Folder, url: &str, flags: &[&str]) -> Finished {
    let words = [&["bench", "tasks.csv", "--esb", url, "--json"], flags].concat();
    folder.run(&words)
}

pub fn result(finished: &Finished) -> Value {
    serde_json::from_str(&finished.stdout()).unwrap_or_else(|error| panic!("{error} in {finished}"))
}

/// What was measured, where that went well. A machine that is too busy for the load says
/// so, and exits 1; only tests that are run one at a time insist on a quiet one.
#[track_caller]
fn measured(finished: Finished) -> Value {
    let found = result(&finished);
    if found["generator"]["bottleneck"].is_string() {
        finished.exits(1).says(&["NOT the server but this machine was measured"]);
    } else {
        finished.exits(0);
    }
    found
}

/// Whether times mean something: the machine was quiet enough.
fn is_quiet(found: &Value) -> bool {
    found["generator"]["bottleneck"].is_null()
}

#[track_caller]
pub fn within(what: &str, found: &Value, expected: f64, share: Share) {
    let found = found.as_f64().unwrap();
    let (below, above) = match share {
        Share::Exactly(share) => (share, share),
        Share::Roughly(share) => (share, f64::INFINITY),
    };
    let is_near = (1.0 - below..=1.0 + above).contains(&(found / expected));
    assert!(is_near, "{what}: {found}, and not about {expected}");
}

/// By how much a figure may miss what arithmetic says.
#[derive(Clone, Copy)]
pub enum Share {
    /// By this share, on a quiet machine.
    Exactly(f64),
    /// By this share below; a busy machine makes times longer, nobody knows how much.
    Roughly(f64),
}

#[test]
fn each_row_is_used_once_in_order_and_the_result_says_which() {
    let (mock, folder) = (slow(5 * MILLISECOND), field(300));
    let flags =
        ["--rate", "100/s", "--requests", "120", "-o", "r.json", "-o", "r.csv", "-o", "r.hgrm"];
    let found = measured(bench(&folder, &mock.url(), &flags).says(&["response", "p99.99"]));
    let counts = mock.counts();
    assert_eq!((counts.starts, counts.started), (120, 120));
    // Each has a connection of its own, so two may overtake each other on the way.
    let mut tasks: Vec<_> = counts.arrivals.iter().map(|arrival| arrival.task).collect();
    tasks.sort_unstable();
    assert!(tasks.iter().copied().eq(1..=120), "the first 120 rows, each once: {tasks:?}");
    assert_eq!(found["rows"]["started_lines"], "2-121");
    assert_eq!(found["sent"], 120);
    assert_eq!(found["classes"]["accepted"]["requests"], 120);
    assert_eq!(found["connects"], counts.connections);
    let (first, last) = (counts.arrivals[0].micros, counts.arrivals[119].micros);
    let seconds = Duration::from_micros(last - first).as_secs_f64();
    let rate = 119.0 / seconds;
    assert!(!is_quiet(&found) || (rate / 100.0 - 1.0).abs() < 0.03, "the mock saw {rate}/s");
    assert!(found["bytes_sent"].as_u64().unwrap() > 120 * 100);
    for times in ["response", "service"] {
        let times = &found[times];
        for key in ["p50", "p90", "p95", "p99", "p99_9", "p99_99", "max", "mean"] {
            assert!(times[key].as_f64().unwrap() >= 5_000.0, "{key} in {times}");
        }
        // The histogram can be read again, and holds every request.
        let bytes = base64_decoded(times["histogram"].as_str().unwrap());
        let histogram: hdrhistogram::Histogram<u64> =
            hdrhistogram::serialization::Deserializer::new().deserialize(&mut &bytes[..]).unwrap();
        assert_eq!(histogram.len(), 120);
        assert_eq!(histogram.value_at_quantile(0.5), times["p50"].as_u64().unwrap());
    }
    let read = |name: &str| std::fs::read_to_string(folder.path(name)).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&read("r.json")).unwrap()["sent"], 120);
    let mut seconds = csv::Reader::from_reader(std::io::Cursor::new(read("r.csv")));
    let sent = seconds.records().map(|line| line.unwrap()[2].parse::<u64>().unwrap());
    assert_eq!(sent.sum::<u64>(), 120);
    assert!(read("r.hgrm").contains("Total count    =          120]"));

    bench(&folder, &mock.url(), &flags).exits(2).says(&["is there already; say --force"]);
    assert_eq!(mock.counts().starts, 120, "nothing more was sent");
}

fn base64_decoded(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).unwrap()
}

#[test]
fn when_the_rows_are_used_up_it_ends_or_begins_again() {
    let (mock, folder) = (mock(Behaviour::default()), field(50));
    let load = ["--rate", "200/s", "--duration", "500ms"];
    let ended = bench(&folder, &mock.url(), &[&load[..], &["-v"]].concat());
    let ended = ended.says(&["the load has 100 requests, and tasks.csv has 50 rows", "attempt"]);
    assert!(!ended.stderr().contains("s3cret"), "{ended}");
    assert_eq!(measured(ended)["stopped"], "the rows were used up");
    assert_eq!(mock.counts().starts, 50);
    let found = measured(bench(&folder, &mock.url(), &[&load[..], &["--reuse"]].concat()));
    assert_eq!(found["classes"]["already_started"]["requests"], 100);
    let counts = mock.counts();
    let ids: Vec<_> = counts.tasks.values().flat_map(|task| &task.request_ids).collect();
    let different: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!((ids.len(), different.len()), (150, 150), "each request has an id of its own");
    assert_eq!((&found["errors"], &found["rows"]["started"]), (&0.into(), &0.into()));
}

#[test]
fn expectations_of_a_load_whose_rows_are_used_up_are_missed() {
    let (mock, folder) = (mock(Behaviour::default()), field(30));
    let judged =
        ["--rate", "200/s", "--duration", "500ms", "--slo", "p99<60s", "--slo", "rate>=1/s"];
    let ended = bench(&folder, &mock.url(), &judged).exits(1);
    let ended = ended.says(&["p99<60s holds", "rate>=1/s holds", "stopped: the rows were used up"]);
    let told = ended.stderr();
    let first =
        "the rows were used up before the load was over, so --slo was judged by 30 requests";
    assert!(told.find(first).unwrap() < told.find("requests in ").unwrap(), "{ended}");
    assert_eq!(result(&ended)["exit"], 1);
    let closed = ["--closed", "--duration", "5s", "--slo", "p99<60s"];
    bench(&folder, &mock.url(), &closed).exits(1).says(&[first]);
    let enough = ["--rate", "200/s", "--requests", "30", "--slo", "p99<60s"];
    let enough = bench(&folder, &mock.url(), &enough);
    assert!(!enough.stderr().contains("used up"), "{enough}");
    measured(enough);
}

#[test]
fn a_warmup_is_left_out_and_its_rows_are_named() {
    let (mock, folder) = (mock(Behaviour::default()), field(300));
    let flags =
        ["--rate", "100/s", "--warmup", "1s", "--duration", "500ms", "--arrivals", "poisson"];
    let found = measured(bench(&folder, &mock.url(), &flags));
    let sent = found["sent"].as_u64().unwrap();
    assert!((20..=85).contains(&sent), "about 50, and not 150: {sent}");
    assert_eq!(found["rows"]["started"].as_u64().unwrap(), mock.counts().started);
    assert!(mock.counts().started > sent + 60);
    assert!(!is_quiet(&found) || found["seconds"].as_f64().unwrap() < 0.51);
}

#[test]
fn a_credential_that_is_refused_stops_it() {
    let (mock, folder) =
        (mock(Behaviour { auth_after: Some(20), ..Behaviour::default() }), field(500));
    let finished = bench(&folder, &mock.url(), &["--rate", "100/s"]).exits(3);
    let finished = finished.says(&["stopped: the server refuses the credentials"]);
    let found = result(&finished);
    assert_eq!((&found["rows"]["started"], &found["exit"]), (&20.into(), &3.into()));
    assert!(mock.counts().requests < 250, "and not all 500");
}

#[test]
fn starts_elsewhere_are_asked_for_with_their_number() {
    let (mock, folder) = (mock(Behaviour::default()), field(7));
    // Every machine reaches itself by this address, which is not known as its own.
    let url = format!("http://0.0.0.0:{}", mock.port());
    let flags = ["--rate", "100/s", "--requests", "5"];
    let told = "this starts 5 tasks of business 2 at http://0.0.0.0";
    bench(&folder, &url, &flags).exits(2).says(&[told, "say --yes-start 5"]);
    let yes = |number| [&flags[..], &["--yes-start", number]].concat();
    bench(&folder, &url, &yes("7")).exits(2).says(&[told, "--yes-start says 7"]);
    bench(&folder, &mock.url(), &yes("7")).exits(2).says(&["--yes-start says 7"]);
    assert_eq!(mock.counts().requests, 0);
    measured(bench(&folder, &url, &yes("5")));
    assert_eq!(mock.counts().started, 5);

    // `script` runs the program on a terminal of its own.
    let asked = |answer: &str| {
        let words = format!("bench tasks.csv --esb {url} --rate 100/s --requests 5");
        folder.shell(&format!(
            "(sleep 1; echo '{answer}'; sleep 1) | script -qec \"PROGRAM {words}\" said; echo code $?"
        ))
    };
    assert!(asked("yes").stdout().ends_with("code 2\n"));
    assert_eq!(mock.counts().starts, 5);
    let going_on = asked("5").stdout();
    assert!(!going_on.ends_with("code 2\n"), "{going_on}");
    assert_eq!(mock.counts().starts, 10);
}

#[test]
fn without_rows_a_mock_inside_is_measured() {
    let folder = Folder::new();
    let words = ["bench", "--rate", "200/s", "--duration", "1s", "--json"];
    let mut program = folder.program(&words);
    program.env_remove("BK_APP_SECRET").env("BK_COMPONENT_API_URL", "http://192.0.2.1");
    let found = measured(folder.start(&mut program).wait().says(&["a mock inside"]));
    assert_eq!(found["classes"]["accepted"]["requests"], 200);
    assert!(found["target"].as_str().unwrap().starts_with("http://127.0.0.1:"));
    assert_eq!(found["rows"]["input"], Value::Null);
    folder.run(&["bench", "--esb", "http://127.0.0.1:1"]).exits(2).says(&["no INPUT"]);
    let closed = ["--requests", "2", "--slo", "errors<1%"];
    let nobody = bench(&field(2), "http://127.0.0.1:1", &closed).exits(1);
    nobody.says(&["transient", "no connection: Connection refused"]);
    for (flags, says) in [
        (&["--rate", "unlimited"][..], "--closed --concurrency N"),
        (&["--load", "50/s"], "50/s:30s,50..500/s:2m,500/s:30s"),
        (&["--slo", "p99=1s"], "'p99<500ms'"),
        (&["--load", "5/s:1s", "--rate", "5/s"], "cannot be used with"),
        (&["-o", "x.html"], ".json, .csv or .hgrm"),
        (&["--baseline", "nowhere.json"], "cannot read the result nowhere.json"),
    ] {
        folder.run(&[&["bench"], flags].concat()).exits(2).says(&[says]);
    }
}

#[test]
fn expectations_are_judged_at_the_end_or_while_it_runs() {
    let (mock, folder) = (slow(30 * MILLISECOND), field(5_000));
    let load = ["--rate", "200/s", "--duration", "2s"];
    let slos = |slos: &[&'static str]| {
        let slos = slos.iter().flat_map(|slo| ["--slo", slo]);
        load.into_iter().chain(slos).collect::<Vec<_>>()
    };
    let holds = slos(&["p50<10s", "errors<1%", "rate>=20/s"]);
    let found = measured(bench(&folder, &mock.url(), &holds).says(&["errors<1% holds: 0.00%"]));
    assert!(
        !is_quiet(&found)
            || found["slos"].as_array().unwrap().iter().all(|slo| slo["holds"] == true)
    );
    let missed = slos(&["p50<10ms", "errors<1%"]);
    let finished = bench(&folder, &mock.url(), &missed).exits(1);
    let finished = finished.says(&["p50<10ms is missed by ", "errors<1% holds"]);
    assert_eq!(result(&finished)["slos"][0]["holds"], false);
    let before = mock.counts().starts;
    let long = ["--rate", "200/s", "--duration", "60s", "--slo", "p50<10ms", "--abort-on-slo"];
    let finished =
        bench(&folder, &mock.url(), &long).exits(1).says(&["stopped: p50<10ms is missed"]);
    assert!(mock.counts().starts - before < 2_000, "{finished}");
    let foreign = Folder::new();
    foreign.file("tasks.csv", "2,1\n2,2\n");
    let refusing = self::mock(Behaviour { denied: [1].into(), ..Behaviour::default() });
    let flags = ["--rate", "50/s", "--slo", "errors<=50%", "--slo", "errors<50%"];
    let finished = bench(&foreign, &refusing.url(), &flags).exits(1);
    let finished = finished.says(&["errors<=50% holds", "errors<50% is missed by 0.00%"]);
    assert_eq!(result(&finished)["classes"]["permission"]["requests"], 1);
}

#[test]
fn a_signal_stops_sending_and_what_was_measured_is_reported() {
    let (mock, folder) = (slow(200 * MILLISECOND), field(5_000));
    let url = mock.url();
    let words = ["bench", "tasks.csv", "--rate", "100/s", "--esb", &url, "-o", "r.json"];
    let run = folder.start(&mut folder.program(&words));
    until("some were answered", || mock.counts().starts > 50);
    run.signal("INT");
    run.wait().exits(130).says(&["waiting for the requests in flight", "stopped: by SIGINT"]);
    let text = std::fs::read_to_string(folder.path("r.json")).unwrap();
    let found: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(found["answered"], mock.counts().starts, "what was in flight is waited for");
    assert_eq!(found["rows"]["started"], mock.counts().started);
    let rate = found["sent_per_second"].as_f64().unwrap();
    assert!(!is_quiet(&found) || (rate / 100.0 - 1.0).abs() < 0.1, "{rate}");
}

#[test]
fn after_a_signal_nothing_waits_for_a_connection_any_more() {
    // Nobody accepts, so after the first few every connection waits.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let folder = field(5_000);
    let words = ["bench", "tasks.csv", "--rate", "400/s", "--esb", &url, "--json"];
    let words = [&words[..], &["--timeout", "2s", "--connect-timeout", "2s"]].concat();
    let run = folder.start(&mut folder.program(&words));
    run.handles_signals();
    std::thread::sleep(Duration::from_secs(1));
    let signalled = Instant::now();
    run.signal("INT");
    let finished = run.wait().exits(130);
    // 400 that wait for their connections, 64 at a time and for two seconds each, take twelve.
    assert!(signalled.elapsed() < Duration::from_secs(10), "{finished}");
    let found = result(&finished);
    assert!(found["sent"].as_u64().unwrap() < 350, "what had no connection was not sent");
    assert_eq!(found["sent"], found["answered"]);
}

#[test]
fn a_second_signal_names_the_rows_at_least() {
    let (mock, folder) = (slow(Duration::from_secs(20)), field(100));
    let url = mock.url();
    let words = ["bench", "tasks.csv", "--rate", "50/s", "--esb", &url];
    let run = folder.start(&mut folder.program(&words));
    until("some are out", || mock.counts().starts > 5);
    run.signal("INT");
    std::thread::sleep(Duration::from_millis(300));
    run.signal("INT");
    run.wait().exits(130).says(&["rows whose requests are out: 2-"]);
}

#[test]
fn a_result_that_cannot_be_written_does_not_lose_the_rows() {
    let (mock, folder) = (mock(Behaviour::default()), field(20));
    let line = format!(
        "PROGRAM bench tasks.csv --rate 50/s --requests 5 --json --esb {} >/dev/full; echo code $?",
        mock.url()
    );
    let told = folder.shell(&line.replace("; echo", "; echo >&2"));
    told.says(&["cannot write to standard output", "rows that were started: 2-6", "code 6"]);
}

#[test]
fn extremes_are_refused_or_measured_and_never_panic() {
    let (mock, folder) = (mock(Behaviour::default()), field(3));
    for (flags, code) in [
        (&["--requests", "18446744073709551615"][..], 2),
        (&["--closed", "--duration", "2562047788015215h"], 2),
        (&["--warmup", "2000h"], 2),
        (&["--rate", "1/h", "--duration", "1ms"], 0),
        (&["--rate", "1/h", "--requests", "1"], 0),
        (&["--requests", "1", "--max-in-flight", "4294967295"], 0),
        (&["--requests", "3", "--closed", "--concurrency", "2000"], 0),
        (&["--requests", "1000000000000", "--rate", "1000/s", "--arrivals", "poisson"], 0),
        (&["--load", "0..0/s:1s"], 2),
        (&["--load", "0/s:100ms,0..9/s:1s,9..0/s:1s"], 0),
    ] {
        let finished = bench(&folder, &mock.url(), flags).says(&[]);
        if code == 0 {
            measured(finished);
        } else {
            finished.exits(code);
        }
    }
}

#[test]
fn requests_that_cannot_be_sent_are_counted_and_fail_it() {
    let (mock, folder) = (slow(300 * MILLISECOND), field(500));
    let flags = ["--rate", "100/s", "--duration", "1s", "--max-in-flight", "10"];
    let finished = bench(&folder, &mock.url(), &flags).exits(1);
    let found = result(&finished.says(&["were due and not sent"]));
    let (sent, dropped) = (found["sent"].as_u64().unwrap(), found["dropped"].as_u64().unwrap());
    assert_eq!((sent, sent + dropped), (mock.counts().starts, 100));
    assert_eq!(mock.counts().most_in_flight, 10);
    assert_eq!(found["rows"]["started_lines"], format!("2-{}", sent + 1), "no row is passed over");
}

#[test]
fn a_closed_loop_keeps_so_many_in_flight() {
    let (mock, folder) = (slow(10 * MILLISECOND), field(2_000));
    let flags = ["--closed", "--concurrency", "4", "--requests", "200"];
    let found = result(&bench(&folder, &mock.url(), &flags).exits(0));
    assert_eq!((&found["sent"], &found["wanted"]), (&200.into(), &Value::Null));
    assert_eq!((mock.counts().starts, mock.counts().most_in_flight), (200, 4));
    assert_eq!(found["response"]["p99"], found["service"]["p99"]);
}

/// What an open loop of `per_second` sees of a server that takes `service`, and stands
/// still for `stall` in the middle of `lasts`: the response time that `percent` of the
/// requests do not exceed, in microseconds.
fn expected(percent: f64, lasts: f64, stall: f64) -> f64 {
    // Whoever comes in the stall waits for the rest of it, evenly from none to all.
    let above = (1.0 - percent / 100.0) * lasts;
    (stall - above) * 1e6
}

fn stalls(lasts: u32, rate: &str, from: u32, stall: u32, share: Share) -> Value {
    let behaviour = Behaviour {
        latency: Latency::Fixed(MILLISECOND),
        stall: Some(Span { from: from * MILLISECOND, lasts: stall * MILLISECOND }),
        ..Behaviour::default()
    };
    let (mock, folder) = (mock(behaviour), field(20_000));
    let duration = format!("{lasts}s");
    let found = measured(bench(&folder, &mock.url(), &["--rate", rate, "--duration", &duration]));
    if !is_quiet(&found) {
        return found;
    }
    let at = |percent| expected(percent, f64::from(lasts), f64::from(stall) / 1e3);
    for (key, percent) in [("p95", 95.0), ("p99", 99.0)] {
        within(key, &found["response"][key], at(percent), share);
        // With room for all in flight, the server is charged the same by both clocks.
        within(key, &found["service"][key], at(percent), share);
    }
    found
}

#[test]
fn a_stall_is_charged_to_all_who_would_have_waited() {
    stalls(4, "200/s", 1_000, 1_000, Share::Roughly(0.15));
}

#[test]
#[ignore = "needs real seconds, and a quiet machine"]
fn percentiles_of_a_stall_are_what_arithmetic_says() {
    let found = stalls(20, "500/s", 9_000, 2_000, Share::Exactly(0.05));
    assert!(is_quiet(&found));
}

/// Stops the generator itself for a while. Whatever was due then is late, evenly from
/// none to all of it, so that the longest tenth of all are the first that were due.
fn stopped(rate: &str, lasts: u32, stop: Duration, share: Share) {
    let (mock, folder) = (slow(MILLISECOND), field(20_000));
    let (url, duration) = (mock.url(), format!("{lasts}s"));
    let words = ["bench", "tasks.csv", "--rate", rate, "--duration", &duration, "--json"];
    let words = [&words[..], &["--esb", &url]].concat();
    let run = folder.start(&mut folder.program(&words));
    until("it goes on", || mock.counts().starts > 20);
    run.signal("STOP");
    let begun = Instant::now();
    std::thread::sleep(stop);
    run.signal("CONT");
    let p90 = expected(90.0, f64::from(lasts), begun.elapsed().as_secs_f64());
    // A generator that was late for so many is the bottleneck, and says so.
    let finished = run.wait().exits(1).says(&["NOT the server but this machine was measured"]);
    let found = result(&finished);
    within("response p90", &found["response"]["p90"], p90, share);
    let service = found["service"]["p90"].as_f64().unwrap();
    let most = match share {
        Share::Exactly(_) => p90 / 3.0,
        Share::Roughly(_) => found["response"]["p90"].as_f64().unwrap() * 0.8,
    };
    assert!(service < most, "service times are the server's: {service}");
    assert!(found["generator"]["late_share"].as_f64().unwrap() > 0.1);
}

#[test]
fn a_generator_that_is_late_says_so() {
    stopped("50/s", 3, Duration::from_secs(1), Share::Roughly(0.2));
}

#[test]
#[ignore = "needs real seconds, and a quiet machine"]
fn response_times_count_from_the_due_time_and_service_times_from_the_send() {
    stopped("200/s", 6, Duration::from_millis(1_500), Share::Exactly(0.1));
}

/// Measures a server of this latency, and keeps the result.
fn kept(folder: &Folder, name: &str, latency: Duration, load: &[&str]) {
    let mock = slow(latency);
    let flags = [load, &["--progress", "none", "--force", "-o", name]].concat();
    measured(bench(folder, &mock.url(), &flags));
}

/// A result as a quiet machine would have it, of a server that takes about so many milliseconds.
fn quiet(measured: &Value, millis: u64) -> Value {
    let mut quiet = measured.clone();
    quiet["generator"]["bottleneck"] = Value::Null;
    quiet["dropped"] = 0.into();
    for (at, second) in (0..).zip(quiet["series"].as_array_mut().unwrap()) {
        second["answered"] = 100.into();
        for key in ["p50", "p90", "p99", "mean"] {
            second[key] = (millis * 1_000 + at).into();
        }
    }
    for key in ["p50", "p90", "p99", "mean"] {
        // None of them is the median of the seconds.
        quiet["response"][key] = (millis * 1_000 + 1_230).into();
    }
    quiet["answered_per_second"] = 99.3.into();
    quiet
}

/// A folder with the results `base.json` and `slower.json`.
fn results() -> Folder {
    let folder = field(5_000);
    kept(&folder, "base.json", 40 * MILLISECOND, &["--rate", "100/s", "--duration", "5s"]);
    let text = std::fs::read_to_string(folder.path("base.json")).unwrap();
    let measured = serde_json::from_str(&text).unwrap();
    folder.file("base.json", quiet(&measured, 40).to_string());
    folder.file("slower.json", quiet(&measured, 80).to_string());
    folder
}

#[test]
fn results_are_compared_with_the_test_that_was_used() {
    let folder = results();
    let compare = |base, now| folder.run(&["bench", "--compare", base, now]);
    let same = compare("base.json", "base.json").exits(0).stdout();
    assert_eq!(same.matches("within noise").count(), 6, "{same}");
    assert!(same.contains("Wilcoxon"), "{same}");
    let worse = compare("base.json", "slower.json").exits(1).stdout();
    assert!(worse.contains("worse, more than --tolerance"), "{worse}");
    let fields = |name: &str| -> Vec<String> {
        let line = worse.lines().find(|line| line.trim_start().starts_with(name)).unwrap();
        line.split_whitespace().map(str::to_owned).collect()
    };
    assert_eq!(fields("p50")[1..5], ["41.23", "ms", "81.23", "ms"], "the results' own: {worse}");
    assert_eq!(fields("mean")[1..6], ["41.23", "ms", "81.23", "ms", "+97.0%"], "{worse}");
    assert_eq!(fields("rate")[1..3], ["99.3/s", "99.3/s"], "{worse}");
    let better = compare("slower.json", "base.json").exits(0).stdout();
    assert!(better.contains("better") && !better.contains("worse"), "{better}");

    let mock = slow(80 * MILLISECOND);
    let load = ["--rate", "100/s", "--duration", "5s", "--baseline", "base.json"];
    let now = bench(&folder, &mock.url(), &load).exits(1);
    let told =
        if is_quiet(&result(&now)) { "worse, more than --tolerance" } else { "not compared" };
    now.says(&[told]);
    let short = slow(40 * MILLISECOND);
    let flags = ["--rate", "100/s", "--duration", "1s", "--baseline", "base.json"];
    let now = bench(&folder, &short.url(), &flags);
    if is_quiet(&result(&now)) {
        now.exits(0).says(&["too short to tell"]);
    }
    folder.file("no.json", "{}");
    compare("no.json", "base.json").exits(2);
}

#[test]
fn a_result_that_is_no_measurement_of_the_server_is_never_within_noise() {
    let (mock, folder) = (slow(300 * MILLISECOND), results());
    let url = mock.url();
    let base = std::fs::read_to_string(folder.path("base.json")).unwrap();
    for (pointer, value, says) in [
        (
            "/generator/bottleneck",
            Value::from("9% late"),
            "machine that sent was measured: 9% late",
        ),
        ("/dropped", 7.into(), "7 requests were due and not sent"),
        ("/stopped", "by SIGINT".into(), "it ended early: by SIGINT"),
        ("/answered", 0.into(), "nothing was answered"),
    ] {
        let mut bad: Value = serde_json::from_str(&base).unwrap();
        *bad.pointer_mut(pointer).unwrap() = value;
        folder.file("bad.json", bad.to_string());
        let says = ["bad.json cannot be compared: ", says];
        folder.run(&["bench", "--compare", "bad.json", "base.json"]).exits(2).says(&says);
        folder.run(&["bench", "--compare", "base.json", "bad.json"]).exits(2).says(&says);
        bench(&folder, &url, &["--baseline", "bad.json"]).exits(2).says(&says);
    }
    assert_eq!(mock.counts().requests, 0, "a baseline is read before anything is sent");
    // Rows that are used up end a load, and what was measured until then is true.
    let used_up = base.replace("\"stopped\":null", "\"stopped\":\"the rows were used up\"");
    assert_ne!(used_up, base);
    folder.file("used_up.json", used_up);
    folder.run(&["bench", "--compare", "used_up.json", "base.json"]).exits(0);

    let flags = ["--rate", "100/s", "--duration", "1s", "--max-in-flight", "10"];
    let flags = [&flags[..], &["--baseline", "base.json"]].concat();
    let now = bench(&folder, &url, &flags).exits(1).says(&["not compared with --baseline: "]);
    assert!(!now.stderr().contains("within noise"), "{now}");
}

#[test]
#[ignore = "needs real seconds, and a quiet machine"]
fn two_runs_of_the_same_thing_are_within_noise() {
    let folder = field(20_000);
    let load = ["--rate", "200/s", "--duration", "5s"];
    let name = |at: u32| format!("{at}.json");
    // Two at a time have cores enough, and take half as long.
    std::thread::scope(|scope| {
        for lane in 0..2 {
            let (folder, name) = (&folder, &name);
            scope.spawn(move || {
                let all = (lane..=20).step_by(2);
                all.for_each(|at| kept(folder, &name(at), 20 * MILLISECOND, &load));
            });
        }
    });
    let differ: Vec<_> = (0..20)
        .map(|at| folder.run(&["bench", "--compare", &name(at), &name(at + 1)]).stdout())
        .filter(|told| told.contains("worse") || told.contains("better"))
        .collect();
    assert!(differ.len() <= 1, "{} of 20 pairs differ:\n{}", differ.len(), differ.join("\n"));
    kept(&folder, "slower.json", 24 * MILLISECOND, &load);
    let worse = folder.run(&["bench", "--compare", "0.json", "slower.json"]).exits(1).stdout();
    let p50 = worse.lines().find(|line| line.trim_start().starts_with("p50")).unwrap();
    assert!(p50.contains("worse"), "{worse}");
}

/// The most memory that a measurement needs while it sends so many requests, in MB.
fn memory(requests: &str) -> u64 {
    let (mock, folder) =
        (mock(Behaviour { memory: Memory::Counts, ..Behaviour::default() }), field(50_000));
    let url = mock.url();
    let words = ["bench", "tasks.csv", "--closed", "--concurrency", "64", "--reuse", "--esb", &url];
    let words = [&words[..], &["--requests", requests]].concat();
    let mut run = folder.start(&mut folder.program(&words));
    let status = format!("/proc/{}/status", run.child.id());
    let (mut most, begun) = (0, Instant::now());
    while run.child.try_wait().unwrap().is_none() {
        assert!(begun.elapsed() < Duration::from_mins(10), "it does not end");
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let peak = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = peak.and_then(|text| text.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        most = kilobytes.unwrap_or(most);
        std::thread::sleep(Duration::from_millis(20));
    }
    let sent = mock.counts().requests.to_string();
    run.wait().exits(0);
    assert_eq!(sent, requests);
    most / 1024
}

#[test]
fn memory_does_not_grow_with_the_requests() {
    let most = memory("20000");
    assert!((1..=64).contains(&most), "{most} MB");
}

#[test]
#[ignore = "needs minutes"]
fn three_million_requests_take_no_more_than_64_megabytes() {
    let most = memory("3000000");
    assert!((1..=64).contains(&most), "{most} MB");
}
