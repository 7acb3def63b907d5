//! What stands before bk-sops: it checks credentials and the app's limit, and gives bk-sops'
//! answers its own shape (FACTS.md sections 2, 3b and 3c).

use std::time::Duration;

use serde_json::Value;

use super::bucket::{Bucket, Counted, Grant, Window};
use super::call::{Call, Interface, Unread};
use super::credentials::{APP, Credentials, Refused};
use super::said::Said;
use super::{At, RawAnswer, Response, Whom};
use crate::history::{Route, ServerPlan};

/// An ESB, or the API gateway.
#[derive(Debug)]
pub struct Front {
    route: Route,
    limit: Option<AppLimit>,
    pub credentials: Credentials,
}

/// Limit on the requests of the app.
#[derive(Debug)]
enum AppLimit {
    /// The legacy ESB's own, which states its rate.
    Bucket(Bucket, u32, Duration),
    /// The gateway's, before bk-sops or before the newer ESB.
    Window(Window),
}

/// What the ids in an answer are made of.
#[derive(Clone, Debug)]
pub struct Ids {
    pub nonce: u128,
    /// The caller's `X-Request-Id`.
    pub caller: String,
}

impl Ids {
    fn request(&self) -> String {
        format!("{:032x}", self.nonce)
    }

    fn trace(&self) -> String {
        format!("{:032x}", self.nonce.rotate_left(64))
    }

    fn uuid(&self) -> String {
        let id = self.request();
        [&id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..]].join("-")
    }
}

/// Headers of the app's limit, which the gateway adds to what passes.
pub type LimitHeaders = Vec<(String, String)>;

impl Front {
    pub fn new(seed: u64, plan: &ServerPlan) -> Self {
        let limit = plan.app_limit.map(|(times, period)| match plan.route {
            Route::LegacyEsb => AppLimit::Bucket(Bucket::full(times, period), times, period),
            Route::NewEsb | Route::Gateway => AppLimit::Window(Window::new(times, period)),
        });
        Self { route: plan.route, limit, credentials: Credentials::new(seed) }
    }

    /// Checks credentials first, then the limit, then the parameters, as the real ones do.
    pub fn admit(&mut self, now: At, call: &Call, ids: &Ids) -> Result<LimitHeaders, Response> {
        if let Err(refused) = self.credentials.check(now, &call.offered) {
            return Err(self.unauthorized(refused, ids).into());
        }
        let headers = match &mut self.limit {
            None => LimitHeaders::new(),
            Some(AppLimit::Bucket(bucket, times, period)) => match bucket.take(now) {
                Grant::Given => LimitHeaders::new(),
                Grant::Refused => {
                    let (times, period) = (*times, *period);
                    return Err(too_often(call.interface, times, period, ids));
                }
            },
            Some(AppLimit::Window(window)) => {
                let counted = window.count(now);
                match counted.grant {
                    Grant::Given => limit_headers(counted),
                    Grant::Refused => return Err(self.exceeded(counted, ids)),
                }
            }
        };
        match &call.task {
            Ok(_) => Ok(headers),
            Err(unread) => Err(self.unread(*unread, ids).into()),
        }
    }

    fn unauthorized(&self, refused: Refused, ids: &Ids) -> RawAnswer {
        if self.route == Route::Gateway {
            let reason = match refused {
                Refused::NoSecret => "please provide bk_app_secret or bk_signature to verify app",
                Refused::NoApp => "app code cannot be empty",
                Refused::UnknownApp => "app not found",
                Refused::WrongSecret => "bk_app_code or bk_app_secret is incorrect",
                Refused::NoUser => {
                    "user authentication failed, please provide a valid user identity, such as \
                     bk_username, bk_token, access_token"
                }
                Refused::WrongToken => "bk_token is not valid",
            };
            let text = format!("Parameters error [reason=\"{reason}\"]");
            return gateway_error(400, 1_640_001, "INVALID_ARGS", &text, ids);
        }
        let text = match refused {
            Refused::NoSecret => {
                "Signature [bk_signature] and APP Secret [bk_app_secret] cannot be empty at the \
                 same time"
            }
            Refused::NoApp => "APP Code [bk_app_code] cannot be empty",
            Refused::UnknownApp => {
                "Invalid APP Code [bk_app_code=unknown], please confirm if the APP Code has been \
                 registered"
            }
            Refused::WrongSecret => {
                "APP Secret verification failed, pelase confirm if the APP Secret and APP Code \
                 [bk_app_code=ops] match"
            }
            Refused::NoUser => {
                "User authentication failed, please provide a valid user identity, such as \
                 bk_token, bk_username"
            }
            Refused::WrongToken => {
                "User authentication failed, please check if the bk_token is valid"
            }
        };
        esb_error(1_306_000, text, ids)
    }

