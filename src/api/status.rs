//! Reads the answers to `get_task_status` and `get_task_detail`.
//!
//! Of an answer to the first only `state` can be relied on (FACTS.md section 4), so nothing here is
//! ever an error.

use jiff::Timestamp;
use jiff::fmt::strtime;
use serde::Deserialize;
use serde_json::Value;

use super::body::Body;
use crate::domain::answer::TaskState;

#[derive(Deserialize)]
struct StatusBody {
    data: StatusData,
}

#[derive(Deserialize)]
struct StatusData {
    state: Option<Value>,
    start_time: Option<Value>,
}

/// Reads the state and the start time from the body of a `get_task_status`.
#[must_use]
pub(crate) fn state(body: &[u8]) -> (Option<TaskState>, Option<Timestamp>) {
    let Ok(StatusBody { data }) = serde_json::from_slice(body) else { return (None, None) };
    let state = match data.state.as_ref().and_then(Value::as_str) {
        None | Some("") => None,
        Some("CREATED") => Some(TaskState::Created),
        Some(_) => Some(TaskState::Begun),
    };
    (state, data.start_time.as_ref().and_then(Value::as_str).and_then(time))
}

/// Reads a time as bk-sops writes it, such as `2026-11-24 11:16:07 +0800`.
fn time(text: &str) -> Option<Timestamp> {
    strtime::parse("%Y-%m-%d %H:%M:%S %z", text).ok()?.to_timestamp().ok()
}

/// Reads the link from the body of a `get_task_detail`, and skips its `pipeline_tree`, which may be
/// large.
#[must_use]
pub(crate) fn task_url(body: &[u8]) -> Option<Box<str>> {
    let body = Body::read(body).filter(|body| body.result == Some(true))?;
    (!body.task_url.is_empty()).then(|| body.task_url.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_state_but_created_means_that_it_began() {
        use TaskState::{Begun, Created};
        for (data, expected) in [
            (r#"{"state":"CREATED","start_time":null}"#, Some(Created)),
            (r#"{"state":"RUNNING"}"#, Some(Begun)),
            (r#"{"state":"REVOKED","start_time":7}"#, Some(Begun)),
            (r#"{"state":""}"#, None),
            (r#"{"state":3}"#, None),
            ("{}", None),
            ("null", None),
        ] {
            let body = format!(r#"{{"result":true,"data":{data}}}"#);
            assert_eq!(state(body.as_bytes()).0, expected, "{data}");
        }
        assert_eq!(state(b"<html>"), (None, None));
    }

    #[test]
    fn a_start_time_is_read_with_its_zone() {
        let body = br#"{"data":{"state":"RUNNING","start_time":"2026-11-24 11:16:07 +0800"}}"#;
        assert_eq!(state(body).1, Some("2026-11-24T03:16:07Z".parse().unwrap()));
        let body = br#"{"data":{"state":"RUNNING","start_time":"yesterday"}}"#;
        assert_eq!(state(body).1, None);
    }

    #[test]
    fn a_link_is_found_beside_a_large_tree() {
        let tree = r#"{"a":[{},{}]}"#.replace("{}", r#"{"b":1}"#);
        let body = format!(
            r#"{{"data":{{"pipeline_tree":{tree},"task_url":"http://h/7"}},"result":true}}"#
        );
        assert_eq!(task_url(body.as_bytes()).as_deref(), Some("http://h/7"));
        assert_eq!(task_url(br#"{"result":false,"data":{"task_url":"http://h/7"}}"#), None);
        assert_eq!(task_url(br#"{"result":true,"data":{"task_url":""}}"#), None);
    }
}
