//! Cost of a settled row in the journal, in commits of 400 records each.

#![expect(clippy::unwrap_used, reason = "a benchmark may end by a panic")]

mod sample;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use jiff::Timestamp;
use sample::{journal, record};

const BATCH: u64 = 400;

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
                journal.commit(Timestamp::UNIX_EPOCH, |commit| commit.settle(&records)).unwrap();
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, settle);
criterion_main!(benches);
