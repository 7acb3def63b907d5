//! Histories that once broke a promise, as they were left by shrinking. They stand here as values,
//! since what a seed means changes with the drawing.

use std::time::Duration;

use crate::history::{
    Act, Deed, Event, ExchangeFault, Fault, Flag, History, InputKind, ListedRow, Moment, Route,
    ServerPlan, SessionPlan, TaskFate, Way, When,
};
use crate::seeds::{play_alone, told};
use crate::world::Telling;

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A list of `rows` and a server to which nothing befalls; `sessions` follow each other.
fn history(rows: u32, sessions: Vec<SessionPlan>) -> History {
    let row = |task: u32| ListedRow {
        biz: "2".into(),
        task: (1000 + task).to_string(),
        scope: "cmdb_biz".into(),
        owner: String::new(),
        fate: TaskFate::Runs,
    };
    History {
        seed: 1,
        list: (0..rows).map(row).collect(),
        input: InputKind::File,
        server: ServerPlan {
            route: Route::Gateway,
            way: Way::Direct,
            latency: (ms(20), ms(20)),
            connect: ms(1),
            worker: ms(20),
            biz_limits: Vec::new(),
            app_limit: None,
            clock_ahead: 0,
            dated: true,
            legacy_get: false,
        },
        events: Vec::new(),
        sessions,
    }
}

/// A session a second after the one before, with these flags and what is done to it.
fn session(flags: &[(&'static str, &str)], acts: &[(Moment, Deed)]) -> SessionPlan {
    let flag = |(name, value): &(&'static str, &str)| Flag::valued(name, *value);
    SessionPlan {
        gap: ms(1000),
        reboot: false,
        before: Vec::new(),
        flags: flags.iter().map(flag).collect(),
        acts: acts.iter().map(|(when, what)| Act { when: *when, what: *what }).collect(),
    }
}

/// The n-th start of a history is taken, and its answer never comes.
const fn hangs_after(start: u32) -> Event {
    Event { when: When::Start(start), what: Fault::Exchange(ExchangeFault::HangAfter) }
}

#[track_caller]
fn keeps_its_promises(history: &History) {
    let played = play_alone(history, Telling::Story);
    println!("{}", told(&played.story));
    assert_eq!(played.broken, None);
}

#[test]
fn a_report_is_known_although_the_clock_was_put_back_between_two_commits() {
    let died = session(&[], &[(Moment::BeforeCommit(4), Deed::Kill)]);
    let mut history = history(1, vec![died, session(&[], &[])]);
    history.input = InputKind::Stream { pause: ms(91) };
    history.events = vec![Event { when: When::At(ms(1115)), what: Fault::WallClockStep(-19) }];
    keeps_its_promises(&history);
}

#[test]
fn a_report_is_known_although_its_last_lines_are_of_rows_that_were_cut_off() {
    // The row is given up without a record, and its line is written long after the last one.
    let died = session(&[("timeout", "10s")], &[(Moment::BeforeCommit(3), Deed::PowerLoss)]);
    let mut history = history(1, vec![died, session(&[], &[])]);
    history.events = (1..6).map(hangs_after).collect();
    keeps_its_promises(&history);
}

#[test]
fn the_copy_of_a_stream_is_noted_also_if_nothing_is_left_to_do() {
    // The third row was being written when the session died, so that the resume finds two.
    let died = session(&[], &[(Moment::After(ms(4500)), Deed::Kill)]);
    let mut history = history(3, vec![died, session(&[], &[]), session(&[], &[])]);
    history.input = InputKind::Stream { pause: ms(1851) };
    keeps_its_promises(&history);
}

#[test]
fn a_row_that_a_dead_session_sent_at_an_unknown_time_is_not_called_somebody_elses() {
    // The first session never saw a `Date`, and the machine was restarted after it. The second one
    // saw one with another row, and left this row in doubt.
    let died = session(&[("timeout", "500ms")], &[(Moment::Answered(1), Deed::PowerLoss)]);
    let stopped = session(&[], &[(Moment::Answered(2), Deed::Signal)]);
    let mut late = session(&[("limit", "99")], &[]);
    late.gap = Duration::from_hours(1);
    let mut history = history(2, vec![died, stopped, late]);
    history.events = [1, 2, 4].map(hangs_after).to_vec();
    keeps_its_promises(&history);
}
