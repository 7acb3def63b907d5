//! Runs that were: listed, shown, reported again and removed.

use bk_launch::mock::{Behaviour, FaultKind};
use serde_json::{Value, json};

use crate::harness::{Scene, each, launch, list, scene, slow, until, well};
use crate::intents::lines;

/// What `runs` says of the only run, for people and for programs.
fn told(scene: &Scene) -> (String, Value) {
    let listed = scene.command("runs").exits(0).stdout();
    (listed, scene.command("runs show --json").exits(0).json())
}

/// Task 3 is refused.
fn refusing() -> Behaviour {
    Behaviour { denied: [3].into(), ..well() }
}

#[test]
fn runs_are_listed_and_shown_with_their_history() {
    let scene = scene(list(5)).against(refusing());
    assert_eq!(scene.command("runs --json").exits(0).json(), Value::Array(Vec::new()));
    let listed = || scene.command("runs").exits(0);
    listed().says("no runs in");
    scene.run_kept().with("--limit 2").exits(0);
    listed().prints(["stopped: limit", "2 started, 3 pending"]);
    scene.resume().exits(1);
    scene.resume().with("--retry-failed").exits(1);
    listed().prints(["finished, 1 rejected     1 ", "  4 started, 1 rejected\n"]);

    let id = scene.only_run().id;
    let show = |id: &str| scene.command(format!("runs show {id}"));
    show(&id.as_str()[..12]).exits(0).prints([
        "state   finished, 1 rejected, exit 1",
        "tasks.csv",
        "session 3: ",
        "--retry-failed",
        "exit 1",
    ]);
    let shown = show(id.as_str()).with("--json").exits(0).json();
    assert_eq!(shown["run"], id.as_str());
    assert_eq!((&shown["state"], &shown["rows"]), (&"finished".into(), &5.into()));
    assert_eq!(shown["outcomes"]["started"], 4);
    assert_eq!(shown["sessions"][0]["ending"], "limit");
    assert_eq!(shown["sessions"][2]["retry_failed"], true);
    let listed = scene.command("runs list --json").exits(0).json();
    // A second may pass between the two.
    let apart = ["sessions", "age_seconds"];
    let listed = listed[0].as_object().unwrap();
    for (key, value) in listed.iter().filter(|(key, _)| !apart.contains(&key.as_str())) {
        assert_eq!(value, &shown[key], "{key}");
    }
    show("1999").exits(2).says("no run is called");
}

#[test]
fn a_page_about_a_run_says_what_to_do_about_it_and_what_each_session_was_told() {
    let behaviour = Behaviour { missing: (1..=30).collect(), denied: [31].into(), ..well() };
    let scene = scene(format!("{}2,x\n", list(35))).against(behaviour);
    let run = scene.run_kept().with("-o r.csv --on-invalid skip --window 00:00-23:59 --tz UTC");
    run.with("--limit 31 --rate unlimited --name nightly").exits(1);
    let show = |flags: &str| scene.command(format!("runs show {flags}")).exits(0);
    let failures = [
        "failures:\n  rejected (not_found) 30 rows, such as lines 2, 3 and 4: ",
        "\n    check the ids, and that scope says",
        "  rejected (permission) line 32: ",
        "  invalid (task_id must be written with the digits 0 to 9 alone, not \"x\") line 37\n    fix these",
        "\nbad rows, the first 20 of 32 (--bad shows all):\n  line 2: rejected (not_found), task 1 of",
    ];
    let page = show("").prints(failures).prints([
        " (the latest unfinished)\n  folder  ",
        "  name    nightly\n  state   stopped: limit, exit 1; began ",
        "  rows    36: 31 rejected, 1 invalid, 4 pending\n",
        "r.csv\n  session 1: ",
        " (limit, exit 1), with --limit=31\n  next    bk-launch resume 20",
    ]);
    assert_eq!(page.never_says("latest").stdout().matches("\n  line ").count(), 20);
    let all = show("nightly --bad").prints(["\nbad rows:\n", "  line 37: invalid (task_id must"]);
    assert_eq!(all.stdout().matches("\n  line ").count(), 32);

    scene.shell("echo >> r.csv").exits(0);
    scene.resume().with("--rate 900/s --retry-failed -o s.csv --stop-at +1h").exits(1);
    let page =
        show("").prints(["r.csv (changed since the run wrote it)\n", "s.csv\n", "--limit=31"]);
    page.prints("), with --retry-failed --rate=900/s --stop-at=+1h\n");
    let page = show("--json").json();
    assert_eq!(
        (&page["bad"], &page["left"], &page["resume"]),
        (&32.into(), &0.into(), &Value::Null)
    );
    assert_eq!(page["bad_rows"].as_array().unwrap().len(), 20);
    assert_eq!(page["failures"][0]["example_lines"], json!([2, 3, 4]));
    assert_eq!(page["reports"][0]["state"], "changed");
    assert_eq!(page["sessions"][0]["flags"], json!({ "limit": ["31"] }));
    assert_eq!(
        (&page["flags"]["rate"][0], &page["flags"]["tz"][0]),
        (&"unlimited".into(), &"UTC".into())
    );
}

