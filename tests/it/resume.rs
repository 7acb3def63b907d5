//! Stopped in every way and resumed: what is left is finished, what is in doubt stays
//! in doubt, and lines that were written once stay as they are.

use bk_launch::mock::{Behaviour, FaultKind, View};

use crate::harness::{
    HEADER, Report, Scene, each, fault, launch, list, mock, rows, scene, slow, until,
};

fn line_of(report: &Report, line: u64) -> Vec<String> {
    report.columns.iter().map(|column| report.line(line)[column].clone()).collect()
}

#[test]
fn stopped_by_a_signal_the_rest_is_finished_and_old_lines_stay_as_they_are() {
    let stopped = launch(list(200))
        .against(slow(100))
        .with("--rate 100/s")
        .start()
        .once_sent(20)
        .signal("INT")
        .exits(130);
    let scene = stopped.scene();
    let id = scene.only_run().id;
    let place = format!("run {id} in {}", scene.only_run().path.display());
    let stopped = stopped.says([&*place, &format!("\nnext: bk-launch resume {id}")]);
    let before = stopped.report();
    let then = scene.seen();

    let resumed = stopped.resume().with("--rate unlimited --lookahead 7").exits(0);
    let resumed = resumed
        .says(format!("run {id} (the latest unfinished), session 2:\n  "))
        .says_times(1, &id.to_string())
        .reports_all(200)
        .reports(200, "started")
        .server_saw(|seen| seen.starts, 200);
    let after = resumed.report();
    for line in before.of("started").map(|line| line["line"].parse().unwrap()) {
        assert_eq!(line_of(&before, line), line_of(&after, line));
    }
    assert_eq!(then.started, before.count("started"));

    // Finished: it says so, writes its report where asked, and ends as it did.
    let finished = resumed.resume().report("again.csv").exits(0);
    let again = finished
        .says(format!("run {id} (the latest) is finished; nothing was sent\n200 rows: 200 started"))
        .says("again.csv")
        .says_times(1, &id.to_string())
        .server_saw(|seen| seen.starts, 200)
        .report();
    for line in 2..202 {
        assert_eq!(line_of(&after, line), line_of(&again, line));
    }
}

#[test]
fn a_finished_run_refuses_reports_that_one_with_something_left_refuses() {
    let scene = launch("2,1\n").exits(0).scene();
    for (flags, says) in [
        ("--json -o -", "--json and --output - both want standard output"),
        ("-o s.csv -o ./s.csv", "--output ./s.csv is given twice"),
    ] {
        scene.resume().with(flags).exits(2).says(says).prints_only("");
        assert!(!scene.has("s.csv"));
    }
}

#[test]
fn the_doubt_survives_stops_and_crashes() {
    for view in [View::Allowed, View::Denied] {
        // Ten tasks are started, and their answers are lost.
        let first = each(1..=10, FaultKind::ResetAfter, 1);
        let killed = launch(list(30))
            .against(Behaviour { first, view, ..slow(100) })
            .with("--backoff 20s..30s --lookahead 12")
            .start()
            .once("all of the lookahead were sent", |seen| seen.starts >= 12)
            .killed();
        // Three sessions are stopped before they send anything.
        for flags in ["", "--retry-failed", ""] {
            let stopped = killed.resume().with("--rate 1/h --limit 0").with(flags).exits(0);
            stopped.says(" pending rows may already have started; resume will check");
        }
        let resumed = killed.resume().with("--rate unlimited").exits(0);
        let report = resumed.reports_all(30).reports(30, "started").report();
        assert!((2..12).all(|line| report.line(line)["known_by"] == "resume"), "{view:?}");
        assert!(killed.scene().seen().tasks.values().all(|task| task.accepted == 1));
    }
}

#[test]
fn stopped_at_once_after_a_crash_no_row_of_ours_is_somebody_elses() {
    let killed = launch(list(10))
        .against(Behaviour { first: each(1..=5, FaultKind::ResetAfter, 1), ..slow(100) })
        .with("--backoff 20s..30s")
        .start()
        .once("all were sent", |seen| seen.starts >= 10)
        .killed();
    let scene = killed.scene();
    let run = scene.resume().with("--rate 1/h").start();
    until("the second session has begun", || scene.journal().sessions().unwrap().len() == 2);
    let code = run.signal("INT").ends().code();
    assert!(code == Some(130) || code.is_none(), "{code:?}");
    scene.resume().with("--rate unlimited").exits(0).reports(10, "started");
}

#[test]
fn what_somebody_else_started_long_ago_is_his_even_in_doubt() {
    // The first request for each is lost before the server sees it.
    let first = each(1..=4, FaultKind::ResetBefore, 1);
    launch(list(4))
        .against(Behaviour { first, started: [1, 2].into(), ..slow(100) })
        .with("--backoff 20s..30s")
        .start()
        .once("all were sent", |seen| seen.starts >= 4)
        .killed()
        .resume()
        .exits(0)
        .reports_in_order(["already_started", "already_started", "started", "started"]);
}

