//! Readings of many processes being added up.

mod translation;

use std::any::Any;
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dialects::LabelText;
use foldhash::HashMap;
use metrics_core::{Label, Process, Snapshot};

use crate::book::{Book, Shaped};
use crate::layout::{Sequence, View};
use crate::merge::Adding;
use crate::page::Page;
use crate::readings::{Numbers, Readings, make_room};
use crate::{Ask, Conflict, FamilyId, Fold, Meaning, OriginId, SeriesId, Statement};
use translation::Translation;

/// Readings of many processes being added up.
///
/// A [`Source`](crate::Source) numbers its families and series once ([`family`](Tally::family),
/// [`series`](Tally::series)), then says at every scrape who reports ([`origin`](Tally::origin),
/// [`report`](Tally::report)) and what ([`add`](Tally::add)). The order of the calls is the rank of the readings: series
/// stand on the page in the order in which they first appear in it, and numbers are merged in it. Sums alone add
/// up the numbers that will not change any more (of files of dead processes) before the others, each in order of rank.
///
/// The tally comes back at the next scrape. As long as the same series are added in the same order, a scrape
/// looks nothing up and allocates nothing; otherwise the page is laid out anew from the numbers. A source keeps
/// what it learned in the tally itself ([`keep`](Tally::keep)), so that a tally may be dropped at any time.
///
/// ```
/// use collector::{Ask, SeriesId, Source, SourceError, Statement, Tally};
/// use metrics_core::{Aggregation, Kind, Label, Process};
///
/// /// How many lines each worker's log has.
/// struct Logs(Vec<(Process, String)>);
///
/// #[derive(Default)]
/// struct Kept {
///     lines: Option<SeriesId>,
/// }
///
/// #[async_trait::async_trait]
/// impl Source for Logs {
///     fn name(&self) -> String {
///         "logs".to_owned()
///     }
///
///     async fn read(&self, _: &Ask, into: &mut Tally) -> Result<(), SourceError> {
///         let mut kept: Kept = into.kept();
///         let lines = *kept.lines.get_or_insert_with(|| {
///             let family = Statement::new(Kind::Counter, "log_lines", "Lines.", Aggregation::SUM);
///             let family = into.family(&family);
///             into.series(family, "log_lines_total", [Label::new("level", "info")]).expect("not a bucket")
///         });
///         for (process, log) in &self.0 {
///             let origin = into.origin(process, "log");
///             into.report(origin);
///             into.add(lines, log.lines().count() as f64, 0.0);
///         }
///         into.keep(kept);
///         Ok(())
///     }
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let logs = Logs(vec![(Process::new("1"), "a\nb".into()), (Process::new("2"), "c".into())]);
/// let page = collector::Collector::new(vec![Box::new(logs)]).collect(&Ask::default()).await?;
/// assert_eq!(page.families[0].samples[0].value, 3.0);
/// # Ok::<(), collector::CollectError>(()) }).unwrap();
/// ```
pub struct Tally {
    /// Tells the tallies of a program apart.
    serial: u64,
    book: Book,
    sequence: Sequence,
    /// Counts the changes of `sequence`.
    changes: u64,
    /// By rank, of this scrape up to `added`, then of the last one; as many as the sequence has series.
    readings: Readings,
    /// How many families were expected, origins have reported and readings were added in this scrape.
    expected: usize,
    reports: usize,
    added: usize,
    changed: bool,
    /// Which readings do not change any more; those passed in this scrape, then those of the last one.
    settled: Vec<SettledRun>,
    passed: usize,
    /// Whether some readings of this scrape are of the dead.
    adding: Adding,
    folds: Arc<HashMap<Box<str>, Fold>>,
    pages: Vec<Page>,
    kept: Option<Box<dyn Any + Send>>,
    /// Of tallies merged into this one: their numbers in ours.
    translations: Vec<Translation>,
}

/// How many pages are kept ready: more are asked for by name filters that change all the time.
const PAGES: usize = 4;

/// Tells runs of settled readings apart; no two of a program have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RunId(u64);

impl RunId {
    pub(crate) fn new() -> RunId {
        static LAST: AtomicU64 = AtomicU64::new(0);
        RunId(LAST.fetch_add(1, Ordering::Relaxed))
    }
}

/// Consecutive readings that do not change any more, and where they stand: number of the report and rank.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SettledRun {
    run: RunId,
    from: (usize, usize),
    to: (usize, usize),
}

impl SettledRun {
    pub(crate) fn ranks(&self) -> Range<usize> {
        self.from.1..self.to.1
    }
}

impl Default for Tally {
    fn default() -> Tally {
        Tally::with_folds(Arc::default())
    }
}

