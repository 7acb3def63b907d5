//! A report as a file that others can touch: what a run does if it vanishes, and that a
//! resume leaves the old one alone until the new one is complete.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::harness::{Report, Running, Scene, launch, list, scene, slow, until};

/// A run of 30 rows that goes on for more than a second.
fn begun(flags: &str) -> Running {
    launch(list(30)).with(flags).start().once("it has begun", |seen| seen.starts >= 3)
}

/// A scene with a run of `all` rows, of which `done` are settled, and its report.
fn half_done((done, all): (u64, u64), report: &str) -> (Scene, String) {
    let scene = scene(list(all));
    let run = scene.run().report(report).with("--rate unlimited");
    run.with(format!("--limit {done}")).exits(0);
    let old = scene.read(report);
    (scene, old)
}

/// The file in which a report of the only run grows.
fn part(scene: &Scene, report: &str) -> PathBuf {
    scene.path(&format!("{report}.{}.part", scene.only_run().id))
}

#[test]
fn a_report_that_vanished_while_the_run_went_on_is_no_success() {
    for (line, says) in [
        ("rm r.csv", "the report r.csv was removed"),
        ("cp r.csv x.csv; mv x.csv r.csv", "the report r.csv was replaced by another file"),
        ("echo remark >> r.csv", "the report r.csv was changed"),
        (": > r.csv", "the report r.csv was changed"),
    ] {
        for journal in ["", "--no-journal"] {
            let run = begun("--rate 20/s").scene.clone();
            drop(run);
            let run = launch(list(30)).with("--rate 20/s").with(journal).start();
            let run = run.once("it has begun", |seen| seen.starts >= 3);
            let scene = run.scene.clone();
            scene.shell(line).exits(0);
            let theirs = fs::read(scene.path("r.csv")).ok();
            // Rows went on.
            run.exits(6).says(says).server_saw(|seen| seen.starts, 30);
            if line.contains("mv") {
                assert_eq!(fs::read(scene.path("r.csv")).ok(), theirs, "{line}");
            }
            if journal.is_empty() {
                // All that is left of the report is in the run's folder.
                let listed = || scene.command("runs").exits(0);
                listed().prints("stopped: an output failed     6 ");
                scene.command("runs prune --keep 0").exits(0).says("not finished");
                let again = scene.resume().report("again.csv").exits(0);
                again.says("the latest unfinished").reports_all(30);
                listed().prints(" finished     0 ");
            }
        }
    }
}

#[test]
fn a_resume_leaves_the_old_report_until_the_new_one_is_complete() {
    let (scene, old) = half_done((5, 30), "r.csv");
    scene.mode("r.csv", 0o664);
    let part = part(&scene, "r.csv");
    // What an earlier crash left is no hindrance.
    fs::write(&part, "torn").unwrap();
    let resume = || scene.resume().with("--rate 20/s").start();
    let run = resume().once("it goes on", |seen| seen.starts >= 10);
    assert_eq!(scene.read("r.csv"), old);
    until("the new report grows beside it", || {
        fs::read_to_string(&part).is_ok_and(|text| text.lines().count() > 6)
    });
    run.killed();
    assert_eq!(scene.read("r.csv"), old);
    assert!(part.exists());
    resume().exits(0).reports_all(30).reports(30, "started");
    assert_eq!(scene.path("r.csv").metadata().unwrap().permissions().mode() & 0o777, 0o664);
    assert!(!part.exists());
}

#[test]
fn a_resume_that_fails_leaves_the_old_report() {
    let (scene, old) = half_done((990, 1000), "r.jsonl");
    let is_kept = |text: &str, what: &str| {
        assert!(scene.read("r.jsonl") == text, "{what}");
        assert!(!part(&scene, "r.jsonl").exists(), "{what}");
    };
    let resume = || scene.resume().report("r.jsonl");
    resume().with("-o /dev/full").exits(6).says("/dev/full");
    is_kept(&old, "another report cannot be written");
    resume().with("-o nowhere/r.csv").exits(2).says(["nowhere/r.csv", "No such file"]);
    is_kept(&old, "another report cannot be made");
    assert_eq!(scene.seen().starts, 990, "nothing was sent");
    let kib = old.len() / 1024 - 20;
    let limited = |words: &str| scene.shell(&format!("ulimit -f {kib}; PROGRAM {words}")).exits(6);
    limited("resume").says(["cannot write the report", "next: bk-launch resume"]);
    is_kept(&old, "it cannot grow");
    scene.resume().exits(0);
    let new = scene.read("r.jsonl");
    assert_eq!(new.matches("\"outcome\":\"started\"").count(), 1000);
    limited("resume");
    limited("report -o r.jsonl --force");
    is_kept(&new, "as it was");
}

