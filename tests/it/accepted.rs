//! What is accepted, and what then becomes of it: the claims of
//! `docs/what-started-means.md`.

use std::time::Duration;

use bk_launch::mock::{Behaviour, Mock, Span};

use crate::harness::{Finished, Folder, until};

const LIST: &str = "2,11\n2,12\n2,13\n2,14\n";

fn run(folder: &Folder, mock: &Mock, flags: &[&str]) -> Finished {
    let url = mock.url();
    let words = ["run", "tasks.csv", "-o", "r.csv", "--force", "--backoff", "1ms..20ms"];
    folder.run(&[&words[..], &["--esb", &url], flags].concat())
}

/// Outcome, how it is known, and attempts of each row.
fn known(folder: &Folder) -> Vec<String> {
    let report = folder.report("r.csv");
    let lines = (1..=report.lines.len()).map(|line| {
        let line = report.line(line as u64);
        format!("{} {} {}", line["outcome"], line["known_by"], line["attempts"])
    });
    lines.collect()
}

#[test]
fn what_never_runs_is_started_unless_somebody_looks() {
    let behaviour = Behaviour {
        unclaimed: [11].into(),
        deleted: [12].into(),
        no_plugin: [13].into(),
        ..Behaviour::default()
    };
    let folder = Folder::new();
    folder.file("tasks.csv", LIST);
    let mock = Mock::start(behaviour.clone(), 0).unwrap();
    run(&folder, &mock, &[]).exits(0);
    assert_eq!(known(&folder), ["started reply 1"; 4]);

    let mock = Mock::start(behaviour, 0).unwrap();
    run(&folder, &mock, &["--confirm=600ms", "--retries", "1"]).exits(1);
    let expected = ["unconfirmed  2", "unconfirmed  1", "started status 1", "started status 1"];
    assert_eq!(known(&folder), expected, "unclaimed, deleted, without its plugin, well");
    assert_eq!(mock.counts().started, 3, "the deleted one runs, too");
}

#[test]
fn what_a_broker_forgot_is_started_by_the_same_list_again() {
    let behaviour = Behaviour { broker_forgets: Some(Span::ALWAYS), ..Behaviour::default() };
    let (mock, folder) = (Mock::start(behaviour, 0).unwrap(), Folder::new());
    folder.file("tasks.csv", LIST);
    run(&folder, &mock, &[]).exits(0);
    assert_eq!((known(&folder), mock.counts().started), (vec!["started reply 1".into(); 4], 0));
    mock.site().change(|behaviour| behaviour.broker_forgets = None);
    run(&folder, &mock, &[]).exits(0);
    assert_eq!((known(&folder), mock.counts().started), (vec!["started reply 1".into(); 4], 4));
    run(&folder, &mock, &[]).exits(0);
    assert_eq!(known(&folder), ["already_started  1"; 4]);
}

#[test]
fn what_a_broker_forgot_is_sent_again_by_a_run_that_confirms() {
    let behaviour = Behaviour { broker_forgets: Some(Span::ALWAYS), ..Behaviour::default() };
    let (mock, folder) = (Mock::start(behaviour, 0).unwrap(), Folder::new());
    folder.file("tasks.csv", LIST);
    let (url, flags) = (mock.url(), ["--confirm=2s", "--backoff", "1ms..20ms"]);
    let words = ["run", "tasks.csv", "-o", "r.csv", "--esb", &url];
    let run = folder.start(&mut folder.program(&[&words[..], &flags].concat()));
    until("all were accepted", || mock.counts().starts == 4);
    mock.site().change(|behaviour| behaviour.broker_forgets = None);
    run.wait().exits(0);
    assert_eq!(known(&folder), ["started status 2"; 4]);
}

#[test]
fn of_two_who_launch_one_list_at_a_time_both_read_started_and_each_task_runs_once() {
    let queue = Duration::from_mins(1);
    let (mock, folder) =
        (Mock::start(Behaviour { queue, ..Behaviour::default() }, 0).unwrap(), Folder::new());
    folder.file("tasks.csv", LIST);
    for _ in 0..2 {
        run(&folder, &mock, &[]).exits(0);
        assert_eq!(known(&folder), ["started reply 1"; 4]);
    }
    let counts = mock.counts();
    assert_eq!((counts.started, counts.answers["accepted"]), (4, 8));
}
