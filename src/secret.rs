//! Credentials that cannot be printed by accident.
//!
//! This module must never implement `Debug`, `Display` or `Serialize` for a
//! [`Secret`]: that there is no such thing is what keeps it out of logs,
//! reports and error messages, since no type that holds one can derive them.

/// A text that must not be seen: an app secret or a token.
///
/// It has no `Debug` and no `Display`:
///
/// ```compile_fail
/// println!("{:?}", bk_launch::secret::Secret::new("s3cret"));
/// ```
///
/// ```compile_fail
/// println!("{}", bk_launch::secret::Secret::new("s3cret"));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<str>);

impl Secret {
    /// Takes a text out of sight.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that puts it into a request.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// `text` with every occurrence of the secret replaced by `***`.
    ///
    /// Servers quote requests in their answers; what they say is masked before
    /// anything else sees it. A secret of fewer than four bytes is left alone: it
    /// stands in every text, and hiding it would leave nothing of the report.
    #[must_use]
    pub fn mask(&self, text: String) -> String {
        if self.0.len() < 4 || self.0.len() > text.len() || !text.contains(&*self.0) {
            return text;
        }
        text.replace(&*self.0, "***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_masked_wherever_it_stands() {
        let secret = Secret::new("s3cret");
        assert_eq!(secret.mask("a s3cret, s3cret".into()), "a ***, ***");
        assert_eq!(secret.mask("nothing".into()), "nothing");
        assert_eq!(Secret::new("").mask("nothing".into()), "nothing");
        assert_eq!(Secret::new("n").mask("nothing".into()), "nothing");
    }
}
