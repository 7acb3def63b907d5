//! What bad input gets: a clear word that names the flag, file, line or variable
//! and the way out, the exit code of the contract, and never a panic.

use std::io::Write;
use std::process::{Command, Stdio};

use bk_launch::mock::{Behaviour, Mock};

use crate::harness::{Finished, Folder};

const OUT: [&str; 2] = ["-o", "r.csv"];

/// Runs the program on an input of these bytes.
fn on(folder: &Folder, name: &str, content: &[u8], more: &[&str]) -> Finished {
    folder.file(name, content);
    let words = ["run", name, "--esb", "http://127.0.0.1:9"];
    folder.run(&[&words[..], &OUT, more].concat())
}

#[test]
fn inputs_that_are_no_lists() {
    let folder = Folder::new();
    let utf16 = b"\xff\xfeb\0i\0z\0";
    for (name, content, parts) in [
        ("a.csv", &b"bk_biz_id,name\n2,x\n"[..], &["a.csv:1", "task_id"][..]),
        (
            "b.csv",
            b"biz_id,task_id,Task_Id\n2,3,4\n",
            &["b.csv:1", "columns 2 and 3 are both task_id"],
        ),
        ("c.csv", b"biz_id,task_id,n\n2,3,caf\xe9\n", &["c.csv:2", "not UTF-8 in column 3"]),
        ("d.csv", b"biz_id,task_id\n2,3\0\n", &["d.csv:2", "NUL byte in column 2"]),
        ("e.csv", b"biz_id,task_id,n\n2,3,\"x\n4,5,y\n", &["e.csv:2", "never closed"]),
        ("f.csv", "biz_id,task_id\n2,１２\n".as_bytes(), &["f.csv:2: task_id", "digits 0 to 9"]),
        (
            "g.csv",
            b"biz_id,task_id\n2,123456789012345678901234567890\n",
            &["g.csv:2: task_id", "at most"],
        ),
        ("h.csv", utf16, &["h.csv", "UTF-16", "save it as UTF-8"]),
        ("i.csv", b"biz_id;task_id\n2;3\n", &["i.csv:1", "semicolons"]),
        ("j.jsonl", b"{\"biz_id\":2}\n", &["j.jsonl:1", "task_id is empty"]),
        ("k.jsonl", b"[1]\n", &["k.jsonl:1", "no JSON object"]),
        ("l.txt", b"2,3\n", &["l.txt", "--format"]),
    ] {
        on(&folder, name, content, &[]).exits(2).says(parts);
        assert!(!folder.path("r.csv").exists(), "{name}");
    }
    on(&folder, "empty.csv", b"", &["--force"]).exits(0).says(&["no rows"]);
}

#[test]
fn a_line_of_a_hundred_megabytes_is_one_bad_row() {
    let folder = Folder::new();
    let mut long = b"biz_id,task_id,n\n2,3,".to_vec();
    long.resize(100_000_000, b'x');
    long.extend(b"\n2,y,z\n");
    on(&folder, "long.csv", &long, &[]).exits(2).says(&[
        "2 of 2 rows",
        "long.csv:2: is longer than 1 MiB",
        "long.csv:3: task_id",
    ]);
}

#[test]
fn files_that_cannot_be_read_or_written() {
    let folder = Folder::new();
    folder.file("t.csv", "2,3\n");
    std::fs::create_dir(folder.path("folder.csv")).unwrap();
    for (words, parts) in [
        (&["no.csv", "-o", "r.csv"][..], &["no.csv"][..]),
        (&["folder.csv", "-o", "r.csv"], &["folder.csv", "is a folder"]),
        (&["/proc/self/mem", "-o", "r.csv"], &["/proc/self/mem"]),
        (&["t.csv", "-o", "no/r.csv"], &["no/r.csv"]),
        (&["t.csv", "-o", "folder.csv"], &["folder.csv"]),
        (&["t.csv", "-o", "t.csv", "--force"], &["is the input itself"]),
        (&["t.csv", "-o", "r.csv", "-o", "r.csv"], &["given twice"]),
        (&["t.csv", "-o", "r.docx"], &["r.docx", ".csv, .tsv or .jsonl"]),
    ] {
        let words = [&["run", "--esb", "http://127.0.0.1:9"], words].concat();
        folder.run(&words).exits(2).says(parts);
    }
}

