//! Running sequences on a store and on the model.

use std::cell::Cell;
use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use metrics_core::{Aggregation, Child, Desc, Mode, Part, Store};
use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};

use crate::families::{Series, pool};
use crate::model::{Model, Update};
use crate::page;
use crate::steps::{Change, Sequence, Step, sequences};
use crate::subject::Subject;

/// Sequences tried. Each leaves children behind, which live as long as the process, with what their store
/// keeps open for them.
const CASES: u32 = 32;
/// Sequences tried in looking for a shorter one that fails too.
const SHRINKS: u32 = 400;
/// Steps of the longest sequence.
const STEPS: usize = 48;
/// Stores open at a time.
const STORES: usize = 3;

/// Checks that stores keep what [`Store`] and [`Child`] promise: runs random sequences on a store in each place
/// that `place` makes, and on a naive model; then one with every kind, aggregation and odd label value that
/// there is, and a long one that makes a store grow.
///
/// Takes a second or so for a store in files.
///
/// # Panics
/// When the store and the model disagree, with the shortest sequence found that shows it; when a store cannot
/// be opened, refuses a label set, or panics.
pub fn check(place: impl Fn() -> Subject) {
    let failed = Cell::new(false);
    let outcome = runner().run(&sequences(STEPS), |sequence| {
        match World::new(place()).run(&sequence) {
            // While looking for a shorter sequence, one that cannot even open its stores says nothing.
            Err(Failure::Open(_)) if failed.get() => Ok(()),
            Err(Failure::Open(why) | Failure::Wrong(why)) => {
                failed.set(true);
                Err(TestCaseError::fail(why))
            }
            Ok(()) => Ok(()),
        }
    });
    report(outcome);
    for run in [World::everything, World::grow] {
        if let Err(Failure::Open(why) | Failure::Wrong(why)) = run(World::new(place())) {
            panic!("{why}");
        }
    }
}

pub(crate) fn runner() -> TestRunner {
    TestRunner::new(Config {
        cases: CASES,
        max_shrink_iters: SHRINKS,
        // The sequence is printed; there is no file to write it to in a stranger's crate.
        failure_persistence: None,
        ..Config::default()
    })
}

pub(crate) fn report(outcome: Result<(), TestError<Sequence>>) {
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(why, _)) => panic!("{}", why.message()),
        Err(TestError::Abort(why)) => panic!("no sequence could be tried: {}", why.message()),
    }
}

enum Failure {
    /// A store could not be opened.
    Open(String),
    /// A promise was broken.
    Wrong(String),
}

/// A place, its stores, and the model of them.
struct World {
    subject: Subject,
    /// As many as the model has; `None` for those dropped.
    stores: Vec<Option<Opened>>,
    model: Model,
    /// What has happened, for the report.
    story: String,
    /// Whether the last change was made through the first answer to who asked for the child.
    by_first: bool,
}

struct Opened {
    store: Box<dyn Store>,
    /// Each series asked for, with the child that was the first answer.
    children: Vec<(&'static Series, &'static dyn Child)>,
}

impl World {
    fn new(subject: Subject) -> World {
        World { subject, stores: Vec::new(), model: Model::default(), story: String::new(), by_first: false }
    }

    fn run(mut self, sequence: &Sequence) -> Result<(), Failure> {
        self.open()?;
        for step in &sequence.steps {
            self.guarded(|world| world.step(sequence, step))?;
        }
        self.guarded(World::check_all)?;
        self.guarded(World::read)
    }

    /// Every series that there is, in two processes, one of which ends; so that what is tried at random does not
    /// depend on luck.
    fn everything(mut self) -> Result<(), Failure> {
        self.open()?;
        self.open()?;
        for series in pool() {
            self.guarded(|world| world.ask_for(1, series))?;
        }
        self.guarded(World::read)?;
        for (number, series) in pool().iter().enumerate() {
            for (store, set) in [(0, false), (1, false), (1, true), (0, true)] {
                let by = (4 * number + 2 * store + usize::from(set)) as f64 / 8.0;
                let update = Update::new(series, Change { by, set });
                self.guarded(|world| world.change(store, series, update))?;
            }
        }
        self.guarded(World::check_all)?;
        self.guarded(World::read)?;
        self.drop_store(0);
        self.guarded(World::read)
    }

