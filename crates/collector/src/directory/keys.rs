//! What the keys of a directory's files stand for. Each distinct key is decoded once for all files of its class.

use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use dialects::{Damage, Dialect, FileName, LabelText, Record, Records};
use foldhash::{HashMap, HashMapExt};
use metrics_core::{Aggregation, Kind};

use crate::book::NONE;
use crate::index::Index;
use crate::{Catalog, FamilyId, Rules, SeriesId, Statement, Tally};

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
    dialect: Dialect,
    kind: Option<Kind>,
    aggregation: Option<Aggregation>,
    metric: Option<Box<str>>,
}

/// What is known of the keys of a class.
struct Texts {
    sort: Sort,
    known: Vec<Text>,
    /// All that stands before the values of records, one behind the other: length, key and padding.
    texts: Vec<u8>,
    /// By text its number: equal texts are equal keys, and those that differ in padding alone are read twice.
    numbers: Index,
    /// Python, GitLab: the families met, by name; one for each help text.
    families: HashMap<Box<str>, ByHelp>,
    /// Python, GitLab: of the keys read last, as most keys differ from one of the last in their labels alone.
    frames: Vec<Frame>,
    /// The frame of the key read last.
    frame: usize,
    /// Ruby: what keys have told of the metric.
    evidence: Evidence,
    /// Ruby: what that makes of the metric.
    metric: Option<Metric>,
    /// Ruby: whether evidence came that the known keys were read without.
    doubtful: bool,
}

/// A record that was met: where it starts, where its value stands, and where it ends.
#[derive(Clone, Copy)]
pub(crate) struct Met {
    pub(crate) at: usize,
    pub(crate) value_at: usize,
    pub(crate) end: usize,
}

/// Where in the order of a class a file is.
#[derive(Clone, Copy, Default)]
pub(crate) struct Place {
    /// The number of the last key, plus one.
    before: usize,
}

/// What stands before and behind the labels of a key, and what it says.
struct Frame {
    head: Box<[u8]>,
    tail: Box<[u8]>,
    family: FamilyId,
    sample: Box<str>,
    /// The frame of the key that came after one of this frame the last time.
    next: usize,
}

/// A metric of Ruby's client as the evidence has it.
struct Metric {
    kind: Kind,
    family: FamilyId,
    /// The sample names without suffix, of sums, of buckets, of counts.
    samples: [Box<str>; 4],
}

/// Families of one name that differ in their help.
type ByHelp = Vec<(Option<Box<str>>, FamilyId)>;

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

/// What the keys of a Ruby metric tell of it. Says more with every key, never less.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Evidence {
    /// A key has `le=sum`.
    histogram: bool,
    /// A key has `quantile=count` or `quantile=sum`.
    summary: bool,
    /// A key has the label `pid`.
    by_process: bool,
}

/// No record is shorter: a length, a key and a value.
const MIN_RECORD_LEN: usize = 16;

/// The help text of families whose files carry none, as the Python and GitLab clients print it.
const NO_HELP: &str = "Multiprocess metric";

/// How many frames are kept of a class and tried: its keys mostly come from few at a time.
const FRAMES: usize = 32;

impl Keys {
    /// The class of a file's keys. None: files of this name hold no kind of metric.
    pub(crate) fn class(&mut self, dialect: Dialect, name: &FileName<'_>) -> Option<usize> {
        if name.kind.is_none() && dialect != Dialect::Ruby {
            return None;
        }
        let sort = Sort {
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
                texts.known.clear();
                texts.texts.clear();
                texts.numbers.clear();
            }
            doubtful.then_some(number)
        });
        doubtful.collect()
    }

    /// The Ruby metrics that the catalog does not tell all of, and what they are taken for.
    pub(crate) fn guesses(&self, catalog: &Catalog) -> Vec<Statement> {
        let guessed = self.classes.iter().filter_map(|class| {
            let texts = class.read();
            let metric = texts.sort.metric.as_deref()?;
            (!texts.known.is_empty() && catalog.entry(metric).is_none_or(|entry| entry.aggregation.is_none()))
                .then(|| texts.evidence.statement(metric, catalog))
        });
        guessed.collect()
    }
}

