//! Databases as sources, of other clients and of stores of our own.

use std::path::Path;
use std::time::{Duration, Instant};

use metrics_core::{Aggregation, Registry};
use redis_testkit::{RedisCluster, RedisServer};
use store_redis::{Options, RedisStore};

use crate::process::{multiprom, run};
use crate::recorded::Recorded;
use crate::serve::{Server, get};

const JOBS: &str = "# HELP jobs_total Jobs.\n# TYPE jobs_total counter\njobs_total 3.0\n";

/// A server with one number of gunicorn-prometheus-exporter's.
fn jobs(prefix: &str, arguments: &[&str]) -> RedisServer {
    let server = RedisServer::start_with(arguments);
    let password = arguments.last().map_or(vec![], |password| vec!["--no-auth-warning", "-a", password]);
    for command in [
        vec!["HSET", &format!("{prefix}:counter:1:metric:aa"), "value", "3.0", "timestamp", "0.0"],
        vec![
            "HSET",
            &format!("{prefix}:counter:1:meta:aa"),
            "original_key",
            r#"["jobs", "jobs_total", {}, "Jobs."]"#,
        ],
    ] {
        server.cli(&[password.clone(), command].concat());
    }
    server
}

#[test]
fn a_database_is_a_source() {
    let server = jobs("shop", &[]);
    for parameters in ["", "?schema=gunicorn&prefix=shop", "?schema=auto"] {
        let (code, page, errors) =
            run(&mut multiprom(&["collect", &format!("{}{parameters}", server.url())]));
        assert_eq!((code, page.as_str()), (Some(0), JOBS), "{errors}");
    }
    let (code, page, _) = run(&mut multiprom(&["collect", &format!("{},app=shop", server.unix_url())]));
    assert_eq!((code, page), (Some(0), JOBS.replace("jobs_total 3", "jobs_total{app=\"shop\"} 3")));
}

#[test]
fn directories_and_databases_stand_on_one_page() {
    let server = jobs("gunicorn", &[]);
    let recorded = Recorded::new("python-multiprocess/01-basic");
    let (code, page, errors) = run(&mut multiprom(&["collect", recorded.path(), &server.url()]));
    assert_eq!((code, page), (Some(0), recorded.expected("expected.txt") + JOBS), "{errors}");
}

#[test]
fn a_catalog_says_what_pytheus_metrics_are() {
    let server = RedisServer::start();
    server.cli(&["SET", "depth", "4"]);
    let directory = tempfile::tempdir().unwrap();
    let catalog = directory.path().join("catalog");
    std::fs::write(&catalog, "# HELP depth Jobs that wait.\n# TYPE depth gauge\n").unwrap();
    let page = |catalog: Option<&Path>, url: &str| {
        let mut command = multiprom(&["collect", url]);
        run(command
            .args(catalog.map(|catalog| ["--catalog".as_ref(), catalog.as_os_str()]).into_iter().flatten()))
    };
    let url = format!("{}?schema=pytheus", server.url());
    let expected = "# HELP depth Jobs that wait.\n# TYPE depth gauge\ndepth 4.0\n";
    assert_eq!(page(Some(&catalog), &url).1, expected);
    assert_eq!(page(Some(&catalog), &server.url()).1, expected);
    let (code, _, errors) = page(None, &url);
    assert!(code == Some(1) && errors.contains("a catalog must say them"), "{errors}");
}

#[test]
fn the_exporters_environment_is_enough() {
    let server = jobs("shop", &["--requirepass", "g3heim"]);
    let mut command = multiprom(&["collect"]);
    command.envs([("REDIS_ENABLED", "true"), ("REDIS_PASSWORD", "g3heim"), ("REDIS_KEY_PREFIX", "shop")]);
    command.env("REDIS_PORT", server.port().to_string());
    let (code, page, errors) = run(&mut command);
    assert_eq!((code, page.as_str()), (Some(0), JOBS), "{errors}");
    let mut command = multiprom(&["collect", &format!("{}?prefix=shop", server.url())]);
    assert_eq!(run(command.env("REDIS_PASSWORD", "g3heim")).1, JOBS);
}

