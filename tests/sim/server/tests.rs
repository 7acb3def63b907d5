//! What the server in memory does, against the facts.

use std::collections::BTreeSet;

use super::*;
use crate::history::{ExchangeFault, OutageKind, Route, Taken, TaskFate, Way};

const SECOND: Duration = Duration::from_secs(1);

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn plan(route: Route) -> ServerPlan {
    ServerPlan {
        route,
        way: Way::Direct,
        latency: (ms(5), ms(5)),
        connect: ms(3),
        worker: ms(100),
        biz_limits: Vec::new(),
        app_limit: None,
        clock_ahead: 0,
        dated: true,
        legacy_get: true,
    }
}

fn row(biz: u64, task: u64, fate: TaskFate) -> ListedRow {
    let (biz, task) = (biz.to_string(), task.to_string());
    ListedRow { biz, task, scope: "cmdb_biz".into(), owner: String::new(), fate }
}

fn key(biz: u64, task: u64) -> Key {
    Key { scope: "cmdb_biz".into(), biz, task }
}

/// The rows of most tests: tasks 1 to 15 of business 2, one of each fate.
fn fates() -> Vec<ListedRow> {
    use TaskFate::*;
    let fates = [
        Runs,
        StartedBefore(SECOND * 700),
        StartedMeanwhile(ms(500)),
        NotThere,
        OfOtherProject,
        NoProject,
        Denied,
        Deleted,
        Unclaimed,
        MessagesLost(2),
        FailsBeforeFlag,
        FailsAfterFlag,
        WorkerDies,
        PluginMissing,
        Breaks,
    ];
    (1..).zip(fates).map(|(task, fate)| row(2, task, fate)).collect()
}

/// A server, and the caller of it.
struct Scene {
    server: Server,
    route: Route,
    sent: u32,
}

impl Scene {
    fn new(plan: &ServerPlan, list: &[ListedRow], events: &[Event]) -> Self {
        Self { server: Server::new(7, plan, list, events), route: plan.route, sent: 0 }
    }

    fn of(route: Route) -> Self {
        Self::new(&plan(route), &fates(), &[])
    }

    fn with(events: &[Event]) -> Self {
        Self::new(&plan(Route::Gateway), &fates(), events)
    }

    fn request(&mut self, name: &str, key: &Key, now: At) -> Request {
        let (secret, token) = self.server.present_credentials(now);
        let members =
            format!(r#""bk_app_code":"ops","bk_app_secret":"{secret}","bk_token":"{token}""#);
        let Key { scope, biz, task } = key;
        let ids = format!("bk_biz_id={biz}&task_id={task}&scope={scope}");
        let is_start = name == "start_task";
        let (path, body) = match (self.route, is_start) {
            (Route::Gateway, true) => (
                format!("/api/bk-sops/prod/{name}/{task}/{biz}/"),
                format!(r#"{{"scope":"{scope}"}}"#),
            ),
            (Route::Gateway, false) => {
                (format!("/api/bk-sops/prod/{name}/{task}/{biz}/?scope={scope}"), String::new())
            }
            (_, true) => (
                format!("/api/c/compapi/v2/sops/{name}/"),
                format!(
                    r#"{{{members},"bk_biz_id":"{biz}","task_id":"{task}","scope":"{scope}"}}"#
                ),
            ),
            (Route::LegacyEsb, false) => {
                let credentials =
                    format!("bk_app_code=ops&bk_app_secret={secret}&bk_token={token}");
                let path = format!("/api/c/compapi/v2/sops/{name}/?{ids}&{credentials}");
                (path, String::new())
            }
            (_, false) => (format!("/api/c/compapi/v2/sops/{name}/?{ids}"), String::new()),
        };
        self.sent += 1;
        let headers = vec![
            ("x-bkapi-authorization".into(), format!("{{{members}}}")),
            ("x-request-id".into(), format!("r{}", self.sent)),
        ];
        let method = if is_start { "POST" } else { "GET" };
        Request { method: method.into(), path, headers, body: body.into() }
    }

    fn call(&mut self, name: &str, key: &Key, now: At) -> Exchange {
        let request = self.request(name, key, now);
        self.server.receive(now, &request)
    }

    fn start(&mut self, task: u64, now: At) -> String {
        said(self.call("start_task", &key(2, task), now))
    }

    fn status(&mut self, task: u64, now: At) -> String {
        said(self.call("get_task_status", &key(2, task), now))
    }

    fn truth(&self, task: u64) -> &TaskTruth {
        &self.server.truth[&key(2, task)]
    }
}

fn answer(exchange: Exchange) -> RawAnswer {
    match exchange.reply {
        Reply::Answer(answer) => answer,
        other => panic!("no answer, but {other:?}"),
    }
}

fn value<'a>(answer: &'a RawAnswer, name: &str) -> Option<&'a str> {
    let mut headers = answer.headers.iter();
    headers.find(|(own, _)| own == name).map(|(_, value)| value.as_str())
}

