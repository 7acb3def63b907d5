//! What of a file the program consists of: what stands there for tests alone is left out.

const MARK: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];

/// Leaves out what is marked `#[cfg(test)]`.
pub fn without_tests(tokens: &[String]) -> Vec<String> {
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if is_mark(&tokens[at..]) {
            at = end_of_item(tokens, at + MARK.len());
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    kept
}

fn is_mark(tokens: &[String]) -> bool {
    tokens.iter().take(MARK.len()).eq(MARK.iter())
}

/// The place after the item that begins at `at`, whatever attributes it has.
fn end_of_item(tokens: &[String], mut at: usize) -> usize {
    let mut depth = 0;
    while let Some(token) = tokens.get(at) {
        at += 1;
        match token.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" => depth -= 1,
            "}" => {
                depth -= 1;
                if depth == 0 {
                    break;
                }
            }
            ";" if depth == 0 => break,
            _ => {}
        }
    }
    at
}
