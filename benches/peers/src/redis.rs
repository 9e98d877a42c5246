//! Numbers in Redis: what counting costs, what sending costs the server, what a page costs.

use std::cell::RefCell;
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use collector::{Ask, Collector};
use metrics_core::{Counter, Registry, Snapshot};
use redis_fleet::FleetSource;
use redis_link::redis::{FromRedisValue, Pipeline, Value};
use redis_link::{Address, Link, Timeouts};
use redis_schema::{Keys, script};
use redis_testkit::RedisServer;
use store_hash::HashStore;
use store_redis::{Options, RedisStore, Sending};
use tokio::runtime::Runtime;

use crate::Suite;
use crate::deed::{repeat, rotate};
use crate::families::label_sets;
use crate::race::{Course, Racer, race};
use crate::row::{Bar, Row};
use crate::sample::Sample;
use crate::scrape::runtime;
use crate::team::one_by_one;

/// Long enough for a machine that does other things.
const PATIENCE: Duration = Duration::from_secs(20);
/// The interval of a store that sends only when it is told to.
const WHEN_TOLD: Duration = Duration::from_secs(3600);
/// Of the rows about sending: how many series have changed, and among how many.
const CHANGED: usize = 1_000;
const AMONG: usize = 20_000;

/// The server of this run, empty when it is first asked for.
pub fn server() -> &'static RedisServer {
    static SERVER: OnceLock<RedisServer> = OnceLock::new();
    SERVER.get_or_init(RedisServer::start)
}

/// The store of the talk's table: on the server that [`share`] has named in `directory`, or on this run's.
///
/// # Errors
/// When the store refuses.
pub fn open(directory: &Path) -> anyhow::Result<RedisStore> {
    let url = std::fs::read_to_string(address_file(directory)).unwrap_or_else(|_| server().unix_url());
    Ok(RedisStore::open(&url)?)
}

/// Tells workers that are given `directory` which server is this run's.
///
/// # Errors
/// When that cannot be written.
pub fn share(directory: &Path) -> anyhow::Result<()> {
    std::fs::write(address_file(directory), server().unix_url()).context("name the server")
}

fn address_file(directory: &Path) -> std::path::PathBuf {
    directory.join("redis.url")
}

/// Measures all of them.
///
/// # Errors
/// When the server or a store fails.
pub fn measure(suite: &mut Suite) -> anyhow::Result<()> {
    inc(suite)?;
    synchronous(suite)?;
    frozen(suite)?;
    flush(suite)?;
    collect(suite)
}

/// A store of a prefix of its own, that says nothing when its server goes.
fn quiet(url: &str, prefix: &str, interval: Duration) -> anyhow::Result<RedisStore> {
    let prefix = prefix.to_owned();
    let warn = std::sync::Arc::new(|_: &metrics_core::StoreError| {});
    Ok(RedisStore::open_with(url, Options { prefix, interval, warn, ..Options::default() })?)
}

fn inc(suite: &mut Suite) -> anyhow::Result<()> {
    let ours = Registry::new(RedisStore::open(&server().unix_url())?);
    let theirs = Registry::new(HashStore::atomic());
    for (what, one) in [("one series", true), ("rotating over 64 series", false)] {
        let name = format!("inc, kept handle, Redis store, {what}");
        if !suite.wants(&name) {
            continue;
        }
        let deed = |registry: &Registry| {
            let family = registry.counter(if one { "one" } else { "many" }, "").labels(["method", "path"])?;
            let handles = label_sets().map(|set| family.with([set.method, &set.path]));
            let first = handles[0];
            anyhow::Ok(if one { repeat(move || first.inc()) } else { rotate(handles, Counter::inc) })
        };
        let (ours, theirs) = (deed(&ours)?, deed(&theirs)?);
        let samples = suite.race_alone(&[("ours", &ours), ("the atomic hash store", &theirs)])?;
        let [ours, theirs] = &samples[..] else { continue };
        let row = Row::new(name, ours, "ns").beside("the atomic hash store", theirs);
        suite.rows.push(row.held_to(Bar::Times(1.3)));
    }
    Ok(())
}

