use super::*;
use tempfile::TempDir;

fn run() -> RunId {
    RunId::parse("20261201-220000-00001").unwrap()
}

fn beside(path: &Path, existing: IfExists) -> Result<OutputFile, ReportError> {
    OutputFile::open(path, existing, Placement::Beside(&run()))
}

fn write(file: &OutputFile, text: &str) {
    file.writer().write_all(text.as_bytes()).unwrap();
}

fn files(folder: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(folder.path()).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_report_beside_comes_to_its_place_with_the_state_that_it_had_before() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.csv");
    fs::write(&path, "old").unwrap();
    let file = beside(&path, IfExists::Overwrite).unwrap();
    write(&file, "new and longer");
    assert_eq!(files(&folder), ["r.csv", "r.csv.20261201-220000-00001.part"]);
    let sealed = file.seal().unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
    let state = sealed.left().map(|left| left.file);
    sealed.put_in_place().unwrap();
    assert_eq!(state, FileState::of_path(&path));
    assert_eq!(fs::read_to_string(&path).unwrap(), "new and longer");
    assert_eq!(files(&folder), ["r.csv"]);
}

#[test]
fn a_report_that_is_given_up_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.csv");
    drop(beside(&path, IfExists::Refuse).unwrap());
    OutputFile::open(&path, IfExists::Refuse, Placement::InPlace).unwrap().discard();
    assert!(files(&folder).is_empty());
    // One that was there before stays, and so does one that was written to.
    fs::write(&path, "old").unwrap();
    OutputFile::open(&path, IfExists::Overwrite, Placement::InPlace).unwrap().discard();
    assert_eq!(files(&folder), ["r.csv"]);
}

#[test]
fn two_do_not_write_the_same_report_at_the_same_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.csv");
    let first = beside(&path, IfExists::Refuse).unwrap();
    let second = beside(&path, IfExists::Refuse);
    assert!(matches!(second, Err(ReportError::Busy { .. })), "{second:?}");
    write(&first, "first");
    first.seal().unwrap().put_in_place().unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "first");
}

#[test]
fn what_came_to_be_meanwhile_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.csv");
    let file = beside(&path, IfExists::Refuse).unwrap();
    write(&file, "ours");
    fs::write(&path, "theirs").unwrap();
    let placed = file.seal().unwrap().put_in_place();
    let Err(ReportError::Misplaced { part, .. }) = placed else { panic!("{placed:?}") };
    assert_eq!(fs::read_to_string(&path).unwrap(), "theirs");
    assert_eq!(fs::read_to_string(part).unwrap(), "ours");
}
