//! Draws the list: businesses, tasks, and what the server does with each.

use std::time::Duration;

use super::dice::Dice;
use super::{ListedRow, TaskFate};

/// A kind of fate, without its times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FateKind {
    StartedBefore,
    StartedMeanwhile,
    NotThere,
    OfOtherProject,
    NoProject,
    Denied,
    Deleted,
    Unclaimed,
    MessagesLost,
    FailsBeforeFlag,
    FailsAfterFlag,
    WorkerDies,
    PluginMissing,
    Breaks,
}

impl FateKind {
    const ALL: [Self; 14] = [
        Self::StartedBefore,
        Self::StartedMeanwhile,
        Self::NotThere,
        Self::OfOtherProject,
        Self::NoProject,
        Self::Denied,
        Self::Deleted,
        Self::Unclaimed,
        Self::MessagesLost,
        Self::FailsBeforeFlag,
        Self::FailsAfterFlag,
        Self::WorkerDies,
        Self::PluginMissing,
        Self::Breaks,
    ];
}

/// What all rows of one list have in common.
struct Manner {
    businesses: Vec<(String, String)>,
    /// Kinds of fate beside [`TaskFate::Runs`], and the percentage of rows that have one.
    fates: Vec<FateKind>,
    odd: u32,
    /// Percentages of rows that repeat an earlier one, cannot be used, or are written oddly.
    duplicates: u32,
    invalid: u32,
    oddly_written: u32,
}

/// Draws the rows of a list.
pub(super) fn rows(dice: &mut Dice) -> Vec<ListedRow> {
    let manner = Manner::draw(dice);
    let count = if dice.chance(75) { dice.between(5, 25) } else { dice.between(26, 60) };
    let mut rows: Vec<ListedRow> = Vec::with_capacity(count as usize);
    let mut task = u64::from(dice.between(1, 90_000));
    for _ in 0..count {
        if !rows.is_empty() && dice.chance(manner.duplicates) {
            let mut row = rows[dice.index(rows.len())].clone();
            if row.key().is_some() {
                row.fate = TaskFate::Runs;
                row.owner = owner(dice);
                rows.push(written(dice, &manner, row));
                continue;
            }
        }
        task += u64::from(dice.between(1, 9));
        let row = manner.row(dice, task);
        let row = written(dice, &manner, row);
        rows.push(if dice.chance(manner.invalid) { spoiled(dice, row) } else { row });
    }
    if dice.chance(50) {
        rows.sort_by(|one, other| (&one.scope, &one.biz).cmp(&(&other.scope, &other.biz)));
        first_has_the_fate(&mut rows);
    }
    rows
}

impl Manner {
    fn draw(dice: &mut Dice) -> Self {
        let count = dice.pick(&[1, 1, 2, 2, 3, 4, 5]);
        let scopes = dice.between(0, 2);
        let mut businesses = Vec::new();
        for at in 0..count {
            // Now and then, one number is a business of both scopes.
            let biz = if dice.chance(25) { 2 } else { 2 + at };
            let is_project = scopes == 2 || (scopes == 1 && at % 2 == 1);
            let scope = if is_project { "project" } else { "cmdb_biz" };
            businesses.push((biz.to_string(), scope.to_owned()));
        }
        Self {
            businesses,
            fates: dice.some_of(&FateKind::ALL),
            odd: dice.pick(&[0, 0, 10, 25, 60]),
            duplicates: dice.pick(&[0, 0, 0, 5, 20]),
            invalid: dice.pick(&[0, 0, 0, 0, 5, 15]),
            oddly_written: dice.pick(&[0, 0, 10, 30]),
        }
    }

    fn row(&self, dice: &mut Dice, task: u64) -> ListedRow {
        // The first business has most rows: its limits are what others must not wait for.
        let at = if dice.chance(30) { 0 } else { dice.index(self.businesses.len()) };
        let (biz, scope) = self.businesses[at].clone();
        let is_odd = dice.chance(self.odd);
        let kind = dice.pick(&self.fates);
        let fate = if is_odd { fate(dice, kind) } else { TaskFate::Runs };
        ListedRow { biz, task: task.to_string(), scope, owner: owner(dice), fate }
    }
}

fn owner(dice: &mut Dice) -> String {
    let plain = ["ann", "bob", "", "zoë", "Ops, night"];
    let odd = ["=1+1", "say \"go\"", "@all", "-", "'x"];
    let name = if dice.chance(90) { dice.pick(&plain) } else { dice.pick(&odd) };
    name.to_owned()
}

fn fate(dice: &mut Dice, kind: FateKind) -> TaskFate {
    match kind {
        FateKind::StartedBefore => {
            // Ten minutes before are the border between somebody else's start and ours.
            let near = dice.pick(&[1, 300, 599, 600, 601, 660, 86_400]);
            TaskFate::StartedBefore(Duration::from_secs(near))
        }
        FateKind::StartedMeanwhile => TaskFate::StartedMeanwhile(dice.millis(1, 120_000)),
        FateKind::NotThere => TaskFate::NotThere,
        FateKind::OfOtherProject => TaskFate::OfOtherProject,
        FateKind::NoProject => TaskFate::NoProject,
        FateKind::Denied => TaskFate::Denied,
        FateKind::Deleted => TaskFate::Deleted,
        FateKind::Unclaimed => TaskFate::Unclaimed,
        FateKind::MessagesLost => TaskFate::MessagesLost(dice.pick(&[1, 1, 2, 4])),
        FateKind::FailsBeforeFlag => TaskFate::FailsBeforeFlag,
        FateKind::FailsAfterFlag => TaskFate::FailsAfterFlag,
        FateKind::WorkerDies => TaskFate::WorkerDies,
        FateKind::PluginMissing => TaskFate::PluginMissing,
        FateKind::Breaks => TaskFate::Breaks,
    }
}

/// Writes the same task in one of the other ways that mean it.
fn written(dice: &mut Dice, manner: &Manner, mut row: ListedRow) -> ListedRow {
    if dice.chance(manner.oddly_written) {
        match dice.between(0, 4) {
            0 => row.task = format!("00{}", row.task),
            1 => row.task = format!(" {}", row.task),
            2 => row.biz = format!("0{} ", row.biz),
            3 => row.scope = format!(" {} ", row.scope),
            _ if row.scope == "cmdb_biz" => row.scope.clear(),
            _ => {}
        }
    }
    row
}

/// Makes a row that cannot be used.
fn spoiled(dice: &mut Dice, mut row: ListedRow) -> ListedRow {
    let ids = ["abc", "0", "-1", "", "9223372036854775808", "1.5", "12 3", "+7"];
    match dice.between(0, 2) {
        0 => dice.pick(&ids).clone_into(&mut row.task),
        1 => dice.pick(&ids).clone_into(&mut row.biz),
        _ => dice.pick(&["biz", "CMDB_BIZ", "projekt", "2"]).clone_into(&mut row.scope),
    }
    row.fate = TaskFate::Runs;
    row
}

/// Moves the fate of a task to the first of its rows, where it is looked for.
fn first_has_the_fate(rows: &mut [ListedRow]) {
    for at in 0..rows.len() {
        let (before, after) = rows.split_at_mut(at);
        let row = &mut after[0];
        if row.fate == TaskFate::Runs {
            continue;
        }
        if let Some(first) = before.iter_mut().find(|first| first.key() == row.key()) {
            first.fate = row.fate;
            row.fate = TaskFate::Runs;
        }
    }
}
