//! The program: see [`bk_launch`].

use std::process::ExitCode;

/// Records are made on one thread and freed on another, which costs the system's
/// allocator a fifth of all the time (see `benches/README.md`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    bk_launch::main()
}
