//! What a plan says before the first request, against what the launch then takes.

use std::time::Duration;

use crate::by_hand::{history, ms, session};
use crate::history::{Flag, History};
use crate::night::Played;
use crate::seeds::{play_alone, told};
use crate::world::Telling;

/// A measured launch: its flags, the time of an answer, the share of one business, and the words
/// of the limit that slows it.
struct Launch {
    flags: &'static [(&'static str, &'static str)],
    answer: u64,
    slowed_by: &'static str,
}

const LAUNCHES: [Launch; 11] = [
    Launch { flags: &[("rate", "10/s")], answer: 100, slowed_by: "" },
    Launch { flags: &[("rate", "10/s"), ("burst", "60")], answer: 100, slowed_by: "" },
    Launch {
        flags: &[("rate", "10/s"), ("burst", "60"), ("stages", "100,100%"), ("stage-pause", "4s")],
        answer: 100,
        slowed_by: "",
    },
    Launch {
        flags: &[("rate", "10/s"), ("confirm", "1m")],
        answer: 100,
        slowed_by: "--rate, which counts questions too",
    },
    Launch {
        flags: &[("rate", "50/s"), ("rate-per-biz", "5/s")],
        answer: 100,
        slowed_by: "--rate-per-biz",
    },
    Launch {
        flags: &[("rate", "50/s"), ("concurrency", "4")],
        answer: 900,
        slowed_by: "--concurrency: 4 requests at a time",
    },
    Launch {
        flags: &[("rate", "50/s"), ("concurrency-per-biz", "3")],
        answer: 700,
        slowed_by: "--concurrency-per-biz: 3 requests at a time",
    },
    Launch {
        flags: &[("rate", "50/s"), ("confirm", "1m"), ("lookahead", "8")],
        answer: 700,
        slowed_by: "--lookahead: 8 rows at a time",
    },
    Launch {
        flags: &[("rate", "50/s"), ("max-failures", "2")],
        answer: 400,
        slowed_by: "--max-failures: 3 rows at a time",
    },
    Launch {
        flags: &[("rate", "50/s"), ("confirm", "1m"), ("max-failures", "2")],
        answer: 200,
        slowed_by: "--max-failures: 3 rows at a time",
    },
    Launch {
        flags: &[("rate", "20/s"), ("stages", "40,50%,100%"), ("stage-pause", "20s")],
        answer: 300,
        slowed_by: "",
    },
];

/// Rows that are launched first, so that the server was timed.
const FIRST: &str = "20";

/// A launch of some rows, and one of the rest with `flags` beside.
fn two_sessions(launch: &Launch, flags: &[(&'static str, &str)]) -> History {
    let mut first = session(launch.flags, &[]);
    first.flags.push(Flag::valued("limit", FIRST));
    let mut history = history(200, vec![first, session(flags, &[])]);
    history.server.latency = (ms(launch.answer), ms(launch.answer));
    history
}

fn play(history: &History) -> Played {
    let played = play_alone(history, Telling::Story);
    assert_eq!(played.broken, None, "{}", told(&played.story));
    played
}

/// The sentences of the second session, with their times.
fn second(played: &Played) -> &[(Duration, String)] {
    let is_resume = |(_, sentence): &(Duration, String)| sentence.starts_with("$ bk-launch resume");
    let begin = played.story.iter().position(is_resume).unwrap();
    &played.story[begin..]
}

fn time_of(story: &[(Duration, String)], word: &str) -> Duration {
    let found = story.iter().find(|(_, sentence)| sentence.contains(word));
    found.unwrap_or_else(|| panic!("no {word:?} in\n{}", told(story))).0
}

fn took(story: &[(Duration, String)]) -> Duration {
    time_of(story, "the session ends").saturating_sub(time_of(story, ", session 2:"))
}

/// Reads `about 34 s` or `about 3 min` from a plan.
fn planned(story: &[(Duration, String)]) -> Duration {
    let (_, plan) = story.iter().find(|(_, sentence)| sentence.contains(", session 2:")).unwrap();
    let (_, time) = plan.split_once(": about ").unwrap_or_else(|| panic!("no time in {plan}"));
    let mut words = time.split([' ', ';', '\n']);
    let (count, unit) = (words.next().unwrap().parse().unwrap(), words.next().unwrap());
    Duration::from_secs(if unit == "min" { 60 * count } else { count })
}

#[test]
fn each_limit_is_foreseen_and_named() {
    for launch in &LAUNCHES {
        let played = play(&two_sessions(launch, &[]));
        let story = second(&played);
        let (planned, plan) = (planned(story), told(story));
        let took = took(story);
        // A plan tells whole seconds, rounded up.
        let bound = took / 10 + Duration::from_secs(1);
        let flags = launch.flags;
        assert!(planned.abs_diff(took) <= bound, "{flags:?}: {planned:?}, took {took:?}\n{plan}");
        match launch.slowed_by {
            "" => assert!(!plan.contains("slowed by"), "{flags:?}: {plan}"),
            brake => assert!(plan.contains(&format!("slowed by {brake}")), "{flags:?}: {plan}"),
        }
    }
}

#[test]
fn what_fits_is_done_in_its_window_and_what_does_not_is_not_begun() {
    for launch in &LAUNCHES {
        let played = play(&two_sessions(launch, &[]));
        let story = second(&played);
        let took = took(story);
        for (percent, fits) in [(113, true), (87, false)] {
            let stop = format!("+{}ms", took.as_millis() * percent / 100);
            let tried = play(&two_sessions(launch, &[("stop-at", &stop), ("require-fit", "")]));
            let story = told(second(&tried));
            let flags = launch.flags;
            if fits {
                assert!(story.contains("Exited { code: 0, "), "{flags:?} within {stop}:\n{story}");
            } else {
                assert!(story.contains("does not fit"), "{flags:?} within {stop}:\n{story}");
                assert!(!story.contains("starts"), "{flags:?} within {stop}:\n{story}");
            }
        }
    }
}

#[test]
fn of_a_server_that_was_never_timed_the_plan_says_what_it_depends_on() {
    for (stop, said) in [
        ("+3s", "does not fit: about 50 rows"),
        (
            "+1m",
            "fits only if a row takes at most 899 ms (slowed by --max-failures: 3 rows at a time)",
        ),
        ("+3h", "fits, done at "),
    ] {
        let flags =
            [("rate", "50/s"), ("max-failures", "2"), ("stop-at", stop), ("require-fit", "")];
        let story = told(&play(&history(200, vec![session(&flags, &[])])).story);
        assert!(story.contains(said), "within {stop}:\n{story}");
    }
}
