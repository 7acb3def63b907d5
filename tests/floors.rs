//! The list of layers in `src/lib.rs` is kept: a module uses only floors below its
//! own, no edge uses another edge, and every module has a floor.

#![expect(clippy::unwrap_used, reason = "a test may end by a panic")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const EDGES: u32 = 2;

fn source(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(path)
}

/// The floor of each module, as the list says.
fn floors() -> BTreeMap<String, u32> {
    let lib = fs::read_to_string(source("lib.rs")).unwrap();
    let lines = lib.lines().filter_map(|line| line.strip_prefix("//! layer "));
    let mut floors = BTreeMap::new();
    for line in lines {
        let mut words = line.split_whitespace();
        let floor = words.next().unwrap().parse().unwrap();
        let _name = words.next().unwrap();
        floors.extend(words.map(|module| (module.to_owned(), floor)));
    }
    floors
}

/// What a line of `lib.rs` declares, if it declares a module.
fn declared(line: &str) -> Option<&str> {
    line.trim_start_matches("pub ").strip_prefix("mod ")
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

/// The module of floor list that a file belongs to.
fn module_of(file: &Path) -> String {
    let relative = file.strip_prefix(source("")).unwrap();
    let first = relative.components().next().unwrap().as_os_str();
    Path::new(first).file_stem().unwrap().to_str().unwrap().to_owned()
}

/// The modules of this crate that `text` names, as `crate::NAME`, alone or in a list.
fn used(text: &str) -> Vec<String> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code = code.collect::<Vec<_>>().join("\n");
    let mut used = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let names: Vec<&str> = match rest.strip_prefix('{') {
            Some(list) => list.split('}').next().unwrap().split(',').collect(),
            None => vec![rest],
        };
        for name in names {
            let end = |c: char| !c.is_alphanumeric() && c != '_';
            used.push(name.trim().split(end).next().unwrap().to_owned());
        }
    }
    used.retain(|name| !name.is_empty());
    used
}

#[test]
fn every_module_has_a_floor() {
    let floors = floors();
    let lib = fs::read_to_string(source("lib.rs")).unwrap();
    let modules: Vec<_> =
        lib.lines().filter_map(|line| declared(line)?.strip_suffix(';')).collect();
    assert!(modules.len() > 10, "the modules are found: {modules:?}");
    for module in &modules {
        assert!(floors.contains_key(*module), "{module} stands on no floor in src/lib.rs");
    }
    for module in floors.keys() {
        assert!(modules.contains(&module.as_str()), "{module} is on a floor, but does not exist");
    }
}

#[test]
fn a_module_uses_only_floors_below_its_own() {
    let floors = floors();
    let mut uses = 0;
    for file in files(&source("")) {
        let module = module_of(&file);
        if matches!(module.as_str(), "lib" | "main") {
            continue;
        }
        let own = floors[&module];
        for other in used(&fs::read_to_string(&file).unwrap()) {
            if other == module {
                continue;
            }
            let name = file.display();
            let Some(floor) = floors.get(&other) else {
                panic!("{name} uses crate::{other}, which stands on no floor")
            };
            uses += 1;
            let below = *floor < own || (*floor == own && own != EDGES);
            assert!(below, "{name} on floor {own} uses {other} of floor {floor}");
        }
    }
    assert!(uses > 50, "the uses are found: {uses}");
}

#[test]
fn uses_are_found_alone_and_in_lists() {
    assert_eq!(used("use crate::task::Task;\nlet a = crate::row::Row;"), ["task", "row"]);
    assert_eq!(used("use crate::{task::Task, row};"), ["task", "row"]);
    assert_eq!(used("// use crate::task::Task;\n/// [`crate::row`]"), [""; 0]);
}
