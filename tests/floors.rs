//! The list of layers in `src/lib.rs` is kept: a room uses only layers below its own, no adapter
//! uses another one, and every room has a layer.

#![expect(clippy::unwrap_used, reason = "a test may end by a panic")]

mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use source::{files_of_rooms, rooms_used, root};

/// Layer whose rooms do not know one another.
const ADAPTERS: u32 = 2;

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// The layer of each room, as the list says.
fn layers() -> BTreeMap<String, u32> {
    let lib = read("src/lib.rs");
    let mut layers = BTreeMap::new();
    for line in lib.lines().filter_map(|line| line.strip_prefix("//! layer ")) {
        let mut words = line.split_whitespace();
        let layer = words.next().unwrap().parse().unwrap();
        let _name = words.next().unwrap();
        layers.extend(words.map(|room| (room.to_owned(), layer)));
    }
    layers
}

/// What a line of `lib.rs` declares, if it declares a module.
fn declared(line: &str) -> Option<&str> {
    line.trim_start_matches("pub ").strip_prefix("mod ")
}

#[track_caller]
fn assert_none(offenders: &[String], rule: &str) {
    assert!(offenders.is_empty(), "{rule}:\n{}", offenders.join("\n"));
}

#[test]
fn every_room_has_a_layer() {
    let layers = layers();
    let lib = read("src/lib.rs");
    let modules: Vec<_> =
        lib.lines().filter_map(|line| declared(line)?.strip_suffix(';')).collect();
    assert!(modules.len() > 10, "the modules are found: {modules:?}");
    for module in &modules {
        assert!(layers.contains_key(*module), "{module} is in no layer of src/lib.rs");
    }
    for module in layers.keys() {
        assert!(modules.contains(&module.as_str()), "{module} is in a layer, but does not exist");
    }
}

#[test]
fn a_room_uses_only_layers_below_its_own() {
    let layers = layers();
    let (mut uses, mut offenders) = (0, Vec::new());
    for (room, file) in files_of_rooms() {
        let own = layers[&room];
        for other in rooms_used(&read(&file)).into_iter().filter(|other| *other != room) {
            uses += 1;
            let is_below = |layer: &u32| *layer < own || (*layer == own && own != ADAPTERS);
            if !layers.get(&other).is_some_and(is_below) {
                offenders.push(format!("{} in layer {own} uses {other}", file.display()));
            }
        }
    }
    assert!(uses > 50, "the uses are found: {uses}");
    assert_none(&offenders, "a room uses only layers below its own");
}

#[test]
fn uses_are_found_alone_and_in_lists() {
    let set = |names: &[&str]| names.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
    assert_eq!(
        rooms_used("use crate::task::Task;\nlet a = crate::row::Row;"),
        set(&["task", "row"])
    );
    assert_eq!(rooms_used("use crate::{task::Task, row};"), set(&["task", "row"]));
    assert_eq!(rooms_used("// use crate::task::Task;\n/// [`crate::row`]"), set(&[]));
    assert_eq!(rooms_used("let a = \"crate::row::Row\"; /* crate::row::Row */"), set(&[]));
    assert_eq!(rooms_used("f('\"', r#\"crate::a\"\"#, b\"\\\"\", crate::row::Row)"), set(&["row"]));
}
