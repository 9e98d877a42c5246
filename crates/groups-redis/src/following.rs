//! What has become of groups, as one answer of one moment says it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use push_groups::{Cursor, Entry, GroupKey, Updates};
use redis_link::redis::{Pipeline, Value};

use crate::RedisStore;
use crate::entry;
use crate::meta::Meta;
use crate::server::Trouble;
use crate::store::ANSWER;

/// One try to read what has changed.
pub(crate) struct Following<'a> {
    pub(crate) store: &'a RedisStore,
    /// Whether the script is sent as text.
    pub(crate) by_text: bool,
}

/// The states of the shard that were last told of, by their cursors: a cursor alone does not say whether the server
/// still has the change that was the last one then. None where a cursor has stood for two.
#[derive(Debug, Default)]
pub(crate) struct Marks(VecDeque<(Cursor, Option<Meta>)>);

/// So many cursors may be in use.
const MOST_MARKS: usize = 8;

/// Where more groups have changed, all of them are read: that is faster than one by one.
const MOST_CHANGED: usize = 2_000;

impl Marks {
    pub(crate) fn of(&self, cursor: Cursor) -> Option<Meta> {
        self.0.iter().find(|(its, _)| *its == cursor).and_then(|(_, meta)| meta.clone())
    }

    fn keep(&mut self, meta: &Meta) -> Cursor {
        let cursor = Cursor { epoch: meta.epoch, seq: meta.seq };
        let before = self.0.iter().position(|(its, _)| *its == cursor).and_then(|at| self.0.remove(at));
        // A server that went back came as far again with other changes: who has that cursor may have it of either.
        let is_one = before.is_none_or(|(_, before)| before.as_ref() == Some(meta));
        self.0.push_back((cursor, is_one.then(|| meta.clone())));
        if self.0.len() > MOST_MARKS {
            self.0.pop_front();
        }
        cursor
    }
}

