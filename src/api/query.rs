//! What can be asked about a task, and where the credentials of a question stand.

const MIB: usize = 1024 * 1024;

/// What can be asked about a task, by a GET.
#[derive(Clone, Copy)]
pub(super) enum TaskQuery {
    Status,
    Detail,
}

impl TaskQuery {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Status => "get_task_status",
            Self::Detail => "get_task_detail",
        }
    }

    /// How much of an answer is read: each has something for every node of the flow.
    pub(super) const fn max_bytes(self) -> usize {
        match self {
            Self::Status => 8 * MIB,
            Self::Detail => 32 * MIB,
        }
    }
}

/// Where the credentials of a question stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthPlacement {
    /// In the header alone.
    Header,
    /// In the query too.
    Query,
}

/// Whether credentials may stand in the query of a GET, and so in the access logs
/// of every proxy on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LegacyGet {
    /// They may, where the legacy ESB needs it.
    Allowed,
    /// Never.
    Forbidden,
}
