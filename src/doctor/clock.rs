//! The clock of this machine against that of the server.

use jiff::{SignedDuration, Timestamp};

use super::finding::{Area, Finding};

/// Difference from which a warning is given. A `Date` has whole seconds, and an answer takes time.
const MAX_DIFFERENCE: SignedDuration = SignedDuration::from_secs(5);

/// Compares `date`, which the server wrote between two readings of this machine's clock.
pub(super) fn judge(date: Option<Timestamp>, before: Timestamp, after: Timestamp) -> Finding {
    let name = "clock";
    let Some(date) = date else {
        return Finding::unknown(Area::Server, name, "the answer has no Date to compare with");
    };
    // The server's clock showed at least `date`, and less than a second more.
    let behind = date.duration_since(after);
    let ahead = before.duration_since(date) - SignedDuration::from_secs(1);
    let (difference, side) = if behind > ahead { (behind, "behind") } else { (ahead, "ahead of") };
    if difference <= SignedDuration::ZERO {
        return Finding::ok(Area::Server, name, "as the server's Date says");
    }
    let says =
        format!("this machine is {} s {side} the server's Date", difference.as_secs().max(1));
    if difference <= MAX_DIFFERENCE {
        return Finding::ok(Area::Server, name, says);
    }
    Finding::warning(Area::Server, name, says).with_advice(
        "windows go by this machine's clock, and tokens by the server's: set the clock",
    )
}

#[cfg(test)]
mod tests {
    use super::super::finding::Grade;
    use super::*;

    #[test]
    fn a_difference_is_what_neither_the_answer_nor_the_second_explains() {
        let second = |at: f64| {
            Timestamp::UNIX_EPOCH + SignedDuration::try_from_secs_f64(1000.0 + at).unwrap()
        };
        for (date, before, after, grade, says) in [
            (0, 0.2, 0.3, Grade::Ok, "as the server's Date says"),
            (0, 0.9, 3.0, Grade::Ok, "as the server's Date says"),
            (3, 0.2, 0.3, Grade::Ok, "this machine is 2 s behind the server's Date"),
            (-3, 0.2, 0.3, Grade::Ok, "this machine is 2 s ahead of the server's Date"),
            (90, 0.0, 0.5, Grade::Warning, "89 s behind"),
            (-90, 0.0, 0.5, Grade::Warning, "89 s ahead of"),
        ] {
            let date = Some(second(f64::from(date)));
            let found = judge(date, second(before), second(after));
            assert_eq!(found.grade, grade, "{found:?}");
            assert!(found.says.contains(says), "{found:?}");
        }
        assert_eq!(judge(None, second(0.0), second(1.0)).grade, Grade::Unknown);
    }
}
