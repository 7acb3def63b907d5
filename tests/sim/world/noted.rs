//! What the journal holds when a request leaves: whether it knew of the row, and how many rows are
//! open.

use std::collections::BTreeSet;

use super::World;
use crate::ledger::{self, Ledger};
use crate::promises::Broken;
use crate::world::witness::Kind;

/// What is known of a session's starts.
#[derive(Default)]
pub struct Noted {
    /// The journal of the run, read beside the program.
    ledger: Option<Ledger>,
    /// Lines of which a request left.
    sent: BTreeSet<u64>,
}

impl Noted {
    /// Takes the journal, if it was opened.
    pub const fn take(&mut self) -> Option<Ledger> {
        self.ledger.take()
    }
}

impl World {
    /// Checks that the journal knew of the row that has just left, and how many rows are open.
    pub fn is_written_down(&self) -> Result<(), Broken> {
        let mut state = self.state();
        let state = &mut *state;
        let last = state.witness.departures.last().unwrap();
        state.noted.sent.extend(last.line);
        if last.kind != Kind::Start {
            return Ok(());
        }
        if state.noted.ledger.is_none() {
            let journal = ledger::find(&self.folder.join("state"));
            state.noted.ledger = journal.as_deref().and_then(Ledger::open);
        }
        // Without a journal there is nothing to look at.
        let Some(ledger) = &mut state.noted.ledger else { return Ok(()) };
        let line = last.line.unwrap_or_default();
        if !ledger.intends(line).unwrap() {
            let intended = ledger.intended().unwrap();
            let what = format!("line {line} left, and the journal has intents of {intended:?}");
            return Err(Broken { promise: "what leaves has an intent", what });
        }
        let sent = state.noted.sent.len() as u64;
        let lookahead = state.settings.lookahead as u64;
        if sent <= lookahead {
            return Ok(());
        }
        let open = sent.saturating_sub(ledger.settled_now().unwrap());
        if open > lookahead {
            let what = format!("{open} rows are open, and --lookahead is {lookahead}");
            return Err(Broken { promise: "few rows are open", what });
        }
        Ok(())
    }
}
