//! Explains to people why a TLS handshake failed, and what to do about it.

use std::net::{IpAddr, Ipv6Addr};

use jiff::Timestamp;
use rustls::pki_types::UnixTime;
use rustls::{CertificateError, Error, InvalidMessage};

/// Maximum number of a certificate's names listed.
const MAX_NAMES: usize = 5;

#[must_use]
pub(super) fn why(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(_) if is_authority(error) => {
            "the server's certificate has an unknown issuer, itself perhaps: it may issue others \
             (CA:TRUE), like those of openssl req -x509; if this is the right server, put exactly \
             this certificate into the file of --cacert"
                .into()
        }
        Error::InvalidCertificate(certificate) => of_certificate(certificate),
        // Plain text does not begin like a TLS record.
        Error::InvalidMessage(
            InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion,
        ) => "what answers there is no TLS, but plain HTTP perhaps; name the port that speaks TLS \
              (or http://, which sends the credentials in clear)"
            .into(),
        Error::General(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Whether the certificate was refused because it is one for issuing others (CA:TRUE).
#[must_use]
pub(super) fn is_authority(error: &Error) -> bool {
    let Error::InvalidCertificate(CertificateError::Other(other)) = error else { return false };
    matches!(other.0.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity))
}

fn of_certificate(error: &CertificateError) -> String {
    match error {
        CertificateError::UnknownIssuer => {
            "the server's certificate has an unknown issuer; if this is the right server, put the \
             issuer's certificate, or exactly the server's own, into the file of --cacert"
                .into()
        }
        // The second case: an issuer of this name has another kind of key.
        CertificateError::BadSignature
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "the server's certificate is not signed by the issuer that it names, or the server \
             does not have its key; if the certificate was made anew, put the new one into the \
             file of --cacert"
                .into()
        }
        CertificateError::Expired => "the server's certificate has expired".into(),
        CertificateError::ExpiredContext { time, not_after } => format!(
            "the server's certificate, or one of its issuers, expired at {}; this machine's clock \
             shows {}",
            moment(*not_after),
            moment(*time)
        ),
        CertificateError::NotValidYet => {
            "the server's certificate is not valid yet; look at this machine's clock".into()
        }
        CertificateError::NotValidYetContext { time, not_before } => format!(
            "the server's certificate, or one of its issuers, is not valid before {}; look at this \
             machine's clock, which shows {}",
            moment(*not_before),
            moment(*time)
        ),
        CertificateError::NotValidForNameContext { expected, presented } => {
            wrong_name(&expected.to_str(), presented)
        }
        CertificateError::NotValidForName => {
            "the server's certificate is not for the host of the URL".into()
        }
        other => Error::InvalidCertificate(other.clone()).to_string(),
    }
}

fn wrong_name(expected: &str, presented: &[String]) -> String {
    let names: Vec<_> = presented.iter().filter_map(|name| host(name)).collect();
    if names.is_empty() {
        let kind = if expected.parse::<IpAddr>().is_ok() { "IP" } else { "DNS" };
        return format!(
            "the server's certificate is not for {expected}, since it names no host (a common name \
             does not count); have it made with -addext subjectAltName={kind}:{expected}"
        );
    }
    let more = match names.len().checked_sub(MAX_NAMES) {
        None | Some(0) => String::new(),
        Some(more) => format!(" and {more} more"),
    };
    let listed = names.iter().take(MAX_NAMES).cloned().collect::<Vec<_>>().join(", ");
    format!("the server's certificate is not for {expected}, but for {listed}{more}")
}

/// Returns the host in a name as webpki writes it: `DnsName("h")`, `IpAddress(10.0.0.1)`; other
/// kinds of names are no hosts.
fn host(name: &str) -> Option<String> {
    let inside = |start| name.strip_prefix(start)?.strip_suffix(')');
    if let Some(name) = inside("DnsName(") {
        return Some(name.trim_matches('"').into());
    }
    let address = inside("IpAddress(")?;
    let short = address.parse::<Ipv6Addr>().map(|address| address.to_string());
    Some(short.unwrap_or_else(|_| address.into()))
}

