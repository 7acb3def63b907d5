//! Started by a timer: one run of a name at a time, enough rows, a while at random.

use std::time::Duration;

use crate::harness::{HEADER, Outcome, list, scene, slow};

#[test]
fn one_run_of_a_name_goes_on_at_a_time() {
    let scene = scene(list(60)).against(slow(50));
    let named = |name: &str| scene.run_kept().with(format!("--name {name}"));
    let nightly = || named("nightly").with("--rate 3/s");
    let run = nightly().start().once("it has begun", |seen| seen.starts >= 2);
    let alive = format!("the run \"nightly\" is already active (pid {}, since 20", run.pid());
    nightly().exits(5).says(alive);
    nightly().with("--no-journal -o x.csv").exits(5);
    named("weekly").with("--limit 0").exits(0);
    run.signal("INT").exits(130);
    assert_eq!(scene.runs().len(), 2, "a run that was turned away leaves nothing behind");

    // A run is found by its name, and its resume has the name too.
    let resumed = scene.command("resume nightly --rate 20/s").start();
    let before = scene.seen().starts;
    let resumed = resumed.once("it goes on", |seen| seen.starts > before);
    named("nightly").exits(5);
    resumed.exits(0).server_saw(|seen| seen.started, 60);
    scene.command("runs").exits(0).prints(["NAME ", "  nightly  ", "  weekly  "]);
    scene.command("runs show monthly").exits(2).says("no run is called");
    named("../x").exits(2).says("a name begins with a letter");
}

#[test]
fn a_new_run_of_a_name_says_what_the_last_one_left() {
    let scene = scene(list(60));
    let run = |name: &str, limit: u32| {
        // Ids of the same second have no order.
        std::thread::sleep(Duration::from_millis(1_100));
        let run = scene.run_kept().with("--rate unlimited");
        run.with(format!("--name {name} --limit {limit}")).exits(0)
    };
    let says_nothing = |run: Outcome| run.never_says("the last run of this name");
    says_nothing(run("nightly", 6));
    let first = scene.only_run().id;
    says_nothing(run("weekly", 1));
    let second = run("nightly", 0);
    let notice = format!(
        "the last run of this name, {first}, left 54 rows pending; bk-launch resume {first} finishes it\n\
         0 of 60 tasks of 1 business"
    );
    assert!(second.stderr().starts_with(&notice), "{second}");
    scene.command("resume nightly").exits(0);
    says_nothing(run("nightly", 1));
}

#[test]
fn an_export_that_came_out_too_small_starts_nothing() {
    let scene = scene(list(5));
    scene.file("empty.csv", HEADER);
    let expecting = |rows: &str| scene.run_kept().with(format!("--expect-rows {rows}"));
    for (file, expected, says) in [
        ("tasks.csv", "6..", "the input has 5 rows, but --expect-rows says 6.."),
        ("tasks.csv", "1..4", "says 1..4"),
        ("empty.csv", "1..", "the input has 0 rows"),
        ("-", "1..", "--expect-rows needs a file"),
        ("tasks.csv", "many", "1..500"),
    ] {
        expecting(expected).input(file).exits(2).says(says);
        assert!(scene.runs().is_empty());
    }
    assert_eq!(scene.seen().requests, 0);
    expecting("6..").with("--dry-run").exits(2);
    expecting("5").exits(0);
}

#[test]
fn a_while_at_random_is_waited_for() {
    let run = scene("2,1\n").run_kept().with("--jitter 500ms").exits(0).says("waiting until");
    run.resume().exits(0).server_saw(|seen| seen.started, 1);
}
