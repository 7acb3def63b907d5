//! Tests of what is drawn, told and shrunk.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use super::{
    Before, Deed, Event, ExchangeFault, Fault, Flag, History, InputKind, Key, Route, TaskFate, Way,
    When, shrink,
};

const SEEDS: u64 = 2_000;

/// The histories of many seeds, drawn once for all tests.
fn all() -> impl Iterator<Item = &'static History> {
    static DRAWN: LazyLock<Vec<History>> =
        LazyLock::new(|| (0..SEEDS).map(History::draw).collect());
    DRAWN.iter()
}

/// Counts of words that histories show.
#[derive(Default)]
struct Counts(BTreeMap<String, u32>);

impl Counts {
    fn add(&mut self, word: impl Into<String>) {
        *self.0.entry(word.into()).or_default() += 1;
    }

    /// Adds the name of an enum's variant, without what it holds.
    fn add_variant(&mut self, value: &impl std::fmt::Debug) {
        let text = format!("{value:?}");
        self.add(text.split(|c: char| !c.is_alphanumeric()).next().unwrap());
    }

    #[track_caller]
    fn all_occur(&self, words: &[&str]) {
        let missing: Vec<_> = words.iter().filter(|word| !self.0.contains_key(**word)).collect();
        assert!(missing.is_empty(), "{missing:?} of {:?}", self.0);
    }
}

#[test]
fn a_seed_means_one_history() {
    for seed in 0..200 {
        assert_eq!(History::draw(seed), History::draw(seed));
    }
    assert_ne!(History::draw(1).list, History::draw(2).list);
}

#[test]
fn every_fate_and_every_kind_of_fault_occurs() {
    let mut counts = Counts::default();
    for history in all() {
        for row in &history.list {
            counts.add_variant(&row.fate);
            counts.add(if row.key().is_some() { "usable" } else { "unusable" });
        }
        for Event { when, what } in &history.events {
            counts.add_variant(when);
            counts.add_variant(what);
            match what {
                Fault::Exchange(what) => counts.add_variant(what),
                Fault::Outage(what, _) => counts.add_variant(what),
                Fault::Connect(what, _) => counts.add_variant(what),
                _ => {}
            }
        }
    }
    let fates = "Runs StartedBefore StartedMeanwhile NotThere OfOtherProject NoProject Denied \
        Deleted Unclaimed MessagesLost FailsBeforeFlag FailsAfterFlag WorkerDies PluginMissing \
        Breaks usable unusable";
    let faults = "Exchange Outage Stall Connect CloseIdle Revoked BrokerRestarts \
        ServerClockJumps WallClockStep Suspend SlowDisk JournalFull CommitFails StdoutCloses \
        StdoutStalls StderrStalls At Start Question";
    let kinds = "ResetBefore ResetAfter HangBefore HangAfter CutOff Page Capture Quotes Late \
        NginxRefused NginxLost IngressNotFound FrontRefused IamAway Silent \
        Refused Hangs Slow BadCertificate NoHost";
    for words in [fates, faults, kinds] {
        counts.all_occur(&words.split_whitespace().collect::<Vec<_>>());
    }
}

#[test]
fn every_flag_and_every_deed_occurs() {
    let mut counts = Counts::default();
    for history in all() {
        counts.add_variant(&history.input);
        counts.add_variant(&history.server.route);
        counts.add_variant(&history.server.way);
        counts.add(format!("{} sessions", history.sessions.len()));
        for session in &history.sessions {
            session.flags.iter().for_each(|flag| counts.add(flag.name));
            session.before.iter().for_each(|before| counts.add_variant(before));
            for act in &session.acts {
                counts.add_variant(&act.when);
                counts.add_variant(&act.what);
            }
        }
    }
    let flags = "rate burst rate-per-biz concurrency concurrency-per-biz lookahead retries \
        backoff throttle-patience outage-patience max-failures already-started confirm lookup \
        esb-legacy-get timeout connect-timeout stages stage-pause limit start-at stop-at window \
        cutoff jitter require-fit output force no-journal on-invalid retry-failed target-changed \
        where skip";
    let deeds = "Signal Kill PowerLoss After Sent Answered BeforeCommit AfterCommit EditReport \
        RemoveReport MendCredentials OtherTarget";
    let worlds = "File Stream LegacyEsb NewEsb Gateway Direct Proxied";
    for words in [flags, deeds, worlds] {
        counts.all_occur(&words.split_whitespace().collect::<Vec<_>>());
    }
    counts.all_occur(&["1 sessions", "2 sessions", "3 sessions", "4 sessions", "5 sessions"]);
}

#[test]
fn the_flags_of_a_session_fit_together() {
    for history in all() {
        for (at, session) in history.sessions.iter().enumerate() {
            let count = |name| session.flags.iter().filter(|flag| flag.name == name).count();
            let has = |name: &str| session.flags.iter().any(|flag| flag.name == name);
            let line = format!("{} session {at}: {:?}", history.seed, session.flags);
            let names: BTreeSet<_> = session.flags.iter().map(|flag| flag.name).collect();
            for name in names.iter().filter(|name| **name != "output") {
                assert_eq!(count(*name), 1, "{name}: {line}");
            }
            assert!(!has("window") || !(has("start-at") || has("stop-at")), "{line}");
            assert!(!has("stage-pause") || has("stages"), "{line}");
            assert!(!has("no-journal") || has("output"), "{line}");
            let is_resume = at > 0;
            let of_run = ["no-journal", "on-invalid", "require-fit"];
            assert!(!is_resume || !of_run.iter().any(|name| has(name)), "{line}");
            let of_resume = ["retry-failed", "target-changed"];
            assert!(is_resume || !of_resume.iter().any(|name| has(name)), "{line}");
        }
    }
}

