//! Draws what befalls server, network and machine.

use std::time::Duration;

use super::dice::Dice;
use super::{ConnectFault, Event, ExchangeFault, Fault, OutageKind, Taken, When};

/// A kind of fault that is drawn by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Exchange,
    Outage,
    Stall,
    Connect,
    CloseIdle,
    Revoked,
    BrokerRestarts,
    ServerClockJumps,
    WallClockStep,
    Suspend,
}

impl Kind {
    /// A kind that stands here more often is drawn more often.
    const ALL: [Self; 15] = [
        Self::Exchange,
        Self::Exchange,
        Self::Exchange,
        Self::Exchange,
        Self::Exchange,
        Self::Outage,
        Self::Outage,
        Self::Stall,
        Self::Connect,
        Self::CloseIdle,
        Self::Revoked,
        Self::BrokerRestarts,
        Self::ServerClockJumps,
        Self::WallClockStep,
        Self::Suspend,
    ];
}

/// Faults of exchanges of which one history has some.
type Exchanges = Vec<fn(&mut Dice) -> ExchangeFault>;

const EXCHANGES: [fn(&mut Dice) -> ExchangeFault; 10] = [
    |_| ExchangeFault::ResetBefore,
    |_| ExchangeFault::ResetAfter,
    |_| ExchangeFault::HangBefore,
    |_| ExchangeFault::HangAfter,
    |_| ExchangeFault::CutOff,
    |dice| {
        let taken = dice.pick(&[Taken::Before, Taken::After]);
        ExchangeFault::Page(index(dice), taken)
    },
    // Twice, since the table of captures is long.
    |dice| ExchangeFault::Capture(index(dice)),
    |dice| ExchangeFault::Capture(index(dice)),
    |_| ExchangeFault::Quotes,
    |dice| ExchangeFault::Late(dice.millis(100, 60_000)),
];

const ZERO: Duration = Duration::ZERO;

/// Most that all jumps of the server's clock together may come to, in seconds.
const MAX_JUMPS: i64 = 399;

/// Draws the events of a history with so many rows.
pub(super) fn events(dice: &mut Dice, rows: u32) -> Vec<Event> {
    let kinds = dice.some_of(&Kind::ALL);
    let exchanges = dice.some_of(&EXCHANGES);
    let count = match dice.between(0, 99) {
        0..15 => 0,
        15..45 => 1,
        45..80 => dice.between(2, 4),
        _ => dice.between(5, 12),
    };
    let mut events: Vec<Event> = Vec::with_capacity(count as usize);
    let mut jumps = 0;
    for _ in 0..count {
        let kind = dice.pick(&kinds);
        let event = event(dice, kind, &exchanges, rows);
        if let Fault::ServerClockJumps(by) = event.what {
            if jumps + by.abs() > MAX_JUMPS {
                continue;
            }
            jumps += by.abs();
        }
        // A burst: the same exchange goes wrong for some requests in a row.
        let again = if dice.chance(20) { dice.between(1, 9) } else { 0 };
        events.push(event);
        if let (When::Start(first), Fault::Exchange(_)) = (event.when, event.what) {
            let more = (1..=again).map(|at| Event { when: When::Start(first + at), ..event });
            events.extend(more);
        }
    }
    events.extend(of_machine(dice, rows));
    events
}

fn index(dice: &mut Dice) -> u8 {
    u8::try_from(dice.between(0, 255)).unwrap_or(u8::MAX)
}

fn event(dice: &mut Dice, kind: Kind, exchanges: &Exchanges, rows: u32) -> Event {
    let what = match kind {
        Kind::Exchange => {
            let what = Fault::Exchange(dice.pick(exchanges)(dice));
            return Event { when: at_request(dice, rows), what };
        }
        Kind::Outage => {
            let kind = dice.pick(&[
                OutageKind::NginxRefused,
                OutageKind::NginxLost,
                OutageKind::IngressNotFound,
                OutageKind::FrontRefused,
                OutageKind::IamAway,
                OutageKind::Silent,
            ]);
            Fault::Outage(kind, dice.secs(1, 1_200))
        }
        Kind::Stall => Fault::Stall(dice.secs(1, 60), dice.millis(100, 40_000)),
        Kind::Connect => Fault::Connect(connect_fault(dice), dice.secs(1, 120)),
        Kind::CloseIdle => Fault::CloseIdle,
        Kind::Revoked => Fault::Revoked(dice.millis(10, 60_000)),
        Kind::BrokerRestarts => Fault::BrokerRestarts,
        Kind::ServerClockJumps => Fault::ServerClockJumps(dice.step(240)),
        Kind::WallClockStep => Fault::WallClockStep(dice.step(1_200)),
        Kind::Suspend => Fault::Suspend(dice.secs(1, 900)),
    };
    let mut when = moment(dice, rows);
    // A session that begins behind its window waits for a day.
    if matches!(what, Fault::WallClockStep(_) | Fault::Suspend(_)) && when == When::At(ZERO) {
        when = When::At(dice.millis(100, 60_000));
    }
    Event { when, what }
}

fn connect_fault(dice: &mut Dice) -> ConnectFault {
    match dice.between(0, 9) {
        0..3 => ConnectFault::Refused,
        3..6 => ConnectFault::Hangs,
        6..8 => ConnectFault::Slow(dice.millis(100, 20_000)),
        8 => ConnectFault::BadCertificate,
        _ => ConnectFault::NoHost,
    }
}

/// Some request of a launch of so many rows; early ones are more likely.
fn at_request(dice: &mut Dice, rows: u32) -> When {
    if dice.chance(80) {
        When::Start(dice.spread(1, rows + 10))
    } else {
        When::Question(dice.spread(1, rows + 10))
    }
}

fn moment(dice: &mut Dice, rows: u32) -> When {
    match dice.between(0, 9) {
        0..6 => When::At(dice.millis(1, 120_000)),
        6 => When::At(ZERO),
        _ => at_request(dice, rows),
    }
}

/// Draws what befalls disk and pipes: rarely, since it ends most sessions.
fn of_machine(dice: &mut Dice, rows: u32) -> Vec<Event> {
    let mut whats = Vec::new();
    if dice.chance(5) {
        whats.push(Fault::SlowDisk(dice.secs(1, 60), dice.millis(5, 2_000)));
    }
    if dice.chance(4) {
        whats.push(Fault::JournalFull(dice.between(0, 20)));
    }
    if dice.chance(4) {
        whats.push(Fault::CommitFails);
    }
    if dice.chance(4) {
        whats.push(Fault::StdoutCloses);
    }
    if dice.chance(4) {
        whats.push(Fault::StdoutStalls(dice.secs(1, 60)));
    }
    if dice.chance(4) {
        whats.push(Fault::StderrStalls);
    }
    whats.into_iter().map(|what| Event { when: moment(dice, rows), what }).collect()
}

impl Fault {
    /// Returns how long it lasts once it has begun.
    pub fn lasts(&self) -> Duration {
        match *self {
            Self::Outage(_, time)
            | Self::Connect(_, time)
            | Self::Revoked(time)
            | Self::Suspend(time)
            | Self::StdoutStalls(time)
            | Self::Stall(time, _)
            | Self::SlowDisk(time, _) => time,
            Self::Exchange(_)
            | Self::CloseIdle
            | Self::BrokerRestarts
            | Self::ServerClockJumps(_)
            | Self::WallClockStep(_)
            | Self::JournalFull(_)
            | Self::CommitFails
            | Self::StdoutCloses
            | Self::StderrStalls => Duration::ZERO,
        }
    }
}
