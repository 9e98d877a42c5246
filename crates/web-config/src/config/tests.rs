use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConnection, StreamOwned};
use tempfile::TempDir;

use super::*;
use crate::WatchedConfig;

fn parse(text: &str) -> Result<WebConfig, String> {
    WebConfig::parse(text, Path::new("/etc/web.yml")).map_err(|error| error.to_string())
}

fn basic(name: &str, password: &str) -> String {
    use base64::Engine;
    format!("Basic {}", base64::prelude::BASE64_STANDARD.encode(format!("{name}:{password}")))
}

/// A user with a hash that costs little.
fn user(name: &str, password: &str) -> String {
    format!("  {name}: {}\n", bcrypt::hash(password, 4).expect("it can be hashed"))
}

#[test]
fn an_empty_file_lets_everybody_in_unencrypted() {
    for text in ["", "# nothing\n\n", "tls_server_config:\nbasic_auth_users:\n"] {
        let config = parse(text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
        assert!(config.tls.is_none() && !config.has_users() && config.http2 && config.headers.is_empty());
        assert_eq!(config.access(None, Scope::Admin), Access::Granted);
    }
}

#[test]
fn who_has_no_scopes_may_do_everything_and_who_has_may_do_those() {
    let users = ["root", "job", "prometheus"].map(|name| user(name, "geheim:1")).concat();
    let config = parse(&format!(
        "basic_auth_users:\n{users}basic_auth_scopes:\n  job: [push]\n  prometheus: [scrape]\n"
    ))
    .expect("a good file");
    let access = |name: &str, password: &str, scope| config.access(Some(&basic(name, password)), scope);
    for (name, expected) in [
        ("root", [Access::Granted, Access::Granted, Access::Granted]),
        ("job", [Access::Granted, Access::Forbidden, Access::Forbidden]),
        ("prometheus", [Access::Forbidden, Access::Granted, Access::Forbidden]),
        ("stranger", [Access::Unknown; 3]),
    ] {
        let all = [Scope::Push, Scope::Scrape, Scope::Admin];
        assert_eq!(all.map(|scope| access(name, "geheim:1", scope)), expected, "{name}");
        // Remembered now, and the same.
        let header = basic(name, "geheim:1");
        assert_eq!(all.map(|scope| config.known_access(Some(&header), scope)), expected.map(Some), "{name}");
    }
    assert_eq!(access("root", "wrong", Scope::Push), Access::Unknown);
    assert_eq!(config.access(None, Scope::Push), Access::Unknown);
    for header in ["", "Basic", "Basic ", "Basic !!", "Bearer abc", "Basic cm9vdA=="] {
        assert_eq!(config.access(Some(header), Scope::Push), Access::Unknown, "{header:?}");
    }
}

#[test]
fn what_is_wrong_is_named() {
    let hash = user("job", "1");
    for (text, expected) in [
        ("tls_server:\n  cert: a\n".to_owned(), "tls_server"),
        ("basic_auth_users:\n  job: plain\n".to_owned(), "what job has is not a bcrypt hash"),
        (
            format!("basic_auth_users:\n{hash}basic_auth_scopes:\n  other: [push]\n"),
            "other is not among basic_auth_users",
        ),
        (format!("basic_auth_users:\n{hash}basic_auth_scopes:\n  job: [all]\n"), "all"),
        (
            "http_server_config:\n  headers:\n    Server: x\n".to_owned(),
            "headers: Server is none of Content-Security-Policy",
        ),
        ("tls_server_config:\n  key_file: k\n".to_owned(), "cert_file is missing"),
        ("tls_server_config:\n  cert_file: nowhere.pem\n".to_owned(), "read /etc/nowhere.pem: No such file"),
        ("tls_server_config: [\n".to_owned(), "web configuration /etc/web.yml: "),
    ] {
        let error = parse(&text).expect_err(&text);
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn headers_and_http2_are_as_the_file_says() {
    let config = parse("http_server_config:\n  http2: false\n  headers:\n    x-frame-options: deny\n");
    let config = config.expect("a good file");
    assert!(!config.http2);
    assert_eq!(config.headers, [("X-Frame-Options".to_owned(), "deny".to_owned())]);
}

/// An authority, and certificates of it for `localhost` and a client `agent.example`.
struct Pki {
    directory: TempDir,
}

impl Pki {
    fn new() -> Pki {
        let pki = Pki { directory: TempDir::new().expect("a directory") };
        let authority = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
        pki.openssl(
            &[
                &authority[..],
                &["-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=authority", "-days", "2"],
            ]
            .concat(),
        );
        for (name, host) in [("server", "localhost"), ("client", "agent.example")] {
            let request = ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
            let (key, csr) = (format!("{name}.key"), format!("{name}.csr"));
            let subject = format!("/CN={name}");
            pki.openssl(&[&request[..], &["-keyout", &key, "-out", &csr, "-subj", &subject]].concat());
            std::fs::write(pki.path("san"), format!("subjectAltName=DNS:{host}\n")).expect("room");
            let out = format!("{name}.pem");
            let by =
                ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "san", "-days", "2"];
            pki.openssl(&[&["x509", "-req", "-in", &csr, "-out", &out][..], &by].concat());
        }
        pki
    }

    fn openssl(&self, arguments: &[&str]) {
        let output = Command::new("openssl").args(arguments).current_dir(self.directory.path()).output();
        let output = output.expect("openssl runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.directory.path().join(name)
    }

    fn config(&self, more: &str) -> Result<WebConfig, String> {
        let text = format!("tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n{more}");
        WebConfig::parse(&text, &self.path("web.yml")).map_err(|error| error.to_string())
    }

    /// What a client gets that connects: the bytes that the server sends, or why not.
    fn connect(&self, config: &WebConfig, with_certificate: bool) -> Result<String, String> {
        let server = config.tls.clone().expect("it encrypts");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let serving = std::thread::spawn(move || {
            let (stream, _) = listener.accept().expect("a client");
            let session = ServerConnection::new(server).expect("a session");
            let mut stream = StreamOwned::new(session, stream);
            stream.write_all(b"welcome").and_then(|()| stream.flush()).map_err(|error| error.to_string())
        });
        let mut trusted = RootCertStore::empty();
        let authority = CertificateDer::from_pem_file(self.path("ca.pem")).expect("a certificate");
        trusted.add(authority).expect("it can be trusted");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.expect("versions").with_root_certificates(trusted);
        let client = if with_certificate {
            let chain = vec![CertificateDer::from_pem_file(self.path("client.pem")).expect("a certificate")];
            let key = PrivateKeyDer::from_pem_file(self.path("client.key")).expect("a key");
            builder.with_client_auth_cert(chain, key).expect("they fit")
        } else {
            builder.with_no_client_auth()
        };
        let name = "localhost".try_into().expect("a name");
        let session = ClientConnection::new(Arc::new(client), name).expect("a session");
        let mut stream = StreamOwned::new(session, TcpStream::connect(address).expect("it listens"));
        let mut read = [0; 7];
        let got = stream.read_exact(&mut read).map_err(|error| error.to_string());
        let served = serving.join().expect("it serves");
        served.and(got).map(|()| String::from_utf8_lossy(&read).into_owned())
    }
}

#[test]
fn a_client_is_asked_for_the_certificate_that_the_file_wants() {
    let pki = Pki::new();
    let plain = pki.config("").expect("a good file");
    assert_eq!(pki.connect(&plain, false).as_deref(), Ok("welcome"));
    let table = [
        ("RequestClientCert", "", true, true),
        ("RequireAnyClientCert", "", false, true),
        ("VerifyClientCertIfGiven", "  client_ca_file: ca.pem\n", true, true),
        ("RequireAndVerifyClientCert", "  client_ca_file: ca.pem\n", false, true),
        (
            "RequireAndVerifyClientCert",
            "  client_ca_file: ca.pem\n  client_allowed_sans: [agent.example]\n",
            false,
            true,
        ),
        (
            "RequireAndVerifyClientCert",
            "  client_ca_file: ca.pem\n  client_allowed_sans: [other.example]\n",
            false,
            false,
        ),
    ];
    for (wanted, more, without, with) in table {
        let config = pki.config(&format!("  client_auth_type: {wanted}\n{more}")).expect("a good file");
        let (got_without, got_with) = (pki.connect(&config, false), pki.connect(&config, true));
        assert_eq!(got_without.is_ok(), without, "{wanted} {more} without: {got_without:?}");
        assert_eq!(got_with.is_ok(), with, "{wanted} {more} with: {got_with:?}");
    }
    let error =
        pki.config("  client_auth_type: RequireAndVerifyClientCert\n").expect_err("nobody is trusted");
    assert!(error.contains("client_ca_file is missing"), "{error}");
    let error = pki.config("  client_ca_file: ca.pem\n").expect_err("nobody is asked");
    assert!(error.contains("asks for no certificate"), "{error}");
}

#[test]
fn versions_ciphers_and_curves_are_chosen_by_gos_names() {
    let pki = Pki::new();
    let chosen = "  min_version: TLS12\n  max_version: TLS12\n  curve_preferences: [CurveP256]\n  \
                  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]\n  prefer_server_cipher_suites: true\n";
    assert_eq!(pki.connect(&pki.config(chosen).expect("a good file"), false).as_deref(), Ok("welcome"));
    for (text, expected) in [
        ("  max_version: TLS11\n", "only TLS12 and TLS13"),
        ("  min_version: SSL30\n", "SSL30"),
        (
            "  cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]\n",
            "TLS_RSA_WITH_RC4_128_SHA is none of TLS_AES_256_GCM_SHA384",
        ),
        ("  curve_preferences: [CurveP1]\n", "CurveP1 is none of CurveP256"),
    ] {
        let error = pki.config(text).expect_err(text);
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn a_file_that_changes_is_read_anew_and_a_wrong_one_leaves_what_was() {
    let directory = TempDir::new().expect("a directory");
    let path = directory.path().join("web.yml");
    std::fs::write(&path, format!("basic_auth_users:\n{}", user("one", "1"))).expect("room");
    let watched = WatchedConfig::open(&path).expect("a good file");
    let may = |name| watched.get().access(Some(&basic(name, "1")), Scope::Push);
    assert_eq!((may("one"), may("two")), (Access::Granted, Access::Unknown));
    std::fs::write(&path, "basic_auth_users: [\n").expect("room");
    watched.reload().expect_err("it is wrong");
    assert_eq!((may("one"), may("two")), (Access::Granted, Access::Unknown));
    std::fs::write(&path, format!("basic_auth_users:\n{}", user("two", "1"))).expect("room");
    let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while may("two") != Access::Granted {
        assert!(std::time::Instant::now() < until, "the file was not read anew");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert_eq!(may("one"), Access::Unknown);
}
