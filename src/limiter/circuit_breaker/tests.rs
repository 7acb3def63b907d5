use super::*;
use crate::domain::answer::{Failure, NotSent, Reply, Taken};

fn backoff() -> Backoff {
    "500ms..30s".parse().unwrap()
}

struct Scene {
    start: Instant,
    outage: CircuitBreaker,
}

impl Scene {
    fn new() -> Self {
        Self { start: Instant::now(), outage: CircuitBreaker::default() }
    }

    fn at(&self, millis: u64) -> Instant {
        self.start + Duration::from_millis(millis)
    }

    fn heard(&mut self, role: Role, line: u64, sign: Sign, millis: u64) -> Learned {
        let ended = AttemptResult { line: Some(line), role, sign, at: self.at(millis) };
        self.outage.heard(ended, &backoff(), || Arc::from(format!("{sign:?}")))
    }

    /// Ends an ordinary attempt of each row at the start.
    fn rows(&mut self, lines: std::ops::Range<u64>, sign: Sign) {
        for line in lines {
            self.heard(Role::Normal, line, sign, 0);
        }
    }

    /// Probes with the row on `line`; the probe leaves and ends at once.
    fn probe(&mut self, line: u64, sign: Sign, millis: u64) -> Option<u128> {
        assert_eq!(self.outage.may_go(self.at(millis)), May::Go(Role::Probe), "{millis}");
        self.outage.sent(Role::Probe);
        assert_eq!(self.outage.may_go(self.at(millis)), May::WaitForProbe);
        let learned = self.heard(Role::Probe, line, sign, millis);
        learned.lasted.map(|lasted| lasted.as_millis())
    }

    fn is_outage(&self) -> bool {
        self.outage.says().is_some()
    }
}

#[test]
fn so_many_idle_attempts_are_an_outage() {
    use Sign::{Covered, Nothing, OwnError, Silence, Works};
    let rows = |count: u64, sign| (1..=count).map(|line| (line, sign)).collect::<Vec<_>>();
    let of_three_rows: Vec<_> = (0..99).map(|n| (n % 3, Covered)).collect();
    let of_one_row: Vec<_> = (0..4).map(|_| (1, Silence)).collect();
    for (attempts, expected) in [
        (rows(3, Silence), false),
        (rows(4, Silence), true),
        (of_one_row, true),
        (rows(7, Covered), false),
        (rows(8, Covered), true),
        (rows(8, OwnError), true),
        (of_three_rows.clone(), false),
        ([of_three_rows, vec![(4, OwnError)]].concat(), true),
        ([rows(3, Silence), rows(1, Covered), rows(3, Silence)].concat(), false),
        ([rows(3, Silence), rows(1, Covered), rows(4, Silence)].concat(), true),
        ([rows(3, Silence), rows(1, Nothing), rows(3, Silence)].concat(), false),
        ([rows(7, Covered), rows(3, Nothing), rows(1, Covered)].concat(), true),
        ([rows(7, Covered), rows(1, Works), rows(7, Covered)].concat(), false),
        (rows(99, Nothing), false),
    ] {
        let mut scene = Scene::new();
        for (line, sign) in &attempts {
            scene.heard(Role::Normal, *line, *sign, 0);
        }
        assert_eq!(scene.is_outage(), expected, "{attempts:?}");
    }
}

#[test]
fn what_begins_an_outage_or_ends_in_one_is_no_retry() {
    let mut scene = Scene::new();
    for line in 1..8 {
        assert!(!scene.heard(Role::Normal, line, Sign::Covered, 0).in_outage, "{line}");
    }
    assert!(scene.heard(Role::Normal, 8, Sign::Covered, 0).in_outage);
    assert!(scene.heard(Role::Normal, 9, Sign::Covered, 0).in_outage, "it was out already");
    assert!(!scene.heard(Role::Normal, 10, Sign::Nothing, 0).in_outage);
    assert!(scene.is_outage(), "what only a front said ends none");
    assert!(!scene.heard(Role::Normal, 11, Sign::Works, 0).in_outage);
    assert!(!scene.is_outage());
}

#[test]
fn one_probe_at_a_time_until_bk_sops_answers() {
    let mut scene = Scene::new();
    scene.rows(1..5, Sign::Silence);
    assert_eq!(scene.outage.may_go(scene.at(0)), May::Wait(scene.at(500)));
    assert_eq!(scene.outage.may_go(scene.at(500)), May::Go(Role::Probe));
    scene.outage.sent(Role::Probe);
    scene.heard(Role::Normal, 5, Sign::Silence, 650);
    assert_eq!(scene.outage.may_go(scene.at(650)), May::WaitForProbe, "a late one is no probe");
    let learned = scene.heard(Role::Probe, 1, Sign::Silence, 700);
    assert_eq!(learned.lasted, Some(Duration::from_millis(700)));
    assert_eq!(scene.outage.may_go(scene.at(700)), May::Wait(scene.at(1700)));
    assert_eq!(scene.probe(2, Sign::Nothing, 1700), Some(1700), "a front's answer ends none");
    assert_eq!(scene.outage.may_go(scene.at(1700)), May::Wait(scene.at(3700)));
    scene.outage.sent(Role::Probe);
    scene.outage.withdrawn();
    assert_eq!(scene.probe(3, Sign::Works, 3700), None);
    assert_eq!(scene.outage.may_go(scene.at(3700)), May::Go(Role::Normal));
    assert_eq!(scene.outage.total(scene.at(9999)), Duration::from_millis(3700));
}

