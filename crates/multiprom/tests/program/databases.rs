//! `multiprom ls`, `dump` and `check` of databases.

use std::time::Duration;

use metrics_core::{Aggregation, Registry};
use redis_testkit::RedisServer;
use serde_json::Value;
use store_redis::{Options, RedisStore};

use crate::process::{multiprom, run};

const PATIENCE: Duration = Duration::from_secs(30);

fn json(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A process of our own with a counter, a gauge and a histogram.
fn process(server: &RedisServer) -> RedisStore {
    let options = Options { prefix: "shop".to_owned(), ..Options::default() };
    let store = RedisStore::open_with(&server.url(), options).unwrap();
    let registry = Registry::new(store.clone());
    let jobs = registry.counter("jobs", "Jobs.").labels(["queue"]).unwrap();
    jobs.with(["mail"]).inc_by(3.0);
    let last = registry.gauge("last", "Last.").aggregation(Aggregation::MOST_RECENT).register().unwrap();
    last.set(7.0);
    registry.histogram("seconds", "Seconds.").register().unwrap().observe(0.3);
    store.flush(PATIENCE).unwrap();
    store
}

/// What stands in the set of processes.
fn names(server: &RedisServer) -> Vec<String> {
    server.cli(&["ZRANGE", "{shop#0}:processes", "0", "-1"]).lines().map(str::to_owned).collect()
}

fn url(server: &RedisServer) -> String {
    format!("{}?schema=multiprom&prefix=shop", server.url())
}

#[test]
fn processes_are_listed_with_the_dead_behind_them() {
    let server = RedisServer::start();
    let living = process(&server);
    process(&server).close(PATIENCE).unwrap();
    let (code, out, errors) = run(&mut multiprom(&["ls", "--json", &url(&server)]));
    assert_eq!((code, &*errors), (Some(0), ""));
    let lines = json(&out);
    let lives: Vec<&str> = lines.iter().map(|line| line["life"].as_str().unwrap()).collect();
    assert!(lives.contains(&"alive") && lives.contains(&"ended") && lives.len() == 2, "{out}");
    assert!(lines.iter().all(|line| line["pid"] == std::process::id() && line["series"] == 3), "{out}");

    let mut serve =
        crate::serve::Server::start(&["serve", "--fold", "--listen", "127.0.0.1:0", &url(&server)]);
    serve.next_address();
    let begun = std::time::Instant::now();
    while names(&server).len() > 1 {
        assert!(begun.elapsed() < PATIENCE * 2, "it stays");
        std::thread::sleep(Duration::from_millis(50));
    }
    let (code, out, errors) = run(&mut multiprom(&["ls", &url(&server)]));
    assert_eq!((code, &*errors), (Some(0), ""));
    let lines: Vec<&str> = out.lines().collect();
    assert!(lines[0].starts_with("PROCESS") && lines[0].ends_with("SERIES  USED"), "{out}");
    assert!(lines[1].contains("  alive  ") && lines[2].starts_with("(the dead)  "), "{out}");
    let total = format!("{}, multiprom: 1 process (1 alive): 6 series", server.url());
    assert_eq!(lines[3..], [total]);
    living.close(PATIENCE).unwrap();
}

#[test]
fn all_shards_that_are_in_use_are_looked_into() {
    let server = RedisServer::start();
    for shard in [3, 0] {
        let store = process(&server);
        store.close(PATIENCE).unwrap();
        let url = format!("redis://127.0.0.1:{}/0", server.port());
        let address = redis_link::Address::parse(&url).unwrap();
        redis_fleet::Janitor::new(address, "shop", Default::default(), PATIENCE).unwrap().tidy().unwrap();
        if shard > 0 {
            for key in server.cli(&["KEYS", "{shop#0}:*"]).lines() {
                server.cli(&["RENAME", key, &key.replace("#0}", &format!("#{shard}}}"))]);
            }
        }
    }
    let (code, out, errors) = run(&mut multiprom(&["ls", &url(&server)]));
    assert_eq!((code, &*errors), (Some(0), ""));
    assert!(out.contains("\n(the dead of shard 0)") && out.contains("\n(the dead of shard 3)"), "{out}");
    assert!(out.ends_with("multiprom: 0 processes: 6 series\n"), "{out}");
    let (_, out, _) = run(&mut multiprom(&["dump", &url(&server)]));
    let jobs: Vec<&str> = out.lines().filter(|line| line.starts_with("jobs_total{")).collect();
    let expected = [0, 3].map(|shard| {
        format!("jobs_total{{queue=\"mail\"}} 3.0 # {{shop#{shard}}}:retired v0[0] multiprom counter")
    });
    assert_eq!(jobs, expected);
    assert_eq!(found(&[&url(&server)]), (Some(0), vec![]));
}

#[test]
fn every_number_of_a_process_is_dumped_where_it_stands() {
    let server = RedisServer::start();
    let store = process(&server);
    let name = names(&server).remove(0);
    let (code, out, errors) = run(&mut multiprom(&["dump", &url(&server)]));
    assert_eq!((code, &*errors), (Some(0), ""));
    let key = format!("{{shop#0}}:values:{name}");
    let jobs = format!(r#"jobs_total{{queue="mail"}} 3.0 # {key} v0[0] multiprom counter process {name}"#);
    assert_eq!(out.lines().next().unwrap(), jobs);
    assert!(
        out.contains(&format!("\nlast 7.0 # {key} v0[1] multiprom gauge mostrecent process {name} time "))
    );
    assert!(out.contains("\nseconds_sum 0.3 # ") && out.contains(r#"seconds_bucket{le="+Inf"} 0.0 # "#));

    let (_, out, _) = run(&mut multiprom(&["dump", "--json", &url(&server)]));
    let lines = json(&out);
    assert_eq!(lines[0]["labels"]["queue"], "mail");
    assert_eq!((&lines[0]["value"], &lines[0]["field"]), (&3.0.into(), &"v0[0]".into()));
    let time = lines[1]["time"].as_f64().unwrap();
    assert!(time > 1e9, "{time}");
    store.close(PATIENCE).unwrap();
}

/// The words for what is wrong, and the exit code.
fn found(arguments: &[&str]) -> (Option<i32>, Vec<String>) {
    let (code, out, errors) = run(&mut multiprom(&[&["check", "--json"], arguments].concat()));
    assert_eq!(errors, "");
    let mut words: Vec<String> =
        json(&out).iter().map(|line| line["what"].as_str().unwrap().to_owned()).collect();
    words.dedup();
    (code, words)
}

#[test]
fn whatever_is_wrong_with_a_process_is_found() {
    let server = RedisServer::start();
    let store = process(&server);
    store.close(PATIENCE).unwrap();
    let name = names(&server).remove(0);
    let (values, schema) = (format!("{{shop#0}}:values:{name}"), format!("{{shop#0}}:schema:{name}"));
    let url = url(&server);
    assert_eq!(found(&[&url]), (Some(0), vec![]));
    let (_, out, _) = run(&mut multiprom(&["check", &url]));
    assert_eq!(out, "1 database: nothing is wrong\n");

    let redis = |arguments: &[&str]| server.cli(arguments);
    redis(&["COPY", &values, "{shop#0}:saved"]);
    redis(&["COPY", &schema, "{shop#0}:saved:schema"]);
    let cases: [(&[&str], &[&str]); 9] = [
        (&["HSET", &values, "v0", "four"], &["page"]),
        (&["HDEL", &values, "v0"], &["page"]),
        (&["HDEL", &values, "#seq"], &["sequence"]),
        (&["APPEND", &schema, "what"], &["schema", "schema_differs"]),
        (&["SETRANGE", &schema, "0", "xxxx"], &["schema"]),
        (&["EXPIRE", &values, "1000"], &["end_of_life"]),
        (&["DEL", &values], &["missing", "page"]),
        (&["LPUSH", "{shop#0}:tombs", "x"], &["wrong_type"]),
        (&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"], &["eviction"]),
    ];
    for (command, words) in cases {
        redis(command);
        let (code, found) = found(&[&url]);
        assert_eq!(
            (code, found),
            (Some(1), words.iter().map(|&word| word.to_owned()).collect()),
            "{command:?}"
        );
        redis(&["COPY", "{shop#0}:saved", &values, "REPLACE"]);
        redis(&["COPY", "{shop#0}:saved:schema", &schema, "REPLACE"]);
        redis(&["DEL", "{shop#0}:tombs"]);
        redis(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
        assert_eq!(self::found(&[&url]), (Some(0), vec![]), "after {command:?}");
    }
    redis(&["DEL", &values]);
    redis(&["LPUSH", &values, "x"]);
    assert_eq!(found(&[&url]).1, ["wrong_type", "page"]);
    redis(&["SET", "{shop#0}:retired:schema", "x"]);
    assert!(found(&[&url]).1.contains(&"schema".to_owned()));
}

#[test]
fn what_somebody_may_not_ask_is_named_and_the_rest_is_shown() {
    let server = RedisServer::start();
    let store = process(&server);
    server.cli(&["ACL", "SETUSER", "eve", "on", ">3ve", "~*", "+@all", "-time", "-type"]);
    let url = url(&server).replace("redis://", "redis://eve:3ve@");
    let (code, out, errors) = run(&mut multiprom(&["ls", &url]));
    assert_eq!((code, &*errors), (Some(0), ""));
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines[0].split_whitespace().collect::<Vec<_>>(), ["PROCESS", "HOST", "PID", "SERIES", "USED"]);
    assert!(out.ends_with(": 1 process: 3 series; 2 commands refused, see multiprom check\n"), "{out}");
    let (code, out, _) = run(&mut multiprom(&["check", &url]));
    let said = "remark: TIME was refused (NOPERM this user has no permissions to run the 'time' command): it is not \
                known how long ago each process was heard of\n  = what was found holds; let this user run it (+time), \
                or look as another one\n";
    assert!(code == Some(0) && out.contains(said), "{out}");
    assert_eq!(found(&[&url]), (Some(0), vec!["refused".to_owned()]));
    let (code, out, _) = run(&mut multiprom(&["dump", &url]));
    assert!(code == Some(0) && out.contains("jobs_total{queue=\"mail\"} 3.0 # "), "{out}");
    server.cli(&["ACL", "SETUSER", "eve", "-exists"]);
    let (code, out, _) = run(&mut multiprom(&["check", &url]));
    assert!(code == Some(1) && out.contains("'exists'"), "{out}");
    store.close(PATIENCE).unwrap();
}

#[test]
fn a_counter_that_is_no_number_is_found() {
    let server = RedisServer::start();
    let store = process(&server);
    store.close(PATIENCE).unwrap();
    let values = format!("{{shop#0}}:values:{}", names(&server)[0]);
    let nan = [f64::NAN.to_le_bytes().as_slice(), &[0; 14 * 8]].concat();
    server.cli_with(&["-x", "HSET", &values, "v0"], &nan);
    let (code, out, _) = run(&mut multiprom(&["check", &url(&server)]));
    assert_eq!(code, Some(1));
    let first = out.lines().next().unwrap();
    assert_eq!(first, format!("{} {values}: v0[0], of jobs_total, is NaN", server.url()));
}

/// A worker of gunicorn-prometheus-exporter with a counter and what its client writes beside gauges.
fn gunicorn(server: &RedisServer) {
    let original = |name: &str| format!(r#"["{name}", "{name}", {{}}, "Help."]"#);
    for (sort, hash, name) in
        [("counter", "aa", "jobs_total"), ("gauge_max", "bb", "depth"), ("gauge", "bb", "depth")]
    {
        let (key, twin) =
            (format!("gunicorn:{sort}:7:metric:{hash}"), format!("gunicorn:{sort}:7:meta:{hash}"));
        server.cli(&["HSET", &key, "value", "3.0", "timestamp", "0.0"]);
        server.cli(&["HSET", &twin, "original_key", &original(name)]);
    }
    server.cli(&["EXPIRE", "gunicorn:counter:7:metric:aa", "300"]);
}

#[test]
fn what_other_clients_keep_is_shown_and_checked() {
    let server = RedisServer::start();
    gunicorn(&server);
    let url = server.url();
    let (code, out, errors) = run(&mut multiprom(&["ls", &url]));
    assert_eq!((code, &*errors), (Some(0), ""));
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines[0].split_whitespace().collect::<Vec<_>>(), ["PROCESS", "PID", "SERIES", "GOES"]);
    assert_eq!(lines[1].split_whitespace().collect::<Vec<_>>()[..3], ["7", "7", "2"]);
    assert_eq!(lines[2], format!("{url}, gunicorn: 1 process: 2 numbers"));

    let (_, out, _) = run(&mut multiprom(&["dump", &format!("{url}?schema=gunicorn")]));
    let lines: Vec<&str> = out.lines().collect();
    let jobs = "jobs_total 3.0 # gunicorn:counter:7:metric:aa value gunicorn counter process 7 goes in ";
    assert!(lines[0].starts_with(jobs), "{out}");
    let phantom = "depth 3.0 # gunicorn:gauge:7:metric:bb value gunicorn gauge all process 7 not on pages: its client \
                   writes it by mistake";
    assert_eq!(
        lines[1..],
        [phantom, "depth 3.0 # gunicorn:gauge_max:7:metric:bb value gunicorn gauge max process 7"]
    );
    assert_eq!(found(&[&url]), (Some(0), vec!["phantom".to_owned(), "end_of_life".to_owned()]));

    server.cli(&["HSET", "gunicorn:gauge_max:7:metric:bb", "value", "many"]);
    server.cli(&["SET", "gunicorn:counter:8:metric:aa", "3"]);
    server.cli(&["HSET", "gunicorn:counter:9:metric:cc", "value", "3"]);
    let (code, words) = found(&[&url]);
    assert_eq!(code, Some(1));
    for word in ["number", "wrong_type", "no_metadata"] {
        assert!(words.contains(&word.to_owned()), "{words:?}");
    }
}

#[test]
fn numbers_that_processes_share_are_listed_by_family() {
    let server = RedisServer::start();
    server.cli(&["SADD", "PROMETHEUS_counter_METRIC_KEYS", "PROMETHEUS_:counter:hits"]);
    let meta = r#"{"name":"hits","help":"Hits.","type":"counter","labelNames":["code"]}"#;
    let key = "PROMETHEUS_:counter:hits";
    server.cli(&["HSET", key, "__meta", meta, r#"["200"]"#, "5", r#"["404"]"#, "1", r#"["404","x"]"#, "1"]);
    let (_, out, _) = run(&mut multiprom(&["ls", &server.url()]));
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines[..2], ["FAMILY  KIND     SERIES", "hits    counter       2"]);
    assert!(lines[2].ends_with("promphp: 1 family: 2 numbers; 1 fault, see multiprom check"), "{out}");
    let (_, out, _) = run(&mut multiprom(&["dump", &server.url()]));
    assert!(
        out.contains(r#"hits{code="404"} 1.0 # PROMETHEUS_:counter:hits ["404"] promphp counter"#),
        "{out}"
    );
    assert_eq!(found(&[&server.url()]), (Some(1), vec!["labels".to_owned()]));

    server.cli(&["SET", "depth", "4"]);
    let catalog = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(catalog.path(), "# HELP depth Jobs that wait.\n# TYPE depth gauge\n").unwrap();
    let url = format!("{}?schema=pytheus", server.url());
    let catalog = catalog.path().to_str().unwrap();
    let (code, out, _) = run(&mut multiprom(&["dump", "--catalog", catalog, &url]));
    assert_eq!((code, &*out), (Some(0), "depth 4.0 # depth pytheus gauge\n"));
}

#[test]
fn a_database_that_cannot_be_read_is_an_error_without_its_password() {
    for command in ["ls", "dump", "check"] {
        let (code, out, errors) = run(&mut multiprom(&[command, "redis://:s3cret@127.0.0.1:1/0"]));
        assert_eq!(code, Some(1), "{command}");
        let said = out + &errors;
        assert!(said.contains("redis://:***@127.0.0.1:1/0") && said.contains("refused"), "{said}");
        assert!(!said.contains("s3cret"), "{said}");
        let (code, _, errors) = run(&mut multiprom(&[command, "redis://:s3cret@h?schema=php"]));
        assert!(code == Some(2) && !errors.contains("s3cret"), "{errors}");
    }
}

#[test]
fn directories_and_databases_are_looked_at_side_by_side_or_by_the_environment() {
    let server = RedisServer::start();
    gunicorn(&server);
    let files = crate::files::Files::new();
    files.python("counter_9.db", &[(r#"["a", "a_total", {}, ""]"#, 1.0)]);
    let (code, out, _) = run(&mut multiprom(&["dump", files.path(), &server.url()]));
    assert!(
        code == Some(0)
            && out.starts_with("a_total 1.0 # counter_9.db@8")
            && out.contains("\njobs_total 3.0 ")
    );
    let (_, out, _) = run(&mut multiprom(&["check", files.path(), &server.url()]));
    assert!(out.ends_with("1 file, 1 database: nothing is wrong, 2 remarks\n"), "{out}");
    let mut command = multiprom(&["ls"]);
    command.envs([("REDIS_ENABLED", "true"), ("REDIS_PORT", &server.port().to_string())]);
    let (code, out, errors) = run(&mut command);
    assert!(code == Some(0) && out.contains("gunicorn: 1 process"), "{out}{errors}");
}

#[test]
fn what_was_lost_of_the_dead_is_named_with_the_remedy_and_accepted_when_that_is_said() {
    let server = RedisServer::start();
    let living = process(&server);
    process(&server).close(PATIENCE).unwrap();
    let serve = || {
        let mut serve =
            crate::serve::Server::start(&["serve", "--fold", "--listen", "127.0.0.1:0", &url(&server)]);
        let address = serve.next_address();
        (serve, address)
    };
    {
        let _serve = serve();
        let begun = std::time::Instant::now();
        while names(&server).len() > 1 {
            assert!(begun.elapsed() < PATIENCE * 2, "it stays");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    let collect = || run(&mut multiprom(&["collect", &url(&server)]));
    assert!(collect().1.contains("jobs_total{queue=\"mail\"} 6.0\n"));
    server.cli(&["DEL", "{shop#0}:retired:schema"]);
    let (code, out, errors) = collect();
    assert!(code != Some(0) && out.is_empty() && errors.contains("fold --accept-loss"), "{errors}");
    let (code, out, _) = run(&mut multiprom(&["check", &url(&server)]));
    assert!(
        code == Some(1) && out.contains("retired: the schema beside it") && out.contains("--accept-loss"),
        "{out}"
    );
    let accept = || run(&mut multiprom(&["fold", "--accept-loss", &url(&server)]));
    let (code, out, errors) = accept();
    let said = format!("{}: what is left of what was kept of the dead is kept\n", server.url());
    assert_eq!((code, out, &*errors), (Some(0), said, ""));
    assert!(accept().1.ends_with(": nothing was lost of what is kept of the dead\n"));
    assert!(collect().1.contains("jobs_total{queue=\"mail\"} 3.0\n"));
    let (code, out, _) = run(&mut multiprom(&["check", &url(&server)]));
    assert_eq!(code, Some(0), "{out}");
    living.close(PATIENCE).unwrap();
    let other = format!("{}?schema=gunicorn", server.url());
    let (code, _, errors) = run(&mut multiprom(&["fold", "--accept-loss", &other]));
    assert!(code == Some(1) && errors.contains("of other clients"), "{errors}");
}

#[test]
fn shared_numbers_are_listed_and_dumped() {
    let server = RedisServer::start();
    let options =
        Options { prefix: "shop".to_owned(), sending: store_redis::Sending::Shared, ..Options::default() };
    let store = RedisStore::open_with(&server.url(), options).unwrap();
    let jobs = Registry::new(store.clone()).counter("jobs", "Jobs.").labels(["queue"]).unwrap();
    jobs.with(["mail"]).inc_by(3.0);
    store.flush(PATIENCE).unwrap();
    let (code, out, errors) = run(&mut multiprom(&["ls", &url(&server)]));
    assert_eq!((code, &*errors), (Some(0), ""));
    assert!(out.contains("(shared: jobs)") && out.contains(": 0 processes: 1 series"), "{out}");
    let (code, out, errors) = run(&mut multiprom(&["ls", "--json", &url(&server)]));
    assert_eq!((code, &*errors), (Some(0), ""));
    let lines = json(&out);
    assert!(lines.len() == 1 && lines[0]["life"] == "shared" && lines[0]["name"] == "jobs", "{out}");
    let (code, out, errors) = run(&mut multiprom(&["dump", &url(&server)]));
    assert_eq!((code, &*errors), (Some(0), ""));
    assert!(out.starts_with("jobs_total{queue=\"mail\"} 3.0 # {shop#0}:shared:values:jobs:"), "{out}");
    assert_eq!(run(&mut multiprom(&["check", &url(&server)])).0, Some(0));
    store.close(PATIENCE).unwrap();
}
