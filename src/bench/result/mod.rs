//! The result of a measurement: saved, read again and compared.
//!
//! Its keys are a contract, described in `docs/measuring.md`.

pub(crate) mod build;
pub(crate) mod export;
pub(crate) mod figures;
pub(crate) mod read;
pub(crate) mod schema;