impl Class {
    /// How the numbers of the class are merged, as far as is known yet.
    pub(crate) fn aggregation(&self, catalog: &Catalog) -> Aggregation {
        let texts = self.read();
        match &texts.sort.metric {
            Some(metric) => texts.evidence.statement(metric, catalog).aggregation,
            None => texts.sort.aggregation.unwrap_or(Aggregation::SUM),
        }
    }

    /// Whether a file must be learnt from before its keys are resolved.
    pub(crate) fn is_to_learn(&self) -> bool {
        let texts = self.read();
        texts.sort.metric.is_some() && texts.known.is_empty()
    }

    /// How many keys are known.
    pub(crate) fn len(&self) -> usize {
        self.read().known.len()
    }

    /// Ruby: learns from the keys of a file before they are resolved, which saves reading it twice.
    pub(crate) fn learn<'a>(&self, records: impl Iterator<Item = Record<'a>>) {
        if self.is_to_learn() {
            let texts = &mut *self.write();
            for record in records {
                if let Ok(key) = dialects::read_key(texts.sort.dialect, record.key) {
                    texts.learn(&key.labels);
                }
            }
        }
    }

    /// Resolves the records of a window of a file, as far as they are whole; `push` is given each with the series that
    /// its key stands for: none where that is valid and not shown. Ends where `records` do, or before a record that is
    /// damaged or not whole. Says where that is.
    ///
    /// `left` is the bytes that the file has from the window on; room is made for as much.
    ///
    /// # Errors
    /// When a key is not one of the dialect; the offset counts from the window.
    pub(crate) fn resolve(
        &self,
        place: &mut Place,
        window: &[u8],
        mut records: Records<'_>,
        left: usize,
        numbering: &Numbering<'_>,
        mut push: impl FnMut(Met, Option<SeriesId>),
    ) -> Result<usize, Damage> {
        let texts = self.read();
        match texts.pass(place, window, &mut records, &mut |met, key| {
            push(met, texts.known[key as usize].series()?);
            Ok(())
        })? {
            Passed::All(at) => return Ok(at),
            Passed::UpToNew => {}
        }
        drop(texts);
        // By now another thread may have met the same keys: then they are found.
        let texts = &mut *self.write();
        if texts.known.is_empty() {
            texts.reserve(left, records.clone(), numbering);
        }
        if texts.frames.len() > FRAMES {
            texts.frames.clear();
            texts.frame = 0;
        }
        let mut resolved: Vec<(Met, u32)> = Vec::new();
        let mut new = Vec::new();
        let ended = loop {
            let passed = texts.pass(place, window, &mut records, &mut |met, key| {
                resolved.push((met, key));
                Ok(())
            });
            match passed {
                Ok(Passed::All(at)) => break Ok(at),
                Ok(Passed::UpToNew) => {}
                Err(damage) => break Err(damage),
            }
            let Some(Ok(record)) = records.next() else { break Ok(window.len()) };
            match texts.decode(record.key, numbering) {
                Ok(asked) => {
                    let key = texts.insert(&record, window, place);
                    let Record { at, value_at, .. } = record;
                    resolved.push((Met { at, value_at, end: records.at() }, key));
                    new.extend(asked.map(|asked| (key, asked)));
                }
                Err(damage) => break Err(Damage { at: record.at + 4 + damage.at, ..damage }),
            }
        };
        texts.number(new, numbering);
        for (met, key) in resolved {
            let series = texts.known[key as usize].series();
            push(met, series.map_err(|damage| Damage { at: met.at + 4, ..damage })?);
        }
        ended
    }

    /// The series that the key of one record stands for; none where it is valid and not shown.
    ///
    /// # Errors
    /// As [`resolve`](Class::resolve).
    pub(crate) fn resolve_one(
        &self,
        record: &Record<'_>,
        window: &[u8],
        numbering: &Numbering<'_>,
    ) -> Result<Option<SeriesId>, Damage> {
        let texts = &mut *self.write();
        let located = |damage: Damage| Damage { at: record.at + 4 + damage.at, ..damage };
        let key = match texts.find(&window[record.at..record.value_at]) {
            Some(known) => known,
            None => {
                let asked = texts.decode(record.key, numbering).map_err(located)?;
                let key = texts.insert(record, window, &mut Place::default());
                texts.number(asked.into_iter().map(|asked| (key, asked)).collect(), numbering);
                key
            }
        };
        texts.known[key as usize].series().map_err(located)
    }

    fn read(&self) -> RwLockReadGuard<'_, Texts> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Texts> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How far records could be passed over.
