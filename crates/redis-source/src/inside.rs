//! A look inside a database: every number as it stands there, and what pages leave out.

use std::collections::BTreeSet;
use std::time::Duration;

use collector::{Ask, SourceError, Statement, Tally};
use metrics_core::Label;
use redis_link::redis::{Pipeline, Value};

use crate::reading::{Asking, Trouble};
use crate::source::Kept;
use crate::{Foreign, ForeignSource, Schema, gunicorn, promphp, pytheus};

/// What a database of another client holds, for people: every number as it stands there, and what pages leave out.
#[derive(Debug, Default)]
pub struct Inside {
    /// Whose keys it holds.
    pub schema: Schema,
    /// What they begin with.
    pub prefix: String,
    /// In the order of their keys.
    pub numbers: Vec<Number>,
    /// What pages leave out, and why: what a page's log names. In the order of the places.
    pub faults: Vec<Fault>,
}

/// A number, as it stands in a database.
#[derive(Clone, Debug)]
pub struct Number {
    /// Its key.
    pub key: Vec<u8>,
    /// Its field of that, where it is a hash.
    pub field: Option<Vec<u8>>,
    /// What its family is.
    pub statement: Statement,
    /// The name of its sample.
    pub sample: String,
    /// Its labels.
    pub labels: Vec<Label>,
    /// Whose it is, where each process has its own.
    pub process: Option<String>,
    /// What it is.
    pub value: f64,
    /// When it was set, where that matters: seconds since 1970.
    pub time: Option<f64>,
    /// When it was written, where that is told: seconds since 1970.
    pub written: Option<f64>,
    /// How long its key has left, where it goes away by itself.
    pub left: Option<Duration>,
    /// Whether it counts on a page.
    pub counts: bool,
}

/// Something that pages leave out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// The key, or the key and the field.
    pub place: Vec<u8>,
    /// The word by which `multiprom_redis_bad_total` counts it.
    pub reason: &'static str,
    /// What is wrong with it.
    pub why: String,
}

impl Inside {
    /// Looks at all of it. Reads what a page reads three times, and writes nothing.
    ///
    /// # Errors
    /// When the database cannot be read, or it must be found out whose it is and it is nobody's.
    pub fn read(foreign: Foreign, ask: &Ask) -> Result<Inside, SourceError> {
        let source = ForeignSource::new(foreign)?;
        let asking = source.asking(ask);
        Inside::of(&source, &asking).map_err(|trouble| trouble.into_source_error("read the numbers"))
    }

    fn of(source: &ForeignSource, asking: &Asking<'_>) -> Result<Inside, Trouble> {
        asking.bad.keep();
        let (schema, prefix) = source.schema(asking)?;
        // What is missing in passing is told of by the second reading.
        let (mut kept, mut tally) = (Kept::default(), Tally::default());
        for _ in 0..2 {
            source.read_with(asking, &mut kept, &mut tally)?;
        }
        let faults: BTreeSet<Fault> = asking.bad.kept().into_iter().collect();
        let mut numbers = match schema {
            Schema::Gunicorn | Schema::Auto => gunicorn::inside::numbers(asking, &prefix)?,
            Schema::Pytheus => pytheus::inside::numbers(asking, &prefix, source.catalog())?,
            Schema::PromPhp => promphp::inside::numbers(asking, &prefix)?,
        };
        numbers.sort_by(|one, other| (&one.key, &one.field).cmp(&(&other.key, &other.field)));
        Ok(Inside { schema, prefix, numbers, faults: faults.into_iter().collect() })
    }
}

/// How long each of these keys has left.
pub(crate) fn left(asking: &Asking<'_>, keys: &[Vec<u8>]) -> Result<Vec<Option<Duration>>, Trouble> {
    let mut left = Vec::with_capacity(keys.len());
    let ask = |pipeline: &mut Pipeline, key: &Vec<u8>| {
        pipeline.cmd("PTTL").arg(key);
    };
    asking.for_each(keys, ask, |_, answer| {
        left.push(match answer {
            Value::Int(left @ 0..) => Some(Duration::from_millis(left.unsigned_abs())),
            _ => None,
        });
    })?;
    Ok(left)
}
