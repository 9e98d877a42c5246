//! Making a layout: which families there are, in which order their series stand, what each reading does.
//!
//! Works on numbers alone; no name, label or key is read again. Costs some 20 ns for each reading, once for
//! each change of the readings; a few where processes have the same series in the same order, since what is
//! found for one of them is copied to the next.
//!
//! While it is found out which numbers the page has, and they are put in order, a second thread makes texts: first
//! those of series that the page is likely to have, then the others that it has.

mod operate;
mod order;
mod spread;

use std::sync::OnceLock;

use foldhash::{HashMap, HashMapExt, HashSet, HashSetExt};
use metrics_core::{Kind, Mode};

use crate::book::{Book, FamilyId, NONE, OriginId, SeriesId};
use crate::layout::{Conflict, Layout, Sequence, View};
use crate::making::{Made, Making};
use crate::merge::Fold;
use crate::two;
use crate::{By, Rules};

/// The layout of a page that shows `view` of `sequence`. `folds` are merge functions by name of the family.
pub(crate) fn plan(
    book: &mut Book,
    sequence: &Sequence,
    view: &View,
    folds: &HashMap<Box<str>, Fold>,
) -> Layout {
    let mut plan = Plan::new(book, sequence, view);
    // What the page is likely to show is made while it is found out what it does show, and the rest thereafter.
    let is_whole = view.names.is_none() && view.by == By::Merged;
    let likely: Vec<u32> = if is_whole { book.likely_on_page().collect() } else { Vec::new() };
    let early = book.making(likely.into_iter());
    let late = OnceLock::new();
    let with_early = early.is_worth_a_thread();
    let mut cells = if with_early { Vec::new() } else { plan.find_cells(book, &early, &late) };
    let with_late = late.get().is_some_and(Making::is_worth_a_thread);
    let ours = || {
        let _known = Known(&late);
        if with_early {
            cells = plan.find_cells(book, &early, &late);
        }
        let layout = plan.lay_out(book, cells, folds);
        (layout, late.wait().make_first(), early.make_first())
    };
    let theirs = || (early.make_last(), late.wait().make_last());
    let ((layout, late_first, early_first), (early_last, late_last)) = match with_early || with_late {
        true => two::both(ours, theirs),
        false => (ours(), (Made::new(), Made::new())),
    };
    book.enter_made(&early, early_first.into_iter().chain(early_last));
    book.enter_made(late.wait(), late_first.into_iter().chain(late_last));
    layout
}

/// Keeps the other thread from waiting for what will not come, should this one panic.
struct Known<'a>(&'a OnceLock<Making>);

impl Drop for Known<'_> {
    fn drop(&mut self) {
        self.0.get_or_init(Making::default);
    }
}

struct Plan<'a> {
    sequence: &'a Sequence,
    view: &'a View,
    /// By batch: how many of its readings are of the same series as those of the batch before it, from the first
    /// one on; once they are placed, how many have the same cells.
    repeated: Vec<usize>,
    /// In order of first appearance.
    drafts: Vec<Draft>,
    /// By number of the family's name.
    draft_of: Vec<u32>,
    /// Names of families that stand for a counter with `_total` and for something else.
    clashes: HashSet<u32>,
    cells: Vec<Cell>,
    /// By number of the identity.
    cell_of: Vec<u32>,
    conflicts: Vec<Conflict>,
    /// By number of the label set: its group in the family that is put in order; [`NONE`] in between.
    group_of: Vec<u32>,
}

/// A family while it is planned.
struct Draft {
    /// The first statement: gives name, kind and help.
    first: FamilyId,
    /// The last one: gives the aggregation.
    last: FamilyId,
    kind: Kind,
    /// Whether some of its readings count each bucket for itself, and whether some are cumulative.
    single: bool,
    cumulative: bool,
    /// In order of first appearance.
    cells: Vec<u32>,
    /// Number of the name of its samples that count, in a histogram.
    count: u32,
    /// The bucket cells of each label set, by rising bound. Kept where buckets are cumulative.
    ladders: Vec<Vec<u32>>,
}

/// A number of the page while it is planned.
struct Cell {
    identity: u32,
    /// Whether it has readings of its own.
    reported: bool,
    slot: u32,
    /// Which ladder of its family it stands on, and how high.
    ladder: u32,
    rung: u32,
    /// Whether it takes readings of several label sets.
    overflow: bool,
}

/// Where readings of one family and origin go.
#[derive(Clone, Copy)]
struct Placing {
    draft: usize,
    /// The labels put on them; none where they are of a kind in conflict.
    labelling: Option<u32>,
}

