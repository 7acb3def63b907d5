//! Progress of a launch on standard error.

use super::outside::NoticeSink;
use crate::monitor::console::{self, BarFrame, TextKind};
use crate::monitor::progress::Screen;

/// Standard error, as the console keeps it.
pub(crate) struct Stderr(pub NoticeSink);

impl Screen for Stderr {
    fn draw(&self, frame: BarFrame) {
        console::draw(frame);
    }

    fn line(&self, text: &str) {
        match &self.0 {
            NoticeSink::Console => console::show(TextKind::Progress, text),
            NoticeSink::To(take) => take(text),
        }
    }

    fn clear(&self) {
        console::clear();
    }
}
