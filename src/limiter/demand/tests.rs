//! Requests and connections under paused time.

use super::*;
use crate::domain::answer::{
    Answer, Delivery, Failure, FailureClass, Hold, NotSent, Reply, Speaker, Taken, Verdict, Whom,
};
use crate::domain::connections::Turns;
use crate::domain::task::{Business, Scope};
use crate::limiter::counted_connections::CountedConnections;
use crate::limiter::tests::limits;
use crate::limiter::turn::TurnsOf;
use crate::limiter::{Admitted, IntentNotes, Limiter, Limits, Try};
use std::sync::{Arc, Mutex};
use tokio::time::{sleep, timeout};

const MINUTE: Duration = Duration::from_mins(1);

/// A limiter whose server answered before, and the times at which rows go.
struct Launch {
    limiter: Arc<Limiter>,
    connections: Arc<CountedConnections>,
    gone: Arc<Mutex<Vec<Duration>>>,
    began: Instant,
}

impl Launch {
    fn new(limits: &Limits, connections: Arc<CountedConnections>) -> Self {
        let limiter = Limiter::new(limits, IntentNotes::NotNeeded, Arc::clone(&connections) as _);
        let answered = Delivery::Answered(Speaker::BkSops);
        limiter
            .shared
            .change(|state| state.first_answer.heard(answered, Instant::now(), &limits.backoff));
        tokio::spawn(Arc::clone(&limiter).run());
        Self { limiter, connections, gone: Arc::default(), began: Instant::now() }
    }

    /// Lets rows wait that hold their slot for `latency` once they go.
    fn rows(&self, lines: std::ops::Range<u64>, latency: Duration) {
        let business = Business { scope: Scope::CmdbBiz, id: "2".parse().unwrap() };
        for line in lines {
            let (limiter, gone, began) =
                (Arc::clone(&self.limiter), Arc::clone(&self.gone), self.began);
            tokio::spawn(async move {
                let admitted = limiter.acquire_start(business, Try::First, line, 0).await;
                let Ok(Admitted::Go(mut permit)) = admitted else { return };
                assert!(permit.connection().used());
                gone.lock().unwrap().push(began.elapsed());
                sleep(latency).await;
                let accepted = Answer::new(Verdict::Accepted, Reply::default());
                limiter.heard(permit, &accepted);
            });
        }
    }

    fn gone(&self) -> Vec<Duration> {
        self.gone.lock().unwrap().clone()
    }
}

fn unconnected() -> Answer {
    let failure = Failure {
        class: FailureClass::Transient,
        delivery: Delivery::NotSent(NotSent::Unreachable),
        taken: Taken::No,
        hold: None,
        server: Box::default(),
    };
    Answer::new(Verdict::Failed(failure), Reply::default())
}

#[tokio::test(start_paused = true)]
async fn a_row_waits_for_a_connection_and_goes_when_it_stands() {
    let launch =
        Launch::new(&limits("unlimited", 8), CountedConnections::new(0, Duration::from_millis(1)));
    launch.rows(1..4, Duration::ZERO);
    sleep(MINUTE).await;
    assert!(launch.gone().is_empty());
    for count in [1, 2] {
        launch.connections.add(count);
        launch.limiter.connection_made();
    }
    sleep(Duration::from_millis(1)).await;
    assert_eq!(launch.gone(), [MINUTE; 3]);
}

