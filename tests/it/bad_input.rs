//! What bad input gets: a clear word that names the flag, file, line or variable
//! and the way out, the exit code of the contract, and never a panic.

use crate::harness::{Launch, Scene, bare_list, scene};

/// Where nobody listens, and nobody needs to.
const NOBODY: &str = "http://127.0.0.1:9";

/// A launch of an input of these bytes.
fn on(scene: &Scene, name: &str, content: &[u8]) -> Launch {
    scene.file(name, content);
    scene.run().input(name).at(NOBODY)
}

#[test]
fn a_line_of_a_hundred_megabytes_is_one_bad_row() {
    let mut long = b"biz_id,task_id,n\n2,3,".to_vec();
    long.resize(100_000_000, b'x');
    long.extend(b"\n2,y,z\n");
    let scene = Scene::new();
    on(&scene, "long.csv", &long).exits(2).says([
        "2 of 2 rows",
        "long.csv:2: is longer than 1 MiB",
        "long.csv:3: task_id",
    ]);
}

#[test]
fn files_that_cannot_be_read_or_written() {
    let scene = Scene::new();
    scene.file("t.csv", "2,3\n");
    scene.folder("folder.csv");
    for (words, parts) in [
        ("no.csv -o r.csv", &["no.csv"][..]),
        ("folder.csv -o r.csv", &["folder.csv", "is a folder"]),
        ("/proc/self/mem -o r.csv", &["/proc/self/mem"]),
        ("t.csv -o no/r.csv", &["no/r.csv"]),
        ("t.csv -o folder.csv", &["folder.csv"]),
        ("t.csv -o t.csv --force", &["is the input itself"]),
        ("t.csv -o r.csv -o r.csv", &["given twice"]),
        ("t.csv -o r.docx", &["r.docx", ".csv, .tsv or .jsonl"]),
    ] {
        scene.command("run").at(NOBODY).with(words).exits(2).says(parts);
    }
}

#[test]
fn settings_that_do_not_hold_together() {
    let scene = scene("2,3\n");
    for (words, parts) in [
        ("--gateway http://h/{gateway_name}", ["--esb", "--gateway"]),
        ("--rate 0/s", ["--rate", "never send"]),
        ("--rate -1/s", ["--rate", "20/s"]),
        ("--rate fast", ["--rate", "20/s"]),
        ("--rate 0.5/s", ["--rate", "write 30/m"]),
        ("--window 22:00-24:00", ["--window", "midnight is 00:00"]),
        ("--concurrency 0", ["--concurrency", "must be a whole number from 1 to 4294967295"]),
        ("--lookahead 0", ["--lookahead", "must be a whole number from 1 to 4294967295"]),
        ("--burst 0", ["--burst", "must be a whole number from 1 to 4294967295"]),
        ("--burst -1", ["--burst", "must be a whole number from 1 to 4294967295"]),
        ("--limit -1", ["--limit", "must be a whole number from 0 to "]),
        ("--timeout 0s", ["--timeout", ""]),
        ("--timeout soon", ["--timeout", "35s"]),
        ("--backoff 3s..1s", ["--backoff", "longest"]),
        ("--retries -1", ["--retries", "must be a whole number from 0 to 4294967295"]),
        ("--format xls", ["--format", "jsonl"]),
        ("--json -o -", ["--json", "standard output"]),
        ("--app-secret-file no", ["no", ""]),
    ] {
        scene.run().at(NOBODY).with(words).exits(2).says(parts);
    }
    for (url, part) in [
        ("paas", "not a URL"),
        ("http://", "not a URL"),
        ("ftp://h", "ftp:"),
        ("http://me:pa55@h", "must not hold a user or a password"),
        ("http://h/?q=1", "without ? and #"),
    ] {
        scene.run().at(url).exits(2).says(["--esb: ", part]).never_says("pa55");
    }
    assert!(!scene.has("r.csv"));
}

