//! What the server's answers say, as a person reads them (FACTS.md section 3).

use serde_json::Value;

use crate::server::RawAnswer;
use crate::world::witness::{Back, Departure};

/// What an answer says of a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    Accepted,
    AlreadyStarted,
    /// Refused by bk-sops before anything was taken.
    Refused,
    /// Anything else, which may have been taken.
    Other,
}

/// Reads the answer to a start.
pub fn said(answer: &RawAnswer) -> Said {
    let Some(body) = json(answer) else { return Said::Other };
    let message = body["message"].as_str().unwrap_or_default();
    match body["result"].as_bool() {
        Some(true) => Said::Accepted,
        Some(false) if message == "task already started" => Said::AlreadyStarted,
        Some(false) if message.ends_with("reach the limit of starting tasks") => Said::Refused,
        Some(false) if body["code"] == 3_540_400 => Said::Refused,
        Some(false) | None => Said::Other,
    }
}

/// Whether the whole answer to a start refuses it by the limit of its business.
pub fn is_throttled(departure: &Departure) -> bool {
    let Some((_, Back::Answer(answer))) = &departure.back else { return false };
    let message = json(answer).map(|body| body["message"].as_str().unwrap_or_default().to_owned());
    message.is_some_and(|message| message.ends_with("reach the limit of starting tasks"))
}

/// What the whole answer to a start says, if one came.
pub fn heard(departure: &Departure) -> Option<Said> {
    match &departure.back {
        Some((_, Back::Answer(answer))) => Some(said(answer)),
        Some((_, Back::CutOff(_) | Back::Lost | Back::NotSent)) | None => None,
    }
}

/// Whether a byte of the request may have left.
pub fn may_have_left(departure: &Departure) -> bool {
    !matches!(departure.back, Some((_, Back::NotSent)))
}

/// Whether the program must reckon that a start was taken.
pub fn may_be_taken(departure: &Departure) -> bool {
    let of_answer = |said| matches!(said, Said::Accepted | Said::Other);
    may_have_left(departure) && heard(departure).is_none_or(of_answer)
}

/// The state of a task that an answer shows.
pub fn state(departure: &Departure) -> Option<String> {
    let Some((_, Back::Answer(answer))) = &departure.back else { return None };
    let body = json(answer).filter(|body| body["result"] == true)?;
    body["data"]["state"].as_str().map(str::to_owned)
}

fn json(answer: &RawAnswer) -> Option<Value> {
    serde_json::from_slice(&answer.body).ok()
}
