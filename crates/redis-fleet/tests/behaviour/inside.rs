//! A look inside, beside the page: whatever has become of a process's keys, both have the same numbers.

use std::collections::BTreeMap;
use std::time::Duration;

use collector::Liveness;
use metrics_core::{Registry, Sample};
use proptest::collection::vec;
use proptest::prelude::*;
use redis_fleet::{FaultSort, Inside, shards};
use redis_link::{Address, Link, Timeouts};
use redis_schema::{Keys, page};
use redis_testkit::RedisCluster;
use store_redis::{Options, Sending};

use crate::place::{PATIENCE, Place, server};

/// More than a page of them.
const SERIES: usize = 600;

/// Something that becomes of a key.
#[derive(Clone, Debug)]
enum Change {
    Field(&'static str, Vec<u8>),
    NoField(&'static str),
    /// The schema ends behind so many bytes.
    Cut(usize),
    Append(Vec<u8>),
}

fn change() -> impl Strategy<Value = Change> {
    let field =
        prop::sample::select(vec!["v0", "v1", "v2", "v3", "t0", "v", "#seq", "v18446744073709551615"]);
    prop_oneof![
        (field.clone(), vec(any::<u8>(), 0..5000)).prop_map(|(field, bytes)| Change::Field(field, bytes)),
        field.prop_map(Change::NoField),
        (0..30_000_usize).prop_map(Change::Cut),
        vec(any::<u8>(), 1..20).prop_map(Change::Append),
    ]
}

/// What a look inside has of the family, by label value: of label sets that are there as a whole.
fn inside(inside: &Inside) -> BTreeMap<String, u64> {
    let numbers = inside.keepers().flat_map(redis_fleet::Keeper::numbers);
    let known =
        numbers.filter_map(|number| Some((number.set.values[0].to_string(), number.value?.to_bits())));
    known.collect()
}

/// The same of the page.
fn shown(place: &Place) -> BTreeMap<String, u64> {
    let page = place.fresh_page(Liveness::AsFiled).unwrap();
    let samples = page.families.iter().flat_map(|family| &family.samples);
    let queue = |sample: &Sample| {
        let label = sample.series.labels.iter().find(|label| &*label.name == "queue").unwrap();
        String::from_utf8(label.value.to_vec()).unwrap()
    };
    samples.map(|sample| (queue(sample), sample.value.to_bits())).collect()
}

#[test]
fn whatever_becomes_of_keys_the_page_has_what_a_look_inside_has_and_what_lacks_is_named() {
    let place = Place::new(server().unix_url());
    let store = place.open();
    let family = Registry::new(store.clone()).gauge("depth", "Depth.").labels(["queue"]).unwrap();
    (0..SERIES).for_each(|at| family.with([&*format!("q{at}")]).set(at as f64));
    store.close(PATIENCE).unwrap();
    let redis = |arguments: &[&str], input: &[u8]| server().cli_with(arguments, input);
    let name = redis(&["ZRANGE", &place.key("processes"), "0", "-1"], b"").trim().to_owned();
    let (values, schema) = (place.key(&format!("values:{name}")), place.key(&format!("schema:{name}")));
    let saved = [place.key("saved:values"), place.key("saved:schema")];
    redis(&["COPY", &values, &saved[0]], b"");
    redis(&["COPY", &schema, &saved[1]], b"");
    let link = Link::new(Address::parse(&server().unix_url()).unwrap(), Timeouts::default());
    let address = Address::parse(&server().unix_url()).unwrap();
    let found = shards(&address, Timeouts::default(), place.prefix(), None).unwrap();
    let keys = Keys::new(place.prefix(), 0).unwrap();
    assert!(matches!(&found[..], [(0, known, _)] if *known == keys));
    let look = || Inside::read(&link, &keys, None).unwrap();
    assert!(inside(&look()) == shown(&place) && look().faults.is_empty());

    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(48));
    let result = runner.run(&vec(change(), 1..4), |changes| {
        redis(&["COPY", &saved[0], &values, "REPLACE"], b"");
        redis(&["COPY", &saved[1], &schema, "REPLACE"], b"");
        for change in &changes {
            match change {
                Change::Field(field, bytes) => redis(&["-x", "HSET", &values, field], bytes),
                Change::NoField(field) => redis(&["HDEL", &values, field], b""),
                Change::Cut(len) => {
                    let text = "local text = redis.call('GET', KEYS[1]) or '' \
                                redis.call('SET', KEYS[1], string.sub(text, 1, ARGV[1]))";
                    redis(&["EVAL", text, "1", &schema, &len.to_string()], b"")
                }
                Change::Append(bytes) => redis(&["-x", "APPEND", &schema], bytes),
            };
        }
        let found = look();
        prop_assert!(inside(&found) == shown(&place), "they differ");
        let whole = inside(&found).len() == SERIES;
        prop_assert!(whole || !found.faults.is_empty(), "numbers lack, and nothing is named");
        Ok(())
    });
    result.unwrap();
}

#[test]
fn a_process_that_is_retired_meanwhile_is_no_fault() {
    let place = Place::new(server().unix_url());
    let link = Link::new(Address::parse(&server().unix_url()).unwrap(), Timeouts::default());
    let keys = Keys::new(place.prefix(), 0).unwrap();
    let over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(std::sync::atomic::Ordering::Relaxed) {
                let found = Inside::read(&link, &keys, None).unwrap();
                assert_eq!(found.faults, vec![]);
            }
        });
        for _ in 0..10 {
            let store = place.open();
            Registry::new(store.clone()).counter("jobs", "Jobs.").register().unwrap().inc();
            store.close(PATIENCE).unwrap();
            place.janitor(Duration::from_secs(3600)).tidy().unwrap();
        }
        over.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    let found = Inside::read(&link, &keys, None).unwrap();
    let dead = found.retired.unwrap();
    let jobs: Vec<f64> = dead.numbers().filter_map(|number| number.value).collect();
    assert_eq!((jobs, found.processes.len(), found.tombs), (vec![10.0], 0, Some(10)));
    // A key of another kind is one, whatever else is there; so is a schema that is not the one its numbers are of.
    server().cli(&["DEL", &place.key("tombs")]);
    server().cli(&["SET", &place.key("tombs"), "x"]);
    server().cli(&["HSET", &place.key("retired"), "#hash", "12345"]);
    let found = Inside::read(&link, &keys, None).unwrap();
    let sorts: Vec<FaultSort> = found.faults.iter().map(|fault| fault.sort).collect();
    assert_eq!(sorts, [FaultSort::WrongType, FaultSort::SchemaDiffers]);
    server().cli(&["HSET", &place.key("retired"), "v0", "12345678"]);
    let found = Inside::read(&link, &keys, None).unwrap();
    let last = found.faults.last().unwrap();
    assert_eq!((last.sort, &*last.why), (FaultSort::Seal, "its numbers are not those that its seal says"));
    server().cli(&["DEL", &place.key("retired")]);
    let found = Inside::read(&link, &keys, None).unwrap();
    assert!(found.faults[1].to_string().ends_with("retired: it is not there, and the schema beside it is"));
}

