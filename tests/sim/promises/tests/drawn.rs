//! Whatever is drawn can be read.

use std::time::Duration;

use crate::history::History;
use crate::promises::clock::wall;
use crate::promises::window::Window;
use crate::promises::{Settings, longest};

#[test]
fn every_drawn_command_line_is_read() {
    for seed in 0..2000 {
        let history = History::draw(seed);
        for session in 0..history.sessions.len() {
            let settings = Settings::of(&history, session);
            let time = longest(&history, session, Duration::ZERO);
            assert!(time < Duration::from_hours(2000), "{seed}: {time:?}");
            let began = wall(&history, Duration::ZERO).0;
            let window = Window::of(&settings.window, began);
            assert!(window.stop.is_none_or(|stop| stop > began), "{seed}: {window:?}");
        }
    }
}
