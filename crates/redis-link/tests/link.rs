//! A link and a real server: what comes back, what is said when it does not, and what a fork leaves alone.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use forked::testing::{WAYS, alone, fork};
use redis::{Pipeline, Value, pipe};
use redis_link::{Address, Link, LinkError, Script, Timeouts};
use redis_testkit::RedisServer;

const QUICK: Timeouts = Timeouts { connect: Duration::from_millis(300), answer: Duration::from_millis(300) };

/// How long a fail-over may take: a Sentinel that was held up for two seconds does nothing for thirty.
const SENTINELS_PATIENCE: Duration = Duration::from_secs(120);

fn link(url: &str) -> Link {
    Link::new(Address::parse(url).expect("an address"), Timeouts::default())
}

fn quick(url: &str) -> Link {
    Link::new(Address::parse(url).expect("an address"), QUICK)
}

fn command(words: &[&str]) -> Pipeline {
    let mut pipeline = pipe();
    pipeline.cmd(words[0]);
    for word in &words[1..] {
        pipeline.arg(word);
    }
    pipeline
}

fn ask(link: &Link, words: &[&str]) -> Result<Value, LinkError> {
    link.run(&command(words)).map(|mut values| values.remove(0))
}

fn text(text: &str) -> Value {
    Value::BulkString(text.as_bytes().to_vec())
}

#[test]
fn a_pipeline_is_answered_command_by_command_over_tcp_and_unix_sockets() {
    let server = RedisServer::start();
    for url in [server.url(), server.unix_url()] {
        let link = link(&url);
        let values =
            link.run(pipe().cmd("SET").arg("a").arg(1).ignore().cmd("GET").arg("a").cmd("GET").arg("b"));
        assert_eq!(values.unwrap(), [Value::Okay, text("1"), Value::Nil]);
        assert_eq!(link.run(&pipe()).unwrap(), []);
    }
}

#[test]
fn more_than_the_sockets_hold_goes_both_ways_at_once() {
    let server = RedisServer::start();
    let long = "x".repeat(1000);
    let mut pipeline = pipe();
    for _ in 0..20_000 {
        pipeline.cmd("ECHO").arg(&long);
    }
    for url in [server.url(), server.unix_url()] {
        let values = Link::new(
            Address::parse(&url).unwrap(),
            Timeouts { answer: Duration::from_secs(30), ..Timeouts::default() },
        )
        .run(&pipeline)
        .unwrap();
        assert_eq!(values.len(), 20_000);
        assert!(values.iter().all(|value| *value == text(&long)));
    }
}

#[test]
fn the_database_and_the_user_are_those_of_the_address() {
    let server = RedisServer::start_with(&["--requirepass", "g3heim"]);
    let port = server.port();
    let admin = link(&format!("redis://:g3heim@127.0.0.1:{port}/3"));
    ask(&admin, &["ACL", "SETUSER", "shop", "on", ">s3cret", "~*", "+@all"]).unwrap();
    ask(&admin, &["SET", "where", "three"]).unwrap();
    let shop = link(&format!("redis://shop:s3cret@127.0.0.1:{port}/3"));
    assert_eq!(ask(&shop, &["GET", "where"]).unwrap(), text("three"));
    assert_eq!(ask(&shop, &["ACL", "WHOAMI"]).unwrap(), text("shop"));
    let elsewhere = link(&format!("redis://shop:s3cret@127.0.0.1:{port}/0"));
    assert_eq!(ask(&elsewhere, &["GET", "where"]).unwrap(), Value::Nil);
}

#[test]
fn who_is_not_let_in_has_sent_nothing_and_reads_no_password() {
    let server = RedisServer::start_with(&["--requirepass", "g3heim"]);
    let port = server.port();
    let error = ask(&link(&format!("redis://:guess3d@127.0.0.1:{port}/1")), &["PING"]).unwrap_err();
    assert!(error.is_unsent(), "{error:?}");
    assert_eq!(error.code(), Some("WRONGPASS"));
    assert_eq!(
        error.to_string(),
        format!(
            "connect to redis://:***@127.0.0.1:{port}/1: WRONGPASS invalid username-password pair or user is \
             disabled."
        )
    );
    let error = ask(&link(&server.url()), &["GET", "a"]).unwrap_err();
    assert!(error.is_refused());
    assert_eq!(
        error.to_string(),
        format!("run GET on redis://127.0.0.1:{port}/0: NOAUTH Authentication required.")
    );
}

