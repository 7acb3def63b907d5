//! What is on disk before a request leaves, and before the program ends: the order of its
//! system calls, as strace tells it. A process that is killed shows none of this, since the
//! system keeps what was written; a machine that loses its power does.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use bk_launch::mock::{Behaviour, Mock};

use crate::harness::{Folder, HEADER, rows};

/// The system calls that are looked at.
const CALLS: &str = "openat,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,fsync,\
                     fdatasync,write,writev,pwrite64,sendto,sendmsg,read,recvfrom,connect,\
                     exit_group";

/// A system call: the lines of the trace at which it began and was done, and what stands there.
#[derive(Debug)]
struct Call {
    name: String,
    began: usize,
    done: usize,
    text: String,
}

/// What a program did, in order.
struct Trace(Vec<Call>);

impl Trace {
    /// Runs a line of shell, in which TRACED is the program under strace.
    #[track_caller]
    fn of(folder: &Folder, line: &str) -> Self {
        let traced = format!("strace -f -y -s 1000 -e trace={CALLS} -o trace.txt PROGRAM");
        folder.shell(&line.replace("TRACED", &traced)).exits(0);
        Self::read(&folder.path("trace.txt"))
    }

    /// Reads `PID call(arguments) = result`, in two parts where other threads came in between.
    fn read(path: &Path) -> Self {
        let trace = String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
        let (mut calls, mut unfinished) = (Vec::new(), HashMap::new());
        for (at, line) in trace.lines().enumerate() {
            let (pid, rest) = line.split_once(' ').unwrap();
            let rest = rest.trim_start();
            if let Some(begun) = rest.strip_suffix(" <unfinished ...>") {
                unfinished.insert(pid, (at, begun));
                continue;
            }
            let resumed = rest.strip_prefix("<... ").and_then(|rest| rest.split_once(" resumed>"));
            let (began, text) = match resumed {
                Some((_, rest)) => {
                    let (began, head) = unfinished.remove(pid).unwrap();
                    (began, format!("{head}{rest}"))
                }
                None => (at, rest.to_owned()),
            };
            if let Some((name, _)) = text.split_once('(') {
                calls.push(Call { name: name.to_owned(), began, done: at, text });
            }
        }
        Self(calls)
    }

    fn find<'a, 'b>(
        &'a self,
        names: &'b str,
        text: &'b str,
    ) -> impl DoubleEndedIterator<Item = &'a Call> + use<'a, 'b> {
        let is_named = move |call: &&Call| names.split(' ').any(|name| name == call.name);
        self.0.iter().filter(is_named).filter(move |call| call.text.contains(text))
    }

    #[track_caller]
    fn first(&self, names: &str, text: &str) -> &Call {
        self.find(names, text).next().unwrap_or_else(|| panic!("no {names} of {text}"))
    }

    /// Returns the end of the program.
    fn ended(&self) -> &Call {
        self.0.iter().rfind(|call| call.name == "exit_group").unwrap()
    }

    /// Returns the first start that was sent of this task.
    #[track_caller]
    fn start_of(&self, task: u64) -> &Call {
        self.first("write writev sendto sendmsg", &format!("\\\"task_id\\\":\\\"{task}\\\""))
    }

    /// Ends the test unless `path` is synced after one call and before another.
    #[track_caller]
    fn is_synced_between(&self, after: &Call, path: &str, before: &Call) {
        let mut syncs = self.find("fsync fdatasync", path);
        let is_between = |sync: &Call| after.done < sync.began && sync.done < before.began;
        assert!(
            syncs.any(|sync| is_between(sync) && sync.text.ends_with(" = 0")),
            "{path} is not synced between\n{}\nand\n{}",
            after.text,
            before.text
        );
    }

    /// Ends the test unless each write to `path` before a call is synced before it, too.
    #[track_caller]
    fn is_lasting_before(&self, path: &str, before: &Call) {
        let mut writes = self.find("write writev pwrite64", path);
        let last = writes.rfind(|write| write.began < before.began);
        self.is_synced_between(last.unwrap_or_else(|| panic!("no write to {path}")), path, before);
    }
}

/// A path as strace shows it behind the number of a file: all of it, or how it ends.
fn shown(path: &Path) -> String {
    format!("<{}>", path.display())
}

