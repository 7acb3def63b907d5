//! The tests themselves: they come to an end, however they were started.

use nix::sys::signal::{SigSet, Signal};

use crate::harness::{Scene, has, launch, until};

#[test]
fn tests_that_send_signals_pass_where_these_are_ignored() {
    let scene = Scene::new();
    let mut shell = std::process::Command::new("sh");
    let line = "trap '' HUP INT QUIT TERM; exec \"$0\" --exact \
                draining::each_signal_drains_and_the_report_is_complete_and_true";
    shell.args(["-c", line]).arg(std::env::current_exe().unwrap());
    scene.start(&mut shell).exits(0).prints("1 passed");
}

#[test]
fn a_signal_that_is_blocked_here_is_not_blocked_in_the_program() {
    SigSet::from(Signal::SIGINT).thread_block().unwrap();
    let run = launch("2,1\n").with("--start-at +1h").start().once_it_handles_signals();
    // While it begins a thread, everything is blocked for a moment.
    until("SIGINT is not blocked", || !has(run.pid(), "SigBlk", Signal::SIGINT));
    run.signal("INT").exits(130);
}
