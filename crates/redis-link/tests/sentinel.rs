//! A link, and the master that Sentinels name: passwords of both, and masters that become others.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::thread;
use std::time::{Duration, Instant};

use redis::{Value, pipe};
use redis_link::{Address, Link, LinkError, Script, Timeouts};
use redis_testkit::RedisServer;

fn link(url: &str) -> Link {
    Link::new(Address::parse(url).expect("an address"), Timeouts::default())
}

fn ask(link: &Link, words: &[&str]) -> Result<Value, LinkError> {
    let mut pipeline = pipe();
    pipeline.cmd(words[0]);
    for word in &words[1..] {
        pipeline.arg(word);
    }
    link.run(&pipeline).map(|mut values| values.remove(0))
}

/// Tries until it is `done`, for so long as a fail-over may take: a Sentinel that was held up for two seconds does nothing
/// for thirty.
fn until(mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while !done() {
        assert!(Instant::now() < deadline, "two minutes, and still not");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn sentinels_and_master_have_each_their_password() {
    let master = RedisServer::start_with(&["--requirepass", "m4ster"]);
    let lines =
        "requirepass s3ntinel\nsentinel auth-pass shop m4ster\nuser eve on >3ve +@all allchannels ~*\n";
    let replica = RedisServer::start_with(&[
        "--replicaof",
        &format!("127.0.0.1 {}", master.port()),
        "--masterauth",
        "m4ster",
        "--requirepass",
        "m4ster",
    ]);
    let sentinels = master.start_sentinels(lines);
    let hosts: Vec<String> =
        sentinels.iter().map(|sentinel| format!("127.0.0.1:{}", sentinel.port())).collect();
    let hosts = hosts.join(",");
    for of_sentinels in ["sentinel_pass=s3ntinel", "sentinel_user=eve&sentinel_pass=3ve"] {
        let link = link(&format!("redis+sentinel://:m4ster@{hosts}/shop?{of_sentinels}"));
        assert_eq!(ask(&link, &["SET", "a", "1"]).unwrap(), Value::Okay);
    }
    let refused = |url: &str| {
        let error = ask(&link(url), &["PING"]).unwrap_err();
        assert!(error.is_unsent(), "{error:?}");
        let text = error.to_string();
        for secret in ["m4ster", "s3ntinel", "guess3d"] {
            assert!(!text.contains(secret), "{text}");
        }
        (error.code().unwrap_or_default().to_owned(), text)
    };
    let (code, text) = refused(&format!("redis+sentinel://:m4ster@{hosts}/shop?sentinel_pass=guess3d"));
    assert_eq!(code, "WRONGPASS");
    let last = hosts.rsplit(',').next().unwrap();
    let shown = format!("connect to redis+sentinel://:***@{hosts}/shop/0: the sentinel {last}: WRONGPASS ");
    assert!(text.starts_with(&shown), "{text}");
    let (code, text) = refused(&format!("redis+sentinel://:m4ster@{hosts}/shop"));
    assert!(code == "NOAUTH" && text.contains("the sentinel "), "{text}");
    let (code, text) = refused(&format!("redis+sentinel://:guess3d@{hosts}/shop?sentinel_pass=s3ntinel"));
    assert!(code == "WRONGPASS" && !text.contains("the sentinel "), "{text}");
    drop(replica);
}

#[test]
fn after_a_script_was_refused_by_a_replica_the_new_master_is_asked_for() {
    let master = RedisServer::start();
    let replica = RedisServer::start_with(&["--replicaof", "127.0.0.1", &master.port().to_string()]);
    let sentinels = master.start_sentinels("");
    let hosts: Vec<String> =
        sentinels.iter().map(|sentinel| format!("127.0.0.1:{}", sentinel.port())).collect();
    let link = link(&format!("redis+sentinel://{}/shop", hosts.join(",")));
    let script = Script::new("return redis.call('INCR', KEYS[1])");
    let run = || link.script(&script, &["a"], &[""; 0]);
    assert_eq!(run().unwrap(), Value::Int(1));
    until(|| replica.cli(&["GET", "a"]) == "1\n");
    until(|| sentinels[0].cli(&["SENTINEL", "FAILOVER", "shop"]) == "OK\n");
    // Until the one is demoted it takes writes; then it refuses one, and the next goes to the other.
    let is_demoted = || master.cli(&["ROLE"]).lines().next() == Some("slave");
    let mut refused = None;
    until(|| match run() {
        Ok(Value::Int(count)) => is_demoted() && replica.cli(&["GET", "a"]).trim() == count.to_string(),
        Ok(_) => false,
        Err(error) => {
            refused = Some(error).filter(LinkError::is_refused).or(refused.take());
            false
        }
    });
    if let Some(error) = refused {
        assert_eq!(error.code(), Some("READONLY"), "{error}");
    }
}
