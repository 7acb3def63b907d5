//! Ways to make a history simpler without taking anything out of it.

use std::time::Duration;

use super::{Act, Deed, History, InputKind, Route, TaskFate, Way};

/// One way; numbers are indices into the list, the sessions, or the limits.
#[derive(Clone, Copy, Debug)]
pub(super) enum Simpler {
    File,
    Direct,
    Route(Route),
    Latency,
    Connect,
    Worker,
    BizLimits,
    BizLimit(u64),
    AppLimit,
    Clock,
    Dated,
    HeaderGet,
    Gap(usize),
    NoReboot(usize),
    Fate(usize),
    Owner(usize),
    Spelling(usize),
}

/// Returns all ways, those that change most first.
pub(super) fn simplifications(history: &History) -> Vec<Simpler> {
    use Simpler as S;
    let mut all = vec![
        S::File,
        S::Direct,
        S::Route(Route::Gateway),
        S::Route(Route::NewEsb),
        S::Latency,
        S::Connect,
        S::Worker,
        S::BizLimits,
        S::AppLimit,
        S::Clock,
        S::Dated,
        S::HeaderGet,
    ];
    all.extend(history.server.biz_limits.iter().map(|(biz, ..)| S::BizLimit(*biz)));
    all.extend((1..history.sessions.len()).flat_map(|at| [S::Gap(at), S::NoReboot(at)]));
    let rows = 0..history.list.len();
    all.extend(rows.flat_map(|at| [S::Fate(at), S::Spelling(at), S::Owner(at)]));
    all
}

impl Simpler {
    pub(super) fn apply(self, history: &mut History) {
        let server = &mut history.server;
        match self {
            Self::File => history.input = InputKind::File,
            Self::Direct => server.way = Way::Direct,
            // The gateway is simpler than the newer ESB, so it does not become one.
            Self::Route(Route::NewEsb) if server.route == Route::Gateway => {}
            Self::Route(route) => server.route = route,
            Self::Latency => server.latency = (server.latency.0, server.latency.0),
            Self::Connect => server.connect = Duration::from_millis(1),
            Self::Worker => server.worker = Duration::from_millis(20),
            Self::BizLimits => server.biz_limits.clear(),
            Self::BizLimit(biz) => server.biz_limits.retain(|(limited, ..)| *limited != biz),
            Self::AppLimit => server.app_limit = None,
            Self::Clock => server.clock_ahead = 0,
            Self::Dated => server.dated = true,
            Self::HeaderGet => server.legacy_get = false,
            Self::Gap(at) => history.sessions[at].gap = Duration::from_secs(1),
            Self::NoReboot(at) => {
                // Nobody loses power and keeps the boot.
                let lost = |act: &Act| act.what == Deed::PowerLoss;
                let lost_power = history.sessions[at - 1].acts.iter().any(lost);
                history.sessions[at].reboot &= lost_power;
            }
            Self::Fate(at) => history.list[at].fate = TaskFate::Runs,
            Self::Owner(at) => history.list[at].owner.clear(),
            Self::Spelling(at) => plain(history, at),
        }
    }
}

/// Writes a row that can be used as most people would.
fn plain(history: &mut History, at: usize) {
    let row = &mut history.list[at];
    if let Some(key) = row.key() {
        row.biz = key.biz.to_string();
        row.task = key.task.to_string();
        row.scope = key.scope;
    }
}
