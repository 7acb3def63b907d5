//! What comments cite of `tests/wire/FACTS.md` stands there, and so do the files that it
//! names.

#![expect(clippy::unwrap_used, reason = "a test may end by a panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn facts() -> String {
    fs::read_to_string(root().join("tests/wire/FACTS.md")).unwrap()
}

/// The sections by what they are cited as, such as `3a`, each with the numbers of its list.
fn sections(page: &str) -> BTreeMap<String, BTreeSet<u32>> {
    let mut sections: BTreeMap<_, BTreeSet<u32>> = BTreeMap::new();
    let mut current = String::new();
    for line in page.lines() {
        let heading = line.strip_prefix("### ").or_else(|| line.strip_prefix("## "));
        let name = heading.and_then(|heading| heading.split_once(". ")).map(|(name, _)| name);
        if let Some(name) = name.filter(|name| name.starts_with(|c: char| c.is_ascii_digit())) {
            name.clone_into(&mut current);
            sections.entry(current.clone()).or_default();
        }
        let number = line.split_once(". ").and_then(|(number, _)| number.parse().ok());
        if let (Some(number), Some(numbers)) = (number, sections.get_mut(&current)) {
            numbers.insert(number);
        }
    }
    sections
}

/// The comments of a file as running text, so that a citation may go over a line's end.
fn comments(code: &str) -> String {
    let lines = code.lines().map(|line| match line.trim_start().strip_prefix("//") {
        Some(comment) => comment.trim_start_matches(['/', '!']).trim(),
        None => "\n",
    });
    lines.collect::<Vec<_>>().join(" ")
}

/// One citation: a section, and maybe a number of its list.
type Citation = (String, Option<u32>);

/// What `text` cites as `FACTS.md section 3a`, `FACTS.md sections 2 and 3b`, or
/// `FACTS.md section 1, no. 7`; an error is a citation that is written in another way.
fn citations(text: &str) -> Result<Vec<Citation>, String> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("FACTS.md") {
        let rest = &text[at + "FACTS.md".len()..];
        let mut words = rest.split_whitespace();
        let wrong = || format!("FACTS.md{}", rest.chars().take(40).collect::<String>());
        if !matches!(words.next(), Some("section" | "sections")) {
            return Err(wrong());
        }
        let mut last = words.next().ok_or_else(wrong)?;
        loop {
            let section = last.trim_end_matches(|c: char| !c.is_alphanumeric());
            found.push((section.to_owned(), None));
            match (words.next(), words.next()) {
                (Some("and"), Some(next)) if next.starts_with(|c: char| c.is_ascii_digit()) => {
                    last = next;
                }
                (Some("no."), Some(number)) if last.ends_with(',') => {
                    let digits = number.trim_end_matches(|c: char| !c.is_ascii_digit());
                    let number = digits.parse().map_err(|_| wrong())?;
                    found.last_mut().ok_or_else(wrong)?.1 = Some(number);
                    break;
                }
                _ => break,
            }
        }
    }
    Ok(found)
}

/// Every file of Rust below `folder`, but this one.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let is_this = path.ends_with("tests/facts.rs");
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") && !is_this {
            found.push(path);
        }
    }
    found
}

#[test]
fn what_comments_cite_stands_in_the_facts() {
    let sections = sections(&facts());
    let mut cited = 0;
    for file in ["src", "tests", "benches"].iter().flat_map(|folder| sources(&root().join(folder)))
    {
        let name = file.display();
        let text = comments(&fs::read_to_string(&file).unwrap());
        let citations =
            citations(&text).unwrap_or_else(|wrong| panic!("{name} cites no section: {wrong}"));
        for (section, number) in citations {
            cited += 1;
            let numbers = sections
                .get(&section)
                .unwrap_or_else(|| panic!("{name} cites section {section}, which is not there"));
            if let Some(number) = number {
                assert!(numbers.contains(&number), "{name} cites section {section}, no. {number}");
            }
        }
    }
    assert!(cited > 25, "the citations are found: {cited}");
}

#[test]
fn every_answer_that_the_facts_name_is_kept() {
    let page = facts();
    let is_json = |word: &&str| Path::new(word).extension().is_some_and(|kind| kind == "json");
    let words = page.split('`').filter(is_json).filter(|word| !word.contains('*'));
    let names: BTreeSet<_> = words.collect();
    assert!(names.len() > 5, "the names are found: {names:?}");
    for name in names {
        assert!(root().join("tests/wire").join(name).exists(), "{name} is not in tests/wire");
    }
}

#[test]
fn citations_are_found_over_the_end_of_a_line() {
    let one = |section: &str, number| (section.to_owned(), number);
    let code = "//! It is so (FACTS.md\n//! section 3a), and so.\nlet a = 1;\n    // FACTS.md section 1,\n    // no. 12). Then.";
    assert_eq!(citations(&comments(code)), Ok(vec![one("3a", None), one("1", Some(12))]));
    let two = "FACTS.md sections 2 and 3b).";
    assert_eq!(citations(two), Ok(vec![one("2", None), one("3b", None)]));
    assert_eq!(citations("FACTS.md section 4, and nothing"), Ok(vec![one("4", None)]));
    assert!(citations("see FACTS.md, 3a").is_err());
}

#[test]
fn sections_are_found_with_their_numbers() {
    let page = "# T\n## 1. One\n1. a\n2. b\n   c\n### URLs\n## 3. Three\n### 3a. A [C]\n";
    let expected = [("1", vec![1, 2]), ("3", vec![]), ("3a", vec![])];
    let expected = expected.map(|(name, numbers)| (name.into(), numbers.into_iter().collect()));
    assert_eq!(sections(page), BTreeMap::from(expected));
}
