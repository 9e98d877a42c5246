//! What is looked at: which rows, in which order, and how they read. The same for a terminal and for `--once`.

use std::cmp::Ordering;

use super::meter::Row;
use super::numbers::{mean, rate, short};
use super::sampler::{Sample, labels_of};
use super::worker::Worker;
use crate::inside::lives::{Writer, count_text};
use crate::inside::output::Tint;
use crate::inside::series::series_text;
use crate::inside::table::{Cell, Column};
use crate::inside::text::visible;

/// See the head of this file.
#[derive(Clone, Debug, Default)]
pub(super) struct View {
    /// Workers, else series.
    pub(super) workers: bool,
    pub(super) sort: Sort,
    /// Only what contains this, whatever the case of its letters.
    pub(super) filter: String,
}

/// The order of the rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Sort {
    /// What counts most first, then the gauges that move most.
    #[default]
    Rate,
    /// The greatest number first; of workers, that with the most series.
    Value,
    Name,
}

impl Sort {
    pub(super) fn next(self) -> Sort {
        match self {
            Sort::Rate => Sort::Value,
            Sort::Value => Sort::Name,
            Sort::Name => Sort::Rate,
        }
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Sort::Rate => "rate",
            Sort::Value => "value",
            Sort::Name => "name",
        }
    }
}

impl View {
    pub(super) fn columns(&self) -> Vec<Column> {
        if self.workers {
            vec![
                Column::right("RATE/s").usually(7),
                Column::left("WRITER").usually(7),
                Column::right("SERIES").dropped(1),
                Column::shrinking("PROCESS", 7).usually(10),
                Column::series("BUSIEST", 20).dropped(2),
            ]
        } else {
            vec![
                Column::right("RATE/s").usually(7),
                Column::right("VALUE").usually(7).dropped(1),
                Column::right("MEAN").usually(7).dropped(2),
                Column::left("KIND").usually(9).dropped(3),
                Column::series("SERIES", 48),
            ]
        }
    }

    /// The rows that are looked at, in order; none of them written yet, since there may be very many.
    pub(super) fn order<'a>(&self, sample: &'a Sample) -> Vec<Item<'a>> {
        let mut items: Vec<Item<'a>> = if self.workers {
            sample.workers.iter().map(Item::Worker).collect()
        } else {
            sample.rows.iter().map(Item::Row).collect()
        };
        if !self.filter.is_empty() {
            let wanted = self.filter.to_lowercase();
            items.retain(|item| item.name().to_lowercase().contains(&wanted));
        }
        // Rows that are equal keep the order of the page.
        let size = |value: Option<f64>| value.filter(|value| !value.is_nan()).map_or(-1.0, f64::abs);
        let falling = |a: f64, b: f64| b.partial_cmp(&a).unwrap_or(Ordering::Equal);
        match self.sort {
            Sort::Rate => items.sort_by(|a, b| {
                a.rank().cmp(&b.rank()).then_with(|| falling(size(a.rate()), size(b.rate())))
            }),
            Sort::Value => items.sort_by(|a, b| falling(size(Some(a.value())), size(Some(b.value())))),
            Sort::Name => items.sort_by_cached_key(Item::name),
        }
        items
    }
}

/// A row that is looked at.
#[derive(Clone, Copy)]
pub(super) enum Item<'a> {
    Row(&'a Row),
    Worker(&'a Worker),
}

impl Item<'_> {
    fn rate(&self) -> Option<f64> {
        match self {
            Item::Row(row) => row.rate,
            Item::Worker(worker) => worker.rate,
        }
    }

    /// Where it stands in the order of rates. The change of a gauge is no work done: one of bytes or of times would
    /// stand before all that counts.
    fn rank(&self) -> u8 {
        let moves = self.rate().is_some_and(|rate| rate != 0.0 && !rate.is_nan());
        match self {
            _ if !moves => 2,
            Item::Row(row) if !row.meter.counts() => 1,
            _ => 0,
        }
    }

    fn value(&self) -> f64 {
        match self {
            Item::Row(row) => row.meter.value,
            Item::Worker(worker) => worker.series as f64,
        }
    }

    fn name(&self) -> String {
        match self {
            Item::Row(row) => row_text(row),
            Item::Worker(worker) => visible(worker.process.as_bytes()),
        }
    }

    pub(super) fn cells(&self) -> Vec<Cell> {
        let moves = self.rate().is_some_and(|rate| rate != 0.0);
        let rate = Cell::tinted(rate(self.rate()), if moves { Tint::Bold } else { Tint::Dim });
        match self {
            Item::Row(row) => vec![
                rate,
                Cell::plain(short(row.meter.value)),
                Cell::plain(mean(row.meter.name(), row.mean)),
                Cell::tinted(row.meter.kind.as_str(), Tint::Dim),
                Cell::plain(self.name()),
            ],
            Item::Worker(worker) => vec![
                rate,
                Cell::tinted(worker.writer.as_str(), worker.writer.tint()),
                Cell::plain(worker.series.to_string()),
                Cell::plain(self.name()),
                Cell::plain(worker.busiest.as_ref().map(busiest_text).unwrap_or_default()),
            ],
        }
    }
}

fn row_text(row: &Row) -> String {
    series_text(row.meter.name(), labels_of(row))
}

/// The worker's row has its process already.
fn busiest_text(row: &Row) -> String {
    series_text(row.meter.name(), labels_of(row).filter(|(name, _)| *name != "pid"))
}

/// `5 workers (4 alive, 1 dead), 28 files, 61 series, 1234.5 counted a second`.
pub(super) fn summary(sample: &Sample) -> String {
    let workers = sample.workers.iter().map(|worker| worker.writer).filter(|it| *it != Writer::Archive);
    let lives = match count_text(workers.clone()) {
        none if none.is_empty() => none,
        lives => format!(" ({lives})"),
    };
    let rates: Vec<f64> = sample.workers.iter().filter_map(|worker| worker.rate).collect();
    let counted = match rates.is_empty() {
        true => String::new(),
        false => format!(", {} counted a second", rate(Some(rates.iter().sum()))),
    };
    let damaged = match sample.damaged_files {
        0 => String::new(),
        files => format!(", {files} damaged"),
    };
    format!(
        "{} workers{lives}, {} files{damaged}, {} series{counted}",
        workers.count(),
        sample.files,
        sample.rows.len(),
    )
}
