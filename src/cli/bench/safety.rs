//! A start is real: how many tasks a measurement starts, and who says that it may.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::domain::task::Business;
use crate::monitor::console;

/// What a measurement would start.
pub(crate) struct Intent<'a> {
    /// At most so many tasks...
    pub tasks: u64,
    /// ...of these businesses, with their rows...
    pub businesses: &'a BTreeMap<Business, u64>,
    /// ...at this server.
    pub target: String,
}

impl Intent<'_> {
    /// What is told before anything is sent.
    pub(crate) fn told(&self) -> String {
        let Self { tasks, businesses, target } = self;
        let plural = if *tasks == 1 { "" } else { "s" };
        format!("this starts {tasks} task{plural} of {} at {target}", named(businesses))
    }

    /// Whether it may be done: `yes` is the number that was typed as a flag, and on this
    /// machine nothing but a mock is to be expected.
    pub(crate) fn permit(&self, yes: Option<u64>, place: Place) -> Result<(), NotPermitted> {
        match (yes, place) {
            (Some(yes), _) if yes != self.tasks => {
                Err(NotPermitted::OtherNumber { yes, told: self.told() })
            }
            (Some(_), _) | (None, Place::ThisMachine) => Ok(()),
            (None, Place::Elsewhere) => self.ask(),
        }
    }

    fn ask(&self) -> Result<(), NotPermitted> {
        let nobody = |_| NotPermitted::NobodyToAsk { told: self.told(), tasks: self.tasks };
        let question = format!("{}; type the number of tasks to go on: ", self.told());
        let prompt = console::ask(question).map_err(nobody)?;
        let answer = prompt.wait_for_answer().map_err(nobody)?;
        let is_number = answer.trim() == self.tasks.to_string();
        if is_number { Ok(()) } else { Err(NotPermitted::Declined) }
    }
}

/// Where a server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// On this machine.
    ThisMachine,
    /// Anywhere else.
    Elsewhere,
}

/// So many businesses are named.
const NAMED: usize = 5;

fn named(businesses: &BTreeMap<Business, u64>) -> String {
    let names: Vec<_> = businesses.keys().take(NAMED).map(ToString::to_string).collect();
    match businesses.len().checked_sub(NAMED) {
        None | Some(0) => names.join(", "),
        Some(more) => format!("{} and {more} more businesses", names.join(", ")),
    }
}

/// It may not be done.
#[derive(Debug, Error)]
pub(crate) enum NotPermitted {
    /// Another number was typed as a flag.
    #[error("{told}, and --yes-start says {yes}; nothing was sent")]
    OtherNumber {
        /// The number.
        yes: u64,
        /// What would have been started.
        told: String,
    },
    /// There is no terminal.
    #[error("{told}, and there is no terminal to ask on; say --yes-start {tasks} to start them")]
    NobodyToAsk {
        /// What would have been started.
        told: String,
        /// How many.
        tasks: u64,
    },
    /// Something else was typed.
    #[error("that is not the number; nothing was sent")]
    Declined,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::task::Scope;

    #[test]
    fn the_number_that_is_typed_must_be_the_number_of_tasks() {
        let business =
            |id: u64| Business { scope: Scope::CmdbBiz, id: id.to_string().parse().unwrap() };
        let businesses = (1..=7).map(|id| (business(id), 3)).collect();
        let intent = Intent { tasks: 20, businesses: &businesses, target: "http://h/".into() };
        assert_eq!(
            intent.told(),
            "this starts 20 tasks of business 1, business 2, business 3, business 4, business 5 and \
             2 more businesses at http://h/"
        );
        for (yes, place, may) in [
            (Some(20), Place::Elsewhere, true),
            (Some(21), Place::Elsewhere, false),
            (Some(21), Place::ThisMachine, false),
            (None, Place::ThisMachine, true),
        ] {
            assert_eq!(intent.permit(yes, place).is_ok(), may, "{yes:?} {place:?}");
        }
    }
}
