//! The journal of a run: what is known of each row, kept on disk before anything
//! else is told of it.
//!
//! SQLite, with one commit for as many records as are waiting. It keeps and gives back; it must
//! not decide what is left to do, which is for `rules::resume`. Its form is in `schema.sql`.

mod about;
mod columns;
mod commit;
mod error;
mod file;
mod read;
mod reports;
mod rows;
mod session;

pub(crate) use about::Copied;
pub use about::{About, InputSource, InputState};
pub(crate) use error::JournalError;
pub use file::Journal;
pub(crate) use read::Order;
pub use session::Opening;
pub(crate) use session::{FINISHED, PastSession};

#[cfg(test)]
mod tests;
