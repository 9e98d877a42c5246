//! Stores whose Redis is not there at the start, and pages of their directory and their database.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::collections::BTreeMap;
use std::sync::atomic::AtomicUsize;
use std::sync::{Mutex, mpsc};

use collector::{Ask, Catalog, Collector, DirSource, Directory, Liveness, Source};
use forked::testing::{WAYS, Way, alone, fork};
use metrics_core::{Aggregation, Declaration, Kind, Mode, Part, Snapshot};
use proptest::prelude::*;
use redis_fleet::FleetSource;
use redis_link::{Address, Timeouts};
use redis_testkit::RedisServer;
use store_redis::Sending;
use store_testkit::Subject;

use super::*;

/// Long enough for whatever the machine does meanwhile.
const PATIENCE: Duration = Duration::from_secs(60);

/// A directory, and a prefix of a server's own.
struct Town {
    url: String,
    prefix: String,
    directory: tempfile::TempDir,
    stores: Mutex<Vec<FallbackStore>>,
}

impl Town {
    fn new(url: String) -> Town {
        static LAST: AtomicUsize = AtomicUsize::new(0);
        let prefix = format!("town-{}", LAST.fetch_add(1, Ordering::Relaxed));
        Town { url, prefix, directory: tempfile::tempdir().unwrap(), stores: Mutex::default() }
    }

    fn options(&self, sending: Sending) -> Options {
        Options {
            prefix: self.prefix.clone(),
            sending,
            interval: Options::SHORTEST,
            timeouts: store_redis::Timeouts {
                connect: Duration::from_millis(300),
                answer: Duration::from_millis(500),
            },
            warn: Arc::new(|_| {}),
            ..Options::default()
        }
    }

    /// A store whose Redis is not looked for: it goes over when it is told.
    fn open_to_be_told(&self, sending: Sending) -> FallbackStore {
        let redis = RedisStore::open_with(&self.url, self.options(sending)).unwrap();
        let files = MmapStore::open(self.directory.path()).unwrap();
        let store = FallbackStore::of(redis, files, Arc::default());
        store.shared.own.get_or_init(|| Own { in_files: Mutex::default(), looks: AtomicBool::new(true) });
        self.stores.lock().unwrap().push(store.clone());
        store
    }

    /// A store that looks for its Redis, which is not there.
    fn open(&self, sending: Sending) -> FallbackStore {
        let redis = RedisStore::open_with(&self.url, self.options(sending)).unwrap();
        assert!(!redis.was_there());
        let store = FallbackStore::of(redis, MmapStore::open(self.directory.path()).unwrap(), Arc::default());
        store.shared.own();
        store
    }

    fn files(&self) -> Box<dyn Source> {
        let directory = Directory { path: self.directory.path().to_owned(), labels: Vec::new() };
        Box::new(DirSource::new(vec![directory], Catalog::default()).unwrap())
    }

    fn redis(&self) -> Box<dyn Source> {
        let address = Address::parse(&self.url).unwrap();
        Box::new(FleetSource::new(address, &self.prefix, Timeouts::default()).unwrap())
    }

    /// One page of both.
    fn collector(&self) -> Collector {
        Collector::new(vec![self.files(), self.redis()])
    }
}

impl Drop for Town {
    /// Ends the stores' threads.
    fn drop(&mut self) {
        for store in self.stores.lock().unwrap().iter() {
            let _ = store.shared.redis.close(Duration::from_millis(200));
        }
    }
}

fn page_of(collector: &Collector, liveness: Liveness) -> Result<Snapshot, String> {
    let mut ask = Ask::default();
    ask.liveness = liveness;
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let page = runtime.block_on(collector.collect(&ask));
    page.map(|page| (*page).clone()).map_err(|error| error.to_string())
}

/// The samples of the page that have this name.
fn values(collector: &Collector, name: &str) -> Vec<f64> {
    let page = page_of(collector, Liveness::Observed).unwrap();
    let samples = page.families.iter().flat_map(|family| &family.samples);
    samples.filter(|sample| &*sample.series.name == name).map(|sample| sample.value).collect()
}

fn desc(kind: Kind, name: &str, aggregation: Option<Aggregation>) -> Arc<Desc> {
    Arc::new(Desc::new(&Declaration { aggregation, ..Declaration::new(kind, name, "Of a test.") }).unwrap())
}

fn counter(store: &FallbackStore) -> &'static dyn Child {
    store.child(&desc(Kind::Counter, "jobs", None), &[]).unwrap()
}

