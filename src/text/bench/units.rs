//! Numbers with a unit that keeps them short.

#[expect(clippy::cast_precision_loss, reason = "told with few digits")]
pub(crate) const fn as_f64(number: u64) -> f64 {
    number as f64
}

/// Formats microseconds.
pub(crate) fn time(micros: f64) -> String {
    match micros {
        micros if micros < 1e3 => format!("{micros:.0} us"),
        micros if micros < 1e5 => format!("{:.2} ms", micros / 1e3),
        micros if micros < 1e6 => format!("{:.1} ms", micros / 1e3),
        micros => format!("{:.2} s", micros / 1e6),
    }
}

pub(crate) fn bytes(count: u64) -> String {
    let count = as_f64(count);
    match count {
        count if count < 1e3 => format!("{count} B"),
        count if count < 1e6 => format!("{:.1} kB", count / 1e3),
        count => format!("{:.1} MB", count / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_unit_that_keeps_them_short() {
        for (micros, told) in
            [(12.0, "12 us"), (1_234.0, "1.23 ms"), (123_456.0, "123.5 ms"), (1.5e6, "1.50 s")]
        {
            assert_eq!(time(micros), told);
        }
        assert_eq!(
            (bytes(12), bytes(1_500), bytes(2_500_000)),
            ("12 B".into(), "1.5 kB".into(), "2.5 MB".into())
        );
    }
}
