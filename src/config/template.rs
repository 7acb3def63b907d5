//! The text of a new config file: one profile, with a comment for each key.

use std::fmt::Write;
use std::path::Path;

use super::document::{Document, FileChoice};
use super::error::ConfigError;
use super::known_flags::KnownFlags;
use super::secret_flags::COMMANDS;

/// A key of the new file.
struct TemplateKey {
    name: &'static str,
    says: &'static str,
    /// Value that stands behind a # if none was given.
    example: &'static str,
}

const fn key(name: &'static str, says: &'static str, example: &'static str) -> TemplateKey {
    TemplateKey { name, says, example }
}

/// The keys by what they are about, in the order of the file.
const PARTS: [(&str, &[TemplateKey]); 3] = [
    (
        "The server: an ESB or an API gateway.",
        &[
            key("esb", "URL of the ESB.", "https://paas.example.com"),
            key("gateway", "URL of the gateway.", "https://bkapi.example.com/api/{gateway_name}"),
            key("gateway_stage", "Stage of the gateway.", "prod"),
            key("cacert", "Certificates to trust beside the system's.", "/etc/bk-launch/ca.pem"),
        ],
    ),
    (
        "Credentials: an app, and a user by a token or, where the app may do so, by name.",
        &[
            key("app_code", "Code of the app, else BK_APP_CODE.", "ops"),
            key(
                "app_secret_file",
                "File with its secret, else BK_APP_SECRET.",
                "/etc/bk-launch/secret",
            ),
            key(
                "app_secret_cmd",
                "Or a command that prints it.",
                "vault kv get -field=secret ops/bk",
            ),
            key("token_file", "File with the token, else BK_TOKEN.", "/etc/bk-launch/token"),
            key("token_cmd", "Or a command that prints it.", "vault kv get -field=token ops/bk"),
            key("username", "Or the name of the user.", "admin"),
        ],
    ),
    (
        "How fast, and how sure.",
        &[
            key("rate", "Maximum rate of requests, retries included.", "20/s"),
            key("concurrency", "Maximum number of requests in flight.", "16"),
            key("max_failures", "Rows that may fail before a run stops.", "5%"),
            key("confirm", "Ask until each started task runs, for up to this time.", "60s"),
        ],
    ),
];

const HEAD: &str = "\
# Settings of bk-launch, for run, resume and doctor. What is typed beats the environment, and that
# beats this file. A flag of bk-launch run is a key by its long name with _ (run --help), but not one
# that is for one run, such as --limit, --where or --stop-at.
#
# Secrets do not belong here: name files or commands, or set BK_APP_SECRET and BK_TOKEN. Commands
# count only in your own file and in one that --config names.

# The profile that is taken if --profile names no other.
";

/// A new profile.
pub(crate) struct NewProfile {
    pub name: String,
    /// Keys with their values.
    pub answers: Vec<(&'static str, String)>,
}

impl NewProfile {
    pub(crate) fn answer(&self, key: &str) -> Option<&str> {
        self.answers.iter().find(|(known, _)| *known == key).map(|(_, value)| value.as_str())
    }

    /// Whether the profile names a command that prints a secret.
    pub(crate) fn has_command(&self) -> bool {
        COMMANDS.iter().any(|key| self.answer(key).is_some())
    }

    /// Returns the file.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("{HEAD}profile = {}\n\n", quoted(&self.name));
        let _ = writeln!(text, "[profiles.{}]", bare_or_quoted(&self.name));
        for (about, keys) in PARTS {
            let _ = writeln!(text, "\n# {about}\n");
            for TemplateKey { name, says, example } in keys {
                let _ = match self.answer(name) {
                    Some(value) => writeln!(text, "# {says}\n{name} = {}", quoted(value)),
                    None => writeln!(text, "# {says}\n# {name} = {}", quoted(example)),
                };
            }
        }
        text
    }

    /// Reads the file as a run would, to find mistakes before it is written.
    pub(crate) fn check(&self, path: &Path) -> Result<(), ConfigError> {
        let (text, mode, choice) = (self.text(), 0o600, FileChoice::OfUser);
        Document { path, text: &text, mode, choice }.profile(Some(&self.name)).map(drop)
    }
}

/// Returns why the flag `key` would not take `value`.
pub(crate) fn refusal(key: &str, value: &str) -> Option<String> {
    let flags = KnownFlags::of_run();
    let refused = flags.find(key)?.refusal(&[value.to_owned()])?;
    Some(refused.why)
}

/// Writes a key as TOML does.
fn bare_or_quoted(key: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !key.is_empty() && key.chars().all(is_bare) { key.to_owned() } else { quoted(key) }
}

/// Writes a text as TOML does.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use super::super::known_flags::is_for_one_run;
    use super::*;

    fn read(profile: &NewProfile) -> Result<(), String> {
        profile.check(Path::new("c.toml")).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_written_is_read_back() {
        let values = [
            ("esb", "https://h"),
            ("app_code", "a \"quoted\" \\ one\u{7}"),
            ("token_cmd", "pass show 'bk sops'"),
            ("rate", "100/m"),
            ("confirm", "30s"),
        ];
        let answers = values.map(|(key, value)| (key, value.to_owned())).into();
        let profile = NewProfile { name: "my prod".into(), answers };
        assert_eq!(read(&profile), Ok(()));
        assert!(profile.has_command());
        let text = profile.text();
        for line in
            ["profile = \"my prod\"", "[profiles.\"my prod\"]", "rate = \"100/m\"", "# cacert ="]
        {
            assert!(text.lines().any(|found| found.starts_with(line)), "{line} in {text}");
        }
        let document =
            Document { path: Path::new("c"), text: &text, mode: 0o600, choice: FileChoice::OfUser };
        let found = document.profile(None).ok().flatten().unwrap();
        assert_eq!(found.credential("BK_APP_CODE").as_deref(), Some("a \"quoted\" \\ one\u{7}"));
    }

    #[test]
    fn flags_that_the_head_names_are_no_keys() {
        let flags: Vec<_> = HEAD
            .split("--")
            .skip(1)
            .filter_map(|rest| rest.split([' ', ',', '.']).next())
            .collect();
        assert_eq!(flags[..4], ["help)", "limit", "where", "stop-at"]);
        for flag in &flags[1..] {
            assert!(is_for_one_run(&flag.replace('-', "_")), "{flag}");
        }
    }

    #[test]
    fn every_example_could_be_uncommented() {
        for TemplateKey { name, example, .. } in PARTS.iter().flat_map(|(_, keys)| *keys) {
            let answers = vec![(*name, (*example).to_owned())];
            assert_eq!(read(&NewProfile { name: "p".into(), answers }), Ok(()), "{name}");
        }
    }

    #[test]
    fn a_value_that_no_run_would_take_is_refused() {
        assert_eq!(refusal("rate", "100/m"), None);
        assert!(refusal("rate", "fast").unwrap().starts_with("write a rate as"));
        assert!(refusal("esb", "paas").unwrap().starts_with("not a URL"));
        assert_eq!(refusal("app_code", "anything"), None);
    }
}
