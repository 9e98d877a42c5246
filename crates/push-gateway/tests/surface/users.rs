//! Who may do what, where a web configuration names users.

use std::sync::Arc;

use push_gateway::Routes;
use web_config::WatchedConfig;

use crate::client::{Served, gateway};

fn guarded(open_health: bool) -> (tempfile::TempDir, Served) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("web.yml");
    let hash = bcrypt::hash("1", 4).unwrap();
    let text = format!(
        "basic_auth_users:\n  root: {hash}\n  job: {hash}\n  prometheus: {hash}\n\
         basic_auth_scopes:\n  job: [push]\n  prometheus: [scrape]\n\
         http_server_config:\n  headers:\n    X-Frame-Options: deny\n"
    );
    std::fs::write(&path, text).unwrap();
    let web = Arc::new(WatchedConfig::open(&path).unwrap());
    let served = gateway(|options, _| {
        options.web = Some(web);
        options.open_health = open_health;
        options.routes = Routes { admin: true, lifecycle: true, ..Routes::default() };
    });
    (directory, served)
}

/// `Basic` and the name with the password `1`.
fn authorization(name: &str) -> &'static str {
    match name {
        "root" => "Authorization: Basic cm9vdDox",
        "job" => "Authorization: Basic am9iOjE=",
        "prometheus" => "Authorization: Basic cHJvbWV0aGV1czox",
        "liar" => "Authorization: Basic cm9vdDoy",
        _ => "X-Nobody: 1",
    }
}

#[test]
fn each_user_may_do_what_his_scopes_say() {
    let (_directory, served) = guarded(false);
    let asked = [
        ("PUT", "/metrics/job/j", [401, 401, 200, 200, 403]),
        ("POST", "/metrics/job/j", [401, 401, 200, 200, 403]),
        ("GET", "/metrics", [401, 401, 200, 403, 200]),
        ("GET", "/api/v1/groups", [401, 401, 200, 403, 200]),
        ("GET", "/nothing", [401, 401, 404, 403, 404]),
        ("GET", "/-/healthy", [401, 401, 200, 403, 200]),
        ("DELETE", "/metrics/job/j", [401, 401, 202, 202, 403]),
        ("PUT", "/api/v1/admin/wipe", [401, 401, 202, 403, 403]),
        ("PUT", "/-/reload", [401, 401, 200, 403, 403]),
    ];
    for (method, path, expected) in asked {
        let users = ["", "liar", "root", "job", "prometheus"];
        let got = users.map(|user| {
            let body = if path.starts_with("/metrics/job") && method != "DELETE" { "a 1\n" } else { "" };
            served.ask(method, path, &[authorization(user)], body).status
        });
        assert_eq!(got, expected, "{method} {path}");
    }
}

#[test]
fn who_is_unknown_is_told_how_to_say_who_he_is_and_every_answer_has_the_headers() {
    let (_directory, served) = guarded(true);
    let refused = served.get("/metrics");
    assert_eq!((refused.status, refused.text().as_str()), (401, "Unauthorized\n"));
    assert!(refused.head.to_ascii_lowercase().contains("www-authenticate: basic\r\n"), "{}", refused.head);
    let healthy = served.get("/-/healthy");
    assert_eq!((healthy.status, healthy.text().as_str()), (200, "OK"));
    for answer in [refused, healthy] {
        assert!(answer.head.to_ascii_lowercase().contains("x-frame-options: deny\r\n"), "{}", answer.head);
    }
}
