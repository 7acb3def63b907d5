//! The source tree, as the tests about it read it.

use std::collections::BTreeSet;
use std::fs;
use std::iter::Peekable;
use std::path::{Path, PathBuf};
use std::str::Chars;

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns every source file below `folder`, in order.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Returns every source file of the program, with the room that it belongs to.
pub fn files_of_rooms() -> Vec<(String, PathBuf)> {
    let source = root().join("src");
    let room = |file: &PathBuf| {
        let first = file.strip_prefix(&source).unwrap().components().next().unwrap();
        Path::new(first.as_os_str()).file_stem().unwrap().to_str().unwrap().to_owned()
    };
    let all = files(&source).into_iter().map(|file| (room(&file), file));
    all.filter(|(room, _)| !matches!(room.as_str(), "lib" | "main")).collect()
}

/// Returns the rooms that `code` names as `crate::NAME`.
pub fn rooms_used(code: &str) -> BTreeSet<String> {
    let of_crate = |path: Import| match path.segments.as_slice() {
        [first, room, ..] if first == "crate" => Some(room.clone()),
        _ => None,
    };
    imports(&tokens(code)).into_iter().filter_map(of_crate).collect()
}

/// A path of code: one of the names of a `use`, or one in the code itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    pub segments: Vec<String>,
    /// Name that a `use` gives it.
    pub binding: Option<String>,
    pub is_reexport: bool,
}

/// Returns the words and signs of `code`; strings and comments are left out.
pub fn tokens(code: &str) -> Vec<String> {
    let mut chars = code.chars().peekable();
    let mut tokens: Vec<String> = Vec::new();
    while let Some(c) = chars.next() {
        let is_prefix = |word: &str| matches!(word, "r" | "b" | "c" | "br" | "cr");
        match c {
            '/' if chars.peek() == Some(&'/') => {
                while chars.next_if(|next| *next != '\n').is_some() {}
            }
            '/' if chars.peek() == Some(&'*') => skip_comment(&mut chars),
            '"' => skip_string(&mut chars),
            '\'' => skip_char(&mut chars),
            ':' if chars.next_if_eq(&':').is_some() => tokens.push("::".to_owned()),
            c if c.is_alphanumeric() || c == '_' => {
                let mut word = c.to_string();
                while let Some(next) = chars.next_if(|c| c.is_alphanumeric() || *c == '_') {
                    word.push(next);
                }
                if is_prefix(&word) && matches!(chars.peek(), Some('"' | '#')) {
                    skip_raw_string(&mut chars, &word);
                } else {
                    tokens.push(word);
                }
            }
            c if c.is_whitespace() => {}
            c => tokens.push(c.to_string()),
        }
    }
    tokens
}

/// Skips a comment in which others may stand; its first sign is read.
fn skip_comment(chars: &mut Peekable<Chars>) {
    let (mut depth, mut last) = (0, '/');
    for c in chars.by_ref() {
        match (last, c) {
            ('/', '*') => depth += 1,
            ('*', '/') => depth -= 1,
            _ => {
                last = c;
                continue;
            }
        }
        last = ' ';
        if depth == 0 {
            return;
        }
    }
}

/// Skips to the end of a string of which the first quote is read.
fn skip_string(chars: &mut Peekable<Chars>) {
    while let Some(c) = chars.next() {
        match c {
            '\\' => drop(chars.next()),
            '"' => return,
            _ => {}
        }
    }
}

/// Skips the string that `prefix` begins.
fn skip_raw_string(chars: &mut Peekable<Chars>, prefix: &str) {
    let mut hashes = 0;
    while chars.next_if_eq(&'#').is_some() {
        hashes += 1;
    }
    if chars.next_if_eq(&'"').is_none() {
        return;
    }
    if !prefix.ends_with('r') {
        return skip_string(chars);
    }
    while let Some(c) = chars.next() {
        let is_end = c == '"' && (0..hashes).all(|_| chars.next_if_eq(&'#').is_some());
        if is_end {
            return;
        }
    }
}

/// Skips a character or the sign of a lifetime, of which the quote is read.
fn skip_char(chars: &mut Peekable<Chars>) {
    match chars.next() {
        Some('\\') => {
            chars.next();
            while chars.next().is_some_and(|c| c != '\'') {}
        }
        Some(_) => drop(chars.next_if_eq(&'\'')),
        None => {}
    }
}

fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Returns every path of `tokens` that has more than one word, and every name of a `use`.
pub fn imports(tokens: &[String]) -> Vec<Import> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let is_next = |word: &str| tokens.get(at + 1).is_some_and(|next| next == word);
        let previous = at.checked_sub(1).map_or("", |before| &tokens[before]);
        if tokens[at] == "use" && !is_next("<") {
            let is_reexport = matches!(previous, "pub" | ")");
            at = tree(tokens, at + 1, &[], &mut |segments, binding| {
                found.push(Import { segments, binding: Some(binding), is_reexport });
            });
        } else if is_word(&tokens[at]) && is_next("::") && !matches!(previous, "::" | ".") {
            let mut segments = vec![tokens[at].clone()];
            while tokens.get(at + 1).is_some_and(|next| next == "::")
                && tokens.get(at + 2).is_some_and(|next| is_word(next))
            {
                at += 2;
                segments.push(tokens[at].clone());
            }
            found.push(Import { segments, binding: None, is_reexport: false });
        }
        at += 1;
    }
    found
}

/// Hands each name of the tree of a `use` that begins at `at` to `found`; returns where it ends.
fn tree(
    tokens: &[String],
    mut at: usize,
    prefix: &[String],
    found: &mut impl FnMut(Vec<String>, String),
) -> usize {
    let mut segments = prefix.to_vec();
    let mut alias = None;
    while let Some(token) = tokens.get(at) {
        match token.as_str() {
            "," | "}" | ";" => break,
            "{" => {
                at += 1;
                while tokens.get(at).is_some_and(|token| token != "}") {
                    at = tree(tokens, at, &segments, &mut *found);
                    at += usize::from(tokens.get(at).is_some_and(|token| token == ","));
                }
                return at + 1;
            }
            "as" => {
                at += 1;
                alias = tokens.get(at).cloned();
            }
            word if is_word(word) || word == "*" => segments.push(word.to_owned()),
            _ => {}
        }
        at += 1;
    }
    if segments.len() > 1 && segments.last().is_some_and(|last| last == "self") {
        segments.pop();
    }
    if let Some(last) = segments.last().cloned() {
        found(segments, alias.unwrap_or(last));
    }
    at
}
