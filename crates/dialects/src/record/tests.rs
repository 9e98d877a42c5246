//! Tests of records, sound and damaged.

use proptest::prelude::*;

use super::{Damage, Record, push_record, record_len, records};
use crate::{Dialect, Era, HEADER_LEN};

const DIALECTS: [Dialect; 6] = [
    Dialect::Python(Era::F0),
    Dialect::Python(Era::F1),
    Dialect::Python(Era::F2),
    Dialect::PYTHON,
    Dialect::Ruby,
    Dialect::Gitlab,
];

/// A key of `len` bytes (at least 4) with the outer shape of the dialect's.
fn key(dialect: Dialect, len: usize) -> Vec<u8> {
    match dialect {
        Dialect::Ruby => vec![b'k'; len],
        _ => [&b"[\""[..], &vec![b'k'; len - 4], b"\"]"].concat(),
    }
}

/// A file with a record for each key; the n-th value is n, its timestamp 1000 + n.
fn file(dialect: Dialect, keys: &[Vec<u8>]) -> Vec<u8> {
    let mut file = vec![0; HEADER_LEN];
    for (index, key) in keys.iter().enumerate() {
        push_record(dialect, key, index as f64, 1000.0 + index as f64, &mut file);
    }
    file
}

/// The records of a file, and the damage behind them.
fn read(dialect: Dialect, bytes: &[u8], from: usize) -> (Vec<Record<'_>>, Option<Damage>) {
    let mut whole = Vec::new();
    let mut damage = None;
    for record in records(dialect, bytes, from) {
        assert_eq!(damage, None, "something stands behind the damage");
        match record {
            Ok(record) => whole.push(record),
            Err(why) => damage = Some(why),
        }
    }
    (whole, damage)
}

#[test]
fn a_record_of_python_stands_as_recorded() {
    // `gauge_sum_51.db`, as client_python 0.26.0 left it, without its header.
    let key = br#"["reused_sum", "reused_sum", {}, "h"]"#;
    let mut out = Vec::new();
    assert_eq!(push_record(Dialect::PYTHON, key, 7.0, 0.0, &mut out), 48);
    let mut expected = vec![0x25, 0, 0, 0];
    expected.extend(key);
    expected.extend(b"       ");
    expected.extend([0, 0, 0, 0, 0, 0, 0x1c, 0x40]);
    expected.extend([0; 8]);
    assert_eq!(out, expected);
    assert_eq!(record_len(Dialect::PYTHON, key), 64);
}

#[test]
fn only_rubys_length_counts_the_padding() {
    let mut ruby = Vec::new();
    push_record(Dialect::Ruby, b"k=x", 1.0, 2.0, &mut ruby);
    assert_eq!(ruby, [&[4, 0, 0, 0][..], b"k=x ", &1f64.to_le_bytes(), &2f64.to_le_bytes()].concat());

    let mut gitlab = Vec::new();
    push_record(Dialect::Gitlab, b"[\"k\"]", 1.0, 2.0, &mut gitlab);
    assert_eq!(gitlab, [&[5, 0, 0, 0][..], b"[\"k\"]       ", &1f64.to_le_bytes()].concat());
}

#[test]
fn padding_is_one_to_eight_spaces() {
    for dialect in DIALECTS {
        for len in 4..24 {
            let key = key(dialect, len);
            let mut out = Vec::new();
            let value_at = push_record(dialect, &key, 0.0, 0.0, &mut out);
            let padding = value_at - 4 - len;
            assert!((1..=8).contains(&padding) && value_at.is_multiple_of(8), "{dialect:?} {len}");
            assert_eq!(out.len(), record_len(dialect, &key));
        }
    }
}

#[test]
fn a_file_without_records_gives_none() {
    for dialect in DIALECTS {
        for len in 0..=HEADER_LEN {
            assert_eq!(read(dialect, &vec![0; len], HEADER_LEN), (vec![], None));
        }
        assert_eq!(read(dialect, &[1; 64], 64), (vec![], None));
        assert_eq!(read(dialect, &[1; 64], usize::MAX), (vec![], None));
    }
}

#[test]
fn reading_goes_on_where_it_stopped() {
    for dialect in DIALECTS {
        let keys = [key(dialect, 4), key(dialect, 5), key(dialect, 12)];
        let whole = file(dialect, &keys);
        let (all, damage) = read(dialect, &whole, HEADER_LEN);
        assert_eq!((all.len(), damage), (3, None));
        let end_of_first = all[0].end(dialect);
        assert_eq!(end_of_first, all[0].at + record_len(dialect, all[0].key));
        assert_eq!(read(dialect, &whole, end_of_first).0, all[1..]);
    }
}

