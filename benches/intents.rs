//! What it costs to note rows before they are sent, at 10,000/s: the same work of the
//! limiter, and the same commits of the journal, without intents and with them.

#![expect(clippy::unwrap_used, reason = "a benchmark may end by a panic")]

use std::cell::Cell;
use std::hint::black_box;
use std::num::NonZeroUsize;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bk_launch::internals::domain::answer::Reply;
use bk_launch::internals::domain::clocks::Clocks;
use bk_launch::internals::domain::rate::Rate;
use bk_launch::internals::domain::record::{Attempted, Ending, KnownBy, Outcome, Record};
use bk_launch::internals::domain::request_id::{RequestId, RunId};
use bk_launch::internals::domain::row::Row;
use bk_launch::internals::domain::task::{Business, Scope, Task};
use bk_launch::internals::journal::{About, InputSource, InputState, Journal, Opening};
use bk_launch::internals::limiter::{IntentNotes, Limiter, Limits, Try};
use bk_launch::internals::rules::intents::{Intents, pack};
use bk_launch::internals::rules::resume::Doubts;
use bk_launch::internals::rules::server_time::Sighting;
use bk_launch::internals::system_clocks::SystemClocks;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use jiff::Timestamp;

/// Rows between two commits: at 10,000/s there is one every 20 ms.
const BATCH: u64 = 200;

/// Rows of an iteration, as many as `--lookahead` lets in.
const ROWS: u64 = 10_000;

fn business(line: u64) -> Business {
    Business { scope: Scope::CmdbBiz, id: (line % 50 + 1).to_string().parse().unwrap() }
}

/// Lets `ROWS` rows through, and has the next ones noted whenever a batch has left.
fn let_through(runtime: &tokio::runtime::Runtime, notes: IntentNotes) {
    let limits = Limits {
        rate: Rate::Unlimited,
        burst: None,
        rate_per_biz: Rate::Unlimited,
        slots: NonZeroUsize::new(16).unwrap(),
        slots_per_biz: None,
        backoff: "500ms..30s".parse().unwrap(),
        throttle_patience: Duration::from_mins(15),
        budget: None,
    };
    let local = tokio::task::LocalSet::new();
    local.block_on(runtime, async {
        let limiter = Limiter::new(&limits, notes);
        let turns = tokio::task::spawn_local(Arc::clone(&limiter).run());
        let (joined, left) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let mut rows = tokio::task::JoinSet::new();
        for line in 1..=ROWS {
            let (limiter, joined, left) =
                (Arc::clone(&limiter), Rc::clone(&joined), Rc::clone(&left));
            rows.spawn_local(async move {
                joined.set(joined.get() + 1);
                drop(limiter.acquire_start(business(line), Try::First, line, 0).await.unwrap());
                left.set(left.get() + 1);
                if left.get() % BATCH == 0 {
                    note(&limiter, notes);
                }
            });
        }
        while joined.get() < ROWS {
            tokio::task::yield_now().await;
        }
        note(&limiter, notes);
        while rows.join_next().await.is_some() {}
        limiter.close();
        turns.await.unwrap();
    });
}

fn note(limiter: &Limiter, notes: IntentNotes) {
    if notes == IntentNotes::Needed {
        black_box(pack(&limiter.name_intents()));
        limiter.intents_committed();
    }
}

fn limiter(c: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut group = c.benchmark_group("intents/limiter");
    group.throughput(Throughput::Elements(ROWS));
    for (name, notes) in [("without", IntentNotes::NotNeeded), ("with", IntentNotes::Needed)] {
        group.bench_function(name, |b| b.iter(|| let_through(&runtime, notes)));
    }
    group.finish();
}

fn run() -> RunId {
    RunId::new(Timestamp::UNIX_EPOCH, 1)
}

fn record(line: u64) -> Record {
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

fn journal(folder: &Path) -> Journal {
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

/// Settles `ROWS` rows in commits of a batch each, which also note the rows that go next.
fn settle(journal: &mut Journal, clocks: &SystemClocks, records: &[Record], notes: IntentNotes) {
    for batch in records.chunks(usize::try_from(BATCH).unwrap()) {
        let commit = journal.commit(|commit| {
            batch.iter().try_for_each(|record| commit.settle(record))?;
            if notes == IntentNotes::NotNeeded {
                return Ok(());
            }
            let lines = batch.iter().map(|record| record.row.line + ROWS).collect();
            let at = clocks.read();
            let sighting = Some(Sighting { date: at.wall, at });
            commit.intend(&Intents { lines, at, sighting })
        });
        commit.unwrap();
    }
}

fn commits(c: &mut Criterion) {
    let clocks = SystemClocks::new(1);
    let mut group = c.benchmark_group("intents/journal");
    group.throughput(Throughput::Elements(ROWS)).sample_size(50);
    for (name, notes) in [("without", IntentNotes::NotNeeded), ("with", IntentNotes::Needed)] {
        let folder = tempfile::tempdir().unwrap();
        let (mut journal, mut next) = (journal(folder.path()), 1);
        group.bench_function(name, |b| {
            b.iter_batched(
                || {
                    next += ROWS;
                    (next - ROWS..next).map(record).collect::<Vec<_>>()
                },
                |records| settle(&mut journal, &clocks, &records, notes),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, limiter, commits);
criterion_main!(benches);
