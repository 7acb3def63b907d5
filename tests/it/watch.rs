//! Who is told of a run: systemd, a file of metrics, a check that waits for pings,
//! and whoever takes the summary. None of them changes how the run ends.

use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::{Duration, Instant};

use bk_launch::mock::Behaviour;
use serde_json::Value;

use crate::harness::{Launch, Scene, Server, http, launch, list, scene, slow, until, well};

/// A server that answers every request with this status.
fn answering(status: &'static str) -> Server {
    Server::answering(move |_| http(status, ""))
}

#[test]
fn a_check_is_pinged_and_the_summary_is_posted() {
    let (check, desk) = (answering("200 OK"), answering("204 No Content"));
    let scene = scene("2,1\n2,2\n");
    let told = |launch: Launch, code: i32| {
        let secrets = ["s3cret-check", "s3cret-desk"];
        launch
            .environment("BK_LAUNCH_PING_URL", format!("{}/s3cret-check", check.url))
            .environment("BK_LAUNCH_NOTIFY_URL", format!("{}/s3cret-desk", desk.url))
            .environment("RUST_LOG", "trace")
            .exits(code)
            .never_says(secrets)
            .never_prints(secrets)
            .never_says("warning")
            .never_prints("warning");
        let (begin, end) = (check.next(), check.next());
        let (path, rid) = begin.path().split_once("?rid=").unwrap();
        assert_eq!(path, "/s3cret-check/start");
        assert!(rid.len() == 36 && end.path().ends_with(rid), "{begin:?} {end:?}");
        let ping = end.path().split('?').next().unwrap().to_owned();
        (ping, end.body, desk.next().body)
    };
    let (end, text, json) = told(scene.run_kept().with("--name nightly -vv"), 0);
    assert_eq!(end, "/s3cret-check");
    assert!(text.contains("2 rows: 2 started"), "{text}");
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["rows"], &json["exit"]), (&2.into(), &0.into()));
    assert_eq!(json["name"], "nightly");

    // A resume of a finished run, and one of a run that failed before it began.
    let (end, text, _) = told(scene.resume(), 0);
    assert!(end == "/s3cret-check" && text.contains("is finished"), "{end} {text}");
    scene.file("bad.csv", "2,x\n");
    let (end, text, json) = told(scene.run_kept().input("bad.csv"), 2);
    assert_eq!(end, "/s3cret-check/fail");
    assert!(text.contains("error: ") && json.contains(r#""exit":2"#), "{text} {json}");
    // Nothing of it is kept.
    scene.shell("grep -r s3cret state").prints_only("");
    // A look before is nobody's business.
    scene.run_kept().with("--dry-run").exits(0);
    assert!(check.is_idle());
}

#[test]
fn a_ping_that_fails_hangs_or_is_refused_changes_nothing() {
    // Nobody accepts there, so whoever connects waits.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let hangs = format!("http://{}/s3cret", silent.local_addr().unwrap());
    let gone = TcpListener::bind("127.0.0.1:0").unwrap();
    let refused = format!("http://{}/s3cret", gone.local_addr().unwrap());
    drop(gone);
    let not_found = answering("404 Not Found");
    let unwell = answering("503 Service Unavailable");
    let tell = |url: &str, says: &str| {
        let scene = scene("2,1\n");
        scene.file("url", url);
        let run = scene.run_kept().with("--ping-url-file url --notify-url-file url");
        let begun = Instant::now();
        let ended = run.clone().exits(0).says(["warning: ", says]).never_says("s3cret");
        assert!(begun.elapsed() < Duration::from_secs(30), "{url} held up the run: {ended}");
        run.with("-q").exits(0).says_nothing();
    };
    std::thread::scope(|scope| {
        scope.spawn(|| tell(&hangs, "no answer within"));
        scope.spawn(|| tell(&refused, "refused"));
        scope.spawn(|| tell(&format!("{}/s3cret", not_found.url), "answered 404"));
        scope.spawn(|| tell(&format!("{}/s3cret", unwell.url), "answered 503"));
        scope.spawn(|| tell("s3cret", "holds no URL"));
    });
    let nowhere = scene("2,1\n").run_kept().with("--ping-url-file nowhere");
    nowhere.exits(0).says("cannot read nowhere");
}

#[test]
fn metrics_are_there_from_the_start_to_the_end() {
    let scene = scene(list(30)).against(slow(50));
    let run = scene.run_kept().with("--name nightly --metrics-file m.prom --rate 10/s").start();
    let text = || std::fs::read_to_string(scene.path("m.prom")).unwrap_or_default();
    let has = |line: &str| text().lines().any(|found| found == line);
    until("it is there", || has(r#"bk_launch_input_rows{name="nightly"} 30"#));
    assert!(has(r#"bk_launch_running{name="nightly"} 1"#) && !text().contains("last_success"));
    assert!(text().contains("bk_launch_forecast_end_timestamp_seconds"));
    // A launch that is refused since this one goes on says nothing there.
    let again = || scene.run_kept().with("--name nightly --metrics-file m.prom");
    again().exits(5);
    again().with("--stop-at +1s --jitter 10h").exits(5);
    assert!(has(r#"bk_launch_running{name="nightly"} 1"#), "{}", text());
    assert!(has(r#"bk_launch_input_rows{name="nightly"} 30"#), "{}", text());
    run.signal("TERM").exits(143);
    assert!(has(r#"bk_launch_exit_code{name="nightly"} 143"#), "{}", text());

    // The flag is kept, and the count of the whole run is there again.
    scene.command("resume nightly --rate unlimited").exits(0);
    assert!(has(r#"bk_launch_rows{outcome="started",name="nightly"} 30"#), "{}", text());
    assert!(has(r#"bk_launch_running{name="nightly"} 0"#), "{}", text());
    assert!(has(r#"bk_launch_exit_code{name="nightly"} 0"#), "{}", text());
    let requests = text();
    let sent = requests.lines().filter_map(|line| {
        line.strip_prefix("bk_launch_requests_total{")?.split(' ').nth(1)?.parse::<u64>().ok()
    });
    assert!(sent.sum::<u64>() <= 30 && requests.contains("last_success"), "{requests}");

    let nowhere = scene.run_kept().with("--metrics-file no/m.prom --limit 0").exits(0);
    nowhere.says("warning: the metrics could not be written to no/m.prom");
}

#[test]
fn what_is_no_file_for_metrics_holds_up_nothing() {
    let scene = scene("2,1\n");
    assert!(Command::new("mkfifo").arg(scene.path("m.prom")).status().unwrap().success());
    let run = scene.run_kept().with("--metrics-file m.prom").exits(0);
    run.says("no metrics are written to m.prom: it is not a regular file");
    let typed = scene.run_kept().with("--ping-url-file https://hc.example.com/s3cret").exits(2);
    typed.says("takes a file that holds the URL").never_says("s3cret");
}

#[test]
fn a_summary_that_cannot_be_written_is_told_to_everybody_as_such() {
    let scene = scene("2,1\n2,2\n");
    let line = "PROGRAM run tasks.csv --json --metrics-file m.prom --esb URL >/dev/full; \
                echo code $?";
    let told = scene.shell(line).says(["2 rows: 2 started", "cannot write the summary"]);
    told.prints_only("code 6\n");
    let metrics = scene.read("m.prom");
    assert!(metrics.contains("bk_launch_exit_code 6"), "{metrics}");
    assert!(metrics.contains("bk_launch_rows{outcome=\"started\"} 2"), "{metrics}");
}

/// A socket of systemd in this scene.
fn systemd(scene: &Scene) -> UnixDatagram {
    UnixDatagram::bind(scene.path("notify")).unwrap()
}

/// A launch that tells systemd how it goes.
fn notifying(launch: Launch) -> Launch {
    let socket = launch.scene().path("notify");
    launch.environment("NOTIFY_SOCKET", socket)
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
fn the_forecast_of_a_limit_is_that_of_its_rows() {
    let scene = scene(list(3_000));
    let socket = systemd(&scene);
    let run = scene.run_kept().with("--limit 200 --rate 10/s --stop-at +15s --metrics-file m.prom");
    let run = notifying(run).start();
    let mut live = Vec::new();
    until("the status was told", || {
        live.extend(heard(&socket).into_iter().filter(|word| word.contains("of 3,000 rows: ")));
        !live.is_empty()
    });
    run.signal("TERM").exits(143);
    assert!(live.iter().all(|word| word.contains("does not fit")), "{live:?}");
}

#[test]
fn what_somebody_else_started_stands_apart_and_what_a_stop_leaves_is_pending() {
    let scene = scene(list(600)).against(Behaviour { started: (1..=3).collect(), ..well() });
    let socket = systemd(&scene);
    let run = notifying(scene.run_kept()).start();
    let mut said = Vec::new();
    let mut is_told = |part: &str| {
        said.extend(heard(&socket));
        said.iter().any(|word: &String| word.contains(part))
    };
    until("the status was told", || is_told(" started, 3 already started, 0 bad; "));
    scene.change(|behaviour| behaviour.latency = slow(4_000).latency);
    let before = scene.seen().starts;
    let run = run.once("some are in flight", |seen| seen.starts > before + 2).signal("TERM");
    until("the status of a run that stops was told", || is_told(" pending; "));
    run.exits(143);
    let told = said.iter().find(|word| word.contains(" pending; ")).unwrap();
    let done = told.strip_prefix("STATUS=").unwrap().split(' ').next().unwrap();
    let (done, sent) = (done.parse::<u64>().unwrap(), scene.seen().starts);
    assert!(done < sent && sent < 600, "{sent} were sent, and {told}");
    assert!(!told.contains(" left"), "nothing more will be done: {told}");
}

#[test]
fn a_systemd_that_does_not_listen_holds_up_nothing() {
    let scene = scene("2,1\n2,2\n");
    let socket = systemd(&scene);
    let ours = UnixDatagram::unbound().unwrap();
    ours.set_nonblocking(true).unwrap();
    while ours.send_to(b"STATUS=full\n", scene.path("notify")).is_ok() {}
    notifying(scene.run_kept()).exits(0);
    assert!(heard(&socket).iter().all(|word| word == "STATUS=full\n"));
}

#[test]
#[ignore = "needs promtool, of Debian's package prometheus"]
fn promtool_finds_nothing_wrong_with_the_metrics() {
    let run = launch("2,1\n2,2\n2,2\n").with("--window 00:00-23:59 --metrics-file m.prom").exits(0);
    run.scene().shell("promtool check metrics <m.prom").exits(0).says_nothing();
}

#[test]
fn systemd_is_told_how_a_run_goes_and_gives_credentials() {
    let scene = scene(list(200)).against(slow(50));
    scene.folder("credentials");
    scene.file("credentials/bk_app_secret", "s3cret-of-systemd");
    scene.file("credentials/bk_token", "t0ken-of-systemd");
    let socket = systemd(&scene);
    let run = notifying(scene.run_kept())
        .with("-q")
        .without("BK_APP_SECRET")
        .without("BK_TOKEN")
        .environment("CREDENTIALS_DIRECTORY", scene.path("credentials"))
        .start();
    let mut said = Vec::new();
    until("the status was told twice", || {
        said.extend(heard(&socket));
        said.iter().filter(|word| word.contains("of 200 rows: ")).count() >= 2
    });
    assert_eq!(said[0], "READY=1\nSTATUS=launching\n");
    run.signal("TERM").exits(143).never_says("s3cret-of-systemd");
    said.extend(heard(&socket));
    let stopping: Vec<_> = said.iter().filter(|word| word.contains("STOPPING=1\n")).collect();
    assert_eq!(stopping.len(), 2, "{said:?}");
    assert!(stopping[1].contains("STATUS=200 rows: "), "{said:?}");
    assert!(scene.seen().started > 0);

    // A run that has nothing left to do is ready, too; else systemd would take it for a failure.
    scene.file("one.csv", "3,1\n");
    scene.run_kept().input("one.csv").exits(0);
    let latest = scene.runs().pop().unwrap().id;
    notifying(scene.command(format!("resume {latest}"))).exits(0);
    assert!(heard(&socket)[0].starts_with("READY=1\nSTATUS=run "));
}