fn gauge(store: &FallbackStore, name: &str, aggregation: Aggregation) -> &'static dyn Child {
    store.child(&desc(Kind::Gauge, name, Some(aggregation)), &[]).unwrap()
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A server that has gone, whose port is its own.
fn gone() -> RedisServer {
    let mut server = RedisServer::start();
    server.kill();
    server
}

#[test]
fn redis_absent_at_start_with_fallback() {
    let mut server = gone();
    let town = Town::new(server.url());
    let store = town.open(Sending::Periodic);
    let jobs = counter(&store);
    let [sum, livesum, max, all, recent] = [
        ("sum", Aggregation::SUM),
        ("livesum", Aggregation::SUM.live()),
        ("max", Aggregation::MAX),
        ("all", Aggregation::ALL),
        ("recent", Aggregation::MOST_RECENT),
    ]
    .map(|(name, aggregation)| gauge(&store, name, aggregation));
    let latency = store.child(&desc(Kind::Histogram, "latency", None), &[]).unwrap();
    jobs.add(5.0);
    [sum, livesum, max, all, recent].iter().for_each(|gauge| gauge.set(-8.0));
    latency.observe(0, 0.25);

    let in_files = Collector::new(vec![town.files()]);
    assert_eq!(values(&in_files, "jobs_total"), [5.0]);
    let gauges = ["sum", "livesum", "max", "all", "recent"];
    for name in gauges {
        assert_eq!(values(&in_files, name), [-8.0], "{name}");
    }

    server.restart();
    let (stop, stopped) = mpsc::channel::<()>();
    let counting = std::thread::spawn(move || {
        let mut counted = 5.0;
        while stopped.try_recv() == Err(mpsc::TryRecvError::Empty) {
            jobs.add(1.0);
            latency.observe(0, 0.25);
            counted += 1.0;
        }
        counted
    });
    // Whoever looks, at any moment: no counter falls, no gauge shows anything else, and none is missing.
    let page = town.collector();
    let (mut last, mut looks) = (5.0, 0);
    let left = || {
        !std::fs::read_dir(town.directory.path())
            .unwrap()
            .any(|entry| entry.unwrap().file_name().to_string_lossy().starts_with("gauge_max"))
    };
    wait_until("it leaves the files", || {
        looks += 1;
        let [now] = values(&page, "jobs_total")[..] else { panic!("one line") };
        assert!(now >= last, "{now} after {last}");
        last = now;
        for name in gauges {
            let values = values(&page, name);
            assert!(!values.is_empty() && values.iter().all(|&value| value == -8.0), "{name}: {values:?}");
        }
        left()
    });
    // A machine that does other things gives it few.
    assert!(looks > 2, "{looks}");
    assert!(store.shared.is_in_redis());
    stop.send(()).unwrap();
    let counted = counting.join().unwrap();
    store.shared.redis.flush(PATIENCE).unwrap();
    assert_eq!(values(&page, "jobs_total"), [counted]);
    assert_eq!(values(&page, "latency_count"), [counted - 4.0]);
    assert_eq!(values(&page, "latency_sum"), [(counted - 4.0) * 0.25]);
    assert_eq!(jobs.get(Part::Value), counted);
    for name in gauges {
        assert_eq!(values(&page, name), [-8.0], "{name}");
    }
    // And lower than what the files have had.
    [sum, livesum, max, all, recent].iter().for_each(|gauge| gauge.set(-16.0));
    [sum, livesum].iter().for_each(|gauge| gauge.add(1.0));
    store.shared.redis.flush(PATIENCE).unwrap();
    assert_eq!(gauges.map(|name| values(&page, name)), [[-15.0], [-15.0], [-16.0], [-16.0], [-16.0]]);
    assert_eq!([sum, max].map(|gauge| gauge.get(Part::Value)), [-15.0, -16.0]);

    // Gone again, it is not the files that count.
    let written = values(&in_files, "jobs_total");
    server.kill();
    jobs.add(3.0);
    let later = store.child(&desc(Kind::Counter, "later", None), &[]).unwrap();
    later.add(1.0);
    assert_eq!(values(&in_files, "jobs_total"), written);
    assert_eq!(values(&in_files, "later_total"), [0.0; 0]);
    server.restart();
    wait_until("all is there again", || values(&page, "jobs_total") == [counted + 3.0]);
    assert_eq!(values(&page, "later_total"), [1.0]);
}

#[test]
fn who_finds_redis_at_the_start_makes_no_directory() {
    let server = RedisServer::start();
    let town = Town::new(server.url());
    let wanted = town.directory.path().join("wanted");
    let store = FallbackStore::open(&town.url, town.options(Sending::Synchronous), &wanted).unwrap();
    store.child(&desc(Kind::Counter, "jobs", None), &[]).unwrap().add(2.0);
    assert_eq!(values(&Collector::new(vec![town.redis()]), "jobs_total"), [2.0]);
    assert!(!wanted.exists());
}

