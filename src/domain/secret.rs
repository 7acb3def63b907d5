//! Credentials that cannot be printed by accident.
//!
//! Never implement `Debug`, `Display` or `Serialize` for a [`Secret`]: without them no type that
//! holds one can derive them, which keeps secrets out of logs, reports and error messages.

mod mask;

use thiserror::Error;

use super::escape::unseen;
pub use mask::Mask;

/// Maximum size of a secret, in bytes.
pub(crate) const MAX_BYTES: usize = 64 * 1024;

/// Fault of a text that should be a secret; said after "holds" or "printed".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum SecretFault {
    #[error("nothing")]
    Empty,
    #[error("more than one line")]
    Lines,
    #[error("more than {} KiB", MAX_BYTES / 1024)]
    TooLong,
    #[error("what is no text (UTF-8)")]
    NoText,
    #[error("a NUL byte")]
    Nul,
    #[error("a control character")]
    Control,
    #[error("a byte order mark (save it as UTF-8 without one)")]
    ByteOrderMark,
    #[error("a character that nobody sees, such as a no-break space")]
    Unseen,
}

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

    /// Reads what a file holds or a command prints, less its line end.
    pub(crate) fn of_bytes(bytes: &[u8]) -> Result<Self, SecretFault> {
        if bytes.len() > MAX_BYTES {
            return Err(SecretFault::TooLong);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| SecretFault::NoText)?;
        if text.is_empty() {
            return Err(SecretFault::Empty);
        }
        match text.chars().find(|c| c.is_control()) {
            None => match unseen(text) {
                None => Ok(Self::new(text)),
                Some('\u{feff}') => Err(SecretFault::ByteOrderMark),
                Some(_) => Err(SecretFault::Unseen),
            },
            Some('\n' | '\r') => Err(SecretFault::Lines),
            Some('\0') => Err(SecretFault::Nul),
            Some(_) => Err(SecretFault::Control),
        }
    }

    /// Returns the text itself, for the one place that puts it into a request.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}
