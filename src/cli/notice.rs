//! What the command line says on standard error. Its owner is `monitor::console`.

use std::fmt::Display;

use crate::monitor::console::{self, TextKind};

/// Says something beside the bar if there is one, or later if output is deferred.
pub(crate) fn notice(what: &dyn Display) {
    console::show(TextKind::Notice, &what.to_string());
}

/// Keeps everything until the end, and then shows it unless the exit code is 0.
pub(crate) fn defer() {
    console::defer();
}
