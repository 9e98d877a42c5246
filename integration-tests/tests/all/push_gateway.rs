//! The push gateway: recorded requests and real clients, files and databases that others have written.

use std::path::Path;
use std::process::{Command, Stdio};

use redis_testkit::RedisServer;
use tempfile::TempDir;

use crate::http;
use crate::running::{Running, signal};
use crate::tools::{app, multiprom, output, python};

/// A gateway with these flags, on a port of its own.
fn gateway(directory: &Path, flags: &[&str]) -> (Running, String) {
    let mut command = multiprom();
    command.args(["push-gateway", "--web.listen-address=127.0.0.1:0"]).args(flags);
    let mut running = Running::start("gateway", &mut command, directory);
    let address = running.address("url=").to_string();
    (running, address)
}

/// Sends all requests of a profile, and compares the answers to the last letter.
fn answers_as_recorded(profile: &str, flags: &[&str]) {
    let directory = TempDir::new().expect("a directory");
    let (_gateway, address) = gateway(directory.path(), flags);
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("pushgateway/run.py");
    let mut run = python();
    run.arg(recorded).args(["--strict", "--profile", profile, &format!("http://{address}")]);
    let done = run.stdin(Stdio::null()).output().expect("start Python");
    let told = String::from_utf8_lossy(&done.stdout);
    let failed: Vec<&str> = told.lines().filter(|line| !line.starts_with("PASS")).collect();
    assert!(done.status.success(), "{}\n{}", failed.join("\n"), String::from_utf8_lossy(&done.stderr));
    assert!(told.lines().any(|line| line.starts_with("PASS")), "no case of {profile}: {told}");
}

#[test]
fn recorded_requests_get_the_official_answers() {
    answers_as_recorded("default", &[]);
}

#[test]
fn recorded_requests_of_administrators_get_the_official_answers() {
    answers_as_recorded("admin", &["--web.enable-admin-api"]);
}

#[test]
fn recorded_requests_without_a_check_get_the_official_answers() {
    answers_as_recorded("nocheck", &["--push.disable-consistency-check"]);
}

#[test]
fn who_tells_the_gateway_to_end_is_answered_each_time() {
    for _ in 0..20 {
        let directory = TempDir::new().expect("a directory");
        let (mut gateway, address) = gateway(directory.path(), &["--web.enable-lifecycle"]);
        let ask = "import sys, urllib.request as u; \
                   r = u.urlopen(u.Request(f'http://{sys.argv[1]}/-/quit', method='PUT')); print(r.status, r.read())";
        let told = output(python().args(["-c", ask, &address]));
        assert_eq!(String::from_utf8_lossy(&told), "200 b'Requesting termination... Goodbye!'\n");
        gateway.wait_for_success();
    }
}

#[test]
fn pythons_client_pushes_adds_and_deletes() {
    let directory = TempDir::new().expect("a directory");
    let (_gateway, address) = gateway(directory.path(), &[]);
    let told = String::from_utf8(output(python().arg(app("pushes.py")).arg(&address))).expect("text");
    let job = r#"empty="",instance="",job="nightly",path="/var/lib""#;
    let pushed = format!(
        "jobs_total{{{job}}} 3\nseconds_bucket{{{job},le=\"1\"}} 0\nseconds_bucket{{{job},le=\"2.5\"}} 1\n\
         seconds_bucket{{{job},le=\"+Inf\"}} 1\nseconds_sum{{{job}}} 2\nseconds_count{{{job}}} 1\n"
    );
    let bytes = format!("backup_bytes{{{job}}} 7e+09\n");
    let other = "backup_bytes{instance=\"ü\",job=\"a b\"} 7e+09\n";
    let expected =
        format!("== push\n{pushed}== pushadd\n{bytes}{pushed}== replace\n{other}{bytes}== delete\n{other}");
    assert_eq!(told, expected);
}

/// Pushes one number, and is told that it was taken.
fn push(address: &str, path: &str, body: &str) {
    let script = "import sys, urllib.request as u; \
                  u.urlopen(u.Request(f'http://{sys.argv[1]}{sys.argv[2]}', sys.argv[3].encode(), method='PUT'))";
    output(python().args(["-c", script, address, path, body]));
}

/// The lines of a page that are of pushed families and have no time in them.
fn pushed_lines(address: &str) -> Vec<String> {
    let page = http::page(address.parse().expect("an address"), "/metrics");
    let page = String::from_utf8(page).expect("a page is text");
    let lines = page.lines().filter(|line| line.contains("job=\"") && !line.starts_with("push_"));
    lines.map(str::to_owned).collect()
}

