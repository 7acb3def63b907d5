//! Warnings of what is dangerous about a server and how it is called. They are told
//! once, before the first request.

use super::credentials::Origin;
use super::tell;
use crate::api::target::Target;
use crate::api::{HttpOptions, Identity};

/// Warns of credentials that others may read, here, on the way, or at the other end.
pub(super) fn warn(target: &Target, http_options: &HttpOptions, credentials: &Origin) {
    credentials.warn();
    if http_options.identity == Identity::AnyCertificate {
        tell(&"warning: --insecure believes any certificate: whoever answers gets the credentials");
    }
    if target.is_in_clear() {
        tell(&format_args!(
            "warning: http:// sends the credentials in clear to {target}: whoever is on the way can \
             read them; use https:// if the server has it"
        ));
    }
}
