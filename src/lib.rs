//! `bk-launch` starts many BlueKing bk-sops tasks from a list.
//!
//! **Rows** come from an input; each is **settled** by as many requests as it
//! takes, within the limits; a **collector** writes a **Record** of each, first to
//! the journal, then to the reports.
//!
//! ```text
//!  feed (thread)            async, one small task per open row              collector (thread)
//! ┌─────────────┐   Rows   ┌──────────────────────────────────┐  Events  ┌───────────────────┐
//! │ input       │          │ gates.pass(row) ────► api.start  │          │ journal (1 commit)│
//! │ resume      ├─────────►│      ▲                    │      ├─────────►│ then the reports  │
//! │             │ bounded  │      └── retry::next ◄── verdict │  bounded │ and the summary   │
//! └─────────────┘          └──────▲───────────────────────────┘          └─────────┬─────────┘
//!                                 └────── rows that are noted, and may go ◄────────┘
//!  nothing else answers backwards: a full channel slows the one before it, a closed one stops it
//! ```
//!
//! The journal is the truth, and reports are views of it: `run` is live, `resume`
//! is replay and then live, `report` is replay alone. `bench` sends too, but measures
//! the server, and has a picture of its own.
//!
//! A module uses only floors below its own, and edges do not know each other.
//! `tests/floors.rs` reads this list and holds the code against it.
//!
//! ```text
//! floor 0 words  clocks task row answer record request_id rate secret formula file_state
//! floor 1 rules  retry confirm proof sample server_time intents resume window budget stages stats outlook schedule slo trend knee compare report_note
//! floor 2 edges  system_clocks input api gates shutdown journal folder report console progress metrics notify systemd mock
//! floor 3 flows  pipeline bench
//! floor 4 face   cli
//! ```

pub mod answer;
pub mod api;
pub mod bench;
pub mod budget;
pub mod cli;
pub mod clocks;
pub mod compare;
pub mod confirm;
pub mod console;
pub mod file_state;
pub mod folder;
pub mod formula;
pub mod gates;
pub mod input;
pub mod intents;
pub mod journal;
pub mod knee;
pub mod metrics;
pub mod mock;
pub mod notify;
pub mod outlook;
pub mod pipeline;
pub mod progress;
pub mod proof;
pub mod rate;
pub mod record;
pub mod report;
pub mod report_note;
pub mod request_id;
pub mod resume;
pub mod retry;
pub mod row;
pub mod sample;
pub mod schedule;
pub mod secret;
pub mod server_time;
pub mod shutdown;
pub mod slo;
pub mod stages;
pub mod stats;
pub mod system_clocks;
pub mod systemd;
pub mod task;
pub mod trend;
pub mod window;