impl<'a> Plan<'a> {
    /// Surveys the families.
    fn new(book: &Book, sequence: &'a Sequence, view: &'a View) -> Plan<'a> {
        let draft_of = vec![NONE; book.families()];
        let cell_of = vec![NONE; book.identities()];
        let mut plan = Plan {
            sequence,
            view,
            repeated: repeated(sequence),
            drafts: Vec::new(),
            draft_of,
            clashes: HashSet::new(),
            cells: Vec::with_capacity(book.identities()),
            cell_of,
            conflicts: Vec::new(),
            group_of: Vec::new(),
        };
        while !plan.survey(book) {
            plan.drafts.clear();
            plan.draft_of.fill(NONE);
        }
        plan
    }

    /// Lists the families. False where it found a counter `x_total` beside another kind of family `x`: once
    /// that is known, the counter goes by its full name.
    fn survey(&mut self, book: &Book) -> bool {
        let clashes = self.clashes.len();
        for &family in &self.sequence.expected {
            self.meet(book, family);
        }
        let (mut before, mut last) = (None, 0..0);
        for (at, (_, ranks)) in self.sequence.batches().enumerate() {
            // Meeting all families of a batch again, in the same order, changes nothing.
            let met = if self.repeated[at] == last.len() { last.len() } else { 0 };
            for &series in &self.sequence.series[ranks.start + met..ranks.end] {
                let (family, _) = book.series_parts(series);
                if before != Some(family) {
                    self.meet(book, family);
                    before = Some(family);
                }
            }
            last = ranks;
        }
        self.clashes.len() == clashes
    }

    fn meet(&mut self, book: &Book, family: FamilyId) {
        let family = self.by_name(book, family);
        let name = book.name_of(family);
        let statement = book.statement(family);
        let entry = &mut self.draft_of[name as usize];
        if *entry == NONE {
            *entry = self.drafts.len() as u32;
            self.drafts.push(Draft {
                first: family,
                last: family,
                kind: statement.kind,
                single: false,
                cumulative: false,
                count: NONE,
                cells: Vec::new(),
                ladders: Vec::new(),
            });
        }
        let draft = &mut self.drafts[*entry as usize];
        if draft.kind == statement.kind {
            draft.last = family;
            let cumulative = statement.rules == Rules::Gitlab;
            draft.cumulative |= cumulative;
            draft.single |= !cumulative;
        } else if [draft.first, family].iter().any(|&family| book.in_full(family).is_some()) {
            self.clashes.insert(name);
        }
    }

    /// The family, under the name by which it goes on this page.
    fn by_name(&self, book: &Book, family: FamilyId) -> FamilyId {
        if self.clashes.is_empty() || !self.clashes.contains(&book.name_of(family)) {
            return family;
        }
        book.in_full(family).unwrap_or(family)
    }

    fn draft_of(&self, book: &Book, family: FamilyId) -> usize {
        self.draft_of[book.name_of(self.by_name(book, family)) as usize] as usize
    }

    /// Finds every reading's cell, as [`place`](Plan::place) does, and which series of the page are to be made besides
    /// those that are in the making.
    fn find_cells(&mut self, book: &mut Book, early: &Making, late: &OnceLock<Making>) -> Vec<u32> {
        let cells = self.place(book);
        for draft in 0..self.drafts.len() {
            self.complete(book, draft);
        }
        late.get_or_init(|| {
            let is_early = early.has(book.identities());
            let shown = self.shown(book).into_iter();
            book.making(shown.filter(|&identity| !is_early[identity as usize]))
        });
        cells
    }

    /// Puts the cells in order.
    fn lay_out(&mut self, book: &Book, cells: Vec<u32>, folds: &HashMap<Box<str>, Fold>) -> Layout {
        let mut layout = Layout { conflicts: std::mem::take(&mut self.conflicts), ..Layout::default() };
        for draft in 0..self.drafts.len() {
            self.order(book, draft, &mut layout);
        }
        self.operate(book, cells, folds, &mut layout);
        layout
    }

    /// Finds every reading's cell; [`NONE`] for those of a kind in conflict.
    fn place(&mut self, book: &mut Book) -> Vec<u32> {
        let mut cells = Vec::with_capacity(self.sequence.series.len());
        let mut refused: HashMap<(FamilyId, OriginId), usize> = HashMap::new();
        let mut in_order = Vec::new();
        // The batch before: where it begins, and the labels put on its series, if on all the same ones.
        let mut last: (usize, Option<u32>) = (0, None);
        for (at, (origin, ranks)) in self.sequence.batches().enumerate() {
            let merged = book.labelling(origin, false);
            if last.1 != Some(merged) {
                self.repeated[at] = 0;
            }
            cells.extend_from_within(last.0..last.0 + self.repeated[at]);
            // Most readings are of the same family as the one before them.
            let mut before: Option<(FamilyId, Placing)> = None;
            let mut plain = true;
            for &series in &self.sequence.series[ranks.start + self.repeated[at]..ranks.end] {
                let (family, identity) = book.series_parts(series);
                let Placing { draft, labelling } = match before {
                    Some((same, placing)) if same == family => placing,
                    _ => self.placing(book, family, origin),
                };
                before = Some((family, Placing { draft, labelling }));
                plain &= labelling == Some(merged);
                let Some(labelling) = labelling else {
                    *refused.entry((family, origin)).or_insert_with(|| {
                        in_order.push((family, origin));
                        0
                    }) += 1;
                    cells.push(NONE);
                    continue;
                };
                let overflow = book.is_overflow(identity);
                let identity = book.derive(identity, labelling);
                let cells_before = self.cells.len();
                let cell = self.cell(book, draft, identity);
                if self.cells.len() > cells_before {
                    book.spell(identity, series);
                    self.cells[cell as usize].overflow = overflow;
                }
                self.cells[cell as usize].reported = true;
                cells.push(cell);
            }
            last = (ranks.start, plain.then_some(merged));
        }
        for (family, origin) in in_order {
            let statement = book.statement(family);
            self.conflicts.push(Conflict {
                family: statement.name.clone(),
                shown: self.drafts[self.draft_of(book, family)].kind,
                refused: statement.kind,
                place: book.process(origin).1.to_string(),
                readings: refused[&(family, origin)],
            });
        }
        cells
    }

    /// Where readings of a family go that an origin reports.
    fn placing(&self, book: &Book, family: FamilyId, origin: OriginId) -> Placing {
        let draft = self.draft_of(book, family);
        let Draft { kind, last, .. } = self.drafts[draft];
        if kind != book.statement(family).kind {
            return Placing { draft, labelling: None };
        }
        let mode = book.statement(last).aggregation.mode;
        let with_pid = self.view.by == By::Process || mode == Mode::All;
        Placing { draft, labelling: Some(book.labelling(origin, with_pid)) }
    }

    /// The cell of an identity, made where there is none.
    fn cell(&mut self, book: &Book, draft: usize, identity: u32) -> u32 {
        if self.cell_of.len() <= identity as usize {
            self.cell_of.resize(book.identities(), NONE);
        }
        let entry = &mut self.cell_of[identity as usize];
        if *entry == NONE {
            *entry = self.cells.len() as u32;
            self.cells.push(Cell {
                identity,
                reported: false,
                slot: NONE,
                ladder: NONE,
                rung: 0,
                overflow: false,
            });
            self.drafts[draft].cells.push(*entry);
        }
        *entry
    }

    fn label_set(&self, book: &Book, cell: u32) -> u32 {
        book.identity_at(self.cells[cell as usize].identity).labels
    }

    fn is_bucket(&self, book: &Book, cell: u32) -> bool {
        book.bound_of(self.cells[cell as usize].identity).is_some()
    }

    /// Adds the cells that nobody reports but the page shows: the count of a histogram, and what the Ruby
    /// client prints as 0.
    fn complete(&mut self, book: &mut Book, draft: usize) {
        let Draft { first, last, kind, single, .. } = self.drafts[draft];
        let statement = book.statement(last).clone();
        let filled = statement.rules == Rules::Ruby;
        if kind == Kind::Histogram {
            self.drafts[draft].count = book.suffixed(first, "_count");
        }
        let wanted: &[&str] = match kind {
            Kind::Histogram if single && filled => &["_sum", "_count"],
            Kind::Histogram if single => &["_count"],
            Kind::Summary if filled => &["_sum", "_count"],
            _ => return,
        };
        let mut label_sets: Vec<u32> = Vec::new();
        let mut seen: HashSet<u32> = HashSet::new();
        for &cell in &self.drafts[draft].cells {
            let labels = self.label_set(book, cell);
            // Python counts only where it has buckets.
            if (filled || self.is_bucket(book, cell)) && seen.insert(labels) {
                label_sets.push(labels);
            }
        }
        for labels in label_sets {
            for suffix in wanted {
                let identity = book.part_of(first, suffix, labels, None);
                self.cell(book, draft, identity);
            }
            if filled && kind == Kind::Histogram {
                for le in statement.bounds.iter().map(|le| &**le).chain(["+Inf"]) {
                    let identity = book.part_of(first, "_bucket", labels, Some(le));
                    self.cell(book, draft, identity);
                }
            }
        }
    }

    /// The identities that the page shows, those of a family together.
    fn shown(&self, book: &Book) -> Vec<u32> {
        let cells = self.drafts.iter().flat_map(|draft| &draft.cells);
        let identities = cells.map(|&cell| self.cells[cell as usize].identity);
        let mut shown = Vec::with_capacity(self.cells.len());
        match &self.view.names {
            None => shown.extend(identities),
            Some(_) => {
                shown.extend(identities.filter(|&identity| self.view.shows(book.sample_name(identity))));
            }
        }
        shown
    }
}

/// By batch: how many of its first readings are of the same series as those of the batch before it.
fn repeated(sequence: &Sequence) -> Vec<usize> {
    let mut last: &[SeriesId] = &[];
    let batches = sequence.batches().map(|(_, ranks)| {
        let series = &sequence.series[ranks];
        let before = std::mem::replace(&mut last, series);
        series.iter().zip(before).take_while(|(a, b)| a == b).count()
    });
    batches.collect()
}
