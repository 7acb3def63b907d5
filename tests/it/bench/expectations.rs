//! What is expected of a measurement, and judged.

use bk_launch::mock::Behaviour;

use super::{field, is_quiet, measured};
use crate::harness::{scene, slow, well};

#[test]
fn expectations_of_a_load_whose_rows_are_used_up_are_missed() {
    let scene = field(30);
    let judged = scene.bench().with("--rate 200/s --duration 500ms --slo p99<60s --slo rate>=1/s");
    let ended = judged.exits(1);
    let ended = ended.says([
        "PASS p99<60s: measured ",
        "PASS rate>=1/s: measured ",
        "stopped: the rows were used up",
    ]);
    let told = ended.stderr();
    let first =
        "the rows were used up before the load was over, so --slo was judged by 30 requests";
    assert!(told.find(first).unwrap() < told.find("requests in ").unwrap(), "{ended}");
    assert_eq!(ended.json()["exit"], 1);
    scene.bench().with("--closed --duration 5s --slo p99<60s").exits(1).says(first);
    let enough = scene.bench().with("--rate 200/s --requests 30 --slo p99<60s").ends();
    measured(enough.never_says("used up"));
}

#[test]
fn expectations_are_judged_at_the_end_or_while_it_runs() {
    let scene = field(5_000).against(slow(30));
    let bench = |flags: &str| scene.bench().with("--rate 200/s --duration 2s").with(flags);
    let holds = bench("--slo p50<10s --slo errors<1% --slo rate>=20/s").ends();
    let found = measured(holds.says("PASS errors<1%: measured 0.00%"));
    let holds = found["slos"].as_array().unwrap().iter().all(|slo| slo["holds"] == true);
    assert!(!is_quiet(&found) || holds, "{found}");
    let missed = bench("--slo p50<10ms --slo errors<1%").exits(1);
    let missed = missed.says(["FAIL p50<10ms: measured ", "PASS errors<1%: "]);
    assert_eq!(missed.json()["slos"][0]["holds"], false);
    let before = scene.seen().starts;
    let long = scene.bench().with("--rate 200/s --duration 60s --slo p50<10ms --abort-on-slo");
    let finished = long.exits(1).says("stopped: p50<10ms: measured ");
    assert!(scene.seen().starts - before < 2_000, "{finished}");
}

#[test]
fn a_share_of_errors_is_missed_as_soon_as_it_is_reached() {
    let scene = scene("2,1\n2,2\n").against(Behaviour { denied: [1].into(), ..well() });
    let finished = scene.bench().with("--rate 50/s --slo errors<=50% --slo errors<50%").exits(1);
    let finished = finished.says(["PASS errors<=50%: ", "FAIL errors<50%: measured 50.00%"]);
    assert_eq!(finished.json()["classes"]["permission"]["requests"], 1);
}
