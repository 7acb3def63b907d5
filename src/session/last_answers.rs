//! Answer times of a server in earlier runs, which forecast the next one.

use std::time::Duration;

use super::settings::Settings;
use crate::journal::Journal;
use crate::rules::course::{AnswerTimes, Confirmation, ExpectedAnswers};
use crate::store::RunStore;

/// Maximum number of runs that are looked at, the newest first.
const MAX_RUNS: usize = 20;

/// Returns how long the server of `settings` takes for an answer: as in the newest of `runs` that
/// tells, or at most as long as a request may take.
pub(crate) fn known_answers(settings: &Settings, runs: Option<&RunStore>) -> ExpectedAnswers {
    let questions = settings.options.confirmation();
    let target = settings.server.target.to_string();
    match runs.and_then(|runs| last_answers(runs, &target, questions)) {
        Some(times) => ExpectedAnswers::AsBefore(times),
        None => ExpectedAnswers::AtMost(longest(settings)),
    }
}

fn longest(settings: &Settings) -> AnswerTimes {
    let timeout: Duration = settings.server.http_options.timeout;
    AnswerTimes::longest(timeout, settings.options.certainty.confirm)
}

/// A run that cannot be read tells nothing.
fn last_answers(runs: &RunStore, target: &str, questions: Confirmation) -> Option<AnswerTimes> {
    let all = runs.all().ok()?;
    all.iter().rev().take(MAX_RUNS).find_map(|run| {
        let sessions = Journal::open(&run.journal()).ok()?.sessions().ok()?;
        let mut here = sessions.iter().rev().filter(|session| session.target == target);
        here.find_map(|session| session.answers?.for_rows(questions))
    })
}
