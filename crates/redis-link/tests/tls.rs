//! A link with TLS, and a real server with a certificate.
#![allow(clippy::unwrap_used)]

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

use redis::{Value, pipe};
use redis_link::{Address, Link, Timeouts};
use redis_testkit::RedisServer;

/// Where a test that has started itself again finds the server.
const PORT: &str = "LINK_TLS_PORT";

/// Runs `test` of this program once more, with these certificates to trust, beside a server that has one of them.
fn beside_server(test: &str, trusted: &str) {
    let directory = tempfile::tempdir().unwrap();
    certificates(directory.path());
    let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port().to_string();
    let file = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (certificate, key, authority) = (file("server.crt"), file("server.key"), file("authority.crt"));
    let server = RedisServer::start_with(&[
        "--tls-port",
        &port,
        "--tls-cert-file",
        &certificate,
        "--tls-key-file",
        &key,
        "--tls-ca-cert-file",
        &authority,
        "--tls-auth-clients",
        "no",
    ]);
    let done = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(PORT, &port)
        .env("SSL_CERT_FILE", file(trusted))
        .env_remove("SSL_CERT_DIR")
        .output()
        .unwrap();
    let text = [done.stdout, done.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    assert!(done.status.success() && text.contains("1 passed"), "{text}");
    drop(server);
}

/// An authority, a server's certificate by it for `localhost`, and an authority that nobody asked.
fn certificates(directory: &Path) {
    let openssl = |arguments: &str| {
        let mut command = Command::new("openssl");
        command.args(arguments.split(' ')).current_dir(directory).stderr(Stdio::piped());
        let done = command.output().expect("no openssl on PATH: `cargo xtask setup` installs it");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    for name in ["authority", "stranger"] {
        openssl(&format!(
            "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={name} -keyout {name}.key -out {name}.crt"
        ));
    }
    openssl("req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout server.key -out server.csr");
    std::fs::write(directory.join("names"), "subjectAltName=DNS:localhost").unwrap();
    openssl(
        "x509 -req -in server.csr -CA authority.crt -CAkey authority.key -CAcreateserial -days 2 -extfile names \
         -out server.crt",
    );
}

fn link(host: &str) -> Option<Link> {
    let port = std::env::var(PORT).ok()?;
    let address = Address::parse(&format!("rediss://{host}:{port}/3")).unwrap();
    Some(Link::new(address, Timeouts::default()))
}

#[test]
fn a_server_that_proves_who_it_is_is_spoken_to() {
    let Some(link) = link("localhost") else {
        return beside_server("a_server_that_proves_who_it_is_is_spoken_to", "authority.crt");
    };
    let Value::Int(id) = link.run(pipe().cmd("CLIENT").arg("ID")).unwrap()[0] else {
        panic!("an id is a number")
    };
    // More than fits at once, both ways, over one connection.
    let long = "x".repeat(10_000);
    let mut pipeline = pipe();
    for _ in 0..1_000 {
        pipeline.cmd("ECHO").arg(&long);
    }
    let values = link.run(&pipeline).unwrap();
    assert!(
        values.len() == 1_000 && values.iter().all(|value| *value == Value::BulkString(long.clone().into()))
    );
    assert_eq!(link.run(pipe().cmd("CLIENT").arg("ID")).unwrap(), [Value::Int(id)]);
}

#[test]
fn a_server_that_is_somebody_else_gets_nothing() {
    let Some(link) = link("127.0.0.1") else {
        return beside_server("a_server_that_is_somebody_else_gets_nothing", "authority.crt");
    };
    let error = link.run(pipe().cmd("PING")).unwrap_err();
    assert!(error.is_unsent() && error.to_string().contains("certificate"), "{error}");
}

#[test]
fn a_server_that_nobody_vouches_for_gets_nothing() {
    let Some(link) = link("localhost") else {
        return beside_server("a_server_that_nobody_vouches_for_gets_nothing", "stranger.crt");
    };
    let error = link.run(pipe().cmd("PING")).unwrap_err();
    assert!(error.is_unsent() && error.to_string().contains("UnknownIssuer"), "{error}");
}

#[test]
fn a_server_without_tls_gets_nothing() {
    let Some(_) = link("localhost") else {
        return beside_server("a_server_without_tls_gets_nothing", "authority.crt");
    };
    let bare = RedisServer::start();
    let address = Address::parse(&format!("rediss://localhost:{}", bare.port())).unwrap();
    let error = Link::new(address, Timeouts::default()).run(pipe().cmd("PING")).unwrap_err();
    assert!(error.is_unsent(), "{error}");
}
