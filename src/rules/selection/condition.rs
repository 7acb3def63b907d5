//! A condition on a column of the input: `owner=amy`, `bk_biz_id in 2,3`, `name not prefix web`.

use std::fmt;
use std::str::FromStr;

use super::notation::{ConditionError, Operator, Parts, Sense, Test, parts};
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

    /// Refuses a value that no field of its column can have: a `!=` with it would keep every row.
    ///
    /// # Errors
    ///
    /// Returns an error if a value for ids is no number, or a prefix of an id has leading zeros:
    /// ids are compared without them.
    pub(crate) fn check(&self, kind: FieldKind) -> Result<(), NoSuchId> {
        if kind != FieldKind::Id {
            return Ok(());
        }
        let test = self.operator.test;
        let fault = |value: &str| match value {
            _ if !value.bytes().all(|byte| byte.is_ascii_digit()) => Some(IdFault::NoNumber),
            _ if test == Test::Prefix && value.starts_with('0') => Some(IdFault::LeadingZeros),
            _ => None,
        };
        let mut values = self.values.iter().map(|value| value.trim());
        let found = values.find_map(|value| Some((value.to_owned(), fault(value)?)));
        found.map_or(Ok(()), |(value, fault)| {
            Err(NoSuchId { condition: self.text.clone(), value, fault })
        })
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
        let Parts { column, operator, values } = parts(text)?;
        Ok(Self { column, operator, values, text: text.trim().to_owned() })
    }
}

/// Value that no id can have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NoSuchId {
    condition: String,
    value: String,
    fault: IdFault,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum IdFault {
    NoNumber,
    /// Of a prefix.
    LeadingZeros,
}

impl fmt::Display for NoSuchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { condition, value, fault } = self;
        write!(f, "--where '{condition}': ")?;
        match (fault, value.trim_start_matches('0')) {
            (IdFault::NoNumber, _) => write!(
                f,
                "no id is {value:?}; ids are whole numbers, and a list of them has commas: 2,3"
            ),
            (IdFault::LeadingZeros, "") => {
                f.write_str("ids are compared without leading zeros; none begins with 0")
            }
            (IdFault::LeadingZeros, digits) => write!(
                f,
                "ids are compared without leading zeros; write {digits} in place of {value}"
            ),
        }
    }
}

impl std::error::Error for NoSuchId {}

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
            (
                "team in research and development,ops",
                Text,
                &["research and development"],
                &["ops2"],
            ),
            ("note='(x); a* and b=c'", Text, &["(x); a* and b=c"], &["x"]),
            ("share=5%", Text, &["5%"], &["5"]),
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
    fn a_value_for_ids_is_one_that_an_id_can_have() {
        use FieldKind::{Id, Scope, Text};
        let comma = "ids are whole numbers, and a list of them has commas: 2,3";
        for (condition, value) in [
            ("task_id=abc", "abc"),
            ("task_id!=x1", "x1"),
            ("bk_biz_id not in 2 3", "2 3"),
            ("task_id in 7,10000-10010", "10000-10010"),
            ("task_id prefix 0x", "0x"),
            ("task_id=-1", "-1"),
        ] {
            let error = condition.parse::<Condition>().unwrap().check(Id).unwrap_err().to_string();
            assert_eq!(error, format!("--where '{condition}': no id is {value:?}; {comma}"));
            assert_eq!(condition.parse::<Condition>().unwrap().check(Text), Ok(()));
        }
        for (condition, kind, refused) in [
            ("task_id prefix 10", Id, None),
            ("task_id prefix 010", Id, Some("write 10 in place of 010")),
            ("task_id not prefix 20, '007 '", Id, Some("write 7 in place of 007")),
            ("task_id prefix 00", Id, Some("none begins with 0")),
            ("task_id in 010,7", Id, None),
            ("task_id=010", Id, None),
            ("task_id=''", Id, None),
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
}
