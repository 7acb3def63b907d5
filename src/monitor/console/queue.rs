//! What waits for the writer, and what is known of the screen. Nobody waits here but
//! the writer, and whoever flushes, for a limited time.

use std::fs::File;
use std::mem;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::deferred::{Deferred, TextKind, count_lines, lines_text, push_line};

/// Longest wait for standard error at the end of the program, waits before included.
pub(crate) const MAX_WAIT: Duration = Duration::from_secs(5);

/// Bytes that may wait for the writer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Capacity {
    /// Beyond this, logs and lines of progress find no room.
    pub logs: usize,
    /// Beyond this, nothing does.
    pub notices: usize,
}

impl Default for Capacity {
    fn default() -> Self {
        Self { logs: 1 << 20, notices: 2 << 20 }
    }
}

/// What a bar shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BarFrame {
    /// The form, as indicatif reads it.
    pub template: &'static str,
    /// The end, if it is known.
    pub length: Option<u64>,
    /// How far it is.
    pub position: u64,
    /// The words beside it.
    pub message: String,
}

/// What becomes of text that was held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Release {
    /// It is written.
    Show,
    /// Nobody needs it.
    Drop,
}

/// A question, and the terminal where it stands.
#[derive(Debug)]
pub(super) struct PromptRequest {
    pub text: String,
    pub terminal: File,
    pub place: PromptPlace,
}

/// Where a question stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PromptPlace {
    /// Where text is written, too.
    AmongText,
    /// Text goes elsewhere.
    Elsewhere,
}

/// How a question ended.
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
    /// It waits for the writer.
    Waits(PromptRequest),
    /// It stands on the terminal, or is just being written.
    Stands(File, PromptPlace),
    /// Its line is to be ended.
    Abandoned(File),
}

/// What the writer does next, in this order.
#[derive(Debug, Default)]
pub(super) struct WriterWork {
    /// The line of a question that is to be ended.
    pub abandoned: Option<File>,
    pub text: String,
    /// The bar from then on.
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
    /// Counts what was handed over...
    pushed: u64,
    /// ...what the writer took of it...
    taken: u64,
    /// ...and what it is done with.
    done: u64,
    /// Time that was waited in vain.
    waited: Duration,
}

/// What waits for the writer.
#[derive(Debug)]
pub(super) struct ConsoleQueue {
    capacity: Capacity,
    state: Mutex<QueueState>,
    /// The writer has something to do.
    filled: Condvar,
    /// It has done something.
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

    /// Hands over a text that nothing holds back.
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

    /// Hands over all that is held back, and what is to be said at the end.
    pub(super) fn close(&self, release: Release) {
        self.change(|state| state.close(release));
    }

    /// Waits for work.
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

    /// The writer is done with `work`.
    pub(super) fn done(&self, work: &WriterWork) {
        self.lock().done = work.serial;
        self.emptied.notify_all();
    }

    /// Waits until all that was handed over is written; up to `limit`, and in all no
    /// longer than [`MAX_WAIT`].
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

    /// Whether a question stands where text would go.
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
                    let lines = lines_text(lost);
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
                // Without a second handle its line cannot be ended, which is all.
                Err(_) => work.question = Some(question),
            },
            stands @ PromptState::Stands(..) => self.asking = stands,
        }
        Some(work)
    }
}
