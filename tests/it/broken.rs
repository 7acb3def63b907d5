//! Parts of the program that fail: nothing is lost in silence.

use std::io;

use bk_launch::internals::domain::record::Record;
use bk_launch::internals::journal::Journal;
use bk_launch::internals::launch::{InputEnd, OutputFailure, Pipeline};
use bk_launch::internals::report::{self, OpenReport, ReportName};
use bk_launch::internals::rules::resume::LastEnding;
use bk_launch::internals::shutdown::StopReason;
use bk_launch::mock::{Behaviour, Mock};

use crate::harness::{Folder, Report, bare_list, mock, well};
use crate::in_process::{self, Launch, run};

/// From the sixth start on the server refuses the credentials; whoever then reads them
/// anew panics, which is a row's task.
fn panicking(mock: &Mock) -> bk_launch::internals::api::Client {
    in_process::client(mock).rereading(Box::new(|| Box::pin(async { panic!("on purpose") })))
}

#[test]
fn a_row_whose_task_panics_is_no_success_and_stays_in_doubt() {
    let mock = mock(Behaviour { auth_after: Some(5), ..well() });
    let folder = Folder::new();
    let (report, journal) = (folder.path("r.csv"), folder.path("journal.db"));
    let list = bare_list(20);
    let client = panicking(&mock);
    let launch = Launch { list: &list, report: &report, journal: Some(&journal), client };
    let ended = run(launch.pipeline());
    let lines = Report::read(&report).lines.len() as u64;
    assert!((5..20).contains(&lines), "{lines} lines");
    let Some(OutputFailure::Lost { rows: Some(20), lines: told }) = ended.failure else {
        panic!("{:?}", ended.failure)
    };
    assert_eq!(told, lines);
    let Some(StopReason::Broken(what)) = &ended.stop_reason else {
        panic!("{:?}", ended.stop_reason)
    };
    assert!(what.starts_with("the task of the row on line "), "{what}");
    assert!(ended.journal.is_none(), "the session writes no orderly end");
    let session = Journal::open(&journal).unwrap().last_session().unwrap();
    assert!(matches!(session.ending, LastEnding::Unknown { .. }), "{session:?}");
}

#[test]
fn a_feed_that_dies_is_not_the_end_of_the_input() {
    let (mock, folder) = (mock(well()), Folder::new());
    let report = folder.path("r.csv");
    let (list, client) = (bare_list(10), in_process::client(&mock));
    let launch = Launch { list: &list, report: &report, journal: None, client };
    let pipeline = launch.pipeline();
    let mut left = 5;
    let rows = pipeline.rows.inspect(move |_| {
        left -= 1;
        assert!(left > 0, "on purpose");
    });
    let ended = run(Pipeline { rows: Box::new(rows), ..pipeline });
    assert_eq!(
        ended.stop_reason,
        Some(StopReason::Broken("the thread that reads the input".into()))
    );
    assert!(matches!(ended.input, InputEnd::NotReached), "{:?}", ended.input);
    assert_eq!(Report::read(&report).lines.len(), 4, "what was read has its line");
}

struct Fragile;

impl report::Report for Fragile {
    fn record(&mut self, _: &Record) -> io::Result<()> {
        panic!("on purpose")
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_collector_that_dies_ends_the_run() {
    let (mock, folder) = (mock(well()), Folder::new());
    let report = folder.path("r.csv");
    let (list, client) = (bare_list(500), in_process::client(&mock));
    let launch = Launch { list: &list, report: &report, journal: None, client };
    let mut pipeline = launch.pipeline();
    pipeline.reports = vec![OpenReport::new(ReportName::Stdout, Box::new(Fragile))];
    let ended = run(pipeline);
    let Some(OutputFailure::Collector(what)) = &ended.failure else {
        panic!("{:?}", ended.failure)
    };
    assert_eq!(what, "on purpose");
    assert_eq!(
        ended.stop_reason,
        Some(StopReason::Broken("the thread that writes records".into()))
    );
}
