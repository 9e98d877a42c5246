//! What is lost in Redis, key by key and field by field, is noticed, and never shown as a fall.

use std::time::Duration;

use collector::Liveness;
use metrics_core::{Aggregation, Registry};
use proptest::collection::vec;
use proptest::prelude::*;
use redis_fleet::{Janitor, Keeping};
use redis_link::redis::{FromRedisValue, Pipeline};
use redis_link::{Address, Link, Timeouts};
use redis_testkit::RedisServer;
use store_redis::{RedisStore, Sending};

use crate::place::{PATIENCE, Place, server};

/// More than a page of them.
const QUEUES: usize = 600;
/// What two dead processes and one that lives have counted.
const ALL: f64 = 3.0 * QUEUES as f64;

/// Counts in each queue, and sets a gauge that is kept by name.
fn count(store: &RedisStore) {
    let registry = Registry::new(store.clone());
    let jobs = registry.counter("jobs", "Jobs.").labels(["queue"]).unwrap();
    (0..QUEUES).for_each(|queue| jobs.with([&*queue.to_string()]).inc());
    registry.gauge("level", "Level.").aggregation(Aggregation::ALL).register().unwrap().set(5.0);
}

/// Two that are dead, as the janitor knows, one that lives, and a page that has been read.
fn populated(place: &Place) -> (RedisStore, Janitor) {
    let mut janitor = place.janitor(Duration::from_secs(3_600)).keeping(Keeping::default());
    for _ in 0..2 {
        let store = place.open();
        count(&store);
        store.close(PATIENCE).unwrap();
        assert_eq!(janitor.tidy().unwrap(), 1);
    }
    let store = place.open_as(Sending::Periodic, Duration::from_secs(3_600));
    count(&store);
    store.flush(PATIENCE).unwrap();
    assert_eq!(place.total().unwrap(), ALL);
    // What it has written last, it reads again.
    assert_eq!(janitor.tidy().unwrap(), 0);
    (store, janitor)
}

impl Place {
    /// All jobs on the page of somebody who has read before.
    fn total(&self) -> Result<f64, String> {
        total(self.page(Liveness::AsFiled))
    }

    /// The same of somebody who has not.
    fn strangers_total(&self) -> Result<f64, String> {
        total(self.fresh_page(Liveness::AsFiled))
    }
}

fn total(page: Result<metrics_core::Snapshot, String>) -> Result<f64, String> {
    let page = page?;
    let jobs = page.families.iter().filter(|family| &*family.name == "jobs");
    Ok(jobs.flat_map(|family| &family.samples).map(|sample| sample.value).sum())
}

/// Something that is there, and is taken away.
fn pieces(server: &RedisServer, place: &Place) -> Vec<Vec<String>> {
    let mut pieces = Vec::new();
    let keys = server.cli(&["--raw", "KEYS", &place.key("*")]);
    for key in keys.lines() {
        pieces.push(vec!["DEL".to_owned(), key.to_owned()]);
        let fields = match server.cli(&["TYPE", key]).trim() {
            "hash" => server.cli(&["--raw", "HKEYS", key]),
            _ => String::new(),
        };
        pieces.extend(fields.lines().map(|field| vec!["HDEL".to_owned(), key.to_owned(), field.to_owned()]));
    }
    pieces.sort();
    pieces
}

