//! What the keys of a class mean: of which family and sample they are, and how their labels are spelled.
//!
//! Most keys differ from one of the last in the values of their labels alone, so that these are all that is read of
//! them, and all that numbering their series looks at.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};

use dialects::{Damage, Dialect, Template};
use foldhash::{HashMap, HashMapExt};
use metrics_core::{Aggregation, Kind};

use super::super::seats::Seats;
use super::{Numbering, Sort};
use crate::book::Shaped;
use crate::{Catalog, FamilyId, Rules, SeriesId, Statement};

/// See the head of this file.
pub(super) struct Meanings {
    pub(super) sort: Sort,
    /// Python, GitLab: the families met, by name; one for each help text.
    families: HashMap<Box<str>, ByHelp>,
    /// Of the keys read last.
    frames: Vec<Frame>,
    /// The frame of the key read last.
    frame: usize,
    /// Ruby: what keys have told of the metric.
    evidence: Evidence,
    /// Ruby: what that makes of the metric.
    metric: Option<(Kind, FamilyId)>,
}

/// Families of one name that differ in their help.
type ByHelp = Vec<(Option<Box<str>>, FamilyId)>;

/// Everything about a key but the values of its labels.
struct Frame {
    /// None: keys like it are read as a whole.
    template: Option<Template>,
    /// The names of the labels in the order of the key.
    names: Box<[Box<str>]>,
    /// Python, GitLab.
    family: Option<FamilyId>,
    sample: Box<str>,
    /// How its series are numbered, by part; made when the first one is.
    shaped: [Option<Shaped>; PARTS],
    /// The frame of the key that came after one of this frame the last time.
    next: usize,
}

/// Which number of a Ruby metric a key holds. Other dialects say it by the name of the sample.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    Plain,
    Sum,
    Bucket,
    Count,
}

const PARTS: usize = 4;

/// New keys whose series are to be numbered together: the tally is locked for all of them at once.
#[derive(Default)]
pub(super) struct Batch<'a> {
    asked: Vec<Asked>,
    /// The values of all labels.
    values: Vec<Cow<'a, [u8]>>,
}

struct Asked {
    key: u32,
    frame: usize,
    part: Part,
    /// Where its values begin.
    values: usize,
}

/// What becomes of a key where not all label sets have series of their own. The series lacks where `le` is not a number.
pub(super) enum Seat {
    Own(Option<SeriesId>),
    Overflow(Option<SeriesId>),
    /// Valid and not shown.
    Hidden,
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

/// The help text of families whose files carry none, as the Python and GitLab clients print it.
const NO_HELP: &str = "Multiprocess metric";

/// How many frames are kept of a class and tried: its keys mostly come from few at a time.
const FRAMES: usize = 32;

impl Meanings {
    pub(super) fn new(sort: Sort) -> Meanings {
        Meanings {
            sort,
            families: HashMap::new(),
            frames: Vec::new(),
            frame: 0,
            evidence: Evidence::default(),
            metric: None,
        }
    }

    /// Begins a batch; asked of an earlier one must be numbered.
    pub(super) fn begin<'a>(&mut self) -> Batch<'a> {
        if self.frames.len() > FRAMES {
            self.frames.clear();
            self.frame = 0;
        }
        Batch::default()
    }

    /// Ruby: learns from a key, if it looks as if it told something. What is overlooked because a name is spelled in an
    /// odd way is found when the key is read, and takes a second round.
    pub(super) fn learn(&mut self, key: &[u8]) {
        const TELLING: [&[u8]; 4] = [b"le=sum", b"quantile=sum", b"quantile=count", b"pid="];
        let mut labels = key.split(|&byte| byte == b'&');
        let telling = labels.any(|label| TELLING.iter().any(|telling| label.starts_with(telling)));
        if telling && let Ok(key) = dialects::read_key(self.sort.dialect, key) {
            let labels = key.labels.iter().map(|label| (&*label.name, &*label.value));
            let mut evidence = self.evidence;
            evidence.add(labels);
            self.conclude(evidence);
        }
    }

