//! Fronts that stall while connections are made: nothing that was to leave earlier leaves when
//! they go on, neither after a stop nor faster than the rate.

use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::certificates::{Identity, as_it_is, tls};
use crate::harness::{Front, Launch, Outcome, Running, Scene, Stall, Way, list, scene};

/// Where a front can stall that is reached without a proxy, and where one behind a proxy can.
const DIRECT: [Stall; 3] = [Stall::Connect, Stall::Handshake, Stall::Answer];
const PROXIED: [Stall; 4] = [Stall::Connect, Stall::Tunnel, Stall::Handshake, Stall::Answer];

/// Time after a stop in which what left before it may still come.
const ON_ITS_WAY: Duration = Duration::from_millis(500);

/// Time after a stop at which a front goes on. What waited for it would come late.
const LATE: Duration = Duration::from_millis(700);

/// Maximum time that the program takes to end once nothing is out; far less than the time limits
/// of connections and requests in these tests.
const PROMPT: Duration = Duration::from_secs(5);

/// Far longer than any answer here takes.
const PATIENT: &str = "--timeout 1m --backoff 50ms..200ms";

/// How long a front stalls, and how exactly the rate is looked at.
#[derive(Clone, Copy)]
struct Length {
    stall: Duration,
    /// From the start of the program to its stop.
    stop_after: Duration,
    /// Maximum number of requests in a second at `--rate 20/s`.
    busiest: usize,
}

/// A busy machine brings together what left apart. Without the promise a second holds 36.
const SHORT: Length =
    Length { stall: Duration::from_millis(1500), stop_after: Duration::from_secs(2), busiest: 25 };

const FULL: Length =
    Length { stall: Duration::from_secs(3), stop_after: Duration::from_secs(4), busiest: 21 };

/// A scene with a front before its bk-sops.
struct Fronted {
    scene: Scene,
    front: Front,
    way: Way,
    /// Where the front stalls once it is restarted.
    stall: Stall,
}

impl Fronted {
    fn new(rows: u64, (way, stall): (Way, Stall)) -> Self {
        let scene = scene(list(rows));
        let identity = Identity::self_made(&["localhost", "sops.example.com"], as_it_is);
        scene.file("ca.pem", identity.pem());
        let front = Front::start(way, tls(&identity), scene.mock().port());
        Self { scene, front, way, stall }
    }

    /// Adds what the way to the front needs.
    fn reached(&self, launch: Launch) -> Launch {
        let proxy = format!("http://127.0.0.1:{}", self.front.port());
        match self.way {
            Way::Direct => launch,
            Way::Proxy => launch.environment("HTTPS_PROXY", proxy),
        }
    }

    /// A launch at 20 a second, which waits for everything.
    fn run(&self) -> Launch {
        self.reaching().with("--rate 20/s --connect-timeout 40s").with(PATIENT)
    }

    fn reaching(&self) -> Launch {
        let url = match self.way {
            Way::Direct => format!("https://localhost:{}", self.front.port()),
            // A name that only the proxy knows.
            Way::Proxy => "https://sops.example.com".into(),
        };
        self.reached(self.scene.run().at(url).with("--cacert ca.pem"))
    }

    /// Restarts the front once some rows are started.
    fn restarted(&self, run: Launch) -> Running {
        let run = run.start().once("some are started", |seen| seen.started >= 3);
        self.front.restart(self.stall);
        run
    }

    /// Lets the front go on at `when`, while the program ends.
    fn recovering(&self, when: Instant, end: impl FnOnce() -> Outcome) -> Outcome {
        thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(when.saturating_duration_since(Instant::now()));
                self.front.recover();
            });
            end()
        })
    }

    /// Nothing came that left after the stop, the rest is pending, and a resume launches it.
    fn stopped(&self, run: Outcome, rows: u64, stop: Instant) {
        let late: Vec<_> = (self.front.arrivals().into_iter())
            .filter_map(|came| came.checked_duration_since(stop + ON_ITS_WAY))
            .collect();
        let (count, stall) = (late.len(), self.stall);
        assert!(
            late.is_empty(),
            "{stall:?}: {count} came late, the last by {:?}: {run}",
            late.last()
        );
        let run = run.reports_all(rows).does_not_panic();
        let report = run.report();
        let (started, pending) = (report.count("started"), report.count("pending"));
        assert_eq!(started + pending, rows, "{:?}: {run}", report.counts());
        assert!(pending > rows / 2, "{pending} are pending: {run}");
        self.front.recover();
        let resumed = self.reached(run.resume()).with("--rate unlimited").exits(0);
        all_are_started(resumed, rows);
    }
}

/// Every row is started, and none twice.
fn all_are_started(run: Outcome, rows: u64) {
    run.reports_all(rows)
        .reports(rows, "started")
        .server_saw(|seen| seen.started, rows)
        .server_saw(|seen| seen.tasks.values().all(|task| task.accepted == 1), true);
}

/// Tries something with each of these stalls, all at once: it mostly waits.
fn each(way: Way, stalls: &[Stall], act: impl Fn((Way, Stall)) + Sync) {
    thread::scope(|scope| {
        for stall in stalls {
            let act = &act;
            scope.spawn(move || act((way, *stall)));
        }
    });
}

