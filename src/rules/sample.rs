//! Chooses a few rows of a list for questions to the server.
//!
//! Keeps a bounded number of rows of a list of any length.

use crate::domain::task::Task;

pub(crate) const MAX_ROWS: usize = 5;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SampledRow {
    /// Physical line on which the row begins.
    pub line: u64,
    pub task: Task,
}

/// First rows of the first businesses of a list.
#[derive(Clone, Debug, Default)]
pub struct RowSample {
    /// First rows of each business, in the order in which the businesses appear.
    businesses: Vec<Vec<SampledRow>>,
}

impl RowSample {
    /// Adds the next row of the list. It skips one that repeats a sampled task, since that is never
    /// sent.
    pub fn add(&mut self, line: u64, task: Task) {
        let row = SampledRow { line, task };
        let businesses = &mut self.businesses;
        let known = businesses.iter().position(|rows| rows[0].task.business == task.business);
        match known {
            Some(at) if businesses[at].len() < MAX_ROWS => {
                if businesses[at].iter().all(|known| known.task != task) {
                    businesses[at].push(row);
                }
            }
            None if businesses.len() < MAX_ROWS => businesses.push(vec![row]),
            Some(_) | None => {}
        }
    }

    #[must_use]
    pub fn first(&self) -> Option<Task> {
        self.businesses.first().map(|rows| rows[0].task)
    }

    /// Returns the first row of each business, then the second of each, and so on, up to
    /// [`MAX_ROWS`]. The right to view may differ between businesses, and one row at fault must not
    /// decide for all.
    #[must_use]
    pub fn rows(&self) -> Vec<SampledRow> {
        let rank = |rank| self.businesses.iter().filter_map(move |rows| rows.get(rank));
        (0..MAX_ROWS).flat_map(rank).take(MAX_ROWS).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::task::{Business, Scope};

    fn task(text: &str) -> Task {
        let (business, id) = text.split_once('/').unwrap();
        let (scope, business) = match business.strip_prefix('p') {
            Some(project) => (Scope::Project, project),
            None => (Scope::CmdbBiz, business),
        };
        let business = Business { scope, id: business.parse().unwrap() };
        Task { business, id: id.parse().unwrap() }
    }

    fn sample(list: &str) -> RowSample {
        let mut sample = RowSample::default();
        for (line, text) in (2..).zip(list.split_whitespace()) {
            sample.add(line, task(text));
        }
        sample
    }

    #[test]
    fn rows_of_different_businesses_come_first() {
        for (list, lines) in [
            ("", &[][..]),
            ("2/1", &[2]),
            ("2/1 2/2 2/3", &[2, 3, 4]),
            ("2/1 2/2 2/3 2/4 2/5 2/6", &[2, 3, 4, 5, 6]),
            ("2/1 2/2 2/3 2/4 2/5 2/6 3/1", &[2, 8, 3, 4, 5]),
            ("2/1 2/2 2/3 3/1 3/2 3/3", &[2, 5, 3, 6, 4]),
            ("2/1 3/1 4/1 5/1 6/1", &[2, 3, 4, 5, 6]),
            ("2/1 2/2 3/1 4/1 5/1 6/1 7/1", &[2, 4, 5, 6, 7]),
            ("2/1 2/2 3/1 4/1 5/1", &[2, 4, 5, 6, 3]),
            // A CMDB business and a project of the same number are two businesses.
            ("2/1 2/2 p2/1", &[2, 4, 3]),
            ("2/1 2/1 2/1 2/2", &[2, 5]),
        ] {
            let found: Vec<_> = sample(list).rows().iter().map(|row| row.line).collect();
            assert_eq!(found, lines, "{list}");
        }
    }

    #[test]
    fn a_row_has_its_line_and_task() {
        let sample = sample("2/1 p3/7");
        assert_eq!(sample.first(), Some(task("2/1")));
        assert_eq!(sample.rows()[1], SampledRow { line: 3, task: task("p3/7") });
        assert_eq!(RowSample::default().first(), None);
    }

    #[test]
    fn what_is_kept_of_a_long_list_is_bounded() {
        let mut sample = RowSample::default();
        for line in 2..100_000 {
            sample.add(line, task(&format!("{}/{line}", 1 + line % 1000)));
        }
        assert_eq!(sample.businesses.len(), MAX_ROWS);
        assert!(sample.businesses.iter().all(|rows| rows.len() == MAX_ROWS));
    }
}