impl Following<'_> {
    /// What has changed since then, or all.
    pub(crate) fn read(&self, since: Option<&Meta>) -> Result<Updates, Trouble> {
        if let Some(since) = since
            && let Some(updates) = self.changed(since)?
        {
            return Ok(updates);
        }
        self.store.counts.whole();
        self.whole()
    }

    /// What has changed since then, if that can be told.
    fn changed(&self, since: &Meta) -> Result<Option<Updates>, Trouble> {
        let keys = self.store.keys.of_following();
        let most = MOST_CHANGED.to_string();
        let arguments = [since.as_bytes(), most.as_bytes()];
        let script = &self.store.follow;
        let mut pipeline = Pipeline::with_capacity(2);
        pipeline.add_command(match self.by_text {
            true => script.by_text(&keys, &arguments),
            false => script.by_hash(&keys, &arguments),
        });
        let server = &self.store.following;
        let parts = match server.run(pipeline, Instant::now() + ANSWER)?.values.pop() {
            Some(Value::Array(parts)) => parts,
            // Something is not what it should be, but perhaps not the groups.
            Some(Value::ServerError(error)) => match server.refused(&error) {
                Trouble::Lasting(_) => return Ok(None),
                trouble => return Err(trouble),
            },
            _ => return Err(server.nonsense("a script")),
        };
        let parts = <[Value; 7]>::try_from(parts).map_err(|_| server.nonsense("a script"))?;
        let [seconds, microseconds, meta, word, groups, entries, gone] = parts;
        let now = self.now(&[seconds, microseconds])?;
        let meta = self.meta(meta)?;
        if !matches!(&word, Value::BulkString(word) if word == b"SAME" || word == b"SOME") {
            return Ok(None);
        }
        let (Value::Array(groups), Value::Array(entries), Value::Array(gone)) = (groups, entries, gone)
        else {
            return Err(server.nonsense("a script"));
        };
        let mut found = BTreeMap::new();
        for key in gone {
            if let Some(key) = self.key(&key) {
                found.insert(key, None);
            }
        }
        for (key, entry) in groups.iter().zip(entries) {
            if let Some(key) = self.key(key) {
                let entry = self.entry(&key, &entry);
                found.insert(key, entry);
            }
        }
        let cursor = self.reached(&meta);
        Ok(Some(Updates { groups: found.into_iter().collect(), whole: false, cursor, now }))
    }

    fn whole(&self) -> Result<Updates, Trouble> {
        let keys = &self.store.keys;
        // No transaction: a server whose memory is full takes none. What changes between the two is told of once more
        // by who goes on from the first.
        let mut pipeline = Pipeline::with_capacity(4);
        pipeline.cmd("GET").arg(keys.meta()).cmd("HGETALL").arg(keys.groups()).cmd("TIME");
        let server = &self.store.following;
        let deadline = Instant::now() + self.store.options.patience.max(ANSWER);
        let values = server.run(pipeline, deadline)?.values;
        for value in &values {
            if let Value::ServerError(error) = value {
                return Err(server.refused(error));
            }
        }
        let Ok([meta, Value::Array(fields), Value::Array(time)]) = <[Value; 3]>::try_from(values) else {
            return Err(server.nonsense("HGETALL"));
        };
        let (now, meta) = (self.now(&time)?, self.meta(meta)?);
        let mut groups = Vec::with_capacity(fields.len() / 2);
        for pair in fields.chunks_exact(2) {
            if let Some(key) = self.key(&pair[0])
                && let Some(entry) = self.entry(&key, &pair[1])
            {
                groups.push((key, Some(entry)));
            }
        }
        Ok(Updates { groups, whole: true, cursor: self.reached(&meta), now })
    }

    fn reached(&self, meta: &Meta) -> Cursor {
        self.store.marks().keep(meta)
    }

    /// A group's key; one that is none is left out.
    fn key(&self, value: &Value) -> Option<GroupKey> {
        let Value::BulkString(bytes) = value else { return None };
        GroupKey::from_bytes(bytes).inspect_err(|error| self.store.counts.damage(Err(bytes), error)).ok()
    }

    /// A group's entry; one that is damaged is left out.
    fn entry(&self, key: &GroupKey, value: &Value) -> Option<Arc<Entry>> {
        let Value::BulkString(bytes) = value else { return None };
        let read = entry::read(key, bytes);
        read.inspect_err(|damage| self.store.counts.damage(Ok(key), damage)).ok().map(Arc::new)
    }

    /// Unix milliseconds, by what `TIME` says.
    fn now(&self, time: &[Value]) -> Result<u64, Trouble> {
        let number = |value: &Value| match value {
            Value::BulkString(digits) => std::str::from_utf8(digits).ok()?.parse::<u64>().ok(),
            _ => None,
        };
        match time {
            [seconds, microseconds] => number(seconds)
                .and_then(|seconds| seconds.checked_mul(1_000)?.checked_add(number(microseconds)? / 1_000)),
            _ => None,
        }
        .ok_or_else(|| self.store.following.nonsense("TIME"))
    }

    fn meta(&self, value: Value) -> Result<Meta, Trouble> {
        let bytes = match value {
            Value::Nil => Some(Vec::new()),
            Value::BulkString(bytes) => Some(bytes),
            _ => None,
        };
        bytes.and_then(Meta::read).ok_or_else(|| {
            let server = &self.store.following;
            let key = self.store.keys.meta();
            Trouble::Lasting(format!(
                "{}: the key {key} is not what this version writes there: let a newer one go on, or delete it",
                server.address()
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta(seq: u8, last: u8) -> Meta {
        let mut bytes = vec![0; 65];
        (bytes[0], bytes[8], bytes[9], bytes[50]) = (1, 7, seq, last);
        Meta::read(bytes).unwrap()
    }

    #[test]
    fn a_cursor_that_has_stood_for_two_states_stands_for_none() {
        let mut marks = Marks::default();
        let cursor = marks.keep(&meta(3, 1));
        assert_eq!((cursor, marks.keep(&meta(3, 1))), (Cursor { epoch: 7, seq: 3 }, cursor));
        assert_eq!(marks.of(cursor), Some(meta(3, 1)));
        for last in [2, 2, 1] {
            assert_eq!(marks.keep(&meta(3, last)), cursor);
            assert_eq!(marks.of(cursor), None);
        }
        (4..12).for_each(|seq| assert_eq!(marks.keep(&meta(seq, 1)).seq, u64::from(seq)));
        assert_eq!(marks.0.len(), MOST_MARKS);
        assert_eq!(marks.of(Cursor { epoch: 7, seq: 11 }), Some(meta(11, 1)));
    }
}
