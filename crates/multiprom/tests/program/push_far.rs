//! `--push-redis` to a Redis behind Sentinels whose master dies, and to one that speaks TLS alone.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use redis_testkit::{Certificates, RedisCluster, RedisServer};

use crate::files::Files;
use crate::process::{multiprom, run};
use crate::serve::{Server, get};

const JOBS: &str = r#"["jobs", "jobs_total", {}, "Jobs."]"#;
const WAITING: &str = r#"["waiting", "waiting", {}, "Jobs that wait."]"#;

/// For so long as a fail-over may take: a Sentinel that was held up for two seconds does nothing for thirty.
const PATIENCE: Duration = Duration::from_secs(120);

/// A machine whose workers have done so many jobs, in a directory that is kept.
fn jobs(files: &Files, done: f64) {
    files.python("counter_7.db", &[(JOBS, done)]);
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < until, "two minutes, and still not: {what}");
        sleep(Duration::from_millis(20));
    }
}

/// The exporter beside an application, that forwards there.
fn forward(files: &Files, url: &str) -> Server {
    let mut server = Server::start(&["serve", "--listen", "127.0.0.1:0", "--push-redis", url, files.path()]);
    server.next_address();
    server
}

/// The jobs on the page at this address, if there is one.
fn shown(address: &str) -> Option<f64> {
    let (status, page) = get(address, "/metrics");
    let jobs = || page.lines().find_map(|line| line.strip_prefix("jobs_total ")?.parse().ok());
    (status == "HTTP/1.1 200 OK").then(jobs)?
}

#[test]
fn a_fail_over_that_loses_the_last_frames_loses_no_count_and_makes_no_page_fall() {
    let mut master = RedisServer::start();
    master.cli(&["ACL", "SETUSER", "replica", "on", ">s3cret", "+psync", "+replconf", "+ping"]);
    let of_master = format!("127.0.0.1 {}", master.port());
    let account = ["--masteruser", "replica", "--masterauth", "s3cret"];
    let replica = RedisServer::start_with(&[&["--replicaof", &of_master], &account[..]].concat());
    let sentinels = master.start_sentinels("");
    let hosts = sentinels.each_ref().map(|sentinel| format!("127.0.0.1:{}", sentinel.port())).join(",");
    let url = format!("redis+sentinel://{hosts}/shop?prefix=shop");

    let machines = [Files::new(), Files::new(), Files::new()];
    machines.iter().zip([3.0, 4.0, 5.0]).for_each(|(files, done)| jobs(files, done));
    machines[2].python("gauge_livesum_7.db", &[(WAITING, 2.0)]);
    let [_first, second, third] = machines.each_ref().map(|files| forward(files, &url));
    let mut reader = Server::start(&["serve", "--fold", "--listen", "127.0.0.1:0", &url]);
    let page = reader.next_address();
    wait_until("all is on the page", || shown(&page) == Some(12.0));
    let sum = |server: &RedisServer, command: &[&str]| server.cli(&[&["--raw"], command].concat());
    let names = sum(&master, &["ZRANGE", "{shop#0}:processes", "0", "-1"]);
    let names: Vec<&str> = names.lines().collect();
    assert_eq!(names.len(), 3, "{names:?}");
    let frames = |server: &RedisServer| -> u64 {
        let each = names.iter().map(|name| {
            let told = sum(server, &["HGET", &format!("{{shop#0}}:values:{name}"), "#seq"]);
            told.trim().parse::<u64>().unwrap_or_default()
        });
        each.sum()
    };
    // It ends in peace before all that, and is taken out: what it had is among the dead, or waits for it.
    assert_eq!(third.end("-TERM"), Some(0));
    wait_until("the replica has everything", || frames(&replica) == frames(&master));

    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let end = Over(&over);
        scope.spawn(|| {
            let mut before = 0.0;
            while !over.load(Ordering::Relaxed) {
                // While there is no master there is no page.
                if let Some(jobs) = shown(&page) {
                    assert!(jobs >= before, "{jobs} after {before}");
                    before = jobs;
                }
                sleep(Duration::from_millis(10));
            }
        });
        // The replica hears nothing any more.
        master.cli(&["ACL", "SETUSER", "replica", "off"]);
        master.cli(&["CLIENT", "KILL", "TYPE", "replica"]);
        machines.iter().take(2).zip([30.0, 40.0]).for_each(|(files, done)| jobs(files, done));
        wait_until("what only the master has is on the page", || shown(&page) == Some(75.0));
        assert!(frames(&master) > frames(&replica));
        // One machine's exporter dies with the master, and is started again when another is in its place.
        master.kill();
        drop(second);
        jobs(&machines[0], 31.0);
        jobs(&machines[1], 42.0);
        wait_until("the replica takes its place", || replica.cli(&["ROLE"]).starts_with("master"));
        let again = forward(&machines[1], &url);
        wait_until("all is there again", || shown(&page) == Some(78.0));
        jobs(&machines[1], 43.0);
        wait_until("counting goes on", || shown(&page) == Some(79.0));
        drop(end);
        drop(again);
    });
    let (code, text, errors) = run(&mut multiprom(&["collect", &url]));
    assert!(code == Some(0) && text.contains("\njobs_total 79.0\n"), "{text}{errors}");
    let known = sum(&replica, &["ZRANGE", "{shop#0}:processes", "0", "-1"]);
    assert!(
        known.lines().all(|name| names.contains(&name.split('+').next().unwrap())),
        "they are who they were: {known}"
    );
}