/// Status, code and message, or what stands for them: `200 0 RUNNING`.
fn said(exchange: Exchange) -> String {
    let RawAnswer { status, body, .. } = match exchange.reply {
        Reply::Answer(answer) => answer,
        Reply::CutOff(_) => return "cut off".into(),
        Reply::Reset => return "reset".into(),
        Reply::Nothing => return "nothing".into(),
    };
    let Ok(body) = serde_json::from_slice::<serde_json::Value>(&body) else {
        return format!("{status} page");
    };
    let word = body["data"]["state"].as_str().or(body["message"].as_str()).unwrap_or_default();
    format!("{status} {} {word}", body["code"]).trim_end().into()
}

fn at(when: At, what: Fault) -> Event {
    Event { when: When::At(when), what }
}

fn on_start(n: u32, what: ExchangeFault) -> Event {
    Event { when: When::Start(n), what: Fault::Exchange(what) }
}

const ACCEPTED: &str = "200 0";
const ALREADY: &str = "200 3545000 task already started";
const LIMIT: &str = "200 3545000 project id: 2 reach the limit of starting tasks";

#[test]
fn each_fate_shows_in_starts_states_and_truth() {
    let crash = "500 \"50000\" 系统异常,请联系管理员处理";
    let denied = "200 3599999 iam authentication exception, please check, action:task_operate";
    let unseen = "200 3599999 iam authentication exception, please check, action:task_view";
    let gone = |task| {
        format!(
            "200 3599999 task[id={task}] get status error: TaskFlowInstance matching query does not exist."
        )
    };
    let missing = |task| {
        format!(
            "200 3540400 数据不存在错误: 数据不存在错误, 错误内容 TaskFlowInstance(id={task}) does not exist. | process_exception"
        )
    };
    let no_project = "200 3540400 project(2) with scope(cmdb_biz) does not exist.";
    // A start at 0 s, another at 1 s, the state at 2 s; who started it.
    let (ours, others) = (Some(Starter::Request("r1".into())), Some(Starter::SomebodyElse));
    for (task, first, second, state, starter) in [
        (1, ACCEPTED, ALREADY, "200 0 RUNNING", ours.clone()),
        (2, ALREADY, ALREADY, "200 0 FINISHED", others),
        (3, ACCEPTED, ALREADY, "200 0 RUNNING", ours.clone()),
        (4, &missing(4), &missing(4), &missing(4), None),
        (5, &missing(5), &missing(5), &gone(5), None),
        (6, no_project, no_project, no_project, None),
        (7, denied, denied, unseen, None),
        (8, ACCEPTED, ALREADY, &gone(8), ours.clone()),
        (9, ACCEPTED, ACCEPTED, "200 0 CREATED", None),
        (10, ACCEPTED, ACCEPTED, "200 0 CREATED", None),
        (11, ACCEPTED, ACCEPTED, "200 0 CREATED", None),
        (12, ACCEPTED, ACCEPTED, "200 0 CREATED", None),
        (13, ACCEPTED, ALREADY, "200 0 CREATED", None),
        (14, ACCEPTED, ALREADY, "200 0 RUNNING", ours),
        (15, crash, crash, crash, None),
    ] {
        let mut scene = Scene::of(Route::Gateway);
        assert_eq!(scene.start(task, At::ZERO), first, "task {task}");
        assert_eq!(scene.start(task, SECOND), second, "task {task} again");
        assert_eq!(scene.status(task, SECOND * 2), state, "state of task {task}");
        let truth = scene.truth(task);
        assert_eq!(truth.started.clone().map(|(_, who)| who), starter, "starter of task {task}");
        let accepted = [first, second].iter().filter(|said| **said == ACCEPTED).count();
        assert_eq!((truth.taken.len(), truth.arrived.len()), (accepted, 2), "task {task}");
    }
}