#[test]
fn where_nobody_listens_nothing_is_sent() {
    let mut server = RedisServer::start();
    server.kill();
    for (url, why) in [
        (server.url(), "Connection refused (os error 111)"),
        (server.unix_url(), "No such file or directory (os error 2)"),
    ] {
        let error = ask(&quick(&url), &["PING"]).unwrap_err();
        assert!(error.is_unsent() && !error.is_lost() && !error.is_refused());
        assert_eq!(error.to_string(), format!("connect to {url}: {why}"));
    }
}

#[test]
fn an_error_of_one_command_leaves_the_others_carried_out() {
    let server = RedisServer::start();
    let link = link(&server.url());
    ask(&link, &["SET", "a", "text"]).unwrap();
    let mut pipeline = pipe();
    pipeline.cmd("INCR").arg("a").cmd("INCR").arg("b");
    let error = link.run(&pipeline).unwrap_err();
    assert!(error.is_refused());
    assert_eq!(
        error.to_string(),
        format!("run INCR on {}: ERR value is not an integer or out of range", server.url())
    );
    let values = link.run_each_by(&pipeline, None).unwrap();
    assert!(matches!(&values[..], [Value::ServerError(_), Value::Int(2)]), "{values:?}");
}

#[test]
fn a_transaction_is_answered_by_what_its_commands_were() {
    let server = RedisServer::start();
    let link = link(&server.url());
    let mut pipeline = pipe();
    pipeline.atomic().cmd("SET").arg("a").arg(5).cmd("INCR").arg("a");
    assert_eq!(link.run(&pipeline).unwrap(), [Value::Okay, Value::Int(6)]);
    pipeline.cmd("NONSENSE");
    let error = link.run(&pipeline).unwrap_err();
    assert!(error.is_refused(), "{error}");
    assert!(error.to_string().contains("unknown command"), "{error}");
    assert_eq!(ask(&link, &["GET", "a"]).unwrap(), text("6"));
}

#[test]
fn an_answer_that_comes_late_is_nobody_elses() {
    let server = RedisServer::start();
    let link = quick(&server.url());
    ask(&link, &["SET", "a", "old"]).unwrap();
    server.pause();
    let start = Instant::now();
    let error = ask(&link, &["GETSET", "a", "new"]).unwrap_err();
    assert!(error.is_lost() && error.is_late(), "{error}");
    assert!(start.elapsed() < Duration::from_secs(2));
    assert_eq!(
        error.to_string(),
        format!(
            "run GETSET on {}: no answer in time, and nobody knows whether it was carried out",
            server.url()
        )
    );
    server.resume();
    assert_eq!(ask(&link, &["ECHO", "mine"]).unwrap(), text("mine"));
}

#[test]
fn a_deadline_that_comes_before_the_timeout_holds() {
    let server = RedisServer::start();
    let link = link(&server.unix_url());
    ask(&link, &["PING"]).unwrap();
    server.pause();
    let start = Instant::now();
    let error = link.run_by(&command(&["PING"]), Some(start + Duration::from_millis(100))).unwrap_err();
    assert!(error.is_late() && start.elapsed() < Duration::from_secs(1), "{error}");
    server.resume();
}

#[test]
fn a_server_that_answers_a_byte_at_a_time_does_not_hold_anybody() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    let dribble = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.read_exact(&mut [0; 1]).unwrap();
        while stream.write_all(b"+").is_ok() {
            thread::sleep(Duration::from_millis(20));
        }
    });
    let start = Instant::now();
    let error = ask(&quick(&url), &["PING"]).unwrap_err();
    assert!(error.is_lost() && error.is_late(), "{error}");
    assert!(start.elapsed() < Duration::from_secs(2));
    dribble.join().unwrap();
}

