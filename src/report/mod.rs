//! Writes records for people and programs: one form a file.
//!
//! A report is a view of the records: it must decide nothing about them.

mod csv;
mod destination;
mod disk;
mod error;
mod file;
mod form;
mod jsonl;
mod name;
mod open;
mod part;

pub use destination::Destination;
pub(crate) use error::ReportError;
pub use file::Placement;
pub use form::Report;
pub use name::{IfExists, ReportName};
pub(crate) use open::Finished;
pub use open::OpenReport;
pub(crate) use part::remove_leftover;
