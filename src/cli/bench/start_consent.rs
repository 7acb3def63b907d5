//! Consent to real starts.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::domain::task::Business;
use crate::monitor::console;
use crate::text::bench::notices;

/// What needs consent: the tasks that a measurement would start.
pub(crate) struct StartConsent<'a> {
    /// Maximum number of tasks.
    pub tasks: u64,
    /// Number of rows of each business.
    pub businesses: &'a BTreeMap<Business, u64>,
    pub target: String,
}

impl StartConsent<'_> {
    pub(crate) fn told(&self) -> String {
        notices::starts(self.tasks, self.businesses, &self.target)
    }

    /// Returns an error without consent. `yes` is the value of `--yes-start`; a server on this
    /// machine needs none, since it is most likely a mock.
    pub(crate) fn permit(&self, yes: Option<u64>, place: Locality) -> Result<(), NotPermitted> {
        match (yes, place) {
            (Some(yes), _) if yes != self.tasks => {
                Err(NotPermitted::OtherNumber { yes, told: self.told() })
            }
            (Some(_), _) | (None, Locality::ThisMachine) => Ok(()),
            (None, Locality::Elsewhere) => self.ask(),
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

/// Location of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Locality {
    ThisMachine,
    Elsewhere,
}

#[derive(Debug, Error)]
pub(crate) enum NotPermitted {
    #[error("{told}, but --yes-start says {yes}; nothing was sent")]
    OtherNumber { yes: u64, told: String },
    #[error("{told}, but there is no terminal to ask on; use --yes-start {tasks} to start them")]
    NobodyToAsk { told: String, tasks: u64 },
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
        let consent =
            StartConsent { tasks: 20, businesses: &businesses, target: "http://h/".into() };
        assert_eq!(
            consent.told(),
            "this starts 20 tasks of business 1, business 2, business 3, business 4, business 5 and \
             2 more businesses at http://h/"
        );
        for (yes, place, may) in [
            (Some(20), Locality::Elsewhere, true),
            (Some(21), Locality::Elsewhere, false),
            (Some(21), Locality::ThisMachine, false),
            (None, Locality::ThisMachine, true),
        ] {
            assert_eq!(consent.permit(yes, place).is_ok(), may, "{yes:?} {place:?}");
        }
    }
}
