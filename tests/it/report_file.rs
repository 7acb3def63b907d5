//! A report as a file that others can touch: what a run does if it vanishes, and that a
//! resume leaves the old one alone until the new one is complete.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bk_launch::mock::{Behaviour, Latency, Mock};

use crate::harness::{Folder, HEADER, Running, rows, until};

fn mock() -> Mock {
    Mock::start(Behaviour::default(), 0).unwrap()
}

/// A run of 30 rows that goes on for more than a second.
fn begin(folder: &Folder, mock: &Mock, words: &[&str]) -> Running {
    folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, 30)));
    let run = ["run", "tasks.csv", "-o", "r.csv", "--esb", &mock.url()];
    let rate = if words.contains(&"--rate") { &[][..] } else { &["--rate", "20/s"] };
    let run = folder.start(&mut folder.program(&[&run[..], rate, words].concat()));
    until("it has begun", || mock.counts().starts >= 3);
    run
}

/// A folder with a run of `all` rows, of which `done` are settled, and its report.
fn half_done(mock: &Mock, (done, all): (u64, u64), report: &str) -> (Folder, String) {
    let folder = Folder::new();
    folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, all)));
    let words = ["run", "tasks.csv", "--rate", "unlimited", "--esb", &mock.url(), "-o", report];
    folder.run(&[&words[..], &["--limit", &done.to_string()]].concat()).exits(0);
    let old = fs::read_to_string(folder.path(report)).unwrap();
    (folder, old)
}

/// The file in which a report of the only run grows.
fn part(folder: &Folder, report: &str) -> PathBuf {
    folder.path(&format!("{report}.{}.part", folder.only_run().id))
}

#[test]
fn a_report_that_vanished_while_the_run_went_on_is_no_success() {
    for (line, says) in [
        ("rm r.csv", "the report r.csv was removed"),
        ("cp r.csv x.csv; mv x.csv r.csv", "the report r.csv was replaced by another file"),
        ("echo remark >> r.csv", "the report r.csv was changed"),
        (": > r.csv", "the report r.csv was changed"),
    ] {
        for journal in [&[][..], &["--no-journal"]] {
            let (mock, folder) = (mock(), Folder::new());
            let run = begin(&folder, &mock, journal);
            folder.shell(line).exits(0);
            let theirs = fs::read(folder.path("r.csv")).ok();
            run.wait().exits(6).says(&[says]);
            assert_eq!(mock.counts().starts, 30, "{line}: rows went on");
            if line.contains("mv") {
                assert_eq!(fs::read(folder.path("r.csv")).ok(), theirs, "{line}");
            }
            if journal.is_empty() {
                // All that is left of the report is in the run's folder.
                let listed = folder.run(&["runs"]).exits(0).stdout();
                assert!(listed.contains("stopped: an output failed     6 "), "{listed}");
                folder.run(&["runs", "prune", "--keep", "0"]).exits(0).says(&["not finished"]);
                folder.run(&["resume", "-o", "again.csv"]).exits(0).says(&["not finished"]);
                folder.report("again.csv").is_complete(30);
                let listed = folder.run(&["runs"]).exits(0).stdout();
                assert!(listed.contains(" finished     0 "), "{listed}");
            }
        }
    }
}

#[test]
fn a_resume_leaves_the_old_report_until_the_new_one_is_complete() {
    let mock = mock();
    let (folder, old) = half_done(&mock, (5, 30), "r.csv");
    fs::set_permissions(folder.path("r.csv"), fs::Permissions::from_mode(0o664)).unwrap();
    let part = part(&folder, "r.csv");
    // What an earlier crash left is no hindrance.
    fs::write(&part, "torn").unwrap();
    let resume = || folder.start(&mut folder.program(&["resume", "--rate", "20/s"]));
    let run = resume();
    until("it goes on", || mock.counts().starts >= 10);
    assert_eq!(fs::read_to_string(folder.path("r.csv")).unwrap(), old);
    until("the new report grows beside it", || {
        fs::read_to_string(&part).is_ok_and(|text| text.lines().count() > 6)
    });
    run.signal("KILL");
    run.wait();
    assert_eq!(fs::read_to_string(folder.path("r.csv")).unwrap(), old);
    assert!(part.exists());
    resume().wait().exits(0);
    folder.report("r.csv").is_complete(30);
    assert_eq!(folder.report("r.csv").counts()["started"], 30);
    assert_eq!(folder.path("r.csv").metadata().unwrap().permissions().mode() & 0o777, 0o664);
    assert!(!part.exists());
}

