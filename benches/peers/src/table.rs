//! The report for people at a terminal.

use std::fmt::Write;

use crate::Suite;
use crate::deed::Operation;
use crate::row::{Bar, Row};
use crate::scrape::STAGES;
use crate::scrapes::Stages;
use crate::stores::StoreKind;
use crate::talk::{Cell, Crowd};

/// Everything that was measured.
pub fn print(suite: &Suite, machine: &str) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "\n{machine}\n");
    out += &talk(&suite.talk);
    out += &stages(&suite.stages);
    out += &comparisons(&suite.rows);
    out += &bars(&suite.rows);
    out
}

/// The talk's table: a block for each crowd.
fn talk(cells: &[Cell]) -> String {
    let mut out = String::new();
    for crowd in Crowd::ALL {
        let find = |store, operation| {
            cells.iter().find(|cell| (cell.store, cell.operation, cell.crowd) == (store, operation, crowd))
        };
        let operations: Vec<Operation> = Operation::ALL
            .into_iter()
            .filter(|&operation| find(StoreKind::Unsynchronised, operation).is_some())
            .collect();
        if operations.is_empty() {
            continue;
        }
        let mut lines = Lines::new(vec![format!("{crowd}")]);
        operations.iter().for_each(|operation| lines.head(operation));
        lines.head("the talk (Ruby)");
        for store in StoreKind::ALL {
            lines.begin(store);
            for &operation in &operations {
                let text = find(store, operation).map_or_else(String::new, |cell| {
                    let (median, p99) = (nanoseconds(cell.each.median()), nanoseconds(cell.p99()));
                    format!("{median} / {p99}  {}", times(cell.ratio))
                });
                lines.cell(text);
            }
            lines.cell(store.talk_microseconds().map_or_else(|| "-".to_owned(), |us| format!("{us} us")));
        }
        out += &lines.print();
        out.push('\n');
    }
    if !out.is_empty() {
        out.insert_str(
            0,
            "The talk's table: median / p99 of a deed, and the median over that of the unsynchronised hash.\n\
             All threads count in one label set; processes share a directory. p99 is of deeds timed one by one:\n\
             below some 20 ns it is the clock's. The unsynchronised hash loses updates between threads.\n\n",
        );
    }
    out
}

fn stages(stages: &[Stages]) -> String {
    if stages.is_empty() {
        return String::new();
    }
    let mut lines = Lines::new(vec!["scrapes, stage by stage (ms)".to_owned()]);
    STAGES.iter().for_each(|stage| lines.head(stage));
    for scrape in stages {
        lines.begin(&scrape.name);
        scrape.each.iter().for_each(|stage| lines.cell(format!("{:.3}", stage.median())));
    }
    lines.print() + "\n"
}

/// What has no bar and is in no other table.
fn comparisons(rows: &[Row]) -> String {
    let mut lines = Lines::new(vec!["without a bar".to_owned()]);
    ["ours", "spread", "rival", "rival's", "ratio"].iter().for_each(|head| lines.head(head));
    let elsewhere = |row: &Row| {
        row.name.starts_with("talk: ") || STAGES.iter().any(|stage| row.name.ends_with(&format!(": {stage}")))
    };
    let mut some = false;
    for row in rows.iter().filter(|row| row.bar.is_none() && !elsewhere(row)) {
        some = true;
        lines.begin(&row.name);
        measured(&mut lines, row);
        lines.cell(row.ratio().map_or_else(String::new, |ratio| compared(ratio, row.unit)));
    }
    if some { lines.print() + "\n" } else { String::new() }
}

fn bars(rows: &[Row]) -> String {
    let mut lines = Lines::new(vec!["the bars".to_owned()]);
    ["ours", "spread", "rival", "rival's", "ratio", "bar", "holds", "reason"]
        .iter()
        .for_each(|head| lines.head(head));
    let barred: Vec<&Row> = rows.iter().filter(|row| row.bar.is_some()).collect();
    for row in &barred {
        lines.begin(&row.name);
        measured(&mut lines, row);
        lines.cell(verdict(row));
        lines.cell(row.bar.map_or_else(String::new, |bar| bar_text(bar, row.unit)));
        lines.cell(if row.holds() == Some(true) { "holds" } else { "DOES NOT HOLD" }.to_owned());
        lines.cell(row.remark());
    }
    let held = barred.iter().filter(|row| row.holds() == Some(true)).count();
    format!("{}\n{held} of {} bars hold\n", lines.print(), barred.len())
}

fn measured(lines: &mut Lines, row: &Row) {
    lines.cell(row.value.map_or_else(|| "-".to_owned(), |value| with_unit(value, row.unit)));
    lines.cell(row.spread.map_or_else(String::new, |[low, high]| format!("{}..{}", short(low), short(high))));
    lines.cell(row.rival.clone().unwrap_or_default());
    lines.cell(row.rival_value.map_or_else(String::new, |value| with_unit(value, row.unit)));
}

