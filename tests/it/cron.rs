//! Started by a timer: one run of a name at a time, enough rows, a while at random.

use std::time::Duration;

use bk_launch::mock::{Behaviour, Latency, Mock};

use crate::harness::{Finished, Folder, HEADER, rows, until};

fn mock() -> Mock {
    Mock::start(Behaviour::default(), 0).unwrap()
}

#[test]
fn one_run_of_a_name_goes_on_at_a_time() {
    let latency = Latency::Fixed(Duration::from_millis(50));
    let mock = Mock::start(Behaviour { latency, ..Behaviour::default() }, 0).unwrap();
    let folder = Folder::new();
    folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, 60)));
    let url = mock.url();
    let words = ["run", "tasks.csv", "--name", "nightly", "--rate", "3/s", "--esb", &url];
    let run = folder.start(&mut folder.program(&words));
    until("it has begun", || mock.counts().starts >= 2);
    let second = folder.run(&words).exits(5);
    let pid = format!("a run named nightly is alive: process {} since 20", run.child.id());
    second.says(&[&pid]);
    let journal_less = [&words[..], &["--no-journal", "-o", "x.csv"]].concat();
    folder.run(&journal_less).exits(5);
    let other = ["run", "tasks.csv", "--name", "weekly", "--limit", "0", "--esb", &url];
    folder.run(&other).exits(0);
    run.signal("INT");
    run.wait().exits(130);
    assert_eq!(folder.runs().len(), 2, "a run that was turned away leaves nothing behind");

    // A run is found by its name, and its resume has the name too.
    let words = ["resume", "nightly", "--rate", "20/s"];
    let resumed = folder.start(&mut folder.program(&words));
    let before = mock.counts().starts;
    until("it goes on", || mock.counts().starts > before);
    let third = ["run", "tasks.csv", "--name", "nightly", "--esb", &url];
    folder.run(&third).exits(5);
    resumed.wait().exits(0);
    assert_eq!(mock.counts().started, 60);
    let listed = folder.run(&["runs"]).exits(0).stdout();
    assert!(listed.contains("(nightly)") && listed.contains("(weekly)"), "{listed}");
    folder.run(&["runs", "show", "monthly"]).exits(2).says(&["no run begins with"]);
    let odd = ["run", "tasks.csv", "--name", "../x", "--esb", &url];
    folder.run(&odd).exits(2).says(&["a name begins with a letter"]);
}

#[test]
fn a_new_run_of_a_name_says_what_the_last_one_left() {
    let (mock, folder) = (mock(), Folder::new());
    folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, 60)));
    let url = mock.url();
    let nightly = |name: &str, limit: &str| {
        // Ids of the same second have no order.
        std::thread::sleep(Duration::from_millis(1_100));
        let words = ["run", "tasks.csv", "--name", name, "--rate", "unlimited", "--esb", &url];
        folder.run(&[&words[..], &["--limit", limit]].concat()).exits(0)
    };
    let says_so = |run: &Finished| run.stderr().contains("the last run of this name");
    assert!(!says_so(&nightly("nightly", "6")), "it is the first");
    let first = folder.only_run().id;
    assert!(!says_so(&nightly("weekly", "1")), "the other has another name");
    let second = nightly("nightly", "0");
    let notice = format!(
        "the last run of this name, {first}, left 54 rows pending; bk-launch resume {first} finishes it\n\
         no task of 1 CMDB business"
    );
    assert!(second.stderr().starts_with(&notice), "{second}");
    folder.run(&["resume", "nightly"]).exits(0);
    assert!(!says_so(&nightly("nightly", "1")), "the last one is finished");
}

#[test]
fn an_export_that_came_out_too_small_starts_nothing() {
    let (mock, folder) = (mock(), Folder::new());
    folder.file("tasks.csv", format!("{HEADER}{}", rows(2, 1, 5)));
    folder.file("empty.csv", HEADER);
    let url = mock.url();
    for (file, expected, says) in [
        ("tasks.csv", "6..", "the input has 5 rows, and --expect-rows says 6.."),
        ("tasks.csv", "1..4", "says 1..4"),
        ("empty.csv", "1..", "the input has 0 rows"),
        ("-", "1..", "--expect-rows needs a file"),
        ("tasks.csv", "many", "1..500"),
    ] {
        let words = ["run", file, "--expect-rows", expected, "--esb", &url];
        folder.run(&words).exits(2).says(&[says]);
        assert!(folder.runs().is_empty());
    }
    assert_eq!(mock.counts().requests, 0);
    let dry = ["run", "tasks.csv", "--expect-rows", "6..", "--dry-run", "--esb", &url];
    folder.run(&dry).exits(2);
    folder.run(&["run", "tasks.csv", "--expect-rows", "5", "--esb", &url]).exits(0);
}

#[test]
fn a_while_at_random_is_waited_for() {
    let (mock, folder) = (mock(), Folder::new());
    folder.file("tasks.csv", "2,1\n");
    let words = ["run", "tasks.csv", "--jitter", "500ms", "--esb", &mock.url()];
    folder.run(&words).exits(0).says(&["waiting until"]);
    folder.run(&["resume"]).exits(0);
    assert_eq!(mock.counts().started, 1);
}
