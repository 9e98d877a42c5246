//! What the keys of a directory's files stand for. Each distinct key is decoded once for all files of its class.

mod meanings;
mod texts;

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use dialects::{Damage, Dialect, FileName, Record};
use foldhash::HashMap;
use metrics_core::{Aggregation, Kind};

use super::seats::Seats;
use crate::{Catalog, SeriesId, Statement, Tally};
use texts::{Passed, Texts, Unknown};

/// What all keys seen stand for, by class.
#[derive(Default)]
pub(crate) struct Keys {
    classes: Vec<Arc<Class>>,
    numbers: HashMap<Sort, usize>,
}

/// The keys of one class. Threads that only meet known keys do not wait for each other.
pub(crate) struct Class(RwLock<Texts>);

/// What new keys are numbered by.
pub(crate) struct Numbering<'a> {
    pub(crate) catalog: &'a Catalog,
    /// Several threads come to it. No other lock is awaited under it.
    pub(crate) tally: Mutex<&'a mut Tally>,
    /// Which label sets have series of their own, where not all can have one; else none.
    pub(crate) seats: Option<&'a Mutex<Seats>>,
}

impl<'a> Numbering<'a> {
    /// The tally, for a moment.
    pub(crate) fn tally(&self) -> MutexGuard<'_, &'a mut Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the names of files have in common whose equal keys mean the same.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Sort {
    /// Which directory they are in, where it matters: one may have refused what another has not.
    directory: Option<usize>,
    dialect: Dialect,
    kind: Option<Kind>,
    aggregation: Option<Aggregation>,
    metric: Option<Box<str>>,
}

/// A record that was met: where it starts, where its value stands, and where it ends.
#[derive(Clone, Copy)]
pub(crate) struct Met {
    pub(crate) at: usize,
    pub(crate) value_at: usize,
    pub(crate) end: usize,
    /// Whether its series is the overflow of a family: others of the file may have it too, with other keys.
    pub(crate) overflows: bool,
}

/// How far a window has the records that were likely.
pub(crate) struct Alike {
    pub(crate) count: usize,
    /// Where the last one starts.
    pub(crate) last_at: usize,
    /// Where it ends.
    pub(crate) end: usize,
}

/// Where in the order of a class a file is.
#[derive(Clone, Copy, Default)]
pub(crate) struct Place {
    /// The number of the last key, plus one.
    before: usize,
}

impl Keys {
    /// The class of a file's keys. None: files of this name hold no kind of metric.
    pub(crate) fn class(
        &mut self,
        directory: Option<usize>,
        dialect: Dialect,
        name: &FileName<'_>,
    ) -> Option<usize> {
        if name.kind.is_none() && dialect != Dialect::Ruby {
            return None;
        }
        let sort = Sort {
            directory,
            dialect,
            kind: name.kind,
            aggregation: name.aggregation,
            metric: name.metric.map(Box::from),
        };
        Some(*self.numbers.entry(sort).or_insert_with_key(|sort| {
            self.classes.push(Arc::new(Class(RwLock::new(Texts::new(sort.clone())))));
            self.classes.len() - 1
        }))
    }

    /// The class of a number that this gave.
    pub(crate) fn get(&self, class: usize) -> Arc<Class> {
        Arc::clone(&self.classes[class])
    }

    /// Forgets the classes whose keys were read with too little evidence, and says which they are.
    pub(crate) fn drop_doubtful(&mut self) -> Vec<usize> {
        let doubtful = self.classes.iter().enumerate().filter_map(|(number, class)| {
            let mut texts = class.write();
            let doubtful = std::mem::take(&mut texts.doubtful);
            if doubtful {
                texts.forget_known();
                texts.met = false;
            }
            doubtful.then_some(number)
        });
        doubtful.collect()
    }

    /// Forgets the keys of a directory whose series are limited, but not what was learnt from them.
    pub(crate) fn forget_known(&mut self, directory: usize) {
        let of_directory = self.numbers.iter().filter(|(sort, _)| sort.directory == Some(directory));
        for (_, &class) in of_directory {
            self.classes[class].write().forget_known();
        }
    }

    /// The directory and the name of the metric of a class of Ruby's keys in a directory whose series are limited.
    pub(crate) fn limited_metric(&self, class: usize) -> Option<(usize, Box<str>)> {
        let texts = self.classes[class].read();
        texts.meanings.sort.directory.zip(texts.meanings.sort.metric.clone())
    }

    /// The Ruby metrics that the catalog does not tell all of, and what they are taken for.
    pub(crate) fn guesses(&self, catalog: &Catalog) -> Vec<Statement> {
        let guessed = self.classes.iter().filter_map(|class| {
            let texts = class.read();
            let stated = texts.meanings.stated(catalog)?;
            let told = catalog.entry(&stated.name).is_some_and(|entry| entry.aggregation.is_some());
            (!texts.is_empty() && !told).then_some(stated)
        });
        guessed.collect()
    }
}

impl Class {
    /// How the numbers of the class are merged, as far as is known yet.
    pub(crate) fn aggregation(&self, catalog: &Catalog) -> Aggregation {
        let texts = self.read();
        match texts.meanings.stated(catalog) {
            Some(stated) => stated.aggregation,
            None => texts.meanings.sort.aggregation.unwrap_or(Aggregation::SUM),
        }
    }