#[test]
fn settings_that_do_not_hold_together() {
    let folder = Folder::new();
    folder.file("t.csv", "2,3\n");
    let esb = ["--esb", "http://127.0.0.1:9"];
    for (words, parts) in [
        (&["--gateway", "http://h/{gateway_name}"][..], &["--esb", "--gateway"][..]),
        (&["--rate", "0/s"], &["--rate", "never send"]),
        (&["--rate", "-1/s"], &["--rate", "20/s"]),
        (&["--rate", "fast"], &["--rate", "20/s"]),
        (&["--concurrency", "0"], &["--concurrency", "at least 1"]),
        (&["--lookahead", "0"], &["--lookahead", "at least 1"]),
        (&["--timeout", "0s"], &["--timeout"]),
        (&["--timeout", "soon"], &["--timeout", "35s"]),
        (&["--backoff", "3s..1s"], &["--backoff", "longest"]),
        (&["--retries", "-1"], &["--retries"]),
        (&["--format", "xls"], &["--format", "jsonl"]),
        (&["--json", "-o", "-"], &["--json", "standard output"]),
        (&["--app-secret-file", "no"], &["no"]),
    ] {
        folder.run(&[&["run", "t.csv"], &esb[..], &OUT, words].concat()).exits(2).says(parts);
    }
    for (url, part) in [
        ("paas", "not a URL"),
        ("http://", "not a URL"),
        ("ftp://h", "ftp:"),
        ("http://me:pa55@h", "must not hold a user or a password"),
        ("http://h/?q=1", "without ? and #"),
    ] {
        let run = folder.run(&["run", "t.csv", "--esb", url, "-o", "r.csv"]).exits(2);
        let run = run.says(&["--esb: ", part]);
        assert!(!run.stderr().contains("pa55"), "{run}");
    }
    assert!(!folder.path("r.csv").exists());
}

#[test]
fn variables_that_contradict_each_other_or_are_missing() {
    let folder = Folder::new();
    folder.file("t.csv", "2,3\n");
    let with = |words: &[&str], set: &[(&str, &str)], unset: &[&str]| {
        let mut program = folder.program(&[&["run", "t.csv", "-o", "r.csv"], words].concat());
        program.envs(set.iter().copied());
        for name in unset {
            program.env_remove(name);
        }
        folder.start(&mut program).wait()
    };
    let both =
        [("BK_COMPONENT_API_URL", "http://a"), ("BK_API_URL_TMPL", "http://b/{gateway_name}")];
    with(&[], &both, &[]).exits(2).says(&["BK_COMPONENT_API_URL and BK_API_URL_TMPL"]);
    with(&[], &[], &[]).exits(2).says(&["--esb URL or --gateway TEMPLATE"]);
    let esb = ["--esb", "http://127.0.0.1:9"];
    with(&esb, &[], &["BK_APP_CODE", "BK_APP_SECRET", "BK_TOKEN"]).exits(2).says(&["BK_APP_CODE"]);
    with(&esb, &[], &["BK_APP_SECRET"]).exits(2).says(&["BK_APP_SECRET"]);
    with(&esb, &[], &["BK_TOKEN"]).exits(2).says(&["BK_TOKEN or BK_USERNAME"]);
    let bad = [("BK_COMPONENT_API_URL", "paas")];
    with(&[], &bad, &[]).exits(2).says(&["BK_COMPONENT_API_URL: not a URL"]);
}

/// The program as a word of a shell, which runs where it is said.
fn shell(folder: &Folder, wrapped: &[&str], line: &str) -> Finished {
    let line = line.replace("PROGRAM", env!("CARGO_BIN_EXE_bk-launch"));
    let program = folder.program(&[]);
    let mut command = Command::new(wrapped[0]);
    command.args(&wrapped[1..]).arg(line).current_dir(folder.path("")).env_clear();
    command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").stdin(Stdio::null());
    folder.start(&mut command).wait()
}

#[test]
fn a_terminal_without_an_input_is_told_so() {
    let folder = Folder::new();
    let line = "PROGRAM run -o r.csv --esb http://127.0.0.1:9; echo code $?";
    let inner = line.replace("PROGRAM", env!("CARGO_BIN_EXE_bk-launch"));
    let mut script = Command::new("script");
    let program = folder.program(&[]);
    script.args(["-qec", &inner, "/dev/null"]).current_dir(folder.path("")).env_clear();
    script.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    script.env("PATH", "/usr/bin:/bin").stdin(Stdio::null());
    let seen = folder.start(&mut script).wait().stdout();
    assert!(seen.contains("no INPUT") && seen.contains("code 2"), "{seen}");
}

#[test]
#[ignore = "needs user namespaces, which some systems forbid"]
fn a_folder_that_is_read_only() {
    let folder = Folder::new();
    folder.file("t.csv", "2,3\n");
    std::fs::create_dir(folder.path("ro")).unwrap();
    let line =
        "mount -t tmpfs -o ro none ro && PROGRAM run t.csv -o ro/r.csv --esb http://127.0.0.1:9";
    shell(&folder, &["unshare", "-Urm", "sh", "-c"], line)
        .exits(2)
        .says(&["ro/r.csv", "Read-only file system"]);
}

