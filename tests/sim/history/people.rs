//! Draws what people do to a session, and between two.

use super::dice::Dice;
use super::{Act, Before, Deed, Moment, SessionPlan};

/// How far a session may come, and whether another one follows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reach {
    pub rows: u32,
    pub will_go_on: bool,
}

/// Draws what is done to a session while it runs.
pub(super) fn acts(dice: &mut Dice, reach: Reach) -> Vec<Act> {
    // A session that another one follows is mostly one that did not come to its end.
    let idle = if reach.will_go_on { 20 } else { 60 };
    if dice.chance(idle) {
        return Vec::new();
    }
    let count = dice.pick(&[1, 1, 1, 1, 2, 2, 3]);
    let deeds = dice.some_of(&[Deed::Signal, Deed::Signal, Deed::Kill, Deed::PowerLoss]);
    let acts = (0..count).map(|_| Act { when: moment(dice, reach.rows), what: dice.pick(&deeds) });
    acts.collect()
}

fn moment(dice: &mut Dice, rows: u32) -> Moment {
    match dice.between(0, 5) {
        0 => Moment::After(dice.millis(1, 60_000)),
        1 => Moment::Sent(dice.between(1, rows + rows / 3)),
        2 => Moment::Answered(dice.between(1, rows + rows / 3)),
        3 => Moment::BeforeCommit(dice.spread(1, rows)),
        4 => Moment::AfterCommit(dice.spread(1, rows)),
        _ => Moment::Within(dice.spread(1, rows)),
    }
}

/// Draws what people do before a resume.
pub(super) fn before(dice: &mut Dice) -> Vec<Before> {
    let mut before = Vec::new();
    let likely = [
        (Before::MendCredentials, 10),
        (Before::EditReport, 6),
        (Before::RemoveReport, 6),
        (Before::OtherTarget, 6),
    ];
    for (what, percent) in likely {
        if dice.chance(percent) {
            before.push(what);
        }
    }
    before
}

/// Whether the machine is restarted between the last session and the next one: always after a
/// loss of power.
pub(super) fn is_rebooted(dice: &mut Dice, sessions: &[SessionPlan]) -> bool {
    let lost_power =
        sessions.last().is_some_and(|last| last.acts.iter().any(|act| act.what == Deed::PowerLoss));
    lost_power || dice.chance(12)
}
