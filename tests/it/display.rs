//! What people see of a run while it goes on: a bar, lines, or nothing.

use bk_launch::mock::Behaviour;

use crate::harness::{QUICK, Scene, launch, list, scene, slow, until, well};

/// A scene with forty good rows, and a list of a bad one.
fn forty() -> Scene {
    let scene = scene(list(40)).against(Behaviour { denied: [500].into(), ..well() });
    scene.file("bad.csv", "2,500\n");
    scene
}

#[test]
fn a_terminal_gets_a_bar_and_no_colours() {
    let run = forty().run().with("--rate 50/s").environment("NO_COLOR", "1");
    let seen = run.on_a_terminal().exits(0);
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
    let run = launch(list(600)).against(slow(2_000)).with("--rate unlimited");
    let (scene, terminal) = (run.scene(), run.on_a_terminal());
    until("some are in flight", || scene.seen().starts > 10);
    terminal.signal("INT");
    let seen = terminal.exits(130);
    let position = |part: &str| part.rsplit([' ', '\r']).next()?.parse::<u64>().ok();
    let shown = seen.split("/600").filter_map(position).max().unwrap();
    let started = scene.seen().started;
    assert!(shown <= started && started < 100, "{shown} shown as done of {started}: {seen}");
    assert!(seen.contains(&format!(" 0 bad, {} pending; ", 600 - started)), "{seen}");
}

#[test]
fn no_bar_is_drawn_where_nobody_could_see_it() {
    let scene = forty();
    let run = || scene.run().with("--force --rate 50/s");
    run().exits(0).never_says(["/40", "\u{1b}"]);
    let seen = run().environment("TERM", "dumb").on_a_terminal().exits(0);
    assert!(!seen.contains("/40"), "{seen}");
    let seen = run().with("--progress none").on_a_terminal().exits(0);
    assert!(!seen.contains("/40"), "{seen}");
}

#[test]
fn quiet_is_nothing_at_all_unless_something_is_wrong() {
    let scene = forty();
    let quiet = || scene.run().with("-q");
    quiet().with(QUICK).exits(0).says_nothing();
    let bad = quiet().input("bad.csv").report("s.csv").exits(1);
    bad.says(["1 task of 1 business", "1 row: 1 rejected"]);
    quiet().input("no.csv").report("t.csv").exits(2).says("no.csv");
}

#[test]
fn logs_tell_attempts_and_decisions_to_people_and_programs() {
    let scene = forty();
    let run = || scene.run().input("bad.csv").with("--force");
    run().exits(1).never_says("attempt");
    let row = "line=1 bk_biz_id=2 scope=\"cmdb_biz\" task_id=500";
    let attempt = format!("INFO attempt {row} attempt=1");
    run().with("-v").exits(1).says([&*attempt, "verdict=\"permission\"", "-s1-l1-a1"]);
    run().with("-vv").exits(1).says([&*format!("DEBUG decided {row} "), "next=GiveUp"]);
    let told = run().with("-v --log-format json").exits(1).stderr();
    let event = told.lines().find(|line| line.starts_with('{')).unwrap();
    let event: serde_json::Value = serde_json::from_str(event).unwrap();
    assert_eq!((&event["line"], &event["verdict"]), (&1.into(), &"permission".into()));
    let task = (&event["bk_biz_id"], &event["scope"], &event["task_id"]);
    assert_eq!(task, (&2.into(), &"cmdb_biz".into(), &500.into()));
    run().environment("RUST_LOG", "trace").exits(1).says("decided").never_says("hyper");
}

#[test]
fn completions_and_manual_pages_are_printed() {
    let scene = Scene::new();
    for (shell, has) in [
        ("bash", "__complete"),
        ("zsh", "__complete"),
        ("fish", "__complete"),
        ("elvish", "throttle-patience"),
        ("powershell", "throttle-patience"),
    ] {
        scene.command(format!("completions {shell}")).exits(0).prints(["bk-launch", has]);
    }
    let manual = scene.command("man").exits(0).prints([".TH bk-launch 1", ".TH bk-launch-run 1"]);
    let written = scene.command("man --dir share/man1");
    written.exits(0).says_nothing();
    let mut pages: Vec<_> = std::fs::read_dir(scene.path("share/man1")).unwrap().collect();
    pages.sort_by_key(|page| page.as_ref().unwrap().file_name());
    let names: Vec<_> = pages.iter().map(|page| page.as_ref().unwrap().file_name()).collect();
    assert!(names.contains(&"bk-launch-runs-show.1".into()), "{names:?}");
    for page in pages {
        let page = std::fs::read_to_string(page.unwrap().path()).unwrap();
        assert!(manual.stdout().contains(&page), "the same page is printed: {page}");
    }
    scene.file("taken", "");
    scene.command("man --dir taken").exits(2).says("--dir: cannot write the manual to taken");
}

#[test]
fn every_command_has_a_manual_page_and_every_flag_stands_in_it() {
    let scene = Scene::new();
    let manual = scene.command("man").exits(0).stdout();
    let titles = manual.lines().filter_map(|line| line.strip_prefix(".TH "));
    let pages: Vec<_> = titles.map(|title| title.split(' ').next().unwrap()).collect();
    let commands = "run resume runs runs-list runs-show runs-prune report init doctor bench mock demo \
         completions man";
    let commands = commands.split(' ').map(|command| format!("bk-launch-{command}"));
    assert_eq!(pages, [vec!["bk-launch".to_owned()], commands.collect()].concat());
    let manual = manual.replace("\\-", "-");
    for command in ["run", "resume", "runs prune", "report", "bench", "mock", "doctor", "init"] {
        let help = scene.command(format!("{command} --help")).exits(0).stdout();
        let flags = help.lines().filter_map(|line| line.split_once("--"));
        let flags = flags.filter(|(before, _)| before.trim().len() <= 3).map(|(_, flag)| flag);
        let names = flags.map(|flag| flag.split([' ', '[', '=', '.']).next().unwrap());
        let names: Vec<_> = names.collect();
        assert!(names.len() > 3, "the flags are found: {names:?}");
        for name in names {
            assert!(manual.contains(&format!("--{name}")), "{command}: --{name} is in the manual");
        }
    }
}

#[test]
fn a_misspelt_word_suggests_the_near_one() {
    for (words, says) in
        [("run --rte 5/s", "--rate"), ("rum", "run"), ("completion bash", "completions")]
    {
        Scene::new().command(words).exits(2).says(says);
    }
}
