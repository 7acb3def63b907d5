//! Text that is held back until it is known how the program ends.

/// What a text is, which decides how much of its like is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Something a person must know. There are few of them.
    Notice,
    /// An attempt or a decision. There may be any number of them.
    Log,
    /// A line on how things stand, of no use once the next one comes.
    Progress,
}

/// Text that is held back.
#[derive(Debug, Default)]
pub(super) struct Deferred(String);

impl Deferred {
    pub fn push(&mut self, _: Kind, text: &str) {
        push_line(&mut self.0, text);
    }

    /// Everything that was kept, as lines.
    pub fn into_text(self) -> String {
        self.0
    }
}

pub(super) fn push_line(all: &mut String, text: &str) {
    all.push_str(text);
    all.push('\n');
}

pub(super) fn count_lines(text: &str) -> u64 {
    text.split('\n').count() as u64
}

/// `1 line`, `2 lines`
pub(super) fn lines_text(lines: u64) -> String {
    format!("{lines} line{}", if lines == 1 { "" } else { "s" })
}
