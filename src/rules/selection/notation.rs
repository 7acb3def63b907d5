//! How a condition is written: a column, an operator, and one value or a list.

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
    pub values: Vec<String>,
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
            bare(value)?;
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

/// Refuses a value without quotes that is meant as another language's list, pattern or further
/// condition. Taken as it stands, a `!=` with it would keep the rows that were to be left out.
fn bare(value: &str) -> Result<(), ConditionError> {
    let another = |joint: &str| {
        let found = value.to_ascii_lowercase().find(joint)?;
        parts(&value[found + joint.len()..]).ok()
    };
    if value.contains(['(', ')', '[', ']', ';']) {
        Err(ConditionError::List)
    } else if value.starts_with(['=', '!', '<', '>', '~']) {
        Err(ConditionError::Sign)
    } else if value.ends_with('*') {
        Err(ConditionError::Pattern)
    } else if [" and ", " or ", "&&", "||"].into_iter().find_map(another).is_some() {
        Err(ConditionError::Second)
    } else {
        Ok(())
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
    #[error(
        "write a list with commas and without brackets, 'owner in amy,bob', or quote a value that \
         has brackets or semicolons"
    )]
    List,
    #[error("= and != are the only signs; quote a value that begins with another")]
    Sign,
    #[error("there are no patterns: write 'owner prefix am', or quote a value that ends with *")]
    Pattern,
    #[error(
        "one condition at a time: give --where again for rows that meet both, write 'owner in \
         amy,bob' for one or the other, or quote the value"
    )]
    Second,
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
            ("owner not in (amy,bob)", ConditionError::List),
            ("owner in amy, bob)", ConditionError::List),
            ("owner in [amy]", ConditionError::List),
            ("bk_biz_id not in 2;3", ConditionError::List),
            ("owner!==amy", ConditionError::Sign),
            ("owner=!amy", ConditionError::Sign),
            ("owner=~am", ConditionError::Sign),
            ("owner!=a*", ConditionError::Pattern),
            ("owner not in a*,bob", ConditionError::Pattern),
            ("owner!=amy and owner!=bob", ConditionError::Second),
            ("owner=amy OR team = night", ConditionError::Second),
            ("owner not in amy && team in x", ConditionError::Second),
            ("owner not in amy,bob and team=x", ConditionError::Second),
        ] {
            assert_eq!(parts(text), Err(error), "{text}");
        }
    }
}