#[test]
fn lost_messages_are_lost_in_turn_and_the_next_one_starts() {
    let mut scene = Scene::of(Route::Gateway);
    for now in 0..3 {
        assert_eq!(scene.start(10, SECOND * now), ACCEPTED);
    }
    assert_eq!(scene.start(10, SECOND * 3), ALREADY);
    let started = scene.truth(10).started.clone();
    assert_eq!(started, Some((SECOND * 2 + ms(100), Starter::Request("r3".into()))));
}

#[test]
fn a_flag_that_is_taken_back_shows_for_some_ms() {
    let mut scene = Scene::of(Route::Gateway);
    assert_eq!(scene.start(12, At::ZERO), ACCEPTED);
    assert_eq!(scene.start(12, ms(120)), ALREADY);
    assert_eq!(scene.status(12, ms(120)), "200 0 CREATED");
    assert_eq!(scene.start(12, ms(150)), ACCEPTED);
    assert_eq!((scene.truth(12).flags.len(), &scene.truth(12).started), (1, &None));
}

#[test]
fn somebody_else_starts_a_task_unless_it_was_started() {
    let mut scene = Scene::of(Route::Gateway);
    assert_eq!(scene.start(3, SECOND), ALREADY);
    assert_eq!(scene.truth(3).others, [ms(500)]);
    assert_eq!(scene.truth(3).started, Some((ms(600), Starter::SomebodyElse)));
    let mut scene = Scene::of(Route::Gateway);
    assert_eq!(scene.start(3, At::ZERO), ACCEPTED);
    scene.server.settle(SECOND);
    assert!(scene.truth(3).others.is_empty());
}

#[test]
fn twelve_starts_at_once_are_all_taken_and_start_it_once() {
    let mut scene = Scene::of(Route::NewEsb);
    for _ in 0..12 {
        assert_eq!(scene.start(1, At::ZERO), ACCEPTED);
    }
    assert_eq!(scene.start(1, SECOND), ALREADY);
    let truth = scene.truth(1);
    assert_eq!((truth.taken.len(), truth.flags.len()), (12, 1));
    assert_eq!(truth.started, Some((ms(100), Starter::Request("r1".into()))));
}

#[test]
fn only_what_passed_the_permission_costs_a_token() {
    for (task, costs) in [(1, 1), (2, 1), (4, 0), (5, 1), (6, 0), (7, 0), (15, 1)] {
        let plan = ServerPlan { biz_limits: vec![(2, 2, SECOND * 60)], ..plan(Route::Gateway) };
        let mut scene = Scene::new(&plan, &fates(), &[]);
        scene.start(task, At::ZERO);
        let granted = (0..3).filter(|_| scene.start(9, ms(1)) == ACCEPTED).count();
        assert_eq!(granted, 2 - costs, "task {task}");
        assert_eq!(scene.start(9, ms(2)), LIMIT);
        assert_eq!(scene.start(9, SECOND * 30), ACCEPTED, "a token comes back");
        let refusal = scene.server.refusals.last().unwrap();
        assert_eq!(refusal.whom, Whom::Business("cmdb_biz".into(), 2));
        assert_eq!((refusal.at, refusal.stated), (ms(7), None));
    }
}

