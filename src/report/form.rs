//! What the forms of a report share: how they take records, and how they write times.

use std::io;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::domain::record::Record;

/// Takes records one by one and writes each as its form has it.
pub trait Report: Send {
    /// Writes one record, perhaps into a buffer.
    fn record(&mut self, record: &Record) -> io::Result<()>;

    /// Hands everything that was written to the system.
    fn flush(&mut self) -> io::Result<()>;
}

/// Writes times as reports tell them: RFC 3339, with milliseconds and the offset.
pub(super) struct Stamps {
    zone: TimeZone,
    /// The last second that was written, and what stands before and after its
    /// milliseconds: most records share theirs with the one before.
    second: Option<(i64, String, String)>,
}

impl Stamps {
    pub(super) const fn new(zone: TimeZone) -> Self {
        Self { zone, second: None }
    }

    pub(super) fn write(&mut self, time: Timestamp, into: &mut String) {
        use std::fmt::Write as _;
        let second = time.as_second();
        let millis = time.subsec_millisecond();
        if self.second.as_ref().is_none_or(|(known, ..)| *known != second) {
            let time = time.to_zoned_datetime(self.zone.clone());
            let before = time.strftime("%Y-%m-%dT%H:%M:%S.").to_string();
            self.second = Some((second, before, time.strftime("%:z").to_string()));
        }
        if let Some((_, before, after)) = &self.second {
            into.push_str(before);
            write!(into, "{millis:03}").expect("a string takes any text");
            into.push_str(after);
        }
    }
}
