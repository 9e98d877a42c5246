//! The numbers of a directory as they are sent: each with its place in a schema that only grows.
//!
//! A page says how things stand; what is sent goes on where a page does not. What counts never falls: it waits where a
//! file cannot be read for a moment, and where the directory was wiped it goes on from what it had come to. A gauge that is
//! not on the page any more has gone.

use std::sync::Arc;

use collector::{Meaning, Rules};
use foldhash::{HashMap, HashSet};
use metrics_core::{Aggregation, FamilySnapshot, Kind, Mode, Series, Snapshot};
use redis_schema::{Schema, page};
use redis_session::Moment;

use crate::label_sets::{Shown, shown};

/// The numbers of a directory as they are sent.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    schema: Schema,
    /// By label set of the schema: in which page it was seen last.
    seen: Vec<u64>,
    /// The label sets of a name; more than one where what they are has changed.
    places: HashMap<Name, Vec<usize>>,
    /// By number.
    values: Vec<f64>,
    times: Vec<f64>,
    /// What each had come to when the directory was last wiped.
    carried: Vec<f64>,
    /// Whether a retired process's is added to those of others.
    adds_up: Vec<bool>,
    keeps_time: bool,
    /// How many label sets are gauges that have gone.
    gone: usize,
    /// Counts the pages.
    turn: u64,
    layout: Layout,
    /// Families of which something could not be sent, and why.
    left_out: Vec<(String, String)>,
    left_out_sets: usize,
}

/// Of which family by name a label set is, its labels, and whose it is.
type Name = (Box<str>, Box<[(Box<str>, Box<str>)]>, Box<str>);

/// Which number each sample of a page is; good as long as pages have the same samples.
#[derive(Debug, Default)]
struct Layout {
    families: Vec<(Arc<str>, Kind, Aggregation, usize)>,
    samples: Vec<(Arc<Series>, Option<u32>)>,
    /// The label sets that the page has.
    sets: Vec<usize>,
}

/// So many gauges may have gone before it is looked whether they are most.
const MOST_GONE: usize = 1_000;

/// A fall of less than this, in relation to the number, is a matter of rounding.
const ROUNDING: f64 = 1e-9;

impl Ledger {
    /// Takes the numbers of a page. `replaced` says that none of the files of before is there, `has_archive` that they may
    /// have been folded; `clock` gives the time of Redis for a client's.
    pub(crate) fn take(
        &mut self,
        page: &Snapshot,
        meanings: &[Meaning],
        (replaced, has_archive): (bool, bool),
        clock: impl Fn(Rules, f64) -> f64,
    ) {
        self.turn += 1;
        if !self.layout.is_of(page, meanings) {
            self.lay_out(page, meanings);
        }
        let mut raw = vec![0.0; self.values.len()];
        let samples = page.families.iter().flat_map(|family| &family.samples);
        for (sample, &(_, number)) in samples.zip(&self.layout.samples) {
            if let Some(raw) = number.and_then(|number| raw.get_mut(number as usize)) {
                *raw = sample.value;
            }
        }
        self.take_times(page, meanings, clock);
        for &set in &self.layout.sets {
            self.seen[set] = self.turn;
        }
        if replaced && (!has_archive || self.falls(&raw)) {
            self.carry();
        }
        for set in 0..self.seen.len() {
            let here = self.schema.sets()[set].numbers.clone();
            if self.seen[set] == self.turn {
                self.go_on(set, &raw[here]);
            }
        }
        self.miss();
    }

    /// What is to be sent.
    pub(crate) fn moment(&self) -> Moment {
        Moment {
            values: self.values.clone(),
            times: if self.keeps_time { self.times.clone() } else { Vec::new() },
            schema: self.schema.bytes().len(),
        }
    }

    /// What is to be sent by who goes on under another name: as [`moment`](Ledger::moment), without gauges.
    pub(crate) fn last_moment(&self) -> Moment {
        let mut moment = self.moment();
        let values = moment.values.iter_mut().zip(&self.adds_up);
        values.filter(|(_, adds_up)| !**adds_up).for_each(|(value, _)| *value = page::GONE);
        moment.times.fill(0.0);
        moment
    }

    /// Whether so many gauges have gone that it is worth a new schema.
    pub(crate) fn is_mostly_gone(&self) -> bool {
        self.gone > MOST_GONE && self.gone > self.seen.len() / 2
    }

    /// What the numbers are.
    pub(crate) fn schema(&self) -> &Schema {
        &self.schema
    }

