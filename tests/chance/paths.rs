//! Functions and types that are named.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::imports;

/// Methods that wait by the machine's clock, need a thread, or ask for a terminal.
const METHODS: [&str; 6] = [
    "is_terminal",
    "recv_timeout",
    "spawn_blocking",
    "wait_timeout",
    "wait_timeout_ms",
    "wait_timeout_while",
];

/// Pairs of words in a path. Where the second is `*`, any function is meant.
const PAIRS: [(&str, &str); 25] = [
    ("Instant", "now"),
    ("Rng", "default"),
    ("Rng", "new"),
    ("TimeZone", "system"),
    ("TimeZone", "try_system"),
    ("Timestamp", "now"),
    ("Zoned", "now"),
    ("env", "*"),
    ("fastrand", "*"),
    ("fs", "read_dir"),
    ("io", "stderr"),
    ("io", "stdin"),
    ("io", "stdout"),
    ("process", "id"),
    // Tells who waits in a random order.
    ("sync", "watch"),
    ("task", "spawn_blocking"),
    ("thread", "Builder"),
    ("thread", "park_timeout"),
    ("thread", "scope"),
    ("thread", "sleep"),
    ("thread", "spawn"),
    ("time", "SystemTime"),
    ("time", "UNIX_EPOCH"),
    ("time", "clock_gettime"),
    ("Path", "read_dir"),
];

/// Returns what `tokens` use of these, each once.
pub(super) fn found(tokens: &[String]) -> BTreeSet<String> {
    let imports = imports(tokens);
    let bindings: BTreeMap<_, _> = imports
        .iter()
        .filter_map(|import| Some((import.binding.clone()?, import.segments.clone())))
        .collect();
    let mut found = BTreeSet::new();
    for import in &imports {
        let [first, rest @ ..] = &import.segments[..] else { continue };
        let whole = bindings.get(first).filter(|_| import.binding.is_none());
        let whole = whole.map(|start| [&start[..], rest].concat());
        found.extend(named(whole.as_deref().unwrap_or(&import.segments)));
    }
    for words in tokens.windows(4) {
        if words[0] == "." && METHODS.contains(&words[1].as_str()) && words[2] == "(" {
            found.insert(words[1].clone());
        }
        let is_select = words[0] == "select" && words[1] == "!" && !super::is_word(&words[2]);
        if is_select && words[3] != "biased" {
            found.insert("select!".to_owned());
        }
    }
    found
}

/// Returns what the whole path `segments` names, if it is one of these.
fn named(segments: &[String]) -> Option<String> {
    // The clock of tokio can be stopped.
    if segments.first().is_some_and(|first| first == "tokio")
        && segments.last().is_some_and(|last| last == "now")
    {
        return None;
    }
    segments.windows(2).find_map(|words| {
        let [first, second] = words else { return None };
        let is_function = second.starts_with(char::is_lowercase);
        let is_meant =
            |name: &str| *second == name || (name == "*" && is_function && *second != "self");
        PAIRS
            .iter()
            .any(|(one, other)| first == one && is_meant(other))
            .then(|| format!("{first}::{second}"))
    })
}
