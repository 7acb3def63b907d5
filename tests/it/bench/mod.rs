//! `bench`: what it measures is true, starts are safe, and the exit code says what
//! came of it. Tests that need a quiet machine are ignored; each has a short form.

mod compare;
mod expectations;
mod load;
mod stops;
mod times;

use std::time::Duration;

use serde_json::Value;

use crate::harness::{Outcome, Scene, list, scene};

pub const MILLISECOND: Duration = Duration::from_millis(1);

/// A scene with a list of `count` tasks.
pub fn field(count: u64) -> Scene {
    scene(list(count))
}

/// What was measured, where that went well. A machine that is too busy for the load says
/// so, and exits 1; only tests that are run one at a time insist on a quiet one.
#[track_caller]
fn measured(outcome: Outcome) -> Value {
    let found = outcome.json();
    if is_quiet(&found) {
        outcome.exits(0);
    } else {
        outcome.exits(1).says("INVALID: this machine was too busy (");
    }
    found
}

/// Whether times mean something: the machine was quiet enough.
fn is_quiet(found: &Value) -> bool {
    found["generator"]["bottleneck"].is_null()
}

#[track_caller]
pub fn within(what: &str, found: &Value, expected: f64, share: Share) {
    let found = found.as_f64().unwrap();
    let (below, above) = match share {
        Share::Exactly(share) => (share, share),
        Share::Roughly(share) => (share, f64::INFINITY),
    };
    let is_near = (1.0 - below..=1.0 + above).contains(&(found / expected));
    assert!(is_near, "{what}: {found}, and not about {expected}");
}

/// By how much a figure may miss what arithmetic says.
#[derive(Clone, Copy)]
pub enum Share {
    /// By this share, on a quiet machine.
    Exactly(f64),
    /// By this share below; a busy machine makes times longer, nobody knows how much.
    Roughly(f64),
}
