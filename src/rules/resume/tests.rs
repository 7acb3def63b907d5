use super::*;
use crate::domain::clocks::{Boot, Reading};
use crate::domain::record::{Ending, FirstSent};
use crate::domain::row::{BadRow, Fault};
use crate::domain::task::{Business, Scope};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use std::convert::Infallible;

fn row(line: u64, id: Option<u64>) -> Row {
    let number = |number: u64| number.to_string().parse().unwrap();
    let business = Business { scope: Scope::CmdbBiz, id: number(2) };
    let bad = || BadRow {
        biz_id: String::new(),
        task_id: String::new(),
        scope: String::new(),
        fault: Fault { column: None, reason: "bad".into() },
    };
    let task = id.map(|id| Task { business, id: number(id) });
    Row { line, task: task.ok_or_else(|| Box::new(bad())), carried: Box::default() }
}

/// Line 1 has the first id, and so on; `None` is an invalid row.
fn planned(ids: &[Option<u64>], settled: &Lines, doubts: Doubts) -> Vec<Planned> {
    let rows = ids.iter().zip(1..).map(|(id, line)| Ok::<_, Infallible>(row(line, *id)));
    plan(rows, None, settled.clone(), doubts).map(|planned| planned.unwrap()).collect()
}

#[test]
fn rows_that_were_sent_before_can_come_last() {
    let sent = |attempts| Prior { attempts, ..Prior::default() };
    let ids: Vec<_> = (1..=6).map(Some).collect();
    let doubts: Doubts = [(2, sent(1)), (3, sent(0)), (5, sent(4))].into();
    let rows = planned(&ids, &Lines::default(), doubts).into_iter().map(Ok);
    let failed = std::iter::once(Err("broken"));
    let line = |planned: Result<Planned, &str>| match planned {
        Ok(Planned::Launch(row)) => row.row.line.to_string(),
        Ok(Planned::Unsent(row, _)) => format!("{}, unsent", row.line),
        Err(error) => error.to_owned(),
    };
    let lines: Vec<_> = sent_last(rows.chain(failed)).map(line).collect();
    assert_eq!(lines, ["1", "3", "4", "6", "2", "5", "broken"]);
}

fn shown(planned: &[Planned]) -> Vec<String> {
    let show = |planned: &Planned| match planned {
        Planned::Launch(launch) => {
            format!("{}: {}", launch.row.line, launch.prior.doubt.as_str())
        }
        Planned::Unsent(row, outcome) => format!("{}: {outcome}", row.line),
    };
    planned.iter().map(show).collect()
}

fn prior(doubt: Doubt) -> Prior {
    Prior { doubt, attempts: 1, ..Prior::default() }
}

#[test]
fn duplicates_are_told_over_settled_rows_too() {
    let ids = [Some(7), Some(8), None, Some(7), Some(9), Some(8)];
    let settled: Lines = [1, 3].into_iter().collect();
    let doubts = [(5, prior(Doubt::Accepted))].into();
    let planned = planned(&ids, &settled, doubts);
    assert_eq!(shown(&planned), ["2: none", "4: duplicate", "5: accepted", "6: duplicate"]);
}

#[test]
fn positions_are_those_of_the_input() {
    let ids = [Some(7), None, Some(7), Some(8), Some(9)];
    let settled: Lines = [1].into_iter().collect();
    let positions: Vec<_> = planned(&ids, &settled, Doubts::new())
        .iter()
        .filter_map(|planned| match planned {
            Planned::Launch(launch) => Some(launch.position),
            Planned::Unsent(..) => None,
        })
        .collect();
    assert_eq!(positions, [4, 5]);
}

