//! The program: see [`bk_launch::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    bk_launch::cli::main()
}
