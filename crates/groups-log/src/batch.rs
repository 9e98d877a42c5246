//! A batch of changes: what becomes of each, before any of it is written or shown.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use push_groups::{Act, Change, Content, Entry, GroupKey, Outcome};

use crate::frame::Frames;
use crate::groups::{Groups, Ordinals, Step};
use crate::index::Index;
use crate::recent::{Made, Recent};
use crate::record::{By, Id, Record};

/// What decides on changes, and is not shown: only who commits has it.
#[derive(Default)]
pub(crate) struct Books {
    pub(crate) index: Index,
    pub(crate) recent: Recent,
    pub(crate) ordinals: Ordinals,
    /// The last change.
    pub(crate) seq: u64,
}

/// Changes that are decided, to be written and then shown.
pub(crate) struct Batch<'a> {
    books: &'a mut Books,
    groups: &'a Groups,
    now: u64,
    seq: u64,
    /// What becomes of groups by it: the last word on each.
    after: HashMap<&'a GroupKey, (u32, Option<Arc<Entry>>)>,
    steps: Vec<Step>,
    /// Ordinals that were taken for new groups.
    taken: Vec<u32>,
}

/// What is left of a batch once it is decided.
pub(crate) struct Decided {
    pub(crate) steps: Vec<Step>,
    pub(crate) taken: Vec<u32>,
    pub(crate) seq: u64,
}

impl Books {
    /// What was decided is so, and shown: gives what ordinals have become free.
    pub(crate) fn settle(&mut self, decided: Decided, groups: &mut Groups) {
        self.seq = decided.seq;
        self.index.settle();
        self.recent.settle();
        let mut perhaps = decided.taken;
        for step in decided.steps {
            if step.entry.is_none() {
                perhaps.push(step.ordinal);
            }
            groups.apply(step);
        }
        perhaps.sort_unstable();
        perhaps.dedup();
        perhaps.retain(|ordinal| !groups.has(*ordinal));
        perhaps.into_iter().for_each(|ordinal| self.ordinals.give(ordinal));
    }

    /// What was decided is not so.
    pub(crate) fn undo(&mut self, decided: Decided) {
        self.index.undo();
        self.recent.undo();
        decided.taken.into_iter().for_each(|ordinal| self.ordinals.give(ordinal));
    }
}

/// A record is at most so long: 1 GiB. What lengths in a log can say is four times that.
const LONGEST: usize = 1 << 30;

