use std::ffi::OsString;

use clap::CommandFactory;

use super::*;
use crate::args::Cli;

fn read(text: &str, name: Option<&str>, mode: u32) -> Result<Option<Profile>, String> {
    let document = Document { path: Path::new("c.toml"), text, mode, choice: FileChoice::OfUser };
    document.profile(name).map_err(|error| error.to_string())
}

fn words(text: &str, typed: &[&str], variables: &[(&str, &str)]) -> Vec<String> {
    let mut profile = read(text, Some("p"), 0o600).unwrap().unwrap();
    let words: Vec<OsString> =
        ["bk-launch", "run"].iter().chain(typed).map(OsString::from).collect();
    let matches = Cli::command().get_matches_from(&words);
    let environment = |name: &str| {
        variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    };
    let words = profile.with_words(matches.subcommand().unwrap().1, &words, &environment);
    words.iter().skip(2).map(|word| word.to_string_lossy().into_owned()).collect()
}

const TEXT: &str = "[profiles.p]\nesb = \"http://h\"\nrate = \"100/m\"\nretries = 2\nconfirm = true\n\
                    lookup = false\noutput = [\"a.csv\", \"b.csv\"]\nexpect-rows = \"1..\"\n";

#[test]
fn a_profile_becomes_words_of_the_command_line() {
    assert_eq!(
        words(TEXT, &[], &[]),
        [
            "--confirm",
            "--esb=http://h",
            "--expect-rows=1..",
            "--output=a.csv",
            "--output=b.csv",
            "--rate=100/m",
            "--retries=2"
        ]
    );
}

#[test]
fn flags_and_the_environment_beat_a_profile() {
    let typed = ["--rate", "1/s", "-o", "c.csv", "--retries=0"];
    let environment = [("BK_API_URL_TMPL", "http://g/{gateway_name}")];
    let found = words(TEXT, &typed, &environment);
    assert_eq!(found[..2], ["--confirm", "--expect-rows=1.."]);
    assert_eq!(found[2..], ["--rate", "1/s", "-o", "c.csv", "--retries=0"]);
}

#[test]
fn a_secret_comes_from_the_first_that_names_it() {
    let text = "[profiles.p]\ntoken_cmd = \"a\"\napp-secret-file = \"b\"\n";
    assert_eq!(words(text, &[], &[]), ["--app-secret-file=b", "--token-cmd=a"]);
    for (typed, variable, left) in [
        (&["--token-file", "t"][..], ("", ""), &["--app-secret-file=b", "--token-file", "t"][..]),
        (&["--token-cmd=t"], ("", ""), &["--app-secret-file=b", "--token-cmd=t"]),
        (&[], ("BK_TOKEN", "t"), &["--app-secret-file=b"]),
        (&[], ("BK_TOKEN", ""), &["--app-secret-file=b", "--token-cmd=a"]),
        (&[], ("SECRET_KEY", "s"), &["--token-cmd=a"]),
        (&[], ("BK_USERNAME", "me"), &["--app-secret-file=b", "--token-cmd=a"]),
    ] {
        assert_eq!(words(text, typed, &[variable]), left, "{typed:?} {variable:?}");
    }
}

#[test]
fn a_file_of_the_working_folder_runs_no_program() {
    let text = "[profiles.q]\nrate = \"3/s\"\ntoken-cmd = \"a\"\n[profiles.p]\n";
    let read = |choice| {
        let document = Document { path: Path::new("./c.toml"), text, mode: 0o600, choice };
        document.profile(Some("p")).map(drop).map_err(|error| error.to_string())
    };
    assert_eq!(read(FileChoice::OfUser), Ok(()));
    let error = read(FileChoice::Found).unwrap_err();
    assert!(error.starts_with("./c.toml:3: token_cmd runs a program, and a file of"), "{error}");
    assert!(error.contains("--config ./c.toml takes it"), "{error}");
}

