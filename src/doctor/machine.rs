//! This machine: open files, and the proxies between it and the server.

use rustix::process::{Resource, getrlimit};

use super::finding::{Area, Finding};
use crate::api::proxy_of;
use crate::api::target::Target;

/// Files that a run opens beside its connections: the journal, copies, reports and logs.
const OTHER_FILES: u64 = 32;

/// Variables that name proxies, or exclude hosts from them.
const PROXY_VARIABLES: [&str; 8] = [
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "ALL_PROXY",
    "all_proxy",
    "NO_PROXY",
    "no_proxy",
];

/// Looks at the limits of open files, for a run with `concurrency` requests in flight.
pub(super) fn open_files(concurrency: usize) -> Finding {
    let limit = getrlimit(Resource::Nofile);
    judge_open_files(limit.current, limit.maximum, concurrency as u64 + OTHER_FILES)
}

fn judge_open_files(soft: Option<u64>, hard: Option<u64>, needed: u64) -> Finding {
    let shown = |limit: Option<u64>| limit.map_or_else(|| "no".into(), |limit| limit.to_string());
    let says = format!(
        "up to {needed} are needed; the soft limit is {}, the hard limit {}",
        shown(soft),
        shown(hard)
    );
    if soft.is_none_or(|soft| soft >= needed) {
        return Finding::ok(Area::Machine, "open files", says);
    }
    let advice = if hard.is_none_or(|hard| hard >= needed) {
        format!("ulimit -n {needed}, in the shell or unit that starts it")
    } else {
        "choose a lower --concurrency, or have the hard limit raised".to_owned()
    };
    Finding::error(Area::Machine, "open files", says).with_advice(advice)
}

/// Says which proxy is in force for `target`.
pub(super) fn proxy(target: &Target, environment: &dyn Fn(&str) -> Option<String>) -> Finding {
    let is_set = |name: &&str| environment(name).is_some_and(|value| !value.is_empty());
    let set: Vec<_> = PROXY_VARIABLES.into_iter().filter(is_set).collect();
    let says = match proxy_of(target) {
        Some(proxy) => format!("requests go by {proxy} ({})", set.join(", ")),
        None if set.is_empty() => "none: no variable names one".into(),
        None if target.is_loopback() => {
            format!("none: the server is this machine, whatever {} says", set.join(", "))
        }
        None => format!("none for this server, as {} says", set.join(", ")),
    };
    Finding::ok(Area::Machine, "proxy", says)
}

#[cfg(test)]
mod tests {
    use super::super::finding::Grade;
    use super::*;

    #[test]
    fn open_files_are_judged_by_what_is_needed() {
        for (soft, hard, needed, grade, advice) in [
            (Some(1024), Some(4096), 48, Grade::Ok, ""),
            (None, None, 10_000, Grade::Ok, ""),
            (Some(1024), Some(4096), 2032, Grade::Error, "ulimit -n 2032"),
            (Some(1024), None, 2032, Grade::Error, "ulimit -n 2032"),
            (Some(1024), Some(1024), 2032, Grade::Error, "lower --concurrency"),
        ] {
            let found = judge_open_files(soft, hard, needed);
            assert_eq!(found.grade, grade, "{found:?}");
            assert!(found.advice.unwrap_or_default().contains(advice), "{soft:?}");
        }
    }
}
