//! The manual's recipes, each run as it stands there, but for the server's URL, the port of its mock
//! and the hours of its window.

use std::collections::BTreeSet;
use std::os::unix::fs::symlink;

use bk_launch::mock::FaultKind;
use jiff::{SignedDuration, Timestamp};

use crate::docs::blocks;
use crate::harness::{Outcome, Scene, each, mock, scene, well};

/// Programs that recipes use and a test machine may lack, in the shape in which
/// the recipe needs them.
const SHIMS: [(&str, &str); 6] = [
    ("mysql", "printf 'bk_biz_id\\ttask_id\\tscope\\n2\\t21\\tNULL\\n2\\t22\\tproject\\n'"),
    (
        "jq",
        "case \"$*\" in *plan.json*) echo '{\"bk_biz_id\":2,\"task_id\":31,\"owner\":\"me\"}';; *) cat >summary;; esac",
    ),
    ("curl", ":"),
    ("cargo", ":"),
    ("pass", "echo a secret"),
    ("vault", "echo a-token"),
];

/// The commands of the manual, each once.
pub fn recipes() -> Vec<String> {
    let recipes: BTreeSet<_> = blocks("sh").into_iter().collect();
    recipes.into_iter().collect()
}

/// A scene in which a recipe finds what it names.
pub fn kitchen() -> Scene {
    let scene = scene("bk_biz_id,task_id,note\n2,1,a\n2,2,b\n3,3,c\n");
    let samples = format!("{}/samples", env!("CARGO_MANIFEST_DIR"));
    symlink(samples, scene.path("samples")).unwrap();
    scene.file("plan.csv", "\u{feff}bk_biz_id,task_id,owner\r\n2,11,me\r\n");
    let certificate = rcgen::generate_simple_self_signed(["h".to_owned()]).unwrap();
    scene.file("ca.pem", certificate.cert.pem());
    scene.folder("bin");
    symlink(env!("CARGO_BIN_EXE_bk-launch"), scene.path("bin/bk-launch")).unwrap();
    for (name, script) in SHIMS {
        let name = format!("bin/{name}");
        scene.file(&name, format!("#!/bin/sh\n{script}\n"));
        scene.mode(&name, 0o755);
    }
    scene
}

/// A window that is open now, where recipes have one that is open at night.
pub fn open_window() -> String {
    let hour = |hours| {
        let moment = Timestamp::now() + SignedDuration::from_hours(hours);
        moment.to_string()[11..16].to_owned()
    };
    format!("{}-{} --tz UTC", hour(-2), hour(2))
}

pub fn cook(scene: &Scene, recipe: &str) -> Outcome {
    // The recipe's own mock gets a port that is free.
    let port = mock(well()).port().to_string();
    let url = scene.url();
    let recipe = recipe
        .replace("https://paas.example.com", &url)
        .replace("https://bkapi.example.com", &url)
        .replace("8080", &port)
        .replace("22:00-04:00 --tz Asia/Shanghai", &open_window())
        .replace("22:00-04:00", &open_window())
        .replace("&\n", "& sleep 0.5\n");
    let script = format!("{recipe}\nstatus=$?\n[ -z \"$!\" ] || kill $!\nexit $status\n");
    let mut shell = scene.other("sh");
    shell.args(["-c", &script]).env("BK_COMPONENT_API_URL", url).env("HOME", scene.path(""));
    shell.env("PATH", format!("{}:/usr/bin:/bin", scene.path("bin").display()));
    scene.start(&mut shell).ends()
}

/// Leaves what a recipe takes up: a report with a failed row, or a run that stopped.
fn prepare(scene: &Scene, recipe: &str) {
    let run = scene.run().report("report.csv");
    if recipe.contains("outcome=failed") {
        scene.change(|behaviour| behaviour.first = each([2], FaultKind::Crash, 1));
        run.with("--retries 0").exits(1);
    } else if recipe.contains("resume nightly --retry-failed") {
        scene.change(|behaviour| behaviour.first = each([2], FaultKind::Crash, 1));
        run.with("--name nightly --retries 0").exits(1);
    } else if recipe.contains("bk-launch resume") {
        run.with("--limit 1").exits(0);
    }
}

#[test]
fn every_recipe_of_the_manual_works() {
    let recipes = recipes();
    assert!(recipes.len() >= 20, "{} recipes", recipes.len());
    for recipe in recipes {
        let scene = kitchen();
        prepare(&scene, &recipe);
        let before = scene.seen().started;
        let cooked = cook(&scene, &recipe).never_says(["error:", "not found"]).exits(0);
        let started = scene.seen().started - before;
        let others = ["8080", "bk-launch doctor", "bk-launch init"];
        let is_other = others.iter().any(|other| recipe.contains(other));
        let launches = recipe.contains("bk-launch ") && !is_other;
        assert!(started > 0 || !launches, "{recipe}\n{cooked}");
        if recipe.contains("outcome=failed") {
            assert_eq!(started, 1, "only the failed row was launched again");
        }
    }
}
