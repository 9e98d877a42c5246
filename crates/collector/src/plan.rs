//! Making a layout: which families there are, in which order their series stand, what each reading does.
//!
//! Works on numbers alone; no name, label or key is read again. Costs some 20 ns for each reading, once for
//! each change of the readings.

use foldhash::{HashMap, HashMapExt, HashSet, HashSetExt};
use metrics_core::{Kind, Mode};

use crate::book::{Book, FamilyId, NONE, OriginId};
use crate::layout::{Conflict, Cumulation, Extra, LaidFamily, Layout, Sequence, View};
use crate::merge::{Fold, Operation};
use crate::{By, Rules};

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
            for &series in &self.sequence.series[ranks] {
                let (family, identity) = self.book.series_parts(series);
                let draft = self.draft_of(family);
                if self.drafts[draft].kind != self.book.statement(family).kind {
                    *refused.entry((family, origin)).or_insert_with(|| {
                        in_order.push((family, origin));
                        0
                    }) += 1;
                    cells.push(NONE);
                    continue;
                }
                let last = self.book.statement(self.drafts[draft].last);
                let with_pid = self.view.by == By::Process || last.aggregation.mode == Mode::All;
                let labelling = self.book.labelling(origin, with_pid);
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
        let mut seen: HashMap<u32, ()> = HashMap::new();
        for &cell in &self.drafts[draft].cells {
            let labels = self.label_set(cell);
            // Python counts only where it has buckets.
            if (filled || self.is_bucket(cell)) && seen.insert(labels, ()).is_none() {
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

    /// Gives the cells of a family their slots: label sets in order of first appearance; in each the plain
    /// samples, the buckets by bound, the count.
    fn order(&mut self, draft: usize, layout: &mut Layout) {
        let Draft { first, last, kind, single, cumulative, .. } = self.drafts[draft];
        let sorted = self.sorted(draft);
        let mut next = layout.slot_count as u32;
        let (slot, mut identities) = (next, Vec::new());
        for place in &sorted {
            let cell = &mut self.cells[place.cell as usize];
            if self.view.shows(self.book.sample_name(cell.identity)) {
                cell.slot = next;
                next += 1;
                identities.push(cell.identity);
            }
        }
        if kind == Kind::Histogram {
            for group in sorted.chunk_by(|a, b| a.group == b.group) {
                let buckets: Vec<u32> =
                    group.iter().filter(|place| place.tier == Tier::Bucket).map(|place| place.cell).collect();
                let count = self.book.part_of(first, "_count", self.label_set(group[0].cell), None);
                let count = self.cell_of.get(count as usize).copied().filter(|&cell| cell != NONE);
                let count = count.map_or(NONE, |cell| self.cells[cell as usize].slot);
                if cumulative {
                    for (rung, &cell) in buckets.iter().enumerate() {
                        let cell = &mut self.cells[cell as usize];
                        (cell.ladder, cell.rung) = (self.drafts[draft].ladders.len() as u32, rung as u32);
                    }
                    self.drafts[draft].ladders.push(buckets.clone());
                }
                let (Some(&lowest), Some(&highest)) = (buckets.first(), buckets.last()) else { continue };
                if !single {
                    continue;
                }
                // Buckets that are not shown themselves are still needed for the count.
                if self.cells[lowest as usize].slot == NONE {
                    if count == NONE {
                        continue;
                    }
                    for &cell in &buckets {
                        self.cells[cell as usize].slot = next;
                        next += 1;
                    }
                }
                let end = self.cells[highest as usize].slot + 1;
                let start = if cumulative { end - 1 } else { self.cells[lowest as usize].slot };
                layout.cumulations.push(Cumulation { buckets: start..end, count });
            }
        }
        layout.slot_count = next as usize;
        let last = self.book.statement(last);
        let only_set =
            last.aggregation.mode == Mode::MostRecent && last.rules != Rules::Ruby && kind == Kind::Gauge;
        layout.timed |= last.aggregation.mode == Mode::MostRecent;
        if self.view.names.is_none() || !identities.is_empty() {
            layout.families.push(LaidFamily { family: first, slot, identities, only_set });
        }
    }

    /// The cells of a family in the order of the page.
    fn sorted(&self, draft: usize) -> Vec<Place> {
        let cells = &self.drafts[draft].cells;
        let mut groups: HashMap<u32, u32> = HashMap::with_capacity(cells.len());
        // Python lists the label sets of a histogram by their first sample without `le`.
        for buckets in [false, true] {
            for &cell in cells {
                if self.is_bucket(cell) == buckets {
                    let group = groups.len() as u32;
                    groups.entry(self.label_set(cell)).or_insert(group);
                }
            }
        }
        let place = |(at, &cell): (usize, &u32)| {
            let identity = self.book.identity_at(self.cells[cell as usize].identity);
            let (tier, order) = match &identity.bound {
                Some(bound) => (Tier::Bucket, rising(bound.value)),
                // A count that nobody reports comes last; one that somebody does stays in its place.
                None if self.cells[cell as usize].readings == 0 => (Tier::Computed, at as u64),
                None => (Tier::Plain, at as u64),
            };
            Place { group: groups[&identity.labels], tier, order, cell }
        };
        let mut sorted: Vec<Place> = cells.iter().enumerate().map(place).collect();
        sorted.sort_unstable();
        sorted
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
        for (_, ranks) in self.sequence.batches() {
            let mut rungs = Vec::new();
            for rank in ranks.clone() {
                let (family, _) = self.book.series_parts(self.sequence.series[rank]);
                let draft = self.draft_of(family);
                let (slot, operation) = match self.cells.get(cell_by_rank[rank] as usize) {
                    Some(cell) if cell.slot != NONE => {
                        if cell.ladder != NONE {
                            rungs.push(Rung { draft, ladder: cell.ladder, rung: cell.rung, rank });
                        }
                        let first = !std::mem::replace(&mut touched[cell.slot as usize], true);
                        (cell.slot, self.operation(draft, fold_of[draft], first))
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
            let first = !std::mem::replace(&mut touched[extra.slot as usize], true);
            let (family, _) = self.book.series_parts(self.sequence.series[extra.rank as usize]);
            let draft = self.draft_of(family);
            extra.operation = self.operation(draft, fold_of[draft], first);
        }
        for (draft, fold) in self.drafts.iter().zip(&fold_of) {
            if self.book.statement(draft.last).aggregation.mode == Mode::Average && fold.is_none() {
                let cells = draft.cells.iter().map(|&cell| &self.cells[cell as usize]);
                let shown = cells.filter(|cell| cell.slot != NONE && cell.readings > 1);
                layout.averages.extend(shown.map(|cell| (cell.slot, cell.readings)));
            }
        }
    }

    fn operation(&self, draft: usize, fold: Option<Fold>, first: bool) -> Operation {
        let statement = self.book.statement(self.drafts[draft].last);
        Operation::of(statement.aggregation.mode, statement.rules, fold, first)
    }

    /// Lets the cumulative buckets of one origin count in the higher buckets that it does not have, and its
    /// single ones in all higher buckets.
    fn spread(&self, mut rungs: Vec<Rung>, layout: &mut Layout) {
        rungs.sort_unstable_by_key(|rung| (rung.draft, rung.ladder, rung.rung, rung.rank));
        for (at, rung) in rungs.iter().enumerate() {
            let ladder = &self.drafts[rung.draft].ladders[rung.ladder as usize];
            let (family, _) = self.book.series_parts(self.sequence.series[rung.rank]);
            let cumulative = self.book.statement(family).rules == Rules::Gitlab;
            let next = rungs[at + 1..].iter().find(|next| next.rung > rung.rung || !next.shares(rung));
            let above = match next {
                Some(next) if cumulative && next.shares(rung) => rung.rung as usize + 1..next.rung as usize,
                _ => rung.rung as usize + 1..ladder.len(),
            };
            for &cell in &ladder[above] {
                let slot = self.cells[cell as usize].slot;
                if slot != NONE {
                    let operation = Operation::Add;
                    layout.extras.push(Extra { rank: rung.rank as u32, slot, operation });
                }
            }
        }
    }
}

/// A reading of a bucket of a family with cumulative buckets.
struct Rung {
    draft: usize,
    ladder: u32,
    rung: u32,
    rank: usize,
}

impl Rung {
    fn shares(&self, other: &Rung) -> bool {
        (self.draft, self.ladder) == (other.draft, other.ladder)
    }
}

/// Where a cell stands in its family; compares as the page lists.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    group: u32,
    tier: Tier,
    order: u64,
    cell: u32,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Tier {
    Plain,
    Bucket,
    Computed,
}

/// Bits that compare as unsigned numbers as the values compare; `NaN` is highest or lowest by its sign.
fn rising(value: f64) -> u64 {
    let bits = value.to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}