#[tokio::test(start_paused = true)]
async fn after_a_stall_no_second_holds_more_than_the_rate() {
    for (rate, most) in [("20/s", 21), ("300/s", 303), ("1/s", 2)] {
        let launch =
            Launch::new(&limits(rate, 512), CountedConnections::new(0, Duration::from_secs(3)));
        launch.rows(1..1000, Duration::from_millis(1));
        sleep(Duration::from_secs(3)).await;
        launch.connections.add(512);
        launch.limiter.connection_made();
        sleep(Duration::from_secs(4)).await;
        let gone = launch.gone();
        let busiest = gone.iter().map(|from| {
            gone.iter().filter(|at| *at >= from && **at <= *from + Duration::from_secs(1)).count()
        });
        let busiest = busiest.max().unwrap_or_default();
        assert!((1..=most).contains(&busiest), "{rate}: {busiest}");
        assert!(gone.len() >= most - 1, "{rate}: {} in four seconds", gone.len());
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_takes_longer_than_a_turn_lasts_is_used_all_the_same() {
    let launch = Launch::new(&limits("1/m", 4), CountedConnections::new(1, Duration::from_secs(2)));
    launch.rows(1..4, Duration::ZERO);
    sleep(Duration::from_secs(70)).await;
    launch.connections.add(2);
    launch.limiter.connection_made();
    sleep(3 * MINUTE).await;
    let seconds: Vec<_> = launch.gone().iter().map(Duration::as_secs).collect();
    assert_eq!(seconds, [0, 70, 130], "each a minute after the one before, or later");
}

#[tokio::test(start_paused = true)]
async fn as_many_are_wanted_as_turns_become_due_while_one_is_made() {
    let millis = Duration::from_millis;
    for (rate, slots, rows, lead, most) in [
        ("unlimited", 8, 100, millis(1), 8),
        ("unlimited", 8, 3, millis(1), 3),
        ("20/s", 16, 100, millis(1), 1),
        ("20/s", 16, 100, millis(200), 5),
        ("20/s", 16, 100, millis(900), 16),
        ("10/s", 16, 100, Duration::from_secs(9), 11),
        ("10/s", 16, 4, Duration::from_secs(9), 4),
        ("1/m", 16, 100, Duration::from_secs(9), 1),
    ] {
        let launch = Launch::new(&limits(rate, slots), CountedConnections::new(0, lead));
        launch.rows(0..rows, Duration::ZERO);
        sleep(millis(1)).await;
        let wanted = launch.connections.wanted().into_iter().max();
        assert_eq!(wanted, Some(most), "{rate}, {slots} slots, {rows} rows, {lead:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_is_wanted_a_second_before_a_turn_is_due() {
    let launch = Launch::new(&limits("2/m", 4), CountedConnections::new(1, Duration::ZERO));
    launch.rows(1..3, Duration::ZERO);
    sleep(Duration::from_secs(28)).await;
    assert_eq!(launch.gone(), [Duration::ZERO]);
    assert!(launch.connections.wanted().is_empty(), "too early");
    sleep(Duration::from_millis(1500)).await;
    assert_eq!(launch.connections.wanted(), [1]);
}

#[tokio::test(start_paused = true)]
async fn while_another_may_come_back_none_is_wanted_before_it_must_be_made() {
    let millis = Duration::from_millis;
    let launch = Launch::new(&limits("2/s", 4), CountedConnections::new(1, millis(100)));
    launch.rows(1..3, MINUTE);
    sleep(millis(350)).await;
    assert_eq!(launch.gone(), [Duration::ZERO]);
    assert!(launch.connections.wanted().is_empty(), "too early");
    sleep(millis(50)).await;
    assert_eq!(launch.connections.wanted(), [1]);
}

#[tokio::test(start_paused = true)]
async fn none_is_wanted_while_everyone_is_held() {
    let launch = Launch::new(&limits("unlimited", 4), CountedConnections::new(1, Duration::ZERO));
    launch.rows(1..2, MINUTE);
    sleep(Duration::from_secs(1)).await;
    let business = Business { scope: Scope::CmdbBiz, id: "3".parse().unwrap() };
    launch.connections.add(1);
    let admitted = launch.limiter.acquire_start(business, Try::First, 2, 0).await;
    let Ok(Admitted::Go(mut permit)) = admitted else { panic!("it may go") };
    assert!(permit.connection().used());
    let mut throttled = unconnected();
    let Verdict::Failed(failure) = &mut throttled.verdict else { unreachable!("it failed") };
    failure.delivery = Delivery::Answered(Speaker::Front);
    failure.hold = Some(Hold { whom: Whom::Everyone, stated: Some(Duration::from_secs(10)) });
    launch.limiter.heard(permit, &throttled);
    launch.connections.wanted();
    launch.rows(3..5, Duration::ZERO);
    sleep(Duration::from_secs(9)).await;
    assert_eq!(launch.connections.wanted(), [0], "those that are being made are called back");
    sleep(Duration::from_secs(2)).await;
    assert!(launch.connections.wanted().contains(&2));
}

#[tokio::test(start_paused = true)]
async fn connections_that_cannot_be_made_begin_an_outage_and_are_its_probes() {
    let launch = Launch::new(&limits("unlimited", 8), CountedConnections::new(0, Duration::ZERO));
    launch.rows(1..9, Duration::ZERO);
    sleep(Duration::from_millis(1)).await;
    let fails = || launch.limiter.connection_failed(&unconnected());
    let begins: Vec<_> = (0..4).map(|_| fails().in_outage).collect();
    assert_eq!(begins, [false, false, false, true]);
    // Those that were made before it began are no probes of it.
    assert_eq!(fails().outage, None);
    launch.connections.wanted();
    sleep(Duration::from_millis(400)).await;
    assert!(launch.connections.wanted().iter().all(|wanted| *wanted == 0), "no probe is due");
    sleep(Duration::from_millis(200)).await;
    assert_eq!(launch.connections.wanted(), [1], "the probe's");
    let lasting = fails().outage.expect("it was the probe");
    assert_eq!(lasting.lasted, Duration::from_millis(600));
    sleep(Duration::from_millis(900)).await;
    assert!(!launch.connections.wanted().contains(&1), "the backoff grows");
    sleep(Duration::from_millis(200)).await;
    launch.connections.add(8);
    launch.limiter.connection_made();
    sleep(Duration::from_millis(1)).await;
    assert_eq!(launch.gone().len(), 8, "the probe's answer ends it");
}

#[tokio::test(start_paused = true)]
async fn a_turn_is_taken_anew_after_connecting() {
    let launch = Launch::new(&limits("1/s", 8), CountedConnections::always());
    let turns = Arc::new(TurnsOf(Arc::downgrade(&launch.limiter.shared)));
    let began = Instant::now();
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let turns = Arc::clone(&turns);
            tokio::spawn(async move { (turns.turn().await, began.elapsed().as_millis()) })
        })
        .collect();
    let mut taken = Vec::new();
    for waiting in waiting {
        taken.push(waiting.await.unwrap());
    }
    assert_eq!(taken, [(true, 0), (true, 990), (true, 1990)]);
    let late = Arc::clone(&turns);
    let waiting = tokio::spawn(async move { late.turn().await });
    sleep(Duration::from_millis(1)).await;
    launch.limiter.close();
    assert!(!timeout(MINUTE, waiting).await.unwrap().unwrap(), "a stop lets none leave");
    assert!(!turns.turn().await);
    timeout(MINUTE, turns.closed()).await.expect("it is closed");
}

#[tokio::test(start_paused = true)]
async fn none_is_picked_while_others_wait_for_their_turn_anew() {
    let launch = Launch::new(&limits("1/s", 8), CountedConnections::always());
    let turns = Arc::new(TurnsOf(Arc::downgrade(&launch.limiter.shared)));
    for _ in 0..4 {
        let turns = Arc::clone(&turns);
        tokio::spawn(async move { turns.turn().await });
    }
    sleep(Duration::from_millis(1)).await;
    launch.rows(1..3, Duration::ZERO);
    sleep(MINUTE).await;
    let seconds: Vec<_> = launch.gone().iter().map(Duration::as_secs).collect();
    assert_eq!(seconds, [2, 3], "behind three that wait");
}
