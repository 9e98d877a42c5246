//! Random families, written down in each form by the simplest of writers, are read again.

use std::fmt::Write;

use metrics_core::Kind;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

use super::key;
use crate::{Bucket, Exemplar, Family, Metric, ReadLimits, Syntax, Value, read};

/// What a form has room for.
#[derive(Clone, Copy, PartialEq)]
enum Room {
    Text,
    Protobuf,
}

const WHOLE: u64 = 1 << 53; // the highest count that a line of text tells exactly

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![-1e9..1e9, Just(f64::INFINITY), Just(0.0), Just(1e-300), (0_u32..1000).prop_map(f64::from)]
}

fn labels() -> impl Strategy<Value = Vec<(Box<str>, Box<str>)>> {
    let names = prop::sample::subsequence(vec!["A", "_", "code", "instance", "z9"], 0..4);
    (names, vec("[ -~é\n\\\\\"]{1,5}", 4)).prop_map(|(names, values)| {
        names.into_iter().zip(values).map(|(name, value)| (name.into(), value.into())).collect()
    })
}

fn exemplar(room: Room) -> BoxedStrategy<Option<Box<Exemplar>>> {
    let one = (labels(), -1e9..1e9, of((0..1_000_000).prop_map(|half| f64::from(half) / 2.0)));
    match room {
        Room::Text => Just(None).boxed(),
        Room::Protobuf => {
            of(one.prop_map(|(labels, value, timestamp)| Box::new(Exemplar { labels, value, timestamp })))
                .boxed()
        }
    }
}

fn value(kind: Kind, room: Room) -> BoxedStrategy<Value> {
    match kind {
        Kind::Histogram => (0..WHOLE, number(), vec((number(), 0..WHOLE, exemplar(room)), 0..4))
            .prop_map(|(count, sum, buckets)| {
                let bucket = |(le, count, exemplar)| Bucket { le, count, exemplar };
                Value::Histogram { count, sum, buckets: buckets.into_iter().map(bucket).collect() }
            })
            .boxed(),
        Kind::Summary => (0..WHOLE, number(), vec((number(), number()), 0..4))
            .prop_map(|(count, sum, quantiles)| Value::Summary { count, sum, quantiles })
            .boxed(),
        Kind::Counter => {
            (number(), exemplar(room)).prop_map(|(value, exemplar)| Value::Number { value, exemplar }).boxed()
        }
        _ => number().prop_map(|value| Value::Number { value, exemplar: None }).boxed(),
    }
}

fn metric(kind: Kind, room: Room) -> impl Strategy<Value = Metric> {
    let has_created = room == Room::Protobuf && !matches!(kind, Kind::Gauge | Kind::Unknown);
    let created = of((0..1_000_000).prop_map(|half| f64::from(half) / 2.0));
    (labels(), value(kind, room), created).prop_map(move |(labels, value, created)| Metric {
        labels,
        value,
        created: created.filter(|_| has_created),
    })
}

fn families(room: Room) -> impl Strategy<Value = Vec<Family>> {
    let kinds = [Kind::Counter, Kind::Gauge, Kind::Histogram, Kind::Summary, Kind::Unknown];
    let family = prop::sample::select(kinds.to_vec()).prop_flat_map(move |kind| {
        let texts = ("[!-~é\\\\][ -~é\n\\\\]{0,6}|", "[a-z]{0,3}");
        (texts, vec(metric(kind, room), 1..4)).prop_map(move |((help, unit), metrics)| {
            let unit = if room == Room::Text { String::new() } else { unit };
            Family { name: "".into(), help: help.into(), kind, unit: unit.into(), metrics }
        })
    });
    vec(family, 0..4).prop_map(|mut families| {
        for (at, family) in families.iter_mut().enumerate() {
            family.name = format!("f{at}:x").into();
            // A series of its own for each metric.
            for (at, metric) in family.metrics.iter_mut().enumerate() {
                metric.labels.push(("zz".into(), at.to_string().into()));
            }
        }
        families
    })
}

