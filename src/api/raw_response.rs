//! What came back for one request, as it came.
//!
//! Data for `verdict` and `reply`; nothing here judges.

use http::HeaderMap;

use crate::domain::answer::Delivery;

/// What came back for one request.
#[derive(Debug)]
pub enum RawResponse<'a> {
    /// No HTTP answer.
    Nothing {
        /// How far the request came; never [`Delivery::Answered`].
        delivery: Delivery,
        /// What happened, for people.
        what: String,
    },
    /// An HTTP answer.
    Http(HttpAnswer<'a>),
}

/// An HTTP answer as it came.
#[derive(Debug)]
pub struct HttpAnswer<'a> {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body, as much of it as came.
    pub body: &'a [u8],
    /// Whether that is all of it.
    pub extent: Extent,
}

/// Whether a body came whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Extent {
    /// To its end.
    Whole,
    /// Not to its end; the text says what happened.
    CutOff(String),
}
