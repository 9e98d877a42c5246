use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn text() -> impl Strategy<Value = Box<str>> {
    ".{0,6}".prop_map(Into::into)
}

fn labels() -> impl Strategy<Value = Vec<(Box<str>, Box<str>)>> {
    vec((text(), text()), 0..3)
}

fn exemplar() -> impl Strategy<Value = Option<Box<Exemplar>>> {
    let one = (labels(), -1e9..1e9, proptest::option::of(0.0..1e9));
    proptest::option::of(
        one.prop_map(|(labels, value, timestamp)| Box::new(Exemplar { labels, value, timestamp })),
    )
}

fn value(kind: Kind) -> BoxedStrategy<Value> {
    match kind {
        Kind::Histogram => (any::<u64>(), -1e9..1e9, vec((-1e9..1e9, any::<u64>(), exemplar()), 0..4))
            .prop_map(|(count, sum, buckets)| Value::Histogram {
                count,
                sum,
                buckets: buckets
                    .into_iter()
                    .map(|(le, count, exemplar)| Bucket { le, count, exemplar })
                    .collect(),
            })
            .boxed(),
        Kind::Summary => (any::<u64>(), -1e9..1e9, vec((0.0..1.0, -1e9..1e9), 0..4))
            .prop_map(|(count, sum, quantiles)| Value::Summary { count, sum, quantiles })
            .boxed(),
        _ => (-1e9..1e9, exemplar()).prop_map(|(value, exemplar)| Value::Number { value, exemplar }).boxed(),
    }
}

fn held() -> impl Strategy<Value = Held> {
    let kinds = [
        Kind::Counter,
        Kind::Gauge,
        Kind::Histogram,
        Kind::Summary,
        Kind::Unknown,
        Kind::Info,
        Kind::StateSet,
    ];
    proptest::sample::select(kinds.to_vec()).prop_flat_map(|kind| {
        let metric = (labels(), proptest::option::of(0.0..1e9), value(kind))
            .prop_map(|(labels, created, value)| Metric { labels, created, value });
        (text(), vec(any::<u8>(), 0..6), text(), any::<u64>(), vec(metric, 0..4)).prop_map(
            move |(name, help, unit, time, metrics)| Held {
                family: Family { name, help: help.into(), unit, kind, metrics },
                time,
            },
        )
    })
}

fn content() -> impl Strategy<Value = Content> {
    (any::<bool>(), vec(held(), 0..4)).prop_map(|(checked, families)| Content { checked, families })
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(content in content()) {
        prop_assert_eq!(Content::decode(&content.encode()), Ok(content));
    }

    #[test]
    fn a_cut_content_is_an_error_within_its_bytes(content in content(), cut in any::<prop::sample::Index>()) {
        let bytes = content.encode();
        let cut = &bytes[..cut.index(bytes.len())];
        let error = Content::decode(cut).expect_err("something is missing");
        prop_assert!(error.at <= cut.len(), "{error}");
    }

    #[test]
    fn any_bytes_give_a_content_or_an_error(mut bytes in vec(any::<u8>(), 0..200), real in content(), at in any::<prop::sample::Index>()) {
        let _ = Content::decode(&bytes);
        let mut real = real.encode();
        let at = at.index(real.len());
        real[at] ^= bytes.pop().unwrap_or(1);
        let _ = Content::decode(&real);
    }
}

#[test]
fn a_special_number_keeps_its_bits() {
    for bits in [f64::NAN.to_bits(), 0x7FF0_0000_0000_0002, (-0.0_f64).to_bits(), f64::INFINITY.to_bits()] {
        let value = Value::Number { value: f64::from_bits(bits), exemplar: None };
        let metrics = vec![Metric { labels: vec![], created: None, value }];
        let family =
            Family { name: "a".into(), help: "".into(), unit: "".into(), kind: Kind::Gauge, metrics };
        let bytes = Content { checked: true, families: vec![Held { family, time: 0 }] }.encode();
        let read = Content::decode(&bytes).expect("just written");
        match &read.families[0].family.metrics[0].value {
            Value::Number { value, .. } => assert_eq!(value.to_bits(), bits),
            other => panic!("{other:?}"),
        }
    }
}