#[test]
fn the_last_of_several_sessions_is_calm() {
    for history in all().filter(|history| history.sessions.len() > 1) {
        assert!(history.sessions.last().unwrap().is_calm(), "{}", history.tell());
    }
}

#[test]
fn the_server_clock_stays_within_its_bound() {
    for history in all() {
        let jumps = history.events.iter().map(|event| match event.what {
            Fault::ServerClockJumps(by) => by.abs(),
            _ => 0,
        });
        assert!(jumps.sum::<i64>() < 400);
    }
}

/// The server does with a task what the first of its rows says.
#[test]
fn only_the_first_row_of_a_task_has_a_fate() {
    for history in all() {
        let mut seen: BTreeSet<Key> = BTreeSet::new();
        for row in &history.list {
            let is_first = row.key().is_some_and(|key| seen.insert(key));
            assert!(is_first || row.fate == TaskFate::Runs, "{}", history.tell());
        }
    }
}

#[test]
fn a_history_is_told_in_full() {
    let history = History::draw(7);
    let told = history.tell();
    assert!(told.starts_with("history 7: "), "{told}");
    for session in &history.sessions {
        for flag in &session.flags {
            assert!(told.contains(&flag.to_string()), "{flag}: {told}");
        }
    }
    let lines = history.list.len() + history.events.len() + history.sessions.len();
    assert!(told.lines().count() > lines, "{told}");
}

/// Wild histories: with many rows, events and sessions.
fn wild() -> impl Iterator<Item = History> {
    let all = all().cloned();
    all.filter(|history| {
        history.list.len() > 20 && history.events.len() > 3 && history.sessions.len() > 3
    })
}

#[test]
fn a_row_and_a_fault_are_all_that_is_left() {
    for history in wild().take(20) {
        let key = history.list[17].key();
        let event = history.events[2];
        let mut tries = 0;
        let small = shrink(history, &mut |history| {
            tries += 1;
            history.list.iter().any(|row| row.key() == key) && history.events.contains(&event)
        });
        assert!(tries <= 400, "{tries}");
        assert_eq!((small.list.len(), small.events.as_slice()), (1, [event].as_slice()));
        let [run] = small.sessions.as_slice() else { panic!("{}", small.tell()) };
        assert!(run.flags.is_empty() && run.acts.is_empty(), "{}", small.tell());
        assert_eq!(small.input, InputKind::File);
        assert_eq!((small.server.route, small.server.way), (Route::Gateway, Way::Direct));
        assert_eq!(small.list[0].fate, TaskFate::Runs);
        assert!(small.server.biz_limits.is_empty() && small.server.app_limit.is_none());
    }
}

#[test]
fn what_is_needed_of_several_sessions_stays() {
    let has = |flags: &[Flag], name| flags.iter().any(|flag| flag.name == name);
    let breaks = |history: &History| {
        let kills = |act: &super::Act| act.what == Deed::Kill;
        let killed = history.sessions.iter().position(|session| session.acts.iter().any(kills));
        killed.is_some_and(|at| {
            let later = &history.sessions[at + 1..];
            later.iter().any(|session| has(&session.flags, "retry-failed"))
        })
    };
    for history in wild().filter(breaks).take(20) {
        let small = shrink(history, &mut |history| breaks(history));
        let [killed, last] = small.sessions.as_slice() else { panic!("{}", small.tell()) };
        assert_eq!((killed.acts.len(), killed.flags.len()), (1, 0));
        assert_eq!((last.acts.len(), last.flags.len()), (0, 1));
        assert!(small.list.is_empty() && small.events.is_empty());
    }
}

#[test]
fn a_search_ends_after_so_many_tries() {
    let mut tries = 0;
    let history = wild().next().unwrap();
    let whole = history.clone();
    let same = shrink(history, &mut |_| {
        tries += 1;
        false
    });
    assert_eq!(same, whole);
    assert!(tries <= 400, "{tries}");
}

#[test]
fn calm_histories_and_histories_with_one_kind_of_trouble_are_common() {
    let (mut calm, mut single) = (0, 0);
    for history in all() {
        let kinds: BTreeSet<_> = history
            .events
            .iter()
            .map(|event| {
                let text = format!("{:?}", event.what);
                text.split('(').next().unwrap().to_owned()
            })
            .collect();
        calm += u64::from(kinds.is_empty());
        single += u64::from(kinds.len() == 1);
    }
    assert!(calm > SEEDS / 20 && single > SEEDS / 5, "{calm} calm, {single} with one kind");
}

#[test]
fn before_a_resume_of_another_target_the_flags_mostly_say_so() {
    let mut said = (0, 0);
    for history in all() {
        for session in &history.sessions {
            if session.before.contains(&Before::OtherTarget) {
                let is_said = session.flags.iter().any(|flag| flag.name == "target-changed");
                if is_said { said.0 += 1 } else { said.1 += 1 }
            }
        }
    }
    assert!(said.0 > said.1 && said.1 > 0, "{said:?}");
}

#[test]
fn a_capture_is_drawn_from_the_whole_table() {
    let indices: BTreeSet<u8> = all()
        .flat_map(|history| &history.events)
        .filter_map(|event| match event.what {
            Fault::Exchange(ExchangeFault::Capture(index)) => Some(index),
            _ => None,
        })
        .collect();
    assert!(indices.len() > 120, "{}", indices.len());
}

#[test]
fn events_at_requests_count_from_one() {
    for event in all().flat_map(|history| &history.events) {
        let is_exchange = matches!(event.what, Fault::Exchange(_));
        match event.when {
            When::Start(number) | When::Question(number) => assert!(number > 0),
            When::At(_) => assert!(!is_exchange, "{event}"),
        }
    }
}
