//! The variables of the environment that are read.

use crate::cli::monitoring;
use crate::session::credentials;

pub(crate) const ESB_VARIABLE: &str = "BK_COMPONENT_API_URL";
pub(crate) const GATEWAY_VARIABLE: &str = "BK_API_URL_TMPL";
pub(crate) const STATE_VARIABLE: &str = "BK_LAUNCH_STATE";

/// The variables that are read.
pub(crate) fn variables() -> impl Iterator<Item = &'static str> {
    [ESB_VARIABLE, GATEWAY_VARIABLE, STATE_VARIABLE]
        .into_iter()
        .chain(credentials::variables())
        .chain(monitoring::VARIABLES)
}

/// Those of them that are set.
pub(crate) fn set_variables() -> Vec<&'static str> {
    variables().filter(|name| std::env::var_os(name).is_some()).collect()
}
