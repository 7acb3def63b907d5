//! A list, end to end: what becomes of each row, and the exit code.

use bk_launch::mock::{Behaviour, FaultKind, FirstFault, Mock};

use crate::harness::{Folder, HEADER, rows};

/// Flags that make retries quick.
pub const QUICK: [&str; 4] = ["--rate", "unlimited", "--backoff", "1ms..20ms"];

fn mock(behaviour: Behaviour) -> Mock {
    Mock::start(behaviour, 0).unwrap()
}

fn first(faults: &[(u64, FaultKind, u32)]) -> Behaviour {
    let first = faults.iter().map(|(task, kind, times)| FirstFault {
        task: *task,
        kind: *kind,
        times: *times,
    });
    Behaviour { first: first.collect(), ..Behaviour::default() }
}

#[test]
fn every_row_ends_as_one_line_that_says_what_is_known() {
    let mock = mock(Behaviour {
        started: [4].into(),
        denied: [5].into(),
        missing: [6].into(),
        ..first(&[
            (7, FaultKind::ResetAfter, 1),
            (8, FaultKind::Crash, 9),
            (9, FaultKind::BadGateway, 9),
        ])
    });
    let folder = Folder::new();
    let list = "bk_biz_id,task_id,scope,note\n2,3,,a\n2,4,,b\n2,5,,c\n2,6,,d\n2,7,,e\n2,8,,f\n2,9,,g\n\
                2,3,cmdb_biz,h\n2,3,project,i\n";
    folder.file("tasks.csv", list);
    let words = ["run", "tasks.csv", "-o", "report.csv", "--esb", &mock.url(), "--retries", "2"];
    let run = folder.run(&[&words[..], &QUICK].concat());
    run.exits(1).says(&["9 rows: 3 started", "1 already_started", "1 duplicate", "report.csv"]);

    let report = folder.report("report.csv");
    report.is_complete(9);
    for (line, outcome, known_by, result, error, attempts) in [
        (2, "started", "reply", "true", "", "1"),
        (3, "already_started", "", "false", "", "1"),
        (4, "rejected", "", "false", "permission", "1"),
        (5, "rejected", "", "false", "not_found", "1"),
        (6, "started", "retry", "false", "", "2"),
        (7, "failed", "", "false", "transient", "3"),
        (8, "unknown", "", "", "ambiguous", "3"),
        (9, "duplicate", "", "", "", "0"),
        (10, "started", "reply", "true", "", "1"),
    ] {
        let found = report.line(line);
        let found = ["outcome", "known_by", "result", "error", "attempts"].map(|c| &*found[c]);
        assert_eq!(found, [outcome, known_by, result, error, attempts], "line {line}");
    }
    let started = report.line(2);
    assert!(started["task_url"].ends_with("/taskflow/execute/2/?instance_id=3"));
    assert_eq!(started["request_id"].len(), 32);
    assert_eq!(started["trace_id"].len(), 32);
    assert_eq!((&*started["http_status"], &*started["note"]), ("200", "a"));
    assert!(started["client_request_id"].ends_with("-s1-l2-a1"));
    assert_eq!(report.line(10)["scope"], "project");

    let counts = mock.counts();
    assert_eq!(counts.starts, 13);
    assert_eq!(counts.tasks["cmdb_biz/2/3"].request_ids, [started["client_request_id"].as_str()]);
    assert_eq!(counts.tasks["cmdb_biz/2/8"].request_ids.len(), 3);
}

#[test]
fn a_start_that_a_proxy_lost_is_ours() {
    for (kind, words) in [
        (FaultKind::UnavailableAfter, "connection termination"),
        (FaultKind::BadGatewayAfter, "502 Bad Gateway"),
    ] {
        let mock = mock(first(&[(7, kind, 1), (8, kind, 9)]));
        let folder = Folder::new();
        folder.file("tasks.csv", "2,7\n2,8\n");
        let flags = ["--retries", "1", "-v", "--esb", &mock.url()];
        let words_of_run = [&["run", "tasks.csv", "-o", "r.csv"][..], &flags, &QUICK].concat();
        folder.run(&words_of_run).exits(0).says(&[words]);
        let report = folder.report("r.csv");
        for line in [1, 2] {
            let found = report.line(line);
            let found = ["outcome", "known_by", "attempts"].map(|column| &*found[column]);
            assert_eq!(found, ["started", "retry", "2"], "line {line} after {words}");
        }
        // Without a second attempt, its state is asked for.
        folder.file("more.csv", "2,9\n");
        mock.site().change(|behaviour| behaviour.first = first(&[(9, kind, 1)]).first);
        let flags = ["--retries", "0", "--esb", &mock.url()];
        folder.run(&[&["run", "more.csv", "-o", "s.csv"][..], &flags, &QUICK].concat()).exits(0);
        let report = folder.report("s.csv");
        assert_eq!((report.outcome(1), &*report.line(1)["known_by"]), ("started", "status"));
    }
}

#[test]
fn exit_codes_tell_how_a_run_ended() {
    let mock = mock(Behaviour { started: [4].into(), denied: [5].into(), ..Behaviour::default() });
    let folder = Folder::new();
    for (list, flags, code) in [
        ("2,3\n", &[][..], 0),
        ("2,4\n", &[], 0),
        ("2,4\n", &["--already-started", "fail"], 1),
        ("2,5\n", &[], 1),
        ("2,5\n2,5\n", &[], 1),
        ("", &[], 0),
        ("bk_biz_id,task_id\n", &[], 0),
        ("2,x\n", &["--on-invalid", "skip"], 2),
        ("bk_biz_id,task_id\n2,x\n", &["--on-invalid", "skip"], 1),
        ("bk_biz_id,task_id\n2,x\n", &[], 2),
    ] {
        folder.file("tasks.csv", list);
        let words = ["run", "tasks.csv", "-o", "r.csv", "--force", "--esb", &mock.url()];
        folder.run(&[&words[..], flags, &QUICK].concat()).exits(code);
    }
}

