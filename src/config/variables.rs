//! Variables of the environment that stand in the place of flags.

use crate::session::credentials::Environment;

pub(crate) const ESB_VARIABLE: &str = "BK_COMPONENT_API_URL";
pub(crate) const GATEWAY_VARIABLE: &str = "BK_API_URL_TMPL";
pub(crate) const STATE_VARIABLE: &str = "BK_LAUNCH_STATE";
pub(crate) const PING_VARIABLE: &str = "BK_LAUNCH_PING_URL";
pub(crate) const NOTIFY_VARIABLE: &str = "BK_LAUNCH_NOTIFY_URL";

/// The flag, and its value, that the environment stands for where no flag names the
/// server.
pub(crate) fn target_of_environment(
    environment: Environment<'_>,
) -> Option<(&'static str, String)> {
    let variable = |name| environment(name).filter(|value| !value.trim().is_empty());
    let esb = variable(ESB_VARIABLE).map(|url| ("esb", url));
    esb.or_else(|| variable(GATEWAY_VARIABLE).map(|template| ("gateway", template)))
}
