//! Credentials that cannot be printed by accident.
//!
//! Never implement `Debug`, `Display` or `Serialize` for a [`Secret`]: without them no type that
//! holds one can derive them, which keeps secrets out of logs, reports and error messages.

mod mask;

pub use mask::Mask;

/// Text that nobody may see: an app secret or a token.
///
/// Has no `Debug` and no `Display`:
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
    /// Wraps a text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// Returns the text itself, for the one place that puts it into a request.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}
