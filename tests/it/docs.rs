//! Documents: the files that they link are there, and the flags that they name exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::harness::Folder;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every page below `docs/`.
fn pages() -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join("docs")).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn every_file_that_a_document_links_is_there() {
    let mut documents = pages();
    documents.extend(["README.md", "tests/wire/README.md"].map(|name| root().join(name)));
    let mut links = 0;
    for document in documents {
        let text = fs::read_to_string(&document).unwrap();
        for (at, _) in text.match_indices("](") {
            let link = text[at + 2..].split([')', '#']).next().unwrap();
            if link.is_empty() || link.contains("://") {
                continue;
            }
            links += 1;
            let target = document.parent().unwrap().join(link);
            assert!(target.exists(), "{} links {link}", document.display());
        }
    }
    assert!(links > 1, "the links are found: {links}");
}

#[test]
fn every_page_of_the_docs_is_linked_from_the_readme() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let pages = pages();
    assert!(!pages.is_empty(), "there are pages");
    for page in pages {
        let name = page.file_name().unwrap().to_str().unwrap();
        assert!(readme.contains(&format!("](docs/{name}")), "README.md does not link docs/{name}");
    }
}

#[test]
fn every_flag_that_the_docs_name_is_one_of_run() {
    let help = Folder::new().run(&["run", "--help"]).exits(0).stdout();
    let flags = |text: &str| -> BTreeSet<String> {
        let of_flag = |c: char| c.is_ascii_lowercase() || c == '-';
        let starts = text.match_indices("--").filter(|(at, _)| {
            !text[..*at].ends_with(|c: char| c == '-' || c.is_ascii_alphanumeric())
        });
        let names = starts.map(|(at, _)| text[at..].chars().take_while(|c| of_flag(*c)).collect());
        names.filter(|name: &String| name.len() > 2 && !name.ends_with('-')).collect()
    };
    let known = flags(&help);
    assert!(known.contains("--confirm") && known.len() > 30, "{known:?}");
    for page in pages() {
        for flag in flags(&fs::read_to_string(&page).unwrap()) {
            assert!(known.contains(&flag), "{} names {flag}", page.display());
        }
    }
}
