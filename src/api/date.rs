//! Reads the header `Date` of answers.

use std::sync::{Mutex, PoisonError};

use http::HeaderMap;
use http::header::DATE;
use jiff::Timestamp;

/// The last `Date`, as it was written and as a time: all answers of a second have the same.
#[derive(Debug, Default)]
pub(super) struct LastDate(Mutex<Option<(Box<str>, Timestamp)>>);

impl LastDate {
    /// Returns the time of the server's clock when it answered.
    pub(super) fn read(&self, headers: &HeaderMap) -> Option<Timestamp> {
        let written = headers.get(DATE)?.to_str().ok()?;
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, time)) = &*last
            && **known == *written
        {
            return Some(*time);
        }
        let time = httpdate::parse_http_date(written).ok()?;
        let time = Timestamp::try_from(time).ok()?;
        *last = Some((written.into(), time));
        Some(time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_date_is_read_as_it_stands() {
        let last = LastDate::default();
        let read = |date: &'static str| {
            let headers = HeaderMap::from_iter([(DATE, date.parse().unwrap())]);
            last.read(&headers).map(|time| time.to_string())
        };
        let (first, second) = ("Tue, 01 Dec 2026 22:00:00 GMT", "Tue, 01 Dec 2026 22:00:01 GMT");
        for (date, time) in [
            (first, Some("2026-12-01T22:00:00Z")),
            (first, Some("2026-12-01T22:00:00Z")),
            ("soon", None),
            (second, Some("2026-12-01T22:00:01Z")),
            (first, Some("2026-12-01T22:00:00Z")),
        ] {
            assert_eq!(read(date).as_deref(), time, "{date}");
        }
        assert_eq!(last.read(&HeaderMap::new()), None);
    }
}