    /// Whether a file must be learnt from before its keys are resolved.
    pub(crate) fn is_to_learn(&self) -> bool {
        let texts = self.read();
        texts.meanings.sort.metric.is_some() && texts.is_empty()
    }

    /// How many keys are known.
    pub(crate) fn len(&self) -> usize {
        self.read().known.len()
    }

    /// Ruby: learns from the keys of a file before they are resolved, which saves reading it twice.
    pub(crate) fn learn<'a>(&self, records: impl Iterator<Item = Record<'a>>) {
        if self.is_to_learn() {
            let texts = &mut *self.write();
            records.for_each(|record| texts.meanings.learn(record.key));
        }
    }

    /// How many records of a window of a file are the likely ones: at their places, with keys that stand for their series.
    /// All else - a key that is another or new, another place, a record that is not whole - ends it, and is left to
    /// [`resolve`](Class::resolve).
    ///
    /// `base` is where in the file the window begins.
    pub(crate) fn as_likely(
        &self,
        place: &mut Place,
        window: &[u8],
        from: usize,
        base: usize,
        (value_at, series): (&[u32], &[SeriesId]),
    ) -> Alike {
        let texts = self.read();
        let number_len = texts.meanings.sort.dialect.number_len();
        let mut alike = Alike { count: 0, last_at: from, end: from };
        let mut next = texts.next(place);
        for (&likely_at, &series) in value_at.iter().zip(series) {
            let Some(text) = texts.known.get(next) else { break };
            let value_at = alike.end + text.len as usize;
            let end = value_at + number_len;
            let same = base + value_at == likely_at as usize
                && text.series == series.0
                && end <= window.len()
                && window[alike.end..value_at] == *texts.bytes(text);
            if !same {
                break;
            }
            alike = Alike { count: alike.count + 1, last_at: alike.end, end };
            place.before = next + 1;
            next = text.next.load(Ordering::Relaxed) as usize;
        }
        alike
    }

    /// Resolves the records of a window of a file from `from` on, as far as they are whole; `push` is given each with the
    /// series that its key stands for: none where that is valid and not shown. Ends where the window does, or before a
    /// record that is damaged or not whole. Says where that is.
    ///
    /// `left` is the bytes that the file has from the window on; room is made for as much.
    ///
    /// # Errors
    /// When a key is not one of the dialect; the offset counts from the window.
    pub(crate) fn resolve(
        &self,
        place: &mut Place,
        window: &[u8],
        from: usize,
        left: usize,
        numbering: &Numbering<'_>,
        mut push: impl FnMut(Met, Option<SeriesId>),
    ) -> Result<usize, Damage> {
        let texts = self.read();
        let first = match texts.pass(place, window, from, |met, text, _| {
            push(met, text.series()?);
            Ok(())
        })? {
            Passed::All(at) => return Ok(at),
            Passed::UpToNew(first) => first.record,
        };
        drop(texts);
        // By now another thread may have met the same keys: then they are found.
        let texts = &mut *self.write();
        if let Some(seats) = numbering.seats {
            return texts.resolve_seated(seats, place, window, first.at, numbering, push);
        }
        if texts.known.is_empty() {
            texts.reserve(left, &first, numbering);
        }
        let mut new = texts.meanings.begin();
        let mut resolved: Vec<(Met, u32)> = Vec::new();
        let mut at = first.at;
        let ended = loop {
            let passed = texts.pass(place, window, at, |met, _, key| {
                resolved.push((met, key));
                Ok(())
            });
            let met = match passed {
                Ok(Passed::All(at)) => break Ok(at),
                Ok(Passed::UpToNew(met)) => met,
                Err(damage) => break Err(damage),
            };
            let record = met.record;
            match texts.meet(&met, window, place, numbering, &mut new) {
                Ok(key) => {
                    at = record.end(texts.meanings.sort.dialect);
                    let met = Met { at: record.at, value_at: record.value_at, end: at, overflows: false };
                    resolved.push((met, key));
                }
                Err(damage) => break Err(damage),
            }
        };
        texts.number(new, numbering);
        for (met, key) in resolved {
            let series = texts.known[key as usize].series();
            push(met, series.map_err(|damage| Damage { at: met.at + 4, ..damage })?);
        }
        ended
    }

    /// The series that the key of one record stands for; none where it is valid and not shown. And whether that is the
    /// overflow of its family.
    ///
    /// # Errors
    /// As [`resolve`](Class::resolve).
    pub(crate) fn resolve_one(
        &self,
        record: &Record<'_>,
        window: &[u8],
        numbering: &Numbering<'_>,
    ) -> Result<(Option<SeriesId>, bool), Damage> {
        let texts = &mut *self.write();
        let unknown = |hash: u64| Unknown { record: *record, hash };
        let found = texts.find(&window[record.at..record.value_at]).map_err(unknown);
        let key = match (found, numbering.seats) {
            (Ok(known), _) => known,
            (Err(unknown), Some(seats)) => {
                return texts.seat(&unknown, window, &mut Place::default(), numbering, seats);
            }
            (Err(unknown), None) => {
                let mut new = texts.meanings.begin();
                let key = texts.meet(&unknown, window, &mut Place::default(), numbering, &mut new)?;
                texts.number(new, numbering);
                key
            }
        };
        let series = texts.known[key as usize].series();
        Ok((series.map_err(|damage| Damage { at: record.at + 4, ..damage })?, false))
    }

    fn read(&self) -> RwLockReadGuard<'_, Texts> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Texts> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}
