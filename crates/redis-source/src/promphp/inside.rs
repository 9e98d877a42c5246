//! Every number that PromPHP has written, as it stands there: of summaries, every observation.

use std::collections::BTreeMap;

use metrics_core::Kind;
use redis_link::redis::{Pipeline, Value};

use super::reading::{lists, observed};
use super::summary::{beginning, meta_key};
use super::{Family, META, SummaryKey, encoded_labels, family, field, summary_key};
use crate::inside::{Number, left};
use crate::number::number;
use crate::reading::{Asking, Trouble, fields};
use crate::scan::{Walk, literally};

/// All that can be read.
pub(crate) fn numbers(asking: &Asking<'_>, prefix: &str) -> Result<Vec<Number>, Trouble> {
    let (listed, summaries) = lists(asking, prefix)?;
    let keys: Vec<Vec<u8>> = listed.iter().map(|(_, key)| key.clone()).collect();
    let mut lives = left(asking, &keys)?.into_iter();
    let mut numbers = Vec::new();
    let ask = |pipeline: &mut Pipeline, (_, key): &(Kind, Vec<u8>)| {
        pipeline.cmd("HGETALL").arg(key);
    };
    asking.for_each(&listed, ask, |(kind, key), answer| {
        let left = lives.next().flatten();
        let fields = fields(answer);
        let meta = fields.iter().find(|(name, _)| name == META);
        let Some(family) = meta.and_then(|(_, meta)| family(*kind, meta).ok()) else { return };
        for (name, text) in fields.iter().filter(|(name, _)| name != META) {
            let (Ok((sample, labels)), Some(value)) = (field(&family, name), number(text)) else { continue };
            let place = (key.clone(), Some(name.clone()));
            numbers.push(Number { left, ..shared(&family, place, sample, labels, value) });
        }
    })?;
    numbers.extend(observations(asking, prefix, &summaries)?);
    Ok(numbers)
}

/// An observation of a summary, by what its key says.
struct Observation {
    key: Vec<u8>,
    family: String,
    labels: Vec<u8>,
}

/// Every observation that has not expired.
fn observations(asking: &Asking<'_>, prefix: &str, listed: &[Vec<u8>]) -> Result<Vec<Number>, Trouble> {
    let keys = if listed.is_empty() {
        let mut walk = Walk::default();
        walk.renew(asking, &[literally(beginning(prefix).as_bytes()), b"*".to_vec()].concat())?;
        walk.keys
    } else {
        observed(asking, listed)?
    };
    let observation = |key: Vec<u8>| match summary_key(prefix, &key)? {
        SummaryKey::Observation { family, labels } => Some(Observation { key, family, labels }),
        SummaryKey::Meta { .. } => None,
    };
    let parsed: Vec<Observation> = keys.into_iter().filter_map(observation).collect();
    let get = |keys: &[Vec<u8>]| {
        let mut answers = Vec::with_capacity(keys.len());
        let ask = |pipeline: &mut Pipeline, key: &Vec<u8>| {
            pipeline.cmd("GET").arg(key);
        };
        asking.for_each(keys, ask, |_, answer| answers.push(answer)).map(|()| answers)
    };
    let mut families: BTreeMap<&str, Option<Family>> =
        parsed.iter().map(|known| (&*known.family, None)).collect();
    let metas: Vec<Vec<u8>> = families.keys().map(|name| meta_key(prefix, name).into_bytes()).collect();
    for (known, meta) in families.values_mut().zip(get(&metas)?) {
        let Value::BulkString(meta) = meta else { continue };
        *known = family(Kind::Summary, &meta).ok();
    }
    let keys: Vec<Vec<u8>> = parsed.iter().map(|known| known.key.clone()).collect();
    let (answers, left) = (get(&keys)?, left(asking, &keys)?);
    let all = parsed.iter().zip(answers).zip(left);
    let number = |((known, answer), left): ((&Observation, Value), _)| {
        let family = families.get(&*known.family)?.as_ref()?;
        let Value::BulkString(text) = answer else { return None };
        let labels = encoded_labels(&family.label_names, &known.labels).ok()?;
        let sample = family.statement.name.to_string();
        Some(Number { left, ..shared(family, (known.key.clone(), None), sample, labels, number(&text)?) })
    };
    Ok(all.filter_map(number).collect())
}

/// A number that all processes share.
fn shared(
    family: &Family,
    (key, field): (Vec<u8>, Option<Vec<u8>>),
    sample: String,
    labels: Vec<metrics_core::Label>,
    value: f64,
) -> Number {
    Number {
        key,
        field,
        statement: family.statement.clone(),
        sample,
        labels,
        process: None,
        value,
        time: None,
        written: None,
        left: None,
        counts: true,
    }
}
