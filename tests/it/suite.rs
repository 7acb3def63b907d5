//! The tests themselves: they come to an end, however they were started.

use std::process::Command;

use bk_launch::mock::{Behaviour, Mock};
use nix::sys::signal::{SigSet, Signal};

use crate::harness::{Folder, has, until};

#[test]
fn tests_that_send_signals_pass_where_these_are_ignored() {
    let folder = Folder::new();
    let mut shell = Command::new("sh");
    let line = "trap '' HUP INT QUIT TERM; exec \"$0\" --exact \
                draining::each_signal_drains_and_the_report_is_complete_and_true";
    shell.args(["-c", line]).arg(std::env::current_exe().unwrap());
    let run = folder.start(&mut shell).wait().exits(0);
    assert!(run.stdout().contains("1 passed"), "{run}");
}

#[test]
fn a_signal_that_is_blocked_here_is_not_blocked_in_the_program() {
    let (mock, folder) = (Mock::start(Behaviour::default(), 0).unwrap(), Folder::new());
    folder.file("tasks.csv", "2,1\n");
    SigSet::from(Signal::SIGINT).thread_block().unwrap();
    let words = ["run", "tasks.csv", "--start-at", "+1h", "--esb", &mock.url()];
    let run = folder.start(&mut folder.program(&words));
    run.handles_signals();
    // While it begins a thread, everything is blocked for a moment.
    until("SIGINT is not blocked", || !has(run.child.id(), "SigBlk", Signal::SIGINT));
    run.signal("INT");
    run.wait().exits(130);
}
