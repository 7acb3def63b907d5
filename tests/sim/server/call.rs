//! What a request asks, as the front reads it: path, ids and credentials, route by route.

use serde_json::Value;
use url::form_urlencoded;

use super::Request;
use crate::history::{Key, Route, ServerPlan};

/// The API that a request calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Interface {
    Start,
    Status,
    Detail,
}

impl Interface {
    const ALL: [(&'static str, Self); 3] = [
        ("start_task", Self::Start),
        ("get_task_status", Self::Status),
        ("get_task_detail", Self::Detail),
    ];

    fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(own, _)| *own == name).map(|(_, interface)| interface)
    }

    /// Name by which the fronts know it.
    pub fn name(self) -> &'static str {
        Self::ALL.into_iter().find(|(_, own)| *own == self).map_or("", |(name, _)| name)
    }

    fn method(self) -> &'static str {
        match self {
            Self::Start => "POST",
            Self::Status | Self::Detail => "GET",
        }
    }
}

/// Credentials as a request has them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offered {
    pub app: Option<String>,
    pub secret: Option<String>,
    pub token: Option<String>,
}

/// A request that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    pub interface: Interface,
    pub offered: Offered,
    /// The task, or why none can be told from the request.
    pub task: Result<Key, Unread>,
}

/// Why a request cannot be carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    BadJson,
    /// A parameter is missing, or no number.
    Missing(&'static str),
}

impl Call {
    /// Reads a request; `None` if the front has no such path, or not for this method.
    ///
    /// The legacy ESB takes the credentials of a GET from its query alone (FACTS.md section 2),
    /// unless the plan says that it was mended.
    pub fn read(plan: &ServerPlan, request: &Request) -> Option<Self> {
        let route = plan.route;
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let query = Value::Object(
            form_urlencoded::parse(query.as_bytes())
                .map(|(name, value)| (name.into_owned(), Value::from(value)))
                .collect(),
        );
        let (interface, ids) = match route {
            Route::LegacyEsb | Route::NewEsb => (esb_path(path)?, None),
            Route::Gateway => {
                let (interface, ids) = gateway_path(path)?;
                (interface, Some(ids))
            }
        };
        if request.method != interface.method() {
            return None;
        }
        let params = match interface {
            Interface::Start if request.body.is_empty() => {
                Ok(Value::Object(serde_json::Map::new()))
            }
            Interface::Start => serde_json::from_slice(&request.body).map_err(|_| Unread::BadJson),
            Interface::Status | Interface::Detail => Ok(query),
        };
        let offered = match (route, interface) {
            (Route::LegacyEsb, Interface::Start) => in_params(&params),
            (Route::LegacyEsb, _) if plan.legacy_get => in_params(&params),
            (Route::LegacyEsb | Route::NewEsb, _) => {
                in_header(request).unwrap_or_else(|| in_params(&params))
            }
            (Route::Gateway, _) => in_header(request).unwrap_or_default(),
        };
        Some(Self { interface, offered, task: params.and_then(|params| key(&params, ids)) })
    }
}

fn esb_path(path: &str) -> Option<Interface> {
    let (_, name) = path.split_once("/c/compapi/v2/sops/")?;
    Interface::by_name(name.trim_end_matches('/'))
}

fn gateway_path(path: &str) -> Option<(Interface, [u64; 2])> {
    let rest = path.strip_prefix("/api/bk-sops/prod/")?.strip_suffix('/')?;
    let mut parts = rest.split('/');
    let interface = Interface::by_name(parts.next()?)?;
    let task = parts.next()?.parse().ok()?;
    let biz = parts.next()?.parse().ok()?;
    parts.next().is_none().then_some((interface, [task, biz]))
}

fn key(params: &Value, ids: Option<[u64; 2]>) -> Result<Key, Unread> {
    let number = |name| {
        let value = &params[name];
        let number = value.as_u64().or_else(|| value.as_str()?.parse().ok());
        number.ok_or(Unread::Missing(name))
    };
    let (task, biz) = match ids {
        Some([task, biz]) => (task, biz),
        None => (number("task_id")?, number("bk_biz_id")?),
    };
    // Any word but this one means a project; a missing one means a business.
    let is_biz = params.get("scope").is_none_or(|scope| scope == "cmdb_biz");
    let scope = if is_biz { "cmdb_biz" } else { "project" };
    Ok(Key { scope: scope.into(), biz, task })
}

fn in_header(request: &Request) -> Option<Offered> {
    let mut headers = request.headers.iter();
    let (_, text) = headers.find(|(name, _)| name == "x-bkapi-authorization")?;
    Some(offered(&serde_json::from_str(text).unwrap_or_default()))
}

fn in_params(params: &Result<Value, Unread>) -> Offered {
    params.as_ref().map(offered).unwrap_or_default()
}

fn offered(members: &Value) -> Offered {
    let text = |name| members.get(name).and_then(Value::as_str).map(str::to_owned);
    Offered { app: text("bk_app_code"), secret: text("bk_app_secret"), token: text("bk_token") }
}