#[test]
fn bad_rows_are_taken_up_again_and_their_last_word_wins() {
    let first = vec![fault(2, FaultKind::Crash, 1), fault(3, FaultKind::BadGateway, 1)];
    let before = ["rejected", "failed", "unknown", "already_started", "started", "invalid"];
    let run = launch(format!("{HEADER}{}2,x,\n", rows(2, 1, 5)))
        .against(Behaviour { first, denied: [1].into(), started: [4].into(), ..slow(100) })
        .with("--retries 0 --on-invalid skip")
        .exits(1)
        .reports_in_order(before);
    // The invalid row does not count: it would be invalid again.
    let next = "--retry-failed sends again the 3 rows that ended bad\n";
    run.resume().exits(1).says(["is finished; nothing was sent", "next: bk-launch resume 2", next]);

    run.scene().change(|behaviour| behaviour.denied.clear());
    let again = run.resume().with("--retry-failed").exits(1).says("3 tasks of 1 business");
    again.reports_all(6).reports_known([
        "started reply 2",
        "started reply 2",
        "started reply 2",
        "already_started  1",
        "started reply 1",
        "invalid  0",
    ]);
    let bad = run.resume().with("--retry-failed --already-started fail").exits(1);
    bad.row(5).has("attempts", ["2"]);
    // The history stays in the journal.
    let journal = run.scene().database();
    let history: Vec<String> = journal
        .prepare("SELECT outcome FROM record WHERE line = 3 ORDER BY seq")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(history, ["failed", "started"]);
}

#[test]
fn nothing_is_sent_again_where_only_invalid_rows_ended_bad() {
    let run = launch("2,1\n2,x\n").with("--on-invalid skip").exits(1);
    run.resume().exits(1).says("is finished; nothing was sent").never_says("--retry-failed");
}

#[test]
fn killed_while_it_takes_up_bad_rows_a_plain_resume_finishes_them() {
    launch(list(40))
        .against(Behaviour { first: each(1..=40, FaultKind::Crash, 1), ..slow(100) })
        .with("--retries 0 --rate unlimited --backoff 1ms..20ms")
        .exits(1)
        .reports(40, "failed")
        .resume()
        .with("--retry-failed --rate 50/s")
        .start()
        .once("some were sent again", |seen| seen.starts >= 50)
        .killed()
        .resume()
        .with("--rate unlimited")
        .exits(0)
        .reports_all(40)
        .reports(40, "started");
}

#[test]
fn killed_during_the_copy_of_the_input_there_is_no_run() {
    let scene = Scene::new();
    let run = scene.run().typing("").start();
    let state = scene.path("state/runs");
    until("its folder is there", || state.read_dir().is_ok_and(|mut all| all.next().is_some()));
    scene.command("runs prune").exits(0).prints_only("");
    run.killed();
    scene.resume().exits(2).says("there is no run in");
    assert_eq!(state.read_dir().unwrap().count(), 1);
    let pruned = scene.command("runs prune").exits(0).prints(".new");
    assert!(pruned.stdout().starts_with("removed "), "{pruned}");
    assert_eq!(state.read_dir().unwrap().count(), 0);
    assert_eq!(scene.seen().requests, 0);
}

#[test]
fn a_bad_file_leaves_no_folder_behind() {
    let scene = Scene::new();
    scene.file("bad.csv", "bk_biz_id,task_id\n2,x\n");
    scene.file("good.csv", "2,1\n");
    scene.file("r.csv", "precious");
    for words in ["bad.csv", "no.csv", "good.csv -o r.csv"] {
        scene.command("run --esb http://h").with(words).exits(2);
    }
    assert_eq!(scene.path("state/runs").read_dir().unwrap().count(), 0);
}

#[test]
fn standard_input_that_never_ended_ends_as_incomplete() {
    for signal in ["KILL", "INT"] {
        let scene = Scene::new().against(slow(100));
        // The last row is torn in the middle, and never handed out.
        let run = scene.command("run").by_esb().typing(format!("{}2,99", list(20)));
        run.with("--rate 20/s").start().once_sent(5).signal(signal).ends();
        scene.resume().exits(1).says("input incomplete: 20 rows were read");
        let report = Report::read(&scene.only_run().report());
        report.is_complete(20);
        assert_eq!(report.count("started"), 20, "{signal}");
        assert!(!scene.seen().tasks.contains_key("cmdb_biz/2/99"));
        let again = scene.resume().exits(1);
        again.says(["is finished; nothing was sent", "input incomplete: 20 rows were read"]);
    }
}

