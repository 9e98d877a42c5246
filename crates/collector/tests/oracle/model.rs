//! Metrics files as lists of readings: what a directory holds, and its bytes.

use std::fs;
use std::path::Path;

use dialects::{Dialect, Era, Key};
use metrics_core::{Aggregation, Kind, Label, Mode};
use proptest::prelude::*;

/// One metrics file.
#[derive(Clone, Debug)]
pub(crate) struct File {
    pub(crate) dialect: Dialect,
    pub(crate) kind: Kind,
    pub(crate) aggregation: Aggregation,
    pub(crate) process: String,
    pub(crate) records: Vec<Record>,
    /// Bytes left of the file when it was cut.
    pub(crate) cut: Option<usize>,
}

/// One number of a file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Record {
    /// Ruby: the same in all records of a file.
    pub(crate) family: String,
    /// Which number of the label set: `_total`, `_sum`, `_bucket` ...
    pub(crate) suffix: &'static str,
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) le: Option<&'static str>,
    pub(crate) value: f64,
    pub(crate) time: f64,
}

/// The bounds that buckets may have, as the clients spell them.
pub(crate) const BOUNDS: [&str; 4] = ["0.5", "1.0", "2.5", "+Inf"];

/// The families of a Ruby application: each kind in each mode.
pub(crate) fn ruby_families() -> Vec<(String, Kind, Aggregation)> {
    let modes = ["sum", "max", "min", "all", "mostrecent", "average", "first"];
    let mut families = Vec::new();
    for kind in [Kind::Counter, Kind::Gauge, Kind::Histogram, Kind::Summary] {
        for mode in modes {
            if mode != "mostrecent" || kind == Kind::Gauge {
                families.push((format!("r_{kind}_{mode}"), kind, mode.parse().unwrap()));
            }
        }
    }
    families
}

/// Their catalog.
pub(crate) fn ruby_catalog() -> String {
    let mut text = String::new();
    for (name, kind, aggregation) in ruby_families() {
        let printed = if kind == Kind::Counter { format!("{name}_total") } else { name };
        text += &format!(
            "# HELP {printed} help\n# TYPE {printed} {kind}\n# AGGREGATION {printed} {aggregation}\n"
        );
        if kind == Kind::Histogram {
            text += &format!("{printed}_bucket{{le=\"1.0\"}} 0\n{printed}_bucket{{le=\"+Inf\"}} 0\n");
        }
    }
    text
}

impl File {
    /// Its name; that of its process and of what tells it from the other files of the process.
    pub(crate) fn name(&self) -> String {
        let word = match self.kind {
            Kind::Gauge => format!("gauge_{}", self.aggregation),
            kind => kind.to_string(),
        };
        match self.dialect {
            Dialect::Ruby => format!("metric_{}___{}.bin", self.metric(), self.process),
            Dialect::Gitlab => format!("{word}_{}-0.db", self.process),
            _ => format!("{word}_{}.db", self.process),
        }
    }

    /// Ruby: the name of the metric.
    fn metric(&self) -> String {
        let total = if self.kind == Kind::Counter { "_total" } else { "" };
        format!("r_{}_{}{total}", self.kind, self.aggregation)
    }

    /// Its bytes, and where each record's value ends.
    pub(crate) fn bytes(&self) -> (Vec<u8>, Vec<usize>) {
        let mut bytes = vec![0; 8];
        let mut ends = Vec::new();
        for record in &self.records {
            let key = self.key(record);
            let at = dialects::push_record(self.dialect, &key, record.value, record.time, &mut bytes);
            ends.push(at + 8);
        }
        let used = bytes.len() as u32;
        bytes[..4].copy_from_slice(&used.to_ne_bytes());
        if let Some(cut) = self.cut {
            bytes.truncate(cut);
        }
        (bytes, ends)
    }

    fn key(&self, record: &Record) -> Vec<u8> {
        let mut labels: Vec<Label> =
            record.labels.iter().map(|(name, value)| Label::new(name, value)).collect();
        if let Some(le) = record.le {
            labels.push(Label::new("le", le));
        }
        if self.dialect == Dialect::Ruby {
            match (self.kind, record.suffix) {
                (Kind::Histogram, "_sum") => labels.push(Label::new("le", "sum")),
                (Kind::Summary, suffix) => labels.push(Label::new("quantile", &suffix[1..])),
                _ => {}
            }
            if self.aggregation.mode == Mode::All {
                labels.push(Label::new("pid", &self.process));
            }
        }
        labels.sort();
        let key = Key {
            family: record.family.clone(),
            sample: format!("{}{}", record.family, record.suffix),
            labels,
            help: Some("help".to_owned()),
        };
        dialects::encode_key(self.dialect, &key)
    }

    /// The records that are whole.
    pub(crate) fn whole(&self) -> impl Iterator<Item = &Record> {
        let (bytes, ends) = self.bytes();
        self.records
            .iter()
            .zip(ends)
            .take_while(move |(_, end)| *end <= bytes.len())
            .map(|(record, _)| record)
    }