#[test]
fn who_is_no_redis_is_told_so() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    let other = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        let _ = stream.read(&mut [0; 100]);
    });
    let error = ask(&quick(&url), &["PING"]).unwrap_err();
    assert!(error.to_string().contains("is it a Redis?"), "{error}");
    other.join().unwrap();
}

#[test]
fn a_server_that_was_restarted_is_noticed_before_anything_is_sent() {
    let mut server = RedisServer::start();
    for url in [server.url(), server.unix_url()] {
        let link = link(&url);
        ask(&link, &["PING"]).unwrap();
        server.restart();
        assert_eq!(ask(&link, &["INCR", "a"]).unwrap(), Value::Int(1));
    }
}

#[test]
fn a_script_that_the_server_has_not_seen_runs_once() {
    let server = RedisServer::start();
    let link = link(&server.url());
    let script = Script::new("return {redis.call('INCRBY', KEYS[1], ARGV[1]), ARGV[2]}");
    let run = || link.script(&script, &["sum"], &["5", "\r\n"]).unwrap();
    assert_eq!(run(), Value::Array(vec![Value::Int(5), text("\r\n")]));
    assert_eq!(run(), Value::Array(vec![Value::Int(10), text("\r\n")]));
    server.cli(&["SCRIPT", "FLUSH"]);
    assert_eq!(run(), Value::Array(vec![Value::Int(15), text("\r\n")]));
    let statistics = server.cli(&["INFO", "commandstats"]);
    let calls = |command: &str| statistics.lines().any(|line| line.starts_with(command));
    assert!(calls("cmdstat_eval:calls=2,") && calls("cmdstat_evalsha:calls=3,"), "{statistics}");
}

#[test]
fn a_child_has_a_connection_of_its_own_and_does_not_keep_its_parents_open() {
    alone("a_child_has_a_connection_of_its_own_and_does_not_keep_its_parents_open", || {
        for way in WAYS {
            let server = RedisServer::start();
            let link = link(&server.url());
            let Value::Int(mine) = ask(&link, &["CLIENT", "ID"]).unwrap() else {
                panic!("an id is a number")
            };
            let child = fork(way, || {
                let id = ask(&link, &["CLIENT", "ID"]).unwrap();
                assert_ne!(id, Value::Int(mine));
                ask(&link, &["SET", "child", "here"]).unwrap();
                while ask(&link, &["EXISTS", "end"]).unwrap() == Value::Int(0) {
                    thread::sleep(Duration::from_millis(5));
                }
            });
            while server.cli(&["EXISTS", "child"]) == "0\n" {
                thread::sleep(Duration::from_millis(5));
            }
            assert_eq!(ask(&link, &["CLIENT", "ID"]).unwrap(), Value::Int(mine));
            let clients = || server.cli(&["CLIENT", "LIST"]);
            assert!(clients().contains(&format!("id={mine} ")));
            link.disconnect();
            let deadline = Instant::now() + Duration::from_secs(5);
            while clients().contains(&format!("id={mine} ")) {
                assert!(Instant::now() < deadline, "the child keeps it: {}", clients());
            }
            server.cli(&["SET", "end", "now"]);
            child.wait();
        }
    });
}

#[test]
fn a_child_that_has_no_use_for_a_link_lets_go_of_it() {
    alone("a_child_that_has_no_use_for_a_link_lets_go_of_it", || {
        let server = RedisServer::start();
        let link = link(&server.url());
        let Value::Int(mine) = ask(&link, &["CLIENT", "ID"]).unwrap() else { panic!("an id is a number") };
        // Nothing of ours is let go of here.
        link.let_go();
        assert_eq!(ask(&link, &["CLIENT", "ID"]).unwrap(), Value::Int(mine));
        let child = fork(WAYS[0], || {
            link.let_go();
            while server.cli(&["EXISTS", "end"]) == "0\n" {
                thread::sleep(Duration::from_millis(5));
            }
        });
        thread::sleep(Duration::from_millis(100));
        link.disconnect();
        let clients = || server.cli(&["CLIENT", "LIST"]);
        let deadline = Instant::now() + Duration::from_secs(5);
        while clients().contains(&format!("id={mine} ")) {
            assert!(Instant::now() < deadline, "the child keeps it: {}", clients());
        }
        server.cli(&["SET", "end", "now"]);
        child.wait();
    });
}

