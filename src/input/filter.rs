//! Leaves out the rows of an input that are no part of the run, and counts them.

use std::borrow::Cow;
use std::sync::Arc;

use crate::domain::task::Id;
use crate::rules::selection::{FieldKind, Selection, TaskIds};

/// Decides which rows are handed out.
pub(super) struct RowFilter {
    selection: Arc<Selection>,
    /// What the columns of the conditions hold, in the order of the conditions.
    kinds: Vec<FieldKind>,
    /// Number of rows so far that were left out.
    pub left_out: u64,
    only: FoundIds,
    skip: FoundIds,
}

impl RowFilter {
    pub(super) fn new(selection: Arc<Selection>, kinds: Vec<FieldKind>) -> Self {
        let (only, skip) = (FoundIds::of(&selection.only), FoundIds::of(&selection.skip));
        Self { selection, kinds, left_out: 0, only, skip }
    }

    /// Whether the row on this line may be handed out.
    pub(super) fn keeps_line(&mut self, line: u64) -> bool {
        let keeps = self.selection.lines.contain(line);
        self.left_out += u64::from(!keeps);
        keeps
    }

    /// Whether the row with this task id may be handed out; `field` returns the field of a
    /// condition, by its position among them.
    pub(super) fn keeps_fields<'a>(
        &mut self,
        task_id: &str,
        field: impl Fn(usize) -> Cow<'a, str>,
    ) -> bool {
        let Self { selection, kinds, .. } = self;
        if selection.is_all() {
            return true;
        }
        let id = task_id.parse::<Id>().ok();
        let mut conditions = selection.conditions.iter().zip(kinds).enumerate();
        let keeps = selection.has_task(id)
            && conditions.all(|(at, (condition, kind))| condition.holds(&field(at), *kind));
        for (listed, found) in
            [(&selection.only, &mut self.only), (&selection.skip, &mut self.skip)]
        {
            found.note(id.and_then(|id| listed.position(id)));
        }
        self.left_out += u64::from(!keeps);
        keeps
    }

    /// Returns the listed ids that no row has, each with the flag that lists it.
    pub(super) fn absent(&self) -> Vec<(&'static str, Id)> {
        let Selection { only, skip, .. } = &*self.selection;
        let only = self.only.absent(only).map(|id| ("--only", id));
        only.chain(self.skip.absent(skip).map(|id| ("--skip", id))).collect()
    }
}

/// Which of the listed ids were found.
struct FoundIds(Vec<bool>);

impl FoundIds {
    fn of(listed: &TaskIds) -> Self {
        Self(listed.iter().map(|_| false).collect())
    }

    fn note(&mut self, position: Option<usize>) {
        if let Some(found) = position.and_then(|at| self.0.get_mut(at)) {
            *found = true;
        }
    }

    fn absent<'a>(&'a self, listed: &'a TaskIds) -> impl Iterator<Item = Id> + 'a {
        listed.iter().zip(&self.0).filter(|(_, found)| !**found).map(|(id, _)| id)
    }
}
