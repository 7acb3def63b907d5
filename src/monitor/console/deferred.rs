//! Text that is held back until it is known how the program ends.
//!
//! All notices are kept, since there are few; of logs the first and the last.

use std::collections::VecDeque;

/// What a text is, which decides how much of its like is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextKind {
    /// Something a person must know. There are few of them.
    Notice,
    /// An attempt or a decision. There may be any number of them.
    Log,
    /// A line on how things stand, of no use once the next one comes.
    Progress,
}

/// Bytes of logs that are kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeptBytes {
    /// From the beginning on, notices included.
    pub first: usize,
    /// Before the end.
    pub last: usize,
}

impl Default for KeptBytes {
    fn default() -> Self {
        Self { first: 128 << 10, last: 512 << 10 }
    }
}

/// Text that is held back.
#[derive(Debug, Default)]
pub(super) struct Deferred {
    limits: KeptBytes,
    /// Text that stays, in order.
    kept: Vec<Piece>,
    first: usize,
    /// Text after that, of which logs may still be left out.
    recent: VecDeque<(TextKind, String)>,
    last: usize,
}

#[derive(Debug)]
enum Piece {
    Text(String),
    /// So many lines were left out.
    Gap(u64),
}

impl Deferred {
    pub(super) fn push(&mut self, kind: TextKind, text: &str) {
        if self.recent.is_empty() && self.first + text.len() <= self.limits.first {
            self.first += text.len();
            self.kept.push(Piece::Text(text.into()));
            return;
        }
        self.recent.push_back((kind, text.into()));
        if kind != TextKind::Notice {
            self.last += text.len();
        }
        while self.last > self.limits.last {
            let Some((kind, text)) = self.recent.pop_front() else { return };
            if kind == TextKind::Notice {
                self.kept.push(Piece::Text(text));
            } else {
                self.last -= text.len();
                self.leave_out(count_lines(&text));
            }
        }
    }

    fn leave_out(&mut self, lines: u64) {
        match self.kept.last_mut() {
            Some(Piece::Gap(left_out)) => *left_out += lines,
            _ => self.kept.push(Piece::Gap(lines)),
        }
    }

    /// Everything that was kept, as lines; says where something is missing.
    pub(super) fn into_text(self) -> String {
        let mut all = String::with_capacity(self.first + self.last);
        for piece in self.kept {
            match piece {
                Piece::Text(text) => push_line(&mut all, &text),
                Piece::Gap(lines) => push_line(
                    &mut all,
                    &format!(
                        "({} of the log left out here: -q keeps its beginning and its end)",
                        lines_text(lines)
                    ),
                ),
            }
        }
        self.recent.iter().for_each(|(_, text)| push_line(&mut all, text));
        all
    }

    #[cfg(test)]
    /// Nothing is held back yet; `limits` say how much of it stays.
    pub(crate) const fn with(limits: KeptBytes) -> Self {
        Self { limits, kept: Vec::new(), first: 0, recent: VecDeque::new(), last: 0 }
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
