//! What people see of a run while it goes on: a bar, lines, or nothing.

use std::process::{Command, Stdio};
use std::time::Duration;

use bk_launch::internals::store::Lock;
use bk_launch::mock::{Behaviour, Latency, Mock};

use crate::harness::{Folder, HEADER, Running, rows, signal, until};
use crate::run::QUICK;

fn scene() -> (Mock, Folder) {
    let behaviour = Behaviour { denied: [500].into(), ..Behaviour::default() };
    let (mock, folder) = (Mock::start(behaviour, 0).unwrap(), Folder::new());
    folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, 40)));
    folder.file("bad.csv", "2,500\n");
    (mock, folder)
}

/// Runs the program on a terminal of its own; what the terminal was sent.
fn on_a_terminal(folder: &Folder, words: &[&str], more: (&str, &str)) -> String {
    start_on_a_terminal(folder, words, more).wait().stdout()
}

fn start_on_a_terminal(folder: &Folder, words: &[&str], more: (&str, &str)) -> Running {
    let line = format!("{} {}", env!("CARGO_BIN_EXE_bk-launch"), words.join(" "));
    let program = folder.program(&[]);
    let mut script = Command::new("script");
    script.args(["-qec", &line, "/dev/null"]).current_dir(folder.path("")).env_clear();
    script.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    script.env("TERM", "xterm").env("PATH", "/usr/bin:/bin").env(more.0, more.1);
    folder.start(script.stdin(Stdio::null()))
}

#[test]
fn a_terminal_gets_a_bar_and_no_colours() {
    let (mock, folder) = scene();
    let url = mock.url();
    let words = ["run", "tasks.csv", "-o", "r.csv", "--rate", "50/s", "--esb", &url];
    let seen = on_a_terminal(&folder, &words, ("NO_COLOR", "1"));
    assert!(seen.contains("/40"), "{seen}");
    assert!(seen.contains(" started, 0 bad; "), "{seen}");
    let waiting =
        seen.split(" waiting").filter_map(|part| part.rsplit(' ').next()?.parse::<u64>().ok());
    assert!(waiting.max().unwrap() <= 40, "no more than there are: {seen}");
    assert!(!seen.contains("\u{1b}[3"), "no colours: {seen:?}");
    assert!(seen.contains("40 rows: 40 started"), "{seen}");
}

#[test]
fn rows_that_a_stop_leaves_are_not_shown_as_done() {
    let latency = Latency::Fixed(Duration::from_secs(2));
    let mock = Mock::start(Behaviour { latency, ..Behaviour::default() }, 0).unwrap();
    let folder = Folder::new();
    folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, 600)));
    let url = mock.url();
    let words = ["run", "tasks.csv", "-o", "r.csv", "--rate", "unlimited", "--esb", &url];
    let run = start_on_a_terminal(&folder, &words, ("A", "b"));
    until("some are in flight", || mock.counts().starts > 10);
    let holder = Lock::holder(&folder.only_run().path).unwrap().unwrap();
    signal(holder.pid.unwrap(), "INT");
    let seen = run.wait().stdout();
    let position = |part: &str| part.rsplit([' ', '\r']).next()?.parse::<u64>().ok();
    let shown = seen.split("/600").filter_map(position).max().unwrap();
    let started = mock.counts().started;
    assert!(shown <= started && started < 100, "{shown} shown as done of {started}: {seen}");
    assert!(seen.contains(&format!(" 0 bad, {} pending; ", 600 - started)), "{seen}");
}

#[test]
fn no_bar_is_drawn_where_nobody_could_see_it() {
    let (mock, folder) = scene();
    let url = mock.url();
    let words = ["run", "tasks.csv", "-o", "r.csv", "--force", "--rate", "50/s", "--esb", &url];
    let run = folder.run(&words).exits(0);
    assert!(!run.stderr().contains("/40") && !run.stderr().contains('\u{1b}'), "{run}");
    let seen = on_a_terminal(&folder, &words, ("TERM", "dumb"));
    assert!(!seen.contains("/40"), "{seen}");
    let none = [&words[..], &["--progress", "none"]].concat();
    assert!(!on_a_terminal(&folder, &none, ("A", "b")).contains("/40"));
}

#[test]
fn quiet_is_nothing_at_all_unless_something_is_wrong() {
    let (mock, folder) = scene();
    let url = mock.url();
    let words = ["run", "tasks.csv", "-o", "r.csv", "-q", "--esb", &url];
    let run = folder.run(&[&words[..], &QUICK].concat()).exits(0);
    assert_eq!((run.stdout(), run.stderr()), (String::new(), String::new()));
    let words = ["run", "bad.csv", "-o", "s.csv", "-q", "--esb", &url];
    folder.run(&words).exits(1).says(&["1 task of 1 CMDB business", "1 row: 1 rejected"]);
    let words = ["run", "no.csv", "-o", "t.csv", "-q", "--esb", &url];
    folder.run(&words).exits(2).says(&["no.csv"]);
}

#[test]
fn logs_tell_attempts_and_decisions_to_people_and_programs() {
    let (mock, folder) = scene();
    let url = mock.url();
    let words = ["run", "bad.csv", "-o", "r.csv", "--force", "--esb", &url];
    let quiet = folder.run(&words).exits(1);
    assert!(!quiet.stderr().contains("attempt"), "{quiet}");
    folder.run(&[&words[..], &["-v"]].concat()).exits(1).says(&[
        "INFO attempt line=1 attempt=1",
        "verdict=\"permission\"",
        "-s1-l1-a1",
    ]);
    folder.run(&[&words[..], &["-vv"]].concat()).exits(1).says(&["DEBUG decided", "next=GiveUp"]);
    let json = folder.run(&[&words[..], &["-v", "--log-format", "json"]].concat()).exits(1);
    let told = json.stderr();
    let event = told.lines().find(|line| line.starts_with('{')).unwrap();
    let event: serde_json::Value = serde_json::from_str(event).unwrap();
    assert_eq!((&event["line"], &event["verdict"]), (&1.into(), &"permission".into()));
    let mut program = folder.program(&words);
    let run = folder.start(program.env("RUST_LOG", "trace")).wait().exits(1);
    assert!(run.stderr().contains("decided") && !run.stderr().contains("hyper"), "{run}");
}

#[test]
fn completions_and_manual_pages_are_printed() {
    let folder = Folder::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = folder.run(&["completions", shell]).exits(0).stdout();
        assert!(script.contains("bk-launch") && script.contains("throttle-patience"), "{shell}");
    }
    let manual = folder.run(&["man"]).exits(0).stdout();
    assert!(manual.contains(".TH bk-launch 1") && manual.contains(".TH bk-launch-run 1"));
}

#[test]
fn every_command_has_a_manual_page_and_so_has_each_of_runs() {
    let manual = Folder::new().run(&["man"]).exits(0).stdout();
    let titles = manual.lines().filter_map(|line| line.strip_prefix(".TH "));
    let pages: Vec<_> = titles.map(|title| title.split(' ').next().unwrap()).collect();
    let commands =
        "run resume runs runs-list runs-show runs-prune report bench mock demo completions man";
    let commands = commands.split(' ').map(|command| format!("bk-launch-{command}"));
    assert_eq!(pages, [vec!["bk-launch".to_owned()], commands.collect()].concat());
}

#[test]
fn a_misspelt_word_suggests_the_near_one() {
    let folder = Folder::new();
    folder.run(&["run", "--rte", "5/s"]).exits(2).says(&["--rate"]);
    folder.run(&["rum"]).exits(2).says(&["run"]);
    folder.run(&["completion", "bash"]).exits(2).says(&["completions"]);
}
