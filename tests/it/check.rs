//! `--check`: what the answers to a few questions prove, and what is said of it.

use std::collections::BTreeMap;

use bk_launch::internals::rules::proof::Evidence;
use bk_launch::mock::{Behaviour, EsbKind, View};

use crate::harness::{HEADER, Launch, Server, launch, list, scene, sometimes, well};
use crate::wire::{capture, judge_state};

/// A check of a list against a bk-sops that behaves like this.
fn check(behaviour: Behaviour, list: &str) -> Launch {
    launch(list).against(behaviour).with("--check")
}

/// A server that answers each question by its task; other tasks have a state.
fn scripted(answers: &[(u64, &str)]) -> Server {
    let answers: BTreeMap<_, _> =
        answers.iter().map(|(task, file)| (*task, capture(file))).collect();
    let state = capture("esb2_status_ok.json");
    Server::answering(move |request| {
        answers.get(&asked_for(&request.first)).unwrap_or(&state).clone()
    })
}

/// The task that the first line of a question asks for.
fn asked_for(first: &str) -> u64 {
    assert!(first.starts_with("GET ") && first.contains("/get_task_status/"), "{first}");
    let task = first.split("task_id=").nth(1).unwrap();
    task.split(['&', ' ']).next().unwrap().parse().unwrap()
}

/// The tasks that were asked for, in order.
fn asked(server: &Server) -> Vec<u64> {
    server.heard().iter().map(|request| asked_for(&request.first)).collect()
}

#[test]
fn how_far_a_question_came_says_what_is_proved() {
    use Evidence::{Denied, NoState, NotFound, Refused, State, Unclear};
    for (file, finding) in [
        ("status_created.json", State),
        ("status_running.json", State),
        ("status_finished.json", State),
        ("status_scope_project.json", State),
        ("status_started_flag_but_engine_has_nothing.json", State),
        ("esb1_status_ok.json", State),
        ("esb2_status_ok.json", State),
        ("written/sops_status_task_deleted.json", NoState),
        ("written/sops_status_error_other.json", NoState),
        ("status_task_not_found.json", NotFound),
        ("status_project_not_found.json", NotFound),
        ("esb1_status_task_not_found.json", NotFound),
        ("esb2_status_task_not_found.json", NotFound),
        ("status_iam_denied.json", Denied),
        ("written/esb1_iam_denied.json", Denied),
        ("written/gw_1640302_ip.json", Denied),
        ("esb1_start_auth_header_only.json", Refused),
        ("esb2_start_bad_token.json", Refused),
        ("gwshim_bad_secret.json", Refused),
        ("gwshim_api_not_found.json", Refused),
        ("esb2_wrong_prefix_404.json", Refused),
        ("unknown_path_404.json", Refused),
        ("start_no_jwt_403.json", Refused),
        ("written/http_200_login_page.json", Refused),
        ("nginx_502_connection_refused.json", Unclear),
        ("start_iam_backend_error_500.json", Unclear),
        ("written/gw_1642902_stage.json", Unclear),
        ("written/sops_result_missing.json", Unclear),
        // These are no answers of get_task_status.
        ("start_success.json", Unclear),
        ("start_already_started.json", Unclear),
    ] {
        assert_eq!(Evidence::of(&judge_state(capture(file))), finding, "{file}");
    }
    assert_eq!(Evidence::of(&judge_state(Vec::new())), Evidence::Unanswered);
}

#[test]
fn a_check_proves_the_way_without_a_start() {
    let passed = [
        "passed: URL, credentials and the right to view are proved",
        "showed the state of 1 of 1 row,",
        "nothing was started",
    ];
    let scene = scene("2,3\n");
    let check = || scene.run_kept().with("--check");
    check().exits(0).says(passed);
    check().by_gateway().exits(0).says(passed);
    check().input("-").exits(2).says("--check needs a file");
    scene.file("empty.csv", HEADER);
    let empty = check().input("empty.csv").exits(2).says("--check needs a row");
    empty.server_saw(|seen| (seen.starts, seen.status), (0, 2));
}

#[test]
fn rows_of_different_businesses_are_asked_for() {
    let server = scripted(&[]);
    let check = launch("2,1\n2,2\n2,3\n3,4\n3,5\n3,6,project\n").at(&server.url).with("--check");
    check.exits(0).says("5 of 5 rows");
    assert_eq!(asked(&server), [1, 4, 6, 2, 5]);
}

#[test]
fn a_row_that_is_not_there_is_a_warning() {
    check(Behaviour { missing: [1, 2, 9].into(), ..well() }, &list(7))
        .exits(0)
        .says([
            "warning: tasks.csv:2: task 1 of business 2 is not there: ",
            "TaskFlowInstance(id=1) does not exist",
            "(not_found)\n  start_task would refuse it; check its ids, and that scope says",
            "warning: tasks.csv:3: task 2 of business 2 is not there",
            "showed the state of 3 of 5 rows",
        ])
        .says_times(2, "warning")
        .server_saw(|seen| (seen.starts, seen.status), (0, 5));
}