fn text_page(families: &[Family]) -> String {
    let mut page = String::new();
    for Family { name, help, kind, metrics, .. } in families {
        if !help.is_empty() {
            let help = help.to_text().replace('\\', "\\\\").replace('\n', "\\n");
            writeln!(page, "# HELP {name} {help}").expect("a string takes every write");
        }
        let word = if *kind == Kind::Unknown { "untyped" } else { kind.as_str() };
        writeln!(page, "# TYPE {name} {word}").expect("a string takes every write");
        for Metric { labels, value, .. } in metrics {
            let mut line = |suffix: &str, extra: Option<(&str, f64)>, number: String| {
                let quoted =
                    |value: &str| value.replace('\\', "\\\\").replace('\n', "\\n").replace('"', "\\\"");
                let own = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", quoted(value)));
                let extra = extra.map(|(name, bound)| format!("{name}=\"{bound}\""));
                let labels: Vec<String> = own.chain(extra).collect();
                writeln!(page, "{name}{suffix}{{{}}} {number}", labels.join(","))
                    .expect("a string takes every write");
            };
            match value {
                Value::Number { value, .. } => line("", None, value.to_string()),
                Value::Histogram { count, sum, buckets } => {
                    for bucket in buckets {
                        line("_bucket", Some(("le", bucket.le)), bucket.count.to_string());
                    }
                    line("_sum", None, sum.to_string());
                    line("_count", None, count.to_string());
                }
                Value::Summary { count, sum, quantiles } => {
                    for (quantile, value) in quantiles {
                        line("", Some(("quantile", *quantile)), value.to_string());
                    }
                    line("_sum", None, sum.to_string());
                    line("_count", None, count.to_string());
                }
            }
        }
    }
    page
}

/// A protobuf message in the making.
#[derive(Default)]
pub(in crate::read) struct Encoder(pub(in crate::read) Vec<u8>);

impl Encoder {
    pub(in crate::read) fn varint(&mut self, mut number: u64) -> &mut Encoder {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
        self
    }

    pub(in crate::read) fn integer(&mut self, field: u64, number: u64) -> &mut Encoder {
        self.varint(field << 3).varint(number)
    }

    pub(in crate::read) fn double(&mut self, field: u64, number: f64) -> &mut Encoder {
        self.varint(field << 3 | 1).0.extend(number.to_le_bytes());
        self
    }

    pub(in crate::read) fn bytes(&mut self, field: u64, bytes: &[u8]) -> &mut Encoder {
        self.varint(field << 3 | 2).varint(bytes.len() as u64).0.extend(bytes);
        self
    }

    pub(in crate::read) fn message(&mut self, field: u64, make: impl FnOnce(&mut Encoder)) -> &mut Encoder {
        let mut message = Encoder::default();
        make(&mut message);
        self.bytes(field, &message.0)
    }

    pub(in crate::read) fn label(&mut self, name: &[u8], value: &[u8]) -> &mut Encoder {
        self.message(1, |label| {
            label.bytes(1, name).bytes(2, value);
        })
    }

    /// The end of a message.
    pub(in crate::read) fn end(&mut self) {}

    fn time(&mut self, field: u64, seconds: Option<f64>) -> &mut Encoder {
        let Some(seconds) = seconds else { return self };
        self.message(field, |time| {
            time.integer(1, seconds as u64).integer(2, (seconds.fract() * 1e9) as u64);
        })
    }

    fn exemplar(&mut self, field: u64, exemplar: &Option<Box<Exemplar>>) -> &mut Encoder {
        let Some(exemplar) = exemplar else { return self };
        self.message(field, |message| {
            for (name, value) in &exemplar.labels {
                message.label(name.as_bytes(), value.as_bytes());
            }
            message.double(2, exemplar.value).time(3, exemplar.timestamp);
        })
    }