#[test]
fn what_is_wrong_is_named_with_its_line() {
    for (text, says) in [
        (
            "[profiles.p]\nrate = \"1/s\"\nretires = 3\n",
            "c.toml:3: unknown key retires; retries is the nearest",
        ),
        (
            "[profiles.p]\nforce = true\n",
            "c.toml:2: force is for one run: type it on the command line",
        ),
        ("[profiles.p]\nstop-at = \"04:00\"\n", "c.toml:2: stop_at is for one run: type it"),
        ("[profiles.p]\nhelp = true\n", "c.toml:2: unknown key help"),
        (
            "[profile.p]\n",
            "c.toml:1: profile = \"NAME\" names a profile, and a line [profiles.NAME]",
        ),
        (
            "rate = \"1/s\"\n",
            "c.toml:1: rate stands in no profile; put a line [profiles.NAME] before",
        ),
        ("[profiles]\np = 3\n", "c.toml:2: a line [profiles.p] begins the profile p"),
        ("[profiles.p]\ntoken = 3\n", "c.toml:2: token is a text; write it as token = \"...\""),
        (
            "[profiles.p]\nlookup = \"yes\"\n",
            "c.toml:2: lookup = \"yes\": write it as lookup = true or lookup = false",
        ),
        ("[profiles.p]\n\nrate = [1]\n", "c.toml:3: rate = [1]: write it as rate = \"20/s\""),
        ("[profiles.p]\noutput = [true]\n", "output = [true]: write it as output = [\"FILE\"]"),
        (
            "[profiles.p]\nconfirm = 1.5\n",
            "confirm = 1.5: write it as confirm = true or confirm = \"TIMEOUT\"",
        ),
        ("[profiles.q]\nrate = \"fast\"\n[profiles.p]\n", "c.toml:2: rate = \"fast\": "),
        (
            "[profiles.p]\ntimeout = 35\n",
            "c.toml:2: timeout = \"35\": write a time as 500ms, 35s, 15m or 2h",
        ),
        (
            "[profiles.p]\nalready_started = \"maybe\"\n",
            "c.toml:2: already_started = \"maybe\": write one of ok, fail",
        ),
        ("[profiles.p]\nesb = \"paas\"\n", "c.toml:2: esb: not a URL"),
        ("[profiles.p]\nesb = \"http://a:pa55@h\"\n", "c.toml:2: esb: a URL must not hold a user"),
        ("[profiles.p]\ngateway = \"\"\n", "c.toml:2: gateway: not a URL"),
        ("[profiles.p]\nretries = \"x\"\n", "c.toml:2: retries = \"x\": "),
        ("[profiles.p]\ntoken_cmd = \"a|b\"\n", "c.toml:2: token_cmd: | is for a shell"),
        ("[profiles.p]\nrate = \n", "c.toml:2: "),
        (
            "[profiles.p]\ntoken = \"a\"\ntoken_cmd = \"b\"\n",
            "c.toml:2: token and token_cmd both give one secret",
        ),
        (
            "[profiles.p]\napp-secret-file = \"a\"\napp_secret_cmd = \"b\"\n",
            "app_secret_file and app_secret_cmd both give one secret",
        ),
        ("[profiles.q]\n", "c.toml has no profile p; it has q"),
    ] {
        let error = read(text, Some("p"), 0o600).err().unwrap();
        assert!(error.contains(says) && !error.contains("pa55"), "{text:?}: {error}");
    }
}

#[test]
fn keys_that_do_not_go_together_are_named_with_their_line() {
    for (text, says) in [
        (
            "[profiles.p]\nretries = 3\nesb = \"http://h\"\ngateway = \"http://g\"\n",
            "c.toml:3: the argument '--esb <URL>' cannot be used with '--gateway <TEMPLATE>'",
        ),
        (
            "[profiles.p]\nstage_ask = true\n",
            "c.toml, profile p: another of its keys goes only with stages; add it",
        ),
    ] {
        let mut profile = read(text, Some("p"), 0o600).unwrap().unwrap();
        let typed: Vec<_> = ["bk-launch", "run"].map(OsString::from).into();
        let matches = Cli::command().get_matches_from(&typed);
        let words = profile.with_words(matches.subcommand().unwrap().1, &typed, &|_| None);
        let error = Cli::command().try_get_matches_from(words).unwrap_err();
        assert_eq!(profile.fault(&error).to_string(), says);
    }
}

#[test]
fn a_secret_needs_a_private_file() {
    let text = "profile = \"p\"\n[profiles.p]\ntoken = \"t0p\"\nusername = \"me\"\n";
    let error = read(text, None, 0o644).err().unwrap();
    assert!(error.contains("c.toml:3: token is a secret") && !error.contains("t0p"), "{error}");
    let profile = read(text, None, 0o600).unwrap().unwrap();
    assert_eq!(profile.credential("BK_TOKEN").as_deref(), Some("t0p"));
    assert_eq!(profile.credential("BK_USERNAME").as_deref(), Some("me"));
    assert!(read("[profiles.p]\nusername = \"me\"\n", None, 0o644).unwrap().is_none());
}
