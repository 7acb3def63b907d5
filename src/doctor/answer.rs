//! Findings about path, credentials and the right to view, from the answers to questions.

use std::time::Duration;

use super::finding::{Area, Finding};
use crate::domain::answer::FailureClass;
use crate::rules::proof::{Conclusion, Evidence, conclude};

const PATH: &str = "path";
const CREDENTIALS: &str = "credentials";
/// Name of the finding about the right to view.
pub(crate) const RIGHT: &str = "right to view";

/// A question that was answered, or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AskedTask {
    /// The row that it was asked for.
    pub row: String,
    pub evidence: Evidence,
    pub class: Option<FailureClass>,
    pub said: String,
    pub took: Duration,
}

/// Tasks that were asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AskedFor {
    /// Rows of an input.
    Rows,
    /// A task that cannot exist.
    NoTask,
}

/// Where the ESB may look for the credentials of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LegacyEsb {
    /// The server may be an ESB that reads them from the query alone, which is not allowed.
    Possible,
    No,
}

/// Judges what was asked: path, credentials, and the right to view.
pub(super) fn judge(answers: &[AskedTask], asked: AskedFor, esb: LegacyEsb) -> Vec<Finding> {
    let evidence: Vec<_> = answers.iter().map(|answer| answer.evidence).collect();
    let Some(first) = answers.first() else { return nothing_asked("there is no row to ask for") };
    let refused = answers.iter().find(|answer| answer.evidence.holds_for_all());
    if let Some(refused) = refused {
        return refusal(refused, esb);
    }
    if evidence.iter().all(|evidence| *evidence == Evidence::Unclear) {
        return unclear(first);
    }
    vec![
        Finding::ok(Area::Server, PATH, "leads to bk-sops").within(first.took),
        Finding::ok(Area::Server, CREDENTIALS, "accepted").within(first.took),
        right(answers, &evidence, asked).within(answers.iter().map(|answer| answer.took).sum()),
    ]
}

/// Says why path, credentials and the right to view could not be looked at.
pub(crate) fn nothing_asked(why: &str) -> Vec<Finding> {
    [PATH, CREDENTIALS, RIGHT]
        .map(|name| Finding::unknown(Area::Server, name, format!("not looked at: {why}")))
        .into()
}

fn refusal(answer: &AskedTask, esb: LegacyEsb) -> Vec<Finding> {
    let said = &answer.said;
    let unseen = |name, why: &str| Finding::unknown(Area::Server, name, format!("not seen: {why}"));
    if answer.class == Some(FailureClass::Auth) {
        let advice = match esb {
            LegacyEsb::Possible => {
                "check app code, app secret and user; the legacy ESB reads those of a question from \
                 its query alone: --esb-legacy-get"
            }
            LegacyEsb::No => {
                "check app code, app secret and user, and that the app may use the API"
            }
        };
        return vec![
            Finding::ok(Area::Server, PATH, "leads to an ESB or gateway").within(answer.took),
            Finding::error(Area::Server, CREDENTIALS, format!("refused: {said}"))
                .with_advice(advice)
                .within(answer.took),
            unseen(RIGHT, "the credentials are refused"),
        ];
    }
    let (says, advice) = if answer.class == Some(FailureClass::Config) {
        let says = format!("the URL does not lead to bk-sops: {said}");
        (says, "check the URL, its path and, by a gateway, --gateway-stage")
    } else {
        (format!("no answer: {said}"), "check that the server is up and that nothing cuts it off")
    };
    let path = Finding::error(Area::Server, PATH, says).with_advice(advice).within(answer.took);
    vec![
        path,
        unseen(CREDENTIALS, "the path leads nowhere"),
        unseen(RIGHT, "the path leads nowhere"),
    ]
}

