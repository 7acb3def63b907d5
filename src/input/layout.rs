//! Finds out from the first record of an input which column holds what.
//!
//! Pure: names in, a [`Layout`] or a fault out.

use super::fields::is_shortened;
use super::missing_column::unmapped;
use super::null::NullWords;
use crate::domain::record::COLUMNS;
use crate::domain::task_column::TaskColumn;
use crate::rules::selection::ColumnMap;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub biz_id: usize,
    pub task_id: usize,
    pub scope: Option<usize>,
    /// Positions of the carried columns, and their names in the report.
    pub carried: Vec<(usize, Box<str>)>,
    /// Maximum number of fields of a row.
    pub width: usize,
    pub origin: TableOrigin,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TableOrigin {
    /// Anything but this program.
    ForeignKind,
    /// This program: a report, in which formulas are guarded.
    Report,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum First {
    Header(Layout),
    /// A row already: the columns have no names.
    Row(Layout),
}

/// Reads the first record. It is a row if it begins with two numbers, or with a word of `nulls` in
/// place of an id, unless `map` names headers. Returns what is wrong if it is neither a row nor a
/// usable header.
pub(super) fn first_record(
    fields: &[&str],
    nulls: NullWords,
    map: &ColumnMap,
) -> Result<First, String> {
    let is_id = |field: &&&str| {
        let text = field.trim();
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        is_number || nulls.has(field) || is_shortened(text)
    };
    let begins_with_ids = fields.len() >= 2 && fields.iter().take(2).filter(is_id).count() == 2;
    if begins_with_ids && map.is_empty() {
        return Ok(First::Row(without_names(fields.len())));
    }
    by_names(fields, map).map(First::Header)
}

/// Without a header any row may have a scope.
fn without_names(fields: usize) -> Layout {
    let width = fields.max(3);
    Layout {
        biz_id: 0,
        task_id: 1,
        scope: Some(2),
        carried: (3..width).map(|at| (at, format!("column_{}", at + 1).into())).collect(),
        width,
        origin: TableOrigin::ForeignKind,
    }
}

/// Returns the layout of named columns, or what is wrong: a needed name is missing or repeated.
pub(super) fn by_names(names: &[&str], map: &ColumnMap) -> Result<Layout, String> {
    let names: Vec<String> = names.iter().map(|name| name.trim().to_owned()).collect();
    let is = |name: &str, column: &str| name.eq_ignore_ascii_case(column);
    let origin = if COLUMNS.iter().all(|column| names.iter().any(|name| is(name, column))) {
        TableOrigin::Report
    } else {
        TableOrigin::ForeignKind
    };
    let place = |wanted: TaskColumn| {
        let mut found = (0..names.len()).filter(|at| map.column_of(&names[*at]) == Some(wanted));
        match (found.next(), found.next(), map.header(wanted)) {
            (Some(first), Some(second), header) => Err(format!(
                "columns {} and {} are both {}, and only one can be meant",
                first + 1,
                second + 1,
                header.unwrap_or(wanted.names())
            )),
            (None, _, Some(header)) => {
                let names: Vec<_> = names.iter().map(|name| &**name).collect();
                Err(unmapped(wanted, header, &names))
            }
            (first, _, _) => Ok(first),
        }
    };
    let missing = |wanted: TaskColumn| {
        let wanted = wanted.names();
        let found: Vec<_> = names.iter().take(8).map(|name| format!("{name:.40}")).collect();
        format!(
            "neither a header with {wanted} nor a row that begins with two numbers; \
             found {:?}{}. A header names bk_biz_id (or biz_id) and task_id, and may name scope; \
             --map says which other names it has; without a header the columns are bk_biz_id, \
             task_id, scope",
            found.join(" | "),
            hint(&names),
        )
    };
    let biz_id = place(TaskColumn::BizId)?;
    let task_id = place(TaskColumn::TaskId)?.ok_or_else(|| missing(TaskColumn::TaskId))?;
    let biz_id = biz_id.ok_or_else(|| missing(TaskColumn::BizId))?;
    let scope = place(TaskColumn::Scope)?;
    let used = |at: usize| [Some(biz_id), Some(task_id), scope].contains(&Some(at));
    let mut carried: Vec<(usize, Box<str>)> = Vec::new();
    for at in (0..names.len()).filter(|at| !used(*at)) {
        let Some(name) = carried_name(&names[at], origin) else { continue };
        // Two columns of one name would be one key of a JSON report.
        let name = match &*name {
            "" => format!("column_{}", at + 1).into(),
            known if carried.iter().any(|(_, other)| **other == *known) => {
                format!("{known}.{}", at + 1).into()
            }
            _ => name,
        };
        carried.push((at, name));
    }
    Ok(Layout { biz_id, task_id, scope, carried, width: names.len(), origin })
}

/// Returns the report's name of a carried column; `None` for a column that a report has anyway.
pub(super) fn carried_name(name: &str, origin: TableOrigin) -> Option<Box<str>> {
    let is_own = COLUMNS.iter().any(|column| name.eq_ignore_ascii_case(column));
    match (is_own, origin) {
        (true, TableOrigin::Report) => None,
        (true, TableOrigin::ForeignKind) => Some(format!("input.{name}").into()),
        (false, _) => Some(name.into()),
    }
}

/// Suggests another separator if there is just one column.
fn hint(names: &[String]) -> &'static str {
    match names {
        [only] if only.contains('\t') => " (separated by tabs? then say --format tsv)",
        [only] if only.contains(',') => " (separated by commas? then say --format csv)",
        [only] if only.contains(';') => " (separated by semicolons? save it with commas)",
        [first, ..] if first.starts_with('<') => " (a web page, perhaps of a login?)",
        [first, ..] if first.starts_with('{') => " (JSON Lines? then say --format jsonl)",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn carried(layout: &Layout) -> Vec<(usize, &str)> {
        layout.carried.iter().map(|(at, name)| (*at, &**name)).collect()
    }

    #[test]
    fn a_header_may_have_any_order_and_case() {
        let First::Header(layout) = first_record(
            &["Note", " TASK_ID ", "Scope", "biz_id", "owner"],
            NullWords::Sql,
            &ColumnMap::default(),
        )
        .unwrap() else {
            panic!("a header")
        };
        assert_eq!((layout.biz_id, layout.task_id, layout.scope), (3, 1, Some(2)));
        assert_eq!(carried(&layout), [(0, "Note"), (4, "owner")]);
        assert_eq!(layout.width, 5);
    }

    #[test]
    fn two_numbers_are_a_row_without_a_header() {
        for (fields, width, further) in [
            (&["2", "17"][..], 3, &[][..]),
            (&[" 2 ", "17", ""], 3, &[]),
            (&["2", "17", "project", "a", "b"], 5, &[(3, "column_4"), (4, "column_5")]),
        ] {
            let First::Row(layout) =
                first_record(fields, NullWords::None, &ColumnMap::default()).unwrap()
            else {
                panic!("a row")
            };
            assert_eq!((layout.biz_id, layout.task_id, layout.scope), (0, 1, Some(2)));
            assert_eq!(layout.width, width);
            assert_eq!(carried(&layout), further);
        }
    }

    #[test]
    fn a_first_row_may_lack_an_id() {
        for fields in [["NULL", "17", "project"], ["2", "\\N", ""], ["NULL", "NULL", "NULL"]] {
            assert!(matches!(
                first_record(&fields, NullWords::Sql, &ColumnMap::default()),
                Ok(First::Row(_))
            ));
            assert!(first_record(&fields, NullWords::None, &ColumnMap::default()).is_err());
        }
    }

    #[test]
    fn a_column_named_like_one_of_the_report_is_renamed() {
        let layout =
            by_names(&["bk_biz_id", "task_id", "Message", "line"], &ColumnMap::default()).unwrap();
        assert_eq!(carried(&layout), [(2, "input.Message"), (3, "input.line")]);
    }

    #[test]
    fn further_columns_have_names_of_their_own() {
        let layout =
            by_names(&["bk_biz_id", "task_id", "note", "", "note"], &ColumnMap::default()).unwrap();
        assert_eq!(carried(&layout), [(2, "note"), (3, "column_4"), (4, "note.5")]);
    }

    #[test]
    fn of_a_report_only_the_further_columns_are_carried() {
        let mut names = COLUMNS.to_vec();
        names.extend(["note", "input.line"]);
        let layout = by_names(&names, &ColumnMap::default()).unwrap();
        assert_eq!(layout.origin, TableOrigin::Report);
        assert_eq!(carried(&layout), [(19, "note"), (20, "input.line")]);
        assert_eq!((layout.biz_id, layout.task_id, layout.scope), (1, 2, Some(3)));
    }

    #[test]
    fn what_is_no_header_says_why() {
        for (fields, part) in [
            (&["bk_biz_id", "task"][..], "task_id"),
            (&["task_id", "scope"], "bk_biz_id or biz_id"),
            (&["bk_biz_id", "task_id", "Task_ID"], "columns 2 and 3 are both task_id"),
            (&["bk_biz_id", "biz_id", "task_id"], "columns 1 and 2 are both bk_biz_id or biz_id"),
            (&["2", "1７"], "begins with two numbers"),
            (&["bk_biz_id;task_id"], "semicolons"),
            (&["bk_biz_id\ttask_id"], "--format tsv"),
            (&["{\"task_id\": 1}"], "--format jsonl"),
            (&["{\"biz_id\": 2", "\"task_id\": 1}"], "--format jsonl"),
        ] {
            let fault = first_record(fields, NullWords::None, &ColumnMap::default()).unwrap_err();
            assert!(fault.contains(part), "{fields:?}: {fault}");
        }
    }
    #[test]
    fn a_mapped_column_is_found_by_its_header() {
        let map = |texts: &[&str]| {
            ColumnMap::of(texts.iter().map(|text| text.parse().unwrap()).collect()).unwrap()
        };
        let names = ["id", "业务ID", "bk_biz_id", "Kind"];
        let all = map(&["bk_biz_id=业务id", "task_id=ID", "scope=kind"]);
        let layout = by_names(&names, &all).unwrap();
        assert_eq!((layout.biz_id, layout.task_id, layout.scope), (1, 0, Some(3)));
        assert_eq!(carried(&layout), [(2, "input.bk_biz_id")]);
        let missing = by_names(&names, &map(&["task_id=task"])).unwrap_err();
        let there_are = "--map task_id=task: there is no column task; there are id, 业务ID";
        assert!(missing.starts_with(there_are), "{missing}");
        let row = first_record(&["2", "17"], NullWords::None, &map(&["task_id=id"])).unwrap_err();
        assert!(row.starts_with("--map task_id=id: there is no column id"), "{row}");
    }
}
