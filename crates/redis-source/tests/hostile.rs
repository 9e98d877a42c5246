//! Databases with anything in them, and servers that do not answer: the page stays up, or says why not.
#![allow(clippy::unwrap_used)]

mod support;

use std::time::{Duration, Instant};

use collector::Ask;
use exposition::Syntax;
use proptest::prelude::*;
use redis_source::{Foreign, Inside, Schema};
use redis_testkit::RedisServer;
use support::{catalog, collect, collect_with, collector_of, foreign, own};

const CATALOG: &str =
    "# TYPE jobs_total counter\n# TYPE depth gauge\n# TYPE lat histogram\nlat_bucket{le=\"1\"} 0\n";

/// A number of gunicorn-prometheus-exporter, with its twin.
fn put(server: &RedisServer, sort: &str, pid: &str, hash: &str, original: &str, value: &str) {
    server.cli(&["HSET", &format!("gunicorn:{sort}:{pid}:metric:{hash}"), "value", value, "timestamp", "1"]);
    server.cli(&["HSET", &format!("gunicorn:{sort}:{pid}:meta:{hash}"), "original_key", original]);
}

fn good(server: &RedisServer) {
    put(server, "counter", "1", "aa", r#"["jobs", "jobs_total", {}, "Jobs."]"#, "3.0");
}

const GOOD: &str = "# HELP jobs_total Jobs.\n# TYPE jobs_total counter\njobs_total 3.0\n";

/// How many faults there were for a reason.
fn bad(own: &str, reason: &str) -> String {
    let line = own.lines().find(|line| line.contains(&format!("reason=\"{reason}\""))).unwrap_or_default();
    line.rsplit(' ').next().unwrap_or_default().to_owned()
}

#[test]
fn what_cannot_be_read_is_left_out_and_counted() {
    let server = RedisServer::start();
    good(&server);
    let key = r#"["jobs", "jobs_total", {"q": "x"}, "Jobs."]"#;
    put(&server, "counter", "1", "b1", key, "three");
    put(&server, "counter", "1", "b2", r#"["jobs", "jobs_total", {"q"#, "1.0");
    put(&server, "counter", "1", "b3", r#"["jobs", "other_total", {}, ""]"#, "1.0");
    put(&server, "histogram", "1", "b4", r#"["h", "h_bucket", {"le": "much"}, ""]"#, "1.0");
    put(&server, "gauge_median", "1", "b5", r#"["g", "g", {}, ""]"#, "1.0");
    server.cli(&["HSET", "gunicorn:counter:1:metric:b6", "value", "1.0"]);
    server.cli(&["SET", "gunicorn:counter:1:metric:aa2", "1.0"]);
    server.cli(&["HSET", "gunicorn:counter:1:meta:aa2", "original_key", key]);
    server.cli(&["HSET", "gunicorn:counter:1:metric:b7", "value", "1.0"]);
    server.cli(&["SET", "gunicorn:counter:1:meta:b7", "text"]);
    server.cli(&["HSET", "gunicorn:counter:2:metric:aa", "other", "1.0"]);
    server.cli(&["HSET", "gunicorn:counter:metric:aa", "value", "1.0"]);
    put(&server, "gauge", "1", "b8", r#"["phantom", "phantom", {}, ""]"#, "0.0");
    let collector = collector_of(foreign(&server.url(), Schema::Gunicorn));
    for _ in 0..3 {
        assert_eq!(collect(&collector).unwrap(), GOOD);
    }
    let own = own(&collector);
    // A hash without a value was perhaps made just now: it counts from the second time on.
    let expected = [
        ("wrong_type", "2.0"),
        ("no_metadata", "2.0"),
        ("metadata", "4.0"),
        ("labels", "0.0"),
        ("number", "2.0"),
    ];
    for (reason, count) in expected {
        assert_eq!(bad(&own, reason), count, "{reason}: {own}");
    }
}

#[test]
fn a_twin_that_is_missing_is_another_processes_too() {
    let server = RedisServer::start();
    good(&server);
    server.cli(&["HSET", "gunicorn:counter:0:metric:aa", "value", "4.0"]);
    assert!(
        collect(&collector_of(foreign(&server.url(), Schema::Gunicorn))).unwrap().contains("jobs_total 7.0")
    );
}

#[test]
fn a_twin_that_comes_later_is_found() {
    let server = RedisServer::start();
    server.cli(&["HSET", "gunicorn:counter:1:metric:aa", "value", "3.0"]);
    let collector = collector_of(foreign(&server.url(), Schema::Gunicorn));
    assert_eq!(collect(&collector).unwrap(), "");
    assert_eq!(bad(&own(&collector), "no_metadata"), "0.0");
    good(&server);
    assert_eq!(collect(&collector).unwrap(), GOOD);
    assert_eq!(bad(&own(&collector), "no_metadata"), "0.0");
}

#[test]
fn series_come_and_go() {
    let server = RedisServer::start();
    let collector = collector_of(foreign(&server.url(), Schema::Gunicorn));
    assert_eq!(collect(&collector).unwrap(), "");
    good(&server);
    assert_eq!(collect(&collector).unwrap(), GOOD);
    put(&server, "counter", "2", "aa", r#"["jobs", "jobs_total", {}, "Jobs."]"#, "5.0");
    assert_eq!(collect(&collector).unwrap(), GOOD.replace("3.0", "8.0"));
    server.cli(&["DEL", "gunicorn:counter:1:metric:aa"]);
    assert_eq!(collect(&collector).unwrap(), GOOD.replace("3.0", "5.0"));
    server.cli(&["FLUSHALL"]);
    assert_eq!(collect(&collector).unwrap(), "");
}

#[test]
fn live_gauges_leave_out_pids_that_nobody_has_where_that_is_asked() {
    let server = RedisServer::start();
    let mine = std::process::id().to_string();
    for pid in [&*mine, "4194305"] {
        put(&server, "gauge_liveall", pid, "aa", r#"["up", "up", {}, ""]"#, "1.0");
        put(&server, "gauge_all", pid, "bb", r#"["seen", "seen", {}, ""]"#, "1.0");
    }
    let everybody = foreign(&server.url(), Schema::Gunicorn);
    let here = Foreign { pids_are_local: true, ..everybody.clone() };
    let lines = |foreign| {
        let page = collect(&collector_of(foreign)).unwrap();
        ["up{", "seen{"].map(|name| page.lines().filter(|line| line.starts_with(name)).count())
    };
    assert_eq!((lines(everybody), lines(here)), ([2, 2], [1, 2]));
}

#[test]
fn labels_of_the_source_stand_on_everything() {
    let server = RedisServer::start();
    good(&server);
    let labels = vec![("app".to_owned(), "shop".to_owned())];
    let labelled = Foreign { labels, ..foreign(&server.url(), Schema::Gunicorn) };
    assert!(collect(&collector_of(labelled)).unwrap().contains("jobs_total{app=\"shop\"} 3.0\n"));
}

#[test]
fn a_prefix_is_taken_as_it_is() {
    let server = RedisServer::start();
    server.cli(&["HSET", "a*:counter:1:metric:aa", "value", "1"]);
    server.cli(&["HSET", "a*:counter:1:meta:aa", "original_key", r#"["x", "x_total", {}, ""]"#]);
    server.cli(&["HSET", "ab:counter:1:metric:aa", "value", "10"]);
    server.cli(&["HSET", "a*:b:counter:1:metric:aa", "value", "100"]);
    let starred = Foreign { prefix: Some("a*".to_owned()), ..foreign(&server.url(), Schema::Gunicorn) };
    assert!(collect(&collector_of(starred)).unwrap().contains("x_total 1.0\n"));
}

#[test]
fn shared_numbers_of_odd_types_are_left_out() {
    let server = RedisServer::start();
    server.cli(&["RPUSH", "jobs_total", "1"]);
    server.cli(&["HSET", "depth", r#"{"q": "a"}"#, "4", "q=a", "5", r#"{"q": "b"}"#, "many"]);
    server.cli(&["SET", "lat:1", "2"]);
    server.cli(&["SET", "lat:1.0", "1"]);
    server.cli(&["SET", "lat:+Inf", "5"]);
    server.cli(&["SET", "lat:count", "5"]);
    let mut known = foreign(&server.url(), Schema::Pytheus);
    known.catalog = catalog(CATALOG);
    let collector = collector_of(known);
    let page = collect(&collector).unwrap();
    let samples: Vec<&str> = page.lines().filter(|line| !line.starts_with('#')).collect();
    let expected =
        ["depth{q=\"a\"} 4.0", "lat_count 5.0", "lat_bucket{le=\"1\"} 3.0", "lat_bucket{le=\"+Inf\"} 5.0"];
    assert_eq!(samples, expected);
    let own = own(&collector);
    for (reason, count) in [("wrong_type", "1.0"), ("labels", "1.0"), ("number", "1.0")] {
        assert_eq!(bad(&own, reason), count, "{reason}: {own}");
    }
}

#[test]
fn php_metrics_with_odd_fields_show_the_others() {
    let server = RedisServer::start();
    server.cli(&["SADD", "PROMETHEUS_counter_METRIC_KEYS", "c", "gone", "list", "bare", "odd"]);
    server.cli(&["HSET", "c", "__meta", r#"{"name":"c","help":"","type":"counter","labelNames":["code"]}"#]);
    server.cli(&[
        "HSET",
        "c",
        "[200]",
        "1",
        "[\"200\"]",
        "2",
        "[\"a\",\"b\"]",
        "4",
        "nonsense",
        "8",
        "[\"x\"]",
        "NaN?",
    ]);
    server.cli(&["RPUSH", "list", "1"]);
    server.cli(&["HSET", "bare", "[]", "1"]);
    server.cli(&["HSET", "odd", "__meta", "{}", "[]", "1"]);
    server.cli(&["SET", "PROMETHEUS_gauge_METRIC_KEYS", "text"]);
    server.cli(&["SET", "PROMETHEUS_summary_METRIC_KEYS:s:W10=:value:1", "1"]);
    server.cli(&["SET", "PROMETHEUS_summary_METRIC_KEYS:t:W10=:value:1", "1"]);
    server.cli(&["SET", "PROMETHEUS_summary_METRIC_KEYS:t:!!!!:value:1", "1"]);
    server.cli(&["SET", "PROMETHEUS_summary_METRIC_KEYS:t:W10=:value:2", "much"]);
    server.cli(&["RPUSH", "PROMETHEUS_summary_METRIC_KEYS:t:W10=:value:3", "1"]);
    let meta = r#"{"name":"t","help":"","type":"summary","labelNames":[],"quantiles":[0.5]}"#;
    server.cli(&["SET", "PROMETHEUS_summary_METRIC_KEYS:t:meta", meta]);
    let collector = collector_of(foreign(&server.url(), Schema::PromPhp));
    let page = collect(&collector).unwrap();
    let samples: Vec<&str> = page.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(samples, ["c{code=\"200\"} 3.0", "t{quantile=\"0.5\"} 1.0", "t_sum 1.0", "t_count 1.0"]);
    let own = own(&collector);
    let expected = [
        ("wrong_type", "2.0"),
        ("no_metadata", "2.0"),
        ("metadata", "1.0"),
        ("labels", "3.0"),
        ("number", "2.0"),
    ];
    for (reason, count) in expected {
        assert_eq!(bad(&own, reason), count, "{reason}: {own}");
    }
}

#[test]
fn a_server_that_does_not_answer_fails_the_page_in_time_and_says_so() {
    let server = RedisServer::start();
    good(&server);
    let collector = collector_of(foreign(&server.url(), Schema::Gunicorn));
    collect(&collector).unwrap();
    server.pause();
    let mut ask = Ask::default();
    let start = Instant::now();
    // The source gives up by itself; the collector would a moment later.
    ask.deadline = Some(start + Duration::from_secs(1));
    let error = collect_with(&collector, &ask).unwrap_err().to_string();
    assert!(start.elapsed() < Duration::from_secs(3));
    assert!(error.contains(&server.url()), "{error}");
    server.resume();
    assert_eq!(collect(&collector).unwrap(), GOOD);
}

#[test]
fn a_server_that_is_not_there_or_refuses_us_is_named_without_its_password() {
    let server = RedisServer::start_with(&["--requirepass", "g3heim"]);
    let url = format!("redis://:guess3d@127.0.0.1:{}/0", server.port());
    let error = collect(&collector_of(foreign(&url, Schema::Gunicorn))).unwrap_err().to_string();
    assert!(error.contains("WRONGPASS") && !error.contains("guess3d"), "{error}");
    let error = collect(&collector_of(foreign(&server.url(), Schema::Auto))).unwrap_err().to_string();
    assert!(error.contains("NOAUTH"), "{error}");
}

#[test]
fn a_user_who_may_only_read_is_enough() {
    let server = RedisServer::start();
    good(&server);
    server.cli(&["ACL", "SETUSER", "reader", "on", ">s3cret", "~*", "+@read"]);
    let url = format!("redis://reader:s3cret@127.0.0.1:{}/0", server.port());
    assert_eq!(collect(&collector_of(foreign(&url, Schema::Auto))).unwrap(), GOOD);
    server.cli(&["ACL", "SETUSER", "reader", "-hget"]);
    let error = collect(&collector_of(foreign(&url, Schema::Gunicorn))).unwrap_err().to_string();
    assert!(error.contains("NOPERM"), "{error}");
}

#[test]
fn who_looks_is_told_what_was_found() {
    let server = RedisServer::start();
    let look = || collect(&collector_of(foreign(&server.url(), Schema::Auto)));
    let error = look().unwrap_err().to_string();
    assert!(
        error.contains("(pytheus needs a catalog)") && error.contains("the database is empty"),
        "{error}"
    );
    server.cli(&["SET", "session:1", "x"]);
    let error = look().unwrap_err().to_string();
    assert!(error.contains("none of the 1 keys is one of theirs"), "{error}");
    good(&server);
    assert_eq!(look().unwrap(), GOOD);
    server.cli(&["SADD", "P_counter_METRIC_KEYS", "c"]);
    let error = look().unwrap_err().to_string();
    let both =
        "several clients' metrics, say which: schema=gunicorn&prefix=gunicorn, schema=promphp&prefix=P_";
    assert!(error.ends_with(both), "{error}");
}

#[test]
fn a_look_is_bounded() {
    let server = RedisServer::start();
    server.cli(&["EVAL", "for i = 1, 300000 do redis.call('SET', 'session:' .. i, i) end", "0"]);
    server.cli(&["CONFIG", "RESETSTAT"]);
    let error = collect(&collector_of(foreign(&server.url(), Schema::Auto))).unwrap_err().to_string();
    assert!(error.contains("none of the first 20"), "{error}");
    let statistics = server.cli(&["INFO", "commandstats"]);
    let scans = statistics.lines().find_map(|line| line.strip_prefix("cmdstat_scan:calls=")).unwrap();
    let scans: u32 = scans.split(',').next().unwrap().parse().unwrap();
    assert!(scans <= 25, "{scans}");
}

#[test]
fn a_walk_whose_keys_could_not_be_learned_is_made_again() {
    let server = RedisServer::start();
    good(&server);
    server.cli(&["EVAL", "for i = 1, 100000 do redis.call('SET', 'session:' .. i, i) end", "0"]);
    server.cli(&["ACL", "SETUSER", "reader", "on", ">s3cret", "~*", "+@read", "-hget"]);
    let url = format!("redis://reader:s3cret@127.0.0.1:{}/0", server.port());
    let collector = collector_of(foreign(&url, Schema::Gunicorn));
    assert!(collect(&collector).is_err());
    server.cli(&["ACL", "SETUSER", "reader", "+hget"]);
    assert_eq!(collect(&collector).unwrap(), GOOD);
}

#[test]
fn other_peoples_keys_are_not_walked_through_at_every_scrape() {
    let server = RedisServer::start();
    good(&server);
    server.cli(&["EVAL", "for i = 1, 200000 do redis.call('SET', 'session:' .. i, i) end", "0"]);
    let collector = collector_of(foreign(&server.url(), Schema::Gunicorn));
    assert_eq!(collect(&collector).unwrap(), GOOD);
    let scans = || {
        let statistics = server.cli(&["INFO", "commandstats"]);
        let line = statistics.lines().find_map(|line| line.strip_prefix("cmdstat_scan:calls=")).unwrap();
        line.split(',').next().unwrap().to_owned()
    };
    let walked = scans();
    // What is known is read at every scrape all the same.
    server.cli(&["HSET", "gunicorn:counter:1:metric:aa", "value", "4.0"]);
    assert_eq!((collect(&collector).unwrap(), scans()), (GOOD.replace("3.0", "4.0"), walked));
    put(&server, "counter", "2", "aa", r#"["jobs", "jobs_total", {}, "Jobs."]"#, "5.0");
    let until = Instant::now() + Duration::from_secs(60);
    while collect(&collector).unwrap() != GOOD.replace("3.0", "9.0") {
        assert!(Instant::now() < until);
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Any text, often one that means something.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{0,20}",
        "\\PC{0,8}",
        Just("inf".to_owned()),
        Just("nan".to_owned()),
        Just("-1e308".to_owned()),
        "[0-9.e+-]{1,8}",
        Just(r#"["a", "a_total", {"l": "v"}, "h"]"#.to_owned()),
        Just(r#"["a", "a_bucket", {"le": "1.0"}, "h"]"#.to_owned()),
        Just(r#"["a", "a", {"\n": "\u0000"}, "h"]"#.to_owned()),
        Just(
            r#"{"name":"a b","help":"h\n","labelNames":["l\"","l\""],"buckets":[1,"x"],"quantiles":[0.5]}"#
                .to_owned()
        ),
        Just(r#"["x","y"]"#.to_owned()),
        Just(r#"{"b":1,"labelValues":["x","y"]}"#.to_owned()),
    ]
}

/// A key that a reader looks at.
fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        "gunicorn:(counter|histogram|summary|gauge(_all|_max|_mostrecent)?|x):[12]:(metric|meta):[ab]",
        "PROMETHEUS_(counter|gauge|histogram|summary)_METRIC_KEYS",
        "PROMETHEUS_summary_METRIC_KEYS:(keys|s:meta|s:value:keys|s:W10=:value:[12]|s:WyJ4IiwieSJd:value:1)",
        "PROMETHEUS_:(counter|gauge|histogram):a",
        "(jobs_total|depth|lat:1|lat:[+]Inf|lat:count|lat:sum)",
    ]
}

fn put_anything() -> impl Strategy<Value = Vec<String>> {
    let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
    prop_oneof![
        4 => (key(), prop_oneof![Just("value"), Just("timestamp"), Just("original_key"), Just("__meta")], text())
            .prop_map(move |(key, field, text)| words(&["HSET", &key, field, &text])),
        2 => (key(), text(), text()).prop_map(move |(key, field, text)| words(&["HSET", &key, &field, &text])),
        2 => (key(), text()).prop_map(move |(key, text)| words(&["SET", &key, &text])),
        2 => (key(), key()).prop_map(move |(set, member)| words(&["SADD", &set, &member])),
        1 => (key(), text()).prop_map(move |(key, text)| words(&["RPUSH", &key, &text])),
    ]
}

#[test]
fn whatever_lies_there_the_page_is_one() {
    let server = RedisServer::start();
    let link = redis_link::Link::new(
        redis_link::Address::parse(&server.url()).unwrap(),
        redis_link::Timeouts::default(),
    );
    let commands = proptest::collection::vec(put_anything(), 0..60);
    let config = ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(commands in commands)| {
        let mut pipeline = redis_link::redis::pipe();
        pipeline.cmd("FLUSHALL");
        for command in &commands {
            pipeline.cmd(&command[0]);
            for word in &command[1..] {
                pipeline.arg(word);
            }
        }
        link.run_each_by(&pipeline, None).unwrap();
        for schema in [Schema::Gunicorn, Schema::PromPhp, Schema::Pytheus] {
            let mut known = foreign(&server.url(), schema);
            known.catalog = catalog(CATALOG);
            let inside = Inside::read(known.clone(), &Ask::default()).unwrap();
            let collector = collector_of(known);
            let page = collect(&collector).unwrap();
            prop_assert_eq!(&collect(&collector).unwrap(), &page);
            let read = exposition::parse(Syntax::Text0, page.as_bytes());
            prop_assert!(read.is_ok(), "{:?}\n{}", read, page);
            // A look inside names what the page leaves out.
            let own = own(&collector);
            let bad = own.lines().filter(|line| line.starts_with("multiprom_redis_bad_total{"));
            let bad: f64 = bad.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum();
            let mut faults: Vec<_> = inside.faults.iter().map(|fault| (&fault.place, fault.reason)).collect();
            faults.dedup();
            prop_assert_eq!(faults.len() as f64, bad, "{:?}", inside.faults);
        }
    });
}
