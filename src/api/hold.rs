//! Finds the pause that an answer asks for, and whose requests it concerns.
//!
//! The longest pause that is believed stands in `limiter::throttle`.

use std::time::Duration;

use http::HeaderMap;
use http::header::{DATE, RETRY_AFTER};

use super::raw_response::HttpAnswer;
use crate::domain::answer::FailureClass::{self, ThrottledApp, ThrottledBiz};
use crate::domain::answer::{Hold, Whom};

pub(super) fn hold(http: &HttpAnswer<'_>, class: FailureClass, message: &str) -> Option<Hold> {
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

/// Seconds until the gateway's window ends (FACTS.md section 3c).
fn rate_limit_reset(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get("x-bkapi-ratelimit-reset")?.to_str().ok()?;
    seconds.trim().parse().ok().map(Duration::from_secs)
}

/// Returns the pause that `[2/1minute]` in the ESB's text means: the period divided by the number;
/// of several rules, joined by `;`, the longest (FACTS.md section 3b, 1306429).
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

/// Reads `Retry-After`: seconds, or a date, which is compared with the answer's own.
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
    use crate::api::raw_response::Extent;

    fn stated(header: (&str, &str), date: &str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(DATE, date.parse().unwrap());
        headers.insert::<http::HeaderName>(header.0.parse().unwrap(), header.1.parse().unwrap());
        let http = HttpAnswer { status: 429, headers: &headers, body: b"", extent: Extent::Whole };
        hold(&http, ThrottledApp, "").unwrap().stated
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
}
