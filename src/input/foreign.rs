//! Files that are no text, or no lines of it: what they are by their first bytes, and the command
//! that makes them usable.

use std::ffi::OsStr;
use std::path::Path;

use crate::domain::format::Format;
use crate::domain::shell_word::shell_word;

/// Name of standard input in messages.
pub(crate) const STDIN: &str = "standard input";

/// Number of first bytes that tell most kinds. No row is shorter, so waiting for them holds up
/// nothing that is typed.
pub(super) const SIGNATURE: usize = 4;

/// Number of first bytes that tell the kinds of archives.
pub(super) const ARCHIVE_HEAD: usize = 90;

/// Kind of an input that must be converted before its rows can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ForeignKind {
    Compressed(Compression),
    Zip,
    /// The workbook of a spreadsheet program, by its format.
    Workbook(&'static str),
    /// Encoding, as iconv calls it.
    Utf16(&'static str),
    JsonArray,
}

/// Name of a format of compressed files, and the command that prints what is in one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Compression {
    name: &'static str,
    command: &'static str,
}

const COMPRESSIONS: [(&[u8], Compression); 4] = [
    (b"\x1f\x8b", Compression { name: "gzip", command: "gunzip -c" }),
    (b"BZh", Compression { name: "bzip2", command: "bzip2 -dc" }),
    (b"\xfd7zX", Compression { name: "xz", command: "xz -dc" }),
    (b"\x28\xb5\x2f\xfd", Compression { name: "Zstandard", command: "zstd -dc" }),
];

impl ForeignKind {
    /// Returns the kind of an input with these first bytes, at least [`SIGNATURE`] of them if there
    /// are as many.
    pub(super) fn of(start: &[u8]) -> Option<Self> {
        let compression = COMPRESSIONS.into_iter().find(|(magic, _)| start.starts_with(magic));
        if let Some((_, compression)) = compression {
            return Some(Self::Compressed(compression));
        }
        let is_text = |byte: u8| byte != 0;
        Some(match start {
            [b'P', b'K', 3, 4, rest @ ..] => Self::in_zip(rest),
            [0xd0, 0xcf, 0x11, 0xe0, ..] => Self::Workbook("Excel 97"),
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Self::Utf16("UTF-16"),
            [one, 0, two, 0, ..] if is_text(*one) && is_text(*two) => Self::Utf16("UTF-16LE"),
            [0, one, 0, two, ..] if is_text(*one) && is_text(*two) => Self::Utf16("UTF-16BE"),
            _ => return None,
        })
    }

    /// Whether more bytes than the signature tell the kind.
    pub(super) fn has_long_head(start: &[u8]) -> bool {
        start.starts_with(b"PK\x03\x04")
    }

    /// Workbooks are zip files; the name of the first member tells which.
    fn in_zip(rest: &[u8]) -> Self {
        let name = rest.get(26..).unwrap_or_default();
        let begins = |part: &[u8]| name.starts_with(part);
        if begins(b"mimetypeapplication/vnd.oasis") {
            return Self::Workbook("OpenDocument");
        }
        let parts = [&b"[Content_Types].xml"[..], b"_rels/", b"xl/", b"docProps/"];
        if parts.into_iter().any(begins) { Self::Workbook("Excel") } else { Self::Zip }
    }

    /// Says what the input is and how to convert it. `format` is that of the rows in it.
    pub(super) fn told(self, name: &str, format: Format) -> String {
        let is_stream = name == STDIN;
        let (from, file) = if is_stream {
            ("... | ", String::new())
        } else {
            ("", format!(" {}", shell_word(name)))
        };
        let launch = |format| match format {
            Format::Csv => "bk-launch run -".to_owned(),
            other => format!("bk-launch run - --format {other}"),
        };
        let (to_run, to_json) = (launch(format), launch(Format::JsonLines));
        match self {
            Self::Compressed(Compression { name: kind, command }) => {
                format!("{name} is compressed by {kind}; say: {from}{command}{file} | {to_run}")
            }
            Self::Zip if is_stream => format!("{name} is a zip archive; unpack it first"),
            Self::Zip => {
                format!("{name} is a zip archive; say: unzip -p{file} | {to_run}")
            }
            Self::Workbook(kind) => {
                let file = if is_stream { " FILE" } else { &file };
                format!(
                    "{name} is a workbook ({kind}), not CSV; save it as \"CSV UTF-8\", or say: \
                     ssconvert{file} tasks.csv"
                )
            }
            Self::Utf16(encoding) => format!(
                "{name} is written in UTF-16; say: {from}iconv -f {encoding} -t UTF-8{file} | {to_run}"
            ),
            Self::JsonArray => format!(
                "{name} is a JSON array, and not one object a line; say: {from}jq -c '.[]'{file} | {to_json}"
            ),
        }
    }
}