#[test]
#[ignore = "needs root, to become somebody else"]
fn a_file_that_only_others_may_read() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let set = |name: &str, mode| {
        std::fs::set_permissions(folder.path(name), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    std::fs::copy(env!("CARGO_BIN_EXE_bk-launch"), folder.path("program")).unwrap();
    folder.file("open.csv", "2,3\n");
    folder.file("closed.csv", "2,3\n");
    folder.file("secret", "s");
    set("", 0o755);
    set("program", 0o755);
    set("closed.csv", 0o600);
    set("secret", 0o600);
    std::fs::create_dir(folder.path("state")).unwrap();
    set("state", 0o777);
    let somebody = ["setpriv", "--reuid", "65534", "--clear-groups", "sh", "-c"];
    for (line, parts) in [
        ("closed.csv -o /tmp/never-made.csv", ["closed.csv", "Permission denied"]),
        ("open.csv -o r.csv", ["r.csv", "Permission denied"]),
        ("open.csv -o /dev/null --app-secret-file secret", ["secret", "Permission denied"]),
    ] {
        let line = format!("./program run {line} --esb http://127.0.0.1:9");
        shell(&folder, &somebody, &line).exits(2).says(&parts);
    }
}

#[test]
#[ignore = "needs user namespaces, which some systems forbid"]
fn a_disk_that_is_full_stops_the_run() {
    let mock = Mock::start(Behaviour::default(), 0).unwrap();
    let folder = Folder::new();
    let list: String = (1..=20_000).map(|task| format!("2,{task}\n")).collect();
    folder.file("t.csv", list);
    std::fs::create_dir(folder.path("small")).unwrap();
    let line = format!(
        "mount -t tmpfs -o size=64k none small && PROGRAM run t.csv -o small/r.csv --rate 4000/s --no-journal --esb {}",
        mock.url()
    );
    shell(&folder, &["unshare", "-Urm", "sh", "-c"], &line)
        .exits(6)
        .says(&["cannot write the report small/r.csv", "No space left"]);
    assert!(mock.counts().starts < 20_000);
}

#[test]
fn a_file_size_limit_is_an_error_and_no_death() {
    let mock = Mock::start(Behaviour::default(), 0).unwrap();
    let folder = Folder::new();
    let list: String = (1..=5_000).map(|task| format!("2,{task}\n")).collect();
    folder.file("t.csv", list);
    let line = format!(
        "ulimit -f 64; PROGRAM run t.csv -o r.csv --rate 4000/s --no-journal --esb {}",
        mock.url()
    );
    shell(&folder, &["sh", "-c"], &line).exits(6).says(&["cannot write the report r.csv"]);
}

#[test]
fn standard_output_that_is_closed_is_no_error() {
    let mock = Mock::start(Behaviour::default(), 0).unwrap();
    let folder = Folder::new();
    folder.file("t.csv", "2,3\n2,4\n");
    let line =
        format!("PROGRAM run t.csv -o r.csv --json --esb {} | true; echo done >&2", mock.url());
    shell(&folder, &["sh", "-c"], &line).says(&["2 rows: 2 started", "done"]);
    let line = format!(
        "PROGRAM run t.csv -o s.csv -v --esb {} 2>&1 | true; test ${{PIPESTATUS[0]}} = 0",
        mock.url()
    );
    shell(&folder, &["bash", "-c"], &line).exits(0);
    assert_eq!(folder.report("s.csv").lines.len(), 2);
    for command in ["demo", "completions bash", "man"] {
        let line = format!("PROGRAM {command} | true");
        let ended = shell(&folder, &["bash", "-o", "pipefail", "-c"], &line).exits(0);
        assert!(!ended.stderr().contains("error"), "{ended}");
    }
}

#[test]
fn a_stream_that_breaks_off_loses_no_good_work() {
    let mock = Mock::start(Behaviour::default(), 0).unwrap();
    let folder = Folder::new();
    let words = ["run", "-o", "r.csv", "--esb", &mock.url()];
    let mut run = folder.start(folder.program(&words).stdin(Stdio::piped()));
    let mut typing = run.child.stdin.take().unwrap();
    typing.write_all(b"biz_id,task_id,n\n2,3,x\n2,4,\"y\n").unwrap();
    drop(typing);
    run.wait().exits(1).says(&["input incomplete: 1 rows were read", "never closed"]);
    assert_eq!(folder.report("r.csv").outcome(2), "started");
}
