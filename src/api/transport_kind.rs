//! Chooses between the direct way to the server and a proxy.

use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;

use super::target::Target;

/// Which way requests take to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransportKind {
    /// Without a proxy.
    Direct,
    /// By a proxy that `HTTPS_PROXY` or a like variable names.
    Proxied,
}

impl TransportKind {
    /// Returns the way to `target` by the proxies that the environment names.
    #[must_use]
    pub(crate) fn for_target(target: &Target) -> Self {
        if proxy_of(target).is_some() { Self::Proxied } else { Self::Direct }
    }
}

/// Returns the proxy by which the environment lets `target` be reached, without its password.
pub(crate) fn proxy_of(target: &Target) -> Option<Uri> {
    let uri = target.origin().parse::<Uri>().ok().filter(|_| !target.is_loopback())?;
    Some(Matcher::from_system().intercept(&uri)?.uri().clone())
}
