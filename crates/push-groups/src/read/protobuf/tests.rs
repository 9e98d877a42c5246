use crate::Syntax;
use crate::read::tests::shown;
use crate::read::tests::written::Encoder;

const GAUGE: u64 = 1;

/// One family `a` of this type, with one metric, in a row.
fn family(kind: u64, metric: impl FnOnce(&mut Encoder)) -> Vec<u8> {
    row(|family| {
        family.bytes(1, b"a").integer(3, kind).message(4, metric);
    })
}

fn row(family: impl FnOnce(&mut Encoder)) -> Vec<u8> {
    let mut message = Encoder::default();
    family(&mut message);
    let mut row = Encoder::default();
    row.varint(message.0.len() as u64).0.extend(message.0);
    row.0
}

fn gauge(value: f64) -> impl FnOnce(&mut Encoder) {
    move |metric| {
        metric.message(2, |gauge| {
            gauge.double(1, value);
        });
    }
}

fn check(body: &[u8], expected: &str) {
    let shown = shown(Syntax::Protobuf, body).unwrap_or_else(|error| error);
    assert_eq!(shown, expected, "{}", body.escape_ascii());
}

#[test]
fn a_family_without_a_type_is_a_counter() {
    let body = row(|family| {
        family.bytes(1, b"a").message(4, |metric| {
            metric.message(3, |counter| {
                counter.double(1, 1.0);
            });
        });
    });
    check(&body, "a:counter {}=1");
}

#[test]
fn the_last_family_of_a_name_counts() {
    let bad = family(GAUGE, |metric| {
        metric.label(b"x", b"\xff").integer(6, 1);
        gauge(1.0)(metric);
    });
    check(&[bad, family(GAUGE, gauge(2.0))].concat(), "a:gauge {}=2");
    let empty = row(|family| {
        family.bytes(1, b"a");
    });
    check(&[family(GAUGE, gauge(2.0)), empty].concat(), "");
}

#[test]
fn what_is_told_twice_is_put_together_as_protobuf_puts_it_together() {
    let body = row(|family| {
        family.bytes(1, b"b").message(4, |metric| {
            gauge(1.0)(metric);
            metric.message(2, |_| {});
        });
        family.integer(3, 4).integer(3, GAUGE).bytes(1, b"a");
    });
    check(&body, "a:gauge {}=1");
    let body = family(4, |metric| {
        for le in [1.0, 2.0] {
            metric.message(7, |histogram| {
                histogram.integer(1, 9).message(3, |bucket| {
                    bucket.double(2, le).integer(1, 3);
                });
            });
        }
    });
    check(&body, "a:histogram {}=n9 s0 1:3 2:3");
}

#[test]
fn fields_that_are_missing_are_zero() {
    check(&family(GAUGE, |metric| metric.message(2, |_| {}).end()), "a:gauge {}=0");
    check(
        &family(2, |metric| metric.message(4, |summary| summary.message(3, |_| {}).end()).end()),
        "a:summary {}=n0 s0 0:0",
    );
    check(
        &family(4, |metric| metric.message(7, |histogram| histogram.message(3, |_| {}).end()).end()),
        "a:histogram {}=n0 s0 0:0",
    );
}

#[test]
fn unknown_fields_and_other_types_are_stepped_over() {
    let body = row(|family| {
        family.bytes(1, b"a").integer(3, GAUGE).bytes(9, b"new").double(10, 1.0);
        family.message(4, |metric| {
            gauge(1.0)(metric);
            metric.message(3, |counter| counter.double(1, 5.0).end()).integer(20, 7);
        });
    });
    check(&body, "a:gauge {}=1");
}

#[test]
fn the_classic_part_of_a_native_histogram_is_kept() {
    let body = family(4, |metric| {
        metric.message(7, |histogram| {
            histogram.integer(1, 3).double(2, 9.0).integer(5, 6).double(6, 1e-128).integer(7, 1);
            histogram.message(12, |span| span.integer(1, 4).integer(2, 2).end()).bytes(13, b"\x02\x00");
        });
    });
    check(&body, "a:histogram {}=n3 s9");
    for field in [3, 4] {
        let body = family(4, |metric| {
            metric.message(7, |histogram| match field {
                3 => histogram.message(3, |bucket| bucket.double(4, 2.5).end()).end(),
                _ => histogram.double(4, 2.5).end(),
            });
        });
        check(
            &body,
            "protobuf family \"a\" has a histogram of float counts, which a gateway has no page for",
        );
    }
}

#[test]
fn an_exemplar_that_has_no_form_is_left_out() {
    let counter = |labels: &[(&[u8], &[u8])]| {
        family(0, |metric| {
            metric.message(3, |counter| {
                counter.double(1, 5.0).message(2, |exemplar| {
                    labels.iter().for_each(|(name, value)| exemplar.label(name, value).end());
                    exemplar.double(2, 0.5);
                });
            });
        })
    };
    check(&counter(&[(b"id", b"7")]), "a:counter {}=5#[(\"id\", \"7\")]:0.5@None");
    check(
        &counter(&[(b"id", &[b'x'; 126])]),
        &format!("a:counter {{}}=5#[(\"id\", \"{}\")]:0.5@None", "x".repeat(126)),
    );
    for labels in [
        &[(&b"id"[..], &[b'x'; 127][..])][..],
        &[(b"a.b", b"1")],
        &[(b"a", b"\xff")],
        &[(b"a", b"1"), (b"a", b"1")],
    ] {
        check(&counter(labels), "a:counter {}=5");
    }
}