    /// Takes new evidence in; says whether it is new.
    fn conclude(&mut self, evidence: Evidence) -> bool {
        let new = evidence != self.evidence;
        if new {
            self.evidence = evidence;
            self.metric = None;
            self.frames.iter_mut().for_each(|frame| frame.shaped = Default::default());
        }
        new
    }

    /// Takes a new key apart and asks for its series. False where it told something of a Ruby metric that was not
    /// known.
    ///
    /// # Errors
    /// When it is not a key of the dialect; the offset counts from its first byte.
    pub(super) fn read<'a>(
        &mut self,
        key: u32,
        text: &'a [u8],
        numbering: &Numbering<'_>,
        batch: &mut Batch<'a>,
    ) -> Result<bool, Damage> {
        let values = batch.values.len();
        let frame = self.frame_of(text, numbering, &mut batch.values)?;
        let mut part = Some(Part::Plain);
        let mut news = false;
        if self.sort.metric.is_some() {
            let of_key = || self.frames[frame].labels(&batch.values[values..]);
            let mut evidence = self.evidence;
            evidence.add(of_key());
            let has = |name: &str, word: &[u8]| of_key().any(|label| label == (name, word));
            let (sum, total, count) = (has("le", b"sum"), has("quantile", b"sum"), has("quantile", b"count"));
            news = self.conclude(evidence);
            part = match self.metric(numbering).0 {
                Kind::Histogram if sum => Some(Part::Sum),
                Kind::Histogram => Some(Part::Bucket),
                Kind::Summary if total => Some(Part::Sum),
                Kind::Summary if count => Some(Part::Count),
                // Ruby's reader ignores other words there, too.
                Kind::Summary => None,
                _ => Some(Part::Plain),
            };
        }
        match part {
            Some(part) => batch.asked.push(Asked { key, frame, part, values }),
            None => batch.values.truncate(values),
        }
        Ok(!news)
    }

    /// Has the tally number the series that a batch asks for; `set` is given the key of each and its series, none
    /// where it has none.
    pub(super) fn number(
        &mut self,
        batch: Batch<'_>,
        numbering: &Numbering<'_>,
        mut set: impl FnMut(u32, Option<SeriesId>),
    ) {
        if batch.asked.is_empty() {
            return;
        }
        let of_metric = self.sort.metric.is_some().then(|| self.metric(numbering));
        let mut tally = numbering.tally();
        for Asked { key, frame, part, values } in batch.asked {
            let frame = &mut self.frames[frame];
            let Frame { names, sample, family, shaped, .. } = frame;
            let values = &batch.values[values..values + names.len()];
            let shaped = shaped[part as usize].get_or_insert_with(|| {
                let names = names.iter().map(|name| &**name).enumerate();
                match of_metric {
                    Some((kind, family)) => {
                        let (suffix, told) = part.told(kind);
                        let sample = format!("{sample}{suffix}");
                        tally.shape(family, &sample, names.filter(|&(_, name)| Some(name) != told))
                    }
                    None => {
                        tally.shape((*family).expect("each frame of these dialects has one"), sample, names)
                    }
                }
            });
            set(key, tally.series_shaped(shaped, values));
        }
    }

    /// Takes one new key apart and has its series numbered: its own, if its label set has a seat, or the overflow of
    /// its family. And whether it told something of a Ruby metric that was not known.
    ///
    /// # Errors
    /// As [`read`](Meanings::read).
    pub(super) fn seat(
        &mut self,
        text: &[u8],
        numbering: &Numbering<'_>,
        seats: &Mutex<Seats>,
    ) -> Result<(Seat, bool), Damage> {
        let mut batch = self.begin();
        let told = !self.read(0, text, numbering, &mut batch)?;
        let Some(&Asked { frame, part, .. }) = batch.asked.first() else { return Ok((Seat::Hidden, told)) };
        let of_metric = self.sort.metric.is_some().then(|| self.metric(numbering));
        let frame = &self.frames[frame];
        let family = of_metric.map(|(_, family)| family).or(frame.family);
        let family = family.expect("each frame of the other dialects has one");
        let statement = Arc::clone(numbering.tally().statement(family));
        let admitted = {
            let mut seats = seats.lock().unwrap_or_else(PoisonError::into_inner);
            seats.admit(&statement, frame.labels(&batch.values))
        };
        if !admitted {
            let suffix = of_metric.map_or("", |(kind, _)| part.told(kind).0);
            let le = frame.labels(&batch.values).find(|&(name, _)| name == "le").map(|(_, value)| value);
            let le = le.filter(|_| statement.kind == Kind::Histogram && part != Part::Sum);
            let sample = format!("{}{suffix}", frame.sample);
            return Ok((Seat::Overflow(numbering.tally().overflow_series(family, &sample, le)), told));
        }
        let mut own = None;
        self.number(batch, numbering, |_, series| own = series);
        Ok((Seat::Own(own), told))
    }

