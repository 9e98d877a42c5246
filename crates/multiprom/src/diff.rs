//! `multiprom diff`: what has changed from one page to another.

mod change;
mod side;

use std::process::ExitCode;

use serde::Serialize;

use crate::cli::inside::Diff;
use crate::inside::output::{Output, Tint, is_broken_pipe, number, number_text};
use crate::inside::series::series_text;

use change::{Change, changes};
use side::Side;

/// Exit codes, as diff(1) has them; 0 is equal.
const DIFFERENT: u8 = 1;

/// Prints what has changed.
pub(crate) fn diff(command: Diff) -> anyhow::Result<ExitCode> {
    let catalog = command.catalog.as_deref();
    let before = Side::read(&command.before, catalog)?;
    let after = Side::read(&command.after, catalog)?;
    let mut changes = changes(&before.page, &after.page);
    if command.only_falls {
        changes.retain(Change::is_fall);
    }
    let code = if changes.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(DIFFERENT) };
    let mut out = Output::new();
    let print =
        |change: &Change| if command.json { out.json(&Line::of(change)) } else { print(change, &mut out) };
    let printed = changes.iter().try_for_each(print).and_then(|()| out.flush());
    match printed {
        Err(error) if !is_broken_pipe(&error) => Err(error),
        // Whoever has seen enough has seen a change.
        _ => Ok(code),
    }
}

/// A change, as `--json` prints it: names of fields are promised in `--help`.
#[derive(Serialize)]
struct Line<'a> {
    change: &'static str,
    name: &'a str,
    labels: serde_json::Map<String, serde_json::Value>,
    kind: &'static str,
    old: Option<Number>,
    new: Option<Number>,
    difference: Option<Number>,
}

struct Number(f64);

impl Serialize for Number {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        number(&self.0, serializer)
    }
}

impl Line<'_> {
    fn of(change: &Change) -> Line<'_> {
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned().into();
        let labels = change.series.labels.iter().map(|label| (label.name.to_string(), text(&label.value)));
        Line {
            change: change.word(),
            name: &change.series.name,
            labels: labels.collect(),
            kind: change.kind.as_str(),
            old: change.old.map(Number),
            new: change.new.map(Number),
            difference: change.difference().map(Number),
        }
    }
}

/// `- gone 1.0`, `+ new 1.0`, `~ changed 1.0 -> 3.0 (+2.0)`, `! fell 3.0 -> 1.0 (-2.0)`.
fn print(change: &Change, out: &mut Output) -> anyhow::Result<()> {
    let labels = change.series.labels.iter().map(|label| (&*label.name, &*label.value));
    let series = series_text(&change.series.name, labels);
    let text = |value: Option<f64>| value.map(number_text).unwrap_or_default();
    let (sign, tint, values) = match (change.old, change.new) {
        (Some(_), None) => ('-', Tint::Bad, text(change.old)),
        (None, _) => ('+', Tint::Good, text(change.new)),
        _ if change.is_fall() => ('!', Tint::Bad, format!("{} -> {}", text(change.old), text(change.new))),
        _ => ('~', Tint::Plain, format!("{} -> {}", text(change.old), text(change.new))),
    };
    let difference = match change.difference() {
        Some(difference) if difference >= 0.0 => format!(" (+{})", number_text(difference)),
        Some(difference) => format!(" ({})", number_text(difference)),
        None => String::new(),
    };
    let fell = if change.is_fall() { " fell" } else { "" };
    let line = format!("{sign} {series} {values}{difference}{fell}");
    let line = out.tinted(tint, &line);
    out.line(&line)
}
