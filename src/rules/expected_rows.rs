use std::fmt;
use std::str::FromStr;

/// Number of rows that an input must have: one value or a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ExpectedRows {
    from: u64,
    to: Option<u64>,
}

impl ExpectedRows {
    pub(crate) fn holds(self, rows: u64) -> bool {
        rows >= self.from && self.to.is_none_or(|to| rows <= to)
    }
}

impl FromStr for ExpectedRows {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "write it as 100.., 1..500, ..500 or 42";
        let number = |text: &str| text.parse::<u64>().map_err(|_| FORM);
        let (from, to) = match text.split_once("..") {
            None => (number(text)?, Some(number(text)?)),
            Some(("", "")) => return Err(FORM),
            Some((from, "")) => (number(from)?, None),
            Some(("", to)) => (0, Some(number(to)?)),
            Some((from, to)) => (number(from)?, Some(number(to)?)),
        };
        if to.is_some_and(|to| to < from) { Err(FORM) } else { Ok(Self { from, to }) }
    }
}

impl fmt::Display for ExpectedRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.from, self.to) {
            (from, Some(to)) if from == to => write!(f, "{from}"),
            (from, Some(to)) => write!(f, "{from}..{to}"),
            (from, None) => write!(f, "{from}.."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_expected_within_bounds() {
        for (text, few, many, shown) in
            [("100..", 99, 1_000_000, "100.."), ("1..500", 0, 500, "1..500"), ("42", 41, 42, "42")]
        {
            let expected: ExpectedRows = text.parse().unwrap();
            assert!(!expected.holds(few) && expected.holds(many), "{text}");
            assert_eq!(expected.to_string(), shown);
        }
        let most: ExpectedRows = "..500".parse().unwrap();
        assert!(most.holds(0) && !most.holds(501));
        for text in ["", "..", "5..1", "many", "-1.."] {
            assert!(text.parse::<ExpectedRows>().is_err(), "{text}");
        }
    }
}
