//! How to treat a last line without a line end.

/// How to treat a last line without a line end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tail {
    /// It is a row.
    Whole,
    /// It is a copy that may have been torn in the middle of a row: one without a
    /// line end was never handed out, and is passed over.
    Torn,
}
