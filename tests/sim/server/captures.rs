//! Answers as they were captured (tests/wire), with what was true when they came.
//!
//! Whether bk-sops took the request stands here, by the facts; the pause that an answer asks for
//! stands in the tables beside the captures, which were written by reading them.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use serde::Deserialize;

use super::{RawAnswer, Response, Whom};
use crate::history::Taken::{self, After, Before};
use crate::history::{Key, Route};

/// Texts of files of tests/wire, by the name without its ending.
macro_rules! wire {
    ($($name:literal)*) => {
        [$(($name, include_str!(concat!("../../wire/", $name, ".json")))),*]
    };
}

type Table = &'static [(&'static str, Taken)];

/// Answers to start requests by the legacy ESB.
const LEGACY_ESB: Table = &[
    ("esb1_backend_200_html", Before),
    ("esb1_backend_200_json_without_result", After),
    ("esb1_backend_500", Before),
    ("esb1_backend_connection_refused", Before),
    ("esb1_backend_read_timeout", After),
    ("esb1_backend_read_timeout", Before),
    ("esb1_start_app_no_component_permission", Before),
    ("esb1_start_bad_json", Before),
    ("esb1_start_missing_task_id", Before),
    ("esb1_start_rate_limited", Before),
    ("esb1_start_task_not_found", Before),
    ("esb1_start_throttled", Before),
    ("esb1_unknown_path_404", Before),
    ("written/esb1_1306201_aborted_bad_status_line", After),
    ("written/esb1_1306201_aborted_reset", After),
    ("written/esb1_1306201_aborted_reset", Before),
    ("written/esb1_1306201_connect_timeout", Before),
    ("written/esb1_1306201_login_refused", Before),
    ("written/esb1_1306201_other_cause", After),
    ("written/esb1_1306201_status_404", Before),
    ("written/esb1_1306201_status_502", After),
    ("written/esb1_1306201_status_503", Before),
    ("written/esb1_1306201_status_504", After),
    ("written/esb1_1306401_operator", Before),
    ("written/esb1_1306429_no_rate", Before),
    ("written/esb1_1306429_several_rules", Before),
    ("written/esb1_bad_token", Before),
    ("written/esb1_component_error", After),
    ("written/esb1_component_error", Before),
    ("written/esb1_handler_500", After),
    ("written/esb1_iam_denied", Before),
    ("written/esb1_project_not_found", Before),
];

/// By the newer ESB, which keeps the codes of bk-sops.
const NEW_ESB: Table = &[
    ("esb2_backend_200_html", Before),
    ("esb2_backend_200_json_without_result", After),
    ("esb2_backend_502_html", After),
    ("esb2_backend_closed_connection", After),
    ("esb2_backend_closed_connection", Before),
    ("esb2_start_bad_json", Before),
    ("esb2_start_bad_token", Before),
    ("esb2_start_channel_inactive", Before),
    ("esb2_start_iam_denied", Before),
    ("esb2_start_missing_bk_biz_id", Before),
    ("esb2_start_project_not_found", Before),
    ("esb2_status_task_not_found", Before),
    ("written/esb2_1306201_aborted_reset", After),
    ("written/esb2_1306201_connection_refused", Before),
    ("written/esb2_1306201_login_not_json", Before),
    ("written/esb2_1306201_read_timeout", After),
    ("written/esb2_1306201_status_429", Before),
    ("written/esb2_1306201_status_503", Before),
    ("written/esb2_1306201_status_504", After),
    ("written/esb2_bkauth_down", Before),
    ("written/esb2_bkauth_error", Before),
    ("written/esb2_component_error", After),
    ("written/esb2_handler_500", Before),
    ("written/esb2_iam_9900403", Before),
    ("written/esb2_invalid_param_format", Before),
    ("written/esb2_throttled", Before),
    ("written/gw_1642902_rewritten_200", Before),
];

