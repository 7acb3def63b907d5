//! The queue by examples, and by random histories against a model of it.

use super::probe::ProbeSearch;
use super::*;
use crate::domain::task::Scope;
use proptest::prelude::*;
use std::time::Duration;

fn business(id: u64) -> Business {
    Business { scope: Scope::CmdbBiz, id: id.to_string().parse().unwrap() }
}

fn queue(rows: &[(u64, Try, &'static str)]) -> FairQueue<&'static str> {
    let mut queue = FairQueue::new(IntentNotes::NotNeeded);
    for (id, turn, row) in rows {
        queue.join(business(*id), *turn, *row);
    }
    queue
}

fn order(
    queue: &mut FairQueue<&'static str>,
    now: Instant,
    blocked: impl Fn(u64) -> Option<Blocked>,
) -> Vec<&'static str> {
    let (mut order, mut asked) = (Vec::new(), 0);
    let mut blocked = |business: Business| {
        asked += 1;
        assert!(asked < 100, "it never ends");
        blocked(business.id.get())
    };
    while let Some((next, turn)) = queue.next(now, &mut blocked) {
        order.push(queue.take(next, turn).expect("next named it"));
    }
    order
}

#[test]
fn businesses_take_turns_and_rows_sent_before_go_first() {
    use Try::{First, Retry};
    let mut queue = queue(&[
        (1, First, "1a"),
        (1, First, "1b"),
        (1, First, "1c"),
        (2, First, "2a"),
        (3, First, "3a"),
        (3, Retry, "3r"),
        (1, Retry, "1r"),
        (1, Retry, "1s"),
    ]);
    let order = order(&mut queue, Instant::now(), |_| None);
    assert_eq!(order, ["3r", "1r", "1s", "1a", "2a", "3a", "1b", "1c"]);
}

#[test]
fn blocked_businesses_are_skipped_until_their_time() {
    use Try::{First, Retry};
    let start = Instant::now();
    let until = start + Duration::from_secs(5);
    let mut queue =
        queue(&[(1, First, "1a"), (1, Retry, "1r"), (2, First, "2a"), (3, First, "3a")]);
    let blocked = |id| match id {
        1 => Some(Blocked::Until(until)),
        3 => Some(Blocked::UntilWoken),
        _ => None,
    };
    assert_eq!(order(&mut queue, start, blocked), ["2a"]);
    assert_eq!(queue.next_wake(), Some(until));
    queue.join(business(1), Retry, "1s");
    assert_eq!(order(&mut queue, until - Duration::from_nanos(1), |_| None), [""; 0]);
    assert_eq!(order(&mut queue, until, |_| None), ["1r", "1s", "1a"]);
    queue.wake(business(3));
    assert_eq!(order(&mut queue, until, |_| None), ["3a"]);
    assert!(queue.queues.is_empty(), "nothing is kept of a business without rows");
}

#[test]
fn a_business_keeps_its_turn_until_its_row_is_taken() {
    let mut queue = queue(&[(1, Try::First, "1a"), (2, Try::First, "2a")]);
    let now = Instant::now();
    let turn = |id| Some((business(id), Try::First));
    assert_eq!(queue.next(now, |_| None), turn(1));
    assert_eq!(queue.next(now, |_| None), turn(1));
    assert_eq!(queue.take(business(1), Try::First), Some("1a"));
    assert_eq!(queue.next(now, |_| None), turn(2));
}

#[test]
fn rows_that_were_never_sent_are_drained_alone() {
    let mut queue = queue(&[(1, Try::First, "1a"), (2, Try::Retry, "2r"), (2, Try::First, "2a")]);
    let mut drained = queue.drain_first();
    drained.sort_unstable();
    assert_eq!(drained, ["1a", "2a"]);
    assert_eq!(order(&mut queue, Instant::now(), |_| None), ["2r"]);
}

#[test]
fn everyone_who_waits_is_drained() {
    let mut queue = queue(&[(1, Try::First, "1a"), (2, Try::Retry, "2r")]);
    let mut drained: Vec<_> = queue.drain().collect();
    drained.sort_unstable();
    assert_eq!(drained, ["1a", "2r"]);
    assert_eq!(queue.next(Instant::now(), |_| None), None);
}

#[test]
fn a_blocked_business_whose_new_rows_are_drained_leaves_no_entry_behind() {
    let start = Instant::now();
    let until = start + Duration::from_secs(1);
    let mut queue = queue(&[(1, Try::First, "1a")]);
    assert_eq!(queue.next(start, |_| Some(Blocked::Until(until))), None);
    assert_eq!(queue.drain_first(), ["1a"]);
    queue.join(business(1), Try::Retry, "1r");
    queue.join(business(1), Try::First, "1b");
    assert_eq!(queue.next_wake(), None, "the sleeper went with its rows");
    assert_eq!(order(&mut queue, until, |_| None), ["1r", "1b"]);
    assert_eq!(queue.next(until, |_| None), None);
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Join(u64, Try),
    /// Keeps the business from going from now on, once it is asked for.
    Keep(u64, Keep),
    Go,
    Wake(u64),
    Pass(u64),
    Name(usize),
    Commit,
    DrainFirst,
    /// Lets the row with the lowest rank go, of the business after the last one.
    Probe,
    /// Gives up the rows whose number leaves this rest.
    Remove(u32),
}

#[derive(Clone, Copy, Debug)]
enum Keep {
    Nothing,
    For(u64),
    UntilWoken,
}

fn step() -> impl Strategy<Value = Step> {
    let business = 1_u64..5;
    let turn = prop_oneof![Just(Try::First), Just(Try::Retry)];
    let keep =
        prop_oneof![Just(Keep::Nothing), (1_u64..9).prop_map(Keep::For), Just(Keep::UntilWoken)];
    prop_oneof![
        4 => (business.clone(), turn).prop_map(|(business, turn)| Step::Join(business, turn)),
        2 => (business.clone(), keep).prop_map(|(business, keep)| Step::Keep(business, keep)),
        4 => Just(Step::Go),
        1 => business.prop_map(Step::Wake),
        1 => (1_u64..9).prop_map(Step::Pass),
        2 => (1_usize..6).prop_map(Step::Name),
        2 => Just(Step::Commit),
        1 => Just(Step::DrainFirst),
        2 => Just(Step::Probe),
        1 => (0_u32..3).prop_map(Step::Remove),
    ]
}

/// Rows that wait, as plain lists, and those that were noted.
#[derive(Default)]
struct Model {
    waiting: BTreeMap<(u64, bool), Vec<u32>>,
    kept: HashMap<u64, Blocked>,
    named: Vec<u32>,
    noted: Vec<u32>,
}

impl Model {
    fn rows(&mut self, business: u64, turn: Try) -> &mut Vec<u32> {
        self.waiting.entry((business, turn == Try::Retry)).or_default()
    }

    /// What keeps a business from going at `now`. Panics if it is asked for ever.
    fn kept(&self, now: Instant) -> impl FnMut(Business) -> Option<Blocked> + use<'_> {
        let mut asked = 0;
        move |business| {
            asked += 1;
            assert!(asked < 100, "it never ends");
            let kept = self.kept.get(&business.id.get()).copied();
            kept.filter(|kept| !matches!(kept, Blocked::Until(until) if *until <= now))
        }
    }
}

/// Checks that every entry of the index has its rows, once, and whatever may go has its entry.
fn check_index(queue: &FairQueue<u32>) {
    let Rings { again, first, unnamed, .. } = &queue.rings;
    let (mut entries, mut ready) = ((0, 0, 0, 0), 0);
    for (business, rows) in &queue.queues {
        assert!(!rows.is_empty(), "an empty queue is kept");
        let may_go = rows.blocked.is_none();
        let Indexed { again: in_again, first: in_first, unnamed: in_unnamed, asleep, .. } =
            rows.indexed;
        let has_unnamed = rows.first.len() > rows.noted + rows.named;
        for (ring, ticket, has) in [
            (again, in_again, !rows.again.is_empty()),
            (first, in_first, rows.noted > 0),
            (unnamed, in_unnamed, has_unnamed),
        ] {
            assert_eq!(ticket.is_some(), may_go && has, "{business:?}");
            assert!(ticket.is_none_or(|ticket| ring.get(&ticket) == Some(business)));
        }
        let until = match rows.blocked {
            Some(Blocked::Until(until)) => Some(until),
            Some(Blocked::UntilWoken) | None => None,
        };
        assert_eq!(asleep, until);
        assert!(until.is_none_or(|until| queue.asleep.contains(&(until, *business))));
        entries.0 += usize::from(in_again.is_some());
        entries.1 += usize::from(in_first.is_some());
        entries.2 += usize::from(in_unnamed.is_some());
        entries.3 += usize::from(asleep.is_some());
        ready += if may_go { rows.noted } else { 0 };
    }
    let lengths = (again.len(), first.len(), unnamed.len(), queue.asleep.len());
    assert_eq!(entries, lengths, "a ghost in the index");
    assert_eq!(queue.ready(), ready);
    let named =
        queue.queues.iter().filter(|(_, rows)| rows.named > 0).map(|(business, _)| business);
    let naming: BTreeSet<_> = queue.naming.iter().collect();
    assert_eq!(naming, named.collect(), "what is named is what a commit lets go");
    assert_eq!(naming.len(), queue.naming.len(), "once");
}

/// Lets the next row go in the queue and in the model.
fn go(queue: &mut FairQueue<u32>, model: &mut Model, now: Instant) -> Option<u32> {
    let found = queue.next(now, model.kept(now));
    let Some((business, turn)) = found else {
        let is_free =
            |q: &&BusinessQueue<u32>| q.blocked.is_none() && (q.noted > 0 || !q.again.is_empty());
        let free = queue.queues.values().filter(is_free).count();
        assert_eq!(free, 0, "a business that nothing keeps is passed over");
        return None;
    };
    let row = queue.take(business, turn).expect("next named it");
    let rows = model.rows(business.id.get(), turn);
    assert_eq!(row, rows.remove(0), "rows of a business go in the order of joining");
    if turn == Try::First {
        let is_noted = queue.notes == IntentNotes::NotNeeded || model.noted.contains(&row);
        assert!(is_noted, "a row goes that was never noted");
        let again = queue.queues.values().filter(|q| q.blocked.is_none() && !q.again.is_empty());
        assert_eq!(again.count(), 0, "rows that were sent before go first");
    }
    Some(row)
}

/// Lets a row go out of turn, if any may: the one that joined last is wanted most, and
/// every fourth is not wanted.
fn probe(queue: &mut FairQueue<u32>, model: &mut Model, now: Instant, last: &mut Option<Business>) {
    let kept = model.kept.clone();
    let blocked = |business: Business| kept.get(&business.id.get()).copied();
    let rank = |row: &u32| (!row.is_multiple_of(4)).then_some(u32::MAX - row);
    let is_noted = |row: &u32| queue.notes == IntentNotes::NotNeeded || model.noted.contains(row);
    let may_go: Vec<u32> = (model.waiting.iter())
        .filter(|((id, _), _)| {
            queue.queues.get(&business(*id)).is_some_and(|q| q.blocked.is_none())
        })
        .filter(|((id, _), _)| !kept.contains_key(id))
        .flat_map(|((_, again), rows)| {
            let first = rows.iter().take(1).filter(|row| is_noted(row)).copied();
            if *again { rows.clone() } else { first.collect() }
        })
        .collect();
    match queue.search(now, *last, blocked, rank) {
        ProbeSearch::Found(place) => {
            let row = queue.take_at(place).expect("search found it");
            assert!(may_go.contains(&row), "{row} may not go");
            let of_business: Vec<u32> = [Try::First, Try::Retry]
                .into_iter()
                .flat_map(|turn| model.rows(place.business.id.get(), turn).clone())
                .filter(|row| may_go.contains(row) && row % 4 != 0)
                .collect();
            assert_eq!(of_business.iter().max(), Some(&row), "another was wanted more");
            model.rows(place.business.id.get(), place.turn).retain(|waiting| *waiting != row);
            *last = Some(place.business);
        }
        ProbeSearch::NoneWanted => {
            assert!(!may_go.is_empty() && may_go.iter().all(|row| row % 4 == 0), "{may_go:?}");
        }
        ProbeSearch::Nobody => assert_eq!(may_go, [0; 0]),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn no_history_leaves_a_ghost_forgets_a_row_or_goes_on_for_ever(
        steps in prop::collection::vec(step(), 0..60),
        notes in prop_oneof![Just(IntentNotes::Needed), Just(IntentNotes::NotNeeded)],
    ) {
        let (mut queue, mut model) = (FairQueue::new(notes), Model::default());
        let (mut now, mut joined, mut last) = (Instant::now(), 0, None);
        for step in steps {
            match step {
                Step::Join(id, turn) => {
                    joined += 1;
                    queue.join(business(id), turn, joined);
                    model.rows(id, turn).push(joined);
                }
                Step::Keep(id, Keep::Nothing) => {
                    model.kept.remove(&id);
                }
                Step::Keep(id, Keep::For(seconds)) => {
                    let until = now + Duration::from_secs(seconds);
                    model.kept.insert(id, Blocked::Until(until));
                }
                Step::Keep(id, Keep::UntilWoken) => {
                    model.kept.insert(id, Blocked::UntilWoken);
                }
                Step::Go => {
                    go(&mut queue, &mut model, now);
                }
                Step::Wake(id) => {
                    model.kept.remove(&id);
                    queue.wake(business(id));
                }
                Step::Name(count) => {
                    let named = queue.name(count, now, model.kept(now), |row| *row);
                    prop_assert!(named.len() <= count);
                    for row in named {
                        let is_new = !model.noted.contains(&row) && !model.named.contains(&row);
                        prop_assert!(is_new, "row {} is named twice", row);
                        let waits = |((_, _), rows): &(&(u64, bool), &Vec<u32>)| rows.contains(&row);
                        let ((id, _), _) = model.waiting.iter().find(waits).unwrap();
                        let kept = model.kept(now)(business(*id));
                        prop_assert_eq!(kept, None, "row {} of a held business", row);
                        model.named.push(row);
                    }
                }
                Step::Commit => {
                    queue.committed();
                    model.noted.append(&mut model.named);
                }
                Step::Probe => {
                    queue.wake_sleepers(now);
                    model.kept.retain(|_, kept| !matches!(kept, Blocked::Until(until) if *until <= now));
                    probe(&mut queue, &mut model, now, &mut last);
                }
                Step::Remove(rest) => {
                    let removed = queue.remove(|_, row| row % 3 == rest);
                    let removed: BTreeSet<u32> = removed.into_iter().map(|(.., row)| row).collect();
                    let mut expected = BTreeSet::new();
                    for rows in model.waiting.values_mut() {
                        expected.extend(rows.iter().filter(|row| **row % 3 == rest));
                        rows.retain(|row| row % 3 != rest);
                    }
                    prop_assert_eq!(&removed, &expected);
                    model.named.retain(|row| !removed.contains(row));
                }
                Step::Pass(seconds) => now += Duration::from_secs(seconds),
                Step::DrainFirst => {
                    let mut drained = queue.drain_first();
                    let waiting = model.waiting.iter_mut().filter(|((_, again), _)| !again);
                    let mut expected: Vec<_> = waiting.flat_map(|(_, rows)| rows.drain(..)).collect();
                    drained.sort_unstable();
                    expected.sort_unstable();
                    prop_assert_eq!(drained, expected);
                    model.named.clear();
                }
            }
            check_index(&queue);
        }
        model.kept.clear();
        (1..5).for_each(|id| queue.wake(business(id)));
        now += Duration::from_secs(10);
        queue.committed();
        model.noted.append(&mut model.named);
        model.noted.extend(queue.name(usize::MAX, now, |_| None, |row| *row));
        queue.committed();
        while go(&mut queue, &mut model, now).is_some() {
            check_index(&queue);
        }
        prop_assert!(model.waiting.values().all(Vec::is_empty), "rows were forgotten");
        prop_assert!(queue.queues.is_empty());
    }
}

#[test]
fn probes_go_round_the_businesses_each_with_its_least_tried_row() {
    use Try::{First, Retry};
    let attempts = [
        (1, Retry, ("1r", 3)),
        (1, Retry, ("1s", 1)),
        (2, First, ("2a", 0)),
        (2, Retry, ("2r", 1)),
        (3, Retry, ("3r", 9)),
    ];
    let mut queue = FairQueue::new(IntentNotes::NotNeeded);
    for (id, turn, row) in attempts {
        queue.join(business(id), turn, row);
    }
    let (now, mut last, mut order) = (Instant::now(), None, Vec::new());
    while let ProbeSearch::Found(place) = queue.search(now, last, |_| None, |row| Some(row.1)) {
        last = Some(place.business);
        order.extend(queue.take_at(place).map(|row| row.0));
    }
    assert_eq!(order, ["1s", "2a", "3r", "1r", "2r"]);
}

#[test]
fn rows_are_named_in_the_order_in_which_they_would_go() {
    use Try::First;
    let mut queue = FairQueue::new(IntentNotes::Needed);
    for (id, row) in [(1, "1a"), (1, "1b"), (1, "1c"), (2, "2a"), (3, "3a"), (3, "3b")] {
        queue.join(business(id), First, row);
    }
    let now = Instant::now();
    let until = now + Duration::from_secs(5);
    let name = |queue: &mut FairQueue<&'static str>, count, now| {
        let held = |business: Business| {
            (business.id.get() == 3 && now < until).then_some(Blocked::Until(until))
        };
        queue.name(count, now, held, |row| *row)
    };
    assert_eq!(queue.next(now, |_| None), None, "nothing is noted yet");
    assert_eq!(name(&mut queue, 3, now), ["1a", "2a", "1b"]);
    assert_eq!((queue.next(now, |_| None), queue.ready()), (None, 0), "and nothing is committed");
    queue.committed();
    assert_eq!(queue.ready(), 3);
    assert_eq!(order(&mut queue, now, |_| None), ["1a", "2a", "1b"]);
    assert_eq!(name(&mut queue, 9, now), ["1c"], "a held business is named no rows");
    assert_eq!(name(&mut queue, 9, until), ["3a", "3b"]);
    queue.committed();
    assert_eq!(order(&mut queue, until, |_| None), ["1c", "3a", "3b"]);
    assert!(queue.queues.is_empty() && !queue.is_naming());
}

proptest! {
    #[test]
    fn many_rows_are_named_in_the_order_in_which_they_are_named_one_by_one(
        joined in prop::collection::vec(1_u64..6, 0..40),
        counts in prop::collection::vec(0_usize..12, 1..8),
        held in 1_u64..6,
    ) {
        let (mut at_once, mut one_by_one) =
            (FairQueue::new(IntentNotes::Needed), FairQueue::new(IntentNotes::Needed));
        for (row, id) in joined.iter().enumerate() {
            at_once.join(business(*id), Try::First, row);
            one_by_one.join(business(*id), Try::First, row);
        }
        let now = Instant::now();
        for count in counts {
            let blocked = |business: Business| {
                (business.id.get() == held).then_some(Blocked::UntilWoken)
            };
            let rows: Vec<_> =
                (0..count).flat_map(|_| one_by_one.name(1, now, blocked, |row| *row)).collect();
            prop_assert_eq!(at_once.name(count, now, blocked, |row| *row), rows);
        }
    }
}
