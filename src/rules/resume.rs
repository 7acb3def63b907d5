//! What is left to do of a run.
//!
//! Pure rules: the rows of the input, the lines that are settled and what earlier
//! sessions left in doubt go in, and what is to be done with each row comes out. A
//! first session is one of which nothing is settled and nothing in doubt.

use std::collections::{BTreeMap, HashSet, VecDeque};

use crate::domain::record::{Doubt, Outcome, Prior, Record};
use crate::domain::row::Row;
use crate::domain::task::Task;
use crate::rules::intents::{self, Intents};

/// What is to be done with a row that is not settled.
#[derive(Debug)]
pub enum Planned {
    /// It can be launched; earlier sessions left this behind.
    Launch(LaunchableRow),
    /// It is never sent.
    Unsent(Row, Outcome),
}

/// A row that can be launched.
#[derive(Debug)]
pub struct LaunchableRow {
    /// The row.
    pub row: Row,
    /// Its task.
    pub task: Task,
    /// What earlier sessions left behind of it.
    pub prior: Prior,
    /// Its position in the input, from 1, counted over all rows.
    pub position: u64,
}

/// What earlier sessions left behind of rows that they did not settle, by line.
pub type Doubts = BTreeMap<u64, Prior>;

/// What is left to do: of every row that is not `settled`, in the order of the
/// input. Whether a task came by before is told over all rows, settled or not;
/// `expected` of them make room once, where their number is known.
pub fn plan<E>(
    rows: impl Iterator<Item = Result<Row, E>>,
    expected: Option<u64>,
    settled: Lines,
    mut doubts: Doubts,
) -> impl Iterator<Item = Result<Planned, E>> {
    let mut seen = Seen::with_room_for(expected);
    let mut position = 0;
    rows.filter_map(move |row| {
        let row = match row {
            Ok(row) => row,
            Err(error) => return Some(Err(error)),
        };
        position += 1;
        let is_new = row.task.as_ref().is_ok_and(|task| seen.is_new(task));
        if settled.contains(row.line) {
            return None;
        }
        Some(Ok(match row.task {
            Err(_) => Planned::Unsent(row, Outcome::Invalid),
            Ok(_) if !is_new => Planned::Unsent(row, Outcome::Duplicate),
            Ok(task) => {
                let prior = doubts.remove(&row.line).unwrap_or_default();
                Planned::Launch(LaunchableRow { row, task, prior, position })
            }
        }))
    })
}

/// The same rows, those last that were sent before: after an outage they may be what the
/// server cannot bear. What is held back is no more than was open at a time.
pub(crate) fn sent_last<E>(
    mut rows: impl Iterator<Item = Result<Planned, E>>,
) -> impl Iterator<Item = Result<Planned, E>> {
    let (mut sent, mut end) = (VecDeque::new(), None);
    std::iter::from_fn(move || {
        while end.is_none() {
            match rows.next() {
                Some(Ok(Planned::Launch(row))) if row.prior.attempts > 0 => sent.push_back(row),
                Some(Ok(row)) => return Some(Ok(row)),
                Some(Err(error)) => end = Some(Some(error)),
                None => end = Some(None),
            }
        }
        let next = sent.pop_front().map(|row| Ok(Planned::Launch(row)));
        next.or_else(|| end.as_mut()?.take().map(Err))
    })
}

/// What the session before left behind.
#[derive(Clone, Debug, Default)]
pub struct LastSession {
    /// What was in doubt when it began, and what the server accepted since.
    pub doubts: Doubts,
    /// How it ended.
    pub ending: LastEnding,
}

/// How the session before ended.
#[derive(Clone, Debug)]
pub enum LastEnding {
    /// In order: these rows were sent and not settled.
    Orderly(Doubts),
    /// Nobody knows how: by a crash, a full disk, or a second signal. It had noted these
    /// rows before it could send them.
    Unknown(Vec<Intents>),
}

impl Default for LastEnding {
    fn default() -> Self {
        Self::Orderly(Doubts::new())
    }
}

