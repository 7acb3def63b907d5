//! Decides what an answer means: FACTS.md section 5, as a pure function.
//!
//! The rules are in the order in which they must be tried. Nothing here knows what was sent, or
//! what happens next. Each rule is shown by an answer in `tests/wire/`.

use http::HeaderMap;
use http::header::SERVER;

use super::body::Body;
use super::class::{by_code, by_text};
use super::hold::hold;
use super::raw_response::{Extent, HttpAnswer, RawResponse};
use super::reply;
use super::speaker::speaker;
use crate::domain::answer::{
    Answer, Delivery, Failure, FailureClass, Reply, Speaker, Taken, Verdict,
};
use crate::domain::secret::Mask;
use FailureClass::{Ambiguous, BadRequest, Config, ThrottledApp, Transient};

/// Judges one answer by all it says; the result leaves out what `mask` hides.
#[must_use]
pub fn verdict(response: &RawResponse<'_>, mask: &Mask) -> Answer {
    match response {
        RawResponse::Nothing { delivery, what } => {
            let class = match delivery {
                Delivery::NotSent(_) => Transient,
                Delivery::Lost | Delivery::NotHttp | Delivery::Answered(_) => Ambiguous,
            };
            let mut reply = Reply { message: (**what).into(), ..Reply::default() };
            reply::hide(&mut reply, mask);
            let (taken, server) = (taken(class, *delivery, None), Box::default());
            let failure = Failure { class, delivery: *delivery, taken, hold: None, server };
            Answer::new(Verdict::Failed(failure), reply)
        }
        RawResponse::Http(http) => http_verdict(http, mask),
    }
}

fn http_verdict(http: &HttpAnswer<'_>, mask: &Mask) -> Answer {
    let body = match http.extent {
        Extent::Whole => Body::read(http.body),
        Extent::CutOff(_) => None,
    };
    match meaning(http, body.as_ref()) {
        Meaning::Accepted => Answer::new(Verdict::Accepted, reply::of_answer(http, body, mask)),
        Meaning::AlreadyStarted => {
            Answer::new(Verdict::AlreadyStarted, reply::of_answer(http, body, mask))
        }
        Meaning::Failed(class) => {
            let delivery = Delivery::Answered(speaker(http, body.as_ref(), class));
            let reply = reply::of_answer(http, body, mask);
            let hold = hold(http, class, &reply.message);
            let taken = taken(class, delivery, Some(http.status));
            let server = server(http.headers, delivery);
            let failure = Failure { class, delivery, taken, hold, server };
            Answer::new(Verdict::Failed(failure), reply)
        }
    }
}

/// Whether the server may have accepted the request. Whatever sent a page with a success status may
/// have done so, even if it is none of bk-sops, the ESB and the gateway.
fn taken(class: FailureClass, delivery: Delivery, status: Option<u16>) -> Taken {
    let is_strange = delivery == Delivery::Answered(Speaker::Stranger);
    let is_good = status.is_some_and(|status| (200..300).contains(&status));
    if class == Ambiguous || (is_strange && is_good && class == Config) {
        Taken::Maybe
    } else {
        Taken::No
    }
}

/// Program that a page came from, without its version.
fn server(headers: &HeaderMap, delivery: Delivery) -> Box<str> {
    let is_page = matches!(delivery, Delivery::Answered(Speaker::Proxy | Speaker::Stranger));
    let name = headers.get(SERVER).filter(|_| is_page).and_then(|name| name.to_str().ok());
    let name = name.and_then(|name| name.split([' ', '/', '(']).next()).unwrap_or_default();
    name.chars().filter(char::is_ascii_graphic).take(32).collect::<String>().into()
}

enum Meaning {
    Accepted,
    AlreadyStarted,
    Failed(FailureClass),
}

impl From<FailureClass> for Meaning {
    fn from(class: FailureClass) -> Self {
        Self::Failed(class)
    }
}