fn moment(time: UnixTime) -> String {
    let seconds = time.as_secs();
    let at = i64::try_from(seconds).ok().and_then(|at| Timestamp::from_second(at).ok());
    at.map_or_else(|| format!("second {seconds} since 1970"), |at| at.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::time::Duration;

    use rustls::{AlertDescription, OtherError, PeerIncompatible};

    fn at(time: &str) -> UnixTime {
        let seconds = time.parse::<Timestamp>().unwrap().as_second();
        UnixTime::since_unix_epoch(Duration::from_secs(seconds.try_into().unwrap()))
    }

    fn other_name(presented: &[&str]) -> CertificateError {
        CertificateError::NotValidForNameContext {
            expected: "h.example.com".try_into().unwrap(),
            presented: presented.iter().map(ToString::to_string).collect(),
        }
    }

    fn of_webpki(error: webpki::Error) -> CertificateError {
        CertificateError::Other(OtherError(Arc::new(error)))
    }

    #[test]
    fn each_cause_is_told_with_what_to_do() {
        let time = at("2026-12-01T14:00:00Z");
        for (error, parts) in [
            (CertificateError::UnknownIssuer, &["unknown issuer", "server's own", "--cacert"][..]),
            (
                of_webpki(webpki::Error::CaUsedAsEndEntity),
                &["unknown issuer, itself", "exactly this certificate", "--cacert"],
            ),
            (CertificateError::BadSignature, &["not signed by the issuer", "--cacert"]),
            (
                CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext {
                    signature_algorithm_id: Vec::new(),
                    public_key_algorithm_id: Vec::new(),
                },
                &["not signed by the issuer", "--cacert"],
            ),
            (CertificateError::Expired, &["has expired"]),
            (
                CertificateError::ExpiredContext { time, not_after: at("2026-11-01T00:00:00Z") },
                &["expired at 2026-11-01T00:00:00Z", "clock shows 2026-12-01T14:00:00Z"],
            ),
            (CertificateError::NotValidYet, &["not valid yet", "clock"]),
            (
                CertificateError::NotValidYetContext {
                    time,
                    not_before: at("2027-01-01T00:00:00Z"),
                },
                &["not valid before 2027-01-01T00:00:00Z", "clock, which shows 2026-12-01T14"],
            ),
            (
                other_name(&["DnsName(\"a.b\")", "IpAddress(10.0.0.1)", "IpAddress(0::1)"]),
                &["not for h.example.com, but for a.b, 10.0.0.1, ::1"],
            ),
            (
                other_name(&["DnsName(\"a\")"; 7]),
                &["not for h.example.com, but for a, a, a, a, a and 2 more"],
            ),
            (other_name(&[]), &["names no host", "subjectAltName=DNS:h.example.com"]),
            (
                CertificateError::NotValidForNameContext {
                    expected: "10.0.0.1".try_into().unwrap(),
                    presented: Vec::new(),
                },
                &["not for 10.0.0.1, since it names no host", "subjectAltName=IP:10.0.0.1"],
            ),
            (other_name(&["DirectoryName"]), &["names no host"]),
            (CertificateError::NotValidForName, &["not for the host of the URL"]),
            (CertificateError::Revoked, &["Revoked"]),
            (of_webpki(webpki::Error::UnsupportedCertVersion), &["UnsupportedCertVersion"]),
        ] {
            let said = why(&error.into());
            for part in parts {
                assert!(said.contains(part), "{part:?} in {said}");
            }
        }
    }

    #[test]
    fn what_is_no_matter_of_certificates_is_told_too() {
        for (error, part) in [
            (Error::InvalidMessage(InvalidMessage::InvalidContentType), "no TLS"),
            (Error::InvalidMessage(InvalidMessage::UnknownProtocolVersion), "no TLS"),
            (Error::InvalidMessage(InvalidMessage::MessageTooLarge), "MessageTooLarge"),
            (Error::AlertReceived(AlertDescription::ProtocolVersion), "ProtocolVersion"),
            (PeerIncompatible::NoCipherSuitesInCommon.into(), "NoCipherSuitesInCommon"),
            (Error::General("as it is".into()), "as it is"),
        ] {
            let said = why(&error);
            assert!(said.contains(part), "{part:?} in {said}");
        }
    }

    #[test]
    fn only_one_refusal_is_for_being_an_authority() {
        for (error, is_one) in [
            (of_webpki(webpki::Error::CaUsedAsEndEntity), true),
            (of_webpki(webpki::Error::EndEntityUsedAsCa), false),
            (of_webpki(webpki::Error::UnknownIssuer), false),
            (CertificateError::UnknownIssuer, false),
            (CertificateError::Expired, false),
        ] {
            assert_eq!(is_authority(&error.clone().into()), is_one, "{error:?}");
        }
    }
}
