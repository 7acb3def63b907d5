//! The config file: flag over environment over profile over default.

use std::os::unix::fs::{PermissionsExt, chown, lchown, symlink};

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

/// The user and group `nobody`, whom every system has.
const NOBODY: u32 = 65534;

fn set_mode(folder: &Folder, name: &str, mode: u32) {
    std::fs::set_permissions(folder.path(name), std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_file_that_somebody_else_may_have_written_gets_no_secret() {
    let (mock, folder) = (Mock::start(Behaviour::default(), 0).unwrap(), Folder::new());
    folder.file("tasks.csv", "2,1\n");
    let own = "[profiles.p]\nrate = \"7/s\"\n";
    let text = format!("profile = \"p\"\n{own}output = [\"victim.csv\"]\n");
    folder.file("bk-launch.toml", &text);
    let words = ["run", "tasks.csv", "-o", "r.csv", "--force", "--esb", &mock.url()];
    let refused = |says: &[&str]| {
        let run = folder.run(&words).exits(2);
        let ways_out = ["--config ./bk-launch.toml", "--no-config"];
        run.says(&[&["./bk-launch.toml is not used: it"][..], says, &ways_out].concat());
        folder.run(&[&words[..], &["--profile", "p"]].concat()).exits(2).says(says);
    };
    set_mode(&folder, "bk-launch.toml", 0o666);
    refused(&["belongs to ", "but everybody may write it"]);
    // Only root can give files away.
    let gives_away = chown(folder.path("bk-launch.toml"), Some(NOBODY), None).is_ok();
    if gives_away {
        for mode in [0o644, 0o600, 0o444] {
            set_mode(&folder, "bk-launch.toml", mode);
            refused(&["belongs to nobody"]);
        }
        chown(folder.path("bk-launch.toml"), Some(0), Some(NOBODY)).unwrap();
        set_mode(&folder, "bk-launch.toml", 0o664);
        refused(&["belongs to root, but group ", " may write it"]);
        // The real file counts, and the link too.
        std::fs::rename(folder.path("bk-launch.toml"), folder.path("real.toml")).unwrap();
        symlink("real.toml", folder.path("bk-launch.toml")).unwrap();
        refused(&["belongs to root, but group ", " may write it"]);
        set_mode(&folder, "real.toml", 0o600);
        lchown(folder.path("bk-launch.toml"), Some(NOBODY), None).unwrap();
        refused(&["is a link that belongs to nobody"]);
        lchown(folder.path("bk-launch.toml"), Some(0), None).unwrap();
        chown(folder.path("real.toml"), Some(NOBODY), None).unwrap();
        refused(&["it belongs to nobody"]);
    }
    assert_eq!(mock.counts().requests, 0, "nobody got the credentials");
    assert!(!folder.path("victim.csv").exists());

    // It is left unread, or taken by its name.
    let unread = folder.run(&[&words[..], &["--no-config"]].concat()).exits(0);
    assert!(!unread.stderr().contains("config:"), "{unread}");
    folder.file("bk-launch.toml", own);
    let named = ["--config", "bk-launch.toml", "--profile", "p"];
    let named = folder.run(&[&words[..], &named].concat()).exits(0).says(&["at 7/s"]);
    assert!(named.stderr().starts_with("config: bk-launch.toml, profile p\n"), "{named}");
    let both = ["--config", "bk-launch.toml", "--no-config"];
    folder.run(&[&words[..], &both].concat()).exits(2).says(&["cannot be used with"]);
}

#[test]
fn a_resume_takes_credentials_from_a_trusted_file_alone() {
    let (mock, folder) = (Mock::start(Behaviour::default(), 0).unwrap(), Folder::new());
    folder.file("tasks.csv", "2,1\n2,2\n2,3\n2,4\n");
    folder.run(&["run", "tasks.csv", "--limit", "1", "--esb", &mock.url()]).exits(0);
    private(&folder, "bk-launch.toml", "profile = \"p\"\n[profiles.p]\nrate = \"7/s\"\n");
    let taken = folder.run(&["resume", "--limit", "1"]).exits(0).says(&["at 20/s"]);
    assert!(taken.stderr().starts_with("config: ./bk-launch.toml, profile p\nrun "), "{taken}");
    let quiet = folder.run(&["resume", "--dry-run", "-q"]).exits(0);
    assert_eq!(quiet.stderr(), "");
    set_mode(&folder, "bk-launch.toml", 0o602);
    folder.run(&["resume", "--limit", "1"]).exits(2).says(&["everybody may write it"]);
    assert_eq!(mock.counts().started, 2);
    folder.run(&["resume", "--limit", "1", "--no-config"]).exits(0);
    let config = ["--config", "bk-launch.toml"];
    folder.run(&[&["resume"][..], &config].concat()).exits(0).says(&["config: bk-launch.toml"]);
    assert_eq!(mock.counts().started, 4);
}
