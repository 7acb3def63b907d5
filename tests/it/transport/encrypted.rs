//! Servers with TLS, and such as should have it.

use std::path::Path;

use bk_launch::internals::api::{HttpOptions, Identity};

use crate::certificates::{self, Change, as_it_is, expired, not_yet_valid, tls};
use crate::harness::{Folder, Script, Scripted};

use super::{Asks, BOTH, GOOD, Line, SHORT, answers, ask, check, hears, patient};

#[test]
fn a_handshake_that_fails_got_nothing_either() {
    const FAILED: &str = "NotSent(Certificate) transient No: the TLS handshake failed: ";
    let folder = Folder::new();
    let other = certificates::Identity::self_made(&["localhost"], as_it_is);
    folder.file("other.pem", other.pem());
    for (names, change, file, why) in [
        (
            "localhost",
            as_it_is as Change,
            "other.pem",
            "the server's certificate has an unknown issuer",
        ),
        (
            "localhost",
            expired,
            "own.pem",
            "the server's certificate, or one of its issuers, expired",
        ),
        (
            "localhost",
            not_yet_valid,
            "own.pem",
            "the server's certificate, or one of its issuers, is not valid before",
        ),
        ("other.example.com", as_it_is, "own.pem", "the server's certificate is not for localhost"),
    ] {
        let own = certificates::Identity::self_made(&[names], change);
        folder.file("own.pem", own.pem());
        let expected = format!("{FAILED}{why}");
        let line: Line<'_> = (why, |c| c.always(GOOD), Asks::Once, &[&expected], (0, 1));
        check(line, Some(&|| tls(&own)), &trusting(&folder.path(file)));
    }
}

fn trusting(certificates: &Path) -> HttpOptions {
    HttpOptions { cacert: Some(certificates.into()), identity: Identity::Proven, ..patient() }
}

#[test]
fn what_goes_wrong_below_tls_is_told_as_well() {
    let folder = Folder::new();
    let own = certificates::Identity::self_made(&["localhost"], as_it_is);
    folder.file("own.pem", own.pem());
    let (encrypted, trusting) = (|| tls(&own), trusting(&folder.path("own.pem")));
    let good: Script = |c| c.always(GOOD);
    let accepted = ["accepted", "accepted"];
    check(("it works", good, Asks::Twice, &accepted, (2, 1)), Some(&encrypted), &trusting);
    let cut: Script = |c| answers(c, "HTTP/1.1 200 OK\r\n\r\n{\"result\":true}");
    let cut_off = ["Answered(Proxy) ambiguous Maybe: HTTP 200, then the connection broke: "];
    let line = ("closed without a word of TLS", cut, Asks::Once, &cut_off[..], (1, 1));
    check(line, Some(&encrypted), &trusting);
}

#[test]
fn a_server_without_tls_got_no_request() {
    let unused = Scripted::start(None, hears);
    let none: Script = |c| c.say("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
    let hangs_up: Script = |_| Ok(());
    for (script, expected) in [
        (none, "NotSent(Certificate) transient No: the TLS handshake failed: what answers there"),
        (hangs_up, "NotSent(Unreachable) transient No: no connection"),
    ] {
        for by in BOTH {
            let server = Scripted::start(None, script);
            let url = format!("https://localhost:{}", server.port);
            let found = ask(by, &url, &patient(), Asks::Once, &unused);
            assert!(found[0].starts_with(expected), "{by:?}: {found:?}");
            assert_eq!(server.heard().len(), 0);
        }
    }
}

#[test]
fn a_handshake_that_takes_too_long_is_no_connection() {
    let never = HttpOptions { connect_timeout: SHORT / 2, ..patient() };
    let silent: Script = |_| {
        std::thread::sleep(SHORT * 2);
        Ok(())
    };
    let own = certificates::Identity::self_made(&["localhost"], as_it_is);
    let says = ["NotSent(Unreachable) transient No: no connection"];
    check(("silent", silent, Asks::Once, &says, (0, 1)), Some(&|| tls(&own)), &never);
}
