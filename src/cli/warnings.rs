//! Warnings of what is dangerous about a server and how it is called, given once, before the
//! first request.

use std::path::Path;

use super::outside::NoticeSink;
use crate::api::Identity;
use crate::session::credentials::others_may_read;
use crate::session::input::Input;
use crate::session::settings::ServerSettings;

/// Warns of credentials that others may read: here, on the way, or at the other end.
pub(crate) fn warn(server: &ServerSettings, notices: &NoticeSink) {
    for path in server.credentials.exposed() {
        warn_of_exposed(path, notices);
    }
    if server.http_options.identity == Identity::AnyCertificate {
        notices.say(
            &"warning: --insecure accepts any certificate: whoever answers gets the credentials",
        );
    }
    if server.target.is_in_clear() {
        notices.say(&format_args!(
            "warning: http:// sends the credentials in clear to {}: whoever is on the way can read \
             them; use https:// if the server has it",
            server.target
        ));
    }
}

/// Says that a named pipe is waited for, which nothing else shows.
pub(crate) fn tell_of_pipe(input: &Input, notices: &NoticeSink) {
    if input.is_named_pipe() {
        let name = input.name();
        notices.say(&format_args!("waiting for a program that writes to the named pipe {name}"));
    }
}

/// Warns of a file that holds a secret if others may read it.
pub(crate) fn warn_of_readers(path: &Path, notices: &NoticeSink) {
    if others_may_read(path) {
        warn_of_exposed(path, notices);
    }
}

fn warn_of_exposed(path: &Path, notices: &NoticeSink) {
    notices.say(&format_args!(
        "warning: others may read {path}; chmod 600 {path}",
        path = path.display()
    ));
}
