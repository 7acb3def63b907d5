//! A row is sent only once the journal holds that this session may send it.

use std::time::Duration;

use bk_launch::internals::launch::{OutputFailure, Pipeline};
use bk_launch::internals::rules::intents::unpack;
use bk_launch::internals::shutdown::StopReason;
use bk_launch::mock::{Behaviour, FaultKind, Mock};
use rusqlite::Connection;
use rusqlite::types::ValueRef;

use crate::harness::{Folder, Report, Scene, bare_list, each, launch, list, mock, well};
use crate::in_process::{self, Launch, run};

/// A launch of twenty rows that has begun, and another way into its journal.
fn begun(mock: &Mock, folder: &Folder) -> (Pipeline, Connection) {
    let (report, journal) = (folder.path("r.csv"), folder.path("journal.db"));
    let list = bare_list(20);
    let client = in_process::client(mock);
    let launch = Launch { list: &list, report: &report, journal: Some(&journal), client };
    (launch.pipeline(), Connection::open(&journal).unwrap())
}

#[test]
fn as_long_as_the_journal_cannot_be_written_no_row_goes() {
    let (mock, folder) = (mock(well()), Folder::new());
    let (pipeline, journal) = begun(&mock, &folder);
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
    let (mock, folder) = (mock(well()), Folder::new());
    let (pipeline, journal) = begun(&mock, &folder);
    journal.execute_batch("DROP TABLE intent").unwrap();
    let ended = run(pipeline);
    assert!(matches!(ended.failure, Some(OutputFailure::Journal(_))), "{:?}", ended.failure);
    assert_eq!(ended.stop_reason, Some(StopReason::Output));
    assert_eq!(mock.counts().starts, 0);
    assert_eq!(Report::read(&folder.path("r.csv")).counts()["pending"], 20);
}

/// The lines of rows that `sql` finds of a session of the only run: packed, or one by one.
pub fn lines(scene: &Scene, sql: &str, session: u32) -> Vec<u64> {
    let journal = scene.database();
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
    let stopped = launch(list(8))
        .against(Behaviour { first: each(1..=3, FaultKind::ResetAfter, 1), ..well() })
        .with("--stages 3 --backoff 20s..30s")
        .start()
        .once("the first stage was sent", |seen| seen.tasks.len() == 3)
        .signal("TERM")
        .exits(143);
    let scene = stopped.scene();
    let open = "SELECT line FROM open_row WHERE session = ?1 AND known_at = 'end'";
    assert_eq!(lines(&scene, open, 1), [2, 3, 4], "of the others nothing is to be known");
    // Three were sent in each session.
    stopped.resume().exits(0).server_saw(|seen| seen.starts, 3 + 8);
    let noted = "SELECT lines FROM intent WHERE session = ?1";
    assert_eq!(lines(&scene, noted, 1), [2, 3, 4]);
    assert_eq!(lines(&scene, noted, 2), [2, 3, 4, 5, 6, 7, 8, 9]);
}
