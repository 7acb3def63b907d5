//! Columns of records and open rows, and the statements that name them.
//!
//! Each column's name occurs here once, and its position in a statement follows from that. Looking
//! a name up for each value would cost a good part of a commit.

use rusqlite::Row;
use rusqlite::types::{FromSql, ValueRef};

/// Column with the same position in every statement that contains it.
pub(super) trait Column: Copy {
    /// Position among the columns that are written and read, from 0.
    fn at(self) -> usize;

    fn name(self) -> &'static str;

    fn get<T: FromSql>(self, row: &Row<'_>) -> rusqlite::Result<T> {
        row.get(self.at())
    }

    fn get_ref<'a>(self, row: &'a Row<'_>) -> rusqlite::Result<ValueRef<'a>> {
        row.get_ref(self.at())
    }
}

/// Declares the columns that two tables share, the columns of each table alone, and the
/// statements that write and read a row of each.
macro_rules! columns {
    (
        shared $shared:tt
        $($own:ident of $table:literal, $add:ident by $verb:literal, $read:ident $columns:tt)+
    ) => {
        columns!(@shared $shared);
        $(
            columns!(@own $own $columns);
            pub(super) const $add: &str = columns!(@add $verb $table $shared $columns);
            pub(super) const $read: &str = columns!(@read $table $shared $columns);
        )+
    };
    (@shared { $($column:ident = $name:literal,)+ }) => {
        #[derive(Clone, Copy)]
        pub(super) enum OfBoth { $($column,)+ }

        const OF_BOTH: usize = [$($name,)+].len();

        impl Column for OfBoth {
            fn at(self) -> usize {
                self as usize
            }

            fn name(self) -> &'static str {
                match self { $(Self::$column => $name,)+ }
            }
        }
    };
    (@own $own:ident { $($column:ident = $name:literal,)+ }) => {
        #[derive(Clone, Copy)]
        pub(super) enum $own { $($column,)+ }

        impl Column for $own {
            fn at(self) -> usize {
                OF_BOTH + self as usize
            }

            fn name(self) -> &'static str {
                match self { $(Self::$column => $name,)+ }
            }
        }
    };
    (@add $verb:literal $table:literal
        { $_first:ident = $first:literal, $($_shared:ident = $shared:literal,)+ }
        { $($_own:ident = $own:literal,)+ }
    ) => {
        concat!(
            $verb, " INTO ", $table, " (", $first, $(", ", $shared,)+ $(", ", $own,)+
            ") VALUES (:", $first, $(", :", $shared,)+ $(", :", $own,)+ ")"
        )
    };
    (@read $table:literal
        { $_first:ident = $first:literal, $($_shared:ident = $shared:literal,)+ }
        { $($_own:ident = $own:literal,)+ }
    ) => {
        concat!("SELECT ", $first, $(", ", $shared,)+ $(", ", $own,)+ " FROM ", $table)
    };
}

columns! {
    shared {
        Session = "session",
        Line = "line",
        Attempts = "attempts",
        Result = "result",
        Code = "code",
        Message = "message",
        TaskUrl = "task_url",
        RequestId = "request_id",
        TraceId = "trace_id",
        ClientRequestId = "client_request_id",
        HttpStatus = "http_status",
        Error = "error",
        LatencyMs = "latency_ms",
        StartedAt = "started_at",
        ServerTime = "server_time",
        SentWall = "sent_wall",
        SentSinceBoot = "sent_since_boot",
        SentBoot = "sent_boot",
    }
    OfRecord of "record", ADD_RECORD by "INSERT", READ_RECORD {
        BizId = "bk_biz_id",
        TaskId = "task_id",
        Scope = "scope",
        Outcome = "outcome",
        KnownBy = "known_by",
        ElapsedMs = "elapsed_ms",
        Carried = "carried",
    }
    // A row that is accepted once more replaces its earlier entry.
    OfOpenRow of "open_row", ADD_OPEN_ROW by "INSERT OR REPLACE", READ_OPEN_ROW {
        KnownAt = "known_at",
        Doubt = "doubt",
    }
}

/// Columns of a row's last request, empty if there was none.
pub(super) const OF_LAST_REQUEST: [OfBoth; 11] = [
    OfBoth::Result,
    OfBoth::Code,
    OfBoth::Message,
    OfBoth::TaskUrl,
    OfBoth::RequestId,
    OfBoth::TraceId,
    OfBoth::ClientRequestId,
    OfBoth::HttpStatus,
    OfBoth::Error,
    OfBoth::LatencyMs,
    OfBoth::StartedAt,
];
