//! A journal on disk returns what was written to it.

use super::about::*;
use super::error::JournalError;
use super::file::Journal;
use super::look::Position;
use super::read::Order;
use super::session::Opening;
use crate::domain::answer::{FailureClass, Reply};
use crate::domain::clocks::Boot;
use crate::domain::clocks::Reading;
use crate::domain::record::{
    AlreadyStarted, Attempted, Doubt, Ending, FirstSent, KnownBy, Outcome, Prior, Reason, Record,
};
use crate::domain::request_id::{RequestId, RunId};
use crate::domain::row::{BadRow, Columns, Fault, Row};
use crate::domain::task::{Business, Scope, Task};
use crate::rules::intents::Intents;
use crate::rules::resume::{Doubts, LastEnding};
use crate::rules::server_time::Sighting;
use jiff::{SignedDuration, Timestamp};
use std::path::PathBuf;
use std::time::Duration;

fn run() -> RunId {
    RunId::new(Timestamp::UNIX_EPOCH, 1)
}

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

/// Makes a batch of this boot at its own second; each clock shows a different time.
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

/// Makes a row with a value in each field.
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
    journal.commit(now(), |commit| commit.intend(&batch(&[1, 2, 300], 10, 7, None))).unwrap();
    let set: Doubts = [
        (2, prior(Doubt::MayHaveStarted, 3, Some(reading(5, 6, 7)))),
        (300, Prior { doubt: Doubt::Accepted, attempts: 1, ..Prior::default() }),
    ]
    .into();
    assert_eq!(begin(&mut journal, reading(20_000, 200, 8), &set), 2);
    let batches = [batch(&[4, 5], 30, 8, None), batch(&[3, 70_000], 40, 8, Some(999))];
    for batch in &batches {
        journal.commit(now(), |commit| commit.intend(batch)).unwrap();
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
    journal.commit(now(), |commit| commit.intend(&batch(&[1, 2, 3], 10, 7, Some(5)))).unwrap();
    let open: Doubts = [
        (1, prior(Doubt::Accepted, 4, Some(reading(50, 60, 7)))),
        (2, Prior { attempts: 1, ..Prior::default() }),
    ]
    .into();
    journal.end(&open, now()).unwrap();
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
    let failed = journal.commit(now(), |commit| {
        commit.intend(&batch(&[1], 10, 7, None))?;
        Err(rusqlite::Error::InvalidQuery)
    });
    assert!(matches!(failed, Err(JournalError::Write { .. })), "{failed:?}");
    let last = journal.last_session().unwrap();
    let LastEnding::Unknown(found) = last.ending else { panic!("{:?}", last.ending) };
    assert_eq!(found, []);
}

/// Makes a settled row with a value in each field.
fn record(line: u64, outcome: Outcome) -> Record {
    let id = |number: u64| number.to_string().parse().unwrap();
    let business = Business { scope: Scope::Project, id: id(5) };
    let Prior { attempts, first_sent, last, .. } =
        prior(Doubt::MayHaveStarted, 2, Some(reading(5, 6, 7)));
    Record {
        row: Row {
            line,
            task: Ok(Task { business, id: id(line + 100) }),
            carried: Box::new(["a".into(), "b".into()]),
        },
        outcome,
        ending: Ending::Settled,
        attempts,
        first_sent,
        last,
        reason: None,
        elapsed: Some(Duration::from_millis(33)),
    }
}

const STARTED: Outcome = Outcome::Started(KnownBy::Retry);

fn settle(journal: &mut Journal, records: &[Record]) -> Result<(), JournalError> {
    journal.commit(now(), |commit| commit.settle(records))
}

fn replayed(journal: &Journal, order: Order) -> Vec<Record> {
    let mut records = Vec::new();
    let replayed = journal.replay(order, &mut |record| {
        records.push(record);
        Ok::<_, JournalError>(())
    });
    replayed.unwrap();
    records
}

fn lines(journal: &Journal) -> Vec<u64> {
    replayed(journal, Order::Input).iter().map(|record| record.row.line).collect()
}

