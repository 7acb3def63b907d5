//! Finds the columns that a selection names.
//!
//! Pure: names in, positions or a fault out.

use strum::VariantArray as _;

use super::layout::Layout;
use super::missing_column::{is_same, unknown};
use crate::domain::task_column::TaskColumn;
use crate::rules::selection::{Condition, FieldKind, Selection};

/// Field of a row; a column that the input lacks has none.
pub(super) type Field = (Option<usize>, FieldKind);

/// Returns the fields of the conditions' columns in a table with these headers; without a header
/// there are none. Returns what is wrong if there is no such column.
pub(super) fn fields_of_conditions(
    layout: &Layout,
    headers: &[String],
    selection: &Selection,
) -> Result<Vec<Field>, String> {
    let find = |condition: &Condition| {
        find(layout, headers, selection, &condition.column).ok_or_else(|| {
            let own: Vec<_> = TaskColumn::VARIANTS.iter().map(|column| column.name()).collect();
            let others = (0..headers.len()).filter(|at| kind(layout, *at) == FieldKind::Text);
            let others = others.map(|at| &*headers[at]).filter(|name| !name.is_empty());
            let carried = layout.carried.iter().map(|(_, name)| &**name);
            let others: Vec<_> =
                if headers.is_empty() { carried.collect() } else { others.collect() };
            unknown(condition, &[own, others].concat())
        })
    };
    selection.conditions.iter().map(find).collect()
}

fn find(layout: &Layout, headers: &[String], selection: &Selection, name: &str) -> Option<Field> {
    match selection.map.meant_by(name) {
        Some(TaskColumn::BizId) => return Some((Some(layout.biz_id), FieldKind::Id)),
        Some(TaskColumn::TaskId) => return Some((Some(layout.task_id), FieldKind::Id)),
        Some(TaskColumn::Scope) => return Some((layout.scope, FieldKind::Scope)),
        None => {}
    }
    let carried = layout.carried.iter().map(|(at, name)| (*at, &**name));
    let headers = headers.iter().enumerate().map(|(at, name)| (at, &**name));
    let all: Vec<_> = carried.chain(headers).collect();
    let exact = all.iter().find(|(_, known)| *known == name.trim());
    let (at, _) = exact.or_else(|| all.iter().find(|(_, known)| is_same(known, name)))?;
    Some((Some(*at), kind(layout, *at)))
}

/// Returns the kind of the field at a position of a table.
fn kind(layout: &Layout, at: usize) -> FieldKind {
    if at == layout.biz_id || at == layout.task_id {
        FieldKind::Id
    } else if layout.scope == Some(at) {
        FieldKind::Scope
    } else {
        FieldKind::Text
    }
}

#[cfg(test)]
mod tests {
    use super::super::layout::by_names;
    use super::*;

    fn selection(condition: &str, map: &[&str]) -> Selection {
        let owned = |texts: &[&str]| texts.iter().map(ToString::to_string).collect();
        let flags = [("where", &[condition][..]), ("map", map)];
        let flags = flags.map(|(flag, texts)| (flag.to_owned(), owned(texts)));
        Selection::of_flags(&flags.into()).unwrap()
    }

    #[test]
    fn a_condition_finds_its_column_by_every_name_it_has() {
        let headers = ["biz_id", "task_id", "业务ID", "note", "Note", "message", ""];
        let headers = headers.map(str::to_owned);
        let names: Vec<_> = headers.iter().map(|name| &**name).collect();
        for (condition, map, field) in [
            ("bk_biz_id=2", &[][..], Some((Some(0), FieldKind::Id))),
            ("BIZ_ID=2", &[], Some((Some(0), FieldKind::Id))),
            ("scope=project", &[], Some((None, FieldKind::Scope))),
            ("note=x", &[], Some((Some(3), FieldKind::Text))),
            ("Note=x", &[], Some((Some(4), FieldKind::Text))),
            ("NOTE=x", &[], Some((Some(3), FieldKind::Text))),
            ("message=x", &[], Some((Some(5), FieldKind::Text))),
            ("input.message=x", &[], Some((Some(5), FieldKind::Text))),
            ("column_7=x", &[], Some((Some(6), FieldKind::Text))),
            ("bk_biz_id=2", &["bk_biz_id=业务ID"], Some((Some(2), FieldKind::Id))),
            ("业务ID=2", &["bk_biz_id=业务ID"], Some((Some(2), FieldKind::Id))),
            ("input.biz_id=2", &["bk_biz_id=业务ID"], None),
            ("notes=x", &[], None),
        ] {
            let selection = selection(condition, map);
            let layout = by_names(&names, &selection.map).unwrap();
            let found = fields_of_conditions(&layout, &headers, &selection).ok();
            assert_eq!(found, field.map(|field| vec![field]), "{condition} {map:?}");
        }
    }

    #[test]
    fn an_unknown_column_is_told_with_those_that_there_are() {
        let names = ["biz_id", "task_id", "owner"];
        let selection = selection("ownr!=amy", &[]);
        let layout = by_names(&names, &selection.map).unwrap();
        let fault =
            fields_of_conditions(&layout, &names.map(str::to_owned), &selection).unwrap_err();
        assert_eq!(
            fault,
            "--where 'ownr!=amy': there is no column ownr (did you mean owner?); there are \
             bk_biz_id, task_id, scope, owner"
        );
    }
}
