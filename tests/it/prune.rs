//! Old runs are removed, but none that a resume could still finish, unless that is said.

use serde_json::Value;

use crate::harness::{Scene, list, scene};

/// A scene with runs: finished, stopped, killed, and one whose journal is damaged.
fn scene_with_runs() -> Scene {
    let scene = scene(list(20));
    let run = |flags: &str| scene.run_kept().with(flags);
    run("--rate unlimited").exits(0);
    run("--limit 2").exits(0);
    let before = scene.seen().starts;
    run("").start().once("it sends", |seen| seen.starts > before).killed();
    run("--rate unlimited").exits(0);
    scene.folder("state/runs/20200101-000000-00001");
    scene.file("state/runs/20200101-000000-00001/journal.db", "torn");
    scene
}

fn ending(run: &bk_launch::internals::store::RunDir) -> Option<String> {
    let journal = bk_launch::internals::journal::Journal::open(&run.journal()).ok()?;
    journal.sessions().ok()?.pop()?.ending
}

#[test]
fn runs_that_a_resume_could_finish_are_spared_unless_that_is_said() {
    let scene = scene_with_runs();
    let prune = |flags: &str| scene.command("runs prune").with(flags).exits(0);
    let json = |flags: &str| prune(&format!("--keep 0 --json {flags}")).json();
    let count = |value: &Value| value.as_array().map(Vec::len);

    let told = prune("--keep 0 --dry-run");
    assert_eq!(told.stdout().matches("would remove ").count(), 2, "{told}");
    told.says(["spared ", "20200101-000000-00001: not finished; --unfinished removes it, too"]);
    let told = json("--dry-run");
    assert_eq!((count(&told["would_remove"]), count(&told["spared"])), (Some(2), Some(3)));
    let told = json("--dry-run --unfinished");
    assert_eq!((count(&told["would_remove"]), count(&told["spared"])), (Some(5), Some(0)));
    assert_eq!(scene.runs().len(), 5, "nothing was removed");

    let told = json("");
    assert_eq!((count(&told["removed"]), count(&told["spared"])), (Some(2), Some(3)));
    let mut left: Vec<_> = scene.runs().iter().map(ending).collect();
    left.sort();
    assert_eq!(left, [None, None, Some("limit".into())]);
    scene.resume().exits(0);
    let told = json("--unfinished --older-than 30d");
    assert_eq!(count(&told["removed"]), Some(1), "only the one of 2020 is so old: {told}");
    assert_eq!(count(&json("--unfinished")["removed"]), Some(2));
    assert!(scene.runs().is_empty());
}

#[test]
fn an_age_may_be_said_in_days_and_weeks() {
    let prune = |age: &str| Scene::new().command("runs prune --older-than").arg(age);
    for age in ["30d", "4w", "720h", "90m"] {
        prune(age).exits(0);
    }
    for age in ["30", "1y", "soon"] {
        prune(age).exits(2).says("write an age as 30d, 4w, 720h or 90m");
    }
}
