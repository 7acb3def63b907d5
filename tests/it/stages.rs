//! Stages: each is settled before the next begins.

use std::time::{Duration, Instant};

use bk_launch::mock::{Behaviour, FaultKind};

use crate::harness::{Launch, Scene, Terminal, each, list, scene, slow, until};

/// A scene with `count` rows and a bk-sops that is a little slow.
fn of(count: u64) -> Scene {
    scene(list(count)).against(slow(20))
}

/// The same with a canary, the first row, whose first requests fail.
fn with_canary(count: u64, failures: u32) -> Scene {
    let first = each([1], FaultKind::Crash, failures);
    scene(list(count)).against(Behaviour { first, ..slow(20) })
}

fn run(scene: &Scene, flags: &str) -> Launch {
    scene.run().with("--rate unlimited").with(flags)
}

#[test]
fn a_stage_is_settled_before_the_next_begins() {
    // The canary is slow: it needs two retries.
    let scene = with_canary(40, 2);
    run(&scene, "--stages 1,10% --backoff 200ms..200ms").exits(0).says([
        "stage 1 of 3 is settled; next are rows 2 to 4 of the input",
        "stage 2 of 3 is settled; next are rows 5 to 40 of the input",
    ]);
    let arrivals = scene.seen().arrivals;
    let at = |task| arrivals.iter().filter(move |a| a.task == task).map(|a| a.micros);
    let last_of_canary = at(1).max().unwrap();
    assert_eq!(at(1).count(), 3);
    assert!((2..=40).all(|task| at(task).min().unwrap() > last_of_canary));
    let second = (2..=4).map(|task| at(task).max().unwrap()).max().unwrap();
    assert!((5..=40).all(|task| at(task).min().unwrap() > second));
}

#[test]
fn a_canary_that_fails_stops_the_run() {
    let scene = with_canary(100, 9);
    let stopped = run(&scene, "--stages 1,100% --retries 0 --max-failures 5%").exits(3);
    stopped
        .says("stopped: 1 row failed (limit 0). Fix the cause, then: bk-launch resume ")
        .server_saw(|seen| seen.starts, 1)
        // Borders stay where they are; the failed row is not taken up without --retry-failed.
        .resume()
        .exits(1)
        .server_saw(|seen| seen.started, 99);
}

#[test]
fn a_pause_lies_between_stages_and_a_stop_ends_it() {
    let begun = Instant::now();
    let paused = run(&of(5), "--stages 1 --stage-pause 1s").exits(0);
    assert!(begun.elapsed() >= Duration::from_secs(1));
    paused.says("next are rows 2 to 5 of the input, in 1 s").server_saw(|seen| seen.starts, 5);
    let scene = of(5);
    let paused = run(&scene, "--stages 1 --stage-pause 1h").start();
    until("the first stage is settled", || {
        scene.has("r.csv") && scene.report("r.csv").lines.len() == 1
    });
    let stopped = paused.signal("INT").exits(130).reports(4, "pending");
    stopped.server_saw(|seen| seen.starts, 1);
}

#[test]
fn where_there_is_no_terminal_nobody_can_be_asked() {
    // A session of its own has no terminal.
    let line = "setsid -w PROGRAM run tasks.csv -o r.csv --stages 1 --stage-ask --esb URL";
    let refused = of(5).shell(line).exits(2).says("--stage-ask needs a terminal");
    refused.server_saw(|seen| seen.requests, 0);
}

/// Waits until it asks for these rows.
fn is_asked_for(terminal: &Terminal, rows: &str) {
    let question = format!("next are rows {rows} of the input: go on? [y/N]");
    terminal.until(&question, |seen| seen.contains(&question));
}

#[test]
fn on_a_terminal_somebody_is_asked() {
    for (answer, code, started) in [("y", 0, 5), ("n", 3, 1), ("", 3, 1)] {
        let scene = of(5);
        let mut terminal = run(&scene, "--stages 1 --stage-ask").on_a_terminal();
        is_asked_for(&terminal, "2 to 5");
        terminal.press(&format!("{answer}\n"));
        let seen = terminal.exits(code);
        assert_eq!(scene.seen().started, started);
        assert_eq!(seen.contains("the next stage was declined"), code == 3, "{seen}");
    }
}

#[test]
fn a_stage_that_nobody_agreed_to_is_asked_for_again_in_the_next_session() {
    let scene = of(6);
    let first = run(&scene, "--stages 1,3 --stage-ask --progress none");
    let mut asked = first.on_a_terminal();
    is_asked_for(&asked, "2 to 3");
    asked.press("n\n");
    asked.exits(3);
    let resume = || scene.resume().with("--progress none").on_a_terminal();
    // Neither a crash at the question is a yes, nor a signal.
    let asked = resume();
    is_asked_for(&asked, "2 to 3");
    asked.signal("KILL");
    asked.ends();
    let asked = resume();
    is_asked_for(&asked, "2 to 3");
    asked.signal("TERM");
    asked.exits(143);
    assert_eq!(scene.seen().starts, 1, "only the first stage was sent");

    // What was agreed to is written before any row of it is sent, and is not asked for again.
    scene.change(|behaviour| behaviour.latency = slow(60_000).latency);
    let mut asked = resume();
    is_asked_for(&asked, "2 to 3");
    asked.press("y\n");
    until("the second stage is sent", || scene.seen().starts > 1);
    asked.signal("KILL");
    asked.ends();
    scene.change(|behaviour| behaviour.latency = slow(0).latency);
    let mut asked = resume();
    is_asked_for(&asked, "4 to 6");
    assert!(!asked.seen().contains("rows 2 to 3 of the input: go on?"), "{}", asked.seen());
    asked.press("yes\n");
    asked.exits(0);
    assert_eq!(scene.seen().started, 6);
}

#[test]
fn stages_are_shown_before_and_refused_where_they_make_no_sense() {
    let scene = of(100);
    run(&scene, "--stages 1,10%,100% --max-failures 5% --dry-run").exits(0).prints([
        "stages, by rows of the input: 1 to 1, 2 to 10, 11 to 100",
        "failures: 0, 0, 5 tolerated, up to the end of each stage",
    ]);
    for (flags, says) in [
        ("--stages 10,5", "each stage must end after the one before"),
        ("--stages ten", "such as 1,10%,100%"),
        ("--stage-pause 5m", "--stages"),
    ] {
        run(&scene, flags).exits(2).says(says);
    }
    let of_stdin = scene.run().input("-").report("s.csv").with("--stages 10%").exits(2);
    of_stdin.says("--stages with percentages needs a file").server_saw(|seen| seen.requests, 0);
    // Three rows are a canary already.
    run(&scene, "--limit 3").exits(0).never_says("hint:");
    run(&scene, "--force").exits(0).says("hint: --stages 1,10%,100%");
}