/// By the gateway, or by bk-sops through it.
const GATEWAY: Table = &[
    ("gwshim_bad_token", Before),
    ("start_bad_json", Before),
    ("start_broker_failure_500", Before),
    ("start_iam_backend_error_500", Before),
    ("start_jwt_expired_500", Before),
    ("start_project_not_found", Before),
    ("start_task_not_found", Before),
    ("start_throttled_4", Before),
    ("written/gw_1640301_no_permission", Before),
    ("written/gw_1640302_ip", Before),
    ("written/gw_1641301_body_too_large", Before),
    ("written/gw_1642901_stage_global", Before),
    ("written/gw_1642902_stage_without_headers", Before),
    ("written/gw_1642904_concurrency", Before),
    ("written/gw_1650001_auth_backend_down", Before),
    ("written/gw_1650070_unknown", After),
    ("written/gw_1650200_cannot_read_header", After),
    ("written/gw_1650200_connection_refused", Before),
    ("written/gw_1650200_no_valid_ip", Before),
    ("written/gw_1650200_reset", After),
    ("written/gw_1650200_without_upstream_error", Before),
    ("written/gw_1650300_unavailable", After),
    ("written/gw_1650401_connecting", Before),
    ("written/gw_1650401_reading", After),
    ("written/sops_code_3545000_other_text", Before),
    ("written/sops_code_50000_as_number", Before),
    ("written/sops_code_as_string_3540400", Before),
    ("written/sops_http_499_without_code", Before),
    ("written/sops_iam_9900403_http_499", Before),
    ("written/sops_result_missing", After),
    ("written/sops_result_missing_already_started", Before),
    ("written/sops_result_null", Before),
    ("written/sops_result_string_true", After),
    ("written/sops_unknown_code", After),
];

/// Pages and odd shapes by whatever stands before all three. Those that come after bk-sops took the
/// request are in the facts (sections 3d and 8a), or say nothing of it.
const ANYBODY: Table = &[
    ("nginx_400_bad_request", Before),
    ("nginx_400_plain_http_to_https_port", Before),
    ("nginx_404", Before),
    ("nginx_502_connection_refused", Before),
    ("nginx_504_read_timeout", After),
    ("nginx_504_read_timeout", Before),
    ("written/http_200_cut_off", After),
    ("written/http_200_empty", After),
    ("written/http_200_empty", Before),
    ("written/http_200_json_array", Before),
    ("written/http_200_login_page", Before),
    ("written/http_200_plain_text", Before),
    ("written/http_307_html", Before),
    ("written/http_408_html", After),
    ("written/http_408_html", Before),
    ("written/http_413_html", Before),
    ("written/http_425_html", Before),
    ("written/http_429_html", Before),
    ("written/http_429_html_retry_after", Before),
    ("written/http_500_empty", After),
    ("written/http_500_nginx", Before),
    ("written/http_502_html_closed", After),
    ("written/http_502_refused_text", Before),
    ("written/http_503_empty", After),
    ("written/http_503_envoy_no_healthy_upstream", Before),
    ("written/http_503_envoy_refused", Before),
    ("written/http_503_envoy_refused_retried", After),
    ("written/http_503_envoy_termination", After),
    ("written/http_503_envoy_termination", Before),
    ("written/http_503_haproxy", Before),
    ("written/http_503_html", Before),
    ("written/http_503_html_retry_after", Before),
    ("written/http_504_envoy", After),
];

