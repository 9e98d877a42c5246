//! The numbers of a database as `multiprom dump` prints them.

use serde::Serialize;

use super::{Labels, Number};
use crate::database_argument::Database;
use crate::inside::database::{Entry, Held};
use crate::inside::output::{Output, number_text};
use crate::inside::series::series_text;
use crate::inside::text::visible;

/// A number, as `--json` prints it: names of fields are promised in `--help`.
#[derive(Serialize)]
struct NumberLine<'a> {
    database: &'a str,
    key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    client: &'static str,
    kind: &'static str,
    mode: Option<&'static str>,
    process: Option<&'a str>,
    family: &'a str,
    name: &'a str,
    labels: Labels<'a>,
    help: &'a str,
    value: Option<Number>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    gone: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    rest: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<Number>,
    /// Seconds until its key goes away by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    ends: Option<f64>,
    counts: bool,
}

/// Prints every number of a database.
pub(super) fn dump_database(database: &Database, json: bool, out: &mut Output) -> anyhow::Result<()> {
    let held = Held::read(database)?;
    held.each_number(|entry| if json { out.json(&line(&held, entry)) } else { out.line(&text(&held, entry)) })
}

fn line<'a>(held: &'a Held, entry: &'a Entry<'_>) -> NumberLine<'a> {
    NumberLine {
        database: &held.address,
        key: visible(entry.key),
        field: entry.field.as_deref().map(visible),
        client: held.schema(),
        kind: entry.kind.as_str(),
        mode: entry.mode.map(|mode| mode.as_str()),
        process: entry.process,
        family: entry.family,
        name: entry.sample,
        labels: Labels(entry.labels.clone()),
        help: entry.help,
        value: entry.value.map(Number),
        gone: entry.is_gone,
        rest: Some(entry.rest).filter(|rest| *rest != 0.0).map(Number),
        time: entry.time.map(Number),
        ends: entry.left.map(|left| left.as_secs_f64()),
        counts: entry.counts,
    }
}

/// `jobs_total{queue="mail"} 3.0 # {shop#0}:values:web-1 v0[2] multiprom counter process web-1`.
fn text(held: &Held, entry: &Entry<'_>) -> String {
    let none = if entry.is_gone { "gone" } else { "?" };
    let value = entry.value.map_or(none.to_owned(), number_text);
    let subject = series_text(entry.sample, entry.labels.iter().copied());
    let mut line = format!("{subject} {value} # {}", visible(entry.key));
    let mut add = |word: &str| {
        line.push(' ');
        line.push_str(word);
    };
    entry.field.iter().for_each(|field| add(&visible(field)));
    add(held.schema());
    add(entry.kind.as_str());
    entry.mode.iter().for_each(|mode| add(mode.as_str()));
    if let Some(process) = entry.process {
        add(&format!("process {}", visible(process.as_bytes())));
    }
    if entry.rest != 0.0 {
        add(&format!("and {} that rounding left", entry.rest));
    }
    if let Some(time) = entry.time.filter(|time| *time != 0.0) {
        add(&format!("time {time}"));
    }
    if let Some(left) = entry.left {
        add(&format!("goes in {} s", left.as_secs()));
    }
    match entry.value {
        None if entry.is_gone => add("not on pages: its machine has it no more"),
        None => add("not on pages: no page has it"),
        Some(_) if !entry.counts => add("not on pages: its client writes it by mistake"),
        Some(_) => {}
    }
    line
}