#[test]
fn a_resume_that_fails_leaves_the_old_report() {
    let mock = mock();
    let (folder, old) = half_done(&mock, (990, 1000), "r.jsonl");
    let same = |what: &str| {
        assert!(fs::read_to_string(folder.path("r.jsonl")).unwrap() == old, "{what}");
        assert!(!part(&folder, "r.jsonl").exists(), "{what}");
    };
    folder.run(&["resume", "-o", "r.jsonl", "-o", "/dev/full"]).exits(6).says(&["/dev/full"]);
    same("another report cannot be written");
    let full = folder.run(&["resume", "-o", "r.jsonl", "-o", "nowhere/r.csv"]).exits(2);
    full.says(&["nowhere/r.csv", "No such file"]);
    same("another report cannot be made");
    assert_eq!(mock.counts().starts, 990, "nothing was sent");
    let kib = old.len() / 1024 - 20;
    let limited = folder.shell(&format!("ulimit -f {kib}; PROGRAM resume")).exits(6);
    limited.says(&["cannot write the report", "go on with: bk-launch resume"]);
    same("it cannot grow");
    folder.run(&["resume"]).exits(0);
    let new = fs::read_to_string(folder.path("r.jsonl")).unwrap();
    assert_eq!(new.matches("\"outcome\":\"started\"").count(), 1000);
    folder.shell(&format!("ulimit -f {kib}; PROGRAM resume")).exits(6);
    folder.shell(&format!("ulimit -f {kib}; PROGRAM report -o r.jsonl --force")).exits(6);
    assert!(fs::read_to_string(folder.path("r.jsonl")).unwrap() == new, "as it was");
    assert!(!part(&folder, "r.jsonl").exists());
}

#[test]
fn the_report_that_a_link_names_is_replaced_and_the_link_stays() {
    let mock = mock();
    let (folder, _) = half_done(&mock, (1, 3), "r.csv");
    fs::create_dir(folder.path("far")).unwrap();
    fs::rename(folder.path("r.csv"), folder.path("far/real.csv")).unwrap();
    symlink("far/real.csv", folder.path("r.csv")).unwrap();
    folder.run(&["resume"]).exits(0);
    assert!(folder.path("r.csv").symlink_metadata().unwrap().is_symlink());
    assert_eq!(folder.report("far/real.csv").counts()["started"], 3);
    let left = fs::read_dir(folder.path("far")).unwrap().count();
    assert_eq!(left, 1, "nothing else is there");
}

#[test]
fn a_new_report_that_vanishes_while_it_grows_is_no_success() {
    let latency = Latency::Fixed(Duration::from_millis(5));
    let mock = Mock::start(Behaviour { latency, ..Behaviour::default() }, 0).unwrap();
    let (folder, _) = half_done(&mock, (5, 30), "r.csv");
    let part = part(&folder, "r.csv");
    let resume = || {
        let run = folder.start(&mut folder.program(&["resume", "--rate", "20/s"]));
        until("it goes on", || part.exists());
        run
    };
    let run = resume();
    until("it sends", || mock.counts().starts >= 10);
    fs::remove_file(&part).unwrap();
    run.wait().exits(6).says(&["r.csv.", ".part was removed"]);
    let run = folder.start(&mut folder.program(&["resume", "-o", "s.csv", "--retry-failed"]));
    run.wait().exits(0);
    assert_eq!(mock.counts().starts, 30);
    assert_eq!(folder.report("s.csv").counts()["started"], 30);
}

