//! How to treat a last line without a line end.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tail {
    Whole,
    /// In a copy that may have been torn in the middle of a row: such a line was never handed out,
    /// so it is skipped.
    Torn,
}
