//! What an answer means: FACTS.md section 5, as a pure function.
//!
//! The rules stand in the order in which they must be tried. Nothing here knows
//! what was sent, or what happens next. A rule is changed here, and shown by an
//! answer in `tests/wire/`.

use std::time::Duration;

use http::HeaderMap;
use http::header::{DATE, RETRY_AFTER, SERVER};

use super::body::Body;
use super::heard::{Extent, Heard, HttpAnswer};
use super::speaker::speaker;
use super::told;
use crate::answer::{
    Answer, Contact, Failure, FailureClass, Hold, Reply, Speaker, Taken, Verdict, Whom,
};
use crate::secret::Mask;
use FailureClass::{
    Ambiguous, Auth, BadRequest, Config, NotFound, Permission, ThrottledApp, ThrottledBiz,
    Transient,
};

/// Judges one answer. What it says is told without what `mask` hides, and judged as it is.
#[must_use]
pub fn verdict(heard: &Heard<'_>, mask: &Mask) -> Answer {
    match heard {
        Heard::Nothing { contact, what } => {
            let class = match contact {
                Contact::NotSent(_) => Transient,
                Contact::Lost | Contact::NotHttp | Contact::Answered(_) => Ambiguous,
            };
            let mut reply = Reply { message: (**what).into(), ..Reply::default() };
            told::hide(&mut reply, mask);
            let (taken, server) = (taken(class, *contact, None), Box::default());
            let failure = Failure { class, contact: *contact, taken, hold: None, server };
            Answer::new(Verdict::Failed(failure), reply)
        }
        Heard::Http(http) => http_verdict(http, mask),
    }
}

fn http_verdict(http: &HttpAnswer<'_>, mask: &Mask) -> Answer {
    let body = match http.extent {
        Extent::Whole => Body::read(http.body),
        Extent::CutOff(_) => None,
    };
    let meaning = meaning(http, body.as_ref());
    let reply = told::reply(http, body.as_ref(), mask);
    match meaning {
        Meaning::Accepted => Answer::new(Verdict::Accepted, reply),
        Meaning::AlreadyStarted => Answer::new(Verdict::AlreadyStarted, reply),
        Meaning::Failed(class) => {
            let hold = hold(http, class, &reply.message);
            let contact = Contact::Answered(speaker(http, body.as_ref(), class));
            let taken = taken(class, contact, Some(http.status));
            let server = server(http.headers, contact);
            let failure = Failure { class, contact, taken, hold, server };
            Answer::new(Verdict::Failed(failure), reply)
        }
    }
}

/// Whether the server may have taken the request. Whoever gave a page with a good status
/// may have obeyed it, even though it is none of theirs.
fn taken(class: FailureClass, contact: Contact, status: Option<u16>) -> Taken {
    let is_strange = contact == Contact::Answered(Speaker::Stranger);
    let is_good = status.is_some_and(|status| (200..300).contains(&status));
    if class == Ambiguous || (is_strange && is_good && class == Config) {
        Taken::Maybe
    } else {
        Taken::No
    }
}

/// The program that a page came from, without its version.
fn server(headers: &HeaderMap, contact: Contact) -> Box<str> {
    let is_page = matches!(contact, Contact::Answered(Speaker::Proxy | Speaker::Stranger));
    let name = headers.get(SERVER).filter(|_| is_page).and_then(|name| name.to_str().ok());
    let name = name.and_then(|name| name.split([' ', '/', '(']).next()).unwrap_or_default();
    name.chars().filter(char::is_ascii_graphic).take(32).collect::<String>().into()
}

