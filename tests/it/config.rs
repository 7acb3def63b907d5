//! The config file: flag over environment over profile over default.

use std::os::unix::fs::{chown, lchown, symlink};

use crate::harness::{Launch, Scene, Server, scene};
use crate::wire::capture;

fn private(scene: &Scene, name: &str, text: &str) {
    scene.file(name, text);
    scene.mode(name, 0o600);
}

#[test]
fn a_profile_has_the_settings_of_a_deployment() {
    let scene = scene("2,1\n2,2\n");
    scene.change(|behaviour| behaviour.secret = Some("s3cret-of-file".into()));
    let text = format!(
        "profile = \"test\"\n[profiles.test]\nesb = \"{}\"\nrate = \"50/s\"\nconfirm = true\n\
         app_secret = \"s3cret-of-file\"\n[profiles.other]\nesb = \"http://127.0.0.1:9\"\n",
        scene.url()
    );
    private(&scene, "bk-launch.toml", &text);
    let run = || scene.run_kept().nowhere();
    run().with("--limit 1").without("BK_APP_SECRET").exits(0).says("at 50/s");
    assert!(scene.seen().status >= 2, "it was confirmed");
    // A resume has its flags from its run, and its credentials from the file.
    let resumed = scene.resume().without("BK_APP_SECRET").exits(0).says("at 50/s");
    resumed.server_saw(|seen| seen.started, 2);
    let settings = std::fs::read_to_string(scene.only_run().path.join("settings.json")).unwrap();
    assert!(!settings.contains("s3cret"), "{settings}");

    run().with("--dry-run --rate 7/s").without("BK_APP_SECRET").exits(0).prints([
        "rate = 7/s (command line)",
        "confirm = ",
        "(profile test)",
        "retries = 4 (default)",
    ]);
    // The environment beats the profile: there the secret is another one.
    run().with("--check").exits(3);
    run().with("--profile other --dry-run").exits(0).prints("http://127.0.0.1:9/");
}

#[test]
fn profiles_of_which_none_was_chosen_are_named() {
    let scene = scene("2,1\n");
    scene.file("one.toml", "[profiles.\"my prod\"]\nrate = \"3/s\"\n");
    scene.file(
        "bk-launch.toml",
        format!("[profiles.test]\nrate = \"3/s\"\n[profiles.prod]\nesb = \"{}\"\n", scene.url()),
    );
    let two = "./bk-launch.toml has the profiles prod, test, and none was chosen: --profile prod";
    let one = "one.toml has the profile my prod, and it was not chosen: --profile 'my prod'";
    let nowhere = |flags: &str| scene.run_kept().nowhere().with(flags);
    nowhere("").exits(2).says(["no server: give --esb URL", two]);
    nowhere("--check --config one.toml").exits(2).says(one);
    nowhere("--no-config").exits(2).says("no server").never_says("none was chosen");
    nowhere("--profile test").exits(2).says("no server").never_says("none was chosen");
    let missing = || scene.run_kept().without("BK_TOKEN");
    missing().exits(2).says(["credentials are missing: the user", two]);
    // Where nothing is missing, nothing is said.
    scene.run_kept().exits(0).never_says("none was chosen");
    nowhere("--profile prod --name x").exits(0);
    let doctor = |flags: &str| scene.command("doctor").with(flags);
    doctor("").exits(2).prints(["warning  profile", two]);
    doctor("").by_esb().without("BK_TOKEN").exits(2).prints(["warning  profile", two]);
    doctor("").by_esb().exits(0).prints(["ok       profile", two]);
    doctor("--no-config").exits(2).prints("none is used");
}

#[test]
fn mistakes_in_the_file_are_named_with_file_and_line() {
    let scene = scene("2,1\n");
    scene.file("c.toml", "[profiles.p]\nesb = \"http://h\"\nmax-failure = 3\n");
    scene.file("open.toml", "[profiles.p]\ntoken = \"t0p-secret\"\n");
    scene.file("bad.toml", "[profiles.p]\nrate = \"fast\"\n");
    for (flags, says) in [
        ("--config c.toml --profile p", "c.toml:3: unknown key max-failure; max_failures is"),
        ("--config c.toml --profile q", "c.toml:3: unknown key"),
        ("--config open.toml --profile p", "open.toml:2: token is a secret"),
        ("--config open.toml --profile p", "chmod 600"),
        ("--config no.toml --profile p", "no.toml"),
        ("--profile p --rate 1/s", "there is no config file"),
        ("--config bad.toml --profile p", "bad.toml:2: rate = \"fast\": write a rate as"),
    ] {
        scene.run().nowhere().with(flags).exits(2).says(says).never_says("t0p-secret");
    }
}

/// The user and group `nobody`, whom every system has.
const NOBODY: u32 = 65534;

