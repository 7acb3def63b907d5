//! Runs of some of the rows of a list: the others are no part of it, in whatever is done with it.

use crate::harness::{Outcome, Scene, scene};

/// The header is line 1. Rows of bob are invalid, or tasks that another row has, too.
const LIST: &str = "bk_biz_id,task_id,scope,owner\n2,1,,amy\n2,x,,bob\n2,2,,bob\n3,2,,amy\n\
                    2,2,,amy\n4,3,project,amy\n2,4,,\"amy, bob\"\n";

/// Lines of the report that a command wrote, in its order.
fn lines(outcome: &Outcome) -> Vec<String> {
    let report = outcome.report();
    report.lines.iter().map(|line| line["line"].clone()).collect()
}

#[test]
fn rows_that_are_left_out_are_no_part_of_a_run_in_whatever_is_done_with_it() {
    let scene = scene(LIST);
    let run = || scene.run().with("--where owner=amy --skip 1,9 --lines 1-7");
    let page = run().with("--dry-run --stages 1,100% --max-failures 34%").exits(0);
    page.prints([
        "3 tasks of 2 businesses and 1 project",
        "; 4 rows are left out (--where, --skip, --lines)",
        "note: no row has task 9 (--skip)",
        "stages, by rows of the input: 1 to 1, 2 to 3",
        "rows: 3 (3 to start, 0 duplicates, 0 that cannot be used); 4 more are left out",
        "where = owner=amy (command line)",
    ]);
    run().with("--expect-rows 4..").exits(2).says("has 3 rows, but --expect-rows says");
    run().with("--check").exits(0).says("3 rows");
    // Line 6 would be a duplicate of line 4, which is left out.
    let first = run().with("--limit 1 --expect-rows 3..3").exits(0);
    assert_eq!(lines(&first), ["5", "6", "7"]);
    let said = first.says("3 rows: 1 started, 2 pending");
    said.server_saw(|seen| seen.starts, 1);
    scene.resume().with("--dry-run").exits(0).prints("rows: 3 (1 settled, 2 to start");
    scene.command("runs").exits(0).prints("2 pending");
    scene.command("report -o s.csv").exits(0);
    assert_eq!(scene.report("s.csv").lines.len(), 3);
    let resumed = scene.resume().with("-o t.csv").exits(0).server_saw(|seen| seen.starts, 3);
    resumed.says("3 rows: 3 started");
    assert_eq!(scene.report("t.csv").count("started"), 3);
    // More would not be agreed to. A busy machine may be too slow for a measurement.
    let bench = scene.bench().with("--where owner=amy --only 2 --requests 2 --yes-start 2").ends();
    bench.server_saw(|seen| seen.starts, 5);
}

#[test]
fn the_rows_of_a_stream_are_those_of_its_resume() {
    let scene = Scene::new();
    let run = scene.run().piped(LIST).with("--where owner!=bob --lines 3-7").exits(0);
    run.says("only those of --where, --lines").says("3 rows: 3 started");
    scene.resume().with("--force").exits(0).says("3 rows: 3 started");
    scene.command("report -o s.csv").exits(0).server_saw(|seen| seen.starts, 3);
    assert_eq!(scene.report("s.csv").lines.len(), 3);
    let json = "{\"业务\":2,\"task_id\":1,\"owner\":\"amy\"}\n{\"业务\":2,\"task_id\":2}\n";
    let json = scene.run().piped(json).with("--format jsonl --force --map bk_biz_id=业务");
    json.with("--where owner=amy").exits(0).says("1 row: 1 started").row(1).has("owner", ["amy"]);
}

#[test]
fn a_row_whose_fields_are_shifted_or_cannot_be_read_is_not_left_out_in_silence() {
    let scene = Scene::new();
    scene
        .file("shifted.csv", "bk_biz_id,task_id,scope,note,owner\n2,1,,one, two,amy\n2,2,,x,bob\n");
    scene.file("latin.csv", b"bk_biz_id,task_id,scope,note,owner\n2,1\xff,,x,amy\n2,2,,x,amy\n");
    for (input, flags, says) in [
        ("shifted.csv", "--where owner=amy", "shifted.csv:2: has 6 fields, and the header 5"),
        ("latin.csv", "--only 1,2", "latin.csv:2: is not UTF-8 in column 2"),
    ] {
        let run = scene.run().input(input).with(flags).with("--dry-run").at("http://127.0.0.1:9");
        run.exits(2).says(says);
    }
    // What --lines leaves out is not looked at.
    let rest =
        scene.run().input("shifted.csv").with("--lines 3 --dry-run").at("http://127.0.0.1:9");
    rest.exits(0).prints("1 task of");
}

