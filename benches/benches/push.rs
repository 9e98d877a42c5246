//! One pushed body of 20 samples, some 1.1 kB as text: read from each form, and checked.

use criterion::{Criterion, criterion_group, criterion_main};
use metrics_core::Kind;
use push_groups::{Family, GroupKey, ReadLimits, Syntax, Value, check, read};

criterion_group!(benches, push);
criterion_main!(benches);

fn push(criterion: &mut Criterion) {
    let key = GroupKey::new([("job", "bench"), ("instance", "i1")]).expect("labels of a group");
    let limits = ReadLimits::default();
    let text = text();
    let families = read(Syntax::Text, &key, text.as_bytes(), &limits).expect("a page").families;
    let protobuf = protobuf(&families);

    for (name, syntax, body) in
        [("text", Syntax::Text, text.as_bytes()), ("protobuf", Syntax::Protobuf, &protobuf[..])]
    {
        assert_eq!(read(syntax, &key, body, &limits).expect("a body").families, families);
        criterion.bench_function(&format!("read 20 samples pushed as {name}"), |bencher| {
            bencher.iter(|| read(syntax, &key, body, &limits));
        });
    }
    criterion.bench_function("check 20 samples", |bencher| bencher.iter(|| check(&key, &families)));
}

/// Two counters with five series each, a gauge with five, and a histogram of five lines.
fn text() -> String {
    let mut page = String::new();
    for counter in ["demo_requests_total", "demo_errors_total"] {
        page += &format!("# HELP {counter} Requests served by the worker.\n# TYPE {counter} counter\n");
        for code in 200..205 {
            page += &format!("{counter}{{code=\"{code}\",method=\"GET\"}} {}\n", code * 17);
        }
    }
    page += "# HELP demo_celsius Temperature.\n# TYPE demo_celsius gauge\n";
    for sensor in 0..5 {
        page += &format!("demo_celsius{{sensor=\"s{sensor}\"}} 2{sensor}.125\n");
    }
    page += "# HELP demo_seconds Time taken.\n# TYPE demo_seconds histogram\n";
    for (le, count) in [("0.1", 3), ("1", 5), ("+Inf", 7)] {
        page += &format!("demo_seconds_bucket{{le=\"{le}\"}} {count}\n");
    }
    page + "demo_seconds_sum 4.25\ndemo_seconds_count 7\n"
}

/// The same families as a client of Go sends them.
fn protobuf(families: &[Family]) -> Vec<u8> {
    let mut body = Vec::new();
    for family in families {
        let mut message = bytes(1, family.name.as_bytes());
        message.extend(bytes(2, family.help.as_bytes()));
        message.extend([
            3 << 3,
            if family.kind == Kind::Counter {
                0
            } else if family.kind == Kind::Gauge {
                1
            } else {
                4
            },
        ]);
        for metric in &family.metrics {
            let mut fields = Vec::new();
            for (name, value) in &metric.labels {
                fields.extend(bytes(1, &[bytes(1, name.as_bytes()), bytes(2, value.as_bytes())].concat()));
            }
            fields.extend(match &metric.value {
                Value::Histogram { count, sum, buckets } => {
                    let mut fields = [vec![1 << 3, *count as u8], double(2, *sum)].concat();
                    for bucket in buckets {
                        let bucket = [vec![1 << 3, bucket.count as u8], double(2, bucket.le)].concat();
                        fields.extend(bytes(3, &bucket));
                    }
                    bytes(7, &fields)
                }
                Value::Number { value, .. } if family.kind == Kind::Counter => bytes(3, &double(1, *value)),
                Value::Number { value, .. } => bytes(2, &double(1, *value)),
                Value::Summary { .. } => Vec::new(),
            });
            message.extend(bytes(4, &fields));
        }
        body.extend(length(message.len()));
        body.extend(message);
    }
    body
}

fn bytes(field: u8, content: &[u8]) -> Vec<u8> {
    [vec![field << 3 | 2], length(content.len()), content.to_vec()].concat()
}

fn double(field: u8, number: f64) -> Vec<u8> {
    [vec![field << 3 | 1], number.to_le_bytes().to_vec()].concat()
}

/// A varint of at most two bytes.
fn length(length: usize) -> Vec<u8> {
    if length < 128 { vec![length as u8] } else { vec![length as u8 | 0x80, (length >> 7) as u8] }
}
