//! The families of a page while it is read: lines put together to metrics.

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use metrics_core::Kind;

use crate::read::label_sets::LabelSets;
use crate::read::labels::{Group, Labels, Pushed};
use crate::read::number::count;
use crate::{Bucket, Family, Help, Metric, Value};

/// The families of a page, in the order of their first lines.
pub(super) struct Families<'a> {
    group: Group<'a>,
    families: Vec<Gathering<'a>>,
    /// What every name seen so far stands for: a name that once was a part of a family always is.
    places: HashMap<&'a str, Place, RandomState>,
    /// The last of them.
    last: Option<(&'a str, Place)>,
    hashes: RandomState,
}

/// What a name stands for.
#[derive(Clone, Copy)]
pub(super) struct Place {
    family: usize,
    part: Part,
}

#[derive(Clone, Copy, PartialEq)]
enum Part {
    /// The family itself; and a histogram's buckets, which their label tells.
    Whole,
    Sum,
    Count,
}

/// A family of which more lines may come.
pub(super) struct Gathering<'a> {
    /// Its name.
    pub(super) name: &'a str,
    /// Its help text, if a line told it.
    pub(super) help: Option<Help>,
    /// Its type, if a line told it or a sample was seen.
    pub(super) kind: Option<Kind>,
    metrics: Vec<Metric>,
    /// Of a histogram or a summary.
    sets: LabelSets<'a>,
}

/// What a line says.
pub(super) struct Number {
    /// The value.
    pub(super) value: f64,
    /// The bucket's bound, or the quantile.
    pub(super) bound: Option<f64>,
}

/// The type that a word names, in upper or lower case.
pub(super) fn kind(word: &[u8]) -> Option<Kind> {
    const KINDS: [(&[u8], Kind); 5] = [
        (b"counter", Kind::Counter),
        (b"gauge", Kind::Gauge),
        (b"histogram", Kind::Histogram),
        (b"summary", Kind::Summary),
        (b"untyped", Kind::Unknown),
    ];
    KINDS.iter().find(|(its, _)| word.eq_ignore_ascii_case(its)).map(|(_, kind)| *kind)
}

impl<'a> Families<'a> {
    pub(super) fn new(group: Group<'a>) -> Families<'a> {
        let hashes = RandomState::default();
        let places = HashMap::with_hasher(hashes.clone());
        Families { group, families: Vec::new(), places, last: None, hashes }
    }

    /// What a name stands for: a family of that name, else a part of one that has parts, else a new family.
    pub(super) fn place(&mut self, name: &'a str) -> Place {
        if let Some((last, place)) = self.last
            && last == name
        {
            return place;
        }
        let place = match self.places.get(name) {
            Some(place) => *place,
            None => {
                let place = self.part(name).unwrap_or_else(|| {
                    self.families.push(Gathering::new(name));
                    Place { family: self.families.len() - 1, part: Part::Whole }
                });
                self.places.insert(name, place);
                place
            }
        };
        self.last = Some((name, place));
        place
    }

    fn part(&self, name: &str) -> Option<Place> {
        const PARTS: [(&str, Part); 3] =
            [("_count", Part::Count), ("_sum", Part::Sum), ("_bucket", Part::Whole)];
        let (stem, part) =
            PARTS.iter().find_map(|(suffix, part)| Some((name.strip_suffix(suffix)?, *part)))?;
        let Place { family, .. } = *self.places.get(stem)?;
        let found = self.families.get(family)?;
        let has_part = match found.kind {
            Some(Kind::Histogram) => true,
            Some(Kind::Summary) => part != Part::Whole,
            _ => false,
        };
        // A name that stands for a part of a family is not the name of one.
        (has_part && found.name == stem).then_some(Place { family, part })
    }

    /// The family of a place.
    pub(super) fn at(&mut self, place: Place) -> &mut Gathering<'a> {
        &mut self.families[place.family] // no family is ever taken out
    }

    /// Adds a line.
    pub(super) fn add(&mut self, place: Place, labels: &mut Labels<'a>, number: Number) {
        let group = &self.group;
        let family = &mut self.families[place.family]; // as above
        let labels = labels.sorted();
        let value = number.value;
        let metric = match *family.kind.get_or_insert(Kind::Unknown) {
            Kind::Histogram => family.metric(labels, group, &self.hashes, || Value::Histogram {
                count: 0,
                sum: 0.0,
                buckets: Vec::new(),
            }),
            Kind::Summary => family.metric(labels, group, &self.hashes, || Value::Summary {
                count: 0,
                sum: 0.0,
                quantiles: Vec::new(),
            }),
            _ => {
                let value = Value::Number { value, exemplar: None };
                return family.metrics.push(Metric { labels: group.own(labels), value, created: None });
            }
        };
        let bound = number.bound.filter(|bound| !bound.is_nan());
        match (&mut metric.value, place.part) {
            (Value::Histogram { sum, .. } | Value::Summary { sum, .. }, Part::Sum) => *sum = value,
            (Value::Histogram { count: all, .. } | Value::Summary { count: all, .. }, Part::Count) => {
                *all = count(value);
            }
            (Value::Histogram { buckets, .. }, Part::Whole) => {
                buckets.extend(bound.map(|le| Bucket { le, count: count(value), exemplar: None }));
            }
            (Value::Summary { quantiles, .. }, Part::Whole) => {
                quantiles.extend(bound.map(|quantile| (quantile, value)));
            }
            (Value::Number { .. }, _) => {}
        }
    }

    /// The families as they are now; those that have metrics.
    pub(super) fn finish(self) -> Vec<Family> {
        let families = self.families.into_iter().filter(|family| !family.metrics.is_empty());
        families
            .map(|family| Family {
                name: family.name.into(),
                help: family.help.unwrap_or_default(),
                kind: family.kind.unwrap_or(Kind::Unknown),
                unit: "".into(),
                metrics: family.metrics,
            })
            .collect()
    }
}

impl<'a> Gathering<'a> {
    fn new(name: &'a str) -> Gathering<'a> {
        Gathering { name, help: None, kind: None, metrics: Vec::new(), sets: LabelSets::default() }
    }

    /// The label that tells the lines of one metric apart.
    pub(super) fn bound_label(&self) -> Option<&'static str> {
        match self.kind {
            Some(Kind::Histogram) => Some("le"),
            Some(Kind::Summary) => Some("quantile"),
            _ => None,
        }
    }

    /// The metric of these labels, a new one where there is none. What tells metrics apart is what was pushed: labels
    /// that the group overwrites among it.
    fn metric(
        &mut self,
        labels: &[Pushed<'a>],
        group: &Group<'_>,
        hashes: &RandomState,
        new: impl Fn() -> Value,
    ) -> &mut Metric {
        let place = self.sets.find(labels, hashes).unwrap_or_else(|| {
            let place = self.metrics.len();
            self.metrics.push(Metric { labels: group.own(labels), value: new(), created: None });
            self.sets.insert(labels, place, hashes);
            place
        });
        &mut self.metrics[place] // just found or made
    }
}