#[test]
fn a_business_and_a_project_of_one_id_have_a_bucket_each() {
    let plan = ServerPlan { biz_limits: vec![(2, 1, SECOND * 60)], ..plan(Route::NewEsb) };
    let project = ListedRow { scope: "project".into(), ..row(2, 1, TaskFate::Runs) };
    let mut scene = Scene::new(&plan, &[row(2, 1, TaskFate::Runs), project.clone()], &[]);
    assert_eq!(scene.start(1, At::ZERO), ACCEPTED);
    let key = project.key().unwrap();
    assert_eq!(said(scene.call("start_task", &key, At::ZERO)), ACCEPTED);
    assert_eq!(said(scene.call("start_task", &key, ms(1))), LIMIT);
}

#[test]
fn the_limit_of_the_app_states_its_pause() {
    for (route, period, says, stated) in [
        (Route::LegacyEsb, 60, "frequency limit is [2/1minute]", SECOND * 30),
        (Route::LegacyEsb, 90, "frequency limit is [2/90second]", SECOND * 45),
        (Route::Gateway, 60, "429 1642902 API rate limit exceeded", SECOND * 51),
        (Route::NewEsb, 60, "200 1642902 API rate limit exceeded", SECOND * 51),
    ] {
        let plan = ServerPlan { app_limit: Some((2, SECOND * period)), ..plan(route) };
        let mut scene = Scene::new(&plan, &fates(), &[]);
        assert_eq!(scene.start(9, SECOND), ACCEPTED);
        assert_eq!(scene.status(9, SECOND), "200 0 CREATED");
        let refused = scene.start(9, SECOND * 10);
        assert!(refused.contains(says), "{route:?}: {refused}");
        let refusal = Refusal {
            id: "r3".into(),
            at: SECOND * 10 + ms(5),
            whom: Whom::Everyone,
            stated: Some(stated),
        };
        assert_eq!(scene.server.refusals, [refusal], "{route:?}");
        assert_eq!(scene.start(9, SECOND * 61), ACCEPTED, "{route:?}");
    }
}

#[test]
fn each_front_gives_bk_sops_answers_its_own_shape() {
    let starts = |route| {
        let mut scene = Scene::of(route);
        [1, 2, 15].map(|task| scene.start(task, At::ZERO))
    };
    let error = |why| {
        format!(
            "200 1306201 Component request third-party system [SOPS] interface [start_task] error: Status Code: 500, Error Message: {why}, please try again later or contact component developer to handle this"
        )
    };
    assert_eq!(
        starts(Route::LegacyEsb),
        [
            ACCEPTED.into(),
            "200 1306000 task already started".into(),
            error("Third-party system internal error")
        ]
    );
    let why = "third-party system interface response status code is not 200";
    assert_eq!(starts(Route::NewEsb), [ACCEPTED.into(), ALREADY.into(), error(why)]);
    let mut scene = Scene::of(Route::Gateway);
    let passed = answer(scene.call("start_task", &key(2, 1), At::ZERO));
    assert_eq!(value(&passed, "x-request-id"), Some("r1"));
    let body: serde_json::Value = serde_json::from_slice(&passed.body).unwrap();
    assert_eq!(body["trace_id"].as_str(), value(&passed, "sops-trace-id"));
    let url = "http://paas.example.com/taskflow/execute/2/?instance_id=1";
    assert_eq!((&body["task_url"], &body["data"]["task_url"]), (&url.into(), &url.into()));
    let mut scene = Scene::of(Route::LegacyEsb);
    let detail = answer(scene.call("get_task_detail", &key(2, 8), At::ZERO));
    let body: serde_json::Value = serde_json::from_slice(&detail.body).unwrap();
    assert!(body["data"]["task_url"].is_string() && body["request_id"].is_string());
}

