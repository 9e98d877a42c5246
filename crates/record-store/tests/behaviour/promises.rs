//! What every store promises, and that the page of a directory is the sum of its stores.

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use collector::{Ask, Catalog, Collector, DirSource, Directory};
use dialects::Dialect;
use metrics_core::{Desc, Kind, Registry, Snapshot, Store};
use store_testkit::Subject;

use crate::stores::open;

/// A place for stores: a directory that is removed when nobody looks at it any more.
fn place(mmap: bool, dialect: Dialect) -> Subject {
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let same = directory.clone();
    Subject {
        open: Box::new(move || Ok(open(directory.path(), mmap, dialect).into_store())),
        read: Some(Box::new(move |families| match dialect {
            Dialect::Ruby => page(same.path(), &catalog(families)),
            _ => page(same.path(), ""),
        })),
        lazy: dialect == Dialect::Ruby,
    }
}

/// The merged page of a directory.
pub(crate) fn page(directory: &Path, catalog: &str) -> Snapshot {
    let catalog = Catalog::parse(catalog.as_bytes()).unwrap();
    let directory = Directory { path: directory.to_owned(), labels: Vec::new() };
    let source = DirSource::new(vec![directory], catalog).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let page = runtime.block_on(Collector::new(vec![Box::new(source)]).collect(&Ask::default())).unwrap();
    Arc::unwrap_or_clone(page)
}

/// What Ruby's files leave out.
fn catalog(families: &[Arc<Desc>]) -> String {
    let mut text = String::new();
    for desc in families {
        let kind = desc.kind();
        let name = desc.name().to_owned() + if kind == Kind::Counter { "_total" } else { "" };
        let help = desc.help().replace('\\', r"\\").replace('\n', r"\n");
        writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}").unwrap();
        writeln!(text, "# AGGREGATION {name} {}", desc.aggregation()).unwrap();
        if kind == Kind::Histogram {
            for bound in desc.buckets().bounds() {
                writeln!(text, "{name}_bucket{{le=\"{bound:?}\"}} 0").unwrap();
            }
            writeln!(text, "{name}_bucket{{le=\"+Inf\"}} 0").unwrap();
        }
    }
    text
}

#[test]
fn mapped_stores_in_pythons_dialect_keep_their_promises() {
    store_testkit::check(|| place(true, Dialect::PYTHON));
}

#[test]
fn mapped_stores_in_rubys_dialect_keep_their_promises() {
    store_testkit::check(|| place(true, Dialect::Ruby));
}

#[test]
fn written_stores_in_pythons_dialect_keep_their_promises() {
    store_testkit::check(|| place(false, Dialect::PYTHON));
}

#[test]
fn written_stores_in_rubys_dialect_keep_their_promises() {
    store_testkit::check(|| place(false, Dialect::Ruby));
}

#[test]
fn no_update_is_lost_between_threads() {
    for dialect in [Dialect::PYTHON, Dialect::Ruby] {
        for mmap in [true, false] {
            store_testkit::check_threads(|| place(mmap, dialect));
        }
    }
}

#[test]
fn both_media_show_a_process_the_same_numbers() {
    let open = |mmap| {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path(), mmap, Dialect::PYTHON).into_store();
        drop(directory); // its files are deleted, and stay in use
        store
    };
    store_testkit::equal(|| open(true), || open(false));
}

#[test]
fn a_registry_over_a_store_counts_into_its_files() {
    crate::stores::each(|directory, open| {
        let opened = open(directory);
        let dialect = opened.dialect;
        let registry = Registry::new(opened.into_store());
        let requests = registry.counter("requests", "Help.").labels(["of"]).unwrap();
        requests.with(["a"]).inc();
        requests.with(["a"]).inc();
        assert_eq!(crate::stores::total(dialect, directory, "a"), Some(2.0));
        let snapshot = registry.snapshot();
        assert_eq!(snapshot.families[0].samples[0].value, 2.0);
    });
}

impl crate::stores::Opened {
    fn into_store(self) -> Box<dyn Store> {
        self.store
    }
}
