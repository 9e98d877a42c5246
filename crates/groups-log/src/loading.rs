//! The state of a store as it is put together from a snapshot and logs.

use std::sync::Arc;

use push_groups::{Claims, Content, Entry, Version};

use crate::groups::{Groups, Ordinals, Step};
use crate::index::Index;
use crate::recent::{Made, Recent};
use crate::record::{By, Record};

/// See the head of this file.
pub(crate) struct Loading {
    pub(crate) groups: Groups,
    pub(crate) ordinals: Ordinals,
    pub(crate) recent: Recent,
    /// The last change.
    pub(crate) seq: u64,
    /// The latest time that was seen, Unix nanoseconds.
    pub(crate) time: u64,
    /// Changes that were read from logs.
    pub(crate) changes: u64,
    /// Of a snapshot so far.
    counts: [u64; 3],
    ended: bool,
}

/// No order of changes is ever so long.
pub(crate) const LAST_SEQ: u64 = 1 << 62;

impl Loading {
    /// Nothing, after the change `seq`.
    pub(crate) fn new(epoch: u64, seq: u64, time: u64) -> Loading {
        Loading {
            groups: Groups::new(epoch, seq),
            ordinals: Ordinals::default(),
            recent: Recent::default(),
            seq,
            time,
            changes: 0,
            counts: [0; 3],
            ended: false,
        }
    }

    /// Adds a record of a snapshot.
    ///
    /// # Errors
    /// Where it does not belong there.
    pub(crate) fn add(&mut self, record: Record<'_>) -> Result<(), &'static str> {
        if self.ended {
            return Err("a record behind the last one");
        }
        match record {
            Record::Group { by: By::Snapshot, seq, born, .. } if seq > self.seq || born > seq => {
                Err("a group that is newer than its snapshot")
            }
            Record::Group { by: By::Snapshot, ref key, .. } if self.groups.get(key).is_some() => {
                Err("a group that is there twice")
            }
            Record::Group { by: By::Snapshot, .. } => {
                self.counts[0] += 1;
                self.hold(record, self.seq)
            }
            Record::Once(id) => {
                self.counts[1] += 1;
                self.recent.remember_id(id.id, id.until);
                self.recent.settle();
                Ok(())
            }
            Record::Made { version, seq, born, time } => {
                self.counts[2] += 1;
                self.time = self.time.max(time);
                self.recent.remember(Made { version, seq, born, time }, None);
                self.recent.settle();
                Ok(())
            }
            Record::End { groups, ids, made } => {
                self.ended = true;
                match self.counts == [groups, ids, made] {
                    true => Ok(()),
                    false => Err("the snapshot has not as many records as it says"),
                }
            }
            _ => Err("a record that belongs into a log"),
        }
    }

    /// Whether the last record of a snapshot was added.
    pub(crate) fn is_ended(&self) -> bool {
        self.ended
    }

    /// Does what a log says was done. With `gaps` changes before it may be missing.
    ///
    /// # Errors
    /// Where it cannot follow on what is there.
    pub(crate) fn replay(&mut self, record: Record<'_>, gaps: bool) -> Result<(), &'static str> {
        let seq = seq(&record).ok_or("a record that belongs into a snapshot")?;
        let follows = if gaps { seq > self.seq } else { seq == self.seq + 1 };
        if !follows || seq > LAST_SEQ {
            return Err("a change is missing before this one");
        }
        self.seq = seq;
        self.changes += 1;
        match record {
            Record::Group { by, version, born, pushed, failed, once, .. } => {
                let time = if by == By::Push { pushed } else { failed };
                let made = Made { version, seq, born, time };
                let once = once.map(|id| (id.id.to_owned(), id.until));
                self.hold(record, seq)?;
                self.recent.remember(made, once.as_ref().map(|(id, until)| (&**id, *until)));
            }
            Record::Deleted { version, born, time, once, key, .. } => {
                self.time = self.time.max(time);
                let held = self.groups.get(&key).map(|(ordinal, _)| ordinal);
                let ordinal = held.unwrap_or_default();
                self.groups.apply(Step { key: key.into_owned(), ordinal, seq, entry: None });
                held.into_iter().for_each(|ordinal| self.ordinals.give(ordinal));
                let once = once.map(|id| (id.id, id.until));
                self.recent.remember(Made { version, seq, born, time }, once);
            }
            Record::Wiped { time, .. } => {
                self.time = self.time.max(time);
                self.groups.wipe(seq);
                self.ordinals = Ordinals::default();
                self.recent = Recent::default();
            }
            Record::Once(_) | Record::Made { .. } | Record::End { .. } => {}
        }
        self.recent.settle();
        Ok(())
    }

    /// What all these groups claim. Those that were there first come first; a content that cannot be read, or was not
    /// checked, claims nothing.
    pub(crate) fn index(&self) -> Index {
        let mut index = Index::default();
        let mut groups: Vec<_> = self.groups.iter().collect();
        groups.sort_unstable_by_key(|(_, _, entry)| entry.born);
        for (ordinal, key, entry) in groups {
            let Ok(content) = Content::decode(&entry.content) else { continue };
            if let Ok(claims) = Claims::of(key, content.families.iter().map(|held| &held.family))
                && content.checked
            {
                index.enter(&claims, ordinal);
            }
        }
        index
    }

    /// A group is this, with the change `seq`.
    fn hold(&mut self, record: Record<'_>, step: u64) -> Result<(), &'static str> {
        let Record::Group { version, seq, born, pushed, failed, expires, key, content, .. } = record else {
            return Err("no group");
        };
        let held = self.groups.get(&key).map(|(ordinal, entry)| (ordinal, entry.content.clone()));
        let content = match (content, &held) {
            (Some(content), _) => content.into(),
            (None, Some((_, content))) => content.clone(),
            (None, None) => return Err("a change of a group that is not there"),
        };
        let ordinal = held.map_or_else(|| self.ordinals.take(), |(ordinal, _)| ordinal);
        self.time = self.time.max(pushed).max(failed);
        let version = Version(version);
        let entry = Arc::new(Entry { version, born, seq, pushed, failed, expires, content });
        self.groups.apply(Step { key: key.into_owned(), ordinal, seq: step, entry: Some(entry) });
        Ok(())
    }
}

/// Which change a record of a log is.
pub(crate) fn seq(record: &Record<'_>) -> Option<u64> {
    match record {
        Record::Group { by: By::Push | By::Fail, seq, .. } => Some(*seq),
        Record::Deleted { seq, .. } | Record::Wiped { seq, .. } => Some(*seq),
        _ => None,
    }
}