#[test]
fn without_a_row_that_is_there_the_right_to_view_is_not_proved() {
    let missing = || Behaviour { missing: [1, 2].into(), view: View::Denied, ..well() };
    check(missing(), "2,1\n2,2\n").exits(3).says([
        "warning: tasks.csv:1: task 1 of business 2",
        "warning: tasks.csv:2: task 2 of business 2",
        "failed: none of the 2 rows that it was asked for is there",
        "URL and credentials are proved, but the right to view is not",
    ]);
    check(missing(), "2,1\n").exits(3).says(["the only row", "meant for this server"]);
}

#[test]
fn a_task_that_is_deleted_proves_the_right_to_view() {
    let server = scripted(&[(15, "written/sops_status_task_deleted.json")]);
    launch("2,15\n").at(&server.url).with("--check").exits(0).says([
        "warning: tasks.csv:1: task 15 of business 2 is deleted or not there: task[id=15] get",
        "start_task starts a deleted task all the same",
        "passed: URL, credentials and the right to view are proved",
        "0 of 1 row,",
    ]);
}

#[test]
fn a_right_that_is_missing_in_one_business_fails_the_check() {
    let behaviour = Behaviour { denied: [5, 6].into(), missing: [3].into(), ..well() };
    check(behaviour, "2,3\n2,4\n3,5\n4,6\n5,7\n")
        .exits(3)
        .says([
            "warning: tasks.csv:1: task 3 of business 2 is not there",
            "failed: tasks.csv:3: task 5 of business 3: iam authentication exception",
            "action:task_view (permission)\n  ask for the right to view tasks (task_view)",
            "warning: tasks.csv:4: task 6 of business 4 may not be viewed",
        ])
        .server_saw(|seen| seen.status, 5);
}

#[test]
fn what_holds_for_every_row_ends_the_check() {
    let list = "2,1\n3,2\n4,3\n";
    let refused = check(Behaviour { secret: Some("another".into()), ..well() }, list).exits(3);
    refused
        .says(["APP Secret", "(auth)", "--esb-legacy-get"])
        .server_saw(|seen| (seen.requests, seen.refused), (1, 1))
        .scene()
        .run()
        .by_gateway()
        .with("--check")
        .exits(3)
        .says(["(auth)", "check BK_APP_CODE"])
        .never_says("--esb-legacy-get")
        .server_saw(|seen| seen.requests, 2);

    let server = scripted(&[(2, "esb2_wrong_prefix_404.json")]);
    launch(list).at(&server.url).with("--check").exits(3).says([
        "failed: the URL does not lead to bk-sops: The content does not exist",
        "\n  check the URL given by --esb or --gateway",
    ]);
    assert_eq!(asked(&server), [1, 2]);

    let unreached = launch(list).at("http://127.0.0.1:9").with("--check").exits(3);
    unreached.says(["refused", "check that it is up"]).says_times(1, "never reached");
}

#[test]
fn an_unclear_answer_matters_only_if_nothing_is_proved() {
    let server = scripted(&[(1, "start_iam_backend_error_500.json")]);
    launch("2,1\n2,2\n").at(&server.url).with("--check").exits(0).says([
        "warning: tasks.csv:1: task 1 of business 2 has no clear answer: ",
        "(transient)",
        "showed the state of 1 of 2 rows",
    ]);
    let question_faults = sometimes("502", 1.0);
    check(Behaviour { question_faults, ..well() }, "2,1\n2,2\n").exits(3).says([
        "failed: tasks.csv:1: task 1 of business 2: ",
        "502 Bad Gateway",
        "(ambiguous)\n  check again when the server is well",
        "warning: tasks.csv:2: task 2 of business 2 has no clear answer",
    ]);
}

#[test]
fn the_legacy_esb_gets_credentials_in_a_query_only_where_that_is_allowed() {
    let scene = scene("2,3\n2,4\n2,5\n").against(Behaviour { esb: EsbKind::Legacy, ..well() });
    let check = || scene.run().with("--check");
    let allowed = || check().with("--esb-legacy-get");
    let plain = check().exits(3).says(["(auth)", "--esb-legacy-get"]);
    plain.server_saw(|seen| (seen.status, seen.refused), (0, 1));
    let passed = allowed().exits(0).says("3 of 3 rows").never_says("s3cret");
    passed.server_saw(|seen| (seen.status, seen.refused), (3, 2));
    scene.change(|behaviour| behaviour.secret = Some("another".into()));
    allowed().exits(3).says("check BK_APP_CODE").never_says("--esb-legacy-get");
}