impl<'a> Batch<'a> {
    pub(crate) fn new(books: &'a mut Books, groups: &'a Groups, now: u64) -> Batch<'a> {
        books.recent.expire(now / 1_000_000);
        let seq = books.seq;
        Batch { books, groups, now, seq, after: HashMap::new(), steps: Vec::new(), taken: Vec::new() }
    }

    /// Whether a change can be written at all.
    pub(crate) fn fits(change: &Change) -> bool {
        let content = match &change.act {
            Act::Push { content, .. } | Act::Fail { content: Some(content), .. } => content.len(),
            _ => 0,
        };
        let id = change.once.as_ref().map_or(0, |once| once.id.len());
        content.saturating_add(change.key.as_bytes().len()).saturating_add(id) <= LONGEST
    }

    /// What becomes of one change; if it is made it is written to `frames`, where there is a log. A push was at these
    /// times, when it succeeded and when one last failed, or now.
    pub(crate) fn decide(
        &mut self,
        change: &'a Change,
        times: Option<[u64; 2]>,
        frames: Option<&mut Frames>,
    ) -> Outcome {
        if let Some(made) = self.books.recent.made(change.gives.0) {
            return made.outcome();
        }
        let millis = self.now / 1_000_000;
        if change.once.as_ref().is_some_and(|once| self.books.recent.knows(&once.id, millis)) {
            return Outcome::Repeated;
        }
        let held = match self.after.get(&change.key) {
            Some((ordinal, entry)) => entry.clone().map(|entry| (*ordinal, entry)),
            None => self.groups.get(&change.key).map(|(ordinal, entry)| (ordinal, entry.clone())),
        };
        let (held_ordinal, held) = held.unzip();
        if held.as_ref().map(|entry| entry.version) != change.expects {
            return Outcome::Stale(held);
        }
        let known = held_ordinal.or_else(|| self.after.get(&change.key).map(|(ordinal, _)| *ordinal));
        let ordinal = known.unwrap_or_else(|| {
            let ordinal = self.books.ordinals.take();
            self.taken.push(ordinal);
            ordinal
        });
        if let Err(clash) = self.books.index.change(&change.claims, ordinal) {
            return Outcome::Clashes(clash);
        }
        self.seq += 1;
        let born = held.as_ref().map_or(self.seq, |entry| entry.born);
        let once = change.once.as_ref().map(|once| (&*once.id, millis.saturating_add(long(once.keep))));
        let mut entry = self.entry(change, held.as_deref(), born);
        if let (Some(entry), Some(times)) = (&mut entry, times) {
            // No time is ever later than the clock's.
            [entry.pushed, entry.failed] = times.map(|time| time.min(self.now));
        }
        let entry = entry.map(Arc::new);
        if let Some(frames) = frames {
            let once = once.map(|(id, until)| Id { id, until });
            let record = record(change, entry.as_deref(), self.seq, born, self.now, once);
            frames.push(|out| record.encode(out));
        }
        let made = Made { version: change.gives.0, seq: self.seq, born, time: self.now };
        self.books.recent.remember(made, once);
        self.after.insert(&change.key, (ordinal, entry.clone()));
        self.steps.push(Step { key: change.key.clone(), ordinal, seq: self.seq, entry });
        made.outcome()
    }

    pub(crate) fn decided(self) -> Decided {
        Decided { steps: self.steps, taken: self.taken, seq: self.seq }
    }

    /// What the group is after the change.
    fn entry(&self, change: &Change, held: Option<&Entry>, born: u64) -> Option<Entry> {
        let new = |content: Arc<[u8]>, lives: Option<Duration>| Entry {
            version: change.gives,
            born,
            seq: self.seq,
            pushed: 0,
            failed: 0,
            expires: lives.map(|lives| (self.now / 1_000_000).saturating_add(long(lives))),
            content,
        };
        match (&change.act, held) {
            (Act::Push { content, lives }, held) => Some(Entry {
                pushed: self.now,
                failed: held.map_or(0, |held| held.failed),
                ..new(content.clone(), *lives)
            }),
            (Act::Fail { .. }, Some(held)) => {
                Some(Entry { version: change.gives, seq: self.seq, failed: self.now, ..held.clone() })
            }
            (Act::Fail { content, lives }, None) => {
                let content = content.clone().unwrap_or_else(|| Content::default().encode().into());
                Some(Entry { failed: self.now, ..new(content, *lives) })
            }
            (Act::Delete, _) => None,
        }
    }
}

/// What is written of a change that is made.
fn record<'a>(
    change: &'a Change,
    entry: Option<&'a Entry>,
    seq: u64,
    born: u64,
    now: u64,
    once: Option<Id<'a>>,
) -> Record<'a> {
    let (version, key) = (change.gives.0, Cow::Borrowed(&change.key));
    let Some(entry) = entry else { return Record::Deleted { version, seq, born, time: now, once, key } };
    let by = if matches!(change.act, Act::Push { .. }) { By::Push } else { By::Fail };
    // A failed push leaves what the group holds as it was.
    let is_held = by == By::Fail && change.expects.is_some();
    Record::Group {
        by,
        version,
        seq,
        born,
        pushed: entry.pushed,
        failed: entry.failed,
        expires: entry.expires,
        once,
        key,
        content: (!is_held).then_some(&*entry.content),
    }
}

/// Milliseconds.
fn long(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