const TEXTS: &[(&str, &str)] = &wire! {
    "esb1_backend_200_html" "esb1_backend_200_json_without_result" "esb1_backend_500"
    "esb1_backend_connection_refused" "esb1_backend_read_timeout"
    "esb1_start_app_no_component_permission" "esb1_start_bad_json" "esb1_start_missing_task_id"
    "esb1_start_rate_limited" "esb1_start_task_not_found" "esb1_start_throttled"
    "esb1_unknown_path_404" "esb2_backend_200_html" "esb2_backend_200_json_without_result"
    "esb2_backend_502_html" "esb2_backend_closed_connection" "esb2_start_bad_json"
    "esb2_start_bad_token" "esb2_start_channel_inactive" "esb2_start_iam_denied"
    "esb2_start_missing_bk_biz_id" "esb2_start_project_not_found" "esb2_status_task_not_found"
    "gwshim_bad_token" "nginx_400_bad_request" "nginx_400_plain_http_to_https_port" "nginx_404"
    "nginx_502_connection_refused" "nginx_504_read_timeout" "start_bad_json"
    "start_broker_failure_500" "start_iam_backend_error_500" "start_jwt_expired_500"
    "start_project_not_found" "start_task_not_found" "start_throttled_4"
    "written/esb1_1306201_aborted_bad_status_line" "written/esb1_1306201_aborted_reset"
    "written/esb1_1306201_connect_timeout" "written/esb1_1306201_login_refused"
    "written/esb1_1306201_other_cause" "written/esb1_1306201_status_404"
    "written/esb1_1306201_status_502" "written/esb1_1306201_status_503"
    "written/esb1_1306201_status_504" "written/esb1_1306401_operator"
    "written/esb1_1306429_no_rate" "written/esb1_1306429_several_rules" "written/esb1_bad_token"
    "written/esb1_component_error" "written/esb1_handler_500" "written/esb1_iam_denied"
    "written/esb1_project_not_found" "written/esb2_1306201_aborted_reset"
    "written/esb2_1306201_connection_refused" "written/esb2_1306201_login_not_json"
    "written/esb2_1306201_read_timeout" "written/esb2_1306201_status_429"
    "written/esb2_1306201_status_503" "written/esb2_1306201_status_504" "written/esb2_bkauth_down"
    "written/esb2_bkauth_error" "written/esb2_component_error" "written/esb2_handler_500"
    "written/esb2_iam_9900403" "written/esb2_invalid_param_format" "written/esb2_throttled"
    "written/gw_1640301_no_permission" "written/gw_1640302_ip" "written/gw_1641301_body_too_large"
    "written/gw_1642901_stage_global" "written/gw_1642902_rewritten_200"
    "written/gw_1642902_stage_without_headers" "written/gw_1642904_concurrency"
    "written/gw_1650001_auth_backend_down" "written/gw_1650070_unknown"
    "written/gw_1650200_cannot_read_header" "written/gw_1650200_connection_refused"
    "written/gw_1650200_no_valid_ip" "written/gw_1650200_reset"
    "written/gw_1650200_without_upstream_error" "written/gw_1650300_unavailable"
    "written/gw_1650401_connecting" "written/gw_1650401_reading" "written/http_200_cut_off"
    "written/http_200_empty" "written/http_200_json_array" "written/http_200_login_page"
    "written/http_200_plain_text" "written/http_307_html" "written/http_408_html"
    "written/http_413_html" "written/http_425_html" "written/http_429_html"
    "written/http_429_html_retry_after" "written/http_500_empty" "written/http_500_nginx"
    "written/http_502_html_closed" "written/http_502_refused_text" "written/http_503_empty"
    "written/http_503_envoy_no_healthy_upstream" "written/http_503_envoy_refused"
    "written/http_503_envoy_refused_retried" "written/http_503_envoy_termination"
    "written/http_503_haproxy" "written/http_503_html" "written/http_503_html_retry_after"
    "written/http_504_envoy" "written/sops_code_3545000_other_text"
    "written/sops_code_50000_as_number" "written/sops_code_as_string_3540400"
    "written/sops_http_499_without_code" "written/sops_iam_9900403_http_499"
    "written/sops_result_missing" "written/sops_result_missing_already_started"
    "written/sops_result_null" "written/sops_result_string_true" "written/sops_unknown_code"
};

