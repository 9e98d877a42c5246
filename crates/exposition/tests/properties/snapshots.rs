//! Random snapshots.

use std::sync::Arc;

use metrics_core::{Exemplar, FamilySnapshot, Kind, Label, Sample, Series, Snapshot};
use proptest::prelude::*;

/// Of which characters names are made.
#[derive(Clone, Copy)]
pub(crate) enum Names {
    /// Those that every format allows.
    Legacy,
    /// Any.
    Utf8,
}

const KINDS: [Kind; 8] = [
    Kind::Counter,
    Kind::Gauge,
    Kind::Histogram,
    Kind::Summary,
    Kind::Unknown,
    Kind::Info,
    Kind::StateSet,
    Kind::GaugeHistogram,
];

/// Whatever fits into the types, senseless or not: samples without regard to their family's kind, equal names.
pub(crate) fn any_snapshot() -> impl Strategy<Value = Snapshot> {
    let family = (
        prop_oneof![Just("m".to_owned()), "[a-z._:0-9é]{1,4}", "\\PC{1,9}"],
        any::<String>(),
        prop::option::of("[a-z ]{0,2}"),
        any::<bool>(),
        prop::sample::select(&KINDS[..]),
    );
    let family = family.prop_flat_map(|(mut name, help, unit, ends_in_unit, kind)| {
        if let Some(unit) = unit.as_deref().filter(|_| ends_in_unit) {
            name = format!("{name}_{unit}");
        }
        let suffixes = vec![
            "", "", "_total", "_total", "_bucket", "_sum", "_count", "_created", "_info", "_gsum", "_gcount",
            "_x",
        ];
        let sample = (prop::sample::select(suffixes), labels(Names::Utf8), any::<f64>(), time(), exemplar());
        prop::collection::vec(sample, 0..6).prop_map(move |samples| FamilySnapshot {
            name: name.as_str().into(),
            help: help.as_str().into(),
            unit: unit.as_deref().map(Into::into),
            kind,
            bare: help.len() % 2 == 0,
            samples: samples
                .into_iter()
                .map(|(suffix, labels, value, timestamp, exemplar)| {
                    let mut sample =
                        Sample::new(Arc::new(Series::new(format!("{name}{suffix}"), labels)), value);
                    sample.timestamp = timestamp;
                    sample.exemplar = exemplar;
                    sample
                })
                .collect(),
        })
    });
    prop::collection::vec(family, 0..4).prop_map(|families| Snapshot { families })
}

/// What the text format can say: five kinds, times in milliseconds, no units, no exemplars, no `_created`.
pub(crate) fn text_snapshot(names: Names) -> impl Strategy<Value = Snapshot> {
    let kinds = prop::sample::select(&KINDS[..5]);
    let family = (kinds, any::<bool>(), family_name(names), any::<String>()).prop_flat_map(
        move |(kind, bare, name, help)| {
            let suffixes = match kind {
                Kind::Counter if bare => vec![""],
                Kind::Counter => vec!["_total"],
                Kind::Histogram => vec!["_bucket", "_sum", "_count"],
                Kind::Summary => vec!["", "_sum", "_count"],
                _ => vec![""],
            };
            let milliseconds = prop::option::of(-1_000_000_000_000_000_i64..1_000_000_000_000_000);
            let sample = (prop::sample::select(suffixes), labels(names), number(), milliseconds);
            prop::collection::vec(sample, 0..6).prop_map(move |samples| {
                let samples = samples.into_iter().map(|(suffix, labels, value, milliseconds)| {
                    let mut sample =
                        Sample::new(Arc::new(Series::new(format!("{name}{suffix}"), labels)), value);
                    sample.timestamp = milliseconds.map(|milliseconds| milliseconds as f64 / 1000.0);
                    sample
                });
                FamilySnapshot {
                    name: name.as_str().into(),
                    help: help.as_str().into(),
                    unit: None,
                    kind,
                    bare: kind == Kind::Counter && bare && samples.len() == 0,
                    samples: samples.collect(),
                }
            })
        },
    );
    prop::collection::vec(family, 0..5).prop_map(with_distinct_names)
}

