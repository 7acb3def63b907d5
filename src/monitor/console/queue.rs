//! Queue of the writer, and state of the screen. Only the writer waits here, and whoever flushes,
//! for a limited time.

use std::fs::File;
use std::mem;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::deferred::{Deferred, TextKind, count_lines, push_line};
use crate::domain::count::counted;

/// Maximum total wait for standard error at the end of the program, earlier waits included.
pub(crate) const MAX_WAIT: Duration = Duration::from_secs(5);

/// Number of bytes that may wait for the writer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Capacity {
    /// Limit beyond which logs and progress lines are dropped.
    pub logs: usize,
    /// Limit beyond which all text is dropped.
    pub notices: usize,
}

impl Default for Capacity {
    fn default() -> Self {
        Self { logs: 1 << 20, notices: 2 << 20 }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BarFrame {
    /// In the syntax of indicatif.
    pub template: &'static str,
    /// `None` if the end is not known.
    pub length: Option<u64>,
    pub position: u64,
    pub message: String,
}

/// What happens to text that was held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Release {
    Show,
    Drop,
}

#[derive(Debug)]
pub(super) struct PromptRequest {
    pub text: String,
    pub terminal: File,
    pub place: PromptPlace,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PromptPlace {
    /// On the terminal to which text is written, too.
    AmongText,
    Elsewhere,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PromptEnd {
    /// By Enter, which ended the line.
    Answered,
    /// In the middle of its line.
    Abandoned,
}

#[derive(Debug, Default)]
enum PromptState {
    #[default]
    Nothing,
    /// Not written yet.
    Waits(PromptRequest),
    /// Shown on the terminal, or being written.
    Stands(File, PromptPlace),
    /// Its line still needs an end.
    Abandoned(File),
}

/// Next work of the writer, in the order of the fields.
#[derive(Debug, Default)]
pub(super) struct WriterWork {
    /// The terminal on which a question's line needs an end.
    pub abandoned: Option<File>,
    pub text: String,
    pub frame: Option<BarFrame>,
    pub question: Option<PromptRequest>,
    serial: u64,
}

#[derive(Debug, Default)]
struct QueueState {
    text: String,
    deferred: Option<Deferred>,
    /// Lines that found no room.
    lost: u64,
    frame: Option<BarFrame>,
    asking: PromptState,
    is_closed: bool,
    /// Number of hand-overs so far.
    pushed: u64,
    /// Number of hand-overs that the writer took.
    taken: u64,
    /// Number of hand-overs that the writer finished.
    done: u64,
    /// Time spent on waits that timed out.
    waited: Duration,
}

#[derive(Debug)]
pub(super) struct ConsoleQueue {
    capacity: Capacity,
    state: Mutex<QueueState>,
    /// Signals that the writer has something to do.
    filled: Condvar,
    /// Signals that the writer did something.
    emptied: Condvar,
}

impl ConsoleQueue {
    pub(super) fn new(capacity: Capacity) -> Self {
        let (filled, emptied) = (Condvar::new(), Condvar::new());
        Self { capacity, state: Mutex::default(), filled, emptied }
    }

    fn lock(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut QueueState)) {
        let mut state = self.lock();
        change(&mut state);
        state.pushed += 1;
        drop(state);
        self.filled.notify_one();
    }

    pub(super) fn push(&self, kind: TextKind, text: &str) {
        self.change(|state| state.push(kind, text, self.capacity));
    }

    /// Bypasses the text that is held back.
    pub(super) fn push_now(&self, text: &str) {
        self.change(|state| push_line(&mut state.text, text));
    }

    pub(super) fn draw(&self, frame: Option<BarFrame>) {
        self.change(|state| {
            if !state.is_closed {
                state.frame = frame;
            }
        });
    }

    pub(super) fn defer(&self) {
        self.lock().deferred = Some(Deferred::default());
    }

    pub(super) fn ask(&self, question: PromptRequest) {
        self.change(|state| state.asking = PromptState::Waits(question));
    }

    pub(super) fn end_prompt(&self, end: PromptEnd) {
        self.change(|state| state.end_prompt(end));
    }

    /// Hands over the text that is held back, and the last words of the program.
    pub(super) fn close(&self, release: Release) {
        self.change(|state| state.close(release));
    }

    /// Blocks until there is work.
    pub(super) fn take(&self) -> WriterWork {
        let mut state = self.lock();
        loop {
            match state.take() {
                Some(work) => return work,
                None => {
                    state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }

    pub(super) fn try_take(&self) -> Option<WriterWork> {
        self.lock().take()
    }

    pub(super) fn done(&self, work: &WriterWork) {
        self.lock().done = work.serial;
        self.emptied.notify_all();
    }

    /// Waits until everything is written: up to `limit`, and in total no longer than [`MAX_WAIT`].
    pub(super) fn flush(&self, limit: Duration) {
        let begun = Instant::now();
        let state = self.lock();
        let (target, limit) = (state.pushed, limit.min(MAX_WAIT.saturating_sub(state.waited)));
        let waited = self.emptied.wait_timeout_while(state, limit, |state| state.done < target);
        let (mut state, result) = waited.unwrap_or_else(PoisonError::into_inner);
        if result.timed_out() {
            state.waited = (state.waited + begun.elapsed()).min(MAX_WAIT);
        }
    }
}

impl QueueState {
    fn push(&mut self, kind: TextKind, text: &str, capacity: Capacity) {
        if let Some(deferred) = &mut self.deferred {
            deferred.push(kind, text);
            return;
        }
        if kind == TextKind::Progress && self.is_held() {
            return;
        }
        let room = match kind {
            TextKind::Notice => capacity.notices,
            TextKind::Log | TextKind::Progress => capacity.logs,
        };
        if self.text.len() + text.len() < room {
            push_line(&mut self.text, text);
        } else {
            self.lost += count_lines(text);
        }
    }

    /// Whether a question occupies the terminal that text goes to.
    const fn is_held(&self) -> bool {
        matches!(self.asking, PromptState::Stands(_, PromptPlace::AmongText))
    }

    fn end_prompt(&mut self, end: PromptEnd) {
        self.asking = match (mem::take(&mut self.asking), end) {
            (PromptState::Stands(terminal, _), PromptEnd::Abandoned) => {
                PromptState::Abandoned(terminal)
            }
            (abandoned @ PromptState::Abandoned(_), _) => abandoned,
            (PromptState::Nothing | PromptState::Waits(_) | PromptState::Stands(..), _) => {
                PromptState::Nothing
            }
        };
    }

    fn close(&mut self, release: Release) {
        self.is_closed = true;
        self.frame = None;
        self.end_prompt(PromptEnd::Abandoned);
        match (self.deferred.take(), release) {
            (Some(_), Release::Drop) => {}
            (Some(deferred), Release::Show) => self.text.push_str(&deferred.into_text()),
            (None, _) => {
                let lost = mem::take(&mut self.lost);
                if lost > 0 {
                    let lines = counted(lost, "line", "lines");
                    let text =
                        format!("{lines} could not be shown, since nobody read standard error");
                    push_line(&mut self.text, &text);
                }
            }
        }
    }

    fn take(&mut self) -> Option<WriterWork> {
        if self.taken == self.pushed || self.is_held() {
            return None;
        }
        self.taken = self.pushed;
        let mut work = WriterWork {
            text: mem::take(&mut self.text),
            frame: self.frame.clone(),
            serial: self.taken,
            ..WriterWork::default()
        };
        match mem::take(&mut self.asking) {
            PromptState::Nothing => {}
            PromptState::Abandoned(terminal) => work.abandoned = Some(terminal),
            PromptState::Waits(question) => match question.terminal.try_clone() {
                Ok(terminal) => {
                    self.asking = PromptState::Stands(terminal, question.place);
                    work.frame = work.frame.filter(|_| question.place == PromptPlace::Elsewhere);
                    work.question = Some(question);
                }
                // Without a second handle only the end of the question's line is lost.
                Err(_) => work.question = Some(question),
            },
            stands @ PromptState::Stands(..) => self.asking = stands,
        }
        Some(work)
    }
}
