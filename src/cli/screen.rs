//! Progress of a launch on standard error.

use super::outside::Notices;
use crate::monitor::console::{self, BarFrame, TextKind};
use crate::monitor::progress::Screen;

/// Standard error, as the console keeps it.
pub(crate) struct Stderr(pub Notices);

impl Screen for Stderr {
    fn draw(&self, frame: BarFrame) {
        console::draw(frame);
    }

    fn line(&self, text: &str) {
        match &self.0 {
            Notices::Console => console::show(TextKind::Progress, text),
            Notices::To(take) => take(text),
        }
    }

    fn clear(&self) {
        console::clear();
    }
}
