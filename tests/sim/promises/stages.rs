//! Each stage is settled before the next begins.

use super::Broken;
use super::limits::{is_out, told};
use super::settings::Settings;
use crate::world::witness::Departure;

/// Checks that `last` belongs to no stage that was settled, nor to one that may not begin yet.
pub fn order(settings: &Settings, before: &[Departure], last: &Departure) -> Result<(), Broken> {
    if settings.stages.is_empty() {
        return Ok(());
    }
    let Some(stage) = stage(settings, last) else { return Ok(()) };
    let late = before.iter().find(|other| {
        let of_other = self::stage(settings, other);
        of_other.is_some_and(|of_other| {
            of_other > stage || (of_other < stage && is_out(other, last.at))
        })
    });
    if let Some(other) = late {
        let what = format!("{} and {} belong to two stages", told(other), told(last));
        return Err(Broken { promise: "a stage is settled before the next begins", what });
    }
    let of_earlier = before
        .iter()
        .filter(|other| self::stage(settings, other).is_some_and(|of_other| of_other < stage));
    let settled = of_earlier.filter_map(|other| Some(other.back.as_ref()?.0)).max();
    match settled {
        Some(settled) if last.at < settled + settings.stage_pause => {
            let what = format!("{} left, and the stage before was out at {settled:?}", told(last));
            Err(Broken { promise: "the pause between two stages is kept", what })
        }
        Some(_) | None => Ok(()),
    }
}

/// The stage of a request's row, if there are stages.
fn stage(settings: &Settings, departure: &Departure) -> Option<usize> {
    // The first row stands in line 2, and has position 1.
    let position = departure.line? - 1;
    settings.stages.iter().position(|end| position <= *end)
}
