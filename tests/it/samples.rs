//! The samples run as they stand, but for the server's URL, the hours of a window, and the places
//! of files.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;

use serde_json::Value;

use crate::docs::root;
use crate::harness::{Outcome, Running, Scene, list, scene, slow};
use crate::recipes::open_window;

/// The program as the samples call it.
const INSTALLED: &str = "/usr/local/bin/bk-launch";

/// Rows of the list that the samples launch.
const ROWS: u64 = 3;

fn sample(name: &str) -> String {
    fs::read_to_string(root().join("samples").join(name)).unwrap()
}

/// A scene with all that the samples name, the folders of the system in it.
fn machine() -> Scene {
    let scene = scene(list(ROWS)).against(slow(20));
    for folder in ["srv", "srv/bk-launch", "etc", "etc/bk-launch", "var", "prom"] {
        scene.folder(folder);
    }
    symlink(scene.path("tasks.csv"), scene.path("srv/bk-launch/tonight.csv")).unwrap();
    scene.file("etc/bk-launch/app_secret", "s3cret");
    scene.file("etc/bk-launch/token", "t0ken");
    // It answers 404, which never changes how a run ends.
    scene.file("etc/bk-launch/ping_url", format!("{}/ping", scene.url()));
    scene
}

/// Starts a line of a sample by the shell that cron and systemd take, with these variables alone.
fn start(scene: &Scene, line: &str, variables: &[String]) -> Running {
    let place = |path: &str| scene.path(path).display().to_string();
    let placed = |text: &str| {
        let placed = text
            .replace(INSTALLED, env!("CARGO_BIN_EXE_bk-launch"))
            .replace("/srv/bk-launch/", &place("srv/bk-launch/"))
            .replace("/etc/bk-launch/", &place("etc/bk-launch/"))
            .replace(CREDENTIALS, &place("credentials"))
            .replace("/var/lib/bk-launch", &place("var/bk-launch"))
            .replace("/var/lib/node_exporter/", &place("prom/"))
            .replace("https://paas.example.com", &scene.url());
        let window = open_window();
        placed.replace("22:00-04:00 --tz Asia/Shanghai", &window).replace("22:00-04:00", &window)
    };
    let mut shell = scene.other("/bin/sh");
    shell.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", place(""));
    for variable in variables {
        let (name, value) = variable.split_once('=').unwrap();
        shell.env(name, placed(value));
    }
    // The waiting is tried elsewhere.
    let line = placed(line).replace("--jitter 1m", "--jitter 1ms");
    scene.start(shell.args(["-c", &line]))
}

/// Runs such a line to its end.
fn run(scene: &Scene, line: &str, variables: &[String]) -> Outcome {
    start(scene, line, variables).ends()
}

/// The commands of the program in the comments of a sample.
fn commands_in_comments(text: &str) -> Vec<String> {
    let comments = text.lines().filter_map(|line| line.strip_prefix('#'));
    let comments = comments.collect::<Vec<_>>().join("\n").replace("\\\n", " ");
    let commands = comments.lines().filter(|line| line.contains(&format!("{INSTALLED} ")));
    commands.map(|command| command.trim().to_owned()).collect()
}

/// A line of a crontab: its five fields, and its command as cron hands it to the shell.
fn entry(line: &str) -> (Vec<&str>, String) {
    let mut rest = line;
    let fields = (0..5).map(|_| {
        let (field, after) = rest.split_once(' ').unwrap();
        rest = after;
        field
    });
    let fields = fields.collect();
    let unescaped = rest.replace("\\%", "");
    assert!(!unescaped.contains('%'), "a percent sign ends a command of cron: {line}");
    (fields, rest.replace("\\%", "%"))
}

/// Whether a field of a crontab is a number within these, or any.
fn is_within(field: &str, least: u32, most: u32) -> bool {
    field == "*" || field.parse().is_ok_and(|number: u32| (least..=most).contains(&number))
}

