//! All families of a page, their lines in order, and what of them is printed already.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use metrics_core::Kind;

use super::{Head, Hidden, PageFormat, Piece, openmetrics, protobuf, text};
use crate::claims::{parts, tag};

/// The families of all groups.
#[derive(Debug, Default)]
pub(super) struct Families {
    names: BTreeMap<Arc<str>, Lines>,
    /// Groups by their numbers.
    groups: Vec<Group>,
    /// Numbers whose group is gone.
    free: Vec<u32>,
    hidden: Hidden,
}

/// What a page shows of one metric: one line, or those of a histogram.
#[derive(Debug)]
pub(super) struct Line {
    /// Its place, then what is printed.
    bytes: Box<[u8]>,
    key: u32,
    group: u32,
    /// It is on the page as long as its group has this state.
    state: u32,
    /// Which of its family's heads its group gave.
    head: u32,
}

/// What is known of a group.
#[derive(Debug, Default)]
struct Group {
    /// Counts the changes of whoever had this number.
    state: u32,
    born: u64,
    /// The families it has lines in.
    families: Vec<Arc<str>>,
}

/// The lines of one family.
#[derive(Debug, Default)]
struct Lines {
    /// In order.
    lines: Vec<Line>,
    /// Lines that are not among them yet.
    new: Vec<Line>,
    /// The different things that groups say of the family: mostly all the same.
    heads: Vec<HeldHead>,
    /// As it was last printed; none where anything changed.
    printed: Option<Printed>,
}

#[derive(Clone, Debug, PartialEq)]
struct HeldHead {
    help: Box<[u8]>,
    unit: Box<str>,
    kind: Kind,
}

/// A family as it is printed, without its head.
#[derive(Debug)]
struct Printed {
    lines: Piece,
    help: Box<[u8]>,
    unit: Box<str>,
    kind: Kind,
    /// When the first group that it shows came to be.
    born: u64,
    hidden: Hidden,
}

impl Line {
    /// Of bytes that are a key up to `key`, and lines.
    pub(super) fn new(bytes: &[u8], key: usize) -> Line {
        let key = u32::try_from(key).unwrap_or(u32::MAX);
        Line { bytes: bytes.into(), key, group: 0, state: 0, head: 0 }
    }

    pub(super) fn key(&self) -> &[u8] {
        self.bytes.get(..self.key as usize).unwrap_or(&self.bytes)
    }

    fn text(&self) -> &[u8] {
        self.bytes.get(self.key as usize..).unwrap_or_default()
    }
}

impl Families {
    /// A number for a group that came to be at `born` and has no lines yet.
    pub(super) fn add(&mut self, born: u64) -> u32 {
        let number = self.free.pop().unwrap_or_else(|| {
            self.groups.push(Group::default());
            u32::try_from(self.groups.len() - 1).unwrap_or(u32::MAX)
        });
        self.clear(number, born);
        number
    }

    /// Takes all lines of a group off the page.
    pub(super) fn clear(&mut self, number: u32, born: u64) {
        let Some(group) = self.groups.get_mut(number as usize) else { return };
        group.state = group.state.wrapping_add(1);
        group.born = born;
        for name in group.families.drain(..) {
            if let Some(lines) = self.names.get_mut(&name) {
                lines.printed = None;
            }
        }
    }

    /// Forgets a group.
    pub(super) fn remove(&mut self, number: u32) {
        self.clear(number, 0);
        self.free.push(number);
    }

    /// Puts the lines of one family of a group on the page.
    pub(super) fn take(&mut self, number: u32, head: &Head, new: impl Iterator<Item = Line>) {
        let Some(group) = self.groups.get_mut(number as usize) else { return };
        let name = match self.names.get_key_value(head.name) {
            Some((name, _)) => name.clone(),
            None => Arc::from(head.name),
        };
        group.families.push(name.clone());
        let lines = self.names.entry(name).or_default();
        lines.printed = None;
        let which = lines.heads.iter().position(|held| held.says(head)).unwrap_or_else(|| {
            lines.heads.push(HeldHead { help: head.help.into(), unit: head.unit.into(), kind: head.kind });
            lines.heads.len() - 1
        });
        let which = u32::try_from(which).unwrap_or(u32::MAX);
        lines.new.extend(new.map(|line| Line { group: number, state: group.state, head: which, ..line }));
    }

