//! Walks over hash maps and hash sets, whose order is drawn anew for each map.

use std::collections::BTreeSet;

use super::is_word;
use crate::source::imports;

const WALKS: [&str; 15] = [
    "difference",
    "drain",
    "extract_if",
    "intersection",
    "into_iter",
    "into_keys",
    "into_values",
    "iter",
    "iter_mut",
    "keys",
    "retain",
    "symmetric_difference",
    "union",
    "values",
    "values_mut",
];

/// Methods and fields that lead to the same map.
const WAYS: [&str; 12] = [
    "0",
    "as_mut",
    "as_ref",
    "await",
    "borrow",
    "borrow_mut",
    "clone",
    "expect",
    "lock",
    "read",
    "unwrap",
    "unwrap_or_else",
];

/// Functions that walk over what they are given.
const TAKERS: [&str; 4] = ["chain", "extend", "from_iter", "zip"];

/// The names under which a file declares hash maps and hash sets.
#[derive(Debug, Default)]
pub(super) struct Declared {
    pub names: BTreeSet<String>,
    /// Those that other files can reach.
    pub public: BTreeSet<String>,
}

impl Declared {
    pub(super) fn by(tokens: &[String]) -> Self {
        let types = types(tokens);
        let mut declared = Self::default();
        for at in 0..tokens.len() {
            declared.with_type(tokens, at, &types);
            declared.returned(tokens, at, &types);
            declared.wrapped(tokens, at, &types);
            declared.bound(tokens, at, &types);
        }
        declared
    }

    fn add(&mut self, tokens: &[String], at: usize, visibility: usize) {
        let is_public = match visibility.checked_sub(1).map(|before| tokens[before].as_str()) {
            Some("pub") => true,
            Some(")") => visibility >= 4 && tokens[visibility - 4] == "pub",
            _ => false,
        };
        self.names.insert(tokens[at].clone());
        if is_public {
            self.public.insert(tokens[at].clone());
        }
    }

    /// A field, a parameter or a variable with its type.
    fn with_type(&mut self, tokens: &[String], at: usize, types: &BTreeSet<String>) {
        let has_type = is_word(&tokens[at]) && tokens.get(at + 1).is_some_and(|next| next == ":");
        if has_type && names_one(type_at(&tokens[at + 2..]), types) {
            self.add(tokens, at, at);
        }
    }

    /// A function that returns one.
    fn returned(&mut self, tokens: &[String], at: usize, types: &BTreeSet<String>) {
        if tokens[at] != "fn" || tokens.get(at + 1).is_none_or(|name| !is_word(name)) {
            return;
        }
        let head = tokens[at..].iter().position(|token| matches!(token.as_str(), "{" | ";"));
        let head = &tokens[at..at + head.unwrap_or(0)];
        let arrow = head.windows(2).rposition(|signs| signs[0] == "-" && signs[1] == ">");
        if arrow.is_some_and(|arrow| names_one(&head[arrow..], types)) {
            self.add(tokens, at + 1, at);
        }
    }

    /// The field of a type that wraps one.
    fn wrapped(&mut self, tokens: &[String], at: usize, types: &BTreeSet<String>) {
        let is_wrapper = tokens[at] == "struct";
        let head = &tokens[at..];
        let begin = head.iter().position(|token| matches!(token.as_str(), "(" | "{" | ";"));
        if let Some(begin) = begin.filter(|begin| is_wrapper && head[*begin] == "(") {
            let end = after_brackets(head, begin);
            if names_one(&head[begin..end], types) {
                self.names.insert("0".to_owned());
            }
        }
    }

    /// A variable that is made as one, or is one of those known already.
    fn bound(&mut self, tokens: &[String], at: usize, types: &BTreeSet<String>) {
        if tokens[at] != "let" {
            return;
        }
        let end = end_of_statement(tokens, at);
        let statement = &tokens[at..end];
        let Some(equals) = statement.iter().position(|token| token == "=") else { return };
        let value = &statement[equals + 1..];
        let is_plain = value.iter().all(|token| is_word(token) || "&*.".contains(token.as_str()));
        let is_known = is_plain && value.last().is_some_and(|last| self.names.contains(last));
        if is_known || names_one(value, types) {
            let pattern = statement[1..equals].split(|token| token == ":").next();
            let words = pattern.unwrap_or_default().iter().filter(|word| is_word(word));
            let names = words.filter(|word| !matches!(word.as_str(), "mut" | "ref" | "else"));
            let names = names.filter(|word| !word.starts_with(char::is_uppercase));
            self.names.extend(names.cloned());
        }
    }
}

