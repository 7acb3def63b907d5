//! Rows that a session may have sent. It notes rows before it may send them, so that after a crash
//! every other row was certainly never sent.
//!
//! Keeps line numbers in a few bytes, and tells when the rows of a batch can have left.

use thiserror::Error;

use crate::domain::clocks::Reading;
use crate::domain::record::FirstSent;
use crate::rules::server_time::Sighting;

/// Rows that one commit noted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intents {
    /// Line numbers of the rows.
    pub lines: Vec<u64>,
    /// This machine's clocks, before any of the rows can have left.
    pub at: Reading,
    /// Last `Date` of the server at that time.
    pub sighting: Option<Sighting>,
}

/// Returns the earliest moment at which the rows of each batch can have left.
///
/// The first `Date` after it is that of a later batch, or comes in the next session.
pub(crate) fn first_sent(session: &[Intents]) -> impl Iterator<Item = (&Intents, FirstSent)> {
    session.iter().enumerate().map(|(index, batch)| {
        let is_after = |sighting: &Sighting| sighting.at.since_boot > batch.at.since_boot;
        let later = session[index + 1..].iter().filter_map(|later| later.sighting);
        let after = later.filter(is_after).map(|sighting| sighting.carried_back(&batch.at)).next();
        let before = batch.sighting.and_then(|sighting| sighting.carried_on(&batch.at));
        let server = match (before, after.flatten()) {
            (Some(before), Some(after)) => Some(before.min(after)),
            (before, after) => before.or(after),
        };
        let local = if after.is_some() { None } else { Some(batch.at) };
        (batch, FirstSent { server, local })
    })
}

/// Packs line numbers into bytes: one or two for each that is close to the one before.
#[must_use]
pub fn pack(lines: &[u64]) -> Vec<u8> {
    let mut sorted = lines.to_vec();
    sorted.sort_unstable();
    let mut bytes = Vec::with_capacity(sorted.len() * 2);
    let mut before = 0;
    for line in sorted {
        // Seven bits per byte, the lowest first; the eighth says that more follow.
        let mut distance: u64 = line - before;
        while distance >= 0x80 {
            bytes.push(0x80 | (distance & 0x7f).to_le_bytes()[0]);
            distance >>= 7;
        }
        bytes.push(distance.to_le_bytes()[0]);
        before = line;
    }
    bytes
}

/// Bytes that [`pack`] never makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("these bytes are no lines")]
pub struct NoLines;

/// Unpacks what [`pack`] packed, sorted.
///
/// # Errors
///
/// Returns an error if [`pack`] never makes these bytes.
pub fn unpack(bytes: &[u8]) -> Result<Vec<u64>, NoLines> {
    let (mut lines, mut line) = (Vec::new(), 0_u64);
    let (mut distance, mut shift) = (0_u64, 0);
    for byte in bytes {
        let bits = u64::from(byte & 0x7f);
        let shifted = bits.checked_shl(shift).filter(|shifted| shifted >> shift == bits);
        distance |= shifted.ok_or(NoLines)?;
        shift += 7;
        if byte & 0x80 == 0 {
            line = line.checked_add(distance).ok_or(NoLines)?;
            lines.push(line);
            (distance, shift) = (0, 0);
        }
    }
    if shift == 0 { Ok(lines) } else { Err(NoLines) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clocks::Boot;
    use jiff::{SignedDuration, Timestamp};
    use proptest::prelude::*;

    fn reading(second: i64) -> Reading {
        Reading {
            wall: Timestamp::from_second(second).unwrap(),
            since_boot: SignedDuration::from_secs(second),
            boot: Boot(1),
        }
    }

    /// Returns a batch at `second`; `dated` is when the last `Date` came, and what it showed.
    fn batch(second: i64, dated: Option<(i64, i64)>) -> Intents {
        let sighting = |(second, date): (i64, i64)| Sighting {
            date: Timestamp::from_second(date).unwrap(),
            at: reading(second),
        };
        Intents { lines: vec![1], at: reading(second), sighting: dated.map(sighting) }
    }

    #[test]
    fn the_moment_of_a_batch_is_told_by_the_dates_around_it() {
        let (five, fifteen, twenty_five) = (Some((5, 1005)), Some((15, 1015)), Some((25, 1025)));
        for (batches, expected) in [
            (&[batch(10, None)][..], &[(None, true)][..]),
            (&[batch(10, five)], &[(Some(1010), true)]),
            // A Date that came before a batch says nothing new about it.
            (&[batch(10, five), batch(20, five)], &[(Some(1010), true), (Some(1020), true)]),
            (&[batch(10, None), batch(20, fifteen)], &[(Some(1010), false), (Some(1020), true)]),
            (
                &[batch(10, None), batch(20, None), batch(30, twenty_five)],
                &[(Some(1010), false), (Some(1020), false), (Some(1030), true)],
            ),
            // The server's clock stepped in between: the earlier of the two is taken.
            (
                &[batch(10, five), batch(20, Some((15, 915)))],
                &[(Some(910), false), (Some(920), true)],
            ),
            (
                &[batch(10, Some((5, 905))), batch(20, fifteen)],
                &[(Some(910), false), (Some(1020), true)],
            ),
            // The first Date after a batch is the most precise one.
            (
                &[batch(10, None), batch(20, fifteen), batch(30, Some((25, 25)))],
                &[(Some(1010), false), (Some(20), false), (Some(30), true)],
            ),
        ] {
            let found: Vec<_> = first_sent(batches)
                .map(|(_, first)| (first.server.map(Timestamp::as_second), first.local.is_some()))
                .collect();
            assert_eq!(found, expected, "{batches:?}");
        }
    }

    #[test]
    fn lines_that_follow_each_other_cost_a_byte() {
        let lines: Vec<u64> = (100_001..101_001).collect();
        assert_eq!(pack(&lines).len(), 999 + 3);
        for bytes in [
            &[0x80][..],
            &[0xff; 12],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
        ] {
            assert_eq!(unpack(bytes), Err(NoLines), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_packed_is_unpacked(mut lines in prop::collection::vec(any::<u64>(), 0..50)) {
            let packed = pack(&lines);
            lines.sort_unstable();
            prop_assert_eq!(unpack(&packed).unwrap(), lines);
        }
    }
}