#[test]
fn what_somebody_writes_into_the_old_report_is_not_replaced() {
    let mock = mock();
    let (folder, old) = half_done(&mock, (5, 30), "r.csv");
    let part = part(&folder, "r.csv");
    let run = folder.start(&mut folder.program(&["resume", "--rate", "20/s"]));
    until("it sends", || mock.counts().starts >= 10);
    let edited = format!("{old}a remark\n");
    fs::write(folder.path("r.csv"), &edited).unwrap();
    let ended = run.wait().exits(6);
    let stands = format!("stands in {} and not in", part.display());
    ended.says(&[&stands, "somebody changed that meanwhile"]);
    assert_eq!(fs::read_to_string(folder.path("r.csv")).unwrap(), edited);
    crate::harness::Report::read(&part).is_complete(30);
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
    let mock = mock();
    let (folder, old) = half_done(&mock, (5, 30), "r.csv");
    let path = folder.path("r.csv");
    let modified = path.metadata().unwrap().modified().unwrap();
    let refused = |what: &str| {
        let theirs = fs::read(&path).unwrap();
        for words in [&["resume"][..], &["resume", "-o", "r.csv", "-o", "s.csv"]] {
            let refused = folder.run(words).exits(2);
            refused.says(&["r.csv was changed since this run wrote it", "--force", "-o"]);
        }
        assert_eq!(mock.counts().starts, 5, "{what}: nothing was sent");
        assert_eq!(fs::read(&path).unwrap(), theirs, "{what}");
        assert!(!folder.path("s.csv").exists() && !part(&folder, "r.csv").exists(), "{what}");
    };
    fs::write(&path, format!("{old}a remark\n")).unwrap();
    refused("a line more");
    let length = format!("it had {} bytes", old.len());
    folder.run(&["resume"]).exits(2).says(&[&length, &format!("has {} bytes", old.len() + 9)]);
    fs::write(&path, old.replace("started", "STARTED")).unwrap();
    refused("as long as before");
    fs::remove_file(&path).unwrap();
    fs::copy(folder.path("tasks.csv"), &path).unwrap();
    refused("another file");

    // As it was: a backup that was put back, with its time.
    fs::write(&path, &old).unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
    folder.run(&["resume", "--limit", "1"]).exits(0);
    let edited = fs::read_to_string(&path).unwrap().replace("started", "STARTED");
    fs::write(&path, edited).unwrap();
    // Another file needs no --force, and the edited one stays.
    folder.run(&["resume", "--limit", "1", "-o", "s.csv"]).exits(0);
    assert!(fs::read_to_string(&path).unwrap().contains("STARTED"));
    assert_eq!(folder.report("s.csv").counts()["started"], 7);
    folder.run(&["resume", "--force"]).exits(0);
    assert_eq!(folder.report("r.csv").counts()["started"], 30);
    // What a session left is known to the next, also when nothing is left to send.
    folder.run(&["resume"]).exits(0).says(&["nothing was sent"]);
    folder.run(&["resume"]).exits(0);
    fs::write(&path, "a remark\n").unwrap();
    folder.run(&["resume"]).exits(2).says(&["was changed since this run wrote it"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), "a remark\n");
}

#[test]
fn after_a_crash_the_time_of_the_last_commit_tells_whether_a_report_was_changed() {
    for (seconds, code) in [(0, 0), (60, 2), (-60, 2)] {
        let (mock, folder) = (mock(), Folder::new());
        let run = begin(&folder, &mock, &[]);
        until("lines are there", || folder.report("r.csv").lines.len() >= 3);
        run.signal("KILL");
        run.wait();
        let path = folder.path("r.csv");
        if seconds != 0 {
            fs::write(&path, "a remark\n").unwrap();
            shift(&path, seconds);
        }
        let starts = mock.counts().starts;
        let resumed = folder.run(&["resume", "--rate", "unlimited"]).exits(code);
        if code == 0 {
            folder.report("r.csv").is_complete(30);
        } else {
            resumed.says(&["was changed since this run wrote it", "the run last wrote to it"]);
            assert_eq!(mock.counts().starts, starts, "nothing was sent");
            assert_eq!(fs::read_to_string(&path).unwrap(), "a remark\n");
            folder.run(&["resume", "--rate", "unlimited", "--force"]).exits(0);
            folder.report("r.csv").is_complete(30);
        }
    }
}

