//! What the keys of a directory's files stand for. Each distinct key is decoded once for all files of its class.

mod meanings;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use dialects::{Damage, Dialect, FileName, Record};
use foldhash::HashMap;
use metrics_core::{Aggregation, Kind};

use super::seats::Seats;
use crate::book::NONE;
use crate::index::Index;
use crate::{Catalog, SeriesId, Statement, Tally};
use meanings::{Batch, Meanings, Seat};

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

/// What is known of the keys of a class.
struct Texts {
    meanings: Meanings,
    known: Vec<Text>,
    /// All that stands before the values of records, one behind the other: length, key and padding.
    texts: Vec<u8>,
    /// By text its number: equal texts are equal keys, and those that differ in padding alone are read twice.
    numbers: Index,
    /// Ruby: whether evidence came that keys were read without.
    doubtful: bool,
    /// Whether keys were met that are not among the known.
    met: bool,
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

/// A record up to its value, and what is known of it.
struct Text {
    /// Where it stands in `texts`.
    start: usize,
    len: u32,
    /// [`NONE`]: it is valid and not shown. [`MALFORMED`]: a bucket's bound is not a number.
    series: u32,
    /// The key that came after it the last time: processes make their series in much the same order, and
    /// comparing is cheaper than looking up.
    next: AtomicU32,
}

/// The series of a bucket whose bound is not a number.
const MALFORMED: u32 = NONE - 1;

/// No record is shorter: a length, a key and a value.
const MIN_RECORD_LEN: usize = 16;

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

/// How far records could be passed over.
enum Passed<'a> {
    /// To the end of those that are whole, which is here.
    All(usize),
    /// To this one, whose key is new.
    UpToNew(Unknown<'a>),
}

/// A record whose key is not known, and the hash of what stands before its value.
struct Unknown<'a> {
    record: Record<'a>,
    hash: u64,
}

impl Text {
    /// The series that it stands for; none where it is valid and not shown.
    fn series(&self) -> Result<Option<SeriesId>, Damage> {
        shown(self.series)
    }
}

/// The series of this number, as [`Text`] has it.
fn shown(series: u32) -> Result<Option<SeriesId>, Damage> {
    match series {
        MALFORMED => Err(Damage { at: 0, why: "the bound `le` of a bucket is not a number" }),
        NONE => Ok(None),
        series => Ok(Some(SeriesId(series))),
    }
}

impl Texts {
    fn new(sort: Sort) -> Texts {
        Texts {
            meanings: Meanings::new(sort),
            known: Vec::new(),
            texts: Vec::new(),
            numbers: Index::default(),
            doubtful: false,
            met: false,
        }
    }

    /// Forgets the keys, but not that there were some.
    fn forget_known(&mut self) {
        self.met = !self.is_empty();
        self.known.clear();
        self.texts.clear();
        self.numbers.clear();
    }

    /// Whether no key was met.
    fn is_empty(&self) -> bool {
        self.known.is_empty() && !self.met
    }

    /// Makes room for the records of the class's first file, of which so many bytes are left.
    fn reserve(&mut self, left: usize, first: &Record<'_>, numbering: &Numbering<'_>) {
        // Records of one file are of much the same length.
        let expected = left / (first.end(self.meanings.sort.dialect) - first.at).max(MIN_RECORD_LEN);
        self.texts.reserve(left);
        self.known.reserve(expected);
        self.numbers.reserve(expected);
        numbering.tally().reserve(expected);
    }

    /// The key that is likely to come next.
    fn next(&self, place: &Place) -> usize {
        let before = self.known.get(place.before.wrapping_sub(1));
        before.map_or(0, |before| before.next.load(Ordering::Relaxed) as usize)
    }