fn meaning(http: &HttpAnswer<'_>, body: Option<&Body<'_>>) -> Meaning {
    if (300..400).contains(&http.status) {
        return Config.into();
    }
    if let Extent::CutOff(_) = http.extent {
        return Ambiguous.into();
    }
    let Some(body) = body else { return without_result(http).into() };
    match body.result {
        Some(true) => return Meaning::Accepted,
        // An object of somebody else says as little as a page of theirs.
        None if (400..500).contains(&http.status) => return without_result(http).into(),
        None => return Ambiguous.into(),
        Some(false) => {}
    }
    if http.status == 404 && body.code.is_none() {
        return Config.into();
    }
    if body.message == "task already started" {
        return Meaning::AlreadyStarted;
    }
    by_text(http.status, body).or_else(|| by_code(body)).unwrap_or(Ambiguous).into()
}

/// Classifies answers that no API gave: proxies, login pages, a crash.
fn without_result(http: &HttpAnswer<'_>) -> FailureClass {
    let text = String::from_utf8_lossy(http.body);
    match http.status {
        403 if text.contains("only be accessed through API gateway") => Config,
        429 => ThrottledApp,
        status @ 500..600 if shows_untaken(status, &text) => Transient,
        500..600 | 408 => Ambiguous,
        425 => Transient,
        // nginx, if an http:// URL names the port of https.
        400 if text.contains("plain HTTP request was sent to HTTPS port") => Config,
        400 | 413 | 414 => BadRequest,
        400..500 => Config,
        200 if text.trim_start().starts_with('<') => Config,
        _ => Ambiguous,
    }
}

/// Whether the page of a 5xx shows that no server accepted the request. Most do not: nginx says 502
/// whether or not the request was sent on, and Envoy says 503 "connection termination" about one
/// that was (FACTS.md section 3d).
fn shows_untaken(status: u16, text: &str) -> bool {
    const NOT_CONNECTED: [&str; 2] = ["Connection refused", "no healthy upstream"];
    let is_own_page = match status {
        // bk-sops itself, in its middlewares.
        500 => text.contains("<title>Server Error (500)</title>"),
        // nginx itself, without a server or over a limit of its own.
        503 => text.contains("<center>nginx"),
        _ => false,
    };
    // After a retry the text tells how the last attempt ended, and nothing about the first.
    let is_retried = text.contains("retried and the latest reset reason");
    is_own_page || (!is_retried && NOT_CONNECTED.iter().any(|untaken| text.contains(untaken)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn judge(status: u16, header: (&str, &str), body: &[u8], extent: Extent) -> Answer {
        let mut headers = HeaderMap::new();
        let name: http::HeaderName = header.0.parse().unwrap();
        headers.insert(name, header.1.parse().unwrap());
        let http = HttpAnswer { status, headers: &headers, body, extent };
        verdict(&RawResponse::Http(http), &Mask::default())
    }

    fn any_body() -> impl Strategy<Value = Vec<u8>> {
        let word = "(\"result\"|\"code\"|\"message\"|true|false|null|[0-9]{1,9}|\"[ -~]{0,30}\"|[\\[\\]{}:,<]){0,12}";
        prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..200),
            word.prop_map(String::into_bytes),
            (
                "[ -~]{0,60}",
                prop_oneof![Just(1_306_000), Just(1_306_201), Just(1_306_429), any::<i32>()]
            )
                .prop_map(|(message, code)| {
                    let body =
                        serde_json::json!({"result": false, "code": code, "message": message});
                    body.to_string().into_bytes()
                }),
        ]
    }

    proptest! {
        #[test]
        fn whatever_comes_is_judged_and_only_true_is_accepted(
            status in 100_u16..600,
            value in "[ -~]{0,20}",
            name in prop_oneof![Just("retry-after"), Just("x-bkapi-ratelimit-reset"), Just("location")],
            body in any_body(),
        ) {
            let answer = judge(status, (name, value.trim()), &body, Extent::Whole);
            let json: Option<serde_json::Value> = serde_json::from_slice(&body).ok();
            let says_true = json.is_some_and(|json| json.get("result") == Some(&true.into()));
            let accepted = answer.verdict == Verdict::Accepted;
            prop_assert_eq!(accepted, says_true && !(300..400).contains(&status));
            let cut = judge(status, (name, value.trim()), &body, Extent::CutOff("x".into()));
            let class = match cut.verdict {
                Verdict::Failed(failure) => failure.class,
                other => return Err(TestCaseError::fail(format!("{other:?} of a cut-off answer"))),
            };
            let redirect = (300..400).contains(&status);
            prop_assert_eq!(class, if redirect { Config } else { Ambiguous });
        }
    }
}
