//! Documents: links, flags and settings that they name are there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::harness::{Scene, scene};

/// Folders of which every page is a document.
const FOLDERS: [&str; 5] = ["", "docs", "benches", "packaging", "tests/wire"];

/// Flags in the documents that are those of cargo.
const OF_CARGO: [&str; 6] = ["--ignored", "--lib", "--nocapture", "--path", "--release", "--test"];

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What people read to use the program: README.md and every page of `docs/`, by their paths.
pub fn manual() -> BTreeMap<PathBuf, String> {
    let pages = pages("docs").into_iter().chain([root().join("README.md")]);
    pages.map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

/// The blocks of code of the manual that are marked as `language`.
pub fn blocks(language: &str) -> Vec<String> {
    let start = format!("```{language}\n");
    let of = |text: &String| -> Vec<String> {
        let blocks = text.split(&start).skip(1);
        blocks.map(|block| block.split("```").next().unwrap().to_owned()).collect()
    };
    manual().values().flat_map(of).collect()
}

fn pages(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(folder)).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "md")).collect()
}

/// The names by which headings of `text` are linked, as GitHub makes them.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    let prose = text.split("```").step_by(2);
    for heading in prose.flat_map(str::lines).filter(|line| line.starts_with('#')) {
        let name = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = name.chars().filter(|c| c.is_alphanumeric() || "-_ ".contains(*c));
        let name = kept.collect::<String>().replace(' ', "-");
        let twins = (1..).map(|number| format!("{name}-{number}"));
        let free = [name.clone()].into_iter().chain(twins).find(|name| !anchors.contains(name));
        anchors.extend(free);
    }
    anchors
}

/// Whether `link`, which stands in `page`, leads somewhere.
fn leads_somewhere(page: &Path, link: &str) -> bool {
    let (file, anchor) = link.split_once('#').map_or((link, None), |(file, at)| (file, Some(at)));
    let target = if file.is_empty() { page.to_owned() } else { page.with_file_name(file) };
    let has =
        |anchor| fs::read_to_string(&target).is_ok_and(|text| anchors(&text).contains(anchor));
    target.exists() && anchor.is_none_or(has)
}

#[test]
fn every_link_of_a_document_leads_somewhere() {
    let mut links = 0;
    for page in FOLDERS.into_iter().flat_map(pages) {
        let text = fs::read_to_string(&page).unwrap();
        for (at, _) in text.match_indices("](") {
            let link = text[at + 2..].split(')').next().unwrap();
            if link.contains("://") {
                continue;
            }
            links += 1;
            assert!(leads_somewhere(&page, link), "{} links {link}", page.display());
        }
    }
    assert!(links > 50, "the links are found: {links}");
}

#[test]
fn anchors_are_those_of_github() {
    let page =
        "# What \"started\" means\n```sh\n# no heading\n```\n## `a_b`: C-d\n## Twin\n## Twin\n";
    let expected = ["a_b-c-d", "twin", "twin-1", "what-started-means"].map(str::to_owned);
    assert_eq!(anchors(page), BTreeSet::from(expected));
    let page = root().join("docs/flags.md");
    assert!(leads_somewhere(&page, "#run-limits"));
    assert!(!leads_somewhere(&page, "#nowhere") && !leads_somewhere(&page, "nowhere.md"));
}

#[test]
fn every_flag_that_the_manual_names_is_one_of_the_program() {
    let flags = |text: &str| -> BTreeSet<String> {
        let of_flag = |c: char| c.is_ascii_lowercase() || c == '-';
        let starts = text.match_indices("--").filter(|(at, _)| {
            !text[..*at].ends_with(|c: char| c == '-' || c.is_ascii_alphanumeric())
        });
        let names = starts.map(|(at, _)| text[at..].chars().take_while(|c| of_flag(*c)).collect());
        names.filter(|name: &String| name.len() > 2 && !name.ends_with('-')).collect()
    };
    let scene = Scene::new();
    let mut known = BTreeSet::from(OF_CARGO.map(str::to_owned));
    let more = ["bench", "mock", "man", "doctor", "init"];
    for command in ["", "run", "resume", "runs", "runs prune", "report"].into_iter().chain(more) {
        known.extend(flags(&scene.command(command).with("--help").exits(0).stdout()));
    }
    assert!(known.contains("--confirm") && known.len() > 60, "{known:?}");
    for (page, text) in manual() {
        for flag in flags(&text) {
            assert!(known.contains(&flag), "{} names {flag}", page.display());
        }
    }
}

#[test]
fn every_config_file_of_the_manual_is_taken() {
    let configs = blocks("toml");
    assert!(!configs.is_empty());
    for config in configs {
        let scene = scene("2,1\n");
        scene.file("bk-launch.toml", &config);
        scene.run_kept().nowhere().with("--dry-run").exits(0).prints("(profile ");
    }
}
