//! A night that keeps every promise, to be changed in one thing.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::history::{
    Event, Flag, History, InputKind, Key, ListedRow, Route, ServerPlan, SessionPlan, TaskFate, Way,
};
use crate::promises::{Broken, Going, Night, Settings, after_session, departed};
use crate::server::{At, RawAnswer, Refusal, Starter, TaskTruth};
use crate::world::witness::{Back, Departure, Kind, Line, SessionEnd, SessionFacts, Witness};

/// A night that can be changed.
pub struct Told {
    pub history: History,
    pub truth: BTreeMap<Key, TaskTruth>,
    pub refusals: Vec<Refusal>,
    pub witness: Witness,
    pub secrets: Vec<String>,
}

pub fn millis(millis: u64) -> At {
    Duration::from_millis(millis)
}

pub fn flag(name: &'static str, value: &str) -> Flag {
    Flag { name, value: Some(value.to_owned()) }
}

/// A row of business 2 or 3.
fn row(task: u64) -> ListedRow {
    ListedRow {
        biz: (2 + task % 2).to_string(),
        task: task.to_string(),
        scope: "project".into(),
        owner: format!("=owner {task}"),
        fate: TaskFate::Runs,
    }
}

pub fn accepted() -> Back {
    answer(&json!({ "result": true, "code": 0 }))
}

pub fn already_started() -> Back {
    answer(&json!({ "result": false, "code": 3_545_000, "message": "task already started" }))
}

pub fn state(state: &str) -> Back {
    answer(&json!({ "result": true, "data": { "state": state } }))
}

pub fn answer(body: &Value) -> Back {
    let body = body.to_string().into_bytes();
    Back::Answer(RawAnswer { status: 200, headers: Vec::new(), body })
}

fn history() -> History {
    let server = ServerPlan {
        route: Route::Gateway,
        way: Way::Direct,
        latency: (millis(10), millis(10)),
        connect: millis(1),
        worker: millis(100),
        biz_limits: Vec::new(),
        app_limit: None,
        clock_ahead: 0,
        dated: true,
        legacy_get: false,
    };
    let session = SessionPlan {
        gap: Duration::ZERO,
        reboot: false,
        before: Vec::new(),
        flags: Vec::new(),
        acts: Vec::new(),
    };
    History {
        seed: 1,
        list: (1..=4).map(row).collect(),
        input: InputKind::File,
        server,
        events: Vec::new(),
        sessions: vec![session],
    }
}

impl Told {
    /// Four rows, one start a row, each accepted and started.
    pub fn new() -> Self {
        let mut told = Self {
            history: history(),
            truth: BTreeMap::new(),
            refusals: Vec::new(),
            witness: Witness::default(),
            secrets: vec!["sim-s3cret-1-0".into()],
        };
        told.witness.sessions.push(told.facts(0));
        for line in 2..=5 {
            told.start(0, line, 100 * line, 1);
        }
        told.settle_all(0);
        told
    }

    fn facts(&self, began: u64) -> SessionFacts {
        SessionFacts {
            began: millis(began),
            ended: millis(began + 2000),
            end: SessionEnd::Exited { code: 0, text: String::new(), json: Value::Null },
            signal: None,
            reports: vec![None],
            written: Vec::new(),
            journaled: true,
            intended: (2..=5).collect(),
            settled: BTreeMap::new(),
            rows_read: self.history.list.len() as u64,
        }
    }

    pub fn key(&self, line: u64) -> Key {
        self.history.list[usize::try_from(line - 2).unwrap()].key().unwrap()
    }

    /// Adds a start of a line that is taken, accepted after 50 ms, and carried out.
    pub fn start(&mut self, session: usize, line: u64, at: u64, attempt: u32) -> &mut Departure {
        let id = format!("20260921-133320-00000-s{}-l{line}-a{attempt}", session + 1);
        let key = self.key(line);
        let truth = self.truth.entry(key.clone()).or_default();
        truth.arrived.push((millis(at + 20), id.clone()));
        truth.taken.push((millis(at + 20), id.clone()));
        truth.started.get_or_insert((millis(at + 30), Starter::Request(id.clone())));
        let kind = Kind::Start;
        let back = Some((millis(at + 50), accepted()));
        self.put(Departure { at: millis(at), session, id, kind, key, line: Some(line), back })
    }

    /// Adds a question for the state of a line's task, which is answered after 50 ms.
    pub fn ask(&mut self, session: usize, line: u64, at: u64, shows: &str) -> &mut Departure {
        let id = format!("20260921-133320-00000-s{}-l{line}-q1", session + 1);
        let (key, back) = (self.key(line), Some((millis(at + 50), state(shows))));
        let kind = Kind::Status;
        self.put(Departure { at: millis(at), session, id, kind, key, line: Some(line), back })
    }

    fn put(&mut self, departure: Departure) -> &mut Departure {
        let all = &mut self.witness.departures;
        let order = |one: &Departure| (one.session, one.at);
        let place = all.partition_point(|one| order(one) <= order(&departure));
        all.insert(place, departure);
        &mut all[place]
    }

    /// The first start of a line.
    pub fn first(&mut self, line: u64) -> &mut Departure {
        let all = self.witness.departures.iter_mut();
        all.into_iter().find(|one| one.line == Some(line)).unwrap()
    }

