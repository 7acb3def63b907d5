//! What `ARCHITECTURE.md` names exists, and its imports are the real ones.

#![expect(clippy::unwrap_used, reason = "a test may end by a panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn page() -> String {
    fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap()
}

/// Every source file below `folder`.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
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

/// The room that a file belongs to.
fn room_of(file: &Path) -> String {
    let relative = file.strip_prefix(root().join("src")).unwrap();
    let first = relative.components().next().unwrap().as_os_str();
    Path::new(first).file_stem().unwrap().to_str().unwrap().to_owned()
}

/// The rooms that a text uses, comments apart.
fn used(text: &str) -> BTreeSet<String> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code = code.collect::<Vec<_>>().join("\n");
    let end = |c: char| !c.is_alphanumeric() && c != '_';
    let names = code.match_indices("crate::").map(|(at, found)| {
        code[at + found.len()..].split(end).next().unwrap_or_default().to_owned()
    });
    names.filter(|name| !name.is_empty()).collect()
}

/// Each room with those that it uses, a line each.
fn imports() -> String {
    let mut rooms: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in files(&root().join("src")) {
        let room = room_of(&file);
        if matches!(room.as_str(), "lib" | "main") {
            continue;
        }
        let uses = used(&fs::read_to_string(&file).unwrap());
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