    /// Many label sets with long values, so that a file outgrows its first size; old children in between.
    fn grow(mut self) -> Result<(), Failure> {
        const SETS: usize = 500;
        const PAD: usize = 1200;
        self.open()?;
        for name in ["requests", "latency_seconds"] {
            let named = pool().iter().find(|series| series.desc.name() == name);
            let template = named.expect("the pool has a family of this name");
            let first = Box::leak(Box::new(template.clone()));
            for set in 0..SETS {
                let labels = vec![format!("{set}{}", "x".repeat(PAD)); template.labels.len()];
                // Leaked, as the model wants them to live as long as those of the pool: a megabyte or two.
                let series = Box::leak(Box::new(Series { labels, ..template.clone() }));
                self.guarded(|world| {
                    for series in [&*series, &*first] {
                        let change = Change { by: set as f64 / 8.0, set: false };
                        world.change(0, series, Update::new(series, change))?;
                    }
                    Ok(())
                })?;
            }
        }
        self.guarded(World::check_all)?;
        self.guarded(World::read)
    }

    /// Runs a deed; tells the story when it fails or panics.
    fn guarded(&mut self, deed: impl FnOnce(&mut World) -> Result<(), Failure>) -> Result<(), Failure> {
        let result = catch_unwind(AssertUnwindSafe(|| deed(self)));
        match result {
            Ok(Ok(())) => Ok(()),
            Ok(Err(Failure::Open(why))) => Err(Failure::Open(why)),
            Ok(Err(Failure::Wrong(why))) => Err(Failure::Wrong(self.tell(&why))),
            Err(panic) => {
                let message = panic.downcast_ref::<String>().map(String::as_str);
                let message = message.or(panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
                Err(Failure::Wrong(self.tell(&format!("panicked: {message}"))))
            }
        }
    }

    fn tell(&self, why: &str) -> String {
        // Of a long story the end, of a long line the beginning: nobody reads five hundred steps.
        const LINES: usize = 60;
        const WIDTH: usize = 240;
        let lines: Vec<String> = self.story.lines().map(|line| line.chars().take(WIDTH).collect()).collect();
        let shown = lines[lines.len().saturating_sub(LINES)..].join("\n");
        let earlier = if lines.len() > LINES { "  ...\n" } else { "" };
        format!("the store and the model disagree after\n{earlier}{shown}\n{why}")
    }

    fn open(&mut self) -> Result<(), Failure> {
        let store = (self.subject.open)().map_err(|error| Failure::Open(format!("open a store: {error}")))?;
        let _ = writeln!(self.story, "  store {}: opened", self.stores.len());
        self.stores.push(Some(Opened { store, children: Vec::new() }));
        self.model.stores.push(Vec::new());
        Ok(())
    }

    fn step(&mut self, sequence: &Sequence, step: &Step) -> Result<(), Failure> {
        match *step {
            Step::Ask { store, series } => {
                let store = self.pick(store);
                self.ask_for(store, sequence.series(series))
            }
            Step::Change { store, series, change } => {
                let store = self.pick(store);
                let series = sequence.series(series);
                self.change(store, series, Update::new(series, change))
            }
            Step::Open if self.open_stores().len() < STORES => self.open(),
            Step::Open => Ok(()),
            Step::Reopen { store } => {
                let store = self.pick(store);
                self.drop_store(store);
                self.open()
            }
            Step::Read => self.read(),
        }
    }

    fn open_stores(&self) -> Vec<usize> {
        (0..self.stores.len()).filter(|&store| self.stores[store].is_some()).collect()
    }

    /// The open store that `number` stands for; there is always one.
    fn pick(&self, number: usize) -> usize {
        let open = self.open_stores();
        open[number % open.len()]
    }

    fn drop_store(&mut self, store: usize) {
        let _ = writeln!(self.story, "  store {store}: dropped");
        self.stores[store] = None;
    }

    /// Asks by a description that is equal, but another one.
    fn ask_for(&mut self, store: usize, series: &'static Series) -> Result<(), Failure> {
        if !self.keeps(store, series)? {
            return Ok(());
        }
        let _ = writeln!(self.story, "  store {store}: {series}: asked for");
        let copy = Arc::new(Desc::clone(&series.desc));
        self.ask(store, series, &copy)?;
        self.model.numbers(store, series);
        self.check_child(store, series)
    }

    fn change(&mut self, store: usize, series: &'static Series, update: Update) -> Result<(), Failure> {
        if !self.keeps(store, series)? {
            return Ok(());
        }
        let _ = writeln!(self.story, "  store {store}: {series}: {update:?}");
        let (first, last) = self.ask(store, series, &series.desc)?;
        // Now through the child kept from the first time, now through the one just given.
        self.by_first = !self.by_first;
        let child = if self.by_first { first } else { last };
        match update {
            Update::Add(by) => child.add(by),
            Update::Set(to) => {
                child.set(to);
                if series.desc.aggregation().mode == Mode::MostRecent {
                    let set = Instant::now();
                    // The next set is later for every clock that keeps its seconds in an f64.
                    while set.elapsed() < Duration::from_micros(2) {}
                }
            }
            Update::Observe(bucket, value) => child.observe(bucket, value),
        }
        self.model.change(store, series, &update);
        self.check_child(store, series)
    }

    /// Whether the store keeps the family. What adds up each must keep; of what it refuses it must refuse every label
    /// set, too.
    fn keeps(&self, store: usize, series: &Series) -> Result<bool, Failure> {
        let opened = self.stores[store].as_ref().expect("only open stores are picked");
        let Err(error) = opened.store.accepts(&series.desc) else { return Ok(true) };
        if series.desc.aggregation() == Aggregation::SUM {
            return Err(Failure::Wrong(format!("store {store} refuses {series}: {error}")));
        }
        match opened.store.child(&series.desc, &series.labels()) {
            Ok(_) => Err(Failure::Wrong(format!("store {store} keeps {series}, which it refuses: {error}"))),
            Err(_) => Ok(false),
        }
    }

    /// The child that was the first answer, and the one of now.
    fn ask(
        &mut self,
        store: usize,
        series: &'static Series,
        desc: &Arc<Desc>,
    ) -> Result<(&'static dyn Child, &'static dyn Child), Failure> {
        let opened = self.stores[store].as_mut().expect("only open stores are picked");
        let now = opened
            .store
            .child(desc, &series.labels())
            .map_err(|error| Failure::Wrong(format!("store {store} refuses {series}: {error}")))?;
        if let Some((_, first)) = opened.children.iter().find(|(of, _)| ptr::eq(*of, series)) {
            return Ok((*first, now));
        }
        opened.children.push((series, now));
        Ok((now, now))
    }

    /// Every number of a child, by both answers, is what the model has.
    fn check_child(&mut self, store: usize, series: &'static Series) -> Result<(), Failure> {
        let (first, last) = self.ask(store, series, &series.desc)?;
        let buckets = series.desc.buckets().bounds().len() + 2;
        let parts = (0..buckets).map(Part::Bucket).chain([Part::Value, Part::Sum, Part::Count]);
        for part in parts {
            let expected = self.model.numbers(store, series).get(series.desc.kind(), part);
            for (child, answer) in [(first, "the first answer"), (last, "the last answer")] {
                let got = child.get(part);
                if got != expected {
                    return Err(Failure::Wrong(format!(
                        "store {store}: {series}: {part:?} of {answer} is {got:?}; expected {expected:?}"
                    )));
                }
            }
        }
        Ok(())
    }

    fn check_all(&mut self) -> Result<(), Failure> {
        for store in self.open_stores() {
            let all: Vec<&'static Series> =
                self.model.stores[store].iter().map(|(series, _)| *series).collect();
            for series in all {
                self.check_child(store, series)?;
            }
        }
        Ok(())
    }

    fn read(&mut self) -> Result<(), Failure> {
        let Some(read) = &self.subject.read else { return Ok(()) };
        let mut descs: Vec<Arc<Desc>> = Vec::new();
        for series in self.model.series() {
            if !descs.contains(&series.desc) {
                descs.push(Arc::clone(&series.desc));
            }
        }
        page::compare(&read(&descs), &self.model, self.subject.lazy).map_err(Failure::Wrong)
    }
}
