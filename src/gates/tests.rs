//! The gates as rows see them, under paused time: a stamp is the moment at which
//! a row was let through.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "small counts, compared with measured seconds"
)]

use super::*;
use crate::answer::{Failure, FailureClass, Hold, Reply, Taken};
use crate::budget::UsedUp;
use crate::task::Scope;

fn business(id: u64) -> Business {
    Business { scope: Scope::CmdbBiz, id: id.to_string().parse().unwrap() }
}

/// Waits until a row of this business may be sent.
async fn start(gates: &Arc<Gates>, id: u64, turn: Turn, line: u64) -> Result<Pass, Closed> {
    match gates.pass_start(business(id), turn, line, 0).await? {
        Admitted::Go(pass) => Ok(pass),
        Admitted::GiveUp(why, _) => panic!("given up: {why:?}"),
    }
}

fn limits(rate: &str, slots: usize) -> Limits {
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

/// Gates of a session that has had its first answer.
fn open(limits: &Limits) -> Arc<Gates> {
    answered(limits, Notes::NotNeeded)
}

fn answered(limits: &Limits, notes: Notes) -> Arc<Gates> {
    let gates = Gates::new(limits, notes);
    let answered = Contact::Answered(Speaker::BkSops);
    gates.state().first_answer.heard(answered, Instant::now(), &limits.backoff);
    tokio::spawn(Arc::clone(&gates).run());
    gates
}

fn accepted() -> Answer {
    Answer::new(Verdict::Accepted, Reply::default())
}

fn failed(class: FailureClass, contact: Contact, hold: Option<Whom>) -> Answer {
    let hold = hold.map(|whom| Hold { whom, stated: None });
    let (taken, server) = (Taken::No, Box::default());
    let failure = Failure { class, contact, taken, hold, server };
    Answer::new(Verdict::Failed(failure), Reply::default())
}

fn refused() -> Answer {
    failed(FailureClass::ThrottledBiz, Contact::Answered(Speaker::BkSops), Some(Whom::Business))
}

fn lost() -> Answer {
    failed(FailureClass::Ambiguous, Contact::Lost, None)
}

/// Sends `rows` rows of `business` at once, each taking `latency`; their stamps in
/// seconds since now, sorted.
async fn stamps(gates: &Arc<Gates>, id: u64, rows: usize, latency: Duration) -> Vec<f64> {
    let begin = Instant::now();
    let mut sent = tokio::task::JoinSet::new();
    for _ in 0..rows {
        let gates = Arc::clone(gates);
        sent.spawn(async move {
            let pass = start(&gates, id, Turn::First, 1).await.unwrap();
            let stamp = pass.sent().duration_since(begin).as_secs_f64();
            tokio::time::sleep(latency).await;
            gates.heard(pass, &accepted());
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
        let gates = open(&limits(rate, 64));
        let stamps = stamps(&gates, 1, rows, Duration::from_millis(30)).await;
        let took = stamps[rows - 1];
        assert!((took - last).abs() <= last / 100.0, "{rate}: {took}");
    }
    let gates = open(&limits("200/s", 64));
    let stamps = stamps(&gates, 1, 1001, Duration::from_millis(30)).await;
    assert!(busiest_second(&stamps) <= 202, "{}", busiest_second(&stamps));
}

#[tokio::test(start_paused = true)]
async fn a_stall_with_all_slots_full_does_not_turn_into_a_burst() {
    let gates = open(&limits("200/s", 64));
    let stalled = Arc::clone(&gates);
    let first = tokio::spawn(async move { stamps(&stalled, 1, 64, Duration::from_secs(2)).await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let later = stamps(&gates, 1, 400, Duration::from_millis(5)).await;
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
    let gates = open(&Limits { slots_per_biz: NonZeroUsize::new(2), ..limits("unlimited", 3) });
    let (one, two) = tokio::join!(
        stamps(&gates, 1, 6, Duration::from_secs(1)),
        stamps(&gates, 2, 6, Duration::from_secs(1)),
    );
    let mut all = [one.clone(), two].concat();
    all.sort_by(f64::total_cmp);
    assert_eq!(all.iter().filter(|stamp| **stamp < 0.5).count(), 3);
    assert!((all[11] - 3.0).abs() < 0.01, "12 rows by 3 slots of a second: {all:?}");
    assert!(one.iter().filter(|stamp| **stamp < 0.5).count() <= 2);
}

#[tokio::test(start_paused = true)]
async fn a_held_business_does_not_stop_the_others() {
    let gates = open(&limits("unlimited", 4));
    let pass = start(&gates, 1, Turn::First, 1).await.unwrap();
    gates.heard(pass, &refused());
    let (held, other) = tokio::join!(
        stamps(&gates, 1, 100, Duration::from_millis(1)),
        stamps(&gates, 2, 100, Duration::from_millis(1)),
    );
    assert!(other[99] < 0.2, "{}", other[99]);
    assert!(held[0] >= 0.5 && held[0] < 0.51, "{}", held[0]);
}

#[tokio::test(start_paused = true)]
async fn after_a_refusal_two_of_a_business_are_out_at_once() {
    let gates = open(&limits("unlimited", 64));
    let pass = start(&gates, 1, Turn::First, 1).await.unwrap();
    gates.heard(pass, &refused());
    let stamps = stamps(&gates, 1, 10, Duration::from_secs(1)).await;
    let seconds: Vec<_> = stamps.iter().map(|stamp| format!("{stamp:.1}")).collect();
    assert_eq!(seconds, ["0.5", "0.5", "1.5", "1.5", "2.5", "2.5", "3.5", "3.5", "4.5", "4.5"]);
}

#[tokio::test(start_paused = true)]
async fn a_row_that_was_sent_before_goes_first() {
    let gates = open(&limits("1/s", 4));
    let first = start(&gates, 1, Turn::First, 1).await.unwrap();
    drop(first);
    let fresh = tokio::spawn({
        let gates = Arc::clone(&gates);
        async move { stamps(&gates, 1, 3, Duration::ZERO).await }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let pass = start(&gates, 2, Turn::Again, 1).await.unwrap();
    drop(pass);
    let fresh = fresh.await.unwrap();
    assert!(fresh[0] > 1.5, "the retry took the turn at 1 s: {fresh:?}");
}

#[tokio::test(start_paused = true)]
async fn an_outage_lets_one_probe_through_at_a_time() {
    let gates = open(&limits("unlimited", 8));
    let pass = start(&gates, 1, Turn::First, 1).await.unwrap();
    assert_eq!(gates.heard(pass, &accepted()).server, Server::BkSops);
    let begin = Instant::now();
    for _ in 0..4 {
        let pass = start(&gates, 1, Turn::First, 1).await.unwrap();
        gates.heard(pass, &lost());
    }
    let mut probes = Vec::new();
    for _ in 0..3 {
        let pass = start(&gates, 1, Turn::Again, 1).await.unwrap();
        probes.push(pass.sent().duration_since(begin).as_millis());
        let known = gates.heard(pass, &lost());
        assert!(known.in_outage);
        assert_eq!(known.outage.map(|o| o.lasted.as_millis()), probes.last().copied());
    }
    assert_eq!(probes, [500, 1500, 3500]);
    let probe = start(&gates, 1, Turn::Again, 1).await.unwrap();
    let other = start(&gates, 2, Turn::First, 1);
    tokio::pin!(other);
    let waited = tokio::time::timeout(Duration::from_mins(1), &mut other).await;
    assert!(waited.is_err(), "while a probe is out nothing else may go");
    gates.heard(probe, &accepted());
    let pass = other.await.unwrap();
    assert!(!gates.heard(pass, &accepted()).in_outage);
}

#[tokio::test(start_paused = true)]
async fn closing_the_gates_turns_everyone_away_at_once() {
    let gates = open(&limits("1/h", 1));
    let out = start(&gates, 1, Turn::First, 1).await.unwrap();
    let waiting = tokio::spawn({
        let gates = Arc::clone(&gates);
        async move { start(&gates, 2, Turn::Again, 1).await.err() }
    });
    tokio::task::yield_now().await;
    gates.close();
    assert_eq!(waiting.await.unwrap(), Some(Closed));
    assert_eq!(start(&gates, 1, Turn::First, 1).await.err(), Some(Closed));
    gates.heard(out, &accepted());
}

#[tokio::test(start_paused = true)]
async fn a_row_that_no_longer_waits_costs_nobody_a_slot() {
    let gates = open(&limits("unlimited", 1));
    let out = start(&gates, 1, Turn::First, 1).await.unwrap();
    {
        let gone = start(&gates, 1, Turn::First, 1);
        let _ = tokio::time::timeout(Duration::from_millis(10), gone).await;
    }
    drop(out);
    let pass = tokio::time::timeout(Duration::from_secs(1), start(&gates, 1, Turn::First, 1));
    assert!(pass.await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_poll_is_bound_by_the_pace_but_not_by_a_business() {
    let gates = open(&Limits { slots_per_biz: NonZeroUsize::new(1), ..limits("10/s", 4) });
    let pass = start(&gates, 1, Turn::First, 1).await.unwrap();
    gates.heard(pass, &refused());
    let begin = Instant::now();
    let held = start(&gates, 1, Turn::First, 1);
    let stamps = async {
        let mut stamps = Vec::new();
        for _ in 0..3 {
            stamps.push(gates.pass_question(Question::State, 1).await.unwrap().sent() - begin);
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
    let gates = open(&limits("unlimited", 4));
    let pass = gates.pass_question(Question::State, 1).await.unwrap();
    let begin = Instant::now();
    gates.heard(
        pass,
        &failed(
            FailureClass::ThrottledApp,
            Contact::Answered(Speaker::Front),
            Some(Whom::Everyone),
        ),
    );
    let next = gates.pass_question(Question::State, 1).await.unwrap();
    assert_eq!(next.sent() - begin, Duration::from_millis(500));
}

#[tokio::test(start_paused = true)]
async fn lookups_go_when_nobody_else_wants_to_two_at_a_time() {
    let gates = open(&limits("unlimited", 3));
    let out = [
        gates.pass_question(Question::State, 1).await.unwrap(),
        gates.pass_question(Question::State, 1).await.unwrap(),
        gates.pass_question(Question::State, 1).await.unwrap(),
    ];
    let lookups: Vec<_> = (0..3)
        .map(|_| {
            let gates = Arc::clone(&gates);
            tokio::spawn(async move { gates.pass_question(Question::Link, 1).await.unwrap() })
        })
        .collect();
    tokio::task::yield_now().await;
    let fresh = tokio::spawn({
        let gates = Arc::clone(&gates);
        async move { start(&gates, 1, Turn::First, 1).await.unwrap() }
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
async fn closed_to_new_rows_the_gates_let_others_through() {
    let gates = open(&limits("unlimited", 1));
    let out = start(&gates, 1, Turn::First, 1).await.unwrap();
    let waiting = tokio::spawn({
        let gates = Arc::clone(&gates);
        async move { start(&gates, 2, Turn::First, 1).await.err() }
    });
    tokio::task::yield_now().await;
    gates.close_to_new();
    assert_eq!(waiting.await.unwrap(), Some(Closed));
    assert_eq!(start(&gates, 1, Turn::First, 1).await.err(), Some(Closed));
    drop(out);
    drop(start(&gates, 1, Turn::Again, 1).await.unwrap());
    drop(gates.pass_question(Question::State, 1).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn no_more_rows_are_at_risk_than_may_fail_yet() {
    let budget = Some((Budget::Rows(1), Base::Settled));
    let gates = open(&Limits { budget, ..limits("unlimited", 8) });
    let mut one = start(&gates, 1, Turn::First, 1).await.unwrap();
    let mut two = start(&gates, 1, Turn::First, 1).await.unwrap();
    let (one_at_risk, two_at_risk) = (one.risk().unwrap(), two.risk().unwrap());
    drop((one, two));
    let third = start(&gates, 2, Turn::First, 1);
    tokio::pin!(third);
    let waited = tokio::time::timeout(Duration::from_mins(1), &mut third).await;
    assert!(waited.is_err(), "two rows are at risk, though no request is out");
    drop(gates.pass_question(Question::State, 1).await.unwrap());
    one_at_risk.good();
    let mut third = third.await.unwrap();
    assert_eq!(two_at_risk.failed(), None);
    let fourth = start(&gates, 2, Turn::First, 1);
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
    let gates = open(&Limits { rate_per_biz: "1/s".parse().unwrap(), ..limits("unlimited", 8) });
    let begin = Instant::now();
    drop(start(&gates, 1, Turn::First, 1).await.unwrap());
    let waiting: Vec<_> = [Turn::First, Turn::First, Turn::Again, Turn::Again]
        .into_iter()
        .map(|turn| {
            let gates = Arc::clone(&gates);
            tokio::spawn(async move { start(&gates, 1, turn, 1).await.map(|pass| pass.sent()) })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(100)).await;
    gates.close_to_new();
    let mut ends = Vec::new();
    for row in waiting {
        let end = row.await.unwrap();
        ends.push(end.map(|sent| (sent - begin).as_secs_f64().round() as u32));
    }
    assert_eq!(ends, [Err(Closed), Err(Closed), Ok(1), Ok(2)]);
    assert_eq!(start(&gates, 1, Turn::First, 1).await.err(), Some(Closed));
    let late = start(&gates, 1, Turn::Again, 1).await.unwrap();
    assert!(late.sent() - begin > Duration::from_secs(2), "the rate still holds");
}

/// Gates at which rows must be noted before.
fn noting(limits: &Limits) -> Arc<Gates> {
    answered(limits, Notes::Needed)
}

/// Rows of a business that wait, on the lines from `first` on.
fn waiting(
    gates: &Arc<Gates>,
    id: u64,
    lines: std::ops::Range<u64>,
) -> Vec<tokio::task::JoinHandle<Result<Pass, Closed>>> {
    lines
        .map(|line| {
            let gates = Arc::clone(gates);
            tokio::spawn(async move { start(&gates, id, Turn::First, line).await })
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn no_row_goes_before_it_is_noted() {
    let gates = noting(&limits("20/s", 64));
    let rows = waiting(&gates, 1, 1..100);
    gates.intents_wanted().await;
    let named = gates.name_intents();
    assert_eq!(named, (1..21).collect::<Vec<_>>(), "a second of rows is ahead");
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert!(rows.iter().all(|row| !row.is_finished()), "nothing is committed yet");
    gates.intents_committed();
    tokio::time::sleep(Duration::from_mins(1)).await;
    let gone = rows.iter().filter(|row| row.is_finished()).count();
    assert_eq!(gone, 20, "those that were noted, and no other");
    let again = start(&gates, 1, Turn::Again, 1).await;
    assert!(again.is_ok(), "a row that was sent needs no other note");
    assert!(gates.pass_question(Question::State, 1).await.is_ok(), "and a question needs none");
}

#[tokio::test(start_paused = true)]
async fn intents_are_wanted_in_time_and_topped_up_with_each_commit() {
    let gates = noting(&limits("20/s", 64));
    let _rows = waiting(&gates, 1, 1..100);
    gates.intents_wanted().await;
    assert_eq!(gates.name_intents().len(), 20);
    gates.intents_committed();
    let begin = Instant::now();
    tokio::time::sleep(Duration::from_millis(120)).await;
    assert_eq!(gates.name_intents().len(), 3, "as many as left since");
    gates.intents_committed();
    gates.intents_wanted().await;
    let waited = begin.elapsed().as_millis();
    assert!((500..=750).contains(&waited), "half of them left after {waited} ms");
}

#[tokio::test(start_paused = true)]
async fn while_everyone_is_held_nothing_is_noted() {
    let gates = noting(&limits("unlimited", 4));
    let pass = gates.pass_question(Question::State, 1).await.unwrap();
    let everyone = Some(Whom::Everyone);
    gates.heard(
        pass,
        &failed(FailureClass::ThrottledApp, Contact::Answered(Speaker::Front), everyone),
    );
    let rows = waiting(&gates, 1, 1..9);
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(gates.name_intents(), [0; 0]);
    gates.intents_wanted().await;
    assert_eq!(gates.name_intents().len(), 8);
    drop(rows);
}

#[tokio::test(start_paused = true)]
async fn rows_of_a_held_business_stay_noted_and_others_follow() {
    let gates = noting(&limits("unlimited", 1));
    let first = waiting(&gates, 1, 1..2);
    gates.intents_wanted().await;
    assert_eq!(gates.name_intents(), [1]);
    gates.intents_committed();
    let pass = first.into_iter().next().unwrap().await.unwrap().unwrap();
    let _rows = (waiting(&gates, 1, 2..2000), waiting(&gates, 2, 2000..4000));
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(gates.name_intents().len(), 1024);
    gates.intents_committed();
    // The slot is free again, and business 1 is held.
    gates.heard(pass, &refused());
    tokio::time::sleep(Duration::from_millis(10)).await;
    let named = gates.name_intents();
    assert!(named.len() > 500, "{} rows of another business", named.len());
    assert!(named.iter().all(|line| *line >= 2000), "none of the held one");
}

#[tokio::test(start_paused = true)]
async fn hardly_more_rows_are_noted_than_may_fail() {
    let budget = Some((Budget::Rows(2), Base::Settled));
    let gates = noting(&Limits { budget, ..limits("unlimited", 64) });
    let _rows = waiting(&gates, 1, 1..100);
    gates.intents_wanted().await;
    assert_eq!(gates.name_intents().len(), 3 + 4);
}

#[tokio::test(start_paused = true)]
async fn a_probe_of_an_outage_is_noted_where_no_other_row_can_go() {
    let gates = noting(&limits("unlimited", 1));
    let pass = gates.pass_question(Question::State, 1).await.unwrap();
    gates.heard(pass, &accepted());
    for _ in 0..4 {
        let pass = gates.pass_question(Question::State, 1).await.unwrap();
        gates.heard(pass, &lost());
    }
    let begin = Instant::now();
    let rows = waiting(&gates, 1, 1..100);
    gates.intents_wanted().await;
    assert!(begin.elapsed() >= Duration::from_millis(500), "the first probe is due by then");
    assert_eq!(gates.name_intents(), [1]);
    gates.intents_committed();
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(rows.iter().filter(|row| row.is_finished()).count(), 1);
}

/// A row of business 1 that waits for its start: what it is told.
fn waits(gates: &Arc<Gates>, line: u64) -> tokio::task::JoinHandle<Result<Admitted, Closed>> {
    let gates = Arc::clone(gates);
    tokio::spawn(async move { gates.pass_start(business(1), Turn::First, line, 0).await })
}

/// Gates at which business 1 was refused for longer than its patience.
async fn starved(limits: &Limits) -> Arc<Gates> {
    let gates = open(&Limits { throttle_patience: Duration::from_secs(1), ..limits.clone() });
    for line in 1..=4 {
        let pass = start(&gates, 1, Turn::First, line).await.unwrap();
        let over = gates.heard(pass, &refused()).patience == Patience::Over;
        assert_eq!(over, line == 4);
    }
    gates
}

#[tokio::test(start_paused = true)]
async fn rows_of_a_starving_business_are_given_up_as_far_as_the_budget_lets_them_fail() {
    let budget = Some((Budget::Rows(1), Base::Settled));
    let gates = open(&Limits {
        throttle_patience: Duration::from_secs(1),
        budget,
        ..limits("unlimited", 1)
    });
    let mut rows = Vec::new();
    for line in 1..=4 {
        let pass = start(&gates, 1, Turn::First, line).await.unwrap();
        if line == 4 {
            rows.extend((5..=7).map(|line| waits(&gates, line)));
            tokio::task::yield_now().await;
        }
        gates.heard(pass, &refused());
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
    let gates = starved(&limits("unlimited", 8)).await;
    let mut rows: Vec<_> = (5..=7).map(|line| waits(&gates, line)).collect();
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(rows.iter().filter(|row| row.is_finished()).count(), 1, "one probe is out");
    let Admitted::Go(probe) = rows.remove(0).await.unwrap().unwrap() else { panic!("given up") };
    gates.heard(probe, &accepted());
    for row in rows {
        let told = row.await.unwrap().unwrap();
        assert!(matches!(told, Admitted::Go(_)), "{told:?}");
    }
    let gates = starved(&limits("unlimited", 8)).await;
    let mut rows: Vec<_> = (5..=7).map(|line| waits(&gates, line)).collect();
    tokio::time::sleep(Duration::from_mins(1)).await;
    let Admitted::Go(probe) = rows.remove(0).await.unwrap().unwrap() else { panic!("given up") };
    gates.heard(probe, &refused());
    for row in rows {
        let told = row.await.unwrap().unwrap();
        assert!(matches!(told, Admitted::GiveUp(GivenUp::Throttled(_), _)), "{told:?}");
    }
}

/// What an attempt at `line` that ended so tells the outage.
fn idle(line: u64, sign: Sign, at: Instant) -> Ended {
    Ended { line, attempt: Attempt::Ordinary, sign, at }
}

#[test]
fn in_an_outage_nobody_is_woken_for_a_moment_that_is_over() {
    let budget = Some((Budget::Rows(1), Base::Settled));
    let rate_per_biz = "1/s".parse().unwrap();
    let limits = Limits { rate_per_biz, budget, ..limits("unlimited", 8) };
    let now = Instant::now();
    let mut state = State::new(&limits, Notes::NotNeeded, now);
    state.first_answer.heard(Contact::Answered(Speaker::BkSops), now, &limits.backoff);
    for (id, line) in [(1, 1), (1, 2), (2, 3)] {
        let errand = Errand::Start(business(id), Turn::First);
        state.join(Asking { errand, line, attempts: 0, row: line }).unwrap();
        let goes = matches!(state.pick(now), Ok(Pick::Go(..)));
        assert_eq!(goes, line != 2, "business 1 had its turn for this second");
    }
    for line in 4..8 {
        state.outage.heard(idle(line, Sign::Silence, now), &limits.backoff, || "gone".into());
    }
    // By now business 1 may go on, and a probe is due; but two rows are at risk.
    let later = now + Duration::from_secs(2);
    let Ok(Pick::Wait(wake)) = state.pick(later) else { panic!("no row may be at risk") };
    assert!(wake.is_none_or(|wake| wake > later), "it would look again and again");
}

#[tokio::test(start_paused = true)]
async fn while_nobody_can_be_granted_anything_no_patience_with_a_business_is_lost() {
    let throttle_patience = Duration::from_mins(1);
    let gates = open(&Limits { throttle_patience, ..limits("unlimited", 8) });
    let refuse = async || {
        let pass = start(&gates, 1, Turn::First, 1).await.unwrap();
        gates.heard(pass, &refused()).patience
    };
    for _ in 0..4 {
        assert_eq!(refuse().await, Patience::Left);
    }
    for line in 2..6 {
        let pass = start(&gates, 2, Turn::First, line).await.unwrap();
        gates.heard(pass, &lost());
    }
    tokio::time::sleep(Duration::from_mins(5)).await;
    let probe = start(&gates, 2, Turn::Again, 2).await.unwrap();
    gates.heard(probe, &accepted());
    assert_eq!(refuse().await, Patience::Left, "it was an outage");
    let hold = Hold { whom: Whom::Everyone, stated: Some(Duration::from_mins(5)) };
    let mut of_everyone =
        failed(FailureClass::ThrottledApp, Contact::Answered(Speaker::Front), None);
    let Verdict::Failed(failure) = &mut of_everyone.verdict else { unreachable!("it failed") };
    failure.hold = Some(hold);
    let pass = start(&gates, 2, Turn::First, 7).await.unwrap();
    gates.heard(pass, &of_everyone);
    assert_eq!(refuse().await, Patience::Left, "everyone was held");
    tokio::time::sleep(throttle_patience).await;
    assert_eq!(refuse().await, Patience::Over);
}

#[tokio::test(start_paused = true)]
async fn questions_that_bk_sops_fails_each_time_are_given_up_where_no_row_waits() {
    let gates = open(&limits("unlimited", 8));
    let own = failed(FailureClass::Transient, Contact::Answered(Speaker::BkSops), None);
    for line in 1..=8 {
        let question = if line < 5 { Question::State } else { Question::Link };
        let pass = gates.pass_question(question, line).await.unwrap();
        gates.heard(pass, &own);
    }
    assert!(gates.glimpse().held.is_some(), "an outage has begun");
    let asks = |(line, question)| {
        let (gates, own) = (Arc::clone(&gates), own.clone());
        tokio::spawn(async move {
            let mut asked = 0;
            loop {
                match gates.pass_question(question, line).await {
                    Ok(pass) => asked += u32::from(gates.heard(pass, &own).in_outage),
                    Err(why) => return (asked, why),
                }
            }
        })
    };
    let asking = [(1, Question::State), (2, Question::State), (5, Question::Link)].map(asks);
    for asking in asking {
        assert_eq!(asking.await.unwrap(), (1, NotAsked::InVain));
    }
    drop(start(&gates, 1, Turn::First, 9).await.unwrap());
}