#[test]
fn an_unknown_path_or_method_is_answered_by_the_front() {
    for (route, expected) in [
        (Route::Gateway, "404 1640401 API not found [method=\"?\" path=\"?\"]"),
        (Route::NewEsb, "404 null The content does not exist"),
    ] {
        let mut scene = Scene::of(route);
        let request = scene.request("start_task", &key(2, 1), At::ZERO);
        for wrong in [
            Request { path: "/elsewhere/".into(), ..request.clone() },
            Request { method: "GET".into(), ..request.clone() },
        ] {
            assert_eq!(said(scene.server.receive(At::ZERO, &wrong)), expected);
        }
    }
    let mut scene = Scene::of(Route::NewEsb);
    let mut request = scene.request("start_task", &key(2, 1), At::ZERO);
    request.body = b"{".into();
    let bad = said(scene.server.receive(At::ZERO, &request));
    assert!(bad.contains("Request JSON string is wrong"), "{bad}");
}

#[test]
fn credentials_are_looked_for_where_each_front_does() {
    for (route, without_header, without_the_rest) in [
        (Route::LegacyEsb, true, false),
        (Route::NewEsb, true, true),
        (Route::Gateway, false, true),
    ] {
        let mut scene = Scene::of(route);
        let request = scene.request("start_task", &key(2, 1), At::ZERO);
        let no_header = Request { headers: Vec::new(), ..request.clone() };
        let bare = br#"{"bk_biz_id":"2","task_id":"1","scope":"cmdb_biz"}"#;
        let header_only = Request { body: bare.into(), ..request };
        for (request, is_taken) in [(no_header, without_header), (header_only, without_the_rest)] {
            let answered = said(scene.server.receive(At::ZERO, &request));
            assert_eq!(answered == ACCEPTED, is_taken, "{route:?}: {answered}");
        }
    }
}

#[test]
fn the_legacy_esb_wants_the_credentials_of_a_get_in_its_query() {
    for (legacy_get, is_good) in [(true, false), (false, true)] {
        let plan = ServerPlan { legacy_get, ..plan(Route::LegacyEsb) };
        let mut scene = Scene::new(&plan, &fates(), &[]);
        assert_eq!(scene.status(1, At::ZERO), "200 0 CREATED");
        let mut request = scene.request("get_task_status", &key(2, 1), At::ZERO);
        request.path.truncate(request.path.find("&bk_app_code").unwrap());
        let answered = said(scene.server.receive(At::ZERO, &request));
        assert_eq!(answered == "200 0 CREATED", is_good, "{answered}");
    }
}

#[test]
fn revoked_credentials_are_refused_until_new_ones_are_in_the_files() {
    let revoked = Event { when: When::Start(2), what: Fault::Revoked(SECOND * 10) };
    for (route, refused) in [
        (Route::LegacyEsb, "200 1306000 APP Secret verification failed"),
        (Route::NewEsb, "200 1306000 APP Secret verification failed"),
        (Route::Gateway, "400 1640001 Parameters error [reason=\"bk_app_code or bk_app_secret"),
    ] {
        let mut scene = Scene::new(&plan(route), &fates(), &[revoked]);
        assert_eq!(scene.start(9, At::ZERO), ACCEPTED);
        let first = scene.server.present_credentials(SECOND);
        for now in [SECOND, SECOND * 10] {
            let answered = scene.start(9, now);
            assert!(answered.starts_with(refused), "{answered}");
        }
        assert_eq!(scene.start(9, SECOND * 11), ACCEPTED);
        assert_eq!(scene.truth(9).taken.len(), 2);
        let second = scene.server.present_credentials(SECOND * 11);
        assert_eq!(scene.server.secrets(), [first.0, first.1, second.0, second.1]);
    }
}