/// What an increment costs that returns when Redis has it, one series among 1,000, beside the round trip of the least
/// command that could keep it.
fn synchronous(suite: &mut Suite) -> anyhow::Result<()> {
    let server = RedisServer::start();
    let name = "increment, synchronous Redis store";
    for (name, url) in [(name.to_owned(), server.url()), (format!("{name}, unix socket"), server.unix_url())]
    {
        if !suite.wants(&name) {
            continue;
        }
        let options = Options { sending: Sending::Synchronous, interval: WHEN_TOLD, ..Options::default() };
        let store = RedisStore::open_with(&url, options)?;
        let family = Registry::new(store.clone()).counter("synchronous", "").labels(["number"])?;
        let handles: Vec<Counter> = (0..1_000).map(|number| family.with([&number.to_string()])).collect();
        handles[500].inc();
        // The thread of the store has had its turn, and has none while this is measured.
        store.flush(PATIENCE)?;
        let link = Link::new(Address::parse(&url)?, Timeouts::default());
        let racers = &mut [
            Racer::timed("ours", |times| (0..times).for_each(|_| handles[500].inc())),
            Racer::new("HSET", |times| {
                let begun = Instant::now();
                for number in 0..times {
                    let mut set = Pipeline::with_capacity(1);
                    set.cmd("HSET").arg("bare").arg("500").arg(&number.to_le_bytes());
                    link.run(&set)?;
                }
                Ok(begun.elapsed())
            }),
        ];
        let samples = race(&suite.witness, Course::long(&suite.effort), racers)?;
        let [ours, theirs] = &samples[..] else { continue };
        let process = store.process().context("the store has counted")?;
        let mut told = Pipeline::new();
        told.cmd("HGET").arg(Keys::new(Keys::DEFAULT_PREFIX, 0)?.values(&process)).arg(script::SEQUENCE);
        let frames = u64::from_redis_value(link.run(&told)?.pop().unwrap_or(Value::Nil))?;
        let counted = handles[500].get();
        ensure!(frames as f64 >= counted, "{frames} frames for {counted} increments");
        suite.rows.push(
            Row::new(name, &ours.scaled(1e-3), "us")
                .beside("a bare HSET of 8 bytes", &theirs.scaled(1e-3))
                .held_to(Bar::Times(1.2))
                .because("one series among 1,000; both by the same link"),
        );
    }
    Ok(())
}

/// What one in a hundred increments costs while Redis answers nothing, beside the same while it does.
fn frozen(suite: &mut Suite) -> anyhow::Result<()> {
    let name = "inc, kept handle, Redis store, Redis frozen: 99th percentile";
    if !suite.wants(name) {
        return Ok(());
    }
    // A server of its own: others' stores are not to meet it.
    let server = RedisServer::start();
    let store = quiet(&server.unix_url(), "frozen", Duration::from_secs(1))?;
    let counter = Registry::new(store).counter("one", "").register()?;
    let deed = repeat(move || counter.inc());
    let p99 = || {
        let singles = one_by_one(&suite.cores, 1, suite.effort.singles, &deed);
        Sample::new(singles).quantile(0.99)
    };
    suite.cores.pin(0);
    let (mut running, mut frozen) = (Vec::new(), Vec::new());
    for _ in 0..7 {
        running.push(p99());
        server.pause();
        frozen.push(p99());
        server.resume();
    }
    suite.cores.unpin();
    let rival = "the same with Redis running";
    suite.rows.push(
        Row::new(name, &Sample::new(frozen), "ns")
            .beside(rival, &Sample::new(running))
            .held_to(Bar::Times(1.3))
            .because("of single deeds, less what the clock costs: below some 20 ns it tells about the clock"),
    );
    Ok(())
}

/// What changed series cost the server, in its own time, beside as many `HINCRBYFLOAT`.
fn flush(suite: &mut Suite) -> anyhow::Result<()> {
    let cases = [
        (
            format!("Redis: server time to take {CHANGED} changed series, lying together"),
            CHANGED,
            Bar::Faster(20.0),
        ),
        (
            format!("Redis: server time to take {CHANGED} changed series, spread over {AMONG}"),
            AMONG,
            Bar::Times(1.0),
        ),
    ];
    for (name, among, bar) in cases {
        if !suite.wants(&name) {
            continue;
        }
        let server = RedisServer::start();
        let link = Link::new(Address::parse(&server.unix_url())?, Timeouts::default());
        let store = quiet(&server.unix_url(), "flush", WHEN_TOLD)?;
        let family = Registry::new(store.clone()).counter("changed", "").labels(["number"])?;
        let handles: Vec<Counter> = (0..among).map(|number| family.with([&number.to_string()])).collect();
        store.flush(PATIENCE)?;
        let ours = Racer::new("ours", |times| {
            let begun = busy(&link)?;
            for _ in 0..times {
                handles.iter().step_by(among / CHANGED).for_each(Counter::inc);
                store.flush(PATIENCE)?;
            }
            Ok(busy(&link)?.saturating_sub(begun))
        });
        let mut increments = Pipeline::new();
        for number in 0..CHANGED {
            increments.cmd("HINCRBYFLOAT").arg("changed").arg(number).arg("1").ignore();
        }
        let theirs = Racer::new("HINCRBYFLOAT", |times| {
            let begun = busy(&link)?;
            (0..times).try_for_each(|_| link.run(&increments).map(drop))?;
            Ok(busy(&link)?.saturating_sub(begun))
        });
        let samples = race(&suite.witness, Course::long(&suite.effort), &mut [ours, theirs])?;
        let [ours, theirs] = &samples[..] else { continue };
        let rival = format!("{CHANGED} pipelined HINCRBYFLOAT");
        let row = Row::new(name, &ours.scaled(1e-3), "us").beside(rival, &theirs.scaled(1e-3)).held_to(bar);
        suite.rows.push(row.because("processor time of the server's main thread, sockets included"));
    }
    Ok(())
}

