//! Servers with certificates of their own.

use rcgen::{ExtendedKeyUsagePurpose, Issuer, KeyPair};
use rustls::version;

use crate::certificates::{
    Change, Identity, as_it_is, authority, expired, form, no_authority, not_yet_valid, server,
    server_of, server_of_files,
};
use crate::harness::{Launch, Outcome, Scene, scene};

/// A scene with one row, and certificates that are trusted.
struct Trusting(Scene);

impl Trusting {
    fn of(certificates: &str) -> Self {
        let scene = scene("2,3\n");
        scene.file("ca.pem", certificates);
        Self(scene)
    }

    fn run(&self, url: &str) -> Launch {
        self.0.run().at(url).with("--force --cacert=ca.pem")
    }

    /// Both a check and a run reach the server.
    #[track_caller]
    fn reaches(&self, host: &str, port: u16) {
        let url = format!("https://{host}:{port}");
        self.run(&url).with("--check").exits(0);
        self.run(&url).exits(0).row(1).is("started", "reply");
    }

    /// Neither a check nor a run trusts the server, and both say why, in the same words.
    #[track_caller]
    fn refuses<const N: usize>(&self, host: &str, port: u16, parts: [&str; N]) {
        let url = format!("https://{host}:{port}");
        let says = ["the URL does not lead to bk-sops", "--esb", &url];
        let check = self.run(&url).with("--check").exits(3).says(says).says(parts);
        let run = self.run(&url).exits(3).says(says).says(parts).reports_in_order(["pending"]);
        assert_eq!(reason(&check), reason(&run));
    }
}

/// Why there was no connection, but for what a clock shows.
#[track_caller]
fn reason(finished: &Outcome) -> String {
    let said = finished.stderr();
    let (_, reason) = said.split_once("the TLS handshake failed: ").expect("a reason");
    let line = reason.lines().next().unwrap_or_default();
    line.split(" shows ").next().unwrap_or_default().to_owned()
}

#[test]
fn a_private_certificate_is_trusted_only_where_it_is_given() {
    for change in [as_it_is, no_authority] {
        let own = Identity::self_made(&["localhost"], change);
        let port = server(&own);
        Trusting::of(&own.pem()).reaches("localhost", port);
        let scene = Trusting::of(&Identity::self_made(&["other"], change).pem());
        scene.refuses("localhost", port, ["unknown issuer", "--cacert"]);
    }
}

#[test]
#[ignore = "needs openssl"]
fn what_openssl_makes_is_trusted_where_it_is_given() {
    let name = "-addext subjectAltName=DNS:localhost";
    for kind in ["rsa:2048", "ec -pkeyopt ec_paramgen_curve:P-256"] {
        let folder = Scene::new();
        let make = |more: &str| {
            let form = "-x509 -nodes -days 2 -subj /CN=localhost -keyout key.pem -out ca.pem";
            folder.shell(&format!("openssl req {form} -newkey {kind} {more}")).exits(0);
            let port = server_of_files(&folder.path("ca.pem"), &folder.path("key.pem"));
            (Trusting::of(&folder.read("ca.pem")), port)
        };
        let (scene, port) = make(name);
        scene.reaches("localhost", port);
        let (scene, port) = make("");
        scene.refuses("localhost", port, ["names no host", "subjectAltName=DNS:localhost"]);
    }
}

#[test]
fn a_certificate_that_is_given_may_have_any_key() {
    for algorithm in [
        &rcgen::PKCS_ECDSA_P384_SHA384,
        &rcgen::PKCS_ECDSA_P521_SHA512,
        &rcgen::PKCS_ED25519,
        &rcgen::PKCS_RSA_SHA256,
    ] {
        let own = Identity::of_key(algorithm, &["localhost", "127.0.0.1"], as_it_is);
        for version in [&version::TLS13, &version::TLS12] {
            let port = server_of(&[&own], &own.key, version);
            Trusting::of(&own.pem()).reaches("127.0.0.1", port);
        }
    }
}

#[test]
fn a_certificate_that_is_given_is_trusted_for_its_names_alone() {
    for change in [as_it_is, no_authority] {
        let names = ["a.example.com", "*.b.example.com", "127.0.0.1"];
        let own = Identity::self_made(&names, change);
        let (scene, port) = (Trusting::of(&own.pem()), server(&own));
        scene.reaches("127.0.0.1", port);
        scene.refuses(
            "localhost",
            port,
            ["not for localhost, but for a.example.com, *.b.example.com, 127.0.0.1\n"],
        );
        let nameless = Identity::self_made(&[], change);
        let port = server(&nameless);
        let scene = Trusting::of(&nameless.pem());
        scene.refuses("localhost", port, ["not for localhost", "names no host"]);
    }
}

#[test]
fn a_certificate_that_is_given_is_trusted_in_its_period_alone() {
    let made: [(Change, [&str; 2]); 4] = [
        (expired, ["expired at 2020-02-01T00:00:00Z", "clock shows 20"]),
        (not_yet_valid, ["not valid before 2150-03-01T00:00:00Z", "look at this machine's clock"]),
        (
            |form| {
                expired(form);
                no_authority(form);
            },
            ["expired at 2020-02-01T00:00:00Z", "clock shows 20"],
        ),
        (
            |form| {
                not_yet_valid(form);
                no_authority(form);
            },
            ["not valid before 2150-03-01T00:00:00Z", "look at this machine's clock"],
        ),
    ];
    for (change, parts) in made {
        let own = Identity::self_made(&["localhost"], change);
        Trusting::of(&own.pem()).refuses("localhost", server(&own), parts);
    }
}

