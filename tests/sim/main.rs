//! Whole launches in a deterministic simulation: the program in one thread, with time, network, disk
//! and people drawn from one seed, and its promises checked at every step.
//!
//! `SIM_SEED=7 cargo test --test sim replay -- --nocapture` tells the story of one seed;
//! `docs/simulation.md` says more.

#![expect(clippy::unwrap_used, reason = "a test may end by a panic")]
#![expect(clippy::print_stdout, reason = "stories are told to whoever runs the tests")]

mod by_hand;
mod forecasts;
mod found;
mod history;
mod ledger;
mod night;
mod promises;
mod seeds;
mod server;
mod world;

/// That of the program; a history is a million small allocations.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
