//! What the program says about itself.

use crate::process::{multiprom, run};

#[test]
fn the_version_is_the_packages() {
    let (code, out, _) = run(&mut multiprom(&["--version"]));
    assert_eq!((code, out), (Some(0), format!("multiprom {}\n", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn help_teaches() {
    let (code, help, _) = run(&mut multiprom(&["--help"]));
    assert_eq!(code, Some(0));
    for text in [
        "one page",
        "multiprom demo",
        "gunicorn",
        "PROMETHEUS_MULTIPROC_DIR",
        "delete",
        "Exit codes",
        "collect",
    ] {
        assert!(help.contains(text), "{text:?} is missing in {help}");
    }
    // Nobody has to know about the demo's workers.
    assert!(!help.contains("demo-worker"));
}

#[test]
fn every_command_explains_itself() {
    for (command, texts) in [
        (
            "serve",
            &[
                "--listen",
                "--catalog",
                "--max-series-per-family",
                "overflow=\"true\"",
                "DIR,label=value",
                "redis://",
                "schema=gunicorn",
                "REDIS_PASSWORD",
                "503",
                "--stale-for",
                "--absent-redis-is-empty",
                "scrape_configs",
            ][..],
        ),
        (
            "run",
            &[
                "--directory",
                "--on-restart",
                "--stop-timeout",
                "--max-series",
                "Dockerfile",
                "DirectFileStore",
                "SIGUSR2",
                "127",
            ],
        ),
        ("collect", &["--format", "openmetrics", "--catalog"]),
        ("ls", &["--sort", "--json", "DAMAGE", "Exit codes"]),
        ("dump", &["--json", "offset", "raw_key", "Exit codes"]),
        ("check", &["--json", "advice", "Exit codes"]),
        ("diff", &["--only-falls", "--json", "fell", "Exit codes"]),
        ("top", &["--interval", "--once", "filter", "DIR,label=value", "Exit codes"]),
        ("demo", &["--seconds", "Ctrl-C"]),
        (
            "push-gateway",
            &[
                "--web.listen-address",
                "--web.enable-admin-api",
                "--persistence.file",
                "--redis.endpoint",
                "--push.ttl",
                "Idempotency-Key",
                "?mode=aggregate",
                "?dry_run=1",
                "honor_labels",
            ],
        ),
    ] {
        let (code, help, _) = run(&mut multiprom(&[command, "--help"]));
        assert_eq!(code, Some(0));
        for text in texts {
            assert!(help.contains(text), "{text:?} is missing in {help}");
        }
    }
}

#[test]
fn help_is_laid_out_for_a_terminal_of_eighty_columns() {
    for command in
        ["", "serve", "run", "collect", "fold", "ls", "dump", "check", "diff", "top", "demo", "push-gateway"]
    {
        let help = |columns: &str| {
            let mut asked = multiprom(&[]);
            asked.args(Some(command).filter(|command| !command.is_empty())).arg("--help");
            run(asked.env("COLUMNS", columns)).1
        };
        // What is laid out by hand stands behind the options, and is broken nowhere.
        let by_hand = |help: String| {
            let behind = help.split_once("Print help (see").unwrap().1;
            // Options under headings stand behind those without.
            behind.split_once("\nExamples:").map_or(behind, |(_, examples)| examples).to_owned()
        };
        assert_eq!(by_hand(help("80")), by_hand(help("200")), "{command}");
    }
}

#[test]
fn a_wrong_log_level_is_named() {
    for wrong in ["=loud=", "wran"] {
        let (code, _, errors) = run(&mut multiprom(&["--log-level", wrong, "collect", "/tmp"]));
        assert_eq!(code, Some(1), "{wrong}");
        assert!(errors.contains(&format!("log level {wrong:?}")), "{errors}");
    }
}