#[test]
fn the_string_says_where_to_count_meanwhile() {
    let server = gone();
    let directory = tempfile::tempdir().unwrap();
    let wanted = directory.path().join("a/b");
    let store = crate::open(&format!("{}?fallback=file:{}", server.url(), wanted.display())).unwrap();
    store.child(&desc(Kind::Counter, "jobs", None), &[]).unwrap().add(2.0);
    let source = Directory { path: wanted, labels: Vec::new() };
    let source = DirSource::new(vec![source], Catalog::default()).unwrap();
    assert_eq!(values(&Collector::new(vec![Box::new(source)]), "jobs_total"), [2.0]);

    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = crate::open(&format!("{}?fallback=file:{}", server.url(), file.display())).map(|_| ());
    let error = error.unwrap_err().to_string();
    assert_eq!(error, format!("create directory {}: File exists (os error 17)", file.display()));
}

#[test]
fn killed_around_the_moment_in_which_it_goes_over_each_count_is_in_one_of_the_two() {
    alone(
        "fallback::tests::killed_around_the_moment_in_which_it_goes_over_each_count_is_in_one_of_the_two",
        || {
            const LABEL_SETS: usize = 500;
            let server = RedisServer::start();
            let mut in_both = 0;
            // So many, and on a machine that does other things as many more as it takes.
            for delay in 0..300 {
                if delay >= 30 && in_both > 3 {
                    break;
                }
                let town = Town::new(server.url());
                let said = town.directory.path().join("said");
                let child = fork(Way::Libc, || {
                    // Each change is there when the call returns, so one that was made cannot be missing.
                    let store = town.open_to_be_told(Sending::Synchronous);
                    let declared =
                        Declaration { labels: &["n"], ..Declaration::new(Kind::Counter, "jobs", "") };
                    let jobs = Arc::new(Desc::new(&declared).unwrap());
                    let jobs: Vec<_> =
                        (0..LABEL_SETS).map(|n| store.child(&jobs, &[&n.to_string()]).unwrap()).collect();
                    jobs.iter().for_each(|jobs| jobs.add(1.0));
                    store.shared.redis.reach(PATIENCE).unwrap();
                    let going = store.clone();
                    std::thread::spawn(move || {
                        std::thread::sleep(Duration::from_millis(5));
                        going.shared.go_over(going.shared.own());
                    });
                    let mut counted = LABEL_SETS as u64;
                    for jobs in jobs.iter().cycle() {
                        jobs.add(1.0);
                        counted += 1;
                        // A page of it is shared with whoever reads it when this has been killed.
                        std::os::unix::fs::FileExt::write_all_at(
                            &std::fs::OpenOptions::new()
                                .create(true)
                                .truncate(false)
                                .write(true)
                                .open(&said)
                                .unwrap(),
                            &counted.to_le_bytes(),
                            0,
                        )
                        .unwrap();
                    }
                });
                wait_until("it counts", || std::fs::metadata(&said).is_ok_and(|said| said.len() == 8));
                std::thread::sleep(Duration::from_micros(600 * delay));
                child.kill();
                let said = u64::from_le_bytes(std::fs::read(&said).unwrap().try_into().unwrap()) as f64;
                let total = |source| values(&Collector::new(vec![source]), "jobs_total").iter().sum::<f64>();
                let (files, redis) = (total(town.files()), total(town.redis()));
                let shown = values(&town.collector(), "jobs_total").iter().sum::<f64>();
                assert_eq!(shown, files + redis);
                assert!(shown == said || shown == said + 1.0, "{shown} for {said}: {files} and {redis}");
                in_both += usize::from(redis > 0.0);
            }
            assert!(in_both > 3, "it has gone over only {in_both} times");
        },
    );
}

