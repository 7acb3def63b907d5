//! The config file: flag over environment over profile over default.

use std::os::unix::fs::PermissionsExt;

use bk_launch::mock::{Behaviour, Mock};

use crate::harness::Folder;

fn private(folder: &Folder, name: &str, text: &str) {
    folder.file(name, text);
    let mode = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(folder.path(name), mode).unwrap();
}

#[test]
fn a_profile_has_the_settings_of_a_deployment() {
    let (mock, folder) = (Mock::start(Behaviour::default(), 0).unwrap(), Folder::new());
    mock.site().change(|behaviour| behaviour.secret = Some("s3cret-of-file".into()));
    folder.file("tasks.csv", "2,1\n2,2\n");
    let text = format!(
        "profile = \"test\"\n[profiles.test]\nesb = \"{}\"\nrate = \"50/s\"\nconfirm = true\n\
         app_secret = \"s3cret-of-file\"\n[profiles.other]\nesb = \"http://127.0.0.1:9\"\n",
        mock.url()
    );
    private(&folder, "bk-launch.toml", &text);
    let mut program = folder.program(&["run", "tasks.csv", "--limit", "1"]);
    folder.start(program.env_remove("BK_APP_SECRET")).wait().exits(0).says(&["at 50/s"]);
    assert!(mock.counts().status >= 2, "it was confirmed");
    // A resume has its flags from its run, and its credentials from the file.
    let mut program = folder.program(&["resume"]);
    folder.start(program.env_remove("BK_APP_SECRET")).wait().exits(0).says(&["at 50/s"]);
    assert_eq!(mock.counts().started, 2);
    let settings = std::fs::read_to_string(folder.only_run().path.join("settings.json")).unwrap();
    assert!(!settings.contains("s3cret"), "{settings}");

    let mut program = folder.program(&["run", "tasks.csv", "--dry-run", "--rate", "7/s"]);
    let told = folder.start(program.env_remove("BK_APP_SECRET")).wait().exits(0).stdout();
    for part in
        ["rate = 7/s (command line)", "confirm = ", "(profile test)", "retries = 4 (default)"]
    {
        assert!(told.contains(part), "{part:?} in {told}");
    }
    // The environment beats the profile: there the secret is another one.
    folder.run(&["run", "tasks.csv", "--check"]).exits(3);
    let other = ["run", "tasks.csv", "--profile", "other", "--dry-run"];
    assert!(folder.run(&other).exits(0).stdout().contains("http://127.0.0.1:9/"));
}

#[test]
fn mistakes_in_the_file_are_named_with_file_and_line() {
    let folder = Folder::new();
    folder.file("tasks.csv", "2,1\n");
    folder.file("c.toml", "[profiles.p]\nesb = \"http://h\"\nmax-failure = 3\n");
    folder.file("open.toml", "[profiles.p]\ntoken = \"t0p-secret\"\n");
    folder.file("bad.toml", "[profiles.p]\nrate = \"fast\"\n");
    for (words, says) in [
        (
            ["--config", "c.toml", "--profile", "p"],
            "c.toml:3: unknown key max-failure; max_failures is",
        ),
        (["--config", "c.toml", "--profile", "q"], "c.toml:3: unknown key"),
        (["--config", "open.toml", "--profile", "p"], "open.toml:2: token is a secret"),
        (["--config", "open.toml", "--profile", "p"], "chmod 600"),
        (["--config", "no.toml", "--profile", "p"], "no.toml"),
        (["--profile", "p", "--rate", "1/s"], "there is no config file"),
        (["--config", "bad.toml", "--profile", "p"], "profile p: error: invalid value 'fast'"),
    ] {
        let run = folder.run(&[&["run", "tasks.csv", "-o", "r.csv"][..], &words].concat()).exits(2);
        let run = run.says(&[says]);
        assert!(!run.stderr().contains("t0p-secret"), "{run}");
    }
}