#[test]
fn what_is_gone_has_no_number_and_a_counter_cannot_be_gone() {
    let place = Place::new(server().unix_url());
    let store = place.open();
    let registry = Registry::new(store.clone());
    registry.gauge("depth", "Depth.").register().unwrap().set(3.0);
    registry.counter("jobs", "Jobs.").register().unwrap().inc();
    store.close(PATIENCE).unwrap();
    let name = server().cli(&["ZRANGE", &place.key("processes"), "0", "-1"]).trim().to_owned();
    let values = place.key(&format!("values:{name}"));
    let link = Link::new(Address::parse(&server().unix_url()).unwrap(), Timeouts::default());
    let keys = Keys::new(place.prefix(), 0).unwrap();
    for (stored, is_gone, series) in [([3.0, 1.0], [false; 2], 2), ([page::GONE, 1.0], [true, false], 1)] {
        server().cli_with(&["-x", "HSET", &values, "v0"], &page::write(&stored));
        let found = Inside::read(&link, &keys, None).unwrap();
        let numbers: Vec<_> = found.processes[0].numbers().collect();
        let expected = stored.map(|value| Some(value).filter(|value| !page::is_gone(*value)));
        assert_eq!([numbers[0].value, numbers[1].value], expected);
        assert_eq!([numbers[0].is_gone, numbers[1].is_gone], is_gone);
        assert_eq!((found.processes[0].series(), found.faults.len()), (series, 0));
    }
    server().cli_with(&["-x", "HSET", &values, "v0"], &page::write(&[3.0, page::GONE]));
    let found = Inside::read(&link, &keys, None).unwrap();
    let whys: Vec<&str> = found.faults.iter().map(|fault| &*fault.why).collect();
    assert_eq!(whys, ["v0[1], of jobs_total, is gone"]);
}

