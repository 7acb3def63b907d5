//! `init`: a config file from flags or answers, which the next command takes.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::harness::{Scene, scene};

fn mode(scene: &Scene, name: &str) -> u32 {
    fs::metadata(scene.path(name)).unwrap().permissions().mode() & 0o777
}

#[test]
fn what_is_written_from_flags_is_what_a_run_and_doctor_take() {
    let scene = scene("2,1\n");
    let flags = "--app-code ops --rate 7/s --token-file token --profile prod";
    let init = || scene.command("init").by_esb().with(flags);
    scene.file("token", "from-a-file");
    init()
        .exits(0)
        .says("./bk-launch.toml is written, with the profile prod; next: bk-launch doctor");
    assert_eq!(mode(&scene, "bk-launch.toml"), 0o600);
    let text = scene.read("bk-launch.toml");
    assert!(text.contains("\nrate = \"7/s\"\n") && text.contains("\n# cacert = "), "{text}");

    let plan = scene.run_kept().nowhere().without("BK_TOKEN").with("--dry-run").exits(0);
    plan.prints(["rate = 7/s (profile prod)", &format!("esb = {} (profile prod)", scene.url())]);
    let doctor = scene.command("doctor").without("BK_TOKEN").without("BK_APP_CODE");
    doctor.exits(0).prints(["ops, from the profile", "from the file /"]);

    // A file that is there stays, unless it is said.
    init().with("--concurrency 3").exits(2).says("is there already; --force overwrites it");
    assert_eq!(scene.read("bk-launch.toml"), text);
    init().with("--concurrency 3 --force").exits(0);
    assert!(scene.read("bk-launch.toml").contains("\nconcurrency = \"3\"\n"));
    assert_eq!(mode(&scene, "bk-launch.toml"), 0o600);
    let early = init().with("--app-secret-file k9q-w7x --cacert token --confirm --force").exits(0);
    early
        .says("warning: --app-secret-file: there is no such file yet; make it before a run\n")
        .says_times(1, "warning")
        .never_says("k9q");
    assert!(scene.read("bk-launch.toml").contains("\nconfirm = \"60s\"\n"));
}

#[test]
fn a_command_goes_into_a_file_from_which_it_is_run() {
    let scene = scene("2,1\n");
    let home = scene.path("home");
    let init = |flags: &str| {
        let init = scene.command("init").by_esb().with(flags).environment("XDG_CONFIG_HOME", &home);
        init.arg("--token-cmd=printf t0p-secret")
    };
    init("").exits(0).says("home/bk-launch/config.toml is written");
    assert_eq!(mode(&scene, "home/bk-launch/config.toml"), 0o600);
    let run = scene.run().nowhere().without("BK_TOKEN").environment("XDG_CONFIG_HOME", &home);
    run.exits(0).server_saw(|seen| seen.started, 1);

    // A file of the working folder hides the own one, which doctor then has to be told.
    scene.file("bk-launch.toml", "profile = \"p\"\n[profiles.p]\nrate = \"3/s\"\n");
    let hidden =
        init("--force").exits(0).says("./bk-launch.toml here comes first: a run here takes");
    let named = format!("--config {}", scene.path("home/bk-launch/config.toml").display());
    let next = format!("with the profile default; next: bk-launch doctor {named}\n");
    hidden.says([&*named, &*next]);
    let doctor = scene.command(format!("doctor {named}")).without("BK_TOKEN");
    doctor.exits(0).prints("printed by printf");

    init("bk-launch.toml").exits(2).says("may name no command; write your own file with --user");
    init("other.toml").exits(0).says("next: bk-launch doctor --config other.toml");
    let named = scene.run().nowhere().without("BK_TOKEN").with("--force --config other.toml");
    named.exits(0);
}

#[test]
fn what_cannot_be_used_is_not_written() {
    let scene = scene("2,1\n");
    for (flags, says) in [
        ("--esb http://h --rate fast", "--rate: write a rate as 20/s"),
        ("--esb paas", "--esb: not a URL"),
        ("--esb http://me:pa55@h", "--esb: a URL must not hold a user"),
        ("--esb http://h --token-cmd a|b", "--token-cmd: | is for a shell"),
        ("--esb http://h --token-file t --username me", "cannot be used with"),
        ("--esb http://h --force no/file/here --user", "cannot be used with"),
    ] {
        scene.command("init").with(flags).exits(2).says(says);
    }
    // A session of its own has no terminal.
    let nothing = scene.shell("setsid -w PROGRAM init").exits(2);
    nothing.says(["no server is named", "--esb URL or --gateway TEMPLATE", "--token-cmd"]);
    assert!(!scene.has("bk-launch.toml"));
}

#[test]
fn on_a_terminal_it_asks_until_an_answer_can_be_used() {
    let scene = scene("2,1\n");
    scene.file("secret", "s3cret-of-app");
    let mut terminal = scene.command("init").on_a_terminal();
    let url = scene.url();
    for (question, answer) in [
        ("URL of the ESB", "paas"),
        ("not a URL", &*url),
        ("App code", "ops"),
        ("File with the app secret", "k9q-w7x"),
        ("there is no such file; a secret itself is not written", "secret"),
        ("File with the token", "@admin"),
        ("Maximum rate", ""),
    ] {
        terminal.until(question, |seen| seen.contains(question));
        terminal.press(&format!("{answer}\n"));
    }
    terminal.exits(0);
    let text = scene.read("bk-launch.toml");
    for line in
        [&*format!("esb = \"{url}\""), "app_code = \"ops\"", "username = \"admin\"", "# rate = "]
    {
        assert!(text.lines().any(|found| found.starts_with(line)), "{line} in {text}");
    }
    assert!(text.contains("/secret\"") && !text.contains("k9q"), "{text}");
}
