//! Takes a condition apart: a column, an operator, and one value or a list.

use thiserror::Error;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Operator {
    pub sense: Sense,
    pub test: Test,
    pub notation: Notation,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sense {
    Plain,
    Not,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Test {
    /// The field is one of the values.
    Equals,
    /// The field begins with one of the values.
    Prefix,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Notation {
    /// A sign, after which one value stands.
    Sign,
    /// A word, after which a list stands.
    Word,
}

/// Parts of a condition, as they were written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parts {
    pub column: String,
    pub operator: Operator,
    pub values: Vec<ConditionValue>,
}

/// A value, without its quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ConditionValue {
    pub text: String,
    pub quoting: Quoting,
}

/// Whether a value stood between quotes, and so is meant as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quoting {
    Bare,
    Quoted,
}

/// Takes a condition apart.
pub(super) fn parts(text: &str) -> Result<Parts, ConditionError> {
    let (column, rest) = column(text)?;
    let (operator, rest) = operator(rest).ok_or(ConditionError::Form)?;
    if column.is_empty() {
        return Err(ConditionError::Form);
    }
    Ok(Parts { column, operator, values: values(rest, operator.notation)? })
}

/// Splits a text into its column, and the rest from the operator on.
pub(super) fn column(text: &str) -> Result<(String, &str), ConditionError> {
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
fn values(text: &str, notation: Notation) -> Result<Vec<ConditionValue>, ConditionError> {
    let (mut values, mut rest) = (Vec::new(), text.trim());
    loop {
        let (value, after) = if let Some((value, after)) = quoted(rest)? {
            (ConditionValue { text: value, quoting: Quoting::Quoted }, after.trim_start())
        } else {
            let (value, after) = rest.split_at(rest.find(',').unwrap_or(rest.len()));
            let value = value.trim();
            if value.is_empty() && notation == Notation::Word {
                return Err(ConditionError::EmptyValue);
            }
            (ConditionValue { text: value.to_owned(), quoting: Quoting::Bare }, after)
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

#[cfg(test)]
mod tests {
    use super::*;

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
            assert_eq!(parts(condition).unwrap().column, column, "{condition}");
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
            assert_eq!(parts(text), Err(error), "{text}");
        }
    }
}
