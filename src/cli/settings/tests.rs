use super::*;
use crate::args::{Cli, Command};
use crate::rules::course::{AnswerTimes, ExpectedAnswers};
use crate::session::plan::{Plan, Rows};
use crate::text::plan::PlanText;
use clap::Parser;
use jiff::Timestamp;
use std::time::Duration;

const MOMENT: Moment = Moment { now: Timestamp::UNIX_EPOCH, share: 0.5 };

const WHO: [(&str, &str); 3] =
    [("BK_APP_CODE", "app"), ("BK_APP_SECRET", "s3cret"), ("BK_TOKEN", "t0ken")];

fn settings(flags: &[&str], variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    let words = ["bk-launch", "run", "tasks.csv", "-o", "r.csv"];
    let cli = Cli::try_parse_from(words.iter().chain(flags)).unwrap();
    let Command::Run(args) = cli.command else { panic!("run was typed") };
    let mut args = *args;
    args.session.state.state_dir = Some("state".into());
    let find = |name: &str| {
        variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    };
    of_run(args, ForWhat::Launch, &find, MOMENT).map(|run| run.session)
}

fn with(more: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    WHO.into_iter().chain(more.iter().copied()).collect()
}

fn target(flags: &[&str], more: &[(&'static str, &'static str)]) -> String {
    match settings(flags, &with(more)) {
        Ok(settings) => settings.server.target.to_string(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_flag_beats_both_variables() {
    let esb = ("BK_COMPONENT_API_URL", "http://esb");
    let gateway = ("BK_API_URL_TMPL", "http://gw/{gateway_name}");
    assert!(target(&[], &[esb]).starts_with("http://esb/"));
    assert!(target(&[], &[gateway]).starts_with("http://gw/bk-sops/prod/"));
    assert!(target(&["--esb", "http://flag"], &[esb, gateway]).starts_with("http://flag/"));
    assert!(target(&["--gateway", "http://flag"], &[esb]).starts_with("http://flag/prod/"));
    let both = target(&[], &[esb, gateway]);
    assert!(both.contains("BK_COMPONENT_API_URL and BK_API_URL_TMPL"), "{both}");
    assert!(target(&[], &[]).contains("--esb URL or --gateway TEMPLATE"));
}

#[test]
fn an_error_names_the_flag_or_variable_and_no_secret() {
    assert!(target(&["--esb", "paas"], &[]).starts_with("--esb: not a URL"));
    let error = target(&[], &[("BK_COMPONENT_API_URL", "http://me:pa55@h")]);
    assert!(error.starts_with("BK_COMPONENT_API_URL: "), "{error}");
    assert!(!error.contains("pa55"), "{error}");
    assert!(
        target(&["--gateway", "http://h", "--gateway-stage", "a/b"], &[])
            .starts_with("--gateway-stage: ")
    );
}

#[test]
fn timeouts_are_the_servers_own_plus_five_seconds() {
    let timeout =
        |flags: &[&str]| settings(flags, &WHO).ok().unwrap().server.http_options.timeout.as_secs();
    assert_eq!(timeout(&["--esb", "http://h"]), 35);
    assert_eq!(timeout(&["--gateway", "http://h"]), 125);
    assert_eq!(timeout(&["--esb", "http://h", "--timeout", "7s"]), 7);
}

#[test]
fn a_line_says_what_will_happen() {
    let words = ["bk-launch", "run", "-", "--no-journal", "--esb", "http://h", "-o", "r.csv"];
    let Command::Run(args) = Cli::try_parse_from(words).unwrap().command else { panic!() };
    let settings = of_run(
        *args,
        ForWhat::Launch,
        &|name| name.starts_with("BK_").then(|| "x".to_owned()).filter(|_| !name.contains("URL")),
        MOMENT,
    );
    let RunSettings { input, session: settings, .. } = settings.unwrap();
    let plan = Plan {
        rows: Rows::Unknown(&input),
        options: &settings.options,
        target: "h:8080".into(),
        user: "admin (app ops)".into(),
        now: Timestamp::UNIX_EPOCH,
        timing: &settings.timing,
        stages: Vec::new(),
        stage_pause: Duration::ZERO,
        answers: ExpectedAnswers::AtMost(AnswerTimes::longest(Duration::from_secs(35), None)),
    };
    assert_eq!(
        PlanText(&plan).to_string(),
        "rows of standard input or a pipe at h:8080 as admin (app ops) at 20/s"
    );
}
