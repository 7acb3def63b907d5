//! Each row that was read has one line in each complete report, and its last word stays.

use std::collections::{BTreeMap, BTreeSet};

use super::sends::FIRST_LINE;
use super::settings::Settings;
use super::{Broken, Night};
use crate::history::{Fault, InputKind, Key, ListedRow};
use crate::world::witness::{Line, SessionEnd, SessionFacts};

/// Exit code of a session that could not write everything.
pub const OUTPUT_FAILED: u8 = 6;

/// Returns the reports of a session that must be complete: those of one that ended in order, but
/// not what went to a standard output that somebody closed.
pub fn complete<'a>(night: &Night<'a>, settings: &Settings, session: usize) -> Vec<&'a [Line]> {
    let facts = night.facts(session);
    let SessionEnd::Exited { code, .. } = facts.end else { return Vec::new() };
    if code == OUTPUT_FAILED {
        return Vec::new();
    }
    let closes = night.history.events.iter().any(|event| event.what == Fault::StdoutCloses);
    let mut complete = Vec::new();
    for (index, report) in facts.reports.iter().enumerate() {
        let is_stdout = settings.outputs.get(index).is_some_and(|output| output == "-");
        if let Some(lines) = report
            && !(is_stdout && closes)
        {
            complete.push(&lines[..]);
        }
    }
    complete
}

/// The text of a column; empty if there is none.
pub fn text<'a>(line: &'a Line, column: &str) -> &'a str {
    line.get(column).map_or("", String::as_str)
}

/// The number in a column.
pub fn number(line: &Line, column: &str) -> Option<u64> {
    text(line, column).parse().ok()
}

/// A text without what guards spreadsheets.
fn unguarded(text: &str) -> &str {
    let is_guarded = |rest: &&str| {
        let first = rest.trim_start_matches('\'').chars().next();
        matches!(first, Some('=' | '+' | '-' | '@' | '\t' | '\r'))
    };
    text.strip_prefix('\'').filter(is_guarded).unwrap_or(text)
}

/// Checks that each complete report has a line for each row, and nothing else.
pub fn one_line_each(night: &Night, settings: &Settings, session: usize) -> Result<(), Broken> {
    let facts = night.facts(session);
    let last = last_line(night, session);
    for report in complete(night, settings, session) {
        let lines: BTreeSet<u64> = report.iter().filter_map(|line| number(line, "line")).collect();
        let is_once = lines.len() == report.len();
        let rows = report.len() as u64;
        let is_whole = lines.iter().copied().eq(FIRST_LINE..FIRST_LINE + rows)
            && last.contains(&(rows + FIRST_LINE - 1));
        if !is_once || !is_whole {
            let what = format!(
                "{rows} lines of {} rows ({} read): {lines:?}; the last one must be in {last:?}",
                night.history.list.len(),
                facts.rows_read
            );
            return Err(Broken { promise: "one row, one line", what });
        }
        let mut seen = BTreeSet::new();
        let mut by_line: Vec<_> = report.iter().collect();
        by_line.sort_by_key(|line| number(line, "line"));
        for (line, row) in by_line.into_iter().zip(&night.history.list) {
            let found = right(line, row, &mut seen);
            found.map_err(|what| Broken { promise: "a line tells of its row", what })?;
        }
    }
    Ok(())
}

/// Where a complete report may end: with the list, or with what was read of a stream.
fn last_line(night: &Night, session: usize) -> std::ops::RangeInclusive<u64> {
    let all = night.history.list.len() as u64 + FIRST_LINE - 1;
    if night.history.input == InputKind::File || (session == 0 && ended_by_itself(night)) {
        return all..=all;
    }
    let sent = night.departures_until(session).iter().filter_map(|one| one.line);
    let earlier = &night.witness.sessions[..session];
    let settled = earlier.iter().filter_map(|facts| facts.settled.keys().next_back().copied());
    let is_whole = |index: usize| complete(night, &Settings::of(night.history, index), index);
    let told = (0..session).flat_map(is_whole).map(|report| report.len() as u64 + FIRST_LINE - 1);
    let least = sent.chain(settled).chain(told).max().unwrap_or(FIRST_LINE - 1);
    let read = if session == 0 { night.facts(0).rows_read + FIRST_LINE - 1 } else { all };
    least..=read
}

