//! Text from a server or a file, made safe for a terminal, and characters that nobody sees.

pub(crate) fn escape_control(text: &str) -> String {
    let shown = |c: char| if is_obeyed(c) { c.escape_unicode().to_string() } else { c.into() };
    text.chars().map(shown).collect()
}

/// Includes the characters that reverse the direction of a text.
fn is_obeyed(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Returns the first character of a text that nobody sees there, such as a no-break space.
pub(crate) fn unseen(text: &str) -> Option<char> {
    text.chars().find(|c| matches!(c.escape_debug().nth(1), Some('u')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_sees_is_found() {
        for (text, found) in [
            ("a ü中\"\n", None),
            ("\u{feff}a", Some('\u{feff}')),
            ("a\u{a0}", Some('\u{a0}')),
            ("a\u{200b}b", Some('\u{200b}')),
        ] {
            assert_eq!(unseen(text), found, "{text:?}");
        }
    }

    #[test]
    fn a_terminal_obeys_nothing_that_a_server_says() {
        assert_eq!(escape_control("a\u{1b}[2J\n中"), "a\\u{1b}[2J\\u{a}中");
        assert_eq!(escape_control("\u{202e}x"), "\\u{202e}x");
    }
}
