//! Inputs as people have them, and the rows they give.

use super::fields::MAX_RECORD_BYTES;
use super::*;
use crate::domain::record::COLUMNS;
use crate::domain::row::Row;
use proptest::prelude::*;
use std::io::{self, Cursor};

/// Source that gives its bytes in pieces of the sizes in `sizes`.
struct Pieces {
    bytes: Vec<u8>,
    sizes: Box<dyn FnMut() -> usize + Send>,
}

impl Read for Pieces {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = (self.sizes)().clamp(1, into.len()).min(self.bytes.len());
        into[..count].copy_from_slice(&self.bytes[..count]);
        self.bytes.drain(..count);
        Ok(count)
    }
}

/// All rows of an input.
fn all() -> Arc<Selection> {
    Arc::default()
}

fn open(text: &[u8], format: Format) -> Result<OpenedInput, InputError> {
    open_stream(Box::new(Cursor::new(text.to_vec())), "in", format, &all())
}

fn shown(row: &Row) -> String {
    let carried = row.carried.join("|");
    match &row.task {
        Ok(task) => format!("{}: {task} [{carried}]", row.line),
        Err(bad) => format!("{}: {}", row.line, bad.fault),
    }
}

fn rows(text: impl AsRef<[u8]>, format: Format) -> Vec<String> {
    let opened = open(text.as_ref(), format).unwrap();
    opened.rows.map(|row| shown(&row.unwrap())).collect()
}

fn columns(text: &str, format: Format) -> Vec<String> {
    open(text.as_bytes(), format).unwrap().columns.iter().map(ToString::to_string).collect()
}

#[test]
fn separated_values_in_the_forms_that_people_have() {
    for (what, text, expected) in [
        (
            "a header",
            "bk_biz_id,task_id,scope\n2,17,project\n",
            &["2: task 17 of project 2 []"][..],
        ),
        (
            "no header",
            "2,17\n3,18\n",
            &["1: task 17 of business 2 []", "2: task 18 of business 3 []"],
        ),
        ("any order", "Task_ID,note,BIZ_ID\n17,hi,2\n", &["2: task 17 of business 2 [hi]"]),
        ("a mark", "\u{feff}biz_id,task_id\n2,17\n", &["2: task 17 of business 2 []"]),
        ("a mark without a header", "\u{feff}2,17\n", &["1: task 17 of business 2 []"]),
        (
            "CRLF",
            "biz_id,task_id\r\n2,17\r\n3,18\r\n",
            &["2: task 17 of business 2 []", "3: task 18 of business 3 []"],
        ),
        (
            "blank lines",
            "\n\r\nbiz_id,task_id\n\n \n,\n2,17\n\n\n3,18",
            &["7: task 17 of business 2 []", "10: task 18 of business 3 []"],
        ),
        (
            "quotes",
            "biz_id,task_id,note\n\"2\",\"17\",\"a \"\"b\"\", c\nd\"\n3,18,e\n",
            &["2: task 17 of business 2 [a \"b\", c\nd]", "4: task 18 of business 3 [e]"],
        ),
        (
            "old Mac",
            "biz_id,task_id\r2,17\r\r3,18",
            &["2: task 17 of business 2 []", "4: task 18 of business 3 []"],
        ),
        ("blanks and zeros", "biz_id,task_id\n 002 ,\t17\n", &["2: task 17 of business 2 []"]),
        (
            "short rows",
            "biz_id,task_id,scope,a\n2,17\n3\n",
            &[
                "2: task 17 of business 2 []",
                "3: task_id is empty; a whole number from 1 is needed",
            ],
        ),
        (
            "long rows",
            "biz_id,task_id\n2,17,18\n",
            &["2: has 3 fields, and the header 2; quote a field that holds a separator"],
        ),
        ("a NUL byte", "biz_id,task_id\n2,1\x007\n", &["2: holds a NUL byte in column 2"]),
        ("nothing", "", &[]),
        ("only a header", "biz_id,task_id\n", &[]),
    ] {
        assert_eq!(rows(text, Format::Csv), expected, "{what}");
    }
    assert_eq!(rows("biz_id\ttask_id\n2\t17\n", Format::Tsv), ["2: task 17 of business 2 []"]);
    let latin = b"biz_id,task_id,note\n2,17,caf\xe9\n3,18,x\n";
    let expected = ["2: is not UTF-8 in column 3", "3: task 18 of business 3 [x]"];
    assert_eq!(rows(latin, Format::Csv), expected);
}

