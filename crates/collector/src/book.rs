//! Everything that a tally has heard of, numbered: families, series, label sets, origins.
//!
//! Numbers are given once and stay, so that a scrape which brings nothing new looks nothing up.

use std::borrow::Cow;
use std::sync::Arc;

use dialects::LabelText;
use foldhash::HashMap;
use metrics_core::{Kind, Label, Mode, Process, Series};

use crate::bounds::{Bound, Bounds};
use crate::directory::OVERFLOW;
use crate::index::Index;
use crate::labels::LabelSets;
use crate::making::Making;
use crate::numbered::Numbered;
use crate::{Rules, Statement};

/// A family as one source states it; see [`Tally::family`](crate::Tally::family).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FamilyId(pub(crate) u32);

/// A series as one source states it; see [`Tally::series`](crate::Tally::series).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SeriesId(pub(crate) u32);

/// Who reports readings, and where; see [`Tally::origin`](crate::Tally::origin).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OriginId(pub(crate) u32);

/// No number: a slot that takes nothing, a labelling that adds nothing.
pub(crate) const NONE: u32 = u32::MAX;

#[derive(Default)]
pub(crate) struct Book {
    names: Numbered<str>,
    statements: Numbered<Statement>,
    /// By number of the statement: the number of its family's name.
    name_of: Vec<u32>,
    /// Of counters stated with `_total`: the statement under that name.
    in_full: HashMap<u32, FamilyId>,
    /// Sample names, each within its family; by number of the family's name and suffix their numbers.
    samples: Vec<Arc<str>>,
    sample_numbers: HashMap<u32, HashMap<Arc<str>, u32>>,
    /// Number of the family's name and of the sample name that were looked for last.
    sample_before: Option<(u32, u32)>,
    /// Numbers of the sample names that are a family's with a suffix.
    suffixed: HashMap<(FamilyId, &'static str), u32>,
    label_sets: LabelSets,
    bounds: Bounds,
    identities: Vec<Identity>,
    /// By identity what the page last showed; NaN before. A list of its own, since each scrape goes through all of it.
    printed: Vec<f64>,
    identity_numbers: Index,
    /// Family and identity of each series.
    series: Vec<(FamilyId, u32)>,
    /// Series of an identity besides its first: several statements of one family, or spellings of one bound.
    series_numbers: HashMap<(FamilyId, u32, Option<Spelling>), u32>,
    /// How the bound is spelled of series that spell it in another way than their identity.
    spellings: HashMap<u32, Spelling>,
    /// By identity: how the page spells the bound, if otherwise than the identity. Numbers are given in any order, but
    /// the first series of the page decides.
    spelled: HashMap<u32, Spelling>,
    origins: Numbered<(Process, Box<str>)>,
    /// What a book before this one has shown of series that must not fall.
    remembered: HashMap<(Arc<str>, Arc<[Label]>), f64>,
    /// The label set of overflow series, once there is one.
    overflow: Option<u32>,
    /// By number of the origin: the label sets that it puts on merged series and on series of its own.
    labellings: Vec<(u32, u32)>,
}

/// What series of one sample have in common that have the same label names; they differ in their values.
pub(crate) struct Shaped {
    family: FamilyId,
    rules: Rules,
    /// Number of the sample name.
    sample: u32,
    /// Number of the label names.
    shape: u32,
    /// Where in the list of values those of the names stand.
    order: Box<[usize]>,
    /// Where the bound of a bucket stands.
    le: Option<usize>,
}

/// The text of a bound.
type Spelling = Arc<[u8]>;

/// What tells one number of the page from all others.
pub(crate) struct Identity {
    /// Number of the sample name.
    sample: u32,
    /// Number of the label set, without `le` in a histogram.
    pub(crate) labels: u32,
    /// Number of the bound of a bucket; [`NONE`] elsewhere.
    bound: u32,
    /// The series that was numbered first.
    series: u32,
    /// Made when the series first stands on a page; keeps its exposition prefix from then on.
    on_page: Option<Arc<Series>>,
}

impl Book {
    pub(crate) fn family(&mut self, statement: &Statement) -> FamilyId {
        if let Some(known) = self.statements.find(statement) {
            return FamilyId(known);
        }
        // A counter's family is named without the suffix of its sample.
        let short = statement.name.strip_suffix("_total").filter(|short| !short.is_empty());
        match short {
            Some(short) if statement.kind == Kind::Counter => {
                let shortened = Statement { name: short.into(), ..statement.clone() };
                // The statement itself is the key of the shortened one; its own number needs none.
                let in_full = self.enter(None, statement.clone());
                let family = self.enter(Some(statement.clone()), shortened);
                self.in_full.insert(family.0, in_full);
                family
            }
            _ => self.enter(Some(statement.clone()), statement.clone()),
        }
    }

