//! The program as its users meet it: the binary, files, and a server over a real
//! socket. A file per capability; `harness` has the words in which they are written.

#![expect(clippy::unwrap_used, reason = "a test may end by a panic")]
#![expect(
    clippy::format_collect,
    clippy::format_push_string,
    reason = "tests are written to be read, not to be fast"
)]

mod certificates;
mod harness;
mod in_process;

mod accepted;
mod bad_input;
mod bench;
mod broken;
mod budget;
mod check;
mod clocks;
mod completions;
mod config;
mod confirm;
mod connections;
mod console;
mod credentials;
mod cron;
mod demo;
mod display;
mod docs;
mod doctor;
mod draining;
mod durability;
mod fairness;
mod find_max;
mod first_answer;
mod fronts;
mod gone;
mod help;
mod init;
mod input;
mod intents;
mod journal;
mod kill;
mod mock;
mod mysql;
mod odd_files;
mod outage;
mod pace;
mod plan;
mod prune;
mod queries;
mod readme;
mod recipes;
mod report;
mod report_file;
mod resume;
mod routes;
mod run;
mod runs;
mod samples;
mod selection;
mod stages;
mod suite;
mod summary;
mod tables;
mod throttle;
mod tls;
mod transport;
mod truth;
mod watch;
mod window;
mod wire;
mod written_again;
