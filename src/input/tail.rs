//! What the end of an input is worth: a value, and nothing that reads.

/// What the end of an input is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tail {
    /// What stands there is a row, also without a line end.
    Whole,
    /// It is a copy that may have been torn in the middle of a row: one without a
    /// line end was never handed out, and is passed over.
    Torn,
}
