//! Old runs are removed, but none that a resume could still finish, unless that is said.

use bk_launch::mock::{Behaviour, Mock};
use serde_json::Value;

use crate::harness::{Folder, HEADER, rows, until};

/// A folder with runs: finished, stopped, killed, and one whose journal is damaged.
fn folder_with_runs(mock: &Mock) -> Folder {
    let folder = Folder::new();
    folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, 20)));
    let run = |more: &[&str]| {
        let words = ["run", "tasks.csv", "--esb", &mock.url()];
        folder.start(&mut folder.program(&[&words[..], more].concat()))
    };
    run(&["--rate", "unlimited"]).wait().exits(0);
    run(&["--limit", "2"]).wait().exits(0);
    let before = mock.counts().starts;
    let killed = run(&[]);
    until("it sends", || mock.counts().starts > before);
    killed.signal("KILL");
    killed.wait();
    run(&["--rate", "unlimited"]).wait().exits(0);
    let damaged = folder.path("state/runs/20200101-000000-00001");
    std::fs::create_dir(&damaged).unwrap();
    std::fs::write(damaged.join("journal.db"), "torn").unwrap();
    folder
}

fn ending(run: &bk_launch::internals::store::RunDir) -> Option<String> {
    let journal = bk_launch::internals::journal::Journal::open(&run.journal()).ok()?;
    journal.sessions().ok()?.pop()?.ending
}

#[test]
fn runs_that_a_resume_could_finish_are_spared_unless_that_is_said() {
    let mock = Mock::start(Behaviour::default(), 0).unwrap();
    let folder = folder_with_runs(&mock);
    let json = |words: &[&str]| -> Value {
        let words = [&["runs", "prune", "--keep", "0", "--json"], words].concat();
        serde_json::from_str(&folder.run(&words).exits(0).stdout()).unwrap()
    };
    let count = |value: &Value| value.as_array().map(Vec::len);

    let told = folder.run(&["runs", "prune", "--keep", "0", "--dry-run"]).exits(0);
    assert_eq!(told.stdout().matches("would remove ").count(), 2, "{told}");
    told.says(&["spared ", "20200101-000000-00001: not finished; --unfinished removes it, too"]);
    let told = json(&["--dry-run"]);
    assert_eq!((count(&told["would_remove"]), count(&told["spared"])), (Some(2), Some(3)));
    let told = json(&["--dry-run", "--unfinished"]);
    assert_eq!((count(&told["would_remove"]), count(&told["spared"])), (Some(5), Some(0)));
    assert_eq!(folder.runs().len(), 5, "nothing was removed");

    let told = json(&[]);
    assert_eq!((count(&told["removed"]), count(&told["spared"])), (Some(2), Some(3)));
    let mut left: Vec<_> = folder.runs().iter().map(ending).collect();
    left.sort();
    assert_eq!(left, [None, None, Some("limit".into())]);
    folder.run(&["resume"]).exits(0);
    let told = json(&["--unfinished", "--older-than", "30d"]);
    assert_eq!(count(&told["removed"]), Some(1), "only the one of 2020 is so old: {told}");
    assert_eq!(count(&json(&["--unfinished"])["removed"]), Some(2));
    assert!(folder.runs().is_empty());
}

#[test]
fn an_age_may_be_said_in_days_and_weeks() {
    let folder = Folder::new();
    for age in ["30d", "4w", "720h", "90m"] {
        folder.run(&["runs", "prune", "--older-than", age]).exits(0);
    }
    for age in ["30", "1y", "soon"] {
        let refused = folder.run(&["runs", "prune", "--older-than", age]).exits(2);
        refused.says(&["write an age as 30d, 4w, 720h or 90m"]);
    }
}
