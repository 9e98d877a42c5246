//! The page that all groups make together, kept from scrape to scrape.

mod families;
mod openmetrics;
mod order;
mod protobuf;
mod text;

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use metrics_core::Kind;

use self::families::{Families, Line};
use crate::family::series_labels;
use crate::{Content, Entry, Family, GroupKey, Metric, PUSH_TIMES, Value};

pub use text::push_go_number;

/// All that is pushed, in one format.
///
/// It is told what [became of groups](Page::update), and prints; what did not change since it last printed is not
/// printed again. A change of `n` of the `N` metrics of a family costs `n log n + N` steps at the next page, of some
/// nanoseconds each, and the bytes of that family. Kept are the lines of each metric (of 20 lines of text in a group
/// some 3 KiB), and the printed families.
///
/// Families stand in the order of their names, lines in that of the official push gateway: fewer labels first, then by
/// label values. So the same groups make the same bytes, whoever prints them.
///
/// A page never fails because of what is pushed. Where groups that were not checked, or not against each other, hold
/// what no page can show together, the group that was first is shown; what was left out is [counted](Page::hidden).
#[derive(Debug)]
pub struct Page {
    format: PageFormat,
    families: Families,
    /// Which number a group has among the families' lines.
    numbers: HashMap<GroupKey, u32>,
}

/// How a page is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PageFormat {
    /// Text 0.0.4, as Prometheus' Go library prints it.
    Text,
    /// OpenMetrics 1.0.0.
    OpenMetrics,
    /// Delimited protobuf messages.
    Protobuf,
}

/// A piece of a page. One that is printed again, since nothing in it has changed, is the same one.
#[derive(Clone, Debug)]
pub struct Piece {
    /// What stands on the page.
    pub bytes: Bytes,
    /// Room for who sends the page to keep these bytes compressed.
    pub packed: Arc<OnceLock<Bytes>>,
}

/// What a family says of itself.
#[derive(Clone, Copy)]
struct Head<'a> {
    name: &'a str,
    help: &'a [u8],
    unit: &'a str,
    kind: Kind,
}

/// What the automatic gauges of a group say of themselves.
///
/// Source: the official push gateway (`storage/diskmetricstore.go`).
const PUSH_TIME_HELPS: [&str; 2] = [
    "Last Unix time when changing this group in the Pushgateway succeeded.",
    "Last Unix time when changing this group in the Pushgateway failed.",
];

impl Page {
    /// A page of no groups.
    pub fn new(format: PageFormat) -> Page {
        Page { format, families: Families::default(), numbers: HashMap::new() }
    }

    /// Takes up what became of groups: none for gone.
    ///
    /// A content that cannot be read shows its group's push times alone; how many such there are is returned.
    pub fn update<'a>(
        &mut self,
        groups: impl IntoIterator<Item = (&'a GroupKey, Option<&'a Arc<Entry>>)>,
    ) -> usize {
        let mut unreadable = 0;
        let mut key_room = Vec::new();
        for (key, entry) in groups {
            let number = self.numbers.get(key).copied();
            let Some(entry) = entry else {
                if let Some(number) = number {
                    self.families.remove(number);
                    self.numbers.remove(key);
                }
                continue;
            };
            let content = Content::decode(&entry.content).unwrap_or_else(|_| {
                unreadable += 1;
                Content::default()
            });
            let number = match number {
                Some(number) => {
                    self.families.clear(number, entry.born);
                    number
                }
                None => {
                    let number = self.families.add(entry.born);
                    self.numbers.insert(key.clone(), number);
                    number
                }
            };
            for ((name, help), time) in
                PUSH_TIMES.iter().zip(PUSH_TIME_HELPS).zip([entry.pushed, entry.failed])
            {
                // As Go converts nanoseconds: to a double first.
                let value = Value::Number { value: time as f64 / 1e9, exemplar: None };
                let metrics = vec![Metric { labels: Vec::new(), value, created: None }];
                let family = Family {
                    name: (*name).into(),
                    help: help.into(),
                    kind: Kind::Gauge,
                    unit: "".into(),
                    metrics,
                };
                self.take(key, number, &family, &mut key_room);
            }
            for held in &content.families {
                self.take(key, number, &held.family, &mut key_room);
            }
        }
        unreadable
    }

    /// The page, in pieces of some families each. `own` are the gateway's own families, whose labels are as they
    /// stand: they keep their names, and groups may have series of them too.
    pub fn print(&mut self, own: &[Family]) -> Vec<Piece> {
        let mut room = Vec::new();
        let mut own: Vec<(Head, Vec<Line>)> = own
            .iter()
            .map(|family| {
                let lines = family.metrics.iter().map(|metric| {
                    let labels: Vec<(&str, &str)> =
                        metric.labels.iter().map(|(name, value)| (&**name, &**value)).collect();
                    line(self.format, family, &labels, metric, &mut room)
                });
                let mut lines: Vec<Line> = lines.collect();
                lines.sort_by(|a, b| a.key().cmp(b.key()));
                (head(family), lines)
            })
            .collect();
        own.sort_by_key(|(head, _)| head.name);
        self.families.print(self.format, &own)
    }

    /// How many families and series the last page left out, since they excluded each other.
    pub fn hidden(&self) -> Hidden {
        self.families.hidden()
    }

    /// How it is written.
    pub fn format(&self) -> PageFormat {
        self.format
    }

    /// Takes the metrics of a family of the group that has this number.
    fn take(&mut self, key: &GroupKey, group: u32, family: &Family, key_room: &mut Vec<u8>) {
        let lines = family.metrics.iter().map(|metric| {
            let labels = series_labels(key.labels(), &metric.labels);
            line(self.format, family, &labels, metric, key_room)
        });
        self.families.take(group, &head(family), lines);
    }
}

impl Piece {
    fn of(bytes: Bytes) -> Piece {
        Piece { bytes, packed: Arc::default() }
    }
}

/// What a page left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hidden {
    /// Families of groups of which another group, that was first, has the name for something else.
    pub families: usize,
    /// Series that another group, that was first, shows.
    pub series: usize,
}

fn head(family: &Family) -> Head<'_> {
    Head { name: &family.name, help: family.help.as_bytes(), unit: &family.unit, kind: family.kind }
}

/// The line or lines of a metric, with its place among those of its family.
fn line(
    format: PageFormat,
    family: &Family,
    labels: &[(&str, &str)],
    metric: &Metric,
    room: &mut Vec<u8>,
) -> Line {
    room.clear();
    order::push_key(room, labels);
    let key = room.len();
    match format {
        PageFormat::Text => text::push_metric(room, &family.name, labels, metric),
        PageFormat::OpenMetrics => openmetrics::push_metric(room, &family.name, family.kind, labels, metric),
        PageFormat::Protobuf => protobuf::push_metric(room, family.kind, labels, metric),
    }
    Line::new(room, key)
}

#[cfg(test)]
mod tests;
