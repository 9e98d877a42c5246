//! One record: a change in a log, or a piece of a snapshot.

use std::borrow::Cow;

use push_groups::GroupKey;

/// A record, borrowed from where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Record<'a> {
    /// A group was changed, or is, in a snapshot, this.
    Group {
        by: By,
        version: u64,
        seq: u64,
        born: u64,
        pushed: u64,
        failed: u64,
        expires: Option<u64>,
        once: Option<Id<'a>>,
        key: Cow<'a, GroupKey>,
        /// None: what it was.
        content: Option<&'a [u8]>,
    },
    /// A group was deleted.
    Deleted { version: u64, seq: u64, born: u64, time: u64, once: Option<Id<'a>>, key: Cow<'a, GroupKey> },
    /// All groups were.
    Wiped { seq: u64, time: u64 },
    /// A request was carried out.
    Once(Id<'a>),
    /// A change was made.
    Made { version: u64, seq: u64, born: u64, time: u64 },
    /// A snapshot has had so many of each.
    End { groups: u64, ids: u64, made: u64 },
}

/// What made a group what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    Push,
    Fail,
    /// It stands in a snapshot.
    Snapshot,
}

/// A request, and until when it is remembered, Unix milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Id<'a> {
    pub(crate) id: &'a str,
    pub(crate) until: u64,
}

/// Bytes that are no record: where in them, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NoRecord {
    pub(crate) at: usize,
    pub(crate) why: &'static str,
}

const PUSHED: u8 = 1;
const FAILED: u8 = 2;
const DELETED: u8 = 3;
const WIPED: u8 = 4;
const HELD: u8 = 5;
const ONCE: u8 = 6;
const MADE: u8 = 7;
const END: u8 = 8;

const HAS_EXPIRES: u8 = 1;
const HAS_ONCE: u8 = 2;
const HAS_CONTENT: u8 = 4;

impl Record<'_> {
    /// Appends its bytes. Lengths of keys, contents and ids are below 2^32: who makes the record has checked it.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Record::Group { by, version, seq, born, pushed, failed, expires, once, key, content } => {
                let op = match by {
                    By::Push => PUSHED,
                    By::Fail => FAILED,
                    By::Snapshot => HELD,
                };
                let flag = |is: bool, flag| if is { flag } else { 0 };
                let flags = flag(expires.is_some(), HAS_EXPIRES)
                    | flag(once.is_some(), HAS_ONCE)
                    | flag(content.is_some(), HAS_CONTENT);
                out.extend_from_slice(&[op, flags]);
                push_numbers(out, &[*version, *seq, *born, *pushed, *failed]);
                push_numbers(out, expires.as_slice());
                push_id(out, once.as_ref());
                push_bytes(out, key.as_bytes());
                if let Some(content) = content {
                    push_bytes(out, content);
                }
            }
            Record::Deleted { version, seq, born, time, once, key } => {
                out.extend_from_slice(&[DELETED, if once.is_some() { HAS_ONCE } else { 0 }]);
                push_numbers(out, &[*version, *seq, *born, *time]);
                push_id(out, once.as_ref());
                push_bytes(out, key.as_bytes());
            }
            Record::Wiped { seq, time } => {
                out.extend_from_slice(&[WIPED, 0]);
                push_numbers(out, &[*seq, *time]);
            }
            Record::Once(id) => {
                out.extend_from_slice(&[ONCE, 0]);
                push_id(out, Some(id));
            }
            Record::Made { version, seq, born, time } => {
                out.extend_from_slice(&[MADE, 0]);
                push_numbers(out, &[*version, *seq, *born, *time]);
            }
            Record::End { groups, ids, made } => {
                out.extend_from_slice(&[END, 0]);
                push_numbers(out, &[*groups, *ids, *made]);
            }
        }
    }
}

