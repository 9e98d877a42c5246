//! Users that may do what `PROTOCOL.md` says they need, and no more: all works, and nothing does without one of their
//! rights.

use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use collector::{Collector, Liveness};
use metrics_core::{Aggregation, Registry};
use redis_fleet::{Inside, Janitor, Keeping};
use redis_link::{Address, Link, Timeouts};
use redis_schema::Keys;
use redis_testkit::{RedisCluster, RedisServer};
use store_redis::{Options, RedisStore, Sending};

use crate::place::{PATIENCE, only, page_of, source};

const PROTOCOL: &str = include_str!("../../../redis-schema/PROTOCOL.md");
const PREFIX: &str = "shop";

/// The rights of the row that begins so.
fn rights(who: &str) -> Vec<&'static str> {
    let row = PROTOCOL.lines().find(|line| line.starts_with(&format!("| {who}")));
    named(row.unwrap_or_else(|| panic!("no rights of {who}")))
}

/// The rights of the sentence that begins so, below the table.
fn rights_told(beginning: &str) -> Vec<&'static str> {
    let (_, sentence) = PROTOCOL.split_once(beginning).unwrap_or_else(|| panic!("no {beginning}"));
    named(sentence.split(';').next().unwrap().split('.').next().unwrap())
}

fn named(row: &'static str) -> Vec<&'static str> {
    let rights = row.split('`').filter(|part| part.starts_with('+')).flat_map(str::split_whitespace);
    let rights: Vec<_> = rights.map(|right| right.trim_start_matches('+')).collect();
    assert!(!rights.is_empty(), "{row}");
    rights
}

/// A server, and a user who may do so much on the keys of the application, each time another one.
struct Users {
    server: RedisServer,
    made: Mutex<usize>,
}

/// Makes a user who may do so much.
fn set_user(server: &RedisServer, user: &str, rights: &[&str]) {
    let rights: Vec<String> = rights.iter().map(|right| format!("+{right}")).collect();
    let mut command = vec!["ACL", "SETUSER", user, "reset", "on", ">s3cret", "~{shop#*"];
    command.extend(rights.iter().map(String::as_str));
    assert_eq!(server.cli(&command), "OK\n");
}

impl Users {
    fn new() -> Users {
        Users { server: RedisServer::start(), made: Mutex::new(0) }
    }

    /// The address for a new user, on whose server there is nothing. Whoever uses that of the one before is shut out.
    fn may(&self, rights: &[&str]) -> String {
        let mut made = self.made.lock().unwrap();
        self.server.cli(&["ACL", "DELUSER", &format!("user-{made}")]);
        *made += 1;
        let user = format!("user-{made}");
        self.server.cli(&["FLUSHALL"]);
        self.server.cli(&["SCRIPT", "FLUSH"]);
        set_user(&self.server, &user, rights);
        format!("redis://{user}:s3cret@127.0.0.1:{}/0", self.server.port())
    }

    /// The deed is done with all of these rights, and without one of them it fails and names it; but for those that it
    /// can do without.
    fn try_each(
        &self,
        rights: &[&str],
        dispensable: &[&str],
        deed: impl Fn(&RedisServer, &str) -> Result<(), String>,
    ) {
        deed(&self.server, &self.may(rights)).unwrap();
        for missing in rights {
            let others: Vec<&str> = rights.iter().filter(|right| right != &missing).copied().collect();
            let done = deed(&self.server, &self.may(&others));
            if dispensable.contains(missing) {
                done.unwrap_or_else(|why| panic!("without {missing}: {why}"));
                continue;
            }
            let why = done.expect_err(&format!("nothing fails without {missing}"));
            let named = why.contains("NOPERM") && why.contains(&format!("'{missing}'"));
            assert!(named && !why.contains("s3cret"), "without {missing}: {why}");
        }
    }
}

/// Opens a store at this address, counts in it, and waits until that has arrived, twice; or says what it warns of.
fn send(url: &str, sending: Sending, shards: usize) -> Result<(), String> {
    let (tell, told) = mpsc::channel();
    let options = Options {
        prefix: PREFIX.to_owned(),
        shards,
        sending,
        interval: Options::SHORTEST,
        warn: Arc::new(move |error| drop(tell.send(error.to_string()))),
        ..Options::default()
    };
    let store = RedisStore::open_with(url, options).map_err(|error| error.to_string())?;
    let registry = Registry::new(store.clone());
    let begun = Instant::now();
    let arrives = || {
        while store.flush(Duration::from_millis(20)).is_err() {
            if let Ok(why) = told.try_recv() {
                return Err(why);
            }
            assert!(begun.elapsed() < PATIENCE, "nothing arrives, and nobody is told why");
        }
        told.try_recv().map_or(Ok(()), Err)
    };
    registry.counter("jobs", "Jobs.").register().unwrap().inc();
    let sent = arrives().and_then(|()| {
        registry.counter("mails", "Mails.").register().unwrap().inc();
        arrives()
    });
    // Nobody waits for one that cannot send any more.
    let ended = store.close(if sent.is_ok() { PATIENCE } else { Duration::ZERO });
    sent.and_then(|()| ended.map_err(|error| error.to_string()))
}

#[test]
fn who_sends_needs_what_is_written_and_nothing_else() {
    let users = Users::new();
    let own = rights("who sends numbers of its own");
    users.try_each(&own, &[], |_, url| send(url, Sending::Periodic, 1));
    users.try_each(&[&*own, &["info"]].concat(), &["info"], |_, url| send(url, Sending::Synchronous, 1));
    let sharded = rights("both, where there are several shards");
    users.try_each(&[own, sharded].concat(), &[], |_, url| send(url, Sending::Periodic, 3));
}

#[test]
fn a_right_that_is_taken_away_later_is_named_by_the_frame_that_needs_it_which_leaves_nothing_half_done() {
    let users = Users::new();
    let own = rights("who sends numbers of its own");
    let usual = ["evalsha", "time", "get", "zadd", "hget", "hset", "strlen"];
    for right in &own {
        let needs = usual.contains(right);
        taken_away_later(&users, &own, right, needs, false);
        taken_away_later(&users, &own, right, needs || *right == "setrange", true);
    }
}

/// A process has sent something with all of these rights, counts again, and lacks one when it sends that; `grows` says
/// whether it has a new label set by then.
fn taken_away_later(users: &Users, rights: &[&str], right: &str, needs: bool, grows: bool) {
    let url = users.may(rights);
    let user = url.strip_prefix("redis://").and_then(|rest| rest.split(':').next()).unwrap();
    let set = |sign: &str| users.server.cli(&["ACL", "SETUSER", user, &format!("{sign}{right}")]);
    let options = Options {
        prefix: PREFIX.to_owned(),
        interval: Duration::from_secs(3600),
        warn: Arc::new(|_| {}),
        ..Options::default()
    };
    let store = RedisStore::open_with(&url, options).unwrap();
    let jobs = Registry::new(store.clone()).counter("jobs", "Jobs.").labels(["queue"]).unwrap();
    jobs.with(["first"]).inc();
    store.flush(PATIENCE).unwrap();
    set("-");
    jobs.with([if grows { "second" } else { "first" }]).inc();
    if needs {
        let (before, begun) = (digest(&users.server), Instant::now());
        let why = loop {
            let why = store.flush(Duration::from_millis(20)).unwrap_err().to_string();
            // Not where the time was over before there was an answer.
            if why.contains("NOPERM") || begun.elapsed() > PATIENCE {
                break why;
            }
        };
        assert!(why.contains("NOPERM") && why.contains(&format!("'{right}'")), "without {right}: {why}");
        assert_eq!(digest(&users.server), before, "without {right} something is done");
        set("+");
    }
    store.flush(PATIENCE).unwrap_or_else(|why| panic!("without {right}: {why}"));
    let collector = Collector::new(vec![Box::new(source(&users.server.url(), PREFIX))]);
    let page = page_of(&collector, Liveness::AsFiled).unwrap();
    let counted: f64 = page.families[0].samples.iter().map(|sample| sample.value).sum();
    assert_eq!(counted, 2.0, "without {right}: {page:?}");
    store.close(PATIENCE).unwrap();
}

/// A hash of all that the server holds.
fn digest(server: &RedisServer) -> String {
    let lua = "local all = redis.call('KEYS', '*') table.sort(all) \
               for i, key in ipairs(all) do all[i] = key .. redis.call('DUMP', key) end \
               return redis.sha1hex(table.concat(all))";
    server.cli(&["EVAL", lua, "0"])
}

#[test]
fn who_adds_to_shared_numbers_needs_what_is_written_and_nothing_else() {
    let users = Users::new();
    let shared = rights("who adds to shared numbers");
    users.try_each(&shared, &[], |server, url| {
        // A sequence number whose time is over.
        server.cli(&["ZADD", "{shop#0}:shared:until", "1", "old"]);
        server.cli(&["HSET", "{shop#0}:shared:sequences", "old", "1"]);
        send(url, Sending::Shared, 1)?;
        assert_eq!(server.cli(&["HEXISTS", "{shop#0}:shared:sequences", "old"]), "0\n");
        Ok(())
    });
}

/// The jobs on the page, as this user reads it.
fn jobs(url: &str) -> Result<f64, String> {
    let source = source(url, PREFIX);
    if !source.is_in_use(None).map_err(|error| format!("{error:?} {error}"))? {
        return Err("nothing is there".to_owned());
    }
    only(&page_of(&Collector::new(vec![Box::new(source)]), Liveness::AsFiled)?, "jobs_total")
}

/// A process that has counted one job and has ended, with a gauge of its own.
fn short_life(server: &RedisServer) {
    let options = Options { prefix: PREFIX.to_owned(), shards: 2, ..Options::default() };
    let store = RedisStore::open_with(&server.url(), options).unwrap();
    let registry = Registry::new(store.clone());
    registry.counter("jobs", "Jobs.").register().unwrap().inc();
    registry.gauge("level", "A level.").aggregation(Aggregation::ALL).register().unwrap().set(1.0);
    store.close(PATIENCE).unwrap();
}

fn janitor(url: &str) -> Janitor {
    let janitor = Janitor::new(Address::parse(url).unwrap(), PREFIX, Timeouts::default(), PATIENCE);
    janitor.unwrap().keeping(Keeping { most: 0, age: None })
}

#[test]
fn who_reads_pages_needs_what_is_written_and_nothing_else() {
    let users = Users::new();
    users.try_each(&rights("who reads pages"), &[], |server, url| {
        short_life(server);
        janitor(&server.url()).tidy().unwrap();
        short_life(server);
        send(&server.url(), Sending::Shared, 1)?;
        jobs(url).map(|jobs| assert_eq!(jobs, 3.0))
    });
}

#[test]
fn who_retires_needs_what_is_written_and_leaves_nothing_half_done_where_a_right_lacks() {
    let users = Users::new();
    let reads = rights("who reads pages");
    let all = [reads, rights("who retires the dead, besides")].concat();
    // Who does not ask whose the database is does without EXISTS.
    users.try_each(&all, &["exists"], |server, url| {
        (0..2).for_each(|_| short_life(server));
        // Somebody whose tomb has ended.
        for shard in ["{shop#0}", "{shop#1}"] {
            server.cli(&["ZADD", &format!("{shard}:tombs:until"), "1", "old"]);
            server.cli(&["HSET", &format!("{shard}:tombs"), "old", "1"]);
        }
        let mut janitor = janitor(url);
        let tidied = (0..3).try_for_each(|_| janitor.tidy().map(drop));
        assert_eq!(jobs(&server.url()), Ok(2.0), "{tidied:?}");
        tidied.map_err(|error| error.to_string())?;
        // Only it knows how many shards there are.
        server.cli(&["DEL", "{shop#0}:shards"]);
        let told = janitor.tidy().map(drop).map_err(|error| error.to_string());
        assert_eq!(server.cli(&["SCARD", "{shop#0}:shards"]) == "1\n", told.is_ok());
        told
    });
}

#[test]
fn who_looks_inside_needs_what_is_written_and_is_told_what_is_not_known_without_a_right() {
    let users = Users::new();
    let all = [rights("who reads pages"), rights("who looks inside")].concat();
    let look = |url: &str| {
        let address = Address::parse(url).unwrap();
        redis_fleet::shards(&address, Timeouts::default(), PREFIX, None)
            .map_err(|error| error.to_string())?;
        let link = Link::new(address, Timeouts::default());
        Inside::read(&link, &Keys::new(PREFIX, 0).unwrap(), None).map_err(|error| error.to_string())
    };
    let url = users.may(&all);
    (0..4).for_each(|_| short_life(&users.server));
    janitor(&users.server.url()).tidy().unwrap();
    send(&users.server.url(), Sending::Periodic, 1).unwrap();
    let (theirs, mut whole) = (look(&url).unwrap(), look(&users.server.url()).unwrap());
    whole.now = theirs.now;
    assert_eq!(format!("{theirs:?}"), format!("{whole:?}"));
    assert!(theirs.now > Some(0) && !theirs.processes.is_empty() && theirs.faults.is_empty());
    assert_eq!(theirs.refused, vec![]);

    // What is asked for by who makes a page, and by nobody else.
    let unused = ["smembers", "hget", "hmget", "getrange", "strlen"];
    for missing in &all {
        let others: Vec<&str> = all.iter().filter(|right| right != &missing).copied().collect();
        let url = users.may(&others);
        (0..2).for_each(|_| send(&users.server.url(), Sending::Periodic, 1).unwrap());
        let named = |why: &str| why.contains("NOPERM") && why.contains(&format!("'{missing}'"));
        match look(&url) {
            Err(why) => assert!(named(&why) && !why.contains("s3cret"), "without {missing}: {why}"),
            Ok(seen) if unused.contains(missing) => assert_eq!(seen.refused, vec![], "without {missing}"),
            Ok(seen) => {
                let [refusal] = &seen.refused[..] else { panic!("without {missing}: {:?}", seen.refused) };
                assert!(named(&refusal.why) && refusal.command.to_lowercase() == *missing, "{refusal}");
                let there = seen.processes.iter().map(|keeper| keeper.numbers().count()).sum::<usize>();
                assert_eq!((there, seen.now.is_some(), seen.faults.len()), (4, *missing != "time", 0));
                let told = ["time", "hlen", "type", "info"].contains(missing);
                assert!(told, "without {missing}: {refusal}");
            }
        }
    }
}

#[test]
fn another_database_needs_a_right_of_its_own() {
    let users = Users::new();
    let all = [rights("who sends numbers of its own"), rights_told("~{PREFIX#*`; and ")].concat();
    let elsewhere = |url: &str| format!("{}/1", url.trim_end_matches("/0"));
    users.try_each(&all, &[], |_, url| send(&elsewhere(url), Sending::Periodic, 1));
    assert_eq!(all.last(), Some(&"select"));
}

#[test]
fn in_a_cluster_who_sends_and_reads_needs_what_is_written_besides() {
    let cluster = RedisCluster::start(3);
    let besides = rights_told("In a cluster ");
    assert_eq!(besides, ["cluster|slots", "asking"]);
    let all = [rights("who sends numbers of its own"), rights("both, where"), rights("who reads"), besides];
    let all = all.concat();
    let may = |user: &str, missing: &str| {
        let rights: Vec<&str> = all.iter().filter(|&&right| right != missing).copied().collect();
        cluster.nodes.iter().for_each(|node| set_user(node, user, &rights));
        cluster.url().replace("://", &format!("://{user}:s3cret@"))
    };
    let url = may("whole", "");
    let options = Options { prefix: PREFIX.to_owned(), shards: 4, ..Options::default() };
    let store = RedisStore::open_with(&url, options).unwrap();
    let counter = Registry::new(store.clone()).counter("jobs", "Jobs.").register().unwrap();
    counter.inc();
    store.flush(PATIENCE).unwrap();
    assert_eq!(jobs(&url), Ok(1.0));
    let why = jobs(&may("lost", "cluster|slots")).unwrap_err();
    assert!(why.contains("NOPERM") && why.contains("'cluster|slots'"), "{why}");

    // While the keys of a shard are at another node than the one that still has their slot.
    let shard = Keys::shard_of(&store.process().unwrap(), 4);
    let key = format!("{{shop#{shard}}}:processes");
    let from = cluster.owner(&key);
    let to = (from + 1) % cluster.nodes.len();
    cluster.begin_move(&key, from, to);
    assert!(cluster.move_keys(&key, from, to) > 0);
    let why = jobs(&may("not-asking", "asking")).unwrap_err();
    assert!(why.contains("NOPERM") && why.contains("'asking'"), "{why}");
    cluster.end_move(&key, from, to);
    counter.inc();
    store.flush(PATIENCE).unwrap();
    assert_eq!(jobs(&url), Ok(2.0));
    store.close(PATIENCE).unwrap();
}

#[test]
fn behind_sentinels_who_sends_needs_what_is_written_besides() {
    let master = RedisServer::start();
    let role = rights_told("behind Sentinels ");
    assert_eq!(role, ["role", "sentinel|get-master-addr-by-name"]);
    let lines = "user eve on >3ve +sentinel|get-master-addr-by-name\nuser eric on >3ric +ping\n";
    let sentinel = RedisServer::start_sentinel_of(master.port(), lines, &[]);
    let own = rights("who sends numbers of its own");
    set_user(&master, "whole", &[&own[..], &role[..1]].concat());
    set_user(&master, "no-role", &own);
    let url = |user: &str, of_sentinels: &str| {
        format!("redis+sentinel://{user}:s3cret@127.0.0.1:{}/shop?{of_sentinels}", sentinel.port())
    };
    let eve = "sentinel_user=eve&sentinel_pass=3ve";
    send(&url("whole", eve), Sending::Periodic, 1).unwrap();
    let why = send(&url("no-role", eve), Sending::Periodic, 1).unwrap_err();
    assert!(why.contains("NOPERM") && why.contains("'role'"), "{why}");
    let eric = "sentinel_user=eric&sentinel_pass=3ric";
    let why = send(&url("whole", eric), Sending::Periodic, 1).unwrap_err();
    assert!(why.contains("NOPERM") && why.contains("'sentinel|get-master-addr-by-name'"), "{why}");
}