impl std::fmt::Debug for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tally of {} readings of {} series", self.added, self.book.identities())
    }
}

impl Tally {
    /// A tally that merges the families of these names by functions of the user's own.
    pub(crate) fn with_folds(folds: Arc<HashMap<Box<str>, Fold>>) -> Tally {
        static SERIAL: AtomicU64 = AtomicU64::new(0);
        Tally {
            serial: SERIAL.fetch_add(1, Ordering::Relaxed),
            book: Book::default(),
            sequence: Sequence::default(),
            changes: 0,
            readings: Readings::default(),
            expected: 0,
            reports: 0,
            added: 0,
            changed: false,
            settled: Vec::new(),
            passed: 0,
            adding: Adding::Rounded,
            folds,
            pages: Vec::new(),
            kept: None,
            translations: Vec::new(),
        }
    }

    // ---- what a source says once ----

    /// The number of a family as this source states it. Asking twice gives the same number.
    pub fn family(&mut self, statement: &Statement) -> FamilyId {
        self.book.family(statement)
    }

    /// The number of a series: the name of its sample with the suffix, and its labels in any order. Asking
    /// twice gives the same number.
    ///
    /// In a histogram a label `le` makes it a bucket, whatever the sample's name; None when `le` is not a
    /// number. Of labels that stand twice the first counts.
    ///
    /// # Panics
    /// When `family` is not of this tally.
    pub fn series(
        &mut self,
        family: FamilyId,
        sample: &str,
        labels: impl Into<Vec<Label>>,
    ) -> Option<SeriesId> {
        let labels: Vec<Label> = labels.into();
        let text = labels.iter().map(|Label { name, value }| LabelText {
            name: Cow::Borrowed(name),
            value: Cow::Borrowed(value),
        });
        self.book.series(family, sample, text.collect())
    }

    /// How series of a family are numbered that have this sample name and these label names, each of which comes with
    /// its place in the list of their values.
    pub(crate) fn shape<'a>(
        &mut self,
        family: FamilyId,
        sample: &str,
        names: impl Iterator<Item = (usize, &'a str)>,
    ) -> Shaped {
        self.book.shape(family, sample, names)
    }

