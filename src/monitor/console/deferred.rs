//! Text that is held back until the end of the program is known.
//!
//! All notices are kept, since there are few; of logs, the first and the last.

use std::collections::VecDeque;

use crate::domain::count::counted;

/// Kind of a text, which decides how much of it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextKind {
    /// Something a person must know; there are few of them.
    Notice,
    /// An attempt or a decision; their number has no bound.
    Log,
    /// Current progress, of no use once the next line comes.
    Progress,
}

/// Maximum number of bytes of logs that are kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeptBytes {
    /// Bytes from the start on, notices included.
    pub first: usize,
    /// Bytes before the end.
    pub last: usize,
}

impl Default for KeptBytes {
    fn default() -> Self {
        Self { first: 128 << 10, last: 512 << 10 }
    }
}

#[derive(Debug, Default)]
pub(super) struct Deferred {
    limits: KeptBytes,
    /// Text that stays, in order.
    kept: Vec<Piece>,
    first: usize,
    /// Later text, of which logs may still be left out.
    recent: VecDeque<(TextKind, String)>,
    last: usize,
}

#[derive(Debug)]
enum Piece {
    Text(String),
    /// Number of lines that were left out.
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

    /// Returns all kept text as lines, and says where lines are missing.
    pub(super) fn into_text(self) -> String {
        let mut all = String::with_capacity(self.first + self.last);
        for piece in self.kept {
            match piece {
                Piece::Text(text) => push_line(&mut all, &text),
                Piece::Gap(lines) => push_line(
                    &mut all,
                    &format!(
                        "({} of the log left out here: -q keeps its beginning and its end)",
                        counted(lines, "line", "lines")
                    ),
                ),
            }
        }
        self.recent.iter().for_each(|(_, text)| push_line(&mut all, text));
        all
    }

    #[cfg(test)]
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
