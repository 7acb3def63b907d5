//! States and counts of kept runs, and the same for programs.

use std::fmt::Write;

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::time::full_moment;
use crate::domain::count::number;
use crate::domain::duration::roughly;
use crate::domain::record::OutcomeKind;
use crate::journal::{InputState, PastSession};
use crate::session::find::FoundBy;
use crate::session::run_state::{OtherWriter, RunState, RunSummary};

/// `12 started, 2 failed, 6 pending`, as the summary of a session has it.
pub(crate) fn outcomes(run: &RunSummary) -> String {
    let counts = told(run.counts);
    if counts.is_empty() { "no rows".into() } else { counts }
}

/// `finished, 54 unknown` or `stopped: SIGINT`
pub(crate) fn state(run: &RunSummary, zone: &TimeZone) -> String {
    let word = run.state.word();
    match &run.state {
        RunState::Waiting(_, begins) => format!("{word} until {}", full_moment(*begins, zone)),
        RunState::Draining(_, why) | RunState::Stopped(why) => format!("{word}: {why}"),
        RunState::Finished => {
            let is_part =
                run.about.as_ref().is_some_and(|about| about.input == InputState::Incomplete);
            let part = is_part.then(|| "input incomplete".to_owned());
            let more = [Some(told(run.bad())).filter(|bad| !bad.is_empty()), part];
            let more: Vec<_> = more.into_iter().flatten().collect();
            if more.is_empty() { word.into() } else { format!("{word}, {}", more.join(", ")) }
        }
        RunState::OtherVersion(OtherWriter::Earlier) => "of an earlier bk-launch".into(),
        RunState::OtherVersion(OtherWriter::Later) => "of a later bk-launch".into(),
        RunState::Running(_) | RunState::Interrupted | RunState::Damaged => word.into(),
    }
}

/// Says why a run is the one that is shown, if it was not named.
pub(crate) const fn why_this(by: FoundBy) -> &'static str {
    match by {
        FoundBy::Named => "",
        FoundBy::LatestUnfinished => " (the latest unfinished)",
        FoundBy::Latest => " (the latest)",
    }
}

/// Returns a table of runs, with their names if any has one. If it is wider than the `columns` of a
/// terminal, long names and states are shortened.
pub(crate) fn table(runs: &[RunSummary], zone: &TimeZone, columns: Option<usize>) -> String {
    let name = |run: &RunSummary| run.about.as_ref().and_then(|about| about.name.clone());
    let names: Vec<_> = runs.iter().map(|run| name(run).unwrap_or_default()).collect();
    let states: Vec<_> = runs.iter().map(|run| state(run, zone)).collect();
    let rows: Vec<_> = runs.iter().map(outcomes).collect();
    let widest = wide(&names, "") + wide(&states, "STATE") + wide(&rows, "ROWS") + OTHER_COLUMNS;
    let excess = columns.map_or(0, |columns| widest.saturating_sub(columns));
    let (names, excess) = shortened(names, MIN_NAME, excess);
    let (states, _) = shortened(states, MIN_STATE, excess);
    let (of_name, of_state) = (wide(&names, ""), wide(&states, "STATE"));
    let second = |name: &str| match of_name {
        0 => String::new(),
        of_name => format!("  {name:<wide$}", wide = of_name.max("NAME".len())),
    };
    let mut table = format!(
        "{:<21}{}  {:<of_state$}  EXIT  {:>10}  ROWS\n",
        "RUN",
        second("NAME"),
        "STATE",
        "AGE"
    );
    for (((run, name), state), rows) in runs.iter().zip(&names).zip(&states).zip(&rows) {
        let age = run.age().map(roughly).unwrap_or_default();
        let exit = run.exit().map(|exit| exit.to_string()).unwrap_or_default();
        let (id, name) = (run.id.as_str(), second(name));
        let _ = writeln!(table, "{id:<21}{name}  {state:<of_state$}  {exit:>4}  {age:>10}  {rows}");
    }
    table
}

/// Width of the columns of a table that are never shortened, but for the last, and of the gaps.
const OTHER_COLUMNS: usize = 45;

/// Minimum width to which names are shortened.
const MIN_NAME: usize = 12;

/// Minimum width to which states are shortened.
const MIN_STATE: usize = 20;

