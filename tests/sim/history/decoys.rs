//! Rows that the run leaves out. They stand behind all others, whose lines and counts stay as if
//! there were none: whatever is sent or told of one breaks a promise.

use super::dice::Dice;
use super::{Flag, History};

/// Tasks that no row of a list has.
const TASKS: [&str; 2] = ["9000001", "9000002"];

/// Owner that no row of a list has.
const OWNER: &str = "decoy";

/// Draws a flag that leaves rows out.
pub(super) fn flag(dice: &mut Dice) -> Option<Flag> {
    let flags = [
        ("where", "owner!=decoy"),
        ("where", "owner not prefix deco"),
        ("where", "task_id not in 9000001,9000002"),
        ("skip", "9000001,9000002"),
    ];
    let (name, value) = dice.pick(&flags);
    dice.chance(25).then(|| Flag::valued(name, value))
}

impl History {
    /// Returns the rows that the flags of the run leave out, as they stand in the list.
    pub fn decoys(&self) -> Vec<[&str; 4]> {
        let flags = self.sessions.first().map_or(&[][..], |run| &run.flags);
        let filter = flags.iter().find(|flag| matches!(flag.name, "where" | "skip"));
        let Some(filter) = filter.and_then(|flag| flag.value.as_deref()) else { return Vec::new() };
        let mut decoys: Vec<_> = TASKS.map(|task| ["2", task, "cmdb_biz", OWNER]).into();
        if filter.starts_with("owner") {
            decoys.push(["2", "no task", "", OWNER]);
            decoys.extend(self.list.first().map(|row| [&*row.biz, &row.task, &row.scope, OWNER]));
        }
        decoys
    }
}