#[test]
fn a_wrong_address_is_explained_without_its_password() {
    for address in
        ["redis://:s3cret@h:port/0", "redis://:s3cret@h?schema=php", "redis://:s3cret@127.0.0.1:1/0"]
    {
        let (code, _, errors) = run(&mut multiprom(&["collect", address]));
        assert_ne!(code, Some(0));
        assert!(!errors.is_empty() && !errors.contains("s3cret"), "{errors}");
    }
}

#[test]
fn a_database_that_goes_away_is_a_503_until_it_is_back() {
    let mut redis = jobs("gunicorn", &[]);
    let url = redis.url();
    let mut server = Server::start(&["serve", "--listen", "127.0.0.1:0", &format!("{url}?schema=gunicorn")]);
    let address = server.next_address();
    assert_eq!(get(&address, "/metrics"), ("HTTP/1.1 200 OK".to_owned(), JOBS.to_owned()));
    let (_, own) = get(&address, "/metrics/self");
    assert!(own.contains(&format!("multiprom_redis_keys{{database=\"{url}\"}} 1.0\n")), "{own}");
    redis.kill();
    let (status, body) = get(&address, "/metrics");
    assert_eq!(status, "HTTP/1.1 503 Service Unavailable");
    assert!(body.contains(&url) && body.contains("refused"), "{body}");
    redis.restart();
    assert_eq!(get(&address, "/metrics"), ("HTTP/1.1 200 OK".to_owned(), String::new()));
}

/// A process of our own that has done three jobs and ended.
fn three_jobs(server: &RedisServer, prefix: &str) {
    let options = Options { prefix: prefix.to_owned(), ..Options::default() };
    let store = RedisStore::open_with(&server.url(), options).unwrap();
    Registry::new(store.clone()).counter("jobs", "Jobs.").register().unwrap().inc_by(3.0);
    store.close(Duration::from_secs(20)).unwrap();
}

#[test]
fn what_stores_of_our_own_keep_is_found_and_shown() {
    let server = RedisServer::start();
    three_jobs(&server, "multiprom");
    three_jobs(&server, "shop");
    for parameters in ["", "?schema=multiprom", "?prefix=shop", "?schema=multiprom&prefix=shop"] {
        let (code, page, errors) =
            run(&mut multiprom(&["collect", &format!("{}{parameters}", server.url())]));
        assert_eq!((code, page.as_str()), (Some(0), JOBS), "{parameters}: {errors}");
    }
    let (code, page, _) = run(&mut multiprom(&["collect", &format!("{},app=shop", server.unix_url())]));
    assert_eq!((code, page), (Some(0), JOBS.replace("jobs_total 3", "jobs_total{app=\"shop\"} 3")));
}