#[test]
fn what_no_page_can_show_is_told_as_the_official_gateway_tells_it() {
    const HEAD: &str = "inconsistent: collected metric \"a\" { label:<name:\"instance\" value:\"\" > \
                        label:<name:\"job\" value:\"j\" > label:<name:\"shard\" value:\"7\" > ";
    check(&family(0, gauge(1.0)), &format!("{HEAD}}} is not a COUNTER"));
    for (kind, word) in [(1, "GAUGE"), (2, "SUMMARY"), (3, "UNTYPED"), (4, "HISTOGRAM")] {
        check(&family(kind, |_| {}), &format!("{HEAD}}} is not a {word}"));
    }
    for (labels, expected) in [
        (
            &[(&b"x"[..], &b"1"[..]), (b"x", b"2")][..],
            "label:<name:\"x\" value:\"1\" > } has two or more labels with the same name: x",
        ),
        (&[(b"job", b"1"), (b"job", b"2")], "} has two or more labels with the same name: job"),
        (&[(b"a-b", b"1")], "} has a label with an invalid name: a-b"),
        (&[(b"", b"1")], "} has a label with an invalid name: "),
        (&[(b"x\xff", b"1")], "} has a label with an invalid name: x\u{fffd}"),
        (&[(b"x", b"\xff")], "} has a label named \"x\" whose value is not utf8: \"\\xff\""),
    ] {
        let body = family(GAUGE, |metric| {
            labels.iter().for_each(|(name, value)| metric.label(name, value).end());
            gauge(1.0)(metric);
        });
        check(&body, &format!("{HEAD}{expected}"));
    }
}

#[test]
fn what_the_group_overwrites_may_be_anything() {
    let body = family(GAUGE, |metric| {
        metric.label(b"job", b"\xff").label(b"x", b"1");
        gauge(1.0)(metric);
    });
    check(&body, "a:gauge {x=\"1\"}=1");
}

#[test]
fn a_time_is_told() {
    let body = family(GAUGE, |metric| {
        gauge(1.0)(metric);
        metric.integer(6, 0);
    });
    check(&body, "a:gauge {}=1 with times");
}

#[test]
fn what_breaks_the_page_of_the_official_gateway_is_refused() {
    let named = |name: &[u8]| {
        row(|family| {
            family.bytes(1, name).integer(3, GAUGE).message(4, gauge(1.0));
        })
    };
    for (name, shown) in
        [(&b""[..], ""), (b"a b", "a b"), (b"1a", "1a"), (b"a\xff", "a\\xff"), (b"\xc3\xa9", "é")]
    {
        let expected = format!("protobuf family \"{shown}\" has a name that is not [a-zA-Z_:][a-zA-Z0-9_:]*");
        check(&named(name), &expected);
    }
    check(&family(5, |_| {}), "protobuf family \"a\" is a GAUGE_HISTOGRAM, which a gateway has no page for");
    check(&family(9, gauge(1.0)), "protobuf family \"a\" has the type 9, which is not known");
    check(&family(u64::MAX, gauge(1.0)), "protobuf family \"a\" has the type -1, which is not known");
    check(&row(|family| family.bytes(1, b"a b").end()), "");
}

#[test]
fn what_is_no_row_of_messages_is_refused() {
    for (body, expected) in [
        (&b""[..], ""),
        (b"\x00\x00", ""),
        // 1.5.1 takes these for the end.
        (b"\x80", "unexpected EOF"),
        (b"\x05", "unexpected EOF"),
        (b"\x05abc", "unexpected EOF"),
        // 1.5.1 asks the system for 34 GB, and its process ends.
        (b"\xff\xff\xff\xff\x7f", "unexpected EOF"),
        (b"\xff\xff\xff\xff\xff\x7f", "invalid varint32 encountered"),
        (b"a 1\n", "unexpected EOF"),
        (b"\x02\x22\x7f", "unexpected EOF"),
        (b"\x02\x00\x01", "proto: io_prometheus_client.MetricFamily: illegal tag 0 (wire type 0)"),
        (b"\x07\x0a\x01a\x22\x02\x00\x01", "proto: io_prometheus_client.Metric: illegal tag 0 (wire type 0)"),
        (b"\x01\x4c", "proto: can't skip unknown wire type 4"),
    ] {
        check(body, expected);
    }
    let inconsistent = family(GAUGE, |metric| metric.label(b"x", b"\xff").end());
    check(&[&inconsistent, &b"\x05abc"[..]].concat(), "unexpected EOF");
}

#[test]
fn samples_are_counted_wherever_they_stand() {
    use crate::read::tests::key;
    use crate::{Limit, ReadError, ReadLimits, read};
    let limits = ReadLimits { samples: 4, ..ReadLimits::default() };
    let buckets = |count: usize| {
        family(4, |metric| {
            metric.message(7, |histogram| (0..count).for_each(|_| histogram.message(3, |_| {}).end()));
        })
    };
    assert!(read(Syntax::Protobuf, &key(), &buckets(2), &limits).is_ok());
    let empty_metrics = row(|family| {
        family.bytes(1, b"a");
        (0..5).for_each(|_| family.message(4, |_| {}).end());
    });
    for body in [buckets(3), empty_metrics] {
        let error = read(Syntax::Protobuf, &key(), &body, &limits).expect_err("too many");
        assert!(matches!(error, ReadError::Limit(exceeded) if exceeded.limit == Limit::Samples), "{error}");
    }
}