#[test]
fn what_was_pushed_is_there_after_a_kill() {
    let directory = TempDir::new().expect("a directory");
    let file = format!("--persistence.file={}", directory.path().join("groups").display());
    let (first, address) = gateway(directory.path(), &[&file]);
    push(&address, "/metrics/job/j", "a 1\n");
    let before = pushed_lines(&address);
    assert_eq!(before, [r#"a{instance="",job="j"} 1"#]);
    signal("KILL", &first.pid());
    drop(first);
    let (_second, address) = gateway(directory.path(), &[&file]);
    assert_eq!(pushed_lines(&address), before);
}

#[test]
fn the_official_gateways_file_is_taken_over_once() {
    let directory = TempDir::new().expect("a directory");
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/groups-log/tests/fixtures");
    let file = directory.path().join("pushgateway.data");
    std::fs::copy(fixtures.join("pushgateway-1.5.1.data"), &file).expect("copy the file");
    let expected =
        std::fs::read_to_string(fixtures.join("expected-metrics.txt")).expect("read what is expected");
    let flag = format!("--persistence.file={}", file.display());
    let (first, address) = gateway(directory.path(), &[&flag]);
    let page = http::page(address.parse().expect("an address"), "/metrics");
    let page = String::from_utf8(page).expect("a page is text");
    for line in expected.lines() {
        assert!(page.lines().any(|its| its == line), "{line} is missing in {page}");
    }
    let delete = "import sys, urllib.request as u; q = 'match[]=%7Bjob%21%3D%22%22%7D'; \
                  u.urlopen(u.Request(f'http://{sys.argv[1]}/api/v1/groups?{q}', method='DELETE'))";
    output(python().args(["-c", delete, &address]));
    assert_eq!(pushed_lines(&address), [""; 0]);
    drop(first);
    let (_second, address) = gateway(directory.path(), &[&flag]);
    assert_eq!(pushed_lines(&address), [""; 0]);
}

#[test]
fn connections_can_speak_tls() {
    let directory = TempDir::new().expect("a directory");
    let in_directory = |name: &str| directory.path().join(name).display().to_string();
    let (cert, key) = (in_directory("cert.pem"), in_directory("key.pem"));
    output(
        Command::new("openssl").args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]).args([
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost",
            "-keyout",
            &key,
            "-out",
            &cert,
        ]),
    );
    let mut command = multiprom();
    command.args(["push-gateway", "--web.listen-address=127.0.0.1:0", "--tls.enabled"]);
    command.args(["--tls.cert", &cert, "--tls.key", &key]);
    let mut gateway = Running::start("gateway", &mut command, directory.path());
    let port = gateway.wait_until("say its port", |log| {
        let (_, rest) = log.split_once("url=https://127.0.0.1:")?;
        Some(rest.chars().take_while(char::is_ascii_digit).collect::<String>())
    });
    let ask = "import ssl, sys, urllib.request as u; c = ssl.create_default_context(cafile=sys.argv[1]); \
               print(u.urlopen(f'https://localhost:{sys.argv[2]}/-/ready', context=c).read())";
    assert_eq!(String::from_utf8_lossy(&output(python().args(["-c", ask, &cert, &port]))), "b'OK'\n");
}

#[test]
fn two_gateways_on_one_redis_show_one_page() {
    let redis = RedisServer::start();
    let directories = [TempDir::new().expect("a directory"), TempDir::new().expect("a directory")];
    // The first is told as PushGatewayRedis is, by its file.
    let config = directories[0].path().join("config.yaml");
    let port = redis.port();
    let text = format!(
        "port: 0\nmetrics_path: /metrics\ntelemetry_path: /telemetry\ningest_path: /ingest\n\
         redis:\n  endpoint: localhost:{port}\n  expiration: 1h\n  pool_size: 10\nunknown: 1\n"
    );
    std::fs::write(&config, text).expect("write a file");
    let mut command = multiprom();
    command.args(["push-gateway", &format!("--config.file={}", config.display())]);
    let mut first = Running::start("first", &mut command, directories[0].path());
    let one = first.wait_until("say its port", |log| {
        let (_, rest) = log.split_once("address=[::]:").or_else(|| log.split_once("address=0.0.0.0:"))?;
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        Some(format!("127.0.0.1:{digits}"))
    });
    let flag = format!("--redis.endpoint=redis://localhost:{port}/0");
    let (_second, two) = gateway(directories[1].path(), &[&flag, "--web.own-metrics=separate"]);
    push(&one, "/metrics/job/j", "a 1\n");
    push(&two, "/metrics/job/k", "a 2\n");
    let page = |address: &str| http::page(address.parse().expect("an address"), "/metrics");
    assert_eq!(String::from_utf8_lossy(&page(&one)), String::from_utf8_lossy(&page(&two)));
    assert_eq!(pushed_lines(&one), [r#"a{instance="",job="j"} 1"#, r#"a{instance="",job="k"} 2"#]);
}

#[test]
fn a_socket_of_systemd_is_taken_over() {
    let directory = TempDir::new().expect("a directory");
    // What systemd does: a socket as descriptor 3, and its number and owner in the environment.
    let script = "import os, socket, sys; s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(); \
                  os.dup2(s.fileno(), 3); os.set_inheritable(3, True); \
                  os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid())); os.execv(sys.argv[1], sys.argv[1:])";
    let mut command = python();
    command.args(["-c", script]).arg(multiprom().get_program());
    command.args(["push-gateway", "--web.systemd-socket", "--web.listen-address=127.0.0.1:1"]);
    let mut gateway = Running::start("gateway", &mut command, directory.path());
    let address = gateway.wait_until("say its port", |log| {
        let (_, rest) = log.split_once("address=127.0.0.1:")?;
        Some(format!("127.0.0.1:{}", rest.chars().take_while(char::is_ascii_digit).collect::<String>()))
    });
    push(&address, "/metrics/job/j", "a 1\n");
    assert_eq!(pushed_lines(&address), [r#"a{instance="",job="j"} 1"#]);
}