#[test]
fn records_come_back_as_they_were_in_either_order() {
    let (_folder, mut journal) = journal();
    begin(&mut journal, reading(1, 1, 7), &Doubts::new());
    let settled = [record(3, STARTED), record(1, Outcome::Unknown), record(2, Outcome::Failed)];
    settle(&mut journal, &settled).unwrap();
    assert_eq!(replayed(&journal, Order::Settled), settled);
    let [third, first, second] = settled;
    assert_eq!(replayed(&journal, Order::Input), [first, second, third]);
    let settled: Vec<_> = journal.settled().unwrap().ranges().collect();
    assert_eq!(settled, [(1, 3)]);
}

/// Makes records whose values differ from those of the one before, also in being there at all.
fn changing_records() -> Vec<Record> {
    let full = |line| record(line, STARTED);
    let bare = |line| {
        let row = Row { carried: Box::default(), ..full(line).row };
        let reason = Some(Box::new(Reason { class: FailureClass::Auth, message: "no".into() }));
        let outcome = Outcome::Failed;
        Record { row, outcome, attempts: 0, first_sent: None, last: None, reason, ..full(line) }
    };
    let invalid = |line| {
        let fault = Fault { column: None, reason: "is no number".into() };
        let bad =
            BadRow { biz_id: "5".into(), task_id: "x".into(), scope: "project".into(), fault };
        let row = Row { task: Err(Box::new(bad)), ..full(line).row };
        Record { row, outcome: Outcome::Invalid, elapsed: None, reason: None, ..bare(line) }
    };
    let wordy = |line, text: &str| {
        let mut record = full(line);
        let last = record.last.as_mut().unwrap();
        last.reply.message = text.into();
        last.reply.code = text.into();
        last.class = None;
        record
    };
    let long = "a text that is longer than a word";
    let mut records = vec![full(1), bare(2), invalid(3), full(4), full(5), invalid(6), bare(7)];
    let texts = ["", "0", "0\0", "", long, "0", long, long, "fourteen bytes", "fifteen bytes.."];
    records.extend((8..).zip(texts).map(|(line, text)| wordy(line, text)));
    records
}

#[test]
fn a_record_has_nothing_of_the_one_before() {
    let (_folder, mut journal) = journal();
    begin(&mut journal, reading(1, 1, 7), &Doubts::new());
    let records = changing_records();
    settle(&mut journal, &records).unwrap();
    assert_eq!(replayed(&journal, Order::Settled), records);
}

#[test]
fn a_row_has_one_last_word_and_a_commit_is_there_whole_or_not_at_all() {
    let (_folder, mut journal) = journal();
    begin(&mut journal, reading(1, 1, 7), &Doubts::new());
    settle(&mut journal, &[record(2, Outcome::Failed)]).unwrap();
    let second_word = settle(&mut journal, &[record(1, STARTED), record(2, STARTED)]);
    assert!(matches!(second_word, Err(JournalError::Write { .. })), "{second_word:?}");
    assert_eq!(replayed(&journal, Order::Input), [record(2, Outcome::Failed)]);
}

#[test]
fn a_row_that_is_taken_up_again_may_be_settled_again() {
    let (_folder, mut journal) = journal();
    begin(&mut journal, reading(1, 1, 7), &Doubts::new());
    settle(&mut journal, &[record(1, STARTED), record(2, Outcome::Failed)]).unwrap();
    let bad = journal.bad(AlreadyStarted::Ok).unwrap();
    assert_eq!(bad.keys().copied().collect::<Vec<_>>(), [2]);
    let reopens = Some(AlreadyStarted::Ok);
    let at = reading(2, 2, 7);
    let opening = Opening { at, target: "http://h", reopens, waits_until: None };
    assert_eq!(journal.begin(&opening, &Doubts::new()).unwrap(), 2);
    assert_eq!(lines(&journal), [1]);
    settle(&mut journal, &[record(2, STARTED)]).unwrap();
    assert_eq!(replayed(&journal, Order::Input), [record(1, STARTED), record(2, STARTED)]);
}

