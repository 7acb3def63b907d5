//! Text that a terminal can be shown, and questions there.

use std::io;
use std::time::Duration;

use crate::monitor::console;

/// Text from the server or a file with nothing in it that a terminal would obey.
pub(super) fn harmless(text: &str) -> String {
    let shown = |c: char| if is_obeyed(c) { c.escape_unicode().to_string() } else { c.into() };
    text.chars().map(shown).collect()
}

/// Control characters, and those that turn the direction of a text around.
fn is_obeyed(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Time between the end of a terminal and the signal that tells of it.
const HANGUP: Duration = Duration::from_millis(300);

/// Asks a question on the terminal; nothing but yes is a yes. Dropping the future gives
/// the question up.
pub(super) async fn ask(question: &str) -> io::Result<Answer> {
    let answer = console::ask(format!("{question} [y/N] "))?.answer().await;
    if answer.as_ref().map_or(true, String::is_empty) {
        // A terminal that goes away is no answer: SIGHUP then stops the run.
        tokio::time::sleep(HANGUP).await;
    }
    let is_yes = matches!(answer?.trim().to_ascii_lowercase().as_str(), "y" | "yes");
    Ok(if is_yes { Answer::Yes } else { Answer::No })
}

/// What was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Yes.
    Yes,
    /// Anything else.
    No,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_obeys_nothing_that_a_server_says() {
        assert_eq!(harmless("a\u{1b}[2J\n中"), "a\\u{1b}[2J\\u{a}中");
        assert_eq!(harmless("\u{202e}x"), "\\u{202e}x");
    }
}