/// Returns the names of hash maps and sets in this file: their own, and what stands for them.
fn types(tokens: &[String]) -> BTreeSet<String> {
    let mut types = BTreeSet::from(["HashMap".to_owned(), "HashSet".to_owned()]);
    for import in imports(tokens) {
        if import.segments.last().is_some_and(|last| types.contains(last)) {
            types.extend(import.binding);
        }
    }
    for at in tokens.iter().enumerate().filter(|(_, token)| *token == "type").map(|(at, _)| at) {
        let alias = &tokens[at..end_of_statement(tokens, at)];
        if alias.len() > 2 && names_one(&alias[2..], &types) {
            types.insert(alias[1].clone());
        }
    }
    types
}

fn names_one(tokens: &[String], types: &BTreeSet<String>) -> bool {
    tokens.iter().any(|token| types.contains(token))
}

/// Returns the type with which `tokens` begin.
fn type_at(tokens: &[String]) -> &[String] {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate() {
        match token.as_str() {
            "<" | "(" | "[" => depth += 1,
            ">" if at > 0 && tokens[at - 1] == "-" => {}
            ">" | ")" | "]" if depth > 0 => depth -= 1,
            "{" | "}" | ")" | "]" => return &tokens[..at],
            "," | ";" | "=" | "|" if depth == 0 => return &tokens[..at],
            _ => {}
        }
    }
    tokens
}

/// The place of the semicolon that ends what begins at `at`.
fn end_of_statement(tokens: &[String], at: usize) -> usize {
    let mut depths = depths(tokens, at);
    let end = depths.find(|(at, depth)| *depth < 0 || (*depth == 0 && tokens[*at] == ";"));
    end.map_or(tokens.len(), |(at, _)| at)
}

/// The place after the brackets that open at `at`.
fn after_brackets(tokens: &[String], at: usize) -> usize {
    depths(tokens, at).find(|(_, depth)| *depth == 0).map_or(tokens.len(), |(at, _)| at + 1)
}

/// The places from `from` on, each with the number of brackets that are open after it.
fn depths(tokens: &[String], from: usize) -> impl Iterator<Item = (usize, i32)> {
    tokens.iter().enumerate().skip(from).scan(0, |depth, (at, token)| {
        match token.as_str() {
            "(" | "[" | "{" => *depth += 1,
            ")" | "]" | "}" => *depth -= 1,
            _ => {}
        }
        Some((at, *depth))
    })
}

/// Returns the walks of `tokens` over what is declared under one of `names`, each once.
pub(super) fn found(tokens: &[String], names: &BTreeSet<String>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, token) in tokens.iter().enumerate() {
        if names.contains(token) {
            found.extend(method(tokens, at).map(|walk| format!("{token}.{walk}")));
        }
        if token == "for" {
            let over = last_of_loop(tokens, at).filter(|last| names.contains(*last));
            found.extend(over.map(|name| format!("for … in {name}")));
        }
        if TAKERS.contains(&token.as_str()) && tokens.get(at + 1).is_some_and(|next| next == "(") {
            let given = &tokens[at + 2..after_brackets(tokens, at + 1) - 1];
            let is_plain = !given.iter().any(|token| token == "(");
            let name = given.last().filter(|last| is_plain && names.contains(*last));
            found.extend(name.map(|name| format!("{token}({name})")));
        }
    }
    found
}

/// Returns the walk that is called on the name at `at`, if one is.
fn method(tokens: &[String], at: usize) -> Option<&str> {
    let mut next = at + 1;
    loop {
        match tokens.get(next)?.as_str() {
            "(" | "[" => next = after_brackets(tokens, next),
            "?" => next += 1,
            "." => {
                let name = tokens.get(next + 1)?.as_str();
                let is_call = matches!(tokens.get(next + 2)?.as_str(), "(" | "::");
                if is_call && WALKS.contains(&name) {
                    return Some(name);
                }
                next += 2;
                if !WAYS.contains(&name) {
                    return None;
                }
            }
            _ => return None,
        }
    }
}

/// Returns the last word of what the loop at `at` goes over.
fn last_of_loop(tokens: &[String], at: usize) -> Option<&String> {
    let begin = tokens[at..].iter().position(|token| matches!(token.as_str(), "in" | ";"))? + at;
    if tokens[begin] == ";" {
        return None;
    }
    let mut next = begin + 1;
    loop {
        match tokens.get(next)?.as_str() {
            "{" => return tokens.get(next - 1),
            "(" | "[" => next = after_brackets(tokens, next),
            _ => next += 1,
        }
    }
}