#[test]
fn a_name_that_no_column_has_is_told_with_those_that_there_are() {
    let scene = scene(LIST);
    scene.file(
        "t.jsonl",
        "{\"biz_id\":2,\"task_id\":1}\n{\"biz_id\":2,\"task_id\":2,\"owner\":1}\n",
    );
    let (table, object) =
        ("there are bk_biz_id, task_id, scope, owner", "there are biz_id, task_id, owner");
    for (input, flag, value, parts) in [
        ("tasks.csv", "--where", "ownr!=amy", ["no column ownr (did you mean owner?)", table]),
        ("t.jsonl", "--where", "ownr!=amy", ["no column ownr (did you mean owner?)", object]),
        (
            "tasks.csv",
            "--map",
            "scope=Kind",
            ["no column Kind", "bk_biz_id, task_id, scope, owner"],
        ),
        ("t.jsonl", "--map", "scope=Kind", ["no column Kind", object]),
        ("tasks.csv", "--where", "owner=amy,bob", ["--where", "owner in amy,bob"]),
        ("tasks.csv", "--where", "owner", ["--where", "owner not prefix am"]),
        ("tasks.csv", "--only", "owner=amy", ["--only", "write --where 'owner=amy'"]),
        ("tasks.csv", "--lines", "9-2", ["--lines", "ends before it begins"]),
        ("tasks.csv", "--map", "业务", ["--map", "bk_biz_id=HEADER"]),
    ] {
        let run = scene.run().input(input).arg(flag).arg(value).with("--dry-run");
        run.exits(2).says(parts);
    }
    scene.run().input("t.jsonl").with("--where owner=1 --dry-run").exits(0).prints("1 task of");
}

#[test]
fn a_condition_of_another_language_keeps_no_row_by_mistake() {
    let scene = scene("2,10,cmdb_biz,amy\n2,11,cmdb_biz,bob\n");
    for (condition, says) in [
        ("column_4 not in (amy,bob)", "write a list with commas and without brackets"),
        ("column_4!=amy and column_4!=bob", "give --where again for rows that meet both"),
        ("column_4!==amy", "= and != are the only signs"),
        ("column_4!=a*", "there are no patterns: write 'owner prefix am'"),
        ("bk_biz_id not in 2 3", "no id is \"2 3\"; ids are whole numbers"),
    ] {
        scene.run().arg("--where").arg(condition).exits(2).says(["--where", says]);
    }
    assert_eq!(scene.seen().requests, 0);
}

#[test]
fn a_prefix_of_an_id_with_leading_zeros_is_refused() {
    let scene = scene("业务,task_id,name\n2,10,010\n2,0105,x\n2,20,x\n");
    let run = |condition| scene.run().with("--map bk_biz_id=业务").arg("--where").arg(condition);
    for (condition, digits) in [
        ("task_id prefix 010", "write 10 in place of 010"),
        // It would hold for every row.
        ("task_id not prefix 1,020", "write 20 in place of 020"),
        ("业务 prefix 02", "write 2 in place of 02"),
        ("bk_biz_id prefix 0", "none begins with 0"),
    ] {
        let says = ["ids are compared without leading zeros", digits];
        run(condition).exits(2).says(says);
        let bench = scene.bench().with("--map bk_biz_id=业务").arg("--where").arg(condition);
        bench.exits(2).says(says);
    }
    assert_eq!(scene.seen().requests, 0);
    run("task_id prefix 10").with("--dry-run").exits(0).prints("2 tasks of");
    run("name prefix 010").with("--dry-run").exits(0).prints("1 task of");
}

#[test]
fn of_a_stream_the_first_object_must_have_the_keys_and_the_message_says_so() {
    let scene = Scene::new();
    let lines =
        "{\"bk_biz_id\":2,\"task_id\":1}\n{\"bk_biz_id\":2,\"task_id\":2,\"owner\":\"amy\"}\n";
    let run = |lines: &str| scene.run().piped(lines).with("--format jsonl --force");
    let hint = "Of a stream only the first object is looked at: write the key there, if only as \
                null, or give the list as a file";
    let refused = run(lines).with("--where owner!=bob").exits(2);
    refused.says(["there is no column owner", hint]).server_saw(|seen| seen.starts, 0);
    run(lines).with("--map scope=owner").exits(2).says(hint);
    let null = lines.replacen("1}", "1,\"owner\":null}", 1);
    run(&null).with("--where owner=amy").exits(0).says("1 row: 1 started");
    scene.file("t.jsonl", lines);
    let file = scene.run().input("t.jsonl").with("--force --where owner=amy --dry-run");
    file.exits(0).prints("1 task of");
    // Of a file all objects are looked at, so there is nothing to be done but to mend the name.
    let misspelt = scene.run().input("t.jsonl").with("--where ownr=amy").exits(2);
    misspelt.says("did you mean owner?").never_says("stream");
}
