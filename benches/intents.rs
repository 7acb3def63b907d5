//! Cost of noting rows before they are sent, at 10,000/s: the same work of the limiter, and the
//! same commits of the journal, without intents and with them.

#![expect(clippy::unwrap_used, reason = "a benchmark may end by a panic")]

mod sample;

use std::cell::Cell;
use std::hint::black_box;
use std::num::NonZeroUsize;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bk_launch::internals::domain::clocks::Clocks;
use bk_launch::internals::domain::connections::{Connections, Turns};
use bk_launch::internals::domain::rate::Rate;
use bk_launch::internals::domain::record::Record;
use bk_launch::internals::journal::Journal;
use bk_launch::internals::limiter::{IntentNotes, Limiter, Limits, Try};
use bk_launch::internals::rules::intents::{Intents, pack};
use bk_launch::internals::rules::server_time::Sighting;
use bk_launch::internals::system_clocks::SystemClocks;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use jiff::Timestamp;
use sample::{business, journal, record};

/// Rows between two commits. At 10,000/s a run has about 500 now; fewer make the notes dearer.
const BATCH: u64 = 200;

/// Rows of an iteration, as many as `--lookahead` lets in.
const ROWS: u64 = 10_000;

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
        let limiter = Limiter::new(&limits, notes, Arc::new(AlwaysStanding));
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

/// Connections of which one always stands.
#[derive(Debug)]
struct AlwaysStanding;

impl Connections for AlwaysStanding {
    fn set_aside(&self) -> bool {
        true
    }

    fn put_back(&self) {}

    fn want(&self, _: usize) {}

    fn lead_time(&self) -> Duration {
        Duration::ZERO
    }

    fn ask_turns_of(&self, _: Arc<dyn Turns>) {}
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

/// Settles `ROWS` rows in commits of a batch each, which also note the rows that go next.
fn settle(journal: &mut Journal, clocks: &SystemClocks, records: &[Record], notes: IntentNotes) {
    for batch in records.chunks(usize::try_from(BATCH).unwrap()) {
        let commit = journal.commit(Timestamp::UNIX_EPOCH, |commit| {
            commit.settle(batch)?;
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