/// The record that begins at `at`, and where the next one does.
///
/// # Errors
/// Where the bytes are none.
pub(crate) fn decode(bytes: &[u8], at: usize) -> Result<(Record<'_>, usize), NoRecord> {
    let mut reader = Reader { bytes, at };
    let op = reader.byte("the record is cut off before its kind")?;
    let flags = reader.byte("the record is cut off before its flags")?;
    let allowed = match op {
        PUSHED | HELD => HAS_EXPIRES | HAS_ONCE | HAS_CONTENT,
        FAILED => HAS_EXPIRES | HAS_ONCE | HAS_CONTENT,
        DELETED => HAS_ONCE,
        WIPED | ONCE | MADE | END => 0,
        _ => return Err(NoRecord { at, why: "a kind of record that is not known" }),
    };
    if flags & !allowed != 0 {
        return Err(NoRecord { at: at + 1, why: "flags that such a record does not have" });
    }
    let record = match op {
        PUSHED | FAILED | HELD => {
            let by = match op {
                PUSHED => By::Push,
                FAILED => By::Fail,
                _ => By::Snapshot,
            };
            let [version, seq, born, pushed, failed] = reader.numbers()?;
            let expires = (flags & HAS_EXPIRES != 0).then(|| reader.number()).transpose()?;
            let once = (flags & HAS_ONCE != 0).then(|| reader.id()).transpose()?;
            let key = reader.key()?;
            let content =
                (flags & HAS_CONTENT != 0).then(|| reader.bytes("a content is cut off")).transpose()?;
            if content.is_none() && by != By::Fail {
                return Err(NoRecord { at: at + 1, why: "a push without a content" });
            }
            Record::Group { by, version, seq, born, pushed, failed, expires, once, key, content }
        }
        DELETED => {
            let [version, seq, born, time] = reader.numbers()?;
            let once = (flags & HAS_ONCE != 0).then(|| reader.id()).transpose()?;
            Record::Deleted { version, seq, born, time, once, key: reader.key()? }
        }
        WIPED => {
            let [seq, time] = reader.numbers()?;
            Record::Wiped { seq, time }
        }
        ONCE => Record::Once(reader.id()?),
        MADE => {
            let [version, seq, born, time] = reader.numbers()?;
            Record::Made { version, seq, born, time }
        }
        _ => {
            let [groups, ids, made] = reader.numbers()?;
            Record::End { groups, ids, made }
        }
    };
    Ok((record, reader.at))
}

fn push_numbers(out: &mut Vec<u8>, numbers: &[u64]) {
    for number in numbers {
        out.extend_from_slice(&number.to_le_bytes());
    }
}

fn push_id(out: &mut Vec<u8>, id: Option<&Id<'_>>) {
    if let Some(Id { id, until }) = id {
        push_numbers(out, &[*until]);
        push_bytes(out, id.as_bytes());
    }
}

fn push_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(bytes);
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn id(&mut self) -> Result<Id<'a>, NoRecord> {
        let until = self.number()?;
        let at = self.at;
        let id = self.bytes("a request's name is cut off")?;
        let id = std::str::from_utf8(id).map_err(|_| NoRecord { at, why: "a request's name is no UTF-8" })?;
        Ok(Id { id, until })
    }

    fn key(&mut self) -> Result<Cow<'a, GroupKey>, NoRecord> {
        let at = self.at;
        let key = self.bytes("the key of a group is cut off")?;
        let key = GroupKey::from_bytes(key).map_err(|_| NoRecord { at, why: "bytes that name no group" })?;
        Ok(Cow::Owned(key))
    }

    fn bytes(&mut self, why: &'static str) -> Result<&'a [u8], NoRecord> {
        let length = self.take::<4>(why).map(u32::from_le_bytes)? as usize;
        let bytes = self.bytes.get(self.at..).and_then(|rest| rest.get(..length));
        let bytes = bytes.ok_or(NoRecord { at: self.at, why })?;
        self.at += length;
        Ok(bytes)
    }

    fn numbers<const N: usize>(&mut self) -> Result<[u64; N], NoRecord> {
        let mut numbers = [0; N];
        for number in &mut numbers {
            *number = self.number()?;
        }
        Ok(numbers)
    }

    fn number(&mut self) -> Result<u64, NoRecord> {
        self.take::<8>("a number is cut off").map(u64::from_le_bytes)
    }

    fn byte(&mut self, why: &'static str) -> Result<u8, NoRecord> {
        self.take::<1>(why).map(|[byte]| byte)
    }

    fn take<const N: usize>(&mut self, why: &'static str) -> Result<[u8; N], NoRecord> {
        let bytes = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk());
        let bytes = bytes.copied().ok_or(NoRecord { at: self.at, why })?;
        self.at += N;
        Ok(bytes)
    }
}
