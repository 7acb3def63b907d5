//! Progress of a launch on standard error.

use crate::monitor::console::{self, BarFrame, TextKind};
use crate::monitor::progress::Screen;

/// Standard error, as the console keeps it.
pub(crate) struct Stderr;

impl Screen for Stderr {
    fn draw(&self, frame: BarFrame) {
        console::draw(frame);
    }

    fn line(&self, text: &str) {
        console::show(TextKind::Progress, text);
    }

    fn clear(&self) {
        console::clear();
    }
}
