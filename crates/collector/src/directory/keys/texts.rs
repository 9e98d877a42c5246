//! What is known of the keys of a class: their texts one behind the other, what they stand for, and which one came after
//! which.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use dialects::{Damage, Record};

use super::super::seats::Seats;
use super::meanings::{Batch, Meanings, Seat};
use super::{Met, Numbering, Place, Sort};
use crate::SeriesId;
use crate::book::NONE;
use crate::index::Index;

/// See the head of this file.
pub(super) struct Texts {
    pub(super) meanings: Meanings,
    pub(super) known: Vec<Text>,
    /// All that stands before the values of records, one behind the other: length, key and padding.
    pub(super) texts: Vec<u8>,
    /// By text its number: equal texts are equal keys, and those that differ in padding alone are read twice.
    pub(super) numbers: Index,
    /// Ruby: whether evidence came that keys were read without.
    pub(super) doubtful: bool,
    /// Whether keys were met that are not among the known.
    pub(super) met: bool,
}

/// A record up to its value, and what is known of it.
pub(super) struct Text {
    /// Where it stands in `texts`.
    pub(super) start: usize,
    pub(super) len: u32,
    /// [`NONE`]: it is valid and not shown. [`MALFORMED`]: a bucket's bound is not a number.
    pub(super) series: u32,
    /// The key that came after it the last time: processes make their series in much the same order, and
    /// comparing is cheaper than looking up.
    pub(super) next: AtomicU32,
}

/// The series of a bucket whose bound is not a number.
const MALFORMED: u32 = NONE - 1;

/// No record is shorter: a length, a key and a value.
const MIN_RECORD_LEN: usize = 16;

/// How far records could be passed over.
pub(super) enum Passed<'a> {
    /// To the end of those that are whole, which is here.
    All(usize),
    /// To this one, whose key is new.
    UpToNew(Unknown<'a>),
}

/// A record whose key is not known, and the hash of what stands before its value.
pub(super) struct Unknown<'a> {
    pub(super) record: Record<'a>,
    pub(super) hash: u64,
}

impl Text {
    /// The series that it stands for; none where it is valid and not shown.
    pub(super) fn series(&self) -> Result<Option<SeriesId>, Damage> {
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
    pub(super) fn new(sort: Sort) -> Texts {
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
    pub(super) fn forget_known(&mut self) {
        self.met = !self.is_empty();
        self.known.clear();
        self.texts.clear();
        self.numbers.clear();
    }

    /// Whether no key was met.
    pub(super) fn is_empty(&self) -> bool {
        self.known.is_empty() && !self.met
    }

    /// Makes room for the records of the class's first file, of which so many bytes are left.
    pub(super) fn reserve(&mut self, left: usize, first: &Record<'_>, numbering: &Numbering<'_>) {
        // Records of one file are of much the same length.
        let expected = left / (first.end(self.meanings.sort.dialect) - first.at).max(MIN_RECORD_LEN);
        self.texts.reserve(left);
        self.known.reserve(expected);
        self.numbers.reserve(expected);
        numbering.tally().reserve(expected);
    }

    /// The key that is likely to come next.
    pub(super) fn next(&self, place: &Place) -> usize {
        let before = self.known.get(place.before.wrapping_sub(1));
        before.map_or(0, |before| before.next.load(Ordering::Relaxed) as usize)
    }

    /// Passes over records whose keys are known.
    pub(super) fn pass<'a>(
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

    pub(super) fn bytes(&self, text: &Text) -> &[u8] {
        &self.texts[text.start..text.start + text.len as usize]
    }

    /// The number of what stands before a value; else its hash.
    pub(super) fn find(&self, head: &[u8]) -> Result<u32, u64> {
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
    pub(super) fn meet<'a>(
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
    pub(super) fn resolve_seated(
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
    pub(super) fn seat(
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
    pub(super) fn number(&mut self, new: Batch<'_>, numbering: &Numbering<'_>) {
        let lacking = self.lacking();
        let known = &mut self.known;
        self.meanings.number(new, numbering, |key, series| {
            known[key as usize].series = series.map_or(lacking, |series| series.0);
        });
    }
}