#[test]
fn standard_input_of_which_all_is_settled_is_resumed_once_and_finished() {
    for signal in ["INT", "KILL"] {
        let scene = Scene::new().against(slow(100));
        let run = scene.command("run").by_esb().typing("2,1\n2,2\n").start();
        until("both are settled", || scene.settled() == Some(2));
        run.signal(signal).ends();
        for _ in 0..2 {
            let resumed = scene.resume().exits(1);
            resumed.says(["is finished; nothing was sent", "input incomplete: 2 rows"]);
        }
        scene.command("runs").exits(0).prints("finished");
        assert_eq!(scene.seen().starts, 2);
    }
}

#[test]
fn a_mended_url_finishes_what_a_wrong_one_stopped() {
    let scene = scene(list(3)).against(slow(100));
    let wrong = format!("{}/nowhere/compapi", scene.url());
    scene.run_kept().at(wrong).exits(3).says("the URL does not lead to bk-sops");
    scene.resume().by_esb().exits(0).server_saw(|seen| seen.started, 3);
}

#[test]
fn standard_input_that_ended_is_a_whole_run() {
    let scene = Scene::new().against(slow(100));
    scene.command("run --limit 2").by_esb().piped("2,1\n2,2").exits(0);
    let copy = std::fs::read_to_string(scene.only_run().input("csv")).unwrap();
    assert_eq!(copy, "2,1\n2,2\n", "with a last line end");
    let run = scene.command("run --rate 10/s").by_esb().piped(rows(2, 11, 20)).start();
    run.once_sent(6).signal("TERM").exits(143);
    scene.resume().with("--rate unlimited").exits(0).server_saw(|seen| seen.started, 22);
}

#[test]
fn mended_credentials_finish_what_a_refusal_stopped() {
    let stopped = launch(list(40))
        .against(Behaviour { auth_after: Some(10), ..slow(100) })
        .with("--rate unlimited")
        .exits(3)
        .says("next: bk-launch resume ")
        .reports_all(40);
    let scene = stopped.scene();
    assert_eq!(stopped.report().count("started"), scene.seen().started);
    stopped.resume().exits(3);
    scene.change(|behaviour| {
        behaviour.auth_after = None;
        behaviour.secret = Some("mended".into());
    });
    let mended = stopped.resume().environment("BK_APP_SECRET", "mended").exits(0);
    mended.reports_all(40).reports(40, "started");
}

#[test]
fn another_server_is_refused_once_anything_was_sent() {
    let (run, other) = (launch(list(10)).against(slow(100)), mock(slow(100)));
    let run = run.with("--limit 4").exits(0);
    let elsewhere = run.resume().at(other.url());
    elsewhere.clone().exits(2).says(["another server", "--target-changed"]);
    assert_eq!(other.counts().requests, 0);
    elsewhere.with("--target-changed --limit 3").exits(0);
    assert_eq!(other.counts().started, 3);
    // From now on that is the run's server.
    run.resume().exits(0).server_saw(|seen| seen.started, 4);
    assert_eq!(other.counts().started, 6);
}

#[test]
fn before_anything_was_sent_another_server_is_taken() {
    let scene = scene(list(3)).against(slow(100));
    scene.run_kept().at("http://127.0.0.1:9").with("--limit 0").exits(0);
    scene.resume().by_esb().exits(0).server_saw(|seen| seen.started, 3);
}

#[test]
fn a_run_that_is_alive_is_left_alone() {
    let run = launch(list(100)).against(slow(100)).with("--rate 5/s").start().once_sent(1);
    let scene = run.scene.clone();
    let active = format!("the run {} is already active (pid {})", scene.only_run().id, run.pid());
    scene.resume().exits(5).says(active);
    scene.command("runs").exits(0).prints("running");
    scene.command("runs prune --keep 0").exits(0).prints_only("");
    // Its report can be written all the same.
    scene.command("report").report("now.csv").exits(0).reports_all(100);
    run.signal("INT").exits(130);
}

#[test]
fn of_two_resumes_at_the_same_time_one_is_turned_away() {
    let begun = launch(list(30)).against(slow(100)).with("--limit 1").exits(0);
    let both = [(); 2].map(|()| begun.resume().with("--rate 20/s").start());
    let mut codes = both.map(|run| run.ends().code().unwrap());
    codes.sort_unstable();
    assert_eq!(codes, [0, 5]);
    begun.server_saw(|seen| seen.starts, 30);
}

#[test]
fn a_dry_run_and_a_check_of_a_resume_send_nothing() {
    let run = launch(list(10)).against(slow(100)).with("--limit 4 --rate 7/s").exits(0);
    let plan = run.resume().with("--dry-run").exits(0);
    plan.prints(["6 tasks of 1 business", " at 7/s: ", "rows: 10 (4 settled, 6 to start"]);
    let passed = ["passed: URL, credentials and the right to view are proved", "5 of 5 rows"];
    run.resume().with("--check").exits(0).says(passed);
    run.scene().change(|behaviour| behaviour.missing = [5].into());
    let warned = run.resume().with("--check").exits(0);
    warned.says("warning: tasks.csv:6: task 5 of business").server_saw(|seen| seen.starts, 4);
}
