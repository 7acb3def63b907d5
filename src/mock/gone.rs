//! What answers while bk-sops is gone, and when: values and their text forms.

use std::str::FromStr;

use thiserror::Error;

use super::span::{Span, SpanError};

/// Time in which bk-sops is gone, and something else answers for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone {
    /// What answers.
    pub front: Front,
    /// Time, counted from the first request.
    pub when: Span,
}

/// What answers for bk-sops while it is gone (FACTS.md section 8a).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Front {
    /// nginx in front of everything else, with its page for HTTP 502.
    Nginx,
    /// An ingress that does not have the route again yet, with nginx's page for HTTP 404.
    Ingress,
    /// The ESB, which cannot connect to bk-sops: 1306201 with HTTP 200.
    Esb,
    /// The ESB, which gets a 502 from an nginx between it and bk-sops: also 1306201.
    EsbNginx,
    /// The API gateway, which cannot connect to bk-sops: 1650200 with HTTP 502.
    Gateway,
    /// bk-sops itself while its permission service is away: "50000" with HTTP 500.
    Permission,
}

impl Front {
    const ALL: [(&'static str, Self); 6] = [
        ("nginx", Self::Nginx),
        ("nginx-404", Self::Ingress),
        ("esb", Self::Esb),
        ("esb-502", Self::EsbNginx),
        ("gateway", Self::Gateway),
        ("permission", Self::Permission),
    ];
}

impl Gone {
    /// Returns a `Gone` without an end: it holds until the behaviour is changed.
    #[must_use]
    pub const fn behind(front: Front) -> Self {
        Self { front, when: Span::ALWAYS }
    }
}

impl FromStr for Gone {
    type Err = GoneError;

    /// Reads `nginx`, or `nginx=2s+20s`: from 2 s after the first request, for 20 s.
    fn from_str(text: &str) -> Result<Self, GoneError> {
        let (front, when) = match text.split_once('=') {
            Some((front, when)) => (front, when.parse()?),
            None => (text, Span::ALWAYS),
        };
        let mut all = Front::ALL.into_iter();
        let (_, front) = all.find(|(name, _)| *name == front).ok_or(GoneError::Front)?;
        Ok(Self { front, when })
    }
}

/// Error for a text that does not say what answers, or when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum GoneError {
    /// The front is unknown.
    #[error("those who answer are nginx, nginx-404, esb, esb-502, gateway and permission")]
    Front,
    /// The time cannot be read.
    #[error(transparent)]
    When(#[from] SpanError),
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_front_is_read_with_and_without_a_time() {
        assert_eq!("nginx".parse(), Ok(Gone::behind(Front::Nginx)));
        let when = Span { from: Duration::from_secs(2), lasts: Duration::from_secs(20) };
        assert_eq!("esb-502=2s+20s".parse(), Ok(Gone { front: Front::EsbNginx, when }));
        for (name, front) in Front::ALL {
            assert_eq!(name.parse::<Gone>().map(|gone| gone.front), Ok(front));
            assert!(GoneError::Front.to_string().contains(name), "{name}");
        }
        assert_eq!("apache".parse::<Gone>(), Err(GoneError::Front));
        assert_eq!("nginx=2s".parse::<Gone>(), Err(GoneError::When(SpanError)));
    }
}