#[test]
fn a_refused_app_stops_the_run_and_the_rest_stays_pending() {
    let mock = mock(Behaviour { secret: Some("another".into()), ..Behaviour::default() });
    let folder = Folder::new();
    folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, 50)));
    for (flag, url) in [("--esb", mock.url()), ("--gateway", mock.gateway())] {
        let words = ["run", "tasks.csv", "-o", "r.csv", "--force", flag, &url];
        let run = folder.run(&[&words[..], &["--concurrency", "1"]].concat());
        run.exits(3).says(&["refuses the credentials", "BK_APP_SECRET", "50 rows: 50 pending"]);
        let report = folder.report("r.csv");
        report.is_complete(50);
        let asked: Vec<_> = report.lines.iter().filter(|line| line["attempts"] != "0").collect();
        assert_eq!(asked.len(), 1, "one request was enough");
        assert_eq!(asked[0]["error"], "auth");
    }
    assert_eq!(mock.counts().refused, 2);
    assert_eq!(mock.counts().starts, 0);
}

#[test]
fn a_wrong_url_stops_the_run() {
    let mock = mock(Behaviour::default());
    let folder = Folder::new();
    folder.file("tasks.csv", "2,3\n");
    let wrong = format!("{}/somewhere/compapi", mock.url());
    folder.run(&["run", "tasks.csv", "-o", "r.csv", "--esb", &wrong]).exits(3).says(&[
        "this is no way to the API",
        "--esb",
        "/somewhere/compapi/v2/sops/start_task/",
    ]);
    assert_eq!(folder.report("r.csv").outcome(1), "pending");
}

#[test]
fn secrets_stand_nowhere() {
    let mock = mock(Behaviour {
        denied: [5].into(),
        ..first(&[(3, FaultKind::BrokenJson, 1), (4, FaultKind::BadGateway, 9)])
    });
    let folder = Folder::new();
    folder.file("tasks.csv", "2,3\n2,4\n2,5\n");
    for (flag, url) in [("--esb", mock.url()), ("--gateway", mock.gateway())] {
        let words = ["run", "tasks.csv", "-o", "r.csv", "--force", flag, &url];
        let run = folder.run(&[&words[..], &QUICK].concat()).exits(1);
        let report = std::fs::read_to_string(folder.path("r.csv")).unwrap();
        for secret in ["s3cret-of-app", "t0ken-of-user"] {
            for told in [&run.stdout(), &run.stderr(), &report] {
                assert!(!told.contains(secret), "{secret} in {told}");
            }
        }
    }
}

#[test]
fn what_is_missing_is_named() {
    let folder = Folder::new();
    folder.file("tasks.csv", "2,3\n");
    for (words, say) in [
        (&["run", "tasks.csv", "--no-journal", "--esb", "http://h"][..], "-o FILE"),
        (&["run", "tasks.csv", "-o", "r.csv"], "--esb URL or --gateway TEMPLATE"),
        (&["run", "no.csv", "-o", "r.csv", "--esb", "http://h"], "no.csv"),
        (&["run", "tasks.csv", "-o", "no/r.csv", "--esb", "http://h"], "no/r.csv"),
        (&["run", "tasks.csv", "-o", "tasks.csv", "--force", "--esb", "http://h"], "is the input"),
        (&["run", "tasks.csv", "-o", "r.pdf", "--esb", "http://h"], ".csv, .tsv or .jsonl"),
        (&["run", "tasks.csv", "-o", "r.csv", "-o", "./r.csv", "--esb", "http://h"], "given twice"),
        (&["run", "tasks.csv", "-o", "-", "--json", "--esb", "http://h"], "--json and --output -"),
        (&["run", "tasks.csv", "-o", "r.csv", "-o", "no/r.csv", "--esb", "http://h"], "no/r.csv"),
        (&["run", "tasks.csv", "-o", "r.csv", "--esb", "http://h", "--rate", "fast"], "20/s"),
        (&["run", "tasks.csv", "-o", "r.csv", "--esb", "http://h", "--rate", "-1/s"], "20/s"),
        (
            &["run", "tasks.csv", "-o", "r.csv", "--esb", "http://h", "--concurrency", "0"],
            "at least 1",
        ),
        (&["run", "tasks.csv", "-o", "r.csv", "--esb", "me:pw@h"], "--esb"),
        (&["run", "tasks.csv", "-o", "r.csv", "--esb", "http://h", "--cacert", "no.pem"], "no.pem"),
        (&["run", "tasks.csv", "-o", "r.csv", "--esb", "http://h", "--cacert", "tasks.csv"], "PEM"),
    ] {
        folder.run(words).exits(2).says(&[say]);
        assert!(!folder.path("r.csv").exists(), "{words:?} left a report behind");
    }
    assert_eq!(std::fs::read_to_string(folder.path("tasks.csv")).unwrap(), "2,3\n");
    let mut nobody = folder.program(&["run", "tasks.csv", "-o", "r.csv", "--esb", "http://h"]);
    nobody.env_remove("BK_TOKEN");
    folder.start(&mut nobody).wait().exits(2).says(&["BK_TOKEN or BK_USERNAME"]);
}
