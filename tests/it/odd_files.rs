//! Files as people have them: what is said of each, and how it ends. Nothing is sent.

use crate::harness::{HEADER, Scene};

/// Name of a file and its content, and what `--dry-run` makes of it: its exit code, and a part of
/// what it says.
type Odd = (&'static str, &'static [u8], i32, &'static str);

const OTHER_KINDS: &[Odd] = &[
    (
        "a.xlsx",
        b"PK\x03\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\
            [Content_Types].xml",
        2,
        "a.xlsx is a workbook (Excel), not CSV; save it as \"CSV UTF-8\"",
    ),
    ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1", 2, "or say: ssconvert a.xls tasks.csv"),
    (
        "a.ods",
        b"PK\x03\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\
            mimetypeapplication/vnd.oasis.opendocument.spreadsheet",
        2,
        "a workbook (OpenDocument)",
    ),
    (
        "workbook.csv",
        b"PK\x03\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\
            xl/workbook.xml",
        2,
        "a workbook (Excel), not CSV",
    ),
    (
        "a.zip",
        b"PK\x03\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\
            tasks.csv",
        2,
        "is a zip archive; say: unzip -p a.zip | bk-launch run -",
    ),
    (
        "a.csv.gz",
        b"\x1f\x8b\x08\0",
        2,
        "compressed by gzip; say: gunzip -c a.csv.gz | bk-launch run -\n",
    ),
    ("a.tsv.gz", b"\x1f\x8b\x08\0", 2, "gunzip -c a.tsv.gz | bk-launch run - --format tsv"),
    ("my list.csv", b"\x1f\x8b\x08\0", 2, "gunzip -c 'my list.csv' | bk-launch run -"),
    ("a.bz2", b"BZh91AY", 2, "bzip2 -dc a.bz2 | bk-launch run -"),
    ("a.xz", b"\xfd7zXZ\0", 2, "xz -dc a.xz | bk-launch run -"),
    ("a.zst", b"\x28\xb5\x2f\xfd", 2, "zstd -dc a.zst | bk-launch run -"),
    (
        "a16.csv",
        b"\xff\xfeb\0k\0_\0b\0i\0z\0_\0i\0d\0\n\0",
        2,
        "iconv -f UTF-16 -t UTF-8 a16.csv | bk-launch run -",
    ),
    ("b16.csv", b"\xfe\xff\0b\0k\0_\0b\0i\0z\0_\0i\0d\0\n", 2, "iconv -f UTF-16 -t UTF-8 b16.csv"),
    ("c16.csv", b"b\0k\0_\0b\0i\0z\0_\0i\0d\0\n\0", 2, "iconv -f UTF-16LE -t UTF-8 c16.csv"),
    (
        "d16.tsv",
        b"\0b\0k\0_\0b\0i\0z\0_\0i\0d\0\n",
        2,
        "iconv -f UTF-16BE -t UTF-8 d16.tsv | bk-launch run - --format tsv",
    ),
    ("gbk.csv", b"\xd2\xb5\xce\xf1,task_id\n2,1\n", 2, "iconv -f GB18030 -t UTF-8"),
    ("cell.csv", b"bk_biz_id,task_id,n\n2,1,\xce\xf1\n", 2, "cell.csv:2: is not UTF-8 in column 3"),
    (
        "a.json",
        b"[{\"bk_biz_id\":2,\"task_id\":1}]\n",
        2,
        "a.json is a JSON array, and not one object a line; say: jq -c '.[]' a.json | bk-launch run - \
         --format jsonl",
    ),
    (
        "a.jsonl",
        b"[{\"bk_biz_id\":2,\"task_id\":1}]\n",
        2,
        "jq -c '.[]' a.jsonl | bk-launch run - --format jsonl",
    ),
    (
        "pretty.jsonl",
        b"[\n  {\n    \"bk_biz_id\": 2\n  }\n]\n",
        2,
        "jq -c '.[]' pretty.jsonl | bk-launch run - --format jsonl",
    ),
    (
        "array.csv",
        b"[{\"bk_biz_id\":2,\"task_id\":1}]\n",
        2,
        "jq -c '.[]' array.csv | bk-launch run - --format jsonl",
    ),
    ("lines.json", b"{\"bk_biz_id\":2,\"task_id\":1}\n", 2, "say --format jsonl"),
    ("lines.csv", b"{\"bk_biz_id\":2,\"task_id\":1}\n", 2, "(JSON Lines? then say --format jsonl)"),
    (
        "object.jsonl",
        b"{\n  \"bk_biz_id\": 2\n}\n",
        2,
        "object.jsonl:1: is the beginning of a JSON object only; jq -c . puts",
    ),
    ("number.jsonl", b"17\n", 2, "number.jsonl:1: is a JSON number, not an object"),
    (
        "inner.jsonl",
        b"{\"biz_id\":2,\"task_id\":1}\n[1]\n",
        2,
        "inner.jsonl:2: is a JSON array, not an object",
    ),
    (
        "comma.jsonl",
        b"{\"biz_id\":2,\"task_id\":1},\n",
        2,
        "comma.jsonl:1: is no JSON object: column 25: trailing characters\n",
    ),
    (
        "table.jsonl",
        b"bk_biz_id,task_id\n",
        2,
        "table.jsonl:1: is no JSON object: column 1: expected value",
    ),
    ("page.csv", b"<!DOCTYPE html>\n<html>\n", 2, "(a web page, perhaps of a login?)"),
    ("a.txt", b"2,1\n", 2, "the name of a.txt tells no format; say --format"),
];

const OTHER_FORMS: &[Odd] = &[
    (
        "title.csv",
        b"Tasks of the night\n\nbk_biz_id,task_id\n2,1\n",
        2,
        "title.csv:1: this is no header, and no row; the header is perhaps in line 3: remove the lines above it",
    ),
    (
        "titled.csv",
        b"Tasks \"of\" the night\r2,\"1\r2,2",
        2,
        "titled.csv:1: neither a header with task_id",
    ),
    (
        "titles.csv",
        b"Night,2026-12-01,,\nby,amy,,\nbk_biz_id,task_id\n2,1\n",
        2,
        "perhaps in line 3",
    ),
    ("comment.csv", b"# made by hand\nbk_biz_id,task_id\n2,1\n", 2, "perhaps in line 2"),
    ("title.tsv", b"Night\nbk_biz_id\ttask_id\n2\t1\n", 2, "perhaps in line 2"),
    ("chinese.csv", "业务,任务\n2,1\n".as_bytes(), 2, "--map says which other names it has"),
    (
        "short.csv",
        b"bk_biz_id,task_id\n2,1.23E+05\n",
        2,
        "short.csv:2: task_id is 1.23E+05: Excel shortened it",
    ),
    ("bare.csv", b"2,1E+10\n", 2, "bare.csv:1: task_id is 1E+10: Excel shortened it"),
    (
        "zeros.csv",
        b"bk_biz_id,task_id\n02,0017\n2,18\n002,19\n",
        0,
        "note: 2 rows have ids with leading zeros; they are sent without them",
    ),
    ("zero.csv", b"bk_biz_id,task_id\n02,17\n", 0, "note: 1 row has ids with leading zeros"),
    ("trailing.csv", b"bk_biz_id,task_id\n2,1,,,\n2,2,\n", 0, "2 tasks of 1 business"),
    (
        "more.csv",
        b"bk_biz_id,task_id\n2,1,,x\n",
        2,
        "more.csv:2: has 4 fields, and the header 2; quote a field",
    ),
    ("fewer.csv", b"bk_biz_id,task_id,scope,note\n2,1\n", 0, "0 that cannot be used"),
    ("empty.csv", b"", 0, "the list is empty: nothing to start"),
    ("mark.csv", b"\xef\xbb\xbf", 0, "the list is empty: nothing to start"),
    ("head.csv", b"bk_biz_id,task_id\n", 0, "the list is empty: nothing to start"),
    ("blank.csv", b"\n \n\r\n,,\n", 0, "the list is empty: nothing to start"),
    ("empty.jsonl", b"\n", 0, "the list is empty: nothing to start"),
    ("marked.csv", b"\xef\xbb\xbfbk_biz_id,task_id\n2,1\n", 0, "0 that cannot be used"),
    ("windows.csv", b"bk_biz_id,task_id\r\n2,1\r\n", 0, "0 that cannot be used"),
    ("mac.csv", b"bk_biz_id,task_id\r2,1\r", 0, "0 that cannot be used"),
    ("unended.csv", b"bk_biz_id,task_id\n2,1", 0, "1 task of 1 business"),
    (
        "semicolons.csv",
        b"bk_biz_id;task_id\n2;1\n",
        2,
        "(separated by semicolons? save it with commas)",
    ),
    ("tabs.csv", b"bk_biz_id\ttask_id\n2\t1\n", 2, "(separated by tabs? then say --format tsv)"),
    ("commas.tsv", b"bk_biz_id,task_id\n2,1\n", 2, "(separated by commas? then say --format csv)"),
    ("blanks.csv", b"2 1\n", 2, "found \"2 1\""),
    (
        "open.csv",
        b"bk_biz_id,task_id\n2,\"1\n2,2\n",
        2,
        "open.csv:2: this record opens a quote that is never closed",
    ),
    ("nul.csv", b"bk_biz_id,task_id\n2,1\0\n", 2, "nul.csv:2: holds a NUL byte in column 2"),
    ("named.csv", b"bk_biz_id,name\n2,x\n", 2, "named.csv:1: neither a header with task_id"),
    ("twice.csv", b"biz_id,task_id,Task_Id\n2,3,4\n", 2, "columns 2 and 3 are both task_id"),
    (
        "wide.csv",
        b"bk_biz_id,task_id\n2,\xef\xbc\x91\xef\xbc\x92\n",
        2,
        "wide.csv:2: task_id must be written with the digits 0 to 9",
    ),
    ("float.csv", b"bk_biz_id,task_id\n2,17.0\n", 2, "not \"17.0\""),
    ("negative.csv", b"bk_biz_id,task_id\n2,-1\n", 2, "not \"-1\""),
    (
        "huge.csv",
        b"bk_biz_id,task_id\n2,99999999999999999999\n",
        2,
        "task_id must be at most 9223372036854775807",
    ),
    ("scope.csv", b"2,1,cmdb\n", 2, "scope.csv:1: scope must be cmdb_biz, project or empty"),
    ("null.csv", b"2,1,NULL\n", 2, "not \"NULL\""),
    ("null.tsv", b"2\t1\tNULL\n", 0, "1 row has no scope (NULL)"),
    ("same.csv", b"bk_biz_id,task_id\n2,1\n2,1\n", 0, "1 to start, 1 duplicate,"),
];

fn run(files: &[Odd]) {
    let scene = Scene::new();
    for (name, content, exit, said) in files {
        scene.file(name, content);
        let run = scene.run_kept().input(name).at("http://127.0.0.1:9").with("--dry-run");
        let run = run.exits(*exit).does_not_panic();
        let all = run.stdout() + &run.stderr();
        assert!(all.contains(said), "{name}: {said:?} is not in\n{all}");
    }
}

#[test]
fn files_of_other_kinds_are_named_with_the_command_that_makes_them_usable() {
    run(OTHER_KINDS);
}

#[test]
fn tables_of_other_forms_say_what_is_odd_about_them() {
    run(OTHER_FORMS);
}

#[test]
fn a_list_that_must_not_be_empty_is_an_error_if_it_is() {
    let scene = Scene::new();
    scene.file("tasks.csv", HEADER);
    let run = |flags: &str| scene.run().at("http://127.0.0.1:9").with(flags);
    run("--expect-rows 1..").exits(2).says("the input has 0 rows, but --expect-rows says 1..");
    run("").exits(0).says(["the list is empty: nothing to start", "no rows: nothing was started"]);
    let none = run("--force --where task_id=1").exits(0);
    none.says("nothing to start; no row is left out (--where)");
}
