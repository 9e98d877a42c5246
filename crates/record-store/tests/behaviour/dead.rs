//! Dead processes and their files, as a collector sees them.

use std::io::{PipeReader, PipeWriter, Read, Write};
use std::path::Path;

use collector::{Ask, Catalog, Collector, DirSource, Directory};
use forked::testing::{Child, WAYS, alone, fork};

use crate::stores::{Opened, each};

/// A collector, and how many bytes it had read when that was asked last.
struct Scraper {
    collector: Collector,
    runtime: tokio::runtime::Runtime,
    read: f64,
}

impl Scraper {
    fn of(directory: &Path) -> Scraper {
        let directory = Directory { path: directory.to_owned(), labels: Vec::new() };
        let catalog = Catalog::parse(b"# TYPE requests_total counter\n").unwrap();
        let source = DirSource::new(vec![directory], catalog).unwrap();
        Scraper {
            collector: Collector::new(vec![Box::new(source)]),
            runtime: tokio::runtime::Builder::new_current_thread().build().unwrap(),
            read: 0.0,
        }
    }

    /// The values of a page, in its order, and whether any file was read for it.
    fn scrape(&mut self) -> (Vec<f64>, bool) {
        let page = self.runtime.block_on(self.collector.collect(&Ask::default())).unwrap();
        let values = page.families.iter().flat_map(|family| &family.samples).map(|sample| sample.value);
        let own = self.collector.own();
        let read = own.families.iter().find(|family| &*family.name == "multiprom_directory_read_bytes");
        let before = std::mem::replace(&mut self.read, read.unwrap().samples[0].value);
        (values.collect(), self.read > before)
    }
}

/// A process that counts one on each word it is sent, answers, and ends when it is killed.
struct Worker {
    process: Child,
    tell: PipeWriter,
    told: PipeReader,
}

impl Worker {
    fn fork(store: &Opened) -> Worker {
        let (mut hear, tell) = std::io::pipe().unwrap();
        let (told, mut answer) = std::io::pipe().unwrap();
        let process = fork(WAYS[0], || {
            let one = store.counter("one");
            let mut word = [0; 1];
            while hear.read(&mut word).is_ok() {
                one.add(1.0);
                answer.write_all(&word).unwrap();
            }
        });
        Worker { process, tell, told }
    }

    fn count(&mut self) {
        self.tell.write_all(b".").unwrap();
        self.told.read_exact(&mut [0; 1]).unwrap();
    }
}

#[test]
fn a_killed_workers_file_is_read_once_more_and_counts_for_ever() {
    alone("dead::a_killed_workers_file_is_read_once_more_and_counts_for_ever", || {
        each(|directory, open| {
            let store = open(directory);
            let mut worker = Worker::fork(&store);
            worker.count();
            let mut scraper = Scraper::of(directory);
            assert_eq!(scraper.scrape(), (vec![1.0], true));
            // Its last deed.
            worker.count();
            worker.process.kill();
            assert_eq!(scraper.scrape(), (vec![2.0], true));
            for _ in 0..3 {
                assert_eq!(scraper.scrape(), (vec![2.0], false));
            }
        });
    });
}

#[test]
fn a_living_worker_beside_the_dead_is_read_at_every_scrape() {
    alone("dead::a_living_worker_beside_the_dead_is_read_at_every_scrape", || {
        each(|directory, open| {
            let store = open(directory);
            let (mut dies, mut lives) = (Worker::fork(&store), Worker::fork(&store));
            (0..5).for_each(|_| dies.count());
            dies.process.kill();
            let mut scraper = Scraper::of(directory);
            for counted in 1..6 {
                lives.count();
                assert_eq!(scraper.scrape(), (vec![5.0 + f64::from(counted)], true));
            }
            lives.process.kill();
        });
    });
}

#[test]
fn a_child_that_holds_its_parents_lock_keeps_the_parents_files_alive() {
    alone("dead::a_child_that_holds_its_parents_lock_keeps_the_parents_files_alive", || {
        each(|directory, open| {
            let (mut told, mut tell) = std::io::pipe().unwrap();
            let (end, hold) = std::io::pipe().unwrap();
            let parent = fork(WAYS[0], || {
                let store = open(directory);
                store.counter("one").add(1.0);
                let mut end = end.try_clone().unwrap();
                let _child = fork(WAYS[0], || {
                    // Lives until the test is over, and never counts.
                    let _ = end.read(&mut [0; 1]);
                });
                tell.write_all(b".").unwrap();
                loop {
                    std::thread::park();
                }
            });
            told.read_exact(&mut [0; 1]).unwrap();
            parent.kill();
            let mut scraper = Scraper::of(directory);
            for _ in 0..4 {
                assert_eq!(scraper.scrape(), (vec![1.0], true));
            }
            (&hold).write_all(b".").unwrap();
        });
    });
}
