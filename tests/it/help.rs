//! Help: examples in both forms, what exit codes mean, and the same headings everywhere.

use std::fs;

use crate::docs::root;
use crate::harness::Scene;

const COMMANDS: [&str; 11] = [
    "",
    "run",
    "resume",
    "runs",
    "report",
    "bench",
    "mock",
    "init",
    "doctor",
    "completions",
    "man",
];

fn help(command: &str, form: &str) -> String {
    Scene::new().command(command).with(form).exits(0).stdout()
}

#[test]
fn both_forms_of_help_show_examples_and_the_long_one_exit_codes() {
    for command in COMMANDS {
        for form in ["-h", "--help"] {
            assert!(help(command, form).contains("\nExamples:\n"), "{command} {form}");
        }
        assert!(help(command, "--help").to_lowercase().contains("exit code"), "{command}");
    }
    let page = fs::read_to_string(root().join("docs/cron-and-monitoring.md")).unwrap();
    let table = page.split("| exit code |").nth(1).unwrap().lines().skip(2);
    let cells = table.map_while(|line| line.strip_prefix("| ")?.split(" |").next());
    let known: Vec<_> = cells.flat_map(|cell| cell.split(", ")).collect();
    assert_eq!(known.len(), 10, "{known:?}");
    for command in ["run", "resume"] {
        let help = help(command, "--help");
        let codes = help.split("Exit codes:\n").nth(1).unwrap();
        let codes =
            codes.lines().filter(|line| line[2..].starts_with(|c: char| c.is_ascii_digit()));
        let codes: Vec<_> = codes.filter_map(|line| line.trim().split("  ").next()).collect();
        let codes: Vec<_> = codes.iter().flat_map(|codes| codes.split(", ")).collect();
        assert_eq!(codes, known, "{command} --help");
    }
}

#[test]
fn help_says_what_a_reader_would_guess_otherwise() {
    for (command, says) in [
        ("run", "Rows behind the last end are one more stage: 1,10% launches all rows"),
        ("run", "--confirm[=<TIMEOUT>]"),
        ("init", "--confirm[=<TIMEOUT>]"),
    ] {
        let help = help(command, "--help");
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(help.contains(says), "{command}: {says}");
    }
}

/// The headings of the flags of a command, in their order.
fn headings(command: &str) -> Vec<String> {
    let help = help(command, "-h");
    let lines = help.lines().filter(|line| line.ends_with(':') && !line.starts_with(' '));
    lines.map(|line| line.trim_end_matches(':').to_owned()).collect()
}

#[test]
fn flags_stand_under_the_same_headings_in_the_same_order() {
    let run = headings("run");
    for heading in ["Display", "Preview", "Confirmation", "Config file", "Where runs are kept"] {
        assert!(run.iter().any(|found| found == heading), "{heading} in {run:?}");
    }
    // Which rows, and the name, are settled when a run begins.
    let of_run = run.iter().filter(|heading| !["Rows", "Cron"].contains(&heading.as_str()));
    assert!(of_run.eq(&headings("resume")), "{:?}", headings("resume"));
    let of_bench = headings("bench");
    for heading in ["Input", "Server", "Output", "Display"] {
        assert!(of_bench.iter().any(|found| found == heading), "{heading} in {of_bench:?}");
    }
}