/// What an HTTP answer means.
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
    let Some(body) = body else { return without_json(http).into() };
    match body.result {
        Some(true) => return Meaning::Accepted,
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

/// Answers that no API gave: proxies, login pages, a crash.
fn without_json(http: &HttpAnswer<'_>) -> FailureClass {
    let text = String::from_utf8_lossy(http.body);
    match http.status {
        403 if text.contains("only be accessed through API gateway") => Config,
        429 => ThrottledApp,
        status @ 500..600 if shows_untaken(status, &text) => Transient,
        500..600 | 408 => Ambiguous,
        425 => Transient,
        // nginx, where an http:// URL names the port of https.
        400 if text.contains("plain HTTP request was sent to HTTPS port") => Config,
        400 | 413 | 414 => BadRequest,
        400..500 => Config,
        200 if text.trim_start().starts_with('<') => Config,
        _ => Ambiguous,
    }
}

/// Whether the page of a 5xx shows that no server took the request. Most do not: nginx
/// says 502 whether or not the request was sent on, and Envoy says 503 "connection
/// termination" of one that was (FACTS.md section 3d).
fn shows_untaken(status: u16, text: &str) -> bool {
    const NOT_CONNECTED: [&str; 2] = ["Connection refused", "no healthy upstream"];
    let is_own_page = match status {
        // bk-sops itself, in its middlewares.
        500 => text.contains("<title>Server Error (500)</title>"),
        // nginx itself, without a server or over a limit of its own.
        503 => text.contains("<center>nginx"),
        _ => false,
    };
    // After a retry the text tells how the last attempt ended, and nothing of the first.
    let is_retried = text.contains("retried and the latest reset reason");
    is_own_page || (!is_retried && NOT_CONNECTED.iter().any(|untaken| text.contains(untaken)))
}

/// The rules by text hold for every route: the legacy ESB gives every failure
/// of bk-sops the same code, and bk-sops gives one code two meanings.
pub(super) fn by_text(status: u16, body: &Body<'_>) -> Option<FailureClass> {
    let message = &*body.message;
    if message.ends_with("reach the limit of starting tasks") {
        Some(ThrottledBiz)
    } else if message.starts_with("iam authentication exception")
        || body.code_number() == Some(9_900_403)
        || status == 499
    {
        Some(Permission)
    } else if message.starts_with("username cannot be empty") {
        Some(Auth)
    } else if message.contains("does not exist")
        && (message.contains("project(") || message.contains("TaskFlowInstance"))
    {
        Some(NotFound)
    } else if message.contains("invalid param format") {
        Some(BadRequest)
    } else {
        None
    }
}

fn by_code(body: &Body<'_>) -> Option<FailureClass> {
    let message = &*body.message;
    Some(match body.code_number()? {
        3_540_400 => NotFound,
        3_540_000 | 1_306_406 | 1_641_301 | 1_641_401 => BadRequest,
        3_540_100 | 1_306_401 | 1_306_402 | 1_640_302..=1_640_304 => Permission,
        1_306_429 | 1_642_901..=1_642_904 => ThrottledApp,
        1_306_403 | 1_640_301 | 1_640_001 | 1_640_004 | 1_640_100..=1_640_102 => Auth,
        1_306_203 | 1_306_206 | 1_306_207 | 1_306_209 | 1_306_404 | 1_306_405 | 1_306_407
        | 1_306_408 | 1_640_401 | 1_650_801 => Config,
        1_306_000 => by_esb_text(message),
        1_306_201 => by_backend_text(message),
        1_306_208 => Ambiguous,
        50_000 | 1_650_001 => Transient,
        1_650_200 | 1_650_300 | 1_650_401 => by_upstream_error(message),
        _ => return None,
    })
}

/// The ESB's 1306000 says many things (FACTS.md section 3b).
fn by_esb_text(message: &str) -> FailureClass {
    const AUTH: [&str; 8] = [
        "User authentication failed",
        "APP Secret",
        "APP Code",
        "Invalid APP Code",
        "Signature [bk_signature]",
        "The specified user TOKEN",
        "verify access_token failed",
        "the access_token",
    ];
    const TRANSIENT: [&str; 2] = ["request bkauth api error", "bkauth:"];
    let starts_with_any = |starts: &[&str]| starts.iter().any(|start| message.starts_with(start));
    if starts_with_any(&AUTH) {
        Auth
    } else if message.starts_with("Request JSON string is wrong") {
        BadRequest
    } else if starts_with_any(&TRANSIENT) {
        Transient
    } else {
        Ambiguous
    }
}

/// The ESB's 1306201: its call of the system behind it failed.
fn by_backend_text(message: &str) -> FailureClass {
    let system = message.split_once("system [").and_then(|(_, rest)| rest.split_once(']'));
    if system.is_some_and(|(system, _)| system != "SOPS") {
        // A call before the one of bk-sops, such as that of the login service.
        return Transient;
    }
    if message.contains("NewConnectionError") || message.contains("ConnectTimeoutError") {
        return Transient;
    }
    if message.contains("not the JSON format") {
        return Config;
    }
    let status = message
        .split_once("Status Code: ")
        .map(|(_, rest)| rest.chars().take_while(char::is_ascii_digit).collect::<String>());
    match status.as_deref() {
        Some("500") => Transient,
        Some("302" | "403" | "404" | "405" | "499") => Config,
        _ => Ambiguous,
    }
}

/// The gateway's own 502, 503 and 504: not connected, or connected and lost.
fn by_upstream_error(message: &str) -> FailureClass {
    const NOT_CONNECTED: [&str; 3] =
        ["connection refused", "while connecting to upstream", "parse backend host fail"];
    if NOT_CONNECTED.iter().any(|text| message.contains(text)) { Transient } else { Ambiguous }
}

/// The pause that a failure asks for.
fn hold(http: &HttpAnswer<'_>, class: FailureClass, message: &str) -> Option<Hold> {
    match class {
        ThrottledBiz => Some(Hold { whom: Whom::Business, stated: None }),
        ThrottledApp => {
            let stated = rate_limit_reset(http.headers)
                .or_else(|| stated_rate(message))
                .or_else(|| retry_after(http.headers));
            Some(Hold { whom: Whom::Everyone, stated })
        }
        // No layer of the platform sends it, but a proxy may.
        _ if matches!(http.status, 429 | 503) => retry_after(http.headers)
            .map(|pause| Hold { whom: Whom::Everyone, stated: Some(pause) }),
        _ => None,
    }
}

/// The gateway's seconds to the end of its window (FACTS.md section 3c).
fn rate_limit_reset(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get("x-bkapi-ratelimit-reset")?.to_str().ok()?;
    seconds.trim().parse().ok().map(Duration::from_secs)
}

/// The pause that `[2/1minute]` in the ESB's text comes to: the period by the
/// number; of several rules, joined by `;`, the longest (FACTS.md section 3b,
/// 1306429).
fn stated_rate(message: &str) -> Option<Duration> {
    let brackets = message.split('[').filter_map(|part| Some(part.split_once(']')?.0));
    brackets.flat_map(|rules| rules.split(';')).filter_map(pause_of_rule).max()
}

fn pause_of_rule(rule: &str) -> Option<Duration> {
    let (number, period) = rule.split_once('/')?;
    let number: u32 = number.trim().parse().ok().filter(|number| *number > 0)?;
    let digits = period.trim().find(|c: char| !c.is_ascii_digit())?;
    let (many, unit) = period.trim().split_at(digits);
    let many: u32 = if many.is_empty() { 1 } else { many.parse().ok()? };
    let unit = match unit.trim().trim_end_matches('s') {
        "second" => Duration::from_secs(1),
        "minute" => Duration::from_mins(1),
        "hour" => Duration::from_hours(1),
        "day" => Duration::from_hours(24),
        _ => return None,
    };
    Some(unit.saturating_mul(many) / number)
}

/// `Retry-After`, in seconds or as a date, which is held against the answer's own.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = httpdate::parse_http_date(text).ok()?;
    let now = httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()?;
    until.duration_since(now).ok()
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
        verdict(&Heard::Http(http), &Mask::default())
    }

    fn stated(header: (&str, &str), date: &str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(DATE, date.parse().unwrap());
        headers.insert::<http::HeaderName>(header.0.parse().unwrap(), header.1.parse().unwrap());
        let http = HttpAnswer { status: 429, headers: &headers, body: b"", extent: Extent::Whole };
        match verdict(&Heard::Http(http), &Mask::default()).verdict {
            Verdict::Failed(failure) => failure.hold.unwrap().stated,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_pause_is_stated_in_seconds_or_as_a_date() {
        let now = "Tue, 01 Dec 2026 14:00:00 GMT";
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        for (header, pause) in [
            (("retry-after", "7"), seconds(7)),
            (("retry-after", "Tue, 01 Dec 2026 14:00:09 GMT"), seconds(9)),
            (("retry-after", "Tue, 01 Dec 2026 13:00:00 GMT"), None),
            (("retry-after", "soon"), None),
            (("x-bkapi-ratelimit-reset", "31"), seconds(31)),
            (("x-bkapi-ratelimit-reset", "-1"), None),
        ] {
            assert_eq!(stated(header, now), pause, "{header:?}");
        }
    }

    #[test]
    fn rates_in_the_text_come_to_a_pause() {
        for (text, pause) in [
            ("the frequency limit is [2/1minute], please", Some(Duration::from_secs(30))),
            ("[5/1hour;10/1minute]", Some(Duration::from_mins(12))),
            (
                "of APP [app] to [/v2/sops/start_task/] is [4/2second]",
                Some(Duration::from_millis(500)),
            ),
            ("[0/1minute]", None),
            ("[2/1fortnight]", None),
            ("[2/]", None),
        ] {
            assert_eq!(stated_rate(text), pause, "{text}");
        }
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
