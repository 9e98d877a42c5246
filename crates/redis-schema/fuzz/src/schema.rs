//! Any bytes as what the numbers of a process are.

use redis_schema::{Schema, numbers_of};

/// What is read is read again from what is written of it, and in one piece as in two; or there is an offset within, and
/// what stands before it is read.
pub fn schema(bytes: &[u8]) {
    let mut read = Schema::default();
    if let Err(error) = read.extend(bytes) {
        assert!(error.offset < bytes.len() && read.bytes() == &bytes[..error.offset], "{error}");
    } else {
        assert_eq!(read.bytes(), bytes);
    }
    let mut written = Schema::default();
    for set in read.sets() {
        let values: Vec<&str> = set.values.iter().map(|value| &**value).collect();
        assert_eq!(written.push(&set.desc, &set.process, &values), set.numbers);
        assert_eq!(set.numbers.len(), numbers_of(&set.desc));
    }
    let mut again = Schema::default();
    again.extend(written.bytes()).expect("it was written");
    assert_eq!((again.sets(), again.numbers(), again.hash()), (read.sets(), read.numbers(), written.hash()));

    // It grows between entries, as a process appends to it.
    let mut pieces = Schema::default();
    let mut rest = read.bytes();
    while let Some((len, _)) = rest.split_first_chunk() {
        let (entry, behind) = rest.split_at(4 + u32::from_le_bytes(*len) as usize);
        pieces.extend(entry).expect("it is one of those that were read");
        rest = behind;
    }
    assert_eq!((pieces.sets(), pieces.bytes()), (read.sets(), read.bytes()));
}
