//! Results that are compared: by a test, and only where both are measurements of the server.

use serde_json::Value;

use super::{field, is_quiet, measured};
use crate::harness::{Outcome, Scene, mock, slow};

/// Measures a server of this latency, and keeps the result.
fn kept(scene: &Scene, name: &str, millis: u64, load: &str) {
    let server = mock(slow(millis));
    let bench = scene.bench().at(server.url()).with(load).with("--progress none --force -o");
    measured(bench.arg(name).ends());
}

/// A result as a quiet machine would have it, of a server that takes about so many milliseconds.
fn quiet(measured: &Value, millis: u64) -> Value {
    let mut quiet = measured.clone();
    quiet["generator"]["bottleneck"] = Value::Null;
    quiet["dropped"] = 0.into();
    for (at, second) in (0..).zip(quiet["series"].as_array_mut().unwrap()) {
        second["answered"] = 100.into();
        for key in ["p50", "p90", "p99", "mean"] {
            second[key] = (millis * 1_000 + at).into();
        }
    }
    for key in ["p50", "p90", "p99", "mean"] {
        // None of them is the median of the seconds.
        quiet["response"][key] = (millis * 1_000 + 1_230).into();
    }
    quiet["answered_per_second"] = 99.3.into();
    quiet
}

/// A scene with the results `base.json` and `slower.json`.
fn results() -> Scene {
    let scene = field(5_000);
    kept(&scene, "base.json", 40, "--rate 100/s --duration 5s");
    let measured = serde_json::from_str(&scene.read("base.json")).unwrap();
    scene.file("base.json", quiet(&measured, 40).to_string());
    scene.file("slower.json", quiet(&measured, 80).to_string());
    scene
}

fn compared(scene: &Scene, base: &str, now: &str) -> Outcome {
    scene.command(format!("bench --compare {base} {now}")).ends()
}

#[test]
fn results_are_compared_with_the_test_that_was_used() {
    let scene = results();
    let compare = |base, now| compared(&scene, base, now);
    let same = compare("base.json", "base.json").exits(0).prints("Wilcoxon").stdout();
    assert_eq!(same.matches("within noise").count(), 6, "{same}");
    let worse = compare("base.json", "slower.json").exits(1);
    let worse = worse.prints("worse, more than --tolerance").stdout();
    let fields = |name: &str| -> Vec<String> {
        let line = worse.lines().find(|line| line.trim_start().starts_with(name)).unwrap();
        line.split_whitespace().map(str::to_owned).collect()
    };
    assert_eq!(fields("p50")[1..5], ["41.23", "ms", "81.23", "ms"], "the results' own: {worse}");
    assert_eq!(fields("mean")[1..6], ["41.23", "ms", "81.23", "ms", "+97.0%"], "{worse}");
    assert_eq!(fields("rate")[1..3], ["99.3/s", "99.3/s"], "{worse}");
    let better = compare("slower.json", "base.json").exits(0);
    better.prints("better").never_prints("worse");

    let (slower, same) = (mock(slow(80)), mock(slow(40)));
    let measure = |server: &bk_launch::mock::Mock, lasts: &str| {
        let load = format!("--rate 100/s --duration {lasts} --baseline base.json");
        scene.bench().at(server.url()).with(load).ends()
    };
    let now = measure(&slower, "5s").exits(1);
    let is_compared = is_quiet(&now.json());
    now.says(if is_compared { "worse, more than --tolerance" } else { "not compared" });
    let now = measure(&same, "1s").exits(1).says("not compared with --baseline: ");
    if is_quiet(&now.json()) {
        now.says("it has answers in 1 whole second, and a comparison needs 5");
    }
    scene.file("no.json", "{}");
    compare("no.json", "base.json").exits(2);
}

#[test]
fn a_result_that_is_no_measurement_of_the_server_is_never_within_noise() {
    let scene = results().against(slow(300));
    let base = scene.read("base.json");
    for (pointer, value, says) in [
        (
            "/generator/bottleneck",
            Value::from("9% late"),
            "cannot be compared: 9% late; measure again",
        ),
        ("/dropped", 7.into(), "7 requests were due and not sent"),
        ("/stopped", "by SIGINT".into(), "it ended early: by SIGINT"),
        ("/answered", 0.into(), "nothing was answered"),
        ("/seconds", 4.9.into(), "it has answers in 4 whole seconds, and a comparison needs 5"),
        ("/series/2/answered", 0.into(), "it has answers in 4 whole seconds"),
    ] {
        let mut bad: Value = serde_json::from_str(&base).unwrap();
        *bad.pointer_mut(pointer).unwrap() = value;
        scene.file("bad.json", bad.to_string());
        let says = ["bad.json cannot be compared: ", says];
        compared(&scene, "bad.json", "base.json").exits(2).says(says);
        compared(&scene, "base.json", "bad.json").exits(2).says(says);
        scene.bench().with("--baseline bad.json").exits(2).says(says);
    }
    assert_eq!(scene.seen().requests, 0, "a baseline is read before anything is sent");
    // Rows that are used up end a load, and what was measured until then is true.
    let used_up = base.replace("\"stopped\":null", "\"stopped\":\"the rows were used up\"");
    assert_ne!(used_up, base);
    scene.file("used_up.json", used_up);
    compared(&scene, "used_up.json", "base.json").exits(0);

    let load = "--rate 100/s --duration 1s --max-in-flight 10 --baseline base.json";
    let now = scene.bench().with(load).exits(1);
    now.says("not compared with --baseline: ").never_says("within noise");
}

#[test]
#[ignore = "needs real seconds, and a quiet machine"]
fn two_runs_of_the_same_thing_are_within_noise() {
    let scene = field(20_000);
    let load = "--rate 200/s --duration 5s";
    let name = |at: u32| format!("{at}.json");
    // Two at a time have cores enough, and take half as long.
    std::thread::scope(|scope| {
        for lane in 0..2 {
            let (scene, name) = (&scene, &name);
            scope.spawn(move || {
                (lane..=20).step_by(2).for_each(|at| kept(scene, &name(at), 20, load));
            });
        }
    });
    let differ: Vec<_> = (0..20)
        .map(|at| compared(&scene, &name(at), &name(at + 1)).stdout())
        .filter(|told| told.contains("worse") || told.contains("better"))
        .collect();
    assert!(differ.len() <= 1, "{} of 20 pairs differ:\n{}", differ.len(), differ.join("\n"));
    kept(&scene, "slower.json", 24, load);
    let worse = compared(&scene, "0.json", "slower.json").exits(1).stdout();
    let p50 = worse.lines().find(|line| line.trim_start().starts_with("p50")).unwrap();
    assert!(p50.contains("worse"), "{worse}");
}