#[test]
fn a_run_that_died_after_a_while_needs_no_force() {
    let (mock, folder) = (mock(), Folder::new());
    // Longer than what is tolerated between a commit and its lines.
    let run = begin(&folder, &mock, &["--rate", "3/s"]);
    until("it went on for 8 s", || mock.counts().starts >= 24);
    run.signal("KILL");
    run.wait();
    folder.run(&["resume", "--rate", "unlimited"]).exits(0);
    folder.report("r.csv").is_complete(30);
}

#[test]
fn killed_between_the_note_and_the_renaming_either_report_is_the_runs() {
    let mock = mock();
    let (folder, old) = half_done(&mock, (5, 30), "r.csv");
    let path = folder.path("r.csv");
    fs::copy(&path, folder.path("kept.csv")).unwrap();
    let modified = path.metadata().unwrap().modified().unwrap();
    folder.run(&["resume", "--limit", "5"]).exits(0);
    assert!(fs::read_to_string(&path).unwrap() != old);
    // The old one, as if the new one had not come to its place.
    fs::rename(folder.path("kept.csv"), &path).unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
    fs::write(part(&folder, "r.csv"), "complete, but not in its place").unwrap();
    folder.run(&["resume", "-o", "s.csv"]).exits(0);
    assert!(!part(&folder, "r.csv").exists(), "what a crash left is removed");
    folder.run(&["resume"]).exits(0);
    folder.report("r.csv").is_complete(30);
}

#[test]
#[ignore = "needs user namespaces, which some systems forbid"]
fn a_report_on_a_disk_that_was_full_needs_no_force() {
    let (mock, folder) = (mock(), Folder::new());
    folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, 3000)));
    let line = format!(
        "unshare -Urm bash -c 'mkdir -p small && mount -t tmpfs -o size=200k none small && \
         PROGRAM run tasks.csv -o small/r.csv --rate 5000/s --lookahead 100 --esb {}; \
         test $? = 6 && cp $(ls -d state/runs/*/journal.db) then.db && \
         mount -o remount,size=64m small && PROGRAM resume && cp small/r.csv new.csv'",
        mock.url()
    );
    folder.shell(&line).exits(0).says(&["cannot write the report small/r.csv: No space left"]);
    folder.report("new.csv").is_complete(3000);
    // Rows in flight may take minutes after that, so how it was left is noted.
    let journal = rusqlite::Connection::open(folder.path("then.db")).unwrap();
    let sql = "SELECT bytes IS NOT NULL FROM report";
    assert!(journal.query_row(sql, [], |row| row.get::<_, bool>(0)).unwrap());
}

#[test]
#[ignore = "needs user namespaces, which some systems forbid"]
fn a_resume_on_a_full_disk_leaves_the_old_report() {
    let (mock, folder) = (mock(), Folder::new());
    folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, 3000)));
    // The old report fits; no second one does until there is room.
    let line = format!(
        "unshare -Urm bash -c 'mkdir -p small && mount -t tmpfs -o size=1m none small && \
         PROGRAM run tasks.csv -o small/r.csv --rate unlimited --limit 2900 --esb {} && \
         cp small/r.csv old.csv && PROGRAM resume --rate unlimited; test $? = 6 && \
         cmp small/r.csv old.csv && test $(ls small | wc -l) = 1 && \
         mount -o remount,size=64m small && PROGRAM resume && cp small/r.csv new.csv'",
        mock.url()
    );
    folder.shell(&line).exits(0).says(&["small/r.csv: No space left"]);
    assert_eq!(folder.report("old.csv").counts()["pending"], 100);
    assert_eq!(folder.report("new.csv").counts()["started"], 3000);
}

#[test]
#[ignore = "needs user namespaces, which some systems forbid"]
fn a_report_that_is_mounted_is_written_over() {
    let mock = mock();
    let (folder, _) = half_done(&mock, (5, 30), "r.csv");
    folder.file("host.csv", "");
    let line = "unshare -Urm bash -c 'cp -p r.csv host.csv && mount --bind host.csv r.csv && \
                PROGRAM resume --limit 5 && test $(ls r.csv* | wc -l) = 1 && \
                PROGRAM resume --rate unlimited'";
    folder.shell(line).exits(0);
    assert_eq!(folder.report("host.csv").counts()["started"], 30);
}
