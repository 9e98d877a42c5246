//! What the official gateway has not: lives, sums, splits, dry runs, groups page by page.

use std::time::Duration;

use serde_json::{Value, json};

use crate::client::gateway;

#[test]
fn a_group_goes_when_its_time_is_over_and_a_push_gives_it_more() {
    let served = gateway(|_, _| {});
    assert_eq!(served.put("/metrics/job/j?ttl=60", "a 1\n").status, 200);
    assert_eq!(served.ask("PUT", "/metrics/job/k", &["X-Push-TTL: 1h"], "b 1\n").status, 200);
    served.pass(Duration::from_secs(50));
    assert_eq!(served.ask("POST", "/metrics/job/j?ttl=1m", &[], "a 2\n").status, 200);
    served.pass(Duration::from_secs(50));
    assert_eq!(served.lines(&["a", "b"]), [r#"a{instance="",job="j"} 2"#, r#"b{instance="",job="k"} 1"#]);
    served.pass(Duration::from_secs(20));
    assert_eq!(served.lines(&["a", "b", "push_time"]).len(), 2, "b and its push time");
    served.pass(Duration::from_secs(3600));
    assert_eq!(served.get("/api/v1/metrics").json()["data"], json!([]));
    // Its name is free again.
    assert_eq!(served.put("/metrics/job/x", "# TYPE a gauge\na 1\n").status, 200);
}

#[test]
fn a_push_that_adds_up_counts_once_with_a_key() {
    let served = gateway(|_, _| {});
    let push = |key: &str, query: &str| {
        let body = "# TYPE jobs_total counter\njobs_total 2\n# TYPE last gauge\nlast 5\n";
        let header = format!("Idempotency-Key: {key}");
        served.ask("POST", &format!("/metrics/job/j?mode=aggregate{query}"), &[&header], body).status
    };
    assert_eq!([push("one", ""), push("one", ""), push("two", "&gauges=sum")], [200; 3]);
    assert_eq!(
        served.lines(&["jobs", "last"]),
        [r#"jobs_total{instance="",job="j"} 4"#, r#"last{instance="",job="j"} 10"#]
    );
    assert_eq!(served.lines(&["pushgateway_repeated"]), ["pushgateway_repeated_pushes_total 1"]);
}

#[test]
fn a_body_is_split_into_groups_by_labels() {
    let served = gateway(|_, _| {});
    let pushed = served.put("/metrics/job/j?group_by=instance", "a{instance=\"x\"} 1\na{instance=\"y\"} 2\n");
    assert_eq!(pushed.status, 200);
    assert_eq!(served.ask("DELETE", "/metrics/job/j/instance/x", &[], "").status, 202);
    assert_eq!(served.lines(&["a"]), [r#"a{instance="y",job="j"} 2"#]);
    let refused = served.put("/metrics/job/j?group_by=job", "a 1\n");
    assert_eq!((refused.status, &*refused.text()), (400, "group_by: the path names \"job\" already\n"));
}

#[test]
fn a_dry_run_tells_what_would_happen_and_changes_nothing() {
    let served = gateway(|_, _| {});
    assert_eq!(served.put("/metrics/job/j", "a{x=\"1\"} 1\na{x=\"2\"} 2\nb 1\n").status, 200);
    assert_eq!(served.put("/metrics/job/k", "# TYPE c gauge\nc 1\n").status, 200);
    let before = served.get("/api/v1/metrics").text();
    let told = |method: &str, path: &str, body: &str| {
        served.ask(method, path, &[], body).json()["data"]["groups"].clone()
    };
    let family = |would: &str, before: u64, after: u64| json!({ "would": would, "series_before": before, "series_after": after });
    assert_eq!(
        told("POST", "/metrics/job/j?dry_run=1", "a 1\nd 1\n"),
        json!([{
            "labels": { "job": "j" }, "would": "change",
            "families": { "a": family("replace", 2, 1), "b": family("keep", 1, 1), "d": family("add", 0, 1) },
        }])
    );
    let refused = told("PUT", "/metrics/job/j?dry_run=1", "c 1\n");
    assert_eq!(refused[0]["would"], "refuse");
    assert_eq!(refused[0]["reason"], "gathered metric family c has type UNTYPED but should have GAUGE");
    assert_eq!(told("PUT", "/metrics/job/new?dry_run=1", "e 1\n")[0]["would"], "create");
    assert_eq!(
        told("DELETE", "/metrics/job/j?dry_run=1", ""),
        json!([{ "labels": { "job": "j" }, "would": "delete" }])
    );
    let bad = served.put("/metrics/job/j?dry_run=1", "a 1 1000\n");
    assert_eq!(bad.status, 400);
    assert_eq!(served.get("/api/v1/metrics").text(), before);
}

#[test]
fn groups_are_listed_page_by_page_and_deleted_by_selectors() {
    let served = gateway(|_, _| {});
    for job in ["a", "b", "c", "test-1", "test-2"] {
        assert_eq!(served.put(&format!("/metrics/job/{job}"), "m 1\n").status, 200);
    }
    let mut seen = Vec::new();
    let mut path = "/api/v1/groups?limit=2".to_owned();
    loop {
        let page = served.get(&path).json()["data"].clone();
        let groups = page["groups"].as_array().unwrap().clone();
        assert!(groups.len() <= 2);
        seen.extend(groups.iter().map(|group| group["labels"]["job"].as_str().unwrap().to_owned()));
        match &page["next"] {
            Value::String(next) => path = format!("/api/v1/groups?limit=2&after={next}"),
            _ => break,
        }
    }
    assert_eq!(seen, ["a", "b", "c", "test-1", "test-2"]);
    let found = served.get("/api/v1/groups?search=test").json()["data"]["groups"].clone();
    assert_eq!(found.as_array().unwrap().len(), 2);
    let selected = "/api/v1/groups?match[]=%7Bjob%3D~%22test-.*%22%7D&match[]=%7Bjob%3D%22a%22%7D";
    let dry = served.ask("DELETE", &format!("{selected}&dry_run=1"), &[], "").json();
    assert_eq!(dry["data"]["groups"].as_array().unwrap().len(), 3);
    let deleted = served.ask("DELETE", selected, &[], "").json()["data"]["deleted"].clone();
    assert_eq!(deleted, json!([{ "job": "a" }, { "job": "test-1" }, { "job": "test-2" }]));
    assert_eq!(served.lines(&["m"]), [r#"m{instance="",job="b"} 1"#, r#"m{instance="",job="c"} 1"#]);
    for path in ["/api/v1/groups", "/api/v1/groups?match[]={}"] {
        assert_eq!(served.ask("DELETE", path, &[], "").status, 400, "{path}");
    }
}

#[test]
fn many_groups_are_pushed_in_one_request() {
    let served = gateway(|_, _| {});
    let body = concat!(
        r#"{"labels":{"job":"a"},"metrics":"m 1\n"}"#,
        "\n\n",
        r#"{"labels":{"job":"b"},"metrics":"m 2\n","mode":"merge","ttl":"1m"}"#,
        "\n",
        r#"{"labels":{"job":"c"},"metrics":"m x\n"}"#,
        "\n",
        r#"{"labels":{"jab":"c"},"metrics":"m 1\n"}"#,
        "\n",
    );
    let answer = served.ask("POST", "/api/v1/push", &[], body);
    assert_eq!(answer.status, 400);
    let told = answer.json();
    let codes: Vec<_> =
        told["data"].as_array().unwrap().iter().map(|line| line["code"].as_u64().unwrap()).collect();
    assert_eq!(codes, [200, 200, 400, 400]);
    assert_eq!(
        told["data"][2]["error"],
        "text format parsing error in line 1: expected float as value, got \"x\""
    );
    assert_eq!(told["data"][3]["error"], "job name is required");
    assert_eq!(served.lines(&["m"]), [r#"m{instance="",job="a"} 1"#, r#"m{instance="",job="b"} 2"#]);
}

#[test]
fn flat_text_is_taken_and_lives_for_a_while() {
    let served = gateway(|options, _| {
        options.routes.ingest = Some("/ingest".to_owned());
        options.ingest_lives = Some(Duration::from_secs(300));
    });
    let post = |body: &str| served.ask("POST", "/ingest", &[], body).status;
    assert_eq!(
        post(
            "# TYPE hits counter\nhits{host=\"x\"} 1\nhits{host=\"y\"} 2\ncpu{job=\"j\",instance=\"i\"} 9\n"
        ),
        200
    );
    assert_eq!(post("# TYPE hits counter\nhits{host=\"y\"} 3\n"), 200);
    let expected = [
        r#"cpu{instance="i",job="j"} 9"#,
        r#"hits{host="x",instance="",job="ingest"} 1"#,
        r#"hits{host="y",instance="",job="ingest"} 3"#,
    ];
    assert_eq!(served.lines(&["hits", "cpu"]), expected);
    let refused = served.ask("PUT", "/ingest", &[], "hits 1\n");
    assert_eq!((refused.status, &*refused.text()), (405, "Method is not supported.\n"));
    served.pass(Duration::from_secs(301));
    assert_eq!(served.lines(&["hits", "cpu"]), [""; 0]);
}

#[test]
fn paths_without_a_job_add_up_where_that_is_asked_for() {
    let served = gateway(|options, _| {
        options.routes.aggregate = true;
        options.default_job = "summed".to_owned();
    });
    let body = "# TYPE n_total counter\nn_total 1\n";
    assert_eq!(served.ask("POST", "/metrics", &[], body).status, 202);
    assert_eq!(served.put("/metrics", body).status, 202);
    assert_eq!(served.put("/metrics/zone/a", body).status, 202);
    assert_eq!(served.put("/metrics/job/j", body).status, 200);
    let expected = [
        r#"n_total{instance="",job="j"} 1"#,
        r#"n_total{instance="",job="summed"} 2"#,
        r#"n_total{instance="",job="summed",zone="a"} 1"#,
    ];
    assert_eq!(served.lines(&["n_total"]), expected);
    assert_eq!(gateway(|_, _| {}).put("/metrics/zone/a", body).status, 404);
}
