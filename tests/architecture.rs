//! What `ARCHITECTURE.md` names exists, and its imports are the real ones.

#![expect(clippy::unwrap_used, reason = "a test may end by a panic")]

mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;

use source::{files, files_of_rooms, rooms_used, root};

fn page() -> String {
    fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap()
}

/// The texts between backticks on a line of their own kind: no code blocks.
fn quoted(page: &str) -> Vec<String> {
    let mut is_block = false;
    let mut quoted = Vec::new();
    for line in page.lines() {
        if line.starts_with("```") {
            is_block = !is_block;
        } else if !is_block {
            quoted.extend(line.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    quoted
}

#[test]
fn every_path_that_is_named_exists() {
    let paths: Vec<_> = quoted(&page()).into_iter().filter(|text| text.contains('/')).collect();
    assert!(paths.len() > 30, "the paths are found: {paths:?}");
    for path in paths {
        assert!(root().join(&path).exists(), "ARCHITECTURE.md names {path}, which is not there");
    }
}

/// The room and the item that a path of code names, such as `limiter::pace::Pace`.
fn room_and_item(text: &str) -> Option<(&str, &str)> {
    let (room, _) = text.split_once("::")?;
    let item = text.rsplit("::").next()?;
    root().join("src").join(room).is_dir().then_some((room, item))
}

#[test]
fn every_item_that_is_named_exists() {
    let page = quoted(&page());
    let items: Vec<_> = page.iter().filter_map(|text| room_and_item(text)).collect();
    assert!(items.len() > 20, "the items are found: {items:?}");
    for (room, item) in items {
        let kinds = ["struct", "enum", "fn", "trait", "type", "const", "mod"];
        let is_there = files(&root().join("src").join(room)).iter().any(|file| {
            let text = fs::read_to_string(file).unwrap();
            kinds.iter().any(|kind| {
                text.match_indices(&format!("{kind} {item}")).any(|(at, found)| {
                    let next = text[at + found.len()..].chars().next();
                    next.is_none_or(|c| !c.is_alphanumeric() && c != '_')
                })
            })
        });
        assert!(is_there, "ARCHITECTURE.md names {item} of {room}, which is not there");
    }
}

/// Each room with those that it uses, a line each.
fn imports() -> String {
    let mut rooms: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (room, file) in files_of_rooms() {
        let uses = rooms_used(&fs::read_to_string(&file).unwrap());
        rooms.entry(room.clone()).or_default().extend(uses.into_iter().filter(|n| *n != room));
    }
    let mut text = String::new();
    for (room, uses) in rooms {
        let uses: Vec<_> = uses.iter().map(String::as_str).collect();
        let uses = if uses.is_empty() { "-".to_owned() } else { uses.join(" ") };
        let _ = writeln!(text, "{room:<13} uses {uses}");
    }
    text
}

#[test]
fn the_imports_are_the_real_ones() {
    let page = page();
    let (_, rest) = page.split_once("<!-- imports:").unwrap();
    let (_, block) = rest.split_once("```text\n").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    let imports = imports();
    assert_eq!(block, imports, "the block of ARCHITECTURE.md is to be:\n{imports}");
}