/// The ratio, in the words of its bar.
pub fn verdict(row: &Row) -> String {
    match (row.bar, row.ratio()) {
        (Some(Bar::Faster(_)), Some(ratio)) if ratio < 1.0 => format!("{} x faster", short(1.0 / ratio)),
        (Some(Bar::Faster(_)), Some(ratio)) => format!("{} x slower", short(ratio)),
        (_, Some(ratio)) => times(ratio),
        (_, None) => String::new(),
    }
}

/// A ratio without a bar; of times the larger way round.
fn compared(ratio: f64, unit: &str) -> String {
    let time = matches!(unit, "ns" | "us" | "ms");
    if time && ratio < 0.5 { format!("{} x faster", short(1.0 / ratio)) } else { times(ratio) }
}

/// The bar in words.
pub fn bar_text(bar: Bar, unit: &str) -> String {
    let plain = |number: f64| (number * 100.0).round() / 100.0;
    match bar {
        Bar::Times(most) => format!("at most {} x", plain(most)),
        Bar::Faster(least) => format!("at least {} x faster", plain(least)),
        Bar::Value(most) => format!("at most {} {unit}", plain(most)),
    }
}

fn times(ratio: f64) -> String {
    format!("{} x", short(ratio))
}

/// A number with three digits that count.
pub fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 || size == 0.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 0.1 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

/// A number and its unit.
pub fn with_unit(value: f64, unit: &str) -> String {
    format!("{} {unit}", short(value))
}

/// Nanoseconds in the unit that fits.
pub fn nanoseconds(value: f64) -> String {
    match value {
        ns if ns < 1e3 => format!("{} ns", short(ns)),
        ns if ns < 1e6 => format!("{} us", short(ns / 1e3)),
        ns => format!("{} ms", short(ns / 1e6)),
    }
}

/// Lines whose columns stand under each other.
struct Lines(Vec<Vec<String>>);

impl Lines {
    fn new(head: Vec<String>) -> Lines {
        Lines(vec![head])
    }

    fn head(&mut self, text: impl ToString) {
        self.0[0].push(text.to_string());
    }

    fn begin(&mut self, text: impl ToString) {
        self.0.push(vec![text.to_string()]);
    }

    fn cell(&mut self, text: String) {
        if let Some(line) = self.0.last_mut() {
            line.push(text);
        }
    }

    fn print(&self) -> String {
        let columns = self.0.iter().map(Vec::len).max().unwrap_or(0);
        let width =
            |at: usize| self.0.iter().filter_map(|line| line.get(at)).map(|cell| cell.chars().count()).max();
        let widths: Vec<usize> = (0..columns).map(|at| width(at).unwrap_or(0)).collect();
        let mut out = String::new();
        for (number, line) in self.0.iter().enumerate() {
            let cells = line.iter().zip(&widths).map(|(cell, &width)| format!("{cell:<width$}"));
            out += cells.collect::<Vec<_>>().join("  ").trim_end();
            out.push('\n');
            if number == 0 {
                out += &"-".repeat(widths.iter().map(|width| width + 2).sum::<usize>().saturating_sub(2));
                out.push('\n');
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::Sample;

    #[test]
    fn numbers_keep_three_digits() {
        let printed: Vec<String> = [0.0, 0.0123, 0.5, 4.7, 15.04, 820.7].map(short).to_vec();
        assert_eq!(printed, ["0", "0.0123", "0.50", "4.70", "15.0", "821"]);
    }

    #[test]
    fn every_bar_says_whether_it_holds() {
        let sample = |value| Sample::new(vec![value]);
        let rows = [
            Row::new("inc", &sample(4.0), "ns").beside("theirs", &sample(5.0)).held_to(Bar::Times(1.1)),
            Row::new("next", &sample(4.0), "ms").beside("theirs", &sample(40.0)).held_to(Bar::Faster(150.0)),
            Row::not_built("local", "ns", Bar::Value(0.8)),
        ];
        let table = bars(&rows);
        let lines: Vec<&str> = table.lines().collect();
        assert!(
            lines[2].contains("0.80 x") && lines[2].contains("at most 1.1 x") && lines[2].contains("holds"),
            "{}",
            lines[2]
        );
        assert!(lines[3].contains("10.0 x faster") && lines[3].contains("DOES NOT HOLD"), "{}", lines[3]);
        assert!(lines[4].contains("at most 0.8 ns") && lines[4].contains("not built yet"), "{}", lines[4]);
        assert_eq!(lines[6], "1 of 3 bars hold");
    }
}
