//! Witnesses that break each promise.

mod drawn;
mod limits;
mod night;
mod times;
mod words;
