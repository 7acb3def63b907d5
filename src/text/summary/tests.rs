use super::*;

#[test]
fn a_cause_says_what_to_check() {
    let answer = |stop| StopReason::Answer { stop, message: "said".into() };
    for (cause, hint) in [
        (answer(Stop::Auth), "BK_APP_SECRET"),
        (answer(Stop::Config), "check the URL given by --esb or --gateway"),
        (answer(Stop::NeverReached), "http://h/"),
    ] {
        let text = why(&cause, "http://h/");
        assert!(text.contains("said") && text.contains(hint), "{text}");
    }
}

#[test]
fn what_could_not_be_asked_names_the_flag_that_may_mend_it() {
    let of = |states, links, to_header| {
        unasked(&Unasked { states, links, lookups: 9, to_header }).unwrap_or_default()
    };
    assert_eq!(of(0, 0, 0), "");
    let text = of(2, 1, 5);
    assert!(text.starts_with("the state of 2 rows could not be asked for"), "{text}");
    assert!(text.contains("\n1 link could not be asked for"), "{text}");
    assert!(text.contains("--esb-legacy-get"), "{text}");
    assert!(!of(0, 3, 0).contains("--esb-legacy-get"), "of another reason");
}

#[test]
fn too_many_failures_are_counted_for_people_and_for_programs() {
    for (failures, tolerated, people, programs) in [
        (1, 0, "1 row failed (limit 0).", "1 row failed (limit 0)."),
        (1_201, 1_200, "1,201 rows failed (limit 1,200).", "1201 rows failed (limit 1200)."),
    ] {
        let used_up = UsedUp { failures, tolerated };
        assert_eq!(over_budget(&used_up, Digits::Grouped), people);
        assert_eq!(over_budget(&used_up, Digits::Plain), programs);
    }
}