    /// The page. `own` are the gateway's families, each with its lines in order, ascending by name.
    pub(super) fn print(&mut self, format: PageFormat, own: &[(Head, Vec<Line>)]) -> Vec<Piece> {
        let groups = &self.groups;
        self.names.retain(|_, lines| {
            if lines.printed.is_none() {
                lines.settle(groups);
                lines.printed = lines.print(groups);
            }
            lines.printed.is_some()
        });
        let hidden = self.hidden_families(own);
        self.hidden = Hidden { families: hidden.len(), series: 0 };
        let shown: Vec<(&str, &Printed)> = self
            .names
            .iter()
            .filter_map(|(name, lines)| Some((&**name, lines.printed.as_ref()?)))
            .filter(|(name, _)| !hidden.contains(*name))
            .collect();
        let mut page = Vec::with_capacity(2 * (shown.len() + own.len()) + 1);
        let mut owns = own.iter().peekable();
        let is_family = |name: &str| {
            let is_own = own.binary_search_by(|(head, _)| head.name.cmp(name)).is_ok();
            is_own || (self.names.contains_key(name) && !hidden.contains(name))
        };
        for (name, printed) in shown {
            while let Some((head, lines)) = owns.next_if(|(head, _)| head.name < name) {
                push_family(&mut page, format, head, join(lines.iter()), is_family);
            }
            self.hidden.families += printed.hidden.families;
            self.hidden.series += printed.hidden.series;
            if let Some((head, lines)) = owns.next_if(|(head, _)| head.name == name) {
                let pushed = self.names.get(name).map_or(&[][..], |lines| &lines.lines);
                let mut all: Vec<&Line> = lines.iter().chain(pushed).collect();
                all.sort_by(|a, b| a.key().cmp(b.key()));
                push_family(&mut page, format, head, join(all.into_iter()), is_family);
                continue;
            }
            let head = Head { name, help: &printed.help, unit: &printed.unit, kind: printed.kind };
            push_family(&mut page, format, &head, printed.lines.clone(), is_family);
        }
        for (head, lines) in owns {
            push_family(&mut page, format, head, join(lines.iter()), is_family);
        }
        if format == PageFormat::OpenMetrics {
            page.push(Piece::of(Bytes::from_static(b"# EOF\n")));
        }
        page
    }

    /// What the last page left out.
    pub(super) fn hidden(&self) -> Hidden {
        self.hidden
    }

    /// Families that another one leaves no place: one that is first, or the gateway's own.
    fn hidden_families(&self, own: &[(Head, Vec<Line>)]) -> BTreeSet<Arc<str>> {
        let mut hidden = BTreeSet::new();
        let mut hide = |name: &str| {
            if let Some((name, _)) = self.names.get_key_value(name) {
                hidden.insert(name.clone());
            }
        };
        let printed = |name: &str| self.names.get(name).and_then(|lines| lines.printed.as_ref());
        for (head, _) in own {
            if printed(head.name).is_some_and(|printed| tag(printed.kind) != tag(head.kind)) {
                hide(head.name);
            }
            parts(head.kind).iter().for_each(|part| hide(&format!("{}{part}", head.name)));
        }
        for (name, lines) in &self.names {
            let Some(whole) = &lines.printed else { continue };
            for part in parts(whole.kind) {
                let part = format!("{name}{part}");
                if own.iter().any(|(head, _)| head.name == part) {
                    hide(name);
                } else if let Some(other) = printed(&part) {
                    hide(if other.born < whole.born { name } else { &part });
                }
            }
        }
        hidden
    }
}

impl Lines {
    /// Takes off what is no more, and puts what is new in its place.
    fn settle(&mut self, groups: &[Group]) {
        let holds =
            |line: &Line| groups.get(line.group as usize).is_some_and(|group| group.state == line.state);
        self.lines.retain(holds);
        self.new.retain(holds);
        let mut new = std::mem::take(&mut self.new);
        new.sort_unstable_by(|a, b| a.key().cmp(b.key()));
        if self.lines.last().is_none_or(|last| new.first().is_none_or(|first| last.key() <= first.key())) {
            self.lines.append(&mut new);
        } else if !new.is_empty() {
            let mut merged = Vec::with_capacity(self.lines.len() + new.len());
            let mut new = new.into_iter().peekable();
            for line in self.lines.drain(..) {
                while let Some(first) = new.next_if(|new| new.key() < line.key()) {
                    merged.push(first);
                }
                merged.push(line);
            }
            merged.extend(new);
            self.lines = merged;
        }
        self.forget_heads();
    }

