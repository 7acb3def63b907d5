//! A list, end to end: what becomes of each row, and the exit code.

use bk_launch::mock::{Behaviour, FaultKind};

use crate::harness::{QUICK, each, fault, launch, list, scene, well};

#[test]
fn every_row_ends_as_one_line_that_says_what_is_known() {
    let list = "bk_biz_id,task_id,scope,note\n2,3,,a\n2,4,,b\n2,5,,c\n2,6,,d\n2,7,,e\n2,8,,f\n2,9,,g\n\
                2,3,cmdb_biz,h\n2,3,project,i\n";
    let run = launch(list)
        .against(Behaviour {
            started: [4].into(),
            denied: [5].into(),
            missing: [6].into(),
            first: vec![
                fault(7, FaultKind::ResetAfter, 1),
                fault(8, FaultKind::Crash, 9),
                fault(9, FaultKind::BadGateway, 9),
            ],
            ..well()
        })
        .report("report.csv")
        .with("--retries 2")
        .with(QUICK)
        .exits(1)
        .says(["9 rows: 3 started", "1 already_started", "1 duplicate", "report.csv"])
        .reports_all(9);
    let columns = "outcome known_by result error attempts";
    let started = run
        .row(3)
        .has(columns, ["already_started", "", "false", "", "1"])
        .row(4)
        .has(columns, ["rejected", "", "false", "permission", "1"])
        .row(5)
        .has(columns, ["rejected", "", "false", "not_found", "1"])
        .row(6)
        .has(columns, ["started", "retry", "false", "", "2"])
        .row(7)
        .has(columns, ["failed", "", "false", "transient", "3"])
        .row(8)
        .has(columns, ["unknown", "", "", "ambiguous", "3"])
        .row(9)
        .has(columns, ["duplicate", "", "", "", "0"])
        .row(10)
        .has(columns, ["started", "reply", "true", "", "1"])
        .has("scope", ["project"])
        .row(2)
        .has(columns, ["started", "reply", "true", "", "1"])
        .has("http_status note", ["200", "a"]);
    assert!(started["task_url"].ends_with("/taskflow/execute/2/?instance_id=3"));
    assert_eq!((started["request_id"].len(), started["trace_id"].len()), (32, 32));
    assert!(started["client_request_id"].ends_with("-s1-l2-a1"));
    run.server_saw(|seen| seen.starts, 13)
        .server_saw(
            |seen| seen.tasks["cmdb_biz/2/3"].request_ids.clone(),
            [&started["client_request_id"]],
        )
        .server_saw(|seen| seen.tasks["cmdb_biz/2/8"].request_ids.len(), 3);
}

#[test]
fn a_start_that_a_proxy_lost_is_ours() {
    for (kind, words) in [
        (FaultKind::UnavailableAfter, "connection termination"),
        (FaultKind::BadGatewayAfter, "502 Bad Gateway"),
    ] {
        let run = launch("2,7\n2,8\n")
            .against(Behaviour { first: vec![fault(7, kind, 1), fault(8, kind, 9)], ..well() })
            .with("--retries 1 -v")
            .with(QUICK)
            .exits(0)
            .says(words)
            .reports_known(["started retry 2", "started retry 2"]);
        // Without a second attempt, its state is asked for.
        let scene = run.scene();
        scene.file("more.csv", "2,9\n");
        scene.change(|behaviour| behaviour.first = each([9], kind, 1));
        let more = scene.run().input("more.csv").report("s.csv").with("--retries 0").with(QUICK);
        more.exits(0).row(1).is("started", "status");
    }
}

#[test]
fn exit_codes_tell_how_a_run_ended() {
    for (list, flags, code) in [
        ("2,3\n", "", 0),
        ("2,4\n", "", 0),
        ("2,4\n", "--already-started fail", 1),
        ("2,5\n", "", 1),
        ("2,5\n2,5\n", "", 1),
        ("", "", 0),
        ("bk_biz_id,task_id\n", "", 0),
        ("2,x\n", "--on-invalid skip", 2),
        ("bk_biz_id,task_id\n2,x\n", "--on-invalid skip", 1),
        ("bk_biz_id,task_id\n2,x\n", "", 2),
    ] {
        launch(list)
            .against(Behaviour { started: [4].into(), denied: [5].into(), ..well() })
            .with(flags)
            .with(QUICK)
            .exits(code);
    }
}

