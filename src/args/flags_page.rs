//! `docs/flags.md`, made from what clap knows of each command.
//!
//! `RENEW=1 cargo test --lib flags_page` writes the page; without `RENEW` the test compares it.

use clap::builder::PossibleValue;
use clap::{Arg, ArgAction, Command, CommandFactory};

use super::Cli;

const INTRODUCTION: &str = "\
# Every flag

<!-- Made from the program by: RENEW=1 cargo test --lib flags_page -->

`bk-launch COMMAND --help` says the same, with examples. Every command has `-h` and `--help`;
`bk-launch --version` prints the version.

Times are written as `500ms`, `35s`, `15m` or `2h`, rates as `20/s`, `100/m` or `5000/h`. Where a flag
can also come from a profile or the environment, [configuration](configuration-and-credentials.md)
says which one is taken.
";

/// A line of a table.
#[derive(Clone, PartialEq, Eq)]
struct Flag {
    heading: String,
    name: String,
    default: String,
    text: String,
}

impl Flag {
    fn of(arg: &Arg) -> Self {
        let help = arg.get_long_help().or_else(|| arg.get_help()).map(ToString::to_string);
        let help = help.unwrap_or_default().split("\n\n").collect::<Vec<_>>().join(" ");
        let (help, told) = told_default(&help);
        let values: Vec<_> =
            arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
        let default = match (told, arg.get_action()) {
            (Some(told), _) => marked(told),
            (None, ArgAction::Set | ArgAction::Append) if !values.is_empty() => {
                format!("`{}`", values.join(" "))
            }
            (None, _) => String::new(),
        };
        let usual = if arg.is_positional() { "Arguments" } else { "Options" };
        let heading = arg.get_help_heading().unwrap_or(usual).to_owned();
        let possible = arg.get_possible_values();
        let told = if arg.is_hide_possible_values_set() { &[][..] } else { &possible };
        let text = [marked(&help), choices(told)].concat();
        Self { heading, name: name(arg), default, text }
    }
}

/// A help text, and the default that it states in words.
fn told_default(help: &str) -> (String, Option<&str>) {
    let told = help.split_once(" [default: ");
    match told.and_then(|(before, rest)| Some((before, rest.split_once(']')?))) {
        Some((before, (told, after))) => (sentence(&[before, after].concat()), Some(told)),
        None => (sentence(help), None),
    }
}

fn sentence(text: &str) -> String {
    format!("{}.", text.trim_end_matches('.'))
}

/// The flag with its short form and its value, as it is typed.
fn name(arg: &Arg) -> String {
    let takes_value = arg.get_action().takes_values();
    let named = arg.get_value_names().unwrap_or_default().join(" ");
    let choices = arg.get_possible_values();
    let choices: Vec<_> = choices.iter().map(PossibleValue::get_name).collect();
    // Of a list of choices each is told in the text alone.
    let is_told = arg.is_positional() || arg.get_value_delimiter().is_some();
    let value = if choices.is_empty() || is_told { named } else { choices.join("|") };
    let Some(long) = arg.get_long() else { return format!("`{value}`") };
    let is_optional = arg.get_num_args().is_some_and(|number| number.min_values() == 0);
    let form = match (takes_value, is_optional) {
        (false, _) => format!("`--{long}`"),
        (true, false) => format!("`--{long} {value}`"),
        (true, true) => format!("`--{long}[={value}]`"),
    };
    arg.get_short().map_or_else(|| form.clone(), |short| format!("`-{short}`, {form}"))
}

fn choices(values: &[PossibleValue]) -> String {
    let choice = |value: &PossibleValue| match value.get_help() {
        Some(help) => format!(" `{}`: {}", value.get_name(), sentence(&help.to_string())),
        None => format!(" `{}`", value.get_name()),
    };
    values.iter().map(choice).collect()
}

/// Text of help as Markdown for a table: what is typed word for word is code.
fn marked(text: &str) -> String {
    let words = text.split_whitespace().map(|word| {
        let start = word.trim_start_matches(['(', '[']);
        let core = start.trim_end_matches(['.', ',', ';', ':', ')', ']']);
        let (before, after) = (&word[..word.len() - start.len()], &start[core.len()..]);
        let is_code = core.starts_with(['-', '$', '\'']) || core.contains(['_', '~']);
        if is_code && !core.contains('`') {
            format!("{before}`{core}`{after}")
        } else {
            word.replace('<', "\\<")
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

fn flags(command: &Command, is_top: bool) -> Vec<Flag> {
    let shown = command.get_arguments().filter(|arg| {
        let is_help = matches!(arg.get_id().as_str(), "help" | "version");
        !is_help && !arg.is_hide_set() && (is_top || !arg.is_global_set())
    });
    shown.map(Flag::of).collect()
}

/// The section of a command, and those of its subcommands; `run` are the flags of `run`, which
/// are told there alone.
fn section(command: &Command, parent: &str, run: &[Flag]) -> String {
    let name = [parent, command.get_name()].join(" ");
    let name = name.trim_start();
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ");
    let about = marked(&sentence(&about));
    let mut section = format!("\n## {name}\n\n{about}\n\n```text\n{usage}\n```\n");
    let all = flags(command, parent.is_empty());
    let (shared, own): (Vec<_>, Vec<_>) =
        all.iter().partition(|flag| name != "run" && run.contains(flag));
    let mut headings = Vec::new();
    for Flag { heading, .. } in &own {
        if !headings.contains(heading) {
            headings.push(heading.clone());
        }
    }
    for heading in headings {
        let lines = own.iter().filter(|flag| flag.heading == heading).map(|flag| line(flag));
        let lines: String = lines.collect();
        section += &["\n### ", name, ": ", &heading, "\n\n", HEAD, &lines].concat();
    }
    if !shared.is_empty() {
        let names: Vec<_> = shared.iter().map(|flag| cell(&flag.name)).collect();
        section += &["\nAlso these of [run](#run):", &names.join(" ·"), ".\n"].concat();
    }
    let subcommands = command.get_subcommands().map(|sub| self::section(sub, name, run));
    section + &subcommands.collect::<String>()
}

const HEAD: &str = "| flag | default | says |\n|---|---|---|\n";

fn line(flag: &Flag) -> String {
    let cells = [&flag.name, &flag.default, &flag.text].map(|text| cell(text));
    format!("|{} |\n", cells.join(" |"))
}

/// The text with a blank before it, as it stands between two bars.
fn cell(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(" {}", text.replace('|', "\\|")) }
}

fn page() -> String {
    let mut program = Cli::command().disable_help_subcommand(true);
    program.build();
    let run = program.find_subcommand("run").map(|run| flags(run, true)).unwrap_or_default();
    let sections = program.get_subcommands().map(|command| section(command, "", &run));
    INTRODUCTION.to_owned() + &sections.collect::<String>()
}

#[test]
fn docs_flags_md_is_what_the_program_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/flags.md");
    if std::env::var_os("RENEW").is_some() {
        std::fs::write(path, page()).unwrap();
    }
    let is_same = std::fs::read_to_string(path).is_ok_and(|kept| kept == page());
    assert!(is_same, "docs/flags.md is old: RENEW=1 cargo test --lib flags_page");
}

#[test]
fn words_that_are_typed_are_code() {
    for (text, expected) in [
        ("Ask, out of --retries.", "Ask, out of `--retries`."),
        ("A file, or - for it (also -vv).", "A file, or `-` for it (also `-vv`)."),
        ("The ESB [env: BK_API].", "The ESB [env: `BK_API`]."),
        ("errors<1%", "errors\\<1%"),
    ] {
        assert_eq!(marked(text), expected);
    }
}
