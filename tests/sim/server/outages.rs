//! Who answers while bk-sops is gone, and with what (FACTS.md section 8a).

use super::bk_sops::Permissions;
use super::captures;
use super::exchange::{Arrival, Coming};
use super::{Response, Server};
use crate::history::{OutageKind, Route, Taken};

impl Server {
    /// Answers a request that comes during an outage.
    pub(super) fn during(&mut self, kind: OutageKind, arrival: &Arrival) -> Coming {
        match kind {
            OutageKind::NginxRefused => {
                self.page(Taken::Before, "nginx_502_connection_refused", arrival)
            }
            OutageKind::NginxLost => {
                self.page(Taken::After, "nginx_502_connection_refused", arrival)
            }
            OutageKind::IngressNotFound => self.page(Taken::Before, "nginx_404", arrival),
            OutageKind::FrontRefused => Coming::Whole(self.not_connected(arrival)),
            OutageKind::IamAway => Coming::Whole(self.by_bk_sops(arrival, Permissions::Away)),
            OutageKind::Silent => Coming::Reset,
        }
    }

    fn page(&mut self, taken: Taken, file: &str, arrival: &Arrival) -> Coming {
        self.capture(captures::by_name(file), taken, arrival)
    }

    /// The front checks the request first; then it finds nobody to pass it on to.
    fn not_connected(&mut self, arrival: &Arrival) -> Response {
        let Arrival { now, call, ids } = arrival;
        let Some(call) = call else { return self.front.no_such_path(ids).into() };
        if let Err(response) = self.front.admit(*now, call, ids) {
            return response;
        }
        let file = match self.plan.route {
            Route::LegacyEsb => "esb1_backend_connection_refused",
            Route::NewEsb => "written/esb2_1306201_connection_refused",
            Route::Gateway => "written/gw_1650200_connection_refused",
        };
        captures::by_name(file).response(arrival.key())
    }
}