/// What OpenMetrics can say: nearly everything.
pub(crate) fn openmetrics_snapshot(names: Names) -> impl Strategy<Value = Snapshot> {
    let units = prop::option::of(prop::sample::select(vec!["seconds", "bytes"]));
    let family = (prop::sample::select(&KINDS[..]), units, family_name(names), any::<String>())
        .prop_flat_map(move |(kind, unit, name, help)| {
            let unit = unit.filter(|_| !matches!(kind, Kind::Info | Kind::StateSet));
            // The label of a state set has its name, and a label no colon.
            let name = if kind == Kind::StateSet { name.replace(':', "_") } else { name };
            let suffixes = match kind {
                Kind::Counter => vec!["_total", "_created"],
                Kind::Histogram => vec!["_bucket", "_sum", "_count", "_created"],
                Kind::GaugeHistogram => vec!["_bucket", "_gsum", "_gcount"],
                Kind::Summary => vec!["", "_sum", "_count", "_created"],
                Kind::Info => vec!["_info"],
                _ => vec![""],
            };
            let sample = (prop::sample::select(suffixes), labels(names), number(), time(), exemplar());
            prop::collection::vec(sample, 0..6).prop_map(move |samples| {
                let samples = samples.into_iter().map(|(suffix, mut labels, value, timestamp, exemplar)| {
                    match (kind, suffix) {
                        (_, "_bucket") => labels.push(Label::new("le", "1e+06")),
                        (Kind::Summary, "") => labels.push(Label::new("quantile", "0.5")),
                        (Kind::StateSet, _) => labels.push(Label::new(&name, "on")),
                        _ => {}
                    }
                    let mut sample =
                        Sample::new(Arc::new(Series::new(format!("{name}{suffix}"), labels)), value);
                    sample.timestamp = timestamp;
                    sample.exemplar = exemplar.filter(|_| matches!(suffix, "_total" | "_bucket"));
                    sample
                });
                FamilySnapshot {
                    name: name.as_str().into(),
                    help: help.as_str().into(),
                    unit: unit.map(Into::into),
                    kind,
                    bare: false,
                    samples: samples.collect(),
                }
            })
        });
    prop::collection::vec(family, 0..5).prop_map(with_distinct_names)
}

/// Puts a number into each family's name, and its unit behind it.
fn with_distinct_names(families: Vec<FamilySnapshot>) -> Snapshot {
    let rename = |(at, mut family): (usize, FamilySnapshot)| {
        let unit = family.unit.as_deref().map(|unit| format!("_{unit}")).unwrap_or_default();
        let name = format!("{}{at}x{unit}", family.name);
        for sample in &mut family.samples {
            let suffix = sample.series.name.strip_prefix(&*family.name).unwrap();
            let mut labels = sample.series.labels.to_vec();
            if let Some(state) = labels.iter_mut().find(|label| *label.name == *family.name) {
                state.name = name.as_str().into();
            }
            sample.series = Arc::new(Series::new(format!("{name}{suffix}"), labels));
        }
        family.name = name.into();
        family
    };
    Snapshot { families: families.into_iter().enumerate().map(rename).collect() }
}

fn family_name(names: Names) -> BoxedStrategy<String> {
    match names {
        Names::Legacy => "[a-zA-Z_:][a-zA-Z0-9_:]{0,8}".boxed(),
        Names::Utf8 => prop_oneof!["[a-z._ é\"\\\\\n]{1,6}", "\\PC{1,6}"].boxed(),
    }
}

/// Labels of distinct names, none of which has a meaning.
fn labels(names: Names) -> impl Strategy<Value = Vec<Label>> {
    let name = match names {
        Names::Legacy => "[a-zA-Z_][a-zA-Z0-9_]{0,5}".boxed(),
        Names::Utf8 => prop_oneof!["[a-z_.:\"\\\\\n]{1,4}", "\\PC{1,4}"].boxed(),
    };
    let value = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..6),
        any::<String>().prop_map(String::into_bytes),
        "[\\\\n\n\"]{0,5}".prop_map(String::into_bytes),
    ];
    prop::collection::vec((name, value), 0..4).prop_map(|labels| {
        let label = |(at, (name, value)): (usize, (String, Vec<u8>))| Label {
            name: format!("{name}{at}").into(),
            value: value.into(),
        };
        labels.into_iter().enumerate().map(label).collect()
    })
}

/// Numbers that are equal to themselves.
fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>().prop_filter("NaN is not equal to itself", |number| !number.is_nan()),
        (0..2_000_000_u32).prop_map(f64::from),
        Just(f64::INFINITY),
        Just(f64::NEG_INFINITY),
    ]
}

fn time() -> impl Strategy<Value = Option<f64>> {
    prop::option::weighted(0.2, prop_oneof![-1e12..1e12, prop::num::f64::NORMAL])
}

fn exemplar() -> impl Strategy<Value = Option<Box<Exemplar>>> {
    let exemplar = (labels(Names::Legacy), number(), time()).prop_map(|(labels, value, timestamp)| {
        Box::new(Exemplar { labels: labels.into(), value, timestamp })
    });
    prop::option::weighted(0.3, exemplar)
}