    /// [`series`](Tally::series) by the values of its labels.
    pub(crate) fn series_shaped(&mut self, shaped: &Shaped, values: &[Cow<'_, [u8]>]) -> Option<SeriesId> {
        self.book.series_shaped(shaped, values)
    }

    /// The series of a family for what label sets without a series of their own have under this sample name, or in
    /// this bucket; none where `le` is not a number.
    pub(crate) fn overflow_series(
        &mut self,
        family: FamilyId,
        sample: &str,
        le: Option<&[u8]>,
    ) -> Option<SeriesId> {
        self.book.overflow_series(family, sample, le)
    }

    /// What a series is stated as, and its labels; none where it is an overflow series.
    pub(crate) fn about(&self, series: SeriesId) -> (&Statement, Option<&[Label]>) {
        let (statement, labels) = self.book.about(series);
        (statement, labels)
    }

    /// How a family was stated; of a counter without `_total`.
    pub(crate) fn statement(&self, family: FamilyId) -> &Arc<Statement> {
        self.book.statement(family)
    }

    /// How many series there are: all numbers are below.
    pub(crate) fn series_count(&self) -> usize {
        self.book.series_count()
    }

    /// Makes room for so many more series.
    pub(crate) fn reserve(&mut self, more: usize) {
        self.book.reserve(more);
    }

    /// The number of a process that reports from `place` (for people: a file's path). Asking twice gives the
    /// same number.
    ///
    /// The labels of the process go on all its series, and replace labels of the same name.
    pub fn origin(&mut self, process: &Process, place: &str) -> OriginId {
        self.book.origin(process, place)
    }

    // ---- what it says at every scrape ----

    /// Puts the family on the page even where it has no series, in the order of these calls and before all
    /// others.
    ///
    /// # Panics
    /// When `family` is not of this tally, once the page is made.
    pub fn expect(&mut self, family: FamilyId) {
        if self.sequence.expected.get(self.expected) != Some(&family) {
            self.sequence.expected.truncate(self.expected);
            self.sequence.expected.push(family);
            self.changed = true;
        }
        self.expected += 1;
    }

    /// The readings that follow are this origin's.
    ///
    /// # Panics
    /// When `origin` is not of this tally, once the page is made.
    pub fn report(&mut self, origin: OriginId) {
        let report = (origin, self.added as u32);
        if self.sequence.origins.get(self.reports) != Some(&report) {
            self.sequence.origins.truncate(self.reports);
            self.sequence.origins.push(report);
            self.differs();
        }
        self.reports += 1;
    }

    /// Adds a reading of the origin that reports: a number, and when it was set (0 where that is not known).
    /// Costs a few nanoseconds.
    ///
    /// A series may be added more than once by one origin. Readings before the first
    /// [`report`](Tally::report) are not counted.
    ///
    /// # Panics
    /// When `series` is not of this tally, once the page is made.
    #[inline]
    pub fn add(&mut self, series: SeriesId, value: f64, time: f64) {
        if self.reports == 0 {
            return;
        }
        let rank = self.added;
        if self.sequence.series.get(rank) != Some(&series) {
            self.sequence.series.truncate(rank);
            self.sequence.series.push(series);
            self.readings.truncate(rank);
            self.differs();
        }
        self.readings.put(rank, value, time);
        self.added += 1;
    }

    /// Reports and readings that will never be others: `replay` makes them, by [`report`](Tally::report) and
    /// [`add`](Tally::add), where they do not stand here already. Costs nothing where they do, which is where
    /// nothing before them has changed its place since the last scrape.
    ///
    /// A run is told by its number; what has another number is another run.
    pub(crate) fn again(&mut self, run: RunId, replay: impl FnOnce(&mut Tally)) {
        let from = (self.reports, self.added);
        match self.settled.get(self.passed) {
            Some(known) if known.run == run && known.from == from => (self.reports, self.added) = known.to,
            _ => {
                self.settled.truncate(self.passed);
                replay(self);
                self.settled.push(SettledRun { run, from, to: (self.reports, self.added) });
            }
        }
        self.passed += 1;
    }

    /// Adds readings of these series, one of each, as [`add`](Tally::add) does one by one. Costs a comparison and a
    /// copy.
    pub(crate) fn extend(&mut self, series: &[SeriesId], numbers: Numbers<'_>) {
        debug_assert_eq!(series.len(), numbers.values.len());
        if self.reports == 0 {
            return;
        }
        let (rank, end) = (self.added, self.added + series.len());
        if self.sequence.series.get(rank..end) == Some(series) {
            self.readings.replace(rank, numbers);
        } else {
            self.sequence.series.truncate(rank);
            make_room(&mut self.sequence.series, series.len());
            self.sequence.series.extend_from_slice(series);
            self.readings.truncate(rank);
            self.readings.extend(numbers);
            self.differs();
        }
        self.added = end;
    }

    /// Forgets what was added in this scrape; numbers stay good.
    pub fn restart(&mut self) {
        // Behind those passed, a scrape that was not finished may have written over some.
        self.settled.truncate(self.passed);
        (self.expected, self.reports, self.added, self.passed) = (0, 0, 0, 0);
        self.adding = Adding::Rounded;
    }

    /// Takes note that the sequence differs from here on from that of the last scrape.
    fn differs(&mut self) {
        self.changed = true;
        self.settled.truncate(self.passed);
    }

    /// Moves the tally out, to be filled on another thread; leaves an empty one.
    pub fn take(&mut self) -> Tally {
        let empty = Tally::with_folds(Arc::clone(&self.folds));
        std::mem::replace(self, empty)
    }

    // ---- what it keeps ----

    /// Takes out what the source kept at the last scrape; the default where there is nothing of this type.
    /// Where it is the default, no number of this tally is known to the source.
    pub fn kept<T: Default + Send + 'static>(&mut self) -> T {
        self.kept.take().and_then(|kept| kept.downcast().ok()).map_or_else(T::default, |kept| *kept)
    }

