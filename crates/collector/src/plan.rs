//! Making a layout: which families there are, in which order their series stand, what each reading does.
//!
//! Works on numbers alone; no name, label or key is read again. Costs some 20 ns for each reading, once for
//! each change of the readings.

mod order;
mod spread;

use foldhash::{HashMap, HashMapExt, HashSet, HashSetExt};
use metrics_core::{Kind, Mode};

use crate::book::{Book, FamilyId, NONE, OriginId};
use crate::layout::{Conflict, Layout, Sequence, View};
use crate::merge::{Fold, Operation};
use crate::{By, Rules};
use spread::Rung;

/// The layout of a page that shows `view` of `sequence`. `folds` are merge functions by name of the family.
pub(crate) fn plan(
    book: &mut Book,
    sequence: &Sequence,
    view: &View,
    folds: &HashMap<Box<str>, Fold>,
) -> Layout {
    let mut plan = Plan::new(book, sequence, view);
    let cell_by_rank = plan.place();
    let mut layout = Layout { conflicts: std::mem::take(&mut plan.conflicts), ..Layout::default() };
    for draft in 0..plan.drafts.len() {
        plan.complete(draft);
        plan.order(draft, &mut layout);
    }
    plan.operate(&cell_by_rank, folds, &mut layout);
    layout
}

struct Plan<'a> {
    book: &'a mut Book,
    sequence: &'a Sequence,
    view: &'a View,
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
    /// The bucket cells of each label set, by rising bound. Kept where buckets are cumulative.
    ladders: Vec<Vec<u32>>,
}

