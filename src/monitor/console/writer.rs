//! The thread that writes: the only one that standard error can block.

use std::io::{self, Write};
use std::thread;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::queue::{BarFrame, ConsoleQueue, WriterWork};

/// Pause before standard error is tried again, if somebody made it non-blocking.
const RETRY_INTERVAL: Duration = Duration::from_millis(10);

pub(super) fn run(queue: &ConsoleQueue, mut out: impl Write) {
    let mut bar = ScreenBar::default();
    loop {
        let work = queue.take();
        perform(&work, &mut bar, &mut out);
        queue.done(&work);
    }
}

fn perform(work: &WriterWork, bar: &mut ScreenBar, out: &mut impl Write) {
    let WriterWork { abandoned, text, frame, question, .. } = work;
    // Ignores write errors everywhere: stderr may be closed.
    if let Some(mut terminal) = abandoned.as_ref() {
        drop(terminal.write_all(b"\n"));
    }
    bar.follow(frame.as_ref());
    if !text.is_empty() {
        bar.aside(|| write(out, text.as_bytes()));
    }
    if let Some(question) = question {
        drop((&question.terminal).write_all(question.text.as_bytes()));
    }
}

fn write(out: &mut impl Write, mut text: &[u8]) {
    while !text.is_empty() {
        match out.write(text) {
            Ok(0) => return,
            Ok(written) => text = &text[written..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                thread::sleep(RETRY_INTERVAL);
            }
            Err(_) => return,
        }
    }
}

#[derive(Default)]
struct ScreenBar(Option<Drawn>);

struct Drawn {
    bar: ProgressBar,
    template: &'static str,
    length: Option<u64>,
}

impl ScreenBar {
    fn follow(&mut self, frame: Option<&BarFrame>) {
        let is_same = |drawn: &Drawn| {
            frame.is_some_and(|new| (new.template, new.length) == (drawn.template, drawn.length))
        };
        if let Some(old) = self.0.take_if(|drawn| !is_same(drawn)) {
            old.bar.finish_and_clear();
        }
        if let Some(frame) = frame {
            self.0.get_or_insert_with(|| Drawn::begin(frame)).show(frame);
        }
    }

    fn aside(&self, write: impl FnOnce()) {
        match &self.0 {
            Some(drawn) => drawn.bar.suspend(write),
            None => write(),
        }
    }
}

impl Drawn {
    fn begin(frame: &BarFrame) -> Self {
        let BarFrame { template, length, .. } = *frame;
        let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        Self { bar, template, length }
    }

    fn show(&self, frame: &BarFrame) {
        self.bar.set_position(frame.position);
        self.bar.set_message(frame.message.clone());
        if self.length.is_none() {
            self.bar.tick();
        }
    }
}
