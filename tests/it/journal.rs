//! The run's folder: what is in it, and what happens when it is not what it was.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::time::Duration;

use bk_launch::mock::{Behaviour, Latency, Mock};
use rusqlite::Connection;

use crate::harness::{Folder, HEADER, rows, until};

fn mock() -> Mock {
    Mock::start(Behaviour::default(), 0).unwrap()
}

/// A folder with a run that is half done.
fn half_done(mock: &Mock) -> Folder {
    let folder = Folder::new();
    folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, 20)));
    let words = ["run", "tasks.csv", "--limit", "10", "--esb", &mock.url()];
    folder.run(&words).exits(0).says(&["go on with: bk-launch resume"]);
    folder
}

#[test]
fn a_run_keeps_all_that_a_resume_needs_in_its_folder() {
    let (mock, folder) = (mock(), Folder::new());
    folder.file("tasks.csv", "2,1\n");
    let run = folder.run(&["run", "tasks.csv", "--confirm", "--esb", &mock.url()]).exits(0);
    let kept = folder.only_run();
    run.says(&[&format!("run {} in {}", kept.id, kept.path.display())]);
    run_is_private(&kept.path);
    let mut files: Vec<_> = fs::read_dir(&kept.path)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    assert_eq!(files, ["input.csv", "journal.db", "lock", "report.csv", "settings.json"]);
    assert_eq!(fs::read_to_string(kept.input("csv")).unwrap(), "2,1\n");
    let settings = fs::read_to_string(kept.path.join("settings.json")).unwrap();
    assert!(settings.contains(&mock.url()) && settings.contains("\"confirm\""), "{settings}");
    assert!(!settings.contains("s3cret") && !settings.contains("t0ken"), "{settings}");
    let journal = Connection::open(kept.journal()).unwrap();
    let outcome: String =
        journal.query_row("SELECT outcome FROM record", [], |row| row.get(0)).unwrap();
    assert_eq!(outcome, "started");
}

fn run_is_private(path: &std::path::Path) {
    let mode = path.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn without_a_journal_nothing_is_kept() {
    let (mock, folder) = (mock(), Folder::new());
    folder.file("tasks.csv", "2,1\n");
    let words = ["run", "tasks.csv", "-o", "r.csv", "--no-journal", "--esb", &mock.url()];
    folder.run(&words).exits(0);
    assert!(!folder.path("state").exists());
}

#[test]
fn a_journal_that_is_none_is_refused_in_words() {
    let mock = mock();
    let folder = half_done(&mock);
    let run = folder.only_run();
    let whole = fs::read(run.journal()).unwrap();
    let foreign = folder.path("foreign.db");
    Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE t (a)").unwrap();
    let older = folder.path("older.db");
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
            "has version 2 of the journal, and this bk-launch reads version 3",
        ),
    ] {
        fs::write(run.journal(), content).unwrap();
        let id = run.id.as_str();
        folder.run(&["resume", id]).exits(2).says(&["journal.db", says]);
        folder.run(&["report", id, "-o", "r.csv"]).exits(2).says(&[says]);
        let listed = folder.run(&["runs"]).exits(0).stdout();
        assert!(listed.contains("damaged"), "{listed}");
    }
    fs::remove_file(run.journal()).unwrap();
    folder.run(&["resume", run.id.as_str()]).exits(2).says(&["is not there"]);
    assert_eq!(mock.counts().starts, 10, "nothing was sent");
    fs::write(run.journal(), whole).unwrap();
    folder.run(&["resume"]).exits(0);
    assert_eq!(mock.counts().starts, 20);
}

#[test]
fn an_input_that_was_changed_is_refused() {
    let mock = mock();
    let folder = half_done(&mock);
    let copy = folder.only_run().input("csv");
    let whole = fs::read_to_string(&copy).unwrap();
    for changed in [format!("{whole}2,99,\n"), whole.replace("2,15,", "2,16,")] {
        fs::write(&copy, changed).unwrap();
        folder.run(&["resume"]).exits(2).says(&["was changed since the run began", "input.csv"]);
    }
    fs::remove_file(&copy).unwrap();
    folder.run(&["resume"]).exits(2).says(&["input.csv", "No such file"]);
    assert_eq!(mock.counts().starts, 10);
    fs::write(&copy, whole).unwrap();
    // The file that was named may change as it likes.
    folder.file("tasks.csv", "9,9\n");
    folder.run(&["resume"]).exits(0);
    assert_eq!(mock.counts().starts, 20);
}

#[test]
fn a_journal_that_cannot_grow_stops_the_run_which_can_be_resumed() {
    let (mock, folder) = (mock(), Folder::new());
    folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, 3000)));
    // 200 KiB for each file: the copy fits, and a part of the journal.
    let line = format!(
        "ulimit -f 200; PROGRAM run tasks.csv -o /dev/null --lookahead 100 --rate 5000/s --esb {}",
        mock.url()
    );
    let stopped = folder.shell(&line).exits(6);
    stopped.says(&["cannot write the journal", "go on with: bk-launch resume"]);
    let starts = mock.counts().starts;
    assert!((1..3000).contains(&starts), "{starts}");
    let settled = folder.journal().settled().unwrap().len();
    assert!(settled > 0 && settled <= starts, "{settled} settled of {starts}");
    let words = ["resume", "--rate", "unlimited", "-o", "r.csv"];
    folder.run(&words).exits(0);
    let report = folder.report("r.csv");
    report.is_complete(3000);
    assert_eq!(report.counts()["started"], 3000, "no row of ours is somebody else's");
}

