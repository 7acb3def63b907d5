//! A page that is renewed on the terminal while something goes on.

use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

use super::command_error::CommandError;
use super::settings::{self, Output};
use super::stdout::stdout;
use crate::args::display::ProgressArg;
use crate::monitor::console::{self, BarFrame};
use crate::monitor::progress::ProgressMode;
use crate::session::exit::Exit;

/// Time between two pages, unless it takes long to make one.
const PAGE_INTERVAL: Duration = Duration::from_secs(1);

/// Time between two looks whether it is over.
const END_INTERVAL: Duration = Duration::from_millis(50);

/// Share of the time that may be spent on making pages: one part of so many.
const SHARE: u32 = 5;

/// Draws `page` anew each second until `is_over`, and then prints it.
pub(crate) fn renew(
    page: &dyn Fn() -> Result<String, CommandError>,
    is_over: &dyn Fn() -> bool,
) -> Result<Exit, CommandError> {
    if settings::progress(ProgressArg::Auto, Output::Normal) != ProgressMode::Bar {
        let why = "--watch draws on a terminal, and standard error is none; for programs there are \
                   --json, and of a live run: report RUN -o - --follow";
        return Err(why.into());
    }
    loop {
        let begun = Instant::now();
        // What ends after this look is seen by the next.
        let is_last = is_over();
        let message = page()?;
        if is_last {
            console::clear();
            write!(stdout(), "{message}")?;
            return Ok(Exit::Good);
        }
        let message = message.trim_end().to_owned();
        console::draw(BarFrame { template: "{msg}", length: Some(0), position: 0, message });
        let pause = PAGE_INTERVAL.max(begun.elapsed() * SHARE);
        while begun.elapsed() < pause && !is_over() {
            thread::sleep(END_INTERVAL);
        }
    }
}
