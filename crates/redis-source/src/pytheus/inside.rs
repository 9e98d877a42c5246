//! Every number that pytheus has written, as it stands there.

use collector::{Catalog, Statement};
use metrics_core::Label;
use redis_link::redis::{Pipeline, Value};

use super::{MetricKey, keys, labels, stated};
use crate::inside::{Number, left};
use crate::number::number;
use crate::reading::{Asking, Trouble, fields};

/// All that can be read of the metrics of the catalog.
pub(crate) fn numbers(asking: &Asking<'_>, prefix: &str, catalog: &Catalog) -> Result<Vec<Number>, Trouble> {
    let mut metrics: Vec<(Statement, MetricKey)> = Vec::new();
    for statement in catalog.statements() {
        let keys = keys(prefix, &statement);
        let statement = stated(statement);
        metrics.extend(keys.into_iter().map(|key| (statement.clone(), key)));
    }
    let keys: Vec<Vec<u8>> = metrics.iter().map(|(_, metric)| metric.key.clone()).collect();
    let answers = |command: &'static str| {
        let mut answers = Vec::with_capacity(keys.len());
        let ask = |pipeline: &mut Pipeline, key: &Vec<u8>| {
            pipeline.cmd(command).arg(key);
        };
        asking.for_each(&keys, ask, |_, answer| answers.push(answer)).map(|()| answers)
    };
    let (texts, hashes, left) = (answers("GET")?, answers("HGETALL")?, left(asking, &keys)?);
    let mut numbers = Vec::new();
    for ((((statement, metric), text), hash), left) in metrics.into_iter().zip(texts).zip(hashes).zip(left) {
        let mut add = |field: Option<Vec<u8>>, text: &[u8], mut labels: Vec<Label>| {
            let Some(value) = number(text) else { return };
            if let Some(le) = &metric.le {
                labels.retain(|label| &*label.name != "le");
                labels.push(Label::new("le", le));
            }
            numbers.push(Number {
                key: metric.key.clone(),
                field,
                statement: statement.clone(),
                sample: metric.sample.clone(),
                labels,
                process: None,
                value,
                time: None,
                written: None,
                left,
                counts: true,
            });
        };
        if let Value::BulkString(text) = text {
            add(None, &text, Vec::new());
        }
        for (field, text) in fields(hash) {
            if let Some(labels) = labels(&field) {
                add(Some(field), &text, labels);
            }
        }
    }
    Ok(numbers)
}