#[test]
fn the_dead_are_taken_out_while_their_page_is_served() {
    let redis = RedisServer::start();
    three_jobs(&redis, "multiprom");
    let mut server = Server::start(&["serve", "--fold", "--listen", "127.0.0.1:0", &redis.url()]);
    let address = server.next_address();
    let begun = Instant::now();
    while redis.cli(&["ZCARD", "{multiprom#0}:processes"]) != "0\n" {
        assert_eq!(get(&address, "/metrics").1, JOBS);
        assert!(begun.elapsed() < Duration::from_secs(60), "it stays");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(get(&address, "/metrics").1, JOBS);
}

/// The value of a series of the program's own page.
fn own(address: &str, series: &str) -> f64 {
    let (_, own) = get(address, "/metrics/self");
    let line = own.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {series} in {own}")).parse().unwrap()
}

#[test]
fn while_a_database_hangs_its_last_good_page_is_served_and_counters_never_fall() {
    let redis = RedisServer::start();
    let recorded = Recorded::new("python-multiprocess/01-basic");
    let store = RedisStore::open(&redis.url()).unwrap();
    let jobs = Registry::new(store.clone()).counter("jobs", "Jobs.").register().unwrap();
    jobs.inc_by(3.0);
    store.flush(Duration::from_secs(20)).unwrap();
    let sources = [recorded.path(), &redis.url()];
    let start = |stale: &[&str]| {
        let own = ["serve", "--listen", "127.0.0.1:0", "--time-limit", "20"];
        Server::start(&[&own, stale, &sources].concat())
    };
    let (mut patient, mut strict) = (start(&["--stale-for", "600s"]), start(&[]));
    let (patient_at, strict_at) = (patient.next_address(), strict.next_address());
    let page = |jobs: &str| {
        ("HTTP/1.1 200 OK".to_owned(), recorded.expected("expected.txt") + &JOBS.replace("3.0", jobs))
    };
    assert_eq!((get(&patient_at, "/metrics"), get(&strict_at, "/metrics")), (page("3.0"), page("3.0")));
    assert_eq!(own(&patient_at, "multiprom_page_stale_seconds"), 0.0);

    redis.pause();
    jobs.inc_by(4.0);
    let mut before = 0.0;
    for _ in 0..2 {
        // The directory's series are there as well, as they were.
        assert_eq!(get(&patient_at, "/metrics"), page("3.0"));
        let age = own(&patient_at, "multiprom_page_stale_seconds");
        assert!(age > before, "{age} after {before}");
        before = age;
    }
    let (status, reason) = get(&strict_at, "/metrics");
    assert_eq!(status, "HTTP/1.1 503 Service Unavailable");
    assert!(reason.contains(&redis.url()), "{reason}");

    redis.resume();
    store.flush(Duration::from_secs(20)).unwrap();
    assert_eq!((get(&patient_at, "/metrics"), get(&strict_at, "/metrics")), (page("7.0"), page("7.0")));
    assert_eq!(own(&patient_at, "multiprom_page_stale_seconds"), 0.0);
    store.close(Duration::from_secs(20)).unwrap();
}

#[test]
fn a_page_that_is_older_than_was_asked_for_is_no_answer() {
    let mut redis = jobs("gunicorn", &[]);
    let mut server = Server::start(&["serve", "--listen", "127.0.0.1:0", "--stale-for", "1", &redis.url()]);
    let address = server.next_address();
    assert_eq!(get(&address, "/metrics").1, JOBS);
    redis.kill();
    let begun = Instant::now();
    // A stale one, if this machine is quick enough, and then none.
    while get(&address, "/metrics").0 == "HTTP/1.1 200 OK" {
        assert!(begun.elapsed() < Duration::from_secs(60), "it is served for ever");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(get(&address, "/metrics").0, "HTTP/1.1 503 Service Unavailable");
}

#[test]
fn gauges_with_a_line_for_each_process_are_dropped_with_the_dead_where_that_is_asked_for() {
    let redis = RedisServer::start();
    let store = RedisStore::open(&redis.url()).unwrap();
    let registry = Registry::new(store.clone());
    registry.counter("jobs", "Jobs.").register().unwrap().inc_by(3.0);
    registry.gauge("depth", "Depth.").aggregation(Aggregation::ALL).register().unwrap().set(1.0);
    store.close(Duration::from_secs(20)).unwrap();
    let serve = |how: &str| {
        let mut server = Server::start(&["serve", "--fold", how, "--listen", "127.0.0.1:0", &redis.url()]);
        let address = server.next_address();
        (server, address)
    };
    let (server, address) = serve("--fold-all=keep");
    let begun = Instant::now();
    while redis.cli(&["ZCARD", "{multiprom#0}:processes"]) != "0\n" {
        assert!(begun.elapsed() < Duration::from_secs(60), "it stays");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(get(&address, "/metrics").1.contains("\ndepth{pid="));
    drop(server);
    let (_server, address) = serve("--fold-all=drop");
    while get(&address, "/metrics").1 != JOBS {
        assert!(begun.elapsed() < Duration::from_secs(120), "it stays");
        std::thread::sleep(Duration::from_millis(50));
    }
    let dropped = format!(
        "multiprom_redis_dropped_gauges_total{{database=\"{}\",keys=\"{{multiprom#0}}:processes\"}}",
        redis.url()
    );
    assert_eq!(own(&address, &dropped), 1.0);
}

#[test]
fn what_the_command_line_names_goes_before_the_environment() {
    let server = jobs("gunicorn", &[]);
    let recorded = Recorded::new("python-multiprocess/01-basic");
    let page = |source: &[&str], directory: &str| {
        let mut command = multiprom(&[&["collect"], source].concat());
        command.envs([("REDIS_ENABLED", "true"), ("PROMETHEUS_MULTIPROC_DIR", directory)]);
        run(command.env("REDIS_PORT", server.port().to_string())).1
    };
    assert_eq!(page(&[recorded.path()], ""), recorded.expected("expected.txt"));
    assert_eq!(page(&[&server.url()], recorded.path()), JOBS);
    assert_eq!(page(&[], recorded.path()), recorded.expected("expected.txt"));
    assert_eq!(page(&[], ""), JOBS);
}

#[test]
fn no_log_has_a_password_in_it() {
    let server = jobs("gunicorn", &["--requirepass", "g3heim"]);
    for (password, ends) in [("g3heim", Some(0)), ("falsch-s3cret", Some(1))] {
        for command in ["collect", "ls", "dump"] {
            let mut command = multiprom(&["--log-level", "trace", command]);
            command.envs([("REDIS_ENABLED", "true"), ("REDIS_PASSWORD", password)]);
            let (code, out, errors) = run(command.env("REDIS_PORT", server.port().to_string()));
            assert_eq!(code, ends, "{errors}");
            assert!(!(out + &errors).contains(password), "{errors}");
        }
    }
}

#[test]
fn what_stores_keep_in_a_cluster_is_shown_whole_however_many_shards_there_are() {
    let cluster = RedisCluster::start(3);
    for _ in 0..3 {
        let options = Options { shards: 4, ..Options::default() };
        let store = RedisStore::open_with(&cluster.url(), options).unwrap();
        Registry::new(store.clone()).counter("jobs", "Jobs.").register().unwrap().inc();
        store.close(Duration::from_secs(20)).unwrap();
    }
    for parameters in ["", "?schema=multiprom", "?shards=4"] {
        let url = format!("{}{parameters}", cluster.url());
        let (code, page, errors) = run(&mut multiprom(&["collect", &url]));
        assert_eq!((code, page.as_str()), (Some(0), JOBS), "{parameters}: {errors}");
    }
    let (code, text, errors) = run(&mut multiprom(&["dump", &cluster.url()]));
    assert!(code == Some(0) && text.matches("jobs_total").count() == 3, "{text}{errors}");
    let (code, text, errors) = run(&mut multiprom(&["check", &cluster.url()]));
    assert_eq!(code, Some(0), "{text}{errors}");
    let url = format!("{},app=shop", cluster.url());
    let (_, page, _) = run(&mut multiprom(&["collect", &url]));
    assert_eq!(page, JOBS.replace("jobs_total 3", "jobs_total{app=\"shop\"} 3"));
}

#[test]
fn sentinels_are_told_their_password_by_the_environment_and_no_error_repeats_it() {
    let master = RedisServer::start();
    let replica = RedisServer::start_with(&["--replicaof", "127.0.0.1", &master.port().to_string()]);
    let sentinels = master.start_sentinels("requirepass s3cret\n");
    three_jobs(&master, "multiprom");
    let hosts = sentinels.each_ref().map(|sentinel| format!("127.0.0.1:{}", sentinel.port())).join(",");
    let url = format!("redis+sentinel://{hosts}/shop");
    let collect =
        |password: &str| run(multiprom(&["collect", &url]).env("REDIS_SENTINEL_PASSWORD", password));
    let (code, page, errors) = collect("s3cret");
    assert_eq!((code, page.as_str()), (Some(0), JOBS), "{errors}");
    let (code, _, errors) = collect("guess3d");
    assert!(code != Some(0) && errors.contains("WRONGPASS") && !errors.contains("guess3d"), "{errors}");
    drop(replica);
}
