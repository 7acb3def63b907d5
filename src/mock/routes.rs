//! Reads a request: path, query and body become an [`Endpoint`], or the reason for a refusal. Pure.

use serde_json::Value;

use super::behaviour::{EsbKind, MockBusiness, MockScope};
use super::world::TaskKey;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Esb,
    Gateway,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Api {
    Start,
    Status,
    Detail,
}

impl Api {
    /// Returns the name in paths, and in the texts of the ESB.
    #[must_use]
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Start => "start_task",
            Self::Status => "get_task_status",
            Self::Detail => "get_task_detail",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    Counts,
    /// An API; the gateway's paths also contain the two ids.
    Api(Route, Api, Option<(String, String)>),
    Unknown(Route),
}

#[must_use]
pub(super) fn place(method: &str, path: &str) -> Endpoint {
    if path == "/_mock/counts" {
        return Endpoint::Counts;
    }
    let esb = path.strip_prefix("/api").unwrap_or(path).strip_prefix("/c/compapi");
    if let Some(rest) = esb {
        // The ESB takes the path with and without its last slash.
        let name = rest.trim_end_matches('/').strip_prefix("/v2/sops/");
        return match name.and_then(|name| api(method, name)) {
            Some(api) => Endpoint::Api(Route::Esb, api, None),
            None => Endpoint::Unknown(Route::Esb),
        };
    }
    let parts: Vec<_> = path.split('/').collect();
    if let ["", "api", "bk-sops", _stage, name, task, business, ""] = parts[..]
        && let Some(api) = api(method, name)
    {
        return Endpoint::Api(Route::Gateway, api, Some((task.into(), business.into())));
    }
    Endpoint::Unknown(if path.contains("/c/") { Route::Esb } else { Route::Gateway })
}