    fn value(&mut self, kind: Kind, Metric { value, created, .. }: &Metric) {
        match value {
            Value::Number { value, exemplar } => {
                let field = match kind {
                    Kind::Gauge => 2,
                    Kind::Counter => 3,
                    _ => 5,
                };
                self.message(field, |number| {
                    number.double(1, *value).exemplar(2, exemplar).time(3, *created);
                });
            }
            Value::Summary { count, sum, quantiles } => {
                self.message(4, |summary| {
                    summary.integer(1, *count).double(2, *sum).time(4, *created);
                    for (quantile, value) in quantiles {
                        summary.message(3, |message| {
                            message.double(1, *quantile).double(2, *value);
                        });
                    }
                });
            }
            Value::Histogram { count, sum, buckets } => {
                self.message(7, |histogram| {
                    histogram.integer(1, *count).double(2, *sum).time(15, *created);
                    for bucket in buckets {
                        histogram.message(3, |message| {
                            message
                                .integer(1, bucket.count)
                                .double(2, bucket.le)
                                .exemplar(3, &bucket.exemplar);
                        });
                    }
                });
            }
        }
    }
}

fn protobuf_body(families: &[Family]) -> Vec<u8> {
    let mut body = Encoder::default();
    for family in families {
        let mut message = Encoder::default();
        let number = match family.kind {
            Kind::Counter => 0,
            Kind::Gauge => 1,
            Kind::Summary => 2,
            Kind::Histogram => 4,
            _ => 3,
        };
        message.bytes(1, family.name.as_bytes()).bytes(2, family.help.as_bytes());
        message.integer(3, number).bytes(5, family.unit.as_bytes());
        for metric in &family.metrics {
            message.message(4, |message| {
                // The order of labels is the sender's.
                for (name, value) in metric.labels.iter().rev() {
                    message.label(name.as_bytes(), value.as_bytes());
                }
                message.value(family.kind, metric);
            });
        }
        body.varint(message.0.len() as u64).0.extend(message.0);
    }
    body.0
}

proptest! {
    #[test]
    fn families_written_as_text_are_read_again(families in families(Room::Text)) {
        let page = text_page(&families);
        let body = read(Syntax::Text, &key(), page.as_bytes(), &ReadLimits::default());
        let body = body.map_err(|error| TestCaseError::fail(format!("{error}\n{page}")))?;
        prop_assert_eq!(body.families, families, "{}", page);
        prop_assert!(!body.timestamps);
    }

    #[test]
    fn a_text_page_without_its_last_byte_is_refused(families in families(Room::Text)) {
        let page = text_page(&families);
        if let Some((_, cut)) = page.as_bytes().split_last() {
            prop_assert!(read(Syntax::Text, &key(), cut, &ReadLimits::default()).is_err());
        }
    }

    #[test]
    fn families_written_as_protobuf_are_read_again(families in families(Room::Protobuf)) {
        let body = read(Syntax::Protobuf, &key(), &protobuf_body(&families), &ReadLimits::default());
        let body = body.map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(body.families, families);
        prop_assert!(!body.timestamps);
    }

    #[test]
    fn a_cut_protobuf_body_is_refused_or_ends_behind_a_family(
        families in families(Room::Protobuf),
        cut in any::<prop::sample::Index>(),
    ) {
        let whole = protobuf_body(&families);
        let ends: Vec<usize> = (0..=families.len()).map(|count| protobuf_body(&families[..count]).len()).collect();
        let cut = cut.index(whole.len() + 1);
        let body = read(Syntax::Protobuf, &key(), &whole[..cut], &ReadLimits::default());
        match ends.iter().position(|end| *end == cut) {
            Some(count) => prop_assert_eq!(body.map(|body| body.families), Ok(families[..count].to_vec())),
            None => prop_assert_eq!(body.map_err(|error| error.to_string()), Err("unexpected EOF".to_owned())),
        }
    }

    #[test]
    fn a_protobuf_body_with_a_changed_byte_is_a_body_or_an_error(
        families in families(Room::Protobuf),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut body = protobuf_body(&families);
        if !body.is_empty() {
            let at = at.index(body.len());
            body[at] = byte;
        }
        if let Ok(body) = read(Syntax::Protobuf, &key(), &body, &ReadLimits::default()) {
            prop_assert!(body.families.iter().all(|family| !family.metrics.is_empty()));
        }
    }
}
