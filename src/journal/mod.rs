//! Journal of a run: what is known of each row, written to disk before it is reported anywhere
//! else.
//!
//! SQLite, with one commit for all records that are waiting. The journal stores and returns; what
//! is left to do is decided in `rules::resume`. The schema is `schema.sql`.

mod about;
mod binder;
mod columns;
mod commit;
mod error;
mod file;
mod look;
mod read;
mod reports;
mod rows;
mod session;

pub(crate) use about::Copied;
pub use about::{About, InputSource, InputState};
pub(crate) use error::JournalError;
pub use file::Journal;
pub(crate) use look::Position;
pub(crate) use read::Order;
pub(crate) use reports::SessionReport;
pub use session::Opening;
pub(crate) use session::{FINISHED, PastSession};

#[cfg(test)]
mod tests;