/// The processor time that the server's main thread has had.
fn busy(link: &Link) -> anyhow::Result<Duration> {
    let mut pipeline = Pipeline::new();
    let told = link.run(pipeline.cmd("INFO").arg("cpu"))?.pop().unwrap_or(Value::Nil);
    let told = String::from_redis_value(told)?;
    let of = |name: &str| {
        let line = told.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        anyhow::Ok(line.with_context(|| format!("INFO has no {name}"))?.trim().parse::<f64>()?)
    };
    let seconds = of("used_cpu_user_main_thread")? + of("used_cpu_sys_main_thread")?;
    Ok(Duration::from_secs_f64(seconds))
}

/// What a page of 8 processes costs: the first, the next, and the next with much else in the database.
fn collect(suite: &mut Suite) -> anyhow::Result<()> {
    let name = "Redis: collect 8 x 1,000";
    if !suite.wants(name) {
        return Ok(());
    }
    // The system leaves a server on the core on which it has begun, and one that shares it with whoever asks is slower
    // than one that does not: all on one. A second server like the first shows what still differs.
    suite.cores.pin(1);
    let [alone, again, crowded] = [(); 3].map(|()| RedisServer::start());
    suite.cores.unpin();
    let runtime = runtime()?;
    let stores = [fill(&alone)?, fill(&again)?, fill(&crowded)?];
    // As strangers' sessions: 400,000 keys.
    let lua = "for i = 1, 400000 do redis.call('SET', 'session:' .. i, i) end";
    crowded.cli(&["EVAL", lua, "0"]);

    let page = |server: &RedisServer| -> anyhow::Result<_> {
        let collector = collector(server)?;
        let page = runtime.block_on(collector.collect(&Ask::default()))?;
        ensure!(page.families[0].samples.len() == 1_000, "{} series", page.families[0].samples.len());
        anyhow::Ok(RefCell::new((collector, page)))
    };
    let (of_alone, of_again, of_crowded) = (page(&alone)?, page(&again)?, page(&crowded)?);
    let racers = &mut [
        Racer::new("first", |times| {
            let mut taken = Duration::ZERO;
            for _ in 0..times {
                let collector = collector(&alone)?;
                let begun = Instant::now();
                runtime.block_on(collector.collect(&Ask::default()))?;
                taken += begun.elapsed();
            }
            Ok(taken)
        }),
        Racer::new("next", |times| next(&runtime, &of_alone, times)),
        Racer::new("next, beside others' keys", |times| next(&runtime, &of_crowded, times)),
        Racer::new("next, in a second server", |times| next(&runtime, &of_again, times)),
    ];
    let samples = race(&suite.witness, Course::long(&suite.effort), racers)?;
    let [first, next, crowded, again] = &samples[..] else { return Ok(()) };
    let row = |what: &str, sample: &Sample| Row::new(format!("{name}, {what}"), &sample.scaled(1e-6), "ms");
    suite.rows.push(row("first", first).held_to(Bar::Value(10.0)).because("no schema is known"));
    suite.rows.push(row("next", next).held_to(Bar::Value(1.0)).because("the schemas are known"));
    suite.rows.push(
        row("next, beside 400,000 keys of others", crowded)
            .beside("the same in a database of its own", &next.scaled(1e-6))
            .held_to(Bar::Times(1.1))
            .because(format!("a second server without such keys: {:.2} x", again.median() / next.median())),
    );
    drop(stores);
    Ok(())
}

fn next(
    runtime: &Runtime,
    kept: &RefCell<(Collector, std::sync::Arc<Snapshot>)>,
    times: u64,
) -> anyhow::Result<Duration> {
    let (collector, page) = &mut *kept.borrow_mut();
    let begun = Instant::now();
    for _ in 0..times {
        *page = runtime.block_on(collector.collect(&Ask::default()))?;
    }
    Ok(begun.elapsed())
}

fn collector(server: &RedisServer) -> anyhow::Result<Collector> {
    Ok(Collector::new(vec![Box::new(source(server)?)]))
}

/// What reads what [`fill`] has written.
///
/// # Errors
/// When the address is none.
pub fn source(server: &RedisServer) -> anyhow::Result<FleetSource> {
    let address = Address::parse(&server.unix_url())?;
    Ok(FleetSource::new(address, "collect", Timeouts::default())?)
}

/// Eight processes, as far as Redis can tell, with 1,000 series each.
///
/// # Errors
/// When the server does not answer.
pub fn fill(server: &RedisServer) -> anyhow::Result<Vec<RedisStore>> {
    let process = || {
        let store = quiet(&server.unix_url(), "collect", WHEN_TOLD)?;
        let family = Registry::new(store.clone()).counter("collected", "").labels(["number"])?;
        (0..1_000).for_each(|number| family.with([&number.to_string()]).inc());
        store.flush(PATIENCE)?;
        anyhow::Ok(store)
    };
    (0..8).map(|_| process()).collect()
}
