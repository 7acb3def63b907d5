//! Records and a journal for benchmarks.

use std::path::Path;
use std::time::Duration;

use bk_launch::internals::domain::answer::Reply;
use bk_launch::internals::domain::clocks::Clocks;
use bk_launch::internals::domain::record::{Attempted, Ending, KnownBy, Outcome, Record};
use bk_launch::internals::domain::request_id::{RequestId, RunId};
use bk_launch::internals::domain::row::Row;
use bk_launch::internals::domain::task::{Business, Scope, Task};
use bk_launch::internals::journal::{About, InputSource, InputState, Journal, Opening};
use bk_launch::internals::rules::resume::Doubts;
use bk_launch::internals::system_clocks::SystemClocks;
use jiff::Timestamp;

/// Returns the business of a row: one of 50.
pub fn business(line: u64) -> Business {
    Business { scope: Scope::CmdbBiz, id: (line % 50 + 1).to_string().parse().unwrap() }
}

fn run() -> RunId {
    RunId::new(Timestamp::UNIX_EPOCH, 1)
}

/// Returns the record of a row that was started at its first attempt.
pub fn record(line: u64) -> Record {
    let id = |number: u64| number.to_string().parse().unwrap();
    Record {
        row: Row {
            line,
            task: Ok(Task { business: business(line), id: id(line) }),
            carried: Box::default(),
        },
        outcome: Outcome::Started(KnownBy::Reply),
        ending: Ending::Settled,
        attempts: 1,
        first_sent: None,
        last: Some(Box::new(Attempted {
            id: RequestId::new(&run(), 1, line, 1),
            sent: Timestamp::now(),
            latency: Duration::from_millis(12),
            reply: Reply {
                http_status: Some(200),
                result: Some(true),
                code: "0".into(),
                message: "".into(),
                task_url: format!("http://paas.example.com/taskflow/execute/2/?instance_id={line}")
                    .into(),
                request_id: format!("{line:032x}").into(),
                trace_id: format!("{:032x}", line + 1).into(),
            },
            class: None,
        })),
        reason: None,
        elapsed: Some(Duration::from_millis(13)),
    }
}

/// Begins a journal.
pub fn journal(folder: &Path) -> Journal {
    let path = folder.join("journal.db");
    let about = About {
        id: run(),
        name: None,
        input_name: "tasks.csv".into(),
        input_format: "csv".into(),
        source: InputSource::File,
        columns: [].into(),
        zone: "UTC".into(),
        rows: None,
        copy: None,
        input: InputState::Ended,
        agreed_to: None,
    };
    Journal::create(&path, &about).unwrap();
    let mut journal = Journal::open(&path).unwrap();
    let at = SystemClocks::new(1).read();
    let opening = Opening { at, target: "http://h/", reopens: None, waits_until: None };
    journal.begin(&opening, &Doubts::new()).unwrap();
    journal
}
