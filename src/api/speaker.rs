//! Finds out who can have given an answer: bk-sops, the ESB or the gateway, or something else.
//!
//! That tells a working server from something in front of it that answers in its place.

use super::body::Body;
use super::class::by_text;
use super::raw_response::{Extent, HttpAnswer};
use crate::domain::answer::{FailureClass, Speaker};

/// Tells who can have given an answer of this failure class.
#[must_use]
pub(crate) fn speaker(
    http: &HttpAnswer<'_>,
    body: Option<&Body<'_>>,
    class: FailureClass,
) -> Speaker {
    if http.extent != Extent::Whole || (300..400).contains(&http.status) {
        return Speaker::Proxy;
    }
    match body {
        Some(body) if body.result.is_some() => of_json(http, body, class),
        Some(_) | None => of_page(http),
    }
}

/// An object with a boolean `result`, as all three of them send it.
fn of_json(http: &HttpAnswer<'_>, body: &Body<'_>, class: FailureClass) -> Speaker {
    if by_text(http.status, body).is_some() {
        return Speaker::BkSops;
    }
    match body.code_number() {
        Some(3_500_000..=3_599_999 | 50_000) => Speaker::BkSops,
        // The ESB's words about the answer that it got (FACTS.md section 3b).
        Some(1_306_201) if body.message.contains("[SOPS]") && is_own_500(&body.message) => {
            Speaker::BkSops
        }
        Some(1_306_201) if class == FailureClass::Config => Speaker::Stranger,
        Some(_) => Speaker::Front,
        None if http.status == 404 => Speaker::Front,
        None => of_page(http),
    }
}

/// Whether the ESB got bk-sops' own HTTP 500.
fn is_own_500(message: &str) -> bool {
    message.contains("Status Code: 500")
}

/// A page, or JSON that none of the three sends.
fn of_page(http: &HttpAnswer<'_>) -> Speaker {
    let text = String::from_utf8_lossy(http.body);
    match http.status {
        403 if text.contains("only be accessed through API gateway") => Speaker::BkSops,
        500 if text.contains("<title>Server Error (500)</title>") => Speaker::BkSops,
        408 | 413 | 414 | 425 | 429 | 500..600 => Speaker::Proxy,
        _ if is_torn(http.body) => Speaker::Proxy,
        _ => Speaker::Stranger,
    }
}

/// Whether a body begins as JSON and breaks off: one of their answers, cut on its way.
fn is_torn(body: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(body).is_err_and(|error| error.is_eof())
        && body.trim_ascii_start().starts_with(b"{")
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderMap;

    fn of(status: u16, body: &str, class: FailureClass) -> Speaker {
        let headers = HeaderMap::new();
        let http =
            HttpAnswer { status, headers: &headers, body: body.as_bytes(), extent: Extent::Whole };
        speaker(&http, Body::read(body.as_bytes()).as_ref(), class)
    }

    use FailureClass::{
        Ambiguous, Auth, BadRequest, Config, NotFound, Permission, ThrottledApp, ThrottledBiz,
        Transient,
    };
    use Speaker::{BkSops, Front, Proxy, Stranger};

    #[test]
    fn who_can_have_given_an_answer_with_a_code() {
        let json = |code: &str, message: &str| {
            format!(r#"{{"result":false,"code":{code},"message":"{message}"}}"#)
        };
        let esb = |cause: &str| {
            let start = "Component request third-party system [SOPS] interface [start_task] error";
            json("1306201", &format!("{start}: {cause}, please try again later"))
        };
        for (status, body, class, expected) in [
            (
                200,
                json("3545000", "project id: 3 reach the limit of starting tasks"),
                ThrottledBiz,
                BkSops,
            ),
            (
                200,
                json("1306000", "project id: 3 reach the limit of starting tasks"),
                ThrottledBiz,
                BkSops,
            ),
            (200, json("3599999", "task[id=7] get status error: no"), Ambiguous, BkSops),
            (
                200,
                json("3540400", "project(999) with scope(cmdb_biz) does not exist."),
                NotFound,
                BkSops,
            ),
            (499, json("9900403", "you have no permission to operate"), Permission, BkSops),
            (500, json("\"50000\"", "系统异常,请联系管理员处理"), Transient, BkSops),
            (
                200,
                esb("Status Code: 500, Error Message: Third-party system internal error"),
                Transient,
                BkSops,
            ),
            (200, esb("Status Code: 502, Error Message: Bad Gateway"), Ambiguous, Front),
            (200, esb("('Connection aborted.', BadStatusLine)"), Ambiguous, Front),
            (200, esb("Status Code: 404"), Config, Stranger),
            (200, json("1306000", "User authentication failed"), Auth, Front),
            (200, json("1306429", "Access frequency limit"), ThrottledApp, Front),
            (502, json("1650200", "Bad Gateway"), Transient, Front),
            (
                404,
                r#"{"message":"The content does not exist","data":null,"result":false}"#.into(),
                Config,
                Front,
            ),
        ] {
            assert_eq!(of(status, &body, class), expected, "{status} {body}");
        }
    }

    #[test]
    fn who_can_have_given_an_answer_without_a_code() {
        for (status, body, class, expected) in [
            (200, r#"{"result":false,"message":"no code"}"#, Ambiguous, Stranger),
            (200, r#"{"status":"ok"}"#, Ambiguous, Stranger),
            (200, "<html>login", Config, Stranger),
            (200, r#"{"result":true,"da"#, Ambiguous, Proxy),
            (200, "", Ambiguous, Stranger),
            (400, "<html>The plain HTTP request was sent to HTTPS port", Config, Stranger),
            (400, "<html>400", BadRequest, Stranger),
            (404, "default backend - 404", Config, Stranger),
            (405, "", Config, Stranger),
            (302, "", Config, Proxy),
            (413, "<html>413", BadRequest, Proxy),
            (429, "", ThrottledApp, Proxy),
            (502, "<html><center>nginx", Ambiguous, Proxy),
            (500, "<title>Server Error (500)</title>", Transient, BkSops),
            (403, "This API can only be accessed through API gateway", Config, BkSops),
        ] {
            assert_eq!(of(status, body, class), expected, "{status} {body}");
        }
    }

    #[test]
    fn an_answer_that_was_cut_off_says_nothing_of_who_gave_it() {
        let headers = HeaderMap::new();
        let body = br#"{"result":fal"#;
        let extent = Extent::CutOff("the connection broke".into());
        let http = HttpAnswer { status: 200, headers: &headers, body, extent };
        assert_eq!(speaker(&http, None, Ambiguous), Proxy);
    }
}