fn api(method: &str, name: &str) -> Option<Api> {
    let apis = match method {
        "POST" => &[Api::Start][..],
        "GET" => &[Api::Status, Api::Detail],
        _ => &[],
    };
    apis.iter().copied().find(|api| api.name() == name)
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum MockRefusal {
    /// The ESB's 1306000, with this text.
    Esb(&'static str),
    /// The ESB's 1306406: a parameter is missing.
    EsbParameter(&'static str),
    /// The gateway's 1640001, with this reason.
    Gateway(&'static str),
    /// bk-sops' 3540000.
    Format,
}

/// Credentials and parameters of a request, wherever they stand.
#[derive(Debug)]
pub(super) struct Request<'a> {
    pub route: Route,
    pub path_ids: Option<&'a (String, String)>,
    /// `X-Bkapi-Authorization`.
    pub header: Option<&'a str>,
    pub query: &'a str,
    /// Empty for a GET.
    pub body: &'a [u8],
}

impl Request<'_> {
    /// Returns the task of the call, or why the call is refused.
    pub(super) fn task(&self, kind: EsbKind, secret: Option<&str>) -> Result<TaskKey, MockRefusal> {
        let parameters = self.parameters()?;
        match self.route {
            Route::Esb => {
                self.check_esb(&parameters, kind, secret)?;
                let needed = |name| text(&parameters, name).ok_or(MockRefusal::EsbParameter(name));
                task(&needed("task_id")?, &needed("bk_biz_id")?, &parameters)
            }
            Route::Gateway => {
                self.check_gateway(secret)?;
                let (id, business) = self.path_ids.ok_or(MockRefusal::Format)?;
                task(id, business, &parameters)
            }
        }
    }

    /// Merges query and body into one object; an empty body is an empty object.
    fn parameters(&self) -> Result<Value, MockRefusal> {
        let broken = match self.route {
            Route::Esb => MockRefusal::Esb(
                "Request JSON string is wrong in format, which cannot be analyzed.",
            ),
            Route::Gateway => MockRefusal::Format,
        };
        let mut object = match self.body {
            [] => serde_json::Map::new(),
            body => match serde_json::from_slice(body) {
                Ok(Value::Object(object)) => object,
                _ => return Err(broken),
            },
        };
        for pair in self.query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            object.insert(key.into(), value.into());
        }
        Ok(Value::Object(object))
    }

    /// The newer ESB prefers the header; the legacy one ignores it and reads parameters only
    /// (FACTS.md section 2).
    fn check_esb(
        &self,
        parameters: &Value,
        kind: EsbKind,
        secret: Option<&str>,
    ) -> Result<(), MockRefusal> {
        let header = match kind {
            EsbKind::Newer => self.header.and_then(|header| serde_json::from_str(header).ok()),
            EsbKind::Legacy => None,
        };
        let given = header.as_ref().unwrap_or(parameters);
        if text(given, "bk_app_code").is_none() {
            return Err(MockRefusal::Esb("APP Code [bk_app_code] cannot be empty"));
        }
        let Some(found) = text(given, "bk_app_secret") else {
            return Err(MockRefusal::Esb(
                "Signature [bk_signature] and APP Secret [bk_app_secret] cannot be empty at the same time",
            ));
        };
        if secret.is_some_and(|secret| secret != found) {
            return Err(MockRefusal::Esb(
                "APP Secret verification failed, pelase confirm if the APP Secret and APP Code match",
            ));
        }
        if text(given, "bk_token").or_else(|| text(given, "bk_username")).is_none() {
            return Err(MockRefusal::Esb(
                "User authentication failed, please provide a valid user identity, such as bk_token, bk_username",
            ));
        }
        Ok(())
    }

    fn check_gateway(&self, secret: Option<&str>) -> Result<(), MockRefusal> {
        let Some(header) = self.header else {
            return Err(MockRefusal::Gateway("app code cannot be empty"));
        };
        let Ok(given) = serde_json::from_str::<Value>(header) else {
            return Err(MockRefusal::Gateway(
                "request header X-Bkapi-Authorization is not a valid JSON",
            ));
        };
        if text(&given, "bk_app_code").is_none() {
            return Err(MockRefusal::Gateway("app code cannot be empty"));
        }
        let Some(found) = text(&given, "bk_app_secret") else {
            return Err(MockRefusal::Gateway(
                "please provide bk_app_secret or bk_signature to verify app",
            ));
        };
        if secret.is_some_and(|secret| secret != found) {
            return Err(MockRefusal::Gateway("bk_app_code or bk_app_secret is incorrect"));
        }
        if text(&given, "bk_token").or_else(|| text(&given, "bk_username")).is_none() {
            return Err(MockRefusal::Gateway(
                "user authentication failed, please provide a valid user identity, such as \
                 bk_username, bk_token, access_token",
            ));
        }
        Ok(())
    }
}

fn task(id: &str, business: &str, parameters: &Value) -> Result<TaskKey, MockRefusal> {
    let number = |text: &str| text.parse().map_err(|_| MockRefusal::Format);
    // A missing scope means cmdb_biz; any other word means project.
    let scope = match parameters.get("scope") {
        None => MockScope::CmdbBiz,
        Some(scope) if scope == "cmdb_biz" => MockScope::CmdbBiz,
        Some(_) => MockScope::Project,
    };
    Ok(TaskKey { business: MockBusiness { scope, id: number(business)? }, id: number(id)? })
}

/// Returns a text or a number, if it is there and not empty.
fn text(object: &Value, key: &str) -> Option<String> {
    match object.get(key)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHO: &str = r#"{"bk_app_code":"a","bk_app_secret":"s","bk_token":"t"}"#;

    fn esb<'a>(header: Option<&'a str>, body: &'a str) -> Request<'a> {
        Request { route: Route::Esb, path_ids: None, header, query: "", body: body.as_bytes() }
    }

    fn shown(key: TaskKey) -> String {
        format!("{}/{}", key.business, key.id)
    }

    #[test]
    fn places_are_told_by_path_and_method() {
        let gateway = |api| Endpoint::Api(Route::Gateway, api, Some(("17".into(), "2".into())));
        for (method, path, expected) in [
            ("GET", "/_mock/counts", Endpoint::Counts),
            (
                "POST",
                "/api/c/compapi/v2/sops/start_task/",
                Endpoint::Api(Route::Esb, Api::Start, None),
            ),
            ("POST", "/c/compapi/v2/sops/start_task", Endpoint::Api(Route::Esb, Api::Start, None)),
            ("GET", "/api/c/compapi/v2/sops/start_task/", Endpoint::Unknown(Route::Esb)),
            ("GET", "/api/c/compapi/v2/sops/no_such/", Endpoint::Unknown(Route::Esb)),
            ("POST", "/api/bk-sops/prod/start_task/17/2/", gateway(Api::Start)),
            ("GET", "/api/bk-sops/prod/get_task_status/17/2/", gateway(Api::Status)),
            ("POST", "/api/bk-sops/prod/start_task/17/2", Endpoint::Unknown(Route::Gateway)),
            ("POST", "/", Endpoint::Unknown(Route::Gateway)),
        ] {
            assert_eq!(place(method, path), expected, "{method} {path}");
        }
    }

    #[test]
    fn the_two_esbs_read_credentials_in_different_places() {
        let ids = r#"{"bk_biz_id":"2","task_id":17,"scope":"cmdb_bizz"}"#;
        let both = format!("{},{}", WHO.trim_end_matches('}'), &ids[1..]);
        let header_only = esb(Some(WHO), ids);
        assert_eq!(header_only.task(EsbKind::Newer, None).map(shown), Ok("project/2/17".into()));
        let legacy = header_only.task(EsbKind::Legacy, None);
        assert_eq!(legacy, Err(MockRefusal::Esb("APP Code [bk_app_code] cannot be empty")));
        for kind in [EsbKind::Newer, EsbKind::Legacy] {
            assert!(esb(None, &both).task(kind, Some("s")).is_ok());
            assert!(esb(None, &both).task(kind, Some("other")).is_err());
        }
    }

    #[test]
    fn a_gateway_reads_the_header_alone() {
        let ids = ("17".into(), "2".into());
        let request = |header, body: &'static [u8]| Request {
            route: Route::Gateway,
            path_ids: Some(&ids),
            header,
            query: "scope=project",
            body,
        };
        assert_eq!(
            request(Some(WHO), b"").task(EsbKind::Newer, None).map(shown),
            Ok("project/2/17".into())
        );
        let refused = request(None, WHO.as_bytes()).task(EsbKind::Newer, None);
        assert_eq!(refused, Err(MockRefusal::Gateway("app code cannot be empty")));
        assert_eq!(request(Some(WHO), b"[]").task(EsbKind::Newer, None), Err(MockRefusal::Format));
    }
}