#[test]
fn a_null_of_a_database_is_no_value_in_the_columns_that_name_a_task() {
    let text = "bk_biz_id\ttask_id\tscope\tnote\n2\t17\tNULL\tNULL\n2\t18\t\\N\t\\N\n\
                2\tNULL\tNULL\tx\n2\t19\tproject\ty\n2\t17\tNULL\tz\n";
    let expected = [
        "2: task 17 of business 2 [NULL]",
        "3: task 18 of business 2 [\\N]",
        "4: task_id is NULL, no value; a whole number from 1 is needed",
        "5: task 19 of project 2 [y]",
        "6: task 17 of business 2 [z]",
    ];
    assert_eq!(rows(text, Format::Tsv), expected);
    let without_header = "2\t17\tNULL\nNULL\t18\n";
    let expected = [
        "1: task 17 of business 2 []",
        "2: bk_biz_id is NULL, no value; a whole number from 1 is needed",
    ];
    assert_eq!(rows(without_header, Format::Tsv), expected);
    for (text, format, null_scopes) in [
        (text, Format::Tsv, 3),
        (without_header, Format::Tsv, 1),
        ("2\t17\t\n2\t18\tproject\n", Format::Tsv, 0),
        ("2,17,NULL\n", Format::Csv, 0),
    ] {
        let source = Box::new(Cursor::new(text.as_bytes()));
        let checked = check_stream(source, "in", format, &all()).unwrap();
        assert_eq!(checked.null_scopes, null_scopes, "{text:?}");
    }
    let in_csv = rows("2,17,NULL\n", Format::Csv);
    assert!(in_csv[0].starts_with("1: scope must be cmdb_biz"), "{in_csv:?}");
}