fn unclear(answer: &AskedTask) -> Vec<Finding> {
    let class = answer.class.map(|class| format!(" ({class})")).unwrap_or_default();
    let says = format!("an answer that says nothing clear: {}{class}", answer.said);
    let advice = "check the URL; if it is right, ask again when the server is well";
    let path = Finding::error(Area::Server, PATH, says).with_advice(advice).within(answer.took);
    let unseen = |name| Finding::unknown(Area::Server, name, "not seen: the answer is not clear");
    vec![path, unseen(CREDENTIALS), unseen(RIGHT)]
}

fn right(answers: &[AskedTask], evidence: &[Evidence], asked: AskedFor) -> Finding {
    let shown = evidence.iter().filter(|evidence| **evidence == Evidence::State).count();
    match (conclude(evidence), asked) {
        (Conclusion::Proved, _) => {
            let rows = answers.len();
            let rows = if rows == 1 { "1 row".into() } else { format!("{rows} rows") };
            Finding::ok(
                Area::Server,
                RIGHT,
                format!("proved: the state of {shown} of {rows} is shown"),
            )
        }
        (Conclusion::Failed(at), _) => {
            let AskedTask { row, said, .. } = &answers[at];
            Finding::error(Area::Server, RIGHT, format!("missing for {row}: {said}")).with_advice(
                "ask for task_view; without it tasks can be started, but --confirm and --lookup do \
                 not work, and rows in doubt stay unknown",
            )
        }
        (Conclusion::NothingFound, AskedFor::NoTask) => {
            let says = "not proved: only a task that cannot exist was asked for";
            Finding::unknown(Area::Server, RIGHT, says)
                .with_advice("bk-launch doctor INPUT asks for a few rows of a list")
        }
        (Conclusion::NothingFound, AskedFor::Rows) => {
            let says = format!(
                "not proved: {} is not there, nor is any other that was asked for",
                answers[0].row
            );
            Finding::error(Area::Server, RIGHT, says).with_advice(
                "check the ids, that scope says what bk_biz_id is an id of, and that the list is meant \
                 for this server",
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Grade::{Error, Ok, Unknown};
    use super::*;

    fn answer(evidence: Evidence, class: Option<FailureClass>) -> AskedTask {
        let (row, said) = ("task 3".into(), "said".into());
        AskedTask { row, evidence, class, said, took: Duration::from_millis(3) }
    }

    #[test]
    fn how_far_a_question_came_says_what_is_well() {
        use Evidence::{Denied, NoState, NotFound, Refused, State, Unanswered, Unclear};
        let found =
            |evidence, class, asked| judge(&[answer(evidence, class)], asked, LegacyEsb::Possible);
        for (evidence, class, grades, says) in [
            (State, None, [Ok, Ok, Ok], "the state of 1 of 1 row is shown"),
            (NoState, None, [Ok, Ok, Ok], "the state of 0 of 1 row is shown"),
            (NotFound, None, [Ok, Ok, Error], "task 3 is not there"),
            (Denied, None, [Ok, Ok, Error], "missing for task 3: said"),
            (Refused, Some(FailureClass::Auth), [Ok, Error, Unknown], "refused: said"),
            (Refused, Some(FailureClass::Config), [Error, Unknown, Unknown], "does not lead to"),
            (Unanswered, Some(FailureClass::Transient), [Error, Unknown, Unknown], "no answer"),
            (Unclear, Some(FailureClass::Ambiguous), [Error, Unknown, Unknown], "said (ambiguous)"),
        ] {
            let found = found(evidence, class, AskedFor::Rows);
            let found_grades: Vec<_> = found.iter().map(|finding| finding.grade).collect();
            assert_eq!(found_grades, grades, "{found:?}");
            assert!(found.iter().any(|finding| finding.says.contains(says)), "{found:?}");
        }
        let none = found(NotFound, None, AskedFor::NoTask);
        assert_eq!(none[2].grade, Unknown, "a task that cannot exist proves no right");
        let refused = found(Refused, Some(FailureClass::Auth), AskedFor::Rows);
        assert!(refused[1].advice.as_ref().unwrap().contains("--esb-legacy-get"));
    }
}