#[test]
fn pages_hold_each_record_once_and_in_the_order_of_settling() {
    const ROWS: u64 = 2_500;
    let (_folder, mut journal) = journal();
    begin(&mut journal, reading(1, 1, 7), &Doubts::new());
    // The last row of the input is settled first.
    let outcome = |line| if line % 7 == 0 { Outcome::Failed } else { STARTED };
    let records: Vec<_> = (1..=ROWS).rev().map(|line| record(line, outcome(line))).collect();
    settle(&mut journal, &records).unwrap();
    let read = |journal: &Journal| {
        let (mut pages, mut from) = (Vec::new(), Position::default());
        loop {
            let (page, last) = journal.page_after(from).unwrap();
            if page.is_empty() {
                assert_eq!(last, from, "whoever is at the end stays there");
                return pages;
            }
            pages.push(page);
            from = last;
        }
    };
    let pages = read(&journal);
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [1_000, 1_000, 500]);
    assert!(pages.concat() == records);

    let at = reading(2, 2, 7);
    let reopens = Some(AlreadyStarted::Ok);
    let opening = Opening { at, target: "http://h", reopens, waits_until: None };
    journal.begin(&opening, &Doubts::new()).unwrap();
    settle(&mut journal, &[record(7, STARTED)]).unwrap();
    let mut left: Vec<_> = records.into_iter().filter(|record| record.row.line % 7 > 0).collect();
    left.push(record(7, STARTED));
    assert!(read(&journal).concat() == left, "what is taken up again is not there");
}

#[test]
fn each_session_has_the_number_after_the_one_before() {
    let (folder, journal) = journal();
    drop(journal);
    for number in 1..=3 {
        let mut journal = Journal::open(&folder.path().join("journal.db")).unwrap();
        assert_eq!(begin(&mut journal, reading(1, 1, 7), &Doubts::new()), number);
        assert_eq!(journal.has_earlier_sessions(), number > 1);
    }
}

#[test]
fn a_frozen_journal_shows_one_state() {
    let (_folder, mut journal) = journal();
    begin(&mut journal, reading(1, 1, 7), &Doubts::new());
    settle(&mut journal, &[record(1, STARTED)]).unwrap();
    let reader = journal.reader().unwrap();
    reader.freeze().unwrap();
    assert_eq!(lines(&reader), [1]);
    settle(&mut journal, &[record(2, STARTED)]).unwrap();
    assert_eq!(lines(&reader), [1], "others wrote meanwhile");
    reader.thaw().unwrap();
    assert_eq!(lines(&reader), [1, 2]);
}

#[test]
fn what_is_no_journal_is_called_so() {
    let (folder, journal) = journal();
    drop(journal);
    let path = |name: &str| folder.path().join(name);
    let whole = path("journal.db");
    std::fs::write(path("text"), "2,3\n2,4\n".repeat(1000)).unwrap();
    std::fs::write(path("empty"), "").unwrap();
    rusqlite::Connection::open(path("other")).unwrap().execute_batch("CREATE TABLE t (a)").unwrap();
    let error = |path: PathBuf| Journal::open(&path).err().unwrap();
    for name in ["text", "empty", "other"] {
        let error = error(path(name));
        assert!(matches!(error, JournalError::NotOne { .. }), "{name}: {error}");
    }
    assert!(matches!(error(path("nothing")), JournalError::Missing { .. }));
    let newer = rusqlite::Connection::open(&whole).unwrap();
    newer.pragma_update(None, "user_version", 9).unwrap();
    drop(newer);
    let error = error(whole);
    assert!(matches!(error, JournalError::Version { found: 9, known: 4, .. }), "{error}");
}

#[test]
fn a_journal_that_somebody_took_away_is_an_error() {
    let (folder, mut journal) = journal();
    begin(&mut journal, reading(1, 1, 7), &Doubts::new());
    let path = folder.path().join("journal.db");
    std::fs::rename(&path, folder.path().join("elsewhere")).unwrap();
    let gone = settle(&mut journal, &[record(1, STARTED)]);
    assert!(matches!(gone, Err(JournalError::Gone { .. })), "{gone:?}");
    std::fs::write(&path, "another file").unwrap();
    let replaced = settle(&mut journal, &[record(2, STARTED)]);
    assert!(matches!(replaced, Err(JournalError::Gone { .. })), "{replaced:?}");
}

fn now() -> Timestamp {
    Timestamp::from_second(1_790_000_000).unwrap()
}
