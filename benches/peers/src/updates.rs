//! What an update costs, beside the other Rust libraries and beside the bare system call.

use std::fs::File;
use std::hint::black_box;
use std::os::unix::fs::FileExt;
use std::sync::Mutex;

use anyhow::Context;
use metrics_core::{Buckets, Registry};
use store_file::FileStore;
use store_mmap::MmapStore;

use crate::Suite;
use crate::deed::{BOUNDS, repeat, rotate};
use crate::families::{label_set, label_sets, observations};
use crate::rivals::{metrics, prometheus, prometheus_client};
use crate::row::{Bar, Row};
use crate::sample::Sample;
use crate::team::{Deed, Team};

/// Measures all of them.
///
/// # Errors
/// When a store fails.
pub fn measure(suite: &mut Suite) -> anyhow::Result<()> {
    let registry = Registry::new(MmapStore::open(suite.directory("updates")?)?);
    inc(suite, &registry)?;
    inc_rotating(suite, &registry)?;
    local_handle(suite, &registry)?;
    two_threads(suite, &registry)?;
    lookup(suite, &registry)?;
    lookup_apart(suite, &registry)?;
    set(suite, &registry)?;
    observe(suite, &registry)?;
    file(suite)
}

fn inc(suite: &mut Suite, registry: &Registry) -> anyhow::Result<()> {
    let name = "inc, kept handle, mmap, one series";
    if !suite.wants(name) {
        return Ok(());
    }
    let counter = registry.counter("one", "One series.").labels(["method", "path"])?.with(["GET", "/"]);
    let ours = repeat(move || counter.inc());
    beside(
        suite,
        name,
        &ours,
        &[
            (prometheus_client::NAME, &prometheus_client::inc(), Some(Bar::Times(1.1))),
            (prometheus::NAME, &prometheus::inc(), None),
            (metrics::NAME, &metrics::inc(), None),
        ],
    )
}

fn inc_rotating(suite: &mut Suite, registry: &Registry) -> anyhow::Result<()> {
    let name = "inc, kept handle, mmap, rotating over 64 series";
    if !suite.wants(name) {
        return Ok(());
    }
    let family = registry.counter("many", "Many series.").labels(["method", "path"])?;
    let ours = rotate(label_sets().map(|set| family.with([set.method, &set.path])), |counter| counter.inc());
    beside(
        suite,
        name,
        &ours,
        &[
            (prometheus_client::NAME, &prometheus_client::inc_rotating(), Some(Bar::Times(1.4))),
            (prometheus::NAME, &prometheus::inc_rotating(), None),
        ],
    )
}

fn local_handle(suite: &mut Suite, registry: &Registry) -> anyhow::Result<()> {
    let one = "inc, local handle, mmap, one series";
    if suite.wants(one) {
        let counter = registry.counter("one_local", "One series.").labels(["method", "path"])?;
        // Locked once for a batch: a deed may be asked of any thread, and the handle is one thread's.
        let local = Mutex::new(counter.with(["GET", "/"]).local());
        let ours: Deed = Box::new(move |_, times| {
            let local = &*local.lock().expect("no deed panics");
            (0..times).for_each(|_| local.inc());
        });
        let rivals = [(prometheus_client::NAME, &prometheus_client::inc(), Some(Bar::Value(3.5)))];
        beside(suite, one, &ours, &rivals)?;
    }
    let many = "inc, local handle, mmap, rotating over 64 series";
    if suite.wants(many) {
        let family = registry.counter("many_local", "Many series.").labels(["method", "path"])?;
        let locals = Mutex::new(label_sets().map(|set| family.with([set.method, &set.path]).local()));
        let ours: Deed = Box::new(move |_, times| {
            let locals = &*locals.lock().expect("no deed panics");
            (0..times).for_each(|turn| locals[(turn % 64) as usize].inc());
        });
        let rivals = [(prometheus_client::NAME, &prometheus_client::inc_rotating(), Some(Bar::Value(0.8)))];
        beside(suite, many, &ours, &rivals)?;
    }
    Ok(())
}

