//! Histories that once broke a promise, as they were left by shrinking. They stand here as values,
//! since what a seed means changes with the drawing.

use std::time::Duration;

use crate::by_hand::{history, ms, session};
use crate::history::{Deed, Event, ExchangeFault, Fault, History, InputKind, Moment, When};
use crate::seeds::{play_alone, told};
use crate::world::Telling;

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

#[test]
fn a_report_is_known_although_its_session_died_as_it_began() {
    // The second session commits beside the report of the first one, which it does not write.
    let named = ("output", "report-a.csv");
    let died = session(&[named], &[(Moment::Within(1), Deed::Kill)]);
    let mut elsewhere = session(&[("output", "-")], &[(Moment::Answered(4), Deed::Kill)]);
    elsewhere.gap = Duration::from_mins(1);
    keeps_its_promises(&history(5, vec![died, elsewhere, session(&[named], &[])]));
}
