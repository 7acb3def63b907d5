//! `bk-launch __complete -- WORDS`: what can follow in a command line that is being typed. The
//! scripts in `completions/` ask it; it is no command that people type, so clap does not know it.
//!
//! Nothing is changed and no error is told: where something cannot be read, nothing is proposed.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;

use clap::CommandFactory;
use jiff::Timestamp;

use super::settings;
use crate::args::Cli;
use crate::args::completion::{Candidate, Completion, LocalValues, complete};
use crate::args::session::{ConfigArgs, StateArgs};
use crate::config::profiles::profile_names;
use crate::session::exit::Exit;
use crate::session::kept_runs::{KeptRun, latest};

/// Returns the words that are being typed, if `words` ask what can follow them.
pub(crate) fn asked(words: &[OsString]) -> Option<&[OsString]> {
    match words {
        [_, complete, dashes, typed @ ..] if complete == "__complete" && dashes == "--" => {
            Some(typed)
        }
        _ => None,
    }
}

/// Prints what can follow `typed`, whose last word is unfinished. The first line says what the shell
/// is to do: take the words of the further lines, each with its help after a tab, or list files or
/// folders after the prefix that follows the tab.
pub(crate) fn run(typed: &[OsString]) -> io::Result<Exit> {
    let words: Vec<_> = typed.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let mut completion = complete(Cli::command(), &words);
    let last = words.last().map(String::as_str).unwrap_or_default();
    let (prefix, lookup) = (completion.prefix.clone(), completion.lookup);
    let kind = match lookup {
        Some(LocalValues::Files) => "files",
        Some(LocalValues::Folders) => "folders",
        Some(_) | None => "words",
    };
    let typed = last.strip_prefix(&*prefix).unwrap_or(last);
    let found = lookup.map(|lookup| looked_up(lookup, &completion)).unwrap_or_default();
    let meant = found.into_iter().filter(|candidate| candidate.word.starts_with(typed));
    completion.candidates.extend(
        meant.map(|Candidate { word, help }| Candidate { word: [&*prefix, &word].concat(), help }),
    );
    let mut text = format!("{kind}\t{prefix}\n");
    for Candidate { word, help } in completion.candidates {
        text.extend([&word, "\t", &help, "\n"]);
    }
    io::stdout().write_all(text.as_bytes())?;
    Ok(Exit::Good)
}

/// The values that this machine has.
fn looked_up(lookup: LocalValues, typed: &Completion) -> Vec<Candidate> {
    match lookup {
        // The shell lists them, with its own rules of quoting.
        LocalValues::Files | LocalValues::Folders => Vec::new(),
        LocalValues::Runs => {
            let runs = runs(typed);
            let ids =
                runs.iter().map(|run| Candidate { word: run.id.to_string(), help: told(run) });
            ids.chain(names(&runs)).collect()
        }
        LocalValues::RunNames => names(&runs(typed)),
        LocalValues::Profiles => {
            let config = typed.last("config").map(PathBuf::from);
            let no_config = typed.given.contains_key("no_config");
            let args = ConfigArgs { config, profile: None, no_config };
            let names = profile_names(&args, &|name| std::env::var(name).ok());
            names.into_iter().map(|word| Candidate { word, help: String::new() }).collect()
        }
        LocalValues::TimeZones => {
            let zones = jiff::tz::db().available();
            zones.map(|zone| Candidate { word: zone.to_string(), help: String::new() }).collect()
        }
    }
}

fn runs(typed: &Completion) -> Vec<KeptRun> {
    let state = StateArgs { state_dir: typed.last("state_dir").map(PathBuf::from) };
    let runs = settings::runs(state, &|name| std::env::var(name).ok());
    runs.map(|runs| latest(&runs, Timestamp::now())).unwrap_or_default()
}

fn told(run: &KeptRun) -> String {
    let name = run.name.iter().map(String::as_str);
    name.chain([run.state.word()]).collect::<Vec<_>>().join(", ")
}

fn names(runs: &[KeptRun]) -> Vec<Candidate> {
    let names: BTreeSet<_> = runs.iter().filter_map(|run| run.name.as_deref()).collect();
    let help = "the latest unfinished run of this name, else the latest";
    names.into_iter().map(|name| Candidate { word: name.into(), help: help.into() }).collect()
}
