//! What the keys of a directory's files stand for. Each distinct key is decoded once for all files of its class.

use std::ops::Range;
use std::sync::Arc;

use dialects::{Damage, Dialect, FileName, LabelText, Record, Records};
use foldhash::{HashMap, HashMapExt};
use metrics_core::{Aggregation, Kind};

use crate::index::Index;
use crate::{Catalog, FamilyId, Rules, SeriesId, Statement, Tally};

/// What all keys seen stand for, by class.
#[derive(Default)]
pub(crate) struct Keys {
    classes: Vec<Class>,
    numbers: HashMap<Sort, usize>,
}

/// What the names of files have in common whose equal keys mean the same.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Sort {
    dialect: Dialect,
    kind: Option<Kind>,
    aggregation: Option<Aggregation>,
    metric: Option<Box<str>>,
}

struct Class {
    sort: Sort,
    known: Vec<Text>,
    /// All that stands before the values of records, one behind the other: length, key and padding.
    texts: Vec<u8>,
    /// By text its number: equal texts are equal keys, and those that differ in padding alone are read twice.
    numbers: Index,
    /// The number of the key resolved last.
    before: usize,
    /// Python, GitLab: the families met, by name; one for each help text.
    families: HashMap<Box<str>, ByHelp>,
    /// Python, GitLab: of the key read last, as most keys differ from the one before in their labels alone.
    frame: Option<Frame>,
    /// Ruby: what keys have told of the metric.
    evidence: Evidence,
    /// Ruby: whether evidence came that the known keys were read without.
    doubtful: bool,
}

/// What stands before and behind the labels of a key, and what it says.
struct Frame {
    head: Box<[u8]>,
    tail: Box<[u8]>,
    family: FamilyId,
    sample: Box<str>,
}

/// Families of one name that differ in their help.
type ByHelp = Vec<(Option<Box<str>>, FamilyId)>;

/// A record up to its value, and what is known of it.
struct Text {
    /// Where it stands in `texts`.
    start: usize,
    end: usize,
    /// None: it is valid and not shown.
    series: Option<SeriesId>,
    /// The key that came after it the last time: processes make their series in much the same order, and
    /// comparing is cheaper than looking up.
    next: usize,
}

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
            self.classes.push(Class {
                sort: sort.clone(),
                known: Vec::new(),
                texts: Vec::new(),
                numbers: Index::default(),
                before: 0,
                families: HashMap::new(),
                frame: None,
                evidence: Evidence::default(),
                doubtful: false,
            });
            self.classes.len() - 1
        }))
    }

    /// How the numbers of a class are merged, as far as is known yet.
    pub(crate) fn aggregation(&self, class: usize, catalog: &Catalog) -> Aggregation {
        let class = &self.classes[class];
        match &class.sort.metric {
            Some(metric) => class.evidence.statement(metric, catalog).aggregation,
            None => class.sort.aggregation.unwrap_or(Aggregation::SUM),
        }
    }

    /// Ruby: learns from the keys of a file before they are resolved, which saves reading it twice.
    pub(crate) fn learn<'a>(&mut self, class: usize, records: impl Iterator<Item = Record<'a>>) {
        let class = &mut self.classes[class];
        if class.sort.metric.is_some() && class.known.is_empty() {
            for record in records {
                if let Ok(key) = dialects::read_key(class.sort.dialect, record.key) {
                    class.evidence.add(&key.labels);
                }
            }
        }
    }

    /// Makes room for the records of a class's first file; says for how many, if it is the first.
    pub(crate) fn reserve<'a>(&mut self, class: usize, file: &'a [u8], mut records: Records<'a>) -> usize {
        let class = &mut self.classes[class];
        let start = records.at();
        if !class.known.is_empty() || records.next().is_none() {
            return 0;
        }
        let left = file.len().saturating_sub(start);
        // Records of one file are of much the same length.
        let expected = left / (records.at() - start).max(MIN_RECORD_LEN);
        class.texts.reserve(left);
        class.known.reserve(expected);
        class.numbers.reserve(expected);
        expected
    }

    /// Passes over the next record if it is the one that came next the last time; says where its value stands and
    /// which series it is of.
    pub(crate) fn pass(
        &mut self,
        class: usize,
        records: &mut Records<'_>,
    ) -> Option<(usize, Option<SeriesId>)> {
        let class = &mut self.classes[class];
        let next = class.known.get(class.before).map_or(0, |before| before.next);
        let text = class.known.get(next)?;
        let value_at = records.pass(&class.texts[text.start..text.end])?;
        class.before = next;
        Some((value_at, text.series))
    }

    /// The series that the key of a record in `file` stands for; none where it is valid and not shown.
    ///
    /// # Errors
    /// When it is not a key of the dialect; the offset counts from its first byte.
    pub(crate) fn resolve(
        &mut self,
        class: usize,
        record: &Record<'_>,
        file: &[u8],
        catalog: &Catalog,
        tally: &mut Tally,
    ) -> Result<Option<SeriesId>, Damage> {
        let class = &mut self.classes[class];
        let (key, head) = (record.key, file.get(record.at..record.value_at).unwrap_or_default());
        let hash = class.numbers.hash([head]);
        if let Some(known) = class.find(hash, head) {
            return Ok(known.series);
        }
        let series = match &class.sort.metric {
            Some(metric) => {
                let decoded = dialects::read_key(class.sort.dialect, key)?;
                let before = class.evidence;
                class.evidence.add(&decoded.labels);
                class.doubtful |= before != class.evidence && !class.known.is_empty();
                let statement = class.evidence.statement(metric, catalog);
                ruby_series(&statement, metric, decoded.labels, tally)
            }
            None => {
                let series = class.series(key, tally)?;
                Some(series.ok_or(Damage { at: 0, why: "the bound `le` of a bucket is not a number" })?)
            }
        };
        class.insert(hash, head, series);
        Ok(series)
    }

    /// Forgets the classes whose keys were read with too little evidence, and says which they are.
    pub(crate) fn drop_doubtful(&mut self) -> Vec<usize> {
        let doubtful = self.classes.iter_mut().enumerate().filter(|(_, class)| class.doubtful);
        doubtful
            .map(|(number, class)| {
                class.known.clear();
                class.texts.clear();
                class.numbers.clear();
                class.doubtful = false;
                number
            })
            .collect()
    }

    /// The Ruby metrics that the catalog does not tell all of, and what they are taken for.
    pub(crate) fn guesses(&self, catalog: &Catalog) -> Vec<Statement> {
        let guessed = self.classes.iter().filter_map(|class| {
            let metric = class.sort.metric.as_deref()?;
            (!class.known.is_empty() && catalog.entry(metric).is_none_or(|entry| entry.aggregation.is_none()))
                .then(|| class.evidence.statement(metric, catalog))
        });
        guessed.collect()
    }
}

