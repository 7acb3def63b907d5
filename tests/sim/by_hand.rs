//! Histories that are written by hand.

use std::time::Duration;

use crate::history::{
    Act, Deed, Flag, History, InputKind, ListedRow, Moment, Route, ServerPlan, SessionPlan,
    TaskFate, Way,
};

pub const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A list of `rows` and a server to which nothing befalls; `sessions` follow each other.
pub fn history(rows: u32, sessions: Vec<SessionPlan>) -> History {
    let row = |task: u32| ListedRow {
        biz: "2".into(),
        task: (1000 + task).to_string(),
        scope: "cmdb_biz".into(),
        owner: String::new(),
        fate: TaskFate::Runs,
    };
    History {
        seed: 1,
        list: (0..rows).map(row).collect(),
        input: InputKind::File,
        server: ServerPlan {
            route: Route::Gateway,
            way: Way::Direct,
            latency: (ms(20), ms(20)),
            connect: ms(1),
            worker: ms(20),
            biz_limits: Vec::new(),
            app_limit: None,
            clock_ahead: 0,
            dated: true,
            legacy_get: false,
        },
        events: Vec::new(),
        sessions,
    }
}

/// A session a second after the one before, with these flags and what is done to it. A flag
/// without a value has an empty one here.
pub fn session(flags: &[(&'static str, &str)], acts: &[(Moment, Deed)]) -> SessionPlan {
    let flag = |(name, value): &(&'static str, &str)| match *value {
        "" => Flag::bare(name),
        value => Flag::valued(name, value),
    };
    SessionPlan {
        gap: ms(1000),
        reboot: false,
        before: Vec::new(),
        flags: flags.iter().map(flag).collect(),
        acts: acts.iter().map(|(when, what)| Act { when: *when, what: *what }).collect(),
    }
}
