//! A condition on a column of the input: `owner=amy`, `bk_biz_id in 2,3`, `name not prefix web`.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::domain::task::Scope;

/// Condition on a column of the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    pub(crate) column: String,
    operator: Operator,
    values: Vec<String>,
    /// The condition as it was written.
    text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Operator {
    sense: Sense,
    test: Test,
    notation: Notation,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sense {
    Plain,
    Not,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Test {
    /// The field is one of the values.
    Equals,
    /// The field begins with one of the values.
    Prefix,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Notation {
    /// A sign, after which one value stands.
    Sign,
    /// A word, after which a list stands.
    Word,
}

/// What the fields of a column are, which says when two of them are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FieldKind {
    /// A number: leading zeros do not count.
    Id,
    /// A scope: an empty one means `cmdb_biz`.
    Scope,
    Text,
}

impl FieldKind {
    /// Returns the part of a field that counts in a comparison; blanks around it never do.
    fn essence(self, field: &str) -> &str {
        let field = field.trim();
        match self {
            Self::Id if field.bytes().all(|byte| byte.is_ascii_digit()) => {
                field.trim_start_matches('0')
            }
            Self::Scope if field.is_empty() => Scope::default().as_str(),
            Self::Id | Self::Scope | Self::Text => field,
        }
    }
}

impl Condition {
    /// Whether the condition holds for a field of its column.
    #[must_use]
    pub(crate) fn holds(&self, field: &str, kind: FieldKind) -> bool {
        let Operator { sense, test, notation: _ } = self.operator;
        let field = kind.essence(field);
        let is_met = self.values.iter().any(|value| match test {
            Test::Equals => field == kind.essence(value),
            Test::Prefix => field.starts_with(value.trim()),
        });
        is_met == (sense == Sense::Plain)
    }

    /// Refuses a prefix that no field of its column can begin with.
    ///
    /// # Errors
    ///
    /// Returns an error if a prefix of an id has leading zeros: ids are compared without them.
    pub(crate) fn check(&self, kind: FieldKind) -> Result<(), LeadingZeros> {
        let has_zeros = |prefix: &&str| {
            prefix.starts_with('0') && prefix.bytes().all(|byte| byte.is_ascii_digit())
        };
        let mut prefixes = self.values.iter().map(|value| value.trim());
        match prefixes.find(has_zeros) {
            Some(prefix) if self.operator.test == Test::Prefix && kind == FieldKind::Id => {
                Err(LeadingZeros { condition: self.text.clone(), prefix: prefix.to_owned() })
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Condition {
    type Err = ConditionError;

    fn from_str(text: &str) -> Result<Self, ConditionError> {
        let (column, rest) = column(text)?;
        let (operator, rest) = operator(rest).ok_or(ConditionError::Form)?;
        if column.is_empty() {
            return Err(ConditionError::Form);
        }
        let values = values(rest, operator.notation)?;
        Ok(Self { column, operator, values, text: text.trim().to_owned() })
    }
}

/// Splits a text into its column, and the rest from the operator on.
fn column(text: &str) -> Result<(String, &str), ConditionError> {
    let text = text.trim_start();
    if let Some((column, rest)) = quoted(text)? {
        return Ok((column, rest.trim_start()));
    }
    let starts_here = |at: usize| {
        let after_blank = text[..at].ends_with(char::is_whitespace);
        operator(&text[at..])
            .is_some_and(|(found, _)| found.notation == Notation::Sign || after_blank)
    };
    let at = text.char_indices().map(|(at, _)| at).find(|at| starts_here(*at));
    let (column, rest) = text.split_at(at.ok_or(ConditionError::Form)?);
    Ok((column.trim().to_owned(), rest))
}

/// Returns the operator with which a text begins, and what stands after it.
fn operator(text: &str) -> Option<(Operator, &str)> {
    let sign = |sense| Operator { sense, test: Test::Equals, notation: Notation::Sign };
    for (word, sense) in [("!=", Sense::Not), ("==", Sense::Plain), ("=", Sense::Plain)] {
        if let Some(rest) = text.strip_prefix(word) {
            return Some((sign(sense), rest));
        }
    }
    let word = |text: &'_ str, word| {
        let rest = text.strip_prefix(word)?;
        let ends = rest.is_empty() || rest.starts_with(|c: char| c.is_whitespace() || is_quote(c));
        ends.then_some(text.len() - rest.len())
    };
    let (sense, from) = match word(text, "not") {
        Some(length) => (Sense::Not, text[length..].trim_start()),
        None => (Sense::Plain, text),
    };
    [("in", Test::Equals), ("prefix", Test::Prefix)].into_iter().find_map(|(name, test)| {
        let length = word(from, name)?;
        Some((Operator { sense, test, notation: Notation::Word }, &from[length..]))
    })
}

/// Reads the values after an operator: one after a sign, any number after a word.
fn values(text: &str, notation: Notation) -> Result<Vec<String>, ConditionError> {
    let (mut values, mut rest) = (Vec::new(), text.trim());
    loop {
        let (value, after) = if let Some((value, after)) = quoted(rest)? {
            (value, after.trim_start())
        } else {
            let (value, after) = rest.split_at(rest.find(',').unwrap_or(rest.len()));
            let value = value.trim();
            if value.is_empty() && notation == Notation::Word {
                return Err(ConditionError::EmptyValue);
            }
            (value.to_owned(), after)
        };
        values.push(value);
        match after.strip_prefix(',') {
            Some(_) if notation == Notation::Sign => return Err(ConditionError::Comma),
            Some(next) => rest = next.trim_start(),
            None if after.is_empty() => return Ok(values),
            None => return Err(ConditionError::AfterQuote),
        }
    }
}

const fn is_quote(c: char) -> bool {
    matches!(c, '"' | '\'')
}

/// Reads the quoted text with which a text begins, if it does; a quote within is doubled.
fn quoted(text: &str) -> Result<Option<(String, &str)>, ConditionError> {
    let Some(quote) = text.chars().next().filter(|c| is_quote(*c)) else { return Ok(None) };
    let (mut value, mut rest) = (String::new(), &text[1..]);
    loop {
        let (part, after) = rest.split_once(quote).ok_or(ConditionError::OpenQuote)?;
        value.push_str(part);
        match after.strip_prefix(quote) {
            Some(more) => {
                value.push(quote);
                rest = more;
            }
            None => return Ok(Some((value, after))),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum ConditionError {
    #[error(
        "write a condition as 'owner=amy', 'owner!=amy', 'owner in amy,bob', 'owner not in amy,bob', \
         'owner prefix am' or 'owner not prefix am'"
    )]
    Form,
    #[error(
        "more than one value after = or !=; write 'owner in amy,bob', or quote a value with a comma: \
         'owner=\"amy, bob\"'"
    )]
    Comma,
    #[error("an empty value in a list; write '' for it")]
    EmptyValue,
    #[error("a quote is never closed")]
    OpenQuote,
    #[error("only a comma may follow a quoted value")]
    AfterQuote,
}

/// Prefix of an id that has leading zeros.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LeadingZeros {
    condition: String,
    prefix: String,
}

impl fmt::Display for LeadingZeros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { condition, prefix } = self;
        write!(f, "--where '{condition}': ids are compared without leading zeros; ")?;
        match prefix.trim_start_matches('0') {
            "" => f.write_str("none begins with 0"),
            digits => write!(f, "write {digits} in place of {prefix}"),
        }
    }
}

impl std::error::Error for LeadingZeros {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_holds_or_not() {
        use FieldKind::{Id, Scope, Text};
        for (condition, kind, holds, fails) in [
            ("owner=amy", Text, &["amy", " amy "][..], &["bob", "Amy", "amyx", ""][..]),
            ("owner = amy ", Text, &["amy"], &["bob"]),
            ("owner==amy", Text, &["amy"], &["=amy"]),
            ("owner!=amy", Text, &["bob", ""], &["amy"]),
            ("owner=", Text, &["", "  "], &["amy"]),
            ("owner!=''", Text, &["amy"], &["", " "]),
            ("bk_biz_id in 2, 3", Id, &["2", "03", " 3"], &["23", "", "x"]),
            ("bk_biz_id not in 2,3", Id, &["23", "x"], &["2", "0003"]),
            ("bk_biz_id=007", Id, &["7", "07"], &["70"]),
            ("task_id!=x1", Id, &["1", "x"], &["x1"]),
            ("scope=cmdb_biz", Scope, &["", "cmdb_biz"], &["project"]),
            ("scope in project", Scope, &["project"], &["", "cmdb_biz"]),
            ("scope=", Scope, &["", "cmdb_biz"], &["project"]),
            ("name prefix web-,db-", Text, &["web-1", "db-"], &["web", "xweb-1"]),
            ("name not prefix web-", Text, &["db", ""], &["web-1"]),
            ("name in 'a,b',\"it's\"", Text, &["a,b", "it's"], &["a", "b"]),
            ("name=\"a \"\"b\"\"\"", Text, &["a \"b\""], &["a b"]),
            ("\"cost in total\"=5", Text, &["5"], &["6"]),
            ("cost center in 5,6", Text, &["5"], &["7"]),
            ("在岗=是", Text, &["是"], &["否"]),
            ("a=b=c", Text, &["b=c"], &["b"]),
            ("within in in", Text, &["in"], &["within"]),
        ] {
            let parsed: Condition = condition.parse().unwrap();
            assert_eq!(parsed.to_string(), condition.trim());
            for field in holds {
                assert!(parsed.holds(field, kind), "{condition} holds for {field:?}");
            }
            for field in fails {
                assert!(!parsed.holds(field, kind), "{condition} does not hold for {field:?}");
            }
        }
    }

    #[test]
    fn a_prefix_of_an_id_has_no_leading_zeros() {
        use FieldKind::{Id, Scope, Text};
        for (condition, kind, refused) in [
            ("task_id prefix 10", Id, None),
            ("task_id prefix 010", Id, Some("write 10 in place of 010")),
            ("task_id not prefix 20, '007 '", Id, Some("write 7 in place of 007")),
            ("task_id prefix 00", Id, Some("none begins with 0")),
            ("task_id in 010,7", Id, None),
            ("task_id=010", Id, None),
            ("task_id prefix 0x", Id, None),
            ("name prefix 010", Text, None),
            ("scope prefix 010", Scope, None),
        ] {
            let found = condition.parse::<Condition>().unwrap().check(kind);
            let told = refused.map(|what| {
                format!("--where '{condition}': ids are compared without leading zeros; {what}")
            });
            assert_eq!(found.err().map(|error| error.to_string()), told, "{condition}");
        }
    }

    #[test]
    fn the_column_is_what_stands_before_the_operator() {
        for (condition, column) in [
            ("owner=amy", "owner"),
            (" cost center != 5", "cost center"),
            ("\"in\" in 5", "in"),
            ("'a=b' not prefix c", "a=b"),
            ("业务ID in 2", "业务ID"),
            ("not in=5", "not in"),
        ] {
            assert_eq!(condition.parse::<Condition>().unwrap().column, column, "{condition}");
        }
    }

    #[test]
    fn what_is_no_condition_says_what_is_one() {
        for (text, error) in [
            ("", ConditionError::Form),
            ("owner", ConditionError::Form),
            ("=amy", ConditionError::Form),
            ("in 2,3", ConditionError::Form),
            ("owner > 5", ConditionError::Form),
            ("'owner' amy", ConditionError::Form),
            ("owner=amy,bob", ConditionError::Comma),
            ("owner in", ConditionError::EmptyValue),
            ("owner in 2,,3", ConditionError::EmptyValue),
            ("owner in 2,", ConditionError::EmptyValue),
            ("owner='amy", ConditionError::OpenQuote),
            ("\"owner=amy", ConditionError::OpenQuote),
            ("owner='amy' bob", ConditionError::AfterQuote),
        ] {
            assert_eq!(text.parse::<Condition>(), Err(error), "{text}");
        }
    }
}
