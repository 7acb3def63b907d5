//! Text from a server or a file, made safe for a terminal.

pub(crate) fn escape_control(text: &str) -> String {
    let shown = |c: char| if is_obeyed(c) { c.escape_unicode().to_string() } else { c.into() };
    text.chars().map(shown).collect()
}

/// Includes the characters that reverse the direction of a text.
fn is_obeyed(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_obeys_nothing_that_a_server_says() {
        assert_eq!(escape_control("a\u{1b}[2J\n中"), "a\\u{1b}[2J\\u{a}中");
        assert_eq!(escape_control("\u{202e}x"), "\\u{202e}x");
    }
}
