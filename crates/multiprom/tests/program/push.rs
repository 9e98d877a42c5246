//! `--push-redis`: directories of several machines on one page.

use std::time::{Duration, Instant};

use redis_testkit::RedisServer;

use crate::files::Files;
use crate::process::{multiprom, run};
use crate::run::Running;
use crate::serve::{Server, get};

const JOBS: &str = r#"["jobs", "jobs_total", {}, "Jobs."]"#;
const WAITING: &str = r#"["waiting", "waiting", {}, "Jobs that wait."]"#;
const DEEPEST: &str = r#"["deepest", "deepest", {}, "The most that have waited."]"#;

fn jobs(files: &Files, worker: &str, done: f64) {
    files.python(&format!("counter_{worker}.db"), &[(JOBS, done)]);
}

/// The page of all machines.
fn page(redis: &RedisServer) -> String {
    let (code, page, errors) = run(&mut multiprom(&["collect", &format!("{}?prefix=shop", redis.url())]));
    if code == Some(0) { page } else { errors }
}

fn wait_until(mut is_so: impl FnMut() -> Result<(), String>) {
    let until = Instant::now() + Duration::from_secs(30);
    while let Err(why) = is_so() {
        assert!(Instant::now() < until, "{why}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn wait_for(redis: &RedisServer, line: &str) {
    wait_until(|| {
        let page = page(redis);
        if page.lines().any(|it| it == line) { Ok(()) } else { Err(format!("{line} is missing in {page}")) }
    });
}

#[test]
fn exporters_beside_their_applications_make_one_page_of_all_machines() {
    let redis = RedisServer::start();
    let url = format!("{}?prefix=shop", redis.url());
    let machines = [Files::new(), Files::new()];
    jobs(&machines[0], "7", 3.0);
    jobs(&machines[1], "7", 4.0);
    machines[1].python("gauge_all_7.db", &[(WAITING, 5.0)]);
    let serve = |files: &Files| {
        let mut server =
            Server::start(&["serve", "--listen", "127.0.0.1:0", "--push-redis", &url, files.path()]);
        let address = server.next_address();
        (server, address)
    };
    let (first, address) = serve(&machines[0]);
    let (_second, _) = serve(&machines[1]);
    wait_for(&redis, "jobs_total 7.0");
    let of_all = page(&redis);
    let waiting = of_all.lines().find(|line| line.starts_with("waiting{pid=\"")).unwrap_or(&of_all);
    assert!(waiting.ends_with("/7\"} 5.0"), "{waiting}");
    // Its own page is as ever.
    assert!(get(&address, "/metrics").1.contains("\njobs_total 3.0\n"));
    let own = get(&address, "/metrics/self").1;
    assert!(own.contains("multiprom_push_up{") && own.contains("multiprom_pushes_total{"), "{own}");
    // Killed (SIGKILL), and started again when more was counted.
    drop(first);
    jobs(&machines[0], "7", 10.0);
    jobs(&machines[0], "8", 1.0);
    let (first, _) = serve(&machines[0]);
    wait_for(&redis, "jobs_total 15.0");
    assert_eq!(redis.cli(&["ZCARD", "{shop#0}:processes"]), "2\n", "it is the same process");
    // What was counted last is sent at the end.
    jobs(&machines[0], "8", 2.0);
    assert_eq!(first.end("-TERM"), Some(0));
    wait_for(&redis, "jobs_total 16.0");
}

#[test]
fn nobody_who_looks_into_a_directory_trips_over_what_is_written_down_there() {
    let redis = RedisServer::start();
    let files = Files::new();
    jobs(&files, "7", 3.0);
    let url = format!("{}?prefix=shop", redis.url());
    let mut server =
        Server::start(&["serve", "--fold", "--listen", "127.0.0.1:0", "--push-redis", &url, files.path()]);
    server.next_address();
    wait_for(&redis, "jobs_total 3.0");
    let (code, out, errors) = run(&mut multiprom(&["check", files.path()]));
    assert!(code == Some(0) && !out.contains("multiprom-push"), "{out}{errors}");
    let (code, out, errors) = run(&mut multiprom(&["ls", files.path()]));
    assert!(code == Some(0) && !out.contains("push") && !out.contains("left"), "{out}{errors}");
    let (code, out, errors) = run(&mut multiprom(&["fold", "--offline", files.path()]));
    assert_eq!(code, Some(0), "{out}{errors}");
    assert!(files.join(".multiprom-push").exists() && files.join(".multiprom-push-lock").exists());
    wait_for(&redis, "jobs_total 3.0");
}

#[test]
fn a_gauge_of_a_worker_that_has_ended_is_shown_as_gone() {
    let redis = RedisServer::start();
    let url = format!("{}?prefix=shop", redis.url());
    let files = Files::new();
    jobs(&files, "7", 3.0);
    // What an application sets to no number is there.
    files.python("gauge_all_7.db", &[(WAITING, 5.0)]).python("gauge_max_8.db", &[(DEEPEST, f64::NAN)]);
    let mut server = Server::start(&["serve", "--listen", "127.0.0.1:0", "--push-redis", &url, files.path()]);
    server.next_address();
    wait_for(&redis, "jobs_total 3.0");
    let look = |arguments: &[&str]| {
        let (code, out, errors) = run(&mut multiprom(&[arguments, &[&url]].concat()));
        assert_eq!((code, &*errors), (Some(0), ""));
        out
    };
    assert!(look(&["ls"]).ends_with("multiprom: 1 process (1 alive): 3 series\n"));
    std::fs::remove_file(files.join("gauge_all_7.db")).unwrap();
    let line = |of: &str| look(&["dump"]).lines().find(|line| line.starts_with(of)).unwrap().to_owned();
    wait_until(|| {
        let line = line("waiting ");
        if line.starts_with("waiting gone # ") { Ok(()) } else { Err(line) }
    });
    assert!(line("waiting ").ends_with(" not on pages: its machine has it no more"));
    assert!(line("deepest ").starts_with("deepest NaN # "));
    let lines = look(&["dump", "--json"]);
    let lines: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |name: &str| lines.iter().find(|line| line["name"] == name).unwrap();
    let told = ["value", "gone", "counts"].map(|field| of("waiting")[field].clone());
    assert_eq!(told, [serde_json::Value::Null, true.into(), false.into()]);
    assert_eq!((&of("deepest")["value"], of("deepest").get("gone")), (&"NaN".into(), None));
    assert!(look(&["ls"]).ends_with("multiprom: 1 process (1 alive): 2 series\n"));
    look(&["check"]);
    assert!(!page(&redis).contains("\nwaiting"));
}

#[test]
fn a_command_ends_and_what_it_counted_stays() {
    let redis = RedisServer::start();
    let url = format!("{}?prefix=shop", redis.url());
    let files = Files::new();
    jobs(&files, "7", 3.0);
    let script = format!("cp {}/* $PROMETHEUS_MULTIPROC_DIR; echo done; cat", files.path());
    let options = ["--push-redis", &url, "--process-metrics", "off"];
    let mut running = Running::start(&options, &script);
    assert_eq!(running.line(), "done");
    assert_eq!(running.end().0, Some(0));
    wait_for(&redis, "jobs_total 3.0");
    let process = redis.cli(&["--raw", "ZRANGE", "{shop#0}:processes", "0", "-1"]);
    let ended = redis.cli(&["HGET", &format!("{{shop#0}}:values:{}", process.trim()), "#ended"]);
    assert_eq!(ended, "1\n", "its directory is gone, and it will not come back");
    // Another run is another process.
    let mut running = Running::start(&options, &script);
    assert_eq!(running.line(), "done");
    running.end();
    wait_for(&redis, "jobs_total 6.0");
}

#[test]
fn a_run_that_keeps_its_metrics_is_the_same_process() {
    // Kept, they are sent once; wiped, those of before stay, too.
    for on_restart in ["keep", "wipe"] {
        let redis = RedisServer::start();
        let url = format!("{}?prefix=shop", redis.url());
        let (files, kept) = (Files::new(), Files::new());
        let options = [
            "--push-redis",
            &url,
            "--process-metrics",
            "off",
            "--no-fold",
            "--on-restart",
            on_restart,
            "--directory",
            kept.path(),
        ];
        for (worker, done) in [("7", 3.0), ("8", 4.0)] {
            jobs(&files, worker, done);
            let file = format!("{}/counter_{worker}.db", files.path());
            let script = format!("cp {file} $PROMETHEUS_MULTIPROC_DIR; echo done; cat");
            let mut running = Running::start(&options, &script);
            assert_eq!(running.line(), "done");
            assert_eq!(running.end().0, Some(0));
        }
        wait_for(&redis, "jobs_total 7.0");
    }
}

#[test]
fn a_page_is_served_while_redis_is_away() {
    let mut redis = RedisServer::start();
    redis.kill();
    let files = Files::new();
    jobs(&files, "7", 3.0);
    let url = format!("{}?prefix=shop", redis.url());
    let mut server = Server::start(&["serve", "--listen", "127.0.0.1:0", "--push-redis", &url, files.path()]);
    let address = server.next_address();
    for _ in 0..20 {
        assert!(get(&address, "/metrics").1.contains("jobs_total 3.0"));
    }
    wait_until(|| {
        let own = get(&address, "/metrics/self").1;
        let up = own.lines().find(|line| line.starts_with("multiprom_push_up{"));
        let failed = own.lines().find(|line| line.starts_with("multiprom_push_failures_total{"));
        let says_so =
            up.is_some_and(|up| up.ends_with(" 0.0")) && failed.is_some_and(|it| !it.ends_with(" 0.0"));
        if says_so { Ok(()) } else { Err(own) }
    });
    redis.restart();
    wait_for(&redis, "jobs_total 3.0");
}

#[test]
fn what_cannot_be_forwarded_is_refused_without_a_password() {
    for (address, sources, why) in [
        ("redis://:s3cret@h:port/0", &["/tmp"][..], "--push-redis"),
        ("redis://:s3cret@h?schema=gunicorn", &["/tmp"], "there are prefix, shards and db"),
        ("redis+cluster://:s3cret@h,h?shards=0", &["/tmp"], "there are 1 to 1024"),
        ("redis+sentinel://:s3cret@h/shop?shards=s", &["/tmp"], "there are 1 to 1024"),
        ("redis://:s3cret@127.0.0.1:1/0?prefix=a}", &["/tmp"], "without braces"),
        ("redis://:s3cret@127.0.0.1:1/0", &["redis://127.0.0.1:1/0"], "there is no directory"),
    ] {
        let arguments = ["serve", "--listen", "127.0.0.1:0", "--push-redis", address];
        let (code, _, errors) = run(&mut multiprom(&[&arguments, sources].concat()));
        assert!(code.is_some_and(|code| code > 0) && errors.contains(why), "{errors}");
        assert!(!errors.contains("s3cret"), "{errors}");
    }
}
