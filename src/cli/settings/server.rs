//! The server that flags or the environment name, and how it is called.

use std::time::Duration;

use super::error::SettingsError;
use crate::api::base_url::TargetError;
use crate::api::esb::Esb;
use crate::api::gateway::Gateway;
use crate::api::target::Target;
use crate::api::{HttpOptions, Identity, LegacyGet, TransportKind};
use crate::args::server::ServerArgs;
use crate::config::variables::{ESB_VARIABLE, GATEWAY_VARIABLE};
use crate::session::credentials::{Environment, NamedSecret, NamedSecrets, Origin};
use crate::session::settings::ServerSettings;

/// The servers' own timeouts plus 5 s (FACTS.md section 1, no. 11), so that
/// it is they who give up, and say so.
const ESB_TIMEOUT: Duration = Duration::from_secs(35);
const GATEWAY_TIMEOUT: Duration = Duration::from_secs(125);

/// Settings of a server, each checked by itself.
pub(crate) struct ServerParts {
    /// The server, and how it is called.
    pub target: Result<(Target, HttpOptions), SettingsError>,
    pub secrets: NamedSecrets,
}

/// Returns the server that flags or the environment name. A flag beats both variables.
pub(crate) fn server(
    server: ServerArgs,
    environment: Environment<'_>,
) -> Result<ServerSettings, SettingsError> {
    let ServerParts { target, secrets } = parts(server, environment);
    let (target, http_options) = target?;
    let credentials = Origin::find(secrets, environment)?;
    Ok(ServerSettings { target, http_options, credentials, legacy_get: LegacyGet::Forbidden })
}

/// Returns what the flags of a server mean, also if something is missing.
pub(crate) fn parts(server: ServerArgs, environment: Environment<'_>) -> ServerParts {
    let ServerArgs {
        esb,
        gateway,
        gateway_stage,
        app_secret_file,
        app_secret_cmd,
        token_file,
        token_cmd,
        cacert,
        insecure,
        timeout,
        connect_timeout,
    } = server;
    let target = target(esb.as_deref(), gateway.as_deref(), &gateway_stage, environment);
    let target = target.map(|target| {
        let own_timeout = match target {
            Target::Esb(_) => ESB_TIMEOUT,
            Target::Gateway(_) => GATEWAY_TIMEOUT,
        };
        let http_options = HttpOptions {
            timeout: timeout.unwrap_or(own_timeout),
            connect_timeout,
            cacert,
            identity: if insecure { Identity::AnyCertificate } else { Identity::Proven },
            transport: TransportKind::for_target(&target),
        };
        (target, http_options)
    });
    let secrets = NamedSecrets {
        app_secret: NamedSecret::of(app_secret_file, app_secret_cmd, "--app-secret-cmd"),
        token: NamedSecret::of(token_file, token_cmd, "--token-cmd"),
    };
    ServerParts { target, secrets }
}

fn target(
    esb: Option<&str>,
    gateway: Option<&str>,
    gateway_stage: &str,
    environment: Environment<'_>,
) -> Result<Target, SettingsError> {
    let variable = |name| environment(name).filter(|value| !value.trim().is_empty());
    let as_esb = |source, url: &str| match Esb::new(url) {
        Ok(esb) => Ok(Target::Esb(esb)),
        Err(error) => Err(SettingsError::Target { source_name: source, error }),
    };
    let as_gateway = |source, template: &str| match Gateway::new(template, gateway_stage) {
        Ok(gateway) => Ok(Target::Gateway(gateway)),
        Err(TargetError::Stage) => {
            Err(SettingsError::Target { source_name: "--gateway-stage", error: TargetError::Stage })
        }
        Err(error) => Err(SettingsError::Target { source_name: source, error }),
    };
    match (esb, gateway) {
        (Some(url), _) => as_esb("--esb", url),
        (None, Some(template)) => as_gateway("--gateway", template),
        (None, None) => match (variable(ESB_VARIABLE), variable(GATEWAY_VARIABLE)) {
            (Some(url), None) => as_esb(ESB_VARIABLE, &url),
            (None, Some(template)) => as_gateway(GATEWAY_VARIABLE, &template),
            (Some(_), Some(_)) => Err(SettingsError::TwoTargets),
            (None, None) => Err(SettingsError::NoTarget),
        },
    }
}
