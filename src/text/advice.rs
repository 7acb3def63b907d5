//! What to do about rows that ended bad.

use crate::domain::record::Outcome;

/// Returns what to do about rows that ended like this.
pub(super) fn advice(outcome: Outcome, error: &str) -> &'static str {
    match (outcome, error) {
        (Outcome::Invalid, _) => "fix these rows; they were never sent",
        (Outcome::Unconfirmed, "") => {
            "the server took these tasks, but does not run them; look whether its workers do"
        }
        (Outcome::Unconfirmed, _) => {
            "accepted, but their state could not be asked: look at these tasks in bk-sops"
        }
        (Outcome::Unknown, _) => {
            "look at these tasks before you start them again: some attempt may have started them"
        }
        (Outcome::AlreadyStarted, _) => "somebody else started these tasks, or an earlier run did",
        (Outcome::Rejected, "permission") => {
            "ask for the right to operate these tasks, or use an account that has it"
        }
        (Outcome::Rejected, "not_found") => {
            "check the ids, and that scope says what bk_biz_id is an id of"
        }
        (Outcome::Rejected, _) => "the server cannot read this request; look at its message",
        (Outcome::Failed, "throttled_biz" | "throttled_app") => {
            "surely not started; launch these rows again later, or with a lower --rate"
        }
        _ => "surely not started; launch these rows again when the server is well",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bad_outcome_has_its_advice() {
        for (outcome, error, part) in [
            (Outcome::Invalid, "task_id is empty", "fix these rows"),
            (Outcome::Unknown, "ambiguous", "may have started"),
            (Outcome::Unconfirmed, "", "does not run them"),
            (Outcome::Unconfirmed, "not_found", "their state could not be asked"),
            (Outcome::Rejected, "permission", "the right"),
            (Outcome::Rejected, "not_found", "scope"),
            (Outcome::Failed, "throttled_biz", "--rate"),
            (Outcome::Failed, "transient", "surely not started"),
        ] {
            assert!(advice(outcome, error).contains(part), "{outcome} {error}");
        }
    }
}
