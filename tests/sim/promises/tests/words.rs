//! Nights in which the program's words are wrong.

use serde_json::json;

use super::night::{Told, accepted, already_started, answer, flag, millis};
use crate::history::{Before, Event, Fault, InputKind, ListedRow, TaskFate, When};
use crate::server::TaskTruth;
use crate::world::witness::{Back, Kind, SessionEnd};

/// A change of one thing, and the promise that is then broken.
type Change = (fn(&mut Told), &'static str);

#[track_caller]
fn each_breaks(changes: &[Change]) {
    for (change, promise) in changes {
        let mut told = Told::new();
        change(&mut told);
        told.breaks(promise);
    }
}

fn report(told: &mut Told) -> &mut Vec<crate::world::witness::Line> {
    told.witness.sessions[0].reports[0].as_mut().unwrap()
}

/// Has a report say something else of line 2.
fn says(told: &mut Told, column: &str, text: &str) {
    told.line(0, 2).insert(column.into(), text.into());
}

#[test]
fn one_row_has_one_line() {
    let promise = "one row, one line";
    let copy = |told: &mut Told| report(told)[0].clone();
    let mut told = Told::new();
    report(&mut told).pop();
    told.breaks(promise);
    told = Told::new();
    report(&mut told).remove(0);
    told.breaks(promise);
    told = Told::new();
    let twin = copy(&mut told);
    report(&mut told).push(twin.clone());
    told.breaks(promise);
    report(&mut told).pop();
    told.keeps();
    report(&mut told)[1] = twin;
    told.breaks(promise);
}

#[test]
fn a_line_tells_of_its_row() {
    for (column, text) in [
        ("task_id", "9"),
        ("bk_biz_id", "9"),
        ("scope", "cmdb_biz"),
        ("owner", "of another"),
        ("outcome", "duplicate"),
        ("known_by", ""),
    ] {
        let mut told = Told::new();
        says(&mut told, column, text);
        told.breaks("a line tells of its row");
    }
}

#[test]
fn invalid_and_duplicate_rows_are_never_sent() {
    let mut told = Told::new();
    let twin = told.history.list[0].clone();
    let wrong = ListedRow { task: "x".into(), ..twin.clone() };
    told.history.list.extend([twin, wrong]);
    told.witness.sessions[0].rows_read = 6;
    told.settle(0, 6, "duplicate");
    told.settle(0, 7, "invalid");
    for line in [6, 7] {
        told.line(0, line).insert("attempts".into(), "0".into());
    }
    told.tell(0);
    told.keeps();
    told.settle(0, 6, "already_started");
    told.breaks("a line tells of its row");
    told.settle(0, 6, "duplicate");
    told.first(2).line = Some(6);
    told.breaks("only rows that were read are sent");
}

#[test]
fn only_what_may_be_sent_is_sent() {
    each_breaks(&[
        (|told| told.first(2).key.task = 99, "only rows that were read are sent"),
        (|told| told.first(2).id = "x-s1-l3-a1".into(), "only rows that were read are sent"),
        (
            |told| {
                told.witness.sessions[0].intended.pop();
            },
            "a row is noted before it is sent",
        ),
        (
            |told| {
                told.start(0, 2, 900, 2);
            },
            "what was accepted is not sent again",
        ),
        (
            |told| told.ask(0, 2, 900, "RUNNING").kind = Kind::Detail,
            "links are asked for with --lookup alone",
        ),
        (
            |told| told.history.sessions[0].flags.push(flag("limit", "3")),
            "no more rows than the limit",
        ),
        (
            |told| {
                told.first(2).back.as_mut().unwrap().1 = Back::Lost;
                told.start(0, 2, 900, 1);
            },
            "each start has an id of its own",
        ),
        (
            |told| {
                told.witness.sessions[0].end = SessionEnd::Refused { code: 2, text: String::new() }
            },
            "a session that does not begin sends nothing",
        ),
    ]);
}

#[test]
fn what_is_settled_stays() {
    let mut told = Told::new();
    told.resume(Vec::new());
    told.keeps();
    told.line(1, 2).insert("message".into(), "another".into());
    told.breaks("a settled line stays as it is");
    told = Told::new();
    told.resume(Vec::new());
    told.witness.sessions[1].settled.insert(2, "failed".into());
    told.breaks("a settled row stays settled");
    told = Told::new();
    told.resume(Vec::new());
    told.witness.sessions[1].intended.push(2);
    told.start(1, 2, 5100, 2);
    told.breaks("a settled row is not sent again");
}

#[test]
fn a_failed_row_is_sent_again_if_somebody_says_so() {
    let mut told = Told::new();
    let key = told.key(2);
    told.truth.remove(&key);
    told.first(2).back.as_mut().unwrap().1 = answer(&json!({ "result": false }));
    told.settle(0, 2, "failed");
    told.tell(0);
    told.resume(vec![crate::history::Flag { name: "retry-failed", value: None }]);
    told.witness.sessions[1].intended.push(2);
    told.start(1, 2, 5100, 2);
    told.settle(1, 2, "started");
    told.tell(1);
    // What was taken later was not taken when the row failed.
    assert_eq!(crate::promises::after_session(&told.night(), 1), Ok(()));
    told.history.sessions[1].flags.clear();
    let broken = crate::promises::after_session(&told.night(), 1).unwrap_err();
    assert_eq!(broken.promise, "a settled row is not sent again");
}

/// Line 2 with an outcome and how it is known; changed further by `change`.
fn claimed(outcome: &str, known_by: &str, change: impl FnOnce(&mut Told)) -> Told {
    let mut told = Told::new();
    told.first(2).back.as_mut().unwrap().1 = Back::Lost;
    change(&mut told);
    told.settle(0, 2, outcome);
    told.tell(0);
    told.line(0, 2).insert("known_by".into(), known_by.into());
    told
}

fn forget(told: &mut Told) {
    let key = told.key(2);
    told.truth.insert(key, TaskTruth::default());
}

fn by_others(told: &mut Told) {
    forget(told);
    let key = told.key(2);
    told.truth.get_mut(&key).unwrap().others.push(millis(1));
}

#[test]
fn a_row_says_what_is_true() {
    let never = "what was taken is never called failed or rejected";
    claimed("failed", "", |_| ()).breaks(never);
    claimed("rejected", "", |_| ()).breaks(never);
    claimed("failed", "", forget).keeps();
    claimed("unknown", "", |_| ()).breaks("a row is unknown only after a question");
    let asked = |told: &mut Told| {
        told.ask(0, 2, 900, "CREATED");
    };
    claimed("unknown", "", asked).keeps();
    let alone = "what this run alone started is not called somebody else's";
    claimed("already_started", "", |_| ()).breaks(alone);
    claimed("already_started", "", by_others).keeps();
    let later = |told: &mut Told| {
        by_others(told);
        let key = told.key(2);
        told.truth.get_mut(&key).unwrap().others[0] = millis(251);
    };
    claimed("already_started", "", later).breaks(alone);
    let accepted_once = |told: &mut Told| told.first(2).back.as_mut().unwrap().1 = accepted();
    claimed("started", "reply", accepted_once).keeps();
    claimed("started", "reply", |_| ()).breaks("known by reply");
    let untrue = |told: &mut Told| {
        accepted_once(told);
        forget(told);
    };
    claimed("started", "reply", untrue).breaks("what is called started was started");
    claimed("unconfirmed", "", accepted_once).keeps();
    claimed("unconfirmed", "", |_| ()).breaks("only what was accepted is called unconfirmed");
    claimed("lost", "", |_| ()).breaks("an outcome is one of those that there are");
    let unsent = |told: &mut Told| {
        told.witness.departures.remove(0);
    };
    claimed("unknown", "", unsent).breaks("only what was sent is called unknown");
    claimed("started", "status", unsent).breaks("only what this run sent is called started");
    claimed("pending", "", |_| ()).breaks("a row is pending only if the run was stopped");
}

fn again(told: &mut Told) {
    told.start(0, 2, 900, 2).back.as_mut().unwrap().1 = already_started();
}

#[test]
fn a_row_says_how_its_start_is_known() {
    claimed("started", "retry", again).keeps();
    let refused_before = |told: &mut Told| {
        let refusal = json!({ "result": false, "message": "x reach the limit of starting tasks" });
        told.first(2).back.as_mut().unwrap().1 = answer(&refusal);
        again(told);
    };
    claimed("started", "retry", refused_before).breaks("known by retry");
    claimed("started", "retry", |_| ()).breaks("known by retry");
    claimed("started", "resume", again).breaks("known by resume");
    let asked = |told: &mut Told| {
        told.ask(0, 2, 900, "RUNNING");
    };
    claimed("started", "status", asked).keeps();
    let created = |told: &mut Told| {
        told.ask(0, 2, 900, "CREATED");
    };
    claimed("started", "status", created).breaks("known by status");
    let too_early = |told: &mut Told| {
        told.ask(0, 2, 900, "RUNNING");
        let key = told.key(2);
        told.truth.get_mut(&key).unwrap().started.as_mut().unwrap().0 = millis(951);
    };
    claimed("started", "status", too_early).breaks("known by status");
    claimed("started", "hearsay", |_| ()).breaks("started is known somehow");
}

#[test]
fn what_a_dead_session_noted_is_known_by_resume() {
    let mut told = Told::new();
    told.first(5).back = None;
    told.witness.sessions[0].end = SessionEnd::Killed;
    told.witness.sessions[0].settled.remove(&5);
    told.breaks("the journal is written before the reports");
    let shown = told.witness.sessions[0].reports[0].as_mut().unwrap();
    shown.retain(|line| line["line"] != "5");
    told.resume(Vec::new());
    told.witness.sessions[1].intended.push(5);
    told.start(1, 5, 5100, 1).back.as_mut().unwrap().1 = already_started();
    told.settle(1, 5, "started");
    told.tell(1);
    told.line(1, 5).insert("known_by".into(), "resume".into());
    told.keeps();
    told.witness.sessions[0].intended.retain(|line| *line != 5);
    told.breaks("a row is noted before it is sent");
    told.witness.departures.remove(3);
    told.breaks("known by resume");
}

#[test]
fn all_words_agree() {
    let exit = "the exit code says why";
    each_breaks(&[
        (|told| told.exits(0, 1, None), exit),
        (|told| told.exits(0, 3, None), exit),
        (|told| told.exits(0, 130, Some("by SIGINT")), exit),
        (|told| told.exits(0, 4, Some("the window closed")), exit),
        (|told| told.exits(0, 6, None), exit),
        (|told| set(told, "exit", 1), "the summary has the exit code"),
        (|told| set(told, "rows", 5), "summary and report agree"),
        (|told| set(told, "bad", 1), "summary and report agree"),
        (|told| set(told, "requests", 3), "the summary counts the requests"),
        (|told| set(told, "questions", 3), "the summary counts the requests"),
        (
            |told| {
                told.witness.sessions[0].settled.remove(&2);
            },
            "summary and journal agree",
        ),
        (
            |told| {
                told.line(0, 2).insert("attempts".into(), "2".into());
            },
            "a report counts the attempts",
        ),
        (
            |told| {
                let SessionEnd::Exited { text, .. } = &mut told.witness.sessions[0].end else {
                    return;
                };
                "other words".clone_into(text);
            },
            "both summaries count alike",
        ),
    ]);
    let mut told = Told::new();
    told.exits(0, 6, None);
    told.befalls(Event { when: When::At(millis(1)), what: Fault::CommitFails });
    told.keeps();
}

fn set(told: &mut Told, name: &str, value: u64) {
    if let SessionEnd::Exited { json, .. } = &mut told.witness.sessions[0].end {
        json[name] = value.into();
    }
}

#[test]
fn secrets_stay_secret() {
    let mut told = Told::new();
    told.witness.sessions[0].written.push(("log".into(), b"a sim-s3cret-1-1 that is none".into()));
    told.keeps();
    told.witness.sessions[0].written.push(("log".into(), b"it is ssim-s3cret-1-0!".into()));
    told.breaks("secrets stay secret");
}

#[test]
fn a_row_of_another_project_is_a_row() {
    let mut told = Told::new();
    told.history.list[0].fate = TaskFate::Denied;
    told.keeps();
}

#[test]
fn a_resume_is_refused_for_a_reason() {
    let mut told = Told::new();
    told.resume(Vec::new());
    told.witness.sessions[1].end = SessionEnd::Refused { code: 2, text: String::new() };
    told.breaks("the exit code says why");
    told.history.sessions[1].before.push(Before::EditReport);
    told.keeps();
    told.witness.sessions[1].end = SessionEnd::Refused { code: 5, text: String::new() };
    told.breaks("the exit code says why");
}

#[test]
fn no_part_of_the_program_fails() {
    let mut told = Told::new();
    told.exits(0, 6, Some("a part of bk-launch failed, which is a bug in it"));
    told.breaks("no part of the program fails");
}

#[test]
fn a_stream_is_told_as_far_as_it_was_read() {
    let mut told = Told::new();
    told.history.input = InputKind::Stream { pause: millis(1) };
    told.keeps();
    let more = told.history.list[3].clone();
    told.history.list.push(ListedRow { task: "9".into(), ..more });
    told.breaks("one row, one line");
    told.exits(0, 130, Some("by SIGINT"));
    told.witness.sessions[0].signal = Some(millis(900));
    told.keeps();
    told.witness.sessions[0].rows_read = 3;
    told.breaks("only rows that were read are sent");
}
