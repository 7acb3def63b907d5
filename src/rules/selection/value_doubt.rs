//! Values that are probably not meant as they stand: the list, pattern or further condition of
//! another language, or what no id can be. A `!=` with one would keep the rows that were to be left
//! out. Quotes say that a value is meant so.

use thiserror::Error;

use super::field_kind::FieldKind;
use super::notation::{ConditionValue, Quoting, Test, column};

/// Why a value is probably not meant as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum ValueDoubt {
    #[error(
        "write a list with commas and without brackets, 'owner in amy,bob', or quote a value that \
         has a bracket, a bar or a semicolon"
    )]
    List,
    #[error("= and != are the only signs; quote a value that begins with another")]
    Sign,
    #[error("there are no patterns: write 'owner prefix am', or quote a value that has a *")]
    Pattern,
    #[error(
        "one condition at a time: give --where again for rows that meet both, write 'owner in \
         amy,bob' for one or the other, or quote the value"
    )]
    Second,
    #[error(
        "no id is {0:?}; ids are whole numbers, and a list of them has commas: 2,3 (for rows with \
         this text as their id, quote it)"
    )]
    NoId(String),
    #[error("ids are compared without leading zeros; {}", without_zeros(.0))]
    LeadingZeros(String),
}

fn without_zeros(prefix: &str) -> String {
    match prefix.trim_start_matches('0') {
        "" => "none begins with 0".to_owned(),
        digits => format!("write {digits} in place of {prefix}"),
    }
}

/// Returns why `value` is probably not meant as it stands, if it is not.
pub(super) fn doubt(value: &ConditionValue, asked: Test, kind: FieldKind) -> Option<ValueDoubt> {
    let text = value.text.trim();
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    if kind == FieldKind::Id && is_number && asked == Test::Prefix && text.starts_with('0') {
        // No id can begin so, quoted or not.
        return Some(ValueDoubt::LeadingZeros(text.to_owned()));
    }
    match (value.quoting, kind) {
        (Quoting::Quoted, _) => None,
        (Quoting::Bare, FieldKind::Id) if !is_number => {
            another_language(text).or_else(|| Some(ValueDoubt::NoId(text.to_owned())))
        }
        (Quoting::Bare, _) => another_language(text),
    }
}

fn another_language(text: &str) -> Option<ValueDoubt> {
    if text.starts_with(['=', '!', '<', '>', '~']) {
        Some(ValueDoubt::Sign)
    } else if [" and ", " or ", "&&", "||"].into_iter().any(|joint| joins(text, joint)) {
        Some(ValueDoubt::Second)
    } else if text.contains(['(', ')', '[', ']', '{', '}', ';', '|']) {
        Some(ValueDoubt::List)
    } else if text.contains('*') {
        Some(ValueDoubt::Pattern)
    } else {
        None
    }
}

/// Whether what stands behind `joint` begins as a condition does.
fn joins(text: &str, joint: &str) -> bool {
    // Letters of ASCII keep their places.
    let Some(at) = text.to_ascii_lowercase().find(joint) else { return false };
    let rest = &text[at + joint.len()..];
    rest.contains(['<', '>']) || column(rest).is_ok_and(|(name, _)| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::super::condition::Condition;
    use super::*;

    fn told(condition: &str, kind: FieldKind) -> Option<String> {
        let error = condition.parse::<Condition>().unwrap().check(kind).err()?.to_string();
        let what = error.strip_prefix(&format!("--where '{condition}': ")).unwrap();
        Some(what.to_owned())
    }

    #[test]
    fn what_reads_like_another_language_is_doubtful() {
        use ValueDoubt::{List, Pattern, Second, Sign};
        for (condition, doubt) in [
            ("owner not in (amy,bob)", List),
            ("owner in amy, bob)", List),
            ("owner in [amy]", List),
            ("owner not in {amy,bob}", List),
            ("owner not in amy|bob", List),
            ("bk_biz_id not in 2;3", List),
            ("owner!==amy", Sign),
            ("owner=!amy", Sign),
            ("owner=~am", Sign),
            ("owner!=a*", Pattern),
            ("owner!=*my", Pattern),
            ("owner not in a*,bob", Pattern),
            ("owner!=amy and owner!=bob", Second),
            ("owner!=amy and owner!=bob and owner!=eve", Second),
            ("owner!=a and owner!=b or owner!=c and owner!=d and owner!=e", Second),
            ("owner!=amy and owner!==bob", Second),
            ("owner!=amy and age>5", Second),
            ("owner=amy OR team = night", Second),
            ("owner not in amy && team in x", Second),
            ("owner not in amy || team in x", Second),
            ("owner not in amy,bob and team=x", Second),
        ] {
            for kind in [FieldKind::Text, FieldKind::Scope] {
                assert_eq!(told(condition, kind), Some(doubt.to_string()), "{condition}");
            }
        }
        for condition in [
            "owner in amy,bob",
            "team in research and development,ops",
            "a=b=c",
            "share=5%",
            "note='(x); a* and b=c'",
            "note!=\"=SUM(a)\"",
            "owner=",
        ] {
            assert_eq!(told(condition, FieldKind::Text), None, "{condition}");
        }
    }

    #[test]
    fn a_value_for_ids_is_one_that_an_id_can_have() {
        for (condition, value) in [
            ("task_id=abc", "abc"),
            ("bk_biz_id!=Total", "Total"),
            ("bk_biz_id not in 2 3", "2 3"),
            ("task_id in 7,10000-10010", "10000-10010"),
            ("task_id prefix 0x", "0x"),
            ("task_id=-1", "-1"),
        ] {
            let doubt = ValueDoubt::NoId(value.to_owned()).to_string();
            assert_eq!(told(condition, FieldKind::Id), Some(doubt), "{condition}");
            assert_eq!(told(condition, FieldKind::Text), None, "{condition}");
        }
        for condition in
            ["task_id in 010,7", "task_id=''", "bk_biz_id!='Total'", "task_id prefix 1"]
        {
            assert_eq!(told(condition, FieldKind::Id), None, "{condition}");
        }
    }

    #[test]
    fn a_prefix_of_an_id_has_no_leading_zeros() {
        let zeros = "ids are compared without leading zeros; ";
        for (condition, advice) in [
            ("task_id prefix 010", "write 10 in place of 010"),
            ("task_id not prefix 20, '007 '", "write 7 in place of 007"),
            ("task_id prefix 00", "none begins with 0"),
        ] {
            assert_eq!(told(condition, FieldKind::Id), Some(format!("{zeros}{advice}")));
            assert_eq!(told(condition, FieldKind::Text), None, "{condition}");
        }
    }
}