#[test]
fn where_bk_sops_itself_answers_probes_are_five_seconds_apart_at_most() {
    for (sign, waits) in [
        (Sign::Covered, [1000, 2000, 4000, 8000, 16000, 30000]),
        (Sign::OwnError, [1000, 2000, 4000, 5000, 5000, 5000]),
    ] {
        let mut scene = Scene::new();
        scene.rows(1..9, sign);
        let mut now = 500;
        for (line, wait) in (100..).zip(waits) {
            scene.probe(line, sign, now);
            let next = scene.at(now + wait);
            assert_eq!(scene.outage.may_go(scene.at(now)), May::Wait(next), "{sign:?} {line}");
            now += wait;
        }
    }
}

#[test]
fn rows_are_bad_once_bk_sops_itself_has_failed_each_of_them() {
    use Sign::{Covered, OwnError};
    for (round, bad) in [
        (vec![OwnError, OwnError], true),
        (vec![OwnError, Covered], false),
        (vec![Covered, OwnError], false),
        (vec![], false),
    ] {
        let mut scene = Scene::new();
        scene.rows(1..9, OwnError);
        let mut now = 500;
        for (line, sign) in (1..).zip(&round) {
            scene.probe(line, *sign, now);
            assert!(scene.outage.was_probed(line));
            now += 30_000;
        }
        assert!(!scene.outage.was_probed(99));
        let lines = (1..).take(round.len()).collect();
        let lasted = Duration::from_millis(now);
        let expected = if bad { Round::BadRows(lines, lasted) } else { Round::Again };
        assert_eq!(scene.outage.round_is_over(scene.at(now)), expected, "{round:?}");
        assert_eq!(scene.is_outage(), !bad);
        assert!(!scene.outage.was_probed(1), "a new round begins");
    }
}

fn failed(class: FailureClass, delivery: Delivery) -> Verdict {
    let (taken, server) = (Taken::No, Box::default());
    Verdict::Failed(Failure { class, delivery, taken, hold: None, server })
}

#[test]
fn what_an_answer_says_of_bk_sops() {
    use FailureClass::{
        Ambiguous, Auth, BadRequest, Config, NotFound, Permission, ThrottledApp, ThrottledBiz,
        Transient,
    };
    use Server::{BkSops, Front, NeverReached, Reached};
    use Sign::{Covered, Nothing, OwnError, Silence, Works};
    let answered = Delivery::Answered;
    let refused = Delivery::NotSent(NotSent::Unreachable);
    for (verdict, server, sign) in [
        (Verdict::Accepted, NeverReached, Works),
        (Verdict::AlreadyStarted, BkSops, Works),
        (failed(ThrottledBiz, answered(Speaker::BkSops)), BkSops, Works),
        (failed(NotFound, answered(Speaker::BkSops)), BkSops, Works),
        (failed(Permission, answered(Speaker::BkSops)), BkSops, Works),
        (failed(Transient, answered(Speaker::BkSops)), BkSops, OwnError),
        (failed(Ambiguous, Delivery::Lost), BkSops, Silence),
        (failed(Transient, refused), Front, Silence),
        (failed(Transient, refused), Reached, Silence),
        (failed(Transient, refused), NeverReached, Nothing),
        (failed(Ambiguous, Delivery::Lost), NeverReached, Nothing),
        (failed(Ambiguous, answered(Speaker::Proxy)), Reached, Covered),
        (failed(Transient, answered(Speaker::Front)), BkSops, Covered),
        (failed(Ambiguous, answered(Speaker::Front)), BkSops, Covered),
        (failed(ThrottledApp, answered(Speaker::Front)), BkSops, Nothing),
        (failed(Auth, answered(Speaker::Front)), BkSops, Nothing),
        (failed(BadRequest, answered(Speaker::Proxy)), BkSops, Nothing),
        (failed(Config, answered(Speaker::Stranger)), BkSops, Covered),
        (failed(Config, answered(Speaker::Stranger)), Front, Nothing),
    ] {
        assert_eq!(Sign::of(&verdict, server), sign, "{verdict:?} {server:?}");
    }
}

#[test]
fn the_text_says_what_answers_in_place_of_bk_sops() {
    for (delivery, server, status, code, said, text) in [
        (Delivery::Answered(Speaker::Proxy), "nginx", 502, "", "", "nginx answers 502 for bk-sops"),
        (Delivery::Answered(Speaker::Stranger), "", 404, "", "", "a proxy answers 404 for bk-sops"),
        (
            Delivery::Answered(Speaker::Front),
            "",
            200,
            "1306201",
            "Connection refused",
            "the ESB answers 1306201 for bk-sops (Connection refused)",
        ),
        (
            Delivery::Answered(Speaker::Front),
            "",
            502,
            "1650200",
            "Bad Gateway",
            "the API gateway answers 1650200 for bk-sops (Bad Gateway)",
        ),
        (
            Delivery::Answered(Speaker::BkSops),
            "",
            500,
            "50000",
            "system error",
            "bk-sops answers that it failed (system error)",
        ),
        (
            Delivery::Lost,
            "",
            0,
            "",
            "no answer within 35s",
            "no answer from bk-sops (no answer within 35s)",
        ),
    ] {
        let failure = Failure {
            class: FailureClass::Ambiguous,
            delivery,
            taken: Taken::Maybe,
            hold: None,
            server: server.into(),
        };
        let http_status = Some(status).filter(|status| *status > 0);
        let (code, message) = (code.into(), said.into());
        let reply = Reply { http_status, code, message, ..Reply::default() };
        assert_eq!(description(&Answer::new(Verdict::Failed(failure), reply)), text);
    }
}
