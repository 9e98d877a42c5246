//! Workers: the meters of each process, taken together.

use std::collections::HashMap;

use metrics_core::Label;

use super::lives::ByProcess;
use super::meter::Row;
use crate::inside::lives::Writer;

/// See the head of this file.
#[derive(Clone, Debug)]
pub(super) struct Worker {
    /// As the label `pid` shows it, behind the labels of its directory where it has any.
    pub(super) process: String,
    pub(super) writer: Writer,
    /// What it counts in a second: increments of counters, and observations.
    pub(super) rate: Option<f64>,
    pub(super) series: usize,
    /// The meter that moves most of those that count.
    pub(super) busiest: Option<Row>,
}

/// The workers, from the rows of a page that tells processes apart.
pub(super) fn workers(rows: Vec<Row>, names: &[String], lives: &ByProcess) -> Vec<Worker> {
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut workers: Vec<Worker> = Vec::new();
    for row in rows {
        let labels = &row.meter.series.labels;
        let pid = text_of(labels, "pid");
        let process = label_names(names).filter_map(|name| text_of(labels, name)).chain(pid.clone());
        let process = process.collect::<Vec<_>>().join(" ");
        let at = *places.entry(process).or_insert_with_key(|process| {
            let writer = lives.of(pid.as_deref().unwrap_or_default());
            let process = process.clone();
            workers.push(Worker { process, writer, rate: None, series: 0, busiest: None });
            workers.len() - 1
        });
        let worker = &mut workers[at];
        worker.series += 1;
        if let Some(rate) = row.rate.filter(|_| row.meter.counts()) {
            worker.rate = Some(worker.rate.unwrap_or(0.0) + rate);
            let most = worker.busiest.as_ref().and_then(|busiest| busiest.rate).unwrap_or(0.0);
            if rate > most {
                worker.busiest = Some(row);
            }
        }
    }
    workers
}

fn label_names(names: &[String]) -> impl Iterator<Item = &str> {
    names.iter().map(String::as_str)
}

fn text_of(labels: &[Label], name: &str) -> Option<String> {
    labels.iter().find(|label| &*label.name == name).map(|label| label.value_text().into_owned())
}
