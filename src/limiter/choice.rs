//! Who asks to be let through, and who goes next.

use tokio::time::Instant;

use super::denial::GivenUp;
use super::fair_queue::probe::ProbeRow;
use super::request_kind::{Question, RequestKind};
use crate::rules::retry::Role;

#[derive(Debug)]
pub(super) struct AcquireRequest<T> {
    pub request_kind: RequestKind,
    pub line: u64,
    pub attempts: u32,
    pub row: T,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Choice {
    /// The row whose turn it is for this kind of request.
    InTurn(RequestKind),
    /// The start that probes an outage.
    Probe(ProbeRow),
    /// The question that probes an outage, by its place among its kind.
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

    /// Returns the place of a question among its kind.
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

#[derive(Debug)]
pub(super) enum Pick<T> {
    Go(RequestKind, Role, T),
    GiveUp(GivenUp, T),
    InVain(T),
    /// A turn for a request that was picked before, and has its connection now.
    Turn(T),
    /// Nobody goes before this time, or before something changes.
    Wait(Option<Instant>),
}
