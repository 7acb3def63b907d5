//! The first bytes of an input: a byte order mark is dropped, and what is no text is named.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::Path;

use super::foreign::{ARCHIVE_HEAD, ForeignKind, SIGNATURE, inner_format, is_json};
use crate::domain::format::Format;

const UTF8_MARK: [u8; 3] = [0xef, 0xbb, 0xbf];

pub(super) enum TextStart {
    /// Without its byte order mark.
    Text(Box<dyn Read + Send>),
    Foreign(ForeignKind),
}

/// Looks at the first bytes. It reads no more of a text than the shortest row has, since the rest
/// may not have been typed yet.
pub(super) fn start_of(mut source: Box<dyn Read + Send>) -> io::Result<TextStart> {
    let mut start = Vec::with_capacity(SIGNATURE);
    read_up_to(&mut source, &mut start, SIGNATURE)?;
    if ForeignKind::has_long_head(&start) {
        read_up_to(&mut source, &mut start, ARCHIVE_HEAD)?;
    }
    if let Some(foreign) = ForeignKind::of(&start) {
        return Ok(TextStart::Foreign(foreign));
    }
    if start.starts_with(&UTF8_MARK) {
        start.drain(..UTF8_MARK.len());
    }
    Ok(TextStart::Text(Box::new(Cursor::new(start).chain(source))))
}

/// Says what a file is whose name tells no format, if its first bytes do.
pub(super) fn told_by_content(path: &Path) -> Option<String> {
    let mut file =
        File::open(path).ok().filter(|file| file.metadata().is_ok_and(|m| m.is_file()))?;
    let mut start = Vec::new();
    read_up_to(&mut file, &mut start, ARCHIVE_HEAD).ok()?;
    let first = start.trim_ascii_start().first();
    let foreign =
        ForeignKind::of(&start).or((first == Some(&b'[')).then_some(ForeignKind::JsonArray));
    let name = path.display().to_string();
    match foreign {
        Some(foreign) => Some(foreign.told(&name, inner_format(path))),
        None if is_json(path) => Some(format!(
            "the name of {name} tells no format; if each line is an object, say --format {}",
            Format::JsonLines
        )),
        None => None,
    }
}

fn read_up_to(source: &mut dyn Read, into: &mut Vec<u8>, length: usize) -> io::Result<()> {
    let mut byte = [0];
    while into.len() < length {
        match source.read(&mut byte) {
            Ok(0) => return Ok(()),
            Ok(_) => into.push(byte[0]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
