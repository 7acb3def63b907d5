//! Keeps a spreadsheet from taking a text for a formula, and undoes that.
//!
//! A report is guarded when it is written, and unguarded when it is read as input, so
//! `unguard(guard(text)) == text` for every text.

use std::borrow::Cow;

/// Puts `'` before a text that a spreadsheet would take for a formula: one that starts with
/// `=`, `+`, `-`, `@`, tab or CR. Plain numbers are left alone.
///
/// A text that looks as if it had been guarded gets one more `'`.
#[must_use]
pub(crate) fn guard(text: &str) -> Cow<'_, str> {
    if is_dangerous(text) && !is_number(text) {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    }
}

#[must_use]
pub(crate) fn unguard(text: &str) -> &str {
    match text.strip_prefix('\'') {
        Some(rest) if is_dangerous(rest) => rest,
        _ => text,
    }
}

/// Whether `text` is a formula, or was guarded as one.
fn is_dangerous(text: &str) -> bool {
    let first = text.bytes().find(|byte| *byte != b'\'');
    matches!(first, Some(b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r'))
}

/// Accepts a sign, a point and an exponent, each optional.
fn is_number(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let whole = match mantissa.split_once('.') {
        Some((whole, part)) => digits(whole) && digits(part),
        None => digits(mantissa),
    };
    whole && exponent.is_none_or(|exponent| digits(exponent.trim_start_matches(['+', '-'])))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn formulas_are_guarded_and_numbers_are_not() {
        for (text, guarded) in [
            ("=1+1", "'=1+1"),
            ("+cmd", "'+cmd"),
            ("-cmd", "'-cmd"),
            ("@sum", "'@sum"),
            ("\t=1", "'\t=1"),
            ("\r=1", "'\r=1"),
            ("'=1", "''=1"),
            ("'-5", "''-5"),
            ("-5", "-5"),
            ("+1.5e3", "+1.5e3"),
            ("-1.", "'-1."),
            ("-", "'-"),
            ("it's", "it's"),
            ("'tis", "'tis"),
            ("", ""),
        ] {
            assert_eq!(guard(text), guarded, "{text:?}");
            assert_eq!(unguard(guarded), text, "{guarded:?}");
        }
    }

    proptest! {
        #[test]
        fn what_was_guarded_comes_back(text in "['=+@\\-\t\r0-9.eE]{0,6}.*") {
            let guarded = guard(&text);
            prop_assert_eq!(unguard(&guarded), &text);
        }
    }
}
