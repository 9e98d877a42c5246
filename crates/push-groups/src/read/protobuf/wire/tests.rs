use super::*;

#[test]
fn a_varint_is_at_most_64_bits() {
    for (bytes, expected) in [
        (&[0x00][..], Ok(0)),
        (&[0xAC, 0x02], Ok(300)),
        (&[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01], Ok(u64::MAX)),
        (&[0x80], Err(Why::End)),
        (&[], Err(Why::End)),
    ] {
        assert_eq!(Message::new("Metric", bytes).varint(), expected, "{bytes:?}");
    }
    let too_long = Message::new("Metric", &[0xFF; 11]).varint();
    assert_eq!(too_long, Err(Why::Is("proto: integer overflow".to_owned())));
}

#[test]
fn fields_of_all_forms_are_stepped_over() {
    // 1: varint, 2: eight bytes, 3: bytes, 4: a group in a group, 5: four bytes, 6: varint.
    let message = b"\x08\x07\x11abcdefgh\x1a\x02xy\x23\x2b\x08\x01\x2c\x24\x2dabcd\x30\x09";
    let mut fields = Message::new("Metric", message);
    let mut numbers = Vec::new();
    while let Some(field) = fields.field().expect("a message") {
        numbers.push((field.number, field.value.varint(), field.value.bytes().map(<[u8]>::len)));
    }
    assert_eq!(
        numbers,
        [
            (1, Some(7), None),
            (2, None, None),
            (3, None, Some(2)),
            (4, None, None),
            (5, None, None),
            (6, Some(9), None)
        ],
    );
}

#[test]
fn what_is_no_field_is_told() {
    for (bytes, expected) in [
        (
            &b"\x00\x01"[..],
            Why::Is("proto: io_prometheus_client.Metric: illegal tag 0 (wire type 0)".to_owned()),
        ),
        (b"\x0c", Why::Is("proto: can't skip unknown wire type 4".to_owned())),
        (b"\x0e", Why::Is("proto: can't skip unknown wire type 6".to_owned())),
        (b"\x0b", Why::End),
        (b"\x0a\x05abc", Why::End),
        (b"\x09abc", Why::End),
        (b"\x0dabc", Why::End),
        (b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", Why::End),
    ] {
        assert_eq!(Message::new("Metric", bytes).field().err(), Some(expected), "{bytes:?}");
    }
}