enum Passed {
    /// To the end of those that are whole, which is here.
    All(usize),
    /// The next one is new.
    UpToNew,
}

/// What a new key asks of the tally.
enum Asked<'a> {
    /// A series of the family and sample of this frame.
    Framed(usize, Vec<LabelText<'a>>),
    /// A series of Ruby's metric, with this sample name.
    OfMetric(usize, Vec<LabelText<'a>>),
}

impl Text {
    /// The series that it stands for; none where it is valid and not shown.
    fn series(&self) -> Result<Option<SeriesId>, Damage> {
        match self.series {
            MALFORMED => Err(Damage { at: 0, why: "the bound `le` of a bucket is not a number" }),
            NONE => Ok(None),
            series => Ok(Some(SeriesId(series))),
        }
    }
}

impl Texts {
    fn new(sort: Sort) -> Texts {
        Texts {
            sort,
            known: Vec::new(),
            texts: Vec::new(),
            numbers: Index::default(),
            families: HashMap::new(),
            frames: Vec::new(),
            frame: 0,
            evidence: Evidence::default(),
            metric: None,
            doubtful: false,
        }
    }

    /// Takes note of what a key of Ruby's tells.
    fn learn(&mut self, labels: &[LabelText<'_>]) {
        let before = self.evidence;
        self.evidence.add(labels);
        if before != self.evidence {
            self.doubtful |= !self.known.is_empty();
            self.metric = None;
        }
    }

    /// Makes room for the records of the class's first file, of which so many bytes are left.
    fn reserve(&mut self, left: usize, mut records: Records<'_>, numbering: &Numbering<'_>) {
        let start = records.at();
        if records.next().is_none() {
            return;
        }
        // Records of one file are of much the same length.
        let expected = left / (records.at() - start).max(MIN_RECORD_LEN);
        self.texts.reserve(left);
        self.known.reserve(expected);
        self.numbers.reserve(expected);
        numbering.tally().reserve(expected);
    }

    /// Passes over records whose keys are known.
    fn pass(
        &self,
        place: &mut Place,
        window: &[u8],
        records: &mut Records<'_>,
        push: &mut impl FnMut(Met, u32) -> Result<(), Damage>,
    ) -> Result<Passed, Damage> {
        loop {
            let at = records.at();
            // Processes make their series in much the same order: most records are known by their bytes.
            let next = self.known.get(place.before.wrapping_sub(1));
            let next = next.map_or(0, |before| before.next.load(Ordering::Relaxed) as usize);
            if let Some(text) = self.known.get(next)
                && let Some(value_at) = records.pass(self.bytes(text))
            {
                place.before = next + 1;
                let met = Met { at, value_at, end: records.at() };
                push(met, next as u32).map_err(|damage| Damage { at: at + 4, ..damage })?;
                continue;
            }
            let unread = records.clone();
            let record = match records.next() {
                None => return Ok(Passed::All(at)),
                Some(Ok(record)) if record.end(self.sort.dialect) <= window.len() => record,
                Some(_) => return Ok(Passed::All(at)),
            };
            let head = &window[record.at..record.value_at];
            let Some(number) = self.find(head) else {
                *records = unread;
                return Ok(Passed::UpToNew);
            };
            self.follow(place, number);
            let met = Met { at, value_at: record.value_at, end: records.at() };
            push(met, number).map_err(|damage| Damage { at: at + 4, ..damage })?;
        }
    }

    fn bytes(&self, text: &Text) -> &[u8] {
        &self.texts[text.start..text.start + text.len as usize]
    }

    fn find(&self, head: &[u8]) -> Option<u32> {
        let hash = self.numbers.hash([head]);
        self.numbers.find(hash, |number| self.bytes(&self.known[number as usize]) == head)
    }

    /// Takes note that this key came behind the last one.
    fn follow(&self, place: &mut Place, number: u32) {
        if let Some(before) = self.known.get(place.before.wrapping_sub(1)) {
            before.next.store(number, Ordering::Relaxed);
        }
        place.before = number as usize + 1;
    }

    /// Enters the key of a record, as not shown.
    fn insert(&mut self, record: &Record<'_>, window: &[u8], place: &mut Place) -> u32 {
        let head = &window[record.at..record.value_at];
        let (start, number) = (self.texts.len(), self.known.len() as u32);
        self.texts.extend_from_slice(head);
        self.numbers.insert(self.numbers.hash([head]), number);
        // What comes next is most likely new as well; else the first key of the next file.
        self.known.push(Text { start, len: head.len() as u32, series: NONE, next: AtomicU32::new(0) });
        self.follow(place, number);
        number
    }

    /// Takes a key apart; none where it is valid and not shown.
    fn decode<'a>(&mut self, key: &'a [u8], numbering: &Numbering<'_>) -> Result<Option<Asked<'a>>, Damage> {
        if self.sort.metric.is_some() {
            let labels = dialects::read_key(self.sort.dialect, key)?.labels;
            self.learn(&labels);
            return Ok(self.ruby_series(labels, numbering));
        }
        self.framed(key, numbering).map(Some)
    }

    /// Has the tally number the series that new keys ask for.
    fn number(&mut self, new: Vec<(u32, Asked<'_>)>, numbering: &Numbering<'_>) {
        if new.is_empty() {
            return;
        }
        let mut tally = numbering.tally();
        for (key, asked) in new {
            let (series, lacking) = match asked {
                Asked::Framed(frame, labels) => {
                    let Frame { family, sample, .. } = &self.frames[frame];
                    (tally.series_of(*family, sample, labels), MALFORMED)
                }
                Asked::OfMetric(sample, labels) => {
                    let series = self
                        .metric
                        .as_ref()
                        .and_then(|metric| tally.series_of(metric.family, &metric.samples[sample], labels));
                    (series, NONE)
                }
            };
            self.known[key as usize].series = series.map_or(lacking, |series| series.0);
        }
    }

    /// Takes a Python or GitLab key apart.
    fn framed<'a>(&mut self, key: &'a [u8], numbering: &Numbering<'_>) -> Result<Asked<'a>, Damage> {
        let dialect = self.sort.dialect;
        let labels_in = |frame: &Frame| {
            let labels = key.strip_prefix(&*frame.head)?.strip_suffix(&*frame.tail)?;
            dialects::read_labels(dialect, labels).ok()
        };
        let next = self.frames.get(self.frame).map_or(0, |frame| frame.next);
        let mut likely =
            [self.frame, next].into_iter().chain(self.frames.len().saturating_sub(FRAMES)..self.frames.len());
        let known = likely.find_map(|at| Some((at, labels_in(self.frames.get(at)?)?)));
        let (frame, labels) = match known {
            Some(known) => known,
            None => {
                let decoded = dialects::read_key(dialect, key)?;
                let name = stated_name(self.sort.kind, &decoded.family, &decoded.sample);
                let Range { start, end } = decoded.labels_at;
                let frame = Frame {
                    head: key.get(..start).unwrap_or_default().into(),
                    tail: key.get(end..).unwrap_or_default().into(),
                    family: self.family(name, decoded.help.as_deref(), numbering),
                    sample: (*decoded.sample).into(),
                    next: 0,
                };
                self.frames.push(frame);
                (self.frames.len() - 1, decoded.labels)
            }
        };
        if frame != self.frame {
            if let Some(before) = self.frames.get_mut(self.frame) {
                before.next = frame;
            }
            self.frame = frame;
        }
        Ok(Asked::Framed(frame, labels))
    }

    /// The family of a Python or GitLab key.
    fn family(&mut self, name: &str, help: Option<&str>, numbering: &Numbering<'_>) -> FamilyId {
        let known = self.families.get(name).map_or(&[][..], Vec::as_slice);
        if let Some((_, family)) = known.iter().find(|(known, _)| known.as_deref() == help) {
            return *family;
        }
        let statement = Statement {
            name: name.into(),
            help: help.unwrap_or(NO_HELP).into(),
            unit: None,
            kind: self.sort.kind.unwrap_or(Kind::Unknown),
            aggregation: self.sort.aggregation.unwrap_or(Aggregation::SUM),
            rules: if self.sort.dialect == Dialect::Gitlab { Rules::Gitlab } else { Rules::Python },
            bounds: Arc::from([]),
        };
        let family = numbering.tally().family(&statement);
        self.families.entry(name.into()).or_default().push((help.map(Box::from), family));
        family
    }

    /// The series of a Ruby key: `le` and `quantile` say which number of the metric it is.
    fn ruby_series<'a>(
        &mut self,
        mut labels: Vec<LabelText<'a>>,
        numbering: &Numbering<'_>,
    ) -> Option<Asked<'a>> {
        const PLAIN: usize = 0;
        const SUM: usize = 1;
        const BUCKET: usize = 2;
        const COUNT: usize = 3;
        let mut part = |name: &str, word: &[u8]| {
            let at = labels.iter().position(|label| label.name == name && *label.value == *word);
            at.map(|at| labels.remove(at)).is_some()
        };
        let sample = match self.metric(numbering).kind {
            Kind::Histogram if part("le", b"sum") => SUM,
            Kind::Histogram => BUCKET,
            Kind::Summary if part("quantile", b"sum") => SUM,
            Kind::Summary if part("quantile", b"count") => COUNT,
            // Ruby's reader ignores other words there, too.
            Kind::Summary => return None,
            _ => PLAIN,
        };
        Some(Asked::OfMetric(sample, labels))
    }

    /// Ruby: what the evidence so far makes of the metric.
    fn metric(&mut self, numbering: &Numbering<'_>) -> &Metric {
        let name = self.sort.metric.as_deref().unwrap_or_default();
        self.metric.get_or_insert_with(|| {
            let statement = self.evidence.statement(name, numbering.catalog);
            let samples = ["", "_sum", "_bucket", "_count"].map(|suffix| format!("{name}{suffix}").into());
            Metric { kind: statement.kind, family: numbering.tally().family(&statement), samples }
        })
    }
}

/// The name by which to state the family of a Python or GitLab key: statements of counters lose one `_total`, and
/// a key that spells its counter's family without it means the rest as it is (`x_total` with `x_total_total`).
fn stated_name<'a>(kind: Option<Kind>, family: &'a str, sample: &'a str) -> &'a str {
    let shortened = kind == Some(Kind::Counter)
        && family.ends_with("_total")
        && sample.strip_suffix("_total") == Some(family);
    if shortened { sample } else { family }
}

impl Evidence {
    fn add(&mut self, labels: &[LabelText<'_>]) {
        for label in labels {
            match (&*label.name, &*label.value) {
                ("le", b"sum") => self.histogram = true,
                ("quantile", b"count" | b"sum") => self.summary = true,
                ("pid", _) => self.by_process = true,
                _ => {}
            }
        }
    }

    /// What a Ruby metric is: as the catalog says, else by evidence. A name that ends in `_total` is taken for
    /// a counter's, any other for a gauge's.
    fn statement(self, metric: &str, catalog: &Catalog) -> Statement {
        let entry = catalog.entry(metric);
        let guessed = match self {
            Evidence { histogram: true, .. } => Kind::Histogram,
            Evidence { summary: true, .. } => Kind::Summary,
            _ if metric.ends_with("_total") => Kind::Counter,
            _ => Kind::Gauge,
        };
        // The mode `all` writes the process into every key; of the others the sum is the usual one.
        let aggregation = if self.by_process { Aggregation::ALL } else { Aggregation::SUM };
        Statement {
            name: metric.into(),
            help: entry.map_or_else(|| Arc::from(""), |entry| Arc::clone(&entry.help)),
            unit: entry.and_then(|entry| entry.unit.clone()),
            kind: entry.map_or(guessed, |entry| entry.kind),
            aggregation: entry.and_then(|entry| entry.aggregation).unwrap_or(aggregation),
            rules: Rules::Ruby,
            bounds: entry.map_or_else(|| Arc::from([]), |entry| Arc::clone(&entry.bounds)),
        }
    }
}
