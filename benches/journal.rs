//! What a settled row costs in the journal: commits of 400 records each.

#![expect(clippy::unwrap_used, reason = "a benchmark may end by a panic")]

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
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use jiff::Timestamp;

const BATCH: u64 = 400;

fn run() -> RunId {
    RunId::new(Timestamp::UNIX_EPOCH, 1)
}

fn record(line: u64) -> Record {
    let id = |number: u64| number.to_string().parse().unwrap();
    let business = Business { scope: Scope::CmdbBiz, id: id(line % 50 + 1) };
    let sent = Timestamp::now();
    Record {
        row: Row { line, task: Ok(Task { business, id: id(line) }), carried: Box::default() },
        outcome: Outcome::Started(KnownBy::Reply),
        ending: Ending::Settled,
        attempts: 1,
        first_sent: None,
        last: Some(Box::new(Attempted {
            id: RequestId::new(&run(), 1, line, 1),
            sent,
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

fn journal(folder: &std::path::Path) -> Journal {
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
    let opening = Opening {
        at: SystemClocks::new(1).read(),
        target: "http://h/",
        reopens: None,
        waits_until: None,
    };
    journal.begin(&opening, &Doubts::new()).unwrap();
    journal
}

fn settle(c: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = journal(folder.path());
    let mut next = 1;
    let mut group = c.benchmark_group("journal");
    group.throughput(Throughput::Elements(BATCH));
    group.bench_function("settle", |b| {
        b.iter_batched(
            || {
                next += BATCH;
                (next - BATCH..next).map(record).collect::<Vec<_>>()
            },
            |records| {
                journal.commit(|commit| records.iter().try_for_each(|r| commit.settle(r))).unwrap();
            },
            criterion::BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, settle);
criterion_main!(benches);