impl Class {
    fn find(&mut self, hash: u64, head: &[u8]) -> Option<&Text> {
        let is = |number: u32| {
            let text = &self.known[number as usize];
            self.texts[text.start..text.end] == *head
        };
        let number = self.numbers.find(hash, is)? as usize;
        if let Some(before) = self.known.get_mut(self.before) {
            before.next = number;
        }
        self.before = number;
        self.known.get(number)
    }

    fn insert(&mut self, hash: u64, head: &[u8], series: Option<SeriesId>) {
        let (start, number) = (self.texts.len(), self.known.len());
        if let Some(before) = self.known.get_mut(self.before) {
            before.next = number;
        }
        self.texts.extend_from_slice(head);
        self.numbers.insert(hash, number as u32);
        // What comes next is most likely new as well; else the first key of the next file.
        self.known.push(Text { start, end: self.texts.len(), series, next: 0 });
        self.before = number;
    }

    /// The series of a Python or GitLab key; none where the bound of a bucket is not a number.
    fn series(&mut self, key: &[u8], tally: &mut Tally) -> Result<Option<SeriesId>, Damage> {
        let dialect = self.sort.dialect;
        let framed = self.frame.as_ref().and_then(|frame| {
            let labels = key.strip_prefix(&*frame.head)?.strip_suffix(&*frame.tail)?;
            let labels = dialects::read_labels(dialect, labels).ok()?;
            Some(tally.series_of(frame.family, &frame.sample, labels))
        });
        if let Some(series) = framed {
            return Ok(series);
        }
        let decoded = dialects::read_key(dialect, key)?;
        let name = stated_name(self.sort.kind, &decoded.family, &decoded.sample);
        let Range { start, end } = decoded.labels_at;
        let frame = Frame {
            head: key.get(..start).unwrap_or_default().into(),
            tail: key.get(end..).unwrap_or_default().into(),
            family: self.family(name, decoded.help.as_deref(), tally),
            sample: (*decoded.sample).into(),
        };
        let series = tally.series_of(frame.family, &frame.sample, decoded.labels);
        self.frame = Some(frame);
        Ok(series)
    }

    /// The family of a Python or GitLab key.
    fn family(&mut self, name: &str, help: Option<&str>, tally: &mut Tally) -> FamilyId {
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
        let family = tally.family(&statement);
        self.families.entry(name.into()).or_default().push((help.map(Box::from), family));
        family
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

/// The series of a Ruby key: `le` and `quantile` say which number of the metric it is.
fn ruby_series(
    statement: &Statement,
    metric: &str,
    mut labels: Vec<LabelText<'_>>,
    tally: &mut Tally,
) -> Option<SeriesId> {
    let mut part = |name: &str, word: &[u8]| {
        let at = labels.iter().position(|label| label.name == name && *label.value == *word);
        at.map(|at| labels.remove(at)).is_some()
    };
    let suffix = match statement.kind {
        Kind::Histogram if part("le", b"sum") => "_sum",
        Kind::Histogram => "_bucket",
        Kind::Summary if part("quantile", b"sum") => "_sum",
        Kind::Summary if part("quantile", b"count") => "_count",
        // Ruby's reader ignores other words there, too.
        Kind::Summary => return None,
        _ => "",
    };
    let family = tally.family(statement);
    tally.series_of(family, &format!("{metric}{suffix}"), labels)
}
