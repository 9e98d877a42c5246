//! HTTP as real clients speak it, and as broken ones do.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::client::{Got, gateway};

#[test]
fn a_client_that_dies_in_the_middle_changes_nothing() {
    let served = gateway(|_, _| {});
    assert_eq!(served.put("/metrics/job/j", "a 1\nb 1\n").status, 200);
    let cut = [
        "PUT /metrics/job/j HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\na 2\n",
        "PUT /metrics/job/j HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\na 2\n\r\n",
        "PUT /metrics/job/j HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n400\r\na 2\n",
    ];
    for request in cut {
        let got = Got::of(&served.raw(request.as_bytes()));
        assert_eq!((got.status, &*got.text()), (400, "unexpected EOF\n"), "{request:?}");
    }
    assert_eq!(served.lines(&["a", "b"]), [r#"a{instance="",job="j"} 1"#, r#"b{instance="",job="j"} 1"#]);
    assert_eq!(
        served.lines(&["pushgateway_http_requests_total{code=\"400\""]),
        [r#"pushgateway_http_requests_total{code="400",handler="push",method="put"} 3"#]
    );
}

#[test]
fn old_and_careful_clients_are_served() {
    let served = gateway(|_, _| {});
    let old = b"PUT http://x/metrics/job/j?x=1 HTTP/1.0\r\nContent-Length: 4\r\n\r\na 1\n";
    assert_eq!(Got::of(&served.raw(old)).status, 200);
    let mut careful = TcpStream::connect(served.address).unwrap();
    careful.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let head = b"PUT /metrics/job/k HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n";
    careful.write_all(head).unwrap();
    let mut told = [0; 25];
    careful.read_exact(&mut told).unwrap();
    assert_eq!(&told, b"HTTP/1.1 100 Continue\r\n\r\n");
    careful.write_all(b"a 2\n").unwrap();
    let mut told = [0; 15];
    careful.read_exact(&mut told).unwrap();
    assert_eq!(&told, b"HTTP/1.1 200 OK");
    assert_eq!(served.lines(&["a"]), [r#"a{instance="",job="j"} 1"#, r#"a{instance="",job="k"} 2"#]);
}

#[test]
fn success_says_nothing_and_refusals_say_why() {
    let served = gateway(|_, _| {});
    let got = served.put("/metrics/job/j", "a 1\n");
    assert_eq!((got.status, &*got.text()), (200, ""));
    assert!(!got.head.contains("content-type"), "{}", got.head);
    assert!(got.head.contains("content-length: 0"), "{}", got.head);
    let got = served.ask("HEAD", "/metrics", &[], "");
    assert_eq!((got.status, &*got.text()), (405, ""));
    assert!(got.head.contains("allow: get, options"), "{}", got.head);
    assert_eq!(served.ask("OPTIONS", "*", &[], "").status, 200);
    assert_eq!(Got::of(&served.raw(b"GET /metrics HTTP/1.1\r\nConnection: close\r\n\r\n")).status, 400);
    assert_eq!(served.ask("GET", "/metrics", &["Expect: wonders"], "").status, 417);
    assert_eq!(served.put("/metrics/job/Π", "a 1\n").status, 200);
    assert_eq!(served.get("/metrics/job/%zz").status, 400);
    let got = served.put("/metrics/job/j/x/a//b?q=1&r", "");
    assert_eq!((got.status, &*got.text()), (301, ""));
    assert!(got.head.contains("location: /metrics/job/j/x/a/b?q=1&r\r\n"), "{}", got.head);
    let got = served.ask("DELETE", "/metrics/job/j", &["Content-Encoding: gzip"], "");
    assert_eq!((got.status, &*got.text()), (400, "EOF\n"));
}

#[test]
fn what_is_too_much_is_refused_by_its_own_code() {
    let served = gateway(|options, gateway| {
        options.limits.bytes = 1000;
        options.limits.samples = 3;
        options.limits.label_value = 10;
        gateway.groups = Some(2);
    });
    let long = "x".repeat(1001);
    let got = served.put("/metrics/job/j", &long);
    assert_eq!((got.status, &*got.text()), (413, "the body has more than 1000 bytes\n"));
    let chunked = format!(
        "PUT /metrics/job/j HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n\
         {:x}\r\n{long}\r\n0\r\n\r\n",
        long.len()
    );
    assert_eq!(Got::of(&served.raw(chunked.as_bytes())).status, 413);
    assert_eq!(served.put("/metrics/job/j", "a 1\nb 1\nc 1\nd 1\n").status, 413);
    assert_eq!(served.put("/metrics/job/j", "a{x=\"12345678901\"} 1\n").status, 413);
    assert_eq!(
        [served.put("/metrics/job/j", "a 1\n").status, served.put("/metrics/job/k", "a 1\n").status],
        [200; 2]
    );
    let got = served.put("/metrics/job/l", "a 1\n");
    assert_eq!((got.status, got.head.contains("retry-after: 1")), (429, true));
    // Those that are there can be pushed to, and one that goes makes room.
    assert_eq!(served.put("/metrics/job/k", "a 2\n").status, 200);
    assert_eq!(served.ask("DELETE", "/metrics/job/j", &[], "").status, 202);
    assert_eq!(served.put("/metrics/job/l", "a 1\n").status, 200);
    let rejected = served.lines(&["pushgateway_rejected_pushes_total{reason=\"limit\""]);
    assert_eq!(rejected, [r#"pushgateway_rejected_pushes_total{reason="limit"} 5"#]);
}

#[test]
fn too_many_connections_are_told_so() {
    let served = gateway(|options, _| options.connections = 1);
    let mut first = TcpStream::connect(served.address).unwrap();
    first.write_all(b"GET /-/ready HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut told = [0; 15];
    first.read_exact(&mut told).unwrap();
    assert_eq!(&told, b"HTTP/1.1 200 OK");
    let got = served.get("/metrics");
    assert_eq!((got.status, &*got.text()), (503, "too many connections\n"));
    assert!(got.head.contains("retry-after"), "{}", got.head);
}

#[test]
fn a_body_that_does_not_come_is_not_waited_for_for_ever() {
    let served = gateway(|options, _| options.request_time = Duration::from_millis(200));
    let mut slow = TcpStream::connect(served.address).unwrap();
    slow.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    slow.write_all(b"PUT /metrics/job/j HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\na 1\n").unwrap();
    let mut answer = Vec::new();
    slow.read_to_end(&mut answer).unwrap();
    let got = Got::of(&answer);
    assert_eq!((got.status, &*got.text()), (408, "the body did not arrive in time\n"));
    assert_eq!(served.lines(&["a"]), [""; 0]);
}

#[test]
fn who_may_not_end_or_reload_the_gateway_is_told_so() {
    let served = gateway(|_, _| {});
    let got = served.put("/-/quit", "");
    assert_eq!((got.status, &*got.text()), (403, "Lifecycle API is not enabled."));
    let got = served.get("/-/quit");
    assert_eq!((got.status, &*got.text()), (405, "Only POST or PUT requests allowed."));
    assert_eq!(served.put("/-/reload", "").status, 404);
    assert_eq!(served.put("/api/v1/admin/wipe", "").status, 404);
    let served = gateway(|options, _| {
        options.routes.lifecycle = true;
        options.routes.admin = true;
    });
    assert_eq!(served.put("/-/reload", "").status, 200);
    assert_eq!(served.put("/metrics/job/j", "a 1\n").status, 200);
    assert_eq!(served.put("/api/v1/admin/wipe", "").status, 202);
    assert_eq!(served.lines(&["a", "push_time"]), [""; 0]);
    assert_eq!(served.put("/-/quit", "").text(), "Requesting termination... Goodbye!");
}