#[test]
fn who_was_forked_off_decides_for_itself() {
    alone("fallback::tests::who_was_forked_off_decides_for_itself", || {
        for way in WAYS {
            let mut server = gone();
            let town = Town::new(server.url());
            let store = town.open_to_be_told(Sending::Synchronous);
            let (jobs, untouched) = (counter(&store), gauge(&store, "untouched", Aggregation::MAX));
            jobs.add(1.0);
            untouched.set(-4.0);
            let in_files = Collector::new(vec![town.files()]);

            // Before: in files of its own, and in Redis once that is there, though its parent stays.
            let ready = town.directory.path().join("ready");
            let before = fork(way, || {
                jobs.add(10.0);
                assert_eq!(jobs.get(Part::Value), 10.0);
                std::fs::write(&ready, "").unwrap();
                wait_until("it goes over", || store.shared.is_in_redis());
                drop(store.shared.own().in_files()); // until it has
                jobs.add(100.0);
                assert_eq!(jobs.get(Part::Value), 110.0);
                store.shared.redis.flush(PATIENCE).unwrap();
            });
            wait_until("it counts", || ready.exists());
            assert_eq!(values(&in_files, "jobs_total"), [11.0]);
            server.restart();
            before.wait();
            assert!(!store.shared.is_in_redis());
            let page = town.collector();
            assert_eq!(values(&page, "jobs_total"), [111.0]);
            assert_eq!(values(&in_files, "jobs_total"), [11.0]);

            // After: in Redis at once, from 0, and only what it touches.
            store.shared.redis.reach(PATIENCE).unwrap();
            store.shared.go_over(store.shared.own());
            fork(way, || {
                assert_eq!(jobs.get(Part::Value), 0.0);
                jobs.add(1000.0);
                store.shared.redis.flush(PATIENCE).unwrap();
            })
            .wait();
            store.shared.redis.flush(PATIENCE).unwrap();
            store.shared.leave_files().unwrap();
            assert_eq!(values(&page, "jobs_total"), [1111.0]);
            assert_eq!(values(&in_files, "jobs_total"), [11.0]);
            assert_eq!(values(&page, "untouched"), [-4.0]);
        }
    });
}

#[test]
fn the_most_recent_stays_who_set_it_last() {
    let server = RedisServer::start();
    let town = Town::new(server.url());
    let [one, two] = [(); 2].map(|()| town.open_to_be_told(Sending::Periodic));
    let [first, second] = [&one, &two].map(|store| gauge(store, "recent", Aggregation::MOST_RECENT));
    first.set(1.0);
    std::thread::sleep(Duration::from_millis(20));
    second.set(2.0);
    let page = town.collector();
    for store in [&two, &one] {
        store.shared.go_over(store.shared.own());
        store.shared.redis.flush(PATIENCE).unwrap();
        assert_eq!(values(&page, "recent"), [2.0]);
        store.shared.leave_files().unwrap();
        assert_eq!(values(&page, "recent"), [2.0]);
    }
    first.set(3.0);
    one.shared.redis.flush(PATIENCE).unwrap();
    assert_eq!(values(&page, "recent"), [3.0]);
}

/// Stores that go over at the first look at their page.
fn subject(server: &RedisServer) -> Subject {
    let town = Arc::new(Town::new(server.unix_url()));
    let same = Arc::clone(&town);
    Subject {
        open: Box::new(move || Ok(Box::new(town.open_to_be_told(Sending::Periodic)) as Box<dyn Store>)),
        read: Some(Box::new(move |_| {
            for store in same.stores.lock().unwrap().iter() {
                let shared = &store.shared;
                shared.redis.reach(PATIENCE).unwrap();
                shared.go_over(shared.own());
                shared.redis.flush(PATIENCE).unwrap();
                shared.leave_files().unwrap();
            }
            page_of(&same.collector(), Liveness::AsFiled).unwrap()
        })),
        lazy: false,
    }
}

#[test]
fn it_is_equivalent_to_the_model_of_a_store() {
    let server = RedisServer::start();
    store_testkit::check(|| subject(&server));
}

#[test]
fn nothing_is_lost_between_threads() {
    let server = RedisServer::start();
    store_testkit::check_threads(|| subject(&server));
}

#[test]
fn gauges_that_are_set_by_many_threads_while_they_go_over_are_what_was_set_last() {
    const GAUGES: usize = 2000;
    const THREADS: u32 = 3;
    let server = RedisServer::start();
    for aggregation in [Aggregation::SUM, Aggregation::MAX] {
        let town = Town::new(server.unix_url());
        let store = town.open_to_be_told(Sending::Periodic);
        let declared = Declaration {
            labels: &["n"],
            aggregation: Some(aggregation),
            ..Declaration::new(Kind::Gauge, "set", "")
        };
        let desc = Arc::new(Desc::new(&declared).unwrap());
        let gauges: Vec<_> = (0..GAUGES).map(|n| store.child(&desc, &[&n.to_string()]).unwrap()).collect();
        // They follow each other from gauge to gauge, and the one that goes over follows them.
        let barrier = std::sync::Barrier::new(THREADS as usize + 1);
        std::thread::scope(|scope| {
            for thread in 1..=THREADS {
                let (barrier, gauges) = (&barrier, &gauges);
                scope.spawn(move || {
                    barrier.wait();
                    for gauge in gauges {
                        (0..20).for_each(|_| gauge.set(f64::from(1_u32 << thread)));
                    }
                });
            }
            barrier.wait();
            store.shared.go_over(store.shared.own());
        });
        for gauge in gauges {
            let last = gauge.get(Part::Value);
            assert!([2.0, 4.0, 8.0].contains(&last), "{aggregation}: {last}");
        }
    }
}

