//! Whoever stops reading standard error stops nothing: neither requests, nor signals,
//! nor the end of the program.

use std::io::Read;
use std::time::{Duration, Instant};

use bk_launch::mock::{Behaviour, FaultKind};

use crate::harness::{Running, Server, each, launch, list, scene, slow, until, well};

/// Waits for the end of a program whose standard error nobody reads, and then reads what
/// is in the pipe; gives back the exit code, too.
fn end_unread(mut run: Running, within: Duration) -> (Option<i32>, String) {
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = run.child.try_wait().unwrap() {
            break status;
        }
        if begun.elapsed() > within {
            let said = run.killed().stderr();
            panic!("it went on for {within:?}, and had said\n{said}");
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let mut said = String::new();
    run.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    (status.code(), said)
}

/// How many lines of `said` are of a log in JSON.
fn logs(said: &str) -> usize {
    said.lines().filter(|line| line.starts_with('{')).count()
}

#[test]
fn all_rows_are_started_while_nobody_reads() {
    let run = launch(list(600)).with("-vv --rate unlimited").start();
    let run = run.once("all were started, though the pipe is full", |seen| seen.started == 600);
    let ended = run.exits(0);
    let said = ended.stderr();
    assert!(said.starts_with("600 tasks of 1 business"), "{ended}");
    let attempts = said.lines().filter(|line| line.contains("INFO attempt line=")).count();
    assert_eq!(attempts, 600, "there was room for all of them");
    ended
        .says("\n600 rows: 600 started\n  started: queued by the server")
        .never_says("could not be shown");
}

#[test]
fn the_summary_says_how_many_lines_were_lost() {
    let said = launch(list(2_500))
        .against(Behaviour { denied: (1..=2_500).collect(), ..well() })
        .with("-vv --log-format json --progress none --rate unlimited")
        .start()
        .once("all were refused", |seen| seen.starts == 2_500)
        .exits(1)
        .stderr();
    let (shown, end) = said.trim_end().rsplit_once('\n').unwrap();
    let lost = end.strip_suffix(" lines could not be shown, since nobody read standard error");
    let lost: usize = lost.unwrap_or_else(|| panic!("{end}")).replace(',', "").parse().unwrap();
    assert_eq!(logs(shown) + lost, 5_000, "an attempt and a decision a row");
    assert!(shown.contains("\n2,500 rows: 2,500 rejected\n"), "{end}");
}

#[test]
fn a_signal_is_heard_though_nobody_reads_and_the_end_waits_five_seconds() {
    let run = launch(list(3_000))
        .against(slow(50))
        .with("-vv --rate unlimited --concurrency 64")
        .start()
        .once("the pipe is full", |seen| seen.starts >= 400)
        .signal("TERM");
    let scene = run.scene.clone();
    let begun = Instant::now();
    let (code, said) = end_unread(run, Duration::from_secs(8));
    assert_eq!(code, Some(143), "{said}");
    assert!(begun.elapsed() >= Duration::from_secs(5), "the summary waits a while");
    assert!(!said.contains("rows: "), "nobody read the summary: {said}");
    let report = scene.report("r.csv");
    report.is_complete(3_000);
    assert_eq!(report.count("started"), scene.seen().started);
    assert_eq!(scene.seen().starts, scene.seen().started);
}

#[test]
fn a_quiet_run_keeps_the_first_and_the_last_of_its_log() {
    let ended = launch(list(1_200))
        .against(Behaviour { denied: (1..=1_200).collect(), ..well() })
        .with("-q -vv --log-format json --rate unlimited")
        .exits(1)
        .says("\n1,200 rows: 1,200 rejected\n");
    let said = ended.stderr();
    assert!(said.len() < 700 << 10, "{} bytes", said.len());
    assert!(said.starts_with("1,200 tasks of 1 business"));
    let left_out = said.lines().filter_map(|line| {
        line.strip_suffix(" lines of the log left out here: -q keeps its beginning and its end)")
    });
    let left_out: Vec<usize> =
        left_out.map(|line| line[1..].replace(',', "").parse().unwrap()).collect();
    assert_eq!(left_out, [2_400 - logs(&said)], "an attempt and a decision a row");
}

const QUESTION: &str = "go on? [y/N] ";

#[test]
fn a_terminal_that_is_stopped_by_ctrl_s_stops_nothing() {
    let run = launch(list(60)).with("--rate 50/s");
    let scene = run.scene();
    let mut terminal = run.on_a_terminal();
    terminal.until("a bar", |seen| seen.contains("/60"));
    terminal.press("\u{13}");
    terminal.until("all rows are started", |_| scene.seen().started == 60);
    let before = terminal.seen();
    assert!(!before.contains("60/60"), "the screen stands still: {before}");
    terminal.press("\u{11}");
    let seen = terminal.exits(0);
    assert!(seen.contains("60 rows: 60 started\r\n  started: queued"), "{seen:?}");
}

#[test]
fn a_signal_or_the_end_of_the_window_ends_a_question() {
    for (stop, code, says) in [
        ("key", 130, "Stopping: no request is in flight. Ctrl-C again to abort."),
        ("TERM", 143, "SIGTERM: stopping; no request is in flight."),
        ("HUP", 129, "SIGHUP: stopping; no request is in flight."),
        ("window", 4, "stopped: the window closed"),
    ] {
        let window = if stop == "window" { "+2500ms" } else { "+1h" };
        let run = launch(list(5)).with("--stages 1 --stage-ask --stop-at").with(window);
        let scene = run.scene();
        let mut terminal = run.on_a_terminal();
        terminal.until("the question", |seen| seen.ends_with(QUESTION));
        // A bar would be drawn ten times a second.
        std::thread::sleep(Duration::from_millis(250));
        assert!(terminal.seen().ends_with(QUESTION), "{:?}", terminal.seen());
        match stop {
            "key" => terminal.press("\u{3}"),
            "window" => {}
            signal => terminal.signal(signal),
        }
        let seen = terminal.exits(code);
        let (_, after) = seen.split_once(QUESTION).unwrap();
        let (echo, after) = after.split_once("\r\n").unwrap();
        assert_eq!(echo, if stop == "key" { "^C" } else { "" }, "its line ends: {seen:?}");
        assert!(after.contains(says), "{stop}: {seen}");
        assert!(after.contains("5 rows: 1 started, 4 pending"), "{stop}: {seen}");
        assert_eq!(scene.seen().started, 1);
        assert_eq!(scene.report("r.csv").count("pending"), 4);
    }
}

#[test]
fn a_terminal_that_goes_away_at_a_question_is_no_answer() {
    // Its end and the signal come at the same time, in either order.
    let goes_away = || {
        let run = launch(list(5)).with("--stages 1 --stage-ask");
        let scene = run.scene();
        let terminal = run.on_a_terminal();
        terminal.until("the question", |seen| seen.ends_with(QUESTION));
        terminal.goes_away();
        let show = || scene.command("runs show").ends().stdout();
        until("the session came to its end", || show().contains(", exit "));
        assert!(show().contains("(SIGHUP, exit 129)"), "{}", show());
        assert_eq!(scene.report("r.csv").count("pending"), 4);
    };
    std::thread::scope(|scope| {
        (0..6).for_each(|_| drop(scope.spawn(goes_away)));
    });
}

#[test]
fn a_second_hangup_is_still_the_first() {
    let run = launch(list(100)).against(slow(400)).with("--rate 50/s").start();
    let run = run.once_sent(10).signal("HUP");
    std::thread::sleep(Duration::from_millis(100));
    let ended = run.signal("HUP").exits(129).says("stopped: by SIGHUP").reports_all(100);
    assert_eq!(ended.report().count("started"), ended.scene().seen().started);
}

#[test]
fn a_bar_comes_back_after_an_answer() {
    let run = launch(list(60)).with("--stages 1 --stage-ask --rate 50/s");
    let mut terminal = run.on_a_terminal();
    terminal.until("the question", |seen| seen.ends_with(QUESTION));
    terminal.press("y\n");
    let seen = terminal.exits(0);
    let (_, after) = seen.split_once(QUESTION).unwrap();
    assert!(after.starts_with("y\r\n") && after.contains("/60"), "{after:?}");
    assert!(after.contains("60 rows: 60 started"), "{after}");
}

/// A check that takes every ping, and answers none.
fn silent_check() -> (Server, String) {
    let server = Server::answering(|_| Vec::new());
    let url = format!("{}/check", server.url);
    (server, url)
}

#[track_caller]
fn is_pinged(check: &Server, path: &str) {
    let ping = check.next();
    assert_eq!(ping.path().split('?').next(), Some(path));
}

#[test]
fn a_second_signal_ends_it_at_once_and_the_check_is_told() {
    let (check, url) = silent_check();
    let run = launch(list(400))
        .against(Behaviour { first: each([1], FaultKind::Hang, 9), ..well() })
        .with("-vv --rate unlimited --metrics-file m.prom")
        .environment("BK_LAUNCH_PING_URL", url)
        .start();
    let scene = run.scene.clone();
    is_pinged(&check, "/check/start");
    let run = run.once("the pipe is full, and one request hangs", |seen| seen.started == 399);
    let run = run.signal("TERM");
    std::thread::sleep(Duration::from_millis(200));
    let run = run.signal("INT");
    let begun = Instant::now();
    // Neither standard error nor the check lets it go on.
    let (code, said) = end_unread(run, Duration::from_secs(4));
    let took = begun.elapsed();
    assert_eq!(code, Some(130), "{said}");
    assert!(took < Duration::from_millis(2_500), "{took:?}");
    is_pinged(&check, "/check/fail");
    let metrics = scene.read("m.prom");
    assert!(metrics.contains("bk_launch_exit_code 130"), "{metrics}");
}

#[test]
fn a_second_signal_ends_the_wait_for_a_check_after_the_end() {
    let (check, url) = silent_check();
    let scene = scene(list(3));
    let run = scene.run().environment("BK_LAUNCH_PING_URL", url).start();
    is_pinged(&check, "/check/start");
    until("all is reported", || scene.has("r.csv") && scene.report("r.csv").lines.len() == 3);
    std::thread::sleep(Duration::from_millis(300));
    let run = run.signal("INT");
    std::thread::sleep(Duration::from_millis(100));
    let run = run.signal("INT");
    let begun = Instant::now();
    let ended = run.exits(0).says("3 rows: 3 started");
    assert!(begun.elapsed() < Duration::from_secs(2), "{ended}");
}