#[test]
fn json_lines_in_the_forms_that_people_have() {
    for (what, text, expected) in [
        ("numbers", r#"{"bk_biz_id":2,"task_id":17}"#, "1: task 17 of business 2 []"),
        (
            "texts",
            r#"{"BIZ_ID":"2","task_id":" 17","scope":"project"}"#,
            "1: task 17 of project 2 []",
        ),
        ("null", r#"{"biz_id":2,"task_id":17,"scope":null}"#, "1: task 17 of business 2 []"),
        (
            "further keys",
            r#"{"a":"x","biz_id":2,"b":null,"task_id":17,"c":[1,{"d":2}],"e":1.50}"#,
            "1: task 17 of business 2 [x||[1,{\"d\":2}]|1.50]",
        ),
        (
            "all digits",
            r#"{"biz_id":9223372036854775807,"task_id":9223372036854775808}"#,
            "1: task_id must be at most 9223372036854775807, not \"9223372036854775808\"",
        ),
        (
            "a fraction",
            r#"{"biz_id":2.0,"task_id":17}"#,
            "1: bk_biz_id must be written with the digits 0 to 9 alone, not \"2.0\"",
        ),
        (
            "a key twice",
            r#"{"biz_id":2,"task_id":17,"Task_id":18}"#,
            "1: task_id stands in the object more than once",
        ),
    ] {
        assert_eq!(rows(text, Format::JsonLines), [expected], "{what}");
    }
    let text = "\n2\n{\"biz_id\":2,\"task_id\":17}\r\n\n{\"biz_id\":\n[1]\n{2\n\"x\"\nbiz_id\n";
    let found = rows(text, Format::JsonLines);
    for (row, expected) in [
        "2: is a JSON number, not an object",
        "3: task 17 of business 2 []",
        "5: is the beginning of a JSON object only; jq -c . puts each object into one line",
        "6: is a JSON array, not an object; if it is the whole list, jq -c '.[]' makes a line of each \
         object",
        "7: is no JSON object: column 2: key must be a string",
        "8: is a JSON string, not an object",
        "9: is no JSON object: column 1: expected value",
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(found[row], expected);
    }
}

/// The columns of a stream, and those of its rows that these flags leave.
fn selected(text: &str, format: Format, flags: &[(&str, &str)]) -> (Vec<String>, Vec<String>) {
    let flags = flags.iter().map(|(flag, value)| ((*flag).to_owned(), vec![(*value).to_owned()]));
    let selection = Arc::new(Selection::of_flags(&flags.collect()).unwrap());
    let source = Box::new(Cursor::new(text.as_bytes().to_vec()));
    let opened = open_stream(source, "in", format, &selection).unwrap();
    let columns = opened.columns.iter().map(ToString::to_string).collect();
    let rows = opened.rows.map(|row| row.map_or_else(|error| error.to_string(), |row| shown(&row)));
    (columns, rows.collect())
}

#[test]
fn rows_are_left_out_in_every_format() {
    let two = "{\"biz_id\":2,\"task_id\":1,\"n\":\"a\"}\n{\"biz_id\":2,\"task_id\":2}\n";
    for (text, format, flag, columns, expected) in [
        (
            "2,17,,a\n3,18,,b\n",
            Format::Csv,
            ("where", "bk_biz_id=3"),
            "column_4",
            "2: task 18 of business 3 [b]",
        ),
        (
            "2,17,,a\n3,18,,b\n",
            Format::Csv,
            ("where", "column_4=a"),
            "column_4",
            "1: task 17 of business 2 [a]",
        ),
        (
            "biz_id,task_id\n2,x\n2,18\n",
            Format::Csv,
            ("lines", "3-"),
            "",
            "3: task 18 of business 2 []",
        ),
        (
            "biz_id,task_id\n2,x\n2,18\n",
            Format::Csv,
            ("only", "18"),
            "",
            "3: task 18 of business 2 []",
        ),
        (
            "2\t17\tNULL\n2\t18\tproject\n",
            Format::Tsv,
            ("where", "scope=cmdb_biz"),
            "",
            "1: task 17 of business 2 []",
        ),
        (two, Format::JsonLines, ("where", "n="), "n", "2: task 2 of business 2 []"),
        // The first object tells the columns, also if it is left out.
        (two, Format::JsonLines, ("lines", "2-"), "n", "2: task 2 of business 2 []"),
        (two, Format::JsonLines, ("skip", "1"), "n", "2: task 2 of business 2 []"),
    ] {
        let (found, rows) = selected(text, format, &[flag]);
        assert_eq!(
            (found.join(","), rows),
            (columns.to_owned(), vec![expected.to_owned()]),
            "{flag:?}"
        );
    }
    let late = format!("17\n{two}");
    let (_, rows) = selected(&late, Format::JsonLines, &[("where", "m!=a")]);
    let error = "in:2: --where 'm!=a': there is no column m; there are biz_id, task_id, n. Of a stream \
                 only the first object is looked at: write the key there, if only as null, or give \
                 the list as a file";
    assert_eq!(rows, ["1: is a JSON number, not an object", error]);
    let long = format!("biz_id,task_id,n\n2,1,{}\n2,2,b\n", "x".repeat(2 * MAX_RECORD_BYTES));
    let (_, rows) = selected(&long, Format::Csv, &[("where", "n=a")]);
    assert_eq!(rows, ["2: is longer than 1 MiB, and was passed over"], "nobody knows its fields");
}

#[test]
fn a_record_beyond_reason_is_passed_over() {
    let long = "x".repeat(3 * MAX_RECORD_BYTES);
    for (format, head, row) in [
        (Format::Csv, "biz_id,task_id,n\n", "2,17,LONG\n3,18,y\n"),
        (Format::Csv, "biz_id,task_id,n\n", "2,17,\"LONG\n\"\n3,18,y\n"),
        (Format::JsonLines, "", "{\"biz_id\":\"LONG\"}\n{\"biz_id\":3,\"task_id\":18}\n"),
    ] {
        let found = rows(format!("{head}{row}").replace("LONG", &long), format);
        assert!(found[0].ends_with("is longer than 1 MiB, and was passed over"), "{}", found[0]);
        assert!(found[1].contains("task 18 of business 3"), "{}", found[1]);
    }
}

#[test]
fn what_is_no_table_of_rows_says_so() {
    let error = |bytes: &[u8]| open(bytes, Format::Csv).err().unwrap().to_string();
    assert!(error(b"\xff\xfeb\0").contains("UTF-16"));
    assert!(error(b"\xfe\xff\0b").contains("UTF-16"));
    assert!(error(b"b\0i\0z\0,\0").contains("UTF-16"));
    assert!(error(b"caf\xe9,task_id\n").contains("save the file as UTF-8"));
    assert!(error(b"\n\nbiz_id,task\n").starts_with("in:3: neither a header with task_id"));
    assert!(error(b"\"biz_id,task_id\n2,3\n").contains("never closed"));
}

#[test]
fn a_quote_that_is_never_closed_is_no_bad_row_but_ends_the_input() {
    let opened = open(b"biz_id,task_id,n\n2,17,x\n3,18,\"a\n4,19,b\n", Format::Csv).unwrap();
    let found: Vec<_> = opened.rows.collect();
    assert_eq!(found.len(), 2);
    assert!(found[0].is_ok());
    let error = found[1].as_ref().unwrap_err().to_string();
    assert_eq!(error, "in:3: this record opens a quote that is never closed");
}

#[test]
fn a_report_is_a_valid_input() {
    let head = format!("{},note,input.line", COLUMNS.join(","));
    let row = format!("5,2,17,project,pending{},'=1,''@,x", ",".repeat(14)).replace(",'=1", ",'=1");
    let text = format!("{head}\n{}\n", row.replace(",''@,x", ",''@"));
    assert_eq!(columns(&text, Format::Csv), ["note", "input.line"]);
    assert_eq!(rows(&text, Format::Csv), ["2: task 17 of project 2 [=1|'@]"]);
}

#[test]
fn a_file_is_checked_as_a_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tasks.csv");
    let bad: String = (0..12).map(|_| "2,x\n").collect();
    std::fs::write(&path, format!("biz_id,task_id\n2,17\n{bad}")).unwrap();
    let checked = check(&path, "the list", Format::Csv, &all()).unwrap();
    assert_eq!((checked.rows, checked.bad, checked.first_bad.len()), (13, 12, 10));
    assert_eq!(checked.first_bad[0].0, 3);
    assert_eq!(checked.open().unwrap().rows.count(), 13);

    let path = folder.path().join("tasks.jsonl");
    std::fs::write(&path, "{\"biz_id\":2,\"task_id\":17}\n{\"biz_id\":2,\"task_id\":18,\"n\":1}\n")
        .unwrap();
    let opened = check(&path, "the list", Format::JsonLines, &all()).unwrap().open().unwrap();
    assert_eq!(&*opened.columns, [Box::from("n")], "keys of later objects have columns too");
    let found: Vec<_> = opened.rows.map(|row| shown(&row.unwrap())).collect();
    assert_eq!(found, ["1: task 17 of business 2 []", "2: task 18 of business 2 [1]"]);

    let missing = check(&folder.path().join("no.csv"), "no.csv", Format::Csv, &all())
        .unwrap_err()
        .to_string();
    assert!(missing.contains("no.csv"), "{missing}");
    let is_folder = check(folder.path(), "a folder", Format::Csv, &all()).unwrap_err();
    assert!(matches!(is_folder, InputError::Folder { .. }), "{is_folder}");
}

#[test]
fn a_row_comes_as_soon_as_its_line_is_there() {
    // Fails the test on a read that would have to wait.
    struct Typed(Vec<&'static [u8]>);
    impl Read for Typed {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let line = self.0.first_mut().expect("nothing more was typed yet");
            let count = line.len().min(into.len());
            into[..count].copy_from_slice(&line[..count]);
            *line = &line[count..];
            if line.is_empty() {
                self.0.remove(0);
            }
            Ok(count)
        }
    }
    for (format, lines) in [
        (Format::Csv, vec![&b"biz_id,task_id\n"[..], b"2,17\n"]),
        (Format::Csv, vec![&b"2,17\n"[..]]),
        (Format::JsonLines, vec![&b"{\"biz_id\":2,\"task_id\":17}\n"[..]]),
    ] {
        let mut opened = open_stream(Box::new(Typed(lines)), "in", format, &all()).unwrap();
        let row = opened.rows.next().unwrap().unwrap();
        assert!(row.task.is_ok());
    }
}

#[test]
fn a_quote_left_open_below_a_title_is_no_header() {
    for text in ["title\r2,\"1", "a,b,c\r2,\"1\r2,2\n", "}\"a\"\r,\r\"}\",\""] {
        let said = open(text.as_bytes(), Format::Csv).err().unwrap().to_string();
        assert!(said.starts_with("in:1: neither a header"), "{text:?}: {said}");
    }
}

fn any_format() -> impl Strategy<Value = Format> {
    prop_oneof![Just(Format::Csv), Just(Format::Tsv), Just(Format::JsonLines)]
}

proptest! {
    #[test]
    fn arbitrary_bytes_end_without_a_panic(
        bytes in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..300),
            "(biz_id,task_id\n)?[0-9,\"\r\n{}:a]{0,100}".prop_map(String::into_bytes),
        ],
        format in any_format(),
    ) {
        if let Ok(opened) = open(&bytes, format) {
            // The only possible error is an unclosed quote, which ends the rows.
            for row in opened.rows.flatten() {
                prop_assert!(row.line >= 1);
            }
        }
    }

    #[test]
    fn pieces_give_the_same_rows_as_the_whole(
        text in "(\u{feff})?biz_id,task_id,n[\r\n]{1,2}([0-9]{0,2},[0-9]{1,2},(\"[a,\n\"]{0,4}\"|é)?[\r\n]{1,2}){0,9}",
        seed: u64,
    ) {
        let mut random = fastrand::Rng::with_seed(seed);
        let sizes = Box::new(move || random.usize(1..5));
        let pieces = Pieces { bytes: text.clone().into_bytes(), sizes };
        let in_pieces = open_stream(Box::new(pieces), "in", Format::Csv, &all())
            .map(|opened| opened.rows.map(|row| row.map_or_else(|e| e.to_string(), |row| shown(&row))).collect::<Vec<_>>());
        let whole = open(text.as_bytes(), Format::Csv)
            .map(|opened| opened.rows.map(|row| row.map_or_else(|e| e.to_string(), |row| shown(&row))).collect::<Vec<_>>());
        prop_assert_eq!(in_pieces.ok(), whole.ok());
    }

    #[test]
    fn what_a_csv_writer_wrote_is_read_back(
        fields in proptest::collection::vec("[ -~\n\r\té\"',]{0,12}", 1..12),
    ) {
        let mut writer = ::csv::Writer::from_writer(Vec::new());
        writer.write_record(["bk_biz_id", "task_id", "note"]).unwrap();
        for field in &fields {
            writer.write_record(["2", "17", field]).unwrap();
        }
        let text = writer.into_inner().unwrap();
        let opened = open(&text, Format::Csv).unwrap();
        let read: Vec<_> = opened.rows.map(|row| row.unwrap().carried[0].to_string()).collect();
        prop_assert_eq!(read, fields);
    }
}