#[test]
#[ignore = "needs strace"]
fn a_run_is_on_disk_before_its_first_request_and_its_report_before_the_end() {
    let (mock, folder) = (Mock::start(Behaviour::default(), 0).unwrap(), Folder::new());
    folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 101, 3)));
    let line = format!("TRACED run tasks.csv -o r.csv --esb {}", mock.url());
    let trace = Trace::of(&folder, &line);
    let run = folder.only_run().path;
    let (runs, pending) = (run.parent().unwrap(), run.with_extension("new"));
    let renamed = trace.first("rename renameat renameat2", &format!("{}\"", run.display()));
    assert!(renamed.text.contains(&format!("\"{}\"", pending.display())), "{}", renamed.text);

    // The folder and all that is in it, before it gets its name; the name before anything leaves.
    for file in ["input.csv", "journal.db"] {
        trace.is_lasting_before(&shown(&pending.join(file)), renamed);
    }
    let settings = trace.first("rename renameat renameat2", "settings.json\"");
    let temporary = settings.text.split('"').nth(1).unwrap();
    trace.is_lasting_before(&shown(Path::new(temporary)), settings);
    // SQLite syncs the folder for its own files; what comes after that must last, too.
    let pending_name = pending.display().to_string();
    let mut changes = trace.find("openat rename renameat renameat2 unlink unlinkat", &pending_name);
    let last_change = changes.rfind(|call| {
        call.began < renamed.began && (call.name != "openat" || call.text.contains("O_CREAT"))
    });
    trace.is_synced_between(last_change.unwrap(), &shown(&pending), renamed);
    let connected = trace.first("connect", &format!("htons({})", mock.port()));
    trace.is_synced_between(renamed, &shown(runs), connected);
    // Also that of the folders above it, which were made for it.
    for made in [runs, runs.parent().unwrap()] {
        let name = format!("{}\"", made.display());
        let mut calls = trace.find("mkdir mkdirat", &name);
        let made_it = calls.find(|call| call.text.ends_with(" = 0")).unwrap();
        trace.is_synced_between(made_it, &shown(made.parent().unwrap()), connected);
    }

    // The session and the intents, before the first row goes; its journal has entries of its own.
    let journal = shown(&run.join("journal.db-wal"));
    let first = trace.start_of(101);
    let opened = trace.first("openat", &run.join("journal.db-wal").display().to_string());
    trace.is_synced_between(opened, &shown(&run), first);
    trace.is_lasting_before(&journal, first);
    let commits = trace.find("fsync fdatasync", &journal).filter(|sync| sync.done < first.began);
    assert!(commits.count() >= 2, "the session begins, and intents are noted");

    // Records, before they are shown; the report, before the program ends.
    let report = shown(&folder.path("r.csv"));
    let answered = trace.first("read recvfrom", "HTTP/1.1 200 OK");
    let shows = trace.find("write", &report).find(|write| write.text.contains(",started,"));
    trace.is_synced_between(answered, &journal, shows.unwrap());
    let written = trace.find("write", &report).next_back().unwrap();
    trace.is_lasting_before(&report, trace.ended());
    trace.is_synced_between(written, &shown(folder.path("r.csv").parent().unwrap()), trace.ended());
    trace.is_lasting_before(&journal, trace.ended());
}

#[test]
#[ignore = "needs strace"]
fn a_row_of_a_stream_is_on_disk_before_it_is_sent() {
    let (mock, folder) = (Mock::start(Behaviour::default(), 0).unwrap(), Folder::new());
    let typed = format!("(printf '{HEADER}2,101,\\n'; sleep 1; printf 2,102,)");
    let line = format!("{typed} | TRACED run - -o r.csv --esb {}", mock.url());
    let trace = Trace::of(&folder, &line);
    let copied = |row: &str| {
        let mut copies = trace.find("write", row).filter(|call| call.text.contains("/input.csv>"));
        copies.next().unwrap_or_else(|| panic!("{row} is not copied"))
    };
    trace.is_synced_between(copied("2,101,"), "/input.csv>", trace.start_of(101));
    trace.is_synced_between(copied("2,102,"), "/input.csv>", trace.start_of(102));
    // The line end that the last row lacked, too.
    trace.is_lasting_before("/input.csv>", trace.start_of(102));
    let copy = folder.only_run().input("csv");
    assert_eq!(fs::read_to_string(copy).unwrap(), format!("{HEADER}2,101,\n2,102,\n"));
}

#[test]
#[ignore = "needs strace"]
fn a_resume_puts_its_report_in_place_when_it_is_on_disk() {
    let (mock, folder) = (Mock::start(Behaviour::default(), 0).unwrap(), Folder::new());
    folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 101, 3)));
    let words = ["run", "tasks.csv", "-o", "r.csv", "--limit", "1", "--esb", &mock.url()];
    folder.run(&words).exits(0);
    let trace = Trace::of(&folder, "TRACED resume");
    let run = folder.only_run();
    let journal = shown(&run.path.join("journal.db-wal"));
    trace.is_lasting_before(&journal, trace.start_of(102));
    let (report, part) = (folder.path("r.csv"), folder.path(&format!("r.csv.{}.part", run.id)));
    let renamed = trace.first("rename renameat renameat2", &format!("{}\"", report.display()));
    let part = shown(&part);
    trace.is_lasting_before(&part, renamed);
    // The journal knows both files before one takes the other's place.
    let written = trace.find("write", &part).next_back().unwrap();
    trace.is_synced_between(written, &journal, renamed);
    trace.is_lasting_before(&journal, renamed);
    trace.is_synced_between(renamed, &shown(report.parent().unwrap()), trace.ended());
}