fn wide(column: &[String], title: &str) -> usize {
    column.iter().map(|text| text.chars().count()).max().unwrap_or(0).max(title.len())
}

/// Makes a column narrower by `excess`, but leaves it `least` wide: of a longer text the middle is
/// left out. Returns what is left of the excess, too.
fn shortened(column: Vec<String>, least: usize, excess: usize) -> (Vec<String>, usize) {
    let width = wide(&column, "");
    let most = width.saturating_sub(excess).max(least).min(width);
    let shorten = |text: String| {
        let length = text.chars().count();
        if length <= most {
            return text;
        }
        let (head, tail) = (most / 2, most.saturating_sub(most / 2 + 1));
        text.chars().take(head).chain(['…']).chain(text.chars().skip(length - tail)).collect()
    };
    (column.into_iter().map(shorten).collect(), excess - (width - most))
}

/// Says what to do with runs that this bk-launch cannot read, since another one wrote them.
pub(crate) fn of_other_versions(runs: &[RunSummary]) -> Option<&'static str> {
    let is_of_another = |run: &RunSummary| matches!(run.state, RunState::OtherVersion(_));
    runs.iter().any(is_of_another).then_some(
        "note: a run of another bk-launch is shown, resumed and reported by that one; without it, \
         look at what the server already started, and launch the list as a new run",
    )
}

/// Returns the same for programs.
pub(crate) fn json(run: &RunSummary) -> Value {
    let about = run.about.as_ref();
    json!({
        "run": run.id.as_str(),
        "name": about.and_then(|about| about.name.as_ref()),
        "folder": run.folder.display().to_string(),
        "state": run.state.word(),
        "pid": run.state.pid(),
        "waits_until": match &run.state {
            RunState::Waiting(_, begins) => Some(begins.to_string()),
            _ => None,
        },
        "draining": match &run.state { RunState::Draining(_, why) => Some(why), _ => None },
        "stopped": match &run.state { RunState::Stopped(why) => Some(why), _ => None },
        "began": run.sessions.first().map(|first| first.began.to_string()),
        "age_seconds": run.age().map(|age| age.as_secs()),
        "input": about.map(|about| &about.input_name),
        "input_complete": about.map(|about| about.input == InputState::Ended),
        "rows": about.and_then(|about| about.rows),
        "settled": run.settled,
        "bad": run.bad().map(|(_, count)| count).sum::<u64>(),
        "left": run.left(),
        "outcomes": run.counts.into_iter().map(|(outcome, count)| (outcome.as_str(), count))
            .collect::<std::collections::BTreeMap<_, _>>(),
        "sessions": run.sessions.iter().map(session_json).collect::<Vec<_>>(),
        "exit": run.exit(),
    })
}

/// `12 started, 2 failed`
fn told(counts: impl IntoIterator<Item = (OutcomeKind, u64)>) -> String {
    let counts = counts.into_iter().filter(|(_, count)| *count > 0);
    let told = counts.map(|(outcome, count)| format!("{} {outcome}", number(count)));
    told.collect::<Vec<_>>().join(", ")
}

fn session_json(session: &PastSession) -> Value {
    json!({
        "session": session.number,
        "began": session.began.to_string(),
        "waits_until": session.waits_until.map(|begins| begins.to_string()),
        "draining": session.draining,
        "ended": session.ended.map(|ended| ended.to_string()),
        "target": session.target,
        "retry_failed": session.retry_failed,
        "ending": session.ending,
        "exit": session.exit,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_gives_up_no_more_than_it_must_and_can() {
        for (text, excess, told, left) in [
            ("nightly-launch-of-the-web", 0, "nightly-launch-of-the-web", 0),
            ("nightly-launch-of-the-web", 1, "nightly-laun…-of-the-web", 0),
            ("nightly-launch-of-the-web", 13, "nightl…e-web", 0),
            ("nightly-launch-of-the-web", 20, "nightl…e-web", 7),
            ("nightly", 5, "nightly", 5),
            ("", 5, "", 5),
        ] {
            let column = vec![text.to_owned(), "web".into()];
            let (column, rest) = shortened(column, MIN_NAME, excess);
            assert_eq!((&*column[0], &*column[1], rest), (told, "web", left), "{excess}");
        }
    }
}
