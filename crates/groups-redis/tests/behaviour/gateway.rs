//! What a gateway does with a store, in a few lines: works changes out from what it knows, and makes them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use groups_redis::{Options, RedisStore};
use metrics_core::Kind;
use push_groups::{
    Act, Change, Claims, Content, Cursor, Entry, Family, GroupKey, GroupStore, Held, Metric, Outcome,
    StoreError, Value, Version,
};
use redis_link::Address;

/// A gateway that has followed a store.
pub(crate) struct Gateway {
    pub(crate) store: RedisStore,
    pub(crate) groups: BTreeMap<GroupKey, Arc<Entry>>,
    pub(crate) cursor: Option<Cursor>,
}

/// What is done to a group.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Deed {
    /// These names with their kinds, each a series of this value.
    Push(Vec<(&'static str, Kind)>, f64),
    Fail,
    Delete,
}

pub(crate) fn key(job: &str) -> GroupKey {
    GroupKey::new([("job", job)]).unwrap()
}

/// One that no other change of this process has.
pub(crate) fn version() -> Version {
    static LAST: AtomicU64 = AtomicU64::new(0);
    Version(LAST.fetch_add(1, Ordering::Relaxed) + 1)
}

pub(crate) fn content(names: &[(&str, Kind)], value: f64) -> Vec<u8> {
    let family = |(name, kind): &(&str, Kind)| {
        let metric = Metric { labels: vec![], value: Value::Number { value, exemplar: None }, created: None };
        let (help, unit) = ("".into(), "".into());
        Held {
            family: Family { name: (*name).into(), help, unit, kind: *kind, metrics: vec![metric] },
            time: 0,
        }
    };
    Content { checked: true, families: names.iter().map(family).collect() }.encode()
}

pub(crate) fn claims(key: &GroupKey, content: &[u8]) -> Claims {
    let content = Content::decode(content).unwrap();
    Claims::of(key, content.families.iter().map(|held| &held.family)).unwrap()
}

/// The change that the deed is to a group that has this entry.
pub(crate) fn change(key: &GroupKey, held: Option<&Entry>, deed: &Deed) -> Change {
    let before = held.map(|entry| claims(key, &entry.content)).unwrap_or_default();
    let empty: Arc<[u8]> = content(&[], 0.0).into();
    let (act, after) = match deed {
        Deed::Push(names, value) => {
            let content: Arc<[u8]> = content(names, *value).into();
            let after = claims(key, &content);
            (Act::Push { content, lives: None }, after)
        }
        Deed::Fail => {
            let after = if held.is_some() { before.clone() } else { claims(key, &empty) };
            (Act::Fail { content: held.is_none().then_some(empty), lives: None }, after)
        }
        Deed::Delete => (Act::Delete, Claims::default()),
    };
    let claims = after.since(&before);
    let expects = held.map(|entry| entry.version);
    Change { key: key.clone(), expects, gives: version(), act, claims, once: None }
}

impl Gateway {
    pub(crate) fn new(url: &str, options: Options) -> Gateway {
        let store = RedisStore::new(Address::parse(url).unwrap(), options);
        Gateway { store, groups: BTreeMap::new(), cursor: None }
    }

    /// Learns what has changed. Whether it was told of all groups.
    pub(crate) fn follow(&mut self) -> Result<bool, StoreError> {
        let updates = self.store.follow(self.cursor)?;
        if updates.whole {
            self.groups.clear();
        }
        for (key, entry) in updates.groups {
            match entry {
                Some(entry) => drop(self.groups.insert(key, entry)),
                None => drop(self.groups.remove(&key)),
            }
        }
        self.cursor = Some(updates.cursor);
        Ok(updates.whole)
    }

    /// Does that to a group, again and again until the group is not another one than it was taken for.
    pub(crate) fn does(&mut self, job: &str, deed: &Deed) -> Result<Outcome, StoreError> {
        let key = key(job);
        loop {
            let change = change(&key, self.groups.get(&key).map(|entry| &**entry), deed);
            match self.store.commit(&[change])?.remove(0) {
                Outcome::Stale(Some(entry)) => drop(self.groups.insert(key.clone(), entry)),
                Outcome::Stale(None) => drop(self.groups.remove(&key)),
                outcome => return Ok(outcome),
            }
        }
    }

    /// The number that a group shows.
    pub(crate) fn number(&self, job: &str) -> Option<f64> {
        let content = Content::decode(&self.groups.get(&key(job))?.content).unwrap();
        match content.families.first()?.family.metrics.first()?.value {
            Value::Number { value, .. } => Some(value),
            _ => None,
        }
    }
}