#[test]
fn a_page_about_a_run_that_died_counts_what_may_have_started() {
    let scene = scene(list(40)).against(slow(60_000));
    let run = scene.run_kept().with("--rate unlimited --concurrency 6").start();
    let run = run.once_sent(1);
    let noted = "SELECT lines FROM intent WHERE session = ?";
    until("every row is noted", || lines(&scene, noted, 1).len() == 40);
    run.killed();
    let page = scene.command("runs show").exits(0);
    page.prints("  rows    40: 40 pending; 40 pending rows may already have started, and resume");
    let page = scene.command("runs show --json").exits(0).json();
    assert_eq!(page["in_doubt"], 40);
    scene.change(|behaviour| *behaviour = well());
    scene.resume().exits(0);
    scene.command("runs show").exits(0).prints("  rows    40: ").never_prints("may already");
}

#[test]
fn of_a_live_run_the_page_tells_rate_window_and_end_and_is_renewed_until_it_ends() {
    let scene = scene(list(400)).against(well());
    let run = scene.run_kept().with("--rate 50/s --stop-at +1h --limit 300").start();
    let shown = || scene.command("runs show --json").exits(0).json();
    until("there is a rate", || !scene.runs().is_empty() && !shown()["rows_per_second"].is_null());
    let page = shown();
    let rate = page["rows_per_second"].as_f64().unwrap();
    assert!((20.0..60.0).contains(&rate), "{rate}");
    let time = |text: &Value| text.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    assert_eq!(page["expected_by"], "achieved");
    assert!(time(&page["expected_end"]) < time(&page["window"]["stop"]), "{page}");
    assert_eq!(page["reports"][0]["state"], "growing");
    let told = scene.command("runs show").exits(0).stdout();
    for part in [" rows/s (--rate 50/s)\n  end     about ", "  window  until ", "(grows while"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let terminal = scene.command("runs show --watch").on_a_terminal();
    terminal.until("the page", |seen| seen.contains("running, process"));
    run.signal("INT").exits(130);
    let seen = terminal.exits(0);
    assert!(seen.contains("state   stopped: SIGINT, exit 130"), "it ends with the run: {seen}");
    scene.command("runs show --watch").exits(2).says("--watch draws on a terminal");
}

#[test]
fn the_list_fits_a_terminal_and_is_whole_in_a_pipe() {
    let scene = scene(list(3)).against(refusing());
    let name = "nightly-launch-of-all-web-servers-and-their-databases";
    scene.run_kept().with(format!("--limit 1 --name {name}")).exits(0);
    let on_terminal = |columns: u32| {
        let line = format!("script -qec 'stty cols {columns}; PROGRAM runs' /dev/null </dev/null");
        scene.shell(&line).exits(0).stdout()
    };
    let narrow = on_terminal(100);
    let widths: Vec<_> = narrow.lines().map(|line| line.trim_end().chars().count()).collect();
    assert!(widths.iter().all(|width| *width <= 100), "{widths:?}: {narrow}");
    let parts = ["  nightly-", "…", "atabases  stopped: limit  ", "1 started, 2 pending"];
    assert!(parts.iter().all(|part| narrow.contains(part)), "{narrow}");
    assert!(on_terminal(200).contains(name));
    scene.command("runs").exits(0).prints(format!("  {name}  stopped: limit  "));
}

#[test]
fn a_list_that_is_renewed_shows_the_latest_runs_on_a_small_terminal() {
    let scene = scene("2,1\n").against(well());
    for number in 1..=6 {
        scene.run_kept().with(format!("--limit 0 --name night-{number}")).exits(0);
    }
    let terminal = scene.command("runs --watch").on_a_terminal_of(40, 6);
    terminal.until("the list", |seen| {
        ["3 older runs, and:", "night-6", "night-5", "night-4"]
            .iter()
            .all(|part| seen.contains(part))
    });
    terminal.signal("INT");
    let (_, seen) = terminal.ends();
    assert!(!seen.contains("night-3"), "{seen}");
}

#[test]
fn runs_are_listed_by_what_they_need() {
    let scene = scene(list(3)).against(refusing());
    scene.run_kept().with("--name bad").exits(1);
    scene.run_kept().with("--name rest --limit 1").exits(0);
    scene.file("good.csv", "2,1\n");
    scene.run_kept().input("good.csv").with("--name good").exits(0);
    for (flags, names) in [
        ("", "bad rest good"),
        ("list", "bad rest good"),
        ("--failed", "bad"),
        ("list --unfinished", "rest"),
        ("--failed --unfinished", "bad rest"),
        ("--failed list --unfinished", "bad rest"),
    ] {
        let listed = scene.command(format!("runs {flags}")).exits(0).stdout();
        let found: Vec<_> =
            listed.lines().skip(1).filter_map(|line| line.split_whitespace().nth(1)).collect();
        assert_eq!(found.join(" "), names, "{flags}: {listed}");
    }
    let terminal = scene.command("runs --watch").on_a_terminal();
    terminal.until("the list", |seen| seen.contains("good"));
    terminal.signal("INT");
    let (code, _) = terminal.ends();
    assert_ne!(code, Some(0));
    scene.command("runs --failed show").exits(2).says("flags of: runs list");
    scene.command("runs --watch --json").exits(2).says("--watch is for people");
}

#[test]
fn a_run_that_waits_is_told_from_one_that_runs_and_one_that_drains() {
    let scene = scene("2,1\n").against(slow(8_000));
    let run = scene.run_kept().with("--start-at +1h").start().once_it_handles_signals();
    until("it says that it waits", || told(&scene).1["state"] == "waiting");
    let (listed, shown) = told(&scene);
    assert!(listed.contains("waiting until 20"), "{listed}");
    let pid = run.pid();
    assert_eq!((&shown["pid"], &shown["outcomes"]["pending"]), (&pid.into(), &1.into()));
    assert!(shown["waits_until"].as_str().unwrap() > shown["began"].as_str().unwrap());
    assert_eq!((&shown["exit"], &shown["expected_by"]), (&Value::Null, &"allowed".into()));
    let page = scene.command("runs show").exits(0);
    page.prints(["\n  end     at the earliest ", "min, by --rate\n"]);
    run.signal("TERM").exits(143);
    let (listed, shown) = told(&scene);
    assert!(listed.contains("stopped: SIGTERM   143 "), "{listed}");
    assert_eq!((&shown["exit"], &shown["waits_until"]), (&143.into(), &Value::Null));

    let run = scene.resume().start().once("something is out", |seen| seen.starts > 0);
    assert_eq!(told(&scene).1["state"], "running");
    let run = run.signal("INT");
    // Nothing is settled for seconds, and it is noted all the same.
    until("it says that it drains", || told(&scene).1["state"] == "draining");
    let (listed, shown) = told(&scene);
    assert!(listed.contains("draining: SIGINT"), "{listed}");
    assert_eq!((&shown["draining"], &shown["settled"]), (&"SIGINT".into(), &0.into()));
    let state = format!("state   draining: SIGINT, process {}", run.pid());
    scene.command("runs show").exits(0).prints([&*state, " to now\n"]);
    // What was in flight was all that was left.
    run.exits(0);
    assert_eq!(told(&scene).1["state"], "finished");
}

#[test]
fn a_run_that_ended_with_bad_rows_is_not_just_finished() {
    let scene = scene(list(5))
        .against(Behaviour { first: each([1, 3], FaultKind::BadGateway, 9), ..well() });
    scene.run_kept().with("--retries 0").exits(1).says("5 rows: 3 started, 2 unknown");
    let (listed, shown) = told(&scene);
    assert!(listed.contains("finished, 2 unknown     1 "), "{listed}");
    assert!(listed.ends_with("  3 started, 2 unknown\n"), "{listed}");
    assert_eq!((&shown["state"], &shown["exit"]), (&"finished".into(), &1.into()));
}

#[test]
fn counts_are_those_of_the_summary_also_of_rows_that_were_cut_off() {
    let first = each(1..=3, FaultKind::Silent, 9);
    let scene = scene(list(60)).against(Behaviour { first, ..well() });
    let run = scene.run_kept().with("--confirm --limit 5 --json").start();
    let settled = |scene: &Scene| -> u64 {
        if scene.runs().is_empty() { 0 } else { told(scene).1["settled"].as_u64().unwrap() }
    };
    until("two are settled", || settled(&scene) == 2);
    let stopped = run.signal("INT").exits(130);
    let stopped = stopped.says("60 rows: 2 started, 3 unconfirmed, 55 pending");
    let (listed, shown) = told(&scene);
    assert!(listed.ends_with("  2 started, 3 unconfirmed, 55 pending\n"), "{listed}");
    assert_eq!(shown["outcomes"], stopped.json()["outcomes"]);

    // Of a stream that was stopped, those count that were read.
    let scene = Scene::new();
    let run = scene.command("run --rate 1/m --json").by_esb().typing(list(5)).start();
    until("the first is settled", || settled(&scene) == 1);
    let stopped = run.signal("INT").exits(130).says("5 rows: 1 started, 4 pending");
    let (listed, shown) = told(&scene);
    assert!(listed.ends_with("  1 started, 4 pending\n"), "{listed}");
    assert_eq!(shown["outcomes"], stopped.json()["outcomes"]);
}

#[test]
fn a_report_is_made_again_in_any_format_and_in_the_order_of_the_input() {
    let list = "bk_biz_id,task_id,note\n2,1,\"a, b\"\n2,x,=1\n2,3,c\n2,1,d\n2,5,e\n2,6,f\n";
    let run = launch(list).against(refusing()).with("--on-invalid skip --limit 3").exits(1);
    let (first, scene) = (run.report(), run.scene());
    let again = scene.command("report").report("a.csv").with("-o b.tsv -o c.jsonl").exits(0);
    let again =
        again.says("6 rows: 2 started, 1 rejected, 1 invalid, 1 duplicate, 1 pending").report();
    let order: Vec<_> = again.lines.iter().map(|line| &*line["line"]).collect();
    assert_eq!(order, ["2", "3", "4", "5", "6", "7"]);
    assert_eq!(again.line(2)["note"], "a, b");
    assert_eq!(again.outcome(7), "pending");
    for line in 2..8 {
        assert_eq!(first.line(line), again.line(line), "word for word");
    }
    let lines = scene.read("c.jsonl");
    let second: Value = serde_json::from_str(lines.lines().nth(1).unwrap()).unwrap();
    assert_eq!(second["note"], "=1");
    assert_eq!(scene.read("b.tsv").lines().count(), 7);

    let report = |flags: &str| scene.command("report").with(flags);
    let counts = report("-o d.csv --json").exits(0).json();
    assert_eq!((&counts["rows"], &counts["outcomes"]["started"]), (&6.into(), &2.into()));
    report("-o a.csv").exits(2).says("a.csv is there already");
    report("-o a.csv --force").exits(0);
    report("-o a.pdf").exits(2);
    report("-o -").exits(0).prints_only(&scene.read("a.csv"));
    let followed = report("-o - --follow").exits(0).stdout();
    assert!(followed.lines().last().unwrap().contains(",pending,"), "open rows come last");
    // A reader that has seen enough is no error.
    scene.shell("PROGRAM report -o - | head -1; test ${PIPESTATUS[0]} = 0").exits(0);
}

#[test]
fn old_runs_are_removed_but_for_those_that_are_spared() {
    let scene = scene("2,1\n").against(refusing());
    for _ in 0..3 {
        scene.run_kept().exits(0);
    }
    let ids: Vec<_> = scene.runs().into_iter().map(|run| run.id).collect();
    let prune = |flags: &str| scene.command("runs prune").with(flags).exits(0);
    prune("").says("nothing to remove; say --keep");
    prune("--keep 1 --older-than 1h").prints_only("");
    assert_eq!(prune("--keep 1 --json").json()["removed"].as_array().unwrap().len(), 2);
    assert_eq!(scene.only_run().id, *ids.iter().max().unwrap());
    prune("--keep 0").prints(scene.path("state").to_str().unwrap());
    assert!(scene.runs().is_empty());
}
