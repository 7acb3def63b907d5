//! Folders of runs, one each, in the state directory.
//!
//! A folder holds a copy of the run's input, its settings without secrets, its
//! journal, a lock, and its report where none was named. This module makes, finds,
//! locks and removes folders; what is in a journal it does not know.

mod copy;
mod error;
mod lock;
mod name;
mod pending;
mod run_dir;
mod run_store;
mod saved_flags;
mod unnamed;

pub(crate) use copy::{Contents, Growth, Tee, TeeState, check_copy, copy_file};
pub(crate) use error::StoreError;
pub(crate) use lock::{Holder, Lock};
pub(crate) use name::{NameLock, NameTaken, RunName};
pub(crate) use pending::PendingRun;
pub use run_dir::RunDir;
pub use run_store::RunStore;
pub(crate) use saved_flags::{Flags, SavedFlags};
pub(crate) use unnamed::Unnamed;
