//! The two routes to the API, and their URLs.

use std::fmt;

use url::{Position, Url};

use super::{esb, gateway};
use crate::domain::host;

/// A route to the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// By the ESB: one URL for all tasks.
    Esb(esb::Esb),
    /// By the API gateway: ids in the path.
    Gateway(gateway::Gateway),
}

impl Target {
    /// Whether the server is this machine itself, which no proxy can reach.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        host::is_loopback(self.url())
    }

    /// Whether requests leave this machine unencrypted.
    #[must_use]
    pub fn is_in_clear(&self) -> bool {
        self.url().scheme() == "http" && !self.is_loopback()
    }

    /// Returns the host for people, with the port unless it is the scheme's own.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.url()[Position::BeforeHost..Position::AfterPort]
    }

    /// Returns scheme, host and port, the latter unless it is the scheme's own.
    #[must_use]
    pub(super) fn origin(&self) -> String {
        self.url().origin().ascii_serialization()
    }

    const fn url(&self) -> &Url {
        match self {
            Self::Esb(esb) => esb.start_url(),
            Self::Gateway(gateway) => gateway.base(),
        }
    }
}

impl fmt::Display for Target {
    /// Writes the URL for people: without credentials and query.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Esb(esb) => esb.start_url().fmt(f),
            Self::Gateway(gateway) => gateway.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::base_url::TargetError;
    use super::*;

    fn esb(text: &str) -> Result<String, TargetError> {
        esb::Esb::new(text).map(|esb| Target::Esb(esb).to_string())
    }

    fn gateway(template: &str, stage: &str) -> Result<String, TargetError> {
        gateway::Gateway::new(template, stage).map(|gateway| Target::Gateway(gateway).to_string())
    }

    #[test]
    fn an_esb_url_is_extended_unless_it_ends_in_compapi() {
        let path = "/api/c/compapi/v2/sops/start_task/";
        for (text, url) in [
            ("https://paas.example.com", format!("https://paas.example.com{path}")),
            ("https://paas.example.com/", format!("https://paas.example.com{path}")),
            ("http://h:8080/sub/", format!("http://h:8080/sub{path}")),
            ("http://h/c/compapi", "http://h/c/compapi/v2/sops/start_task/".into()),
            ("http://h/api/c/compapi/", format!("http://h{path}")),
            (" http://h ", format!("http://h{path}")),
        ] {
            assert_eq!(esb(text), Ok(url), "{text}");
        }
    }

    #[test]
    fn a_gateway_template_is_filled_in() {
        for (template, stage, url) in [
            (
                "https://bkapi.example.com/api/{gateway_name}",
                "prod",
                "https://bkapi.example.com/api/bk-sops/prod/start_task/{task_id}/{bk_biz_id}/",
            ),
            (
                "https://{api_name}.example.com/",
                "stag",
                "https://bk-sops.example.com/stag/start_task/{task_id}/{bk_biz_id}/",
            ),
        ] {
            assert_eq!(gateway(template, stage), Ok(url.into()), "{template}");
        }
        assert_eq!(gateway("http://h/{name}", "prod"), Err(TargetError::Placeholder));
        assert_eq!(gateway("http://h/{gateway_name}", "a/b"), Err(TargetError::Stage));
        assert_eq!(gateway("http://h/{gateway_name}", ""), Err(TargetError::Stage));
    }

    #[test]
    fn people_are_told_host_and_port() {
        for (url, host) in [
            ("https://paas.example.com/api", "paas.example.com"),
            ("https://paas.example.com:443", "paas.example.com"),
            ("http://127.0.0.1:8080", "127.0.0.1:8080"),
            ("http://[::1]:8080/{gateway_name}", "[::1]:8080"),
        ] {
            let gateway = gateway::Gateway::new(url, "prod").unwrap();
            assert_eq!(Target::Gateway(gateway).host(), host, "{url}");
        }
    }

    #[test]
    fn what_is_no_url_says_why() {
        assert!(matches!(esb("paas"), Err(TargetError::Url(_))));
        assert!(matches!(esb("http://"), Err(TargetError::Url(_))));
        assert!(matches!(esb(""), Err(TargetError::Url(_))));
        assert_eq!(esb("ftp://h"), Err(TargetError::Scheme("ftp".into())));
        assert_eq!(esb("http://me:pw@h"), Err(TargetError::Credentials));
        assert_eq!(esb("http://me@h"), Err(TargetError::Credentials));
        assert_eq!(esb("http://h/?a=b"), Err(TargetError::Query));
        assert_eq!(esb("http://h/#a"), Err(TargetError::Query));
    }

    #[test]
    fn loopback_is_told_by_name_and_address() {
        for (url, is_loopback, is_in_clear) in [
            ("http://localhost:1", true, false),
            ("http://127.9.9.9", true, false),
            ("http://[::1]:80", true, false),
            ("https://127.0.0.1", true, false),
            ("http://localhost.example.com", false, true),
            ("http://10.0.0.1", false, true),
            ("HTTP://h", false, true),
            ("https://10.0.0.1", false, false),
        ] {
            let esb = Target::Esb(esb::Esb::new(url).unwrap());
            let gateway = Target::Gateway(gateway::Gateway::new(url, "prod").unwrap());
            for target in [esb, gateway] {
                assert_eq!(target.is_loopback(), is_loopback, "{url}");
                assert_eq!(target.is_in_clear(), is_in_clear, "{url}");
            }
        }
    }
}
