//! A look at a database: whose keys it holds. Bounded, whatever else is there.

use std::collections::BTreeSet;

use collector::Catalog;
use redis_link::redis::{Pipeline, Value};

use crate::promphp::{LISTED, index};
use crate::reading::{Asking, Trouble};
use crate::{Schema, gunicorn, promphp, pytheus, scan};

/// How many keys are looked at; what lies behind them is found by its name alone.
const MOST_KEYS: usize = 20_000;

/// How many keys of pytheus' metrics are looked for.
const MOST_METRICS: usize = 1_000;

/// Whose keys a database holds, and what they begin with.
///
/// # Errors
/// When it holds nobody's, or those of several: says what was looked for, or found, and what to do.
pub(crate) fn look(
    asking: &Asking<'_>,
    prefix: Option<&str>,
    catalog: &Catalog,
) -> Result<(Schema, String), Trouble> {
    let mut found = by_name(asking, prefix, catalog)?;
    let (keys, are_all) = scan::first(asking, MOST_KEYS)?;
    for key in &keys {
        if let Some((schema, at)) = owner(key)
            && prefix.is_none_or(|prefix| prefix == at)
        {
            found.insert((schema.as_str(), at));
        }
    }
    let mut shown = found.iter().map(|(schema, prefix)| format!("schema={schema}&prefix={prefix}"));
    match (found.first(), found.len()) {
        (Some((schema, prefix)), 1) => {
            let schema = schema.parse().unwrap_or(Schema::Gunicorn);
            // Who only looks sees it.
            if !asking.bad.is_kept() {
                tracing::info!("{} holds keys of {schema}, beginning with {prefix:?}", asking.source);
            }
            Ok((schema, prefix.clone()))
        }
        (None, _) => {
            let looked = match (keys.len(), are_all) {
                (0, _) => "the database is empty".to_owned(),
                (count, true) => format!("none of the {count} keys is one of theirs"),
                (count, false) => format!("none of the first {count} keys is one of theirs"),
            };
            let hint = if catalog.statements().next().is_none() { " (pytheus needs a catalog)" } else { "" };
            Err(Trouble::nothing_found(format!(
                "no metrics of gunicorn-prometheus-exporter, pytheus{hint} or PromPHP: {looked}; if they are there, say \
                 ?schema=... and &prefix=..."
            )))
        }
        _ => {
            let shown: Vec<String> = shown.by_ref().collect();
            Err(Trouble::of(format!("several clients' metrics, say which: {}", shown.join(", "))))
        }
    }
}

/// What is found by the names that it usually has.
fn by_name(
    asking: &Asking<'_>,
    prefix: Option<&str>,
    catalog: &Catalog,
) -> Result<BTreeSet<(&'static str, String)>, Trouble> {
    let promphp = prefix.unwrap_or(Schema::PromPhp.usual_prefix());
    let pytheus = prefix.unwrap_or(Schema::Pytheus.usual_prefix());
    let mut pipeline = Pipeline::new();
    pipeline.cmd("EXISTS");
    for kind in LISTED {
        pipeline.arg(index(promphp, kind));
    }
    let metrics = catalog.statements().flat_map(|family| pytheus::keys(pytheus, &family));
    pipeline.cmd("EXISTS").arg("");
    for metric in metrics.take(MOST_METRICS) {
        pipeline.arg(metric.key);
    }
    let names = [(Schema::PromPhp, promphp), (Schema::Pytheus, pytheus)];
    let there = names.into_iter().zip(asking.all(&pipeline)?);
    let there = there.filter(|(_, count)| matches!(count, Value::Int(1..)));
    Ok(there.map(|((schema, prefix), _)| (schema.as_str(), prefix.to_owned())).collect())
}

/// Whose key this is, and what that one's keys begin with.
fn owner(key: &[u8]) -> Option<(Schema, String)> {
    let text = |prefix: &[u8]| String::from_utf8(prefix.to_vec()).ok();
    if let Some((prefix, name)) = gunicorn::split_key(key)
        && gunicorn::kind_of(name.sort).is_some()
    {
        return Some((Schema::Gunicorn, text(prefix)?));
    }
    for kind in LISTED {
        if let Some(prefix) = key.strip_suffix(index("", kind).as_bytes()) {
            return Some((Schema::PromPhp, text(prefix)?));
        }
    }
    let summaries = promphp::SUMMARIES.as_bytes();
    let at = key.windows(summaries.len()).position(|window| window == summaries)?;
    Some((Schema::PromPhp, text(&key[..at])?))
}
