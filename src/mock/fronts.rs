//! Answers of the fronts for a bk-sops that is gone (FACTS.md section 8a), and which front a
//! request passes.

use super::answers::Responder;
use super::behaviour::{EsbKind, MockBusiness};
use super::gone::Front;
use super::pages::{self, MockResponse};
use super::routes::Route;
use super::world::TaskKey;

/// Returns the answer of a front that looks at no request; `None` if the front checks it first.
#[must_use]
pub(super) fn page(front: Front) -> Option<MockResponse> {
    match front {
        Front::Nginx => Some(pages::bad_gateway()),
        Front::Ingress => Some(pages::not_found()),
        Front::Esb | Front::EsbNginx | Front::Gateway | Front::Permission => None,
    }
}

impl Responder<'_> {
    /// Whether this request passes `front`.
    #[must_use]
    pub(super) fn passes(&self, front: Front) -> bool {
        match front {
            Front::Nginx | Front::Ingress | Front::Permission => true,
            Front::Esb | Front::EsbNginx => self.route == Route::Esb,
            Front::Gateway => self.route == Route::Gateway,
        }
    }

    /// Returns the answer of `front` to a request that bk-sops never got.
    #[must_use]
    pub(super) fn never_got(&self, front: Front, key: TaskKey) -> MockResponse {
        match front {
            Front::Nginx => pages::bad_gateway(),
            Front::Ingress => pages::not_found(),
            Front::Esb => self.no_answer_of_sops(&self.not_connected(key)),
            Front::EsbNginx => self.status_502(),
            Front::Gateway => self.gateway_502("connection refused"),
            Front::Permission => self.crashed(),
        }
    }

    /// Returns the answer of `front` to a request that bk-sops got, but did not answer before it
    /// went; `None` if bk-sops answers all the same.
    #[must_use]
    pub(super) fn never_answered(&self, front: Front) -> Option<MockResponse> {
        match front {
            Front::Nginx => Some(pages::bad_gateway()),
            Front::Esb => Some(self.no_answer_of_sops(match self.esb {
                EsbKind::Newer => {
                    "('Connection aborted.', RemoteDisconnected('Remote end closed connection \
                     without response'))"
                }
                EsbKind::Legacy => "('Connection aborted.', BadStatusLine(\"''\",))",
            })),
            Front::EsbNginx => Some(self.status_502()),
            Front::Gateway => {
                Some(self.gateway_502(
                    "connection reset by peer OR upstream prematurely closed connection",
                ))
            }
            Front::Ingress | Front::Permission => None,
        }
    }

    /// The two ESBs call bk-sops by different paths, and Python 2 writes a tuple of one.
    fn not_connected(&self, key: TaskKey) -> String {
        let (prefix, comma) = match self.esb {
            EsbKind::Newer => ("", ""),
            EsbKind::Legacy => ("/o/bk_sops", ","),
        };
        let TaskKey { business: MockBusiness { id: business, .. }, id } = key;
        format!(
            "HTTPConnectionPool(host='bksops.example.com', port=80): Max retries exceeded with url: \
             {prefix}/apigw/{}/{id}/{business}/ (Caused by NewConnectionError(\
             '<urllib3.connection.HTTPConnection object at 0x7f0000000000>: Failed to establish a \
             new connection: [Errno 111] Connection refused'{comma}))",
            self.interface
        )
    }

    fn status_502(&self) -> MockResponse {
        self.no_answer_of_sops(match self.esb {
            EsbKind::Newer => {
                "Status Code: 502, Error Message: third-party system interface response status \
                 code is not 200"
            }
            EsbKind::Legacy => "Status Code: 502, Error Message: Third-party system Bad Gateway",
        })
    }

    fn gateway_502(&self, upstream_error: &str) -> MockResponse {
        let text = format!("Bad Gateway [upstream_error=\"{upstream_error}\"]");
        self.gateway_error(502, 1_650_200, "BAD_GATEWAY", &text)
    }
}