#[test]
fn damage_hides_no_record_before_it() {
    let at = file(Dialect::PYTHON, &[key(Dialect::PYTHON, 9), key(Dialect::PYTHON, 10)]);
    let end = at.len();
    for (behind, why) in [
        (&[1, 0][..], "the length of the key is cut off"),
        (&[0; 24], "no record starts here: the key's length is 0"),
        (&[0xff; 24], "the key is cut off or its length is wrong"),
        (&[3, 0, 0, 0, b'[', b'"', b'a'], "no key of this client"),
        (&[2, 0, 0, 0, b'a', b']', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], "no key of this client"),
        (b"\x03\0\0\0[\"] \0\0\0\0\0\0\0", "the value is cut off"),
    ] {
        let bytes = [&at[..], behind].concat();
        let (whole, damage) = read(Dialect::PYTHON, &bytes, HEADER_LEN);
        assert_eq!(whole.len(), 2);
        assert_eq!(damage, Some(Damage { at: end, why }));
    }
    let mut odd = vec![0; HEADER_LEN];
    odd.extend(b"\x05\0\0\0a=1  \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
    let why = "the length of key and padding does not end on a multiple of 8";
    assert_eq!(read(Dialect::Ruby, &odd, HEADER_LEN), (vec![], Some(Damage { at: 8, why })));
}

#[test]
fn a_value_counts_although_its_timestamp_is_cut_off() {
    for dialect in [Dialect::PYTHON, Dialect::Ruby] {
        let whole = file(dialect, &[key(dialect, 4), key(dialect, 6)]);
        let (sound, _) = read(dialect, &whole, HEADER_LEN);
        for missing in 1..=8 {
            let (salvaged, damage) = read(dialect, &whole[..whole.len() - missing], HEADER_LEN);
            assert_eq!(salvaged, [sound[0], Record { timestamp: 0.0, ..sound[1] }]);
            let at = sound[1].value_at + 8;
            assert_eq!(damage, Some(Damage { at, why: "the timestamp is cut off" }));
        }
    }
}

#[test]
fn neither_padding_nor_a_length_that_counts_some_of_it_matters() {
    // Python's reader does not look at the padding either, and its JSON may end in blanks.
    let mut bytes = file(Dialect::PYTHON, &[b"[\"k\"]".to_vec()]);
    bytes[HEADER_LEN] += 2;
    *bytes.iter_mut().rfind(|byte| **byte == b' ').unwrap() = b'?';
    let (whole, damage) = read(Dialect::PYTHON, &bytes, HEADER_LEN);
    assert_eq!((whole[0].key, whole[0].value_at, damage), (&b"[\"k\"]"[..], 24, None));
}

proptest! {
    #[test]
    fn what_is_written_reads_back(
        which in 0..DIALECTS.len(),
        written in proptest::collection::vec((4_usize..40, any::<f64>(), any::<f64>()), 0..8),
    ) {
        let dialect = DIALECTS[which];
        let mut file = vec![0; HEADER_LEN];
        let mut expected = Vec::new();
        for (len, value, timestamp) in written {
            let key = key(dialect, len);
            let at = file.len();
            let value_at = push_record(dialect, &key, value, timestamp, &mut file);
            let timestamp = if matches!(dialect, Dialect::PYTHON | Dialect::Ruby) { timestamp } else { 0.0 };
            expected.push((at, key, value_at, value.to_bits(), timestamp.to_bits()));
        }
        let (whole, damage) = read(dialect, &file, HEADER_LEN);
        let found: Vec<_> = whole
            .iter()
            .map(|r| (r.at, r.key.to_vec(), r.value_at, r.value.to_bits(), r.timestamp.to_bits()))
            .collect();
        prop_assert_eq!(found, expected);
        prop_assert_eq!(damage, None);
    }

    #[test]
    fn a_file_cut_anywhere_gives_the_first_of_its_records(
        which in 0..DIALECTS.len(),
        lens in proptest::collection::vec(4_usize..40, 1..6),
        cut: prop::sample::Index,
    ) {
        let dialect = DIALECTS[which];
        let keys: Vec<_> = lens.iter().map(|&len| key(dialect, len)).collect();
        let whole = file(dialect, &keys);
        let (sound, _) = read(dialect, &whole, HEADER_LEN);
        let cut = cut.index(whole.len() + 1);
        let (salvaged, damage) = read(dialect, &whole[..cut], HEADER_LEN);
        // Naively: those whose values end before the cut.
        let expected = sound.iter().filter(|record| record.value_at + 8 <= cut).count();
        prop_assert_eq!(salvaged.len(), expected);
        for (cut_record, record) in salvaged.iter().zip(&sound) {
            prop_assert_eq!((cut_record.key, cut_record.value), (record.key, record.value));
        }
        let ends: Vec<_> = sound.iter().map(|record| record.at).chain([whole.len()]).collect();
        prop_assert_eq!(damage.is_none(), cut < HEADER_LEN || ends.contains(&cut));
    }

    #[test]
    fn any_bytes_give_records_within_them(
        which in 0..DIALECTS.len(),
        bytes: Vec<u8>,
        from in 0_usize..64,
    ) {
        let (whole, damage) = read(DIALECTS[which], &bytes, from);
        let mut end = from;
        for record in whole {
            prop_assert_eq!(record.at, end);
            prop_assert!(record.value_at >= record.at + 4 + record.key.len());
            prop_assert!(record.value_at + 8 <= bytes.len());
            prop_assert_eq!((record.value_at - from) % 8, 0);
            prop_assert_eq!(&bytes[record.value_at..][..8], &record.value.to_le_bytes());
            end = record.end(DIALECTS[which]);
        }
        if let Some(damage) = damage {
            prop_assert!(damage.at >= from && damage.at <= bytes.len());
        }
    }
}
