//! Progress of a launch on standard error.

use crate::monitor::console::{self, Frame, Kind};
use crate::monitor::progress::{Bar, Screen};

/// Standard error, as the console keeps it.
pub(crate) struct Stderr;

impl Screen for Stderr {
    fn draw(&self, bar: Bar) {
        let Bar { template, rows, done, message } = bar;
        console::draw(Frame { template, length: rows, position: done, message });
    }

    fn line(&self, text: &str) {
        console::show(Kind::Progress, text);
    }

    fn clear(&self) {
        console::clear();
    }
}
