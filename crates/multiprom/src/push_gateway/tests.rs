use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use tempfile::TempDir;

use super::settings::surface_options;
use super::{arguments, config};
use crate::cli::push_gateway::{OwnMetrics, PushGateway};
use crate::cli::{Cli, Command};

/// The command of these arguments.
fn command(line: &[&str]) -> PushGateway {
    match Cli::parse_from(["multiprom", "push-gateway"].iter().chain(line)).command {
        Command::PushGateway(command) => *command,
        other => panic!("{other:?}"),
    }
}

fn seen(line: &str) -> String {
    let seen = arguments(line.split(' ').map(Into::into));
    seen.iter().map(|argument| argument.to_str().unwrap()).collect::<Vec<_>>().join(" ")
}

#[test]
fn the_program_is_a_push_gateway_by_its_name() {
    let table = [
        ("/usr/bin/prometheus-pushgateway --web.enable-lifecycle", "push-gateway --web.enable-lifecycle"),
        ("pushgateway --version", "push-gateway --version"),
        ("multiprom push-gateway --help", "push-gateway --help"),
        ("multiprom serve --no-web.enable-lifecycle", "serve --no-web.enable-lifecycle"),
    ];
    for (line, expected) in table {
        assert_eq!(seen(line).split_once(' ').unwrap().1, expected);
    }
}

#[test]
fn a_switch_can_be_taken_back_and_given_again() {
    let table = [
        ("--web.enable-lifecycle --no-web.enable-lifecycle", ""),
        ("--no-web.enable-lifecycle --web.enable-lifecycle", "--web.enable-lifecycle"),
        ("--web.enable-admin-api --web.enable-admin-api", "--web.enable-admin-api"),
        ("--no-web.listen-address", "--no-web.listen-address"),
    ];
    for (line, expected) in table {
        let line = format!("pushgateway {line}");
        assert_eq!(seen(&line).strip_prefix("pushgateway push-gateway").unwrap().trim_start(), expected);
    }
}

#[test]
fn the_prefix_is_that_of_the_route_or_of_the_url() {
    let table = [
        (&[][..], Ok("")),
        (&["--web.route-prefix=/pg/"], Ok("/pg")),
        (&["--web.route-prefix", "a/b"], Ok("/a/b")),
        (&["--web.route-prefix=/"], Ok("")),
        (&["--web.external-url=https://host:9091/x/y/"], Ok("/x/y")),
        (&["--web.external-url=https://host"], Ok("")),
        (&["--web.external-url=https://host/x", "--web.route-prefix=/"], Ok("")),
        (
            &["--web.external-url=https:///x"],
            Err("--web.external-url \"https:///x\": wanted a URL such as https://host/path"),
        ),
    ];
    for (line, expected) in table {
        let prefix = surface_options(&command(line)).map(|options| options.routes.prefix);
        assert_eq!(
            prefix.map_err(|error| error.to_string()).as_deref().map_err(|error| &**error),
            expected,
            "{line:?}"
        );
    }
}

#[test]
fn paths_that_are_the_same_are_refused() {
    let line = ["--web.own-metrics=separate", "--telemetry.path=/metrics"];
    assert!(surface_options(&command(&line)).is_err());
    let error = surface_options(&command(&["--tls.enabled"])).unwrap_err();
    assert_eq!(error.to_string(), "--tls.enabled needs --tls.cert and --tls.key");
}

/// The command with a file that says so, and the directory where that is.
fn with_file(text: &str, line: &[&str]) -> (anyhow::Result<PushGateway>, TempDir) {
    let directory = TempDir::new().unwrap();
    let path: PathBuf = directory.path().join("config.yaml");
    std::fs::write(&path, text).unwrap();
    let mut command = command(line);
    command.config = Some(path);
    (config::take_up(&mut command).map(|_| command), directory)
}

#[test]
fn the_file_goes_before_the_command_line() {
    let text = "port: 9753\nmetrics_path: /m\ntelemetry_path: /t\ningest_path: /in\ntls_enabled: true\n\
                tls_key_path: k.pem\ntls_cert_path: c.pem\nelse: 1\nredis:\n  endpoint: a:1,b:2\n  master_name: m\n  \
                timeout: 3s\n  expiration: 10m\n  db: 2\n  pool_size: 5\n  password: geheim\n  tls_enabled: false\n  \
                tls_skip_verify: false\n  idle_timeout: 1m\n  max_connection_age: 1h\n";
    let (command, _directory) = with_file(text, &["--ingest.path=/x", "-t", "/y", "--redis.expiration=1s"]);
    let command = command.unwrap();
    assert_eq!(
        (command.port, &*command.page, &*command.own, &*command.ingest),
        (Some(9753), "/m", "/t", "/in")
    );
    assert_eq!(command.own_metrics, Some(OwnMetrics::Separate));
    assert!(
        command.tls && command.tls_key == Some("k.pem".into()) && command.tls_cert == Some("c.pem".into())
    );
    assert_eq!(command.redis.as_deref(), Some("a:1,b:2"));
    assert_eq!((command.ingest_ttl, command.push_time), (Duration::from_secs(600), Duration::from_secs(3)));
    assert_eq!((command.redis_extra.master.as_deref(), command.redis_extra.database), (Some("m"), 2));
    assert!(!format!("{command:?}").contains("geheim"));
    let (unchanged, _directory) = with_file("# nothing\n", &["--ingest.path=/x"]);
    assert_eq!(unchanged.unwrap().ingest, "/x");
}

#[test]
fn what_the_file_says_wrongly_is_named() {
    let table = [
        ("metrics_path: m\n", "metrics_path \"m\": wanted a path that begins with /"),
        ("redis:\n  expiration: soon\n", "redis.expiration \"soon\": wanted a time such as 5m"),
        ("redis:\n  tls_skip_verify: true\n", "redis.tls_skip_verify"),
        ("log_level: loud\n", "log_level \"loud\": there are debug, info, warn and error"),
        ("port: many\n", "understand "),
    ];
    for (text, expected) in table {
        let (refused, directory) = with_file(text, &[]);
        let error = format!("{:#}", refused.unwrap_err());
        assert!(error.contains(expected), "{error}");
        assert!(error.contains(&directory.path().display().to_string()), "{error}");
    }
}
