//! A row is sent only once the journal holds that this session may send it.

use std::time::Duration;

use bk_launch::internals::launch::{OutputFailure, Pipeline};
use bk_launch::internals::rules::intents::unpack;
use bk_launch::internals::shutdown::StopReason;
use bk_launch::mock::{Behaviour, FaultKind, FirstFault, Mock};
use rusqlite::Connection;
use rusqlite::types::ValueRef;

use crate::harness::{Folder, HEADER, Report, rows, until};
use crate::in_process::{self, Launch, run};

/// A launch of twenty rows that has begun, and another way into its journal.
fn launch(mock: &Mock, folder: &Folder) -> (Pipeline, Connection) {
    let (report, journal) = (folder.path("r.csv"), folder.path("journal.db"));
    let list: String = (1..=20).map(|task| format!("2,{task}\n")).collect();
    let client = in_process::client(mock);
    let launch = Launch { list: &list, report: &report, journal: Some(&journal), client };
    (launch.pipeline(), Connection::open(&journal).unwrap())
}

#[test]
fn as_long_as_the_journal_cannot_be_written_no_row_goes() {
    let (mock, folder) = (Mock::start(Behaviour::default(), 0).unwrap(), Folder::new());
    let (pipeline, journal) = launch(&mock, &folder);
    journal.execute_batch("BEGIN IMMEDIATE").unwrap();
    let server = &mock;
    std::thread::scope(|scope| {
        scope.spawn(move || {
            std::thread::sleep(Duration::from_millis(500));
            let starts = server.counts().starts;
            journal.execute_batch("ROLLBACK").unwrap();
            assert_eq!(starts, 0, "rows were sent before their intents were committed");
        });
        run(pipeline);
    });
    assert_eq!(Report::read(&folder.path("r.csv")).counts()["started"], 20);
}

#[test]
fn rows_whose_intents_cannot_be_committed_are_not_sent() {
    let (mock, folder) = (Mock::start(Behaviour::default(), 0).unwrap(), Folder::new());
    let (pipeline, journal) = launch(&mock, &folder);
    journal.execute_batch("DROP TABLE intent").unwrap();
    let ended = run(pipeline);
    assert!(matches!(ended.failure, Some(OutputFailure::Journal(_))), "{:?}", ended.failure);
    assert_eq!(ended.stop_reason, Some(StopReason::Output));
    assert_eq!(mock.counts().starts, 0);
    assert_eq!(Report::read(&folder.path("r.csv")).counts()["pending"], 20);
}

/// The lines of rows that `sql` finds of a session of the only run: packed, or one by one.
fn lines(folder: &Folder, sql: &str, session: u32) -> Vec<u64> {
    let journal = Connection::open(folder.only_run().journal()).unwrap();
    let mut select = journal.prepare(sql).unwrap();
    let read = |row: &rusqlite::Row<'_>| match row.get_ref(0)? {
        ValueRef::Blob(packed) => Ok(unpack(packed).unwrap()),
        _ => Ok(vec![row.get::<_, i64>(0)?.unsigned_abs()]),
    };
    let found = select.query_map([session], read).unwrap();
    let mut lines: Vec<_> = found.flat_map(Result::unwrap).collect();
    lines.sort_unstable();
    lines
}

#[test]
fn a_row_that_an_earlier_session_sent_is_noted_once_more() {
    let lost = |task| FirstFault { task, kind: FaultKind::ResetAfter, times: 1 };
    let first = (1..=3).map(lost).collect();
    let mock = Mock::start(Behaviour { first, ..Behaviour::default() }, 0).unwrap();
    let folder = Folder::new();
    folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, 8)));
    let words = ["run", "tasks.csv", "-o", "r.csv", "--stages", "3", "--esb", &mock.url()];
    let words = [&words[..], &["--backoff", "20s..30s"]].concat();
    let running = folder.start(&mut folder.program(&words));
    until("the first stage was sent", || mock.counts().tasks.len() == 3);
    running.signal("TERM");
    running.wait().exits(143);
    let open = "SELECT line FROM open_row WHERE session = ?1 AND known_at = 'end'";
    assert_eq!(lines(&folder, open, 1), [2, 3, 4], "of the others nothing is to be known");
    folder.run(&["resume"]).exits(0);
    assert_eq!(mock.counts().starts, 3 + 8, "three were sent in each session");
    let noted = "SELECT lines FROM intent WHERE session = ?1";
    assert_eq!(lines(&folder, noted, 1), [2, 3, 4]);
    assert_eq!(lines(&folder, noted, 2), [2, 3, 4, 5, 6, 7, 8, 9]);
}
