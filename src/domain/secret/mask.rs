//! Removes secrets from the text of servers, in whatever encoding a server writes them.
//!
//! Servers quote requests in their answers: as they are, as JSON, in a URL, on an HTML page, or
//! as JSON on such a page. A text is therefore compared with a secret one character at a time,
//! and each character may be written in any of these ways.
//!
//! | written as | `<` is | ü is |
//! |---|---|---|
//! | JSON | `\u003c`, `\u003C` | `\u00fc` |
//! | a URL | `%3C`, `%3c` (and `+` is a blank) | `%C3%BC` |
//! | HTML | `&lt;`, `&#60;`, `&#x3c;` | `&#252;` |

use std::borrow::Cow;

use super::Secret;

const HIDDEN: &str = "***";

/// Minimum number of bytes of a secret that is masked. A shorter one occurs in every text, and
/// hiding it would leave nothing of the report.
const MIN_LENGTH: usize = 4;

/// Secrets, prepared once to be searched for in many texts. Has no `Debug`, like [`Secret`].
#[derive(Clone, Default)]
pub struct Mask {
    needles: Box<[Needle]>,
}

#[derive(Clone)]
struct Needle {
    characters: Box<[char]>,
    /// Longest part without blanks: it occurs in every text that holds the secret unescaped.
    word: Box<str>,
}

impl Mask {
    /// Prepares `secrets` for the search.
    #[must_use]
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let needle = |secret: &Secret| {
            // Headers lose the blanks at their ends.
            let text = secret.expose().trim();
            let word = text.split(' ').max_by_key(|word| word.len()).unwrap_or_default();
            (text.len() >= MIN_LENGTH)
                .then(|| Needle { characters: text.chars().collect(), word: word.into() })
        };
        Self { needles: secrets.into_iter().filter_map(needle).collect() }
    }

    /// Returns `text` with `***` in place of every secret.
    #[must_use]
    pub fn hide<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if !self.may_stand_in(text) {
            return text.into();
        }
        let mut hidden = String::new();
        let (mut kept, mut at) = (0, 0);
        while let Some(character) = text[at..].chars().next() {
            match self.needles.iter().filter_map(|needle| needle.end(text, at)).max() {
                Some(end) => {
                    hidden.push_str(&text[kept..at]);
                    hidden.push_str(HIDDEN);
                    (kept, at) = (end, end);
                }
                None => at += character.len_utf8(),
            }
        }
        if kept == 0 {
            return text.into();
        }
        hidden.push_str(&text[kept..]);
        hidden.into()
    }

    /// A quick check, at which nearly every answer ends.
    fn may_stand_in(&self, text: &str) -> bool {
        // Without an early end many bytes are compared at a time.
        let is_escape = |byte| matches!(byte, b'\\' | b'%' | b'&');
        let has_escapes = || text.bytes().fold(false, |found, byte| found | is_escape(byte));
        !self.needles.is_empty()
            && (has_escapes() || self.needles.iter().any(|needle| text.contains(&*needle.word)))
    }
}

impl Needle {
    /// Returns where the secret ends, if it begins at `at`.
    fn end(&self, text: &str, at: usize) -> Option<usize> {
        let first = text[at..].chars().next()?;
        if self.characters.first() != Some(&first) && !matches!(first, '\\' | '%' | '&') {
            return None;
        }
        // One text can be read in several ways: \\ is one backslash, or two.
        let (mut ends, mut next) = (vec![at], Vec::new());
        for character in &self.characters {
            for end in ends.drain(..) {
                read(text, end, *character, &mut next);
            }
            next.sort_unstable();
            next.dedup();
            if next.is_empty() {
                return None;
            }
            std::mem::swap(&mut ends, &mut next);
        }
        ends.into_iter().max()
    }
}

/// Adds to `ends` the end of each way to write `wanted` that begins at `at`.
fn read(text: &str, at: usize, wanted: char, ends: &mut Vec<usize>) {
    if wanted == ' ' && text[at..].starts_with('+') {
        ends.push(at + 1);
    }
    let mut backslash = None;
    read_unescaped(text, at, |found, end| match found {
        found if found == wanted => {
            ends.push(end);
            backslash = backslash.or((found == '\\').then_some(end));
        }
        '\\' => backslash = Some(end),
        _ => {}
    });
    // JSON within JSON doubles the backslashes, so there may be any number of them.
    while let Some(after) = backslash.take() {
        if let Some((found, end)) = read_json_escape(text, after)
            && found == wanted
        {
            ends.push(end);
        }
        read_unescaped(text, after, |found, end| {
            if found == wanted {
                ends.push(end);
            }
            if found == '\\' {
                backslash = Some(end);
            }
        });
    }
}

