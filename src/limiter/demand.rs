//! How many connections are wanted, and when: one must stand ready when a request's turn comes.

use std::time::Duration;

use tokio::time::Instant;

use super::pace::Pace;
use crate::domain::connections::Connections;

/// Maximum time that a connection is made ahead of the request that could take it. An idle one is
/// closed soon after.
const MAX_AHEAD: Duration = Duration::from_secs(1);

/// Time by which a connection is ready before its request is due.
const MARGIN: Duration = Duration::from_millis(5);

/// Interval of looking again while a due request has no connection: the longer it takes to make
/// one, the more are wanted.
pub(super) const LOOK_AGAIN_INTERVAL: Duration = Duration::from_millis(100);

/// Returns how many turns become due while one connection is made; the first is due after `until`.
pub(super) fn turns(pace: Option<&Pace>, until: Duration, lead_time: Duration) -> usize {
    let meanwhile = lead_time.min(MAX_AHEAD).saturating_sub(until);
    pace.map_or(usize::MAX, |pace| pace.due_within(meanwhile))
}

/// Returns the earliest time at which connections are made for a request that can go at `due`, if
/// making one takes `lead_time`. That is later while others are in flight: one of their connections
/// may come back in time.
pub(super) fn earliest(due: Instant, in_flight: usize, lead_time: Duration) -> Instant {
    let ahead = if in_flight == 0 { MAX_AHEAD } else { lead_time + MARGIN };
    due - ahead.min(MAX_AHEAD)
}

/// Has `count` connections made for a request that can go at `due`, but nothing before `earliest`.
/// Returns when to look again.
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