/// Whether the first session read all that there is.
fn ended_by_itself(night: &Night) -> bool {
    let SessionEnd::Exited { json, .. } = &night.facts(0).end else { return false };
    json.is_object() && json["stopped"].is_null() && Settings::of(night.history, 0).limit.is_none()
}

/// Says what is wrong with a line, if anything is.
fn right(line: &Line, row: &ListedRow, seen: &mut BTreeSet<Key>) -> Result<(), String> {
    let key = row.key();
    let outcome = text(line, "outcome");
    let (biz, task, scope) = match &key {
        Some(key) => (key.biz.to_string(), key.task.to_string(), key.scope.clone()),
        None => (row.biz.clone(), row.task.clone(), row.scope.clone()),
    };
    for (column, expected) in
        [("bk_biz_id", &biz), ("task_id", &task), ("scope", &scope), ("owner", &row.owner)]
    {
        let found = text(line, column);
        if [found, unguarded(found)].iter().all(|found| found.trim() != expected.trim()) {
            return Err(format!("{column} is {found:?} for {row:?}"));
        }
    }
    let is_twin = key.is_some_and(|key| !seen.insert(key));
    let expected = match (row.key().is_none(), is_twin) {
        (true, _) => Some("invalid"),
        (false, true) => Some("duplicate"),
        (false, false) => None,
    };
    let is_right = match expected {
        Some(word) => outcome == word,
        None => outcome != "invalid" && outcome != "duplicate",
    };
    let known_by = text(line, "known_by");
    if !is_right || known_by.is_empty() == (outcome == "started") {
        return Err(format!("{outcome:?}, known by {known_by:?}, for {row:?}"));
    }
    Ok(())
}

/// Checks that what is settled stays, in the journal and word for word in reports, unless it was
/// taken up again.
pub fn last_words_stay(night: &Night, session: usize) -> Result<(), Broken> {
    let mut settled: BTreeMap<u64, &str> = BTreeMap::new();
    let mut words: BTreeMap<u64, BTreeMap<&str, &str>> = BTreeMap::new();
    for (index, facts) in night.witness.sessions[..=session].iter().enumerate() {
        if matches!(facts.end, SessionEnd::Refused { .. }) || !facts.journaled {
            continue;
        }
        let settings = Settings::of(night.history, index);
        if settings.retry_failed {
            settled.retain(|_, outcome| !settings.is_failure(outcome));
            words.retain(|_, words| !settings.is_failure(words["outcome"]));
        }
        stays(&settled, facts, index)?;
        settled = facts.settled.iter().map(|(line, outcome)| (*line, outcome.as_str())).collect();
        for report in complete(night, &settings, index) {
            for line in report {
                let at = number(line, "line").unwrap_or_default();
                if !settled.contains_key(&at) {
                    continue;
                }
                let now = words_of(line);
                if let Some(before) = words.get(&at).filter(|before| **before != now) {
                    let what = format!("session {index}, line {at}: {before:?} became {now:?}");
                    return Err(Broken { promise: "a settled line stays as it is", what });
                }
                words.insert(at, now);
            }
        }
    }
    Ok(())
}

fn stays(
    settled: &BTreeMap<u64, &str>,
    facts: &SessionFacts,
    session: usize,
) -> Result<(), Broken> {
    for (line, outcome) in settled {
        let now = facts.settled.get(line).map(String::as_str);
        if now != Some(*outcome) {
            let what = format!("session {session}: line {line} was {outcome}, and is {now:?}");
            return Err(Broken { promise: "a settled row stays settled", what });
        }
    }
    Ok(())
}

/// The words of a line, in whatever format it was written.
fn words_of(line: &Line) -> BTreeMap<&str, &str> {
    let told = line.iter().filter(|(_, text)| !text.is_empty());
    let mut words: BTreeMap<&str, &str> = told
        .map(|(column, text)| (column.as_str(), unguarded(text).trim_start_matches('\'')))
        .collect();
    words.entry("outcome").or_default();
    words
}
