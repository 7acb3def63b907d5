//! Tells a history as a page that a person reads.

use std::fmt::{self, Display, Write};

use super::{
    Act, Before, Deed, Event, Fault, History, InputKind, ListedRow, Moment, Route, ServerPlan,
    SessionPlan, TaskFate, Way, When,
};

impl History {
    /// Returns the whole history in words: its list, its server, what befalls both, its sessions.
    pub fn tell(&self) -> String {
        self.to_string()
    }
}

impl Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "history {}: {} rows", self.seed, self.list.len())?;
        match self.input {
            InputKind::File => writeln!(f, " in a file")?,
            InputKind::Stream { pause } => writeln!(f, " on standard input, one each {pause:?}")?,
        }
        for (at, row) in self.list.iter().enumerate() {
            // Line 1 is the header.
            writeln!(f, "  line {:>2}: {row}", at + 2)?;
        }
        write!(f, "{}", self.server)?;
        if self.events.is_empty() {
            writeln!(f, "nothing befalls it")?;
        }
        for event in &self.events {
            writeln!(f, "  {event}")?;
        }
        for (at, session) in self.sessions.iter().enumerate() {
            writeln!(f, "{}", Told { session, number: at + 1 })?;
        }
        Ok(())
    }
}

impl Display for ListedRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { biz, task, scope, owner, fate } = self;
        write!(f, "{biz},{task},{scope},{owner}")?;
        match (fate, self.key()) {
            (_, None) => write!(f, "  (cannot be used)"),
            (TaskFate::Runs, Some(_)) => Ok(()),
            (fate, Some(_)) => write!(f, "  ({fate:?})"),
        }
    }
}

impl Display for ServerPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let route = match self.route {
            Route::LegacyEsb => "the legacy ESB",
            Route::NewEsb => "the newer ESB",
            Route::Gateway => "the gateway",
        };
        let way = match self.way {
            Way::Direct => "",
            Way::Proxied => ", by a proxy",
        };
        let (least, most) = self.latency;
        writeln!(
            f,
            "server: {route}{way}; answers in {least:?} to {most:?}, connects in {:?}, starts in {:?}",
            self.connect, self.worker
        )?;
        for (biz, count, per) in &self.biz_limits {
            writeln!(f, "  business {biz} may start {count} in {per:?}")?;
        }
        if let Some((count, per)) = self.app_limit {
            writeln!(f, "  the app may send {count} in {per:?}")?;
        }
        if self.clock_ahead != 0 {
            writeln!(f, "  its clock is {} s ahead", self.clock_ahead)?;
        }
        if !self.dated {
            writeln!(f, "  its answers have no date")?;
        }
        if self.legacy_get {
            writeln!(f, "  it takes credentials of a GET from the query only")?;
        }
        Ok(())
    }
}

impl Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.when {
            When::At(at) => write!(f, "after {at:?}: ")?,
            When::Start(number) => write!(f, "at start {number}: ")?,
            When::Question(number) => write!(f, "at question {number}: ")?,
        }
        match self.what {
            Fault::Exchange(what) => write!(f, "{what:?}"),
            Fault::Outage(kind, time) => write!(f, "outage {kind:?} for {time:?}"),
            Fault::Stall(time, by) => write!(f, "answers come {by:?} later for {time:?}"),
            Fault::Connect(what, time) => write!(f, "connecting: {what:?} for {time:?}"),
            Fault::CloseIdle => write!(f, "idle connections are closed"),
            Fault::Revoked(time) => write!(f, "credentials are revoked for {time:?}"),
            Fault::BrokerRestarts => write!(f, "the broker restarts and forgets its queue"),
            Fault::ServerClockJumps(by) => write!(f, "the server's clock jumps by {by} s"),
            Fault::WallClockStep(by) => write!(f, "this machine's wall clock steps by {by} s"),
            Fault::Suspend(time) => write!(f, "this machine sleeps for {time:?}"),
            Fault::SlowDisk(time, by) => write!(f, "commits take {by:?} more for {time:?}"),
            Fault::JournalFull(pages) => write!(f, "the disk is full after {pages} more pages"),
            Fault::CommitFails => write!(f, "the next commit fails"),
            Fault::StdoutCloses => write!(f, "standard output is closed"),
            Fault::StdoutStalls(time) => write!(f, "nobody reads standard output for {time:?}"),
            Fault::StderrStalls => write!(f, "nobody reads standard error any more"),
        }
    }
}

/// A session with its number, from 1.
struct Told<'a> {
    session: &'a SessionPlan,
    number: usize,
}

impl Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SessionPlan { gap, reboot, before, flags, acts } = self.session;
        let command = if self.number == 1 { "run" } else { "resume" };
        write!(f, "session {}: {command}", self.number)?;
        for flag in flags {
            write!(f, " {flag}")?;
        }
        if self.number > 1 {
            let booted = if *reboot { ", after a reboot" } else { "" };
            write!(f, "\n  {gap:?} after the last one{booted}")?;
        }
        for before in before {
            write!(f, "\n  before it, {before}")?;
        }
        for act in acts {
            write!(f, "\n  {act}")?;
        }
        f.write_char('\n')
    }
}

impl Display for Before {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EditReport => "somebody edits the report",
            Self::RemoveReport => "somebody removes the report",
            Self::MendCredentials => "the credentials are mended",
            Self::OtherTarget => "the server gets another name",
        })
    }
}

impl Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.when {
            Moment::After(time) => write!(f, "{time:?} after its start: ")?,
            Moment::Sent(number) => write!(f, "as request {number} has left: ")?,
            Moment::Answered(number) => write!(f, "as answer {number} has come: ")?,
            Moment::BeforeCommit(number) => write!(f, "right before commit {number}: ")?,
            Moment::AfterCommit(number) => write!(f, "right after commit {number}: ")?,
            Moment::Within(number) => write!(f, "while commit {number} of any kind is made: ")?,
        }
        f.write_str(match self.what {
            Deed::Signal => "a signal",
            Deed::Kill => "kill -9",
            Deed::PowerLoss => "the power is lost",
        })
    }
}