#[test]
fn a_refused_app_stops_the_run_and_the_rest_stays_pending() {
    let scene = scene(list(50)).against(Behaviour { secret: Some("another".into()), ..well() });
    for run in [scene.run(), scene.run().by_gateway()] {
        let run = run
            .with("--force --concurrency 1")
            .exits(3)
            .says(["refuses the credentials", "BK_APP_SECRET", "50 rows: 50 pending"])
            .reports_all(50);
        let report = run.report();
        let asked: Vec<_> = report.lines.iter().filter(|line| line["attempts"] != "0").collect();
        assert_eq!(asked.len(), 1, "one request was enough");
        assert_eq!(asked[0]["error"], "auth");
    }
    assert_eq!((scene.seen().refused, scene.seen().starts), (2, 0));
}

#[test]
fn a_wrong_url_stops_the_run() {
    let scene = scene("2,3\n");
    scene
        .run()
        .at(format!("{}/somewhere/compapi", scene.url()))
        .exits(3)
        .says([
            "the URL does not lead to bk-sops",
            "--esb",
            "/somewhere/compapi/v2/sops/start_task/",
        ])
        .row(1)
        .is("pending", "");
}

#[test]
fn secrets_stand_nowhere() {
    let scene = scene("2,3\n2,4\n2,5\n").against(Behaviour {
        denied: [5].into(),
        first: vec![fault(3, FaultKind::BrokenJson, 1), fault(4, FaultKind::BadGateway, 9)],
        ..well()
    });
    for run in [scene.run(), scene.run().by_gateway()] {
        let secrets = ["s3cret-of-app", "t0ken-of-user"];
        run.with("--force").with(QUICK).exits(1).never_says(secrets).never_prints(secrets);
        let report = scene.read("r.csv");
        assert!(!secrets.iter().any(|secret| report.contains(secret)), "{report}");
    }
}

#[test]
fn what_is_missing_is_named() {
    let scene = scene("2,3\n");
    for (words, says) in [
        ("tasks.csv --no-journal --esb http://h", "-o FILE"),
        ("tasks.csv -o r.csv", "--esb URL or --gateway TEMPLATE"),
        ("no.csv -o r.csv --esb http://h", "no.csv"),
        ("tasks.csv -o no/r.csv --esb http://h", "no/r.csv"),
        ("tasks.csv -o tasks.csv --force --esb http://h", "is the input"),
        ("tasks.csv -o r.pdf --esb http://h", ".csv, .tsv or .jsonl"),
        ("tasks.csv -o r.csv -o ./r.csv --esb http://h", "given twice"),
        ("tasks.csv -o - --json --esb http://h", "--json and --output -"),
        ("tasks.csv -o r.csv -o no/r.csv --esb http://h", "no/r.csv"),
        ("tasks.csv -o r.csv --esb http://h --rate fast", "20/s"),
        ("tasks.csv -o r.csv --esb http://h --rate -1/s", "20/s"),
        ("tasks.csv -o r.csv --esb http://h --concurrency 0", "a whole number from 1 to"),
        ("tasks.csv -o r.csv --esb me:pw@h", "--esb"),
        ("tasks.csv -o r.csv --esb http://h --cacert no.pem", "no.pem"),
        ("tasks.csv -o r.csv --esb http://h --cacert tasks.csv", "PEM"),
    ] {
        scene.command("run").with(words).exits(2).says(says);
        assert!(!scene.has("r.csv"), "{words:?} left a report behind");
    }
    assert_eq!(scene.read("tasks.csv"), "2,3\n");
    scene
        .run()
        .at("http://h")
        .without("BK_TOKEN")
        .exits(2)
        .says("BK_TOKEN, --token-file or --token-cmd; or BK_USERNAME");
}