    /// Writes it as a new file, or over the one that is there.
    pub(crate) fn write(&self, directory: &Path, anew: bool) {
        let path = directory.join(self.name());
        if anew && path.exists() {
            // Out of sight but not deleted, so that its number is not given to the new file: one that takes it
            // within the same tick of the clock, and ends in the same key, cannot be told from the old one.
            fs::rename(&path, directory.join(format!(".{}", self.name()))).unwrap();
        }
        fs::write(&path, self.bytes().0).unwrap();
    }
}

/// A value that adds up without rounding; of gauges also the odd ones.
fn value(kind: Kind) -> BoxedStrategy<f64> {
    let dyadic = (0..4000_i32).prop_map(|eighths| f64::from(eighths) / 8.0);
    match kind {
        Kind::Gauge => prop_oneof![
            8 => dyadic,
            2 => (-4000..0_i32).prop_map(|eighths| f64::from(eighths) / 8.0),
            1 => prop::sample::select(vec![0.0, -0.0, f64::NAN, f64::INFINITY]),
        ]
        .boxed(),
        _ => dyadic.boxed(),
    }
}

/// A record of a file of this kind.
fn record(dialect: Dialect, kind: Kind, aggregation: Aggregation) -> BoxedStrategy<Record> {
    let label = prop_oneof![
        Just(vec![]),
        (0..3_u8).prop_map(|value| vec![("a".to_owned(), value.to_string())]),
        (0..2_u8).prop_map(|value| vec![("z".to_owned(), format!("é\"{value}"))]),
    ];
    let number = match kind {
        Kind::Counter => vec![("_total", None)],
        Kind::Summary => vec![("_count", None), ("_sum", None)],
        Kind::Histogram => {
            let mut numbers: Vec<_> = BOUNDS.iter().map(|le| ("_bucket", Some(*le))).collect();
            numbers.push(("_sum", None));
            if dialect == Dialect::Gitlab {
                numbers.push(("_count", None));
            }
            numbers
        }
        _ => vec![("", None)],
    };
    let family = match dialect {
        Dialect::Ruby => Just(format!("r_{kind}_{aggregation}")).boxed(),
        Dialect::Gitlab => (0..2_u8).prop_map(move |n| format!("g_{kind}_{n}")).boxed(),
        _ => (0..2_u8).prop_map(move |n| format!("p_{kind}_{n}")).boxed(),
    };
    let time = prop_oneof![Just(0.0), (1..5_u8).prop_map(f64::from)];
    (family, label, prop::sample::select(number), value(kind), time)
        .prop_map(|(family, labels, (suffix, le), value, time)| Record {
            family,
            suffix,
            labels,
            le,
            value,
            time,
        })
        .boxed()
}

/// What a file can be: its dialect, kind and mode.
pub(crate) type Nature = (Dialect, Kind, Aggregation);

/// Any of them.
pub(crate) fn nature() -> impl Strategy<Value = Nature> {
    let python = prop::sample::select(vec![Era::F1, Era::F2, Era::F3]);
    let kinds = || prop::sample::select(vec![Kind::Counter, Kind::Gauge, Kind::Histogram, Kind::Summary]);
    let modes = |words: &[&str]| {
        let modes: Vec<Aggregation> = words.iter().map(|word| word.parse().unwrap()).collect();
        prop::sample::select(modes)
    };
    let python_modes = ["all", "liveall", "min", "livemin", "max", "livemax", "sum", "livesum", "mostrecent"];
    let of_gauge = |kind: Kind, mode: Aggregation| if kind == Kind::Gauge { mode } else { Aggregation::SUM };
    prop_oneof![
        (python, kinds(), modes(&python_modes)).prop_map(move |(era, kind, mode)| {
            let aggregation = of_gauge(kind, mode);
            // The mode came with the timestamps: no file of an earlier layout has it.
            let era = if aggregation.mode == Mode::MostRecent { Era::F3 } else { era };
            (Dialect::Python(era), kind, aggregation)
        }),
        (kinds(), modes(&["all", "liveall", "min", "max", "livesum"])).prop_map(move |(kind, mode)| (
            Dialect::Gitlab,
            kind,
            of_gauge(kind, mode)
        )),
        prop::sample::select(ruby_families()).prop_map(|(_, kind, mode)| (Dialect::Ruby, kind, mode)),
    ]
}

/// A file of one of these natures and of any process, with up to `most` records.
pub(crate) fn file(natures: Vec<Nature>, most: usize) -> BoxedStrategy<File> {
    (prop::sample::select(natures), prop::sample::select(vec!["7", "10", "w_1"]))
        .prop_flat_map(move |((dialect, kind, aggregation), process)| {
            prop::collection::vec(record(dialect, kind, aggregation), 0..most).prop_map(move |records| File {
                dialect,
                kind,
                aggregation,
                process: process.to_owned(),
                records: without_twins(records),
                cut: None,
            })
        })
        .boxed()
}

/// Leaves out records of a series that is there already.
fn without_twins(records: Vec<Record>) -> Vec<Record> {
    let mut kept: Vec<Record> = Vec::new();
    for record in records {
        let same = |other: &Record| {
            (&other.family, other.suffix, &other.labels, other.le)
                == (&record.family, record.suffix, &record.labels, record.le)
        };
        if !kept.iter().any(same) {
            kept.push(record);
        }
    }
    kept
}
