use std::collections::BTreeSet;

use metrics_core::Kind;
use push_groups::{Bucket, Metric, series_labels};

use super::*;

const FILE: &[u8] = include_bytes!("../../tests/fixtures/pushgateway-1.5.1.data");
const PAGE: &str = include_str!("../../tests/fixtures/expected-metrics.txt");

/// Fields of a protobuf message: number, and the bytes or the bits of a value.
fn message(mut bytes: &[u8]) -> Result<Vec<(u64, Vec<u8>, u64)>, String> {
    fn varint(bytes: &mut &[u8]) -> Result<u64, String> {
        let mut number = 0;
        for shift in (0..63).step_by(7) {
            let (byte, rest) = bytes.split_first().ok_or("cut off")?;
            *bytes = rest;
            number |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err("too long".to_owned())
    }
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes)?;
        let (text, bits) = match tag & 7 {
            0 => (Vec::new(), varint(&mut bytes)?),
            1 => {
                let (eight, rest) = bytes.split_first_chunk().ok_or("cut off")?;
                bytes = rest;
                (Vec::new(), u64::from_le_bytes(*eight))
            }
            2 => {
                let length = varint(&mut bytes)? as usize;
                let (text, rest) = bytes.split_at_checked(length).ok_or("cut off")?;
                bytes = rest;
                (text.to_vec(), 0)
            }
            _ => return Err("of no such type".to_owned()),
        };
        fields.push((tag >> 3, text, bits));
    }
    Ok(fields)
}

fn text(bytes: &[u8]) -> Result<Box<str>, String> {
    std::str::from_utf8(bytes).map(Into::into).map_err(|error| error.to_string())
}

/// As much of a protobuf reader as the file needs.
fn decode(bytes: &[u8]) -> Result<Family, String> {
    let mut family =
        Family { name: "".into(), help: "".into(), unit: "".into(), kind: Kind::Counter, metrics: vec![] };
    for (number, bytes, bits) in message(bytes)? {
        match number {
            1 => family.name = text(&bytes)?,
            2 => family.help = text(&bytes)?.into(),
            3 => {
                let kinds = [Kind::Counter, Kind::Gauge, Kind::Summary, Kind::Unknown, Kind::Histogram];
                family.kind = *kinds.get(bits as usize).ok_or("no such kind")?;
            }
            4 => family.metrics.push(metric(&bytes)?),
            _ => return Err("no such field".to_owned()),
        }
    }
    Ok(family)
}

fn metric(bytes: &[u8]) -> Result<Metric, String> {
    let mut labels = Vec::new();
    let mut value = Value::Number { value: 0.0, exemplar: None };
    for (number, bytes, _) in message(bytes)? {
        let inner = message(&bytes)?;
        let bits = |number| inner.iter().find(|(its, ..)| *its == number).map_or(0, |field| field.2);
        let double = |number| f64::from_bits(bits(number));
        let pairs =
            |number| inner.iter().filter(move |(its, ..)| *its == number).map(|field| message(&field.1));
        match number {
            1 => {
                let text_of = |number| {
                    inner
                        .iter()
                        .find(|(its, ..)| *its == number)
                        .map_or(Ok("".into()), |field| text(&field.1))
                };
                labels.push((text_of(1)?, text_of(2)?));
            }
            2 | 3 | 5 => value = Value::Number { value: double(1), exemplar: None },
            4 => {
                let quantiles = pairs(3)
                    .map(|pair| pair.map(|pair| (f64::from_bits(pair[0].2), f64::from_bits(pair[1].2))));
                let quantiles = quantiles.collect::<Result<_, _>>()?;
                value = Value::Summary { count: bits(1), sum: double(2), quantiles };
            }
            7 => {
                let buckets = pairs(3).map(|pair| {
                    pair.map(|pair| Bucket {
                        le: f64::from_bits(pair[1].2),
                        count: pair[0].2,
                        exemplar: None,
                    })
                });
                value = Value::Histogram {
                    count: bits(1),
                    sum: double(2),
                    buckets: buckets.collect::<Result<_, _>>()?,
                };
            }
            _ => return Err("no such field".to_owned()),
        }
    }
    labels.sort();
    Ok(Metric { labels, value, created: None })
}

/// The bits of a number; a page tells one NaN from another no more than this does.
fn bits(value: f64) -> u64 {
    if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() }
}