/// Says that it is over when it is dropped, also by a test that fails.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A program that is killed with the test.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The exporter beside an application, with these certificates to trust; when its page can be asked for.
fn forward_trusting(trusted: &str, files: &Files, url: &str) -> (Killed, String) {
    let mut command = multiprom(&["serve", "--listen", "127.0.0.1:0", "--push-redis", url, files.path()]);
    command.env("SSL_CERT_FILE", trusted).env_remove("SSL_CERT_DIR");
    let mut exporter = Killed(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
    let mut line = String::new();
    BufReader::new(exporter.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address =
        line.strip_prefix("multiprom: serving http://").and_then(|rest| rest.split_once("/metrics"));
    (exporter, address.unwrap_or_else(|| panic!("{line:?}")).0.to_owned())
}

/// What `collect` says of all machines, with these certificates to trust.
fn page_trusting(trusted: &str, url: &str) -> String {
    let mut command = multiprom(&["collect", url]);
    let (code, page, errors) = run(command.env("SSL_CERT_FILE", trusted).env_remove("SSL_CERT_DIR"));
    if code == Some(0) { page } else { errors }
}

#[test]
fn a_redis_that_speaks_tls_alone_gets_the_numbers_if_it_is_trusted() {
    let certificates = Certificates::of("IP:127.0.0.1");
    let (authority, stranger) = (certificates.file("authority.crt"), certificates.file("stranger.crt"));
    let (server, port) = RedisServer::start_tls(&certificates, &[]);
    let arguments = certificates.arguments();
    let cluster = RedisCluster::start_tls(3, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
    for url in [
        format!("rediss://127.0.0.1:{port}/0?prefix=shop"),
        format!("rediss+cluster://127.0.0.1:{}?prefix=shop&shards=4", cluster.tls_ports[0]),
    ] {
        let machines = [Files::new(), Files::new()];
        machines.iter().zip([3.0, 4.0]).for_each(|(files, done)| jobs(files, done));
        let (first, _) = forward_trusting(&authority, &machines[0], &url);
        let (_second, _) = forward_trusting(&authority, &machines[1], &url);
        let is_shown =
            |jobs: f64| page_trusting(&authority, &url).contains(&format!("\njobs_total {jobs:?}\n"));
        wait_until("all is on the page", || is_shown(7.0));
        drop(first);
        jobs(&machines[0], 10.0);
        let (_first, _) = forward_trusting(&authority, &machines[0], &url);
        wait_until("it goes on", || is_shown(14.0));

        // Who does not trust it tells it nothing, says so, and serves its own page.
        let other = Files::new();
        jobs(&other, 100.0);
        let (_other, address) = forward_trusting(&stranger, &other, &url);
        wait_until("it has tried twice", || {
            let own = get(&address, "/metrics/self").1;
            let failures = own.lines().find(|line| line.starts_with("multiprom_push_failures_total{"));
            failures.is_some_and(|line| !line.ends_with(" 0.0") && !line.ends_with(" 1.0"))
        });
        assert_eq!(shown(&address), Some(100.0));
        assert!(is_shown(14.0));
        let refused = page_trusting(&stranger, &url);
        assert!(refused.contains("UnknownIssuer"), "{refused}");
    }
    assert_eq!(server.cli(&["ZCARD", "{shop#0}:processes"]), "2\n");
}