    /// The frame of a key, whose values are appended.
    fn frame_of<'a>(
        &mut self,
        key: &'a [u8],
        numbering: &Numbering<'_>,
        values: &mut Vec<Cow<'a, [u8]>>,
    ) -> Result<usize, Damage> {
        let next = self.frames.get(self.frame).map_or(0, |frame| frame.next);
        let all = self.frames.len().saturating_sub(FRAMES)..self.frames.len();
        let known = [self.frame, next].into_iter().chain(all).find(|&at| {
            let template = self.frames.get(at).and_then(|frame| frame.template.as_ref());
            template.is_some_and(|template| template.read(key, values))
        });
        let frame = match known {
            Some(known) => known,
            None => {
                let decoded = dialects::read_key(self.sort.dialect, key)?;
                let (family, sample) = match &self.sort.metric {
                    Some(metric) => (None, metric.clone()),
                    None => {
                        let name = stated_name(self.sort.kind, &decoded.family, &decoded.sample);
                        let family = self.family(name, decoded.help.as_deref(), numbering);
                        (Some(family), Box::from(&*decoded.sample))
                    }
                };
                self.frames.push(Frame {
                    template: Template::of(self.sort.dialect, key),
                    names: decoded.labels.iter().map(|label| Box::from(&*label.name)).collect(),
                    family,
                    sample,
                    shaped: Default::default(),
                    next: 0,
                });
                values.extend(decoded.labels.into_iter().map(|label| label.value));
                self.frames.len() - 1
            }
        };
        if frame != self.frame {
            if let Some(before) = self.frames.get_mut(self.frame) {
                before.next = frame;
            }
            self.frame = frame;
        }
        Ok(frame)
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

    /// Ruby: the kind and the family that the evidence so far makes of the metric.
    fn metric(&mut self, numbering: &Numbering<'_>) -> (Kind, FamilyId) {
        *self.metric.get_or_insert_with(|| {
            let name = self.sort.metric.as_deref().unwrap_or_default();
            let statement = self.evidence.statement(name, numbering.catalog);
            (statement.kind, numbering.tally().family(&statement))
        })
    }

    /// What the keys read so far tell of a Ruby metric; none for other dialects.
    pub(super) fn stated(&self, catalog: &Catalog) -> Option<Statement> {
        self.sort.metric.as_deref().map(|metric| self.evidence.statement(metric, catalog))
    }
}

impl Frame {
    /// The labels of a key of this frame that has these values.
    fn labels<'a>(&'a self, values: &'a [Cow<'_, [u8]>]) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        self.names.iter().map(|name| &**name).zip(values.iter().map(|value| &**value))
    }
}

impl Part {
    /// What the sample's name ends in, and which label has told so.
    fn told(self, kind: Kind) -> (&'static str, Option<&'static str>) {
        let label = if kind == Kind::Histogram { "le" } else { "quantile" };
        match self {
            Part::Plain => ("", None),
            Part::Bucket => ("_bucket", None),
            Part::Sum => ("_sum", Some(label)),
            Part::Count => ("_count", Some(label)),
        }
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
    /// Takes note of what a key's labels tell.
    fn add<'a>(&mut self, labels: impl Iterator<Item = (&'a str, &'a [u8])>) {
        for label in labels {
            match label {
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