    fn enter(&mut self, key: Option<Statement>, statement: Statement) -> FamilyId {
        self.name_of.push(self.names.number(&statement.name, |name| Arc::from(name)));
        FamilyId(self.statements.push(key.map(Arc::new), Arc::new(statement)))
    }

    /// The same family under the name with `_total` with which a counter was stated. A page needs it that has
    /// another family of the shorter name.
    pub(crate) fn in_full(&self, family: FamilyId) -> Option<FamilyId> {
        self.in_full.get(&family.0).copied()
    }

    pub(crate) fn series(
        &mut self,
        family: FamilyId,
        sample: &str,
        mut labels: Vec<LabelText<'_>>,
    ) -> Option<SeriesId> {
        let statement = self.statement(family);
        let (kind, rules) = (statement.kind, statement.rules);
        if kind == Kind::Gauge && rules == Rules::Python {
            labels.retain(|label| label.name != "pid");
        }
        if !labels.is_sorted_by(|a, b| a.name < b.name) {
            labels.sort_by(|a, b| a.name.cmp(&b.name));
            labels.dedup_by(|later, first| later.name == first.name);
        }
        let le =
            if kind == Kind::Histogram { labels.iter().position(|label| label.name == "le") } else { None };
        Some(match le {
            Some(le) => {
                let bound = self.bounds.read(rules, &labels.remove(le).value)?;
                let labels = self.label_sets.number(&labels);
                let sample = self.suffixed(family, "_bucket");
                self.number_bucket(family, sample, labels, bound)
            }
            None => {
                let labels = self.label_sets.number(&labels);
                let sample = self.sample(self.name_of(family), sample);
                let identity = self.identity(sample, labels, NONE);
                self.number_series(family, identity, None)
            }
        })
    }

    /// How series of a family are numbered that have this sample name and these label names, each of which comes with
    /// its place in the list of their values.
    pub(crate) fn shape<'a>(
        &mut self,
        family: FamilyId,
        sample: &str,
        names: impl Iterator<Item = (usize, &'a str)>,
    ) -> Shaped {
        let statement = self.statement(family);
        let (kind, rules) = (statement.kind, statement.rules);
        let drops_pid = kind == Kind::Gauge && rules == Rules::Python;
        let mut names: Vec<(&str, usize)> =
            names.map(|(at, name)| (name, at)).filter(|(name, _)| !drops_pid || *name != "pid").collect();
        names.sort_unstable();
        names.dedup_by(|later, first| later.0 == first.0);
        let is_le = |&(name, _): &(&str, usize)| kind == Kind::Histogram && name == "le";
        let le = names.iter().position(is_le).map(|le| names.remove(le).1);
        let sample = match le {
            Some(_) => self.suffixed(family, "_bucket"),
            None => self.sample(self.name_of(family), sample),
        };
        let shape = self.label_sets.shape(names.iter().map(|&(name, _)| name));
        Shaped { family, rules, sample, shape, le, order: names.iter().map(|&(_, at)| at).collect() }
    }

