//! Commands that run beside a session, each with whatever it starts. The end of this program kills
//! those that still run.

use std::io;
use std::mem;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::process::{Pid, Signal, kill_process_group};

/// Process groups of the commands that run. Whoever starts or reaps a command holds the lock, so
/// that [`kill_all`] misses none, and kills no group to which the system has given the same number.
static RUNNING: Mutex<Vec<Pid>> = Mutex::new(Vec::new());

fn running() -> MutexGuard<'static, Vec<Pid>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A command in a process group of its own, so that a pipe of a script is killed with it.
pub(super) struct CommandGroup {
    pub child: Child,
    group: Pid,
}

impl CommandGroup {
    pub(super) fn spawn(command: &mut Command) -> io::Result<Self> {
        let mut running = running();
        let child = command.process_group(0).spawn()?;
        let group = Pid::from_child(&child);
        running.push(group);
        Ok(Self { child, group })
    }

    /// Returns how the command ended, if it did.
    pub(super) fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        let mut running = running();
        let status = self.child.try_wait()?;
        if status.is_some() {
            running.retain(|group| *group != self.group);
        }
        Ok(status)
    }

    /// Kills the command and all of its group, and returns once the command is gone.
    pub(super) fn kill(&mut self) {
        let mut running = running();
        kill(self.group);
        running.retain(|group| *group != self.group);
        drop(running);
        drop(self.child.wait());
    }
}

/// Kills a group. What is gone already needs no kill.
fn kill(group: Pid) {
    let _gone = kill_process_group(group, Signal::KILL);
}

/// Kills all commands that run, and lets no other start. Call it last: whoever waits for a command
/// then waits until the program ends, and does not take its death for a failure.
pub(crate) fn kill_all() {
    let running = running();
    running.iter().copied().for_each(kill);
    mem::forget(running);
}
