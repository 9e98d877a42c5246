//! What is kept of the dead is read as a whole, as its seal says, or not at all.

use redis_link::redis::{FromRedisValue, Pipeline, Value};
use redis_schema::{Keys, Schema, Seal, script, seal_sum};

use crate::fleet::Fleet;
use crate::index::bytes;
use crate::kept::{Bad, Kept, Remembers};

/// What the retired are said to be, as it stands there: whoever changes them says that he has seen it.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// In their hash.
    pub(crate) version: Vec<u8>,
    /// In the key of its own.
    pub(crate) seal: Vec<u8>,
}

/// What is told of the retired.
pub(crate) struct Told {
    version: Vec<u8>,
    hash: Option<u64>,
    sum: Option<u64>,
    seal: Vec<u8>,
    /// How long their schema is.
    schema: usize,
    /// How many fields they have.
    fields: usize,
    /// If it was asked for: their fields, and what is new of their schema.
    whole: Option<(Value, Value)>,
}

/// The fields that a hash of the retired has besides pages: version, hash, sum, and how many were dropped.
const FIELDS: usize = 4;

impl Told {
    /// Asks for it; and for all of them but of their schema what is known, where that is said.
    pub(crate) fn ask(pipeline: &mut Pipeline, keys: &Keys, whole: Option<usize>) {
        pipeline.cmd("HMGET").arg(keys.retired()).arg(script::VERSION).arg(script::HASH).arg(script::SUM);
        pipeline.cmd("GET").arg(keys.retired_seal());
        pipeline.cmd("STRLEN").arg(keys.retired_schema()).cmd("HLEN").arg(keys.retired());
        if let Some(known) = whole {
            pipeline.cmd("HGETALL").arg(keys.retired());
            pipeline.cmd("GETRANGE").arg(keys.retired_schema()).arg(known).arg(-1);
        }
    }

    /// Takes the answers, in the same order.
    pub(crate) fn take(whole: bool, mut next: impl FnMut() -> Value) -> Told {
        let told = <(Vec<u8>, Option<Vec<u8>>, Option<Vec<u8>>)>::from_redis_value(next());
        let (version, hash, sum) = told.unwrap_or_default();
        let number = |text: Option<Vec<u8>>| std::str::from_utf8(&text?).ok()?.parse().ok();
        Told {
            version,
            hash: number(hash),
            sum: number(sum),
            seal: bytes(next()),
            schema: usize::from_redis_value(next()).unwrap_or_default(),
            fields: usize::from_redis_value(next()).unwrap_or_default(),
            whole: whole.then(|| (next(), next())),
        }
    }

    /// Which version they are of, as an [index](crate::index::Index) tells it.
    fn version(&self) -> Vec<u8> {
        Seal::read(&self.seal).map_or_else(|| self.version.clone(), |seal| seal.version.into_bytes())
    }

    /// What they must be: as the key of its own says, or they themselves.
    fn seal(&self) -> Option<Seal> {
        let of_hash = || {
            let version = std::str::from_utf8(&self.version).ok().filter(|version| !version.is_empty())?;
            Some(Seal { version: version.to_owned(), hash: self.hash?, sum: self.sum? })
        };
        Seal::read(&self.seal).or_else(of_hash)
    }
}

impl Fleet {
    /// How much of the schema of the retired need not be read again.
    pub(crate) fn known_of_retired(&self) -> usize {
        if self.anew { 0 } else { self.retired.schema.bytes().len() }
    }

    /// Takes what is told of the retired, if it is whole; else what was read of them before stays, and what lacks is
    /// `lost`. `indexed` is the version that was there when it was
    /// listed who is there. False where they have changed so that they are to be read again.
    pub(crate) fn take_retired(&mut self, keys: &Keys, indexed: &[u8], told: Told) -> bool {
        if told.version() != indexed {
            // Who is listed may have been retired since.
            return false;
        }
        self.lost = None;
        let seal = told.seal();
        self.found = Found { version: told.version.clone(), seal: told.seal.clone() };
        let Some(seal) = seal else {
            if told.version.is_empty() && !self.version.is_empty() {
                self.lost = Some(Bad::lost(&keys.retired(), "neither it nor its seal is there any more"));
                return true;
            }
            return self.take_unsealed(keys, told);
        };
        let lost = |key: String, why: String| Some(Bad::lost(&key, why));
        if told.version != seal.version.as_bytes() {
            let why = match told.version.is_empty() {
                true => "it is not there any more",
                false => "it is another version than its seal says",
            };
            self.lost = lost(keys.retired(), why.to_owned());
            return true;
        }
        if seal.version.as_bytes() == self.version {
            let (schema, fields) =
                (self.retired.schema.bytes().len(), FIELDS + 2 * pages(self.retired.values.len()));
            if told.schema < schema {
                let why = format!("it has {} bytes, and had {schema}", told.schema);
                self.lost = lost(keys.retired_schema(), why);
            } else if told.fields < fields {
                let why = format!("it has {} fields, and had {fields}", told.fields);
                self.lost = lost(keys.retired(), why);
            }
            return true;
        }
        let Some((hash, appended)) = told.whole else { return false };
        let anew = self.anew || self.retired.broken || self.retired.schema.bytes().is_empty();
        let mut schema = if anew { Schema::default() } else { self.retired.schema.clone() };
        let appended = bytes(appended);
        if schema.hash_with(&appended) != seal.hash {
            // It was written anew, or is not what it was: all of it tells.
            let again = !anew;
            self.anew = again;
            self.lost = lost(keys.retired_schema(), "it is not what its seal says".to_owned());
            return !again;
        }
        self.anew = false;
        if let Err(error) = schema.extend(&appended) {
            self.lost = lost(keys.retired_schema(), error.to_string());
            return true;
        }
        let mut kept = Kept { schema, ..Kept::default() };
        self.bad.extend(kept.take(&keys.retired(), hash, Remembers::Nothing));
        let numbers = kept.schema.numbers();
        if kept.values.len() < numbers {
            let why = format!("its pages have {} numbers of {numbers}", kept.values.len());
            self.lost = lost(keys.retired(), why);
            return true;
        }
        kept.values.truncate(numbers);
        kept.beside.resize(numbers, 0.0);
        if seal_sum(&kept.values, &kept.beside, kept.dropped) != seal.sum {
            self.lost = lost(keys.retired(), "its numbers are not those that its seal says".to_owned());
            return true;
        }
        self.forgotten += u64::from(anew);
        (self.retired, self.version, self.is_behind) = (kept, seal.version.into_bytes(), false);
        true
    }

    /// Takes what has no seal: nobody of ours has written it, or an earlier version.
    fn take_unsealed(&mut self, keys: &Keys, told: Told) -> bool {
        let Some((fields, appended)) = told.whole else { return told.version == self.version };
        let all_new = self.retired.schema.bytes().is_empty() && !self.retired.broken;
        let odd = self.retired.extend(&keys.retired_schema(), appended);
        if told.hash.is_some_and(|hash| hash != self.retired.schema.hash()) && !all_new {
            // It was written anew: what was read of it now is not what follows.
            (self.retired, self.version) = (Kept::default(), Vec::new());
            self.forgotten += 1;
            return false;
        }
        self.bad.extend(odd);
        self.bad.extend(self.retired.take(&keys.retired(), fields, Remembers::Nothing));
        self.version = told.version;
        true
    }
}

/// So many pages so many numbers are.
fn pages(numbers: usize) -> usize {
    numbers.div_ceil(redis_schema::page::LEN)
}
