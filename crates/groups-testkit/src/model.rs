//! The meaning of a store of groups: all of them looked at for each change.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use push_groups::{
    Act, Change, Claims, Clash, Content, Cursor, Entry, GroupKey, GroupStore, Once, Outcome, StoreError,
    Updates,
};

/// A store that asks all groups whether a change fits, and forgets everything when it is dropped.
#[derive(Debug, Default)]
pub struct ModelStore {
    clock: Clock,
    state: Mutex<State>,
}

/// A clock that is turned by hand; copies are the same clock.
#[derive(Clone, Debug, Default)]
pub struct Clock(Arc<AtomicU64>);

#[derive(Debug, Default)]
struct State {
    epoch: u64,
    seq: u64,
    groups: BTreeMap<GroupKey, Arc<Entry>>,
    /// When each group that ever was last changed.
    changed: BTreeMap<GroupKey, u64>,
    /// Requests that were carried out, and until when that is remembered, Unix milliseconds.
    done: BTreeMap<Box<str>, u64>,
    /// Versions that were made, with what was said of it.
    made: Vec<(push_groups::Version, Outcome)>,
}

impl Clock {
    /// A clock that shows this many Unix nanoseconds.
    pub fn at(nanoseconds: u64) -> Clock {
        Clock(Arc::new(AtomicU64::new(nanoseconds)))
    }

    /// Unix nanoseconds.
    pub fn now(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    /// Turns it on.
    pub fn pass(&self, nanoseconds: u64) {
        self.0.fetch_add(nanoseconds, Ordering::SeqCst);
    }
}

impl ModelStore {
    /// An empty store by this clock.
    pub fn new(clock: Clock) -> ModelStore {
        ModelStore { clock, state: Mutex::default() }
    }
}

impl GroupStore for ModelStore {
    fn commit(&self, changes: &[Change]) -> Result<Vec<Outcome>, StoreError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(changes.iter().map(|change| state.make(change, self.clock.now())).collect())
    }

    fn follow(&self, after: Option<Cursor>) -> Result<Updates, StoreError> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let after = after.filter(|cursor| cursor.epoch == state.epoch);
        let since = after.map_or(0, |cursor| cursor.seq);
        let changed = state.changed.iter().filter(|(_, seq)| **seq > since);
        let mut groups: Vec<_> =
            changed.map(|(key, _)| (key.clone(), state.groups.get(key).cloned())).collect();
        if after.is_none() {
            groups.retain(|(_, entry)| entry.is_some());
        }
        let cursor = Cursor { epoch: state.epoch, seq: state.seq };
        Ok(Updates { groups, whole: after.is_none(), cursor, now: self.clock.now() / 1_000_000 })
    }

    fn wipe(&self) -> Result<(), StoreError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state = State { epoch: state.epoch + 1, ..State::default() };
        Ok(())
    }
}

impl State {
    fn make(&mut self, change: &Change, now: u64) -> Outcome {
        if let Some((_, outcome)) = self.made.iter().find(|(version, _)| *version == change.gives) {
            return outcome.clone();
        }
        let millis = now / 1_000_000;
        self.done.retain(|_, until| *until > millis);
        if change.once.as_ref().is_some_and(|once| self.done.contains_key(&once.id)) {
            return Outcome::Repeated;
        }
        let held = self.groups.get(&change.key).cloned();
        if held.as_ref().map(|entry| entry.version) != change.expects {
            return Outcome::Stale(held);
        }
        if let Some(clash) = self.clash(change) {
            return Outcome::Clashes(clash);
        }
        self.seq += 1;
        let born = held.as_ref().map_or(self.seq, |entry| entry.born);
        let until = |lives: Option<std::time::Duration>| lives.map(|lives| millis + lives.as_millis() as u64);
        let new = |content: &Arc<[u8]>, expires| Entry {
            version: change.gives,
            born,
            seq: self.seq,
            pushed: 0,
            failed: 0,
            expires,
            content: content.clone(),
        };
        let entry = match (&change.act, &held) {
            (Act::Push { content, lives }, held) => {
                let failed = held.as_ref().map_or(0, |entry| entry.failed);
                Some(Entry { pushed: now, failed, ..new(content, until(*lives)) })
            }
            (Act::Fail { .. }, Some(held)) => {
                Some(Entry { version: change.gives, seq: self.seq, failed: now, ..Entry::clone(held) })
            }
            (Act::Fail { content, lives }, None) => {
                let content = content.clone().unwrap_or_else(|| Content::default().encode().into());
                Some(Entry { failed: now, ..new(&content, until(*lives)) })
            }
            (Act::Delete, _) => None,
        };
        match entry {
            Some(entry) => self.groups.insert(change.key.clone(), Arc::new(entry)),
            None => self.groups.remove(&change.key),
        };
        self.changed.insert(change.key.clone(), self.seq);
        if let Some(Once { id, keep }) = &change.once {
            self.done.insert(id.clone(), millis + keep.as_millis() as u64);
        }
        let outcome = Outcome::Made { seq: self.seq, born, time: now };
        self.made.push((change.gives, outcome.clone()));
        outcome
    }

    /// What of all other groups excludes what this one would take: names first, in the order of the change.
    fn clash(&self, change: &Change) -> Option<Clash> {
        let others: Vec<Claims> = self
            .groups
            .iter()
            .filter(|(key, _)| **key != change.key)
            .filter_map(|(key, entry)| claims(key, entry))
            .collect();
        for (name, pushed) in &change.claims.names_taken {
            let held = others.iter().find_map(|other| other.names.get(name).filter(|held| *held != pushed));
            if let Some(held) = held {
                return Some(Clash::Name { name: name.clone(), pushed: *pushed, held: *held });
            }
        }
        let taken = |hash: &&u128| others.iter().any(|other| other.series.binary_search(hash).is_ok());
        change.claims.series_taken.iter().find(taken).map(|hash| Clash::Series(*hash))
    }
}

/// What a group that was checked claims.
fn claims(key: &GroupKey, entry: &Entry) -> Option<Claims> {
    let content = Content::decode(&entry.content).ok()?;
    let families = content.families.iter().map(|held| &held.family);
    content.checked.then(|| Claims::of(key, families).ok()).flatten()
}
