//! The report of a run, written again: rows that are picked, and rows as they are settled.

use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::sync::mpsc::{self, Receiver};
use std::thread;

use bk_launch::mock::{Behaviour, FaultKind};

use crate::harness::{QUICK, Running, Scene, each, list, next, rows, scene, slow, until, well};

#[test]
fn rows_that_are_picked_by_outcome_are_the_input_of_another_run() {
    let bad =
        Behaviour { first: each([2, 5], FaultKind::BadGateway, 9), denied: [4].into(), ..well() };
    let scene = scene(list(6)).against(bad);
    scene
        .run_kept()
        .with("--retries 0 --rate unlimited")
        .exits(1)
        .says("3 started, 1 rejected, 2 unknown");
    scene.change(|behaviour| *behaviour = well());

    let report = |flags: &str| scene.command("report").with(flags);
    let told = report("--only unknown,rejected -o a.csv -o a.jsonl").exits(0);
    told.says(["6 rows: 3 started, 1 rejected, 2 unknown", "written: 3 rows (--only unknown,rej"]);
    let lines: Vec<_> = scene.report("a.csv").lines.iter().map(|l| l["line"].clone()).collect();
    assert_eq!(lines, ["3", "5", "6"], "in the order of the input");
    let counts = report("--only bad -o b.tsv --json").exits(0).json();
    assert_eq!((&counts["rows"], &counts["written"]), (&6.into(), &3.into()));
    report("--only pending -o c.csv").exits(0).says("written: 0 rows (--only pending)");
    assert_eq!(scene.read("c.csv").lines().count(), 1, "the header");
    report("--only nope -o d.csv").exits(2).says(["possible values: bad, good, started", "nope"]);

    // Nothing is sent twice: the mock tells what was started from what was not.
    for input in ["a.jsonl", "b.tsv", "a.csv"] {
        let again =
            scene.run().with(QUICK).input(input).report(format!("{input}.report.csv")).exits(0);
        again.says("3 rows: ");
    }
    let line =
        "PROGRAM report RUN --only good -o - | PROGRAM run - -o piped.csv --esb URL --rate 99/s";
    let first = scene.runs().into_iter().map(|run| run.id).min().unwrap();
    scene.shell(&line.replace("RUN", first.as_str())).exits(0);
    scene.report("piped.csv").is_complete(3);
    assert_eq!(scene.seen().started, 6);
}

/// A run whose rows are typed; the first `count` of them are settled.
fn typed(scene: &Scene, count: u64) -> Running {
    let run = scene.command("run --rate unlimited -o r.csv").by_esb().typing(list(count));
    let run = run.start().once_sent(count);
    let written = || scene.read("r.csv").lines().count() as u64;
    until("they are settled", || scene.has("r.csv") && written() == 1 + count);
    run
}

/// The lines of a command's standard output, as they come.
fn lines(of: &mut Running) -> Receiver<String> {
    let (tell, told) = mpsc::channel();
    let out = BufReader::new(of.child.stdout.take().unwrap());
    thread::spawn(move || out.lines().try_for_each(|line| tell.send(line.unwrap())));
    told
}

#[test]
fn a_live_run_is_followed_row_by_row_to_its_end() {
    let scene = Scene::new();
    let mut run = typed(&scene, 3);
    let mut follow = scene.command("report -o - --follow").start();
    let told = lines(&mut follow);
    let mut all: Vec<_> = (0..4).map(|_| next("settled row", &told)).collect();
    assert!(all[0].starts_with("line,bk_biz_id,"), "{all:?}");
    run.types("2,4\n");
    let live = next("row that is settled now", &told);
    assert!(live.starts_with("5,2,4,cmdb_biz,started,reply,"), "{live:?}");
    all.push(live);
    run.types("2,x\n2,6\n");
    run.hangs_up().exits(1);
    follow.exits(0).says("6 rows: 5 started, 1 invalid");
    all.extend(told);
    let mut report: Vec<_> = scene.read("r.csv").lines().map(str::to_owned).collect();
    all.sort_unstable();
    report.sort_unstable();
    assert_eq!(all, report);
}

/// Number of rows that are more than one look reads from a journal, and more than a pipe holds.
const MANY: u64 = 2_500;

#[test]
fn a_long_run_is_followed_in_the_order_of_settling() {
    let scene = Scene::new();
    let mut run = typed(&scene, MANY);
    let mut follow = scene.command("report -o - --follow").start();
    let told = lines(&mut follow);
    let mut all: Vec<_> = (0..=MANY).map(|_| next("settled row", &told)).collect();
    run.types(rows(2, MANY + 1, 1));
    all.push(next("row that is settled now", &told));
    run.hangs_up().exits(0);
    follow.exits(0).says("2,501 rows: 2,501 started");
    all.extend(told);
    assert!(all.iter().eq(scene.read("r.csv").lines()), "it is what the run itself wrote");
}

#[test]
fn whoever_follows_is_told_that_rows_were_taken_up_again() {
    let scene = Scene::new().against(Behaviour { denied: [2].into(), ..well() });
    let run = typed(&scene, MANY);
    let mut follow = scene.command("report -o - --follow").start();
    // Whoever reads slowly, as with a pager, holds it up in the middle of the first session.
    let mut told = BufReader::new(follow.child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut all = vec![told.next().unwrap()];
    run.hangs_up().exits(1);
    scene.change(|behaviour| *behaviour = slow(60_000));
    let resume = scene.resume().with("--retry-failed").start().once_sent(MANY + 1);

    all.extend(told);
    follow.exits(2).never_says("rows: ").says([
        "error: a resume with --retry-failed took rows up again whose lines are written already; \
         begin anew: bk-launch report 2",
        " -o - --follow\n",
    ]);
    let report = scene.read("r.csv");
    assert!(all.len() < report.lines().count(), "{} lines", all.len());
    assert!(all.iter().eq(report.lines().take(all.len())), "lines are whole, and no line is new");
    resume.killed();
    let anew = scene.command("report -o - --follow").exits(0).stdout();
    assert_eq!(anew.lines().count(), report.lines().count());
    assert!(anew.lines().last().unwrap().contains(",pending,"), "the row that was taken up");
}

#[test]
fn whoever_follows_can_leave_at_any_time() {
    let scene = Scene::new();
    let run = typed(&scene, 3);
    // Nothing is settled meanwhile.
    let head = "PROGRAM report -o - --follow | head -2; test ${PIPESTATUS[0]} = 0";
    scene.shell(head).exits(0).never_says("3 rows");
    let refused = scene.command("report -o f.csv --follow").exits(2);
    refused.says(["--follow writes to standard output (-o -)", "f.csv"]);
    let mut left = scene.command("report -o - --follow").start();
    let told = lines(&mut left);
    (0..4).for_each(|_| drop(next("settled row", &told)));
    let mut left = left.signal("INT");
    assert_eq!(left.child.wait().unwrap().signal(), Some(2), "it ends at once");
    drop(left);

    run.killed();
    let followed = scene.command("report -o - --follow").exits(0).stdout();
    assert_eq!(followed.lines().count(), 4, "of a run that has ended, it is the report");
    scene.command("report -o - --follow --only bad").exits(0).prints("line,");
}