/// A front that goes on after the window's end gets nothing any more.
fn nothing_comes_after_the_window(place: (Way, Stall), length: Length) {
    let rows = 200;
    let fronted = Fronted::new(rows, place);
    let (stop, stop_at) =
        (Instant::now() + length.stop_after, Timestamp::now() + length.stop_after);
    let run = fronted.restarted(fronted.run().with(format!("--stop-at {stop_at}")));
    assert!(Instant::now() + ON_ITS_WAY < stop, "it stalls before the stop");
    let run = fronted.recovering(stop + LATE, || run.exits(4));
    fronted.stopped(run.says("stopped: the window closed"), rows, stop);
}

/// The same of a signal.
fn nothing_comes_after_a_signal(place: (Way, Stall), length: Length) {
    let rows = 200;
    let fronted = Fronted::new(rows, place);
    let run = fronted.restarted(fronted.run());
    thread::sleep(length.stall);
    let run = run.signal("TERM");
    let stop = Instant::now();
    let run = fronted.recovering(stop + LATE, || run.exits(143));
    fronted.stopped(run.says("stopped: by SIGTERM"), rows, stop);
}

/// A stop does not wait for connections, however long they stall.
fn a_stop_ends_the_program_at_once(place: (Way, Stall)) {
    let rows = 200;
    for code in [4, 143] {
        let fronted = Fronted::new(rows, place);
        let mut stop = Instant::now() + SHORT.stop_after;
        let stop_at = Timestamp::now() + SHORT.stop_after;
        let run = if code == 4 {
            fronted.restarted(fronted.run().with(format!("--stop-at {stop_at}")))
        } else {
            let run = fronted.restarted(fronted.run());
            fronted.front.until_somebody_waits();
            stop = Instant::now();
            run.signal("TERM")
        };
        let run = run.exits(code);
        let took = stop.elapsed();
        assert!(took < PROMPT, "{place:?}: it took {took:?}: {run}");
        fronted.stopped(run, rows, stop);
    }
}

/// What waits for a connection does not leave all at once when the front goes on.
fn no_second_holds_more_than_the_rate_allows(place: (Way, Stall), length: Length) {
    let rows = 60;
    let fronted = Fronted::new(rows, place);
    let run = fronted.restarted(fronted.run());
    let run = fronted.recovering(Instant::now() + length.stall, || run.exits(0));
    let arrivals = fronted.front.arrivals();
    let within = |from: &Instant| {
        let second = *from..*from + Duration::from_secs(1);
        arrivals.iter().filter(|came| second.contains(*came)).count()
    };
    let busiest = arrivals.iter().map(within).max().unwrap();
    assert!(busiest <= length.busiest, "{place:?}: {busiest} in a second: {run}");
    all_are_started(run, rows);
}

#[test]
fn nothing_comes_after_the_window_from_a_front_that_stalled() {
    each(Way::Direct, &DIRECT, |place| nothing_comes_after_the_window(place, SHORT));
}

#[test]
fn nothing_comes_after_a_signal_from_a_front_that_stalled() {
    each(Way::Direct, &DIRECT, |place| nothing_comes_after_a_signal(place, SHORT));
}

#[test]
fn a_front_that_stalls_holds_up_no_stop() {
    each(Way::Direct, &[Stall::Connect, Stall::Handshake], a_stop_ends_the_program_at_once);
}

#[test]
fn a_front_that_stalled_gets_no_more_in_a_second_than_the_rate_allows() {
    each(Way::Direct, &DIRECT, |place| no_second_holds_more_than_the_rate_allows(place, SHORT));
}

#[test]
fn nothing_comes_after_the_window_from_a_front_behind_a_proxy() {
    each(Way::Proxy, &PROXIED, |place| nothing_comes_after_the_window(place, SHORT));
}

#[test]
fn nothing_comes_after_a_signal_from_a_front_behind_a_proxy() {
    each(Way::Proxy, &PROXIED, |place| nothing_comes_after_a_signal(place, SHORT));
}

#[test]
fn a_front_behind_a_proxy_that_stalls_holds_up_no_stop() {
    each(
        Way::Proxy,
        &[Stall::Connect, Stall::Tunnel, Stall::Handshake],
        a_stop_ends_the_program_at_once,
    );
}

#[test]
fn a_front_behind_a_proxy_gets_no_more_in_a_second_than_the_rate_allows() {
    each(Way::Proxy, &PROXIED, |place| no_second_holds_more_than_the_rate_allows(place, SHORT));
}

/// Where a turn is taken once the connection is made, many may wait for theirs after a stall: that
/// is no time of connecting.
#[test]
fn a_turn_that_comes_late_costs_no_connection() {
    let fronted = Fronted::new(30, (Way::Proxy, Stall::Handshake));
    let run = fronted
        .restarted(fronted.reaching().with(PATIENT).with("-v --rate 5/s --connect-timeout 3s"));
    let run = fronted.recovering(Instant::now() + Duration::from_millis(2200), || run.exits(0));
    let waited = fronted.front.accepted();
    assert!((8..=16).contains(&waited), "each connection was used, once it stood: {waited}");
    all_are_started(run.never_says("no connection"), 30);
}

#[test]
#[ignore = "needs real seconds, and a quiet machine"]
fn a_stall_of_three_seconds_brings_nothing_after_a_stop_and_no_burst() {
    for (way, stalls) in [(Way::Direct, &DIRECT[..]), (Way::Proxy, &PROXIED)] {
        for stall in stalls {
            nothing_comes_after_the_window((way, *stall), FULL);
            nothing_comes_after_a_signal((way, *stall), FULL);
            no_second_holds_more_than_the_rate_allows((way, *stall), FULL);
        }
    }
}
