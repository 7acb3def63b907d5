//! TLS settings of every connection to the server.
//!
//! The verifier is the platform's, with one addition: a certificate in `--cacert` is trusted for
//! its own names even if it is one for issuing others, as `openssl req -x509` makes it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{self, CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use rustls_platform_verifier::Verifier;
use thiserror::Error;

use super::handshake::is_authority;

/// Whether the server must prove who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// Its certificate must be trusted and name the host.
    Proven,
    /// Any certificate will do, so whoever answers gets the credentials.
    AnyCertificate,
}

/// Returns the TLS settings; trusted are the system's roots and the certificates in the file
/// `cacert`.
pub(super) fn config(cacert: Option<&Path>, identity: Identity) -> Result<ClientConfig, TlsError> {
    let given = cacert.map(certificates).transpose()?.unwrap_or_default();
    let provider = Arc::new(crypto::aws_lc_rs::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = match identity {
        Identity::Proven => Arc::new(Trusted::new(given, Arc::clone(&provider))),
        Identity::AnyCertificate => Arc::new(Anybody),
    };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Versions)?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let none = || TlsError::NoCertificate { path: path.into() };
    let pem = std::fs::read(path)
        .map_err(|source| TlsError::ReadCertificates { path: path.into(), source })?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let found = found.ok().filter(|found| !found.is_empty()).ok_or_else(none)?;
    for (certificate, number) in found.iter().zip(1..) {
        RootCertStore::empty()
            .add(certificate.clone())
            .map_err(|source| TlsError::BadCertificate { path: path.into(), number, source })?;
    }
    Ok(found)
}

#[derive(Debug)]
struct Trusted {
    /// Certificates that are trusted themselves.
    given: Vec<CertificateDer<'static>>,
    /// The platform's verifier; a machine without roots has none, but may use `http://`.
    platform: Result<Verifier, Error>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Trusted {
    fn new(given: Vec<CertificateDer<'static>>, provider: Arc<CryptoProvider>) -> Self {
        let algorithms = provider.signature_verification_algorithms;
        let platform = Verifier::new_with_extra_roots(given.iter().cloned(), provider)
            .map_err(|error| Error::General(no_roots(&error)));
        Self { given, platform, algorithms }
    }

    /// Checks the period and the names of a certificate that was given itself.
    fn verify_given(
        &self,
        certificate: &CertificateDer<'_>,
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let certificate = ParsedCertificate::try_from(certificate)?;
        // webpki checks the period, then whether it is an authority's, then its purpose, and last
        // its issuer, of which there is none here.
        let (nobody, no_others) = (RootCertStore::empty(), []);
        let algorithms = self.algorithms.all;
        let found = verify_server_cert_signed_by_trust_anchor(
            &certificate,
            &nobody,
            &no_others,
            now,
            algorithms,
        );
        match found {
            Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {}
            Err(error) if is_authority(&error) => {}
            Err(error) => return Err(error),
            Ok(()) => return Err(CertificateError::ApplicationVerificationFailure.into()),
        }
        verify_server_name(&certificate, name)?;
        Ok(ServerCertVerified::assertion())
    }
}

fn no_roots(error: &Error) -> String {
    format!(
        "the system's root certificates cannot be had ({error}); install them (ca-certificates), or \
         name those of the server by --cacert"
    )
}

impl ServerCertVerifier for Trusted {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.given.contains(end_entity) {
            return self.verify_given(end_entity, server_name, now);
        }
        let platform = self.platform.as_ref().map_err(Clone::clone)?;
        platform.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        crypto::verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        crypto::verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Accepts every certificate and every signature.
#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    /// Nothing is verified, so a server may use any scheme that it knows.
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![
            SignatureScheme::ECDSA_NISTP256_SHA256,
            SignatureScheme::ECDSA_NISTP384_SHA384,
            SignatureScheme::ECDSA_NISTP521_SHA512,
            SignatureScheme::ED25519,
            SignatureScheme::ED448,
            SignatureScheme::RSA_PSS_SHA256,
            SignatureScheme::RSA_PSS_SHA384,
            SignatureScheme::RSA_PSS_SHA512,
            SignatureScheme::RSA_PKCS1_SHA256,
            SignatureScheme::RSA_PKCS1_SHA384,
            SignatureScheme::RSA_PKCS1_SHA512,
            SignatureScheme::ECDSA_SHA1_Legacy,
            SignatureScheme::RSA_PKCS1_SHA1,
        ]
    }
}

#[derive(Debug, Error)]
pub enum TlsError {
    #[error("--cacert: cannot read the certificates in {}: {source}", path.display())]
    ReadCertificates { path: PathBuf, source: std::io::Error },
    #[error(
        "--cacert: {} holds no certificate in PEM (-----BEGIN CERTIFICATE-----)", path.display()
    )]
    NoCertificate { path: PathBuf },
    #[error(
        "--cacert: certificate {number} in {} cannot be read ({source}); replace the file",
        path.display()
    )]
    BadCertificate {
        path: PathBuf,
        /// Position in the file, from 1.
        number: usize,
        source: Error,
    },
    /// The cryptography supports no version of TLS.
    #[error("cannot set up TLS: {0}")]
    Versions(Error),
}