    /// Keeps something for the next scrape.
    pub fn keep<T: Send + 'static>(&mut self, kept: T) {
        self.kept = Some(Box::new(kept));
    }

    // ---- what becomes of it ----

    /// Adds all readings of another tally behind those of this one.
    pub fn merge(&mut self, other: &Tally) {
        self.merge_all_but(other, None);
    }

    /// [`merge`](Tally::merge) without the families for whose names `is_left_out` holds. It is asked at every scrape,
    /// once for each statement of the other tally.
    pub(crate) fn merge_without(&mut self, other: &Tally, is_left_out: &mut dyn FnMut(&str) -> bool) {
        let left_out: Vec<bool> = other.book.shown_names().map(is_left_out).collect();
        self.merge_all_but(other, left_out.contains(&true).then_some(&left_out));
    }

    /// `left_out` is by number of the family in the other tally.
    fn merge_all_but(&mut self, other: &Tally, left_out: Option<&[bool]>) {
        let known = self.translations.iter().position(|known| known.serial == other.serial);
        let mut known = known.map_or_else(|| Translation::new(other), |at| self.translations.swap_remove(at));
        known.extend(&mut self.book, &other.book);
        if other.adding == Adding::Exact {
            self.adding = Adding::Exact;
        }
        for family in &other.sequence.expected[..other.expected] {
            if left_out.is_none_or(|left_out| !left_out[family.0 as usize]) {
                self.expect(known.families[family.0 as usize]);
            }
        }
        let mut report = 0;
        for settled in &other.settled[..other.passed] {
            self.copy(other, &known, report..settled.from.0, left_out);
            report = settled.to.0;
            self.again(settled.run, |ours| ours.copy(other, &known, settled.from.0..report, left_out));
        }
        self.copy(other, &known, report..other.reports, left_out);
        known.in_use = true;
        self.translations.push(known);
    }

    /// Adds what some of the origins of another tally report, without families that are left out.
    fn copy(&mut self, other: &Tally, known: &Translation, reports: Range<usize>, left_out: Option<&[bool]>) {
        for report in reports {
            let (origin, from) = other.sequence.origins[report];
            let next = other.sequence.origins[..other.reports].get(report + 1);
            let to = next.map_or(other.added, |&(_, from)| from as usize);
            self.report(known.origins[origin.0 as usize]);
            for rank in from as usize..to {
                let (value, time) = (other.readings.values[rank], other.readings.time(rank));
                let series = other.sequence.series[rank];
                if left_out.is_none_or(|left_out| !left_out[other.book.series_parts(series).0.0 as usize]) {
                    self.add(known.series[series.0 as usize], value, time);
                }
            }
        }
    }

    /// Whether this tally's source has ever stated a family of this name.
    pub(crate) fn has_stated(&self, name: &str) -> bool {
        self.book.has_stated(name)
    }

    /// The page of everything added since the last [`restart`](Tally::restart).
    ///
    /// Whoever drops it before the next page is made saves a copy of it.
    pub fn finish(&mut self, ask: &Ask) -> Arc<Snapshot> {
        self.settle();
        let view = View::of(ask);
        let known = self.pages.iter().position(|page| page.view() == &view);
        let mut page = match known {
            Some(at) => self.pages.remove(at),
            None => Page::new(view),
        };
        if page.changes() != Some(self.changes) {
            page.lay_out(self.changes, &mut self.book, &self.sequence, &self.folds);
        }
        let snapshot = page.fill(&mut self.book, &self.readings, &self.settled, self.adding);
        self.pages.insert(0, page);
        self.pages.truncate(PAGES);
        snapshot
    }

    /// What stands behind each family of the page made last, in its order: how it was merged, and when its numbers were
    /// set. For whoever passes the numbers on to be merged with others'.
    pub fn meanings(&self) -> Vec<Meaning> {
        self.pages.first().map_or_else(Vec::new, |page| page.meanings(&self.book))
    }

    /// Readings left out of the page made last, because of the kind of their family.
    pub fn conflicts(&self) -> &[Conflict] {
        self.pages.first().map_or(&[], |page| page.conflicts())
    }

    /// How many readings were added in this scrape.
    pub fn readings(&self) -> usize {
        self.added
    }

    /// Has the sums of this scrape added up without rounding between.
    pub(crate) fn add_exactly(&mut self) {
        self.adding = Adding::Exact;
    }

    /// Begins a scrape: [`restart`](Tally::restart), and forgets numbers when most are out of use, as after a
    /// day of short-lived processes.
    pub fn begin(&mut self) {
        let known = self.book.identities() + self.book.origins();
        let used = self.sequence.series.len() + self.sequence.origins.len();
        if known > 16_384 + 4 * used {
            // Of a series on several pages the one made last tells.
            let printed = self.pages.iter().rev().flat_map(Page::printed).collect();
            *self = Tally::with_folds(Arc::clone(&self.folds));
            self.book.remember(printed);
        }
        self.translations.retain_mut(|known| std::mem::take(&mut known.in_use));
        self.restart();
    }

    /// Takes note of a sequence that ended earlier than the last one.
    fn settle(&mut self) {
        let sequence = &mut self.sequence;
        let ended = sequence.series.len() > self.added
            || sequence.origins.len() > self.reports
            || sequence.expected.len() > self.expected;
        if ended || self.changed {
            sequence.series.truncate(self.added);
            self.readings.truncate(self.added);
            sequence.origins.truncate(self.reports);
            sequence.expected.truncate(self.expected);
            self.changes += 1;
            self.changed = false;
        }
        self.settled.truncate(self.passed);
    }
}

#[cfg(test)]
mod tests;