    /// Heads that no line has any more would pile up where help texts change with each push.
    fn forget_heads(&mut self) {
        const FEW: usize = 16;
        if self.heads.len() <= FEW {
            return;
        }
        let mut places: Vec<Option<u32>> = vec![None; self.heads.len()];
        let mut kept = Vec::new();
        for line in &mut self.lines {
            let Some(place) = places.get_mut(line.head as usize) else { continue };
            line.head = *place.get_or_insert_with(|| {
                kept.extend(self.heads.get(line.head as usize).cloned());
                u32::try_from(kept.len().saturating_sub(1)).unwrap_or(u32::MAX)
            });
        }
        self.heads = kept;
    }

    /// What the family shows: nothing where it has no line.
    fn print(&self, groups: &[Group]) -> Option<Printed> {
        let born = |line: &Line| groups.get(line.group as usize).map_or(0, |group| group.born);
        // When the first group of each head came to be.
        let mut first: Vec<Option<u64>> = vec![None; self.heads.len()];
        for line in &self.lines {
            if let Some(first) = first.get_mut(line.head as usize) {
                *first = Some(first.map_or(born(line), |known| known.min(born(line))));
            }
        }
        let mut heads: Vec<(u64, &HeldHead)> =
            first.iter().zip(&self.heads).filter_map(|(born, head)| Some(((*born)?, head))).collect();
        heads.sort_by_key(|(born, _)| *born);
        let (born_first, shown) = *heads.first()?;
        let shown_tag = tag(shown.kind);
        let fits = |head: &HeldHead| tag(head.kind) == shown_tag;
        let others: BTreeSet<u8> = heads.iter().map(|(_, head)| tag(head.kind)).collect();
        let of_shown = |pick: fn(&HeldHead) -> &[u8]| {
            heads
                .iter()
                .map(|(_, head)| *head)
                .filter(|head| fits(head))
                .map(pick)
                .find(|text| !text.is_empty())
        };
        let mut hidden = Hidden { families: others.len() - 1, series: 0 };
        let fitting: Vec<bool> = self.heads.iter().map(fits).collect();
        let is_shown = |line: &&Line| fitting.get(line.head as usize).copied().unwrap_or(false);
        let mut lines: Vec<&Line> = Vec::with_capacity(self.lines.len());
        for line in self.lines.iter().filter(is_shown) {
            match lines.last_mut().filter(|last| last.key() == line.key()) {
                Some(last) => {
                    hidden.series += 1;
                    if born(line) < born(last) {
                        *last = line;
                    }
                }
                None => lines.push(line),
            }
        }
        Some(Printed {
            lines: join(lines.into_iter()),
            help: of_shown(|head| &head.help).unwrap_or_default().into(),
            unit: heads
                .iter()
                .map(|(_, head)| &head.unit)
                .find(|unit| !unit.is_empty())
                .cloned()
                .unwrap_or_default(),
            kind: shown.kind,
            born: born_first,
            hidden,
        })
    }
}

impl HeldHead {
    fn says(&self, head: &Head) -> bool {
        self.kind == head.kind && *self.help == *head.help && *self.unit == *head.unit
    }
}

fn push_family(
    page: &mut Vec<Piece>,
    format: PageFormat,
    head: &Head,
    lines: Piece,
    is_family: impl Fn(&str) -> bool,
) {
    let mut out = Vec::with_capacity(64 + head.name.len() + head.help.len());
    match format {
        PageFormat::Text => text::push_head(&mut out, head),
        PageFormat::OpenMetrics => openmetrics::push_head(&mut out, head, is_family),
        PageFormat::Protobuf => protobuf::push_head(&mut out, head, lines.bytes.len()),
    }
    page.push(Piece::of(out.into()));
    page.push(lines);
}

fn join<'a>(lines: impl Iterator<Item = &'a Line> + Clone) -> Piece {
    let mut out = Vec::with_capacity(lines.clone().map(|line| line.text().len()).sum());
    lines.for_each(|line| out.extend_from_slice(line.text()));
    Piece::of(out.into())
}
