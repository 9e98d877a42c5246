use std::fs::{self, File};

use super::*;
use crate::Refusal;

/// A medium that knows only where its numbers are.
#[derive(Default)]
struct Offsets;

impl Medium for Offsets {
    type Number = u64;
    const MAPS: bool = false;

    fn number(&mut self, _: &Arc<Held>, len: u64, at: u64, _: f64, _: f64) -> io::Result<u64> {
        assert!(at + 16 <= len);
        Ok(at)
    }
    fn in_memory(_: f64, _: f64) -> u64 {
        0
    }
    fn add(_: &u64, _: f64, _: Option<f64>) -> Result<(), Refusal> {
        Ok(())
    }
    fn set(_: &u64, _: f64, _: Option<f64>) -> Result<(), Refusal> {
        Ok(())
    }
    fn read(_: &u64) -> Option<(f64, f64)> {
        None
    }
    fn close(_: &u64) -> (f64, f64) {
        (0.0, 0.0)
    }
}

fn descriptors() -> &'static Descriptors {
    Box::leak(Box::new(Descriptors::new()))
}

fn record(key: &[u8], value: f64) -> NewRecord {
    NewRecord { key: key.to_owned(), value, time: 0.0 }
}

#[test]
fn a_new_file_holds_its_header_and_is_locked_and_sparse() {
    use std::os::unix::fs::MetadataExt;

    let directory = tempfile::tempdir().unwrap();
    let made =
        RecordFile::<Offsets>::create(directory.path(), "counter_1.db", Dialect::PYTHON, descriptors());
    let made = made.unwrap().unwrap();

    let file = File::open(directory.path().join("counter_1.db")).unwrap();
    let about = file.metadata().unwrap();
    assert_eq!(about.len(), 65_536);
    assert!(about.blocks() * 512 <= 4096, "{} blocks", about.blocks());
    assert!(file.try_lock().is_err());
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "no name aside is left");
    assert!(!made.is_wiped());
}

#[test]
fn a_ruby_file_is_not_locked_since_its_reader_would_wait() {
    let directory = tempfile::tempdir().unwrap();
    let name = "metric_a___1.bin";
    let _made = RecordFile::<Offsets>::create(directory.path(), name, Dialect::Ruby, descriptors()).unwrap();
    assert!(File::open(directory.path().join(name)).unwrap().try_lock().is_ok());
}

#[test]
fn a_file_that_exists_is_left_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("counter_1.db");
    fs::write(&path, "totals of the dead").unwrap();
    let made =
        RecordFile::<Offsets>::create(directory.path(), "counter_1.db", Dialect::PYTHON, descriptors());
    assert!(made.unwrap().is_none());
    assert_eq!(fs::read(&path).unwrap(), b"totals of the dead");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "no name aside is left");
}

#[test]
fn a_file_that_had_a_hidden_name_is_as_one_that_had_none() {
    let directory = tempfile::tempdir().unwrap();
    for (name, dialect) in [("counter_1.db", Dialect::PYTHON), ("metric_a___1.bin", Dialect::Ruby)] {
        for manner in [Manner::Nameless, Manner::Hidden] {
            let make = || {
                RecordFile::<Offsets>::make(directory.path(), name, dialect, descriptors(), manner).unwrap()
            };
            let mut made = make().unwrap();
            assert!(make().is_none(), "{name} is taken");
            made.append(&[record(br#"["key"]"#, 7.0)]).unwrap();
            let bytes = fs::read(directory.path().join(name)).unwrap();
            assert_eq!(bytes.len() as u64, dialects::initial_len(dialect));
            let read =
                dialects::records(dialect, &bytes[..dialects::used(&bytes)], HEADER_LEN).next().unwrap();
            assert_eq!(read.unwrap().value, 7.0);
            assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "no name aside is left");
            fs::remove_file(directory.path().join(name)).unwrap();
            assert!(made.is_wiped());
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn an_open_file_has_its_name_in_proc() {
    use std::os::fd::AsRawFd;

    let directory = tempfile::tempdir().unwrap();
    for (name, dialect) in [("counter_1.db", Dialect::PYTHON), ("metric_a___1.bin", Dialect::Ruby)] {
        let made = RecordFile::<Offsets>::create(directory.path(), name, dialect, descriptors());
        let made = made.unwrap().unwrap();
        let link = format!("/proc/self/fd/{}", made.file.as_raw_fd());
        assert_eq!(fs::read_link(link).unwrap(), directory.path().join(name));
    }
}

#[test]
fn records_stand_where_their_numbers_say() {
    let directory = tempfile::tempdir().unwrap();
    let name = "counter_1.db";
    let made = RecordFile::<Offsets>::create(directory.path(), name, Dialect::PYTHON, descriptors()).unwrap();
    let mut made = made.unwrap();
    let first = made.append(&[record(br#"["a"]"#, 1.0), record(br#"["bb"]"#, 2.0)]).unwrap();
    let second = made.append(&[record(br#"["ccc"]"#, 3.0)]).unwrap();

    let bytes = fs::read(directory.path().join(name)).unwrap();
    let read: Vec<_> = dialects::records(Dialect::PYTHON, &bytes[..dialects::used(&bytes)], HEADER_LEN)
        .map(|record| record.map(|record| (record.value_at as u64, record.value)).unwrap())
        .collect();
    assert_eq!(read, [(first[0], 1.0), (first[1], 2.0), (second[0], 3.0)]);
}

#[test]
fn a_file_doubles_until_a_record_fits() {
    let directory = tempfile::tempdir().unwrap();
    let name = "counter_1.db";
    let made = RecordFile::<Offsets>::create(directory.path(), name, Dialect::PYTHON, descriptors()).unwrap();
    let mut made = made.unwrap();
    let key = vec![b'k'; 200_000];
    made.append(&[record(&key, 1.0)]).unwrap();
    assert_eq!(fs::metadata(directory.path().join(name)).unwrap().len(), 262_144);
}

#[test]
fn more_than_two_gigabytes_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let name = "counter_1.db";
    let made = RecordFile::<Offsets>::create(directory.path(), name, Dialect::PYTHON, descriptors()).unwrap();
    let mut made = made.unwrap();
    made.used = i32::MAX as u64 - 50;
    let error = made.append(&[record(&[b'k'; 100], 1.0)]).map(|_| ()).unwrap_err();
    let path = directory.path().join(name);
    assert_eq!(error.to_string(), format!("append to {} at 2147483597: file too large", path.display()));
}