/// A captured answer that can be given again.
#[derive(Debug)]
pub struct Capture {
    pub file: &'static str,
    answer: RawAnswer,
    /// The verdict of the table beside it, such as `ambiguous`.
    pub class: String,
    hold: Hold,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hold {
    None,
    Business,
    Everyone(Option<Duration>),
}

impl Capture {
    /// Returns the answer to a request for `key`.
    pub fn response(&self, key: Option<&Key>) -> Response {
        let refusal = match (self.hold, key) {
            (Hold::None, _) | (Hold::Business, None) => None,
            (Hold::Business, Some(key)) => Some((Whom::Business(key.scope.clone(), key.biz), None)),
            (Hold::Everyone(stated), _) => Some((Whom::Everyone, stated)),
        };
        Response { answer: self.answer.clone(), refusal }
    }
}

/// Returns the capture that an index means on a route, and whether it comes after bk-sops took the
/// request.
pub fn on_route(route: Route, index: u8) -> (&'static Capture, Taken) {
    let own = match route {
        Route::LegacyEsb => LEGACY_ESB,
        Route::NewEsb => NEW_ESB,
        Route::Gateway => GATEWAY,
    };
    let at = usize::from(index) % (own.len() + ANYBODY.len());
    let (file, taken) = own.get(at).unwrap_or_else(|| &ANYBODY[at - own.len()]);
    (by_name(file), *taken)
}

/// Returns the proxy's page that an index means, among those that come so.
pub fn page(index: u8, taken: Taken) -> &'static Capture {
    let fitting = || ANYBODY.iter().filter(move |(_, own)| *own == taken);
    let at = usize::from(index) % fitting().count();
    by_name(fitting().nth(at).map_or("", |(file, _)| file))
}

/// Returns a capture by its file's name.
pub fn by_name(file: &str) -> &'static Capture {
    &CAPTURES[file]
}

static CAPTURES: LazyLock<BTreeMap<&'static str, Capture>> = LazyLock::new(|| {
    let mut verdicts = verdicts("", include_str!("../../wire/table.csv"));
    verdicts.extend(verdicts_of_written());
    let captures = TEXTS.iter().map(|(file, text)| {
        let (class, hold) = verdicts[*file].clone();
        (*file, Capture { file, answer: read(text), class, hold: read_hold(&hold) })
    });
    captures.collect()
});

fn verdicts_of_written() -> BTreeMap<String, (String, String)> {
    verdicts("written/", include_str!("../../wire/written.csv"))
}

/// Reads a table: verdict and pause by the file's name.
fn verdicts(folder: &str, table: &str) -> BTreeMap<String, (String, String)> {
    let mut lines = csv::Reader::from_reader(table.as_bytes());
    let lines = lines.records().map(|line| {
        let line = line.unwrap();
        let file = format!("{folder}{}", line[0].trim_end_matches(".json"));
        (file, (line[1].to_owned(), line[2].to_owned()))
    });
    lines.collect()
}

fn read_hold(words: &str) -> Hold {
    match words.split_once(' ') {
        None if words.is_empty() => Hold::None,
        None if words == "business" => Hold::Business,
        None => Hold::Everyone(None),
        Some((_, stated)) => {
            let seconds = stated.trim_end_matches('s').parse().unwrap();
            Hold::Everyone(Some(Duration::from_secs(seconds)))
        }
    }
}

#[derive(Deserialize)]
struct File {
    status: u16,
    headers: BTreeMap<String, String>,
    body: String,
}

fn read(text: &str) -> RawAnswer {
    let File { status, headers, body } = serde_json::from_str(text).unwrap();
    let headers = headers.into_iter().map(|(name, value)| (name.to_lowercase(), value));
    // How the body was framed on its connection is no part of the answer.
    let headers = headers.filter(|(name, _)| name != "transfer-encoding").collect();
    RawAnswer { status, headers, body: body.into() }
}

/// Returns the files of a route's table that are not among `files`.
#[cfg(test)]
pub fn unreached(route: Route, files: &std::collections::BTreeSet<&str>) -> Vec<&'static str> {
    let all = (0..LEGACY_ESB.len() + GATEWAY.len() + ANYBODY.len())
        .filter_map(|index| Some(on_route(route, index.try_into().ok()?).0.file));
    all.filter(|file| !files.contains(file)).collect()
}
