//! What decides about a launch beside its inputs is known, and stands in one list.

#![expect(clippy::unwrap_used, reason = "a test may end by a panic")]

mod chance;
mod product;
#[expect(dead_code, reason = "other tests read more of the source")]
mod source;

use std::collections::BTreeSet;

use chance::known::known;
use chance::{Hit, Program};
use source::root;

fn hits() -> BTreeSet<Hit> {
    let program = Program::read(root(), &["src/lib.rs", "src/main.rs"]);
    assert!(program.files() > 200, "the files are found: {}", program.files());
    program.hits()
}

/// Whether an entry for `place`, a file or a folder, and `what` is about this hit.
fn is_about((place, what): (&str, &str), hit: &Hit) -> bool {
    let is_there = hit.file == place || (place.ends_with('/') && hit.file.starts_with(place));
    is_there && hit.what == what
}

/// The entries of the list, one for each use.
fn entries() -> Vec<(&'static str, &'static str)> {
    known().flat_map(|(place, uses, _)| uses.iter().map(move |what| (place, *what))).collect()
}

#[track_caller]
fn assert_none(offenders: &[String], rule: &str) {
    assert!(offenders.is_empty(), "{rule}:\n{}", offenders.join("\n"));
}

#[test]
fn whatever_decides_beside_the_inputs_is_known_once() {
    let entries = entries();
    let count = |hit: &Hit| entries.iter().filter(|entry| is_about(**entry, hit)).count();
    let told = hits().into_iter().map(|hit| (count(&hit), hit)).filter(|(count, _)| *count != 1);
    let told = told.map(|(count, Hit { file, what })| format!("{file} uses {what}: {count} times"));
    let rule = "hand it in, put an order to it, or say in the list why it may be so";
    assert_none(&told.collect::<Vec<_>>(), rule);
}

#[test]
fn whatever_is_known_is_still_so() {
    let hits = hits();
    let stale = entries().into_iter().filter(|entry| !hits.iter().any(|hit| is_about(*entry, hit)));
    let stale = stale.map(|(place, what)| format!("{place} uses {what} no more"));
    assert_none(&stale.collect::<Vec<_>>(), "the list holds what is there");
}

#[test]
fn whatever_is_known_has_a_reason() {
    let bare = known().filter(|(_, _, reason)| reason.split_whitespace().count() < 3);
    let bare = bare.map(|(place, uses, _)| format!("{place}: {}", uses.join(", ")));
    assert_none(&bare.collect::<Vec<_>>(), "each entry of the list says why");
}