#[test]
fn mended_credentials_are_valid_and_in_the_files_at_once() {
    let mut scene = Scene::with(&[at(SECOND, Fault::Revoked(SECOND * 100))]);
    assert!(scene.start(9, SECOND).starts_with("400 1640001"));
    scene.server.mend_credentials(SECOND * 2);
    assert_eq!(scene.start(9, SECOND * 2), ACCEPTED);
    let old = scene.request("start_task", &key(2, 9), SECOND * 3);
    scene.server.mend_credentials(SECOND * 3);
    assert!(said(scene.server.receive(SECOND * 3, &old)).starts_with("400 1640001"));
    assert_eq!(scene.start(9, SECOND * 200), ACCEPTED);
}

#[test]
fn a_state_is_kept_for_ten_seconds_unless_it_is_created() {
    let begun = || {
        let mut scene = Scene::of(Route::Gateway);
        assert_eq!(scene.status(1, At::ZERO), "200 0 CREATED");
        assert_eq!(scene.start(1, At::ZERO), ACCEPTED);
        scene
    };
    let finished = "200 0 FINISHED";
    let end = (1..60).find(|now| begun().status(1, SECOND * *now) == finished).unwrap();
    let mut scene = begun();
    let mut all = |now: At| -> BTreeSet<String> { (0..20).map(|_| scene.status(1, now)).collect() };
    let running = BTreeSet::from(["200 0 RUNNING".to_owned()]);
    assert_eq!(all(SECOND * (end - 1)), running);
    assert_eq!(all(SECOND * end), running);
    assert_eq!(all(SECOND * (end + 8) + ms(999)), running);
    assert_eq!(all(SECOND * (end + 9)), BTreeSet::from([finished.to_owned()]));
    let mut scene = begun();
    scene.status(1, SECOND * (end - 1));
    let mixed: BTreeSet<_> = (0..20).map(|_| scene.status(1, SECOND * end)).collect();
    assert_eq!(mixed.len(), 2, "the other process did not keep it");
}

