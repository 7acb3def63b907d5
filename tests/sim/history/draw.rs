//! Draws a whole history from a seed.

use std::time::Duration;

use super::dice::Dice;
use super::flags::{self, Ground};
use super::people::{self, Reach};
use super::rows::rows;
use super::server_plan::server_plan;
use super::{Before, Event, Flag, History, InputKind, SessionPlan, When, decoys, faults};

impl History {
    /// Draws the history of a seed: always the same.
    pub fn draw(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let list = rows(&mut dice.fork());
        let input = input(&mut dice.fork());
        let server = server_plan(&mut dice.fork(), &list);
        let rows = u32::try_from(list.len()).unwrap_or(u32::MAX);
        let events = faults::events(&mut dice.fork(), rows);
        let is_stream = input != InputKind::File;
        let has_invalid = list.iter().any(|row| row.key().is_none());
        let ground = Ground { is_stream, has_invalid, route: server.route, rows };
        let mut sessions = sessions(&mut dice.fork(), ground, &events);
        sessions[0].flags.extend(decoys::flag(&mut dice.fork()));
        Self { seed, list, input, server, events, sessions }
    }
}

fn input(dice: &mut Dice) -> InputKind {
    if dice.chance(25) {
        InputKind::Stream { pause: dice.millis(1, 2_000) }
    } else {
        InputKind::File
    }
}

/// Draws the sessions: a `run`, and resumes of which the last can finish it.
fn sessions(dice: &mut Dice, ground: Ground, events: &[Event]) -> Vec<SessionPlan> {
    let resumes = dice.pick(&[0, 1, 1, 1, 2, 2, 2, 3, 3, 4]);
    let heals = resumes.min(dice.between(1, 2));
    let mut flags = flags::of_run(dice, ground);
    if resumes > 0 {
        flags.retain(|flag| flag.name != "no-journal");
    }
    let mut reach = Reach { rows: ground.rows, will_go_on: resumes > 0 };
    let acts = people::acts(dice, reach);
    let mut sessions =
        vec![SessionPlan { gap: Duration::ZERO, reboot: false, before: Vec::new(), flags, acts }];
    for at in 1..=resumes {
        let before = people::before(dice);
        let mut session = SessionPlan {
            gap: dice.millis(100, 900_000),
            reboot: people::is_rebooted(dice, &sessions),
            before,
            flags: Vec::new(),
            acts: Vec::new(),
        };
        if at + heals > resumes {
            session.before.clear();
            if at + heals == resumes + 1 {
                session.gap = session.gap.max(quiet_after(events));
            }
            session.flags = heal(dice, ground, &sessions);
        } else {
            session.flags = flags::of_resume(dice, ground, &sessions);
            takes_other_target(dice, &mut session);
            reach.will_go_on = true;
            session.acts = people::acts(dice, reach);
        }
        sessions.push(session);
    }
    sessions
}

/// Returns the time after which nothing that was drawn befalls the world any more, if what waits
/// for a request has begun before.
fn quiet_after(events: &[Event]) -> Duration {
    let end = |event: &Event| {
        let began = match event.when {
            When::At(at) => at,
            When::Start(_) | When::Question(_) => Duration::ZERO,
        };
        began + event.what.lasts()
    };
    events.iter().map(end).max().unwrap_or_default() + Duration::from_secs(1)
}

/// People who move the server mostly say so.
fn takes_other_target(dice: &mut Dice, session: &mut SessionPlan) {
    if session.before.contains(&Before::OtherTarget) && dice.chance(70) {
        session.flags.push(Flag::bare("target-changed"));
    }
}

/// Draws the flags of a resume that nothing keeps from finishing the run: flags that the run
/// keeps and that could stop it are overridden.
fn heal(dice: &mut Dice, ground: Ground, earlier: &[SessionPlan]) -> Vec<Flag> {
    let has = |name| flags::kept(earlier, name).next().is_some();
    let has_full = flags::kept(earlier, "output").any(|output| output == "full");
    let was = |what| earlier.iter().any(|session| session.before.contains(&what));
    let mut flags = flags::of_heal(dice, ground);
    if has("window") {
        flags.push(Flag::valued("start-at", "+1s"));
    }
    if has("max-failures") {
        flags.push(Flag::valued("max-failures", "100%"));
    }
    if has_full {
        flags.push(Flag::valued("output", dice.pick(&["report-c.tsv", "report-d.csv"])));
    }
    if was(Before::EditReport) {
        flags.push(Flag::bare("force"));
    }
    if was(Before::OtherTarget) {
        flags.push(Flag::bare("target-changed"));
    }
    flags
}

impl History {
    /// Whether nothing and nobody disturbs a resume that begins at `began`, nor any later one.
    pub fn heals(&self, session: usize, began: Duration) -> bool {
        let is_over = |event: &Event| match event.when {
            When::At(at) => at + event.what.lasts() <= began,
            // Forgotten from then on, unless it has begun and goes on.
            When::Start(_) | When::Question(_) => event.what.lasts().is_zero(),
        };
        session > 0
            && self.sessions[session..].iter().all(SessionPlan::is_calm)
            && self.events.iter().all(is_over)
    }
}

impl SessionPlan {
    /// Whether nobody does anything to the session, and no flag of its own ends it early.
    pub fn is_calm(&self) -> bool {
        const ENDS: [&str; 3] = ["limit", "stop-at", "window"];
        self.acts.is_empty()
            && self.before.is_empty()
            && !self.flags.iter().any(|flag| ENDS.contains(&flag.name))
    }
}