/// The samples of a group: series, and the bits of their numbers.
fn samples(group: &Group) -> BTreeSet<(String, u64)> {
    let mut samples = BTreeSet::new();
    let mut sample = |name: &str, own: &[(Box<str>, Box<str>)], more: Option<(&str, f64)>, value: f64| {
        let mut labels: Vec<String> = series_labels(group.key.labels(), own)
            .iter()
            .map(|(name, value)| format!("{name}={value:?}"))
            .collect();
        let bound = |value: f64| if value == f64::INFINITY { "+Inf".to_owned() } else { value.to_string() };
        labels.extend(more.map(|(name, value)| format!("{name}={:?}", bound(value))));
        samples.insert((format!("{name}{{{}}}", labels.join(",")), bits(value)));
    };
    for (name, time) in PUSH_TIMES.into_iter().zip([group.pushed, group.failed]) {
        sample(name, &[], None, time as f64 / 1e9);
    }
    for Held { family, .. } in &group.families {
        let name = &*family.name;
        for metric in &family.metrics {
            let own = &metric.labels;
            match &metric.value {
                Value::Number { value, .. } => sample(name, own, None, *value),
                Value::Histogram { count, sum, buckets } => {
                    for bucket in buckets {
                        sample(&format!("{name}_bucket"), own, Some(("le", bucket.le)), bucket.count as f64);
                    }
                    sample(&format!("{name}_bucket"), own, Some(("le", f64::INFINITY)), *count as f64);
                    sample(&format!("{name}_sum"), own, None, *sum);
                    sample(&format!("{name}_count"), own, None, *count as f64);
                }
                Value::Summary { count, sum, quantiles } => {
                    for (quantile, value) in quantiles {
                        sample(name, own, Some(("quantile", *quantile)), *value);
                    }
                    sample(&format!("{name}_sum"), own, None, *sum);
                    sample(&format!("{name}_count"), own, None, *count as f64);
                }
            }
        }
    }
    samples
}

#[test]
fn a_file_of_the_official_gateway_shows_what_its_page_showed() {
    let imported = read(FILE, decode).expect("a good file");
    assert_eq!(imported.left_out, []);
    assert_eq!(imported.groups.len(), 4);
    let found: BTreeSet<(String, u64)> = imported.groups.iter().flat_map(samples).collect();
    let lines = PAGE.lines().filter(|line| !line.starts_with('#'));
    let expected: BTreeSet<(String, u64)> = lines
        .map(|line| {
            let (series, value) = line.rsplit_once(' ').expect("a sample");
            (series.to_owned(), bits(value.parse().expect("a number")))
        })
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn what_a_group_has_of_its_own_is_kept_without_its_labels() {
    let imported = read(FILE, decode).expect("a good file");
    let group = &imported.groups[0];
    assert_eq!(group.key.to_string(), "{instance=\"i1\",job=\"batch\"}");
    let [held] = &*group.families else { panic!("{:?}", group.families) };
    assert_eq!((&*held.family.name, held.family.help.as_bytes()), ("a", &b"Help text."[..]));
    let labels: Vec<_> = held.family.metrics.iter().map(|metric| metric.labels.clone()).collect();
    assert_eq!(labels, [[("x".into(), "1".into())], [("x".into(), "2".into())]]);
    assert_eq!(held.time, 1_795_225_300_046_077_749, "the time of the push, to the nanosecond");
}

#[test]
fn a_file_that_is_cut_anywhere_is_refused() {
    for cut in 0..FILE.len() {
        let error = read(&FILE[..cut], decode).expect_err("something is missing");
        assert!(error.at <= cut, "cut at {cut}: {error}");
    }
    let longer = [FILE, &[0]].concat();
    assert!(read(&longer, decode).is_err());
    assert_eq!(
        read(&FILE[..3000], decode).expect_err("half of it is missing").to_string(),
        "the file is cut off within a message at byte 2144"
    );
}

#[test]
fn a_byte_that_is_another_one_is_an_error_or_within_a_text_or_a_number() {
    let keys = |imported: &Imported| -> Vec<GroupKey> {
        imported.groups.iter().map(|group| group.key.clone()).collect()
    };
    let good = keys(&read(FILE, decode).expect("a good file"));
    for at in 0..FILE.len() {
        let mut bad = FILE.to_vec();
        bad[at] ^= 0xFF;
        match read(&bad, decode) {
            Err(error) => assert!(error.at <= FILE.len() && !error.why.is_empty()),
            Ok(imported) => {
                assert_eq!(keys(&imported), good, "byte {at}");
                assert_eq!(imported.left_out, [], "byte {at}");
            }
        }
    }
}

#[test]
fn a_group_that_is_no_text_is_left_out() {
    // Its name and its label alike: `/job/failed` as `/job/f%FFiled`.
    let mut file = FILE.to_vec();
    let places = memchr::memmem::find_iter(FILE, b"failed").collect::<Vec<_>>();
    let within_labels = |at: usize| FILE[..at].ends_with(b"job\xFF") || FILE[..at].ends_with(b"\x03job\x06");
    for at in places.into_iter().filter(|at| within_labels(*at)) {
        file[at + 1] = 0xFF;
    }
    let imported = read(&file, decode).expect("the others are good");
    assert_eq!(imported.groups.len(), 3);
    let why = imported.left_out.iter().map(|left| &*left.why).collect::<Vec<_>>();
    assert_eq!(why, ["the group with job=\"f\u{FFFD}iled\" is left out: no UTF-8"]);
}

#[test]
fn a_family_that_cannot_be_read_is_named_with_its_place() {
    let error = read(FILE, |_| Err("is not understood".to_owned())).expect_err("is not read");
    assert_eq!(error.to_string(), "is not understood at byte 2218");
}
