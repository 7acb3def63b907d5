//! Texts that come before the summary.

use std::collections::BTreeMap;

use crate::domain::task::Business;
use crate::shutdown::Signal;

pub(crate) const NO_INPUT: &str =
    "no INPUT, so a mock inside is measured; it shares this machine's cores";

/// Maximum number of businesses that are listed.
const MAX_NAMED_BUSINESSES: usize = 5;

/// Says what a measurement would start.
pub(crate) fn starts(tasks: u64, businesses: &BTreeMap<Business, u64>, target: &str) -> String {
    let plural = if tasks == 1 { "" } else { "s" };
    let names: Vec<_> =
        businesses.keys().take(MAX_NAMED_BUSINESSES).map(ToString::to_string).collect();
    let names = match businesses.len().checked_sub(MAX_NAMED_BUSINESSES) {
        None | Some(0) => names.join(", "),
        Some(more) => format!("{} and {more} more businesses", names.join(", ")),
    };
    format!("this starts {tasks} task{plural} of {names} at {target}")
}

/// Says that a file has fewer rows than the load has requests.
pub(crate) fn too_few_rows(requests: u64, input: &str, rows: u64) -> String {
    format!(
        "the load has {requests} requests, and {input} has {rows} rows: it ends when they are used up"
    )
}

/// Says that the rows did not last for all that `--slo` is about.
pub(crate) fn judged_too_early(sent: u64) -> String {
    format!(
        "the rows were used up before the load was over, so --slo was judged by {sent} requests \
         alone: exit 1"
    )
}

pub(crate) fn waits_for_answers(signal: Signal) -> String {
    format!(
        "{}: nothing more is sent; waiting for the requests in flight (again to stop at once)",
        signal.name()
    )
}

pub(crate) fn stopped_at_once(signal: Signal) -> String {
    format!("{}: stopped at once", signal.name())
}
