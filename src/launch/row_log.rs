//! Logs of a row, which name it as the report does: by line, business, scope and task.

/// Logs an event of the row on `$line`, at the level whose macro `$level` is.
macro_rules! row_log {
    ($level:ident, $line:expr, $task:expr, $($more:tt)+) => {
        tracing::$level!(
            line = $line,
            bk_biz_id = $task.business.id.get(),
            scope = $task.business.scope.as_str(),
            task_id = $task.id.get(),
            $($more)+
        )
    };
}

pub(super) use row_log;
