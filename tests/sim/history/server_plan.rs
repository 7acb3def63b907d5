//! Draws the server: the way to it, how fast it is, and its limits.

use std::collections::BTreeSet;
use std::time::Duration;

use super::dice::Dice;
use super::{ListedRow, Route, ServerPlan, Way};

/// Draws the server of a list.
pub(super) fn server_plan(dice: &mut Dice, list: &[ListedRow]) -> ServerPlan {
    let route = dice.pick(&[Route::LegacyEsb, Route::NewEsb, Route::Gateway]);
    ServerPlan {
        route,
        way: if dice.chance(20) { Way::Proxied } else { Way::Direct },
        latency: latency(dice),
        connect: dice.millis(1, 200),
        worker: dice.millis(20, 20_000),
        biz_limits: biz_limits(dice, list),
        app_limit: dice.chance(15).then(|| limit(dice)),
        clock_ahead: clock_ahead(dice),
        dated: dice.chance(85),
        legacy_get: route == Route::LegacyEsb && dice.chance(40),
    }
}

fn latency(dice: &mut Dice) -> (Duration, Duration) {
    let least = dice.millis(2, 500);
    let more = if dice.chance(30) { Duration::ZERO } else { dice.millis(1, 4_000) };
    (least, least + more)
}

/// A limit that lets a list through within some minutes.
fn limit(dice: &mut Dice) -> (u32, Duration) {
    let count = dice.spread(1, 20);
    (count, Duration::from_secs((count * dice.spread(1, 8)).into()))
}

fn biz_limits(dice: &mut Dice, list: &[ListedRow]) -> Vec<(u64, u32, Duration)> {
    let percent = dice.pick(&[0, 0, 0, 40, 100]);
    let known: BTreeSet<u64> = list.iter().filter_map(|row| Some(row.key()?.biz)).collect();
    let mut limits = Vec::new();
    for biz in known {
        if dice.chance(percent) {
            // Others use all starts of a business up: it frees no more of them in any time
            // that somebody waits.
            let never_frees = dice.chance(8);
            let (count, per) = if never_frees { (1, Duration::from_hours(6)) } else { limit(dice) };
            limits.push((biz, count, per));
        }
    }
    limits
}

fn clock_ahead(dice: &mut Dice) -> i64 {
    if dice.chance(50) { 0 } else { dice.step(4_000) }
}
