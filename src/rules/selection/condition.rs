//! A condition on a column of the input: `owner=amy`, `bk_biz_id in 2,3`, `name not prefix web`.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::field_kind::FieldKind;
use super::notation::{ConditionError, ConditionValue, Operator, Parts, Sense, Test, parts};
use super::value_doubt::{ValueDoubt, doubt};

/// Condition on a column of the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    pub(crate) column: String,
    operator: Operator,
    values: Vec<ConditionValue>,
    /// The condition as it was written.
    text: String,
}

impl Condition {
    /// Whether the condition holds for a field of its column.
    #[must_use]
    pub(crate) fn holds(&self, field: &str, kind: FieldKind) -> bool {
        let Operator { sense, test, notation: _ } = self.operator;
        let field = kind.essence(field);
        let is_met = self.values.iter().any(|value| match test {
            Test::Equals => field == kind.essence(&value.text),
            Test::Prefix => field.starts_with(value.text.trim()),
        });
        is_met == (sense == Sense::Plain)
    }

    /// Refuses a condition with a value that is probably not meant as it stands. One that a run
    /// keeps is not judged again.
    ///
    /// # Errors
    ///
    /// Returns an error if there is such a value.
    pub(crate) fn check(&self, kind: FieldKind) -> Result<(), DoubtfulCondition> {
        let mut values = self.values.iter();
        match values.find_map(|value| doubt(value, self.operator.test, kind)) {
            Some(doubt) => Err(DoubtfulCondition { condition: self.text.clone(), doubt }),
            None => Ok(()),
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
        let Parts { column, operator, values } = parts(text)?;
        Ok(Self { column, operator, values, text: text.trim().to_owned() })
    }
}

/// A condition with a value that is probably not meant as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("--where '{condition}': {doubt}")]
pub(crate) struct DoubtfulCondition {
    condition: String,
    doubt: ValueDoubt,
}

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
}
