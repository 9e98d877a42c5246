//! The page, its forms, and where it is.

use std::io::Read;

use flate2::read::MultiGzDecoder;

use crate::client::gateway;

#[test]
fn a_compressed_page_is_the_same_page() {
    let served = gateway(|options, _| options.routes.own = Some("/telemetry".to_owned()));
    let series: String = (0..2000).map(|at| format!("big{{n=\"{at}\"}} {at}\n")).collect();
    assert_eq!(served.put("/metrics/job/j", &format!("{series}small 1\n")).status, 200);
    let plain = served.get("/metrics");
    assert!(plain.body.len() > 50_000);
    for _ in 0..2 {
        let packed = served.ask("GET", "/metrics", &["Accept-Encoding: gzip"], "");
        assert!(packed.head.contains("content-encoding: gzip"), "{}", packed.head);
        assert!(packed.body.len() < plain.body.len() / 4);
        let mut unpacked = Vec::new();
        MultiGzDecoder::new(&packed.body[..]).read_to_end(&mut unpacked).unwrap();
        assert!(unpacked == plain.body);
    }
    let refused = served.ask("GET", "/metrics", &["Accept-Encoding: gzip;q=0"], "");
    assert!(refused.body == plain.body);
}

#[test]
fn the_gateways_own_metrics_stand_on_the_page_or_apart() {
    let served = gateway(|_, _| {});
    let taken = "# TYPE process_open_fds counter\nprocess_open_fds 1\n";
    let refused = served.put("/metrics/job/j", taken);
    let why = "pushed metrics are invalid or inconsistent with existing metrics: \
               gathered metric family process_open_fds has type COUNTER but should have GAUGE\n";
    assert_eq!((refused.status, &*refused.text()), (400, why));
    assert_eq!(
        served.put("/metrics/job/j", "# TYPE process_open_fds gauge\nprocess_open_fds 1\n").status,
        200
    );
    let page = served.get("/metrics").text();
    for name in [
        "process_cpu_seconds_total",
        "process_open_fds{instance=\"\",job=\"j\"} 1",
        "pushgateway_build_info{",
        "pushgateway_http_push_duration_seconds{method=\"put\",quantile=\"0.9\"}",
        "pushgateway_http_push_size_bytes_count{method=\"put\"} 2",
        "pushgateway_http_requests_total{code=\"400\",handler=\"push\",method=\"put\"} 1",
        "pushgateway_groups 1",
        "pushgateway_store_up 1",
    ] {
        assert!(page.lines().any(|line| line.starts_with(name)), "{name} is missing in {page}");
    }
    let apart = gateway(|options, _| options.routes.own = Some("/telemetry".to_owned()));
    assert_eq!(apart.put("/metrics/job/j", taken).status, 200);
    let names = apart.get("/metrics").text();
    assert!(!names.contains("pushgateway_"), "{names}");
    assert!(names.contains("# TYPE process_open_fds counter\n"), "{names}");
    assert!(apart.get("/telemetry").text().contains("# TYPE process_open_fds gauge\n"));
    assert_eq!(served.get("/telemetry").status, 404);
}

#[test]
fn who_insists_gets_another_form() {
    let served = gateway(|_, _| {});
    assert_eq!(served.put("/metrics/job/j", "# TYPE n_total counter\nn_total 1\n").status, 200);
    let openmetrics =
        served.ask("GET", "/metrics", &["Accept: application/openmetrics-text;version=1.0.0"], "");
    assert!(openmetrics.text().ends_with("# EOF\n"));
    assert!(openmetrics.text().contains("# TYPE n counter\nn_total{instance=\"\",job=\"j\"} 1"));
    let accept =
        "Accept: application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";
    let protobuf = served.ask("GET", "/metrics", &[accept], "");
    assert!(protobuf.head.contains("content-type: application/vnd.google.protobuf"), "{}", protobuf.head);
    assert!(protobuf.body.windows(7).any(|bytes| bytes == b"n_total"));
}

#[test]
fn everything_moves_behind_a_prefix() {
    let served = gateway(|options, _| options.routes.prefix = "/pg".to_owned());
    assert_eq!(served.put("/metrics/job/j", "a 1\n").status, 404);
    assert_eq!(served.put("/pg/metrics/job/j", "a 1\n").status, 200);
    assert!(served.get("/pg/metrics").text().contains("a{instance=\"\",job=\"j\"} 1\n"));
    assert_eq!(served.get("/pg/api/v1/metrics").json()["data"][0]["labels"]["job"], "j");
    assert!(served.get("/pg").head.contains("location: /pg/\r\n"));
}
