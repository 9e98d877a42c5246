//! Every number that gunicorn-prometheus-exporter has written, as it stands there.

use metrics_core::{Aggregation, Kind, Mode};
use redis_link::redis::{Pipeline, Value};

use super::{is_phantom, kind_of, meaning, pattern, twin, value_key};
use crate::inside::{Number, left};
use crate::number::number;
use crate::reading::{Asking, Trouble, strings};
use crate::scan::Walk;

/// All that can be read; phantoms too, which count on no page.
pub(crate) fn numbers(asking: &Asking<'_>, prefix: &str) -> Result<Vec<Number>, Trouble> {
    let mut walk = Walk::default();
    walk.renew(asking, &pattern(prefix))?;
    let keys = walk.keys;
    let mut originals = Vec::with_capacity(keys.len());
    let ask = |pipeline: &mut Pipeline, key: &Vec<u8>| {
        pipeline.cmd("HGET").arg(twin(key).unwrap_or_default()).arg("original_key");
    };
    asking.for_each(&keys, ask, |_, answer| originals.push(answer))?;
    let mut values = Vec::with_capacity(keys.len());
    let ask = |pipeline: &mut Pipeline, key: &Vec<u8>| {
        pipeline.cmd("HMGET").arg(key).arg("value").arg("timestamp").arg("updated_at");
    };
    asking.for_each(&keys, ask, |_, answer| values.push(answer))?;
    let left = left(asking, &keys)?;
    let all = keys.into_iter().zip(originals).zip(values).zip(left);
    let number = |(((key, original), value), left): (((Vec<u8>, Value), Value), _)| {
        let name = value_key(prefix, &key)?;
        let counts = !is_phantom(name.sort);
        let phantom = (Kind::Gauge, Aggregation { mode: Mode::All, live: false });
        let (kind, aggregation) = kind_of(name.sort).or_else(|| (!counts).then_some(phantom))?;
        let Value::BulkString(original) = original else { return None };
        let meaning = meaning(kind, aggregation, &original).ok()?;
        // A field that is not there is nothing, and no text.
        let Value::Array(fields) = value else { return None };
        let mut fields = fields.into_iter().map(|field| strings(Value::Array(vec![field])).next());
        let mut next = || number(&fields.next()??);
        let (value, time, written) = (next()?, next(), next());
        Some(Number {
            process: Some(name.process.to_owned()),
            field: Some(b"value".to_vec()),
            statement: meaning.statement,
            sample: meaning.sample,
            labels: meaning.labels,
            value,
            time: time.filter(|_| aggregation.mode == Mode::MostRecent),
            written,
            left,
            counts,
            key,
        })
    };
    Ok(all.filter_map(number).collect())
}
