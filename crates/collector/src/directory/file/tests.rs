//! Tests of what is known of a file.

use std::fs;

use super::*;
use crate::directory::content::open;

/// A file of Ruby's with keys of these lengths, written and known.
fn known(directory: &Path, keys: &[usize]) -> (File, Vec<u8>, State) {
    let mut bytes = vec![0; HEADER_LEN];
    let mut file = File::new(directory, "metric_a___1.bin");
    for (number, &len) in keys.iter().enumerate() {
        let (at, key) = (bytes.len(), format!("a={:0>len$}", number));
        let value_at = dialects::push_record(Dialect::Ruby, key.as_bytes(), number as f64, 0.5, &mut bytes);
        file.push(at, value_at, SeriesId(number as u32));
    }
    let used = bytes.len() as u32;
    bytes[..4].copy_from_slice(&used.to_le_bytes());
    fs::write(&file.path, &bytes).unwrap();
    let state = open(&file.path).unwrap().unwrap().state;
    file.parsed_in(state);
    let key = bytes[file.last_key_at()].to_vec();
    file.parsed_to(bytes.len(), &key);
    file.nature = Some(Nature { dialect: Dialect::Ruby, class: 0, origin: OriginId(0), timed: true });
    (file, bytes, state)
}

#[test]
fn a_number_before_a_short_last_record_is_no_part_of_the_last_key() {
    let directory = tempfile::tempdir().unwrap();
    let (mut file, mut bytes, state) = known(directory.path(), &[1, 1, 1]);
    let number = file.records.value_at()[1] as usize;
    bytes[number..number + 8].copy_from_slice(&7.0_f64.to_le_bytes());
    assert_eq!(file.compare(state, &bytes), Change::Numbers);
    let key = file.records.value_at()[2] as usize - 8;
    bytes[key] ^= 1;
    assert_eq!(file.compare(state, &bytes), Change::All);
}

#[test]
fn numbers_are_read_through_windows_of_any_size() {
    let directory = tempfile::tempdir().unwrap();
    for keys in [&[1][..], &[200], &[1, 1], &[1, 300, 5, 64, 17, 90], &[90, 300], &[1; 40]] {
        let (file, bytes, state) = known(directory.path(), keys);
        assert!(file.is_known(state));
        let mut whole = NumberList::default();
        assert_eq!(file.numbers(true, &bytes, &mut whole), None);
        assert_eq!((whole.values.len(), whole.times.len()), (keys.len(), keys.len()));
        for window in 80..600 {
            let (open, mut numbers) = (fs::File::open(&file.path).unwrap(), NumberList::default());
            let read = file.read_numbers(&open, true, &mut vec![0; window], &mut numbers).unwrap();
            // A number that a window ends within is read again.
            assert!(read.is_some_and(|read| read < 2 * bytes.len()), "{keys:?} {window}");
            assert_eq!(numbers, whole, "{keys:?} {window}");
        }
    }
}

#[test]
fn a_file_with_another_last_key_or_without_one_is_not_read_as_known() {
    let directory = tempfile::tempdir().unwrap();
    for keys in [&[1][..], &[1, 1], &[1, 300, 5, 64, 17, 90]] {
        let (file, mut bytes, _) = known(directory.path(), keys);
        let cut = bytes[..bytes.len() - 1].to_vec();
        let key = file.last_key_at().end - 2;
        bytes[key] ^= 1;
        for (changed, window) in
            [cut, bytes].iter().flat_map(|bytes| (80..200).map(move |window| (bytes, window)))
        {
            fs::write(&file.path, changed).unwrap();
            let open = fs::File::open(&file.path).unwrap();
            let mut numbers = NumberList::default();
            let read = file.read_numbers(&open, true, &mut vec![0; window], &mut numbers).unwrap();
            assert_eq!(read, None, "{keys:?} {window}");
        }
    }
}