#[test]
fn short_pages_and_shared_numbers_are_looked_into_and_what_lacks_of_them_is_named() {
    let place = Place::new(server().unix_url());
    let (synchronous, shared) = (
        place.open_as(Sending::Synchronous, Options::SHORTEST),
        place.open_as(Sending::Shared, Options::SHORTEST),
    );
    let depth = Registry::new(synchronous.clone()).counter("depth", "Depth.").labels(["queue"]).unwrap();
    (0..40).for_each(|at| depth.with([&*at.to_string()]).inc_by(f64::from(at)));
    let seconds = Registry::new(shared.clone()).histogram("seconds", "S.").labels(["path"]).unwrap();
    seconds.with(["/a"]).observe(0.3);
    seconds.with(["/b"]).observe(20.0);
    place.flush();
    let link = Link::new(Address::parse(&server().unix_url()).unwrap(), Timeouts::default());
    let keys = Keys::new(place.prefix(), 0).unwrap();
    let found = Inside::read(&link, &keys, None).unwrap();
    assert_eq!(found.faults, vec![]);
    let numbers: Vec<_> = found.keepers().flat_map(redis_fleet::Keeper::numbers).collect();
    assert_eq!(numbers.iter().map(|number| number.value.unwrap()).sum::<f64>(), 780.0);
    assert_eq!(numbers[39].place, ("v2".to_owned(), 7));
    let [family] = &found.shared[..] else { panic!("{:?}", found.shared) };
    assert_eq!((family.desc.name(), family.series()), ("seconds", 2));
    let sums: Vec<(&str, f64)> = family
        .numbers
        .iter()
        .filter(|number| number.sample == "seconds_sum")
        .map(|number| (&*number.labels[0], number.value))
        .collect();
    assert_eq!(sums, [("/a", 0.3), ("/b", 20.0)]);

    let process = synchronous.process().unwrap();
    synchronous.close(PATIENCE).unwrap();
    let field = &family.numbers[0].field;
    server().cli(&["HDEL", &keys.values(&process), "v1"]);
    server().cli(&["HSET", &family.key, field, "x"]);
    let found = Inside::read(&link, &keys, None).unwrap();
    assert!(
        found
            .faults
            .iter()
            .any(|fault| fault.sort == FaultSort::Page && fault.why.starts_with("v2 counts nowhere"))
    );
    assert!(
        found
            .faults
            .iter()
            .any(|fault| fault.key == family.key && fault.why.ends_with("its value is no number"))
    );
    server().cli(&["DEL", &family.key]);
    let found = Inside::read(&link, &keys, None).unwrap();
    assert!(found.faults.iter().any(|fault| fault.key == family.key && fault.sort == FaultSort::Missing));
}

#[test]
fn shards_on_the_nodes_of_a_cluster_are_found_and_looked_into() {
    let cluster = RedisCluster::start(3);
    let place = Place::sharded(cluster.url(), 4);
    let stores: Vec<_> = (0..12).map(|_| place.open()).collect();
    for store in &stores {
        Registry::new(store.clone()).counter("jobs", "Jobs.").register().unwrap().inc();
    }
    place.flush();
    let address = Address::parse(&cluster.url()).unwrap();
    let found = shards(&address, Timeouts::default(), place.prefix(), None).unwrap();
    let mut total = 0.0;
    for (_, keys, link) in &found {
        let inside = Inside::read(link, keys, None).unwrap();
        assert_eq!(inside.faults, vec![]);
        total +=
            inside.keepers().flat_map(redis_fleet::Keeper::numbers).filter_map(|it| it.value).sum::<f64>();
    }
    assert_eq!(total, 12.0);
    let used: std::collections::BTreeSet<usize> =
        stores.iter().map(|store| Keys::shard_of(&store.process().unwrap(), 4)).collect();
    assert!(used.iter().all(|shard| found.iter().any(|(known, ..)| known == shard)), "{used:?}");
}