/// The rows that the next session must hold in doubt: those that were in doubt when the
/// last one began, those that were accepted since, and those that it left open, or may have sent if it did not end in
/// order. A row without an intent was surely not sent by it.
#[must_use]
pub fn doubts(last: LastSession, settled: &Lines) -> Doubts {
    let mut doubts = last.doubts;
    doubts.retain(|line, _| !settled.contains(*line));
    match last.ending {
        LastEnding::Orderly(open) => {
            doubts.extend(open.into_iter().filter(|(line, _)| !settled.contains(*line)));
        }
        LastEnding::Unknown(intents) => {
            for (batch, first) in intents::first_sent(&intents) {
                for line in batch.lines.iter().filter(|line| !settled.contains(**line)) {
                    let prior = doubts.entry(*line).or_default();
                    if prior.doubt == Doubt::None {
                        prior.doubt = Doubt::MayHaveStarted;
                        prior.first_sent = Some(first);
                    }
                }
            }
        }
    }
    doubts
}

/// What is left behind of a row whose last word is taken back. What may have been
/// started stays in doubt.
#[must_use]
pub(crate) fn reopened(record: Record) -> Prior {
    let doubt = match record.outcome {
        Outcome::Unconfirmed => Doubt::Accepted,
        Outcome::Unknown => Doubt::MayHaveStarted,
        _ => Doubt::None,
    };
    let Record { attempts, first_sent, last, .. } = record;
    // Of many rows that surely were not started, no more than a number is kept.
    let last = last.filter(|_| doubt != Doubt::None);
    Prior { doubt, attempts, first_sent, last }
}

/// A set of lines, one bit each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lines {
    bits: Vec<u64>,
    count: u64,
}

impl Lines {
    /// Adds a line; whether it is new.
    pub fn insert(&mut self, line: u64) -> bool {
        let (word, bit) = Self::place(line);
        if word >= self.bits.len() {
            self.bits.resize((word + 1).max(self.bits.len() * 3 / 2), 0);
        }
        let is_new = self.bits[word] & bit == 0;
        self.bits[word] |= bit;
        self.count += u64::from(is_new);
        is_new
    }

    /// Takes a line out.
    pub fn remove(&mut self, line: u64) {
        if self.contains(line) {
            let (word, bit) = Self::place(line);
            self.bits[word] &= !bit;
            self.count -= 1;
        }
    }

    /// Whether a line is in it.
    #[must_use]
    pub fn contains(&self, line: u64) -> bool {
        let (word, bit) = Self::place(line);
        self.bits.get(word).is_some_and(|bits| bits & bit != 0)
    }

    /// The lines, where they follow each other as the first and the last of them.
    pub fn ranges(&self) -> impl Iterator<Item = (u64, u64)> {
        let mut words = self.bits.iter().zip(0_u64..).flat_map(|(word, at)| {
            (0..64).filter(move |bit| word & (1 << bit) != 0).map(move |bit| at * 64 + bit)
        });
        let mut begun = words.next();
        std::iter::from_fn(move || {
            let first = begun?;
            let mut last = first;
            loop {
                begun = words.next();
                match begun {
                    Some(line) if line == last + 1 => last = line,
                    _ => return Some((first, last)),
                }
            }
        })
    }

    /// How many lines it has.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.count
    }

    /// Whether it has none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn place(line: u64) -> (usize, u64) {
        (usize::try_from(line / 64).unwrap_or(usize::MAX), 1 << (line % 64))
    }
}

impl FromIterator<u64> for Lines {
    fn from_iter<T: IntoIterator<Item = u64>>(lines: T) -> Self {
        let mut set = Self::default();
        for line in lines {
            set.insert(line);
        }
        set
    }
}

/// The tasks that came by: 16 bytes each, and what a hash table needs around them.
/// Many small tables grow one by one, so that their old and new halves are never
/// all in memory at once.
struct Seen(Vec<HashSet<u128>>);

impl Seen {
    const TABLES: usize = 64;

    fn with_room_for(expected: Option<u64>) -> Self {
        let expected = usize::try_from(expected.unwrap_or_default()).unwrap_or_default();
        // The tasks spread over the tables almost, but not quite, evenly.
        let each = expected / Self::TABLES;
        Self((0..Self::TABLES).map(|_| HashSet::with_capacity(each + each / 32)).collect())
    }

    fn is_new(&mut self, task: &Task) -> bool {
        let key = task.key();
        let mixed = key.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        // The six bits at the top are one of 64 tables.
        self.0[usize::try_from(mixed >> 122).unwrap_or_default()].insert(key)
    }
}

