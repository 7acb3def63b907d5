//! Completions: bash, zsh and fish ask the program what can follow.

use std::process::{Command, Stdio};

use crate::harness::{Launch, Scene, Terminal, scene};

/// A scene with a run, a profile, and `bk-launch` among the commands.
fn with_a_run() -> Scene {
    let scene = scene("2,1\n");
    scene.run_kept().with("--name nightly").exits(0);
    scene.file("bk-launch.toml", "[profiles.\"of night\"]\nrate = \"1/s\"\n");
    scene.file("my list.csv", "2,1\n");
    scene.folder("bin");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_bk-launch"), scene.path("bin/bk-launch"))
        .unwrap();
    scene
}

/// The words that the program proposes for the end of `line`.
fn proposed(scene: &Scene, line: &str) -> Vec<String> {
    let ask = scene.command("__complete --");
    let ask = line.split(' ').fold(ask, Launch::arg);
    let asked = ask.exits(0);
    assert_eq!(asked.stderr(), "", "{line}");
    asked.stdout().lines().skip(1).map(|line| line.split('\t').next().unwrap().to_owned()).collect()
}

#[test]
fn values_of_this_machine_are_proposed() {
    let scene = with_a_run();
    let id = scene.only_run().id.to_string();
    for (line, expected) in [
        ("bk-launch resume ", &[&*id, "nightly"][..]),
        ("bk-launch runs show 2", &[&id]),
        ("bk-launch report night", &["nightly"]),
        ("bk-launch run --name=n", &["--name=nightly"]),
        ("bk-launch run --profile ", &["of night"]),
        ("bk-launch run --no-config --tz Asia/Shang", &["Asia/Shanghai"]),
        ("bk-launch run --config no.toml --profile ", &[]),
        ("bk-launch runs --state-dir other show ", &[]),
    ] {
        assert_eq!(proposed(&scene, line), expected, "{line}");
    }
    assert!(!scene.has("other"), "nothing is made while somebody types");
    scene.file("bk-launch.toml", "nonsense");
    assert!(proposed(&scene, "bk-launch run --profile ").is_empty());
    std::fs::write(scene.only_run().journal(), "no journal").unwrap();
    assert_eq!(proposed(&scene, "bk-launch resume "), [id]);
}

/// What is typed, and what a shell makes of it, where ID is the id of the run.
const TYPED: [(&str, &str); 7] = [
    ("bk-launch run --rate-p", "--rate-per-biz"),
    ("bk-launch run --progress=b", "--progress=bar"),
    ("bk-launch run --progress pl", "--progress plain"),
    ("bk-launch resume 2", "ID"),
    ("bk-launch runs show ni", "nightly"),
    ("bk-launch run --profile of", "of\\ night"),
    ("bk-launch run --output=my", "--output=my\\ list.csv"),
];

/// Types each line and a tab into `shell`, which is interactive and `prepare`d first.
fn type_into(shell: &str, prepare: &str) {
    let scene = with_a_run();
    let id = scene.only_run().id.to_string();
    let path = format!("{}:/usr/bin:/bin", scene.path("bin").display());
    let mut script = scene.other("script");
    script.args(["-qec", shell, "/dev/null"]).stdin(Stdio::piped());
    script.env("PATH", path).env("HOME", scene.path("")).env("TERM", "dumb");
    let mut terminal = Terminal::start(&mut script, &scene);
    terminal.press(&format!("stty cols 200; {prepare}; PS1='rea''dy> '\n"));
    terminal.until("the shell is ready", |seen| seen.contains("ready> "));
    for (line, becomes) in TYPED {
        let before = terminal.seen().len();
        let becomes = becomes.replace("ID", &id);
        terminal.press(&format!("{line}\t"));
        // zsh rings before it shows the rest of a word.
        terminal.until(&format!("{line} becomes {becomes}"), |seen| {
            seen[before..].replace(char::is_control, "").contains(&becomes)
        });
        // Takes the line back.
        terminal.press("\u{15}");
    }
    let seen = terminal.seen();
    assert!(!seen.contains("error") && !seen.contains("not found"), "{seen}");
}

#[test]
#[ignore = "needs bash"]
fn bash_completes_flags_values_and_runs() {
    let prepare = "bind 'set enable-bracketed-paste off'; source <(bk-launch completions bash)";
    type_into("bash --norc --noprofile -i", prepare);
}

#[test]
#[ignore = "needs zsh"]
fn zsh_completes_flags_values_and_runs() {
    let prepare = "autoload -Uz compinit; compinit -u -D; source <(bk-launch completions zsh)";
    type_into("zsh -f -i", prepare);
}

#[test]
#[ignore = "needs fish"]
fn fish_completes_flags_values_and_runs() {
    let scene = with_a_run();
    let id = scene.only_run().id.to_string();
    let path = format!("{}:/usr/bin:/bin", scene.path("bin").display());
    for (line, becomes) in TYPED {
        // fish puts its quotes around a word after it was chosen.
        let becomes = becomes.replace("ID", &id).replace('\\', "");
        let becomes = becomes.rsplit(' ').next().unwrap();
        let ask = format!("bk-launch completions fish | source; complete -C '{line}'");
        let mut fish: Command = scene.other("fish");
        fish.args(["--no-config", "-c", &ask]).env("PATH", &path).env("HOME", scene.path(""));
        let told = scene.start(&mut fish).exits(0);
        assert_eq!(told.stderr(), "", "{line}");
        assert!(told.stdout().contains(becomes), "{line}: {told}");
    }
}