#[test]
fn a_journal_that_was_taken_away_stops_the_run() {
    let latency = Latency::Fixed(Duration::from_millis(5));
    let mock = Mock::start(Behaviour { latency, ..Behaviour::default() }, 0).unwrap();
    let folder = Folder::new();
    folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, 2000)));
    let words = ["run", "tasks.csv", "-o", "r.csv", "--rate", "500/s", "--esb", &mock.url()];
    let run = folder.start(&mut folder.program(&words));
    until("it has begun", || mock.counts().starts > 50);
    fs::remove_dir_all(folder.path("state")).unwrap();
    run.wait().exits(6).says(&["was taken away while the run went on"]);
    assert!(mock.counts().starts < 2000);
    folder.report("r.csv").is_complete(2000);
}

#[test]
fn a_report_that_cannot_be_written_stops_the_run_which_can_be_resumed() {
    let (mock, folder) = (mock(), Folder::new());
    folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, 50)));
    let words = ["run", "tasks.csv", "-o", "/dev/full", "--esb", &mock.url()];
    folder.run(&words).exits(6).says(&["cannot write the report /dev/full"]);
    assert_eq!(mock.counts().starts, 0, "not even its head could be written");
    assert!(folder.runs().is_empty(), "so there is no run");
    folder.run(&["run", "tasks.csv", "--limit", "5", "--esb", &mock.url()]).exits(0);
    folder.run(&["resume", "-o", "/dev/full"]).exits(6);
    folder.run(&["resume"]).exits(0);
    assert_eq!(mock.counts().starts, 50);
    folder.run(&["report", "-o", "/dev/full"]).exits(6).says(&["/dev/full"]);
}

#[test]
fn a_state_directory_that_cannot_be_made_is_named() {
    let (mock, folder) = (mock(), Folder::new());
    folder.file("tasks.csv", "2,1\n");
    folder.file("file", "");
    let words = ["run", "tasks.csv", "--state-dir", "file/state", "--esb", &mock.url()];
    folder.run(&words).exits(2).says(&["file/state/runs", "--state-dir", "--no-journal"]);
    let words =
        ["run", "tasks.csv", "--limit", "0", "--state-dir", "my state", "--esb", &mock.url()];
    let run = folder.run(&words).exits(0);
    run.says(&["--state-dir 'my state'"]);
    folder.run(&["resume", "--state-dir", "my state"]).exits(0);
    assert_eq!(mock.counts().starts, 1);
}

#[test]
#[ignore = "needs user namespaces, which some systems forbid"]
fn a_disk_that_is_full_stops_the_run_which_can_be_resumed() {
    let (mock, folder) = (mock(), Folder::new());
    folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, 20_000)));
    // The disk is made larger, as somebody would who was called at night.
    let line = format!(
        "unshare -Urm bash -c 'mkdir -p small && mount -t tmpfs -o size=1m none small && \
         PROGRAM run tasks.csv -o r.csv --state-dir small --rate 5000/s --esb {}; test $? = 6 && \
         mount -o remount,size=64m small && \
         PROGRAM resume --state-dir small --rate unlimited'",
        mock.url()
    );
    folder.shell(&line).exits(0).says(&["cannot write the journal", "database or disk is full"]);
    let report = folder.report("r.csv");
    report.is_complete(20_000);
    assert_eq!(report.counts()["started"], 20_000);
}

#[test]
fn a_changed_copy_of_an_unfinished_stream_is_refused() {
    let (mock, folder) = (mock(), Folder::new());
    let words = ["run", "-o", "r.csv", "--esb", &mock.url(), "--rate", "20/s"];
    let mut run = folder.start(folder.program(&words).stdin(Stdio::piped()));
    let mut typing = run.child.stdin.take().unwrap();
    typing.write_all(format!("{HEADER}{}", rows(2, 11, 20)).as_bytes()).unwrap();
    until("some are settled", || {
        !folder.runs().is_empty() && folder.journal().settled().unwrap().len() >= 3
    });
    run.signal("KILL");
    run.wait();
    let copy = folder.only_run().input("csv");
    let whole = fs::read_to_string(&copy).unwrap();
    let starts = mock.counts().starts;
    let refused = |says: &str| {
        for words in [&["resume"][..], &["report", "-o", "again.csv"]] {
            folder.run(words).exits(2).says(&["input.csv was changed since the run began", says]);
        }
        assert_eq!(mock.counts().starts, starts, "nothing was sent");
    };
    // The last row, which was not sent yet; the first one, which was; and less.
    fs::write(&copy, whole.replace("2,30,", "2,31,")).unwrap();
    refused("it holds something else");
    fs::write(&copy, whole.replace("2,11,", "2,12,")).unwrap();
    refused("it holds something else");
    fs::write(&copy, whole.strip_suffix("2,30,\n").unwrap()).unwrap();
    refused("bytes, and has");
    // What was read after the last commit is more, which no commit could note.
    let more = format!("{whole}2,41,\n");
    fs::write(&copy, &more).unwrap();
    folder.run(&["resume", "--limit", "1"]).exits(1);
    // From then on nothing is read any more, so the copy does not grow.
    let starts = mock.counts().starts;
    fs::write(&copy, format!("{more}2,42,\n")).unwrap();
    folder.run(&["resume"]).exits(2).says(&["was changed since the run began"]);
    assert_eq!(mock.counts().starts, starts, "nothing was sent");
    fs::write(&copy, &more).unwrap();
    folder.run(&["resume", "--rate", "unlimited"]).exits(1);
    folder.report("r.csv").is_complete(21);
    assert!(!mock.counts().tasks.contains_key("cmdb_biz/2/42"));
}
