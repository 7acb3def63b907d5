//! README.md: short, with the two commands for a new clone, and the way to every page.

use std::fs;

use crate::docs::{manual, root};

const MAX_LINES: usize = 150;

fn readme() -> String {
    fs::read_to_string(root().join("README.md")).unwrap()
}

#[test]
fn the_readme_is_short() {
    let lines = readme().lines().count();
    assert!(lines <= MAX_LINES, "{lines} lines");
}

#[test]
fn the_readme_begins_with_the_demo_and_the_tests() {
    let readme = readme();
    let first = readme.split("```sh\n").nth(1).unwrap().split("```").next().unwrap();
    let commands: Vec<_> =
        first.lines().map(|line| line.split('#').next().unwrap().trim()).collect();
    let is_demo = |command: &&str| command.starts_with("cargo run") && command.ends_with("-- demo");
    assert!(commands.iter().any(is_demo), "{first}");
    assert!(commands.contains(&"cargo test"), "{first}");
}

#[test]
fn every_page_of_the_docs_is_linked_from_the_readme() {
    let (readme, root) = (readme(), root().join("docs"));
    let pages: Vec<_> = manual().into_keys().filter(|page| page.starts_with(&root)).collect();
    assert!(pages.len() > 5, "the pages are found: {pages:?}");
    for page in pages {
        let name = page.file_name().unwrap().to_str().unwrap();
        assert!(readme.contains(&format!("](docs/{name})")), "README.md does not link docs/{name}");
    }
}