/// Returns the character of a JSON escape whose backslashes end at `at`, and where it ends.
/// Ignores escapes that leave the character as it is, such as `\"`.
fn read_json_escape(text: &str, at: usize) -> Option<(char, usize)> {
    let bytes = text.as_bytes();
    let character = match bytes.get(at)? {
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return read_utf16(text, at),
        _ => return None,
    };
    Some((character, at + 1))
}

/// Reads the character of `u00fc`, or of two of these that are a surrogate pair.
fn read_utf16(text: &str, at: usize) -> Option<(char, usize)> {
    let unit = |at: usize| {
        let digits = text.get(at..at + 5)?.strip_prefix('u')?;
        let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        is_hex.then(|| u16::from_str_radix(digits, 16).ok())?
    };
    let first = unit(at)?;
    if let Some(character) = char::from_u32(first.into()) {
        return Some((character, at + 5));
    }
    let rest = &text[at + 5..];
    let second = at + 5 + (rest.len() - rest.trim_start_matches('\\').len());
    let pair = [first, unit(second)?];
    let character = char::decode_utf16(pair).next()?.ok()?;
    Some((character, second + 5))
}

/// Calls `found` with every character that can be read at `at` without JSON's escapes, and
/// where it ends.
fn read_unescaped(text: &str, at: usize, mut found: impl FnMut(char, usize)) {
    let Some(character) = text[at..].chars().next() else { return };
    found(character, at + character.len_utf8());
    match character {
        '%' => read_percent(text, at, found),
        '&' => read_entity(text, at + 1, found),
        // Go writes HTML within JSON this way.
        '\\' => {
            let rest = text[at..].trim_start_matches('\\');
            if let Some(rest) = rest.strip_prefix("u0026") {
                read_entity(text, text.len() - rest.len(), found);
            }
        }
        _ => {}
    }
}

/// Reads `%C3%BC`, and `%25C3%25BC`, where it was encoded again.
fn read_percent(text: &str, at: usize, mut found: impl FnMut(char, usize)) {
    let mut prefix = 1;
    loop {
        if let Some((character, end)) = read_percent_after(text, at, prefix) {
            found(character, end);
        }
        if !text[at + prefix..].starts_with("25") {
            return;
        }
        prefix += 2;
    }
}

/// Reads a character whose bytes each begin with the same `%`, `%25`, or longer prefix.
fn read_percent_after(text: &str, at: usize, prefix: usize) -> Option<(char, usize)> {
    let start = &text[at..at + prefix];
    let byte = |at: usize| {
        let digits = text.get(at..at + prefix + 2)?.strip_prefix(start)?;
        let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        is_hex.then(|| u8::from_str_radix(digits, 16).ok())?
    };
    let first = byte(at)?;
    let length = match first {
        0x00..0x80 => 1,
        0xc0..0xe0 => 2,
        0xe0..0xf0 => 3,
        _ => 4,
    };
    let each = prefix + 2;
    let bytes: Option<Vec<u8>> = (0..length).map(|number| byte(at + number * each)).collect();
    let character = std::str::from_utf8(&bytes?).ok()?.chars().next()?;
    Some((character, at + length * each))
}

/// Reads an HTML entity after its `&`, and `&amp;lt;`, where it was escaped again.
fn read_entity(text: &str, after: usize, mut found: impl FnMut(char, usize)) {
    let mut at = after;
    loop {
        let rest = &text[at..];
        // The longest entity is &#x10ffff; with some zeros.
        if let Some(end) = rest.bytes().take(12).position(|byte| byte == b';')
            && let Some(character) = entity(&rest[..end])
        {
            found(character, at + end + 1);
        }
        if !rest.starts_with("amp;") {
            return;
        }
        at += "amp;".len();
    }
}

fn entity(name: &str) -> Option<char> {
    let number = match name {
        "lt" => return Some('<'),
        "gt" => return Some('>'),
        "amp" => return Some('&'),
        "quot" => return Some('"'),
        "apos" => return Some('\''),
        _ => name.strip_prefix('#')?,
    };
    let number = match number.strip_prefix(['x', 'X']) {
        Some(digits) => u32::from_str_radix(digits, 16).ok()?,
        None => number.parse().ok()?,
    };
    char::from_u32(number)
}

#[cfg(test)]
mod tests;
