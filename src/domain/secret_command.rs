//! A command that prints a secret, split into a program and its arguments.
//!
//! It runs without a shell, so nothing in it is expanded: what only a shell would understand is
//! refused.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A program with its arguments, whose output is a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SecretCommand {
    program: String,
    arguments: Vec<String>,
    typed: String,
}

impl SecretCommand {
    pub(crate) fn program(&self) -> &str {
        &self.program
    }

    pub(crate) fn arguments(&self) -> &[String] {
        &self.arguments
    }
}

impl fmt::Display for SecretCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.typed)
    }
}

/// A command that cannot be run without a shell, or at all.
#[derive(Debug, PartialEq, Eq, Error)]
pub(crate) enum CommandFormError {
    #[error("no program is named; write it as 'PROGRAM ARGUMENT...'")]
    Empty,
    #[error("the quote {0} has no end")]
    OpenQuote(char),
    #[error("a backslash stands at the end, with nothing behind it")]
    OpenEscape,
    #[error(
        "{0} is for a shell, and none runs: put it between single quotes if it is meant as it \
         stands, or name a script"
    )]
    ForShell(char),
    #[error("no shell runs that would know what ~ is; write the path in full")]
    Home,
}

impl FromStr for SecretCommand {
    type Err = CommandFormError;

    fn from_str(typed: &str) -> Result<Self, Self::Err> {
        let mut words = split(typed)?.into_iter();
        let program = words.next().filter(|program| !program.is_empty());
        let program = program.ok_or(CommandFormError::Empty)?;
        Ok(Self { program, arguments: words.collect(), typed: typed.trim().to_owned() })
    }
}

/// Splits `text` at blanks. What stands between quotes, or behind a backslash, is one word.
fn split(text: &str) -> Result<Vec<String>, CommandFormError> {
    let (mut words, mut word) = (Vec::new(), None::<String>);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' | '\n' => words.extend(word.take()),
            '\'' | '"' => quoted(c, &mut chars, word.get_or_insert_default())?,
            '\\' => {
                let next = chars.next().ok_or(CommandFormError::OpenEscape)?;
                word.get_or_insert_default().push(next);
            }
            '|' | '&' | ';' | '<' | '>' | '(' | ')' | '$' | '`' => {
                return Err(CommandFormError::ForShell(c));
            }
            '~' if word.is_none() => return Err(CommandFormError::Home),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

/// Adds what stands before the next `quote` to `word`. Between double quotes a shell would expand
/// some things, and a backslash is for a quote or another backslash.
fn quoted(
    quote: char,
    chars: &mut std::str::Chars<'_>,
    word: &mut String,
) -> Result<(), CommandFormError> {
    let is_double = quote == '"';
    while let Some(c) = chars.next() {
        match c {
            c if c == quote => return Ok(()),
            '$' | '`' if is_double => return Err(CommandFormError::ForShell(c)),
            '\\' if is_double => match chars.next() {
                Some(next @ ('"' | '\\' | '$' | '`')) => word.push(next),
                Some(next) => word.extend(['\\', next]),
                None => break,
            },
            c => word.push(c),
        }
    }
    Err(CommandFormError::OpenQuote(quote))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_separate_words_that_are_not_quoted() {
        for (text, words) in [
            ("vault", &["vault"][..]),
            ("  vault\tkv  get ", &["vault", "kv", "get"]),
            ("pass show 'bk sops/token'", &["pass", "show", "bk sops/token"]),
            (r#"pass show "bk sops""#, &["pass", "show", "bk sops"]),
            (r"pass show bk\ sops", &["pass", "show", "bk sops"]),
            (r#"a "" ''"#, &["a", "", ""]),
            (r#"a b"c d"'e f'g"#, &["a", "bc de fg"]),
            (r#"a 'x"y\' "x'y\"z\\n\n""#, &["a", r#"x"y\"#, r#"x'y"z\n\n"#]),
            ("a '$HOME | `x`' \"\\$x\"", &["a", "$HOME | `x`", "$x"]),
            (r#"a "x | y; z > u""#, &["a", "x | y; z > u"]),
            ("a 密码 b~c #d", &["a", "密码", "b~c", "#d"]),
        ] {
            let command: SecretCommand = text.parse().unwrap();
            let found: Vec<_> =
                [command.program.clone()].into_iter().chain(command.arguments).collect();
            assert_eq!(found, words, "{text}");
        }
    }

    #[test]
    fn what_needs_a_shell_is_refused() {
        use CommandFormError::{Empty, ForShell, Home, OpenEscape, OpenQuote};
        for (text, error) in [
            ("", Empty),
            (" ", Empty),
            ("'' x", Empty),
            ("a 'b", OpenQuote('\'')),
            (r#"a "b\""#, OpenQuote('"')),
            (r"a \", OpenEscape),
            ("vault read x | jq .y", ForShell('|')),
            ("a && b", ForShell('&')),
            ("a; b", ForShell(';')),
            ("cat <x", ForShell('<')),
            ("cat $HOME/x", ForShell('$')),
            (r#"cat "$HOME/x""#, ForShell('$')),
            ("a `b`", ForShell('`')),
            ("cat ~/x", Home),
        ] {
            assert_eq!(text.parse::<SecretCommand>(), Err(error), "{text}");
        }
    }
}
