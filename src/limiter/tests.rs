//! The limiter as rows see them, under paused time: a stamp is the moment at which
//! a row was let through.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "small counts, compared with measured seconds"
)]

use super::choice::Pick;
use super::circuit_breaker::{AttemptResult, Sign};
use super::counted_connections::CountedConnections;
use super::*;
use crate::domain::answer::{Answer, Delivery, Speaker, Verdict, Whom};
use crate::domain::answer::{Failure, FailureClass, Hold, Reply, Taken};
use crate::domain::rate::Rate;
use crate::domain::task::Scope;
use crate::rules::budget::Budget;
use crate::rules::budget::UsedUp;
use crate::rules::retry::{Patience, Server};
use std::num::NonZeroUsize;

fn business(id: u64) -> Business {
    Business { scope: Scope::CmdbBiz, id: id.to_string().parse().unwrap() }
}

async fn start(limiter: &Arc<Limiter>, id: u64, turn: Try, line: u64) -> Result<Permit, Closed> {
    match limiter.acquire_start(business(id), turn, line, 0).await? {
        Admitted::Go(permit) => Ok(permit),
        Admitted::GiveUp(why, _) => panic!("given up: {why:?}"),
    }
}

pub(super) fn limits(rate: &str, slots: usize) -> Limits {
    Limits {
        rate: rate.parse().unwrap(),
        burst: None,
        rate_per_biz: Rate::Unlimited,
        slots: NonZeroUsize::new(slots).unwrap(),
        slots_per_biz: None,
        backoff: "500ms..30s".parse().unwrap(),
        throttle_patience: Duration::from_mins(15),
        budget: None,
    }
}

/// Returns a limiter of a session that has had its first answer.
fn open(limits: &Limits) -> Arc<Limiter> {
    answered(limits, IntentNotes::NotNeeded)
}

fn answered(limits: &Limits, notes: IntentNotes) -> Arc<Limiter> {
    let limiter = Limiter::new(limits, notes, CountedConnections::always());
    let answered = Delivery::Answered(Speaker::BkSops);
    limiter
        .shared
        .change(|state| state.first_answer.heard(answered, Instant::now(), &limits.backoff));
    tokio::spawn(Arc::clone(&limiter).run());
    limiter
}

fn accepted() -> Answer {
    Answer::new(Verdict::Accepted, Reply::default())
}

fn failed(class: FailureClass, delivery: Delivery, hold: Option<Whom>) -> Answer {
    let hold = hold.map(|whom| Hold { whom, stated: None });
    let (taken, server) = (Taken::No, Box::default());
    let failure = Failure { class, delivery, taken, hold, server };
    Answer::new(Verdict::Failed(failure), Reply::default())
}

fn refused() -> Answer {
    failed(FailureClass::ThrottledBiz, Delivery::Answered(Speaker::BkSops), Some(Whom::Business))
}

fn lost() -> Answer {
    failed(FailureClass::Ambiguous, Delivery::Lost, None)
}

/// Sends `rows` rows of a business at once, each taking `latency`, and returns their sorted
/// stamps in seconds since now.
async fn stamps(limiter: &Arc<Limiter>, id: u64, rows: usize, latency: Duration) -> Vec<f64> {
    let begin = Instant::now();
    let mut sent = tokio::task::JoinSet::new();
    for _ in 0..rows {
        let limiter = Arc::clone(limiter);
        sent.spawn(async move {
            let permit = start(&limiter, id, Try::First, 1).await.unwrap();
            let stamp = permit.sent().duration_since(begin).as_secs_f64();
            tokio::time::sleep(latency).await;
            limiter.heard(permit, &accepted());
            stamp
        });
    }
    let mut stamps = sent.join_all().await;
    stamps.sort_by(f64::total_cmp);
    stamps
}

fn busiest_second(stamps: &[f64]) -> usize {
    let within =
        |first: &f64| stamps.iter().filter(|s| **s >= *first && **s <= first + 1.0).count();
    stamps.iter().map(within).max().unwrap_or(0)
}

#[tokio::test(start_paused = true)]
async fn the_pace_is_exact() {
    for (rate, rows, last) in [("200/s", 1001, 5.0), ("20/s", 101, 5.0), ("100/m", 11, 6.0)] {
        let limiter = open(&limits(rate, 64));
        let stamps = stamps(&limiter, 1, rows, Duration::from_millis(30)).await;
        let took = stamps[rows - 1];
        assert!((took - last).abs() <= last / 100.0, "{rate}: {took}");
    }
    let limiter = open(&limits("200/s", 64));
    let stamps = stamps(&limiter, 1, 1001, Duration::from_millis(30)).await;
    assert!(busiest_second(&stamps) <= 202, "{}", busiest_second(&stamps));
}

