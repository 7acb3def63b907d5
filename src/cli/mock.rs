//! m
use super::{Failure, exit::Exit};
/// a
#[derive(Debug, clap::Args)]
pub struct MockArgs {}
pub fn run(_: MockArgs) -> Result<Exit, Failure> {
    todo!()
}
