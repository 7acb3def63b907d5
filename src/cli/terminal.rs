//! Questions on the terminal, and its size.

use std::io;
use std::time::Duration;

use crate::monitor::console;

/// Returns the width of the terminal that standard output is, if it is one and has any.
pub(crate) fn columns() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    Some(size.ws_col.into()).filter(|columns| *columns > 0)
}

/// Returns the width and height of the terminal that standard error is, if it is one.
pub(crate) fn screen() -> Option<(usize, usize)> {
    let size = rustix::termios::tcgetwinsize(io::stderr()).ok()?;
    Some((size.ws_col.into(), size.ws_row.into())).filter(|(columns, rows)| *columns * *rows > 0)
}

/// Time between the end of a terminal and the signal that tells of it.
const HANGUP: Duration = Duration::from_millis(300);

/// Asks a question on the terminal; nothing but yes is a yes. Dropping the future gives
/// the question up.
pub(crate) async fn ask(question: &str) -> io::Result<Consent> {
    let answer = console::ask(format!("{question} [y/N] "))?.answer().await;
    if answer.as_ref().map_or(true, String::is_empty) {
        // A terminal that goes away is no answer: SIGHUP then stops the run.
        tokio::time::sleep(HANGUP).await;
    }
    let is_yes = matches!(answer?.trim().to_ascii_lowercase().as_str(), "y" | "yes");
    Ok(if is_yes { Consent::Yes } else { Consent::No })
}

/// What was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Consent {
    Yes,
    No,
}
