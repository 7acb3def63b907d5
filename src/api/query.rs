//! Questions about a task, and where they carry the credentials.

use crate::domain::connections::Reservation;
use crate::domain::request_id::RequestId;

const MIB: usize = 1024 * 1024;

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

    /// Maximum size of an answer: it has something for every node of the flow.
    pub(super) const fn max_bytes(self) -> usize {
        match self {
            Self::Status => 8 * MIB,
            Self::Detail => 32 * MIB,
        }
    }
}

/// Name, credentials' place and connection of a question about a task.
#[derive(Debug)]
pub struct TaskQuestion<'a> {
    /// Name of the request.
    pub id: &'a RequestId,
    /// Place of the credentials.
    pub placement: AuthPlacement,
    /// The connection that was set aside for it.
    pub connection: Reservation,
}

/// Place of the credentials in a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthPlacement {
    /// Only in the header.
    Header,
    /// Also in the query.
    Query,
}

/// Whether the query of a GET may carry credentials, and so bring them into the access logs of
/// every proxy on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LegacyGet {
    /// If the legacy ESB needs it.
    Allowed,
    Forbidden,
}