/// A number of the page while it is planned.
struct Cell {
    identity: u32,
    readings: u32,
    slot: u32,
    /// Which ladder of its family it stands on, and how high.
    ladder: u32,
    rung: u32,
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
    fn new(book: &'a mut Book, sequence: &'a Sequence, view: &'a View) -> Plan<'a> {
        let draft_of = vec![NONE; book.families()];
        let cell_of = vec![NONE; book.identities()];
        let mut plan = Plan {
            book,
            sequence,
            view,
            drafts: Vec::new(),
            draft_of,
            clashes: HashSet::new(),
            cells: Vec::new(),
            cell_of,
            conflicts: Vec::new(),
        };
        while !plan.survey() {
            plan.drafts.clear();
            plan.draft_of.fill(NONE);
        }
        plan
    }

    /// Lists the families. False where it found a counter `x_total` beside another kind of family `x`: once
    /// that is known, the counter goes by its full name.
    fn survey(&mut self) -> bool {
        let clashes = self.clashes.len();
        for &family in &self.sequence.expected {
            self.meet(family);
        }
        let mut before = None;
        for &series in &self.sequence.series {
            let (family, _) = self.book.series_parts(series);
            if before != Some(family) {
                self.meet(family);
                before = Some(family);
            }
        }
        self.clashes.len() == clashes
    }

    fn meet(&mut self, family: FamilyId) {
        let family = self.by_name(family);
        let name = self.book.name_of(family);
        let statement = self.book.statement(family);
        let entry = &mut self.draft_of[name as usize];
        if *entry == NONE {
            *entry = self.drafts.len() as u32;
            self.drafts.push(Draft {
                first: family,
                last: family,
                kind: statement.kind,
                single: false,
                cumulative: false,
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
        } else if [draft.first, family].iter().any(|&family| self.book.in_full(family).is_some()) {
            self.clashes.insert(name);
        }
    }

    /// The family, under the name by which it goes on this page.
    fn by_name(&self, family: FamilyId) -> FamilyId {
        if self.clashes.is_empty() || !self.clashes.contains(&self.book.name_of(family)) {
            return family;
        }
        self.book.in_full(family).unwrap_or(family)
    }

    fn draft_of(&self, family: FamilyId) -> usize {
        self.draft_of[self.book.name_of(self.by_name(family)) as usize] as usize
    }

    /// Finds every reading's cell; [`NONE`] for those of a kind in conflict.
    fn place(&mut self) -> Vec<u32> {
        let mut cells = Vec::with_capacity(self.sequence.series.len());
        let mut refused: HashMap<(FamilyId, OriginId), usize> = HashMap::new();
        let mut in_order = Vec::new();
        for (origin, ranks) in self.sequence.batches() {
            // Most readings are of the same family as the one before them.
            let mut before: Option<(FamilyId, Placing)> = None;
            for &series in &self.sequence.series[ranks] {
                let (family, identity) = self.book.series_parts(series);
                let Placing { draft, labelling } = match before {
                    Some((same, placing)) if same == family => placing,
                    _ => self.placing(family, origin),
                };
                before = Some((family, Placing { draft, labelling }));
                let Some(labelling) = labelling else {
                    *refused.entry((family, origin)).or_insert_with(|| {
                        in_order.push((family, origin));
                        0
                    }) += 1;
                    cells.push(NONE);
                    continue;
                };
                let identity = self.book.derive(identity, labelling);
                let cell = self.cell(draft, identity);
                self.cells[cell as usize].readings += 1;
                cells.push(cell);
            }
        }
        for (family, origin) in in_order {
            let statement = self.book.statement(family);
            self.conflicts.push(Conflict {
                family: statement.name.clone(),
                shown: self.drafts[self.draft_of(family)].kind,
                refused: statement.kind,
                place: self.book.process(origin).1.to_string(),
                readings: refused[&(family, origin)],
            });
        }
        cells
    }

    /// Where readings of a family go that an origin reports.
    fn placing(&self, family: FamilyId, origin: OriginId) -> Placing {
        let draft = self.draft_of(family);
        let Draft { kind, last, .. } = self.drafts[draft];
        if kind != self.book.statement(family).kind {
            return Placing { draft, labelling: None };
        }
        let mode = self.book.statement(last).aggregation.mode;
        let with_pid = self.view.by == By::Process || mode == Mode::All;
        Placing { draft, labelling: Some(self.book.labelling(origin, with_pid)) }
    }

    /// The cell of an identity, made where there is none.
    fn cell(&mut self, draft: usize, identity: u32) -> u32 {
        if self.cell_of.len() <= identity as usize {
            self.cell_of.resize(self.book.identities(), NONE);
        }
        let entry = &mut self.cell_of[identity as usize];
        if *entry == NONE {
            *entry = self.cells.len() as u32;
            self.cells.push(Cell { identity, readings: 0, slot: NONE, ladder: NONE, rung: 0 });
            self.drafts[draft].cells.push(*entry);
        }
        *entry
    }

    fn label_set(&self, cell: u32) -> u32 {
        self.book.identity_at(self.cells[cell as usize].identity).labels
    }

    fn is_bucket(&self, cell: u32) -> bool {
        self.book.identity_at(self.cells[cell as usize].identity).bound.is_some()
    }

    /// Adds the cells that nobody reports but the page shows: the count of a histogram, and what the Ruby
    /// client prints as 0.
    fn complete(&mut self, draft: usize) {
        let Draft { first, last, kind, single, .. } = self.drafts[draft];
        let statement = self.book.statement(last).clone();
        let filled = statement.rules == Rules::Ruby;
        let wanted: &[&str] = match kind {
            Kind::Histogram if single && filled => &["_sum", "_count"],
            Kind::Histogram if single => &["_count"],
            Kind::Summary if filled => &["_sum", "_count"],
            _ => return,
        };
        let mut label_sets: Vec<u32> = Vec::new();
        let mut seen: HashSet<u32> = HashSet::new();
        for &cell in &self.drafts[draft].cells {
            let labels = self.label_set(cell);
            // Python counts only where it has buckets.
            if (filled || self.is_bucket(cell)) && seen.insert(labels) {
                label_sets.push(labels);
            }
        }
        for labels in label_sets {
            for suffix in wanted {
                let identity = self.book.part_of(first, suffix, labels, None);
                self.cell(draft, identity);
            }
            if filled && kind == Kind::Histogram {
                for le in statement.bounds.iter().map(|le| &**le).chain(["+Inf"]) {
                    let identity = self.book.part_of(first, "_bucket", labels, Some(le));
                    self.cell(draft, identity);
                }
            }
        }
    }

    /// Writes down what every reading does.
    fn operate(&mut self, cell_by_rank: &[u32], folds: &HashMap<Box<str>, Fold>, layout: &mut Layout) {
        let mut touched = vec![false; layout.slot_count];
        let fold_of: Vec<Option<Fold>> = self
            .drafts
            .iter()
            .map(|draft| {
                let name = &self.book.statement(draft.first).name;
                folds.get(&**name).or_else(|| folds.get(&*format!("{name}_total"))).copied()
            })
            .collect();
        let operations: Vec<[Operation; 2]> = (self.drafts.iter().zip(&fold_of))
            .map(|(draft, &fold)| [true, false].map(|first| self.operation(draft, fold, first)))
            .collect();
        let mut before: Option<(FamilyId, usize)> = None;
        layout.slots.reserve_exact(cell_by_rank.len());
        for (_, ranks) in self.sequence.batches() {
            let mut rungs = Vec::new();
            for rank in ranks.clone() {
                let (family, _) = self.book.series_parts(self.sequence.series[rank]);
                let draft = match before {
                    Some((same, draft)) if same == family => draft,
                    _ => self.draft_of(family),
                };
                before = Some((family, draft));
                let (slot, operation) = match self.cells.get(cell_by_rank[rank] as usize) {
                    Some(cell) if cell.slot != NONE => {
                        if cell.ladder != NONE {
                            rungs.push(Rung { draft, ladder: cell.ladder, rung: cell.rung, rank });
                        }
                        let later = std::mem::replace(&mut touched[cell.slot as usize], true);
                        (cell.slot, operations[draft][usize::from(later)])
                    }
                    _ => (NONE, Operation::Skip),
                };
                layout.slots.push(slot);
                match layout.runs.last_mut() {
                    Some((before, end)) if before.same(operation) => *end = rank as u32 + 1,
                    _ => layout.runs.push((operation, rank as u32 + 1)),
                }
            }
            self.spread(rungs, layout);
        }
        for extra in &mut layout.extras {
            let later = std::mem::replace(&mut touched[extra.slot as usize], true);
            let (family, _) = self.book.series_parts(self.sequence.series[extra.rank as usize]);
            extra.operation = operations[self.draft_of(family)][usize::from(later)];
        }
        for (draft, fold) in self.drafts.iter().zip(&fold_of) {
            if self.book.statement(draft.last).aggregation.mode == Mode::Average && fold.is_none() {
                let cells = draft.cells.iter().map(|&cell| &self.cells[cell as usize]);
                let shown = cells.filter(|cell| cell.slot != NONE && cell.readings > 1);
                layout.averages.extend(shown.map(|cell| (cell.slot, cell.readings)));
            }
        }
    }

    fn operation(&self, draft: &Draft, fold: Option<Fold>, first: bool) -> Operation {
        let statement = self.book.statement(draft.last);
        Operation::of(statement.aggregation.mode, statement.rules, fold, first)
    }
}