#[test]
fn a_file_that_somebody_else_may_have_written_gets_no_secret() {
    let scene = scene("2,1\n");
    let own = "[profiles.p]\nrate = \"7/s\"\n";
    scene.file("bk-launch.toml", format!("profile = \"p\"\n{own}output = [\"victim.csv\"]\n"));
    let run = || scene.run().with("--force");
    let refused = |says: &[&str]| {
        let ways_out = ["--config ./bk-launch.toml", "--no-config"];
        run().exits(2).says("./bk-launch.toml is not used: it").says(says).says(ways_out);
        run().with("--profile p").exits(2).says(says);
    };
    scene.mode("bk-launch.toml", 0o666);
    refused(&["belongs to ", "but everybody may write it"]);
    // Only root can give files away.
    let path = |name: &str| scene.path(name);
    let gives_away = chown(path("bk-launch.toml"), Some(NOBODY), None).is_ok();
    if gives_away {
        for mode in [0o644, 0o600, 0o444] {
            scene.mode("bk-launch.toml", mode);
            refused(&["belongs to nobody"]);
        }
        chown(path("bk-launch.toml"), Some(0), Some(NOBODY)).unwrap();
        scene.mode("bk-launch.toml", 0o664);
        refused(&["belongs to root, but group ", " may write it"]);
        // The real file counts, and the link too.
        std::fs::rename(path("bk-launch.toml"), path("real.toml")).unwrap();
        symlink("real.toml", path("bk-launch.toml")).unwrap();
        refused(&["belongs to root, but group ", " may write it"]);
        scene.mode("real.toml", 0o600);
        lchown(path("bk-launch.toml"), Some(NOBODY), None).unwrap();
        refused(&["is a link that belongs to nobody"]);
        lchown(path("bk-launch.toml"), Some(0), None).unwrap();
        chown(path("real.toml"), Some(NOBODY), None).unwrap();
        refused(&["it belongs to nobody"]);
    }
    assert_eq!(scene.seen().requests, 0, "nobody got the credentials");
    assert!(!scene.has("victim.csv"));

    // It is left unread, or taken by its name.
    run().with("--no-config").exits(0).never_says("config:");
    scene.file("bk-launch.toml", own);
    let named = run().with("--config bk-launch.toml --profile p").exits(0).says("at 7/s");
    assert!(named.stderr().starts_with("config: bk-launch.toml, profile p\n"), "{named}");
    run().with("--config bk-launch.toml --no-config").exits(2).says("cannot be used with");
}

#[test]
fn a_command_counts_only_where_the_user_chose_the_file() {
    let scene = scene("2,1\n2,2\n2,3\n");
    scene.change(|behaviour| behaviour.secret = Some("printed".into()));
    let text =
        "profile = \"p\"\n[profiles.p]\napp_secret_cmd = \"sh -c 'echo >>ran; echo printed'\"\n";
    private(&scene, "bk-launch.toml", text);
    let run = |flags: &str| scene.run_kept().without("BK_APP_SECRET").with(flags);
    let refused = run("").exits(2);
    refused
        .says(["./bk-launch.toml:3: app_secret_cmd runs a program", "--config ./bk-launch.toml "]);
    assert!(!scene.has("ran"), "nothing was run");
    run("--limit 1 --config bk-launch.toml").exits(0);

    std::fs::create_dir_all(scene.path("home/bk-launch")).unwrap();
    std::fs::rename(scene.path("bk-launch.toml"), scene.path("home/bk-launch/config.toml"))
        .unwrap();
    let home = scene.path("home");
    run("").environment("XDG_CONFIG_HOME", &home).exits(0);
    assert_eq!(scene.read("ran").lines().count(), 2);
    // The environment beats the profile.
    let typed = scene.run_kept().environment("XDG_CONFIG_HOME", &home);
    typed.environment("BK_APP_SECRET", "wrong").with("--force").exits(3);
    assert_eq!(scene.read("ran").lines().count(), 2);
}

#[test]
fn a_resume_takes_credentials_from_a_trusted_file_alone() {
    let scene = scene("2,1\n2,2\n2,3\n2,4\n");
    scene.run_kept().with("--limit 1").exits(0);
    private(&scene, "bk-launch.toml", "profile = \"p\"\n[profiles.p]\nrate = \"7/s\"\n");
    let resume = |flags: &str| scene.resume().with(flags);
    let taken = resume("--limit 1").exits(0).says("at 20/s");
    assert!(taken.stderr().starts_with("config: ./bk-launch.toml, profile p\nrun "), "{taken}");
    assert_eq!(resume("--dry-run -q").exits(0).stderr(), "");
    scene.mode("bk-launch.toml", 0o602);
    let refused = resume("--limit 1").exits(2).says("everybody may write it");
    refused.server_saw(|seen| seen.started, 2);
    resume("--limit 1 --no-config").exits(0);
    let named = resume("--config bk-launch.toml").exits(0).says("config: bk-launch.toml");
    named.server_saw(|seen| seen.started, 4);
}