fn two_threads(suite: &mut Suite, registry: &Registry) -> anyhow::Result<()> {
    let name = "inc, kept handle, mmap, two threads on one counter";
    if !suite.wants(name) {
        return Ok(());
    }
    let counter = registry.counter("contended", "One series, two threads.").register()?;
    let ours = repeat(move || counter.inc());
    let (theirs, others) = (prometheus_client::inc(), prometheus::inc());
    let samples = suite.race_threads(&[
        ("ours", Team::Together(2), &ours),
        (prometheus_client::NAME, Team::Together(2), &theirs),
        (prometheus::NAME, Team::Together(2), &others),
        ("ours, one thread", Team::Together(1), &ours),
    ])?;
    let [ours, theirs, others, alone] = &samples[..] else { return Ok(()) };
    suite.rows.push(
        Row::new(name, ours, "ns")
            .beside(format!("{}, two threads", prometheus_client::NAME), theirs)
            .held_to(Bar::Faster(3.0)),
    );
    let row = |rival: &str| Row::new(format!("{name}, beside {rival}"), ours, "ns");
    suite.rows.push(row(prometheus::NAME).beside(format!("{}, two threads", prometheus::NAME), others));
    suite.rows.push(
        row("one thread").beside("ours, one thread", alone).because("the aim: no slower than one thread"),
    );
    Ok(())
}

fn lookup(suite: &mut Suite, registry: &Registry) -> anyhow::Result<()> {
    let family = registry.counter("looked_up", "Looked up.").labels(["method", "path"])?;
    for (what, sets) in [
        ("one label set", std::array::from_fn(|_| label_set(7))),
        ("rotating over 64 label sets", label_sets()),
    ] {
        let name = format!("family lookup with 2 labels + inc, mmap, {what}");
        if !suite.wants(&name) {
            continue;
        }
        let ours = rotate(sets.clone(), move |set| family.with(black_box([set.method, &set.path])).inc());
        beside(
            suite,
            &name,
            &ours,
            &[
                (prometheus::NAME, &prometheus::lookup(sets.clone()), Some(Bar::Times(1.0))),
                (
                    "prometheus-client, labels made once",
                    &prometheus_client::lookup(sets.clone()),
                    Some(Bar::Faster(2.0)),
                ),
                (
                    "prometheus-client, labels made for each inc",
                    &prometheus_client::lookup_with_new_labels(sets.clone()),
                    Some(Bar::Faster(2.0)),
                ),
                (metrics::NAME, &metrics::lookup(sets), None),
            ],
        )?;
    }
    Ok(())
}

fn lookup_apart(suite: &mut Suite, registry: &Registry) -> anyhow::Result<()> {
    let name = "family lookup with 2 labels + inc, mmap, two threads on distinct label sets";
    if !suite.wants(name) {
        return Ok(());
    }
    let sets = [label_set(0), label_set(1)];
    let family = registry.counter("looked_up_apart", "Looked up.").labels(["method", "path"])?;
    let ours: Deed = {
        let sets = sets.clone();
        Box::new(move |thread, times| {
            let set = &sets[thread % 2];
            for _ in 0..times {
                family.with(black_box([set.method, &set.path])).inc();
            }
        })
    };
    let (theirs, others) = (prometheus_client::lookup_apart(sets.clone()), prometheus::lookup_apart(sets));
    let samples = suite.race_threads(&[
        ("ours", Team::Together(2), &ours),
        // On one label set and then on the other: in some processes one of them costs 2.5 ns more than the other, with
        // one thread as with two, and two threads are as slow as the slower.
        ("ours, one thread", Team::InTurns(2), &ours),
        (prometheus_client::NAME, Team::Together(2), &theirs),
        (prometheus::NAME, Team::Together(2), &others),
    ])?;
    let [ours, alone, theirs, others] = &samples[..] else { return Ok(()) };
    let row = Row::new(name, ours, "ns").beside("ours, one thread on the slower one", alone);
    suite.rows.push(row.held_to(Bar::Times(1.3)));
    for (rival, sample) in [(prometheus_client::NAME, theirs), (prometheus::NAME, others)] {
        let row = Row::new(format!("{name}, beside {rival}"), ours, "ns");
        suite.rows.push(row.beside(format!("{rival}, two threads"), sample));
    }
    Ok(())
}

