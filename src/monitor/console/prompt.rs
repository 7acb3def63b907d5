//! Questions on the terminal.
//!
//! The terminal is read on its own thread, for which nobody waits: a question can be given up at
//! any time, and the thread then stays blocked until the program ends.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal};
use std::thread;

use tokio::sync::oneshot;

use super::queue::{ConsoleQueue, PromptEnd, PromptPlace, PromptRequest};

/// Opens the terminal from which the program was started, even if standard input and output are
/// redirected.
pub(crate) fn terminal() -> io::Result<File> {
    File::options().read(true).write(true).open("/dev/tty")
}

/// An open question on the terminal. Dropping it gives it up.
pub(crate) struct Prompt {
    queue: &'static ConsoleQueue,
    answer: oneshot::Receiver<io::Result<String>>,
    end: PromptEnd,
}

impl Prompt {
    pub(super) fn begin(
        queue: &'static ConsoleQueue,
        text: String,
        terminal: File,
    ) -> io::Result<Self> {
        let (tell, answer) = oneshot::channel();
        let mut reader = BufReader::new(terminal.try_clone()?);
        thread::Builder::new().name("prompt".into()).spawn(move || {
            let mut line = String::new();
            let read = reader.read_line(&mut line);
            drop(tell.send(read.map(|_| line)));
        })?;
        let is_shared = io::stderr().is_terminal();
        let place = if is_shared { PromptPlace::AmongText } else { PromptPlace::Elsewhere };
        queue.ask(PromptRequest { text, terminal, place });
        Ok(Self { queue, answer, end: PromptEnd::Abandoned })
    }

    /// Waits for the answer: a line with its end, or an empty text if the terminal ended.
    pub(crate) async fn answer(mut self) -> io::Result<String> {
        let read = (&mut self.answer).await;
        self.take(read)
    }

    /// Blocking form of [`answer`](Self::answer), for callers that have nothing else to do.
    pub(crate) fn wait_for_answer(mut self) -> io::Result<String> {
        let (_, nothing) = oneshot::channel();
        let read = std::mem::replace(&mut self.answer, nothing).blocking_recv();
        self.take(read)
    }

    fn take(
        &mut self,
        read: Result<io::Result<String>, oneshot::error::RecvError>,
    ) -> io::Result<String> {
        let answer = read.map_err(io::Error::other)??;
        if answer.ends_with('\n') {
            self.end = PromptEnd::Answered;
        }
        Ok(answer)
    }
}

impl Drop for Prompt {
    fn drop(&mut self) {
        self.queue.end_prompt(self.end);
    }
}
