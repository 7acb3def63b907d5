//! An answer as it came, or what came in its place; not judged yet.

use http::HeaderMap;

use crate::domain::answer::Delivery;

/// Result of a request before it is judged.
#[derive(Debug)]
pub enum RawResponse<'a> {
    /// No HTTP answer came.
    Nothing {
        /// Never `Delivery::Answered`.
        delivery: Delivery,
        /// Text for people.
        what: String,
    },
    /// An HTTP answer, whole or in part.
    Http(HttpAnswer<'a>),
}

/// An HTTP answer as it came.
#[derive(Debug)]
pub struct HttpAnswer<'a> {
    /// Status code.
    pub status: u16,
    /// Headers.
    pub headers: &'a HeaderMap,
    /// Body, as much of it as came.
    pub body: &'a [u8],
    /// Whether the body is complete.
    pub extent: Extent,
}

/// Whether a body is complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Complete.
    Whole,
    /// Broken off; the text says what happened.
    CutOff(String),
}