    /// Answers by the gateway's limit. Before an ESB it writes 200 over the status of its own
    /// answers.
    fn exceeded(&self, counted: Counted, ids: &Ids) -> Response {
        let status = if self.route == Route::Gateway { 429 } else { 200 };
        let text = "API rate limit exceeded by stage strategy";
        let mut answer = gateway_error(status, 1_642_902, "RATE_LIMIT_RESTRICTION", text, ids);
        answer.headers.extend(limit_headers(counted));
        let stated = Duration::from_secs(counted.reset);
        Response { answer, refusal: Some((Whom::Everyone, Some(stated))) }
    }

    fn unread(&self, unread: Unread, ids: &Ids) -> RawAnswer {
        match (self.route, unread) {
            (Route::Gateway, _) => {
                self.pass_on(Said::refusal(3_540_000, "invalid param format"), ids)
            }
            (_, Unread::BadJson) => {
                let text = "Request JSON string is wrong in format, which cannot be analyzed.";
                esb_error(1_306_000, text, ids)
            }
            (_, Unread::Missing(name)) => {
                let text = format!("Parameters error, param {name} is required");
                esb_error(1_306_406, &text, ids)
            }
        }
    }

    /// Answers a request for a path that the front does not have.
    pub fn no_such_path(&self, ids: &Ids) -> RawAnswer {
        match self.route {
            Route::Gateway => {
                let text = "API not found [method=\"?\" path=\"?\"]";
                gateway_error(404, 1_640_401, "API_NOT_FOUND", text, ids)
            }
            Route::LegacyEsb | Route::NewEsb => {
                let body = r#"{"message":"The content does not exist","data":null,"result":false}"#;
                RawAnswer { status: 404, headers: esb_headers(), body: body.into() }
            }
        }
    }

