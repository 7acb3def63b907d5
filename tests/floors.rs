//! The list of layers in `src/lib.rs` is kept, no room imports in a circle, and files and rooms
//! keep their sizes.

#![expect(clippy::unwrap_used, reason = "a test may end by a panic")]

mod circles;
mod product;
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use circles::Room;
use source::{files, files_of_rooms, rooms_used, root};

/// Layer whose rooms do not know one another.
const ADAPTERS: u32 = 2;

const MAX_LINES_OF_A_FILE: usize = 400;
const MAX_LINES_OF_A_ROOM: usize = 5_000;

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

/// The rooms that are folders.
fn folders() -> BTreeSet<String> {
    let rooms = files_of_rooms().into_iter().map(|(room, _)| room);
    rooms.filter(|room| root().join("src").join(room).is_dir()).collect()
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
fn no_room_imports_in_a_circle() {
    let source = root().join("src");
    let folders = folders();
    assert!(folders.len() > 10, "the rooms are found: {folders:?}");
    let circles = folders.iter().flat_map(|room| Room::read(&source, room).circles());
    assert_none(&circles.collect::<Vec<_>>(), "modules of a room import in a circle");
}

fn is_tests(file: &Path) -> bool {
    file.file_name().is_some_and(|name| name == "tests.rs")
}

/// The type that a line defines at the top of a file, if it defines one.
fn defined_type(line: &str) -> Option<&str> {
    let line = line.trim_start_matches("pub(crate) ").trim_start_matches("pub(super) ");
    let line = line.trim_start_matches("pub ");
    let kinds = ["struct ", "enum ", "trait ", "type "];
    let name = kinds.iter().find_map(|kind| line.strip_prefix(kind))?;
    name.split(|c: char| !c.is_alphanumeric() && c != '_').next()
}

#[test]
fn one_name_is_one_type() {
    let mut types: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (_, file) in files_of_rooms().into_iter().filter(|(_, file)| !is_tests(file)) {
        let text = read(&file);
        for name in text.lines().filter_map(defined_type) {
            types.entry(name.to_owned()).or_default().push(file.display().to_string());
        }
    }
    assert!(types.len() > 200, "the types are found: {}", types.len());
    let twice = types.into_iter().filter(|(_, files)| files.len() > 1);
    let twice = twice.map(|(name, files)| format!("{name} in {}", files.join(", ")));
    assert_none(&twice.collect::<Vec<_>>(), "a name of a type stands for one type");
}

#[test]
fn no_file_is_too_long() {
    let folders = ["src", "tests", "benches"].map(|folder| files(&root().join(folder)));
    let all = folders.into_iter().flatten().filter(|file| !is_tests(file));
    let lines = all.map(|file| (read(&file).lines().count(), file));
    let long = lines.filter(|(lines, _)| *lines > MAX_LINES_OF_A_FILE);
    let long = long.map(|(lines, file)| {
        format!("{}: {lines} lines", file.strip_prefix(root()).unwrap().display())
    });
    assert_none(&long.collect::<Vec<_>>(), "a file has at most 400 lines, without its tests.rs");
}

#[test]
fn no_room_is_too_large() {
    let mut rooms: BTreeMap<String, usize> = BTreeMap::new();
    for (room, file) in files_of_rooms().into_iter().filter(|(_, file)| !is_tests(file)) {
        *rooms.entry(room).or_default() += read(file).lines().count();
    }
    let large = rooms.into_iter().filter(|(_, lines)| *lines > MAX_LINES_OF_A_ROOM);
    let large = large.map(|(room, lines)| format!("{room}: {lines} lines"));
    assert_none(&large.collect::<Vec<_>>(), "a room has at most 5,000 lines, without its tests.rs");
}
