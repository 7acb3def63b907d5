//! The API gateway's route: ids in the path, credentials only in the header
//! `X-Bkapi-Authorization`.

use std::fmt;

use bytes::Bytes;
use http::Uri;
use url::Url;

use super::base_url::{TargetError, base_url};
use crate::domain::task::Task;

/// The gateway's name for bk-sops.
const NAME: &str = "bk-sops";

/// One stage of the gateway's bk-sops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gateway {
    /// The path ends with the stage.
    base: Url,
}

impl Gateway {
    /// Fills in `{gateway_name}` (or the older `{api_name}`) in `template`; `stage` is usually
    /// `prod`.
    ///
    /// # Errors
    ///
    /// Returns an error if `template` is no URL of a server, or `stage` no name of a stage.
    pub fn new(template: &str, stage: &str) -> Result<Self, TargetError> {
        let filled = template.replace("{gateway_name}", NAME).replace("{api_name}", NAME);
        if filled.contains(['{', '}']) {
            return Err(TargetError::Placeholder);
        }
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if stage.is_empty() || !stage.bytes().all(fits) {
            return Err(TargetError::Stage);
        }
        let mut base = base_url(&filled)?;
        let path = format!("{}/{stage}", base.path().trim_end_matches('/'));
        base.set_path(&path);
        Ok(Self { base })
    }

    pub(super) const fn base(&self) -> &Url {
        &self.base
    }

    #[must_use]
    pub fn start_url(&self, task: &Task) -> Url {
        self.url("start_task", task)
    }

    /// Returns the path of [`start_url`](Self::start_url).
    #[must_use]
    pub(super) fn start_path(&self, task: &Task) -> Uri {
        let path = format!("{}/start_task/{}/{}/", self.base.path(), task.id, task.business.id);
        // Never fails: the path of a `Url`, and digits behind it.
        Uri::from_maybe_shared(Bytes::from(path)).unwrap_or_default()
    }

    /// URL at which the API `name` answers about `task`.
    #[must_use]
    pub fn question_url(&self, name: &str, task: &Task) -> Url {
        let mut url = self.url(name, task);
        url.query_pairs_mut().append_pair("scope", task.business.scope.as_str());
        url
    }

    fn url(&self, api: &str, task: &Task) -> Url {
        let mut url = self.base.clone();
        let path = format!("{}/{api}/{}/{}/", url.path(), task.id, task.business.id);
        url.set_path(&path);
        url
    }

    #[must_use]
    pub fn start_body(task: &Task) -> String {
        format!(r#"{{"scope":"{}"}}"#, task.business.scope)
    }
}

impl fmt::Display for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/start_task/{{task_id}}/{{bk_biz_id}}/", self.base)
    }
}