    /// Gives an answer of bk-sops the shape in which it comes out of the front.
    pub fn pass_on(&self, said: Said, ids: &Ids) -> RawAnswer {
        if self.route == Route::Gateway {
            return as_it_is(&said, ids);
        }
        if said.status != 200 {
            return self.not_200(said.status, said.interface, ids);
        }
        // The legacy ESB loses the codes of failures.
        let code = match self.route {
            Route::LegacyEsb if !said.result => 1_306_000,
            _ => said.code,
        };
        let said = Said { code, ..said };
        let mut body = members(&said, ids);
        if said.result && said.message.is_empty() {
            body.push_str(r#","message":"""#);
        }
        if said.data.is_none() {
            body.push_str(r#","data":null"#);
        }
        body.push_str(r#","request_id":""#);
        body.push_str(&ids.request());
        body.push_str("\"}");
        RawAnswer { status: 200, headers: esb_headers(), body: body.into() }
    }

    /// The ESB's words about an HTTP status of bk-sops.
    fn not_200(&self, status: u16, interface: Interface, ids: &Ids) -> RawAnswer {
        let why = match (self.route, status) {
            (Route::LegacyEsb, 500) => "Third-party system internal error",
            (Route::LegacyEsb, _) => "Third-party system Bad Gateway",
            _ => "third-party system interface response status code is not 200",
        };
        let text = format!(
            "Component request third-party system [SOPS] interface [{}] error: Status Code: \
             {status}, Error Message: {why}, please try again later or contact component developer \
             to handle this",
            interface.name()
        );
        esb_error(1_306_201, &text, ids)
    }
}

/// Answers by the legacy ESB's limit, whose text states the rate.
fn too_often(interface: Interface, times: u32, period: Duration, ids: &Ids) -> Response {
    let (many, unit) = match period.as_secs().max(1) {
        seconds if seconds.is_multiple_of(3600) => (seconds / 3600, "hour"),
        seconds if seconds.is_multiple_of(60) => (seconds / 60, "minute"),
        seconds => (seconds, "second"),
    };
    let text = format!(
        "Access frequency limit, Access frequency of APP [{APP}] to component \
         [/v2/sops/{}/] exceeds the limit; the frequency limit is [{times}/{many}{unit}], \
         please try again later",
        interface.name()
    );
    let stated = Duration::from_secs(period.as_secs().max(1)) / times;
    let refusal = Some((Whom::Everyone, Some(stated)));
    Response { answer: esb_error(1_306_429, &text, ids), refusal }
}

fn limit_headers(counted: Counted) -> LimitHeaders {
    let Counted { limit, remaining, reset, .. } = counted;
    [
        ("limit", limit.to_string()),
        ("remaining", remaining.to_string()),
        ("reset", reset.to_string()),
        ("plugin", "bk-stage-rate-limit".into()),
    ]
    .map(|(name, value)| (format!("x-bkapi-ratelimit-{name}"), value))
    .into()
}

fn owned<const N: usize>(headers: [(&str, &str); N]) -> Vec<(String, String)> {
    headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

fn esb_headers() -> Vec<(String, String)> {
    owned([
        ("server", "gunicorn/19.9.0"),
        ("content-type", "application/json; charset=utf-8"),
        ("x-frame-options", "SAMEORIGIN"),
        ("content-language", "en"),
    ])
}

fn esb_error(code: i64, text: &str, ids: &Ids) -> RawAnswer {
    let body = format!(
        r#"{{"result":false,"code":{code},"data":null,"message":{},"request_id":"{}"}}"#,
        Value::from(text),
        ids.request()
    );
    RawAnswer { status: 200, headers: esb_headers(), body: body.into() }
}

fn gateway_headers(ids: &Ids) -> Vec<(String, String)> {
    let own = if ids.caller.is_empty() { ids.request() } else { ids.caller.clone() };
    vec![("x-bkapi-request-id".into(), ids.uuid()), ("x-request-id".into(), own)]
}

fn gateway_error(status: u16, code: u32, name: &str, text: &str, ids: &Ids) -> RawAnswer {
    let body = format!(
        r#"{{"code_name":"{name}","message":{},"result":false,"data":null,"code":{code}}}"#,
        Value::from(text)
    );
    let mut headers = gateway_headers(ids);
    headers.push(("content-type".into(), "application/json; charset=utf-8".into()));
    headers.push(("x-bkapi-error-code".into(), code.to_string()));
    headers.push(("x-bkapi-error-message".into(), text.into()));
    RawAnswer { status, headers, body: body.into() }
}

/// bk-sops' answer as the gateway passes it on.
fn as_it_is(said: &Said, ids: &Ids) -> RawAnswer {
    let mut body = members(said, ids);
    if said.result && said.task_url.is_none() {
        body.push_str(r#","message":"""#);
    }
    body.push('}');
    let mut headers = gateway_headers(ids);
    headers.extend(owned([
        ("server", "gunicorn"),
        ("content-type", "application/json"),
        ("content-language", "zh-hans"),
    ]));
    headers.push(("sops-trace-id".into(), ids.trace()));
    RawAnswer { status: said.status, headers, body: body.into() }
}

/// Returns the members that bk-sops itself gives, without the closing brace.
fn members(said: &Said, ids: &Ids) -> String {
    let Said { result, code, .. } = said;
    // bk-sops writes this one code as a text.
    let mut body = match code {
        50_000 => format!(r#"{{"result":{result},"code":"50000""#),
        code => format!(r#"{{"result":{result},"code":{code}"#),
    };
    let mut add = |name: &str, value: &str| body.extend([",\"", name, "\":", value]);
    if !said.message.is_empty() {
        add("message", &Value::from(&*said.message).to_string());
    }
    if let Some(url) = &said.task_url {
        add("task_url", &Value::from(&**url).to_string());
    }
    if let Some(data) = &said.data {
        add("data", data);
    }
    if said.is_traced {
        add("trace_id", &format!("\"{}\"", ids.trace()));
    }
    body
}