#[test]
fn times_are_by_the_clock_of_the_server() {
    let plan = ServerPlan { clock_ahead: -100, ..plan(Route::Gateway) };
    let jump = at(SECOND * 5, Fault::ServerClockJumps(60));
    let mut scene = Scene::new(&plan, &fates(), &[jump]);
    let date = |scene: &mut Scene, now| {
        let answer = answer(scene.call("start_task", &key(2, 1), now));
        value(&answer, "date").map(str::to_owned)
    };
    assert_eq!(date(&mut scene, At::ZERO).as_deref(), Some("Mon, 21 Sep 2026 13:31:40 GMT"));
    assert_eq!(date(&mut scene, SECOND * 6).as_deref(), Some("Mon, 21 Sep 2026 13:32:46 GMT"));
    let status = answer(scene.call("get_task_status", &key(2, 1), SECOND * 7));
    let body = String::from_utf8(status.body).unwrap();
    assert!(body.contains(r#""start_time":"2026-09-21 21:31:40 +0800""#), "{body}");
    let status = answer(scene.call("get_task_status", &key(2, 2), SECOND * 7));
    let body = String::from_utf8(status.body).unwrap();
    assert!(body.contains(r#""start_time":"2026-09-21 21:20:00 +0800""#), "{body}");
}

#[test]
fn a_request_can_go_wrong_before_and_after_it_is_taken() {
    use ExchangeFault::*;
    for (fault, expected, is_taken) in [
        (ResetBefore, "reset", false),
        (ResetAfter, "reset", true),
        (HangBefore, "nothing", false),
        (HangAfter, "nothing", true),
        (CutOff, "cut off", true),
        (Quotes, "200 null got POST", false),
        (Late(SECOND), ACCEPTED, true),
    ] {
        let mut scene = Scene::with(&[on_start(2, fault)]);
        assert_eq!(scene.start(9, At::ZERO), ACCEPTED);
        let exchange = scene.call("start_task", &key(2, 1), At::ZERO);
        let after = if fault == Late(SECOND) { ms(1005) } else { ms(5) };
        assert_eq!(exchange.after, after, "{fault:?}");
        let answered = said(exchange);
        assert!(answered.starts_with(expected), "{fault:?}: {answered}");
        assert_eq!(scene.truth(1).taken.len(), usize::from(is_taken), "{fault:?}");
        assert_eq!(scene.truth(1).arrived.len(), 1, "{fault:?}");
        assert_eq!(scene.start(9, SECOND), ACCEPTED);
    }
}

#[test]
fn a_quote_has_all_secrets_of_the_request() {
    let mut scene = Scene::with(&[on_start(1, ExchangeFault::Quotes)]);
    let (secret, token) = scene.server.present_credentials(At::ZERO);
    let quoted = scene.start(1, At::ZERO);
    assert!(quoted.contains(&secret) && quoted.contains(&token), "{quoted}");
}

#[test]
fn an_outage_answers_in_place_of_bk_sops() {
    use OutageKind::*;
    for (kind, expected, is_taken) in [
        (NginxRefused, "502 page", false),
        (NginxLost, "502 page", true),
        (IngressNotFound, "404 page", false),
        (FrontRefused, "502 1650200 Bad Gateway [upstream_error=\"connection refused\"]", false),
        (IamAway, "500 \"50000\" 系统异常,请联系管理员处理", false),
        (Silent, "reset", false),
    ] {
        let mut scene = Scene::with(&[at(SECOND, Fault::Outage(kind, SECOND))]);
        assert_eq!(scene.start(9, At::ZERO), ACCEPTED, "{kind:?}");
        assert_eq!(scene.start(1, SECOND), expected, "{kind:?}");
        assert_eq!(scene.truth(1).taken.len(), usize::from(is_taken), "{kind:?}");
        assert_eq!(scene.start(9, SECOND * 2), ACCEPTED, "{kind:?}");
    }
}

#[test]
fn a_front_without_bk_sops_still_checks_credentials() {
    let away = at(At::ZERO, Fault::Outage(OutageKind::FrontRefused, SECOND * 9));
    for route in [Route::LegacyEsb, Route::NewEsb, Route::Gateway] {
        let revoked = at(SECOND, Fault::Revoked(SECOND * 9));
        let mut scene = Scene::new(&plan(route), &fates(), &[away, revoked]);
        let refused = scene.start(1, At::ZERO).to_lowercase();
        assert!(refused.contains("connection refused"), "{refused}");
        let refused = scene.start(1, SECOND);
        assert!(!refused.contains("onnection refused"), "{refused}");
    }
}

#[test]
fn what_waits_for_the_worker_is_lost_with_the_broker() {
    let mut scene = Scene::with(&[at(ms(50), Fault::BrokerRestarts)]);
    assert_eq!(scene.start(1, At::ZERO), ACCEPTED);
    assert_eq!(scene.start(8, ms(51)), ACCEPTED);
    assert_eq!(scene.start(1, SECOND), ACCEPTED);
    scene.server.settle(SECOND * 2);
    assert_eq!(scene.truth(1).started, Some((ms(1100), Starter::Request("r3".into()))));
    assert_eq!(scene.truth(8).started, Some((ms(151), Starter::Request("r2".into()))));
}

#[test]
fn connections_and_stalls_follow_their_times() {
    let mut events: Vec<_> = [
        ConnectFault::Refused,
        ConnectFault::Hangs,
        ConnectFault::Slow(SECOND),
        ConnectFault::BadCertificate,
        ConnectFault::NoHost,
    ]
    .into_iter()
    .zip(1..)
    .map(|(kind, from)| at(SECOND * from, Fault::Connect(kind, SECOND)))
    .collect();
    events.push(at(SECOND * 3, Fault::CloseIdle));
    events.push(at(SECOND * 9, Fault::Stall(SECOND, ms(700))));
    let mut scene = Scene::with(&events);
    let ways: Vec<_> = (0..7).map(|now| scene.server.connect(SECOND * now)).collect();
    let made = Connecting::MadeAfter(ms(3));
    assert_eq!(
        ways,
        [
            made,
            Connecting::RefusedAfter(ms(3)),
            Connecting::Hangs,
            Connecting::MadeAfter(ms(1003)),
            Connecting::BadCertificate,
            Connecting::NoHost,
            made
        ]
    );
    assert_eq!(scene.server.idle_closed(ms(2999)), None);
    assert_eq!(scene.server.idle_closed(SECOND * 8), Some(SECOND * 3));
    assert_eq!(scene.call("start_task", &key(2, 1), SECOND * 9).after, ms(705));
    assert_eq!(scene.call("start_task", &key(2, 1), SECOND * 10).after, ms(5));
}

#[test]
fn every_capture_can_be_reached_and_is_true() {
    let mut classes = BTreeSet::new();
    for route in [Route::LegacyEsb, Route::NewEsb, Route::Gateway] {
        let mut files = BTreeSet::new();
        for index in 0..=u8::MAX {
            let (capture, taken) = captures::on_route(route, index);
            let event = on_start(1, ExchangeFault::Capture(index));
            let mut scene = Scene::new(&plan(route), &fates(), &[event]);
            answer(scene.call("start_task", &key(2, 1), At::ZERO));
            let is_taken = taken == Taken::After;
            assert_eq!(scene.truth(1).taken.len(), usize::from(is_taken), "{}", capture.file);
            let leaves_open = capture.class == "ambiguous";
            assert!(!is_taken || leaves_open, "{} would be a lie", capture.file);
            let is_throttle = capture.class.starts_with("throttled");
            assert!(!is_throttle || scene.server.refusals.len() == 1, "{}", capture.file);
            assert!(
                !["accepted", "already_started"].contains(&&*capture.class),
                "{}",
                capture.file
            );
            files.insert(capture.file);
            classes.insert(&*capture.class);
        }
        assert!(files.len() > 45, "{route:?}: {}", files.len());
        assert_eq!(captures::unreached(route, &files), Vec::<&str>::new(), "{route:?}");
    }
    assert_eq!(classes.len(), 9, "{classes:?}");
}

#[test]
fn pages_of_proxies_come_before_and_after() {
    for taken in [Taken::Before, Taken::After] {
        let mut files = BTreeSet::new();
        for index in 0..40 {
            let mut scene = Scene::with(&[on_start(1, ExchangeFault::Page(index, taken))]);
            let before = scene.start(1, At::ZERO);
            assert!(!before.starts_with(ACCEPTED), "{before}");
            let count = usize::from(taken == Taken::After);
            assert_eq!(scene.truth(1).taken.len(), count);
            files.insert(captures::page(index, taken).file);
        }
        assert!(files.len() > 8, "{taken:?}: {files:?}");
    }
}

#[test]
fn a_story_is_told_only_to_a_reader() {
    let events = [at(ms(50), Fault::BrokerRestarts)];
    let mut scene = Scene::new(&plan(Route::Gateway), &[row(2, 1, TaskFate::Runs)], &events);
    scene.start(1, At::ZERO);
    assert!(scene.server.events().is_empty());
    scene.server.begin_story();
    scene.start(1, SECOND);
    scene.server.settle(SECOND * 2);
    let told: Vec<_> = scene.server.events().into_iter().map(|(_, sentence)| sentence).collect();
    assert_eq!(
        told,
        [
            "server: BrokerRestarts",
            "server: start_task of 2/1 (r2) is taken",
            "the worker starts 2/1"
        ]
    );
    assert!(scene.server.events().is_empty());
}

#[test]
fn the_same_seed_gives_the_same_answers() {
    let plan = ServerPlan { latency: (ms(1), ms(300)), ..plan(Route::NewEsb) };
    let night = || {
        let mut scene = Scene::new(&plan, &fates(), &[]);
        let calls = (0..50).map(|n| {
            let name = ["start_task", "get_task_status"][usize::from(n % 2 == 1)];
            format!("{:?}", scene.call(name, &key(2, 1 + n % 15), SECOND * n.try_into().unwrap()))
        });
        calls.collect::<Vec<_>>()
    };
    assert_eq!(night(), night());
}
