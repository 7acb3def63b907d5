//! What is kept of an answer for the report: what the server told us.
//!
//! Nothing here decides anything.

use http::HeaderMap;
use http::header::LOCATION;

use super::body::Body;
use super::heard::{Extent, HttpAnswer};
use crate::answer::Reply;

/// The words of an answer, uncut: secrets must be masked in whole texts.
pub fn reply(http: &HttpAnswer<'_>, body: Option<&Body<'_>>) -> Reply {
    let header = |name| header(http.headers, name);
    let without = Body::default();
    let json = body.unwrap_or(&without);
    let message = match body {
        Some(json) => (*json.message).into(),
        None => in_place_of_json(http).into(),
    };
    Reply {
        http_status: Some(http.status),
        result: json.result,
        code: json.code.as_deref().unwrap_or_default().into(),
        message,
        task_url: (*json.task_url).into(),
        request_id: both(&json.request_id, header("x-bkapi-request-id")),
        trace_id: both(&json.trace_id, header("sops-trace-id")),
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Two ids of the same kind, each once: an ESB behind the gateway gives both.
fn both(first: &str, second: &str) -> Box<str> {
    if first.is_empty() || first == second {
        second.into()
    } else if second.is_empty() {
        first.into()
    } else {
        format!("{first} {second}").into()
    }
}

/// What to tell people of an answer without a JSON object.
fn in_place_of_json(http: &HttpAnswer<'_>) -> String {
    let status = http.status;
    if let Extent::CutOff(why) = &http.extent {
        return format!("HTTP {status}, then {why}");
    }
    if let Some(location) = redirect(http.headers) {
        return format!("HTTP {status}, a redirect to {location}, which is never followed");
    }
    let text = String::from_utf8_lossy(http.body);
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

/// The title of an HTML page.
fn title(html: &str) -> Option<&str> {
    let (_, rest) = html.split_once("<title>")?;
    Some(rest.split_once("</title>")?.0)
}

/// Where a redirect points, without its query: that may hold anything.
fn redirect(headers: &HeaderMap) -> Option<String> {
    let location = headers.get(LOCATION)?.to_str().ok()?;
    Some(location.split(['?', '#']).next().unwrap_or_default().to_owned())
}
