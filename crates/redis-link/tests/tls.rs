//! A link with TLS, and a real server with a certificate.
#![allow(clippy::unwrap_used)]

use std::net::TcpListener;
use std::process::Command;

use redis::{Value, pipe};
use redis_link::{Address, Link, Timeouts};
use redis_testkit::{Certificates, RedisCluster, RedisServer};

/// Where a test that has started itself again finds the server.
const PORT: &str = "LINK_TLS_PORT";

/// Runs `test` of this program once more, with these certificates to trust, beside a server that has one of them.
fn beside_server(test: &str, trusted: &str) {
    let certificates = Certificates::of("DNS:localhost");
    let (_server, port) = RedisServer::start_tls(&certificates, &[]);
    again(test, &certificates.file(trusted), port);
}

/// Runs `test` of this program once more, with these certificates to trust.
fn again(test: &str, trusted: &str, port: u16) {
    let done = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(PORT, port.to_string())
        .env("SSL_CERT_FILE", trusted)
        .env_remove("SSL_CERT_DIR")
        .output()
        .unwrap();
    let text = [done.stdout, done.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    assert!(done.status.success() && text.contains("1 passed"), "{text}");
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

/// A port that is free just now.
fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

#[test]
fn sentinels_and_the_master_that_they_name_speak_tls() {
    const TEST: &str = "sentinels_and_the_master_that_they_name_speak_tls";
    let Ok(port) = std::env::var(PORT) else {
        let certificates = Certificates::of("IP:127.0.0.1");
        let (master, of_master) = RedisServer::start_tls(&certificates, &["--requirepass", "m4ster"]);
        let (port, of_tls) = (free_port(), certificates.arguments());
        let number = port.to_string();
        let mut all = vec!["--tls-replication", "yes", "--tls-port", &number];
        all.extend(of_tls.iter().map(String::as_str));
        let lines = "sentinel auth-pass shop m4ster\nrequirepass s3ntinel\n";
        let sentinel = RedisServer::start_sentinel_of(of_master, lines, &all);
        again(TEST, &certificates.file("authority.crt"), port);
        drop((master, sentinel));
        return;
    };
    let ask = |url: &str| {
        let link = Link::new(Address::parse(url).unwrap(), Timeouts::default());
        link.run(pipe().cmd("PING")).map(|values| values[0].clone())
    };
    let url = format!("rediss+sentinel://:m4ster@127.0.0.1:{port}/shop?sentinel_pass=s3ntinel");
    assert_eq!(ask(&url).unwrap(), Value::SimpleString("PONG".to_owned()));
    // The Sentinel does not understand a word; the master is never asked for.
    let error = ask(&format!("{url}&sentinel_tls=no")).unwrap_err();
    assert!(error.is_unsent() && error.to_string().contains("the sentinel 127.0.0.1:"), "{error}");
    let bare =
        format!("redis+sentinel://:m4ster@127.0.0.1:{port}/shop?sentinel_pass=s3ntinel&sentinel_tls=yes");
    let error = ask(&bare).unwrap_err();
    assert!(error.is_unsent() && !error.to_string().contains("the sentinel"), "{error}");
}

#[test]
fn the_nodes_of_a_cluster_speak_tls() {
    const TEST: &str = "the_nodes_of_a_cluster_speak_tls";
    let Ok(port) = std::env::var(PORT) else {
        let certificates = Certificates::of("IP:127.0.0.1");
        let arguments = certificates.arguments();
        let mut arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        arguments.extend(["--tls-cluster", "yes", "--tls-replication", "yes"]);
        let cluster = RedisCluster::start_tls(3, &arguments);
        again(TEST, &certificates.file("authority.crt"), cluster.tls_ports[0]);
        return;
    };
    for key in ["a", "b", "c", "d", "e", "f"] {
        let address = Address::parse(&format!("rediss+cluster://127.0.0.1:{port}")).unwrap();
        let link = Link::new(address, Timeouts::default()).for_key(key);
        let mut pipeline = pipe();
        pipeline.cmd("SET").arg(key).arg(1).cmd("GET").arg(key);
        assert_eq!(link.run(&pipeline).unwrap()[1], Value::BulkString(b"1".to_vec()));
    }
    let address = Address::parse(&format!("redis+cluster://127.0.0.1:{port}")).unwrap();
    let error = Link::new(address, Timeouts::default()).for_key("a").run(pipe().cmd("PING")).unwrap_err();
    assert!(error.is_unsent(), "{error}");
}
