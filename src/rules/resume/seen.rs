//! Tasks seen so far in an input, to find duplicates.

use std::collections::HashSet;

use foldhash::fast::RandomState;

use crate::domain::task::Task;

/// Tasks, each taking 16 bytes and the overhead of a hash table.
///
/// Many small tables grow one by one, so that the old and new halves of all are never in memory at
/// once.
pub(super) struct SeenTasks(Vec<HashSet<u128, RandomState>>);

impl SeenTasks {
    const TABLES: usize = 64;

    pub(super) fn with_room_for(expected: Option<u64>) -> Self {
        let expected = usize::try_from(expected.unwrap_or_default()).unwrap_or_default();
        // Tasks are spread over the tables almost evenly, but not quite.
        let each = expected / Self::TABLES;
        Self(
            (0..Self::TABLES)
                .map(|_| {
                    HashSet::with_capacity_and_hasher(each + each / 32, RandomState::default())
                })
                .collect(),
        )
    }

    pub(super) fn is_new(&mut self, task: &Task) -> bool {
        let key = task.key();
        let mixed = key.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        // The top six bits select one of 64 tables.
        self.0[usize::try_from(mixed >> 122).unwrap_or_default()].insert(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::task::{Business, Scope};

    #[test]
    fn a_key_costs_at_most_forty_bytes() {
        let number = |number: u64| number.to_string().parse().unwrap();
        for count in [1_000_u64, 57_344, 57_345, 150_000] {
            for expected in [None, Some(count)] {
                let mut seen = SeenTasks::with_room_for(expected);
                for id in 1..=count {
                    let business = Business { scope: Scope::CmdbBiz, id: number(2) };
                    let task = Task { business, id: number(id) };
                    assert!(seen.is_new(&task) && (id % 97 != 0 || !seen.is_new(&task)));
                }
                // hashbrown: a power of two of slots, 8 for each 7 keys that it can hold, of 16
                // bytes and one control byte each.
                let slots =
                    |set: &HashSet<u128, RandomState>| (set.capacity() * 8 / 7).next_power_of_two();
                let bytes: usize = seen.0.iter().map(|set| slots(set) * 17).sum();
                let each = bytes as u64 / count;
                assert!(each <= 40 || count < 10_000, "{each} bytes for each of {count} keys");
            }
        }
    }
}
