//! Whoever stops reading standard error stops nothing: neither requests, nor signals,
//! nor the end of the program.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bk_launch::mock::{Behaviour, FaultKind, FirstFault, Latency, Mock};

use crate::harness::{Folder, HEADER, Running, rows, until};

fn scene(behaviour: Behaviour, count: u64) -> (Mock, Folder) {
    let (mock, folder) = (Mock::start(behaviour, 0).unwrap(), Folder::new());
    folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, count)));
    (mock, folder)
}

fn words<'a>(url: &'a str, flags: &[&'a str]) -> Vec<&'a str> {
    [&["run", "tasks.csv", "-o", "r.csv", "--esb", url], flags].concat()
}

/// Waits for the end of a program whose standard error nobody reads, and then reads what
/// is in the pipe; gives back the exit code, too.
fn end_unread(mut run: Running, within: Duration) -> (Option<i32>, String) {
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = run.child.try_wait().unwrap() {
            break status;
        }
        if begun.elapsed() > within {
            run.signal("KILL");
            panic!("it went on for {within:?}, and had said\n{}", run.wait().stderr());
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let mut said = String::new();
    run.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    (status.code(), said)
}

#[test]
fn all_rows_are_started_while_nobody_reads() {
    let (mock, folder) = scene(Behaviour::default(), 600);
    let url = mock.url();
    let flags = ["-vv", "--rate", "unlimited"];
    let run = folder.start(&mut folder.program(&words(&url, &flags)));
    until("all were started, though the pipe is full", || mock.counts().started == 600);
    let ended = run.wait().exits(0);
    let said = ended.stderr();
    assert!(said.starts_with("600 tasks of 1 CMDB business"), "{ended}");
    let attempts = said.lines().filter(|line| line.contains("INFO attempt line=")).count();
    assert_eq!(attempts, 600, "there was room for all of them");
    assert!(said.contains("\n600 rows: 600 started\n  started: queued by the server"), "{ended}");
    assert!(!said.contains("could not be shown"), "{ended}");
}

#[test]
fn the_summary_says_how_many_lines_were_lost() {
    let denied: BTreeSet<_> = (1..=2_500).collect();
    let (mock, folder) =
        scene(Behaviour { denied: denied.into_iter().collect(), ..Behaviour::default() }, 2_500);
    let url = mock.url();
    let flags = ["-vv", "--log-format", "json", "--progress", "none", "--rate", "unlimited"];
    let run = folder.start(&mut folder.program(&words(&url, &flags)));
    until("all were refused", || mock.counts().starts == 2_500);
    let said = run.wait().exits(1).stderr();
    let (shown, end) = said.trim_end().rsplit_once('\n').unwrap();
    let lost = end.strip_suffix(" lines could not be shown, since nobody read standard error");
    let lost: usize = lost.unwrap_or_else(|| panic!("{end}")).parse().unwrap();
    let logs = shown.lines().filter(|line| line.starts_with('{')).count();
    assert_eq!(logs + lost, 5_000, "an attempt and a decision a row");
    assert!(shown.contains("\n2500 rows: 2500 rejected\n"), "{end}");
}

#[test]
fn a_signal_is_heard_though_nobody_reads_and_the_end_waits_five_seconds() {
    let latency = Latency::Fixed(Duration::from_millis(50));
    let (mock, folder) = scene(Behaviour { latency, ..Behaviour::default() }, 3_000);
    let url = mock.url();
    let flags = ["-vv", "--rate", "unlimited", "--concurrency", "64"];
    let run = folder.start(&mut folder.program(&words(&url, &flags)));
    until("the pipe is full", || mock.counts().starts >= 400);
    run.signal("TERM");
    let begun = Instant::now();
    let (code, said) = end_unread(run, Duration::from_secs(8));
    assert_eq!(code, Some(143), "{said}");
    assert!(begun.elapsed() >= Duration::from_secs(5), "the summary waits a while");
    assert!(!said.contains("rows: "), "nobody read the summary: {said}");
    let report = folder.report("r.csv");
    report.is_complete(3_000);
    assert_eq!(report.counts()["started"] as u64, mock.counts().started);
    assert_eq!(mock.counts().starts, mock.counts().started);
}

#[test]
fn a_quiet_run_keeps_the_first_and_the_last_of_its_log() {
    let behaviour = Behaviour { denied: (1..=1_200).collect(), ..Behaviour::default() };
    let (mock, folder) = scene(behaviour, 1_200);
    let url = mock.url();
    let flags = ["-q", "-vv", "--log-format", "json", "--rate", "unlimited"];
    let ended = folder.run(&words(&url, &flags)).exits(1);
    let said = ended.stderr();
    assert!(said.len() < 700 << 10, "{} bytes", said.len());
    assert!(said.starts_with("1200 tasks of 1 CMDB business"));
    let left_out = said.lines().filter_map(|line| {
        line.strip_suffix(" lines of the log left out here: -q keeps its beginning and its end)")
    });
    let left_out: Vec<usize> = left_out.map(|line| line[1..].parse().unwrap()).collect();
    let logs = said.lines().filter(|line| line.starts_with('{')).count();
    assert_eq!(left_out, [2_400 - logs], "an attempt and a decision a row");
    assert!(said.contains("\n1200 rows: 1200 rejected\n"));
}

/// The program on a terminal of its own.
struct Terminal {
    script: Child,
    keys: ChildStdin,
    seen: Arc<Mutex<String>>,
}

impl Terminal {
    fn start(folder: &Folder, words: &[&str]) -> Self {
        let program = folder.program(&[]);
        let line =
            format!("echo pid $$ .; exec {} {}", env!("CARGO_BIN_EXE_bk-launch"), words.join(" "));
        let mut script = Command::new("script");
        script.args(["-qefc", &line, "/dev/null"]).current_dir(folder.path("")).env_clear();
        script.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
        script.env("TERM", "xterm").env("PATH", "/usr/bin:/bin");
        script.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut script = script.spawn().unwrap();
        let (keys, mut screen) = (script.stdin.take().unwrap(), script.stdout.take().unwrap());
        let seen = Arc::<Mutex<String>>::default();
        let all = Arc::clone(&seen);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = screen.read(&mut buffer) {
                all.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..length]));
            }
        });
        Self { script, keys, seen }
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    fn seen(&self) -> String {
        self.seen.lock().unwrap().clone()
    }

    /// Waits until something happened, for as long as a test may take.
    #[track_caller]
    fn until(&self, what: &str, mut happened: impl FnMut(&str) -> bool) {
        let begun = Instant::now();
        while !happened(&self.seen()) {
            let seen = self.seen();
            assert!(begun.elapsed() < Duration::from_secs(15), "{what} did not happen: {seen}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn signal(&self, name: &str) {
        let seen = self.seen();
        let pid = seen.split("pid ").nth(1).unwrap().split(' ').next().unwrap();
        let sent = Command::new("kill").args([&format!("-{name}"), pid]).status().unwrap();
        assert!(sent.success(), "kill -{name} {pid}");
    }

    /// Waits for the end of the program; its exit code, and all that was seen.
    #[track_caller]
    fn end(mut self) -> (Option<i32>, String) {
        let mut status = None;
        let begun = Instant::now();
        while status.is_none() {
            status = self.script.try_wait().unwrap();
            let seen = self.seen();
            if begun.elapsed() > Duration::from_secs(15) {
                self.signal("KILL");
                panic!("it did not end: {seen}");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        (status.unwrap().code(), self.seen())
    }
}

#[test]
fn a_terminal_that_is_stopped_by_ctrl_s_stops_nothing() {
    let (mock, folder) = scene(Behaviour::default(), 60);
    let url = mock.url();
    let mut terminal = Terminal::start(&folder, &words(&url, &["--rate", "50/s"]));
    terminal.until("a bar", |seen| seen.contains("/60"));
    terminal.press("\u{13}");
    terminal.until("all rows are started", |_| mock.counts().started == 60);
    let before = terminal.seen();
    assert!(!before.contains("60/60"), "the screen stands still: {before}");
    terminal.press("\u{11}");
    let (code, seen) = terminal.end();
    assert_eq!(code, Some(0), "{seen}");
    assert!(seen.contains("60 rows: 60 started\r\n  started: queued"), "{seen:?}");
}

#[test]
fn a_signal_or_the_end_of_the_window_ends_a_question() {
    for (stop, code, says) in [
        ("key", 130, "SIGINT: nothing new is sent"),
        ("TERM", 143, "SIGTERM: nothing new is sent"),
        ("HUP", 129, "SIGHUP: nothing new is sent"),
        ("window", 4, "stopped: the window closed"),
    ] {
        let (mock, folder) = scene(Behaviour::default(), 5);
        let url = mock.url();
        let flags = ["--stages", "1", "--stage-ask", "--stop-at"];
        let window = if stop == "window" { "+2500ms" } else { "+1h" };
        let flags = [&flags[..], &[window]].concat();
        let mut terminal = Terminal::start(&folder, &words(&url, &flags));
        terminal.until("the question", |seen| seen.ends_with("go on? [y/N] "));
        // A bar would be drawn ten times a second.
        std::thread::sleep(Duration::from_millis(250));
        assert!(terminal.seen().ends_with("go on? [y/N] "), "{:?}", terminal.seen());
        match stop {
            "key" => terminal.press("\u{3}"),
            "window" => {}
            signal => terminal.signal(signal),
        }
        let (ended, seen) = terminal.end();
        assert_eq!(ended, Some(code), "{stop}: {seen}");
        let (_, after) = seen.split_once("go on? [y/N] ").unwrap();
        let (echo, after) = after.split_once("\r\n").unwrap();
        assert_eq!(echo, if stop == "key" { "^C" } else { "" }, "its line ends: {seen:?}");
        assert!(after.contains(says), "{stop}: {seen}");
        assert!(after.contains("5 rows: 1 started, 4 pending"), "{stop}: {seen}");
        assert_eq!(mock.counts().started, 1);
        assert_eq!(folder.report("r.csv").counts()["pending"], 4);
    }
}

#[test]
fn a_terminal_that_goes_away_at_a_question_is_no_answer() {
    // Its end and the signal come at the same time, in either order.
    let goes_away = || {
        let (mock, folder) = scene(Behaviour::default(), 5);
        let url = mock.url();
        let flags = ["--stages", "1", "--stage-ask"];
        let mut terminal = Terminal::start(&folder, &words(&url, &flags));
        terminal.until("the question", |seen| seen.ends_with("go on? [y/N] "));
        terminal.script.kill().unwrap();
        terminal.script.wait().unwrap();
        let show = || folder.run(&["runs", "show"]).stdout();
        until("the session came to its end", || show().contains(", exit "));
        assert!(show().contains("(SIGHUP, exit 129)"), "{}", show());
        assert_eq!(folder.report("r.csv").counts()["pending"], 4);
    };
    std::thread::scope(|scope| {
        (0..6).for_each(|_| drop(scope.spawn(goes_away)));
    });
}

#[test]
fn a_second_hangup_is_still_the_first() {
    let latency = Latency::Fixed(Duration::from_millis(400));
    let (mock, folder) = scene(Behaviour { latency, ..Behaviour::default() }, 100);
    let url = mock.url();
    let run = folder.start(&mut folder.program(&words(&url, &["--rate", "50/s"])));
    until("some rows are in flight", || mock.counts().starts >= 10);
    run.signal("HUP");
    std::thread::sleep(Duration::from_millis(100));
    run.signal("HUP");
    run.wait().exits(129).says(&["stopped: by SIGHUP"]);
    folder.report("r.csv").is_complete(100);
    assert_eq!(folder.report("r.csv").counts()["started"] as u64, mock.counts().started);
}

#[test]
fn a_bar_comes_back_after_an_answer() {
    let (mock, folder) = scene(Behaviour::default(), 60);
    let url = mock.url();
    let flags = ["--stages", "1", "--stage-ask", "--rate", "50/s"];
    let mut terminal = Terminal::start(&folder, &words(&url, &flags));
    terminal.until("the question", |seen| seen.ends_with("go on? [y/N] "));
    terminal.press("y\n");
    let (code, seen) = terminal.end();
    assert_eq!(code, Some(0), "{seen}");
    let (_, after) = seen.split_once("[y/N] ").unwrap();
    assert!(after.starts_with("y\r\n") && after.contains("/60"), "{after:?}");
    assert!(after.contains("60 rows: 60 started"), "{after}");
}

/// A server that takes every request, tells its path and answers none.
fn hang() -> (String, Receiver<String>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/check", listener.local_addr().unwrap());
    let (tell, heard) = channel();
    std::thread::spawn(move || {
        let mut open = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 4096];
            let length = stream.read(&mut request).unwrap();
            let request = String::from_utf8_lossy(&request[..length]).into_owned();
            drop(tell.send(request.split(['?', ' ']).nth(1).unwrap_or_default().to_owned()));
            open.push(stream);
        }
    });
    (url, heard)
}

#[test]
fn a_second_signal_ends_it_at_once_and_the_check_is_told() {
    let first = vec![FirstFault { task: 1, kind: FaultKind::Hang, times: 9 }];
    let (mock, folder) = scene(Behaviour { first, ..Behaviour::default() }, 400);
    let (check, pings) = hang();
    let url = mock.url();
    let flags = ["-vv", "--rate", "unlimited", "--metrics-file", "m.prom"];
    let mut program = folder.program(&words(&url, &flags));
    let run = folder.start(program.env("BK_LAUNCH_PING_URL", check));
    let wait = Duration::from_secs(10);
    assert_eq!(pings.recv_timeout(wait).unwrap(), "/check/start");
    until("the pipe is full, and one request hangs", || mock.counts().started == 399);
    run.signal("TERM");
    std::thread::sleep(Duration::from_millis(200));
    run.signal("INT");
    let begun = Instant::now();
    // Neither standard error nor the check lets it go on.
    let (code, said) = end_unread(run, Duration::from_secs(4));
    let took = begun.elapsed();
    assert_eq!(code, Some(130), "{said}");
    assert!(took < Duration::from_millis(2_500), "{took:?}");
    assert_eq!(pings.recv_timeout(wait).unwrap(), "/check/fail");
    let metrics = std::fs::read_to_string(folder.path("m.prom")).unwrap();
    assert!(metrics.contains("bk_launch_exit_code 130"), "{metrics}");
}

#[test]
fn a_second_signal_ends_the_wait_for_a_check_after_the_end() {
    let (mock, folder) = scene(Behaviour::default(), 3);
    let (check, pings) = hang();
    let mut program = folder.program(&words(&mock.url(), &[]).clone());
    let run = folder.start(program.env("BK_LAUNCH_PING_URL", check));
    let wait = Duration::from_secs(10);
    assert_eq!(pings.recv_timeout(wait).unwrap(), "/check/start");
    until("all is reported", || {
        folder.path("r.csv").exists() && folder.report("r.csv").lines.len() == 3
    });
    std::thread::sleep(Duration::from_millis(300));
    run.signal("INT");
    std::thread::sleep(Duration::from_millis(100));
    run.signal("INT");
    let begun = Instant::now();
    let ended = run.wait().exits(0).says(&["3 rows: 3 started"]);
    assert!(begun.elapsed() < Duration::from_secs(2), "{ended}");
}
