//! m
use super::{Failure, exit::Exit};
pub fn run() -> Result<Exit, Failure> {
    todo!()
}
