//! The flags that a profile may have, with the form of their values.

use std::error::Error;

use clap::builder::PossibleValue;
use clap::error::{ContextKind, ErrorKind};
use clap::{Arg, ArgAction, Command, CommandFactory};

use super::secret_flags::COMMANDS;
use crate::api::esb::Esb;
use crate::api::gateway::Gateway;
use crate::args::Cli;

/// Flags that are meant for one run, and not for a profile.
const FOR_ONE_RUN: [&str; 13] = [
    "config",
    "profile",
    "no_config",
    "force",
    "dry_run",
    "check",
    "limit",
    "start_at",
    "stop_at",
    "where",
    "only",
    "skip",
    "lines",
];

/// Flags that end the program.
const PAGES: [&str; 2] = ["help", "version"];

/// Stands for the stage of a gateway, which is another key.
const ANY_STAGE: &str = "prod";

/// The flags of `run` that a profile may have. Its keys are their names with `_`.
pub(super) struct KnownFlags(Command);

impl KnownFlags {
    pub(super) fn of_run() -> Self {
        let mut command = Cli::command();
        command.build();
        Self(command.find_subcommand("run").cloned().unwrap_or_default())
    }

    fn flags(&self) -> impl Iterator<Item = (String, &Arg)> {
        let is_meant = |id: &str| !FOR_ONE_RUN.contains(&id) && !PAGES.contains(&id);
        let flags = self.0.get_arguments().filter(move |arg| is_meant(arg.get_id().as_str()));
        flags.filter_map(|arg| Some((arg.get_long()?.replace('-', "_"), arg)))
    }

    pub(super) fn keys(&self) -> Vec<String> {
        self.flags().map(|(key, _)| key).collect()
    }

    pub(super) fn find<'a>(&'a self, key: &'a str) -> Option<KnownFlag<'a>> {
        let (_, arg) = self.flags().find(|(known, _)| known == key)?;
        Some(KnownFlag { key, arg, takes: Takes::of(arg), run: &self.0 })
    }
}

/// Whether `key` is a flag that is meant for one run.
pub(super) fn is_for_one_run(key: &str) -> bool {
    FOR_ONE_RUN.contains(&key)
}

/// A flag that a profile may have.
pub(super) struct KnownFlag<'a> {
    pub key: &'a str,
    pub takes: Takes,
    arg: &'a Arg,
    run: &'a Command,
}

/// Kind of value that a flag takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    Nothing,
    AValueOrNothing,
    AValue,
    Values,
}

impl Takes {
    fn of(arg: &Arg) -> Self {
        match arg.get_action() {
            ArgAction::SetTrue | ArgAction::Count => Self::Nothing,
            ArgAction::Append => Self::Values,
            _ if arg.get_num_args().is_some_and(|args| args.min_values() == 0) => {
                Self::AValueOrNothing
            }
            _ => Self::AValue,
        }
    }
}

/// A value that a flag does not take.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused {
    /// `None` if it may hold a secret.
    pub value: Option<String>,
    pub why: String,
}

impl KnownFlag<'_> {
    pub(super) fn id(&self) -> &str {
        self.arg.get_id().as_str()
    }

    /// Returns a line of a profile as it should be.
    pub(super) fn form(&self) -> String {
        let key = self.key;
        let default = self.arg.get_default_values().first();
        let default = default.map(|value| value.to_string_lossy().into_owned());
        let named = || self.arg.get_value_names().unwrap_or_default().join(" ");
        let value = default.unwrap_or_else(named);
        match self.takes {
            Takes::Nothing => format!("{key} = true or {key} = false"),
            Takes::AValueOrNothing => format!("{key} = true or {key} = \"{value}\""),
            Takes::AValue => format!("{key} = \"{value}\""),
            Takes::Values => format!("{key} = [\"{value}\"]"),
        }
    }

    /// Returns the first of `values` that the command line would not take, and why. Which flags go
    /// together is looked at later, with those that are typed.
    pub(super) fn refusal(&self, values: &[String]) -> Option<Refused> {
        let long = self.arg.get_long()?;
        values.iter().find_map(|value| {
            if let Some(why) = self.no_target(value) {
                return Some(Refused { value: None, why });
            }
            let run = self.run.clone().no_binary_name(true);
            let error = run.try_get_matches_from([format!("--{long}={value}")]).err()?;
            let is_of_value =
                matches!(error.kind(), ErrorKind::ValueValidation | ErrorKind::InvalidValue);
            let shown = (!COMMANDS.contains(&self.id())).then(|| value.clone());
            is_of_value.then(|| Refused { value: shown, why: self.why(value, &error) })
        })
    }

    /// Returns why `value` leads to no server, if it is to do so.
    fn no_target(&self, value: &str) -> Option<String> {
        let error = match self.id() {
            "esb" => Esb::new(value).err(),
            "gateway" => Gateway::new(value, ANY_STAGE).err(),
            _ => None,
        };
        error.map(|error| error.to_string())
    }

    fn why(&self, value: &str, error: &clap::Error) -> String {
        let choices = self.arg.get_possible_values();
        let choices: Vec<_> = choices.iter().map(PossibleValue::get_name).collect();
        if error.get(ContextKind::ValidValue).is_some() && !choices.is_empty() {
            return format!("write one of {}", choices.join(", "));
        }
        match error.source() {
            Some(source) => source.to_string(),
            None if value.is_empty() => format!("it is empty; write it as {}", self.form()),
            None => format!("write it as {}", self.form()),
        }
    }
}
