//! Flags that are kept: those of a profile of the config file, and those of a run, for its next
//! session. Both become words of the command line again.

mod document;
mod error;
pub(crate) mod file;
pub(crate) mod flag_values;
mod known_flags;
pub(crate) mod profile;
pub(crate) mod profiles;
pub(crate) mod saved_flags;
mod secret_flags;
pub(crate) mod template;
mod trust;
pub(crate) mod variables;