    /// The number of a series by the values of its labels; none where `le` is not a number.
    pub(crate) fn series_shaped(&mut self, shaped: &Shaped, values: &[Cow<'_, [u8]>]) -> Option<SeriesId> {
        let bound = match shaped.le {
            Some(le) => Some(self.bounds.read(shaped.rules, &values[le])?),
            None => None,
        };
        let values = shaped.order.iter().map(|&at| &*values[at]);
        let labels = self.label_sets.number_shaped(shaped.shape, values);
        Some(match bound {
            Some(bound) => self.number_bucket(shaped.family, shaped.sample, labels, bound),
            None => {
                let identity = self.identity(shaped.sample, labels, NONE);
                self.number_series(shaped.family, identity, None)
            }
        })
    }

    /// The series of a family that takes what label sets without a series of their own have under this sample name,
    /// or in this bucket; none where `le` is not a number.
    pub(crate) fn overflow_series(
        &mut self,
        family: FamilyId,
        sample: &str,
        le: Option<&[u8]>,
    ) -> Option<SeriesId> {
        let (name, value) = OVERFLOW;
        let labels = [LabelText { name: name.into(), value: value.into() }];
        let labels = self.label_sets.number(&labels);
        self.overflow = Some(labels);
        Some(match le {
            Some(le) => {
                let bound = self.bounds.read(self.statement(family).rules, le)?;
                let sample = self.suffixed(family, "_bucket");
                self.number_bucket(family, sample, labels, bound)
            }
            None => {
                let sample = self.sample(self.name_of(family), sample);
                let identity = self.identity(sample, labels, NONE);
                self.number_series(family, identity, None)
            }
        })
    }

    /// Whether this is an identity of an overflow series, without the labels of a process.
    pub(crate) fn is_overflow(&self, identity: u32) -> bool {
        self.overflow.is_some_and(|overflow| self.identities[identity as usize].labels == overflow)
    }

    /// What a series is stated as, and its labels; none where it is an overflow series.
    pub(crate) fn about(&self, series: SeriesId) -> (&Arc<Statement>, Option<&[Label]>) {
        let (family, identity) = self.series_parts(series);
        let labels = &**self.label_sets.get(self.identities[identity as usize].labels);
        (self.statement(family), (!self.is_overflow(identity)).then_some(labels))
    }

    fn number_bucket(&mut self, family: FamilyId, sample: u32, labels: u32, bound: u32) -> SeriesId {
        let identity = self.identity(sample, labels, bound);
        let known = self.identities[identity as usize].bound;
        let other = if known == bound { None } else { self.bounds.get(bound) };
        let spelling = other.map(|other| Arc::clone(&other.text));
        self.number_series(family, identity, spelling)
    }

    /// Makes room for so many more series: growing by and by copies what is there, and touches twice the memory.
    pub(crate) fn reserve(&mut self, more: usize) {
        self.series.reserve(more);
        self.identities.reserve(more);
        self.printed.reserve(more);
        self.identity_numbers.reserve(more);
    }

    fn number_series(&mut self, family: FamilyId, identity: u32, spelling: Option<Spelling>) -> SeriesId {
        let first = &mut self.identities[identity as usize].series;
        if spelling.is_none() {
            if *first == NONE {
                *first = self.series.len() as u32;
                self.series.push((family, identity));
                return SeriesId(*first);
            }
            if self.series[*first as usize].0 == family {
                return SeriesId(*first);
            }
        }
        let (series, spellings) = (&mut self.series, &mut self.spellings);
        let key = (family, identity, spelling);
        SeriesId(*self.series_numbers.entry(key).or_insert_with_key(|(_, _, spelling)| {
            let number = series.len() as u32;
            series.push((family, identity));
            spellings.extend(spelling.clone().map(|spelling| (number, spelling)));
            number
        }))
    }

    /// Has the page spell the bound of an identity as a series does.
    pub(crate) fn spell(&mut self, identity: u32, as_of: SeriesId) {
        // Mostly there is but one spelling of each bound.
        if self.spellings.is_empty() {
            return;
        }
        let bound = |identity: u32| self.bound_of(identity).map(|bound| &bound.text);
        let wanted = self.spellings.get(&as_of.0).or_else(|| bound(self.series[as_of.0 as usize].1));
        let (Some(wanted), Some(own)) = (wanted, bound(identity)) else { return };
        if wanted != self.spelled.get(&identity).unwrap_or(own) {
            let wanted = Arc::clone(wanted);
            self.spelled.insert(identity, wanted);
            self.identities[identity as usize].on_page = None;
        }
    }

    pub(crate) fn origin(&mut self, process: &Process, place: &str) -> OriginId {
        let key = (process.clone(), Box::from(place));
        if let Some(known) = self.origins.find(&key) {
            return OriginId(known);
        }
        let labels: Vec<Label> = process.labels.iter().map(|(name, value)| Label::new(name, value)).collect();
        let merged = if labels.is_empty() { NONE } else { self.label_sets.number_owned(labels.clone()) };
        let mut own = labels;
        own.push(Label::new("pid", &process.id));
        let own = self.label_sets.number_owned(own);
        self.labellings.push((merged, own));
        OriginId(self.origins.number(&key, |key| Arc::new(key.clone())))
    }

    /// A series of another book.
    pub(crate) fn adopt(&mut self, family: FamilyId, theirs: &Book, series: SeriesId) -> SeriesId {
        let (_, identity) = theirs.series_parts(series);
        let entry = theirs.identity_at(identity);
        let sample = self.sample(self.name_of(family), theirs.sample_name(identity));
        let labels = self.label_sets.number_owned(theirs.label_sets.get(entry.labels).to_vec());
        if theirs.is_overflow(identity) {
            self.overflow = Some(labels);
        }
        match theirs.bounds.get(entry.bound) {
            Some(Bound { value, text, .. }) => {
                let bound = self.bounds.number(*value, theirs.spellings.get(&series.0).unwrap_or(text));
                self.number_bucket(family, sample, labels, bound)
            }
            None => {
                let identity = self.identity(sample, labels, NONE);
                self.number_series(family, identity, None)
            }
        }
    }

    /// Takes over what the page has shown.
    pub(crate) fn remember(&mut self, printed: Vec<(Arc<Series>, f64)>) {
        let key = |series: &Series| (series.name.clone(), series.labels.clone());
        self.remembered = printed.into_iter().map(|(series, value)| (key(&series), value)).collect();
    }

    /// The statements from the `from`-th on, as they were made.
    pub(crate) fn statements_from(&self, from: usize) -> impl Iterator<Item = &Statement> {
        let families = (from as u32..self.statements.len() as u32).map(FamilyId);
        families.map(|family| &**self.statement(self.in_full(family).unwrap_or(family)))
    }

    /// By number of the statement, the name of its family as a page has it.
    pub(crate) fn shown_names(&self) -> impl Iterator<Item = &str> {
        (0..self.statements.len() as u32).map(|family| &*self.statement(FamilyId(family)).name)
    }

    /// Whether there is a statement of a family of this name.
    pub(crate) fn has_stated(&self, name: &str) -> bool {
        self.names.find(name).is_some()
    }

    /// The statement behind a number that this book gave.
    pub(crate) fn statement(&self, family: FamilyId) -> &Arc<Statement> {
        self.statements.get(family.0).expect("family ids come from the tally that they are used with")
    }

    pub(crate) fn name_of(&self, family: FamilyId) -> u32 {
        self.name_of[family.0 as usize]
    }

    pub(crate) fn process(&self, origin: OriginId) -> &(Process, Box<str>) {
        self.origins.get(origin.0).expect("origin ids come from the tally that they are used with")
    }

    /// The family and the identity of a series.
    pub(crate) fn series_parts(&self, series: SeriesId) -> (FamilyId, u32) {
        self.series[series.0 as usize]
    }

    /// The labels that an origin puts on a series: those of its process, with `pid` where series are told
    /// apart by process.
    pub(crate) fn labelling(&self, origin: OriginId, with_pid: bool) -> u32 {
        let (merged, own) = self.labellings[origin.0 as usize];
        if with_pid { own } else { merged }
    }

    /// The identity with the labels of a process put on; they replace labels of the same name.
    pub(crate) fn derive(&mut self, identity: u32, labelling: u32) -> u32 {
        if labelling == NONE {
            return identity;
        }
        let base = &self.identities[identity as usize];
        let (sample, bound) = (base.sample, base.bound);
        let labels = self.label_sets.extended(base.labels, labelling);
        self.identity(sample, labels, bound)
    }

    /// The identity of a family's sample `name` + `suffix` with these labels; `le` makes it a bucket.
    pub(crate) fn part_of(
        &mut self,
        family: FamilyId,
        suffix: &'static str,
        labels: u32,
        le: Option<&str>,
    ) -> u32 {
        let sample = self.suffixed(family, suffix);
        let rules = self.statement(family).rules;
        let bound = le.and_then(|text| self.bounds.read(rules, text.as_bytes()));
        self.identity(sample, labels, bound.unwrap_or(NONE))
    }

    pub(crate) fn identity_at(&self, identity: u32) -> &Identity {
        &self.identities[identity as usize]
    }

    /// The bound of a bucket.
    pub(crate) fn bound_of(&self, identity: u32) -> Option<&Bound> {
        self.bounds.get(self.identities[identity as usize].bound)
    }

    /// What the page last showed; NaN before.
    pub(crate) fn printed_mut(&mut self, identity: u32) -> &mut f64 {
        &mut self.printed[identity as usize]
    }

    /// The identity of this sample with these labels that is no bucket, if there is one.
    pub(crate) fn find_identity(&self, sample: u32, labels: u32) -> Option<u32> {
        let key = [sample, labels, NONE];
        let is = |number: u32| self.identities[number as usize].key(&self.bounds) == key;
        self.identity_numbers.find(self.identity_numbers.hash_of_numbers(key), is)
    }

    /// How many label sets there are: all are below.
    pub(crate) fn label_sets(&self) -> usize {
        self.label_sets.len()
    }

    /// How many identities there are: all are below.
    pub(crate) fn identities(&self) -> usize {
        self.identities.len()
    }

    pub(crate) fn families(&self) -> usize {
        self.names.len()
    }

    pub(crate) fn origins(&self) -> usize {
        self.origins.len()
    }

    pub(crate) fn series_count(&self) -> usize {
        self.series.len()
    }

    pub(crate) fn sample_name(&self, identity: u32) -> &str {
        &self.samples[self.identities[identity as usize].sample as usize]
    }

    /// The series as the page shows it; made once.
    pub(crate) fn on_page(&mut self, identity: u32) -> Arc<Series> {
        if self.identities[identity as usize].on_page.is_none() {
            let making = self.making([identity].into_iter());
            self.enter_made(&making, making.make_first());
        }
        let entry = &self.identities[identity as usize];
        Arc::clone(entry.on_page.as_ref().expect("it has just been made"))
    }

    /// The series of those of these identities that have none, in the making.
    pub(crate) fn making(&mut self, identities: impl Iterator<Item = u32>) -> Making {
        let mut making = Making::new(self.samples.clone(), self.label_sets.name("le"));
        for identity in identities {
            let entry = &self.identities[identity as usize];
            if entry.on_page.is_none() {
                let bound = self.bounds.get(entry.bound);
                let bound = bound.map(|bound| self.spelled.get(&identity).unwrap_or(&bound.text));
                making.want(identity, entry.sample, self.label_sets.get(entry.labels), bound);
            }
        }
        making.begin()
    }

    /// Takes series that were made.
    pub(crate) fn enter_made(
        &mut self,
        making: &Making,
        made: impl IntoIterator<Item = (usize, Vec<Arc<Series>>)>,
    ) {
        for (from, some) in made {
            for (series, identity) in some.into_iter().zip(making.identities_from(from)) {
                let entry = &mut self.identities[identity as usize];
                if !self.remembered.is_empty() {
                    let key = (series.name.clone(), series.labels.clone());
                    let printed = &mut self.printed[identity as usize];
                    *printed = self.remembered.remove(&key).unwrap_or(*printed);
                }
                entry.on_page = Some(series);
            }
        }
    }

    /// The identities of series that a page which shows all of them is likely to show as they are: they are merged, and
    /// no process puts labels on them. None where that is not sure of most.
    pub(crate) fn likely_on_page(&self) -> impl Iterator<Item = u32> {
        let labelled = self.labellings.iter().any(|&(merged, _)| merged != NONE);
        let known = if labelled || !self.spellings.is_empty() { 0 } else { self.series.len() };
        let mut before: Option<(FamilyId, bool)> = None;
        let series = self.series[..known].iter().filter(move |&&(family, _)| match before {
            Some((same, is_merged)) if same == family => is_merged,
            _ => {
                let is_merged = self.statement(family).aggregation.mode != Mode::All;
                before = Some((family, is_merged));
                is_merged
            }
        });
        series.map(|&(_, identity)| identity)
    }

    fn sample(&mut self, name: u32, sample: &str) -> u32 {
        if let Some((before, number)) = self.sample_before
            && before == name
            && *self.samples[number as usize] == *sample
        {
            return number;
        }
        let numbers = self.sample_numbers.entry(name).or_default();
        let number = match numbers.get(sample) {
            Some(&known) => known,
            None => {
                let (sample, number) = (Arc::<str>::from(sample), self.samples.len() as u32);
                numbers.insert(Arc::clone(&sample), number);
                self.samples.push(sample);
                number
            }
        };
        self.sample_before = Some((name, number));
        number
    }

    /// The number of the name that the samples of a family with this suffix have.
    pub(crate) fn suffixed(&mut self, family: FamilyId, suffix: &'static str) -> u32 {
        if let Some(&known) = self.suffixed.get(&(family, suffix)) {
            return known;
        }
        let sample = format!("{}{suffix}", self.statement(family).name);
        let number = self.sample(self.name_of(family), &sample);
        self.suffixed.insert((family, suffix), number);
        number
    }

    fn identity(&mut self, sample: u32, labels: u32, bound: u32) -> u32 {
        let key = [sample, labels, self.bounds.first(bound)];
        let hash = self.identity_numbers.hash_of_numbers(key);
        let (number, known, bounds) = (self.identities.len() as u32, &self.identities, &self.bounds);
        let is = |number: u32| known[number as usize].key(bounds) == key;
        self.identity_numbers.find_or_insert(hash, number, is).unwrap_or_else(|| {
            self.identities.push(Identity { sample, labels, bound, series: NONE, on_page: None });
            self.printed.push(f64::NAN);
            number
        })
    }
}

impl Identity {
    /// What tells it from all others.
    fn key(&self, bounds: &Bounds) -> [u32; 3] {
        [self.sample, self.labels, bounds.first(self.bound)]
    }
}
