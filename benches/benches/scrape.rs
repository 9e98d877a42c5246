//! One scrape of a directory with the files of eight processes: the first, which reads all keys, and the next.
//! Then the page made of it, in each format.

use std::path::Path;

use benches::{directory, write_processes};
use collector::{Ask, Catalog, Collector, DirSource, Directory};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use exposition::{Format, encode};
use tokio::runtime::Runtime;

const PROCESSES: usize = 8;

criterion_group!(benches, scrape);
criterion_main!(benches);

fn scrape(criterion: &mut Criterion) {
    let directory = directory();
    write_processes(directory.path(), PROCESSES);
    let runtime = Runtime::new().expect("a runtime can be started");
    let collect = |collector: &Collector| {
        runtime.block_on(collector.collect(&Ask::default())).expect("the directory can be read")
    };

    criterion.bench_function("first scrape of 8 processes", |bencher| {
        bencher.iter_batched(
            || collector(directory.path()),
            |collector| collect(&collector),
            BatchSize::PerIteration,
        );
    });
    let collector = collector(directory.path());
    collect(&collector);
    criterion.bench_function("next scrape of 8 processes", |bencher| bencher.iter(|| collect(&collector)));

    let snapshot = collect(&collector);
    let mut page = Vec::new();
    for (name, format) in [("text", Format::TEXT), ("OpenMetrics", Format::OPENMETRICS)] {
        criterion.bench_function(&format!("encode as {name}"), |bencher| {
            bencher.iter(|| {
                page.clear();
                encode(format, &snapshot, &mut page);
            });
        });
    }
}

fn collector(directory: &Path) -> Collector {
    let directory = Directory { path: directory.to_owned(), labels: Vec::new() };
    let source = DirSource::new(vec![directory], Catalog::default()).expect("one directory is no conflict");
    Collector::new(vec![Box::new(source)])
}
