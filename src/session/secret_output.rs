//! Runs a command that prints a secret.
//!
//! What it prints is seen by nobody: an error names the program, how it ended, and the first line
//! of its standard error.

use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use thiserror::Error;

use super::command_group::CommandGroup;
use crate::domain::escape::escape_control;
use crate::domain::secret::{MAX_BYTES, Mask, Secret, SecretFault};
use crate::domain::secret_command::SecretCommand;

/// Time that a command may take.
pub(super) const MAX_TIME: Duration = Duration::from_secs(10);

/// Maximum size of what is read of what a command prints, in bytes: enough to see that it is too long
/// for a secret with its line end.
const MAX_READ: u64 = MAX_BYTES as u64 + 3;

/// Maximum size of what is read of the standard error of a command, in bytes.
const MAX_SAID: u64 = 4 * 1024;

/// Maximum length of a line of standard error that is shown, in characters.
const MAX_SHOWN: usize = 200;

/// Time between two looks at whether a command that closed its output has ended.
const POLL_INTERVAL: Duration = Duration::from_millis(2);

/// Runs `command` without a shell and with an empty standard input, and returns what it prints,
/// less one line end. After `limit` it is killed, with whatever it has started.
pub(super) fn secret_of(
    command: &SecretCommand,
    limit: Duration,
) -> Result<Secret, CommandFailure> {
    let failed = |why| CommandFailure { program: command.program().to_owned(), why };
    let ended = run(command, limit).map_err(failed)?;
    if !ended.status.success() {
        return Err(failed(Why::Status {
            status: ProgramEnd::of(ended.status),
            said: ended.said(),
        }));
    }
    secret_in(&ended.output).map_err(|fault| failed(Why::Output(fault)))
}

/// Returns the secret that a command has printed.
fn secret_in(output: &[u8]) -> Result<Secret, SecretFault> {
    let line = output.strip_suffix(b"\n").unwrap_or(output);
    Secret::of_bytes(line.strip_suffix(b"\r").unwrap_or(line))
}

/// A command that has ended in time.
struct EndedCommand {
    status: ExitStatus,
    output: Vec<u8>,
    /// First line of standard error, if it failed.
    said: String,
}

impl EndedCommand {
    /// Returns the first line of standard error behind a colon, without what was printed as the
    /// secret.
    fn said(&self) -> String {
        let printed = String::from_utf8_lossy(&self.output);
        let secrets: Vec<_> =
            printed.lines().filter(|line| !line.is_empty()).map(Secret::new).collect();
        let hidden = Mask::new(&secrets).hide(&self.said).into_owned();
        let shown: String = hidden.chars().take(MAX_SHOWN).collect();
        if shown.is_empty() { shown } else { format!(": {}", escape_control(&shown)) }
    }
}

fn run(command: &SecretCommand, limit: Duration) -> Result<EndedCommand, Why> {
    let until = Instant::now() + limit;
    let mut program = Command::new(command.program());
    program.args(command.arguments());
    program.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut group = CommandGroup::spawn(&mut program).map_err(Why::Start)?;
    let output = read_aside(group.child.stdout.take(), |pipe| {
        let mut bytes = Vec::new();
        // What was read before an error counts.
        drop(pipe.take(MAX_READ).read_to_end(&mut bytes));
        bytes
    });
    let said = read_aside(group.child.stderr.take(), first_line);
    let ended = wait(&mut group, &output, until);
    if ended.is_err() {
        group.kill();
    }
    let (status, output) = ended?;
    let said = if status.success() { String::new() } else { said_in(&said, until) };
    Ok(EndedCommand { status, output, said })
}

/// Waits for a first line of standard error, which something that is left behind may hold open.
fn said_in(said: &Receiver<Vec<u8>>, until: Instant) -> String {
    let line = said.recv_timeout(until.saturating_duration_since(Instant::now()));
    String::from_utf8_lossy(&line.unwrap_or_default()).trim().to_owned()
}

/// Returns the first line of `pipe` that is not empty.
fn first_line(pipe: &mut dyn Read) -> Vec<u8> {
    let mut lines = BufReader::new(pipe.take(MAX_SAID)).split(b'\n').map_while(Result::ok);
    lines.find(|line| !line.trim_ascii().is_empty()).unwrap_or_default()
}