    /// Has a session settle each row as started, known by the answer to its last start.
    pub fn settle_all(&mut self, session: usize) {
        for line in 2..=5 {
            self.settle(session, line, "started");
        }
        self.tell(session);
    }

    /// Has a session settle a line; its line in the report tells of its last start.
    pub fn settle(&mut self, session: usize, number: u64, outcome: &str) {
        let starts = self.witness.departures.iter().filter(|one| {
            one.line == Some(number) && one.kind == Kind::Start && one.session <= session
        });
        let mut left = starts.filter(|one| !matches!(one.back, Some((_, Back::NotSent))));
        let attempts = left.clone().count();
        let id = left.next_back().map_or(String::new(), |one| one.id.clone());
        let row = &self.history.list[usize::try_from(number - 2).unwrap()];
        let known_by = if outcome == "started" { "reply" } else { "" };
        let line: Line = [
            ("line", number.to_string()),
            ("bk_biz_id", row.biz.clone()),
            ("task_id", row.task.clone()),
            ("scope", row.scope.clone()),
            ("outcome", outcome.to_owned()),
            ("known_by", known_by.to_owned()),
            ("client_request_id", id),
            ("attempts", attempts.to_string()),
            ("owner", format!("'{}", row.owner)),
        ]
        .map(|(column, text)| (column.to_owned(), text))
        .into();
        let facts = &mut self.witness.sessions[session];
        let report = facts.reports[0].get_or_insert_default();
        report.retain(|other| other["line"] != line["line"]);
        report.push(line);
        if outcome == "pending" {
            facts.settled.remove(&number);
        } else {
            facts.settled.insert(number, outcome.to_owned());
        }
    }

    /// The line of a session's report that tells of a row.
    pub fn line(&mut self, session: usize, number: u64) -> &mut Line {
        let report = self.witness.sessions[session].reports[0].as_mut().unwrap();
        report.iter_mut().find(|line| line["line"] == number.to_string()).unwrap()
    }

    /// Writes the summary that fits what a session did.
    pub fn tell(&mut self, session: usize) {
        let settings = Settings::of(&self.history, session);
        let of = |kind: Kind| {
            let all = self.witness.departures.iter();
            all.filter(|one| {
                one.session == session && (one.kind == Kind::Start) == (kind == Kind::Start)
            })
            .count()
        };
        let (requests, questions) = (of(Kind::Start), of(Kind::Status));
        let facts = &mut self.witness.sessions[session];
        let report = facts.reports[0].clone().unwrap_or_default();
        let mut outcomes: BTreeMap<String, u64> = BTreeMap::new();
        for line in &report {
            *outcomes.entry(line["outcome"].clone()).or_default() += 1;
        }
        let bad = report.iter().filter(|line| settings.is_bad(&line["outcome"])).count();
        let pending = outcomes.get("pending").copied().unwrap_or_default();
        let code = u8::from(bad > 0);
        let counts: Vec<_> = outcomes.iter().map(|(one, n)| format!("{n} {one}")).collect();
        let json = json!({
            "rows": report.len(), "outcomes": outcomes, "bad": bad, "cut_off": pending,
            "requests": requests, "questions": questions, "stopped": null,
            "input_incomplete": null, "exit": code,
        });
        facts.end = SessionEnd::Exited { code, text: counts.join(", "), json };
    }

    /// Changes the exit code, and why the session says that it stopped.
    pub fn exits(&mut self, session: usize, exit: u8, stopped: Option<&str>) {
        let SessionEnd::Exited { code, json, .. } = &mut self.witness.sessions[session].end else {
            unreachable!("it ends in order");
        };
        *code = exit;
        json["exit"] = exit.into();
        json["stopped"] = stopped.into();
    }

    /// Adds a session, a resume, which begins at 5 s and knows what the one before knew.
    pub fn resume(&mut self, flags: Vec<Flag>) {
        let mut plan = self.history.sessions[0].clone();
        plan.flags = flags;
        self.history.sessions.push(plan);
        let mut facts = self.facts(5000);
        let before = self.witness.sessions.last().unwrap();
        facts.settled = before.settled.clone();
        facts.reports = before.reports.clone();
        facts.intended.clear();
        self.witness.sessions.push(facts);
        self.tell(self.witness.sessions.len() - 1);
    }

    pub fn with(mut self, flags: Vec<Flag>) -> Self {
        self.history.sessions[0].flags = flags;
        self
    }

    pub fn befalls(&mut self, event: Event) {
        self.history.events.push(event);
    }

    pub fn night(&self) -> Night<'_> {
        let Self { history, truth, refusals, witness, secrets } = self;
        Night { history, truth, refusals, witness, secrets }
    }

    /// Checks all sessions, one after the other.
    pub fn check(&self) -> Result<(), Broken> {
        (0..self.witness.sessions.len()).try_for_each(|session| {
            let (night, facts) = (self.night(), &self.witness.sessions[session]);
            let settings = Settings::of(night.history, session);
            let going = Going { session, began: facts.began, signal: facts.signal };
            let departures = night.departures(session);
            for number in 1..=departures.len() {
                departed(&night, &settings, going, &departures[..number])?;
            }
            after_session(&night, session)
        })
    }

    #[track_caller]
    pub fn keeps(&self) {
        assert_eq!(self.check(), Ok(()));
    }

    #[track_caller]
    pub fn breaks(&self, promise: &str) {
        let broken = self.check().expect_err(promise);
        assert_eq!(broken.promise, promise, "{broken}");
    }
}
