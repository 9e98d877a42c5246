use hyper::Method;

use super::{Found, Place, Router, Routes};

fn find(routes: &Routes, method: &str, path: &str) -> Found {
    Router::new(routes).find(&Method::from_bytes(method.as_bytes()).unwrap(), path.as_bytes())
}

fn redirect(code: u16, path: &str) -> Found {
    Found::Redirect(code, path.as_bytes().to_vec())
}

#[test]
fn requests_go_where_the_official_gateway_has_them_go() {
    let push = || Found::NotAllowed("DELETE, OPTIONS, POST, PUT".to_owned());
    let table = [
        ("PUT", "/metrics/job/j", Found::Place(Place::Push)),
        ("DELETE", "/metrics/job/j/x/1", Found::Place(Place::Push)),
        ("GET", "/metrics/job/j", push()),
        ("put", "/metrics/job/j", push()),
        ("HEAD", "/metrics/job/j", push()),
        ("OPTIONS", "/metrics/job/j", Found::Options("DELETE, OPTIONS, POST, PUT".to_owned())),
        ("GET", "/metrics", Found::Place(Place::Page)),
        ("HEAD", "/metrics", Found::NotAllowed("GET, OPTIONS".to_owned())),
        ("GET", "/metrics/", redirect(301, "/metrics")),
        ("GET", "/Metrics", redirect(301, "/metrics")),
        ("GET", "/METRICS/", redirect(301, "/metrics")),
        ("PUT", "/metrics/", Found::Nothing),
        ("PUT", "/METRICS/job/J", redirect(307, "/metrics/job/J")),
        ("PUT", "/metrics/JOB/j", redirect(307, "/metrics/job/j")),
        ("PUT", "/metrics/job/", redirect(307, "/metrics/job")),
        ("PUT", "/metrics/job", Found::Nothing),
        ("PUT", "/metrics/job@base64/", Found::Nothing),
        ("PUT", "/metrics/jobs/j", Found::Nothing),
        ("PUT", "/metrics/job/j//x", redirect(301, "/metrics/job/j/x")),
        ("PUT", "/metrics/./job/j/../k/", redirect(301, "/metrics/job/k/")),
        ("GET", "/", Found::Place(Place::Status)),
        ("GET", "/STATUS", redirect(301, "/status")),
        ("POST", "/STATUS", Found::Nothing),
        ("POST", "/", Found::NotAllowed("GET, OPTIONS".to_owned())),
        ("DELETE", "/-/quit", Found::NotAllowed("GET, OPTIONS, POST, PUT".to_owned())),
        ("POST", "/-/reload", Found::Nothing),
        ("GET", "/api/v1/status", Found::Place(Place::ApiStatus)),
        ("PUT", "/api/v1/status", Found::NotAllowed("GET, OPTIONS".to_owned())),
        ("OPTIONS", "/api/v1/anything", Found::Place(Place::Api)),
        ("GET", "/api/v1/anything", Found::Nothing),
        ("GET", "/api/v1", redirect(301, "/api/v1/")),
        ("GET", "/api/v1/", Found::Nothing),
        ("GET", "/api/v1/metrics/", redirect(301, "/metrics")),
        ("PUT", "/api/v1/admin/wipe", Found::Nothing),
        ("GET", "/api/v2/metrics", Found::Nothing),
        ("GET", "/nothing", Found::Nothing),
    ];
    for (method, path, expected) in table {
        assert_eq!(find(&Routes::default(), method, path), expected, "{method} {path}");
    }
}

#[test]
fn everything_moves_behind_a_prefix() {
    let routes = Routes { prefix: "/pg".to_owned(), admin: true, lifecycle: true, ..Routes::default() };
    let table = [
        ("PUT", "/pg/metrics/job/j", Found::Place(Place::Push)),
        ("PUT", "/metrics/job/j", Found::Nothing),
        ("GET", "/pg/", Found::Place(Place::Status)),
        ("GET", "/pg", redirect(301, "/pg/")),
        ("GET", "/", Found::Nothing),
        ("PUT", "/pg/api/v1/admin/wipe", Found::Place(Place::ApiWipe)),
        ("POST", "/pg/api/v1/admin/wipe", Found::NotAllowed("OPTIONS, PUT".to_owned())),
        ("POST", "/pg/-/reload", Found::Place(Place::Reload)),
    ];
    for (method, path, expected) in table {
        assert_eq!(find(&routes, method, path), expected, "{method} {path}");
    }
}