#[test]
fn a_child_does_not_wait_for_what_a_thread_of_its_parent_waits_for() {
    let server = RedisServer::start();
    let link = link(&server.url());
    ask(&link, &["PING"]).unwrap();
    server.pause();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| ask(&link, &["INCR", "a"]));
        thread::sleep(Duration::from_millis(100));
        fork(WAYS[0], || {
            let start = Instant::now();
            let error =
                link.run_by(&command(&["PING"]), Some(start + Duration::from_millis(200))).unwrap_err();
            assert!(error.is_late() && start.elapsed() < Duration::from_secs(1), "{error}");
        })
        .wait();
        server.resume();
        // The child wrote nothing into the parent's connection.
        assert_eq!(waiting.join().unwrap().unwrap(), Value::Int(1));
    });
}

#[test]
fn a_master_that_was_replaced_is_left_for_the_new_one() {
    let mut master = RedisServer::start();
    let old = master.port().to_string();
    let replica = RedisServer::start_with(&["--replicaof", "127.0.0.1", &old]);
    let sentinel = master.start_sentinel();
    // The first sentinel does not exist.
    let url = format!("redis+sentinel://127.0.0.1:1,127.0.0.1:{}/shop", sentinel.port());
    let link = link(&url);
    ask(&link, &["SET", "a", "1"]).unwrap();
    let deadline = Instant::now() + SENTINELS_PATIENCE;
    let in_time = || {
        assert!(Instant::now() < deadline);
        thread::sleep(Duration::from_millis(50));
    };
    while replica.cli(&["GET", "a"]) != "1\n"
        || !sentinel.cli(&["SENTINEL", "MASTERS"]).contains("num-slaves\n1")
    {
        in_time();
    }
    master.kill();
    assert!(ask(&link, &["SET", "a", "2"]).is_err());
    while ask(&link, &["SET", "a", "3"]).is_err() {
        in_time();
    }
    assert_eq!(replica.cli(&["GET", "a"]), "3\n");
    let stranger = quick(&format!("redis+sentinel://127.0.0.1:{}/mail", sentinel.port()));
    let error = ask(&stranger, &["PING"]).unwrap_err();
    assert!(error.is_unsent() && error.to_string().ends_with("it knows no master \"mail\""), "{error}");
}

#[test]
fn a_master_that_becomes_a_replica_is_left_for_the_new_one() {
    let master = RedisServer::start();
    let replica = RedisServer::start_with(&["--replicaof", "127.0.0.1", &master.port().to_string()]);
    let sentinel = master.start_sentinel();
    let link = link(&format!("redis+sentinel://127.0.0.1:{}/shop", sentinel.port()));
    ask(&link, &["SET", "a", "1"]).unwrap();
    let deadline = Instant::now() + SENTINELS_PATIENCE;
    let in_time = || {
        assert!(Instant::now() < deadline);
        thread::sleep(Duration::from_millis(50));
    };
    while replica.cli(&["GET", "a"]) != "1\n"
        || !sentinel.cli(&["SENTINEL", "MASTERS"]).contains("num-slaves\n1")
    {
        in_time();
    }
    while sentinel.cli(&["SENTINEL", "FAILOVER", "shop"]) != "OK\n" {
        in_time();
    }
    // Until the one is demoted it takes writes; then it refuses one, and the next goes to the other.
    while replica.cli(&["GET", "a"]) != "2\n" || replica.cli(&["ROLE"]).lines().next() != Some("master") {
        let _ = ask(&link, &["SET", "a", "2"]);
        in_time();
    }
}
