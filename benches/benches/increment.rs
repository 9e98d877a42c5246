//! One update in each store: through a handle that was kept, and through the family, which looks the handle up.

use std::hint::black_box;

use benches::directory;
use criterion::{Criterion, criterion_group, criterion_main};
use metrics_core::{Registry, Store};
use store_file::FileStore;
use store_hash::HashStore;
use store_mmap::MmapStore;
use tempfile::TempDir;

criterion_group!(benches, counter, counter_looked_up, gauge, histogram);
criterion_main!(benches);

/// A registry on each store, by the name of the store. The directories live as long as they are held.
fn registries(directory: &TempDir) -> Vec<(&'static str, Registry)> {
    let stores: Vec<(&str, Box<dyn Store>)> = vec![
        ("hash unsynchronised", Box::new(HashStore::unsynchronised())),
        ("hash mutex", Box::new(HashStore::mutex())),
        ("hash atomic", Box::new(HashStore::atomic())),
        ("mmap", Box::new(MmapStore::open(directory.path()).expect("the directory is there"))),
        ("file", Box::new(FileStore::open(directory.path()).expect("the directory is there"))),
    ];
    stores.into_iter().map(|(name, store)| (name, Registry::new(store))).collect()
}

fn counter(criterion: &mut Criterion) {
    let directory = directory();
    let mut group = criterion.benchmark_group("counter, kept handle");
    for (name, registry) in registries(&directory) {
        let family = registry.counter("requests", "Requests served.").labels(["method", "code"]);
        let handle = family.expect("the declaration is valid").with(["GET", "200"]);
        group.bench_function(name, |bencher| bencher.iter(|| handle.inc()));
    }
}

fn counter_looked_up(criterion: &mut Criterion) {
    let directory = directory();
    let mut group = criterion.benchmark_group("counter, looked up among 1,000");
    for (name, registry) in registries(&directory) {
        let family = registry.counter("requests", "Requests served.").labels(["path", "code"]);
        let family = family.expect("the declaration is valid");
        let paths: Vec<String> = (0..1_000).map(|path| format!("/articles/{path}/comments")).collect();
        for path in &paths {
            family.with([path, "200"]).inc();
        }
        group.bench_function(name, |bencher| {
            let mut all = paths.iter().cycle();
            bencher.iter(|| family.with([all.next().expect("a cycle has no end"), "200"]).inc());
        });
    }
}

fn gauge(criterion: &mut Criterion) {
    let directory = directory();
    let mut group = criterion.benchmark_group("gauge set, kept handle");
    for (name, registry) in registries(&directory) {
        let handle =
            registry.gauge("queue_length", "Jobs waiting.").register().expect("the declaration is valid");
        group.bench_function(name, |bencher| bencher.iter(|| handle.set(black_box(3.0))));
    }
}

fn histogram(criterion: &mut Criterion) {
    let directory = directory();
    let mut group = criterion.benchmark_group("histogram observe, kept handle");
    for (name, registry) in registries(&directory) {
        let handle = registry.histogram("latency_seconds", "Time to serve.").register();
        let handle = handle.expect("the declaration is valid");
        group.bench_function(name, |bencher| bencher.iter(|| handle.observe(black_box(0.3))));
    }
}