fn set(suite: &mut Suite, registry: &Registry) -> anyhow::Result<()> {
    let name = "gauge set, kept handle, mmap";
    if !suite.wants(name) {
        return Ok(());
    }
    let gauge = registry.gauge("level", "Set.").register()?;
    let ours = repeat(move || gauge.set(black_box(3.0)));
    beside(
        suite,
        name,
        &ours,
        &[
            (prometheus_client::NAME, &prometheus_client::set(), None),
            (prometheus::NAME, &prometheus::set(), None),
            (metrics::NAME, &metrics::set(), None),
        ],
    )
}

fn observe(suite: &mut Suite, registry: &Registry) -> anyhow::Result<()> {
    let buckets = Buckets::new(BOUNDS)?;
    let histogram = registry.histogram("latency", "Observed.").buckets(buckets).register()?;
    for (what, values) in [("one value", [0.3; 64]), ("values over all buckets", observations())] {
        let name = format!("histogram observe, 11 buckets, kept handle, mmap, {what}");
        if !suite.wants(&name) {
            continue;
        }
        let ours = rotate(values, move |&value| histogram.observe(value));
        beside(
            suite,
            &name,
            &ours,
            &[
                (prometheus_client::NAME, &prometheus_client::observe(values), Some(Bar::Times(1.0))),
                (prometheus::NAME, &prometheus::observe(values), None),
                (metrics::NAME, &metrics::observe(values), None),
            ],
        )?;
    }
    Ok(())
}

fn file(suite: &mut Suite) -> anyhow::Result<()> {
    let directory = suite.directory("file updates")?;
    let registry = Registry::new(FileStore::open(&directory)?);
    let counter = registry.counter("written", "Written.").register()?;
    let ours = repeat(move || counter.inc());

    let name = "file store update";
    if suite.wants(name) {
        let bare = File::options().write(true).create(true).truncate(true).open(directory.join("bare"))?;
        bare.set_len(4_096)?;
        let bare =
            repeat(move || bare.write_all_at(&black_box(1.0_f64).to_le_bytes(), 64).expect("there is room"));
        beside(suite, name, &ours, &[("a positioned write of 8 bytes", &bare, Some(Bar::Times(1.15)))])?;
    }

    let name = "file store update, system calls that write";
    if suite.wants(name) {
        const UPDATES: u64 = 1_000;
        let before = writes()?;
        ours(0, UPDATES);
        let calls = Sample::new(vec![(writes()? - before) as f64 / UPDATES as f64]);
        suite.rows.push(
            Row::new(name, &calls, "calls")
                .held_to(Bar::Value(1.0))
                .because("counted by the kernel (/proc/self/io)"),
        );
    }
    Ok(())
}

/// How many system calls that write this process has made.
fn writes() -> anyhow::Result<u64> {
    let counts = std::fs::read_to_string("/proc/self/io").context("read /proc/self/io")?;
    let calls = counts.lines().find_map(|line| line.strip_prefix("syscw: "));
    Ok(calls.context("/proc/self/io has no syscw")?.parse()?)
}

/// A rival, what it does, and what we are held to beside it.
type Rival<'a> = (&'a str, &'a Deed, Option<Bar>);

/// Races ours and the rivals' in one thread; a row beside each rival. The first has the bare name.
fn beside(suite: &mut Suite, name: &str, ours: &Deed, rivals: &[Rival<'_>]) -> anyhow::Result<()> {
    let mut deeds = vec![("ours", ours)];
    deeds.extend(rivals.iter().map(|(rival, deed, _)| (*rival, *deed)));
    let samples = suite.race_alone(&deeds)?;
    let Some((ours, theirs)) = samples.split_first() else { return Ok(()) };
    for (at, ((rival, _, bar), sample)) in rivals.iter().zip(theirs).enumerate() {
        let name = if at == 0 { name.to_owned() } else { format!("{name}, beside {rival}") };
        let mut row = Row::new(name, ours, "ns").beside(*rival, sample);
        row.bar = *bar;
        suite.rows.push(row);
    }
    Ok(())
}