#[test]
fn the_crontab_runs_as_it_stands() {
    let (scene, text) = (machine(), sample("crontab"));
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let (entries, variables): (Vec<_>, Vec<_>) =
        lines.partition(|line| line.starts_with(|c: char| c.is_ascii_digit()));
    let variables: Vec<_> = variables.into_iter().map(str::to_owned).collect();
    assert!(variables.iter().any(|variable| variable.starts_with("MAILTO=")), "{variables:?}");
    assert_eq!(entries.len(), 2);
    for line in entries {
        let (fields, command) = entry(line);
        let [minute, hour, day, month, weekday] = fields[..] else { unreachable!() };
        assert!(is_within(minute, 0, 59) && is_within(hour, 0, 23) && is_within(day, 1, 31));
        assert!(is_within(month, 1, 12) && is_within(weekday, 0, 7), "{line}");
        assert!(command.starts_with(&format!("{INSTALLED} ")), "the whole path: {command}");
        let ended = run(&scene, &command, &variables).exits(0);
        assert_eq!((ended.stdout(), ended.stderr()), (String::new(), String::new()), "no mail");
    }
    assert_eq!(scene.seen().started, ROWS);
    assert!(scene.read("prom/bk_launch_nightly.prom").contains("bk_launch_exit_code"));
    let resumes = commands_in_comments(&text);
    assert_eq!(resumes.len(), 1, "{resumes:?}");
    run(&scene, &resumes[0], &[]).exits(0).says("nothing was sent");
}

/// Where systemd puts the credentials of a service.
const CREDENTIALS: &str = "/run/credentials/unit";

/// The values of a setting of a unit, with their continued lines and without specifiers.
fn settings(unit: &str, name: &str) -> Vec<String> {
    let begins = format!("{name}=");
    let unit = unit.replace("\\\n", " ");
    let values = unit.lines().filter_map(|line| line.strip_prefix(&begins));
    let plain = |value: &str| {
        let value = value.replace("%%", "\0").replace("%S", "/var/lib").replace("%d", CREDENTIALS);
        assert!(!value.contains('%'), "a specifier that the test does not know: {value}");
        value.replace('\0', "%")
    };
    values.map(plain).collect()
}

/// Starts what systemd would of a service; `which` is `ExecStart` or `ExecCondition`.
fn begun(scene: &Scene, unit: &str, which: &str) -> Running {
    fs::create_dir_all(scene.path("credentials")).unwrap();
    for credential in settings(unit, "LoadCredential") {
        let (name, path) = credential.split_once(':').unwrap();
        fs::copy(scene.path(&path[1..]), scene.path("credentials").join(name)).unwrap();
    }
    let mut variables = settings(unit, "Environment");
    variables.push(format!("CREDENTIALS_DIRECTORY={CREDENTIALS}"));
    let lines = settings(unit, which);
    let [line] = &lines[..] else { panic!("{which}: {lines:?}") };
    start(scene, &format!("exec {line}"), &variables)
}

/// Runs it to its end; then systemd takes the credentials away.
fn executed(scene: &Scene, unit: &str, which: &str) -> Outcome {
    let ended = begun(scene, unit, which).ends();
    fs::remove_dir_all(scene.path("credentials")).unwrap();
    ended.never_says("cannot read")
}

#[test]
fn the_services_run_as_they_stand() {
    let scene = machine();
    let [nightly, resume, prune] = ["nightly", "resume", "prune"]
        .map(|name| sample(&format!("systemd/bk-launch-{name}.service")));
    let is_resumed = |scene: &Scene| executed(scene, &resume, "ExecCondition").code() == Some(0);
    assert!(!is_resumed(&scene), "there is nothing to resume yet");
    let launch = begun(&scene, &nightly, "ExecStart").once_sent(1);
    launch.signal("KILL").ends().never_says("cannot read");
    let before = scene.seen().started;
    assert!(before < ROWS, "it died before its end");
    assert!(is_resumed(&scene), "what died is resumed");
    executed(&scene, &resume, "ExecStart").exits(0);
    assert_eq!(scene.seen().started, ROWS);
    assert!(!is_resumed(&scene), "what is finished is left alone");

    let by_hand = commands_in_comments(&nightly);
    assert_eq!(by_hand.len(), 1, "{by_hand:?}");
    run(&scene, &by_hand[0], &[]).exits(0).says("nothing was sent");
    executed(&scene, &prune, "ExecStart").exits(0);
}

