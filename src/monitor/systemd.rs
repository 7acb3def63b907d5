//! Tells systemd how a session goes, if systemd started it (`sd_notify`).
//!
//! Does nothing without `$NOTIFY_SOCKET`. Nothing here affects the session, and nothing blocks:
//! what systemd has no room for is dropped.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use tracing::debug;

/// Time between two reports of the status.
pub(crate) const STATUS_INTERVAL: Duration = Duration::from_secs(2);

const SOCKET: &str = "NOTIFY_SOCKET";

#[must_use]
pub(crate) fn is_told() -> bool {
    std::env::var_os(SOCKET).is_some()
}

/// Reports that the session starts, and what it will do.
pub(crate) fn ready(status: &str) {
    tell("READY=1\n", status);
}

pub(crate) fn status(status: &str) {
    tell("", status);
}

/// Reports that nothing new is sent any more.
pub(crate) fn stopping(status: &str) {
    tell("STOPPING=1\n", status);
}

fn tell(state: &str, status: &str) {
    let Some(socket) = std::env::var_os(SOCKET) else { return };
    // A line end would start another word of the protocol.
    let status = status.lines().next().unwrap_or_default();
    if let Err(error) = send(&socket, format!("{state}STATUS={status}\n").as_bytes()) {
        debug!(%error, "systemd was not told");
    }
}

/// Sends a datagram to a path, or to an abstract name, which starts with `@`.
fn send(socket: &OsStr, words: &[u8]) -> io::Result<()> {
    let address = match socket.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(socket)?,
    };
    let datagram = UnixDatagram::unbound()?;
    datagram.set_nonblocking(true)?;
    datagram.send_to_addr(words, &address)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_socket_are_told_and_a_full_one_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let name = format!("bk-launch-test-{}", std::process::id());
        let by_name = SocketAddr::from_abstract_name(&name).unwrap();
        for (heard, socket) in [
            (UnixDatagram::bind(&path).unwrap(), path.into_os_string()),
            (UnixDatagram::bind_addr(&by_name).unwrap(), format!("@{name}").into()),
        ] {
            send(&socket, b"STATUS=x\n").unwrap();
            let mut words = [0; 64];
            let length = heard.recv(&mut words).unwrap();
            assert_eq!(&words[..length], b"STATUS=x\n");
            let full = (0..10_000).find_map(|_| send(&socket, b"STATUS=y\n").err()).unwrap();
            assert_eq!(full.kind(), io::ErrorKind::WouldBlock);
        }
        assert!(send(OsStr::new("/no/such"), b"x").is_err());
    }
}
