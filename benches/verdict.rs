//! What judging one answer costs: accepted, already started, throttled.

#![expect(clippy::unwrap_used, reason = "a benchmark may end by a panic")]

use std::hint::black_box;

use bk_launch::internals::api::raw_response::{Extent, HttpAnswer, RawResponse};
use bk_launch::internals::api::verdict::verdict;
use bk_launch::internals::domain::secret::{Mask, Secret};
use criterion::{Criterion, criterion_group, criterion_main};
use http::HeaderMap;
use serde_json::Value;

fn judge(c: &mut Criterion) {
    let headers = HeaderMap::new();
    let mask = Mask::new(&[Secret::new("a secret of the app"), Secret::new("a token")]);
    for name in ["esb1_start_success", "start_already_started", "esb1_start_rate_limited"] {
        let path = format!("{}/tests/wire/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let capture: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let body = capture["body"].as_str().unwrap().as_bytes();
        c.bench_function(&format!("verdict/{name}"), |b| {
            b.iter(|| {
                let http = HttpAnswer {
                    status: 200,
                    headers: black_box(&headers),
                    body: black_box(body),
                    extent: Extent::Whole,
                };
                verdict(&RawResponse::Http(http), &mask)
            });
        });
    }
}

criterion_group!(benches, judge);
criterion_main!(benches);
