//! One change as its script is asked for it, and what the script answers.

use std::sync::Arc;
use std::time::Duration;

use push_groups::{Act, Change, Clash, Content, GroupKey, Outcome, Version};
use redis_link::Script;
use redis_link::redis::{Cmd, Value};

use crate::entry::{self, Damage};
use crate::meta::EXACT;

/// One change as its script is asked for it.
pub(crate) struct Asked<'a> {
    change: &'a Change,
    /// What changes between tries.
    damaged: Option<Version>,
    expects: Vec<u8>,
    gives: [u8; 8],
    act: &'static [u8],
    content: Option<Arc<[u8]>>,
    checksum: [u8; 8],
    lives: String,
    keep: String,
    owner: [u8; 8],
    released: Vec<u8>,
    taken: Vec<u8>,
    names: Vec<Vec<u8>>,
}

/// What all changes of a try have in common.
pub(crate) struct Trying<'a> {
    /// How long ago they were first tried, at most; none where this is the first time.
    pub(crate) age: Option<Duration>,
    pub(crate) epoch: [u8; 8],
    pub(crate) remembered: usize,
    pub(crate) script: &'a Script,
    pub(crate) keys: &'a [String; 9],
}

/// What became of it.
#[derive(Debug, PartialEq)]
pub(crate) enum Told {
    Done(Outcome),
    /// What is there is damaged, and counts for none from now on.
    Damaged(Damage),
    /// It was tried before, and what came of that is remembered no more.
    Forgotten,
}

impl<'a> Asked<'a> {
    pub(crate) fn new(change: &'a Change) -> Asked<'a> {
        let (act, content, lives): (&[u8], _, _) = match &change.act {
            Act::Push { content, lives } => (b"P", Some(content.clone()), *lives),
            Act::Fail { content, lives } => {
                // Something must be there, should there be no group.
                let content = content.clone().unwrap_or_else(|| Content::default().encode().into());
                (b"F", Some(content), *lives)
            }
            Act::Delete => (b"D", None, None),
        };
        let content_bytes = content.as_deref().unwrap_or_default();
        let claims = &change.claims;
        let names = claims.names_released.iter().chain(&claims.names_taken);
        let hashes = |of: &[u128]| of.iter().flat_map(|hash| hash.to_be_bytes()).collect();
        Asked {
            change,
            damaged: None,
            expects: change.expects.map(|version| version.0.to_be_bytes().to_vec()).unwrap_or_default(),
            gives: change.gives.0.to_be_bytes(),
            act,
            checksum: entry::checksum(&change.key, content_bytes).to_le_bytes(),
            lives: lives.map(milliseconds).unwrap_or_default(),
            keep: change.once.as_ref().map(|once| milliseconds(once.keep)).unwrap_or_default(),
            owner: entry::owner(&change.key).to_le_bytes(),
            released: hashes(&claims.series_released),
            taken: hashes(&claims.series_taken),
            names: names.map(|(name, tag)| [&[*tag], name.as_bytes()].concat()).collect(),
            content,
        }
    }

    /// From now on an entry of this version counts for none.
    pub(crate) fn over(&mut self, damaged: Option<Version>) {
        self.damaged = damaged;
    }

    pub(crate) fn key(&self) -> &GroupKey {
        &self.change.key
    }

    /// How many bytes there are to send, but for a few.
    pub(crate) fn len(&self) -> usize {
        self.content.as_ref().map_or(0, |content| content.len()) + self.taken.len() + self.released.len()
    }

    /// What is sent: the script by its text or by its hash.
    pub(crate) fn command(&self, trying: &Trying<'_>, by_text: bool) -> Cmd {
        let age = trying.age.map(milliseconds).unwrap_or_default();
        let damaged = self.damaged.map(|version| version.0.to_be_bytes());
        let remembered = trying.remembered.to_string();
        let released = self.change.claims.names_released.len().to_string();
        let mut arguments: Vec<&[u8]> = vec![
            self.change.key.as_bytes(),
            &self.expects,
            &self.gives,
            self.act,
            self.content.as_deref().unwrap_or_default(),
            &self.checksum,
            self.lives.as_bytes(),
            self.change.once.as_ref().map(|once| once.id.as_bytes()).unwrap_or_default(),
            self.keep.as_bytes(),
            age.as_bytes(),
            &trying.epoch,
            damaged.as_ref().map(|version| &version[..]).unwrap_or_default(),
            remembered.as_bytes(),
            &self.owner,
            &self.released,
            &self.taken,
            released.as_bytes(),
        ];
        arguments.extend(self.names.iter().map(|name| &name[..]));
        match by_text {
            true => trying.script.by_text(trying.keys, &arguments),
            false => trying.script.by_hash(trying.keys, &arguments),
        }
    }

    /// Reads what the script answered; none for what it never does.
    pub(crate) fn told(&self, answer: Value) -> Option<Told> {
        let Value::Array(mut parts) = answer else { return None };
        if parts.is_empty() {
            return None;
        }
        let Value::BulkString(word) = parts.remove(0) else { return None };
        Some(Told::Done(match (&word[..], &mut parts[..]) {
            (b"M", _) => made(&parts)?,
            (b"S", [] | [Value::Nil]) => Outcome::Stale(None),
            (b"S", [Value::BulkString(bytes)]) => match entry::read(self.key(), bytes) {
                Ok(entry) => Outcome::Stale(Some(Arc::new(entry))),
                Err(damage) => return Some(Told::Damaged(damage)),
            },
            (b"N", [Value::Int(which), Value::Int(held)]) => {
                let (name, pushed) = self.change.claims.names_taken.get(usize::try_from(*which).ok()?)?;
                let held = u8::try_from(*held).ok()?;
                Outcome::Clashes(Clash::Name { name: name.clone(), pushed: *pushed, held })
            }
            (b"C", [Value::BulkString(series)]) => {
                let series = <[u8; 16]>::try_from(&series[..]).ok()?;
                Outcome::Clashes(Clash::Series(u128::from_be_bytes(series)))
            }
            (b"R", []) => Outcome::Repeated,
            (b"U", []) => return Some(Told::Forgotten),
            _ => return None,
        }))
    }
}

/// What follows the word of what was made.
pub(crate) fn made(parts: &[Value]) -> Option<Outcome> {
    let [Value::Int(seq), Value::Int(born), Value::Int(microseconds)] = parts else { return None };
    let number = |number: &i64| u64::try_from(*number).ok().filter(|number| *number < EXACT);
    let time = number(microseconds)?.saturating_mul(1_000);
    Some(Outcome::Made { seq: number(seq)?, born: number(born)?, time })
}

/// As scripts add them up: nobody waits so long that more matter.
pub(crate) fn milliseconds(time: Duration) -> String {
    time.as_millis().min(u128::from(EXACT / 4)).to_string()
}
