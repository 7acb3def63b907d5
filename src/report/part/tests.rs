use std::io::Write;

use super::*;

#[test]
fn a_report_that_cannot_be_replaced_is_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.csv");
    fs::write(&path, "a long old report").unwrap();
    let run = RunId::parse("20261201-220000-00001").unwrap();
    let (mut file, part) = PartFile::make(&path, IfExists::Overwrite, &run).unwrap();
    file.write_all(b"new").unwrap();
    let new = FileState::of(&file.metadata().unwrap());
    part.copy_over().unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    let now = FileState::of_path(&path).unwrap();
    assert_eq!((now.bytes, now.modified), (new.bytes, new.modified));
}

#[test]
fn links_are_followed_also_where_nothing_is() {
    let folder = tempfile::tempdir().unwrap();
    let (link, other) = (folder.path().join("a"), folder.path().join("b"));
    std::os::unix::fs::symlink("b", &link).unwrap();
    std::os::unix::fs::symlink(folder.path().join("c"), &other).unwrap();
    assert_eq!(followed(&link), folder.path().join("c"));
    assert_eq!(followed(Path::new("c.csv")), Path::new("c.csv"));
    // A circle has an end, too.
    std::os::unix::fs::symlink("e", folder.path().join("d")).unwrap();
    std::os::unix::fs::symlink("d", folder.path().join("e")).unwrap();
    followed(&folder.path().join("d"));
}
