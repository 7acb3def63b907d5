//! `doctor`: everything that a run needs is looked at, and nothing is started.

use std::collections::BTreeMap;

use bk_launch::mock::{Behaviour, View};

use crate::certificates::{Identity, as_it_is, server};
use crate::harness::{Launch, Outcome, Scene, Server, http, list, scene, well};

fn doctor(scene: &Scene, flags: &str) -> Launch {
    scene.command("doctor").by_esb().with(flags).environment("HOME", scene.path("home"))
}

/// The grade of each thing that was found.
fn grades(outcome: &Outcome) -> BTreeMap<String, String> {
    let found = outcome.json();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let findings = found["findings"].as_array().unwrap();
    findings.iter().map(|finding| (text(&finding["name"]), text(&finding["grade"]))).collect()
}

#[test]
fn all_that_is_missing_is_said_at_once() {
    let scene = scene("2,1\n");
    scene.file("state", "no folder");
    let nothing = || {
        let doctor = doctor(&scene, "").nowhere().without("BK_APP_CODE").without("BK_TOKEN");
        doctor.without("BK_APP_SECRET")
    };
    nothing().exits(2).prints([
        "no server: give --esb URL",
        "error    app code",
        "give the app secret (BK_APP_SECRET, --app-secret-file or --app-secret-cmd)",
        "error    user",
        "state is no folder",
        "unknown  path",
        "ok       open files",
        "A run would not begin, or stop at once: 5 errors, 3 things could not be seen. Nothing",
    ]);
    let found = nothing().with("--json").exits(2);
    assert_eq!(found.json()["exit"], 2);
    assert_eq!(grades(&found)["app secret"], "error");
}

#[test]
fn a_server_that_lets_its_user_look_is_well_and_nothing_is_started() {
    let scene = scene(list(7));
    doctor(&scene, "").input("tasks.csv").exits(0).prints([
        "ok       TCP",
        "ok       path           leads to bk-sops (",
        "ok       credentials    accepted",
        "proved: the state of 5 of 5 rows is shown",
        "ok       clock          as the server's Date says",
        "app, from BK_APP_CODE",
        "from BK_APP_SECRET",
        "/state is not there yet; the first run makes it",
        "A run would begin: ",
    ]);
    let found = doctor(&scene, "--json").by_gateway().exits(0).never_prints("s3cret");
    let grades = grades(&found);
    assert_eq!(grades["right to view"], "unknown", "only a task that cannot exist is asked for");
    assert!(grades.values().all(|grade| grade != "error"), "{grades:?}");
    found.server_saw(|seen| (seen.starts, seen.requests), (0, 6));
    assert!(!scene.has("state"), "no folder is made");
}

#[test]
fn a_server_that_refuses_says_which_step_it_is() {
    let scene = scene("2,1\nx,2\n");
    let secret = || Behaviour { secret: Some("another".into()), ..well() };
    let denied = || Behaviour { view: View::Denied, ..well() };
    let missing = || Behaviour { missing: [1].into(), ..well() };
    for (behaviour, errors, says) in [
        (secret(), "credentials", "--esb-legacy-get"),
        (denied(), "right to view", "missing for line 1: task 1 of business 2"),
        (missing(), "right to view", "is not there"),
    ] {
        scene.change(|present| *present = behaviour);
        let doctor = || doctor(&scene, "").input("tasks.csv");
        doctor().exits(3).prints([says, "warning  input", "2 rows, of which 1 cannot be used"]);
        let grades = grades(&doctor().with("--json").exits(3));
        let wrong = grades.iter().filter(|(_, grade)| *grade == "error");
        assert_eq!(wrong.map(|(name, _)| name.as_str()).collect::<Vec<_>>(), [errors]);
    }
    let page =
        Server::answering(|_| http("200 X\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT", "<html>"));
    doctor(&scene, "").at(&page.url).exits(3).prints([
        "error    path",
        "the URL does not lead to bk-sops",
        "warning  clock",
        " s ahead of the server's Date",
    ]);
    doctor(&scene, "").at("http://127.0.0.1:9").exits(3).prints(["error    TCP", "refused"]);
    doctor(&scene, "").at("http://no.invalid").exits(3).prints("error    host name");
}

#[test]
fn tls_and_proxies_are_steps_of_the_way() {
    let scene = scene("2,1\n");
    let own = Identity::self_made(&["localhost"], as_it_is);
    let url = format!("https://localhost:{}", server(&own));
    scene.file("ca.pem", own.pem());
    let doctor = |flags| doctor(&scene, flags).at(&url);
    doctor("--cacert ca.pem").ends().prints(["ok       TLS", "and the certificate is trusted"]);
    doctor("--insecure").ends().prints(["warning  TLS", "not looked at (--insecure)"]);
    doctor("").exits(3).prints(["error    TLS", "unknown issuer", "unknown  path"]);
    doctor("--cacert tasks.csv").exits(2).prints("holds no certificate in PEM");
    let proxied = doctor("").at("https://paas.invalid");
    let proxied = proxied.environment("HTTPS_PROXY", "http://me:pa55@127.0.0.1:9").exits(3);
    let steps = ["error    TCP", "requests go by http://127.0.0.1:9/ (HTTPS_PROXY)"];
    proxied.prints(steps).never_prints("pa55");
}

#[test]
fn a_right_to_view_that_is_missing_does_not_keep_a_run_from_beginning() {
    let scene = scene("2,1\n").against(Behaviour { view: View::Denied, ..well() });
    let page = doctor(&scene, "tasks.csv").exits(3);
    page.prints(["error    right to view", "A run would begin, but not all of it would work: 1"]);
    scene.run().exits(0);
}

#[test]
fn a_password_in_a_url_is_not_shown() {
    let scene = Scene::new();
    let page = scene.command("doctor --esb http://me:s3cret@127.0.0.1:9").exits(2);
    page.prints("esb = http://***@127.0.0.1:9").never_prints("s3cret").never_says("s3cret");
}

#[test]
fn each_setting_has_its_source() {
    let scene = scene("2,1\n");
    let text = format!(
        "profile = \"p\"\n[profiles.p]\nrate = \"7/s\"\napp_code = \"ops\"\nesb = \"{}\"\n\
         [profiles.q]\ntoken_cmd = \"sh -c 'echo k9q-w7x'\"\n",
        scene.url()
    );
    scene.file("c.toml", &text);
    let doctor = |flags| doctor(&scene, flags).nowhere().without("BK_APP_CODE");
    doctor("--config c.toml --concurrency 9").exits(0).prints([
        "  concurrency = 9 (command line)",
        "  rate = 7/s (profile p)",
        "  BK_TOKEN is set (environment)",
        "c.toml, profile p",
        "ops, from the profile, in place of BK_APP_CODE",
    ]);
    let command = doctor("--config c.toml --profile q").without("BK_TOKEN");
    let printed = command.by_esb().environment("BK_APP_CODE", "app").exits(0);
    printed.prints("printed by sh (--token-cmd)");
    scene.file("c.toml", text.replace("7/s", "fast"));
    let broken = doctor("--config c.toml").by_esb().exits(2);
    broken.prints(["c.toml:3: rate = \"fast\": write a rate", "ok       TCP"]);
}
