//! Numbers that processes share, as they stand in Redis.

use std::collections::BTreeSet;

use metrics_core::Desc;
use redis_link::redis::{FromRedisValue, Value};
use redis_schema::shared;

use super::{Fault, FaultSort};
use crate::source::samples;

/// The numbers of a family that processes share, as they stand in Redis.
#[derive(Clone, Debug)]
pub struct SharedFamily {
    /// The family.
    pub desc: Desc,
    /// The key of its numbers.
    pub key: String,
    /// How much room its fields take, in bytes.
    pub bytes: usize,
    /// Its numbers, label set by label set.
    pub numbers: Vec<SharedNumber>,
}

/// One number that processes share.
#[derive(Clone, Debug, PartialEq)]
pub struct SharedNumber {
    /// The label values, in the order of the names.
    pub labels: Box<[Box<str>]>,
    /// Which number of its label set it is.
    pub number: usize,
    /// The name of its sample.
    pub sample: String,
    /// The bound, where it is a bucket.
    pub le: Option<String>,
    /// Its field of the hash.
    pub field: String,
    /// What it is.
    pub value: f64,
}

/// So many fields of a family that cannot be read are named.
const MOST_TOLD: usize = 10;

impl SharedFamily {
    /// Takes what was found under its key, and says what is wrong with it.
    pub(super) fn of(desc: Desc, key: String, found: Value, faults: &mut Vec<Fault>) -> SharedFamily {
        let mut fault = |sort, why: String| faults.push(Fault { sort, key: key.clone(), offset: None, why });
        let fields = match found {
            Value::ServerError(error) => {
                fault(FaultSort::WrongType, error.to_string());
                Vec::new()
            }
            found => {
                let fields = <Vec<(Vec<u8>, Vec<u8>)>>::from_redis_value(found).unwrap_or_default();
                if fields.is_empty() {
                    fault(FaultSort::Missing, "it is not there, and its family is".to_owned());
                }
                fields
            }
        };
        let (mut bytes, mut told, mut numbers) = (0, 0, Vec::new());
        let samples: Vec<_> = samples(&desc).collect();
        for (field, value) in fields {
            bytes += field.len() + value.len();
            let read = match shared::value(&value) {
                Some(value) => shared::number_of(&field, &desc).map(|place| (place, value)),
                None => Err("its value is no number"),
            };
            match read {
                Ok(((number, labels), value)) => {
                    // A field that is read as a number of a label set is text, and one of its samples.
                    let Some((sample, le)) = samples.get(number).cloned() else { continue };
                    let field = String::from_utf8_lossy(&field).into_owned();
                    numbers.push(SharedNumber { labels, number, sample, le, field, value });
                }
                Err(why) if told < MOST_TOLD => {
                    told += 1;
                    fault(FaultSort::Number, format!("field {:?}: {why}", String::from_utf8_lossy(&field)));
                }
                Err(_) => {}
            }
        }
        numbers.sort_by(|one, other| (&one.labels, one.number).cmp(&(&other.labels, other.number)));
        SharedFamily { desc, key, bytes, numbers }
    }

    /// How many label sets it has.
    pub fn series(&self) -> usize {
        self.numbers.iter().map(|number| &number.labels).collect::<BTreeSet<_>>().len()
    }
}
