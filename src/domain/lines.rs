//! Sets of lines of an input.

/// Set of lines of an input, one bit each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lines {
    bits: Vec<u64>,
    count: u64,
}

impl Lines {
    /// Adds a line and returns whether it is new.
    pub fn insert(&mut self, line: u64) -> bool {
        let (word, bit) = Self::place(line);
        if word >= self.bits.len() {
            self.bits.resize((word + 1).max(self.bits.len() * 3 / 2), 0);
        }
        let is_new = self.bits[word] & bit == 0;
        self.bits[word] |= bit;
        self.count += u64::from(is_new);
        is_new
    }

    /// Removes a line.
    pub fn remove(&mut self, line: u64) {
        if self.contains(line) {
            let (word, bit) = Self::place(line);
            self.bits[word] &= !bit;
            self.count -= 1;
        }
    }

    /// Whether the set has this line.
    #[must_use]
    pub fn contains(&self, line: u64) -> bool {
        let (word, bit) = Self::place(line);
        self.bits.get(word).is_some_and(|bits| bits & bit != 0)
    }

    /// Returns each run of consecutive lines as its first and last line.
    pub fn ranges(&self) -> impl Iterator<Item = (u64, u64)> {
        let mut words = self.bits.iter().zip(0_u64..).flat_map(|(word, at)| {
            (0..64).filter(move |bit| word & (1 << bit) != 0).map(move |bit| at * 64 + bit)
        });
        let mut begun = words.next();
        std::iter::from_fn(move || {
            let first = begun?;
            let mut last = first;
            loop {
                begun = words.next();
                match begun {
                    Some(line) if line == last + 1 => last = line,
                    _ => return Some((first, last)),
                }
            }
        })
    }

    /// Returns the number of lines.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.count
    }

    /// Returns the number of lines up to `last`.
    #[must_use]
    pub fn count_to(&self, last: u64) -> u64 {
        let (whole, bit) = Self::place(last);
        let ones = |bits: &u64| u64::from(bits.count_ones());
        let before: u64 = self.bits.iter().take(whole).map(ones).sum();
        let up_to = bit | (bit - 1);
        before + self.bits.get(whole).map_or(0, |bits| ones(&(bits & up_to)))
    }

    /// Whether the set has no line.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn place(line: u64) -> (usize, u64) {
        (usize::try_from(line / 64).unwrap_or(usize::MAX), 1 << (line % 64))
    }
}

impl FromIterator<u64> for Lines {
    fn from_iter<T: IntoIterator<Item = u64>>(lines: T) -> Self {
        let mut set = Self::default();
        for line in lines {
            set.insert(line);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_follow_each_other_are_one_range() {
        for (lines, ranges) in [
            (&[][..], &[][..]),
            (&[5], &[(5, 5)]),
            (&[2, 3, 4, 63, 64, 65, 200], &[(2, 4), (63, 65), (200, 200)]),
        ] {
            let set: Lines = lines.iter().copied().collect();
            assert_eq!(set.ranges().collect::<Vec<_>>(), ranges);
        }
    }

    #[test]
    fn lines_are_counted_up_to_one() {
        let set: Lines = [2, 3, 63, 64, 200].into_iter().collect();
        for (last, count) in [(0, 0), (2, 1), (3, 2), (63, 3), (64, 4), (199, 4), (u64::MAX, 5)] {
            assert_eq!(set.count_to(last), count, "up to {last}");
        }
    }

    #[test]
    fn lines_are_a_set() {
        let mut lines = Lines::default();
        assert!(lines.is_empty() && !lines.contains(0));
        assert!(lines.insert(64) && lines.insert(0) && !lines.insert(64));
        assert!(lines.contains(0) && lines.contains(64) && !lines.contains(63));
        assert_eq!(lines.len(), 2);
        lines.remove(64);
        lines.remove(1_000_000);
        assert!(!lines.contains(64) && lines.len() == 1);
    }
}