#[test]
fn variables_that_contradict_each_other_or_are_missing() {
    let scene = scene("2,3\n");
    let (run, to_nobody) = (|| scene.run().nowhere(), || scene.run().at(NOBODY));
    run()
        .environment("BK_COMPONENT_API_URL", "http://a")
        .environment("BK_API_URL_TMPL", "http://b/{gateway_name}")
        .exits(2)
        .says("BK_COMPONENT_API_URL and BK_API_URL_TMPL");
    run().exits(2).says("--esb URL or --gateway TEMPLATE");
    let nothing = to_nobody().without("BK_APP_CODE").without("BK_APP_SECRET").without("BK_TOKEN");
    nothing.exits(2).says("BK_APP_CODE");
    to_nobody().without("BK_APP_SECRET").exits(2).says("BK_APP_SECRET");
    to_nobody()
        .without("BK_TOKEN")
        .exits(2)
        .says("BK_TOKEN, --token-file or --token-cmd; or BK_USERNAME");
    let bad = run().environment("BK_COMPONENT_API_URL", "paas").exits(2);
    bad.says("BK_COMPONENT_API_URL: not a URL");
}

#[test]
fn a_terminal_without_an_input_is_told_so() {
    let run = Scene::new().command("run -o r.csv").at(NOBODY);
    let seen = run.on_a_terminal().exits(2);
    assert!(seen.contains("no INPUT"), "{seen}");
}

#[test]
#[ignore = "needs user namespaces, which some systems forbid"]
fn a_folder_that_is_read_only() {
    let scene = scene("2,3\n");
    scene.folder("ro");
    let line = "unshare -Urm sh -c 'mount -t tmpfs -o ro none ro && \
                PROGRAM run tasks.csv -o ro/r.csv --esb http://127.0.0.1:9'";
    scene.shell(line).exits(2).says(["ro/r.csv", "Read-only file system"]);
}

#[test]
#[ignore = "needs root, to become somebody else"]
fn a_file_that_only_others_may_read() {
    let scene = Scene::new();
    std::fs::copy(env!("CARGO_BIN_EXE_bk-launch"), scene.path("program")).unwrap();
    scene.file("open.csv", "2,3\n");
    scene.file("closed.csv", "2,3\n");
    scene.file("secret", "s");
    scene.folder("state");
    for (name, mode) in [
        ("", 0o755),
        ("program", 0o755),
        ("closed.csv", 0o600),
        ("secret", 0o600),
        ("state", 0o777),
    ] {
        scene.mode(name, mode);
    }
    for (line, parts) in [
        ("closed.csv -o /tmp/never-made.csv", ["closed.csv", "Permission denied"]),
        ("open.csv -o r.csv", ["r.csv", "Permission denied"]),
        ("open.csv -o /dev/null --app-secret-file secret", ["secret", "Permission denied"]),
    ] {
        let somebody = "setpriv --reuid 65534 --clear-groups ./program run";
        scene.shell(&format!("{somebody} {line} --esb {NOBODY}")).exits(2).says(parts);
    }
}

#[test]
#[ignore = "needs user namespaces, which some systems forbid"]
fn a_disk_that_is_full_stops_the_run() {
    let scene = scene(bare_list(20_000));
    scene.folder("small");
    let line = "unshare -Urm sh -c 'mount -t tmpfs -o size=64k none small && PROGRAM run \
                tasks.csv -o small/r.csv --rate 4000/s --no-journal --esb URL'";
    scene.shell(line).exits(6).says(["cannot write the report small/r.csv", "No space left"]);
    assert!(scene.seen().starts < 20_000);
}

#[test]
fn a_file_size_limit_is_an_error_and_no_death() {
    let line = "ulimit -f 64; PROGRAM run tasks.csv -o r.csv --rate 4000/s --no-journal --esb URL";
    scene(bare_list(5_000)).shell(line).exits(6).says("cannot write the report r.csv");
}

#[test]
fn standard_output_that_is_closed_is_no_error() {
    let scene = scene("2,3\n2,4\n");
    let line = "PROGRAM run tasks.csv -o r.csv --json --esb URL | true; echo done >&2";
    scene.shell(line).says(["2 rows: 2 started", "done"]);
    let line = "PROGRAM run tasks.csv -o s.csv -v --esb URL 2>&1 | true; \
                test ${PIPESTATUS[0]} = 0";
    scene.shell(line).exits(0);
    assert_eq!(scene.report("s.csv").lines.len(), 2);
    for command in ["demo", "completions bash", "man"] {
        let line = format!("set -o pipefail; PROGRAM {command} | true");
        scene.shell(&line).exits(0).never_says("error");
    }
}

#[test]
fn a_stream_that_breaks_off_loses_no_good_work() {
    let run = Scene::new().run().piped("biz_id,task_id,n\n2,3,x\n2,4,\"y\n").exits(1);
    run.says(["input incomplete: 1 row was read", "never closed"]).row(2).is("started", "reply");
}