#[test]
fn the_report_that_a_link_names_is_replaced_and_the_link_stays() {
    let (scene, _) = half_done((1, 3), "r.csv");
    scene.folder("far");
    fs::rename(scene.path("r.csv"), scene.path("far/real.csv")).unwrap();
    symlink("far/real.csv", scene.path("r.csv")).unwrap();
    scene.resume().exits(0);
    assert!(scene.path("r.csv").symlink_metadata().unwrap().is_symlink());
    assert_eq!(scene.report("far/real.csv").count("started"), 3);
    let left = fs::read_dir(scene.path("far")).unwrap().count();
    assert_eq!(left, 1, "nothing else is there");
}

#[test]
fn a_new_report_that_vanishes_while_it_grows_is_no_success() {
    let (scene, _) = half_done((5, 30), "r.csv");
    scene.change(|behaviour| behaviour.latency = slow(5).latency);
    let part = part(&scene, "r.csv");
    let run = scene.resume().with("--rate 20/s").start();
    until("it goes on", || part.exists());
    let run = run.once("it sends", |seen| seen.starts >= 10);
    fs::remove_file(&part).unwrap();
    run.exits(6).says(["r.csv.", ".part was removed"]);
    scene
        .resume()
        .report("s.csv")
        .with("--retry-failed")
        .exits(0)
        .server_saw(|seen| seen.starts, 30)
        .reports(30, "started");
}

#[test]
fn what_somebody_writes_into_the_old_report_is_not_replaced() {
    let (scene, old) = half_done((5, 30), "r.csv");
    let part = part(&scene, "r.csv");
    let run = scene.resume().with("--rate 20/s").start();
    let run = run.once("it sends", |seen| seen.starts >= 10);
    let edited = format!("{old}a remark\n");
    scene.file("r.csv", &edited);
    let stands = format!("is complete in {}, but could not replace ", part.display());
    run.exits(6).says(stands).says("somebody changed it meanwhile");
    assert_eq!(scene.read("r.csv"), edited);
    Report::read(&part).is_complete(30);
}

/// Changes the time of a file's last write, by a number of seconds.
fn shift(path: &Path, seconds: i64) {
    let file = fs::File::options().write(true).open(path).unwrap();
    let by = Duration::from_secs(seconds.unsigned_abs());
    let modified = file.metadata().unwrap().modified().unwrap();
    let time = if seconds < 0 { modified - by } else { modified + by };
    file.set_modified(time).unwrap();
}

#[test]
fn a_report_that_somebody_changed_is_not_overwritten_unasked() {
    let (scene, old) = half_done((5, 30), "r.csv");
    let path = scene.path("r.csv");
    let modified = path.metadata().unwrap().modified().unwrap();
    let refused = |what: &str| {
        let theirs = fs::read(&path).unwrap();
        for words in ["resume", "resume -o r.csv -o s.csv"] {
            let refused = scene.command(words).exits(2);
            refused.says(["r.csv was changed since this run wrote it", "--force", "-o"]);
        }
        assert_eq!(scene.seen().starts, 5, "{what}: nothing was sent");
        assert_eq!(fs::read(&path).unwrap(), theirs, "{what}");
        assert!(!scene.has("s.csv") && !part(&scene, "r.csv").exists(), "{what}");
    };
    scene.file("r.csv", format!("{old}a remark\n"));
    refused("a line more");
    let longer = scene.resume().exits(2).says(format!("it had {} bytes", old.len()));
    longer.says(format!("has {} bytes", old.len() + 9));
    scene.file("r.csv", old.replace("started", "STARTED"));
    refused("as long as before");
    fs::remove_file(&path).unwrap();
    fs::copy(scene.path("tasks.csv"), &path).unwrap();
    refused("another file");

    // As it was: a backup that was put back, with its time.
    scene.file("r.csv", &old);
    fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
    scene.resume().with("--limit 1").exits(0);
    scene.file("r.csv", scene.read("r.csv").replace("started", "STARTED"));
    // Another file needs no --force, and the edited one stays.
    scene.resume().report("s.csv").with("--limit 1").exits(0).reports(7, "started");
    assert!(scene.read("r.csv").contains("STARTED"));
    scene.resume().with("--force").exits(0).reports(30, "started");
    // What a session left is known to the next, also when nothing is left to send.
    scene.resume().exits(0).says("nothing was sent");
    scene.resume().exits(0);
    scene.file("r.csv", "a remark\n");
    scene.resume().exits(2).says("was changed since this run wrote it");
    assert_eq!(scene.read("r.csv"), "a remark\n");
}