#[test]
fn what_a_shutdown_stopped_is_resumed_and_what_a_budget_stopped_is_not() {
    let scene = machine();
    let resume = sample("systemd/bk-launch-resume.service");
    let variable = format!("BK_LAUNCH_STATE={}", scene.path("var/bk-launch").display());
    let is_resumed = || executed(&scene, &resume, "ExecCondition").code() == Some(0);
    let nightly = || {
        let (_, state) = variable.split_once('=').unwrap();
        scene.run_kept().environment("BK_LAUNCH_STATE", state).with("--name nightly")
    };
    let run = nightly().with("--rate 2/s").start().once_sent(1);
    run.signal("TERM").exits(143);
    assert!(is_resumed());
    scene.change(|behaviour| behaviour.denied = (1..=ROWS).collect());
    scene.command("runs prune --unfinished --state-dir var/bk-launch").exits(0);
    nightly().with("--max-failures 0").exits(3);
    assert!(!is_resumed());
}

/// The metrics that a text names.
fn metrics(text: &str) -> BTreeSet<String> {
    let of_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let starts = text.match_indices("bk_launch_").filter(|(at, _)| !text[..*at].ends_with(of_name));
    starts.map(|(at, _)| text[at..].chars().take_while(|c| of_name(*c)).collect()).collect()
}

/// Every query of a dashboard.
fn queries(dashboard: &Value) -> Vec<String> {
    let targets = dashboard["panels"].as_array().unwrap().iter();
    let targets = targets.flat_map(|panel| panel["targets"].as_array().unwrap());
    let annotations = dashboard["annotations"]["list"].as_array().unwrap();
    let all = targets.chain(annotations).map(|query| query["expr"].as_str().unwrap().to_owned());
    all.collect()
}

#[test]
fn alerts_and_the_dashboard_name_metrics_that_are_written() {
    let scene = scene(list(30)).against(slow(20));
    let run = scene.run_kept().with(format!("--rate 20/s --window {}", open_window()));
    let run = run.with("--name nightly --metrics-file m.prom").start();
    let text = || fs::read_to_string(scene.path("m.prom")).unwrap_or_default();
    let run = run.once("the forecast is written", |_| text().contains("bk_launch_forecast"));
    let written = metrics(&text());
    run.exits(0);
    let written: BTreeSet<_> = written.union(&metrics(&text())).cloned().collect();
    let dashboard: Value = serde_json::from_str(&sample("grafana/bk-launch.json")).unwrap();
    let all = queries(&dashboard);
    assert!(all.len() > 10, "{all:?}");
    let rules = sample("prometheus/bk-launch.rules.yml");
    let expressions =
        rules.split("expr:").skip(1).map(|rule| rule.split("labels:").next().unwrap());
    // A name of a file stands in quotes.
    let expressions = expressions.map(|expression| expression.replace("?bk_launch_(", "?("));
    for query in all.into_iter().chain(expressions) {
        let named = metrics(&query);
        assert!(!named.is_empty(), "{query}");
        for metric in named {
            assert!(written.contains(&metric), "nobody writes {metric}: {query}");
        }
    }
}

#[test]
#[ignore = "needs promtool, of Debian's package prometheus"]
fn promtool_takes_the_alerts_and_the_queries_of_the_dashboard() {
    let scene = Scene::new();
    for name in ["bk-launch.rules.yml", "bk-launch.test.yml"] {
        scene.file(name, sample(&format!("prometheus/{name}")));
    }
    scene.shell("promtool check rules bk-launch.rules.yml").exits(0);
    scene.shell("promtool test rules bk-launch.test.yml").exits(0);
    let dashboard: Value = serde_json::from_str(&sample("grafana/bk-launch.json")).unwrap();
    let rules = queries(&dashboard).into_iter().enumerate().map(|(number, query)| {
        let query = query.replace("$__rate_interval", "5m");
        format!("  - record: query{number}\n    expr: {}\n", Value::from(query))
    });
    scene.file(
        "queries.yml",
        format!("groups:\n- name: q\n  rules:\n{}", rules.collect::<String>()),
    );
    scene.shell("promtool check rules queries.yml").exits(0);
}

#[test]
#[ignore = "needs systemd-analyze, of Debian's package systemd"]
fn systemd_finds_nothing_wrong_with_the_units() {
    let scene = Scene::new();
    for file in fs::read_dir(root().join("samples/systemd")).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        let text = sample(&format!("systemd/{name}"));
        scene.file(&name, text.replace(INSTALLED, env!("CARGO_BIN_EXE_bk-launch")));
    }
    let line = "systemd-analyze verify $PWD/bk-launch-*.{service,timer}";
    scene.shell(line).exits(0).never_says("bk-launch").never_prints("bk-launch");
}
