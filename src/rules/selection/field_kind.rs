//! Kinds of fields, each with its own comparison.

use crate::domain::task::Scope;

/// Kind of the fields of a column: it decides when two of them are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FieldKind {
    /// A number: leading zeros do not count.
    Id,
    /// A scope: an empty one means `cmdb_biz`.
    Scope,
    Text,
}

impl FieldKind {
    /// Returns the part of a field that counts in a comparison; blanks around it never do.
    pub(super) fn essence(self, field: &str) -> &str {
        let field = field.trim();
        match self {
            Self::Id if field.bytes().all(|byte| byte.is_ascii_digit()) => {
                field.trim_start_matches('0')
            }
            Self::Scope if field.is_empty() => Scope::default().as_str(),
            Self::Id | Self::Scope | Self::Text => field,
        }
    }
}