    /// Passes over records whose keys are known.
    fn pass<'a>(
        &self,
        place: &mut Place,
        window: &'a [u8],
        mut at: usize,
        mut push: impl FnMut(Met, &Text, u32) -> Result<(), Damage>,
    ) -> Result<Passed<'a>, Damage> {
        let dialect = self.meanings.sort.dialect;
        let number_len = dialect.number_len();
        let located = |at: usize| move |damage: Damage| Damage { at: at + 4, ..damage };
        loop {
            // Processes make their series in much the same order: most records are known by their bytes.
            let mut next = self.next(place);
            while let Some(text) = self.known.get(next) {
                let value_at = at + text.len as usize;
                let end = value_at + number_len;
                if end > window.len() || window[at..value_at] != *self.bytes(text) {
                    break;
                }
                push(Met { at, value_at, end, overflows: false }, text, next as u32).map_err(located(at))?;
                (at, place.before) = (end, next + 1);
                next = text.next.load(Ordering::Relaxed) as usize;
            }
            let record = match dialects::records(dialect, window, at).next() {
                Some(Ok(record)) if record.end(dialect) <= window.len() => record,
                _ => return Ok(Passed::All(at)),
            };
            let number = match self.find(&window[at..record.value_at]) {
                Ok(number) => number,
                Err(hash) => return Ok(Passed::UpToNew(Unknown { record, hash })),
            };
            self.follow(place, number);
            let met = Met { at, value_at: record.value_at, end: record.end(dialect), overflows: false };
            push(met, &self.known[number as usize], number).map_err(located(at))?;
            at = met.end;
        }
    }

    fn bytes(&self, text: &Text) -> &[u8] {
        &self.texts[text.start..text.start + text.len as usize]
    }

    /// The number of what stands before a value; else its hash.
    fn find(&self, head: &[u8]) -> Result<u32, u64> {
        let hash = self.numbers.hash([head]);
        let found = self.numbers.find(hash, |number| self.bytes(&self.known[number as usize]) == head);
        found.ok_or(hash)
    }

    /// Takes note that this key came behind the last one.
    fn follow(&self, place: &mut Place, number: u32) {
        if let Some(before) = self.known.get(place.before.wrapping_sub(1)) {
            before.next.store(number, Ordering::Relaxed);
        }
        place.before = number as usize + 1;
    }

    /// Enters the new key of a record, as not shown until it is numbered.
    ///
    /// # Errors
    /// When it is not a key of the dialect; the offset counts from the window.
    fn meet<'a>(
        &mut self,
        unknown: &Unknown<'a>,
        window: &[u8],
        place: &mut Place,
        numbering: &Numbering<'_>,
        new: &mut Batch<'a>,
    ) -> Result<u32, Damage> {
        let (number, record) = (self.known.len() as u32, &unknown.record);
        let read = self.meanings.read(number, record.key, numbering, new);
        let told = !read.map_err(|damage| Damage { at: record.at + 4 + damage.at, ..damage })?;
        self.doubtful |= told && !self.known.is_empty();
        self.enter(unknown, window, place);
        Ok(number)
    }

    /// Enters a key, as not shown.
    fn enter(&mut self, Unknown { record, hash }: &Unknown<'_>, window: &[u8], place: &mut Place) {
        let number = self.known.len() as u32;
        let head = &window[record.at..record.value_at];
        let start = self.texts.len();
        self.texts.extend_from_slice(head);
        self.numbers.insert(*hash, number);
        // What comes next is most likely new as well; else the first key of the next file.
        self.known.push(Text { start, len: head.len() as u32, series: NONE, next: AtomicU32::new(0) });
        self.follow(place, number);
    }

    /// [Resolves](Class::resolve) records of a class in which not all label sets have series of their own. Keys of those
    /// that have none are not kept: each is read again in every file that has it, when that is parsed.
    fn resolve_seated(
        &mut self,
        seats: &Mutex<Seats>,
        place: &mut Place,
        window: &[u8],
        mut at: usize,
        numbering: &Numbering<'_>,
        mut push: impl FnMut(Met, Option<SeriesId>),
    ) -> Result<usize, Damage> {
        loop {
            let passed = self.pass(place, window, at, |met, text, _| {
                push(met, text.series()?);
                Ok(())
            })?;
            let unknown = match passed {
                Passed::All(at) => return Ok(at),
                Passed::UpToNew(unknown) => unknown,
            };
            let record = unknown.record;
            let (series, overflows) = self.seat(&unknown, window, place, numbering, seats)?;
            at = record.end(self.meanings.sort.dialect);
            push(Met { at: record.at, value_at: record.value_at, end: at, overflows }, series);
        }
    }

    /// The series of a record with a new key; none where that is valid and not shown. And whether it is the overflow of
    /// its family.
    fn seat(
        &mut self,
        unknown: &Unknown<'_>,
        window: &[u8],
        place: &mut Place,
        numbering: &Numbering<'_>,
        seats: &Mutex<Seats>,
    ) -> Result<(Option<SeriesId>, bool), Damage> {
        let record = &unknown.record;
        let damage = |damage: Damage| Damage { at: record.at + 4 + damage.at, ..damage };
        let (seat, told) = self.meanings.seat(record.key, numbering, seats).map_err(damage)?;
        self.doubtful |= told && !self.is_empty();
        let (series, overflows) = match seat {
            Seat::Own(series) => (series, false),
            Seat::Overflow(series) => (series, true),
            Seat::Hidden => {
                self.met = true;
                return Ok((None, false));
            }
        };
        let series = series.map_or(self.lacking(), |series| series.0);
        if overflows {
            self.met = true;
        } else {
            self.enter(unknown, window, place);
            self.known.last_mut().expect("it has just been entered").series = series;
        }
        Ok((shown(series).map_err(damage)?, overflows))
    }

    /// What a key without a series is: of Ruby's, not shown; elsewhere damage.
    fn lacking(&self) -> u32 {
        if self.meanings.sort.metric.is_some() { NONE } else { MALFORMED }
    }

    /// Has the tally number the series of new keys.
    fn number(&mut self, new: Batch<'_>, numbering: &Numbering<'_>) {
        let lacking = self.lacking();
        let known = &mut self.known;
        self.meanings.number(new, numbering, |key, series| {
            known[key as usize].series = series.map_or(lacking, |series| series.0);
        });
    }
}