#[test]
fn doubt_is_carried_on_until_a_row_is_settled() {
    use Doubt::{Accepted, MayHaveStarted, None as Sure};
    let settled: Lines = [1].into_iter().collect();
    let set: Doubts = [(1, prior(Accepted)), (2, prior(Accepted)), (3, prior(Sure))].into();
    let found = |ending: LastEnding| {
        let last = LastSession { doubts: set.clone(), ending };
        let doubts = doubts(last, &settled);
        doubts.into_iter().map(|(line, prior)| (line, prior.doubt)).collect::<Vec<_>>()
    };
    let orderly = LastEnding::Orderly([(4, prior(MayHaveStarted))].into());
    assert_eq!(found(orderly), [(2, Accepted), (3, Sure), (4, MayHaveStarted)]);
    let crash = |batches: &[&[u64]]| LastEnding::Unknown(intents(batches));
    assert_eq!(found(crash(&[])), [(2, Accepted), (3, Sure)]);
    assert_eq!(
        found(crash(&[&[1, 2], &[3, 5]])),
        [(2, Accepted), (3, MayHaveStarted), (5, MayHaveStarted)]
    );
}

/// One batch per second, without a Date.
fn intents(batches: &[&[u64]]) -> Vec<Intents> {
    let at = |second| Reading {
        wall: Timestamp::from_second(second).unwrap(),
        since_boot: SignedDuration::from_secs(second),
        boot: Boot(1),
    };
    let batch = |(lines, second): (&&[u64], i64)| Intents {
        lines: lines.to_vec(),
        at: at(second),
        sighting: None,
    };
    batches.iter().zip(1..).map(batch).collect()
}

#[test]
fn the_first_session_that_may_have_sent_a_row_gives_the_time() {
    let first = |second: usize| {
        let at = intents(&[&[][..]; 9])[second - 1].at;
        Some(FirstSent { server: None, local: Some(at) })
    };
    let thrown = Prior { first_sent: first(9), ..prior(Doubt::MayHaveStarted) };
    let refused = Prior { first_sent: None, ..prior(Doubt::None) };
    let last = LastSession {
        doubts: [(1, thrown), (2, refused)].into(),
        ending: LastEnding::Unknown(intents(&[&[1, 2], &[3]])),
    };
    let doubts = doubts(last, &Lines::default());
    let times: Vec<_> = doubts.into_values().map(|prior| prior.first_sent).collect();
    assert_eq!(times, [first(9), first(1), first(2)]);
}

#[test]
fn a_row_that_is_taken_up_again_keeps_its_doubt() {
    use Doubt::{Accepted, MayHaveStarted, None as Sure};
    let server = Timestamp::from_second(5).ok();
    let first_sent = Some(FirstSent { server, local: None });
    for (outcome, doubt) in [
        (Outcome::Unknown, MayHaveStarted),
        (Outcome::Unconfirmed, Accepted),
        (Outcome::Failed, Sure),
        (Outcome::Rejected, Sure),
        (Outcome::AlreadyStarted, Sure),
    ] {
        let (ending, elapsed) = (Ending::Settled, None);
        let row = row(1, Some(7));
        let record = Record {
            row,
            outcome,
            ending,
            attempts: 3,
            first_sent,
            last: None,
            reason: None,
            elapsed,
        };
        let expected = Prior { doubt, attempts: 3, first_sent, last: None };
        assert_eq!(reopened(record), expected, "{outcome}");
    }
}

/// Session of the model: the maximum number of rows it launches, what it does, and how it ends.
#[derive(Clone, Debug)]
struct SessionModel {
    limit: Option<u64>,
    does: Vec<u8>,
    crashes: bool,
}

fn session() -> impl Strategy<Value = SessionModel> {
    (prop::option::of(0_u64..6), prop::collection::vec(any::<u8>(), 0..40), any::<bool>())
        .prop_map(|(limit, does, crashes)| SessionModel { limit, does, crashes })
}

/// What really happened; sessions know only what they recorded.
#[derive(Default)]
struct RunModel {
    settled: Lines,
    /// Lines that were sent, and are not settled.
    sent: BTreeMap<u64, u32>,
    times_settled: BTreeMap<u64, u32>,
    last: LastSession,
    /// Lines noted by a session that crashed.
    noted: Lines,
}

