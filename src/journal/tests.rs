//! What is written comes back, from a journal on disk.

use super::*;
use crate::domain::answer::{FailureClass, Reply};
use crate::domain::clocks::Boot;
use crate::domain::record::{Attempted, Doubt, FirstSent, Prior};
use crate::domain::request_id::RequestId;
use crate::rules::intents::Intents;
use crate::rules::resume::LastEnding;
use crate::rules::server_time::Sighting;
use jiff::SignedDuration;

fn run() -> RunId {
    RunId::new(Timestamp::UNIX_EPOCH, 1)
}

/// A new journal, which goes away with its folder.
fn journal() -> (tempfile::TempDir, Journal) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let about = About {
        id: run(),
        name: None,
        input_name: "list".into(),
        input_format: "csv".into(),
        source: InputSource::File,
        columns: Columns::from([]),
        zone: "UTC".into(),
        rows: None,
        copy: None,
        input: InputState::Ended,
        agreed_to: None,
    };
    Journal::create(&path, &about).unwrap();
    let journal = Journal::open(&path).unwrap();
    (folder, journal)
}

#[test]
fn each_commit_waits_for_the_disk() {
    let (_folder, journal) = journal();
    let pragma = |name| {
        let read = |row: &rusqlite::Row<'_>| row.get::<_, rusqlite::types::Value>(0);
        journal.connection.pragma_query_value(None, name, read).unwrap()
    };
    let full = rusqlite::types::Value::Integer(2);
    assert_eq!(pragma("synchronous"), full, "FULL");
    assert_eq!(pragma("journal_mode"), rusqlite::types::Value::Text("wal".into()));
}

fn reading(wall: i64, since_boot: i64, boot: u128) -> Reading {
    Reading {
        wall: Timestamp::from_millisecond(wall).unwrap(),
        since_boot: SignedDuration::from_millis(since_boot),
        boot: Boot(boot),
    }
}

fn begin(journal: &mut Journal, at: Reading, doubts: &Doubts) -> u32 {
    let opening = Opening { at, target: "http://h", reopens: None, waits_until: None };
    journal.begin(&opening, doubts).unwrap()
}

/// A batch of this boot at a second of its own; each clock shows something else.
fn batch(lines: &[u64], second: i64, boot: u128, date: Option<i64>) -> Intents {
    let sighting = |date| Sighting {
        date: Timestamp::from_second(date).unwrap(),
        at: reading(second * 1000 - 300, second * 10 - 3, boot),
    };
    Intents {
        lines: lines.to_vec(),
        at: reading(second * 1000, second * 10, boot),
        sighting: date.map(sighting),
    }
}

/// A row with something in each place.
fn prior(doubt: Doubt, attempts: u32, local: Option<Reading>) -> Prior {
    let last = Attempted {
        id: RequestId::new(&run(), 1, 7, attempts),
        sent: Timestamp::from_millisecond(1_001).unwrap(),
        latency: Duration::from_millis(12),
        reply: Reply {
            http_status: Some(502),
            result: Some(false),
            code: "1".into(),
            message: "2".into(),
            task_url: "3".into(),
            request_id: "4".into(),
            trace_id: "5".into(),
        },
        class: Some(FailureClass::Ambiguous),
    };
    let server = Timestamp::from_millisecond(2_002).ok();
    let first_sent = Some(FirstSent { server, local });
    Prior { doubt, attempts, first_sent, last: Some(Box::new(last)) }
}

#[test]
fn what_a_session_noted_before_a_crash_comes_back_and_no_other_sessions() {
    let (folder, mut journal) = journal();
    begin(&mut journal, reading(1, 1, 7), &Doubts::new());
    journal.commit(|commit| commit.intend(&batch(&[1, 2, 300], 10, 7, None))).unwrap();
    let set: Doubts = [
        (2, prior(Doubt::MayHaveStarted, 3, Some(reading(5, 6, 7)))),
        (300, Prior { doubt: Doubt::Accepted, attempts: 1, ..Prior::default() }),
    ]
    .into();
    assert_eq!(begin(&mut journal, reading(20_000, 200, 8), &set), 2);
    let batches = [batch(&[4, 5], 30, 8, None), batch(&[3, 70_000], 40, 8, Some(999))];
    for batch in &batches {
        journal.commit(|commit| commit.intend(batch)).unwrap();
    }
    drop(journal);
    let last = Journal::open(&folder.path().join("journal.db")).unwrap().last_session().unwrap();
    assert_eq!(last.doubts, set, "what was in doubt when it began");
    let LastEnding::Unknown(found) = last.ending else { panic!("{:?}", last.ending) };
    assert_eq!(found, batches);
}

#[test]
fn what_a_session_left_open_comes_back_and_its_intents_say_nothing_more() {
    let (folder, mut journal) = journal();
    let set: Doubts = [(9, prior(Doubt::MayHaveStarted, 2, None))].into();
    begin(&mut journal, reading(1, 1, 7), &set);
    journal.commit(|commit| commit.intend(&batch(&[1, 2, 3], 10, 7, Some(5)))).unwrap();
    let open: Doubts = [
        (1, prior(Doubt::Accepted, 4, Some(reading(50, 60, 7)))),
        (2, Prior { attempts: 1, ..Prior::default() }),
    ]
    .into();
    journal.end(&open).unwrap();
    drop(journal);
    let last = Journal::open(&folder.path().join("journal.db")).unwrap().last_session().unwrap();
    assert_eq!(last.doubts, set, "what was in doubt when it began");
    let LastEnding::Orderly(found) = last.ending else { panic!("{:?}", last.ending) };
    assert_eq!(found, open);
}

#[test]
fn of_a_commit_that_fails_nothing_is_there() {
    let (_folder, mut journal) = journal();
    begin(&mut journal, reading(1, 1, 7), &Doubts::new());
    let failed = journal.commit(|commit| {
        commit.intend(&batch(&[1], 10, 7, None))?;
        Err(rusqlite::Error::InvalidQuery)
    });
    assert!(matches!(failed, Err(JournalError::Write { .. })), "{failed:?}");
    let last = journal.last_session().unwrap();
    let LastEnding::Unknown(found) = last.ending else { panic!("{:?}", last.ending) };
    assert_eq!(found, []);
}