#[tokio::test(start_paused = true)]
async fn a_stall_with_all_slots_full_does_not_turn_into_a_burst() {
    let limiter = open(&limits("200/s", 64));
    let stalled = Arc::clone(&limiter);
    let first = tokio::spawn(async move { stamps(&stalled, 1, 64, Duration::from_secs(2)).await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let later = stamps(&limiter, 1, 400, Duration::from_millis(5)).await;
    let mut all = first.await.unwrap();
    all.extend(later.iter().map(|stamp| stamp + 0.1));
    all.sort_by(f64::total_cmp);
    assert!(busiest_second(&all) <= 202, "{}", busiest_second(&all));
    let after: Vec<_> = all.iter().filter(|stamp| **stamp > 1.9).collect();
    let took = *after[after.len() - 1] - *after[0];
    let due = after.len() as f64 / 200.0;
    assert!((took - due).abs() < 0.02, "{} rows in {took} s", after.len());
}

#[tokio::test(start_paused = true)]
async fn no_more_than_the_slots_are_in_flight() {
    let limiter = open(&Limits { slots_per_biz: NonZeroUsize::new(2), ..limits("unlimited", 3) });
    let (one, two) = tokio::join!(
        stamps(&limiter, 1, 6, Duration::from_secs(1)),
        stamps(&limiter, 2, 6, Duration::from_secs(1)),
    );
    let mut all = [one.clone(), two].concat();
    all.sort_by(f64::total_cmp);
    assert_eq!(all.iter().filter(|stamp| **stamp < 0.5).count(), 3);
    assert!((all[11] - 3.0).abs() < 0.01, "12 rows by 3 slots of a second: {all:?}");
    assert!(one.iter().filter(|stamp| **stamp < 0.5).count() <= 2);
}

#[tokio::test(start_paused = true)]
async fn a_held_business_does_not_stop_the_others() {
    let limiter = open(&limits("unlimited", 4));
    let permit = start(&limiter, 1, Try::First, 1).await.unwrap();
    limiter.heard(permit, &refused());
    let (held, other) = tokio::join!(
        stamps(&limiter, 1, 100, Duration::from_millis(1)),
        stamps(&limiter, 2, 100, Duration::from_millis(1)),
    );
    assert!(other[99] < 0.2, "{}", other[99]);
    assert!(held[0] >= 0.5 && held[0] < 0.51, "{}", held[0]);
}

#[tokio::test(start_paused = true)]
async fn after_a_refusal_two_of_a_business_are_out_at_once() {
    let limiter = open(&limits("unlimited", 64));
    let permit = start(&limiter, 1, Try::First, 1).await.unwrap();
    limiter.heard(permit, &refused());
    let stamps = stamps(&limiter, 1, 10, Duration::from_secs(1)).await;
    let seconds: Vec<_> = stamps.iter().map(|stamp| format!("{stamp:.1}")).collect();
    assert_eq!(seconds, ["0.5", "0.5", "1.5", "1.5", "2.5", "2.5", "3.5", "3.5", "4.5", "4.5"]);
}

#[tokio::test(start_paused = true)]
async fn a_row_that_was_sent_before_goes_first() {
    let limiter = open(&limits("1/s", 4));
    let first = start(&limiter, 1, Try::First, 1).await.unwrap();
    drop(first);
    let fresh = tokio::spawn({
        let limiter = Arc::clone(&limiter);
        async move { stamps(&limiter, 1, 3, Duration::ZERO).await }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let permit = start(&limiter, 2, Try::Retry, 1).await.unwrap();
    drop(permit);
    let fresh = fresh.await.unwrap();
    assert!(fresh[0] > 1.5, "the retry took the turn at 1 s: {fresh:?}");
}

#[tokio::test(start_paused = true)]
async fn an_outage_lets_one_probe_through_at_a_time() {
    let limiter = open(&limits("unlimited", 8));
    let permit = start(&limiter, 1, Try::First, 1).await.unwrap();
    assert_eq!(limiter.heard(permit, &accepted()).server, Server::BkSops);
    let begin = Instant::now();
    for _ in 0..4 {
        let permit = start(&limiter, 1, Try::First, 1).await.unwrap();
        limiter.heard(permit, &lost());
    }
    let mut probes = Vec::new();
    for _ in 0..3 {
        let permit = start(&limiter, 1, Try::Retry, 1).await.unwrap();
        probes.push(permit.sent().duration_since(begin).as_millis());
        let known = limiter.heard(permit, &lost());
        assert!(known.in_outage);
        assert_eq!(known.outage.map(|o| o.lasted.as_millis()), probes.last().copied());
    }
    assert_eq!(probes, [500, 1500, 3500]);
    let probe = start(&limiter, 1, Try::Retry, 1).await.unwrap();
    let other = start(&limiter, 2, Try::First, 1);
    tokio::pin!(other);
    let waited = tokio::time::timeout(Duration::from_mins(1), &mut other).await;
    assert!(waited.is_err(), "while a probe is out nothing else may go");
    limiter.heard(probe, &accepted());
    let permit = other.await.unwrap();
    assert!(!limiter.heard(permit, &accepted()).in_outage);
}

#[tokio::test(start_paused = true)]
async fn closing_the_limiter_turns_everyone_away_at_once() {
    let limiter = open(&limits("1/h", 1));
    let out = start(&limiter, 1, Try::First, 1).await.unwrap();
    let waiting = tokio::spawn({
        let limiter = Arc::clone(&limiter);
        async move { start(&limiter, 2, Try::Retry, 1).await.err() }
    });
    tokio::task::yield_now().await;
    limiter.close();
    assert_eq!(waiting.await.unwrap(), Some(Closed));
    assert_eq!(start(&limiter, 1, Try::First, 1).await.err(), Some(Closed));
    limiter.heard(out, &accepted());
}

#[tokio::test(start_paused = true)]
async fn a_row_that_no_longer_waits_costs_nobody_a_slot() {
    let limiter = open(&limits("unlimited", 1));
    let out = start(&limiter, 1, Try::First, 1).await.unwrap();
    {
        let gone = start(&limiter, 1, Try::First, 1);
        let _ = tokio::time::timeout(Duration::from_millis(10), gone).await;
    }
    drop(out);
    let permit = tokio::time::timeout(Duration::from_secs(1), start(&limiter, 1, Try::First, 1));
    assert!(permit.await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_poll_is_bound_by_the_pace_but_not_by_a_business() {
    let limiter = open(&Limits { slots_per_biz: NonZeroUsize::new(1), ..limits("10/s", 4) });
    let permit = start(&limiter, 1, Try::First, 1).await.unwrap();
    limiter.heard(permit, &refused());
    let begin = Instant::now();
    let held = start(&limiter, 1, Try::First, 1);
    let stamps = async {
        let mut stamps = Vec::new();
        for _ in 0..3 {
            stamps.push(limiter.acquire_question(Question::State, 1).await.unwrap().sent() - begin);
        }
        stamps
    };
    let (held, polls) = tokio::join!(held, stamps);
    let tenths = |time: &Duration| (time.as_secs_f64() * 10.0).round() as u32;
    assert_eq!(polls.iter().map(tenths).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(held.unwrap().sent() - begin >= Duration::from_millis(500));
}

#[tokio::test(start_paused = true)]
async fn a_hold_of_everyone_binds_polls_too() {
    let limiter = open(&limits("unlimited", 4));
    let permit = limiter.acquire_question(Question::State, 1).await.unwrap();
    let begin = Instant::now();
    limiter.heard(
        permit,
        &failed(
            FailureClass::ThrottledApp,
            Delivery::Answered(Speaker::Front),
            Some(Whom::Everyone),
        ),
    );
    let next = limiter.acquire_question(Question::State, 1).await.unwrap();
    assert_eq!(next.sent() - begin, Duration::from_millis(500));
}

#[tokio::test(start_paused = true)]
async fn lookups_go_when_nobody_else_wants_to_two_at_a_time() {
    let limiter = open(&limits("unlimited", 3));
    let out = [
        limiter.acquire_question(Question::State, 1).await.unwrap(),
        limiter.acquire_question(Question::State, 1).await.unwrap(),
        limiter.acquire_question(Question::State, 1).await.unwrap(),
    ];
    let lookups: Vec<_> = (0..3)
        .map(|_| {
            let limiter = Arc::clone(&limiter);
            tokio::spawn(async move { limiter.acquire_question(Question::Link, 1).await.unwrap() })
        })
        .collect();
    tokio::task::yield_now().await;
    let fresh = tokio::spawn({
        let limiter = Arc::clone(&limiter);
        async move { start(&limiter, 1, Try::First, 1).await.unwrap() }
    });
    tokio::task::yield_now().await;
    let [first, others @ ..] = out;
    drop(first);
    let fresh = fresh.await.unwrap();
    assert!(lookups.iter().all(|lookup| !lookup.is_finished()), "a start goes before a lookup");
    drop((fresh, others));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(lookups.iter().filter(|lookup| lookup.is_finished()).count(), 2, "of three slots");
}

#[tokio::test(start_paused = true)]
async fn closed_to_new_rows_the_limiter_lets_others_through() {
    let limiter = open(&limits("unlimited", 1));
    let out = start(&limiter, 1, Try::First, 1).await.unwrap();
    let waiting = tokio::spawn({
        let limiter = Arc::clone(&limiter);
        async move { start(&limiter, 2, Try::First, 1).await.err() }
    });
    tokio::task::yield_now().await;
    limiter.close_to_new();
    assert_eq!(waiting.await.unwrap(), Some(Closed));
    assert_eq!(start(&limiter, 1, Try::First, 1).await.err(), Some(Closed));
    drop(out);
    drop(start(&limiter, 1, Try::Retry, 1).await.unwrap());
    drop(limiter.acquire_question(Question::State, 1).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn no_more_rows_are_at_risk_than_may_fail_yet() {
    let budget = Some((Budget::Rows(1), Base::Settled));
    let limiter = open(&Limits { budget, ..limits("unlimited", 8) });
    let mut one = start(&limiter, 1, Try::First, 1).await.unwrap();
    let mut two = start(&limiter, 1, Try::First, 1).await.unwrap();
    let (one_at_risk, two_at_risk) = (one.risk().unwrap(), two.risk().unwrap());
    drop((one, two));
    let third = start(&limiter, 2, Try::First, 1);
    tokio::pin!(third);
    let waited = tokio::time::timeout(Duration::from_mins(1), &mut third).await;
    assert!(waited.is_err(), "two rows are at risk, though no request is out");
    drop(limiter.acquire_question(Question::State, 1).await.unwrap());
    one_at_risk.good();
    let mut third = third.await.unwrap();
    assert_eq!(two_at_risk.failed(), None);
    let fourth = start(&limiter, 2, Try::First, 1);
    tokio::pin!(fourth);
    let waited = tokio::time::timeout(Duration::from_mins(1), &mut fourth).await;
    assert!(waited.is_err(), "one failed and one is at risk");
    // The third waits for a retry: it cannot fail now.
    drop(third.risk());
    let mut fourth = fourth.await.unwrap();
    let used_up = fourth.risk().unwrap().failed();
    assert_eq!(used_up, Some(UsedUp { failures: 2, tolerated: 1 }));
}

#[tokio::test(start_paused = true)]
async fn closed_to_new_rows_a_business_that_its_rate_blocks_is_left_with_its_retries() {
    let limiter = open(&Limits { rate_per_biz: "1/s".parse().unwrap(), ..limits("unlimited", 8) });
    let begin = Instant::now();
    drop(start(&limiter, 1, Try::First, 1).await.unwrap());
    let waiting: Vec<_> = [Try::First, Try::First, Try::Retry, Try::Retry]
        .into_iter()
        .map(|turn| {
            let limiter = Arc::clone(&limiter);
            tokio::spawn(
                async move { start(&limiter, 1, turn, 1).await.map(|permit| permit.sent()) },
            )
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(100)).await;
    limiter.close_to_new();
    let mut ends = Vec::new();
    for row in waiting {
        let end = row.await.unwrap();
        ends.push(end.map(|sent| (sent - begin).as_secs_f64().round() as u32));
    }
    assert_eq!(ends, [Err(Closed), Err(Closed), Ok(1), Ok(2)]);
    assert_eq!(start(&limiter, 1, Try::First, 1).await.err(), Some(Closed));
    let late = start(&limiter, 1, Try::Retry, 1).await.unwrap();
    assert!(late.sent() - begin > Duration::from_secs(2), "the rate still holds");
}

/// Returns a limiter at which rows must be noted before they are sent.
fn noting(limits: &Limits) -> Arc<Limiter> {
    answered(limits, IntentNotes::Needed)
}

/// Starts rows of a business that wait, on the lines from `first` on.
fn waiting(
    limiter: &Arc<Limiter>,
    id: u64,
    lines: std::ops::Range<u64>,
) -> Vec<tokio::task::JoinHandle<Result<Permit, Closed>>> {
    lines
        .map(|line| {
            let limiter = Arc::clone(limiter);
            tokio::spawn(async move { start(&limiter, id, Try::First, line).await })
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn no_row_goes_before_it_is_noted() {
    let limiter = noting(&limits("20/s", 64));
    let rows = waiting(&limiter, 1, 1..100);
    limiter.intents_wanted().await;
    let named = limiter.name_intents();
    assert_eq!(named, (1..21).collect::<Vec<_>>(), "a second of rows is ahead");
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert!(rows.iter().all(|row| !row.is_finished()), "nothing is committed yet");
    limiter.intents_committed();
    tokio::time::sleep(Duration::from_mins(1)).await;
    let gone = rows.iter().filter(|row| row.is_finished()).count();
    assert_eq!(gone, 20, "those that were noted, and no other");
    let again = start(&limiter, 1, Try::Retry, 1).await;
    assert!(again.is_ok(), "a row that was sent needs no other note");
    assert!(
        limiter.acquire_question(Question::State, 1).await.is_ok(),
        "and a question needs none"
    );
}

#[tokio::test(start_paused = true)]
async fn intents_are_wanted_in_time_and_topped_up_with_each_commit() {
    let limiter = noting(&limits("20/s", 64));
    let _rows = waiting(&limiter, 1, 1..100);
    limiter.intents_wanted().await;
    assert_eq!(limiter.name_intents().len(), 20);
    let _one_more = waiting(&limiter, 2, 100..101);
    let other = tokio::time::timeout(Duration::from_secs(1), limiter.intents_wanted());
    assert!(other.await.is_err(), "a commit with intents is under way");
    limiter.intents_committed();
    let begin = Instant::now();
    tokio::time::sleep(Duration::from_millis(120)).await;
    assert_eq!(limiter.name_intents().len(), 3, "as many as left since");
    limiter.intents_committed();
    limiter.intents_wanted().await;
    let waited = begin.elapsed().as_millis();
    assert!((500..=750).contains(&waited), "half of them left after {waited} ms");
}

#[tokio::test(start_paused = true)]
async fn while_everyone_is_held_nothing_is_noted() {
    let limiter = noting(&limits("unlimited", 4));
    let permit = limiter.acquire_question(Question::State, 1).await.unwrap();
    let everyone = Some(Whom::Everyone);
    limiter.heard(
        permit,
        &failed(FailureClass::ThrottledApp, Delivery::Answered(Speaker::Front), everyone),
    );
    let rows = waiting(&limiter, 1, 1..9);
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(limiter.name_intents(), [0; 0]);
    limiter.intents_wanted().await;
    assert_eq!(limiter.name_intents().len(), 8);
    drop(rows);
}

#[tokio::test(start_paused = true)]
async fn rows_of_a_held_business_stay_noted_and_others_follow() {
    let limiter = noting(&limits("unlimited", 1));
    let first = waiting(&limiter, 1, 1..2);
    limiter.intents_wanted().await;
    assert_eq!(limiter.name_intents(), [1]);
    limiter.intents_committed();
    let permit = first.into_iter().next().unwrap().await.unwrap().unwrap();
    let _rows = (waiting(&limiter, 1, 2..2000), waiting(&limiter, 2, 2000..4000));
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(limiter.name_intents().len(), 1024);
    limiter.intents_committed();
    // The slot is free again, and business 1 is held.
    limiter.heard(permit, &refused());
    tokio::time::sleep(Duration::from_millis(10)).await;
    let named = limiter.name_intents();
    assert!(named.len() > 500, "{} rows of another business", named.len());
    assert!(named.iter().all(|line| *line >= 2000), "none of the held one");
}

#[tokio::test(start_paused = true)]
async fn hardly_more_rows_are_noted_than_may_fail() {
    let budget = Some((Budget::Rows(2), Base::Settled));
    let limiter = noting(&Limits { budget, ..limits("unlimited", 64) });
    let _rows = waiting(&limiter, 1, 1..100);
    limiter.intents_wanted().await;
    assert_eq!(limiter.name_intents().len(), 3 + 4);
}

#[tokio::test(start_paused = true)]
async fn a_probe_of_an_outage_is_noted_where_no_other_row_can_go() {
    let limiter = noting(&limits("unlimited", 1));
    let permit = limiter.acquire_question(Question::State, 1).await.unwrap();
    limiter.heard(permit, &accepted());
    for _ in 0..4 {
        let permit = limiter.acquire_question(Question::State, 1).await.unwrap();
        limiter.heard(permit, &lost());
    }
    let begin = Instant::now();
    let rows = waiting(&limiter, 1, 1..100);
    limiter.intents_wanted().await;
    assert!(begin.elapsed() >= Duration::from_millis(500), "the first probe is due by then");
    assert_eq!(limiter.name_intents(), [1]);
    limiter.intents_committed();
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(rows.iter().filter(|row| row.is_finished()).count(), 1);
}

fn waits(limiter: &Arc<Limiter>, line: u64) -> tokio::task::JoinHandle<Result<Admitted, Closed>> {
    let limiter = Arc::clone(limiter);
    tokio::spawn(async move { limiter.acquire_start(business(1), Try::First, line, 0).await })
}

/// Returns a limiter at which business 1 was refused for longer than its patience.
async fn starved(limits: &Limits) -> Arc<Limiter> {
    let limiter = open(&Limits { throttle_patience: Duration::from_secs(1), ..limits.clone() });
    for line in 1..=4 {
        let permit = start(&limiter, 1, Try::First, line).await.unwrap();
        let over = limiter.heard(permit, &refused()).patience == Patience::Over;
        assert_eq!(over, line == 4);
    }
    limiter
}

#[tokio::test(start_paused = true)]
async fn rows_of_a_starving_business_are_given_up_as_far_as_the_budget_lets_them_fail() {
    let budget = Some((Budget::Rows(1), Base::Settled));
    let limiter = open(&Limits {
        throttle_patience: Duration::from_secs(1),
        budget,
        ..limits("unlimited", 1)
    });
    let mut rows = Vec::new();
    for line in 1..=4 {
        let permit = start(&limiter, 1, Try::First, line).await.unwrap();
        if line == 4 {
            rows.extend((5..=7).map(|line| waits(&limiter, line)));
            tokio::task::yield_now().await;
        }
        limiter.heard(permit, &refused());
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
    let given_up: Vec<bool> = rows.iter().map(tokio::task::JoinHandle::is_finished).collect();
    assert_eq!(given_up, [true, true, false], "of two that may be at risk, both are");
    let first = rows.remove(0).await.unwrap().unwrap();
    let Admitted::GiveUp(GivenUp::Throttled(_), risk) = first else { panic!("{first:?}") };
    assert_eq!(risk.failed(), None);
    let second = rows.remove(0).await.unwrap().unwrap();
    let Admitted::GiveUp(_, risk) = second else { panic!("{second:?}") };
    assert!(risk.failed().is_some(), "one more than is tolerated");
    assert!(!rows[0].is_finished(), "no third row is given up");
}

#[tokio::test(start_paused = true)]
async fn rows_that_come_later_wait_for_a_probe_and_go_on_once_it_is_granted() {
    let limiter = starved(&limits("unlimited", 8)).await;
    let mut rows: Vec<_> = (5..=7).map(|line| waits(&limiter, line)).collect();
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(rows.iter().filter(|row| row.is_finished()).count(), 1, "one probe is out");
    let Admitted::Go(probe) = rows.remove(0).await.unwrap().unwrap() else { panic!("given up") };
    limiter.heard(probe, &accepted());
    for row in rows {
        let told = row.await.unwrap().unwrap();
        assert!(matches!(told, Admitted::Go(_)), "{told:?}");
    }
    let limiter = starved(&limits("unlimited", 8)).await;
    let mut rows: Vec<_> = (5..=7).map(|line| waits(&limiter, line)).collect();
    tokio::time::sleep(Duration::from_mins(1)).await;
    let Admitted::Go(probe) = rows.remove(0).await.unwrap().unwrap() else { panic!("given up") };
    limiter.heard(probe, &refused());
    for row in rows {
        let told = row.await.unwrap().unwrap();
        assert!(matches!(told, Admitted::GiveUp(GivenUp::Throttled(_), _)), "{told:?}");
    }
}

fn idle(line: u64, sign: Sign, at: Instant) -> AttemptResult {
    AttemptResult { line: Some(line), role: Role::Normal, sign, at }
}

#[test]
fn in_an_outage_nobody_is_woken_for_a_moment_that_is_over() {
    let budget = Some((Budget::Rows(1), Base::Settled));
    let rate_per_biz = "1/s".parse().unwrap();
    let limits = Limits { rate_per_biz, budget, ..limits("unlimited", 8) };
    let now = Instant::now();
    let mut state = LimiterState::new(&limits, IntentNotes::NotNeeded, now);
    let connections = CountedConnections::always();
    state.first_answer.heard(Delivery::Answered(Speaker::BkSops), now, &limits.backoff);
    for (id, line) in [(1, 1), (1, 2), (2, 3)] {
        let request_kind = RequestKind::Start(business(id), Try::First);
        state.join(AcquireRequest { request_kind, line, attempts: 0, row: line }).unwrap();
        let goes = matches!(state.pick(now, &*connections), Ok(Pick::Go(..)));
        assert_eq!(goes, line != 2, "business 1 had its turn for this second");
    }
    for line in 4..8 {
        state.outage.heard(idle(line, Sign::Silence, now), &limits.backoff, || "gone".into());
    }
    // By now business 1 may go on, and a probe is due; but two rows are at risk.
    let later = now + Duration::from_secs(2);
    let Ok(Pick::Wait(wake)) = state.pick(later, &*connections) else {
        panic!("no row may be at risk")
    };
    assert!(wake.is_none_or(|wake| wake > later), "it would look again and again");
}

#[tokio::test(start_paused = true)]
async fn while_nobody_can_be_granted_anything_no_patience_with_a_business_is_lost() {
    let throttle_patience = Duration::from_mins(1);
    let limiter = open(&Limits { throttle_patience, ..limits("unlimited", 8) });
    let refuse = async || {
        let permit = start(&limiter, 1, Try::First, 1).await.unwrap();
        limiter.heard(permit, &refused()).patience
    };
    for _ in 0..4 {
        assert_eq!(refuse().await, Patience::Left);
    }
    for line in 2..6 {
        let permit = start(&limiter, 2, Try::First, line).await.unwrap();
        limiter.heard(permit, &lost());
    }
    tokio::time::sleep(Duration::from_mins(5)).await;
    let probe = start(&limiter, 2, Try::Retry, 2).await.unwrap();
    limiter.heard(probe, &accepted());
    assert_eq!(refuse().await, Patience::Left, "it was an outage");
    let hold = Hold { whom: Whom::Everyone, stated: Some(Duration::from_mins(5)) };
    let mut of_everyone =
        failed(FailureClass::ThrottledApp, Delivery::Answered(Speaker::Front), None);
    let Verdict::Failed(failure) = &mut of_everyone.verdict else { unreachable!("it failed") };
    failure.hold = Some(hold);
    let permit = start(&limiter, 2, Try::First, 7).await.unwrap();
    limiter.heard(permit, &of_everyone);
    assert_eq!(refuse().await, Patience::Left, "everyone was held");
    tokio::time::sleep(throttle_patience).await;
    assert_eq!(refuse().await, Patience::Over);
}

#[tokio::test(start_paused = true)]
async fn questions_that_bk_sops_fails_each_time_are_given_up_where_no_row_waits() {
    let limiter = open(&limits("unlimited", 8));
    let own = failed(FailureClass::Transient, Delivery::Answered(Speaker::BkSops), None);
    for line in 1..=8 {
        let question = if line < 5 { Question::State } else { Question::Link };
        let permit = limiter.acquire_question(question, line).await.unwrap();
        limiter.heard(permit, &own);
    }
    assert!(limiter.snapshot().held.is_some(), "an outage has begun");
    let asks = |(line, question)| {
        let (limiter, own) = (Arc::clone(&limiter), own.clone());
        tokio::spawn(async move {
            let mut asked = 0;
            loop {
                match limiter.acquire_question(question, line).await {
                    Ok(permit) => asked += u32::from(limiter.heard(permit, &own).in_outage),
                    Err(why) => return (asked, why),
                }
            }
        })
    };
    let asking = [(1, Question::State), (2, Question::State), (5, Question::Link)].map(asks);
    for asking in asking {
        assert_eq!(asking.await.unwrap(), (1, NotAsked::InVain));
    }
    drop(start(&limiter, 1, Try::First, 9).await.unwrap());
}