/// Waits until the output of `group` and its program itself are at their end.
fn wait(
    group: &mut CommandGroup,
    output: &Receiver<Vec<u8>>,
    until: Instant,
) -> Result<(ExitStatus, Vec<u8>), Why> {
    let left = until.saturating_duration_since(Instant::now());
    let output = output.recv_timeout(left).map_err(|error| match error {
        RecvTimeoutError::Timeout => Why::TooSlow,
        RecvTimeoutError::Disconnected => Why::Start(io::Error::other("its output was lost")),
    })?;
    loop {
        if let Some(status) = group.try_wait().map_err(Why::Start)? {
            return Ok((status, output));
        }
        if Instant::now() >= until {
            return Err(Why::TooSlow);
        }
        thread::sleep(POLL_INTERVAL);
    }
}

/// Reads `pipe` on a thread of its own: what `read` takes of it, and then the rest, which passes by.
fn read_aside(
    pipe: Option<impl Read + Send + 'static>,
    read: fn(&mut dyn Read) -> Vec<u8>,
) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let Some(mut pipe) = pipe else { return };
        // Ignores a closed channel: the command was given up.
        drop(sender.send(read(&mut pipe)));
        drop(io::copy(&mut pipe, &mut io::sink()));
    });
    receiver
}

/// A command that gave no secret.
#[derive(Debug, Error)]
#[error("{program} {why}")]
pub(crate) struct CommandFailure {
    program: String,
    #[source]
    why: Why,
}

#[derive(Debug, Error)]
enum Why {
    #[error("cannot be run: {0}; name a program that is in PATH, or its whole path")]
    Start(io::Error),
    #[error("{status}{said}")]
    Status { status: ProgramEnd, said: String },
    #[error(
        "did not end within {} s, and was killed; it may wait for an answer that nobody gives",
        MAX_TIME.as_secs()
    )]
    TooSlow,
    #[error("printed {0}; it should print the secret, and nothing else")]
    Output(SecretFault),
}

/// End of a program that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
enum ProgramEnd {
    #[error("ended with exit status {0}")]
    Exit(i32),
    #[error("was ended by signal {0}")]
    Signal(i32),
}

impl ProgramEnd {
    fn of(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Exit(code),
            (None, signal) => Self::Signal(signal.unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(line: &str, limit: Duration) -> String {
        let command: SecretCommand = line.parse().unwrap();
        match secret_of(&command, limit) {
            Ok(secret) => format!("ok {}", secret.expose()),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_secret_is_one_line_of_output() {
        for (line, told) in [
            ("printf s3cret", "ok s3cret"),
            (r"printf 's3cret\n'", "ok s3cret"),
            (r"printf 's3cret\r\n'", "ok s3cret"),
            ("printf ' s3cret '", "ok  s3cret "),
            ("sh -c 'cat; echo $1' x s3cret", "ok s3cret"),
            ("true", "true printed nothing; it should print the secret, and nothing else"),
            ("echo", "echo printed nothing; it should print the secret, and nothing else"),
            (r"printf 's3cret\nother\n'", "printf printed more than one line; it should print"),
            (r"printf '\377'", "printf printed what is no text"),
            (r"printf 's3\0cret\n'", "printf printed a NUL byte; it should print the secret"),
            (r"printf 's3\033[Acret'", "printf printed a control character; it should print"),
            ("head -c 70000 /dev/zero", "head printed more than 64 KiB; it should print"),
            (
                "sh -c 'echo s3cret; echo no s3cret >&2; exit 3'",
                "sh ended with exit status 3: no ***",
            ),
            (
                "sh -c 'echo; echo >&2; printf \"a\\033b\\nc\" >&2; exit 1'",
                "sh ended with exit status 1: a\\u{1b}b",
            ),
            ("false", "false ended with exit status 1"),
            ("sh -c 'kill -9 $$'", "sh was ended by signal 9"),
            ("/no/such/program x", "/no/such/program cannot be run: No such file"),
        ] {
            let said = says(line, MAX_TIME);
            assert!(said.starts_with(told), "{line}: {said}");
        }
    }

    #[test]
    fn a_command_that_hangs_is_killed_with_what_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let pid = folder.path().join("pid");
        let line = format!("sh -c 'sleep 600 & echo $! >{}; wait'", pid.display());
        let said = says(&line, Duration::from_secs(1));
        assert!(said.starts_with("sh did not end within 10 s, and was killed"), "{said}");
        let pid = std::fs::read_to_string(pid).unwrap();
        let goes_on = || {
            let state = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
            state.is_ok_and(|state| !state.contains(") Z"))
        };
        // A killed process may take a moment to go.
        let begun = Instant::now();
        while goes_on() && begun.elapsed() < Duration::from_secs(10) {
            thread::sleep(Duration::from_millis(5));
        }
        assert!(!goes_on(), "the sleep is gone");
    }
}
