//! Credentials that cannot be printed by accident.
//!
//! This module must never implement `Debug`, `Display` or `Serialize` for a
//! [`Secret`]: that there is no such thing is what keeps it out of logs,
//! reports and error messages, since no type that holds one can derive them.

mod mask;

pub use mask::Mask;

/// A text that must not be seen: an app secret or a token.
///
/// It has no `Debug` and no `Display`:
///
/// ```compile_fail
/// println!("{:?}", bk_launch::domain::secret::Secret::new("s3cret"));
/// ```
///
/// ```compile_fail
/// println!("{}", bk_launch::domain::secret::Secret::new("s3cret"));
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
}
