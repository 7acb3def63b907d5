use super::*;

#[test]
fn the_words_of_a_report_are_read_as_they_are_written() {
    use KnownBy::{Reply, Resume, Retry, Status};
    for (outcome, word, known_by) in [
        (Outcome::Started(Reply), "started", Some("reply")),
        (Outcome::Started(Retry), "started", Some("retry")),
        (Outcome::Started(Resume), "started", Some("resume")),
        (Outcome::Started(Status), "started", Some("status")),
        (Outcome::AlreadyStarted, "already_started", None),
        (Outcome::Rejected, "rejected", None),
        (Outcome::Failed, "failed", None),
        (Outcome::Unknown, "unknown", None),
        (Outcome::Unconfirmed, "unconfirmed", None),
        (Outcome::Invalid, "invalid", None),
        (Outcome::Duplicate, "duplicate", None),
        (Outcome::Pending, "pending", None),
    ] {
        assert_eq!((outcome.as_str(), outcome.known_by().map(KnownBy::as_str)), (word, known_by));
        assert_eq!(Outcome::of_words(word, known_by), Ok(outcome));
    }
    for (word, known_by) in [
        ("started", None),
        ("started", Some("x")),
        ("failed", Some("reply")),
        ("Failed", None),
        ("", None),
    ] {
        assert_eq!(Outcome::of_words(word, known_by), Err(UnknownWord), "{word} {known_by:?}");
    }
}

#[test]
fn a_doubt_is_read_as_it_is_written() {
    for (doubt, word) in [
        (Doubt::None, "none"),
        (Doubt::MayHaveStarted, "may_have_started"),
        (Doubt::Accepted, "accepted"),
    ] {
        assert_eq!((doubt.as_str(), word.parse()), (word, Ok(doubt)));
    }
    assert_eq!("maybe".parse::<Doubt>(), Err(UnknownWord));
}

#[test]
fn what_counts_is_what_somebody_has_to_look_at_after_it_was_sent() {
    let (ok, fail) = (AlreadyStarted::Ok, AlreadyStarted::Fail);
    let failures = |already| {
        let all = OutcomeKind::VARIANTS.iter().filter(|kind| kind.is_failure(already));
        all.map(|kind| kind.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(failures(ok), ["rejected", "failed", "unknown", "unconfirmed"]);
    assert_eq!(failures(fail), ["already_started", "rejected", "failed", "unknown", "unconfirmed"]);
}