#[test]
fn a_certificate_like_the_one_that_is_given_is_another() {
    let unknown = "unknown issuer, itself";
    let unsigned = "not signed by the issuer that it names";
    for (change, algorithm, said) in [
        (as_it_is as Change, &rcgen::PKCS_ECDSA_P256_SHA256, unknown),
        (no_authority, &rcgen::PKCS_ECDSA_P256_SHA256, unsigned),
        (no_authority, &rcgen::PKCS_RSA_SHA256, unsigned),
    ] {
        let given = Identity::self_made(&["localhost"], change);
        let shown = Identity::of_key(algorithm, &["localhost"], change);
        let scene = Trusting::of(&given.pem());
        scene.refuses("localhost", server(&shown), [said, "--cacert"]);
    }
}

#[test]
fn whoever_shows_the_certificate_that_is_given_must_have_its_key() {
    for change in [as_it_is, no_authority] {
        let own = Identity::self_made(&["localhost"], change);
        let other = KeyPair::generate().unwrap();
        for version in [&version::TLS13, &version::TLS12] {
            let port = server_of(&[&own], &other, version);
            Trusting::of(&own.pem()).refuses(
                "localhost",
                port,
                ["or the server does not have its key"],
            );
        }
    }
}

#[test]
fn a_chain_is_trusted_by_its_root_and_its_end_by_itself() {
    let root_key = KeyPair::generate().unwrap();
    let mut root_form = form(&["root"]);
    authority(&mut root_form);
    let root = root_form.self_signed(&root_key).unwrap().pem();
    let root_issuer = Issuer::new(root_form, root_key);
    let middle = Identity::issued(&["middle"], authority, &root_issuer);
    let mut middle_form = form(&["middle"]);
    authority(&mut middle_form);
    let issuer = Issuer::new(middle_form, KeyPair::try_from(middle.key.serialize_der()).unwrap());
    let made = |change| Identity::issued(&["localhost"], change, &issuer);
    let port = |end: &Identity| server_of(&[end, &middle], &end.key, &version::TLS13);

    let good = made(as_it_is);
    let good_port = port(&good);
    Trusting::of(&root).reaches("localhost", good_port);
    Trusting::of(&root).refuses("127.0.0.1", good_port, ["not for 127.0.0.1, but for localhost"]);
    // Of curl's two ways to trust, the second one: no issuer, but the certificate itself.
    Trusting::of(&good.pem()).reaches("localhost", good_port);
    let other = made(as_it_is);
    let parts = ["unknown issuer", "--cacert"];
    Trusting::of(&good.pem()).refuses("localhost", port(&other), parts);
    let late = made(expired);
    Trusting::of(&root).refuses("localhost", port(&late), ["expired at 2020-02-01"]);
    let early = made(not_yet_valid);
    Trusting::of(&root).refuses("localhost", port(&early), ["not valid before 2150-03-01"]);
    let client = made(|form| {
        form.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth);
    });
    Trusting::of(&root).refuses("localhost", port(&client), ["certificate"]);
    Trusting::of(&client.pem()).refuses("localhost", port(&client), ["server authentication"]);
}

#[test]
fn https_to_a_port_that_speaks_http_says_so() {
    let trusting = Trusting::of(&Identity::self_made(&["localhost"], as_it_is).pem());
    let port = trusting.0.mock().port();
    trusting.refuses("127.0.0.1", port, ["no TLS, but plain HTTP perhaps"]);
    assert_eq!(trusting.0.seen().starts, 0);
}

#[test]
fn insecure_believes_any_certificate_and_says_so() {
    let own = Identity::self_made(&["other.example.com"], expired);
    let stranger = KeyPair::generate().unwrap();
    let port = server_of(&[&own], &stranger, &version::TLS13);
    let trusting = Trusting::of(&own.pem());
    for flags in ["--insecure --check", "--insecure"] {
        let run = trusting.run(&format!("https://localhost:{port}")).with(flags).exits(0);
        run.says("warning: --insecure accepts any certificate");
    }
}

#[test]
fn a_machine_without_roots_needs_them_for_https_alone() {
    let own = Identity::self_made(&["localhost"], as_it_is);
    let (scene, port) = (Trusting::of(&own.pem()).0, server(&own));
    let rootless = || {
        let none = scene.path("none");
        let run = scene.run().with("--force").environment("SSL_CERT_FILE", "/dev/null");
        run.environment("SSL_CERT_DIR", none)
    };
    let https = format!("https://localhost:{port}");
    rootless().at(&https).exits(3).says(["root certificates cannot be had", "--cacert"]);
    rootless().at(&https).with("--cacert ca.pem").exits(0);
    rootless().exits(0);
}

#[test]
fn a_file_of_certificates_that_cannot_be_used_is_named() {
    let good = Identity::self_made(&["localhost"], as_it_is).pem();
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (certificates, said) in [
        (format!("{good}{broken}"), "--cacert: certificate 2 in ca.pem cannot be read"),
        ("no certificate\n".into(), "--cacert: ca.pem holds no certificate in PEM"),
        (good.replace("\n-----END", "!\n-----END"), "--cacert: ca.pem holds no certificate in PEM"),
    ] {
        Trusting::of(&certificates).run("https://localhost:1").exits(2).says(said);
    }
}