/// Returns the format of the rows in a compressed file, by its name without the last extension.
pub(super) fn inner_format(path: &Path) -> Format {
    let inner = path.file_stem().map(Path::new);
    inner.and_then(Format::of_path).unwrap_or(Format::Csv)
}

/// Whether an extension is one of JSON, which may be an array or lines.
pub(super) fn is_json(path: &Path) -> bool {
    path.extension().and_then(OsStr::to_str).is_some_and(|end| end.eq_ignore_ascii_case("json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_tell_the_kind() {
        let zip = |name: &str| [b"PK\x03\x04", &[0; 26][..], name.as_bytes()].concat();
        for (start, kind) in [
            (&b"bk_b"[..], None),
            (b"2,3\n", None),
            (b"", None),
            (b"2", None),
            ("业务".as_bytes(), None),
            (b"\xef\xbb\xbfb", None),
            (b"PK,1", None),
            (b"2\0\0\0", None),
            (b"\xff\xfeb\0", Some(ForeignKind::Utf16("UTF-16"))),
            (b"\xfe\xff\0b", Some(ForeignKind::Utf16("UTF-16"))),
            (b"b\0i\0", Some(ForeignKind::Utf16("UTF-16LE"))),
            (b"\0b\0i", Some(ForeignKind::Utf16("UTF-16BE"))),
            (b"\xd0\xcf\x11\xe0", Some(ForeignKind::Workbook("Excel 97"))),
            (&zip("[Content_Types].xml"), Some(ForeignKind::Workbook("Excel"))),
            (&zip("xl/workbook.xml"), Some(ForeignKind::Workbook("Excel"))),
            (
                &zip("mimetypeapplication/vnd.oasis.opendocument.spreadsheet"),
                Some(ForeignKind::Workbook("OpenDocument")),
            ),
            (&zip("tasks.csv"), Some(ForeignKind::Zip)),
            (b"PK\x03\x04", Some(ForeignKind::Zip)),
        ] {
            assert_eq!(ForeignKind::of(start), kind, "{start:?}");
        }
        for (start, name) in
            [(&b"\x1f\x8b\x08"[..], "gzip"), (b"BZh9", "bzip2"), (b"\xfd7zX", "xz")]
        {
            let found = ForeignKind::of(start);
            assert!(matches!(found, Some(ForeignKind::Compressed(kind)) if kind.name == name));
        }
    }

    #[test]
    fn each_kind_has_a_command() {
        let gzip = ForeignKind::of(b"\x1f\x8b").unwrap();
        for (kind, name, format, told) in [
            (gzip, "t.gz", Format::Csv, "say: gunzip -c t.gz | bk-launch run -"),
            (gzip, "a b.gz", Format::Tsv, "gunzip -c 'a b.gz' | bk-launch run - --format tsv"),
            (gzip, STDIN, Format::Csv, "say: ... | gunzip -c | bk-launch run -"),
            (ForeignKind::Zip, "t.zip", Format::Csv, "say: unzip -p t.zip | bk-launch run -"),
            (
                ForeignKind::Utf16("UTF-16"),
                "t",
                Format::Csv,
                "iconv -f UTF-16 -t UTF-8 t | bk-launch",
            ),
            (
                ForeignKind::JsonArray,
                "t",
                Format::Csv,
                "jq -c '.[]' t | bk-launch run - --format jsonl",
            ),
            (
                ForeignKind::Workbook("Excel"),
                "t.xlsx",
                Format::Csv,
                "say: ssconvert t.xlsx tasks.csv",
            ),
        ] {
            let found = kind.told(name, format);
            assert!(found.ends_with(told) || found.contains(told), "{found}");
        }
    }

    #[test]
    fn a_compressed_file_may_name_the_format_of_its_rows() {
        for (name, format) in
            [("t.tsv.gz", Format::Tsv), ("t.gz", Format::Csv), ("t.x.gz", Format::Csv)]
        {
            assert_eq!(inner_format(Path::new(name)), format, "{name}");
        }
    }
}