#[cfg(test)]
mod tests {
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
    fn lines_that_follow_each_other_are_one_range() {
        for (lines, ranges) in [
            (&[][..], &[][..]),
            (&[5], &[(5, 5)]),
            (&[2, 3, 4, 63, 64, 65, 200], &[(2, 4), (63, 65), (200, 200)]),
        ] {
            let set: Lines = lines.iter().copied().collect();
            assert_eq!(set.ranges().collect::<Vec<_>>(), ranges);
        }
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

    /// A batch a second, and no Date.
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

    #[test]
    fn lines_are_a_set() {
        let mut lines = Lines::default();
        assert!(lines.is_empty() && !lines.contains(0));
        assert!(lines.insert(64) && lines.insert(0) && !lines.insert(64));
        assert!(lines.contains(0) && lines.contains(64) && !lines.contains(63));
        assert_eq!(lines.len(), 2);
        lines.remove(64);
        lines.remove(1_000_000);
        assert!(!lines.contains(64) && lines.len() == 1);
    }

    #[test]
    fn a_key_costs_at_most_forty_bytes() {
        for count in [1_000_u64, 57_344, 57_345, 150_000] {
            for expected in [None, Some(count)] {
                let mut seen = Seen::with_room_for(expected);
                for id in 1..=count {
                    let Ok(task) = row(1, Some(id)).task else { panic!("a task") };
                    assert!(seen.is_new(&task) && (id % 97 != 0 || !seen.is_new(&task)));
                }
                // hashbrown: a power of two of slots, 8 for each 7 keys that it can hold,
                // 16 bytes and one of control each.
                let slots = |set: &HashSet<u128>| (set.capacity() * 8 / 7).next_power_of_two();
                let bytes: usize = seen.0.iter().map(|set| slots(set) * 17).sum();
                let each = bytes as u64 / count;
                assert!(each <= 40 || count < 10_000, "{each} bytes for each of {count} keys");
            }
        }
    }

    /// A session of the model: how many rows it launches at most, what it does, and how
    /// it ends.
    #[derive(Clone, Debug)]
    struct Session {
        limit: Option<u64>,
        does: Vec<u8>,
        crashes: bool,
    }

    fn session() -> impl Strategy<Value = Session> {
        (prop::option::of(0_u64..6), prop::collection::vec(any::<u8>(), 0..40), any::<bool>())
            .prop_map(|(limit, does, crashes)| Session { limit, does, crashes })
    }

    /// What truly happened, of which sessions know only what they wrote down.
    #[derive(Default)]
    struct Model {
        settled: Lines,
        /// Lines that were sent, and are not settled.
        sent: BTreeMap<u64, u32>,
        times_settled: BTreeMap<u64, u32>,
        last: LastSession,
        /// Lines that a session which crashed had noted.
        noted: Lines,
    }

    /// A row that the model has open.
    struct Open {
        line: u64,
        prior: Prior,
        noted: bool,
    }

    impl Model {
        fn settle(&mut self, line: u64) {
            self.settled.insert(line);
            self.sent.remove(&line);
            *self.times_settled.entry(line).or_default() += 1;
        }

        fn check(&self, doubts: &Doubts) {
            for line in self.sent.keys() {
                let prior = doubts.get(line);
                assert!(
                    prior.is_some_and(|p| p.doubt != Doubt::None),
                    "line {line} may be started"
                );
            }
            for line in doubts.keys() {
                let is_known = self.sent.contains_key(line) || self.noted.contains(*line);
                assert!(is_known, "made-up doubt of line {line}");
            }
        }

        fn work(&mut self, ids: &[Option<u64>], session: &Session) {
            let doubts = doubts(std::mem::take(&mut self.last), &self.settled);
            self.check(&doubts);
            let mut plan = planned(ids, &self.settled, doubts.clone()).into_iter();
            let (mut open, mut launched) = (Vec::<Open>::new(), 0);
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
                            open.push(Open { line: row.line, prior, noted: false });
                        }
                        None => {}
                    },
                    // Half of what is open is noted in one commit.
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
            let mut model = Model::default();
            for session in &sessions {
                model.work(&ids, session);
            }
            let all = Session {
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
}