#[test]
fn after_a_crash_the_time_of_the_last_commit_tells_whether_a_report_was_changed() {
    for (seconds, code) in [(0, 0), (60, 2), (-60, 2)] {
        let run = begun("--rate 20/s");
        let scene = run.scene.clone();
        until("lines are there", || scene.report("r.csv").lines.len() >= 3);
        run.killed();
        if seconds != 0 {
            scene.file("r.csv", "a remark\n");
            shift(&scene.path("r.csv"), seconds);
        }
        let starts = scene.seen().starts;
        let resume = || scene.resume().with("--rate unlimited");
        let resumed = resume().exits(code);
        if code == 0 {
            resumed.reports_all(30);
        } else {
            resumed
                .says(["was changed since this run wrote it", "the run last wrote to it"])
                .server_saw(|seen| seen.starts, starts);
            assert_eq!(scene.read("r.csv"), "a remark\n");
            resume().with("--force").exits(0).reports_all(30);
        }
    }
}

#[test]
fn a_run_that_died_after_a_while_needs_no_force() {
    // Longer than what is tolerated between a commit and its lines.
    let killed = begun("--rate 3/s").once("it went on for 8 s", |seen| seen.starts >= 24);
    killed.killed().resume().with("--rate unlimited").exits(0).reports_all(30);
}

#[test]
fn killed_between_the_note_and_the_renaming_either_report_is_the_runs() {
    let (scene, old) = half_done((5, 30), "r.csv");
    let path = scene.path("r.csv");
    fs::copy(&path, scene.path("kept.csv")).unwrap();
    let modified = path.metadata().unwrap().modified().unwrap();
    scene.resume().with("--limit 5").exits(0);
    assert!(scene.read("r.csv") != old);
    // The old one, as if the new one had not come to its place.
    fs::rename(scene.path("kept.csv"), &path).unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
    fs::write(part(&scene, "r.csv"), "complete, but not in its place").unwrap();
    scene.resume().report("s.csv").exits(0);
    assert!(!part(&scene, "r.csv").exists(), "what a crash left is removed");
    scene.resume().exits(0).reports_all(30);
}

#[test]
#[ignore = "needs user namespaces, which some systems forbid"]
fn a_report_on_a_disk_that_was_full_needs_no_force() {
    let scene = scene(list(3000));
    let line = "unshare -Urm bash -c 'mkdir -p small && mount -t tmpfs -o size=200k none small && \
                PROGRAM run tasks.csv -o small/r.csv --rate 5000/s --lookahead 100 --esb URL; \
                test $? = 6 && cp $(ls -d state/runs/*/journal.db) then.db && \
                PROGRAM runs show && mount -o remount,size=64m small && PROGRAM resume && \
                PROGRAM runs show && cp small/r.csv new.csv'";
    let told =
        scene.shell(line).exits(0).says("cannot write the report small/r.csv: No space left");
    let (torn, whole) = ("small/r.csv (not complete)\n", "small/r.csv\n");
    assert_eq!([torn, whole].map(|line| told.stdout().matches(line).count()), [1, 1], "{told}");
    scene.report("new.csv").is_complete(3000);
    // Rows in flight may take minutes after that, so how it was left is noted.
    let journal = rusqlite::Connection::open(scene.path("then.db")).unwrap();
    let sql = "SELECT bytes IS NOT NULL FROM report";
    assert!(journal.query_row(sql, [], |row| row.get::<_, bool>(0)).unwrap());
}

#[test]
#[ignore = "needs user namespaces, which some systems forbid"]
fn a_resume_on_a_full_disk_leaves_the_old_report() {
    let scene = scene(list(3000));
    // The old report fits; no second one does until there is room.
    let line = "unshare -Urm bash -c 'mkdir -p small && mount -t tmpfs -o size=1m none small && \
                PROGRAM run tasks.csv -o small/r.csv --rate unlimited --limit 2900 --esb URL && \
                cp small/r.csv old.csv && PROGRAM resume --rate unlimited; test $? = 6 && \
                cmp small/r.csv old.csv && test $(ls small | wc -l) = 1 && \
                mount -o remount,size=64m small && PROGRAM resume && cp small/r.csv new.csv'";
    scene.shell(line).exits(0).says("small/r.csv: No space left");
    assert_eq!(scene.report("old.csv").count("pending"), 100);
    assert_eq!(scene.report("new.csv").count("started"), 3000);
}

#[test]
#[ignore = "needs user namespaces, which some systems forbid"]
fn a_report_that_is_mounted_is_written_over() {
    let (scene, _) = half_done((5, 30), "r.csv");
    scene.file("host.csv", "");
    let line = "unshare -Urm bash -c 'cp -p r.csv host.csv && mount --bind host.csv r.csv && \
                PROGRAM resume --limit 5 && test $(ls r.csv* | wc -l) = 1 && \
                PROGRAM resume --rate unlimited'";
    scene.shell(line).exits(0);
    assert_eq!(scene.report("host.csv").count("started"), 30);
}
