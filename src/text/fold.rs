//! Long lines: in several, at their semicolons, or cut off.

/// Maximum number of columns of a line.
const MAX_COLUMNS: usize = 100;

/// Breaks each line that is too long in place of as few of its semicolons as it takes.
pub(crate) fn folded(text: &str) -> String {
    text.lines().map(folded_line).collect::<Vec<_>>().join("\n")
}

fn folded_line(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut columns = 0;
    for (at, part) in line.split("; ").enumerate() {
        let width = part.chars().count();
        if at == 0 {
            columns = width;
        } else if columns + width + 2 > MAX_COLUMNS {
            text.push_str("\n  ");
            columns = width + 2;
        } else {
            text.push_str("; ");
            columns += width + 2;
        }
        text.push_str(part);
    }
    text
}

/// Cuts off what is beyond `columns` in each line.
pub(crate) fn cut(text: &str, columns: usize) -> String {
    let line = |line: &str| line.chars().take(columns).collect::<String>();
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_cut_at_the_edge() {
        assert_eq!(cut("größer\nab\n\nabcd", 3), "grö\nab\n\nabc");
        assert_eq!(cut("größer", usize::MAX), "größer");
    }

    #[test]
    fn a_line_is_broken_only_where_it_is_too_long() {
        let part = |length: usize| "x".repeat(length);
        let (a, b, c) = (part(40), part(50), part(30));
        for (parts, folded_to) in [
            (vec![&a], a.clone()),
            (vec![&a, &b], format!("{a}; {b}")),
            (vec![&a, &b, &c], format!("{a}; {b}\n  {c}")),
            (vec![&c, &a, &b, &a], format!("{c}; {a}\n  {b}; {a}")),
        ] {
            let parts: Vec<_> = parts.into_iter().map(String::as_str).collect();
            let folded = folded(&parts.join("; "));
            assert_eq!(folded, folded_to);
            assert!(folded.lines().all(|line| line.len() <= MAX_COLUMNS), "{folded}");
        }
        let long = part(150);
        assert_eq!(folded(&long), long, "a line without a semicolon stays as it is");
        let two = format!("{a}; {b}\n{a}; {b}");
        assert_eq!(folded(&two), two, "each line counts for itself");
    }
}
