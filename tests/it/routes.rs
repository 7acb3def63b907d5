//! Both routes, both ESBs, and proxies.

use bk_launch::mock::{Behaviour, EsbKind, FaultKind};

use crate::harness::{Server, each, http, launch, scene, well};

#[test]
fn every_route_starts_a_task_and_brings_its_ids() {
    for run in [
        launch("7,3,project\n").against(Behaviour { esb: EsbKind::Newer, ..well() }),
        launch("7,3,project\n").against(Behaviour { esb: EsbKind::Legacy, ..well() }),
        launch("7,3,project\n").against(well()).by_gateway(),
    ] {
        let run = run.exits(0);
        let row = run.row(1).is("started", "reply");
        assert!(!row["request_id"].is_empty() && !row["trace_id"].is_empty());
        let ids = [&row["client_request_id"]];
        run.server_saw(|seen| seen.tasks["project/7/3"].request_ids.clone(), ids);
    }
}

#[test]
fn the_legacy_esb_loses_codes_and_its_texts_tell_the_same() {
    launch("2,4\n2,5\n2,6\n")
        .against(Behaviour {
            esb: EsbKind::Legacy,
            started: [4].into(),
            denied: [5].into(),
            missing: [6].into(),
            ..well()
        })
        .exits(1)
        .row(1)
        .is("already_started", "")
        .row(2)
        .has("outcome error", ["rejected", "permission"])
        .row(3)
        .has("outcome error code", ["rejected", "not_found", "1306000"]);
}

#[test]
fn what_the_legacy_esb_refuses_to_tell_is_told_and_counted() {
    let scene = scene("2,3\n2,4\n2,5\n2,6\n").against(Behaviour {
        esb: EsbKind::Legacy,
        started: [5].into(),
        first: each(3..=4, FaultKind::ResetAfter, 1),
        ..well()
    });
    let run = || scene.run().with("--backoff 10ms..50ms");
    run()
        .exits(0)
        .says(["the state of 2 rows could not be asked for", "--esb-legacy-get"])
        .says_times(1, "the ESB refuses questions")
        .row(1)
        .is("started", "retry");
    // Of the links that were asked for alone, none could be had.
    scene.file("tasks.csv", "2,5\n");
    let links = || run().with("--lookup --force --json");
    let refused = links().exits(1).says(["1 link could not be asked for", "--esb-legacy-get"]);
    let json = refused.json();
    assert_eq!((&json["links_not_asked"], &json["states_not_asked"]), (&1.into(), &0.into()));
    links().with("--esb-legacy-get").exits(0);
}

#[test]
fn proxies_are_honoured_but_never_for_this_machine() {
    // It answers everything itself.
    let proxy = Server::answering(|_| http("200 OK", r#"{"result":true,"code":0}"#));
    let scene = scene("2,3\n");
    let by_proxy = |url: &str, exempt: &str| {
        let run = scene.run().at(url).with("--force --retries 0");
        let run = run.environment("HTTP_PROXY", &proxy.url).environment("HTTPS_PROXY", &proxy.url);
        run.environment("NO_PROXY", exempt)
    };
    by_proxy("http://paas.example.com", "").exits(0);
    assert!(proxy.next().first.starts_with("POST http://paas.example.com/api/c/compapi"));
    by_proxy("https://paas.example.com", "").exits(3);
    assert!(proxy.next().first.starts_with("CONNECT paas.example.com:443"));
    by_proxy("http://no-such-host.invalid", ".invalid").exits(3);
    by_proxy(&scene.url(), "").exits(0).server_saw(|seen| seen.started, 1);
    assert!(proxy.is_idle(), "neither of the last two asked the proxy");
}
