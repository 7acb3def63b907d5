//! Cost of reading a list: checking it, and reading its rows.

#![expect(clippy::unwrap_used, reason = "a benchmark may end by a panic")]

use std::fmt::Write;
use std::sync::Arc;

use bk_launch::internals::input::{self, Format};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const ROWS: u64 = 10_000;

fn list(format: Format) -> String {
    let mut list = match format {
        Format::Csv => "bk_biz_id,task_id,scope,note\n".to_owned(),
        Format::Tsv | Format::JsonLines => String::new(),
    };
    for row in 1..=ROWS {
        let _ = match format {
            Format::Csv => writeln!(list, "{},{row},,a note", row % 50 + 1),
            Format::Tsv => writeln!(list, "{}\t{row}", row % 50 + 1),
            Format::JsonLines => {
                writeln!(
                    list,
                    "{{\"biz_id\":{},\"task_id\":{row},\"note\":\"a note\"}}",
                    row % 50 + 1
                )
            }
        };
    }
    list
}

fn read(c: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let mut group = c.benchmark_group("input");
    group.throughput(Throughput::Elements(ROWS));
    for format in [Format::Csv, Format::JsonLines] {
        let path = folder.path().join(format.to_string());
        std::fs::write(&path, list(format)).unwrap();
        group.bench_function(format!("check/{format}"), |b| {
            b.iter(|| input::check(&path, "list", format, &Arc::default()).unwrap().rows);
        });
        let checked = input::check(&path, "list", format, &Arc::default()).unwrap();
        group.bench_function(format!("read/{format}"), |b| {
            b.iter(|| checked.open().unwrap().rows.flatten().count());
        });
    }
    group.finish();
}

criterion_group!(benches, read);
criterion_main!(benches);