#[test]
fn whatever_one_key_or_field_is_lost_no_page_falls_and_it_is_there_again() {
    let layout = Place::new(server().unix_url());
    populated(&layout);
    let count = pieces(server(), &layout).len();
    assert!(count > 25, "{count}");
    for number in 0..count {
        let place = Place::new(server().unix_url());
        let (store, mut janitor) = populated(&place);
        let piece = pieces(server(), &place).swap_remove(number);
        assert_eq!(server().cli(&piece.iter().map(String::as_str).collect::<Vec<_>>()), "1\n", "{piece:?}");
        // Who has read before shows all; who has not shows all of the dead, or nothing at all.
        assert_eq!(place.total(), Ok(ALL), "{piece:?}");
        let is_of_retired = piece[1].contains(":retired");
        match place.strangers_total() {
            Ok(total) if is_of_retired => assert_eq!(total, ALL, "{piece:?}"),
            Ok(total) => assert!(total >= ALL - QUEUES as f64, "{total} {piece:?}"),
            Err(error) => {
                assert!(is_of_retired && error.contains("fold --accept-loss"), "{error} {piece:?}");
                assert!(place.own().contains("multiprom_redis_lost_keys{"), "{}", place.own());
            }
        }
        // The janitor writes what it has read.
        janitor.tidy().unwrap_or_else(|error| panic!("{error} {piece:?}"));
        // And the one that lives sends what is lost of its own, if it is a key or it is missed.
        store.flush(PATIENCE).unwrap();
        let is_page = piece.len() == 3 && piece[1].contains(":values:") && piece[2].starts_with(['v', 't']);
        if !is_page {
            assert_eq!(place.strangers_total(), Ok(ALL), "{piece:?}");
        }
        assert_eq!(place.total(), Ok(ALL), "{piece:?}");
        // Nothing is there twice once it is dead, too.
        store.close(PATIENCE).unwrap();
        janitor.tidy().unwrap_or_else(|error| panic!("{error} {piece:?}"));
        assert_eq!((place.total(), place.strangers_total()), (Ok(ALL), Ok(ALL)), "{piece:?}");
    }
}

#[test]
fn without_anybody_who_has_read_it_there_is_no_page_until_the_loss_is_accepted() {
    let place = Place::new(server().unix_url());
    let (store, _) = populated(&place);
    server().cli(&["DEL", &place.key("retired:schema")]);
    let mut janitor = place.janitor(Duration::from_secs(3_600));
    let error = janitor.tidy().unwrap_err().to_string();
    assert!(error.contains("retired:schema: ") && error.contains("fold --accept-loss"), "{error}");
    assert!(place.strangers_total().is_err());
    assert_eq!(place.total(), Ok(ALL));
    // Those who live go on, and those who die wait.
    store.close(PATIENCE).unwrap();
    assert!(janitor.tidy().is_err());
    assert_eq!(server().cli(&["ZCARD", &place.key("processes")]), "1\n");
    assert_eq!((janitor.accept_loss().unwrap(), janitor.accept_loss().unwrap()), (1, 0));
    assert_eq!((place.total(), place.strangers_total()), (Ok(QUEUES as f64), Ok(QUEUES as f64)));
    assert_eq!(janitor.tidy().unwrap(), 1);
    assert_eq!((place.total(), place.strangers_total()), (Ok(QUEUES as f64), Ok(QUEUES as f64)));
    // A page that is gone costs what stood on it, and what is behind it.
    server().cli(&["HDEL", &place.key("retired"), "v1"]);
    let mut other = place.janitor(Duration::from_secs(3_600));
    assert!(other.tidy().is_err() && place.strangers_total().is_err());
    assert_eq!(other.accept_loss().unwrap(), 1);
    assert_eq!(place.strangers_total(), Ok(512.0));
}

#[test]
fn who_was_retired_after_the_last_reading_and_is_lost_with_the_retired_stays_on_the_page() {
    let place = Place::new(server().unix_url());
    let (store, mut first) = populated(&place);
    store.close(PATIENCE).unwrap();
    assert_eq!(place.janitor(Duration::from_secs(3_600)).tidy().unwrap(), 1);
    server().cli(&["DEL", &place.key("retired")]);
    assert_eq!((place.total(), place.total()), (Ok(ALL), Ok(ALL)));
    // What the first has read is not what was there last.
    assert!(first.tidy().is_err());
    assert_eq!(place.total(), Ok(ALL));
    server().cli(&["DEL", &place.key("retired:seal")]);
    assert!(first.tidy().is_err());
    assert_eq!(place.total(), Ok(ALL));
}

