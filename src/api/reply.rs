//! Takes the server's own words from an answer for the report, without secrets.

use std::borrow::Cow;

use http::HeaderMap;
use http::header::LOCATION;

use super::body::Body;
use super::raw_response::{Extent, HttpAnswer};
use crate::domain::answer::Reply;
use crate::domain::secret::Mask;

/// Returns the words of an answer, at full length, without what `mask` hides.
pub(super) fn of_answer(http: &HttpAnswer<'_>, body: Option<Body<'_>>, mask: &Mask) -> Reply {
    let header = |name| header(http.headers, name);
    let in_place = body.is_none().then(|| in_place_of_json(http, mask));
    let Body { result, code, message, task_url, request_id, trace_id } = body.unwrap_or_default();
    let mut reply = Reply {
        http_status: Some(http.status),
        result,
        code: code.unwrap_or_default().into(),
        message: in_place.map_or_else(|| message.into(), Into::into),
        task_url: task_url.into(),
        request_id: both(request_id, header("x-bkapi-request-id")),
        trace_id: both(trace_id, header("sops-trace-id")),
    };
    hide(&mut reply, mask);
    reply
}

pub(super) fn hide(reply: &mut Reply, mask: &Mask) {
    for text in reply.texts() {
        if let Cow::Owned(hidden) = mask.hide(text) {
            *text = hidden.into();
        }
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Joins two ids of the same kind if they differ: an ESB behind the gateway gives both.
fn both(first: Cow<'_, str>, second: &str) -> Box<str> {
    if first.is_empty() {
        second.into()
    } else if second.is_empty() || first == second {
        first.into()
    } else {
        format!("{first} {second}").into()
    }
}

/// Describes an answer without a JSON object. Secrets are hidden before anything is cut out, since
/// a part of one could not be found any more.
fn in_place_of_json(http: &HttpAnswer<'_>, mask: &Mask) -> String {
    let status = http.status;
    if let Extent::CutOff(why) = &http.extent {
        return format!("HTTP {status}, then {why}");
    }
    if let Some(location) = redirect(http.headers, mask) {
        return format!("HTTP {status}, a redirect to {location}, which is never followed");
    }
    let text = String::from_utf8_lossy(http.body);
    let text = mask.hide(&text);
    let shown = match title(&text) {
        Some(title) => title,
        None => text.trim(),
    };
    let line: String = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.as_str() {
        "" => format!("HTTP {status} with an empty body"),
        line => format!("HTTP {status} without a JSON object: {line}"),
    }
}

fn title(html: &str) -> Option<&str> {
    let (_, rest) = html.split_once("<title>")?;
    Some(rest.split_once("</title>")?.0)
}

/// Returns the target of a redirect, without its query, which may hold anything.
fn redirect(headers: &HeaderMap, mask: &Mask) -> Option<String> {
    let location = mask.hide(headers.get(LOCATION)?.to_str().ok()?);
    Some(location.split(['?', '#']).next().unwrap_or_default().to_owned())
}
