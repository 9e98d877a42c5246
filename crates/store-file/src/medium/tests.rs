use std::fs::File;

use super::*;

fn held(file: File) -> Arc<Held> {
    let list: &'static forked::Descriptors = Box::leak(Box::new(forked::Descriptors::new()));
    Arc::new(list.hold(file))
}

#[test]
fn value_and_time_stand_side_by_side() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    let file = held(File::create(&path).unwrap());
    let number = Written.number(&file, 64, 8, 1.0, 2.0).unwrap();
    Written::add(&number, 0.5, None).unwrap();
    assert_eq!(std::fs::read(&path).unwrap()[8..], [1.5_f64.to_le_bytes(), 2_f64.to_le_bytes()].concat());
    Written::set(&number, 7.0, Some(3.0)).unwrap();
    assert_eq!(std::fs::read(&path).unwrap()[8..], [7_f64.to_le_bytes(), 3_f64.to_le_bytes()].concat());
}

#[test]
fn a_write_that_fails_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    std::fs::write(&path, "").unwrap();
    let only_read = held(File::open(&path).unwrap());
    let number = Written.number(&only_read, 64, 8, 0.0, 0.0).unwrap();
    assert!(matches!(Written::add(&number, 1.0, None), Err(Refusal::Unwritten(_))));
    assert!(matches!(Written::add(&number, 1.0, None), Err(Refusal::Unwritten(_))));
    assert_eq!(Written::read(&number), Some((2.0, 0.0)));
}

#[test]
fn a_closed_number_takes_nothing_and_holds_no_file() {
    let directory = tempfile::tempdir().unwrap();
    let file = held(File::create(directory.path().join("file")).unwrap());
    let number = Written.number(&file, 64, 8, 5.0, 0.0).unwrap();
    assert_eq!(Written::close(&number), (5.0, 0.0));
    assert!(matches!(Written::add(&number, 1.0, None), Err(Refusal::Closed)));
    assert!(matches!(Written::set(&number, 1.0, None), Err(Refusal::Closed)));
    assert_eq!(Written::read(&number), None);
    assert_eq!(Arc::strong_count(&file), 1);
}
