//! How many connections are wanted, and when: a request needs one that stands when its turn comes.

use std::time::Duration;

use tokio::time::Instant;

use super::pace::Pace;
use crate::domain::connections::Connections;

/// Maximum time that a connection is made ahead of the request that could take it. An idle one is
/// closed soon after.
const MAX_AHEAD: Duration = Duration::from_secs(1);

/// Time by which a connection is ready before its request is due.
const MARGIN: Duration = Duration::from_millis(5);

/// Interval of looking again while a due request has no connection: the longer making one takes,
/// the more are wanted.
pub(super) const LOOK_AGAIN_INTERVAL: Duration = Duration::from_millis(100);

/// Returns how many turns become due while one connection is made, from one that is due after
/// `until` on.
pub(super) fn turns(pace: Option<&Pace>, until: Duration, lead_time: Duration) -> usize {
    let meanwhile = lead_time.min(MAX_AHEAD).saturating_sub(until);
    pace.map_or(usize::MAX, |pace| pace.due_within(meanwhile))
}

/// Returns from when on connections are made for a request that can go at `due`, if one takes
/// `lead_time`. While others are in flight, theirs may come back before, so that none is needed.
pub(super) fn earliest(due: Instant, in_flight: usize, lead_time: Duration) -> Instant {
    let ahead = if in_flight == 0 { MAX_AHEAD } else { lead_time + MARGIN };
    due - ahead.min(MAX_AHEAD)
}

/// Has `count` connections made for a request that can go at `due`, unless that is `earliest` only
/// later. Returns when to look again.
pub(super) fn prepare(
    due: Instant,
    earliest: Instant,
    count: usize,
    now: Instant,
    connections: &dyn Connections,
) -> Instant {
    if earliest > now {
        return earliest;
    }
    // Finds out whether the one that goes next still stands.
    if connections.set_aside() {
        connections.put_back();
    }
    connections.want(count);
    due
}

#[cfg(test)]
mod tests;
