//! `bk-launch` starts many BlueKing bk-sops tasks from a list.
//!
//! **Rows** come from an input; each is **settled** by as many requests as it
//! takes, within the limits; a **collector** writes a **Record** of each, first to
//! the journal, then to the reports.
//!
//! ```text
//!  feed (thread)            async, one small task per open row              collector (thread)
//! ┌─────────────┐   Rows   ┌──────────────────────────────────┐  Events  ┌───────────────────┐
//! │ input       │          │ limiter ────────────► api.start  │          │ journal (1 commit)│
//! │ resume      ├─────────►│      ▲                    │      ├─────────►│ then the reports  │
//! │             │ bounded  │      └── retry::next ◄── verdict │  bounded │ and the summary   │
//! └─────────────┘          └──────▲───────────────────────────┘          └─────────┬─────────┘
//!                                 └────── rows that are noted, and may go ◄────────┘
//!  permits of written records come back, too; a full channel slows the one before it, a closed one stops it
//! ```
//!
//! The journal is the truth, and reports are views of it: `run` is live, `resume`
//! is replay and then live, `report` is replay alone. `bench` sends too, but measures
//! the server; its picture is in `src/bench/mod.rs`.
//!
//! A room uses only layers below its own, and adapters do not know each other.
//! `tests/floors.rs` reads this list and holds the code against it.
//!
//! ```text
//! layer 0 domain    domain
//! layer 1 rules     rules
//! layer 2 adapters  input api limiter journal report store monitor shutdown system_clocks system_executor mock
//! layer 3 engines   launch bench
//! layer 4 sessions  session doctor
//! layer 5 words     args config text
//! layer 6 face      cli
//! layer 7 outside   internals
//! ```

// In `tests/`, `pub` is what a module shares with its neighbours.
#![warn(unreachable_pub)]

mod api;
mod args;
mod bench;
mod cli;
mod config;
mod doctor;
mod domain;
mod input;
#[doc(hidden)]
pub mod internals;
mod journal;
mod launch;
mod limiter;
pub mod mock;
mod monitor;
mod report;
mod rules;
mod session;
mod shutdown;
mod store;
mod system_clocks;
mod system_executor;
mod text;

pub use cli::main;
