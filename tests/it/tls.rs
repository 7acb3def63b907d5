//! Servers with certificates of their own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::harness::Folder;

/// A server that accepts every start, with a certificate for `name`; its port and the certificate.
fn server(name: &str) -> (u16, String) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed([name.to_owned()]).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            // A client that does not trust the certificate hangs up.
            drop(answer(StreamOwned::new(connection, stream.unwrap())));
        }
    });
    (port, cert.pem())
}

fn answer(stream: impl Read + Write) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line == "\r\n" {
            break;
        }
    }
    reader.read_exact(&mut vec![0; length])?;
    let body = r#"{"result":true,"code":0}"#;
    let length = body.len();
    let stream = reader.get_mut();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )?;
    stream.flush()
}

#[test]
fn a_private_certificate_is_trusted_only_when_it_is_given() {
    let (port, certificate) = server("localhost");
    let folder = Folder::new();
    folder.file("tasks.csv", "2,3\n");
    folder.file("ca.pem", certificate);
    let url = format!("https://localhost:{port}");
    let words = ["run", "tasks.csv", "-o", "r.csv", "--force", "--esb", &url];
    folder.run(&words).exits(3).says(&["the TLS handshake failed", "UnknownIssuer", "--esb"]);
    assert_eq!(folder.report("r.csv").outcome(1), "pending");
    folder.run(&[&words[..], &["--cacert", "ca.pem"]].concat()).exits(0);
    folder
        .run(&[&words[..], &["--insecure"]].concat())
        .exits(0)
        .says(&["warning: --insecure believes any certificate"]);
}

#[test]
fn a_certificate_of_another_host_is_not_trusted() {
    let (port, certificate) = server("other.example.com");
    let folder = Folder::new();
    folder.file("tasks.csv", "2,3\n");
    folder.file("ca.pem", certificate);
    let url = format!("https://localhost:{port}");
    let words = ["run", "tasks.csv", "-o", "r.csv", "--cacert", "ca.pem", "--esb", &url];
    folder.run(&words).exits(3).says(&["the TLS handshake failed"]);
}

#[test]
fn https_to_a_port_that_speaks_http_says_so() {
    let mock = bk_launch::mock::Mock::start(bk_launch::mock::Behaviour::default(), 0).unwrap();
    let folder = Folder::new();
    folder.file("tasks.csv", "2,3\n");
    let url = mock.url().replace("http:", "https:");
    let words = ["run", "tasks.csv", "-o", "r.csv", "--esb", &url];
    folder.run(&words).exits(3).says(&["the TLS handshake failed"]);
}
