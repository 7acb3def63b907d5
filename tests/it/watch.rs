//! Who is told of a run: systemd, a file of metrics, a check that waits for pings,
//! and whoever takes the summary. None of them changes how the run ends.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use bk_launch::mock::{Behaviour, Latency, Mock};

use crate::harness::{Folder, HEADER, next, rows, until};

fn mock() -> Mock {
    Mock::start(Behaviour::default(), 0).unwrap()
}

/// A request that somebody sent: its path, and its body.
type Heard = (String, String);

/// A server that answers every request with `status`, and tells what it heard.
fn listen(status: &'static str) -> (String, Receiver<Heard>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (tell, heard) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let request = hear(&stream);
            drop(write!(
                stream,
                "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            ));
            drop(tell.send(request));
        }
    });
    (url, heard)
}

fn hear(stream: &TcpStream) -> Heard {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut length = 0;
    while reader.read_line(&mut line).unwrap() > 2 {
        let header = line.lines().last().unwrap().to_ascii_lowercase();
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.ends_with("\r\n\r\n") {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    (path, String::from_utf8(body).unwrap())
}

#[test]
fn a_check_is_pinged_and_the_summary_is_posted() {
    let ((check, pings), (desk, notices)) = (listen("200 OK"), listen("204 No Content"));
    let (mock, folder) = (mock(), Folder::new());
    folder.file("tasks.csv", "2,1\n2,2\n");
    let target = mock.url();
    let run = |words: &[&str], code: i32| {
        let mut program = folder.program(words);
        program.env("BK_LAUNCH_PING_URL", format!("{check}/s3cret-check"));
        program.env("BK_LAUNCH_NOTIFY_URL", format!("{desk}/s3cret-desk"));
        program.env("RUST_LOG", "trace");
        let ended = folder.start(&mut program).wait().exits(code);
        let said = ended.stderr() + &ended.stdout();
        assert!(!said.contains("s3cret-check") && !said.contains("s3cret-desk"), "{ended}");
        assert!(!said.contains("warning"), "{ended}");
        let [(begin, _), (end, text)] = [next("ping", &pings), next("ping", &pings)];
        let (path, rid) = begin.split_once("?rid=").unwrap();
        assert_eq!(path, "/s3cret-check/start");
        assert!(rid.len() == 36 && end.ends_with(rid), "{begin} {end}");
        let (_, json) = next("notice", &notices);
        (end.split('?').next().unwrap().to_owned(), text, json)
    };
    let words = ["run", "tasks.csv", "--name", "nightly", "-vv", "--esb", &target];
    let (end, text, json) = run(&words, 0);
    assert_eq!(end, "/s3cret-check");
    assert!(text.contains("2 rows: 2 started"), "{text}");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["rows"], &json["exit"]), (&2.into(), &0.into()));
    assert_eq!(json["name"], "nightly");

    // A resume of a finished run, and one of a run that failed before it began.
    let (end, text, _) = run(&["resume"], 0);
    assert!(end == "/s3cret-check" && text.contains("is finished"), "{end} {text}");
    folder.file("bad.csv", "2,x\n");
    let (end, text, json) = run(&["run", "bad.csv", "--esb", &target], 2);
    assert_eq!(end, "/s3cret-check/fail");
    assert!(text.contains("error: ") && json.contains(r#""exit":2"#), "{text} {json}");
    // Nothing of it is kept.
    let mut grep = Command::new("grep");
    let kept = folder.start(grep.args(["-r", "s3cret"]).arg(folder.path("state"))).wait();
    assert!(kept.stdout().is_empty(), "{kept}");
    // A look before is nobody's business.
    folder.run(&["run", "tasks.csv", "--dry-run", "--esb", &target]).exits(0);
    assert!(pings.try_recv().is_err());
}

#[test]
fn a_ping_that_fails_hangs_or_is_refused_changes_nothing() {
    // Nobody accepts there, so whoever connects waits.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let hangs = format!("http://{}/s3cret", silent.local_addr().unwrap());
    let gone = TcpListener::bind("127.0.0.1:0").unwrap();
    let refused = format!("http://{}/s3cret", gone.local_addr().unwrap());
    drop(gone);
    let (not_found, _heard) = listen("404 Not Found");
    let (unwell, _heard) = listen("503 Service Unavailable");
    let (mock, folder) = (mock(), Folder::new());
    let target = mock.url();
    folder.file("tasks.csv", "2,1\n");
    let tell = |url: &str, says: &str| {
        let folder = Folder::new();
        folder.file("tasks.csv", "2,1\n");
        folder.file("url", url);
        let files = ["--ping-url-file", "url", "--notify-url-file", "url"];
        let words = [&["run", "tasks.csv", "--esb", &target], &files[..]].concat();
        let begun = Instant::now();
        let ended = folder.run(&words).exits(0).says(&["warning: ", says]);
        assert!(begun.elapsed() < Duration::from_secs(30), "{url} held up the run: {ended}");
        assert!(!ended.stderr().contains("s3cret"), "{ended}");
        let quiet = folder.run(&[&words[..], &["-q"]].concat()).exits(0);
        assert_eq!(quiet.stderr() + &quiet.stdout(), "", "{quiet}");
    };
    std::thread::scope(|scope| {
        scope.spawn(|| tell(&hangs, "no answer within"));
        scope.spawn(|| tell(&refused, "refused"));
        scope.spawn(|| tell(&format!("{not_found}/s3cret"), "answered 404"));
        scope.spawn(|| tell(&format!("{unwell}/s3cret"), "answered 503"));
        scope.spawn(|| tell("s3cret", "holds no URL"));
    });
    let words = ["run", "tasks.csv", "--ping-url-file", "nowhere", "--esb", &target];
    folder.run(&words).exits(0).says(&["cannot read nowhere"]);
}

#[test]
fn metrics_are_there_from_the_start_to_the_end() {
    let latency = Latency::Fixed(Duration::from_millis(50));
    let mock = Mock::start(Behaviour { latency, ..Behaviour::default() }, 0).unwrap();
    let folder = Folder::new();
    folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, 30)));
    let url = mock.url();
    let words = ["run", "tasks.csv", "--name", "nightly", "--metrics-file", "m.prom"];
    let words = [&words[..], &["--rate", "10/s", "--esb", &url]].concat();
    let run = folder.start(&mut folder.program(&words));
    let text = || std::fs::read_to_string(folder.path("m.prom")).unwrap_or_default();
    let has = |line: &str| text().lines().any(|found| found == line);
    until("it is there", || has(r#"bk_launch_input_rows{name="nightly"} 30"#));
    assert!(has(r#"bk_launch_running{name="nightly"} 1"#) && !text().contains("last_success"));
    assert!(text().contains("bk_launch_forecast_end_timestamp_seconds"));
    run.signal("TERM");
    run.wait().exits(143);
    assert!(has(r#"bk_launch_exit_code{name="nightly"} 143"#), "{}", text());

    // The flag is kept, and the count of the whole run is there again.
    folder.run(&["resume", "nightly", "--rate", "unlimited"]).exits(0);
    assert!(has(r#"bk_launch_rows{outcome="started",name="nightly"} 30"#), "{}", text());
    assert!(has(r#"bk_launch_running{name="nightly"} 0"#), "{}", text());
    assert!(has(r#"bk_launch_exit_code{name="nightly"} 0"#), "{}", text());
    let requests = text();
    let sent = requests.lines().filter_map(|line| {
        line.strip_prefix("bk_launch_requests_total{")?.split(' ').nth(1)?.parse::<u64>().ok()
    });
    assert!(sent.sum::<u64>() <= 30 && requests.contains("last_success"), "{requests}");

    let nowhere = ["run", "tasks.csv", "--metrics-file", "no/m.prom", "--limit", "0"];
    let nowhere = [&nowhere[..], &["--esb", &url]].concat();
    folder.run(&nowhere).exits(0).says(&["warning: the metrics could not be written to no/m.prom"]);
}

#[test]
fn what_is_no_file_for_metrics_holds_up_nothing() {
    let (mock, folder) = (mock(), Folder::new());
    folder.file("tasks.csv", "2,1\n");
    assert!(Command::new("mkfifo").arg(folder.path("m.prom")).status().unwrap().success());
    let words = ["run", "tasks.csv", "--metrics-file", "m.prom", "--esb", &mock.url()];
    folder.run(&words).exits(0).says(&["no metrics in m.prom: it is no regular file"]);
    let typed = "https://hc.example.com/s3cret";
    let words = ["run", "tasks.csv", "--ping-url-file", typed, "--esb", &mock.url()];
    let refused = folder.run(&words).exits(2).says(&["wants a file that holds the URL"]);
    assert!(!refused.stderr().contains("s3cret"), "{refused}");
}

#[test]
fn a_summary_that_cannot_be_written_is_told_to_everybody_as_such() {
    let (mock, folder) = (mock(), Folder::new());
    folder.file("tasks.csv", "2,1\n2,2\n");
    let line = format!(
        "PROGRAM run tasks.csv --json --metrics-file m.prom --esb {} >/dev/full; echo code $?",
        mock.url()
    );
    let told = folder.shell(&line).says(&["2 rows: 2 started", "cannot write the summary"]);
    assert_eq!(told.stdout(), "code 6\n");
    let metrics = std::fs::read_to_string(folder.path("m.prom")).unwrap();
    assert!(metrics.contains("bk_launch_exit_code 6"), "{metrics}");
    assert!(metrics.contains("bk_launch_rows{outcome=\"started\"} 2"), "{metrics}");
}

#[test]
fn the_forecast_of_a_limit_is_that_of_its_rows() {
    let (mock, folder) = (mock(), Folder::new());
    folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, 3_000)));
    let words = ["run", "tasks.csv", "--limit", "200", "--rate", "10/s", "--stop-at", "+15s"];
    let url = mock.url();
    let words = [&words[..], &["--metrics-file", "m.prom", "--esb", &url]].concat();
    let mut program = folder.program(&words);
    program.env("NOTIFY_SOCKET", folder.path("notify"));
    let socket = UnixDatagram::bind(folder.path("notify")).unwrap();
    let run = folder.start(&mut program);
    let mut live = Vec::new();
    until("the status was told", || {
        live.extend(heard(&socket).into_iter().filter(|word| word.contains("of 3000 rows: ")));
        !live.is_empty()
    });
    run.signal("TERM");
    run.wait().exits(143);
    assert!(live.iter().all(|word| word.contains("does not fit")), "{live:?}");
}

#[test]
fn what_somebody_else_started_stands_apart_and_what_a_stop_leaves_is_pending() {
    let latency = Latency::Fixed(Duration::from_secs(4));
    let started = (1..=3).collect();
    let mock = Mock::start(Behaviour { started, ..Behaviour::default() }, 0).unwrap();
    let folder = Folder::new();
    folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, 600)));
    let mut program = folder.program(&["run", "tasks.csv", "--esb", &mock.url()]);
    program.env("NOTIFY_SOCKET", folder.path("notify"));
    let socket = UnixDatagram::bind(folder.path("notify")).unwrap();
    let run = folder.start(&mut program);
    let mut said = Vec::new();
    let mut is_told = |part: &str| {
        said.extend(heard(&socket));
        said.iter().any(|word: &String| word.contains(part))
    };
    until("the status was told", || is_told(" started, 3 already started, 0 bad; "));
    mock.site().change(|behaviour| behaviour.latency = latency);
    let before = mock.counts().starts;
    until("some are in flight", || mock.counts().starts > before + 2);
    run.signal("TERM");
    until("the status of a run that stops was told", || is_told(" pending; "));
    run.wait().exits(143);
    let told = said.iter().find(|word| word.contains(" pending; ")).unwrap();
    let done = told.strip_prefix("STATUS=").unwrap().split(' ').next().unwrap();
    let (done, sent) = (done.parse::<u64>().unwrap(), mock.counts().starts);
    assert!(done < sent && sent < 600, "{sent} were sent, and {told}");
    assert!(!told.contains(" left"), "nothing more will be done: {told}");
}

#[test]
fn a_systemd_that_does_not_listen_holds_up_nothing() {
    let (mock, folder) = (mock(), Folder::new());
    folder.file("tasks.csv", "2,1\n2,2\n");
    let socket = UnixDatagram::bind(folder.path("notify")).unwrap();
    let ours = UnixDatagram::unbound().unwrap();
    ours.set_nonblocking(true).unwrap();
    while ours.send_to(b"STATUS=full\n", folder.path("notify")).is_ok() {}
    let mut program = folder.program(&["run", "tasks.csv", "--esb", &mock.url()]);
    program.env("NOTIFY_SOCKET", folder.path("notify"));
    folder.start(&mut program).wait().exits(0);
    assert!(heard(&socket).iter().all(|word| word == "STATUS=full\n"));
}

#[test]
#[ignore = "needs promtool, of Debian's package prometheus"]
fn promtool_finds_nothing_wrong_with_the_metrics() {
    let (mock, folder) = (mock(), Folder::new());
    folder.file("tasks.csv", "2,1\n2,2\n2,2\n");
    let words = ["run", "tasks.csv", "--window", "00:00-23:59", "--metrics-file", "m.prom"];
    folder.run(&[&words[..], &["--esb", &mock.url()]].concat()).exits(0);
    let file = std::fs::File::open(folder.path("m.prom")).unwrap();
    let mut promtool = Command::new("promtool");
    let checked = folder.start(promtool.args(["check", "metrics"]).stdin(file)).wait().exits(0);
    assert_eq!(checked.stderr() + &checked.stdout(), "");
}

/// What is said to systemd's socket until nothing is said any more.
fn heard(socket: &UnixDatagram) -> Vec<String> {
    socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let mut buffer = [0; 4096];
    let words = std::iter::from_fn(|| {
        let length = socket.recv(&mut buffer).ok()?;
        Some(String::from_utf8(buffer[..length].to_vec()).unwrap())
    });
    words.collect()
}

#[test]
fn systemd_is_told_how_a_run_goes_and_gives_credentials() {
    let latency = Latency::Fixed(Duration::from_millis(50));
    let mock = Mock::start(Behaviour { latency, ..Behaviour::default() }, 0).unwrap();
    let folder = Folder::new();
    folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, 200)));
    std::fs::create_dir(folder.path("credentials")).unwrap();
    folder.file("credentials/bk_app_secret", "s3cret-of-systemd");
    folder.file("credentials/bk_token", "t0ken-of-systemd");
    let socket = UnixDatagram::bind(folder.path("notify")).unwrap();
    let url = mock.url();
    let mut program = folder.program(&["run", "tasks.csv", "-q", "--esb", &url]);
    program.env_remove("BK_APP_SECRET").env_remove("BK_TOKEN");
    program.env("CREDENTIALS_DIRECTORY", folder.path("credentials"));
    program.env("NOTIFY_SOCKET", folder.path("notify"));
    let run = folder.start(&mut program);
    let mut said = Vec::new();
    until("the status was told twice", || {
        said.extend(heard(&socket));
        said.iter().filter(|word| word.contains("of 200 rows: ")).count() >= 2
    });
    assert_eq!(said[0], "READY=1\nSTATUS=launching\n");
    run.signal("TERM");
    let ended = run.wait().exits(143);
    said.extend(heard(&socket));
    let stopping: Vec<_> = said.iter().filter(|word| word.contains("STOPPING=1\n")).collect();
    assert_eq!(stopping.len(), 2, "{said:?}");
    assert!(stopping[1].contains("STATUS=200 rows: "), "{said:?}");
    assert!(!ended.stderr().contains("s3cret-of-systemd"));
    assert!(mock.counts().started > 0);

    // A run that has nothing left to do is ready, too; else systemd would take it for a failure.
    folder.file("one.csv", "3,1\n");
    folder.run(&["run", "one.csv", "--esb", &url]).exits(0);
    let mut program = folder.program(&["resume"]);
    let latest = folder.runs().pop().unwrap().id.to_string();
    program.arg(latest).env("NOTIFY_SOCKET", folder.path("notify"));
    folder.start(&mut program).wait().exits(0);
    assert!(heard(&socket)[0].starts_with("READY=1\nSTATUS=run "));
}

#[test]
#[ignore = "needs systemd-analyze, of Debian's package systemd"]
fn systemd_finds_nothing_wrong_with_the_sample_units() {
    let folder = Folder::new();
    let samples = format!("{}/samples/systemd", env!("CARGO_MANIFEST_DIR"));
    let mut units = Vec::new();
    for name in ["bk-launch-nightly.service", "bk-launch-nightly.timer"] {
        let text = std::fs::read_to_string(format!("{samples}/{name}")).unwrap();
        let program = env!("CARGO_BIN_EXE_bk-launch");
        folder.file(name, text.replace("/usr/local/bin/bk-launch", program));
        units.push(folder.path(name));
    }
    let mut analyze = Command::new("systemd-analyze");
    let checked = folder.start(analyze.arg("verify").args(&units)).wait().exits(0);
    let said = checked.stderr() + &checked.stdout();
    assert!(said.lines().all(|line| !line.contains("bk-launch")), "{said}");
}

#[test]
fn the_flags_of_the_samples_are_those_of_the_program() {
    let (mock, folder) = (mock(), Folder::new());
    let samples = format!("{}/samples", env!("CARGO_MANIFEST_DIR"));
    folder.file("tasks.csv", "2,1\n");
    for (file, begins) in [
        ("crontab", "50 21 * * * bk-launch "),
        ("systemd/bk-launch-nightly.service", "ExecStart=/usr/local/bin/bk-launch "),
    ] {
        let text = std::fs::read_to_string(format!("{samples}/{file}")).unwrap();
        let text = text.replace("\\\n", " ").replace("\\%", "%").replace("%%", "%");
        let line = text.lines().find_map(|line| line.strip_prefix(begins)).unwrap();
        let path = |word: &str| match word.rsplit_once('/') {
            Some((_, "tonight.csv")) => "tasks.csv".to_owned(),
            Some((_, "app_secret" | "token")) => "secret".to_owned(),
            _ => word.to_owned(),
        };
        folder.file("secret", "s3cret");
        let words: Vec<_> = line.split_whitespace().map(path).collect();
        let mut words: Vec<_> = words.iter().map(String::as_str).collect();
        let url = mock.url();
        words.extend(["--dry-run", "--esb", &url]);
        folder.run(&words).exits(0);
    }
}