#[test]
fn bytes_that_are_others_are_noticed_by_who_reads_them() {
    let place = Place::new(server().unix_url());
    populated(&place);
    for change in [
        &["HSET", &place.key("retired"), "v0", "12345678"][..],
        &["HSET", &place.key("retired"), "#dropped", "7"],
        &["SETRANGE", &place.key("retired:schema"), "30", "x"],
        &["HSET", &place.key("retired"), "#version", "7"],
        &["SET", &place.key("retired:seal"), "7 7 7"],
    ] {
        let saved: Vec<String> =
            ["retired", "retired:schema", "retired:seal"].map(|key| place.key(key)).to_vec();
        saved.iter().for_each(|key| drop(server().cli(&["COPY", key, &format!("{key}:saved")])));
        server().cli(change);
        assert!(place.strangers_total().unwrap_err().contains("--accept-loss"), "{change:?}");
        assert_eq!(place.total(), Ok(ALL), "{change:?}");
        saved.iter().for_each(|key| drop(server().cli(&["COPY", &format!("{key}:saved"), key, "REPLACE"])));
        assert_eq!((place.total(), place.strangers_total()), (Ok(ALL), Ok(ALL)), "{change:?}");
    }
}

#[test]
fn a_server_that_begins_to_throw_keys_away_while_it_is_used_makes_no_page_fall() {
    let server = RedisServer::start();
    let place = Place::new(server.url());
    let mut janitor = place.janitor(Duration::from_secs(3_600));
    let stores: Vec<RedisStore> = (0..6).map(|_| place.open()).collect();
    stores.iter().for_each(count);
    place.flush();
    for store in &stores[..3] {
        store.close(PATIENCE).unwrap();
    }
    assert_eq!(janitor.tidy().unwrap(), 3);
    janitor.tidy().unwrap();
    let all = 6.0 * QUEUES as f64;
    assert_eq!(place.total(), Ok(all));
    server.cli(&["CONFIG", "SET", "maxmemory-policy", "allkeys-random"]);
    // Over one connection, which takes no more room from one command to the next.
    let link = Link::new(Address::parse(&server.url()).unwrap(), Timeouts::default());
    let run = |words: &str| {
        let mut pipeline = Pipeline::new();
        words.split(' ').for_each(|word| match pipeline.is_empty() {
            true => drop(pipeline.cmd(word)),
            false => drop(pipeline.arg(word)),
        });
        String::from_redis_value(link.run_each_by(&pipeline, None).unwrap().swap_remove(0))
            .unwrap_or_default()
    };
    let said = |section: &str, name: &str| {
        let info = run(&format!("INFO {section}"));
        let number = info.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        number.trim().parse::<u64>().unwrap()
    };
    let (mut remembered, mut refused) = (0, 0);
    for round in 0..80 {
        (0..20).for_each(|key| drop(run(&format!("SET somebody-else:{key} {}", "x".repeat(2_000)))));
        // A little below what is used: a few keys go.
        run(&format!("CONFIG SET maxmemory {}", said("memory", "used_memory:") - 500));
        run("SET somebody-else x");
        run("CONFIG SET maxmemory 0");
        match place.total() {
            Ok(total) => assert_eq!(total, all, "round {round}"),
            // It is another epoch, and of the dead a part is not there.
            Err(error) => {
                assert!(error.contains("--accept-loss"), "{error}");
                refused += 1;
            }
        }
        remembered += usize::from(
            place
                .own()
                .lines()
                .any(|line| line.starts_with("multiprom_redis_lost_keys") && !line.ends_with(" 0.0")),
        );
        let _ = janitor.tidy();
        place.flush();
    }
    assert!(said("stats", "evicted_keys:") >= 80 && refused < 10, "{refused} pages were refused");
    assert!(remembered > 0);
    // Those who live are there again, whatever went.
    server.cli(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
    place.flush();
    janitor.tidy().unwrap();
    assert_eq!((place.total(), place.strangers_total()), (Ok(all), Ok(all)));
}

#[derive(Clone, Debug)]
enum Step {
    Add(usize),
    Flush(usize),
    /// Says that it ends; another one begins.
    End(usize),
    /// By one of two.
    Tidy(usize),
    /// A key or a field, after which all have their turn.
    Lose(usize),
    /// Another reader begins.
    Reader,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..3_usize).prop_map(Step::Add),
        3 => (0..3_usize).prop_map(Step::Flush),
        2 => (0..3_usize).prop_map(Step::End),
        2 => (0..2_usize).prop_map(Step::Tidy),
        3 => (0..1_000_usize).prop_map(Step::Lose),
        1 => Just(Step::Reader),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn whatever_is_lost_one_after_the_other_no_page_falls_or_has_too_much_and_all_is_there_again(
        steps in vec(step(), 1..25),
    ) {
        let place = Place::new(server().unix_url());
        let begin = || {
            let store = place.open_as(Sending::Periodic, Duration::from_secs(3_600));
            let jobs = Registry::new(store.clone()).counter("jobs", "Jobs.").labels(["queue"]).unwrap();
            (store, jobs)
        };
        let mut stores: Vec<_> = (0..3).map(|_| begin()).collect();
        let mut janitors = [place.janitor(Duration::from_secs(3_600)), place.janitor(Duration::from_secs(3_600))];
        let (mut counted, mut shown) = (0.0, 0.0);
        for step in steps {
            match step {
                Step::Add(which) => {
                    stores[which].1.with([&*counted.to_string()]).inc();
                    stores[which].1.with(["all"]).inc();
                    counted += 2.0;
                }
                Step::Flush(which) => stores[which].0.flush(PATIENCE).unwrap(),
                Step::End(which) => {
                    let ended = std::mem::replace(&mut stores[which], begin());
                    ended.0.close(PATIENCE).unwrap();
                }
                Step::Tidy(which) => {
                    janitors[which].tidy().unwrap();
                }
                Step::Reader => {
                    // A store's first frame goes by itself, at some time.
                    let (before, new, after) = (place.total(), place.strangers_total(), place.total());
                    prop_assert!(before <= new && new <= after, "{:?} {:?} {:?}", before, new, after);
                }
                Step::Lose(which) => {
                    // Nobody is dead that was not taken out, and all have read what there is.
                    for janitor in &mut janitors {
                        janitor.tidy().unwrap();
                    }
                    let before = place.total().unwrap();
                    let mut pieces = pieces(server(), &place);
                    pieces.retain(|piece| piece.len() == 2 || !piece[1].contains(":values:"));
                    if pieces.is_empty() {
                        continue;
                    }
                    let piece = pieces.swap_remove(which % pieces.len());
                    server().cli(&piece.iter().map(String::as_str).collect::<Vec<_>>());
                    let total = place.total().unwrap();
                    prop_assert!(total >= before && total <= counted, "{} {} {:?}", before, total, piece);
                    prop_assert!(place.strangers_total().is_err() || place.strangers_total().unwrap() <= counted);
                    // Either may be first.
                    let (first, second) = (which % 2, 1 - which % 2);
                    janitors[first].tidy().unwrap();
                    stores.iter().for_each(|(store, _)| store.flush(PATIENCE).unwrap());
                    janitors[second].tidy().unwrap();
                    prop_assert_eq!(place.strangers_total(), Ok(counted), "{:?}", piece);
                }
            }
            let total = place.total().unwrap();
            prop_assert!(total >= shown && total <= counted, "{} after {} of {}", total, shown, counted);
            shown = total;
        }
        stores.iter().for_each(|(store, _)| store.close(PATIENCE).unwrap());
        janitors[0].tidy().unwrap();
        prop_assert_eq!((place.total(), place.strangers_total()), (Ok(counted), Ok(counted)));
    }
}