    /// By number, whether a retired process's is added to those of others.
    pub(crate) fn adds_up(&self) -> &[bool] {
        &self.adds_up
    }

    pub(crate) fn carried(&self) -> &[f64] {
        &self.carried
    }

    /// How many label sets of the last page are sent, and how many are not.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.layout.sets.len(), self.left_out_sets)
    }

    /// Families of which something is not sent, and why, since this was last asked.
    pub(crate) fn take_left_out(&mut self) -> Vec<(String, String)> {
        std::mem::take(&mut self.left_out)
    }

    /// Makes room for the numbers of a label set.
    fn enter(&mut self, aggregation: Aggregation, numbers: usize) {
        self.seen.push(0);
        let all = self.values.len() + numbers;
        self.values.resize(all, 0.0);
        self.times.resize(all, 0.0);
        self.carried.resize(all, 0.0);
        self.adds_up.resize(all, aggregation == Aggregation::SUM);
        self.keeps_time |= aggregation.mode == Mode::MostRecent;
    }

    /// Finds the number of each sample.
    fn lay_out(&mut self, page: &Snapshot, meanings: &[Meaning]) {
        let mut layout = Layout::default();
        self.left_out_sets = 0;
        for (family, meaning) in page.families.iter().zip(meanings) {
            let mut is_whole = true;
            let about = (family.name.clone(), family.kind, meaning.aggregation, family.samples.len());
            layout.families.push(about);
            let first = layout.samples.len();
            let unplaced = family.samples.iter().map(|sample| (Arc::clone(&sample.series), None));
            layout.samples.extend(unplaced);
            for found in shown(family, meaning.aggregation) {
                let place = found.and_then(|found| {
                    let set = self.place(family, &found)?;
                    Ok((set, found.numbers))
                });
                match place {
                    Ok((set, numbers)) => {
                        let begin = self.schema.sets()[set].numbers.start;
                        layout.sets.push(set);
                        for (sample, number) in numbers {
                            layout.samples[first + sample].1 = u32::try_from(begin + number).ok();
                        }
                    }
                    Err(why) => {
                        self.left_out_sets += 1;
                        if std::mem::take(&mut is_whole) {
                            self.left_out.push((family.name.to_string(), why));
                        }
                    }
                }
            }
        }
        layout.sets.sort_unstable();
        layout.sets.dedup();
        self.layout = layout;
    }

    /// The place of a label set, which is made where there is none.
    fn place(&mut self, family: &FamilySnapshot, found: &Shown) -> Result<usize, String> {
        let name = (found.desc_name(family).into(), found.labels.clone().into(), found.process.clone());
        let known = self.places.get(&name).into_iter().flatten().copied();
        let sets = self.schema.sets();
        if let Some(set) = known.clone().find(|&set| found.is_as(family.kind, &sets[set].desc)) {
            return Ok(set);
        }
        let desc = found.desc(family, sets)?;
        let values: Vec<&str> = found.labels.iter().map(|(_, value)| &**value).collect();
        let numbers = self.schema.push(&desc, &found.process, &values);
        let set = self.seen.len();
        self.enter(desc.aggregation(), numbers.len());
        self.places.entry(name).or_default().push(set);
        Ok(set)
    }

    fn take_times(&mut self, page: &Snapshot, meanings: &[Meaning], clock: impl Fn(Rules, f64) -> f64) {
        let mut first = 0;
        for (family, meaning) in page.families.iter().zip(meanings) {
            let samples = &self.layout.samples[first..first + family.samples.len()];
            first += family.samples.len();
            for ((_, number), &time) in samples.iter().zip(&meaning.times) {
                if let Some(kept) = number.and_then(|number| self.times.get_mut(number as usize)) {
                    *kept = if time == 0.0 { 0.0 } else { clock(meaning.rules, time) };
                }
            }
        }
    }

    /// Whether anything that counts has fallen, by more than rounding does.
    fn falls(&self, raw: &[f64]) -> bool {
        self.layout.sets.iter().any(|&set| {
            let set = &self.schema.sets()[set];
            let numbers = set.numbers.clone();
            counts(set.desc.kind()) && {
                let now = total(set.desc.kind(), &raw[numbers.clone()])
                    + count(set.desc.kind(), &self.carried[numbers.clone()]);
                let last = count(set.desc.kind(), &self.values[numbers]);
                last.is_finite() && last - now > ROUNDING * last.abs()
            }
        })
    }

    /// What all that counts has come to is what it goes on from.
    fn carry(&mut self) {
        for set in self.schema.sets().iter().filter(|set| counts(set.desc.kind())) {
            for number in set.numbers.clone().filter(|&number| self.values[number].is_finite()) {
                self.carried[number] = self.values[number];
            }
        }
    }

    /// Takes the numbers of a label set, whose buckets are cumulative.
    fn go_on(&mut self, set: usize, raw: &[f64]) {
        let set = &self.schema.sets()[set];
        let (kind, numbers) = (set.desc.kind(), set.numbers.clone());
        let (values, carried) = (&mut self.values[numbers.clone()], &self.carried[numbers]);
        match kind {
            Kind::Counter => values[0] = no_less(carried[0] + raw[0], values[0]),
            Kind::Histogram | Kind::Summary => {
                let now = total(kind, raw) + count(kind, carried);
                let last = count(kind, values);
                if last - now > ROUNDING * last.abs() {
                    return; // Of one file or another that cannot be read just now all is missed, the sum too.
                }
                values[0] = no_less_but_for_rounding(carried[0] + raw[0], values[0]);
                if kind == Kind::Summary {
                    values[1] = no_less(now, last);
                    return;
                }
                let (mut before, mut of_carried, mut sum) = (0.0, 0.0, 0.0);
                for ((value, carried), raw) in values.iter_mut().zip(carried).zip(raw).skip(1) {
                    of_carried += carried;
                    before += *value;
                    // Observed while it was read, a bucket may have less than one below it.
                    let cumulative = no_less(of_carried + raw, before).max(sum);
                    *value = cumulative - sum;
                    sum = cumulative;
                }
            }
            _ => values.copy_from_slice(raw),
        }
    }

    /// What becomes of label sets that the page does not have.
    fn miss(&mut self) {
        self.gone = 0;
        let mut moved: HashSet<usize> = HashSet::default();
        for sets in self.places.values().filter(|sets| sets.len() > 1) {
            if sets.iter().any(|&set| self.seen[set] == self.turn) {
                moved.extend(sets);
            }
        }
        for (at, set) in self.schema.sets().iter().enumerate() {
            if self.seen[at] == self.turn {
                continue;
            }
            self.gone += usize::from(!self.adds_up[set.numbers.start]);
            for number in set.numbers.clone() {
                self.values[number] = match (counts(set.desc.kind()), self.adds_up[number]) {
                    // What it counts stands in another place now.
                    (true, _) if moved.contains(&at) => self.carried[number],
                    (true, _) => self.values[number],
                    (false, true) => 0.0,
                    (false, false) => page::GONE,
                };
                if !counts(set.desc.kind()) {
                    self.times[number] = 0.0;
                }
            }
        }
    }
}

