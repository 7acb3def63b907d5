//! Finds the class of a failure by its text and its code.
//!
//! The tables come from captured answers.

use super::body::Body;
use crate::domain::answer::FailureClass::{
    self, Ambiguous, Auth, BadRequest, Config, NotFound, Permission, ThrottledApp, ThrottledBiz,
    Transient,
};

/// Returns the class that the text shows. These rules hold for every route: the legacy ESB gives
/// every failure of bk-sops the same code, and bk-sops gives one code two meanings.
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

pub(super) fn by_code(body: &Body<'_>) -> Option<FailureClass> {
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

/// The ESB's 1306000 has many meanings (FACTS.md section 3b).
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

/// The ESB's 1306201 means that its call of the system behind it failed.
fn by_backend_text(message: &str) -> FailureClass {
    let system = message.split_once("system [").and_then(|(_, rest)| rest.split_once(']'));
    if system.is_some_and(|(system, _)| system != "SOPS") {
        // An earlier call than that of bk-sops, such as that of the login service.
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
