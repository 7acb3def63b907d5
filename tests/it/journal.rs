//! The run's folder: what is in it, and what happens when it is not what it was.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use rusqlite::Connection;

use crate::harness::{HEADER, Scene, launch, list, rows, scene, slow, until};

/// A scene with a run that is half done.
fn half_done() -> Scene {
    let scene = scene(list(20));
    scene.run_kept().with("--limit 10").exits(0).says("next: bk-launch resume");
    scene
}

#[test]
fn a_run_keeps_all_that_a_resume_needs_in_its_folder() {
    let scene = scene("2,1\n");
    let run = scene.run_kept().with("--confirm").exits(0);
    let kept = scene.only_run();
    run.says(format!("run {} in {}", kept.id, kept.path.display()));
    assert_eq!(kept.path.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    let mut files: Vec<_> = fs::read_dir(&kept.path)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    assert_eq!(files, ["input.csv", "journal.db", "lock", "report.csv", "settings.json"]);
    assert_eq!(fs::read_to_string(kept.input("csv")).unwrap(), "2,1\n");
    let settings = fs::read_to_string(kept.path.join("settings.json")).unwrap();
    assert!(settings.contains(&scene.url()) && settings.contains("\"confirm\""), "{settings}");
    assert!(!settings.contains("s3cret") && !settings.contains("t0ken"), "{settings}");
    let outcome: String =
        scene.database().query_row("SELECT outcome FROM record", [], |row| row.get(0)).unwrap();
    assert_eq!(outcome, "started");
}

#[test]
fn without_a_journal_nothing_is_kept() {
    let run = launch("2,1\n").with("--no-journal").exits(0);
    assert!(!run.scene().has("state"));
}

#[test]
fn a_journal_that_is_none_is_refused_in_words() {
    let scene = half_done();
    let run = scene.only_run();
    let whole = fs::read(run.journal()).unwrap();
    let foreign = scene.path("foreign.db");
    Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE t (a)").unwrap();
    let older = scene.path("older.db");
    fs::write(&older, &whole).unwrap();
    Connection::open(&older).unwrap().pragma_update(None, "user_version", 2).unwrap();
    for (content, says) in [
        (Vec::new(), "lacks the mark"),
        (b"not a database, but a letter to somebody".to_vec(), "not a database"),
        (whole[..whole.len() / 2].to_vec(), "damaged"),
        (whole[..1000].to_vec(), "damaged"),
        (fs::read(&foreign).unwrap(), "lacks the mark"),
        (
            fs::read(&older).unwrap(),
            "has version 2 of the journal, but this bk-launch reads version 4",
        ),
    ] {
        fs::write(run.journal(), content).unwrap();
        let id = &run.id;
        scene.command(format!("resume {id}")).exits(2).says(["journal.db", says]);
        scene.command(format!("report {id} -o r.csv")).exits(2).says(says);
        let state = if says.contains("version") { "bk-launch" } else { "damaged" };
        scene.command("runs").exits(0).prints(state);
    }
    let earlier = scene.command("runs").exits(0).prints("  of an earlier bk-launch  ");
    earlier.says("launch the list as a new run").never_prints("damaged");
    let json = scene.command("runs --failed --json").exits(0).json();
    assert_eq!(json[0]["state"], "earlier_version");
    Connection::open(run.journal()).unwrap().pragma_update(None, "user_version", 99).unwrap();
    scene.command("runs").exits(0).prints("  of a later bk-launch  ");
    fs::remove_file(run.journal()).unwrap();
    let gone = scene.command(format!("resume {}", run.id)).exits(2).says("is missing");
    gone.server_saw(|seen| seen.starts, 10);
    fs::write(run.journal(), whole).unwrap();
    scene.resume().exits(0).server_saw(|seen| seen.starts, 20);
}

#[test]
fn an_input_that_was_changed_is_refused() {
    let scene = half_done();
    let copy = scene.only_run().input("csv");
    let whole = fs::read_to_string(&copy).unwrap();
    for changed in [format!("{whole}2,99,\n"), whole.replace("2,15,", "2,16,")] {
        fs::write(&copy, changed).unwrap();
        scene.resume().exits(2).says(["was changed since the run began", "input.csv"]);
    }
    fs::remove_file(&copy).unwrap();
    let gone = scene.resume().exits(2).says(["input.csv", "No such file"]);
    gone.server_saw(|seen| seen.starts, 10);
    fs::write(&copy, whole).unwrap();
    // The file that was named may change as it likes.
    scene.file("tasks.csv", "9,9\n");
    scene.resume().exits(0).server_saw(|seen| seen.starts, 20);
}

#[test]
fn a_journal_that_cannot_grow_stops_the_run_which_can_be_resumed() {
    let scene = scene(list(3000));
    // 200 KiB for each file: the copy fits, and a part of the journal.
    let line = "ulimit -f 200; PROGRAM run tasks.csv -o /dev/null --lookahead 100 --rate 5000/s \
                --esb URL";
    let stopped = scene.shell(line).exits(6);
    stopped.says(["cannot write the journal", "next: bk-launch resume"]);
    let starts = scene.seen().starts;
    assert!((1..3000).contains(&starts), "{starts}");
    let settled = scene.settled().unwrap();
    assert!(settled > 0 && settled <= starts, "{settled} settled of {starts}");
    // No row of ours is somebody else's.
    let resumed = scene.resume().report("r.csv").with("--rate unlimited").exits(0);
    resumed.reports_all(3000).reports(3000, "started");
}

#[test]
fn a_journal_that_was_taken_away_stops_the_run() {
    let run = launch(list(2000)).against(slow(5)).with("--rate 500/s").start();
    let run = run.once("it has begun", |seen| seen.starts > 50);
    fs::remove_dir_all(run.scene.path("state")).unwrap();
    let run = run.exits(6).says("was removed while the run was active").reports_all(2000);
    assert!(run.scene().seen().starts < 2000);
}

#[test]
fn a_report_that_cannot_be_written_stops_the_run_which_can_be_resumed() {
    let scene = scene(list(50));
    let run = scene.run().report("/dev/full").exits(6);
    run.says("cannot write the report /dev/full").server_saw(|seen| seen.starts, 0);
    assert!(scene.runs().is_empty(), "not even its head could be written, so there is no run");
    scene.run_kept().with("--limit 5").exits(0);
    scene.resume().report("/dev/full").exits(6);
    scene.resume().exits(0).server_saw(|seen| seen.starts, 50);
    scene.command("report").report("/dev/full").exits(6).says("/dev/full");
}

#[test]
fn a_state_directory_that_cannot_be_made_is_named() {
    let scene = scene("2,1\n");
    scene.file("file", "");
    let refused = scene.run_kept().with("--state-dir file/state").exits(2);
    refused.says(["file/state/runs", "--state-dir", "--no-journal"]);
    let run = scene.run_kept().with("--limit 0 --state-dir").arg("my state").exits(0);
    run.says("--state-dir 'my state'");
    let resumed = scene.resume().with("--state-dir").arg("my state").exits(0);
    resumed.server_saw(|seen| seen.starts, 1);
}

#[test]
#[ignore = "needs user namespaces, which some systems forbid"]
fn a_disk_that_is_full_stops_the_run_which_can_be_resumed() {
    // The disk is made larger, as somebody would who was called at night.
    let line = "unshare -Urm bash -c 'mkdir -p small && mount -t tmpfs -o size=1m none small && \
                PROGRAM run tasks.csv -o r.csv --state-dir small --rate 5000/s --esb URL; \
                test $? = 6 && mount -o remount,size=64m small && \
                PROGRAM resume --state-dir small --rate unlimited'";
    scene(list(20_000))
        .shell(line)
        .exits(0)
        .says(["cannot write the journal", "database or disk is full"])
        .reports_all(20_000)
        .reports(20_000, "started");
}

#[test]
fn a_changed_copy_of_an_unfinished_stream_is_refused() {
    let scene = Scene::new();
    let typed = format!("{}{}", HEADER, rows(2, 11, 20));
    let run = scene.run().typing(typed).with("--rate 20/s").start();
    until("some are settled", || scene.settled().is_some_and(|settled| settled >= 3));
    run.killed();
    let copy = scene.only_run().input("csv");
    let whole = fs::read_to_string(&copy).unwrap();
    let starts = scene.seen().starts;
    let refused = |says: &str| {
        for words in ["resume", "report -o again.csv"] {
            let refused = scene.command(words).exits(2);
            refused.says(["input.csv was changed since the run began", says]);
        }
        assert_eq!(scene.seen().starts, starts, "nothing was sent");
    };
    // The last row, which was not sent yet; the first one, which was; and less.
    fs::write(&copy, whole.replace("2,30,", "2,31,")).unwrap();
    refused("its content is another");
    fs::write(&copy, whole.replace("2,11,", "2,12,")).unwrap();
    refused("its content is another");
    fs::write(&copy, whole.strip_suffix("2,30,\n").unwrap()).unwrap();
    refused(", and now has ");
    // What was read after the last commit is more, which no commit could note.
    let more = format!("{whole}2,41,\n");
    fs::write(&copy, &more).unwrap();
    scene.resume().with("--limit 1").exits(1);
    // From then on nothing is read any more, so the copy does not grow.
    let starts = scene.seen().starts;
    fs::write(&copy, format!("{more}2,42,\n")).unwrap();
    let refused = scene.resume().exits(2).says("was changed since the run began");
    refused.server_saw(|seen| seen.starts, starts);
    fs::write(&copy, &more).unwrap();
    scene.resume().with("--rate unlimited").exits(1).reports_all(21);
    assert!(!scene.seen().tasks.contains_key("cmdb_biz/2/42"));
}
