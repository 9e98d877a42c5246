//! A link and a real cluster: who has the keys, slots that move, nodes that go away.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use forked::testing::{WAYS, fork};
use redis::{Pipeline, Value, pipe};
use redis_link::{Address, Link, LinkError, Script, Timeouts};
use redis_testkit::{RedisCluster, RedisServer};

fn link(url: &str, key: &str) -> Link {
    Link::new(Address::parse(url).expect("an address"), Timeouts::default()).for_key(key)
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

/// How often each node has refused a command with such an error.
fn errors(cluster: &RedisCluster, code: &str) -> Vec<u64> {
    let count = |node: &RedisServer| {
        let told = node.cli(&["INFO", "errorstats"]);
        let line = told.lines().find_map(|line| line.strip_prefix(&format!("errorstat_{code}:count=")));
        line.map_or(0, |count| count.trim().parse().unwrap())
    };
    cluster.nodes.iter().map(count).collect()
}

#[test]
fn each_key_is_on_its_node_whichever_seed_is_there() {
    let cluster = RedisCluster::start(3);
    let gone = free_port();
    let url = format!("redis+cluster://127.0.0.1:{gone},127.0.0.1:{}", cluster.nodes[1].port());
    let keys = ["shop#0", "shop#1", "shop#2", "shop#3", "mail#0", "mail#1"].map(|tag| format!("{{{tag}}}:a"));
    for key in &keys {
        assert_eq!(ask(&link(&url, key), &["SET", key, "1"]).unwrap(), Value::Okay);
    }
    // Nobody had to be sent elsewhere.
    assert_eq!(errors(&cluster, "MOVED").iter().sum::<u64>(), 0);
    for key in &keys {
        assert_eq!(cluster.nodes[cluster.owner(key)].cli(&["GET", key]), "1\n");
    }
    let error = ask(&link_to_no_key(&url), &["PING"]).unwrap_err();
    assert!(error.is_unsent() && error.to_string().contains("which ones are wanted was not said"), "{error}");
}

fn link_to_no_key(url: &str) -> Link {
    Link::new(Address::parse(url).unwrap(), Timeouts::default())
}

/// A port on which nobody listens.
fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

#[test]
fn a_slot_that_moved_is_followed_and_nothing_is_carried_out_twice() {
    let cluster = RedisCluster::start(3);
    let link = link(&cluster.url(), "{shop}");
    let script = Script::new("return redis.call('INCR', KEYS[1])");
    let mut node = cluster.owner("{shop}");
    for round in 1..=4 {
        assert_eq!(ask(&link, &["INCR", "{shop}:a"]).unwrap(), Value::Int(round));
        let other = (node + 1) % 3;
        cluster.begin_move("{shop}", node, other);
        cluster.move_keys("{shop}", node, other);
        cluster.end_move("{shop}", node, other);
        // Each in its way: a pipeline with something that goes to any node, a transaction, a script.
        match round {
            1 => {
                let mut pipeline = pipe();
                let traced = link.run_traced_by(pipeline.cmd("PING").cmd("INCR").arg("{shop}:b"), None);
                assert_eq!(
                    traced.unwrap(),
                    (vec![Value::SimpleString("PONG".to_owned()), Value::Int(1)], true)
                );
                let traced = link.run_traced_by(&command(&["GET", "{shop}:b"]), None);
                assert_eq!(traced.unwrap(), (vec![text("1")], false));
            }
            2 => {
                let mut pipeline = pipe();
                pipeline.atomic().cmd("INCR").arg("{shop}:b").cmd("GET").arg("{shop}:a");
                assert_eq!(link.run(&pipeline).unwrap(), [Value::Int(2), text("2")]);
            }
            _ => {
                let told = link.script(&script, &["{shop}:b"], &[""; 0]).unwrap();
                assert_eq!(told, Value::Int(round));
            }
        }
        node = other;
    }
    let moved: u64 = errors(&cluster, "MOVED").iter().sum();
    // The transaction's second command was sent elsewhere, too.
    assert!((4..=8).contains(&moved), "{moved}");
}

#[test]
fn while_a_slot_moves_what_is_not_there_any_more_is_asked_for_at_the_other_node() {
    let cluster = RedisCluster::start(3);
    let link = link(&cluster.url(), "{shop}");
    ask(&link, &["SET", "{shop}:old", "1"]).unwrap();
    let node = cluster.owner("{shop}");
    let other = (node + 1) % 3;
    cluster.begin_move("{shop}", node, other);
    let mut pipeline = pipe();
    pipeline.cmd("INCR").arg("{shop}:old").cmd("INCR").arg("{shop}:new").cmd("INCR").arg("{shop}:new");
    assert_eq!(link.run(&pipeline).unwrap(), [Value::Int(2), Value::Int(1), Value::Int(2)]);
    assert_eq!(cluster.nodes[node].cli(&["CLUSTER", "COUNTKEYSINSLOT", &cluster.slot("{shop}")]), "1\n");
    let mut transaction = pipe();
    transaction.atomic().cmd("INCR").arg("{shop}:new");
    assert_eq!(link.run(&transaction).unwrap(), [Value::Int(3)]);
    // Some here, some there: not now.
    let error = ask(&link, &["MGET", "{shop}:old", "{shop}:new"]).unwrap_err();
    assert!(error.is_refused() && error.is_passing() && error.code() == Some("TRYAGAIN"), "{error}");
    assert!(errors(&cluster, "ASK")[node] >= 3);
    cluster.move_keys("{shop}", node, other);
    cluster.end_move("{shop}", node, other);
    let both = Value::Array(vec![text("2"), text("3")]);
    assert_eq!(ask(&link, &["MGET", "{shop}:old", "{shop}:new"]).unwrap(), both);
}

#[test]
fn a_node_that_is_gone_is_found_again_and_others_serve_meanwhile() {
    let mut cluster = RedisCluster::start_with(3, &["--cluster-require-full-coverage", "no"]);
    let keys = ["{shop#0}", "{shop#1}", "{shop#2}", "{shop#3}"];
    let links: Vec<Link> = keys.iter().map(|key| link(&cluster.url(), key)).collect();
    for (link, key) in links.iter().zip(keys) {
        ask(link, &["SET", key, "1"]).unwrap();
    }
    let gone = cluster.owner(keys[0]);
    let owners = keys.map(|key| cluster.owner(key));
    cluster.nodes[gone].kill();
    for ((link, key), owner) in links.iter().zip(keys).zip(owners) {
        match ask(link, &["GET", key]) {
            Ok(value) => assert!(owner != gone && value == text("1")),
            Err(error) => assert!(owner == gone && error.is_unsent(), "{error}"),
        }
    }
    cluster.nodes[gone].restart();
    cluster.wait();
    let deadline = Instant::now() + Duration::from_secs(20);
    while ask(&links[0], &["SET", keys[0], "2"]).is_err() {
        assert!(Instant::now() < deadline);
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_replica_that_takes_the_place_of_its_master_is_found() {
    let mut cluster = RedisCluster::start(3);
    let of = cluster.owner("{shop}");
    cluster.add_replica(of);
    let link = link(&cluster.url(), "{shop}");
    assert_eq!(ask(&link, &["SET", "{shop}", "1"]).unwrap(), Value::Okay);
    assert_eq!(ask(&link, &["WAIT", "1", "5000"]).unwrap(), Value::Int(1));
    cluster.nodes[of].kill();
    let deadline = Instant::now() + Duration::from_secs(40);
    while ask(&link, &["INCR", "{shop}"]).is_err() {
        assert!(Instant::now() < deadline, "forty seconds, and still not");
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(cluster.nodes[3].cli(&["GET", "{shop}"]), "2\n");
    // Who was master is a replica now, and sends on who asks it.
    cluster.nodes[of].restart();
    cluster.wait();
    assert_eq!(ask(&link, &["INCR", "{shop}"]).unwrap(), Value::Int(3));
}

#[test]
fn nodes_that_send_one_in_a_circle_do_so_a_few_times() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let slot = RedisServer::start_with(&["--cluster-enabled", "yes"]).cli(&["CLUSTER", "KEYSLOT", "a"]);
    let slot = slot.trim().to_owned();
    let told = slot.clone();
    let circle = thread::spawn(move || {
        let mut sent_on = 0;
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let mut asked = [0; 4096];
            let len = client.read(&mut asked).unwrap();
            let answer = match &asked[..len] {
                b"" => return sent_on,
                asked if asked.windows(7).any(|word| word == b"CLUSTER") => {
                    format!("*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:{port}\r\n")
                }
                _ => {
                    sent_on += 1;
                    // Whoever was told to ask says so first, and that is answered, too.
                    let answer = if sent_on % 2 == 0 { "+OK\r\n-MOVED" } else { "-ASK" };
                    format!("{answer} {told} :{port}\r\n")
                }
            };
            client.write_all(answer.as_bytes()).unwrap();
        }
        sent_on
    });
    let link = link(&format!("redis+cluster://127.0.0.1:{port}"), "a");
    let error = ask(&link, &["GET", "a"]).unwrap_err();
    assert!(error.is_refused() && matches!(error.code(), Some("MOVED" | "ASK")), "{error}");
    // Who has written redis+cluster:// is not told to.
    let why = format!(
        " {slot} :{port}: the nodes do not agree on who has it, or the one that is named cannot be reached"
    );
    assert!(error.to_string().ends_with(&why), "{error}");
    // An end.
    drop(TcpStream::connect(("127.0.0.1", port)).unwrap());
    assert_eq!(circle.join().unwrap(), 6);
}

#[test]
fn a_cluster_that_has_lost_a_node_says_not_now() {
    let mut cluster = RedisCluster::start(3);
    let gone = cluster.owner("{shop}");
    let other =
        (0..).map(|number| format!("{{mail#{number}}}")).find(|key| cluster.owner(key) != gone).unwrap();
    let link = link(&cluster.url(), &other);
    ask(&link, &["SET", &other, "1"]).unwrap();
    cluster.nodes[gone].kill();
    let deadline = Instant::now() + Duration::from_secs(20);
    let error = loop {
        assert!(Instant::now() < deadline);
        match ask(&link, &["GET", &other]) {
            Ok(_) => thread::sleep(Duration::from_millis(50)),
            Err(error) => break error,
        }
    };
    assert!(error.is_refused() && error.is_passing() && error.code() == Some("CLUSTERDOWN"), "{error}");
}

#[test]
fn a_frozen_node_costs_bounded_time() {
    let cluster = RedisCluster::start(3);
    let quick = Timeouts { connect: Duration::from_millis(300), answer: Duration::from_millis(300) };
    let link = Link::new(Address::parse(&cluster.url()).unwrap(), quick).for_key("{shop}");
    ask(&link, &["SET", "{shop}", "1"]).unwrap();
    let node = &cluster.nodes[cluster.owner("{shop}")];
    node.pause();
    for _ in 0..3 {
        let start = Instant::now();
        let error = ask(&link, &["INCR", "{shop}"]).unwrap_err();
        assert!(error.is_late() && start.elapsed() < Duration::from_secs(2), "{error}");
    }
    node.resume();
}

#[test]
fn the_password_is_for_all_nodes_and_is_not_repeated() {
    let cluster = RedisCluster::start_with(1, &[]);
    let node = &cluster.nodes[0];
    assert_eq!(node.cli(&["CONFIG", "SET", "requirepass", "g3heim"]), "OK\n");
    let hosts = format!("127.0.0.1:{}", node.port());
    let let_in = link(&format!("redis+cluster://:g3heim@{hosts}"), "a");
    assert_eq!(ask(&let_in, &["SET", "a", "1"]).unwrap(), Value::Okay);
    let error = ask(&link(&format!("redis+cluster://:guess3d@{hosts}"), "a"), &["PING"]).unwrap_err();
    assert!(error.is_unsent() && error.code() == Some("WRONGPASS"), "{error}");
    let shown = format!("connect to redis+cluster://:***@{hosts}: the node {hosts}: WRONGPASS ");
    assert!(error.to_string().starts_with(&shown), "{error}");
}

#[test]
fn a_redis_that_is_no_cluster_says_so_and_a_cluster_to_who_takes_it_for_none() {
    let server = RedisServer::start();
    let error =
        ask(&link(&format!("redis+cluster://127.0.0.1:{}", server.port()), "a"), &["PING"]).unwrap_err();
    assert!(error.to_string().contains("cluster support disabled"), "{error}");
    let cluster = RedisCluster::start(3);
    let elsewhere = cluster.nodes.iter().enumerate().find(|(at, _)| *at != cluster.owner("a")).unwrap().1;
    let error = ask(&link(&elsewhere.url(), "a"), &["GET", "a"]).unwrap_err();
    let advice = ": this is a node of a cluster, write redis+cluster:// before its address";
    assert!(error.is_refused() && error.to_string().ends_with(advice), "{error}");
}

#[test]
fn a_child_asks_for_itself() {
    let cluster = RedisCluster::start(3);
    let link = link(&cluster.url(), "{shop}");
    let Value::Int(mine) = ask(&link, &["CLIENT", "ID"]).unwrap() else { panic!("an id is a number") };
    for way in WAYS {
        fork(way, || {
            assert_ne!(ask(&link, &["CLIENT", "ID"]).unwrap(), Value::Int(mine));
            ask(&link, &["INCR", "{shop}"]).unwrap();
        })
        .wait();
    }
    assert_eq!(ask(&link, &["CLIENT", "ID"]).unwrap(), Value::Int(mine));
    assert_eq!(ask(&link, &["GET", "{shop}"]).unwrap(), text(&WAYS.len().to_string()));
}
