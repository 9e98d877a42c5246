//! `--max-series-per-family` and `--max-series`.

use crate::files::Files;
use crate::process::{multiprom, run};
use crate::run::Running;
use crate::serve::{Server, get};

/// Two workers whose counter has a label for each path that somebody tried.
fn shop() -> Files {
    let files = Files::new();
    for (worker, paths) in [(1, ["/cart", "/buy", "/.env"]), (2, ["/admin", "/cart", "/wp-login"])] {
        let keys = paths.map(|path| {
            format!(r#"["requests", "requests_total", {{"method": "GET", "path": "{path}"}}, "Requests."]"#)
        });
        let records: Vec<(&str, f64)> = keys.iter().map(|key| (key.as_str(), 1.0)).collect();
        files.python(&format!("counter_{worker}.db"), &records);
    }
    files
}

const LIMITED: &str = "\
# HELP requests_total Requests.
# TYPE requests_total counter
requests_total{method=\"GET\",path=\"/cart\"} 2.0
requests_total{method=\"GET\",path=\"/buy\"} 1.0
requests_total{overflow=\"true\"} 3.0
";

#[test]
fn too_many_label_sets_are_added_up_and_the_family_is_named_once() {
    let files = shop();
    for limit in ["--max-series-per-family", "--max-series"] {
        let (code, page, log) = run(multiprom(&["collect", limit, "2"]).arg(files.path()));
        assert_eq!((code, page.as_str()), (Some(0), LIMITED), "{log}");
        assert_eq!(log.lines().count(), 1, "{log}");
        for part in [
            "WARN",
            "2 have series of their own",
            "most values is path, with 2",
            "family=\"requests\"",
            files.path(),
        ] {
            assert!(log.contains(part), "{part:?} is missing in {log}");
        }
    }
}

#[test]
fn without_a_limit_all_are_there_and_nothing_is_said() {
    let files = shop();
    let (code, page, log) = run(multiprom(&["collect"]).arg(files.path()));
    assert_eq!((code, page.lines().count(), log.as_str()), (Some(0), 7, ""));
}

#[test]
fn a_server_says_how_many_it_has_refused() {
    let files = shop();
    let mut server =
        Server::start(&["serve", "--max-series-per-family", "2", "--listen", "127.0.0.1:0", files.path()]);
    let address = server.next_address();
    assert_eq!(get(&address, "/metrics").1, LIMITED);
    let (_, own) = get(&address, "/metrics/self");
    let line = format!("multiprom_directory_refused_series_total{{directory=\"{}\"}} 3.0", files.path());
    assert!(own.lines().any(|other| other == line), "{line:?} is missing in {own}");
}

#[test]
fn a_command_that_is_run_has_a_limit_too() {
    let files = shop();
    let copy = format!("cp {}/*.db \"$PROMETHEUS_MULTIPROC_DIR\"; echo there; read line", files.path());
    let mut running = Running::start(&["--max-series", "1", "--process-metrics", "off"], &copy);
    assert_eq!(running.line(), "there");
    assert_eq!(running.number("requests_total{overflow=\"true\"}"), 4.0);
    assert_eq!(running.end().0, Some(1));
}
