//! The ESB's route: one URL for all tasks, ids and credentials in the body.
//!
//! The legacy ESB reads credentials from the body alone, the newer one prefers the header
//! `X-Bkapi-Authorization`, so both carry them (FACTS.md section 2).

use http::Uri;
use itoa::Buffer;
use url::Url;

use super::base_url::{TargetError, base_url, path};
use crate::domain::task::Task;

/// The route by an ESB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Esb {
    /// Ends in `/v2/sops/start_task/`.
    start: Url,
    /// Path of `start`, made once for all requests.
    start_path: Uri,
}

impl Esb {
    /// Makes the route from the ESB's URL; one that ends in `/compapi` is taken as it is.
    ///
    /// # Errors
    ///
    /// Returns an error if `text` is no URL of a server.
    pub fn new(text: &str) -> Result<Self, TargetError> {
        let mut url = base_url(text)?;
        let base = url.path().trim_end_matches('/');
        let prefix = if base.ends_with("/compapi") { "" } else { "/api/c/compapi" };
        let whole = format!("{base}{prefix}/v2/sops/start_task/");
        url.set_path(&whole);
        Ok(Self { start_path: path(&url), start: url })
    }

    /// URL at which tasks are started.
    #[must_use]
    pub const fn start_url(&self) -> &Url {
        &self.start
    }

    #[must_use]
    pub(super) const fn start_path(&self) -> &Uri {
        &self.start_path
    }

    /// URL at which the API `name` answers about `task`.
    #[must_use]
    pub fn question_url(&self, name: &str, task: &Task) -> Url {
        let mut url = self.start.clone();
        url.set_path(&url.path().replace("/start_task/", &format!("/{name}/")));
        url.query_pairs_mut()
            .append_pair("bk_biz_id", &task.business.id.to_string())
            .append_pair("task_id", &task.id.to_string())
            .append_pair("scope", task.business.scope.as_str());
        url
    }

    /// Returns the body that starts `task`; `members` are the caller's credentials.
    #[must_use]
    pub fn start_body(task: &Task, members: &str) -> String {
        let Task { business, id } = task;
        let [mut at_business, mut at_task] = [Buffer::new(); 2];
        let (business_id, task_id) =
            (at_business.format(business.id.get()), at_task.format(id.get()));
        let scope = business.scope.as_str();
        [
            "{",
            members,
            r#","bk_biz_id":""#,
            business_id,
            r#"","task_id":""#,
            task_id,
            r#"","scope":""#,
            scope,
            r#""}"#,
        ]
        .concat()
    }
}