impl Layout {
    fn is_of(&self, page: &Snapshot, meanings: &[Meaning]) -> bool {
        let about = |(family, meaning): (&FamilySnapshot, &Meaning)| {
            (family.name.clone(), family.kind, meaning.aggregation, family.samples.len())
        };
        let samples = page.families.iter().flat_map(|family| &family.samples);
        self.families.len() == page.families.len()
            && page.families.iter().zip(meanings).map(about).eq(self.families.iter().cloned())
            && samples.zip(&self.samples).all(|(sample, (known, _))| Arc::ptr_eq(&sample.series, known))
    }
}

/// Whether numbers of this kind only grow.
fn counts(kind: Kind) -> bool {
    matches!(kind, Kind::Counter | Kind::Histogram | Kind::Summary)
}

/// How much has been counted, by numbers as they are sent.
fn count(kind: Kind, numbers: &[f64]) -> f64 {
    match kind {
        Kind::Histogram => numbers.iter().skip(1).sum(),
        Kind::Summary => numbers.get(1).copied().unwrap_or_default(),
        _ => numbers.first().copied().unwrap_or_default(),
    }
}

/// The same of a page, whose buckets are cumulative.
fn total(kind: Kind, numbers: &[f64]) -> f64 {
    match kind {
        Kind::Histogram | Kind::Summary => numbers.last().copied().unwrap_or_default(),
        _ => numbers.first().copied().unwrap_or_default(),
    }
}

/// The number, but no less than the one before; what is not a number passes.
fn no_less(number: f64, before: f64) -> f64 {
    if number < before { before } else { number }
}

/// The same where the fall may be of rounding. A sum may fall for other reasons: less than 0 can be observed.
fn no_less_but_for_rounding(number: f64, before: f64) -> f64 {
    if before.is_finite() && before - number <= ROUNDING * before.abs() {
        no_less(number, before)
    } else {
        number
    }
}

mod anew;

#[cfg(test)]
mod tests;
