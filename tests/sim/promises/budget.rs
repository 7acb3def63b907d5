//! No more rows fail than `--max-failures` tolerates, and one.

use std::collections::BTreeMap;

use super::settings::Settings;
use super::{Broken, Night};
use crate::world::witness::SessionEnd;

/// Checks how many rows a session let fail, by its journal.
pub fn kept(night: &Night, settings: &Settings, session: usize) -> Result<(), Broken> {
    let facts = night.facts(session);
    let Some(may_fail) = settings.may_fail(night.history).filter(|_| facts.journaled) else {
        return Ok(());
    };
    let earlier = night.witness.sessions[..session].iter().rev();
    let mut begun = earlier.filter(|facts| !matches!(facts.end, SessionEnd::Refused { .. }));
    let nothing = BTreeMap::new();
    let before = begun.next().map_or(&nothing, |facts| &facts.settled);
    let is_old = |line: &u64| {
        let outcome = before.get(line);
        let reopens = |outcome: &str| settings.retry_failed && settings.is_failure(outcome);
        outcome.is_some_and(|outcome| !reopens(outcome))
    };
    let new = facts.settled.iter().filter(|(line, _)| !is_old(line));
    // Of a session that died, the mark that takes rows up again may be missing.
    let died = !matches!(facts.end, SessionEnd::Exited { .. });
    let new = new.filter(|(line, outcome)| !(died && before.get(line) == Some(*outcome)));
    let failed = new.filter(|(_, outcome)| settings.is_failure(outcome)).count() as u64;
    if failed > may_fail + 1 {
        let what = format!("{failed} rows failed in session {session}; {may_fail} may");
        return Err(Broken { promise: "the budget is not overspent", what });
    }
    Ok(())
}