/// What becomes of two stores, one step after the other.
#[derive(Clone, Debug)]
enum Step {
    Add { store: usize, gauge: usize, by: i32 },
    Set { store: usize, gauge: usize, to: i32 },
    Count { store: usize, by: u8 },
    GoOver { store: usize },
    Leave { store: usize },
}

const GAUGES: [(&str, Aggregation); 4] = [
    ("sum", Aggregation::SUM),
    ("livesum", Aggregation { mode: Mode::Sum, live: true }),
    ("min", Aggregation::MIN),
    ("max", Aggregation::MAX),
];

fn step() -> impl Strategy<Value = Step> {
    let (store, gauge) = (0..2_usize, 0..GAUGES.len());
    prop_oneof![
        4 => (store.clone(), gauge.clone(), -9..9).prop_map(|(store, gauge, by)| Step::Add { store, gauge, by }),
        4 => (store.clone(), gauge, -9..9).prop_map(|(store, gauge, to)| Step::Set { store, gauge, to }),
        4 => (store.clone(), any::<u8>()).prop_map(|(store, by)| Step::Count { store, by }),
        1 => store.clone().prop_map(|store| Step::GoOver { store }),
        1 => store.prop_map(|store| Step::Leave { store }),
    ]
}

/// What a page shows of a gauge that has these numbers.
fn merged(aggregation: Aggregation, numbers: [f64; 2]) -> f64 {
    let [a, b] = numbers;
    match aggregation.mode {
        Mode::Sum => a + b,
        Mode::Min => a.min(b),
        _ => a.max(b),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 60, ..ProptestConfig::default() })]

    #[test]
    fn wherever_its_numbers_are_the_page_is_that_of_a_store_that_has_one_place(
        steps in proptest::collection::vec(step(), 1..40),
    ) {
        static SERVER: std::sync::OnceLock<RedisServer> = std::sync::OnceLock::new();
        let town = Town::new(SERVER.get_or_init(RedisServer::start).unix_url());
        let stores = [(); 2].map(|()| town.open_to_be_told(Sending::Periodic));
        let children = stores.each_ref().map(|store| {
            (counter(store), GAUGES.map(|(name, aggregation)| gauge(store, name, aggregation)))
        });
        let mut counted = 0.0;
        let mut model = [[0.0; GAUGES.len()]; 2];
        let mut gone_over = [false; 2];
        let page = town.collector();
        for step in steps {
            match step {
                Step::Add { store, gauge, by } => {
                    children[store].1[gauge].add(by.into());
                    model[store][gauge] += f64::from(by);
                }
                Step::Set { store, gauge, to } => {
                    children[store].1[gauge].set(to.into());
                    model[store][gauge] = to.into();
                }
                Step::Count { store, by } => {
                    children[store].0.add(by.into());
                    counted += f64::from(by);
                }
                // Until it has left the files a page may show an old number beside the new one.
                Step::GoOver { store } | Step::Leave { store } => {
                    let shared = &stores[store].shared;
                    shared.redis.reach(PATIENCE).unwrap();
                    if matches!(step, Step::GoOver { .. }) || gone_over[store] {
                        shared.go_over(shared.own());
                        gone_over[store] = true;
                        shared.redis.flush(PATIENCE).unwrap();
                        shared.leave_files().unwrap();
                    }
                }
            }
            for store in stores.iter().filter(|store| store.shared.is_in_redis()) {
                store.shared.redis.flush(PATIENCE).unwrap();
            }
            prop_assert_eq!(values(&page, "jobs_total"), [counted]);
            let shown: BTreeMap<_, _> = GAUGES.iter().map(|(name, _)| (*name, values(&page, name))).collect();
            for (at, (name, aggregation)) in GAUGES.iter().enumerate() {
                let expected = merged(*aggregation, [model[0][at], model[1][at]]);
                prop_assert_eq!(&shown[name], &[expected], "{}", name);
                for store in 0..2 {
                    prop_assert_eq!(children[store].1[at].get(Part::Value), model[store][at]);
                }
            }
        }
    }
}