#[test]
fn the_end_of_a_torn_copy_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("copy");
    let two = ["1: task 17 of business 2 []", "2: task 18 of business 2 []"];
    let json = "{\"biz_id\":2,\"task_id\":17}\n{\"biz_id\":2,\"task_id\":18}\n";
    for (format, text, torn) in [
        (Format::Csv, "2,17\n2,18\n", "2,1"),
        (Format::Csv, "2,17\r2,18\r", "2,19"),
        (Format::Csv, "2,17\n2,18\n", "2,19,,\"so\nfar"),
        (Format::Csv, "2,17\n2,18\n", ""),
        (Format::Tsv, "2\t17\n2\t18\n", "2\t19"),
        (Format::JsonLines, json, "{\"biz_id\":2,\"task_id\":19}"),
        (Format::JsonLines, json, ""),
    ] {
        std::fs::write(&path, format!("{text}{torn}")).unwrap();
        let opened = reopen_stream(&path, "the copy", format, &all()).unwrap();
        let found: Vec<_> = opened.rows.map(|row| shown(&row.unwrap())).collect();
        assert_eq!(found, two, "{torn:?} after {text:?}");
    }
    std::fs::write(&path, "bk_biz_id,tas").unwrap();
    assert_eq!(reopen_stream(&path, "the copy", Format::Csv, &all()).unwrap().rows.count(), 0);
}
