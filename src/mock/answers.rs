//! Texts of the real servers (FACTS.md section 3).
//!
//! The JSON is written by hand and shares no type with the client: otherwise a wrong field name
//! would agree with itself.

use std::fmt::Write;

use super::behaviour::{EsbKind, FaultKind, MockBusiness};
use super::pages::{self, MockResponse};
use super::routes::{MockRefusal, Route};
use super::world::{StartResult, TaskKey};

/// Facts about a request that an answer needs.
#[derive(Clone, Debug)]
pub(super) struct Responder<'a> {
    pub route: Route,
    /// Name of the API that was called, as the ESB writes it.
    pub interface: &'static str,
    pub esb: EsbKind,
    /// Random number of 128 bits, from which the request's ids are made.
    pub nonce: u128,
    /// `X-Request-Id` of the caller.
    pub request_id: &'a str,
    pub url: &'a str,
}

/// State and times of a task, as bk-sops writes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TaskStatus {
    /// `CREATED`, `RUNNING` or `FINISHED`.
    pub state: &'static str,
    pub start: Option<String>,
    pub finish: Option<String>,
    /// How long the task ran, if it has ended.
    pub seconds: u64,
}

impl Responder<'_> {
    /// Answers a start. Faults of the connection have no text.
    #[must_use]
    pub(super) fn start(&self, start: StartResult, key: TaskKey) -> MockResponse {
        let TaskKey { business: MockBusiness { id: business, .. }, id } = key;
        match start {
            StartResult::Accepted | StartResult::Fault(FaultKind::Silent | FaultKind::ResetAfter) => {
                self.accepted(key)
            }
            StartResult::Fault(FaultKind::BrokenJson) => {
                let mut said = self.accepted(key);
                said.body.truncate(said.body.len() / 2);
                said
            }
            StartResult::AlreadyStarted => self.refused("3545000", "task already started"),
            StartResult::Throttled => {
                let text = format!("project id: {business} reach the limit of starting tasks");
                self.refused("3545000", &text)
            }
            StartResult::AppThrottled(rate) => self.app_throttled(&rate.to_string()),
            StartResult::Denied => self.refused(
                "3599999",
                "iam authentication exception, please check, action:task_operate",
            ),
            StartResult::Missing => self.refused(
                "3540400",
                &format!(
                    "数据不存在错误: 数据不存在错误, 错误内容 TaskFlowInstance(id={id}) does not exist. | process_exception"
                ),
            ),
            StartResult::Fault(FaultKind::TooMany) => self.app_throttled("1/s"),
            StartResult::Fault(FaultKind::Crash) => self.crashed(),
            StartResult::Fault(
                FaultKind::BadGateway
                | FaultKind::BadGatewayAfter
                | FaultKind::Hang
                | FaultKind::ResetBefore,
            ) => pages::bad_gateway(),
            StartResult::Fault(FaultKind::UnavailableAfter) => pages::unavailable(),
            StartResult::Fault(FaultKind::HttpsPort) => pages::https_port(),
        }
    }

    fn accepted(&self, key: TaskKey) -> MockResponse {
        let url =
            format!("{}/taskflow/execute/{}/?instance_id={}", self.url, key.business.id, key.id);
        let mut body = format!(
            r#"{{"task_url":"{url}","data":{{"task_url":"{url}"}},"result":true,"code":0,"trace_id":"{}""#,
            self.trace_id()
        );
        if self.route == Route::Esb {
            let _ = write!(body, r#","message":"","request_id":"{}""#, self.esb_request_id());
        }
        body.push('}');
        self.json(200, body)
    }

    /// The legacy ESB loses bk-sops' code.
    fn refused(&self, code: &str, message: &str) -> MockResponse {
        let message = serde_json::Value::from(message);
        let body = match (self.route, self.esb) {
            (Route::Gateway, _) => format!(
                r#"{{"result":false,"code":{code},"message":{message},"data":null,"trace_id":"{}"}}"#,
                self.trace_id()
            ),
            (Route::Esb, EsbKind::Newer) => format!(
                r#"{{"result":false,"code":{code},"message":{message},"data":null,"trace_id":"{}","request_id":"{}"}}"#,
                self.trace_id(),
                self.esb_request_id()
            ),
            (Route::Esb, EsbKind::Legacy) => format!(
                r#"{{"message":{message},"code":1306000,"data":null,"result":false,"request_id":"{}"}}"#,
                self.esb_request_id()
            ),
        };
        self.json(200, body)
    }

    #[must_use]
    pub(super) fn refusal(&self, refusal: &MockRefusal) -> MockResponse {
        match refusal {
            MockRefusal::Esb(text) => self.esb_error("1306000", text),
            MockRefusal::EsbParameter(name) => {
                self.esb_error("1306406", &format!("Parameters error, param {name} is required"))
            }
            MockRefusal::Gateway(reason) => {
                let text = format!("Parameters error [reason=\"{reason}\"]");
                self.gateway_error(400, 1_640_001, "INVALID_ARGS", &text)
            }
            MockRefusal::Format => self.refused("3540000", "invalid param format"),
        }
    }

    #[must_use]
    pub(super) fn not_found(&self, method: &str, path: &str) -> MockResponse {
        match self.route {
            Route::Esb => self.json(
                404,
                r#"{"message":"The content does not exist","data":null,"result":false}"#.into(),
            ),
            Route::Gateway => {
                let text = format!("API not found [method=\"{method}\" path=\"{path}\"]");
                self.gateway_error(404, 1_640_401, "API_NOT_FOUND", &text)
            }
        }
    }

    /// The newer ESB has no limit of its own and stands behind the gateway, so the gateway answers
    /// for it.
    fn app_throttled(&self, rate: &str) -> MockResponse {
        if (self.route, self.esb) == (Route::Esb, EsbKind::Legacy) {
            let (count, unit) = rate.split_once('/').unwrap_or((rate, "s"));
            let unit = match unit {
                "h" => "hour",
                "m" => "minute",
                _ => "second",
            };
            let text = format!(
                "Access frequency limit, Access frequency of APP [app] to component \
                 [/v2/sops/start_task/] exceeds the limit; the frequency limit is \
                 [{count}/1{unit}], please try again later"
            );
            return self.esb_error("1306429", &text);
        }
        let text = "API rate limit exceeded by stage strategy";
        let mut said = self.gateway_error(429, 1_642_902, "RATE_LIMIT_RESTRICTION", text);
        said.headers.extend([
            ("x-bkapi-ratelimit-limit", "1".to_owned()),
            ("x-bkapi-ratelimit-remaining", "0".to_owned()),
            ("x-bkapi-ratelimit-reset", "1".to_owned()),
            ("x-bkapi-ratelimit-plugin", "bk-stage-rate-limit".to_owned()),
        ]);
        said
    }

    /// The ESB keeps nothing of bk-sops' text.
    pub(super) fn crashed(&self) -> MockResponse {
        match (self.route, self.esb) {
            (Route::Gateway, _) => self.json(
                500,
                r#"{"result":false,"code":"50000","message":"系统异常,请联系管理员处理","data":null}"#
                    .into(),
            ),
            (Route::Esb, EsbKind::Newer) => self.no_answer_of_sops(
                "Status Code: 500, Error Message: third-party system interface response status \
                 code is not 200",
            ),
            (Route::Esb, EsbKind::Legacy) => self.no_answer_of_sops(
                "Status Code: 500, Error Message: Third-party system internal error",
            ),
        }
    }

    /// The ESB got no answer from bk-sops that it would hand on.
    pub(super) fn no_answer_of_sops(&self, cause: &str) -> MockResponse {
        let text = format!(
            "Component request third-party system [SOPS] interface [{}] error: {cause}, please try \
             again later or contact component developer to handle this",
            self.interface
        );
        self.esb_error("1306201", &text)
    }

    #[must_use]
    pub(super) fn status(&self, task: &TaskStatus) -> MockResponse {
        let TaskStatus { state, start, finish, seconds } = task;
        let data = match start {
            None => format!(
                r#"{{"start_time":null,"state":"{state}","retry":0,"skip":0,"finish_time":null,"elapsed_time":0,"children":{{}},"name":""}}"#
            ),
            Some(_) => format!(
                r#"{{"id":"n{nonce:031x}","state":"{state}","root_id:":"n{nonce:031x}","loop":1,"retry":0,"skip":false,"children":{{}},"elapsed_time":{seconds},"start_time":{start},"finish_time":{finish},"name":""}}"#,
                nonce = self.nonce >> 4,
                start = text_or_null(start.as_deref()),
                finish = text_or_null(finish.as_deref()),
            ),
        };
        self.found(&data)
    }

    /// The state of a deleted task cannot be read (FACTS.md section 4).
    #[must_use]
    pub(super) fn deleted(&self, key: TaskKey) -> MockResponse {
        let text = format!(
            "task[id={}] get status error: TaskFlowInstance matching query does not exist.",
            key.id
        );
        self.refused("3599999", &text)
    }

    /// Answers `get_task_detail`, with a tree of `bytes` bytes more than needed.
    #[must_use]
    pub(super) fn detail(&self, key: TaskKey, task: &TaskStatus, bytes: usize) -> MockResponse {
        let more = format!(r#""note":"{}""#, "n".repeat(bytes));
        self.found(&format!(
            r#"{{"id":{id},"task_url":"{url}/taskflow/execute/{business}/?instance_id={id}","start_time":{start},"finish_time":{finish},"creator":"admin","executor":"admin","pipeline_tree":{{"activities":{{}},"flows":{{}},{more}}}}}"#,
            id = key.id,
            url = self.url,
            business = key.business.id,
            start = text_or_null(task.start.as_deref()),
            finish = text_or_null(task.finish.as_deref()),
        ))
    }

    /// The user may not view the task, or there is none.
    #[must_use]
    pub(super) fn unseen(&self, start: StartResult, key: TaskKey) -> MockResponse {
        match start {
            StartResult::Denied => {
                let text = "iam authentication exception, please check, action:task_view";
                self.refused("3599999", text)
            }
            other => self.start(other, key),
        }
    }

    fn found(&self, data: &str) -> MockResponse {
        let id = match self.route {
            Route::Esb => format!(r#","request_id":"{}""#, self.esb_request_id()),
            Route::Gateway => String::new(),
        };
        let trace = self.trace_id();
        let body = format!(
            r#"{{"result":true,"data":{data},"message":"","code":0,"trace_id":"{trace}"{id}}}"#
        );
        self.json(200, body)
    }

    fn esb_error(&self, code: &str, text: &str) -> MockResponse {
        let body = format!(
            r#"{{"result":false,"code":{code},"data":null,"message":{},"request_id":"{}"}}"#,
            serde_json::Value::from(text),
            self.esb_request_id()
        );
        self.json(200, body)
    }

    /// Error of the gateway itself, which its headers show.
    pub(super) fn gateway_error(
        &self,
        status: u16,
        code: u32,
        name: &str,
        text: &str,
    ) -> MockResponse {
        let body = format!(
            r#"{{"code":{code},"code_name":"{name}","message":{},"result":false,"data":null}}"#,
            serde_json::Value::from(text)
        );
        let mut said = self.json(status, body);
        said.headers.push(("x-bkapi-error-code", code.to_string()));
        said.headers.push(("x-bkapi-error-message", text.to_owned()));
        said
    }

    fn json(&self, status: u16, body: String) -> MockResponse {
        let headers = match self.route {
            Route::Esb => vec![("server", "gunicorn/19.9.0".to_owned())],
            Route::Gateway => {
                let id = format!("{:032x}", self.nonce);
                let uuid = [&id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..]].join("-");
                let own = if self.request_id.is_empty() { id } else { self.request_id.to_owned() };
                vec![
                    ("x-bkapi-request-id", uuid),
                    ("x-request-id", own),
                    ("sops-trace-id", self.trace_id()),
                ]
            }
        };
        MockResponse { status, content_type: "application/json; charset=utf-8", headers, body }
    }

    fn esb_request_id(&self) -> String {
        format!("{:032x}", self.nonce)
    }

    fn trace_id(&self) -> String {
        format!("{:032x}", self.nonce.rotate_left(64))
    }
}

fn text_or_null(text: Option<&str>) -> String {
    text.map_or_else(|| "null".into(), |text| format!("\"{text}\""))
}
