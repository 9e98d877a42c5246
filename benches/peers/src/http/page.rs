//! A page of 1 MB from a source that waits at a gate.

use async_trait::async_trait;
use collector::{Ask, SeriesId, Source, SourceError, Statement, Tally};
use exposition::{Format, encode};
use metrics_core::{Aggregation, Kind, Label, Process, Snapshot};
use tokio::sync::watch;

/// Series of the page: a line has some 70 bytes.
const SERIES: usize = 15_000;

/// A source in memory: one process, one counter of many series. Answers while the gate is open.
pub(crate) struct MegabytePage {
    opened: watch::Receiver<bool>,
}

/// What is kept from scrape to scrape.
#[derive(Default)]
struct Kept {
    series: Vec<SeriesId>,
}

impl MegabytePage {
    pub(crate) fn new(opened: watch::Receiver<bool>) -> MegabytePage {
        MegabytePage { opened }
    }
}

#[async_trait]
impl Source for MegabytePage {
    fn name(&self) -> String {
        "a page of 1 MB".to_owned()
    }

    async fn read(&self, _ask: &Ask, into: &mut Tally) -> Result<(), SourceError> {
        let mut opened = self.opened.clone();
        opened.wait_for(|open| *open).await.map_err(|closed| SourceError::new("wait at the gate", closed))?;
        let mut kept: Kept = into.kept();
        let process = Process { id: "1".to_owned(), labels: Vec::new() };
        let origin = into.origin(&process, "memory");
        if kept.series.is_empty() {
            let statement =
                Statement::new(Kind::Counter, "http_requests_total", "Requests served.", Aggregation::SUM);
            let family = into.family(&statement);
            for number in 0..SERIES {
                let path = format!("/api/v1/articles/{number:06}");
                let labels = [Label::new("method", "GET"), Label::new("path", &path)];
                kept.series.extend(into.series(family, "http_requests_total", &labels));
            }
        }
        into.report(origin);
        for (number, &series) in kept.series.iter().enumerate() {
            into.add(series, number as f64, 0.0);
        }
        into.keep(kept);
        Ok(())
    }
}

/// The page as text.
pub(crate) fn text(snapshot: &Snapshot) -> Vec<u8> {
    let mut text = Vec::new();
    encode(Format::TEXT, snapshot, &mut text);
    text
}
