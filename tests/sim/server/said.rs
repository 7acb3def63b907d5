//! An answer of bk-sops in its own terms, before a front gives it a shape (FACTS.md section 3a).

use std::borrow::Cow;

use super::call::Interface;
use super::clock::local;
use super::worker::{State, Times};
use crate::history::Key;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    pub interface: Interface,
    pub status: u16,
    pub result: bool,
    pub code: i64,
    pub message: Cow<'static, str>,
    pub task_url: Option<String>,
    /// JSON.
    pub data: Option<Cow<'static, str>>,
    /// Whether it was made inside the view, and so has a `trace_id`.
    pub is_traced: bool,
    /// Whether it refuses the start by the limit of its business.
    pub is_throttle: bool,
}

impl Said {
    /// A failure of a view.
    pub fn refusal(code: i64, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            interface: Interface::Start,
            status: 200,
            result: false,
            code,
            message: message.into(),
            task_url: None,
            data: None,
            is_traced: true,
            is_throttle: false,
        }
    }

    /// A failure before the view.
    fn early(code: i64, message: String) -> Self {
        Self { is_traced: false, ..Self::refusal(code, message) }
    }

    pub fn accepted(key: &Key) -> Self {
        let url = task_url(key);
        let data = format!(r#"{{"task_url":"{url}"}}"#).into();
        Self { result: true, task_url: Some(url), data: Some(data), ..Self::refusal(0, "") }
    }

    pub fn already_started() -> Self {
        Self::refusal(3_545_000, "task already started")
    }

    pub fn throttled(key: &Key) -> Self {
        let text = format!("project id: {} reach the limit of starting tasks", key.biz);
        Self { is_throttle: true, ..Self::refusal(3_545_000, text) }
    }

    pub fn no_project(key: &Key) -> Self {
        let Key { scope, biz, .. } = key;
        Self::early(3_540_400, format!("project({biz}) with scope({scope}) does not exist."))
    }

    pub fn no_task(key: &Key) -> Self {
        let text = format!(
            "数据不存在错误: 数据不存在错误, 错误内容 TaskFlowInstance(id={}) does not exist. | \
             process_exception",
            key.task
        );
        Self { data: Some("null".into()), ..Self::early(3_540_400, text) }
    }

    pub fn denied(interface: Interface) -> Self {
        let text = match interface {
            Interface::Start => "iam authentication exception, please check, action:task_operate",
            Interface::Status | Interface::Detail => {
                "iam authentication exception, please check, action:task_view"
            }
        };
        Self { data: Some("null".into()), ..Self::refusal(3_599_999, text) }
    }

    /// bk-sops' own HTTP 500.
    pub fn crash() -> Self {
        let text = "系统异常,请联系管理员处理".to_owned();
        Self { status: 500, data: Some("null".into()), ..Self::early(50_000, text) }
    }

    /// The state of a task that this project does not have, or that was deleted.
    pub fn no_state(key: &Key) -> Self {
        let text = format!(
            "task[id={}] get status error: TaskFlowInstance matching query does not exist.",
            key.task
        );
        Self::refusal(3_599_999, text)
    }

    pub fn state(state: State) -> Self {
        let data = match state {
            State::Created => concat!(
                r#"{"start_time":null,"state":"CREATED","retry":0,"skip":0,"finish_time":null,"#,
                r#""elapsed_time":0,"children":{},"name":"sim"}"#
            )
            .into(),
            State::Running(Times { start, finish }) | State::Finished(Times { start, finish }) => {
                let word = if matches!(state, State::Running(_)) { "RUNNING" } else { "FINISHED" };
                format!(
                    concat!(
                        r#"{{"id":"n1","state":"{}","root_id:":"n1","loop":1,"retry":0,"#,
                        r#""skip":false,"error_ignored":false,"children":{{}},"elapsed_time":1,"#,
                        r#""start_time":"{}","finish_time":{},"name":"sim"}}"#
                    ),
                    word,
                    local(start),
                    or_null(finish)
                )
                .into()
            }
        };
        Self::found(data)
    }

    pub fn detail(key: &Key, state: State) -> Self {
        let (start, finish) = match state {
            State::Created => (None, None),
            State::Running(Times { start, finish }) | State::Finished(Times { start, finish }) => {
                (Some(start), finish)
            }
        };
        let Key { task, .. } = key;
        let data = format!(
            concat!(
                r#"{{"id":{},"task_url":"{}","start_time":{},"finish_time":{},"creator":"admin","#,
                r#""executor":"admin","pipeline_tree":{{"activities":{{}},"flows":{{}}}}}}"#
            ),
            task,
            task_url(key),
            or_null(start),
            or_null(finish)
        );
        Self::found(data.into())
    }

    fn found(data: Cow<'static, str>) -> Self {
        Self { result: true, data: Some(data), ..Self::refusal(0, "") }
    }
}

fn task_url(key: &Key) -> String {
    let Key { biz, task, .. } = key;
    format!("http://paas.example.com/taskflow/execute/{biz}/?instance_id={task}")
}

fn or_null(second: Option<i64>) -> String {
    second.map_or_else(|| "null".into(), |second| format!("\"{}\"", local(second)))
}
