//! `bk-launch run --check`: prove URL, credentials and the right to view, by
//! `get_task_status` of a few rows. No start is sent.

use std::fmt;

use jiff::Timestamp;
use thiserror::Error;

use super::command_error::CommandError;
use super::notice::notice;
use super::outside::NoticeSink;
use super::warnings;
use crate::api::target::Target;
use crate::api::{Client, LegacyGet, Network};
use crate::domain::answer::{FailureClass, StatusAnswer, Verdict};
use crate::domain::count::counted;
use crate::domain::escape::escape_control;
use crate::domain::request_id::{RequestId, RunId};
use crate::rules::proof::{Conclusion, Evidence, conclude, stop};
use crate::rules::retry::Stop;
use crate::rules::sample::{RowSample, SampledRow};
use crate::session::exit::Exit;
use crate::session::settings::ServerSettings;
use crate::session::state_question;
use crate::shutdown::StopReason;
use crate::text::summary::why;

/// Asks for the states of a few rows of `list`.
pub(crate) fn run(
    server: &ServerSettings,
    list: &str,
    sample: &RowSample,
) -> Result<Exit, CommandError> {
    let rows = sample.rows();
    if rows.is_empty() {
        return Err(CheckError::Empty.into());
    }
    warnings::warn(server, &NoticeSink::Console);
    let checked = CheckedServer {
        target: server.target.to_string(),
        may_need_query: matches!(server.target, Target::Esb(_))
            && server.legacy_get == LegacyGet::Forbidden,
    };
    let client = server.client(&Network::System, server.credentials.read()?, 1)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answers = runtime.block_on(ask_all(&client, list, &rows));
    runtime.shutdown_background();
    Ok(checked.tell_conclusion(&answers))
}

/// Asks one question after the other; an answer that every row would get is the last.
async fn ask_all<'a>(client: &Client, list: &'a str, rows: &[SampledRow]) -> Vec<Answered<'a>> {
    let run = RunId::new(Timestamp::now(), fastrand::u32(..));
    let mut answers = Vec::with_capacity(rows.len());
    for row in rows {
        let id = RequestId::question(&run, 1, row.line, 0);
        let answer = Answered::new(list, *row, &state_question::ask(client, &row.task, &id).await);
        let is_last = answer.finding.holds_for_all();
        answers.push(answer);
        if is_last {
            break;
        }
    }
    answers
}

/// A question with its answer.
struct Answered<'a> {
    list: &'a str,
    row: SampledRow,
    finding: Evidence,
    class: Option<FailureClass>,
    said: String,
    /// Why a run would stop at this answer.
    stop: Option<Stop>,
}

impl<'a> Answered<'a> {
    fn new(list: &'a str, row: SampledRow, seen: &StatusAnswer) -> Self {
        let (class, said) = match &seen.answer.verdict {
            Verdict::Failed(failure) => {
                (Some(failure.class), escape_control(&seen.answer.reply.message))
            }
            Verdict::Accepted | Verdict::AlreadyStarted => {
                (None, "an answer without a state".into())
            }
        };
        let (finding, stop) = (Evidence::of(seen), stop(&seen.answer));
        Self { list, row, finding, class, said, stop }
    }

    /// Returns the warning about a row that does not decide the check.
    fn warning(&self) -> Option<String> {
        let (what, hint) = match self.finding {
            Evidence::State | Evidence::Refused | Evidence::Unanswered => return None,
            Evidence::NotFound => (
                "is not there",
                "start_task would refuse it; check its ids, and that scope says what bk_biz_id is \
                 an id of",
            ),
            Evidence::NoState if self.class == Some(FailureClass::NotFound) => (
                "is deleted or not there",
                "start_task starts a deleted task all the same: look at it, or take it out of the \
                 list",
            ),
            Evidence::NoState => ("shows no state", "look at it before you start it"),
            Evidence::Unclear => ("has no clear answer", "if that lasts, look at it"),
            Evidence::Denied => ("may not be viewed", "ask for the right to view it (task_view)"),
        };
        Some(format!("warning: {self} {what}: {}\n  {hint}", self.told_answer()))
    }

