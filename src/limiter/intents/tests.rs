//! How many rows are noted ahead: by the rule, and at the limiter.

use super::*;
use crate::domain::task::{Business, Scope};
use crate::limiter::counted_connections::CountedConnections;
use crate::limiter::{IntentNotes, Limiter, Limits, Try};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{sleep, timeout};

#[test]
fn a_second_is_ahead_and_hardly_more_than_may_fail() {
    for (rate, burst, between, room, wanted) in [
        ("20/s", 0, [0; 3], None, 20),
        ("200/s", 0, [500; 3], None, 200),
        ("100/m", 0, [0; 3], None, 4),
        ("1/h", 0, [0; 3], None, 4),
        ("20/s", 50, [0; 3], None, 50),
        ("unlimited", 0, [0; 3], None, 1024),
        ("unlimited", 0, [300, 300, 300], None, 1024),
        ("unlimited", 0, [900, 800, 700], None, 2400),
        ("unlimited", 0, [0; 3], Some(0), 4),
        ("unlimited", 0, [0; 3], Some(10), 14),
        ("2/s", 0, [0; 3], Some(100), 4),
    ] {
        let mut ahead = Ahead::new(rate.parse().unwrap(), burst);
        for left in between {
            ahead.committed(left);
        }
        assert_eq!(ahead.wanted(room), wanted, "{rate} {burst} {between:?} {room:?}");
    }
}

/// Returns a limiter at which `rows` rows wait, from line 1 on. Each goes once it is noted, and
/// gives its slot back at once.
fn limiter(rate: &str, rows: u64) -> Arc<Limiter> {
    let limits = Limits {
        rate: rate.parse().unwrap(),
        burst: None,
        rate_per_biz: Rate::Unlimited,
        slots: NonZeroUsize::new(16).unwrap(),
        slots_per_biz: None,
        backoff: "500ms..30s".parse().unwrap(),
        throttle_patience: Duration::from_mins(15),
        budget: None,
    };
    let limiter = Limiter::new(&limits, IntentNotes::Needed, CountedConnections::always());
    tokio::spawn(Arc::clone(&limiter).run());
    (1..=rows).for_each(|line| wait_for_a_turn(&limiter, line));
    limiter
}

fn wait_for_a_turn(limiter: &Arc<Limiter>, line: u64) {
    let business = Business { scope: Scope::CmdbBiz, id: "2".parse().unwrap() };
    let limiter = Arc::clone(limiter);
    tokio::spawn(async move { drop(limiter.acquire_start(business, Try::First, line, 0).await) });
}

#[tokio::test(start_paused = true)]
async fn without_a_limit_as_many_are_ahead_as_left_between_the_last_three_commits() {
    let limiter = limiter("unlimited", 9_000);
    let mut named = Vec::new();
    for _ in 0..5 {
        // All that were noted before leave meanwhile.
        sleep(Duration::from_millis(20)).await;
        named.push(limiter.name_intents().len());
        limiter.intents_committed();
    }
    assert_eq!(named, [1024, 1024, 1024, 2048, 3072]);
}

#[tokio::test(start_paused = true)]
async fn while_a_commit_is_under_way_no_other_is_wanted() {
    let limiter = limiter("20/s", 100);
    limiter.intents_wanted().await;
    assert_eq!(limiter.name_intents().len(), 20);
    wait_for_a_turn(&limiter, 101);
    let wanted = timeout(Duration::from_mins(1), limiter.intents_wanted()).await;
    assert!(wanted.is_err(), "what was named is not committed yet");
    limiter.intents_committed();
    let wanted = timeout(Duration::from_secs(1), limiter.intents_wanted()).await;
    assert!(wanted.is_ok(), "half of a second's worth has left");
}
