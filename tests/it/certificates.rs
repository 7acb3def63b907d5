//! Certificates of every kind, made for one test, and servers that show them.

use std::io::{BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, IsCa, Issuer, KeyPair,
    SignatureAlgorithm, date_time_ymd,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion, version};

use crate::harness::{http, read_request};

/// What a test does to the form of a certificate.
pub type Change = fn(&mut CertificateParams);

/// A certificate, and the key that belongs to it.
pub struct Identity {
    pub certificate: Certificate,
    pub key: KeyPair,
}

impl Identity {
    /// A certificate for `names` as `openssl req -x509` makes it: signed by its own key, and one
    /// that may issue others.
    pub fn self_made(names: &[&str], change: Change) -> Self {
        Self::of_key(&rcgen::PKCS_ECDSA_P256_SHA256, names, change)
    }

    pub fn of_key(algorithm: &'static SignatureAlgorithm, names: &[&str], change: Change) -> Self {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let mut form = form(names);
        authority(&mut form);
        form.use_authority_key_identifier_extension = true;
        change(&mut form);
        Self { certificate: form.self_signed(&key).unwrap(), key }
    }

    /// A server's certificate that an authority issued.
    pub fn issued(names: &[&str], change: Change, issuer: &Issuer<'_, KeyPair>) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut form = form(names);
        change(&mut form);
        Self { certificate: form.signed_by(&key, issuer).unwrap(), key }
    }

    pub fn pem(&self) -> String {
        self.certificate.pem()
    }
}

pub fn form(names: &[&str]) -> CertificateParams {
    let all: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut form = CertificateParams::new(all).unwrap();
    // The machine's own roots may have issuers of common names.
    let subject = format!("a test of bk-launch: {names:?}");
    form.distinguished_name.push(DnType::CommonName, subject);
    form
}

pub fn as_it_is(_: &mut CertificateParams) {}

pub fn authority(form: &mut CertificateParams) {
    form.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
}

pub fn no_authority(form: &mut CertificateParams) {
    form.is_ca = IsCa::ExplicitNoCa;
}

pub fn expired(form: &mut CertificateParams) {
    form.not_after = date_time_ymd(2020, 2, 1);
}

pub fn not_yet_valid(form: &mut CertificateParams) {
    form.not_before = date_time_ymd(2150, 3, 1);
}

/// Shows a certificate, and signs with a key that need not belong to it.
#[derive(Debug)]
struct Shows(Arc<CertifiedKey>);

impl ResolvesServerCert for Shows {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

/// A server that accepts every start and answers every question; its port. It shows `chain`,
/// and has `key`.
pub fn server_of(
    chain: &[&Identity],
    key: &KeyPair,
    version: &'static SupportedProtocolVersion,
) -> u16 {
    let chain: Vec<CertificateDer<'static>> =
        chain.iter().map(|identity| identity.certificate.der().clone()).collect();
    serve(chain, &PrivatePkcs8KeyDer::from(key.serialize_der()).into(), version)
}

/// What a server needs that shows this certificate, and has its key.
pub fn tls(identity: &Identity) -> ServerConfig {
    let key = PrivatePkcs8KeyDer::from(identity.key.serialize_der()).into();
    config(vec![identity.certificate.der().clone()], &key, &version::TLS13)
}

fn config(
    chain: Vec<CertificateDer<'static>>,
    key: &PrivateKeyDer<'static>,
    version: &'static SupportedProtocolVersion,
) -> ServerConfig {
    let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(key).unwrap();
    ServerConfig::builder_with_protocol_versions(&[version])
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Shows(Arc::new(CertifiedKey::new(chain, key)))))
}

fn serve(
    chain: Vec<CertificateDer<'static>>,
    key: &PrivateKeyDer<'static>,
    version: &'static SupportedProtocolVersion,
) -> u16 {
    let config = Arc::new(config(chain, key, version));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            // A client that does not trust the certificate hangs up.
            drop(answer(StreamOwned::new(connection, stream.unwrap())));
        }
    });
    port
}

/// A server whose certificate and key are files in PEM.
pub fn server_of_files(certificate: &Path, key: &Path) -> u16 {
    let certificate = CertificateDer::from_pem_file(certificate).unwrap();
    serve(vec![certificate], &PrivateKeyDer::from_pem_file(key).unwrap(), &version::TLS13)
}

pub fn server(identity: &Identity) -> u16 {
    server_of(&[identity], &identity.key, &version::TLS13)
}

fn answer(stream: impl Read + Write) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    read_request(&mut reader)?;
    // A start, and a question, are answered alike.
    let answer = http("200 OK", r#"{"result":true,"code":0,"data":{"state":"RUNNING"}}"#);
    let stream = reader.get_mut();
    stream.write_all(&answer)?;
    stream.flush()
}