    /// What the server said, with the class of the failure.
    fn told_answer(&self) -> String {
        match self.class {
            Some(class) => format!("{} ({class})", self.said),
            None => self.said.clone(),
        }
    }
}

impl fmt::Display for Answered<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.list, self.row.line, self.row.task)
    }
}

/// The server that is checked.
struct CheckedServer {
    target: String,
    /// Whether it may be an ESB that reads the credentials of a GET from its query alone.
    may_need_query: bool,
}

impl CheckedServer {
    /// Says what the answers came to.
    fn tell_conclusion(&self, answers: &[Answered<'_>]) -> Exit {
        let findings: Vec<_> = answers.iter().map(|answer| answer.finding).collect();
        let conclusion = conclude(&findings);
        for (at, answer) in answers.iter().enumerate() {
            if conclusion != Conclusion::Failed(at)
                && let Some(warning) = answer.warning()
            {
                notice(&warning);
            }
        }
        match conclusion {
            Conclusion::Proved => {
                self.tell_success(&findings);
                Exit::Good
            }
            Conclusion::NothingFound => {
                self.tell_nothing_found(answers.len());
                Exit::Stopped
            }
            Conclusion::Failed(at) => {
                self.tell_failure(&answers[at]);
                Exit::Stopped
            }
        }
    }

    fn tell_success(&self, findings: &[Evidence]) {
        let shown = findings.iter().filter(|finding| **finding == Evidence::State).count();
        let asked = counted(findings.len() as u64, "row", "rows");
        notice(&format_args!(
            "the check at {} passed: URL, credentials and the right to view are proved; it showed \
             the state of {shown} of {asked}, and nothing was started",
            self.target
        ));
    }

    fn tell_nothing_found(&self, asked: usize) {
        let none = match asked {
            1 => "the only row that it was asked for is not there".into(),
            asked => format!("none of the {asked} rows that it was asked for is there"),
        };
        notice(&format_args!(
            "the check at {} failed: {none}\n  URL and credentials are proved, but the right to \
             view is not, since the server looks for the task first; check the ids, that scope says \
             what bk_biz_id is an id of, and that the list is meant for this server",
            self.target
        ));
    }

    fn tell_failure(&self, answer: &Answered<'_>) {
        if let Some(stop) = answer.stop {
            let cause = StopReason::Answer { stop, message: (&*answer.said).into() };
            // The reason names the target.
            notice(&format_args!("the check failed: {}", why(&cause, &self.target)));
            return;
        }
        notice(&format_args!(
            "the check at {} failed: {answer}: {}\n  {}",
            self.target,
            answer.told_answer(),
            self.hint(answer)
        ));
    }

    /// What to do about the answer that decides.
    fn hint(&self, answer: &Answered<'_>) -> &'static str {
        match (answer.finding, answer.class) {
            (Evidence::Denied, _) => {
                "ask for the right to view tasks (task_view); without it tasks can be started, but \
                 --confirm and --lookup do not work, and rows in doubt stay unknown"
            }
            (Evidence::Unanswered, _) => "check that the server is up",
            (_, Some(FailureClass::Auth)) if self.may_need_query => {
                "check the credentials; if this is the legacy ESB, which reads those of a GET from its \
                 query alone, use --esb-legacy-get"
            }
            (_, Some(FailureClass::Auth)) => {
                "check BK_APP_CODE, BK_APP_SECRET and BK_TOKEN or BK_USERNAME, and that the app may \
                 use the API of bk-sops"
            }
            (_, None) => "check the URL given by --esb or --gateway (or its variable)",
            _ => "check again when the server is well",
        }
    }
}

/// There is no task to ask for.
#[derive(Debug, Error)]
pub(crate) enum CheckError {
    #[error(
        "--check needs a file: rows of standard input or a pipe could not be launched afterwards"
    )]
    Stdin,
    #[error("--check needs a row that can be launched, but the input has none")]
    Empty,
}