struct OpenModel {
    line: u64,
    prior: Prior,
    noted: bool,
}

impl RunModel {
    fn settle(&mut self, line: u64) {
        self.settled.insert(line);
        self.sent.remove(&line);
        *self.times_settled.entry(line).or_default() += 1;
    }

    fn check(&self, doubts: &Doubts) {
        for line in self.sent.keys() {
            let prior = doubts.get(line);
            assert!(prior.is_some_and(|p| p.doubt != Doubt::None), "line {line} may be started");
        }
        for line in doubts.keys() {
            let is_known = self.sent.contains_key(line) || self.noted.contains(*line);
            assert!(is_known, "made-up doubt of line {line}");
        }
    }

    fn work(&mut self, ids: &[Option<u64>], session: &SessionModel) {
        let doubts = doubts(std::mem::take(&mut self.last), &self.settled);
        self.check(&doubts);
        let mut plan = planned(ids, &self.settled, doubts.clone()).into_iter();
        let (mut open, mut launched) = (Vec::<OpenModel>::new(), 0);
        let mut batches: Vec<Vec<u64>> = Vec::new();
        let mut left = session.limit.unwrap_or(u64::MAX);
        for does in &session.does {
            let at = usize::from(*does) % open.len().max(1);
            match does % 4 {
                0 if left > 0 => match plan.next() {
                    Some(Planned::Unsent(row, _)) => self.settle(row.line),
                    Some(Planned::Launch(launch)) => {
                        let LaunchableRow { row, prior, .. } = launch;
                        assert!(!self.settled.contains(row.line), "handed out again");
                        left -= 1;
                        launched += 1;
                        open.push(OpenModel { line: row.line, prior, noted: false });
                    }
                    None => {}
                },
                // One commit notes half of the open rows.
                1 => {
                    let rows = open.iter_mut().filter(|row| !row.noted);
                    let some = rows.step_by(1 + at % 2).map(|row| {
                        row.noted = true;
                        row.line
                    });
                    batches.push(some.collect());
                }
                2 if open.get(at).is_some_and(|row| row.noted) => {
                    open[at].prior.attempts += 1;
                    open[at].prior.doubt = Doubt::MayHaveStarted;
                    *self.sent.entry(open[at].line).or_default() += 1;
                }
                3 if !open.is_empty() => {
                    let row = open.swap_remove(at);
                    self.settle(row.line);
                }
                _ => {}
            }
        }
        assert!(launched <= session.limit.unwrap_or(u64::MAX));
        let ending = if session.crashes {
            for line in batches.iter().flatten() {
                self.noted.insert(*line);
            }
            let batches: Vec<_> = batches.iter().map(Vec::as_slice).collect();
            LastEnding::Unknown(intents(&batches))
        } else {
            let sent = open.into_iter().filter(|row| row.prior.attempts > 0);
            LastEnding::Orderly(sent.map(|row| (row.line, row.prior)).collect())
        };
        self.last = LastSession { doubts, ending };
    }
}

proptest! {
    #[test]
    fn whatever_happens_nothing_is_lost_repeated_or_forgotten(
        ids in prop::collection::vec(prop::option::weighted(0.9, 1_u64..12), 0..16),
        sessions in prop::collection::vec(session(), 0..8),
    ) {
        let mut model = RunModel::default();
        for session in &sessions {
            model.work(&ids, session);
        }
        let all = SessionModel {
            limit: None,
            does: [0, 3].into_iter().cycle().take(4 * ids.len()).collect(),
            crashes: false,
        };
        model.work(&ids, &all);
        prop_assert!(planned(&ids, &model.settled, Doubts::new()).is_empty());
        prop_assert_eq!(model.settled.len(), ids.len() as u64);
        prop_assert!(model.times_settled.values().all(|times| *times == 1));
        prop_assert!(model.sent.is_empty());
    }
}