/// A server that knows the user by the token `new` alone.
fn knowing_the_new_token() -> Server {
    Server::answering(|request| {
        let knows = request.body.contains("\"new\"");
        capture(if knows { "esb1_start_success.json" } else { "esb1_start_no_user.json" })
    })
}

#[test]
fn a_resume_takes_the_token_of_the_environment_before_that_of_the_profile_of_its_run() {
    for (key, value) in [("token_file", "token"), ("token_cmd", "cat token")] {
        let (scene, server) = (scene("2,1\n"), knowing_the_new_token());
        scene.file("token", "expired\n");
        let text = format!("profile = \"p\"\n[profiles.p]\n{key} = \"{value}\"\n");
        private(&scene, "c.toml", &text);
        let flags = "--config c.toml";
        let run = || scene.run_kept().at(&server.url).without("BK_TOKEN").with(flags);
        run().exits(3).says("refuses the credentials");
        let resume = || scene.resume().without("BK_TOKEN");
        resume().exits(3).says("refuses the credentials");
        let count = server.heard().len();
        resume().environment("BK_TOKEN", "new").exits(0);
        assert!(server.heard()[count..].iter().all(|request| request.body.contains("\"new\"")));
    }
}

#[test]
fn a_resume_takes_the_file_that_was_typed_for_its_run_before_the_environment() {
    let (scene, server) = (scene("2,1\n"), knowing_the_new_token());
    scene.file("token", "expired\n");
    scene.mode("token", 0o600);
    private(&scene, "c.toml", "profile = \"p\"\n[profiles.p]\ntoken_cmd = \"false\"\n");
    let flags = "--config c.toml --token-file token";
    scene.run_kept().at(&server.url).with(flags).exits(3).says("refuses the credentials");
    scene.resume().environment("BK_TOKEN", "new").exits(3).says("refuses the credentials");
    scene.file("token", "new\n");
    scene.resume().environment("BK_TOKEN", "old").exits(0);
}

#[test]
fn the_older_names_of_the_environment_beat_a_profile_too() {
    let scene = scene("2,1\n2,2\n");
    let server = Server::answering(|_| capture("esb1_start_success.json"));
    let text = "profile = \"p\"\n[profiles.p]\napp_code = \"of-profile\"\n\
                app_secret = \"k9q-of-profile\"\n";
    private(&scene, "c.toml", text);
    let bare = |launch: Launch| launch.without("BK_APP_CODE").without("BK_APP_SECRET");
    let run = || bare(scene.run_kept().at(&server.url)).with("--config c.toml --limit 1");
    let sent = || server.next().body;
    run().exits(0);
    let body = sent();
    assert!(body.contains("of-profile") && body.contains("k9q-of-profile"), "{body}");
    // An empty variable is none.
    run().environment("BK_APP_CODE", "").exits(0);
    assert!(sent().contains("\"of-profile\""));
    for (code, secret) in [("BKPAAS_APP_ID", "BKPAAS_APP_SECRET"), ("APP_CODE", "SECRET_KEY")] {
        let with = |launch: Launch| launch.environment(code, "own").environment(secret, "w7x");
        with(run()).exits(0);
        let body = sent();
        assert!(body.contains("\"own\"") && body.contains("\"w7x\""), "{code}: {body}");
        with(bare(scene.resume())).exits(0);
        let body = sent();
        assert!(body.contains("\"own\"") && body.contains("\"w7x\""), "{code}: {body}");
        let doctor = bare(scene.command("doctor --config c.toml").by_esb());
        let from = [format!("own, from {code}"), format!("from {secret}")];
        with(doctor).ends().prints([from[0].as_str(), from[1].as_str()]);
    }
}

#[test]
fn the_urls_of_the_environment_beat_the_files_of_a_profile() {
    let (scene, old, new) =
        (scene("2,1\n2,2\n"), Server::always("200 OK", ""), Server::always("200 OK", ""));
    scene.file("url", &old.url);
    let text =
        "profile = \"p\"\n[profiles.p]\nping_url_file = \"url\"\nnotify_url_file = \"url\"\n";
    private(&scene, "c.toml", text);
    let with = |launch: Launch| {
        let launch = launch.environment("BK_LAUNCH_PING_URL", &new.url);
        launch.environment("BK_LAUNCH_NOTIFY_URL", &new.url).exits(0)
    };
    let run = || scene.run_kept().with("--config c.toml --limit 1");
    with(run());
    assert_eq!((old.heard().len(), new.heard().len()), (0, 3));
    // Those of the run are still of the profile at its resume.
    run().exits(0);
    assert_eq!(old.heard().len(), 3);
    with(scene.resume());
    assert_eq!((old.heard().len(), new.heard().len()), (3, 6));
    with(run().with("--ping-url-file url"));
    assert_eq!((old.heard().len(), new.heard().len()), (5, 7));
}
