//! Who asks to be let through, and who goes next.

use tokio::time::Instant;

use super::denial::GivenUp;
use super::fair_queue::probe::ProbeRow;
use super::request_kind::{Question, RequestKind};
use crate::rules::retry::Role;

/// A row that asks to be let through.
#[derive(Debug)]
pub(super) struct AcquireRequest<T> {
    pub request_kind: RequestKind,
    pub line: u64,
    /// How often it was sent.
    pub attempts: u32,
    pub row: T,
}

/// The row that goes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Choice {
    /// The one whose turn it is for this kind of request.
    InTurn(RequestKind),
    /// The start that an outage is probed with.
    Probe(ProbeRow),
    /// The question that it is probed with: which of its kind.
    ProbeByQuestion(Question, usize),
}

impl Choice {
    pub(super) const fn request_kind(self) -> RequestKind {
        match self {
            Self::InTurn(request_kind) => request_kind,
            Self::Probe(ProbeRow { business, turn, .. }) => RequestKind::Start(business, turn),
            Self::ProbeByQuestion(Question::State, _) => RequestKind::Poll,
            Self::ProbeByQuestion(Question::Link, _) => RequestKind::Lookup,
        }
    }

    /// Where a question stands among its kind.
    pub(super) const fn index(self) -> usize {
        match self {
            Self::ProbeByQuestion(_, index) => index,
            Self::InTurn(_) | Self::Probe(_) => 0,
        }
    }
}

/// Every row that may go was probed.
#[derive(Debug)]
pub(super) struct RoundIsOver;

/// Who goes next.
#[derive(Debug)]
pub(super) enum Pick<T> {
    /// This row, for this kind of request, now.
    Go(RequestKind, Role, T),
    /// This row is given up without being sent.
    GiveUp(GivenUp, T),
    /// This question is not asked again.
    InVain(T),
    /// Nobody before this time, or before something changes.
    Wait(Option<Instant>),
}
